"""Sums over examples: exact between blocks, so that no bit depends on who adds them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from operator import add
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.columns import BLOCK_EXAMPLES
from catclf.descent import Problem
from catclf.descent.sums import Examples, Kernel, NumpyKernel, Sums, divide, dw_scale, scaled
from catclf.logistic import (
    CLASS_WEIGHTS,
    Array,
    ClassWeight,
    LossName,
    backward,
    forward,
    loss_of,
    softmax,
)
from catclf.training import Settings
from conftest import ColumnsMaker
from descent.problems import (
    COSTS,
    by_turns,
    every_cost,
    printed_by_any_threads,
    problem_of,
)


def parameters(problem: Problem) -> tuple[Array, Array]:
    """Return weights away from zero, and biases."""
    w = np.random.default_rng(7).normal(0, 0.1, (problem.n_x, problem.k))
    return w / math.sqrt(problem.n_x), np.linspace(-0.3, 0.4, problem.k).reshape(-1, 1)


def same(one: Sums, other: Sums) -> bool:
    """Return whether two sums are equal in every bit."""
    return one.dw.tolist() == other.dw.tolist() and one.db == other.db and one.loss == other.loss


@given(
    cost=st.sampled_from(COSTS),
    class_weight=st.sampled_from(CLASS_WEIGHTS),
    cuts=st.lists(st.integers(0, 5), max_size=4),
    order=st.randoms(),
)
def test_any_division_and_any_order_give_the_same_bits(
    cost: tuple[LossName, int], class_weight: ClassWeight, cuts: list[int], order: Random
) -> None:
    """Shards cut at any blocks, summed apart and added in any order: equal to one sum."""
    problem = problem_of(1100, 5, *cost, class_weight)
    examples, (w, b) = Examples.of(problem), parameters(problem)
    bounds = sorted({0, 1100, *(BLOCK_EXAMPLES * min(cut, 4) for cut in cuts)})
    runs = [slice(*pair) for pair in pairwise(bounds)]
    parts = [examples.sums(NumpyKernel(*w.shape), scaled(w), b, run) for run in runs]
    order.shuffle(parts)
    assert same(reduce(add, parts), examples.sums(NumpyKernel(*w.shape), scaled(w), b))


def test_a_shard_with_rows_of_its_own_gives_the_sums_of_its_run() -> None:
    """Whoever holds only some rows, and knows m, computes what the whole's run does."""
    problem = problem_of(700, 9, n_classes=3)
    whole, (w, b) = Examples.of(problem), parameters(problem)
    rows = whole.columns[256:700], whole.labels[256:], whole.weights[256:]
    shard = Examples(*rows, whole.loss, 700, 3)
    assert same(
        shard.sums(NumpyKernel(*w.shape), scaled(w), b),
        whole.sums(NumpyKernel(*w.shape), scaled(w), b, slice(256, 700)),
    )


@every_cost
@pytest.mark.parametrize("m", [1, 2, 17, 256, 257, 1000])
@pytest.mark.parametrize("n_x", [1, 48, 12288])
def test_means_equal_the_lectures(
    m: int, n_x: int, loss: LossName, n_classes: int, class_weight: ClassWeight
) -> None:
    """Mean loss, dw and db are those of the four lines in float64, within float32's rounding."""
    problem = problem_of(m, n_x, loss, n_classes, class_weight)
    (w, b), of = parameters(problem), loss_of(loss, problem.k)
    X = problem.columns[:].T / 255
    Z = forward(w, b, X)
    dZ = problem.example_weights * of.dZ(of.activation(Z, None), problem.Y)
    expected_dw, expected_db = backward(X, dZ)
    mean, dw, db = Examples.of(problem).sums(NumpyKernel(*w.shape), scaled(w), b).means(m)
    assert mean == pytest.approx(
        float(np.mean(problem.example_weights * of.value(Z, problem.Y))), rel=1e-5
    )
    np.testing.assert_allclose(dw, expected_dw, rtol=1e-4, atol=1e-6)
    assert db == pytest.approx(expected_db, rel=1e-4, abs=1e-6)


def test_more_features_than_one_product_takes() -> None:
    """Rows longer than a product are multiplied in parts: the sums are those of float64."""
    problem = problem_of(3, 200_001, n_classes=3)
    (w, b), X = parameters(problem), problem.columns[:].T / 255
    w /= 10
    A = softmax(forward(w, b, X))
    expected_dw, expected_db = backward(X, A - problem.Y)
    _, dw, db = Examples.of(problem).sums(NumpyKernel(*w.shape), scaled(w), b).means(3)
    np.testing.assert_allclose(dw, expected_dw, rtol=1e-3, atol=1e-6)
    assert db == pytest.approx(expected_db, rel=1e-3)


@pytest.mark.parametrize("m", [1, 3, 10**3, 10**6, 10**9])
def test_the_scale_leaves_room_for_the_largest_sum(m: int) -> None:
    """All of 255 and all of one sign: scaled below 2^62, and within 2 bits of it."""
    largest = Fraction(255 * m) * Fraction(dw_scale(m))
    assert 2**60 < largest <= 2**62


@pytest.fixture(params=["numpy", pytest.param("numba", marks=pytest.mark.slow)])
def kernel(request: pytest.FixtureRequest) -> Callable[[int, int], Kernel]:
    """Return what makes a kernel for so many features and neurons."""
    if request.param == "numpy":
        return NumpyKernel
    from catclf.descent.compiled import numba_kernel

    return lambda n_x, k: numba_kernel


def test_the_largest_sum_does_not_overflow(kernel: Callable[[int, int], Kernel]) -> None:
    """White pictures that are all wrong, one class weighted 500 to 1: dw has its sign and size."""
    m = 1000
    labels, white = np.zeros(m, np.uint8), np.full((m, 3), 255, np.uint8)
    labels[0] = 1
    problem = Problem(white, labels, Settings(class_weight="balanced"))
    w = scaled(np.zeros((3, 1)))
    for b, sign in ((40.0, 1), (-40.0, -1)):
        _, dw, _ = Examples.of(problem).sums(kernel(3, 1), w, np.array([[b]])).means(m)
        assert dw == pytest.approx(np.full((3, 1), sign / 2), rel=1e-5)
    labels[1] = 2
    problem = Problem(white, labels, problem.settings, None, 3)
    for wrong in range(3):  # of the class that all others are said to be
        w, b = scaled(np.zeros((3, 3))), 40.0 * (np.arange(3) == wrong).reshape(3, 1)
        _, dw, _ = Examples.of(problem).sums(kernel(3, len(w)), w, b).means(m)
        expected = np.where(np.arange(3) == wrong, 2 / 3, -1 / 3)
        assert dw == pytest.approx(np.tile(expected, (3, 1)), rel=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan, 1e308])
def test_what_overflows_is_never_taken_for_a_number(
    bad: float, n_classes: int, kernel: Callable[[int, int], Kernel]
) -> None:
    """Weights beyond float32: the sum of dZ or the loss is not finite, whoever adds it."""
    problem = problem_of(600, 4, n_classes=n_classes)
    w, b = problem.start(None)
    w[:3, 0] = -bad, bad, bad
    examples = Examples.of(problem)
    parts = [examples.sums(kernel(*w.shape), scaled(w), b, run) for run in divide(600, 3)]
    mean, _, db = reduce(add, parts).means(600)
    assert not (math.isfinite(mean) and np.isfinite(db).all())


@given(m=st.integers(1, 5000), parts=st.integers(1, 40))
def test_divide_covers_all_by_whole_blocks(m: int, parts: int) -> None:
    """Every example once, in order, each run from a multiple of a block, none empty."""
    runs = divide(m, parts)
    assert [i for run in runs for i in range(run.start, run.stop)] == list(range(m))
    assert all(run.start % BLOCK_EXAMPLES == 0 for run in runs)
    assert len(runs) == min(parts, -(-m // BLOCK_EXAMPLES))


def test_where_arrays_lie_in_memory_changes_no_bit(make_columns: ColumnsMaker) -> None:
    """Weights and pixels at odd addresses, as in a file or shared memory, sum to the same."""
    columns = make_columns(300, 12288)
    problem = Problem(columns, by_turns(300, 3), Settings(), None, 3)
    w, b = parameters(problem)
    expected = Examples.of(problem).sums(NumpyKernel(*w.shape), scaled(w), b)
    for offset in (1, 4, 12):
        raw = np.zeros(columns.size + offset, np.uint8)
        moved = raw[offset:].reshape(columns.shape)
        moved[:] = columns
        shifted = np.zeros(w.size + offset, np.float32)[offset:].reshape(3, 12288)
        shifted[:] = scaled(w)
        examples = Examples.of(replace(problem, columns=moved))
        assert same(examples.sums(NumpyKernel(*w.shape), shifted, b), expected)


THREADS_PROGRAM = """
import hashlib
import numpy as np
from catclf.descent import Problem
from catclf.descent.sums import Examples, NumpyKernel, scaled
from catclf.training import Settings
rng = np.random.default_rng(0)
for m, n_x, n in ((33, 12288, 2), (257, 12288, 2), (5, 300_001, 2), (33, 12288, 70)):
    columns = rng.integers(0, 256, (m, n_x), dtype=np.uint8)
    problem = Problem(columns, (np.arange(m) % n).astype(np.uint8), Settings(), None, n)
    w = scaled(rng.normal(0, 1e-3, (n_x, problem.k)))
    sums = Examples.of(problem).sums(NumpyKernel(n_x, problem.k), w, np.full((problem.k, 1), 0.1))
    print(hashlib.sha256(sums.dw.tobytes()).hexdigest(), sums.db, sums.loss)
"""


def test_threads_of_the_matrix_library_change_no_bit() -> None:
    """OpenBLAS with one thread or with four: the same sums, a last single example included."""
    assert len(printed_by_any_threads(THREADS_PROGRAM)) == 4
