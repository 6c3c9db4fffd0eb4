"""What a descent is given: settings without meaning and states of other shapes are refused."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from catclf.descent import Problem, Settings, StateError
from conftest import ColumnsMaker
from descent.problems import half_and_half


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


def test_a_problem_tells_its_sizes(make_columns: ColumnsMaker) -> None:
    """Columns of X stand as rows: m is their number, n_x their length."""
    problem = Problem(make_columns(5, 12), half_and_half(5), Settings())
    assert (problem.m, problem.n_x) == (5, 12)


def test_without_a_state_a_descent_begins_from_zeros(make_columns: ColumnsMaker) -> None:
    """W is a column of n_x zeros, and b is 0."""
    w, b = Problem(make_columns(5, 12), half_and_half(5), Settings()).start(None)
    assert np.array_equal(w, np.zeros((12, 1)))
    assert w.dtype == np.float64
    assert b == 0


def test_with_a_state_a_descent_begins_from_its_w_and_b(make_columns: ColumnsMaker) -> None:
    """What else a method keeps in a state is not looked at here."""
    given_w = np.linspace(-1, 1, 12).reshape(12, 1)
    state = {"w": given_w, "b": np.array(0.25), "u": np.zeros(99)}
    w, b = Problem(make_columns(5, 12), half_and_half(5), Settings()).start(state)
    assert np.array_equal(w, given_w)
    assert (b, type(b)) == (0.25, float)


@pytest.mark.parametrize("shape", [(12,), (1, 12), (11, 1), (13, 1), (12, 2), (0, 1), ()])
def test_a_w_of_another_shape_is_refused(
    shape: tuple[int, ...], make_columns: ColumnsMaker
) -> None:
    """StateError tells the shape required, then the shape given."""
    problem = Problem(make_columns(5, 12), half_and_half(5), Settings())
    message = f"w must be (12, 1), got {shape}"
    with pytest.raises(StateError, match=f"^{re.escape(message)}$"):
        problem.start({"w": np.zeros(shape), "b": np.array(0.0)})
