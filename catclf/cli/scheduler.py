"""How `train` is told of a Dask cluster, and connects to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from catclf.cli.options import INPUT, option
from catclf.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["cluster_client", "scheduler_options"]

F = TypeVar("F", bound=Callable[..., Any])


def scheduler_options(command: F) -> F:
    """Declare ``--scheduler`` and ``--scheduler-file``."""
    address = option(
        "--scheduler",
        group="Cluster",
        metavar="ADDRESS",
        help="Dask scheduler whose workers compute: tcp://HOST:PORT or tls://HOST:PORT.",
    )
    file = option(
        "--scheduler-file",
        group="Cluster",
        type=INPUT,
        metavar="FILE",
        help="File in which the scheduler left its address.",
    )
    return address(file(command))


@contextmanager
def cluster_client(scheduler: str | None, scheduler_file: str | None) -> Iterator[Client | None]:
    """Connect to the scheduler that is named; yield None where none is.

    Raises
    ------
    ClusterError
        Where it does not answer, or Dask is not installed.
    """
    if scheduler is None and scheduler_file is None:
        yield None
        return
    if scheduler is not None and scheduler_file is not None:
        raise click.UsageError("--scheduler and --scheduler-file both name a scheduler: give one")
    try:
        from catclf.descent.cluster import address_in, connected
    except ImportError as error:
        raise ClusterError(
            f"Dask cannot be loaded ({error})", fix="Install it: pip install 'catclf[cluster]'."
        ) from error
    address = scheduler if scheduler_file is None else address_in(scheduler_file)
    assert address is not None, "one of the two is given"
    logging.disable()  # Dask logs, with tracebacks, what we tell in our own words
    try:
        with connected(address) as client:
            yield client
    finally:
        logging.disable(logging.NOTSET)
