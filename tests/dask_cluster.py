"""A real Dask cluster on the loopback address: a scheduler and workers, each a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from catclf.cli.scheduler import connected

START_SECONDS = 60.0
NEEDS_PROC = pytest.mark.skipif(
    not os.path.exists("/proc/self/cwd"), reason="no path under which each process sees its own"
)


def wait_until(done: Callable[[], bool]) -> None:
    """Wait until something is so, with patience for a busy machine."""
    deadline = time.monotonic() + START_SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill(*processes: subprocess.Popen[bytes]) -> None:
    """Kill processes as a machine that fails does."""
    for process in processes:
        process.kill()
        process.wait()


class DaskCluster:
    """A scheduler and its workers; all are killed when it is closed.

    Parameters
    ----------
    folder
        Where the scheduler leaves its address, and all of them what they print.
    protocol
        ``tcp``, or ``tls`` with certificates that the environment tells Dask of.
    """

    def __init__(self, folder: Path, protocol: str = "tcp") -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.plain: list[subprocess.Popen[bytes]] = []
        self.others: list[subprocess.Popen[bytes]] = []
        command = ("scheduler", "--protocol", protocol, "--host", "127.0.0.1", "--port", "0")
        self.scheduler = self._start("scheduler", *command, "--scheduler-file", str(self.file))
        # The scheduler opens the file, and then writes it.
        wait_until(lambda: self.file.exists() and self.file.read_text().endswith("}"))

    @property
    def address(self) -> str:
        """``tcp://HOST:PORT`` of the scheduler, or ``tls://``."""
        return str(json.loads(self.file.read_text())["address"])

    def use(self, number: int) -> list[subprocess.Popen[bytes]]:
        """Have just so many workers of one thread, and return them.

        Those of an earlier test serve again, since to start one takes a second or two.
        """
        kill(*self.others, *self.plain[number:])
        self.others = []
        self.plain = [worker for worker in self.plain[:number] if worker.poll() is None]
        self.plain += [self._start_worker() for _ in range(number - len(self.plain))]
        self.wait_for(number)
        return self.plain

    def wait_for(self, number: int) -> None:
        """Wait until the scheduler knows of so many workers, and no others."""
        with connected(self.address) as client:
            wait_until(lambda: len(client.nthreads()) == number)

    def add_worker(
        self, threads: int = 1, folder: Path | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start another until the next `use`, in a folder; it joins in a second or two.

        Under ``/proc/self/cwd`` each sees its own folder, as machines that mount others do.
        """
        self.others.append(self._start_worker(threads, folder, **environment))
        return self.others[-1]

    def _start_worker(
        self, threads: int = 1, folder: Path | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        command = ("worker", self.address, "--no-nanny", "--nthreads", str(threads))
        host = ("--host", "127.0.0.1", "--local-directory", str(self.folder))
        return self._start("worker", *command, *host, folder=folder, **environment)

    def _start(
        self, name: str, *command: str, folder: Path | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *command, "--no-dashboard"],
                stdout=log,
                stderr=log,
                cwd=folder or self.folder,
                env={**os.environ, **environment},
            )

    def close(self) -> None:
        """Kill all that still runs."""
        kill(*self.plain, *self.others, self.scheduler)
