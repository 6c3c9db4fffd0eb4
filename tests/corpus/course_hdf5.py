"""HDF5 files in the course's layout that must be refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from catclf import prepare
from corpus.hdf5 import (
    CLASSES,
    GZIP,
    LZF,
    SETTINGS,
    SIZE,
    Builder,
    Change,
    bomb,
    chunk,
    created,
    cut,
    external_storage,
    group_for,
    holding,
    linked,
    make_pipe,
    moved_out,
    pixels,
    rewritten,
    sparse,
    virtual,
    zeroed,
)

UNKNOWN_FILTER = 32015  # Zstandard's number; h5py brings no such plug-in
TEXT = h5py.string_dtype()
OBJECT_PIXELS = np.empty(6, object)
OBJECT_PIXELS[:] = list(pixels(6).reshape(6, -1))
LABELS = np.arange(6) % 2
MANY_PICTURES = 200_000


def prepare_file(path: Path) -> None:
    """Prepare a file, in this process."""
    prepare([path], path.with_suffix(".out"), preprocessing=SETTINGS, workers=1)


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


def course(**arrays: Any) -> Builder:
    return lambda path: good_course(path, **arrays)


def course_then(change: Change, **arrays: Any) -> Builder:
    def build(path: Path) -> None:
        good_course(path, **arrays)
        with h5py.File(path, "r+") as file:
            change(file)

    return build


def filled(name: str, value: Any, kind: Any) -> Builder:
    """Return what writes an array of a type that numpy does not know, each entry `value`."""

    def change(file: h5py.File) -> None:
        made = file.create_dataset(name, (6,), kind)
        for i in range(6):
            made[i] = value

    return course_then(change, **{name: None})


def with_last_pixel(value: int) -> NDArray[np.int16]:
    """Return good pixels, but for the last."""
    wide = pixels(6).astype(np.int16)
    wide[-1, -1, -1, -1] = value
    return wide


def unknown_filter(file: h5py.File) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((6, SIZE, SIZE, 3))
    plist.set_filter(UNKNOWN_FILTER, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((6, SIZE, SIZE, 3))
    made = h5py.h5d.create(file.id, b"train_set_x", h5py.h5t.STD_U8LE, space, dcpl=plist)
    made.write_direct_chunk((0, 0, 0, 0), pixels(6).tobytes())


def lzf_within_gzip(file: h5py.File) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((6, SIZE, SIZE, 3))
    plist.set_deflate(4)
    plist.set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((6, SIZE, SIZE, 3))
    made = h5py.h5d.create(file.id, b"train_set_x", h5py.h5t.STD_U8LE, space, dcpl=plist)
    made.write_direct_chunk((0, 0, 0, 0), zlib.compress(pixels(6).tobytes()), filter_mask=2)


def lzf_of_4_gib(data: bytes) -> bytes:
    """Make the LZF filter ask for 4 GiB, where it asked for the 48 bytes of the labels."""
    start = data.index(b"lzf\0")
    at = data.index(struct.pack("<I", 48), start)
    return data[:at] + b"\xff" * 4 + data[at + 4 :]


def half_chunks(file: h5py.File) -> None:
    file.create_dataset("train_set_x", (6, SIZE, SIZE, 3), np.uint8, chunks=(2, SIZE, SIZE, 3))
    file["train_set_x"][:3] = pixels(3)


def reference_classes(file: h5py.File) -> None:
    made = file.create_dataset("list_classes", (2,), h5py.ref_dtype)
    made[0] = made[1] = file["train_set_x"].ref


def label_bomb(file: h5py.File) -> None:
    """Make the labels a chunk that unpacks to a gigabyte; of 512 bytes, or HDF5 1.14 refuses it."""
    del file["train_set_y"]
    made = file.create_dataset("train_set_y", (6,), "i8", chunks=(64,), maxshape=(None,), **GZIP)
    made.id.write_direct_chunk((0,), bomb(2**30))


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


PLAIN = course()

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
    "signature and zeros": rewritten(PLAIN, zeroed(0.002)),
    "signature at 700": rewritten(PLAIN, lambda data: bytes(700) + data),
    "signature alone behind a user block": rewritten(PLAIN, lambda data: bytes(1024) + data[:8]),
    "garbage behind a user block": rewritten(
        PLAIN, lambda data: b"#" * 512 + data[:8] + pixels(99).tobytes()
    ),
    "a user block, and the file cut": rewritten(PLAIN, lambda data: b"#" * 512 + data[:-1]),
    "text of any length behind a user block, in a heap of zeros": rewritten(
        course(list_classes=list(CLASSES)),
        lambda data: bytes(2048) + data.replace(b"GCOL", b"\0\0\0\0"),
    ),
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
    "test split without pixels": course(test_set_y=np.array([0, 1])),
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
            "train_set_x",
            data=np.zeros((MANY_PICTURES, 1, 1, 3), np.uint8),
            chunks=(MANY_PICTURES, 1, 1, 3),
            **GZIP,
        ),
        train_set_x=None,
        train_set_y=np.arange(MANY_PICTURES, dtype=np.uint8) % 2,
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
    "lzf labels that unpack to too little": course_then(chunk("train_set_y", b"\2abc", **LZF)),
    "lzf labels that unpack to nothing": course_then(
        chunk("train_set_y", bytes(4), fletcher32=True, **LZF)
    ),
    "lzf labels that unpack to too much": course_then(
        chunk("train_set_y", b"\0\0" + b"\xe0\xff\0" * 1000, **LZF)
    ),
    "lzf labels cut in a literal": course_then(chunk("train_set_y", b"\37" + bytes(9), **LZF)),
    "lzf labels cut in a repetition": course_then(chunk("train_set_y", b"\0\0\xe0", **LZF)),
    "lzf labels that repeat nothing": course_then(chunk("train_set_y", b"\xe0\x27\0", **LZF)),
    "lzf labels with a bit flipped": course_then(
        chunk("train_set_y", b"\0\0\xe0\x26\1", **LZF)  # which repeats two bytes of one
    ),
    "lzf labels shorter than a checksum": course_then(
        chunk("train_set_y", b"\1", fletcher32=True, **LZF)
    ),
    "lzf labels not packed, too short": course_then(
        chunk("train_set_y", bytes(47), filter_mask=1, **LZF)
    ),
    "gzip labels not packed, too short": course_then(
        chunk("train_set_y", bytes(47), filter_mask=1, **GZIP)
    ),
    "lzf that would take 4 GiB": rewritten(
        course_then(chunk("train_set_y", b"\0\0\xe0\x26\0", **LZF)), lzf_of_4_gib
    ),
    # Wrong pixels.
    "pixels from 0 to 1": course(train_set_x=pixels(6) / 255),
    "floating-point pixels": course(train_set_x=pixels(6).astype(np.float32)),
    "pixels beyond 255": course(train_set_x=pixels(6).astype(np.int64) * 2),
    "pixels below 0": course(train_set_x=pixels(6).astype(np.int8)),
    "pixels of 16 bits": course(train_set_x=pixels(6).astype(">u2") * 257),
    "pixels of 64 bits": course(train_set_x=pixels(6).astype(np.uint64) << np.uint64(56)),
    "one pixel beyond 255": course(train_set_x=with_last_pixel(256)),
    "one pixel below 0": course(train_set_x=with_last_pixel(-1)),
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
    "lzf within gzip": course_then(lzf_within_gzip, train_set_x=None),
    "scale and offset": course_then(
        lambda file: file.create_dataset("train_set_x", data=pixels(6), scaleoffset=0),
        train_set_x=None,
    ),
    "an unknown filter": course_then(unknown_filter, train_set_x=None),
}
