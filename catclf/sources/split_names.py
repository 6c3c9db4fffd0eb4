"""How people name the splits of their pictures: train, test and validation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from catclf.errors import printable
from catclf.observer import Observer
from catclf.splits import SplitName

__all__ = ["SPLIT_NAMES", "NamedSplit", "tell_validation", "used_splits"]

NamedSplit = Literal["train", "test", "validation"]
# In any case.
SPLIT_NAMES: dict[str, NamedSplit] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}


def used_splits(named: Iterable[NamedSplit]) -> dict[NamedSplit, SplitName]:
    """Return which split each split of a source becomes.

    A validation split is the test split where there is no other. Beside a train and a test split
    it is left out: it is meant for choosing settings, and `tune` chooses them within train.
    """
    used: dict[NamedSplit, SplitName] = {"train": "train", "test": "test"}
    if not {"train", "test"} <= set(named):
        used["validation"] = "test"
    return used


def tell_validation(where: str, pictures: int, observer: Observer) -> None:
    """Tell that the validation split of a source is left out."""
    observer.warning(
        f"{printable(where)}: left out, a validation split beside train and test "
        f"({pictures} pictures)"
    )
