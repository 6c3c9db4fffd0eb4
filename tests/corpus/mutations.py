"""Read mutated files in a process of little memory and time; test_mutations.py starts it.

    python tests/corpus/mutations.py KIND COUNT FILE...

Any bytes give a result or a CatclfError; anything else ends the process with a traceback.
"""

from __future__ import annotations

import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np

from catclf import load_backbone, open_dataset
from catclf.errors import CatclfError
from catclf.features import Preprocessing
from catclf.model_file import read_model
from catclf.observer import Observer
from catclf.operations.preparation import prepare
from catclf.pictures.reading import read_picture

EXTRA_MEMORY_BYTES = 512 * 2**20  # beside what the process holds when it begins
FILE_SECONDS = 10  # for one file


def read_dataset(path: Path) -> None:
    """Read a prepared dataset, all of it."""
    with open_dataset(path) as dataset:
        for split in (dataset.train, dataset.test):
            assert len(split.columns[:]) == len(split.pixels[:]) == len(split.names)


def prepare_course(path: Path) -> None:
    """Prepare a file in the course's layout."""
    prepare([path], path.with_suffix(".out"), workers=1, observer=Observer())


def read_network(path: Path) -> None:
    """Read a network, and take what it gives for a picture."""
    backbone = load_backbone(path, size=8)
    backbone.column(np.full((8, 8, 3), 100, np.uint8))


READERS: dict[str, Callable[[Path], object]] = {
    "picture": lambda path: read_picture(path, Preprocessing()),
    "model": read_model,
    "dataset": read_dataset,
    "course": prepare_course,
    "network": read_network,
}


def mutate(content: bytearray, rng: Random) -> None:
    """Change bytes of a file, or cut some out, copy or repeat them."""
    for _ in range(rng.randint(1, 4)):
        # Headers stand at the beginning, and directories at the end.
        near = rng.choice([0, max(0, len(content) - 400), None])
        first, span = (0, len(content)) if near is None else (near, 400)
        start = min(len(content), first + rng.randint(0, span))
        end = min(len(content), start + rng.choice([1, 2, 4, 8, 600]))
        piece = content[start:end]
        how = rng.choice(["set", "flip", "zero", "ones", "copy", "cut", "repeat", "end"])
        if how == "set":
            content[start:end] = rng.randbytes(len(piece))
        elif how == "flip":
            content[start:end] = bytes(byte ^ 1 << rng.randrange(8) for byte in piece)
        elif how in ("zero", "ones"):
            content[start:end] = (b"\0" if how == "zero" else b"\xff") * len(piece)
        elif how == "copy":
            other = rng.randint(0, len(content) - len(piece))
            content[start:end] = content[other : other + len(piece)]
        elif how == "cut":
            del content[start:end]
        elif how == "repeat":
            content[start:start] = piece
        else:
            del content[start:]


def main(kind: str, count: str, *files: str) -> None:
    """Read so many mutations of the files, as a KIND."""
    if sys.platform == "win32":
        raise NotImplementedError("no limit of memory")
    read, originals, rng = READERS[kind], [Path(file).read_bytes() for file in files], Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for original in originals:  # what a first use imports counts as held already
            path.write_bytes(original)
            read(path)
        with open("/proc/self/status", encoding="ascii") as status:
            held = next(int(line.split()[1]) for line in status if line.startswith("VmSize:"))
        limit = held * 1024 + EXTRA_MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for number in range(int(count)):
            print(f"mutation {number}", flush=True)  # for whoever looks for it
            content = bytearray(rng.choice(originals))
            mutate(content, rng)
            path.unlink()  # ext4 takes longer to write over a file
            path.write_bytes(content)
            signal.alarm(FILE_SECONDS)  # which ends the process
            with suppress(CatclfError):
                read(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
