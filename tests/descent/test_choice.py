"""The choice between the methods."""

from __future__ import annotations

from itertools import product

import pytest

from catclf.descent import KERNELS, choice, choose, memory_needs
from catclf.descent.choice import predict_seconds

GIB = 2**30


def chosen(m: int, iterations: int, memory: int, k: int = 1) -> choice.Choice:
    """Choose for pictures of 64x64 on a machine with so many bytes available."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "available_memory", lambda: memory)
        return choose(m, 12288, iterations, k=k)


def test_the_courses_run_is_grams() -> None:
    """209 pictures, 2000 iterations: the small matrix wins by far."""
    assert chosen(209, 2000, 8 * GIB).method == "gram"


def test_a_matrix_of_products_must_fit_into_a_quarter_of_the_memory() -> None:
    """Where K would not fit, gram is left out, however much faster it would be."""
    m, iterations = 2000, 10**6
    assert chosen(m, iterations, 64 * GIB).method == "gram"
    small = 4 * memory_needs(m, 12288)["gram"] - 1
    assert chosen(m, iterations, small).method != "gram"


def test_what_grows_with_the_classes_must_fit_too() -> None:
    """Every neuron has its logits, probabilities and derivatives of all examples."""
    m, iterations, k = 2000, 10**6, 1000
    between = 4 * memory_needs(m, 12288)["gram"] + 4
    assert chosen(m, iterations, between).method == "gram"
    assert chosen(m, iterations, between, k).method == "streaming"
    assert chosen(m, iterations, 64 * GIB, k).method == "gram"


def test_streaming_always_fits() -> None:
    """A million pictures on a small machine stream."""
    assert chosen(1_000_000, 100, GIB).method == "streaming"


def test_the_choice_is_the_smallest_prediction() -> None:
    """With memory for all, the method with the least predicted time is taken, and told."""
    for m, k in product((10, 209, 2000, 8000), (1, 6, 100)):
        for iterations in (1, 100, 10_000):
            seconds = predict_seconds(m, 12288, iterations, k=k)
            best = chosen(m, iterations, 10_000 * GIB, k)
            assert best.seconds == min(seconds.values()) == seconds[best.method]


def test_twice_the_neurons_take_nearly_twice_as_long() -> None:
    """Of many neurons each one's products count, and what they share is little."""
    for kernels in (["numpy"], ["numba"]):
        few, many = (predict_seconds(2000, 12288, 10_000, kernels, k) for k in (100, 200))
        for method, seconds in few.items():
            assert 1.7 * seconds < many[method] < 2 * seconds


def test_long_streams_are_compiled_where_numba_is_installed() -> None:
    """A short run would wait for the compiler longer than it trains; others have no kernel."""
    chosen = {
        (method, iterations): choose(20_000, 12288, iterations, method=method)
        for method in ("streaming", "gram")
        for iterations in (10, 2000)
    }
    assert chosen["streaming", 2000] == choice.Choice("streaming", "numba")
    assert chosen["streaming", 10] == choice.Choice("streaming", "numpy")
    assert chosen["gram", 2000] == choice.Choice("gram", None)
    without = choose(20_000, 12288, 2000, method="streaming", kernels=["numpy"])
    assert without == choice.Choice("streaming", "numpy")


def test_the_kernels_there_are_decide_between_the_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where compiled code makes streaming the fastest, its absence leaves another method that."""
    monkeypatch.setattr(choice, "available_memory", lambda: 1000 * GIB)
    compiled, core = (choose(8000, 12288, 2000, kernels=k) for k in (KERNELS, ["numpy"]))
    assert (compiled.method, compiled.kernel) == ("streaming", "numba")
    assert (core.method, core.kernel) == ("gram", None)
    assert core.seconds > compiled.seconds  # type: ignore[operator]
