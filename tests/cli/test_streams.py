"""Closed pipes, full disks, and nobody at stderr."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from command_line import CATCLF, run

pytestmark = pytest.mark.slow
COMMAND_KINDS = ["predict", "evaluate", "train", "prepare", "help"]
NOTES = ("Expected to take", "Model: ")


@pytest.fixture
def command_lines(
    dataset: Path, model: Path, pictures: Path, small_pictures: Path
) -> dict[str, list[str | Path]]:
    """Return a command line of every kind that writes results."""
    pets = shutil.copytree(small_pictures, pictures.parent / "pets")
    return {
        "predict": ["predict", pictures / "0.png", "-m", model],
        "evaluate": ["evaluate", dataset, "-m", model],
        "train": ["train", dataset, "-o", pictures / "m.npz", "--iters", "20", "--every", "1"],
        "prepare": ["prepare", pets, "--size", "4", "-o", pictures / "d.npz"],
        "help": ["predict", "--help"],
    }


@pytest.mark.parametrize("kind", COMMAND_KINDS)
def test_a_closed_pipe_ends_quietly(command_lines: dict[str, list[str | Path]], kind: str) -> None:
    """Whoever read the results has seen enough: exit 0, and nothing on stderr of it."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = run(*command_lines[kind], stdout=writing)
    finally:
        os.close(writing)
    notes = [line for line in ended.stderr.splitlines() if not line.startswith(NOTES)]
    assert (ended.returncode, notes) == (0, [])


def test_head_of_many_lines(small_pictures: Path, model: Path) -> None:
    """`catclf predict FOLDER | head -1` prints one line and no complaint."""
    command = [*CATCLF, "predict", "-m", str(model), *[str(small_pictures)] * 300]
    piped = subprocess.run(
        ["bash", "-c", '"$@" | head -1; echo "${PIPESTATUS[0]}"', "bash", *command],
        capture_output=True,
        text=True,
        timeout=120,
    )
    first, status = piped.stdout.splitlines()
    assert first.startswith(f"{small_pictures}/cat/00.png: ")
    assert (status, piped.stderr) == ("0", f"Model: {model}, noncat or cat\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("kind", COMMAND_KINDS)
def test_a_full_disk_under_stdout_is_an_error(
    command_lines: dict[str, list[str | Path]], kind: str
) -> None:
    """Results that could not be written are not passed off as written: exit 1, one line."""
    with open("/dev/full", "wb") as full:
        ended = run(*command_lines[kind], stdout=full)
    assert ended.returncode == 1
    notes = [line for line in ended.stderr.splitlines() if not line.startswith(NOTES)]
    assert notes == ["Error: the results cannot be written (No space left on device)"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("kind", COMMAND_KINDS)
def test_a_closed_stream_is_no_traceback(
    command_lines: dict[str, list[str | Path]], kind: str, stream: str
) -> None:
    """With stdout or stderr closed (>&-) a command still ends, without a traceback."""
    redirection = ">&-" if stream == "stdout" else "2>&-"
    shell = subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *CATCLF, *map(str, command_lines[kind])],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in shell.stderr
    assert shell.returncode in (0, 1)
    assert stream == "stdout" or shell.returncode == 0


@pytest.mark.parametrize("gone", ["broken", "full"])
def test_without_anybody_at_stderr_the_work_goes_on(
    gone: str, dataset: Path, tmp_path: Path
) -> None:
    """Notes are dispensable: the model is written, and results stand on stdout."""
    if gone == "broken":
        reading, stderr = os.pipe()
        os.close(reading)
    else:
        stderr = os.open("/dev/full", os.O_WRONLY)
    ended = run("train", dataset, "-o", tmp_path / "m.npz", "--iters", "5", stderr=stderr)
    os.close(stderr)
    assert ended.returncode == 0
    assert "saved" in ended.stdout
    assert (tmp_path / "m.npz").exists()
