"""How the library reports its work: it never prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Skipped:
    """A file that is not used, and what it is, such as ``document``."""

    path: str
    kind: str


class Observer:
    """Receives the progress of the library's work, and may stop a descent early.

    Every method does nothing; a caller overrides those it needs.
    """

    def progress(self, done: int, total: int) -> None:
        """Receive the progress: `done` of `total` pictures or iterations."""

    def skipped(self, files: Sequence[Skipped]) -> None:
        """Receive the files in searched folders that are not used."""

    def note(self, text: str) -> None:
        """Receive what was understood of the input and might be otherwise, in a sentence."""

    def warning(self, text: str) -> None:
        """Receive a warning: what may mislead the user, in a sentence, and perhaps its fix."""

    def workers(self, number: int) -> None:
        """Receive how many workers of a cluster compute, before `method`."""

    def method(self, name: str, kernel: str | None, seconds: float | None) -> None:
        """Receive the method that is used, streaming's kernel, and the predicted seconds if known.

        `kernel` is ``numpy`` or ``numba`` for streaming, and None for the other methods.
        """

    def cost(self, iteration: int, cost: float, test_log_loss: float | None) -> None:
        """Receive a recorded cost, as it was before the update `iteration`, from 0 on.

        `test_log_loss` is the mean cross-entropy on the test split, without penalty and class
        weights; None where there is no test split.
        """

    def stop(self) -> bool:
        """Return whether to stop the descent after this iteration."""
        return False
