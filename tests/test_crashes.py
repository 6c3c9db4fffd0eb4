"""Whatever ends a process, at whatever moment, an output is the old one or the new one, whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catclf import Observer, Preprocessing, open_dataset, prepare, train
from catclf.training import Settings
from conftest import training_of

if sys.platform == "win32":
    pytest.skip("kills forked processes", allow_module_level=True)

import resource

pytestmark = pytest.mark.slow
KILLS = 6  # of each verb, by each signal
SIZE_LIMITS = 36  # along a whole file


def fork() -> int:
    """Fork, although numpy has threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on
        return os.fork()


def in_child(work: Callable[[], object]) -> int:
    """Do work in a forked process; return its exit code, or minus the signal that ended it."""
    child = fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@dataclass
class Output:
    """An output in a folder of its own, and how to replace it by a new one."""

    path: Path
    replace: Callable[[], object]
    read: Callable[[], int]  # all of it; raises where it is not whole
    old: int  # what `read` returns of the old file
    new: int

    def assert_alone(self) -> None:
        """Check that the next run removes whatever a dead process left."""
        self.replace()
        assert self.read() == self.new
        assert os.listdir(self.path.parent) == [self.path.name]


@pytest.fixture(params=["train", "prepare"])
def output(request: pytest.FixtureRequest, small_dataset: Path, tmp_path: Path) -> Output:
    """Make a model of 10 iterations, to be replaced by one of 20, or a dataset of 40 pictures."""
    path = tmp_path / "out" / "made"
    path.parent.mkdir()
    if request.param == "train":

        def iterations() -> int:
            return training_of(path).iterations

        def made(n: int) -> None:
            train(small_dataset, path, Settings(0.002, n), force=True, observer=Observer())

        made(10)
        return Output(path, lambda: made(20), iterations, 10, 20)

    source, rng = tmp_path / "source", np.random.default_rng(0)
    for name in ("cat", "noncat"):
        (source / name).mkdir(parents=True)
        for number in range(20):  # enough for worker processes
            noise = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(noise).save(source / name / f"{number}.png")
    preprocessing = Preprocessing(size=32)

    def replace() -> None:
        prepare([source], path, preprocessing=preprocessing, workers=2)

    def pictures() -> int:
        with open_dataset(path) as dataset:
            splits = dataset.train, dataset.test
            assert all(len(split.names) == len(split.columns[:]) for split in splits)
            return sum(split.m for split in splits)

    replace()
    next((source / "cat").iterdir()).unlink()
    return Output(path, replace, pictures, 40, 39)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_any_time_the_output_is_whole(output: Output, number: signal.Signals) -> None:
    """The old, the new or a checkpoint; what is left beside it is gone after the next run."""
    began = time.monotonic()
    in_child(output.replace)
    took = time.monotonic() - began
    rng = random.Random(0)

    for _ in range(KILLS):
        child = fork()
        if child == 0:
            try:
                while True:
                    output.replace()
            finally:
                os._exit(1)
        time.sleep(2 * took * rng.random())
        os.kill(child, number)
        if number == signal.SIGINT:  # which Python may lose, just after a fork
            time.sleep(took)
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert output.read() in (output.old, output.new) or number == signal.SIGINT
    output.assert_alone()


def test_a_crash_at_any_step_leaves_a_whole_file(output: Output) -> None:
    """The process ends before the k-th open, sync, replace, removal or close, for every k."""

    def crash_before(step: int) -> None:
        left, me = step, os.getpid()

        def counted(real: Callable[..., object]) -> Callable[..., object]:
            def call(*args: object, **kwargs: object) -> object:
                nonlocal left
                left -= os.getpid() == me  # and not a worker
                if left == 0:
                    os._exit(9)
                return real(*args, **kwargs)

            return call

        for name in ("open", "fsync", "replace", "unlink", "close"):
            setattr(os, name, counted(getattr(os, name)))
        output.replace()

    step = 1
    while (code := in_child(partial(crash_before, step))) == 9:
        assert output.read() in (output.old, output.new)
        step += 1
    assert code == 0
    assert step > 8
    output.assert_alone()


def test_a_crash_at_any_byte_leaves_the_old_file(output: Output) -> None:
    """The process is killed by the write that passes the k-th byte, for 30 k along the file."""

    def crash_after(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        output.replace()

    whole = output.path.stat().st_size
    crashes = 0
    for size in range(0, whole, whole // SIZE_LIMITS):
        if (code := in_child(partial(crash_after, size))) == 0:
            break
        assert code == -signal.SIGXFSZ
        assert output.read() == output.old
        crashes += 1
    assert crashes >= 30
    output.assert_alone()


def test_a_full_disk_is_one_message_and_the_old_model_stays(
    small_dataset: Path, tmp_path: Path
) -> None:
    """Where no byte more can be written, train says so, and leaves no temporary file."""
    model = tmp_path / "model.npz"
    train(small_dataset, model, Settings(0.002, 10), observer=Observer())
    before = model.read_bytes()
    limited = (
        "import resource, runpy, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "runpy.run_module('catclf', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "train", "-q", str(small_dataset), "-o", str(model)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert model.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.npz"]
