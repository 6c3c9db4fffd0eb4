"""A real Dask cluster on the loopback address: a scheduler and workers, each a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

START_SECONDS = 60.0
NEEDS_PROC = pytest.mark.skipif(
    not os.path.exists("/proc/self/cwd"), reason="no path under which each process sees its own"
)


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
        self.workers: list[subprocess.Popen[bytes]] = []
        command = ("scheduler", "--protocol", protocol, "--host", "127.0.0.1", "--port", "0")
        self.scheduler = self._start("scheduler", *command, "--scheduler-file", str(self.file))
        deadline = time.monotonic() + START_SECONDS
        # The scheduler opens the file, and then writes it.
        while not (self.file.exists() and self.file.read_text().endswith("}")):
            assert self.scheduler.poll() is None, (folder / "scheduler.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    @property
    def address(self) -> str:
        """``tcp://HOST:PORT`` of the scheduler, or ``tls://``."""
        return str(json.loads(self.file.read_text())["address"])

    def add_worker(
        self, threads: int = 1, folder: Path | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a worker, in a folder; it joins in a second or two.

        Under ``/proc/self/cwd`` each sees its own folder, as machines that mount others do.
        """
        command = ("worker", self.address, "--no-nanny", "--nthreads", str(threads))
        name = f"worker-{len(self.workers)}"
        host = ("--host", "127.0.0.1", "--local-directory", str(self.folder))
        worker = self._start(name, *command, *host, folder=folder, **environment)
        self.workers.append(worker)
        return worker

    def _start(
        self, name: str, *command: str, folder: Path | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *command, "--no-dashboard"],
                stdout=log,
                stderr=log,
                cwd=folder or self.folder,
                env={**os.environ, **environment},
            )

    def close(self) -> None:
        """Kill all that still runs."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
