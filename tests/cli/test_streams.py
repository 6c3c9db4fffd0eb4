"""Closed pipes, full disks, nobody at stderr; and names that hold any bytes, in any locale."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from command_line import CATCLF, invoke, records, results, run

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


# ------------------------------------------------------------------------------ odd names


@pytest.fixture
def odd_names(pictures: Path) -> list[str]:
    """Copy pictures to names with control characters, other alphabets, and no UTF-8."""
    folder = pictures.parent / "odd"
    folder.mkdir()
    names = [b"a\x1b[31m\nb.png", b"caf\xe9.png", "żółw 猫.png".encode(), b'-x,".png']
    paths = [os.path.join(os.fsencode(folder), name) for name in names]
    for path in paths:
        shutil.copy(os.fsencode(pictures / "0.png"), path)
    return [os.fsdecode(path) for path in paths]


LOCALES: dict[str, dict[str, str]] = {
    "usual": {},
    "C": {"LC_ALL": "C"},
    "ASCII": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    "C without UTF-8": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "locale"),
    [*(("text", locale) for locale in LOCALES), ("csv", "ASCII"), ("jsonl", "ASCII")],
)
def test_any_name_is_printed_in_any_locale(
    odd_names: list[str], model: Path, form: str, locale: str
) -> None:
    """A line a picture, control characters escaped, whatever the terminal can show."""
    words = ["predict", "-m", model, "--format", form, "--", *odd_names]
    ended = run(*words, env=LOCALES[locale], encoding=None)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) == len(odd_names) + (form == "csv")
    text = ended.stdout.decode("utf-8", "replace")
    assert "\x1b" not in text
    assert "31m" in text
    assert len(ended.stderr.splitlines()) == 1  # the model


def test_json_names_lead_back_to_the_file(odd_names: list[str], model: Path) -> None:
    """A program that reads jsonl can open every file by its name."""
    shown = results("predict", "-m", model, "--format", "jsonl", "--", *odd_names)
    assert [record["file"] for record in records("jsonl", shown)] == odd_names


def test_an_odd_name_in_an_error_is_escaped(odd_names: list[str], model: Path) -> None:
    """Errors on stderr do not write what a name holds to the terminal either."""
    for name in odd_names:
        Path(name).write_bytes(b"")
    ended = invoke("predict", "-m", model, "--", *odd_names)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "\x1b" not in ended.stderr
    assert ended.stderr.count("Error: ") == len(odd_names)


def test_class_names_of_any_bytes(
    small_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Class folders may be called anything: prepared, trained, evaluated, predicted, escaped."""
    monkeypatch.chdir(tmp_path)
    for old, new in (("cat", b"c\xe9t\x1b[31m"), ("noncat", "no\nż".encode())):
        shutil.copytree(small_pictures / old, tmp_path / "pets" / os.fsdecode(new))
    for words in (
        "prepare pets --size 8 -o d.npz",
        "train d.npz --iters 5 -o m.npz",
        "evaluate d.npz -m m.npz --predictions p.csv",
        "evaluate d.npz -m m.npz --format json",
        "report d.npz -m m.npz",
        "info d.npz",
        "info m.npz",
        "predict pets -m m.npz",
        "predict pets -m m.npz --format csv",
        "predict pets -m m.npz --format jsonl",
    ):
        ended = invoke(*words.split())
        assert ended.exit_code == 0, ended.output
        assert "\x1b" not in ended.stdout + ended.stderr
        assert "31m" in ended.stdout or words.startswith("report")
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 1 + 4
