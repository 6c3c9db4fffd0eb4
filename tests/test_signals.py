"""Signals: the first stops the work after its iteration, a second one acts at once."""

from __future__ import annotations

import signal
import threading

import pytest

from catclf.signals import keyboard_interrupts, stopped_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_received_and_the_second_acts_at_once(number: signal.Signals) -> None:
    """Whoever asks twice does not want to wait for the iteration."""
    acted = []
    before = signal.signal(number, lambda *_: acted.append(number))
    try:
        with stopped_by_signals(signal.SIGINT, signal.SIGTERM) as received:
            signal.raise_signal(number)
            assert (received, acted) == ([number], [])
            signal.raise_signal(number)
            assert (received, acted) == ([number], [number])
        signal.raise_signal(number)
        assert acted == [number, number]
    finally:
        signal.signal(number, before)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As of a script's background jobs."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopped_by_signals(signal.SIGINT, signal.SIGTERM) as received:
            signal.raise_signal(signal.SIGINT)
            assert received == []
    finally:
        signal.signal(signal.SIGINT, before)


def test_only_an_interrupt_that_would_raise_is_received() -> None:
    """Not where a caller handles it, nor in another thread, which receives no signals."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    found: list[list[int]] = []
    try:
        assert keyboard_interrupts() == [signal.SIGINT]
        thread = threading.Thread(target=lambda: found.append(keyboard_interrupts()))
        thread.start()
        thread.join()
        assert found == [[]]
        signal.signal(signal.SIGINT, lambda *_: None)
        assert keyboard_interrupts() == []
    finally:
        signal.signal(signal.SIGINT, before)
