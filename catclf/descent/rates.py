"""Learning rates at which the cost cannot rise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import ROUND_FLOOR, Context

import numpy as np

from catclf.columns import BLOCK_EXAMPLES, blocks, divided
from catclf.descent.problem import Problem
from catclf.logistic import Array, dot, loss_of


def safe_rate(problem: Problem, X: Array | None = None) -> float:
    """Return a learning rate below which the cost cannot rise on this data.

    The gradient of the cost is Lipschitz with ``L = curvature * s^2 / m + l2``, where s is the
    largest singular value of X with a row of ones (for b), each column times the root of its
    example's weight; descent with a rate below ``2 / L`` never raises the cost (Nesterov,
    Introductory Lectures on Convex Optimization, 1.2.3). The columns are read 21 times or more,
    unless X (n_x, m), which is them divided by 255, is in memory.
    """
    weights = problem.example_weights[0]

    def product(direction: Array) -> Array:
        image = np.zeros(problem.n_x + 1)
        parts = _divided(problem) if X is None else [(slice(None), X.T)]
        for rows, X_T in parts:  # (block, n_x)
            Z = weights[rows] * (X_T @ direction[:-1] + direction[-1])
            image[:-1] += Z @ X_T
            image[-1] += Z.sum()
        return image

    return rate_below(largest_eigenvalue(product, problem.n_x + 1), problem)


def _divided(problem: Problem) -> Iterator[tuple[slice, Array]]:
    for rows, block in blocks(problem.columns, BLOCK_EXAMPLES):
        yield rows, divided(block)


def rate_below(square: float, problem: Problem) -> float:
    """Return the safe rate of a problem whose ``s^2`` is known; see `safe_rate`."""
    curvature = loss_of(problem.settings.loss, problem.k).curvature
    # The power method approaches s from below: 1 % keeps the rate on the safe side.
    return 0.99 * 2 / (curvature * square / problem.m + problem.settings.l2)


@np.errstate(invalid="ignore", divide="ignore")  # of a product that is 0
def largest_eigenvalue(product: Callable[[Array], Array], size: int) -> float:
    """Return the largest eigenvalue of a symmetric positive matrix, by the power method.

    `product` is ``v -> M @ v``, both (size,).
    """
    # A handful of rounds do for pictures, which are all alike bright; twenty at least, in case a
    # few unlike the others hide the largest direction at first.
    direction, eigenvalue = np.ones(size), 0.0
    for turn in range(200):
        direction = product(direction / math.sqrt(dot(direction, direction)))
        previous, eigenvalue = eigenvalue, math.sqrt(dot(direction, direction))
        if turn >= 20 and eigenvalue - previous < 1e-5 * eigenvalue:
            break
    return eigenvalue


def round_down(rate: float) -> float:
    """Return a rate with two significant digits, never above what it was."""
    return float(Context(prec=2, rounding=ROUND_FLOOR).create_decimal(repr(rate)))
