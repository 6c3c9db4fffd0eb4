"""An observer that overrides nothing hears nothing and stops nothing."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from catclf.descent import METHODS, Problem, Settings, descend
from catclf.observer import Observer
from conftest import ColumnsMaker

HEARD = {
    "progress": (1, 2),
    "skipped": (["Thumbs.db"],),
    "warning": ("a rate too high",),
    "workers": (4,),
    "method": ("streaming", "numba", 0.5),
    "cost": (0, 0.69, None),
    "stop": (),
}


def test_every_method_is_known_here() -> None:
    """A method added to Observer is added to the tests below."""
    methods = {name for name, _ in inspect.getmembers(Observer, inspect.isfunction)}
    assert methods == set(HEARD)


@pytest.mark.parametrize("name", HEARD)
def test_an_observer_does_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It answers None, or not to stop; it keeps and prints nothing."""
    observer = Observer()
    answer = getattr(observer, name)(*HEARD[name])
    assert answer is (False if name == "stop" else None)
    assert vars(observer) == {}
    assert capsys.readouterr() == ("", "")


def test_an_observer_changes_no_descent(make_columns: ColumnsMaker) -> None:
    """Every iteration is made, and w, b and the costs are those of a descent unheard."""
    problem = Problem(make_columns(6, 9), np.array([[0.0, 1, 0, 1, 1, 0]]), Settings(0.01, 30))
    heard, unheard = (
        descend(METHODS["vectorized"](problem, None), problem.settings, observer=observer)
        for observer in (Observer(), None)
    )
    assert heard.history.iterations == 30
    assert np.array_equal(heard.w, unheard.w)
    assert (heard.b, heard.history) == (unheard.b, unheard.history)


def test_a_caller_overrides_what_it_wants_to_hear(make_columns: ColumnsMaker) -> None:
    """The other methods stay silent: one that hears costs does not stop."""

    class Costs(Observer):
        def __init__(self) -> None:
            self.iterations: list[int] = []

        def cost(self, iteration: int, cost: float, test_cost: float | None) -> None:
            self.iterations.append(iteration)

    heard, settings = Costs(), Settings(0.01, 30, every=10)
    problem = Problem(make_columns(2, 9), np.array([[0.0, 1.0]]), settings)
    descend(METHODS["vectorized"](problem, None), settings, observer=heard)
    assert heard.iterations == [0, 10, 20]
