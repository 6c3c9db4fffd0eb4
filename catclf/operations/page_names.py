"""What pictures and files are called on a page.

A page is handed on: it does not tell what lies above the folder that has all pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile


def names_below(names: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return the names of pictures from the folder down that has them and the others.

    Where no folder has all of them, each from its own folder down.
    """
    paths = [_parts(name) for name in names]
    folders = {tuple(path[:-1]) for path in (*paths, *map(_parts, others))}
    levels = takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    shared = [parts[0] for parts in levels]
    if all(part in ("", ".", "..") or part.endswith(":") for part in shared):
        return ["/".join(path[-2:]) for path in paths]
    return ["/".join(path[len(shared) :]) for path in paths]


def file_name(path: str) -> str:
    """Return the name of a file, without its folders."""
    return _parts(path)[-1]


def _parts(path: str) -> list[str]:
    return re.split(r"[/\\]", path)
