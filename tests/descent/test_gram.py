"""The gram method: the lecture's iterates, among the examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from catclf import open_dataset
from catclf.descent import Problem, StateError
from catclf.descent.gram import Gram, gram_matrix, primal_weights
from catclf.training import Settings
from conftest import ColumnsMaker
from descent.problems import by_turns, problems, run, with_settings


@pytest.mark.slow
def test_gram_equals_vectorized_on_the_courses_files(course_dataset: Path) -> None:
    """300 iterations at 0.005: costs within 1e-12 relative, weights within 1e-10."""
    with open_dataset(course_dataset) as dataset:
        asked = Settings(iterations=300)
        problem = Problem(dataset.train.columns[:], dataset.train.labels, asked)
    gram, vectorized = (run(name, problem) for name in ("gram", "vectorized"))
    assert gram.training.costs == pytest.approx(vectorized.training.costs, rel=1e-12)
    np.testing.assert_allclose(gram.w, vectorized.w, rtol=0, atol=1e-10)


@given(problem=problems())
def test_gram_equals_vectorized(problem: Problem) -> None:
    """On random data, with every loss and penalty: costs to 1e-12, weights to 1e-10."""
    problem = with_settings(problem, learning_rate=0.05)
    gram, vectorized = (run(name, problem) for name in ("gram", "vectorized"))
    assert gram.training.costs == pytest.approx(vectorized.training.costs, rel=1e-12)
    assert gram.w == pytest.approx(vectorized.w, abs=1e-10)
    assert gram.b == pytest.approx(vectorized.b, abs=1e-10)


@pytest.mark.parametrize(("n_classes", "numbers"), [(2, 6), (3, 18)])
def test_weights_without_their_dual_coefficients_are_refused(
    n_classes: int, numbers: int, make_columns: ColumnsMaker
) -> None:
    """W alone does not tell c: such a run could not end where an uninterrupted one does."""
    labels = by_turns(6, n_classes)
    problem = Problem(make_columns(6, 12), labels, Settings(), None, n_classes)
    w, b = problem.start(None)
    with pytest.raises(StateError, match=rf"u must be \({numbers},\)"):
        Gram(problem, {"w": w, "b": b})


def test_a_state_that_began_from_other_weights_is_refused(make_columns: ColumnsMaker) -> None:
    """Catclf 0.1 wrote such states: its w is not X c, so there is nothing to resume from."""
    problem = Problem(make_columns(6, 12), by_turns(6), Settings())
    gram, (w, b) = Gram(problem), problem.start(None)
    state = {"w": w, "b": b, **gram.state()}
    Gram(problem, state)
    with pytest.raises(StateError, match="that began from other weights"):
        Gram(problem, state | {"start": np.ones((12, 1))})


def test_the_products_of_pixels_are_exact(make_columns: ColumnsMaker) -> None:
    """K is the integers' product, rounded once: the order of summation changes no bit."""
    columns = make_columns(7, 5000)
    exact = columns.astype(np.int64) @ columns.astype(np.int64).T
    assert np.array_equal(gram_matrix(columns), exact / 255.0**2)
    shuffled = columns[:, np.random.default_rng(1).permutation(5000)]
    assert np.array_equal(gram_matrix(shuffled), gram_matrix(columns))


def test_the_weights_are_X_times_the_dual_coefficients(make_columns: ColumnsMaker) -> None:
    """Also where the examples come in more than one block."""
    columns, C = make_columns(600, 12), np.random.default_rng(0).normal(size=(3, 600))
    assert primal_weights(columns, C) == pytest.approx(columns.T / 255 @ C.T, rel=1e-12)
