"""Signals while the work may be stopped in good order."""

from __future__ import annotations

import signal

import pytest

from catclf.cli.signals import stopped_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_received_and_the_second_acts_at_once(number: signal.Signals) -> None:
    """Whoever asks twice does not want to wait for the iteration."""
    acted = []
    before = signal.signal(number, lambda *_: acted.append(number))
    try:
        with stopped_by_signals() as received:
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
        with stopped_by_signals() as received:
            signal.raise_signal(signal.SIGINT)
            assert received == []
    finally:
        signal.signal(signal.SIGINT, before)
