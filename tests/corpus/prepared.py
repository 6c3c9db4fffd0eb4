"""Prepared datasets that must be refused."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catclf.dataset import open_dataset
from catclf.features import Preprocessing
from catclf.model_file import save_model
from corpus.models import good_model
from corpus.npz import npz
from datasets import write_small
from networks import small_backbone, small_network

SIZE = 4
N_X = 3 * SIZE * SIZE
Builder = Callable[[Path], object]
ARRAYS = [  # of rows, labels and names, where the features are not the pixels
    f"{split}_{name}"
    for split in ("train", "test")
    for name in ("columns", "columns_checksums", "pixels", "pixels_checksums", "labels", "names")
]


def good_prepared(path: Path) -> None:
    """Write a prepared dataset of 5 pictures to train on, and 2 to test."""
    write_small(path, 5, 2, size=SIZE, also_in_train=1)


def good_prepared_many(path: Path) -> None:
    """Write a prepared dataset of 300 classes, whose labels take two bytes."""
    write_small(path, 5, 2, classes=tuple(f"class {i}" for i in range(300)))


def good_prepared_hog(path: Path) -> None:
    """Write a prepared dataset that holds pixels beside its features."""
    write_small(path, 5, 2, features="hog-color")


def good_prepared_backbone(path: Path) -> None:
    """Write a prepared dataset that holds a network, and pixels beside its features."""
    write_small(path, 5, 2, backbone=small_backbone())


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


def span(path: Path, name: str) -> slice:
    """Return where the entries of an array stand in its file."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive, np.load(path) as arrays:
        member = archive.getinfo(f"{name}.npy")
        lengths = struct.unpack_from("<HH", data, member.header_offset + 26)
        stop = member.header_offset + 30 + sum(lengths) + member.compress_size
        return slice(stop - arrays[name].nbytes, stop)


def rewritten(change: Callable[[bytes], bytes]) -> Builder:
    def build(path: Path) -> None:
        good_prepared(path)
        path.write_bytes(change(path.read_bytes()))

    return build


def but(good: Builder = good_prepared, **changed: object) -> Builder:
    """Return what writes a good dataset with some arrays changed, or left out where None."""

    def build(path: Path) -> None:
        good(path)
        with np.load(path) as arrays:
            stored = {**arrays, **changed}
        path.write_bytes(npz(**{name: a for name, a in stored.items() if a is not None}))

    return build


def changed(name: str, change: Callable[[NDArray[Any]], object], good: Builder) -> Builder:
    """Return what writes a good dataset with one array changed."""

    def build(path: Path) -> None:
        good(path)
        with np.load(path) as arrays:
            array = arrays[name]
        but(good, **{name: change(array)})(path)

    return build


def record_but(good: Builder = good_prepared, **entries: object) -> Builder:
    """Return what writes a good dataset with entries of its record changed, or left out if None."""

    def change(stored: NDArray[Any]) -> bytes:
        record = {**json.loads(stored.item()), **entries}
        return json.dumps({name: v for name, v in record.items() if v is not None}).encode()

    return changed("record", change, good)


def preprocessing_but(**settings: object) -> Builder:
    good = {"size": SIZE, "fit": "squash", "filter": "bilinear", "background": "white"}
    return record_but(preprocessing={**good, "order": "planes", **settings})


def backbone_but(**settings: object) -> Builder:
    """Return what writes a dataset of a backbone with some of its settings changed."""
    record = Preprocessing(backbone=small_backbone()).to_record()
    backbone = record["backbone"]
    assert isinstance(backbone, dict)
    return record_but(
        good_prepared_backbone, preprocessing=record | {"backbone": backbone | settings}
    )


def columns(change: Callable[[NDArray[np.uint8]], object]) -> Builder:
    return changed("train_columns", change, good_prepared)


def pixels(change: Callable[[NDArray[np.uint8]], object]) -> Builder:
    return changed("train_pixels", change, good_prepared_hog)


PREPARED: dict[str, Builder] = {
    # Not ours, not whole.
    "missing": lambda path: None,
    "empty file": lambda path: path.touch(),
    "git lfs pointer": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
    "an HDF5 file": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(512)),
    "of catclf 0.1": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n\0\0format\0catclf-dataset"),
    "a model": lambda path: save_model(path, good_model()),
    "w and b": lambda path: path.write_bytes(npz(w=np.zeros(N_X), b=0.0)),
    "no record": but(record=None),
    "record is pickled": but(record=np.array({"format": "catclf-dataset"})),
    "version 2": record_but(version=2),
    "version is text": record_but(version="\x1b[31m1" * 20),
    "zeroed from the middle on": rewritten(lambda d: d[: len(d) // 2] + bytes(len(d) // 2)),
    "left by a killed writer": rewritten(lambda data: data[: data.index(b"PK\x01\x02")]),
    # A wrong record.
    "no classes": record_but(classes=None),
    "no preprocessing": record_but(preprocessing=None),
    "preprocessing of another size": preprocessing_but(size=SIZE + 1),
    "preprocessing of a newer version": preprocessing_but(filter="lanczos"),
    "also_in_train is text": record_but(also_in_train="\x1b[31mtwo" * 20),
    "also_in_train is true": record_but(also_in_train=True),
    "also_in_train is too many": record_but(also_in_train=3),
    "also_in_train is below 0": record_but(also_in_train=-1),
    "no digest": but(digest=None),
    "digest is a number": but(digest=7),
    # A wrong backbone.
    "no network": but(good_prepared_backbone, backbone=None),
    "another network": but(
        good_prepared_backbone, backbone=np.frombuffer(small_network(seed=1), np.uint8)
    ),
    "network of floats": but(good_prepared_backbone, backbone=np.zeros(9)),
    "network is a number": but(good_prepared_backbone, backbone=7),
    "a network that is not recorded": but(backbone=np.frombuffer(small_network(), np.uint8)),
    "no pixels beside a backbone": but(good_prepared_backbone, train_pixels=None),
    "a backbone of another digest": backbone_but(digest="0" * 64),
    "a backbone of more outputs": backbone_but(n_outputs=6),
    "a backbone of another size": backbone_but(size=16),
    "a backbone with an odd setting": backbone_but(normalize=["half"], name="\x1b[31m" * 99),
    "a backbone with one setting more": backbone_but(layers=50),
    # Wrong rows.
    "no columns": but(train_columns=None),
    "too few columns": columns(lambda rows: rows[1:]),
    "other columns": columns(lambda rows: 255 - rows),
    "columns and checksums erased": but(
        train_columns=np.zeros((5, N_X), "u1"), train_columns_checksums=np.zeros(1, "<u4")
    ),
    "columns and checksums of ones": but(
        train_columns=np.full((5, N_X), 255, "u1"),
        train_columns_checksums=np.full(1, 2**32 - 1, "<u4"),
    ),
    "no checksums": but(train_columns_checksums=None),
    "too many checksums": but(train_columns_checksums=np.zeros(2, "<u4")),
    "checksums of 64 bits": but(train_columns_checksums=np.zeros(1, "<u8")),
    "no pixels": but(good_prepared_hog, train_pixels=None),
    "other pixels": pixels(lambda rows: 255 - rows),
    # Wrong labels and names.
    "no labels": but(train_labels=None),
    "a label of 2": but(train_labels=np.array([0, 1, 0, 1, 2], np.uint8)),
    "labels of two bytes": but(train_labels=np.array([0, 1, 0, 1, 1], np.uint16)),
    "a label of 300": but(good_prepared_many, train_labels=np.array([0, 1, 2, 3, 300], "<u2")),
    "labels of a byte, of many classes": but(good_prepared_many, train_labels=np.zeros(5, "u1")),
    "1001 classes": record_but(good_prepared_many, classes=[f"class {i}" for i in range(1001)]),
    "a class twice": record_but(good_prepared_many, classes=["class 0"] * 300),
    "a label too few": but(train_labels=np.array([0, 1, 0, 1], np.uint8)),
    "labels are floats": but(train_labels=np.array([0.0, 1, 0, 1, 1])),
    "no names": but(test_names=None),
    "a name too few": but(test_names=np.array([b"0.png"])),
    "names are numbers": but(test_names=np.arange(2)),
    "names in UTF-32": but(test_names=np.array(["0.png", "1.png"])),
}
