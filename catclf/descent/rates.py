"""Learning rates at which the cost cannot rise."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Context

import numpy as np

from catclf.columns import blocks
from catclf.descent.problem import Problem
from catclf.logistic import LOSSES

__all__ = ["round_down", "safe_rate"]

BLOCK_EXAMPLES = 256


def safe_rate(problem: Problem) -> float:
    """Return a learning rate below which the cost cannot rise on this data.

    The gradient of the cost is Lipschitz with ``L = curvature * s^2 / m + l2``, where s is the
    largest singular value of X with a row of ones (for b); descent with a rate below ``2 / L``
    never raises the cost (Nesterov, Introductory Lectures on Convex Optimization, 1.2.3). The
    columns are read 21 times or more.
    """
    # The power method on X X.T. A handful of rounds do for pictures, which are all alike bright;
    # twenty at least, in case a few unlike the others hide the largest direction at first.
    direction = np.ones(problem.n_x + 1)
    square = 0.0
    for turn in range(200):
        direction /= np.linalg.norm(direction)
        image = np.zeros(problem.n_x + 1)
        for _, block in blocks(problem.columns, BLOCK_EXAMPLES):
            X_T = block / 255  # (block, n_x)
            Z = X_T @ direction[:-1] + direction[-1]
            image[:-1] += Z @ X_T
            image[-1] += Z.sum()
        direction, previous, square = image, square, float(np.linalg.norm(image))
        if turn >= 20 and square - previous < 1e-5 * square:
            break
    curvature, l2 = LOSSES[problem.settings.loss].curvature, problem.settings.l2
    # The power method approaches s from below: 1 % keeps the rate on the safe side.
    return 0.99 * 2 / (curvature * square / problem.m + l2)


def round_down(rate: float) -> float:
    """Return a rate with two significant digits, never above what it was."""
    return float(Context(prec=2, rounding=ROUND_FLOOR).create_decimal(repr(rate)))
