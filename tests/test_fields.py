"""A field's range is declared once, checked by its dataclass, and told in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from catclf import Search, Settings
from catclf.fields import Range, check_ranges, range_of, ranged


@dataclass(frozen=True)
class Asked:
    """Fields of every kind, one of no range."""

    rate: float = ranged(0.5, above=0, below=1, unit="RATE")
    count: int = ranged(3, whole=True, least=1, most=9)
    fit: str = ranged("crop", choices=("crop", "pad"))
    rates: tuple[float, ...] = ranged((), least=0)
    sample: int | None = ranged(None, whole=True, least=4)
    name: str = ""

    def __post_init__(self) -> None:
        check_ranges(self)


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"rate": 1e-300, "count": 9, "fit": "pad"},
        {"rates": (0, 0.0, 1e300)},
        {"sample": 4, "name": "anything"},
    ],
)
def test_what_is_within_its_range_is_let_be(good: dict[str, Any]) -> None:
    """Limits themselves where they are allowed; None where it is the default."""
    for name, value in good.items():
        assert getattr(Asked(**good), name) == value


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 0}, "rate must be above 0, got 0"),
        ({"rate": 1}, "rate must be below 1, got 1"),
        ({"rate": math.nan}, "rate must be a finite number, got nan"),
        ({"rate": -math.inf}, "rate must be a finite number, got -inf"),
        ({"rate": True}, "rate must be a finite number, got True"),
        ({"rate": "0.5"}, "rate must be a finite number, got '0.5'"),
        ({"rate": None}, "rate must be a finite number, got None"),
        ({"count": 0}, "count must be at least 1, got 0"),
        ({"count": 10}, "count must be at most 9, got 10"),
        ({"count": 3.0}, "count must be a whole number, got 3.0"),
        ({"count": True}, "count must be a whole number, got True"),
        ({"fit": "squash"}, "fit must be one of crop, pad, got 'squash'"),
        ({"fit": ["crop"]}, "fit must be one of crop, pad, got ['crop']"),
        ({"rates": (0.1, -1)}, "rates must be at least 0, got (0.1, -1)"),
        ({"rates": 0.1}, "rates must be a list of numbers, got 0.1"),
        ({"rates": "0.1"}, "rates must be a list of numbers, got '0.1'"),
        ({"sample": 3}, "sample must be at least 4, got 3"),
    ],
)
def test_what_is_not_is_told_with_the_range(wrong: dict[str, Any], message: str) -> None:
    """A ValueError: required, then got."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole message)
        Asked(**wrong)
    assert str(caught.value) == message


def test_a_range_and_a_default_are_found_by_name() -> None:
    """For the options of the command line."""
    assert range_of(Asked, "rate") == (Range(above=0, below=1, unit="RATE"), 0.5)
    assert range_of(Asked, "sample")[1] is None


def test_numpys_numbers_and_lists_are_as_good() -> None:
    """What a notebook computes goes in as it is."""
    numbers: dict[str, Any] = {"iterations": np.int64(5), "learning_rate": np.float32(0.5)}
    asked = Settings(**numbers)
    assert (type(asked.iterations), type(asked.learning_rate)) == (int, float)
    assert Search(learning_rates=[0.1], l2=[0.0]).settings() == [(0.1, 0.0)]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="iterations must be a whole number"):
        Settings(iterations=True)
