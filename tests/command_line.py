"""The command line as tests run it: in a process of its own, or in this one."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from catclf.cli import app

CATCLF = [sys.executable, "-m", "catclf"]
Completed = subprocess.CompletedProcess[Any]  # of text, unless encoding=None


def run(*arguments: object, cwd: Path | None = None, env: Any = (), **settings: Any) -> Completed:
    """Run the command line as its users do."""
    return subprocess.run(
        [*CATCLF, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **dict(env)},
        **{
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "stdin": subprocess.DEVNULL,
            "encoding": "utf-8",
            "timeout": 60,
            **settings,
        },
    )


def invoke(*arguments: object, **settings: Any) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **settings)


def results(*arguments: object, **settings: Any) -> str:
    """Return the stdout of a command that goes well."""
    result = invoke(*arguments, **settings)
    assert (result.exit_code, result.exception) == (0, None), result.output
    return result.stdout


def is_number(key: str) -> bool:
    """Tell whether a column of csv holds numbers."""
    return (
        key in ("confidence", "similarity") or key.startswith("P(") or key.endswith("_similarity")
    )


def records(form: str, stdout: str) -> list[dict[str, Any]]:
    """Parse csv or jsonl results, numbers as numbers and nothing as None."""
    if form == "jsonl":
        return [json.loads(line) for line in stdout.splitlines()]
    rows = list(csv.DictReader(io.StringIO(stdout), strict=True))
    return [
        {
            key: None if value == "" else float(value) if is_number(key) else value
            for key, value in row.items()
        }
        for row in rows
    ]
