"""The boundary: an error is one message and an exit code, whatever raised it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import run
from datasets import write_small


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of memory")
def test_too_little_memory_is_one_message(tmp_path: Path) -> None:
    """A traceback helps nobody to more memory; a sound file is not called damaged."""
    data = write_small(tmp_path / "d.npz", 3000, size=64)
    limited = (
        "import resource, runpy\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))\n"
        "runpy.run_module('catclf', run_name='__main__')\n"
    )
    words = ["train", str(data), "--method", "vectorized", "-o", str(tmp_path / "m.npz")]
    ended = subprocess.run([sys.executable, "-c", limited, *words], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "memory" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "damaged" not in ended.stderr


def test_an_error_names_the_flag(dataset: Path, tmp_path: Path) -> None:
    """What to do about it can be typed as it stands; the library knows no flags."""
    words = ["--lr", "1e6", "--iters", "5", "--l2", "1"]
    ended = run("train", dataset, "-o", tmp_path / "model.npz", *words)
    assert ended.returncode == 1
    assert re.search(r"^Error: the cost rose from ", ended.stderr, re.MULTILINE)
    assert re.search(r"^Use --lr \S+: up to there the cost cannot rise", ended.stderr, re.MULTILINE)
