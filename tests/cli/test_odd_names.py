"""Names of files and classes may hold any bytes, in any locale."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from command_line import records, run


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


@pytest.mark.parametrize("form", ["text", "csv", "jsonl"])
@pytest.mark.parametrize(
    "env",
    [
        {},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=lambda env: " ".join(env) or "usual",
)
def test_any_name_is_printed_in_any_locale(
    odd_names: list[str], model: Path, form: str, env: dict[str, str]
) -> None:
    """A line a picture, control characters escaped, whatever the terminal can show."""
    ended = run("predict", "-m", model, "--format", form, "--", *odd_names, env=env, encoding=None)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) == len(odd_names) + (form == "csv")
    text = ended.stdout.decode("utf-8", "replace")
    assert "\x1b" not in text
    assert "31m" in text
    assert len(ended.stderr.splitlines()) == 1  # the model


def test_json_names_lead_back_to_the_file(odd_names: list[str], model: Path) -> None:
    """A program that reads jsonl can open every file by its name."""
    ended = run("predict", "-m", model, "--format", "jsonl", "--", *odd_names)
    assert [record["file"] for record in records("jsonl", ended.stdout)] == odd_names


def test_an_odd_name_in_an_error_is_escaped(odd_names: list[str], model: Path) -> None:
    """Errors on stderr do not write what a name holds to the terminal either."""
    for name in odd_names:
        Path(name).write_bytes(b"")
    ended = run("predict", "-m", model, "--", *odd_names)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "\x1b" not in ended.stderr
    assert ended.stderr.count("Error: ") == len(odd_names)


def test_class_names_of_any_bytes(small_pictures: Path, tmp_path: Path) -> None:
    """Class folders may be called anything: prepared, trained, evaluated, predicted, escaped."""
    pets = tmp_path / "pets"
    pets.mkdir()
    for old, new in (("cat", b"c\xe9t\x1b[31m"), ("noncat", "no\nż".encode())):
        shutil.copytree(small_pictures / old, pets / os.fsdecode(new))
    steps = [
        ("prepare", "pets", "--size", "8", "-o", "d.h5"),
        ("train", "d.h5", "--iters", "5", "-o", "m.npz"),
        ("evaluate", "d.h5", "-m", "m.npz", "--predictions", "p.csv"),
        ("evaluate", "d.h5", "-m", "m.npz", "--format", "json"),
        ("predict", small_pictures, "-m", "m.npz"),
        ("predict", small_pictures, "-m", "m.npz", "--format", "csv"),
        ("predict", small_pictures, "-m", "m.npz", "--format", "jsonl"),
    ]
    for step in steps:
        ended = run(*step, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert "\x1b" not in ended.stdout + ended.stderr
        assert "31m" in ended.stdout or step[0] == "train"
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 1 + 4
