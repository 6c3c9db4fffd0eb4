"""The library's parameters as flags: its messages name none."""

from __future__ import annotations

import re

from catclf.errors import CatclfError

__all__ = ["FLAGS", "error_text", "with_flags"]

# What the library calls a parameter, where its flag has another name.
FLAGS = {
    "learning_rate": "--lr",
    "learning_rates": "--lr",
    "iterations": "--iters",
}


def with_flags(message: str) -> str:
    """Return a library's message with its `parameters`, in backticks, as the flags they are."""
    return re.sub(
        r"`([a-z0-9_]+)`",
        lambda found: FLAGS.get(found[1], "--" + found[1].replace("_", "-")),
        message,
    )


def error_text(error: CatclfError) -> str:
    """Return an error as text, the parameters that its fix names as flags."""
    fix = None if error.fix is None else with_flags(error.fix)
    return str(CatclfError(error.what, error.where, fix))
