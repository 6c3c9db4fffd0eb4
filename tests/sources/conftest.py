"""What the tests of sources share: files to list, and what is listed and said of them."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from catclf.observer import Observer
from catclf.sources import list_sources
from catclf.sources.class_folders import LabelFrom
from catclf.sources.labeled import Listing


def touch(folder: Path, *names: str) -> None:
    """Make empty files, and the folders they stand in."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def listing(
    *sources: Path, observer: Observer | None = None, label_from: LabelFrom = "layout"
) -> Listing:
    """List sources whose pictures are not going to be read."""
    with ExitStack() as files:
        return list_sources(sources, files, observer, label_from)


def rows(found: Listing, folder: Path) -> list[tuple[str, str, str | None]]:
    """Return (path in `folder`, class, split) of each picture."""
    return [(os.path.relpath(p.name, folder), p.class_name, p.split) for p in found.pictures]


class Warned(Observer):
    """Keeps the warnings, and the notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep the text."""
        self.notes.append(text)

    def warning(self, text: str) -> None:
        """Keep the text."""
        self.texts.append(text)


class Heard(Observer):
    """Keeps notes and warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    warning = note
