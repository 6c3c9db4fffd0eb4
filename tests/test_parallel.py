"""Work spread over the cores gives what the loop gives, in its order."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.parallel import available_cores, available_memory, map_in_order

WORKERS = st.sampled_from([None, 1, 2, 3, 8])


@given(st.lists(st.integers()), WORKERS)
def test_results_are_those_of_map(items: list[int], workers: int | None) -> None:
    """Whatever the number of threads, results come as `map` gives them."""
    assert list(map_in_order(str, items, workers)) == list(map(str, items))


def test_order_is_kept_where_the_first_take_longest() -> None:
    """A later item that is ready waits for the earlier one."""
    ready = threading.Event()

    def first_waits(item: int) -> int:
        if item == 0:
            assert ready.wait(60)
        if item == 3:
            ready.set()
        return item

    assert list(map_in_order(first_waits, range(6), 4)) == list(range(6))


@given(failing=st.integers(0, 9), workers=WORKERS)
def test_an_exception_comes_where_its_result_would(failing: int, workers: int | None) -> None:
    """Results before it are given first, and it is the function's own."""

    def fail(item: int) -> int:
        if item >= failing:
            raise ZeroDivisionError(item)
        return item

    results = map_in_order(fail, range(10), workers)
    assert [next(results) for _ in range(failing)] == list(range(failing))
    with pytest.raises(ZeroDivisionError, match=f"^{failing}$"):
        next(results)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_items_are_taken_a_few_at_a_time(workers: int) -> None:
    """Memory does not grow with the number of items: an endless one can be gone through."""
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    results = map_in_order(lambda item: item, endless(), workers)
    for expected in range(100):
        assert next(results) == expected
        assert taken <= expected + 4 * workers + 2
    cast("Generator[int, None, None]", results).close()


def test_nothing_runs_after_closing() -> None:
    """Whoever stops early knows that no thread touches the items any more."""
    running = threading.Semaphore(0)
    finished = []

    def work(item: int) -> int:
        running.release()
        time.sleep(0.001)
        finished.append(item)
        return item

    with closing(cast("Generator[int, None, None]", map_in_order(work, range(1000), 4))) as results:
        next(results)
    count = len(finished)
    assert count < 1000
    assert not any(t.name.startswith("ThreadPool") for t in threading.enumerate())
    assert len(finished) == count


@pytest.mark.parametrize(("count", "workers"), [(1, 8), (5, 1)])
def test_no_threads_are_started_for_one(count: int, workers: int) -> None:
    """A single item, or a single worker, is computed where the caller stands."""
    threads = set(map_in_order(lambda _: threading.get_ident(), range(count), workers))
    assert threads == {threading.get_ident()}


def test_the_machine_has_cores_and_memory() -> None:
    """Both are counted as positive whole numbers."""
    assert available_cores() >= 1
    assert available_memory() > 0
