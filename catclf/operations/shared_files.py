"""Picture files that the workers of a cluster read for themselves, by the paths they have here."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from catclf.errors import ClusterError, PictureError
from catclf.features import Preprocessing
from catclf.observer import Observer

if TYPE_CHECKING:
    from distributed import Client

    from catclf.cluster import Cluster

# Which decode a picture, and make it a column; pillow-heif may be missing, but everywhere.
PACKAGES = ("catclf", "numpy", "pillow", "pillow-heif")
SAME_PATHS = "Every worker must read the pictures by the paths they have here."
T = TypeVar("T")
R = TypeVar("R")


class SharedFile(NamedTuple):
    """A file by its whole path, and its size here in bytes; None where it has none."""

    path: str
    n_bytes: int | None


def cluster_of(client: Client, observer: Observer, preprocessing: Preprocessing) -> Cluster:
    """Return the workers that a client's scheduler has, each with the packages that are needed.

    ClusterError as `Cluster`.
    """
    from catclf.cluster import Cluster  # here, for predict to start without Dask

    packages = PACKAGES if preprocessing.backbone is None else (*PACKAGES, "onnxruntime")
    return Cluster(client, observer, packages)


def computed_by_workers(
    cluster: Cluster,
    function: Callable[[T, str], R],
    items: Iterable[tuple[T, str]],
    error_of: Callable[[R], PictureError | None],
    result_bytes: int,
    item_ms: int,
) -> Iterator[R]:
    """Yield ``function(item, path)`` of items and their files, in order, computed by workers.

    What a worker cannot read is read here, too. ClusterError, which names the worker and the file,
    where that goes well, and where the worker has another file there.
    """
    here: deque[tuple[T, str]] = deque()  # whose results are not yet taken

    def there() -> Iterator[tuple[T, SharedFile]]:
        for item, path in items:
            here.append((item, path))
            yield item, SharedFile(os.path.abspath(path), _size(path))

    results = cluster.stream(partial(_on_worker, function), there(), result_bytes, item_ms)
    for result, worker in results:
        item, path = here.popleft()
        if (error := error_of(result)) is not None:
            result = function(item, path)
            if error_of(result) is None:
                raise ClusterError(error.what, f"{worker}: {path}", SAME_PATHS)
        yield result
    cluster.close()


def _on_worker(function: Callable[[T, str], R], item: tuple[T, SharedFile]) -> R:
    """Return a function of an item and its file; ClusterError where that is another file."""
    given, (path, n_bytes) = item
    size = _size(path)
    if None not in (size, n_bytes) and size != n_bytes:
        what = f"has {size} bytes, and {n_bytes} where the pictures were listed"
        raise ClusterError(what, path, SAME_PATHS)
    return function(given, path)


def _size(path: str) -> int | None:
    with suppress(OSError, ValueError):
        return os.stat(path).st_size
    return None
