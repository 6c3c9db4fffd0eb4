"""What can go wrong and be fixed by a user: what, where, and how to fix it.

Wrong array shapes handed over from Python are `ValueError`; bugs keep their traceback.
"""

from __future__ import annotations

import os

__all__ = [
    "CatclfError",
    "DatasetError",
    "DivergenceError",
    "ModelError",
    "PictureError",
    "printable",
]


def printable(name: str | os.PathLike[str]) -> str:
    """Return a name from outside with its control characters escaped.

    A file's name may hold anything but ``/`` and NUL: newlines, escape sequences, bytes that are
    no UTF-8 (which Python shows as lone surrogates). None of them reaches a terminal as it is.
    """
    text = os.fspath(name)
    if text.isprintable():
        return text
    return "".join(
        # U+200D joins emoji: it prints nothing and harms nothing.
        c if c.isprintable() or c == "\u200d" else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


class CatclfError(Exception):
    """A failure that its user can fix.

    Parameters
    ----------
    what
        What is wrong, in one short phrase.
    where
        The file (or option) it is wrong with.
    fix
        What to do about it, as one sentence.
    """

    exit_code = 1

    def __init__(
        self, what: str, where: str | os.PathLike[str] | None = None, fix: str | None = None
    ) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = None if where is None else os.fspath(where)
        self.fix = fix

    def __str__(self) -> str:
        first = self.what if self.where is None else f"{printable(self.where)}: {self.what}"
        return first if self.fix is None else f"{first}\n{self.fix}"


class PictureError(CatclfError):
    """A picture that cannot be read, or not to the end."""


class DatasetError(CatclfError):
    """A source of labeled pictures, or a prepared dataset, that cannot be used."""


class ModelError(CatclfError):
    """A model file that cannot be used."""


class DivergenceError(CatclfError):
    """Gradient descent that ended higher than it began: the learning rate is too high."""
