"""HDF5 files in the course's layout: a good one, and many that must be refused.

Each bad file is a good one with one thing changed. Files that would be large are sparse, or
compressed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf import Preprocessing
from catclf.sources import list_sources
from corpus.places import make_pipe

SIZE = 4
SETTINGS = Preprocessing(size=SIZE)
CLASSES = ("noncat", "cat")
GZIP: dict[str, Any] = {"compression": "gzip"}
SHAPE, CHUNKS = (6, SIZE, SIZE, 3), (2, SIZE, SIZE, 3)
LABELS = np.arange(6) % 2
MANY = 200_000
UNKNOWN_FILTER = 32015  # Zstandard's number; h5py brings no such plug-in

Builder = Callable[[Path], object]
Change = Callable[[h5py.File], object]


def pixels(m: int, size: int = SIZE) -> NDArray[np.uint8]:
    """Return random pictures (m, size, size, 3)."""
    return np.random.default_rng(m).integers(0, 256, (m, size, size, 3), dtype=np.uint8)


def good_course(path: Path, **arrays: Any) -> None:
    """Write a file in the course's layout; `arrays` replace some, or leave out those of None."""
    good: dict[str, Any] = {
        "train_set_x": pixels(6),
        "train_set_y": LABELS,
        "list_classes": np.array([name.encode() for name in CLASSES]),
    }
    with h5py.File(path, "w") as file:
        for name, value in (good | arrays).items():
            if value is not None:
                file[name] = value


def read_course(path: Path) -> list[NDArray[np.uint8]]:
    """Return all pictures of a file, as `prepare` reads them."""
    with ExitStack() as files:
        return [picture.read(SETTINGS) for picture in list_sources([path], files).pictures]


# ------------------------------------------------------------------------ ways of making it bad


def holding(data: bytes) -> Builder:
    return lambda path: path.write_bytes(data)


def rewritten(change: Callable[[bytes], bytes]) -> Builder:
    def build(path: Path) -> None:
        good_course(path)
        path.write_bytes(change(path.read_bytes()))

    return build


def zeroed(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)].ljust(len(data), b"\0")


def course(**arrays: Any) -> Builder:
    return lambda path: good_course(path, **arrays)


def without(name: str, change: Change, **arrays: Any) -> Builder:
    """Return what leaves out an array, and changes the file then."""

    def build(path: Path) -> None:
        good_course(path, **{name: None}, **arrays)
        with h5py.File(path, "r+") as file:
            change(file)

    return build


def created(name: str, *shape: Any, **options: Any) -> Builder:
    """Return what creates an array otherwise than plainly, with or without its data."""
    return without(name, lambda file: file.create_dataset(name, *shape, **options))


def filled(name: str, value: Any, kind: Any) -> Builder:
    """Return what writes an array of a type that numpy does not know, each entry `value`."""

    def change(file: h5py.File) -> None:
        made = file.create_dataset(name, (6,), kind)
        for i in range(6):
            made[i] = value

    return without(name, change)


def low_level(shape: tuple[int, ...], chunks: tuple[int, ...] | None, *filters: int) -> Builder:
    """Return what allocates pixels as a hole in the file, with filters in this order, by number."""

    def change(file: h5py.File) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        if chunks is not None:
            plist.set_chunk(chunks)
        for number in filters:
            plist.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (4,))
        space = h5py.h5s.create_simple(shape)
        h5py.h5d.create(file.id, b"train_set_x", h5py.h5t.STD_U8LE, space, dcpl=plist)

    return without("train_set_x", change, train_set_y=np.arange(shape[0]) % 2)


def linked(name: str, target: str) -> Builder:
    def change(file: h5py.File) -> None:
        file["elsewhere"] = pixels(6)
        file[name] = h5py.SoftLink(target)

    return without(name, change)


def trap(file: h5py.File) -> str:
    """Make a pipe beside a file, whose opening would never end, and return its path."""
    path = Path(file.filename).with_suffix(".trap")
    make_pipe(path)
    return str(path)


def moved_out(name: str) -> Builder:
    """Return what makes an array a link to itself in a second file."""

    def change(file: h5py.File) -> None:
        file[name] = h5py.ExternalLink(trap(file), "data")

    return without(name, change)


def external_storage(name: str, shape: tuple[int, ...], kind: Any) -> Builder:
    """Return what makes an array's bytes those of another file."""

    def change(file: h5py.File) -> None:
        file.create_dataset(name, shape, kind, external=[(trap(file), 0, h5py.h5f.UNLIMITED)])

    return without(name, change)


def virtual(name: str, shape: tuple[int, ...], most: tuple[int | None, ...]) -> Builder:
    """Return what makes an array a view of one in a second file."""

    def change(file: h5py.File) -> None:
        layout = h5py.VirtualLayout(shape, np.uint8, maxshape=most)
        source = h5py.VirtualSource(trap(file), "data", shape, maxshape=most)
        rows = slice(None) if most == shape else slice(h5py.h5s.UNLIMITED)
        layout[rows] = source[rows]
        file.create_virtual_dataset(name, layout)

    return without(name, change)


def chunk(raw: bytes, filter_mask: int = 0) -> Builder:
    """Return what makes the one chunk of the labels these bytes; the mask tells if it is packed."""

    def change(file: h5py.File) -> None:
        # Of 512 bytes: HDF5 1.14 refuses a shorter one that unpacks to a gigabyte.
        made = file.create_dataset(
            "train_set_y", (6,), "i8", chunks=(64,), maxshape=(None,), **GZIP
        )
        made.id.write_direct_chunk((0,), raw, filter_mask)

    return without("train_set_y", change)


def bomb(size: int) -> bytes:
    """Return `size` zeros as zlib packs them, about a thousandth of that (RFC 1950)."""
    packer = zlib.compressobj(9)
    first = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (size % 65521) << 16 | 1
    return first + again * (size // 2**20 - 1) + b"\3\0" + struct.pack(">I", checksum)


def half_chunks(file: h5py.File) -> None:
    file.create_dataset("train_set_x", SHAPE, np.uint8, chunks=CHUNKS)
    file["train_set_x"][:3] = pixels(3)


def with_last_pixel(value: int) -> NDArray[np.int16]:
    """Return good pixels, but for the last."""
    wide = pixels(6).astype(np.int16)
    wide[-1, -1, -1, -1] = value
    return wide


COURSE: dict[str, Builder] = {
    # No HDF5 file, or not all of one.
    "missing": lambda path: None,
    "empty file": lambda path: path.touch(),
    "text": holding(b"cat,1\n"),
    "git lfs pointer": holding(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"
    ),
    "pipe": make_pipe,
    "signature alone": holding(b"\x89HDF\r\n\x1a\n"),
    "signature at 700": rewritten(lambda data: bytes(700) + data),
    "signature alone behind a user block": rewritten(lambda data: bytes(1024) + data[:8]),
    "a user block, and the file cut": rewritten(lambda data: b"#" * 512 + data[:-1]),
    "cut in the superblock": rewritten(lambda data: data[:20]),
    "cut in the middle": rewritten(lambda data: data[: len(data) // 2]),
    "cut before the last byte": rewritten(lambda data: data[:-1]),
    "zeroed from a quarter on": rewritten(zeroed(0.25)),
    # Wrong keys.
    "nothing in it": course(train_set_x=None, train_set_y=None, list_classes=None),
    "no pixels": course(train_set_x=None),
    "no labels": course(train_set_y=None),
    "pixels are a group": without("train_set_x", lambda file: file.create_group("train_set_x")),
    "labels are a group": without("train_set_y", lambda file: file.create_group("train_set_y")),
    "pixels are a type": course(train_set_x=np.dtype("u1")),
    "pixels are empty": course(train_set_x=h5py.Empty("u1")),
    "test split without labels": course(test_set_x=pixels(2)),
    "test split without pixels": course(test_set_y=np.array([0, 1])),
    "a dataset of catclf 0.1": without(
        "train_set_x", lambda file: file.attrs.create("format", b"catclf-dataset")
    ),
    # Wrong shapes.
    "no pictures": course(train_set_x=pixels(0), train_set_y=LABELS[:0]),
    "pixels are a number": course(train_set_x=np.uint8(3)),
    "pixels in rows": course(train_set_x=pixels(6).reshape(6, -1)),
    "colors first or last": course(train_set_x=pixels(6)[:, :3]),
    "gray pixels, or flat ones": course(train_set_x=pixels(6).reshape(6, -1, 3)),
    "four colors": course(train_set_x=np.zeros((6, 4, 4, 4), np.uint8)),
    "pictures of no width": course(train_set_x=np.zeros((6, 4, 0, 3), np.uint8)),
    "pixels in 32 dimensions": course(train_set_x=np.zeros((1,) * 32, np.uint8)),
    "a picture of 10000 x 10000": low_level((2, 10_000, 10_000, 3), None),
    # Claims of more than there is.
    "a billion pictures": created("train_set_x", (10**9, 64, 64, 3), "u1"),
    "a billion pictures in chunks": created(
        "train_set_x", (10**9, 64, 64, 3), "u1", chunks=(1, 64, 64, 3), **GZIP
    ),
    "half of the chunks": without("train_set_x", half_chunks),
    "labels never written": created("train_set_y", (6,), "i8"),
    "names never written": created("list_classes", (2,), "S6"),
    "many blank pictures": created(
        "train_set_x", data=np.zeros((MANY, 1, 1, 3), "u1"), chunks=(MANY, 1, 1, 3), **GZIP
    ),
    "a chunk of more than 64 MiB": low_level((6, 2000, 2000, 3), (6, 2000, 2000, 3)),
    # Wrong labels.
    "too few labels": course(train_set_y=LABELS[:5]),
    "too many labels": course(train_set_y=np.arange(7) % 2),
    "two labels a picture": course(train_set_y=np.zeros((6, 2), int)),
    "a label of 2": course(train_set_y=np.arange(6) % 3),
    "a label of -1": course(train_set_y=LABELS * 2 - 1),
    "a label of 2**64 - 1": course(train_set_y=np.array([0, 1, 0, 1, 0, 2**64 - 1], np.uint64)),
    "a label of a half": course(train_set_y=LABELS / 2),
    "a label that is no number": course(train_set_y=np.where(LABELS, np.nan, 0)),
    "complex labels": course(train_set_y=LABELS.astype(complex)),
    "labels by other names": course(train_set_y=np.array([b"cat", b"dog"] * 3)),
    "labels by name of any length": filled("train_set_y", "cat", h5py.string_dtype()),
    "compound labels": course(train_set_y=np.zeros(6, [("label", "u1"), ("weight", "f4")])),
    "labels that unpack to too little": chunk(zlib.compress(b"abc")),
    "labels that unpack to nothing": chunk(zlib.compress(b"")),
    "labels that unpack to a gigabyte": chunk(bomb(2**30)),
    "labels that do not unpack": chunk(b"\0" * 48),
    "labels whose gzip is cut": chunk(zlib.compress(bytes(512))[:-6]),
    "labels not packed, too short": chunk(bytes(511), filter_mask=1),
    # Wrong pixels.
    "pixels from -1 to 1": course(train_set_x=pixels(6) / 127.5 - 1),
    "floating-point pixels": course(train_set_x=pixels(6).astype(np.float32) / 2),
    "pixels beyond 255": course(train_set_x=pixels(6).astype(np.int64) * 2),
    "pixels below 0": course(train_set_x=pixels(6).astype(np.int8)),
    "pixels of 16 bits": course(train_set_x=pixels(6).astype(">u2") * 257),
    "pixels of 64 bits": course(train_set_x=pixels(6).astype(np.uint64) << np.uint64(56)),
    "one pixel beyond 255": course(train_set_x=with_last_pixel(256)),
    "one pixel below 0": course(train_set_x=with_last_pixel(-1)),
    "pixels that are yes or no": course(train_set_x=pixels(6) > 127),
    "pixels that are text": course(train_set_x=np.full((6, 4, 4, 3), b"red")),
    "compound pixels": course(train_set_x=np.zeros((6, 4, 4, 3), [(c * 300, "u1") for c in "rgb"])),
    "pixels of any length": filled("train_set_x", pixels(1).ravel(), h5py.vlen_dtype("u1")),
    "pixels that are opaque": course(train_set_x=np.zeros((6, 4, 4, 3), "V1")),
    # Wrong class names.
    "names of any length": course(list_classes=list(CLASSES)),
    "names are halves": course(list_classes=np.array([0, 0.5])),
    "names are references": filled("list_classes", h5py.Reference(), h5py.ref_dtype),
    "one name": course(list_classes=np.array([b"cat"])),
    "one name, no list": course(list_classes=np.bytes_("cat")),
    "names in a square": course(list_classes=np.array([[b"cat", b"noncat"]])),
    "the same name twice": course(list_classes=np.array([b"cat", b"cat "])),
    "a name of nothing": course(list_classes=np.array([b"", b"cat"])),
    "names of a million bytes each": created(
        "list_classes", data=np.array([b"cat", b"dog"], "S1000000"), chunks=(1,), **GZIP
    ),
    "1001 names": course(list_classes=np.array([f"{i}".encode() for i in range(1001)])),
    # What points elsewhere.
    "pixels by an external link": moved_out("train_set_x"),
    "labels by an external link": moved_out("train_set_y"),
    "names by an external link": moved_out("list_classes"),
    "pixels by a soft link": linked("train_set_x", "/elsewhere"),
    "pixels by a link to itself": linked("train_set_x", "/train_set_x"),
    "labels by a link to nothing": linked("train_set_y", "/nothing"),
    "pixels in another file": external_storage("train_set_x", SHAPE, np.uint8),
    "labels in another file": external_storage("train_set_y", (6,), int),
    "names in another file": external_storage("list_classes", (2,), "S6"),
    "virtual pixels": virtual("train_set_x", SHAPE, SHAPE),
    "virtual pixels without end": virtual("train_set_x", SHAPE, (None, *SHAPE[1:])),
    "virtual labels": virtual("train_set_y", (6,), (6,)),
    # What is not unpacked here.
    "lzf": created("train_set_x", data=pixels(6), compression="lzf"),
    "shuffled bytes": created("train_set_x", data=pixels(6), shuffle=True, **GZIP),
    "a checksum": created("train_set_x", data=pixels(6), fletcher32=True),
    "scale and offset": created("train_set_x", data=pixels(6), scaleoffset=0),
    "lzf within gzip": low_level(SHAPE, SHAPE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF),
    "an unknown filter": low_level(SHAPE, SHAPE, UNKNOWN_FILTER),
}
