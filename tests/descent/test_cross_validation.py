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
from catclf.descent.cross_validation import (
    CrossValidation,
    Curves,
    Metric,
    compared_iterations,
)
from catclf.descent.gram import gram_matrix
from catclf.descent.lecture import Vectorized
from catclf.logistic import ClassWeight, cross_entropy, sigmoid
from catclf.metrics import area_under_curve
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
    course = CrossValidation(gram_matrix(columns), Y, settings, fold_of).run(
        [20, 40, 60], Observer()
    )
    for s, (rate, l2) in enumerate(settings):
        for fold in range(3):
            seen = fold_of[0] != fold
            for index, iterations in enumerate(course.iterations):
                wanted = Settings(rate, iterations, l2)
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
    together = CrossValidation(K, Y, [(0.05, 0.0), (50.0, 1.0)], fold_of).run(
        [*range(10, 201, 10)], Observer()
    )
    alone = CrossValidation(K, Y, [(0.05, 0.0)], fold_of).run([*range(10, 201, 10)], Observer())
    assert together.best(1, "log-loss").diverged
    assert not together.best(0, "log-loss").diverged
    assert np.allclose(together.loss[:, :1], alone.loss, rtol=1e-12)


def test_the_choice_is_the_simplest_within_one_standard_error() -> None:
    """No setting of a larger penalty, or of less rate times iterations, is as near the best."""
    columns, Y = problem()
    fold_of = np.arange(30).reshape(1, 30) % 5
    settings = [(0.02, 0.0), (0.1, 0.0), (0.1, 0.1)]
    course = CrossValidation(gram_matrix(columns), Y, settings, fold_of).run(
        [*range(10, 301, 10)], Observer()
    )
    leader = min((course.best(s, "log-loss") for s in range(3)), key=lambda score: score.log_loss)
    chosen = course.simplest(leader, "log-loss", math.inf)
    every = [course.score(i, s) for i in range(len(course.iterations)) for s in range(3)]
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
    curves = CrossValidation(gram_matrix(columns), Y, [(0.1, 0.5)], fold_of).run([7], Observer())
    settings = Settings(0.1, 7, 0.5)
    whole = descend(Vectorized(Problem(columns, Y, settings), None), settings)
    assert curves.cost[0, 0, 3] == pytest.approx(whole.final_cost, rel=1e-12)
    assert curves.loss.shape == (1, 1, 1, 3)


@given(iterations=st.integers(1, 10**7))
def test_few_iterations_are_compared_however_many_the_most(iterations: int) -> None:
    """From 1 to the most, each one or at most a fifth above the one before, 200 at most."""
    compared = compared_iterations(iterations)
    assert compared[0] == 1
    assert compared[-1] == iterations
    assert len(compared) <= 200
    assert all(b - a == 1 or b <= 1.2 * a for a, b in pairwise(compared))


def test_repeats_do_not_make_the_mean_more_certain() -> None:
    """The standard error is that of one repeat, as numpy has it, averaged over the repeats."""
    once = np.array([[0.1, 0.4, 0.7]])
    alone = cross_validation._standard_error(once)
    assert alone == pytest.approx(once.std(ddof=1) / math.sqrt(3))
    assert cross_validation._standard_error(np.tile(once, (9, 1))) == pytest.approx(alone)


def test_out_of_fold_means_are_over_the_trainings_that_held_it_out() -> None:
    """Of each example, the probability and the loss by the trainings that never saw it."""
    columns, Y = problem()
    fold_of = np.stack([np.arange(30) % 3, np.arange(30) // 10])
    validation = CrossValidation(gram_matrix(columns), Y, [(0.1, 0.5)], fold_of)
    probability, loss = validation.out_of_fold(25)
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
    """Its means are nan, and its iterations all of them: there is no best number."""
    columns, Y = problem()
    fold_of = np.arange(30).reshape(1, 30) % 3
    validation = CrossValidation(gram_matrix(columns), Y, [(50.0, 0.0), (90.0, 1.0)], fold_of)
    curves = validation.run([1000, 2000], Observer())
    for setting, (rate, l2) in enumerate(validation.settings):
        score = curves.best(setting, "log-loss")
        assert (score.learning_rate, score.l2, score.iterations) == (rate, l2, 2000)
        assert score.diverged
        assert math.isnan(score.log_loss)
        assert math.isnan(score.accuracy)
        assert math.isnan(score.auc)


def curves_of_problem(class_weight: ClassWeight = "none") -> Curves:
    """Cross-validate three settings on unequal classes, 10 against 20."""
    columns, Y = problem()
    Y[0, :10] = 0
    fold_of = np.arange(30).reshape(1, 30) // 2 % 4
    settings = [(0.02, 0.0), (0.1, 0.0), (0.1, 0.1)]
    validation = CrossValidation(gram_matrix(columns), Y, settings, fold_of, class_weight)
    return validation.run([*range(10, 201, 10)], Observer())


def test_the_held_out_auc_is_that_of_each_fold() -> None:
    """Of the logits that the other folds' training gives, fold by fold, also of unequal sizes."""
    curves = curves_of_problem()
    columns, Y = problem()
    Y[0, :10] = 0
    fold_of, settings = np.arange(30) // 2 % 4, Settings(0.1, 200, 0.1)
    for fold in range(4):
        held_out = fold_of == fold
        seen = Problem(columns[~held_out], Y[:, ~held_out], settings)
        alone = descend(Vectorized(seen, None), settings)
        Z = alone.w.T @ (columns[held_out].T / 255) + alone.b
        expected = area_under_curve(Y[0, held_out].astype(np.uint8), Z[0])
        assert curves.auc[-1, 2, 0, fold] == pytest.approx(expected, rel=1e-12)


def test_balanced_classes_count_half_in_training_and_held_out() -> None:
    """Each fold's training is that of balanced settings, its held-out means the recalls' mean."""
    curves = curves_of_problem("balanced")
    columns, Y = problem()
    Y[0, :10] = 0
    fold_of, settings = np.arange(30) // 2 % 4, Settings(0.1, 200, 0.1, class_weight="balanced")
    for fold in range(4):
        held_out = fold_of == fold
        seen = Problem(columns[~held_out], Y[:, ~held_out], settings)
        alone = descend(Vectorized(seen, None), settings)
        Z = alone.w.T @ (columns[held_out].T / 255) + alone.b
        labels = Y[:, held_out]
        right, loss = (Z > 0) == (labels == 1), cross_entropy(Z, labels)
        accuracy = np.mean([right[labels == label].mean() for label in (0, 1)])
        balanced_loss = np.mean([loss[labels == label].mean() for label in (0, 1)])
        assert curves.accuracy[-1, 2, 0, fold] == pytest.approx(accuracy)
        assert curves.loss[-1, 2, 0, fold] == pytest.approx(balanced_loss, rel=1e-9)


@pytest.mark.parametrize("metric", ["log-loss", "accuracy", "auc"])
def test_what_loses_to_the_constant_is_neither_best_nor_simplest(metric: Metric) -> None:
    """Of numbers of iterations some of which beat the constant, the best is one that does."""
    curves = curves_of_problem()
    means = curves.loss.mean(axis=(2, 3))
    for constant in (float(np.median(means)), math.inf):
        scores = [curves.best(setting, metric, constant) for setting in range(3)]
        for setting, score in enumerate(scores):
            below = means[:, setting] < constant
            assert (score.log_loss < constant) == below.any()
            allowed = curves.badness(metric)[below if below.any() else ~below, setting]
            assert score.badness(metric) == pytest.approx(allowed.min())
        best = min(scores, key=lambda score: (score.log_loss >= constant, score.badness(metric)))
        simplest = curves.simplest(best, metric, constant)
        assert simplest.log_loss < constant
        assert simplest.badness(metric) <= best.badness(metric) + best.error(metric)
        assert simplest.l2 >= best.l2


def test_a_stop_ends_the_curves_there() -> None:
    """What is known after the last compared number of iterations is kept."""

    class Stopper(Observer):
        done = 0

        def progress(self, done: int, total: int) -> None:
            self.done = done

        def stop(self) -> bool:
            return self.done == 25

    columns, Y = problem()
    fold_of = np.arange(30).reshape(1, 30) % 3
    validation = CrossValidation(gram_matrix(columns), Y, [(0.1, 0.0)], fold_of)
    curves = validation.run([*range(10, 201, 10)], Stopper())
    assert curves.iterations == [10, 20]
    assert curves.loss.shape == (2, 1, 1, 3)
    assert not curves.best(0, "log-loss").diverged
