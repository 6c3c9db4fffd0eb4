"""Cross-validation: many settings on many folds at once, as if each were trained alone."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf.descent import Problem, cross_validation
from catclf.descent.cross_validation import CrossValidation, Curves, Metric, compared_iterations
from catclf.descent.gram import gram_matrix
from catclf.logistic import (
    CLASS_WEIGHTS,
    ClassWeight,
    activation,
    by_class,
    cross_entropy,
    loss_of,
    softmax,
    softmax_cross_entropy,
)
from catclf.metrics import area_under_curve
from catclf.observer import Observer
from catclf.training import Settings
from conftest import Recorder
from descent.problems import by_turns, run, with_settings

Array = NDArray[np.float64]
M = 30
THIRDS = np.arange(M).reshape(1, M) % 3
UNEQUAL = np.arange(M).reshape(1, M) // 2 % 4  # folds of 8 and of 7
SETTINGS = [(0.02, 0.0), (0.1, 0.0), (0.1, 0.1)]


def problem(unequal: bool = False, n_classes: int = 2) -> Problem:
    """Return pictures (m, 12) that differ a little; of two classes 15 to 15, or 10 to 20."""
    labels = by_turns(M, n_classes)
    noise = np.random.default_rng(0).integers(0, 200, (M, 12))
    columns = (noise + 40 // (n_classes - 1) * labels[:, None]).astype(np.uint8)
    labels[:10] *= not unequal
    return Problem(columns, labels, Settings(), None, n_classes)


def validation(
    settings: list[tuple[float, float]] = SETTINGS,
    fold_of: NDArray[np.intp] = THIRDS,
    class_weight: ClassWeight = "none",
    unequal: bool = False,
    n_classes: int = 2,
) -> CrossValidation:
    asked = problem(unequal, n_classes)
    K = gram_matrix(asked.columns)
    return CrossValidation(K, asked.labels, settings, fold_of, class_weight, n_classes)


def curves_of(*arguments: object, iterations: int = 200, **options: object) -> Curves:
    """Compare every tenth number of iterations."""
    compared = [*range(10, iterations + 1, 10)]
    return validation(*arguments, **options).run(compared, Observer())  # type: ignore[arg-type]


def alone(
    held_out: NDArray[np.bool_], settings: Settings, unequal: bool = False, n_classes: int = 2
) -> tuple[Array, Array]:
    """Train on the others, and return the logits and labels of what was held out."""
    whole = problem(unequal, n_classes)
    columns = whole.columns[:]
    others = replace(
        whole, columns=columns[~held_out], labels=whole.labels[~held_out], settings=settings
    )
    w, b, _ = run("vectorized", others)
    return w.T @ (columns[held_out].T / 255) + b, whole.Y[:, held_out]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_trial_equals_its_own_training(n_classes: int) -> None:
    """Each rate, penalty and fold, trained alone on its pictures: held-out loss within 1e-9."""
    settings = [(0.01, 0.0), (0.1, 0.0), (0.1, 0.5)]
    curves = validation(settings, n_classes=n_classes).run([20, 40, 60], Observer())
    for s, (rate, l2) in enumerate(settings):
        for fold in range(3):
            for index, iterations in enumerate(curves.iterations):
                asked = Settings(rate, iterations, l2)
                Z, Y = alone(THIRDS[0] == fold, asked, n_classes=n_classes)
                loss = float(loss_of("cross-entropy", len(Z)).value(Z, Y).mean())
                assert curves.loss[index, s, 0, fold] == pytest.approx(loss, rel=1e-9)
                right = (Z > 0) == Y if len(Z) == 1 else Z.argmax(axis=0) == Y.argmax(axis=0)
                assert curves.accuracy[index, s, 0, fold] == pytest.approx(float(np.mean(right)))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_penalty_counts_where_divergence_is_judged(n_classes: int) -> None:
    """Costs along the way are J(w, b), penalty and all, of every row; the last is all pictures'."""
    curves = validation([(0.1, 0.5)], n_classes=n_classes).run([7], Observer())
    asked = with_settings(problem(n_classes=n_classes), learning_rate=0.1, iterations=7, l2=0.5)
    whole = run("vectorized", asked)
    assert curves.first_cost == math.log(n_classes)
    assert curves.cost[0, 0, 3] == pytest.approx(whole.training.cost, rel=1e-12)
    assert curves.loss.shape == (1, 1, 1, 3)


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_the_held_out_means_are_those_of_each_fold(class_weight: ClassWeight) -> None:
    """AUC, loss and accuracy of the others' training; if balanced, means of both classes'."""
    curves = curves_of(SETTINGS, UNEQUAL, class_weight, unequal=True)
    for fold in range(4):
        settings = Settings(0.1, 200, 0.1, class_weight=class_weight)
        Z, Y = alone(UNEQUAL[0] == fold, settings, unequal=True)
        right, loss = (Z > 0) == (Y == 1), cross_entropy(Z, Y)
        parts = [Y == 0, Y == 1] if class_weight == "balanced" else [Y >= 0]
        accuracy, mean_loss = (np.mean([each[p].mean() for p in parts]) for each in (right, loss))
        auc = area_under_curve(Y[0].astype(np.uint8), Z[0])
        assert curves.accuracy[-1, 2, 0, fold] == pytest.approx(accuracy)
        assert curves.loss[-1, 2, 0, fold] == pytest.approx(mean_loss, rel=1e-9)
        assert curves.auc[-1, 2, 0, fold] == pytest.approx(auc, rel=1e-12)


@pytest.mark.parametrize("class_weight", CLASS_WEIGHTS)
def test_held_out_means_of_several_classes(class_weight: ClassWeight) -> None:
    """As scikit-learn's ``roc_auc_score(multi_class="ovr")``: the mean of each against the rest."""
    curves = curves_of(SETTINGS, UNEQUAL, class_weight, n_classes=3)
    for fold in range(4):
        settings = Settings(0.1, 200, 0.1, class_weight=class_weight)
        Z, Y = alone(UNEQUAL[0] == fold, settings, n_classes=3)
        right, loss = Z.argmax(axis=0) == Y.argmax(axis=0), softmax_cross_entropy(Z, Y)[0]
        parts = Y == 1 if class_weight == "balanced" else np.ones((1, Y.shape[1]), bool)
        accuracy, mean_loss = (np.mean([each[p].mean() for p in parts]) for each in (right, loss))
        pairs = zip(Y.astype(np.uint8), softmax(Z), strict=True)
        auc = np.mean([area_under_curve(*pair) for pair in pairs])
        assert curves.accuracy[-1, 2, 0, fold] == pytest.approx(accuracy)
        assert curves.loss[-1, 2, 0, fold] == pytest.approx(mean_loss, rel=1e-9)
        assert curves.auc[-1, 2, 0, fold] == pytest.approx(auc, rel=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_out_of_fold_means_are_over_the_trainings_that_held_it_out(n_classes: int) -> None:
    """Of each example, the probabilities and the loss by the trainings that never saw it."""
    fold_of = np.stack([np.arange(M) % 3, np.arange(M) // 10])
    run = validation([(0.1, 0.5)], fold_of, n_classes=n_classes)
    probabilities, loss = run.out_of_fold(25)
    expected_probabilities, expected_loss = np.zeros((M, n_classes)), np.zeros(M)
    for held_out in (fold == number for fold in fold_of for number in range(3)):
        Z, Y = alone(held_out, Settings(0.1, 25, 0.5), n_classes=n_classes)
        expected_probabilities[held_out] += by_class(activation(Z)).T / 2
        expected_loss[held_out] += loss_of("cross-entropy", len(Z)).value(Z, Y)[0] / 2
    assert probabilities == pytest.approx(expected_probabilities, rel=1e-9)
    assert loss == pytest.approx(expected_loss, rel=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_setting_that_diverges_is_frozen_and_the_others_go_on(n_classes: int) -> None:
    """It is shown as diverged, and its company's numbers are what they are without it."""
    together = curves_of([(0.05, 0.0), (50.0, 1.0)], n_classes=n_classes)
    assert together.best(1, "log-loss").diverged
    assert not together.best(0, "log-loss").diverged
    alone = curves_of([(0.05, 0.0)], n_classes=n_classes)
    assert np.allclose(together.loss[:, :1], alone.loss, rtol=1e-12)


def test_two_settings_that_diverge_leave_a_score_that_says_so() -> None:
    """Its means are nan, and its iterations all of them: there is no best number."""
    settings = [(50.0, 0.0), (90.0, 1.0)]
    curves = validation(settings).run([1000, 2000], Observer())
    for setting, (rate, l2) in enumerate(settings):
        score = curves.best(setting, "log-loss")
        assert (score.learning_rate, score.l2, score.iterations) == (rate, l2, 2000)
        assert score.diverged
        assert all(math.isnan(mean) for mean in (score.log_loss, score.accuracy, score.auc))


def test_the_choice_is_the_simplest_within_one_standard_error() -> None:
    """No setting of a larger penalty, or of less rate times iterations, is as near the best."""
    curves = curves_of(SETTINGS, np.arange(M).reshape(1, M) % 5, iterations=300)
    leader = min((curves.best(s, "log-loss") for s in range(3)), key=lambda score: score.log_loss)
    chosen = curves.simplest(leader, "log-loss", math.inf)
    every = [curves.score(i, s) for i in range(len(curves.iterations)) for s in range(3)]
    best = min(every, key=lambda score: score.log_loss)
    bound = best.log_loss + best.log_loss_error
    assert chosen.log_loss <= bound
    assert not [
        score
        for score in every
        if score.log_loss <= bound
        and (-score.l2, score.learning_rate * score.iterations)
        < (-chosen.l2, chosen.learning_rate * chosen.iterations)
    ]


@pytest.mark.parametrize("metric", ["log-loss", "accuracy", "auc"])
def test_what_loses_to_the_constant_is_neither_best_nor_simplest(metric: Metric) -> None:
    """Of numbers of iterations some of which beat the constant, the best is one that does."""
    curves = curves_of(SETTINGS, UNEQUAL, unequal=True)
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


def test_repeats_do_not_make_the_mean_more_certain() -> None:
    """The standard error is that of one repeat, as numpy has it, averaged over the repeats."""
    once = np.array([[0.1, 0.4, 0.7]])
    error = cross_validation._standard_error(once)
    assert error == pytest.approx(once.std(ddof=1) / math.sqrt(3))
    assert cross_validation._standard_error(np.tile(once, (9, 1))) == pytest.approx(error)


@given(iterations=st.integers(1, 10**7))
def test_few_iterations_are_compared_however_many_the_most(iterations: int) -> None:
    """From 1 to the most, each one or at most a fifth above the one before, 200 at most."""
    compared = compared_iterations(iterations)
    assert compared[0] == 1
    assert compared[-1] == iterations
    assert len(compared) <= 200
    assert all(b - a == 1 or b <= 1.2 * a for a, b in pairwise(compared))


def test_a_stop_ends_the_curves_there() -> None:
    """What is known after the last compared number of iterations is kept."""
    curves = validation([(0.1, 0.0)]).run([*range(10, 201, 10)], Recorder(stop_after=25))
    assert curves.iterations == [10, 20]
    assert curves.loss.shape == (2, 1, 1, 3)
    assert not curves.best(0, "log-loss").diverged
