"""How the library reports its work: it never prints."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from catclf.errors import CatclfWarning

if TYPE_CHECKING:
    from tqdm.auto import tqdm


@dataclass(frozen=True)
class Skipped:
    """A file that is not used.

    Parameters
    ----------
    path
        The file.
    kind
        What it is, such as ``document``.
    """

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

    def learning_rate(self, rate: float) -> None:
        """Receive the rate of a descent that begins, after `method`; again where it restarts."""

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


class Listener(Observer):
    """The observer of one call: it keeps the warnings for the call's result, and passes all on.

    Where the caller gave no observer, a warning is Python's, of the category `CatclfWarning`. Where
    the caller asked for it, the progress is drawn as a bar, in a notebook as a widget; `unit` is
    what is counted, such as ``pictures``. The first of the `signals` stops a descent.
    """

    def __init__(
        self,
        observer: Observer | None,
        progress: bool,
        unit: str,
        signals: Sequence[int] = (),
    ) -> None:
        self.warnings: list[str] = []
        self.signals = signals
        self._to, self._warns = observer or Observer(), observer is None
        self._draws, self._unit = progress, unit
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def progress(self, done: int, total: int) -> None:
        self._to.progress(done, total)
        if self._draws:
            if self._bar is None:
                from tqdm.auto import tqdm  # for those who ask

                self._bar = tqdm(total=total, unit=f" {self._unit}")
            self._bar.update(done - self._bar.n)

    def skipped(self, files: Sequence[Skipped]) -> None:
        self._to.skipped(files)

    def note(self, text: str) -> None:
        self._to.note(text)

    def warning(self, text: str) -> None:
        self.warnings.append(text)
        self._to.warning(text)
        if self._warns:
            warnings.warn(text, CatclfWarning, stacklevel=_caller())

    def workers(self, number: int) -> None:
        self._to.workers(number)

    def learning_rate(self, rate: float) -> None:
        self._to.learning_rate(rate)

    def method(self, name: str, kernel: str | None, seconds: float | None) -> None:
        self._to.method(name, kernel, seconds)

    def cost(self, iteration: int, cost: float, test_log_loss: float | None) -> None:
        self._to.cost(iteration, cost, test_log_loss)

    def stop(self) -> bool:
        return bool(self.signals) or self._to.stop()


def _caller() -> int:
    """Return the `stacklevel` at which a warning names the line that called catclf.

    It is the one above our outermost frame: others, as of a decorator, stand between ours.
    """
    level, found, frame = 1, 1, sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_globals.get("__name__", "").startswith("catclf."):
            found = level + 1
        level, frame = level + 1, frame.f_back
    return found
