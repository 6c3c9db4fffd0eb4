"""What the library tells while it works: it never prints."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Observer"]


class Observer:
    """Hears of the work as it goes on, and may end it early.

    Every method does nothing; a caller overrides those it wants to hear.
    """

    def progress(self, done: int, total: int) -> None:
        """Hear that `done` of `total` pictures, or iterations, are done."""

    def skipped(self, names: Sequence[str]) -> None:
        """Hear which files in a searched folder are no pictures by name."""

    def method(self, name: str, seconds: float | None) -> None:
        """Hear which method was chosen, with the seconds predicted, or is timed: then None."""

    def cost(self, iteration: int, cost: float) -> None:
        """Hear of a recorded cost: that before the update `iteration`, counted from 0."""

    def stop(self) -> bool:
        """Answer, after each iteration, whether to end the descent there."""
        return False
