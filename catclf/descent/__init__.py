"""Gradient descent: four methods that compute the same iterates, and the loop around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from catclf.descent.choice import Choice, choose, memory_needs
from catclf.descent.gram import Gram
from catclf.descent.iterative import Iterative
from catclf.descent.loop import Descent, descend, divergence_factor
from catclf.descent.problem import Columns, Method, Settings
from catclf.descent.rates import round_down, safe_rate
from catclf.descent.streaming import Streaming
from catclf.descent.vectorized import Vectorized

__all__ = [
    "METHODS",
    "Choice",
    "Columns",
    "Descent",
    "Method",
    "Settings",
    "choose",
    "descend",
    "divergence_factor",
    "memory_needs",
    "round_down",
    "safe_rate",
]

Array = NDArray[np.float64]

# Each is called with (columns, Y, settings, state): state None to begin from w = 0, b = 0,
# else w, b and what `Method.state` gave.
METHODS: dict[str, Callable[[Columns, Array, Settings, Mapping[str, Array] | None], Method]] = {
    "gram": Gram,
    "streaming": Streaming,
    "vectorized": Vectorized,
    "iterative": Iterative,
}
