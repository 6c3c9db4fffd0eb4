"""Read mutated files in a process of little memory and time; test_mutations.py starts it.

    python tests/corpus/mutations.py KIND FILE...

Any bytes give a result or a CatclfError; anything else ends the process with a traceback.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catclf import open_dataset
from catclf.errors import CatclfError
from catclf.features import Preprocessing
from catclf.model import read_model
from catclf.operations.preparation import prepare
from catclf.pictures.reading import read_picture

MUTATIONS = 300  # of each kind
EXTRA_MEMORY_BYTES = 512 * 2**20  # beside what the process holds when it begins
FILE_SECONDS = 10  # for one file


def read_dataset(path: Path) -> None:
    """Read a prepared dataset, all of it."""
    with open_dataset(path) as dataset:
        for split in (dataset.train, dataset.test):
            assert len(split.columns[:]) == len(split.pixels[:]) == len(split.names)


def prepare_course(path: Path) -> None:
    """Prepare a file in the course's layout."""
    prepare([path], path.with_suffix(".out"), workers=1)


READERS: dict[str, Callable[[Path], object]] = {
    "picture": lambda path: read_picture(path, Preprocessing()),
    "model": read_model,
    "dataset": read_dataset,
    "course": prepare_course,
}


class Content(bytes):
    """A file's bytes, which hypothesis need not print."""

    def __repr__(self) -> str:
        """Count them."""
        return f"<{len(self)} bytes>"


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> Content:
    """Draw a file with bytes flipped, cut out, zeroed, repeated or put in."""
    content = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        # Headers stand at the beginning, and directories at the end.
        near = draw(st.sampled_from([0, max(0, len(content) - 400), None]))
        first, span = (0, len(content)) if near is None else (near, 400)
        start = min(len(content), first + draw(st.integers(0, span)))
        end = min(len(content), start + draw(st.sampled_from([1, 2, 4, 8, 600])))
        piece = content[start:end]
        how = draw(st.sampled_from(["set", "flip", "zero", "ones", "cut", "repeat", "end"]))
        if how == "set":
            content[start:end] = draw(st.binary(min_size=len(piece), max_size=len(piece)))
        elif how == "flip":
            content[start:end] = bytes(byte ^ 1 << draw(st.integers(0, 7)) for byte in piece)
        elif how in ("zero", "ones"):
            content[start:end] = (b"\0" if how == "zero" else b"\xff") * len(piece)
        elif how == "cut":
            del content[start:end]
        elif how == "repeat":
            content[start:start] = piece
        else:
            del content[start:]
    return Content(content)


def main(kind: str, files: list[str]) -> None:
    """Read mutations of the files, as a KIND."""
    if sys.platform == "win32":
        raise NotImplementedError("no limit of memory")
    read, originals = READERS[kind], [Path(file).read_bytes() for file in files]

    @settings(
        max_examples=MUTATIONS,
        deadline=1000 * FILE_SECONDS,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(content=mutated(originals))
    def gives_a_result_or_an_error(content: Content) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(content)
            with suppress(CatclfError):
                read(path)

    for file in files:  # what a first use imports counts as held already
        read(Path(file))
    with open("/proc/self/status", encoding="ascii") as status:
        held = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmSize:"))
    limit = held + EXTRA_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    gives_a_result_or_an_error()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
