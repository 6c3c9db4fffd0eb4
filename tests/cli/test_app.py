"""The boundary: an error is one message and an exit code, whatever raised it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from catclf.dataset import NewSplit, write_dataset
from catclf.features import Preprocessing
from command_line import run


def test_a_usage_error_of_the_real_command() -> None:
    """The process ends with 2, the reason on stderr and no traceback."""
    ended = run("train", "--lr", "nan")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Usage: catclf train")
    assert "nan is not a finite number" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_escape_sequences_in_arguments_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """What click says of an argument is escaped as well."""
    ended = run("train", "a", "\x1b[31mextra")
    assert ended.returncode == 2
    assert "\x1b" not in ended.stderr


def test_too_little_memory_is_one_message(tmp_path: Path) -> None:
    """A traceback helps nobody to more memory; a sound file is not called damaged."""
    data = tmp_path / "d.h5"
    labels = np.arange(3000, dtype=np.uint8) % 2
    split = NewSplit([np.zeros((3000, 12288), np.uint8)], labels, [str(i) for i in range(3000)])
    write_dataset(data, ("noncat", "cat"), Preprocessing(), split, NewSplit([], labels[:0], []))
    limited = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))\n"
        "runpy.run_module('catclf', run_name='__main__')\n"
    )
    words = ["train", str(data), "--method", "vectorized", "-o", str(tmp_path / "m.npz")]
    ended = subprocess.run(
        [sys.executable, "-c", limited, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert ended.returncode == 1
    assert "memory" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "damaged" not in ended.stderr


def test_an_error_names_the_flag(dataset: Path, tmp_path: Path) -> None:
    """What to do about it can be typed as it stands."""
    output = tmp_path / "model.npz"
    words = ["--lr", "1e6", "--iters", "5", "--l2", "1"]
    ended = run("train", dataset, "-o", output, *words)
    assert ended.returncode == 1
    assert re.search(r"^Use --lr \S+: up to there the cost cannot rise", ended.stderr, re.MULTILINE)
