"""The README's commands: ``python tests/readme.py`` runs them and writes their output anew.

``python tests/readme.py TRAIN.h5 TEST.h5``, with the course's files, does so in data/README.md too.

A block of ``console`` holds commands, each after ``$``, and what they print to stdout. Its commands
run one after another, block after block, in a folder that holds data/ with the sample alone. The
line ``...`` stands for output that is left out: as many lines as stand before it, and after it, are
shown. A block of ``sh`` has no output shown; tests/test_readme.py runs it too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
COURSE_README = ROOT / "data" / "README.md"
CUT = "..."


def blocks(readme: str, language: str) -> list[str]:
    """Return what the fenced blocks of a language hold, in order."""
    return re.findall(rf"(?<=^```{language}\n).*?(?=^```$)", readme, flags=re.DOTALL | re.MULTILINE)


def with_outputs(readme: str, files: Sequence[str | Path] = ()) -> str:
    """Return a README's text with what its commands print now.

    Parameters
    ----------
    readme
        The text.
    files
        Files that the commands find in data/ beside the sample.

    Raises
    ------
    RuntimeError
        A command fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "data" / "sample", Path(folder, "data", "sample"))
        for file in files:
            shutil.copy(file, Path(folder, "data"))
        for block in blocks(readme, "console"):
            readme = readme.replace(f"```console\n{block}", f"```console\n{_run(block, folder)}")
    return readme


def run_shell(script: str, folder: str | Path) -> str:
    """Run a script in a folder, where ``catclf`` is this version, and return its stdout."""
    ended = subprocess.run(
        ["bash", "-c", f'catclf() {{ "{sys.executable}" -m catclf "$@"; }}\n{script}'],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("CATCLF_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    if ended.returncode != 0:
        raise RuntimeError(f"{script}: exit code {ended.returncode}\n{ended.stderr}")
    return ended.stdout


def _run(block: str, folder: str) -> str:
    """Return a block with what its commands print, cut where it was cut."""
    lines = []
    for entry in re.split(r"^(?=\$ )", block, flags=re.MULTILINE)[1:]:
        command, *shown = entry.splitlines()
        printed = run_shell(command.removeprefix("$ "), folder).splitlines()
        lines += [command, *_cut_alike(printed, shown)]
    return "".join(line + "\n" for line in lines)


def _cut_alike(printed: list[str], shown: list[str]) -> list[str]:
    """Leave out of the printed lines what is left out of the shown ones."""
    if CUT not in shown:
        return printed
    before = shown.index(CUT)
    after = len(shown) - before - 1
    if before + after >= len(printed):
        return printed
    return [*printed[:before], CUT, *printed[len(printed) - after :]]


def _write(readme: Path, files: Sequence[str]) -> None:
    text = readme.read_text(encoding="utf-8")
    readme.write_text(with_outputs(text, files), encoding="utf-8")


if __name__ == "__main__":
    _write(README, [])
    if sys.argv[1:]:
        _write(COURSE_README, sys.argv[1:])
