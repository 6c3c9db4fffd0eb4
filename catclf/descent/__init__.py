"""Gradient descent: four methods that compute the same iterates, and the loop around them."""

from __future__ import annotations

from collections.abc import Callable

from catclf.descent.choice import Choice, choose, memory_needs
from catclf.descent.gram import Gram
from catclf.descent.iterative import Iterative
from catclf.descent.loop import Descent, History, descend, divergence_factor
from catclf.descent.problem import Method, Problem, State, StateError
from catclf.descent.rates import round_down, safe_rate
from catclf.descent.streaming import Streaming
from catclf.descent.vectorized import Vectorized
from catclf.settings import Settings

__all__ = [
    "METHODS",
    "Choice",
    "Descent",
    "History",
    "Method",
    "Problem",
    "Settings",
    "State",
    "StateError",
    "choose",
    "descend",
    "divergence_factor",
    "memory_needs",
    "round_down",
    "safe_rate",
]

METHODS: dict[str, Callable[[Problem, State | None], Method]] = {
    "gram": Gram,
    "streaming": Streaming,
    "vectorized": Vectorized,
    "iterative": Iterative,
}
