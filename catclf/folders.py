"""What stands in a folder: pictures, class folders, and the litter that is neither."""

from __future__ import annotations

import os

from catclf.images import looks_like_picture

__all__ = ["find_pictures", "subfolders"]

LITTER = frozenset({"__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini"})


def is_litter(name: str) -> bool:
    """Tell whether a name is hidden, or left behind by a system: no picture and no class."""
    return name.startswith(".") or name.lower() in LITTER


def subfolders(folder: str) -> list[str]:
    """Return the names of a folder's visible subfolders, sorted."""
    with os.scandir(folder) as entries:
        return sorted(
            entry.name for entry in entries if not is_litter(entry.name) and _is_folder(entry)
        )


def find_pictures(folder: str) -> tuple[list[str], list[str]]:
    """Search a folder to any depth.

    Linked folders are entered; a folder inside itself is entered once.

    Returns
    -------
    pictures, passed_over
        Paths, each in sorted order: of the files that are pictures by name, and of all else
        that is visible: other files, and folders that could not be opened.
    """
    pictures: list[str] = []
    passed_over: list[str] = []
    _search(folder, frozenset(), pictures, passed_over)
    return pictures, passed_over


def _search(
    folder: str, above: frozenset[str], pictures: list[str], passed_over: list[str]
) -> None:
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        passed_over.append(folder)
        return
    for entry in entries:
        if is_litter(entry.name):
            continue
        if _is_folder(entry) and not looks_like_picture(entry.name):
            _search(entry.path, above | {real}, pictures, passed_over)
        elif looks_like_picture(entry.name):
            pictures.append(entry.path)
        else:
            passed_over.append(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False
