"""The loop around an iteration, whichever method computes it.

It decides when to record a cost, when to stop, and when to give up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

import numpy as np

from catclf.descent.problem import Method, Settings
from catclf.errors import DivergenceError
from catclf.logistic import Array
from catclf.observer import Observer

__all__ = ["Descent", "descend", "divergence_factor"]

CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class Descent:
    """Where a descent stands, and how it came there.

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

    w: Array = field(repr=False)
    b: float
    iterations: int
    final_cost: float
    costs: dict[int, float] = field(repr=False)
    state: dict[str, Array] = field(repr=False)


@np.errstate(over="ignore", invalid="ignore")  # a rate too high is told in our own words
def descend(
    method: Method,
    settings: Settings,
    *,
    costs: Mapping[int, float] | None = None,
    start: int = 0,
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
    costs, start
        Recorded costs and updates already made, of a run that is resumed.
    observer
        Receives every iteration and every recorded cost, and may stop the descent.
    checkpoint
        Called about every CHECKPOINT_SECONDS, less often where it takes long, with where the
        descent stands, unless its cost is above the first.

    Raises
    ------
    DivergenceError
        Where the cost overflows, or ends above where it began (in fewer than a hundred
        iterations: above twice that). Of one that is stopped early only overflow is an error.
    """
    observer = observer or Observer()
    recorded = dict(costs or {})
    done = start
    saved, pause = monotonic(), CHECKPOINT_SECONDS
    for iteration in range(start, settings.iterations):
        cost = method.step(iteration % settings.every == 0)
        done = iteration + 1
        if cost is not None:
            if not math.isfinite(cost):
                raise _diverged(recorded, cost, iteration, settings)
            recorded[iteration] = cost
            observer.cost(iteration, cost)
        observer.progress(done, settings.iterations)
        if observer.stop():
            break
        if checkpoint is not None and (began := monotonic()) - saved >= pause:
            descent = _descent_of(method, done, recorded)
            if descent.final_cost <= recorded[0]:
                checkpoint(descent)
            saved = monotonic()
            # The cost takes streaming another pass: saving stays a twentieth of the time.
            pause = max(CHECKPOINT_SECONDS, 20 * (saved - began))
    ended = _descent_of(method, done, recorded)
    final, first = ended.final_cost, recorded.get(0, ended.final_cost)
    if not (math.isfinite(final) and np.isfinite(ended.w).all()):
        raise _diverged(recorded, math.inf, done, settings)
    if done == settings.iterations and final > divergence_factor(done) * first:
        raise _diverged(recorded, final, done, settings)
    return ended


def divergence_factor(iterations: int) -> float:
    """Return how many times its first cost a descent may stand at after so many iterations.

    The first hundred may rise before they fall: the course's do, up to 1.3 times. Later, a cost
    that cannot fall stands where it began, give or take float32's roundings.
    """
    return 2.0 if iterations < 100 else 1 + 1e-6


def _descent_of(method: Method, done: int, costs: Mapping[int, float]) -> Descent:
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
