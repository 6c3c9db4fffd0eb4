"""Settings: what one training is asked to do, and what none can be."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from catclf.descent import Settings


def test_default_settings_are_the_courses() -> None:
    """Without a word said, it is the course's run: 0.005, 2000 iterations, no penalty."""
    assert Settings() == Settings(0.005, 2000, 0.0, "cross-entropy", 100)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0.0"),
        ({"learning_rate": -0.1}, "learning_rate must be above 0, got -0.1"),
        ({"learning_rate": math.nan}, "learning_rate must be above 0, got nan"),
        ({"learning_rate": math.inf}, "learning_rate must be above 0, got inf"),
        ({"l2": -1e-9}, "l2 must be at least 0, got -1e-09"),
        ({"l2": math.nan}, "l2 must be at least 0, got nan"),
        ({"l2": math.inf}, "l2 must be at least 0, got inf"),
        ({"iterations": 0}, "iterations and every must be at least 1"),
        ({"every": 0}, "iterations and every must be at least 1"),
        ({"loss": "hinge"}, "loss must be one of cross-entropy, squared-error, got 'hinge'"),
    ],
)
def test_settings_no_descent_can_follow_are_refused(wrong: dict[str, Any], message: str) -> None:
    """A setting without meaning is a ValueError before anything is computed."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Settings(**wrong)
