"""HDF5 files that must be refused: a corpus, made anew in a folder by `bad_hdf5`.

Half are in the course's layout and are prepared, half are prepared files and are opened. Each is
a good file with one thing changed. Files that would be large are sparse, or compressed.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf import Preprocessing, prepare
from catclf.dataset import NewSplit, open_dataset, write_dataset

SIZE = 4
N_X = 3 * SIZE * SIZE
SETTINGS = Preprocessing(size=SIZE)
CLASSES = ("noncat", "cat")
UNKNOWN_FILTER = 32015  # Zstandard's number; h5py brings no such plug-in

Builder = Callable[[Path], object]
Change = Callable[[h5py.File], object]


@dataclass(frozen=True)
class Case:
    """One bad file: what is wrong with it, where it is, and who is given it."""

    name: str
    path: Path
    reader: Literal["prepare", "open"]

    def read(self) -> None:
        """Hand the file to its reader, to the last byte."""
        if self.reader == "prepare":
            prepare([self.path], self.path.with_suffix(".out"), preprocessing=SETTINGS, workers=1)
        else:
            read_dataset(self.path)


def read_dataset(path: Path) -> tuple[object, ...]:
    """Return all that a prepared dataset holds, comparable."""
    with open_dataset(path) as dataset:
        splits = [
            (split.X.shape, split.X.tobytes(), split.Y.tobytes(), split.names, split.also_in_train)
            for split in (dataset.train, dataset.test)
        ]
        return dataset.classes, dataset.preprocessing, dataset.digest, splits


def pixels(m: int, size: int = SIZE) -> NDArray[np.uint8]:
    """Return random pictures (m, size, size, 3)."""
    return np.random.default_rng(m).integers(0, 256, (m, size, size, 3), dtype=np.uint8)


def good_course(path: Path, **arrays: Any) -> None:
    """Write a file in the course's layout; `arrays` replace some, or leave out those of None."""
    m = 6
    good: dict[str, Any] = {
        "train_set_x": pixels(m),
        "train_set_y": np.arange(m) % 2,
        "list_classes": np.array([name.encode() for name in CLASSES]),
    }
    with h5py.File(path, "w") as file:
        for name, value in (good | arrays).items():
            if value is not None:
                file[name] = value


def good_prepared(path: Path) -> None:
    """Write a prepared dataset of 5 pictures to train on, and 2 to test."""
    columns = pixels(7).reshape(7, N_X)
    labels = np.arange(7, dtype=np.uint8) % 2
    names = [f"pets/{CLASSES[label]}/{i}.jpg" for i, label in enumerate(labels)]
    write_dataset(
        path,
        CLASSES,
        SETTINGS,
        NewSplit([columns[:5]], labels[:5], names[:5]),
        NewSplit([columns[5:]], labels[5:], names[5:], also_in_train=1),
    )


def bad_hdf5(folder: Path) -> list[Case]:
    """Write every bad file into `folder`."""
    cases = []
    readers: tuple[tuple[Literal["prepare", "open"], dict[str, Builder]], ...] = (
        ("prepare", COURSE),
        ("open", PREPARED),
    )
    for reader, builders in readers:
        for name, build in builders.items():
            path = folder / f"{reader}-{name.replace(' ', '-')}.h5"
            build(path)
            cases.append(Case(name, path, reader))
    return cases


# ------------------------------------------------------------------- ways of changing a good file


def holding(data: bytes) -> Builder:
    return lambda path: path.write_bytes(data)


def course(**arrays: Any) -> Builder:
    return lambda path: good_course(path, **arrays)


def course_then(change: Change, **arrays: Any) -> Builder:
    def build(path: Path) -> None:
        good_course(path, **arrays)
        with h5py.File(path, "r+") as file:
            change(file)

    return build


def prepared_then(change: Change) -> Builder:
    def build(path: Path) -> None:
        good_prepared(path)
        with h5py.File(path, "r+", libver="latest") as file:
            change(file)

    return build


def rewritten(good: Builder, change: Callable[[bytes], bytes]) -> Builder:
    def build(path: Path) -> None:
        good(path)
        path.write_bytes(change(path.read_bytes()))

    return build


def attribute(name: str, value: Any, group: str = "/") -> Builder:
    def change(file: h5py.File) -> None:
        del file[group].attrs[name]
        if value is not None:
            file[group].attrs[name] = value

    return prepared_then(change)


def replaced(name: str, data: Any, **options: Any) -> Builder:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=data, **options)

    return prepared_then(change)


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
    """Make a pipe beside a file, whose opening would never end, and return its path."""
    path = Path(file.filename).with_suffix(".trap")
    os.mkfifo(path)
    return str(path)


def chunk(name: str, raw: bytes, **options: Any) -> Change:
    """Return what makes the first, and only, chunk of an array these very bytes."""

    def change(file: h5py.File) -> None:
        data = file[name][:]
        del file[name]
        made = file.create_dataset(name, data=data, chunks=data.shape, **options)
        made.id.write_direct_chunk((0,) * data.ndim, raw)

    return change


def unknown_filter(file: h5py.File) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((6, SIZE, SIZE, 3))
    plist.set_filter(UNKNOWN_FILTER, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((6, SIZE, SIZE, 3))
    made = h5py.h5d.create(file.id, b"train_set_x", h5py.h5t.STD_U8LE, space, dcpl=plist)
    made.write_direct_chunk((0, 0, 0, 0), pixels(6).tobytes())


def filled(name: str, value: Any, kind: Any) -> Builder:
    """Return what writes an array of a type that numpy does not know, each entry `value`."""

    def change(file: h5py.File) -> None:
        made = file.create_dataset(name, (6,), kind)
        for i in range(6):
            made[i] = value

    return course_then(change, **{name: None})


def half_chunks(file: h5py.File) -> None:
    file.create_dataset("train_set_x", (6, SIZE, SIZE, 3), np.uint8, chunks=(2, SIZE, SIZE, 3))
    file["train_set_x"][:3] = pixels(3)


def group_for(name: str) -> Change:
    def change(file: h5py.File) -> None:
        file.pop(name, None)
        file.create_group(name)

    return change


def part_within_itself(file: h5py.File) -> None:
    del file["train/columns"]
    file["train/columns"] = file["train"]


def reference_classes(file: h5py.File) -> None:
    made = file.create_dataset("list_classes", (2,), h5py.ref_dtype)
    made[0] = made[1] = file["train_set_x"].ref


def killed_writer(path: Path) -> None:
    """Write into a prepared file, in a process that ends without closing it."""
    good_prepared(path)
    code = (
        "import h5py, os, sys\n"
        "file = h5py.File(sys.argv[1], 'r+', libver='latest')\n"
        "file['train/labels'][:] = 1\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)]


def zeroed(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)].ljust(len(data), b"\0")


def endless_heap(data: bytes) -> bytes:
    """Make the first string of a heap end amid zeros, which HDF5 takes for free space."""
    start = data.index(b"GCOL") + 16
    return data[: start + 8] + struct.pack("<Q", 2062) + data[start + 16 :]


def backward_heap(data: bytes) -> bytes:
    """Make the first string of a heap so long that the next one is itself, modulo 2**64."""
    start = data.index(b"GCOL") + 16
    return data[: start + 8] + struct.pack("<Q", 2**64 - 16) + data[start + 16 :]


def long_text(data: bytes) -> bytes:
    """Make the first class name claim 2 GiB, for which HDF5 would take the memory."""
    start = data.index(struct.pack("<IQ", 6, data.index(b"GCOL")))
    return data[:start] + struct.pack("<I", 2**31) + data[start + 4 :]


def bomb(size: int) -> bytes:
    """Return `size` zeros as zlib packs them, about a thousandth of that (RFC 1950)."""
    packer = zlib.compressobj(9)
    first = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (size % 65521) << 16 | 1
    return first + again * (size // 2**20 - 1) + b"\3\0" + struct.pack(">I", checksum)


TEXT = h5py.string_dtype()
OBJECT_PIXELS = np.empty(6, object)
OBJECT_PIXELS[:] = list(pixels(6).reshape(6, -1))
GZIP: dict[str, Any] = {"compression": "gzip"}
LABELS = np.arange(6) % 2
MANY = 200_000


def label_bomb(file: h5py.File) -> None:
    """Make the labels a chunk that unpacks to a gigabyte; of 512 bytes, or HDF5 1.14 refuses it."""
    del file["train_set_y"]
    made = file.create_dataset("train_set_y", (6,), "i8", chunks=(64,), maxshape=(None,), **GZIP)
    made.id.write_direct_chunk((0,), bomb(2**30))


PLAIN = course()

# ----------------------------------------------------------------------------------- the corpus

COURSE: dict[str, Builder] = {
    # No HDF5 file, or not all of one.
    "missing": lambda path: None,
    "empty file": lambda path: path.touch(),
    "text": holding(b"cat,1\n"),
    "git lfs pointer": holding(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"
    ),
    "pipe": os.mkfifo,
    "signature alone": holding(b"\x89HDF\r\n\x1a\n"),
    "signature and zeros": rewritten(PLAIN, zeroed(0.002)),
    "signature behind a user block": rewritten(PLAIN, lambda data: bytes(512) + data),
    "cut in the superblock": rewritten(PLAIN, cut(0.01)),
    "cut in the middle": rewritten(PLAIN, cut(0.5)),
    "cut before the last byte": rewritten(PLAIN, lambda data: data[:-1]),
    "zeroed from the middle on": rewritten(PLAIN, zeroed(0.25)),
    # Wrong keys.
    "nothing in it": course(train_set_x=None, train_set_y=None, list_classes=None),
    "no pixels": course(train_set_x=None),
    "no labels": course(train_set_y=None),
    "no class names": course(list_classes=None),
    "pixels are a group": course_then(group_for("train_set_x")),
    "labels are a group": course_then(group_for("train_set_y")),
    "pixels are a type": course(train_set_x=np.dtype("u1")),
    "pixels are empty": course(train_set_x=h5py.Empty("u1")),
    "test split without labels": course(test_set_x=pixels(2)),
    # Wrong shapes.
    "no pictures": course(train_set_x=pixels(0), train_set_y=LABELS[:0]),
    "pixels are a number": course(train_set_x=np.uint8(3)),
    "pixels in rows": course(train_set_x=pixels(6).reshape(6, -1)),
    "pixels in planes": course(train_set_x=pixels(6).transpose(0, 3, 1, 2)),
    "gray pixels": course(train_set_x=pixels(6)[..., 0]),
    "four colors": course(train_set_x=np.zeros((6, 4, 4, 4), np.uint8)),
    "pictures of no width": course(train_set_x=np.zeros((6, 4, 0, 3), np.uint8)),
    "pixels in 32 dimensions": course(train_set_x=np.zeros((1,) * 32, np.uint8)),
    "a picture of 10000 x 10000": course_then(
        sparse("train_set_x", (2, 10_000, 10_000, 3)), train_set_x=None, train_set_y=LABELS[:2]
    ),
    # Claims of more than there is.
    "a billion pictures": course_then(created("train_set_x", (10**9, 64, 64, 3))),
    "a billion pictures in chunks": course_then(
        created("train_set_x", (10**9, 64, 64, 3), chunks=(1, 64, 64, 3), **GZIP)
    ),
    "half of the chunks": course_then(half_chunks, train_set_x=None),
    "labels never written": course_then(created("train_set_y", (6,))),
    "names never written": course_then(created("list_classes", (2,), "S6")),
    "many blank pictures": course_then(
        lambda file: file.create_dataset(
            "train_set_x", data=np.zeros((MANY, 1, 1, 3), np.uint8), chunks=(MANY, 1, 1, 3), **GZIP
        ),
        train_set_x=None,
        train_set_y=np.arange(MANY, dtype=np.uint8) % 2,
    ),
    "a chunk of 100 million bytes": course_then(
        sparse("train_set_x", (6, 2000, 2000, 3), (6, 2000, 2000, 3)), train_set_x=None
    ),
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
    "labels by name": course(train_set_y=np.array([b"cat", b"noncat"] * 3)),
    "labels by name of any length": filled("train_set_y", "cat", TEXT),
    "compound labels": course(train_set_y=np.zeros(6, [("label", "u1"), ("weight", "f4")])),
    "one class only": course(train_set_y=np.ones(6, int)),
    "labels that unpack to too little": course_then(
        chunk("train_set_y", zlib.compress(b"abc"), **GZIP)
    ),
    "labels that unpack to nothing": course_then(chunk("train_set_y", zlib.compress(b""), **GZIP)),
    "labels that unpack to a gigabyte": course_then(label_bomb),
    "labels that do not unpack": course_then(chunk("train_set_y", b"\0" * 48, **GZIP)),
    "labels of a wrong checksum": course_then(
        chunk("train_set_y", LABELS.tobytes() + b"\1\2\3\4", fletcher32=True)
    ),
    "labels shorter than a checksum": course_then(chunk("train_set_y", b"\1", fletcher32=True)),
    # Wrong pixels.
    "pixels from 0 to 1": course(train_set_x=pixels(6) / 255),
    "floating-point pixels": course(train_set_x=pixels(6).astype(np.float32)),
    "pixels beyond 255": course(train_set_x=pixels(6).astype(np.int64) * 2),
    "pixels below 0": course(train_set_x=pixels(6).astype(np.int8)),
    "pixels of 16 bits": course(train_set_x=pixels(6).astype(">u2")),
    "pixels that are yes or no": course(train_set_x=pixels(6) > 127),
    "pixels that are text": course(train_set_x=np.full((6, 4, 4, 3), b"red")),
    "compound pixels": course(train_set_x=np.zeros((6, 4, 4, 3), [(c * 300, "u1") for c in "rgb"])),
    "pixels of variable length": filled("train_set_x", pixels(1).ravel(), h5py.vlen_dtype("u1")),
    "pixels that are opaque": course(train_set_x=np.zeros((6, 4, 4, 3), "V1")),
    # Wrong class names.
    "names are numbers": course(list_classes=np.array([0, 1])),
    "names are arrays of any length": course_then(
        lambda file: file.create_dataset(
            "list_classes", data=OBJECT_PIXELS[:2], dtype=h5py.vlen_dtype("u1")
        ),
        list_classes=None,
    ),
    "names are references": course_then(reference_classes, list_classes=None),
    "one name": course(list_classes=np.array([b"cat"])),
    "one name, no list": course(list_classes=b"cat"),
    "names in a square": course(list_classes=np.array([[b"cat", b"noncat"]])),
    "the same name twice": course(list_classes=np.array([b"cat", b"cat "])),
    "a name of nothing": course(list_classes=np.array([b"", b"cat"])),
    "a name of nothing, of any length": course(list_classes=["", "cat"]),
    "a name of a million letters": course(list_classes=["cat", "x" * 10**6]),
    "names of a million bytes each": course_then(
        lambda file: file.create_dataset(
            "list_classes", data=np.array([b"cat", b"dog"], "S1000000"), chunks=(1,), **GZIP
        ),
        list_classes=None,
    ),
    "1001 names": course(list_classes=np.array([f"{i}".encode() for i in range(1001)])),
    "a heap that ends in zeros": rewritten(course(list_classes=list(CLASSES)), endless_heap),
    "a name that claims 2 GiB": rewritten(course(list_classes=list(CLASSES)), long_text),
    "names in compressed chunks": course_then(
        lambda file: file.create_dataset("list_classes", data=list(CLASSES), **GZIP),
        list_classes=None,
    ),
    "a heap that goes backward": rewritten(course(list_classes=list(CLASSES)), backward_heap),
    # What points elsewhere.
    "pixels by an external link": course_then(moved_out("train_set_x")),
    "labels by an external link": course_then(moved_out("train_set_y")),
    "names by an external link": course_then(moved_out("list_classes")),
    "pixels by a soft link": course_then(linked("train_set_x", h5py.SoftLink("/elsewhere"))),
    "pixels by a link to itself": course_then(linked("train_set_x", h5py.SoftLink("/train_set_x"))),
    "labels by a link to nothing": course_then(linked("train_set_y", h5py.SoftLink("/nothing"))),
    "pixels in another file": course_then(external_storage("train_set_x")),
    "labels in another file": course_then(external_storage("train_set_y")),
    "names in another file": course_then(external_storage("list_classes")),
    "virtual pixels": course_then(virtual("train_set_x")),
    "virtual pixels without end": course_then(virtual("train_set_x", unlimited=True)),
    "virtual labels": course_then(virtual("train_set_y")),
    # What is not unpacked here.
    "lzf": course_then(
        lambda file: file.create_dataset("train_set_x", data=pixels(6), compression="lzf"),
        train_set_x=None,
    ),
    "scale and offset": course_then(
        lambda file: file.create_dataset("train_set_x", data=pixels(6), scaleoffset=0),
        train_set_x=None,
    ),
    "an unknown filter": course_then(unknown_filter, train_set_x=None),
}

PREPARED: dict[str, Builder] = {
    # Not ours, not whole.
    "missing": lambda path: None,
    "empty file": lambda path: path.touch(),
    "git lfs pointer": COURSE["git lfs pointer"],
    "course file": PLAIN,
    "another format": attribute("format", np.bytes_("catclf-model")),
    "no format": attribute("format", None),
    "format of variable length": attribute("format", "catclf-dataset"),
    "format is two texts": attribute("format", np.array([b"catclf-dataset"] * 2)),
    "format is empty": attribute("format", h5py.Empty("S1")),
    "a newer version": attribute("format_version", 2),
    "no version": attribute("format_version", None),
    "version is text": attribute("format_version", np.bytes_("\x1b[31m1" * 20)),
    "version is two numbers": attribute("format_version", [1, 1]),
    "cut in the middle": rewritten(good_prepared, cut(0.5)),
    "zeroed from the middle on": rewritten(good_prepared, zeroed(0.5)),
    "left open by a killed writer": killed_writer,
    # Wrong attributes.
    "no classes": attribute("classes", None),
    "one class": attribute("classes", np.array([b"cat"])),
    "three classes": attribute("classes", np.array([b"a", b"b", b"c"])),
    "the same class twice": attribute("classes", np.array([b"cat", b"cat"])),
    "a class of no name": attribute("classes", np.array([b"", b"cat"])),
    "classes are numbers": attribute("classes", [0, 1]),
    "classes are a text": attribute("classes", np.bytes_("ab")),
    "classes in a column": attribute("classes", np.array([[b"a"], [b"b"]])),
    "classes of variable length": attribute("classes", list(CLASSES)),
    "no preprocessing": attribute("preprocessing", None),
    "preprocessing is no json": attribute("preprocessing", np.bytes_("size=64")),
    "preprocessing is a number": attribute("preprocessing", 64),
    "preprocessing is null": attribute("preprocessing", np.bytes_("null")),
    "preprocessing is nested deep": attribute("preprocessing", np.bytes_("[" * 60_000)),
    "preprocessing is huge": attribute("preprocessing", np.bytes_(" " * 200_000)),
    "preprocessing lacks all": attribute("preprocessing", np.bytes_("{}")),
    "preprocessing of another size": attribute(
        "preprocessing",
        np.bytes_(
            '{"size": 5, "fit": "squash", "filter": "bilinear", "background": "white", '
            '"order": "planes"}'
        ),
    ),
    "preprocessing of a newer version": attribute(
        "preprocessing",
        np.bytes_(
            '{"size": 4, "fit": "squash", "filter": "lanczos", "background": "white", '
            '"order": "planes"}'
        ),
    ),
    "no digest": attribute("digest", None),
    "digest is a number": attribute("digest", 7),
    "also_in_train is text": attribute("also_in_train", np.bytes_("two"), "test"),
    "also_in_train is too many": attribute("also_in_train", 3, "test"),
    "also_in_train is below 0": attribute("also_in_train", -1, "test"),
    "also_in_train is two numbers": attribute("also_in_train", [1, 1], "test"),
    # Wrong arrays.
    "no train split": prepared_then(lambda file: file.pop("train")),
    "no test split": prepared_then(lambda file: file.pop("test")),
    "no columns": prepared_then(lambda file: file.pop("train/columns")),
    "no labels": prepared_then(lambda file: file.pop("train/labels")),
    "no names": prepared_then(lambda file: file.pop("test/names")),
    "train split is an array": replaced("train", LABELS),
    "columns are a group": prepared_then(group_for("train/columns")),
    "too few columns": replaced("train/columns", pixels(4).reshape(4, -1)),
    "columns too short": replaced("train/columns", pixels(5).reshape(5, -1)[:, 1:]),
    "columns on edge": replaced("train/columns", pixels(5).reshape(5, -1).T),
    "columns of 16 bits": replaced("train/columns", pixels(5).reshape(5, -1).astype("u2")),
    "columns compressed": replaced("train/columns", np.zeros((5, N_X), np.uint8), **GZIP),
    "columns never written": prepared_then(created("train/columns", (5, N_X), chunks=(1, N_X))),
    "a label of 2": replaced("train/labels", np.array([0, 1, 0, 1, 2], np.uint8)),
    "labels are floats": replaced("train/labels", np.array([0.0, 1, 0, 1, 1])),
    "labels in a row": replaced("train/labels", np.array([[0, 1, 0, 1, 1]], np.uint8)),
    "names are numbers": replaced("train/names", np.arange(5)),
    "names of variable length": replaced("train/names", list("abcde")),
    "too many names": replaced("train/names", np.array([b"x"] * 6)),
    "a chunk of zeros": prepared_then(
        chunk("train/columns", bytes(5 * N_X + 11), compression="gzip", compression_opts=0)
    ),
    "a chunk of one byte": prepared_then(
        chunk("train/columns", b"\1", compression="gzip", compression_opts=0)
    ),
    "a chunk of 32 megabytes": prepared_then(
        chunk("train/columns", bomb(2**25), compression="gzip", compression_opts=0)
    ),
    # What points elsewhere.
    "columns by an external link": prepared_then(moved_out("train/columns")),
    "columns by a soft link": prepared_then(linked("train/columns", h5py.SoftLink("/elsewhere"))),
    "train split by an external link": prepared_then(moved_out("train")),
    "train split by a soft link": prepared_then(linked("train", h5py.SoftLink("/elsewhere"))),
    "test split by a link to itself": prepared_then(linked("test", h5py.SoftLink("/test"))),
    "columns in another file": prepared_then(external_storage("train/columns")),
    "labels in another file": prepared_then(external_storage("train/labels")),
    "virtual columns": prepared_then(virtual("train/columns")),
    "a split within itself": prepared_then(part_within_itself),
}
