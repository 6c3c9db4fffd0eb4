"""Ways of making a good HDF5 file bad, for `corpus.course_hdf5` and `corpus.prepared`.

Each bad file is a good one with one thing changed. Files that would be large are sparse, or
compressed.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf import Preprocessing

SIZE = 4
N_X = 3 * SIZE * SIZE
SETTINGS = Preprocessing(size=SIZE)
CLASSES = ("noncat", "cat")
GZIP: dict[str, Any] = {"compression": "gzip"}
LZF: dict[str, Any] = {"compression": "lzf"}

Builder = Callable[[Path], object]
Change = Callable[[h5py.File], object]


@dataclass(frozen=True)
class Case:
    """A bad file: what is wrong with it, and where it is."""

    name: str
    path: Path


def write_cases(folder: Path, builders: dict[str, Builder]) -> list[Case]:
    """Write every bad file into a folder."""
    cases = [Case(name, folder / f"{name.replace(' ', '-')}.h5") for name in builders]
    for case in cases:
        builders[case.name](case.path)
    return cases


def pixels(m: int, size: int = SIZE) -> NDArray[np.uint8]:
    """Return random pictures (m, size, size, 3)."""
    return np.random.default_rng(m).integers(0, 256, (m, size, size, 3), dtype=np.uint8)


def make_pipe(path: str | Path) -> None:
    """Make a pipe, whose opening would never end."""
    if sys.platform == "win32":
        raise NotImplementedError("no pipes in folders")
    os.mkfifo(path)


# ------------------------------------------------------------------------------ whole files


def holding(data: bytes) -> Builder:
    return lambda path: path.write_bytes(data)


def rewritten(good: Builder, change: Callable[[bytes], bytes]) -> Builder:
    def build(path: Path) -> None:
        good(path)
        path.write_bytes(change(path.read_bytes()))

    return build


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)]


def zeroed(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)].ljust(len(data), b"\0")


# ---------------------------------------------------------------------- arrays without data


def created(name: str, shape: tuple[int, ...], kind: Any = np.uint8, **options: Any) -> Change:
    """Return what creates an array of which nothing is written."""

    def change(file: h5py.File) -> None:
        file.pop(name, None)
        file.create_dataset(name, shape, kind, **options)

    return change


def sparse(name: str, shape: tuple[int, ...], chunks: tuple[int, ...] | None = None) -> Change:
    """Return what creates an array whose bytes are allocated, and are a hole in the file."""

    def change(file: h5py.File) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        if chunks is not None:
            plist.set_chunk(chunks)
        space = h5py.h5s.create_simple(shape)
        h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_U8LE, space, dcpl=plist)

    return change


def group_for(name: str) -> Change:
    def change(file: h5py.File) -> None:
        file.pop(name, None)
        file.create_group(name)

    return change


# --------------------------------------------------------------------- what points elsewhere


def linked(name: str, link: Any) -> Change:
    def change(file: h5py.File) -> None:
        if name in file:
            file.move(name, "elsewhere")
        file[name] = link

    return change


def moved_out(name: str) -> Change:
    """Return what makes an array, or a group, a link to itself in a second file."""

    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = h5py.ExternalLink(trap(file), "data")

    return change


def external_storage(name: str) -> Change:
    """Return what makes an array's bytes those of another file."""

    def change(file: h5py.File) -> None:
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        file.create_dataset(name, shape, kind, external=[(trap(file), 0, h5py.h5f.UNLIMITED)])

    return change


def virtual(name: str, unlimited: bool = False) -> Change:
    """Return what makes an array a view of one in a second file."""

    def change(file: h5py.File) -> None:
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        most = (None, *shape[1:]) if unlimited else shape
        layout = h5py.VirtualLayout(shape, kind, maxshape=most)
        source = h5py.VirtualSource(trap(file), "data", shape, maxshape=most)
        if unlimited:
            layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
        else:
            layout[:] = source
        file.create_virtual_dataset(name, layout)

    return change


def trap(file: h5py.File) -> str:
    """Make a pipe beside a file, and return its path."""
    path = Path(file.filename).with_suffix(".trap")
    make_pipe(path)
    return str(path)


# ------------------------------------------------------------------------ damaged chunks


def chunk(name: str, raw: bytes, filter_mask: int = 0, **options: Any) -> Change:
    """Return what makes the first, and only, chunk of an array these very bytes.

    The bits of the mask are the filters that were left out.
    """

    def change(file: h5py.File) -> None:
        data = file[name][:]
        del file[name]
        made = file.create_dataset(name, data=data, chunks=data.shape, **options)
        made.id.write_direct_chunk((0,) * data.ndim, raw, filter_mask)

    return change


def bomb(size: int) -> bytes:
    """Return `size` zeros as zlib packs them, about a thousandth of that (RFC 1950)."""
    packer = zlib.compressobj(9)
    first = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (size % 65521) << 16 | 1
    return first + again * (size // 2**20 - 1) + b"\3\0" + struct.pack(">I", checksum)
