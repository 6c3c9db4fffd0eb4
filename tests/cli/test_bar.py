"""The bar on a real terminal: drawn while a verb works, and gone when it has worked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.terminal import run_on_terminal, screen, wrapped
from command_line import run
from datasets import write_small

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals"),
]
BAR = re.compile(r"\r *\d+%\|[^|\r]*\| (\d+)/(\d+) (\w+) \[[\d:?]+ left(?:, cost ([\d.]+))?\]")
SETTINGS = "--iters 35 --every 10 --lr 0.001"
WORDS = {  # of a command line whose bar is drawn many times
    "prepare": "prepare pets -o new.npz --size 8",
    "train": f"train d.npz --method vectorized {SETTINGS}",
    "train auto": f"train d.npz {SETTINGS}",
    "tune": "tune d.npz --iters 35 --folds 3 --lr 0.0005,0.001",
}
WIDTHS = [60, 80]


@pytest.fixture
def folder(small_pictures: Path, tmp_path: Path) -> Path:
    """Copy pictures, one of them damaged, beside a text; and write a dataset."""
    shutil.copytree(small_pictures, tmp_path / "pets")
    (tmp_path / "pets" / "cat" / "05.png").write_bytes(b"no picture")
    (tmp_path / "pets" / "cat" / "notes.txt").touch()
    write_small(tmp_path / "d.npz", 32, 8)
    return tmp_path


def remains(lines: list[str]) -> list[str]:
    """Return the lines that show something of a bar, or of the ^C that a terminal shows."""
    return [line for line in lines if "%|" in line or " left" in line or "^" in line]


@pytest.mark.parametrize("verb", WORDS)
def test_the_screen_shows_notes_and_results_alone(verb: str, folder: Path) -> None:
    """Whole lines, in their order, and nothing of the bar that was drawn.

    From the first bar on, whole, whatever the width, its cost is the last recorded.
    """
    words = WORDS[verb].split()
    # Without a terminal there is no bar; notes and results stand in the same order in one pipe.
    piped = run(*words, cwd=folder, stderr=subprocess.STDOUT, env={"PYTHONUNBUFFERED": "1"})
    for columns in WIDTHS:
        code, written = run_on_terminal(*words, columns=columns, cwd=folder)
        drawn = BAR.findall(written)
        assert len(drawn) == len(re.findall(r"\d%\|", written)) >= 24, "none is cut off"
        units = {unit for _, _, unit, _ in drawn}
        assert units == {"pictures" if verb == "prepare" else "iterations"}
        recorded = ""
        costs = rf"Cost after \D+\d+: ([\d.]+)|{BAR.pattern}"
        for cost, _, _, _, shown in re.findall(costs, written):
            recorded = cost or recorded
            assert cost or shown == recorded
        assert code == piped.returncode
        assert screen(written, columns) == wrapped(piped.stdout, columns)


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("verb", ["train", "tune"])
def test_an_interrupted_bar_leaves_nothing(verb: str, columns: int, folder: Path) -> None:
    """Neither of itself nor of the ^C that the terminal shows."""
    words = [*WORDS[verb].split(), "--iters", "1000000"]
    if verb == "train":  # no cost is written where the ^C may stand already
        words += ["--every", "1000000"]
    ended = run_on_terminal(*words, columns=columns, cwd=folder, interrupt_at=b"| 25/1000000 ")
    code, written = ended
    shown = screen(written, columns)
    assert (code, "^C" in written, remains(shown)) == (130, True, [])
    assert any(line.lower().startswith(("interrupted", "error: interrupted")) for line in shown)


def test_results_in_a_file_leave_notes_alone_on_the_terminal(folder: Path) -> None:
    """`catclf train > log`: the bar is drawn, and the terminal is clean in the end."""
    with open(folder / "log", "wb") as log:
        words = WORDS["train"].split()
        code, written = run_on_terminal(*words, columns=60, cwd=folder, stdout=log.fileno())
    assert (code, remains(screen(written, 60))) == (0, [])
    assert BAR.search(written)
    assert (folder / "log").read_text().endswith("model.npz: saved\n")


def test_quiet_draws_no_bar_and_an_error_takes_its_place(folder: Path) -> None:
    """Of a descent that diverges under way."""
    words = WORDS["train"].split()
    _, written = run_on_terminal(*words, "-q", columns=80, cwd=folder)
    assert "%|" not in written
    words += ["--lr", "1e307", "--every", "1"]
    code, written = run_on_terminal(*words, columns=80, cwd=folder)
    shown = screen(written, 80)
    assert (code, remains(shown)) == (1, [])
    assert sum(line.startswith("Error: ") for line in shown) == 1
