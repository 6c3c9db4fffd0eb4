"""What stands in a folder, by its name: pictures, class folders, and the litter that is neither."""

from __future__ import annotations

import os

_LITTER = frozenset({"__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini"})

# What is read, and then what is not. Pillow's list has .pdf and .h5, neither .heic nor .nef, and
# takes 45 ms to import.
_SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm",
    ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".jpf", ".ico", ".cur",
    ".icns", ".tga", ".psd", ".psb", ".xcf", ".svg", ".svgz", ".eps", ".ai", ".pcx", ".pfm",
    ".pam", ".exr", ".hdr", ".dds", ".qoi", ".apng", ".mpo", ".xbm", ".xpm", ".wmf", ".emf",
    ".raw", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef", ".srw",
))  # fmt: skip


def looks_like_picture(name: str) -> bool:
    """Tell by a file's suffix whether somebody meant it as a picture.

    Pictures of formats that cannot be read count, so that they are named and not skipped.
    """
    return os.path.splitext(name)[1].lower() in _SUFFIXES


def is_litter(name: str) -> bool:
    """Tell whether a name is hidden, or left behind by a system: no picture and no class."""
    return name.startswith(".") or name.lower() in _LITTER


def subfolders(folder: str) -> list[str]:
    """Return the names of a folder's visible subfolders, sorted."""
    with os.scandir(folder) as entries:
        return sorted(
            entry.name for entry in entries if not is_litter(entry.name) and _is_folder(entry)
        )


def find_pictures(folder: str) -> tuple[list[str], list[str]]:
    """Return the paths of a folder's pictures, and of what else is visible, at any depth.

    Both are sorted. The others are files of other names, and folders that could not be opened.
    Linked folders are entered, and each folder once, however many links lead to it.
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
