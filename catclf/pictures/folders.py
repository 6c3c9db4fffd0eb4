"""What stands in a folder: pictures, class folders, and the litter that is neither."""

from __future__ import annotations

import os

from catclf.pictures.formats import looks_like_picture

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

    Linked folders are entered, and each folder once, however many links lead to it.

    Returns
    -------
    pictures, skipped
        Paths, each in sorted order: of the files that are pictures by name, and of all else
        that is visible: other files, and folders that could not be opened.
    """
    pictures: list[str] = []
    skipped: list[str] = []
    entered: set[tuple[int, int]] = set()
    waiting = [(folder, True)]  # a stack and no recursion: folders may lie a thousand deep
    while waiting:
        path, is_folder = waiting.pop()
        if not is_folder:
            (pictures if looks_like_picture(path) else skipped).append(path)
            continue
        try:
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: entry.name, reverse=True)
        except OSError:
            skipped.append(path)
            continue
        waiting += [
            (entry.path, _is_folder(entry) and not looks_like_picture(entry.name))
            for entry in entries
            if not is_litter(entry.name)
        ]
    return pictures, skipped


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False
