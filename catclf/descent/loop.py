"""The loop around an iteration, whichever method computes it.

It decides when to record a cost, when to stop, and when to give up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import monotonic

import numpy as np

from catclf.descent.problem import IterationError, Method, Stand
from catclf.descent.rates import round_down
from catclf.errors import DivergenceError
from catclf.logistic import Array
from catclf.observer import Observer
from catclf.training import Settings, Training, short

CHECKPOINT_SECONDS = 30.0
DOUBT_ITERATIONS = 1000  # in which a cost that rises at first may come down again
RISE = 1 + 1e-6  # of a cost that cannot fall: float32 rounds less


@np.errstate(over="ignore", invalid="ignore")  # a rate too high is told in our own words
def descend(
    method: Method,
    training: Training,
    *,
    observer: Observer | None = None,
    checkpoint: Callable[[Stand], None] | None = None,
) -> Stand:
    """Go on with a training, a new one or one that is resumed, to all iterations it is asked for.

    The observer receives every iteration and every recorded cost, and may stop the descent. With
    where it stands, `checkpoint` is called about every CHECKPOINT_SECONDS, less often where it
    takes long, unless the cost is above the first; and before an error that ends the descent, with
    where it stood before its last update.

    CatclfError where an iteration cannot be made. DivergenceError where the cost overflows, is
    above its first after half of the iterations (a thousand of them at least; by the default
    learning rate just a thousand, since another rate follows), or ends above it (in fewer than a
    thousand: above twice that). Where it is stopped early only overflow is an error. Where there is
    none, the observer is warned in the end of the first recorded cost that rose.
    """
    observer = observer or Observer()
    settings, begun = training.settings, training.iterations
    costs, test_log_losses = dict(training.costs), dict(training.test_log_losses)
    doubted = DOUBT_ITERATIONS
    if settings.learning_rate is not None:
        doubted = max(doubted, settings.iterations // 2)
    done, last = begun, list(costs.values())[-1] if costs else math.inf
    saved, pause = monotonic(), CHECKPOINT_SECONDS
    rise: tuple[float, int] | None = None  # the first: a cost, and after how many iterations

    def stand(w: Array, b: Array, at: int, cost: float, test_log_loss: float | None) -> Stand:
        recorded = replace(
            training,
            iterations=at,
            costs={each: c for each, c in costs.items() if each < at},
            test_log_losses={each: loss for each, loss in test_log_losses.items() if each < at},
            cost=cost,
            test_log_loss=test_log_loss,
            state=method.state(),
        )
        return Stand(w, b, recorded)

    def now() -> Stand:
        return stand(*method.parameters(), done, method.cost(), method.test_log_loss())

    try:
        for iteration in range(done, settings.iterations):
            recorded = iteration % settings.every == 0
            test_log_loss = method.test_log_loss() if recorded else None
            cost = method.step(recorded or iteration == doubted)
            done = iteration + 1
            if cost is not None and (
                not math.isfinite(cost)
                or (iteration == doubted and cost > RISE * costs.get(0, cost))
            ):
                raise _diverged(costs, cost, iteration, settings)
            if cost is not None and recorded:
                if cost > RISE * last and rise is None:
                    rise = cost, iteration
                costs[iteration] = last = cost
                if test_log_loss is not None:
                    test_log_losses[iteration] = test_log_loss
                observer.cost(iteration, cost, test_log_loss)
            observer.progress(done, settings.iterations)
            if observer.stop():
                break
            if checkpoint is not None and (began := monotonic()) - saved >= pause:
                current = now()
                if current.training.cost <= costs[0]:
                    checkpoint(current)
                saved = monotonic()
                # The cost takes streaming another pass: saving stays a twentieth of the time.
                pause = max(CHECKPOINT_SECONDS, 20 * (saved - began))
        ended = now()
    except IterationError as failed:
        if failed.before is not None and done - 1 > begun:  # it can be resumed, and is new
            w, b, cost = failed.before
            before = stand(w, b, done - 1, cost, None)
            if observer.stop():
                return before
            if checkpoint is not None and cost <= costs[0]:
                checkpoint(before)
        raise failed.error from failed.error.__cause__
    final = ended.training.cost
    # Weights that cannot be added up are no model, though every example may be on its side.
    if not (math.isfinite(final) and np.isfinite(np.abs(ended.w).sum() + np.abs(ended.b).sum())):
        raise _diverged(costs, math.inf, done, settings)
    if done == settings.iterations and final > divergence_factor(done) * costs.get(0, final):
        raise _diverged(costs, final, done, settings)
    if final > RISE * last and rise is None:
        rise = final, done
    if rise is not None:
        observer.warning(_rising(*rise, settings, method.safe_rate()))
    return ended


def divergence_factor(iterations: int) -> float:
    """Return how many times its first cost a descent may stand at after so many iterations.

    Above the safe rate the first thousand may rise before they fall: the course's do, up to 1.3
    times, within 25. Later, a cost that cannot fall stands where it began, give or take float32's
    roundings.
    """
    return 2.0 if iterations < DOUBT_ITERATIONS else RISE


def _counted(iterations: int) -> str:
    return f"{iterations} iteration{'s' * (iterations != 1)}"


def _diverged(
    costs: Mapping[int, float], cost: float, iteration: int, settings: Settings
) -> DivergenceError:
    first = costs.get(0, math.nan)
    how = f"to {short(cost)}" if math.isfinite(cost) else "beyond all bounds"
    return DivergenceError(
        f"the cost rose from {short(first)} {how} in {_counted(iteration)}: "
        f"the learning rate {settings.rate:g} is too high"
    )


def _rising(cost: float, iteration: int, settings: Settings, safe: float | None) -> str:
    """Return the warning of a cost that is above the one recorded before it."""
    text = f"the cost rose, to {short(cost)} after {_counted(iteration)}"
    if safe is None:
        return f"{text}: the learning rate {settings.rate:g} is high"
    return f"{text}\nWith `learning_rate` {round_down(safe):g} or less it never rises on this data."
