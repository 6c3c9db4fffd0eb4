"""Streaming on a Dask cluster: its overhead, its recovery, the cost of adding 1000 shards."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
from distributed import LocalCluster
from distributed.protocol import deserialize_bytes, serialize_bytes
from measuring import N_X, Row, in_turns, seconds, write_pictures

import catclf.descent.cluster
from catclf import Settings, open_dataset
from catclf.cli.scheduler import connected
from catclf.columns import BLOCK_EXAMPLES
from catclf.descent import KERNELS, Choice, Method, Problem
from catclf.descent.cluster import ClusterSums
from catclf.descent.streaming import Streaming, sums_over
from catclf.descent.sums import Examples, Sums
from catclf.observer import Observer
from catclf.operations.problems import SharedDataset, problem_of

SETTINGS = Settings(0.0005)
SMALL = 1000  # pictures whose sums take no time to speak of
ITERATIONS = 10
SHARDS = 1000
GROUPS = math.isqrt(SHARDS)  # as `ClusterSums` makes of them


def measure_cluster(folder: Path) -> list[Row]:
    """One and two workers of one core each, beside one core without Dask; kills; the tree."""
    rows = []
    for m in (SMALL, 20_000, 100_000):
        path = folder / f"{m}.h5"
        write_pictures(path, m)
        for kernel in KERNELS:
            rows += [workers_beside_cores(path, m, n, kernel) for n in (1, 2)]
        if m == 20_000:
            rows.append(recovery(path, m))
        path.unlink()
    return [*rows, adding_up(), many_shards(folder / "many.h5")]


@contextmanager
def on_a_cluster(path: Path, n_workers: int) -> Iterator[tuple[Problem, ClusterSums, int]]:
    """Start workers, each a process of one thread, for the examples of a dataset.

    Yields the problem, the cluster, and the number of one of the processes.
    """
    with (
        LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None) as dask,
        connected(dask.scheduler_address) as client,
        open_dataset(path) as dataset,
    ):
        client.wait_for_workers(n_workers, timeout=60)
        problem = problem_of(dataset, SETTINGS)
        cluster = ClusterSums(client, problem, SharedDataset.of(dataset, SETTINGS), Observer())
        yield problem, cluster, min(client.run(os.getpid).values())


def iterate(method: Method) -> None:
    """Make some iterations."""
    for _ in range(ITERATIONS):
        method.step(False)


def step_seconds(method: Method) -> float:
    """Return how long one iteration takes."""
    return seconds(lambda: method.step(False))


def workers_beside_cores(path: Path, m: int, n: int, kernel: str) -> Row:
    """Compare workers of one core with cores of this process, the examples of all in memory."""
    with on_a_cluster(path, n) as (problem, cluster, _):
        method = cluster.start(Choice("streaming", kernel), problem)
        examples = Examples.of(replace(problem, columns=problem.columns[:]))
        one, cores = (
            Streaming(problem, None, sums_over(examples, kernel, workers=k)) for k in (1, n)
        )
        single, ours, speedup = in_turns(lambda: iterate(one), lambda: iterate(method), rest=0.1)
        alike = single
        if n > 1:
            alike, ours, _ = in_turns(lambda: iterate(cores), lambda: iterate(method), rest=0.1)
    single, alike, ours = (1e3 * each / ITERATIONS for each in (single, alike, ours))
    return Row(
        f"an iteration at m = {m}, {kernel}, by {n} Dask worker{'s' * (n > 1)} of one core",
        f"without Dask {single:.1f} ms" + f", by {n} cores {alike:.1f} ms" * (n > 1),
        f"{ours:.1f} ms, overhead {ours - alike:.1f} ms",
        f"{speedup:.2f}x of one core, efficiency {speedup / n:.0%}",
    )


def recovery(path: Path, m: int) -> Row:
    """Time an iteration before which one of two workers is killed."""
    usual, waited = [], []
    for _ in range(3):
        with on_a_cluster(path, 2) as (_, cluster, worker):
            method = cluster.start(Choice("streaming", "numpy"), cluster.problem)
            iterate(method)
            usual.append(step_seconds(method))
            os.kill(worker, signal.Signals["SIGKILL"])
            waited.append(step_seconds(method))
    return Row(
        f"an iteration before which one of 2 workers is killed, m = {m}",
        f"one without {median(usual) * 1e3:.0f} ms",
        f"{min(waited):.2f} to {max(waited):.2f} s",
        "-",
    )


def adding_up() -> Row:
    """Add the sums of 1000 shards, serialized as between processes, flat and in the tree."""
    rng = np.random.default_rng(0)
    sums = [
        Sums(rng.integers(-(2**50), 2**50, (1, N_X)), (int(db),), int(loss))
        for db, loss in rng.integers(0, 2**62, (SHARDS, 2))
    ]
    sent = [serialize_bytes(each) for each in sums]

    def added(messages: list[bytes]) -> Sums:
        total: Sums = reduce(add, map(deserialize_bytes, messages))
        return total

    groups = [sent[k::GROUPS] for k in range(GROUPS)]
    flat = median(seconds(lambda: added(sent)) for _ in range(5))
    level = median(seconds(lambda: added(groups[0])) for _ in range(20))
    of_groups = [serialize_bytes(added(group)) for group in groups]
    top = median(seconds(lambda: added(of_groups)) for _ in range(20))
    first, whole = added(of_groups), added(sent)
    assert (first.db, first.loss) == (whole.db, whole.loss)
    assert np.array_equal(first.dw, whole.dw)
    return Row(
        f"adding up the sums of {SHARDS} shards, {len(sent[0]) * SHARDS / 1e6:.0f} MB",
        f"by the client alone {flat * 1e3:.0f} ms",
        f"in {GROUPS} groups {level * 1e3:.1f} ms, and these {top * 1e3:.1f} ms",
        f"{flat / (level + top):.0f}x faster",
    )


def many_shards(path: Path) -> Row:
    """Let two workers keep 1000 shards of a block each: what asking them adds to an iteration."""
    write_pictures(path, SHARDS * BLOCK_EXAMPLES)
    took = {}
    for n_shards, max_flat in ((2, SHARDS), (64, SHARDS), (SHARDS, SHARDS), (SHARDS, 64)):
        with (
            on_a_cluster(path, 2) as (_, cluster, _),
            patch.object(catclf.descent.cluster, "MAX_FLAT_SHARDS", max_flat),
        ):
            cluster.n_workers = n_shards
            method = cluster.start(Choice("streaming", "numba"), cluster.problem)
            method.step(False)
            took[n_shards, max_flat] = median(step_seconds(method) for _ in range(6))
    path.unlink()
    two, few, flat, tree = (1e3 * each for each in took.values())
    return Row(
        f"an iteration at m = {SHARDS * BLOCK_EXAMPLES}, numba, by 2 Dask workers, in many shards",
        f"2 shards {two:.0f} ms; 64 {few:.0f} ms",
        f"{SHARDS}, flat {flat:.0f} ms, in {GROUPS} groups {tree:.0f} ms",
        f"{(few - two) / 62:.1f} ms a shard of 64, {(flat - two) / SHARDS:.1f} of {SHARDS}",
    )
