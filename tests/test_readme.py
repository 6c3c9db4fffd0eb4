"""The README tells what is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import readme
from catclf.cli import VERBS
from command_line import results

TEXT = readme.README.read_text(encoding="utf-8")
MAX_LINES = 220


def test_it_is_short() -> None:
    """`--help` is the reference; the README does not print it."""
    assert len(TEXT.splitlines()) <= MAX_LINES


@pytest.mark.slow
def test_its_commands_print_what_it_shows() -> None:
    """Every console block is run on the sample; tests/readme.py writes its output."""
    assert readme.with_outputs(TEXT) == TEXT


@pytest.mark.slow
def test_the_courses_example_prints_what_it_shows(course_files: list[Path]) -> None:
    """data/README.md's as well, where the course's files are."""
    text = readme.COURSE_README.read_text(encoding="utf-8")
    assert readme.blocks(text, "console")
    assert readme.with_outputs(text, course_files) == text


def test_other_output_than_is_shown_is_found() -> None:
    """A wrong line is replaced, an omission is kept, and what is not shown may be anything."""
    command = "$ printf '1\\n2\\n3\\n4\\n'\n"
    right = f"```console\n{command}1\n...\n4\n```\n"
    assert readme.with_outputs(right) == right
    assert readme.with_outputs(right.replace("1\n...", "9\n...")) == right
    whole = f"```console\n{command}1\n2\n3\n4\n```\n"
    assert readme.with_outputs(f"```console\n{command}```\n") == whole
    with pytest.raises(RuntimeError, match="exit code 1"):
        readme.with_outputs("```console\n$ catclf predict data\n```\n")


@pytest.mark.slow
def test_its_other_commands_run(tmp_path: Path) -> None:
    """Those of sh blocks, on folders like a reader's, and those within text."""
    sample = readme.ROOT / "data" / "sample"
    shutil.copytree(sample, tmp_path / "data" / "sample")
    most = shutil.ignore_patterns("*[1-9].*")  # one in ten: a network takes long
    shutil.copytree(readme.ROOT / "configs", tmp_path / "configs")
    for class_name, folder in (("cat", "pets/cat"), ("noncat", "pets/dog")):
        shutil.copytree(sample / "train" / class_name, tmp_path / folder, ignore=most)
    shutil.copytree(sample / "test" / "cat", tmp_path / "holiday", ignore=most)
    in_blocks = readme.blocks(TEXT, "sh")[1:]
    text = re.sub(r"^(\||```).*?(\n|^```$)", "", TEXT, flags=re.MULTILINE)
    in_text = re.findall(r"`(catclf [^`]+)`", text.replace("VERB", "train"))
    assert in_blocks
    assert len(in_text) >= 3
    for script in in_blocks + in_text:
        readme.run_shell(f"set -e\n{script}", tmp_path)


@pytest.mark.slow
def test_its_python_runs(tmp_path: Path) -> None:
    """Its Python needs nothing but the sample; what classifies without catclf, what it exported."""
    shutil.copytree(readme.ROOT / "data" / "sample", tmp_path / "data" / "sample")
    script, without = readme.blocks(TEXT, "python")
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    assert "catclf" not in without
    words = [sys.executable, "-c", without]
    shown = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, encoding="utf-8")
    assert shown.stdout.startswith("cat [0.")


@pytest.mark.slow
def test_its_python_passes_the_type_checker(tmp_path: Path) -> None:
    """What a reader copies into a script is typed right, as strictly as the project."""
    script, _ = readme.blocks(TEXT, "python")
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    cache = f".mypy_cache/{sys.platform}"  # that of .ci/run
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", cache, tmp_path / "script.py"],
        cwd=readme.ROOT,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_and_a_row(verb: str) -> None:
    """The table tells what a verb is for, its help how it is used."""
    assert re.search(r"\n  Examples?:\n    catclf ", results(verb, "--help"))
    assert re.search(rf"^\| `catclf {verb}` \| .+\. \|$", TEXT, flags=re.MULTILINE)


def test_its_measurements_are_some_of_all() -> None:
    """Its few numbers stand in the whole table too."""
    table = TEXT.split("## Measured")[1].split("\n## ")[0]
    measured = re.findall(r"\d[\d.]*(?:x| s| ms| MiB)(?!\w)", table)
    assert len(measured) >= 15
    everything = (readme.ROOT / "tests" / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert [number for number in measured if number not in everything] == []


def test_the_tree_names_every_room() -> None:
    """What stands in the package stands in the tree, and nothing else."""
    [tree] = [block for block in readme.blocks(TEXT, "text") if block.startswith("catclf/\n")]
    rooms = "\n".join(line for line in tree.splitlines() if line.startswith("  "))
    shown = re.findall(r"(?<= )\w+(?:\.py|/)(?= |$)", rooms, flags=re.MULTILINE)
    there = [
        path.name + "/" * path.is_dir()
        for path in (readme.ROOT / "catclf").iterdir()
        if not path.name.startswith("_") and path.suffix in {".py", ""}
    ]
    assert sorted(shown) == sorted(there)


def test_ci_runs_the_first_two_commands_verbatim() -> None:
    """A newcomer's two commands are copied into what CI runs."""
    ci = (readme.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = readme.blocks(TEXT, "sh")[0].splitlines()
    assert len(commands) == 2
    for command in commands:
        assert f"\n{command}\n" in ci
