"""Gradient descent: four methods that compute the same iterates, and the loop around them."""

from __future__ import annotations

from collections.abc import Callable

from catclf.descent.choice import Choice, choose, installed_kernels, memory_needs
from catclf.descent.gram import Gram
from catclf.descent.lecture import Iterative, Vectorized
from catclf.descent.loop import (
    CHECKPOINT_SECONDS,
    DOUBT_ITERATIONS,
    descend,
    divergence_factor,
)
from catclf.descent.problem import Method, Problem, Stand, State, StateError
from catclf.descent.rates import round_down, safe_rate
from catclf.descent.streaming import Streaming, sums_by
from catclf.descent.sums import KERNELS

__all__ = [
    "CHECKPOINT_SECONDS",
    "DOUBT_ITERATIONS",
    "KERNELS",
    "METHODS",
    "Choice",
    "Method",
    "Problem",
    "Stand",
    "State",
    "StateError",
    "ThisMachine",
    "choose",
    "descend",
    "divergence_factor",
    "installed_kernels",
    "kernel_failure",
    "memory_needs",
    "round_down",
    "safe_rate",
    "start",
]

METHODS: dict[str, Callable[[Problem, State | None], Method]] = {
    "gram": Gram,
    "streaming": Streaming,
    "vectorized": Vectorized,
    "iterative": Iterative,
}


def start(choice: Choice, problem: Problem, state: State | None = None) -> Method:
    """Return a method, ready to compute its next iteration.

    StateError where it cannot resume from the state; ImportError where its kernel needs an extra
    that is not installed.
    """
    if choice.kernel is not None:
        return Streaming(problem, state, *sums_by(choice.kernel, problem))
    return METHODS[choice.method](problem, state)


def kernel_failure(kernel: str | None) -> Exception | None:
    """Return why a kernel cannot be loaded, None where it can: numba's needs the extra ``fast``."""
    if kernel == "numba":
        try:
            import catclf.descent.compiled  # noqa: F401
        except Exception as error:  # also of a library that it loads, or of an older numpy
            return error
    return None


class ThisMachine:
    """Computes a descent by the cores there are, as `ClusterSums` does by a cluster's workers."""

    n_workers = 1
    installed_kernels = staticmethod(installed_kernels)
    kernel_failure = staticmethod(kernel_failure)
    start = staticmethod(start)
