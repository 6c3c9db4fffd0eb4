"""Values of options: what cannot be is refused before any work."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from command_line import invoke, run


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "prdict",
        "--bogus",
        "predict",
        "train --bogus",
        "train a.h5 b.h5",
        "train --lr nan",
        "train --lr inf",
        "train --lr -inf",
        "train --lr 0",
        "train --lr -1",
        "train --lr 1e999",
        "train --lr x",
        "train --lr",
        "train --iters 0",
        "train --iters -1",
        "train --iters 1.5",
        "train --iters nan",
        "train --every 0",
        "train --l2 -1",
        "train --l2 nan",
        "train --l2 inf",
        "train --loss hinge",
        "train --method fast",
        "prepare --size 0",
        "prepare --size 1025",
        "prepare --size 99999999999999999999",
        "prepare --size 8.5",
        "prepare --fit stretch",
        "prepare --test-split 1",
        "prepare --test-split -0.1",
        "prepare --test-split nan",
        "prepare --seed -1",
        "prepare --workers 0",
        "prepare --workers 1000000",
        "predict --threshold 1.1 x.png",
        "predict --threshold nan x.png",
        "predict --threshold -0.1 x.png",
        "predict --format xml x.png",
        "predict --order rows x.png",
        "evaluate --split valid",
        "evaluate --format csv",
        "evaluate --threshold inf",
    ],
)
def test_a_usage_error_is_exit_2(arguments: str) -> None:
    """What is not possible is refused before any work, with the usage, on stderr."""
    result = invoke(*arguments.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(("Usage: ", "Error: "))


@pytest.mark.parametrize(
    "words",
    [
        ["train", "DATASET", "-o", "/dev/null"],
        ["tune", "DATASET", "-o", "/dev/null"],
        ["evaluate", "DATASET", "--predictions", "/dev/null"],
        ["prepare", "PICTURES", "-o", "/dev/null"],
        ["prepare", "PICTURES", "-o", "folder/"],
        ["prepare", "PICTURES", "-o", "PICTURES/cat/00.png"],
    ],
    ids=" ".join,
)
def test_an_output_that_will_not_do_is_refused_before_the_work(
    words: list[str], small_dataset: Path, small_pictures: Path, tmp_path: Path
) -> None:
    """A device, a folder, or one of the pictures themselves: nothing is read, trained or lost."""
    source = shutil.copytree(small_pictures, tmp_path / "pictures")
    picture = (source / "cat" / "00.png").read_bytes()
    given = {"DATASET": str(small_dataset), "PICTURES": str(source)}
    for name, path in given.items():
        words = [word.replace(name, path) for word in words]
    ended = run(*words, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 2
    assert "Method" not in ended.stderr
    assert (source / "cat" / "00.png").read_bytes() == picture
    assert os.listdir(tmp_path) == ["pictures"]
