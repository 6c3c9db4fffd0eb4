"""What the tests of outputs share: an old output, and a new one written in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from catclf.storage.outputs import replacing

OLD, NEW = b"old" * 1000, b"new!" * 5000


def write(path: Path, data: bytes) -> None:
    """Write an output as every verb does."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def is_alone(path: Path) -> bool:
    """Return whether nothing else stands in the folder of an output."""
    return os.listdir(path.parent) == [path.name]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Make an old output, alone in a folder."""
    path = tmp_path / "folder" / "model.npz"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path
