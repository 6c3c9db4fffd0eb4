"""What a descent is given: settings without meaning and states of other shapes are refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from catclf.descent import Problem, Settings, StateError
from conftest import ColumnsMaker
from descent.problems import half_and_half


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
