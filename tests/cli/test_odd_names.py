"""Names of files and classes may hold any bytes, in any locale."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from command_line import invoke, records, results, run


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
