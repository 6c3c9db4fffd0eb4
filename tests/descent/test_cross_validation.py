"""Cross-validation: many settings on many folds at once, as if each were trained alone."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf.descent import Problem, Settings, cross_validation, descend
from catclf.descent.cross_validation import CrossValidation, compared_lengths
from catclf.descent.gram import gram_matrix
from catclf.descent.vectorized import Vectorized
from catclf.logistic import cross_entropy, sigmoid
from catclf.observer import Observer

Array = NDArray[np.float64]


def problem(m: int = 30, seed: int = 0) -> tuple[NDArray[np.uint8], Array]:
    """Return pictures (m, 12) of two classes that differ a little, and labels (1, m)."""
    rng = np.random.default_rng(seed)
    Y = (np.arange(m) % 2).astype(np.float64)
    columns = rng.integers(0, 200, (m, 12)) + (40 * Y[:, None]).astype(np.int64)
    return columns.astype(np.uint8), Y.reshape(1, m)


def test_every_trial_equals_its_own_training_by_vectorized() -> None:
    """Each rate, penalty and fold, trained alone on its pictures: held-out loss within 1e-9."""
    columns, Y = problem()
    settings = [(0.01, 0.0), (0.1, 0.0), (0.1, 0.5)]
    fold_of = np.arange(30).reshape(1, 30) % 3
    course = CrossValidation(gram_matrix(columns), Y, settings, fold_of, 3).run(
        [20, 40, 60], Observer()
    )
    for s, (rate, l2) in enumerate(settings):
        for fold in range(3):
            seen = fold_of[0] != fold
            for index, length in enumerate(course.lengths):
                wanted = Settings(rate, length, l2)
                method = Vectorized(Problem(columns[seen], Y[:, seen], wanted), None)
                alone = descend(method, wanted)
                Z = alone.w.T @ (columns[~seen].T / 255) + alone.b
                loss = float(cross_entropy(Z, Y[:, ~seen]).mean())
                accuracy = float(np.mean((Z > 0) == (Y[:, ~seen] == 1)))
                assert course.loss[index, s, 0, fold] == pytest.approx(loss, rel=1e-9)
                assert course.accuracy[index, s, 0, fold] == pytest.approx(accuracy)


def test_a_setting_that_diverges_is_frozen_and_the_others_go_on() -> None:
    """It is shown as diverged, and its company's numbers are what they are without it."""
    columns, Y = problem()
    K, fold_of = gram_matrix(columns), np.arange(30).reshape(1, 30) % 3
    together = CrossValidation(K, Y, [(0.05, 0.0), (50.0, 1.0)], fold_of, 3).run(
        [*range(10, 201, 10)], Observer()
    )
    alone = CrossValidation(K, Y, [(0.05, 0.0)], fold_of, 3).run([*range(10, 201, 10)], Observer())
    assert together.best(1).diverged
    assert not together.best(0).diverged
    assert np.allclose(together.loss[:, :1], alone.loss, rtol=1e-12)
    assert together.simplest_within_one_error().learning_rate == 0.05


def test_the_choice_is_the_simplest_within_one_standard_error() -> None:
    """No setting of a larger penalty, or of less rate times iterations, is as near the best."""
    columns, Y = problem()
    fold_of = np.arange(30).reshape(1, 30) % 5
    settings = [(0.02, 0.0), (0.1, 0.0), (0.1, 0.1)]
    course = CrossValidation(gram_matrix(columns), Y, settings, fold_of, 5).run(
        [*range(10, 301, 10)], Observer()
    )
    chosen = course.simplest_within_one_error()
    every = [course.score(i, s) for i in range(len(course.lengths)) for s in range(3)]
    best = min(every, key=lambda score: score.log_loss)
    bound = best.log_loss + best.log_loss_error
    assert chosen.log_loss <= bound
    simpler = [
        score
        for score in every
        if score.log_loss <= bound
        and (-score.l2, score.learning_rate * score.iterations)
        < (-chosen.l2, chosen.learning_rate * chosen.iterations)
    ]
    assert simpler == []


def test_the_penalty_counts_where_divergence_is_judged() -> None:
    """Costs along the way are J(w, b), penalty and all, of every row; the last is all pictures'."""
    columns, Y = problem()
    fold_of = np.arange(30).reshape(1, 30) % 3
    curves = CrossValidation(gram_matrix(columns), Y, [(0.1, 0.5)], fold_of, 3).run([7], Observer())
    settings = Settings(0.1, 7, 0.5)
    whole = descend(Vectorized(Problem(columns, Y, settings), None), settings)
    assert curves.cost[0, 0, 3] == pytest.approx(whole.final_cost, rel=1e-12)
    assert curves.loss.shape == (1, 1, 1, 3)


@given(iterations=st.integers(1, 10**7))
def test_short_lengths_are_compared_however_long_the_longest(iterations: int) -> None:
    """From 1 to the longest, each one or at most a fifth above the one before, 200 at most."""
    lengths = compared_lengths(iterations)
    assert lengths[0] == 1
    assert lengths[-1] == iterations
    assert len(lengths) <= 200
    assert all(b - a == 1 or b <= 1.2 * a for a, b in pairwise(lengths))


def test_repeats_do_not_make_the_mean_more_certain() -> None:
    """The standard error is that of one division, as numpy has it, averaged over the repeats."""
    once = np.array([[0.1, 0.4, 0.7]])
    alone = cross_validation._standard_error(once)
    assert alone == pytest.approx(once.std(ddof=1) / math.sqrt(3))
    assert cross_validation._standard_error(np.tile(once, (9, 1))) == pytest.approx(alone)


def test_out_of_fold_means_are_over_the_trainings_that_held_it_out() -> None:
    """Of each example, the probability and the loss by the trainings that never saw it."""
    columns, Y = problem()
    fold_of = np.stack([np.arange(30) % 3, np.arange(30) // 10])
    trials = CrossValidation(gram_matrix(columns), Y, [(0.1, 0.5)], fold_of, 3)
    probability, loss = trials.out_of_fold(25)
    settings = Settings(0.1, 25, 0.5)
    expected_probability, expected_loss = np.zeros(30), np.zeros(30)
    for fold in fold_of:
        for held_out in (fold == number for number in range(3)):
            seen = Problem(columns[~held_out], Y[:, ~held_out], settings)
            alone = descend(Vectorized(seen, None), settings)
            Z = alone.w.T @ (columns[held_out].T / 255) + alone.b
            expected_probability[held_out] += sigmoid(Z)[0] / 2
            expected_loss[held_out] += cross_entropy(Z, Y[:, held_out])[0] / 2
    assert probability == pytest.approx(expected_probability, rel=1e-9)
    assert loss == pytest.approx(expected_loss, rel=1e-9)


def test_two_settings_that_diverge_leave_a_score_that_says_so() -> None:
    """Its means are nan, and its length the longest: there is no best one."""
    columns, Y = problem()
    fold_of = np.arange(30).reshape(1, 30) % 3
    trials = CrossValidation(gram_matrix(columns), Y, [(50.0, 0.0), (90.0, 1.0)], fold_of, 3)
    curves = trials.run([100, 200], Observer())
    for setting, (rate, l2) in enumerate(trials.settings):
        score = curves.best(setting)
        assert (score.learning_rate, score.l2, score.iterations) == (rate, l2, 200)
        assert score.diverged
        assert math.isnan(score.log_loss)
        assert math.isnan(score.accuracy)
