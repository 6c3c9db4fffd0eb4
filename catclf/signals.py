"""Signals that stop a descent after its iteration, instead of the program at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals(*numbers: int) -> Iterator[list[int]]:
    """Yield a list that receives the first of the signals; a second one acts at once."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {}
    for each in numbers:
        if signal.getsignal(each) != signal.SIG_IGN:  # as for a script's background jobs
            before[each] = signal.signal(each, receive)
    try:
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def keyboard_interrupts() -> list[int]:
    """Return the signals that would raise KeyboardInterrupt here: none where a caller minds it."""
    here = threading.current_thread() is threading.main_thread()
    raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return [signal.SIGINT] if here and raises else []
