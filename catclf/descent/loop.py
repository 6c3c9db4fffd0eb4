"""The loop around an iteration, whichever method computes it.

It decides when to record a cost, when to stop, and when to give up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

import numpy as np

from catclf.columns import Columns
from catclf.errors import CatclfError, DivergenceError
from catclf.logistic import Array, example_weights
from catclf.observer import Observer
from catclf.training import Settings

CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class History:
    """What a descent has recorded.

    Parameters
    ----------
    iterations
        How many updates were made.
    costs, test_costs
        The cost on the train split, and on the test split where there is one, before some of the
        updates, which are counted from 0.
    """

    iterations: int = 0
    costs: dict[int, float] = field(default_factory=dict)
    test_costs: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Descent:
    """The state of a descent, and what it recorded.

    Parameters
    ----------
    w, b
        Weights (n_x, 1) and bias.
    history
        What was recorded, in the run that was resumed too.
    final_cost, final_test_cost
        The costs of w and b; that of the test split is None where there is none.
    state
        What a resumed run needs besides w and b.
    """

    w: Array = field(repr=False)
    b: float
    history: History = field(repr=False)
    final_cost: float
    final_test_cost: float | None
    state: dict[str, Array] = field(repr=False)


@np.errstate(over="ignore", invalid="ignore")  # a rate too high is told in our own words
def descend(
    method: Method,
    settings: Settings,
    *,
    history: History | None = None,
    observer: Observer | None = None,
    checkpoint: Callable[[Descent], None] | None = None,
) -> Descent:
    """Run gradient descent to ``settings.iterations`` updates.

    Parameters
    ----------
    method
        Computes the iterations.
    settings
        The learning rate, the number of iterations and the rest.
    history
        That of a run that is resumed.
    observer
        Receives every iteration and every recorded cost, and may stop the descent.
    checkpoint
        Called about every CHECKPOINT_SECONDS, less often where it takes long, with where the
        descent stands, unless its cost is above the first. Called too before an error that ends
        the descent, with where it stood before its last update.

    Raises
    ------
    CatclfError
        Where an iteration cannot be made.
    DivergenceError
        Where the cost overflows, or ends above where it began (in fewer than a thousand
        iterations: above twice that). Of one that is stopped early only overflow is an error.
    """
    observer = observer or Observer()
    resumed = history or History()
    costs, test_costs = dict(resumed.costs), dict(resumed.test_costs)
    done = resumed.iterations
    saved, pause = monotonic(), CHECKPOINT_SECONDS

    def descent() -> Descent:
        w, b = method.parameters()
        recorded = History(done, dict(costs), dict(test_costs))
        return Descent(w, b, recorded, method.cost(), method.test_cost(), method.state())

    def before(failed: IterationError) -> Descent | None:
        if failed.before is None or done - 1 <= resumed.iterations:
            return None  # nothing that could be resumed, or nothing new
        w, b, cost = failed.before
        kept = (
            {iteration: each for iteration, each in some.items() if iteration < done - 1}
            for some in (costs, test_costs)
        )
        return Descent(w, b, History(done - 1, *kept), cost, None, method.state())

    try:
        for iteration in range(done, settings.iterations):
            recorded = iteration % settings.every == 0
            test_cost = method.test_cost() if recorded else None
            cost = method.step(recorded)
            done = iteration + 1
            if cost is not None:
                if not math.isfinite(cost):
                    raise _diverged(costs, cost, iteration, settings)
                costs[iteration] = cost
                if test_cost is not None:
                    test_costs[iteration] = test_cost
                observer.cost(iteration, cost, test_cost)
            observer.progress(done, settings.iterations)
            if observer.stop():
                break
            if checkpoint is not None and (began := monotonic()) - saved >= pause:
                current = descent()
                if current.final_cost <= costs[0]:
                    checkpoint(current)
                saved = monotonic()
                # The cost takes streaming another pass: saving stays a twentieth of the time.
                pause = max(CHECKPOINT_SECONDS, 20 * (saved - began))
        ended = descent()
    except IterationError as failed:
        last = before(failed)
        if last is not None and observer.stop():
            return last
        if last is not None and checkpoint is not None and last.final_cost <= costs[0]:
            checkpoint(last)
        raise failed.error from failed.error.__cause__
    final, first = ended.final_cost, costs.get(0, ended.final_cost)
    # Weights that cannot be added up are no model, though every example may be on its side.
    if not (math.isfinite(final) and np.isfinite(np.abs(ended.w).sum() + abs(ended.b))):
        raise _diverged(costs, math.inf, done, settings)
    if done == settings.iterations and final > divergence_factor(done) * first:
        raise _diverged(costs, final, done, settings)
    return ended


def divergence_factor(iterations: int) -> float:
    """Return how many times its first cost a descent may stand at after so many iterations.

    Above the safe rate the first thousand may rise before they fall: the course's do, up to 1.3
    times, within 25. Later, a cost that cannot fall stands where it began, give or take float32's
    roundings.
    """
    return 2.0 if iterations < 1000 else 1 + 1e-6


def _diverged(
    costs: Mapping[int, float], cost: float, iteration: int, settings: Settings
) -> DivergenceError:
    first = costs.get(0, math.nan)
    how = f"to {cost:.6f}" if math.isfinite(cost) else "beyond all bounds"
    return DivergenceError(
        f"the cost rose from {first:.6f} {how} in {iteration} iterations: "
        f"the learning rate {settings.learning_rate:g} is too high"
    )


State = Mapping[str, Array]
"""Where a descent stands: w (n_x, 1), b (), and what `Method.state` gave."""


class StateError(ValueError):
    """A state from which a method cannot resume."""


class IterationError(Exception):
    """An iteration that could not be made.

    Parameters
    ----------
    error
        Why.
    before
        w (n_x, 1), b and the cost of them, as they were before the last update; None where there
        was none.
    """

    def __init__(self, error: CatclfError, before: tuple[Array, float, float] | None) -> None:
        super().__init__(error, before)
        self.error, self.before = error, before


@dataclass(frozen=True)
class Problem:
    """The cost to be minimized: the data and the settings.

    Parameters
    ----------
    columns
        The columns of X as rows, (m, n_x) uint8, in memory or in a file.
    Y
        Labels (1, m), 0 or 1.
    settings
        The learning rate, the loss, the penalty and the number of iterations.
    test
        The test split, where its cost is to be recorded too; None for none.
    """

    columns: Columns
    Y: Array
    settings: Settings
    test: Problem | None = None

    @property
    def m(self) -> int:
        """The number of examples."""
        return self.columns.shape[0]

    @property
    def n_x(self) -> int:
        """The number of features."""
        return self.columns.shape[1]

    @property
    def weights(self) -> Array:
        """What each example counts in the cost: (1, m), or (1, 1) where all count alike."""
        return example_weights(self.Y, self.settings.class_weight)

    def start(self, state: State | None) -> tuple[Array, float]:
        """Return the w (n_x, 1) and b to begin from: zeros where `state` is None.

        Raises
        ------
        StateError
            Where the state's w is of another shape.
        """
        if state is None:
            return np.zeros((self.n_x, 1)), 0.0
        if state["w"].shape != (self.n_x, 1):
            raise StateError(f"w must be ({self.n_x}, 1), got {state['w'].shape}")
        return state["w"], float(state["b"])


class Method(Protocol):
    """One way to compute the lecture's iteration.

    Each is made of a `Problem` and a `State`, None to begin from w = 0, b = 0; StateError where it
    cannot resume from there.
    """

    def step(self, with_cost: bool) -> float | None:
        """Update w and b once; return the cost before the update where it is asked for."""

    def cost(self) -> float:
        """Return the cost of w and b as they are."""

    def test_cost(self) -> float | None:
        """Return the same cost on the test split; None where the problem has none."""

    def safe_rate(self) -> float | None:
        """Return `catclf.descent.rates.safe_rate`; None where that would take long."""

    def parameters(self) -> tuple[Array, float]:
        """Return w, (n_x, 1), and b."""

    def state(self) -> dict[str, Array]:
        """Return what a resumed run needs besides w and b, to resume exactly here."""
