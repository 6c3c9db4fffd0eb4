"""A setting's default, range and choices, declared once, where its dataclass has its field.

The dataclass checks itself by them, and the command line makes its options of them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


MAX_COUNT = 10**9  # of iterations and the like: beyond it a number is taken for a typing error


@dataclass(frozen=True)
class Range:
    """What a setting may be: a number within limits, or one of some names.

    `least` and `most` are allowed themselves, `above` and `below` not. `unit` is what help calls a
    value.
    """

    whole: bool = False
    least: Any = None
    above: Any = None
    most: Any = None
    below: Any = None
    choices: Collection[str] = ()
    unit: str | None = None

    def limits(self) -> list[tuple[str, Callable[[Any], bool]]]:
        """Return each limit that there is, in words, and what holds within it."""
        found = (
            ("at least", self.least, operator.le),
            ("above", self.above, operator.lt),
            ("at most", self.most, operator.ge),
            ("below", self.below, operator.gt),
        )
        return [
            (f"{words} {limit:g}", partial(holds, limit))
            for words, limit, holds in found
            if limit is not None
        ]

    def complaint(self, value: Any) -> str | None:
        """Return what a value must be, in words; None where it is."""
        if self.choices:
            return None if value in self.choices else f"must be one of {', '.join(self.choices)}"
        kind = Integral if self.whole else Real  # numpy's numbers are such too
        if isinstance(value, bool) or not (isinstance(value, kind) and math.isfinite(value)):
            return "must be a whole number" if self.whole else "must be a finite number"
        broken = [words for words, holds in self.limits() if not holds(value)]
        return f"must be {broken[0]}" if broken else None


def ranged(default: Any, **limits: Any) -> Any:
    """Declare a field with its default and its `Range`; of a tuple it is that of each entry."""
    return field(default=default, metadata={"range": Range(**limits)})


def range_of(owner: type[DataclassInstance], name: str) -> tuple[Range, Any]:
    """Return the range and the default of a field."""
    found = next(each for each in fields(owner) if each.name == name)
    return found.metadata["range"], found.default


def check_ranges(instance: DataclassInstance) -> None:
    """Raise ValueError where a field's value, or an entry of it, is out of its range.

    None is allowed where it is the default. Numbers become Python's own, which JSON can hold.
    """
    for each in fields(instance):
        value, limits = getattr(instance, each.name), each.metadata.get("range")
        if limits is None or (value is None and each.default is None):
            continue
        many = isinstance(each.default, tuple)
        if many and (isinstance(value, str) or not isinstance(value, Iterable)):
            raise ValueError(f"{each.name} must be a list of numbers, got {value!r}")
        for entry in value if many else (value,):
            complaint = limits.complaint(entry)
            if complaint is not None:
                raise ValueError(f"{each.name} {complaint}, got {value!r}")
        if not limits.choices:
            plain = int if limits.whole else float
            value = tuple(map(plain, value)) if many else plain(value)
            object.__setattr__(instance, each.name, value)
