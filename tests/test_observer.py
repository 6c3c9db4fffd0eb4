"""An observer that overrides nothing hears nothing and stops nothing."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from catclf import train
from catclf.descent import Problem
from catclf.errors import CatclfWarning
from catclf.observer import Listener, Observer
from catclf.training import Settings
from conftest import ColumnsMaker
from datasets import write_small
from descent.problems import by_turns, run, same_stand

HEARD = {
    "progress": (1, 2),
    "skipped": (["Thumbs.db"],),
    "note": ("taken as splits",),
    "warning": ("a rate too high",),
    "workers": (4,),
    "learning_rate": (0.005,),
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


@pytest.mark.parametrize("name", HEARD)
def test_a_listener_passes_all_on(name: str) -> None:
    """To the caller's observer, with its answer; of a warning it keeps the text for the result."""
    heard: list[tuple[object, ...]] = []

    def hear(self: Observer, *arguments: object) -> bool:
        heard.append(arguments)
        return True

    observer = type("Hearing", (Observer,), {name: hear})()
    with Listener(observer, False, "pictures") as listener:
        answer = getattr(listener, name)(*HEARD[name])
    assert heard == [HEARD[name]]
    assert answer is (True if name == "stop" else None)
    assert listener.warnings == ([*HEARD[name]] if name == "warning" else [])


def test_without_an_observer_warnings_are_pythons(tmp_path: Path) -> None:
    """They name the line that called, through decorators too, and are kept for the result."""
    dataset = write_small(tmp_path / "d.npz", 6, 4)
    with pytest.warns(CatclfWarning) as caught:
        trained = train(dataset, tmp_path / "m.npz", Settings(0.5, 3, every=1))
    assert [str(each.message) for each in caught] == trained.warnings
    assert trained.warnings[0].startswith("the cost rose")
    assert {each.filename for each in caught} == {__file__}
    nameless = {"listener": Listener(None, False, "pictures")}
    with pytest.warns(CatclfWarning, match="a rate too high"):
        exec("listener.warning('a rate too high')", nameless)


def test_a_bar_is_drawn_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """To its end, by the counts that the work reports; else nothing is written."""
    for asked in (False, True):
        with Listener(None, asked, "pictures") as listener:
            for done in (1, 3):
                listener.progress(done, 3)
    assert "3/3" in capsys.readouterr().err
    with Listener(None, False, "pictures") as listener:
        listener.progress(1, 1)
    assert capsys.readouterr() == ("", "")


def test_a_caller_overrides_what_it_wants_to_hear(make_columns: ColumnsMaker) -> None:
    """One that hears costs does not stop, and changes no descent."""

    class Costs(Observer):
        def __init__(self) -> None:
            self.iterations: list[int] = []

        def cost(self, iteration: int, cost: float, test_log_loss: float | None) -> None:
            self.iterations.append(iteration)

    heard, settings = Costs(), Settings(0.01, 30, every=10)
    problem = Problem(make_columns(6, 9), by_turns(6), settings)
    stands = [
        run("vectorized", problem, observer=observer) for observer in (None, Observer(), heard)
    ]
    assert heard.iterations == [0, 10, 20]
    assert stands[0].training.iterations == 30
    assert all(same_stand(each, stands[0]) for each in stands)
