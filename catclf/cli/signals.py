"""SIGINT and SIGTERM, while the work may be stopped in good order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stopped_by_signals"]


@contextmanager
def stopped_by_signals() -> Iterator[list[int]]:
    """Yield a list that receives the first SIGINT or SIGTERM; a second one acts at once."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {}
    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) != signal.SIG_IGN:  # as for a script's background jobs
            before[each] = signal.signal(each, receive)
    try:
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
