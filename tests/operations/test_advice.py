"""What is said of an accuracy follows from its interval, and from its distance to the constant."""

from __future__ import annotations

import pytest

import catclf
from catclf.operations.advice import verdict_of


@pytest.mark.parametrize(
    ("value", "interval", "words", "is_low"),
    [
        (0.35, (0.3, 0.4), "surely worse than that: the 95 % interval of its accuracy", False),
        (0.55, (0.5, 0.6), "not surely better than that: the 95 % interval", False),
        (0.55, (0.51, 0.6), "accuracy, 51.00 % to 60.00 %, lies above it.", True),
        (0.85, (0.8, 0.9), "is surely better than that: the 95 % interval", False),
    ],
)
def test_surely_is_of_the_whole_interval(
    value: float, interval: tuple[float, float], words: str, is_low: bool
) -> None:
    """And low is what is surely better, but nearer to the constant than to 100 %."""
    told = verdict_of(catclf.Judged("accuracy", value, interval, 0.5, 2)).replace("\u00a0", " ")
    assert words in told
    assert told.endswith("is low: nearer to 50.00 % than to 100 %.") == is_low
