"""How a verb is told of a Dask cluster, and connects to it."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import click

from catclf.cli.options import INPUT, option
from catclf.errors import AnyPath, ClusterError
from catclf.files import read_regular

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 2.0
MAX_SCHEDULER_FILE_BYTES = 2**20

F = TypeVar("F", bound=Callable[..., Any])


def scheduler_options(command: F, what: str) -> F:
    """Declare ``--scheduler`` and ``--scheduler-file``, whose workers compute `what`."""
    address = option(
        "--scheduler",
        group="Cluster",
        metavar="ADDRESS",
        help=f"Dask scheduler whose workers {what}: tcp://HOST:PORT or tls://HOST:PORT. Needs the "
        "extra cluster.",
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
    """Connect to the scheduler that is named, see `connected`; yield None where none is."""
    if scheduler is None and scheduler_file is None:
        yield None
        return
    if scheduler is not None and scheduler_file is not None:
        raise click.UsageError("--scheduler and --scheduler-file both name a scheduler: give one")
    address = scheduler if scheduler_file is None else address_in(scheduler_file)
    assert address is not None, "one of the two is given"
    logging.disable()  # Dask logs, with tracebacks, what we tell in our own words
    try:
        with connected(address) as client:
            yield client
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Connect to the scheduler at an address; ClusterError where none answers, or Dask is missing.

    ``tcp://HOST:PORT``, or ``tls://HOST:PORT`` with the certificates of Dask's configuration.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError(
            f"Dask cannot be loaded ({error})", fix="Install it: pip install 'catclf[cluster]'."
        ) from error
    found: Queue[Client | Exception] = Queue()

    def connect() -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions: those that matter are compared
                found.put(Client(address, timeout=CONNECT_SECONDS))
        except Exception as error:  # of the network, of certificates, of what is no address
            found.put(error)

    # In a thread of its own: something else that listens there may keep a client waiting for ever.
    Thread(target=connect, daemon=True).start()
    try:
        client = found.get(timeout=2 * CONNECT_SECONDS)
    except Empty:
        client = TimeoutError("what listens there is silent")
    if isinstance(client, Exception):
        cause: BaseException = client
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise ClusterError(
            f"no Dask scheduler answers there ({str(cause) or 'it does not connect'})",
            address,
            "Check the address and Dask's configuration of TLS."
            if address.startswith("tls:")
            else "Check the address; 'dask scheduler' starts one.",
        ) from client
    try:
        yield client
    finally:
        with suppress(Exception):  # it takes longer on a busy machine: what was asked for is done
            client.close(timeout=CLOSE_SECONDS)


def address_in(path: AnyPath) -> str:
    """Return the address in a scheduler's ``--scheduler-file``; ClusterError where it has none."""
    try:
        stored = json.loads(read_regular(path, MAX_SCHEDULER_FILE_BYTES, ClusterError))
        address = stored["address"]
    except (ValueError, LookupError, TypeError, RecursionError):
        address = None
    if not isinstance(address, str):
        raise ClusterError(
            "is no scheduler file", path, "Name what 'dask scheduler --scheduler-file' wrote."
        )
    return address
