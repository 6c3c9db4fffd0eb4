"""What people call their splits and their classes, however they write it."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from catclf.splits import SplitName

NamedSplit = Literal["train", "validation", "test"]

_SPLIT_WORDS: dict[str, NamedSplit] = {
    **dict.fromkeys(("train", "training", "trainval", "trn"), "train"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "heldout"), "test"),
    **dict.fromkeys(
        ("val", "valid", "validation", "validate", "dev", "development", "eval", "evaluation"),
        "validation",
    ),
}
# What is added to a split's name, and says nothing of which split it is.
_ADDITIONS = (
    "set", "sets", "split", "data", "dataset", "datasets", "images", "image", "imgs", "img",
    "pictures", "pics", "photos", "files", "folder", "dir", "samples", "examples",
)  # fmt: skip
_GENERIC = (
    "part", "parts", "batch", "lot", "volume", "disc", "fold", "raw", "original", "originals",
    "processed", "results", "jpg", "jpeg", "jpegs", "png", "pngs", "unknown", "unlabeled",
    "archive", "docs",
)  # fmt: skip
# Of files that go with pictures.
_COMPANIONS = (
    "mask", "masks", "label", "labels", "annotation", "annotations", "trimaps", "segmentation",
    "segmentations", "gt", "thumbs", "thumbnails", "boxes",
)  # fmt: skip
# Zero-width blanks, a soft hyphen and a byte order mark: nobody sees that names differ by them.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))
_GLUED = re.compile(f"({'|'.join(_SPLIT_WORDS)})({'|'.join(_ADDITIONS)})")
# Words as they are told apart by separators, digits and capitals: trainSet_2 is train, Set, 2.
_WORDS = re.compile(r"[A-Z]?[^\W\dA-Z_]+|[A-Z]+(?![^\W\dA-Z_])|\d+")


@dataclass(frozen=True)
class SplitLike:
    """A name that has a split's word in it; `rest` is what else it says, in lower case."""

    split: NamedSplit
    rest: tuple[str, ...]


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name, in lower case."""
    return tuple(map(str.lower, _WORDS.findall(name)))


def split_like(name: str) -> SplitLike | None:
    """Return which split a name has a word for: exactly one, or train and validation as trainval.

    ``seg_train2`` is train, with the rest seg; ``Test images`` is test, without a rest.
    """
    splits: set[NamedSplit] = set()
    rest: list[str] = []
    for word in words(re.sub("(?i)(hold|held)[-_ ]out", "holdout", name)):
        glued = _GLUED.fullmatch(word)
        if split := _SPLIT_WORDS.get(glued[1] if glued else word):
            splits.add(split)
        elif word not in _ADDITIONS and not word.isdigit():
            rest.append(word)
    if splits == {"train", "validation"}:
        splits = {"train"}
    return SplitLike(splits.pop(), tuple(rest)) if len(splits) == 1 else None


def split_of(name: str) -> NamedSplit | None:
    """Return the split that a name alone stands for; None where it says anything else."""
    like = split_like(name)
    return like.split if like and not like.rest else None


def name_splits(
    names: Iterable[str], hold_the_same: Callable[[], bool] = lambda: False
) -> dict[str, NamedSplit]:
    """Return the splits of those of some sibling names that are a split's.

    They say the same besides: seg_train and seg_test are splits, steam_train and test_tube are not.
    If all are a split's, they may say what they like where they `hold_the_same` classes.
    """
    names = list(names)
    likes = {name: like for name in names if (like := split_like(name))}
    several = len({like.split for like in likes.values()}) > 1
    if several and len({like.rest for like in likes.values()}) > 1:
        several = len(likes) == len(names) and hold_the_same()
    return {name: like.split for name, like in likes.items() if several or not like.rest}


def used_splits(named: Iterable[NamedSplit]) -> dict[NamedSplit, SplitName]:
    """Return which split each split of a source becomes.

    A validation split is the test split where there is no other. Beside a train and a test split
    it is left out: it is meant for choosing settings, and `tune` chooses them within train.
    """
    used: dict[NamedSplit, SplitName] = {"train": "train", "test": "test"}
    if not {"train", "test"} <= set(named):
        used["validation"] = "test"
    return used


def is_plain_split(name: str) -> bool:
    """Tell whether a name is that of a split, and nothing more."""
    return name.lower() in _SPLIT_WORDS


def is_generic(name: str) -> bool:
    """Tell whether a folder's name says nothing of its pictures: images_001, part 2, 100CANON."""
    said = {word for word in words(name) if not word.isdigit()}
    generic = {*_ADDITIONS, *_GENERIC, *_COMPANIONS, *_SPLIT_WORDS}
    return (bool(said) and said <= generic) or bool(re.fullmatch(r"\d{3}[A-Z\d_]{5}", name))


def is_date(name: str) -> bool:
    """Tell whether a folder's name is a date, or a month: 2024-05-31, 20240531, 2024_05."""
    return bool(re.fullmatch(r"(19|20)\d\d[-_. ]?[01]\d([-_. ]?[0-3]\d)?", name))


def is_companion(name: str) -> bool:
    """Tell whether a folder's name is of what goes with pictures: PedMasks, annotations."""
    return not {*words(name)}.isdisjoint(_COMPANIONS)


def class_name(text: str) -> str:
    """Return a class's name in one spelling: Unicode's composed form (NFC), single blanks."""
    seen = text.translate(_INVISIBLE)
    return " ".join(unicodedata.normalize("NFC", seen).split())


def lookalikes(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of class names that differ by case, punctuation or Unicode form alone.

    Or that are one number, as 1 and 1.0.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        groups[_key(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _key(name: str) -> str:
    key = unicodedata.normalize("NFKC", name).casefold()
    try:
        return repr(float(key))
    except ValueError:
        return re.sub(r"[\s_.'\"-]", "", key) or key


# As spreadsheets, databases and pandas write a cell without a value.
_MISSING = frozenset(("na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "nil", "none", "?"))


def is_missing(label: str) -> bool:
    """Tell whether a table's label says that there is none; ``none`` in lower case is a class."""
    return not label.strip() or (label.strip().lower() in _MISSING and label.strip() != "none")


def several_labels(label: str, labels: Sequence[str] | set[str]) -> list[str]:
    """Return the labels in one cell, where it holds several; of which others stand alone.

    ``cat;dog`` holds two where cat or dog is a label of its own; ``hot dog`` is one where either
    word is none. A list in brackets is one, whatever stands in it.
    """
    is_list = label.startswith("[") and label.endswith("]")
    for separators, enough in ((r"[,;|]", any), (r"[\s/+&]+", all)):
        parts = [part for part in (p.strip(" []'\"") for p in re.split(separators, label)) if part]
        if len(parts) > 1 and (is_list or enough(part in labels for part in parts)):
            return parts
    return []
