"""Errors that a user can fix: each says what is wrong, where, and how to fix it.

An array of a wrong shape, passed from Python, is a `ValueError`; a bug keeps its traceback.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

AnyPath = str | os.PathLike[str]
NAMED_PICTURES = 5  # of many, in a result
NAMED = 3  # of many, in a message
TEXT_CHARACTERS = 50  # of what a file may hold at any length
CLASS_CHARACTERS = 20  # of a class among others
DIGEST_CHARACTERS = 12  # of 64, where a digest is shown: as many as tell two apart


def printable(name: AnyPath) -> str:
    """Return a name from outside with its control characters escaped.

    A file's name may hold anything but ``/`` and NUL: newlines, escape sequences, bytes that are
    not UTF-8 (which Python represents as lone surrogates). None of them may reach a terminal.
    """
    text = os.fspath(name)
    if text.isprintable():
        return text
    return "".join(
        # U+200D joins emoji: it prints nothing and harms nothing.
        c if c.isprintable() or c == "\u200d" else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def name_some(names: Sequence[str]) -> str:
    """Name the first few of many, and count the others."""
    shown = ", ".join(printable(name) for name in names[:NAMED])
    others = len(names) - NAMED
    return shown if others <= 0 else f"{shown} and {others} more"


def shortened(text: str, characters: int = TEXT_CHARACTERS) -> str:
    """Return a text from outside, printable, and cut where it is longer than so many characters."""
    shown = printable(text)
    return shown if len(shown) <= characters else f"{shown[: characters - 3]}..."


def name_classes(classes: Sequence[str]) -> str:
    """Name the first few of many classes, each cut where it is long."""
    return name_some([shortened(name, CLASS_CHARACTERS) for name in classes])


class CatclfError(Exception):
    """An error that a user can fix.

    Parameters
    ----------
    what
        What is wrong, a short phrase.
    where
        The file or option that is wrong.
    fix
        How to fix it, a sentence.
    """

    exit_code = 1

    def __init__(self, what: str, where: AnyPath | None = None, fix: str | None = None) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = None if where is None else os.fspath(where)
        self.fix = fix

    def __str__(self) -> str:
        first = self.what if self.where is None else f"{printable(self.where)}: {self.what}"
        return first if self.fix is None else f"{first}\n{self.fix}"


class CatclfWarning(UserWarning):
    """What may mislead a user, and perhaps how to fix it."""


class SettingsError(CatclfError):
    """A setting that does not go with the data, as a threshold with more than two classes."""

    exit_code = 2  # as of wrong usage


class PictureError(CatclfError):
    """A picture that cannot be read, or cannot be read to its end."""


class DatasetError(CatclfError):
    """A source of labeled pictures, or a prepared dataset, that cannot be used."""


class ModelError(CatclfError):
    """A model file that cannot be used."""


class ClusterError(CatclfError):
    """A Dask cluster that cannot be used, or is gone."""


class DivergenceError(CatclfError):
    """Gradient descent that ended higher than it began: the learning rate is too high.

    `safe_rate` is one at which the cost never rises on this data; None where it is not known.
    """

    safe_rate: float | None = None
