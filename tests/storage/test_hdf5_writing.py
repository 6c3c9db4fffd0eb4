"""HDF5 files are written so that a signal or a full disk ends in an ordinary error."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from catclf.storage.hdf5 import open_hdf5
from catclf.storage.hdf5_writing import create_hdf5


def test_an_interrupt_waits_until_hdf5_is_through(tmp_path: Path) -> None:
    """Ctrl-C while HDF5 writes acts at the next check, or where the file is closed; never twice."""
    with create_hdf5(tmp_path / "a.h5") as (file, check):
        signal.raise_signal(signal.SIGINT)
        file["x"] = np.arange(3)
        with pytest.raises(KeyboardInterrupt):
            check()
        check()

    def interrupted() -> None:
        with create_hdf5(tmp_path / "b.h5") as (file, _):
            signal.raise_signal(signal.SIGINT)
            file["x"] = np.arange(3)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with open_hdf5(tmp_path / "b.h5") as opened:
        assert opened.array("x")[:].tolist() == [0, 1, 2]


def test_a_full_disk_is_seen_at_the_next_check(tmp_path: Path) -> None:
    """A file that is lost is not written to its end."""
    if sys.platform == "win32":
        pytest.skip("a file's size has no limit")
    import resource

    def write() -> None:
        with create_hdf5(tmp_path / "a.h5") as (file, check):
            file.create_dataset("x", data=np.arange(100_000))
            check()
            pytest.fail("went on")

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        with pytest.raises(OSError, match="large"):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
