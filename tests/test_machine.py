"""What the machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from catclf import machine
from catclf.machine import available_cores, available_memory


def test_a_containers_limit_bounds_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may have more than the container may use; "max" is no limit."""
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "CONTAINER_LIMITS", [str(limit)])
    everywhere = available_memory()
    limit.write_text("max\n")
    assert available_memory() > 2**20
    limit.write_text("1048576\n")
    assert available_memory() == 2**20 < everywhere


def test_the_machine_has_cores_and_memory() -> None:
    """Both are counted as positive whole numbers."""
    assert available_cores() >= 1
    assert available_memory() > 0
