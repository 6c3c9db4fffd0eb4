"""The gram method: the lecture's iterates, among the examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import ColumnsMaker
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf import open_dataset
from catclf.descent import METHODS, Settings, descend
from catclf.descent.gram import Gram, gram_matrix, mixture
from catclf.logistic import LossName

Array = NDArray[np.float64]


def test_gram_equals_vectorized_on_the_courses_files(course_dataset: Path) -> None:
    """2000 iterations at 0.005: costs within 1e-12 relative, weights within 1e-10."""
    settings = Settings()
    with open_dataset(course_dataset) as dataset:
        split = dataset.train
        gram, vectorized = (
            descend(METHODS[name](split.columns, split.Y, settings, None), settings)
            for name in ("gram", "vectorized")
        )
    assert list(gram.costs.values()) == pytest.approx(list(vectorized.costs.values()), rel=1e-12)
    assert gram.w == pytest.approx(vectorized.w, abs=1e-10)


@given(
    m=st.integers(1, 12),
    n_x=st.integers(1, 30),
    seed=st.integers(0, 10**6),
    loss=st.sampled_from(["cross-entropy", "squared-error"]),
    l2=st.sampled_from([0.0, 0.03, 1.0]),
    warm=st.booleans(),
)
def test_gram_equals_vectorized(
    m: int, n_x: int, seed: int, loss: LossName, l2: float, warm: bool
) -> None:
    """On random data, with every loss, penalty and start: costs to 1e-12, weights to 1e-10."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 256, (m, n_x), dtype=np.uint8)
    Y = rng.integers(0, 2, (1, m)).astype(np.float64)
    settings = Settings(0.05, 60, l2, loss, every=7)
    state = {"w": rng.normal(size=(n_x, 1)), "b": np.array(rng.normal())} if warm else None
    gram, vectorized = (
        METHODS[name](columns, Y, settings, state) for name in ("gram", "vectorized")
    )
    for _ in range(60):
        assert gram.step(True) == pytest.approx(vectorized.step(True), rel=1e-12)
    assert gram.parameters()[0] == pytest.approx(vectorized.parameters()[0], abs=1e-10)
    assert gram.parameters()[1] == pytest.approx(vectorized.parameters()[1], abs=1e-10)


def test_a_warm_start_resumed_is_the_uninterrupted_one(make_columns: ColumnsMaker) -> None:
    """A run from given weights, cut and gone on with from its state, ends bit for bit the same."""
    columns, Y = make_columns(6, 12), np.array([[0.0, 1, 0, 1, 1, 0]])
    settings = Settings(0.1, 40, 0.1)
    start = {"w": np.ones((12, 1)), "b": np.array(0.5)}
    whole, first = (Gram(columns, Y, settings, start) for _ in range(2))
    for _ in range(40):
        whole.step(False)
    for _ in range(15):
        first.step(False)
    w, b = first.parameters()
    second = Gram(columns, Y, settings, {"w": w, "b": np.array(b), **first.state()})
    for _ in range(25):
        second.step(False)
    assert np.array_equal(whole.parameters()[0], second.parameters()[0])
    assert whole.cost() == second.cost()


def test_the_products_of_pixels_are_exact(make_columns: ColumnsMaker) -> None:
    """K is the integers' product, rounded once: the order of summation changes no bit."""
    columns = make_columns(7, 5000)
    exact = columns.astype(np.int64) @ columns.astype(np.int64).T
    assert np.array_equal(gram_matrix(columns), exact / 255.0**2)
    shuffled = columns[:, np.random.default_rng(1).permutation(5000)]
    assert np.array_equal(gram_matrix(shuffled), gram_matrix(columns))


def test_a_mixture_is_X_times_its_coefficients(make_columns: ColumnsMaker) -> None:
    """Also where the examples come in more than one block."""
    columns, C = make_columns(600, 12), np.random.default_rng(0).normal(size=(3, 600))
    assert mixture(columns, C) == pytest.approx(columns.T / 255 @ C.T, rel=1e-12)


def test_an_iteration_allocates_nothing(make_columns: ColumnsMaker) -> None:
    """A step without its cost leaves no array behind, and makes none of the size of m."""
    import tracemalloc

    m = 400
    gram = Gram(make_columns(m, 12), np.ones((1, m)), Settings(0.01), None)
    gram.step(False)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(10):
            gram.step(False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - before < 8 * m
