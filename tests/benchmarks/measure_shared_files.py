"""Photographs by the workers of a Dask cluster, beside processes; what its scheduler passes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from distributed import LocalCluster
from measure_pictures import photographs
from measuring import Row, in_turns, seconds

import catclf
from catclf.backbone import EFFICIENTNET_LITE0
from catclf.cli.scheduler import connected
from catclf.cluster import TASK_BYTES, TASK_MS, Cluster
from catclf.observer import Observer

PHOTOGRAPHS = 1000
TASKS = 500  # whose results are of no size, and
MEGABYTES = 400  # of results


def measure_shared_files(folder: Path) -> list[Row]:
    """Two workers of one thread beside two processes; then tasks and bytes a second."""
    many = photographs(folder, PHOTOGRAPHS)
    preprocessing = catclf.Preprocessing(backbone=catclf.load_backbone(EFFICIENTNET_LITE0))
    dataset, heard = folder / "d.npz", Observer()
    prepare = partial(
        catclf.prepare, many, dataset, preprocessing=preprocessing, workers=2, observer=heard
    )
    prepare()
    model = catclf.train(dataset, folder / "m.npz", observer=heard).model
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as dask,
        connected(dask.scheduler_address) as client,
    ):
        client.wait_for_workers(2, timeout=60)

        def predict(**where: object) -> None:
            list(catclf.predict(many, model, **where))  # type: ignore[arg-type]

        return [
            beside("prepare", prepare, partial(prepare, client=client)),
            beside("predict", partial(predict, workers=2), partial(predict, client=client)),
            passed_on(Cluster(client, heard, ["catclf"])),
        ]


def beside(verb: str, processes: Callable[[], object], workers: Callable[[], object]) -> Row:
    """Compare whole calls."""
    here, there, ratio = in_turns(processes, workers, rounds=3)
    return Row(
        f"{verb} {PHOTOGRAPHS} photographs ({EFFICIENTNET_LITE0}) by 2 Dask workers of one thread",
        f"by 2 processes {here:.1f} s",
        f"{there:.1f} s",
        f"{ratio:.0%} of their speed",
    )


def passed_on(cluster: Cluster) -> Row:
    """Ask for many small results, and for a few large ones."""
    tasks = seconds(lambda: list(cluster.stream(abs, range(TASKS), item_ms=TASK_MS)))
    sizes = [TASK_BYTES] * (MEGABYTES * 10**6 // TASK_BYTES)
    large = seconds(lambda: sum(1 for _ in cluster.stream(bytes, sizes, result_bytes=TASK_BYTES)))
    return Row(
        "what two workers and the scheduler pass on",
        "-",
        f"{TASKS / tasks:.0f} tasks a second, {sum(sizes) / large / 1e6:.0f} MB/s of results",
        "-",
    )
