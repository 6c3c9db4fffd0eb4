"""Prepared datasets that must be refused."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from catclf import Preprocessing
from catclf.dataset import NewSplit, open_dataset, write_dataset
from corpus.course_hdf5 import COURSE, good_course
from corpus.hdf5 import (
    CLASSES,
    GZIP,
    N_X,
    SETTINGS,
    Builder,
    Change,
    bomb,
    chunk,
    created,
    cut,
    external_storage,
    group_for,
    linked,
    moved_out,
    pixels,
    rewritten,
    virtual,
    zeroed,
)

LABELS = np.arange(6) % 2
COLUMNS = pixels(7).reshape(7, N_X)[:5]
ARRAYS = [
    f"{split}/{name}"
    for split in ("train", "test")
    for name in ("columns", "checksums", "pixels", "pixel_checksums", "labels", "names")
]


def read_dataset(path: Path) -> tuple[object, ...]:
    """Return all that a prepared dataset holds, comparable."""
    with open_dataset(path) as dataset:
        splits = [
            (
                *(split.X.shape, split.X.tobytes(), split.pixels[:].tobytes()),
                *(split.Y.tobytes(), split.names, split.also_in_train),
            )
            for split in (dataset.train, dataset.test)
        ]
        return dataset.classes, dataset.preprocessing, dataset.digest, splits


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


def good_prepared_hog(path: Path) -> None:
    """Write a prepared dataset that holds pixels beside its features."""
    settings = Preprocessing(size=8, features="hog-color")
    rng = np.random.default_rng(0)
    train, test = (
        NewSplit(
            [rng.integers(0, 256, (m, settings.n_x), np.uint8)],
            (np.arange(m) % 2).astype(np.uint8),
            [f"{i}.jpg" for i in range(m)],
            pixel_blocks=[rng.integers(0, 256, (m, settings.pixel_n_x), np.uint8)],
        )
        for m in (5, 2)
    )
    write_dataset(path, CLASSES, settings, train, test)


def span(path: Path, name: str) -> slice:
    """Return where the bytes of a contiguous array stand in its file."""
    with h5py.File(path) as file:
        start = file[name].id.get_offset()
        return slice(start, start + file[name].id.get_storage_size())


def prepared_then(change: Change) -> Builder:
    def build(path: Path) -> None:
        good_prepared(path)
        with h5py.File(path, "r+", libver="latest") as file:
            change(file)

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


def with_checksum(name: str, data: Any, **options: Any) -> Change:
    """Return what replaces an array, and says so in its checksum."""

    def change(file: h5py.File) -> None:
        del file[name]
        made = file.create_dataset(name, data=data, **options)
        made.attrs["checksum"] = zlib.crc32(data.data)

    return change


def compact(name: str, data: Any) -> Change:
    """Return what puts an array among the metadata, where it has no place of its own."""

    def change(file: h5py.File) -> None:
        del file[name]
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(data.shape)
        h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_U8LE, space, dcpl=plist)
        file[name][:] = data

    return change


def split_within_itself(file: h5py.File) -> None:
    del file["train/columns"]
    file["train/columns"] = file["train"]


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


PREPARED: dict[str, Builder] = {
    # Not ours, not whole.
    "missing": lambda path: None,
    "empty file": lambda path: path.touch(),
    "git lfs pointer": COURSE["git lfs pointer"],
    "course file": good_course,
    "another format": attribute("format", np.bytes_("catclf-model")),
    "no format": attribute("format", None),
    "format of variable length": attribute("format", "catclf-dataset"),
    "format is two texts": attribute("format", np.array([b"catclf-dataset"] * 2)),
    "format is empty": attribute("format", h5py.Empty("S1")),
    "a newer version": attribute("format_version", 3),
    "format version 1": attribute("format_version", 1),
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
    "columns compressed": replaced("train/columns", COLUMNS, **GZIP),
    "columns in chunks": replaced("train/columns", COLUMNS, chunks=(1, N_X)),
    "columns in the metadata": prepared_then(compact("train/columns", COLUMNS)),
    "columns never written": prepared_then(created("train/columns", (5, N_X))),
    "chunked columns never written": prepared_then(
        created("train/columns", (5, N_X), chunks=(1, N_X))
    ),
    "other columns": replaced("train/columns", 255 - COLUMNS),
    "no checksums": prepared_then(lambda file: file.pop("train/checksums")),
    "too many checksums": replaced("train/checksums", np.zeros(2, np.uint32)),
    "checksums of 64 bits": replaced("train/checksums", np.zeros(1, np.uint64)),
    "checksums in chunks": replaced("train/checksums", np.zeros(1, np.uint32), chunks=(1,)),
    "a label of 2": prepared_then(with_checksum("train/labels", np.array([0, 1, 0, 1, 2], "u1"))),
    "other labels": replaced("train/labels", np.array([0, 0, 0, 1, 1], np.uint8)),
    "labels without a checksum": attribute("checksum", None, "train/labels"),
    "the checksum of the labels is text": attribute("checksum", np.bytes_("0"), "train/labels"),
    "labels are floats": replaced("train/labels", np.array([0.0, 1, 0, 1, 1])),
    "labels in a row": replaced("train/labels", np.array([[0, 1, 0, 1, 1]], np.uint8)),
    "labels in chunks": prepared_then(
        with_checksum("train/labels", np.array([0, 1, 0, 1, 1], "u1"), chunks=(5,))
    ),
    "one label, no array": replaced("train/labels", np.uint8(1)),
    "names are numbers": replaced("train/names", np.arange(5)),
    "names of variable length": replaced("train/names", list("abcde")),
    "too many names": prepared_then(with_checksum("train/names", np.array([b"x"] * 6))),
    "other names": replaced("train/names", np.array([b"x"] * 5)),
    "names without a checksum": attribute("checksum", None, "test/names"),
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
    "a split within itself": prepared_then(split_within_itself),
}
