"""What the tests of descent share: problems to descend on, and ways to run a method on them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from catclf.descent import METHODS, Problem, Stand, State, descend
from catclf.logistic import CLASS_WEIGHTS, LOSSES, ClassWeight, Labels, LossName
from catclf.training import Settings, Training

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
every_method = pytest.mark.parametrize("method", METHODS)
both_losses = pytest.mark.parametrize("loss", LOSSES)
every_cost = pytest.mark.parametrize(
    ("loss", "class_weight"), [(loss, weight) for loss in LOSSES for weight in CLASS_WEIGHTS]
)
any_loss = st.sampled_from(list(LOSSES))
any_class_weight = st.sampled_from(CLASS_WEIGHTS)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Pixels, Array]:
    """Draw columns as rows, (m, n_x) uint8, and labels (1, m)."""
    m, n_x = draw(st.integers(1, 8)), draw(st.integers(1, 12))
    columns = draw(hnp.arrays(np.uint8, (m, n_x)))
    return columns, draw(hnp.arrays(np.float64, (1, m), elements=st.sampled_from([0.0, 1.0])))


def problem_of(
    m: int,
    n_x: int,
    loss: LossName = "cross-entropy",
    class_weight: ClassWeight = "none",
    l2: float = 0.0,
) -> Problem:
    """Return a problem of random pixels, a third of the examples positive."""
    columns = np.random.default_rng(m).integers(0, 256, (m, n_x), dtype=np.uint8)
    Y = (np.arange(m) % 3 == 0).astype(np.float64).reshape(1, m)
    asked = Settings(0.05, 12, l2, loss, every=1, class_weight=class_weight)
    return Problem(columns, labels_of(Y), asked)


def labels_of(Y: Array) -> Labels:
    """Return the labels (m,) that Y (1, m) holds."""
    return Y[0].astype(np.uint8)


def half_and_half(m: int) -> Array:
    """Return labels (1, m), 0 and 1 by turns."""
    return (np.arange(m) % 2).astype(np.float64).reshape(1, m)


def run(
    method: str,
    columns: Pixels,
    Y: Array,
    settings: Settings,
    resumed: Stand | None = None,
    **options: Any,
) -> Stand:
    """Descend by a method's name, from where another descent stands or from zero."""
    problem = Problem(columns, labels_of(Y), settings)
    if resumed is None:
        return descend(METHODS[method](problem, None), Training(settings), **options)
    return descend(METHODS[method](problem, state_of(resumed)), resumed.training, **options)


def state_of(stand: Stand) -> State:
    """Return what a method is made of to go on from there, in arrays of its own."""
    arrays = {"w": stand.w, "b": np.array(stand.b), **stand.training.state}
    return {name: array.copy() for name, array in arrays.items()}


def same_stand(one: Stand, other: Stand) -> bool:
    """Return whether two descents stand at the same place, bit for bit, by the same way."""
    states = [{n: a.tolist() for n, a in stand.training.state.items()} for stand in (one, other)]
    trainings = [vars(replace(stand.training, state={})) for stand in (one, other)]
    return (
        one.w.tolist() == other.w.tolist()
        and one.b == other.b
        and trainings[0] == trainings[1]
        and states[0] == states[1]
    )


def gradient_lipschitz(
    columns: Pixels, loss: LossName, l2: float, weights: Array | float = 1.0
) -> float:
    """Return L, from the singular values of X with a row of ones, by numpy."""
    m = len(columns)
    X = np.vstack([columns.T / 255, np.ones(m)]) * np.sqrt(weights)  # (n_x + 1, m)
    return LOSSES[loss].curvature * float(np.linalg.norm(X, 2)) ** 2 / m + l2


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
