"""What the tests of descent share: problems to descend on, and ways to run a method on them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from catclf.descent import METHODS, Problem, Stand, State, descend
from catclf.logistic import CLASS_WEIGHTS, LOSSES, ClassWeight, Labels, LossName, loss_of
from catclf.training import Settings, Training

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
every_method = pytest.mark.parametrize("method", METHODS)
both_losses = pytest.mark.parametrize("loss", LOSSES)
# A loss and a number of classes: of more than two it is softmax's cross-entropy.
COSTS: list[tuple[LossName, int]] = [*((loss, 2) for loss in LOSSES), ("cross-entropy", 4)]
every_loss = pytest.mark.parametrize(("loss", "n_classes"), COSTS)
every_cost = pytest.mark.parametrize(
    ("loss", "n_classes", "class_weight"),
    [(*cost, class_weight) for cost in COSTS for class_weight in CLASS_WEIGHTS],
)
any_loss = st.sampled_from(list(LOSSES))


@st.composite
def problems(draw: st.DrawFn, class_weights: Sequence[ClassWeight] = ("none",)) -> Problem:
    """Draw a few examples, of two classes or four, and a rate, a penalty and a loss."""
    loss, n_classes = draw(st.sampled_from(COSTS))
    m, n_x = draw(st.integers(1, 8)), draw(st.integers(1, 12))
    columns = draw(hnp.arrays(np.uint8, (m, n_x)))
    labels = draw(hnp.arrays(np.uint8, (m,), elements=st.integers(0, n_classes - 1)))
    rate, l2 = draw(st.sampled_from([0.01, 0.5])), draw(st.sampled_from([0.0, 0.03, 1.0]))
    class_weight = draw(st.sampled_from(class_weights))
    settings = Settings(rate, 60, l2, loss, every=1, class_weight=class_weight)
    return Problem(columns, labels, settings, None, n_classes)


def problem_of(
    m: int,
    n_x: int,
    loss: LossName = "cross-entropy",
    n_classes: int = 2,
    class_weight: ClassWeight = "none",
    l2: float = 0.0,
) -> Problem:
    """Return a problem of random pixels; of two classes a third of the examples are positive."""
    columns = np.random.default_rng(m).integers(0, 256, (m, n_x), dtype=np.uint8)
    labels = np.maximum(n_classes - 1 - np.arange(m) % (n_classes + 1), 0).astype(np.uint8)
    asked = Settings(0.05, 12, l2, loss, every=1, class_weight=class_weight)
    return Problem(columns, labels, asked, None, n_classes)


def with_settings(problem: Problem, **changes: Any) -> Problem:
    """Return the problem with some of its settings changed."""
    return replace(problem, settings=replace(problem.settings, **changes))


def by_turns(m: int, n_classes: int = 2) -> Labels:
    """Return labels (m,) of all classes, by turns."""
    return (np.arange(m) % n_classes).astype(np.uint8)


def run(method: str, problem: Problem, resumed: Stand | None = None, **options: Any) -> Stand:
    """Descend by a method's name, from where another descent stands or from zero."""
    if resumed is None:
        return descend(METHODS[method](problem, None), Training(problem.settings), **options)
    return descend(METHODS[method](problem, state_of(resumed)), resumed.training, **options)


def state_of(stand: Stand) -> State:
    """Return what a method is made of to go on from there, in arrays of its own."""
    arrays = {"w": stand.w, "b": stand.b, **stand.training.state}
    return {name: array.copy() for name, array in arrays.items()}


def same_stand(one: Stand, other: Stand) -> bool:
    """Return whether two descents stand at the same place, bit for bit, by the same way."""
    states = [{n: a.tolist() for n, a in stand.training.state.items()} for stand in (one, other)]
    trainings = [vars(replace(stand.training, state={})) for stand in (one, other)]
    return (
        one.w.tolist() == other.w.tolist()
        and one.b.tolist() == other.b.tolist()
        and trainings[0] == trainings[1]
        and states[0] == states[1]
    )


def gradient_lipschitz(problem: Problem) -> float:
    """Return L, from the singular values of X with a row of ones, by numpy."""
    ones = np.ones((1, problem.m))
    X = np.vstack([problem.columns[:].T / 255, ones]) * np.sqrt(problem.example_weights)
    curvature = loss_of(problem.settings.loss, problem.k).curvature
    return curvature * float(np.linalg.norm(X, 2)) ** 2 / problem.m + problem.settings.l2


def printed_by_any_threads(program: str) -> list[str]:
    """Return the lines that Python code prints, the same where OpenBLAS has one thread or four."""
    one, four = (
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "4")
    )
    assert one == four
    return one.splitlines()
