"""What stands in a folder: pictures, other files, and the litter that is not worth a word."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from catclf.errors import CatclfError, PictureError
from catclf.files import (
    EVIDENCE_SUFFIX,
    FileKind,
    kind_of_bytes,
    kind_of_other,
    open_regular,
    unread_picture,
)
from catclf.observer import Skipped

# What systems, network drives, editors and picture managers leave behind, in lower case.
_LITTER = frozenset((
    "__macosx", "icon\r", "network trash folder", "temporary items",  # macOS
    "thumbs.db", "ehthumbs.db", "desktop.ini", "system volume information",  # Windows
    "lost+found", "lost.dir",  # repaired disks, Android's cards among them
    "#recycle", "#snapshot",  # network drives
    "__pycache__", "picasa.ini", "zbthumbnail.info",
))  # fmt: skip

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
# Known by their suffixes: their first bytes are any text's or archive's. Spreadsheets are not read.
TABLE_SUFFIXES = frozenset((
    ".csv", ".tsv", ".tab", ".psv", ".jsonl", ".ndjson", ".xls", ".xlsx", ".ods",
))  # fmt: skip
_HEAD_BYTES = 1024
_OURS = frozenset((
    FileKind.DATASET, FileKind.MODEL, FileKind.PREDICTIONS, FileKind.SKIPPED, FileKind.EVIDENCE,
))  # fmt: skip
PICTURE = "picture"


def has_picture_suffix(name: str) -> bool:
    """Tell by a file's suffix whether somebody meant it as a picture.

    Pictures of formats that cannot be read count, so that they are named and not skipped.
    """
    return os.path.splitext(name)[1].lower() in _SUFFIXES


def _is_litter(name: str) -> bool:
    """Tell whether a name is hidden, or left behind by a system: no picture and no class."""
    # @eaDir, @Recycle and their kind are network drives', $Extend and $RECYCLE.BIN Windows'.
    is_systems = name.startswith((".", "@", "$", "~")) or re.fullmatch(
        r"RECYCLE[RD]|CVS|(?i:found\.\d{3})", name
    )
    return bool(is_systems) or name.lower() in _LITTER


@dataclass(frozen=True)
class Found:
    """What a folder holds, at any depth, in the order of the names in each folder."""

    pictures: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    closed: list[PictureError] = field(default_factory=list)  # folders that may not be opened


class Folder:
    """A folder, which is read when it is first asked what it holds; litter is left out."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """Its name, without the path."""
        return os.path.basename(os.path.abspath(self.path))

    @cached_property
    def _entries(self) -> list[tuple[str, bool]]:
        """What it holds: (path, whether it is a folder), sorted by name."""
        try:
            with os.scandir(self.path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise PictureError(
                f"cannot be opened ({error.strerror})", self.path, "Make it readable: chmod +rx."
            ) from None
        return [
            (entry.path, leads_to_folder(entry) and not has_picture_suffix(entry.name))
            for entry in entries
            if not _is_litter(entry.name)
        ]

    @cached_property
    def folders(self) -> list[Folder]:
        """The folders in it."""
        return [Folder(path) for path, is_folder in self._entries if is_folder]

    @cached_property
    def own(self) -> Found:
        """The files that stand in it, and in none of its folders."""
        return _sorted_out(path for path, is_folder in self._entries if not is_folder)

    @cached_property
    def has_pictures(self) -> bool:
        """Whether it holds any picture, at any depth; PictureError where that is not known."""
        closed: list[PictureError] = []
        found = any(_kind(path) == PICTURE for path in self.walk(closed))
        if closed and not found:
            raise closed[0]
        return found

    @cached_property
    def filled(self) -> list[Folder]:
        """The folders in it that hold pictures."""
        return [each for each in self.folders if each.has_pictures]

    @cached_property
    def only_folder(self) -> Folder | None:
        """The one folder that all pictures stand in, where that holds folders of them itself.

        None where an empty folder stands beside it: that may be meant for a class.
        """
        if self.own.pictures or len(self.filled) != 1:
            return None
        (only,) = self.filled
        deeper = len(only.filled)
        is_class = deeper == 0 or (deeper == 1 and only.own.pictures)
        return None if is_class or self.has_empty else only

    @cached_property
    def has_empty(self) -> bool:
        """Whether an empty folder stands in it."""
        return any(not each.has_pictures and not each.find().skipped for each in self.folders)

    def find(self) -> Found:
        """Return what it holds, at any depth."""
        closed: list[PictureError] = []
        found = _sorted_out(self.walk(closed))
        return Found(found.pictures, found.skipped, closed)

    def walk(self, closed: list[PictureError]) -> Iterator[str]:
        """Yield the paths of the files that it holds, at any depth; `closed` gets what is closed.

        Linked folders are entered, and each folder once, however many links lead to it.
        """
        entered: set[tuple[int, int]] = set()
        waiting = [(self.path, True)]  # a stack and no recursion: folders may lie a thousand deep
        while waiting:
            path, is_folder = waiting.pop()
            if not is_folder:
                yield path
                continue
            try:
                status = os.stat(path)
                if (status.st_dev, status.st_ino) not in entered:
                    entered.add((status.st_dev, status.st_ino))
                    folder = self if path == self.path else Folder(path)
                    waiting += reversed(folder._entries)
            except PictureError as error:
                closed.append(error)
            except OSError as error:
                closed.append(PictureError(f"cannot be opened ({error.strerror})", path))


def find_pictures(folder: str) -> Found:
    """Return what a folder holds, at any depth."""
    return Folder(folder).find()


def _sorted_out(paths: Iterable[str]) -> Found:
    found = Found()
    for path in paths:
        kind = _kind(path)
        if kind == PICTURE:
            found.pictures.append(path)
        else:
            found.skipped.append(Skipped(path, kind))
    return found


def _kind(path: str) -> str:
    """Return what messages call a file: a picture by its suffix, else by its first bytes."""
    if has_picture_suffix(path) and not path.endswith(EVIDENCE_SUFFIX):
        return PICTURE
    try:
        with open_regular(path, CatclfError) as file:
            head = file.read(_HEAD_BYTES)
    except (OSError, CatclfError):
        return "unreadable file"
    kind = kind_of_bytes(head)
    if kind is FileKind.PICTURE or unread_picture(head):
        return PICTURE
    if kind in _OURS:
        return "file that catclf wrote"
    if os.path.splitext(path)[1].lower() in TABLE_SUFFIXES:
        return "table"
    return kind_of_other(head) or ("other file" if head else "empty file")


def leads_to_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False
