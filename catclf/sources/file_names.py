"""Labels in the names of files, such as cat.12.jpg."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable

from catclf.sources.names import class_name, split_of

_SUFFIX = re.compile(r"\.[^\W\d_]\w*(\?.*)?$")  # .12 is none, .jpg?w=640 is one
# What browsers and file managers add to the name of a second copy.
_COPY = re.compile(r"( \(\d+\)| - copy|[ _]copy( \d+)?)+$", re.IGNORECASE)
_SEPARATORS = " ._-([{#~=,"
# What cameras, phones and programs write before a number: no label.
_NO_LABELS = frozenset((
    "img", "image", "images", "imag", "photo", "photos", "picture", "pictures", "pic", "pics",
    "file", "frame", "scan", "screenshot", "screen", "shot", "capture", "download", "untitled",
    "copy", "unnamed", "sample", "example", "fb", "received", "whatsapp", "wa", "signal", "at",
    "dsc", "dscn", "dscf", "dcim", "sdc", "pxl", "mvimg", "mvi", "pano", "burst", "cover", "dji",
    "gopr", "gp", "cimg", "kimg", "sam", "pict", "hpim", "lrm", "edited", "am", "pm",
))  # fmt: skip


def label_from_name(file_name: str) -> str | None:
    """Return what stands before the last number of a file's name, without its separator.

    ``cat`` of ``cat.12.jpg`` and of ``cat (12).jpg``. None where there is no number, or no letter
    before it. What is added to copies, as in ``cat.12 (1).jpg``, is no number where one is left.
    """
    stem = _SUFFIX.sub("", os.path.basename(file_name))
    numbers = [*re.finditer(r"\d+", _COPY.sub("", stem))] or [*re.finditer(r"\d+", stem)]
    before = stem[: numbers[-1].start()].rstrip(_SEPARATORS) if numbers else ""
    return class_name(before) if _words(before) else None


def labels_in_names(file_names: Iterable[str]) -> list[str]:
    """Return the labels that the names of files hold, sorted; none where this is doubtful.

    It is where a name has none, or one that a camera wrote; where there are fewer than two labels,
    or one of one file alone; and where they are names of splits.
    """
    counts = Counter(label_from_name(name) or "" for name in file_names)
    is_sure = len(counts) > 1 and min(counts.values()) > 1
    if not is_sure or any(_words(label) <= _NO_LABELS or split_of(label) for label in counts):
        return []
    return sorted(counts)


def _words(label: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", label.lower()))
