"""Predicting 1,000 photographs and evaluating 4,000, on an idle machine and beside other work.

What is held against them idle does the same with bare libraries. Beside two busy loops it is the
same command with one BLAS thread: threads that wait for each other on cores that others have cost
many times the work.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from measure_pictures import photographs
from measuring import N_X, Row, in_turns, write_pictures

from catclf import Preprocessing
from catclf.model import Model
from catclf.model_file import save_model

BUSY_LOOPS = 2
ROUNDS = 7
# A worker a core, as `predict` has them; each picture is read, resized and multiplied.
PILLOW_LOOP = """
import sys
from multiprocessing import Pool
from pathlib import Path
import numpy as np
from PIL import Image
stored = np.load(sys.argv[1])
w, b = stored["w"][:, 0], float(stored["b"])
def probability(path):
    with Image.open(path) as image:
        image.draft("RGB", (128, 128))
        small = image.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)
    x = np.asarray(small).transpose(2, 0, 1).reshape(-1) / 255
    return 1 / (1 + np.exp(-(w @ x + b)))
with Pool() as pool:
    for path in pool.imap(probability, sorted(Path(sys.argv[2]).rglob("*.jpg")), 16):
        print(path)
"""
NUMPY_EVALUATION = """
import sys
import numpy as np
stored, model = np.load(sys.argv[1]), np.load(sys.argv[2])
w, b = model["w"], model["b"]
X, Y = stored["train_columns"], stored["train_labels"]
right = 0
for start in range(0, len(X), 256):
    Z = X[start : start + 256] / 255 @ w + b
    right += np.count_nonzero((Z[:, 0] > 0) == Y[start : start + 256])
print(right / len(X))
"""


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep every core busy with something else."""
    loop = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(loop) for _ in range(BUSY_LOOPS)]
    try:
        yield
    finally:
        for each in loops:
            each.kill()
            each.wait()


def measure_threads(folder: Path) -> list[Row]:
    """Both verbs, idle against bare libraries, and beside busy loops against one BLAS thread."""
    photos = photographs(folder, 1000)
    w = np.random.default_rng(0).normal(size=(N_X, 1))
    model, dataset = folder / "model.npz", folder / "dataset.npz"
    save_model(model, Model(w, np.zeros((1, 1)), ("noncat", "cat"), Preprocessing()))
    write_pictures(dataset, 4000)
    verbs: dict[str, tuple[list[object], list[object]]] = {
        "predict 1,000 photographs": (
            ["predict", "-q", "-m", model, photos],
            ["-c", PILLOW_LOOP, model, photos],
        ),
        "evaluate 4,000 pictures": (
            ["evaluate", dataset, "-m", model, "--split", "train"],
            ["-c", NUMPY_EVALUATION, dataset, model],
        ),
    }
    return [row for what, commands in verbs.items() for row in _rows(what, *commands)]


def _rows(what: str, verb: list[object], bare: list[object]) -> list[Row]:
    command = ["-m", "catclf", *verb]
    idle, ours, ratio = in_turns(_process(bare), _process(command), rounds=ROUNDS)
    with busy_machine():
        one, busy, on_busy = in_turns(_process(command, "1"), _process(command), rounds=ROUNDS)
    return [
        Row(what, f"bare libraries {idle:.2f} s", f"{ours:.2f} s", f"{1 / ratio:.2f}x the time"),
        Row(
            f"{what}, beside {BUSY_LOOPS} busy loops",
            f"with one BLAS thread {one:.2f} s",
            f"{busy:.2f} s",
            f"{1 / on_busy:.2f}x the time",
        ),
    ]


def _process(words: list[object], blas_threads: str | None = None) -> Callable[[], object]:
    environment = {name: each for name, each in os.environ.items() if "NUM_THREADS" not in name}
    if blas_threads is not None:
        environment["OPENBLAS_NUM_THREADS"] = blas_threads
    command = [sys.executable, *map(str, words)]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
