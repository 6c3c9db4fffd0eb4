"""The bar on a real terminal: drawn while a verb works, and gone when it has worked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import catclf
from cli.terminal import run_on_terminal, screen, wrapped
from command_line import run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals"),
]
WIDTHS = [60, 80]
BAR = re.compile(r"\r *\d+%\|[^|\r]*\| (\d+)/(\d+) (\w+) \[[\d:?]+ left(?:, cost ([\d.]+))?\]")


@pytest.fixture(scope="module")
def many_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw pictures of noise, one of them damaged, beside a text."""
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(0)
    for name in ("cat", "noncat"):
        (folder / name).mkdir()
        for number in range(20):
            noise = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / name / f"{number:02}.png")
    (folder / "cat" / "05.png").write_bytes(b"no picture")
    (folder / "cat" / "notes.txt").write_text("notes")
    return folder


@pytest.fixture(scope="module")
def prepared(many_pictures: Path) -> Path:
    """Prepare them."""
    path = many_pictures / "dataset.npz"
    catclf.prepare([many_pictures], path, preprocessing=catclf.Preprocessing(size=8))
    return path


def words_of(verb: str, many_pictures: Path, prepared: Path) -> list[str | Path]:
    """Return a command line whose bar is drawn many times."""
    settings: list[str | Path] = ["--iters", "35", "--every", "10", "--lr", "0.001"]
    words: dict[str, list[str | Path]] = {
        "prepare": ["prepare", many_pictures, "-o", "d.h5"],
        "train": ["train", prepared, "--method", "vectorized", *settings],
        "train auto": ["train", prepared, *settings],
        "tune": ["tune", prepared, "--iters", "35", "--folds", "3", "--lr", "0.0005,0.001"],
    }
    return words[verb]


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("verb", ["prepare", "train", "train auto", "tune"])
def test_the_screen_shows_notes_and_results_alone(
    verb: str, columns: int, many_pictures: Path, prepared: Path, tmp_path: Path
) -> None:
    """Whole lines, in their order, and nothing of the bar that was drawn."""
    words = words_of(verb, many_pictures, prepared)
    code, written = run_on_terminal(*words, columns=columns, cwd=tmp_path)
    drawn = BAR.findall(written)
    assert len(drawn) >= 35
    assert {unit for _, _, unit, _ in drawn} == {"pictures" if verb == "prepare" else "iterations"}
    for output in tmp_path.iterdir():
        output.unlink()
    # Without a terminal there is no bar; notes and results stand in the same order in one pipe.
    piped = run(*words, cwd=tmp_path, stderr=subprocess.STDOUT, env={"PYTHONUNBUFFERED": "1"})
    assert code == piped.returncode
    seconds = re.compile(r"(?<=xpected to take ).+ s")
    shown = [seconds.sub("1 s", line) for line in screen(written, columns)]
    assert shown == wrapped(seconds.sub("1 s", piped.stdout), columns)


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_cost_in_the_bar_is_the_last_recorded(
    columns: int, prepared: Path, tmp_path: Path
) -> None:
    """From the first bar on, whole, whatever the width."""
    words = words_of("train", prepared, prepared)
    _, written = run_on_terminal(*words, columns=columns, cwd=tmp_path)
    recorded = None
    bars = 0
    for found in re.finditer(rf"Cost after iteration \d+: ([\d.]+)|{BAR.pattern}", written):
        if found[1] is not None:
            recorded = found[1]
        else:
            bars += 1
            assert found[5] == recorded
    assert bars >= 35
    assert len(re.findall(r"\d%\|", written)) == bars  # none is cut off


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("verb", ["train", "tune"])
def test_an_interrupted_bar_leaves_nothing(
    verb: str, columns: int, prepared: Path, tmp_path: Path
) -> None:
    """Neither of itself nor of the ^C that the terminal shows."""
    words = [*words_of(verb, prepared, prepared), "--iters", "1000000"]
    code, written = run_on_terminal(
        *words, columns=columns, cwd=tmp_path, interrupt_at=b"| 25/1000000 "
    )
    assert code == 130
    assert "^C" in written
    shown = screen(written, columns)
    assert [line for line in shown if "^" in line or "%|" in line or " left" in line] == []
    assert any(line.lower().startswith(("interrupted", "error: interrupted")) for line in shown)


def test_results_in_a_file_leave_notes_alone_on_the_terminal(
    prepared: Path, tmp_path: Path
) -> None:
    """`catclf train > log`: the bar is drawn, and the terminal is clean in the end."""
    words = words_of("train", prepared, prepared)
    with open(tmp_path / "log", "wb") as log:
        code, written = run_on_terminal(*words, columns=60, cwd=tmp_path, stdout=log.fileno())
    assert code == 0
    assert BAR.search(written)
    assert all("%|" not in line for line in screen(written, 60))
    assert (tmp_path / "log").read_text().endswith("model.npz: saved\n")


def test_quiet_draws_no_bar(prepared: Path, tmp_path: Path) -> None:
    """Results only."""
    words = words_of("train", prepared, prepared)
    _, written = run_on_terminal(*words, "-q", columns=80, cwd=tmp_path)
    assert "%|" not in written


def test_an_error_takes_the_place_of_the_bar(prepared: Path, tmp_path: Path) -> None:
    """A descent that diverges under way leaves its message alone."""
    words = [*words_of("train", prepared, prepared), "--lr", "1e307", "--every", "1"]
    code, written = run_on_terminal(*words, columns=80, cwd=tmp_path)
    shown = screen(written, 80)
    assert code == 1
    assert [line for line in shown if "%|" in line or " left" in line] == []
    assert sum(line.startswith("Error: ") for line in shown) == 1
