"""Gradient descent: the loop around an iteration, whichever method computes it.

A method computes one iteration of the lecture's descent at a time; the loop decides when to
report a cost, when to stop, and when to give up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Context
from time import monotonic
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catclf.descent.choice import Choice, choose, memory_needs
from catclf.descent.gram import Gram
from catclf.descent.iterative import Iterative
from catclf.descent.streaming import Streaming
from catclf.descent.vectorized import Vectorized
from catclf.errors import DivergenceError
from catclf.logistic import LOSSES, LossName

__all__ = [
    "METHODS",
    "Choice",
    "Columns",
    "Descent",
    "Method",
    "Settings",
    "choose",
    "descend",
    "hill",
    "memory_needs",
    "round_down",
    "safe_rate",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """What one training is asked to do.

    Parameters
    ----------
    learning_rate
        The lecture's alpha: above 0.
    iterations
        How many updates of w and b.
    l2
        LAMBDA of the penalty ``LAMBDA / 2 * |w|^2`` added to the cost: at least 0.
    loss
        A name in `catclf.logistic.LOSSES`.
    every
        Iterations between two recorded costs.
    """

    learning_rate: float = 0.005
    iterations: int = 2000
    l2: float = 0.0
    loss: LossName = "cross-entropy"
    every: int = 100

    def __post_init__(self) -> None:
        """Refuse what no descent can do, with ValueError."""
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not (math.isfinite(self.l2) and self.l2 >= 0):
            raise ValueError(f"l2 must be at least 0, got {self.l2}")
        if self.iterations < 1 or self.every < 1:
            raise ValueError("iterations and every must be at least 1")
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")


class Columns(Protocol):
    """The columns of X as rows, (m, n_x) uint8: an array in memory, or in an HDF5 file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(m, n_x)."""

    def __getitem__(self, rows: slice, /) -> NDArray[np.uint8]:
        """Read a run of rows."""


class Method(Protocol):
    """One way to compute the lecture's iteration."""

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for."""

    def cost(self) -> float:
        """Return the cost of w and b as they are."""

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""

    def state(self) -> dict[str, Array]:
        """Return what this method needs, besides w and b, to go on exactly where it is."""


# Each is called with (columns, Y, settings, state): state None to begin from w = 0, b = 0,
# else w, b and what `Method.state` gave.
METHODS: dict[str, Callable[[Columns, Array, Settings, Mapping[str, Array] | None], Method]] = {
    "gram": Gram,
    "streaming": Streaming,
    "vectorized": Vectorized,
    "iterative": Iterative,
}


@dataclass(frozen=True)
class Descent:
    """Where a descent ended, and how it came there.

    Parameters
    ----------
    w, b
        Weights (n_x, 1) and bias.
    iterations
        How many updates were made, those of the run that was resumed included.
    final_cost
        The cost of w and b.
    costs
        The recorded costs, and the iterations before whose update they were computed.
    state
        What a resumed run needs besides w and b.
    """

    w: Array
    b: float
    iterations: int
    final_cost: float
    costs: dict[int, float]
    state: dict[str, Array] = field(repr=False)


@np.errstate(over="ignore", invalid="ignore")  # a rate too high is told in our own words
def descend(
    method: Method,
    settings: Settings,
    *,
    costs: Mapping[int, float] | None = None,
    start: int = 0,
    on_cost: Callable[[int, float], None] | None = None,
    on_iteration: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    on_save: Callable[[Descent], None] | None = None,
    save_seconds: float = 30.0,
) -> Descent:
    """Run gradient descent to ``settings.iterations`` updates.

    Parameters
    ----------
    method
        Computes the iterations.
    settings
        Rate, length and the rest.
    costs, start
        Recorded costs and updates already made, of a run that is resumed.
    on_cost
        Called as ``on_cost(iteration, cost)`` for each cost recorded.
    on_iteration
        Called with the number of updates made, after each.
    stop
        Asked after each update; where it answers True the descent ends there.
    on_save
        Called about every `save_seconds` with the descent so far, unless its cost stands above
        where it began.
    save_seconds
        Time between two calls of `on_save`, or more where they take long.

    Raises
    ------
    DivergenceError
        Where the cost overflows, or ends above where it began (in fewer than a hundred
        iterations: above twice that). Of one that `stop` ends early only overflow is an error.
    """
    recorded = dict(costs or {})
    done = start
    saved, pause = monotonic(), save_seconds
    for iteration in range(start, settings.iterations):
        cost = method.step(iteration % settings.every == 0)
        done = iteration + 1
        if cost is not None:
            if not math.isfinite(cost):
                raise _diverged(recorded, cost, iteration, settings)
            recorded[iteration] = cost
            if on_cost is not None:
                on_cost(iteration, cost)
        if on_iteration is not None:
            on_iteration(done)
        if stop is not None and stop():
            break
        if on_save is not None and (began := monotonic()) - saved >= pause:
            descent = _so_far(method, done, recorded)
            if descent.final_cost <= recorded[0]:
                on_save(descent)
            saved = monotonic()
            # The cost takes streaming another pass: saving stays a twentieth of the time.
            pause = max(save_seconds, 20 * (saved - began))
    ended = _so_far(method, done, recorded)
    final, first = ended.final_cost, recorded.get(0, ended.final_cost)
    if not (math.isfinite(final) and np.isfinite(ended.w).all()):
        raise _diverged(recorded, math.inf, done, settings)
    if done == settings.iterations and final > hill(done) * first:
        raise _diverged(recorded, final, done, settings)
    return ended


def hill(iterations: int) -> float:
    """Return how many times its first cost a descent may stand at after so many iterations.

    The first hundred may lead over a low hill: the course's do, up to 1.3 times. Later, a cost
    that cannot fall stands where it began, give or take float32's roundings.
    """
    return 2.0 if iterations < 100 else 1 + 1e-6


def _so_far(method: Method, done: int, costs: Mapping[int, float]) -> Descent:
    w, b = method.parameters()
    return Descent(w, b, done, method.cost(), dict(costs), method.state())


def _diverged(
    costs: Mapping[int, float], cost: float, iteration: int, settings: Settings
) -> DivergenceError:
    first = costs.get(0, math.nan)
    how = f"to {cost:.6f}" if math.isfinite(cost) else "beyond all bounds"
    return DivergenceError(
        f"the cost rose from {first:.6f} {how} in {iteration} iterations: "
        f"the learning rate {settings.learning_rate:g} is too high"
    )


def safe_rate(columns: Columns, settings: Settings, block: int = 256) -> float:
    """Return a learning rate below which the cost cannot rise on this data.

    The gradient of the cost is Lipschitz with ``L = curvature * s^2 / m + l2``, where s is the
    largest singular value of X with a row of ones (for b); descent with a rate below ``2 / L``
    never raises the cost (Nesterov, Introductory Lectures on Convex Optimization, 1.2.3).

    Parameters
    ----------
    columns
        (m, n_x) uint8, read in blocks, 21 times or more.
    settings
        Its loss and penalty.
    block
        Examples read at once.
    """
    m, n_x = columns.shape
    # The power method on X X.T. A handful of rounds do for pictures, which are all alike bright;
    # twenty at least, in case a few unlike the others hide the largest direction at first.
    direction = np.ones(n_x + 1)
    square = 0.0
    for turn in range(200):
        direction /= np.linalg.norm(direction)
        image = np.zeros(n_x + 1)
        for start in range(0, m, block):
            X_T = columns[start : start + block] / 255  # (block, n_x)
            Z = X_T @ direction[:-1] + direction[-1]
            image[:-1] += Z @ X_T
            image[-1] += Z.sum()
        direction, previous, square = image, square, float(np.linalg.norm(image))
        if turn >= 20 and square - previous < 1e-5 * square:
            break
    bound = LOSSES[settings.loss].curvature * square / m + settings.l2
    # The power method approaches s from below: 1 % keeps the rate on the safe side.
    return 0.99 * 2 / bound


def round_down(rate: float) -> float:
    """Return a rate with two significant digits, never above what it was."""
    return float(Context(prec=2, rounding=ROUND_FLOOR).create_decimal(repr(rate)))
