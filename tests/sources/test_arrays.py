"""Arrays by their names: pictures, their labels and splits, in every container alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from catclf import DatasetError, Observer, Preprocessing, prepare
from catclf.columns import unroll
from catclf.dataset import open_dataset
from catclf.sources import list_sources
from catclf.sources.arrays import list_arrays
from sources.conftest import Heard

SIZE = 5
SETTINGS = Preprocessing(size=SIZE)
M, M_TEST = 7, 4
X = np.random.default_rng(0).integers(0, 256, (M + M_TEST, SIZE, SIZE, 3), np.uint8)
Y = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1])
PARTS: dict[str, NDArray[Any]] = {"x": X[:M], "y": Y[:M], "tx": X[M:], "ty": Y[M:]}
Arrays = Mapping[str, NDArray[Any]]
Read = tuple[int, str, str | None]  # a checksum of the pixels, the class, and the split


def npz(folder: Path, arrays: Arrays) -> list[Path]:
    np.savez(folder / "a.npz", **arrays)  # type: ignore[arg-type]
    return [folder / "a.npz"]


def packed(folder: Path, arrays: Arrays) -> list[Path]:
    np.savez_compressed(folder / "a.npz", **arrays)  # type: ignore[arg-type]
    return [folder / "a.npz"]


def npy(folder: Path, arrays: Arrays) -> list[Path]:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return [folder / f"{name}.npy" for name in arrays]


def hdf5(folder: Path, arrays: Arrays) -> list[Path]:
    with h5py.File(folder / "a.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return [folder / "a.h5"]


def grouped(folder: Path, arrays: Arrays) -> list[Path]:
    return hdf5(folder, {f"arrays/{name}": array for name, array in arrays.items()})


def split_files(folder: Path, arrays: Arrays) -> list[Path]:
    """A file for each array, of one HDF5 dataset each."""
    for name, array in arrays.items():
        hdf5(folder, {"values": array})[0].rename(folder / f"{name}.h5")
    return [folder / f"{name}.h5" for name in arrays]


def read(paths: list[Path], heard: Observer | None = None) -> list[Read]:
    """Return what is read of each picture, the train split first."""
    with ExitStack() as files:
        pictures = list_sources(paths, files, heard).pictures
        found = [(crc32(p.read(SETTINGS).tobytes()), p.class_name, p.split) for p in pictures]
        return sorted(found, key=lambda each: each[2] == "test")


def expected(splits: bool = True) -> list[Read]:
    given = ["train"] * M + ["test"] * M_TEST if splits else [None] * M
    return [(crc32(x.tobytes()), str(y), split) for x, y, split in zip(X, Y, given, strict=False)]


@pytest.mark.parametrize("write", [npz, packed, npy, hdf5, grouped, split_files])
@pytest.mark.parametrize(
    "names",
    [
        "X_train y_train X_test y_test",
        "x_train Y_train x_val Y_val",
        "train_set_x train_set_y test_set_x test_set_y",
        "Xtrain ytrain Xtest ytest",
        "trainX trainY testX testY",
        "train_x train_y dev_x dev_y",
        "train_images train_labels test_images test_labels",
        "X y X_test y_test",
        "images labels test_images test_labels",
        "mnist_train_imgs mnist_train_labels mnist_test_imgs mnist_test_labels",
        "train_data train_target holdout_data holdout_target",
        "train train_labels test test_labels",
    ],
)
def test_splits_are_known_by_usual_names(
    tmp_path: Path, write: Callable[[Path, Arrays], list[Path]], names: str
) -> None:
    """In every container, in whatever order; a validation split alone is for testing."""
    arrays = dict(zip(names.split(), PARTS.values(), strict=True))
    heard = Heard()
    assert read(write(tmp_path, dict(sorted(arrays.items()))), heard) == expected()
    assert heard.texts == []


@pytest.mark.parametrize("write", [npz, npy, hdf5, grouped, split_files])
@pytest.mark.parametrize("names", ["X y", "images labels", "data target", "inputs targets"])
def test_arrays_may_name_no_split(
    tmp_path: Path, write: Callable[[Path, Arrays], list[Path]], names: str
) -> None:
    """Prepare makes one then."""
    assert read(write(tmp_path, dict(zip(names.split(), PARTS.values(), strict=False)))) == (
        expected(splits=False)
    )


@pytest.mark.parametrize("names", ["arr_0 arr_1", "arr_1 arr_0", "foo bar"])
@pytest.mark.parametrize("one_hot", [False, True])
def test_of_two_arrays_without_names_the_shapes_tell(
    tmp_path: Path, names: str, one_hot: bool
) -> None:
    """It is said which were taken for which."""
    x, y = names.split()
    heard = Heard()
    found = read(npz(tmp_path, {x: X[:M], y: np.eye(2)[Y[:M]] if one_hot else Y[:M]}), heard)
    assert found == expected(splits=False)
    path = tmp_path / "a.npz"
    assert heard.texts == [f"{path}: by their shapes, the pictures are {x}, the labels {y}"]


@pytest.mark.parametrize("write", [npz, npy, hdf5, grouped])
@pytest.mark.parametrize("split", [None, "train"])
@pytest.mark.parametrize("names", ["img lab", "features labels", "data t", "foo labels", "v y"])
def test_of_two_arrays_one_may_have_a_name(
    tmp_path: Path, write: Callable[[Path, Arrays], list[Path]], split: str | None, names: str
) -> None:
    """The shapes tell what the other is; a split is what either is named as."""
    x, y = names.split()
    if split and x in ("img", "data"):
        x = f"{split}_{x}"
    elif split:
        y = f"{split}_{y}"
    heard = Heard()
    found = read(write(tmp_path, {x: X[:M], y: Y[:M]}), heard)
    assert found == [(pixels, label, split) for pixels, label, _ in expected(splits=False)]
    x, y = (f"arrays/{each}" if write is grouped else each for each in (x, y))
    [text] = heard.texts
    assert text.endswith(f": by their shapes, the pictures are {x}, the labels {y}")


def test_a_list_of_class_names_beside_two_arrays_is_none_of_them(tmp_path: Path) -> None:
    """It names the classes."""
    arrays = {"img": X[:M], "lab": Y[:M], "classes": np.array(["dog", "cat"])}
    assert [each[1] for each in read(npz(tmp_path, arrays))] == [["dog", "cat"][y] for y in Y[:M]]


def test_a_validation_split_beside_train_and_test_is_left_out(tmp_path: Path) -> None:
    """And counted, as of folders."""
    three = {**PARTS, "val_images": X[:2], "val_labels": Y[:2]}
    names = ["train_images", "train_labels", "test_images", "test_labels"]
    arrays = dict(zip([*names, *list(three)[4:]], three.values(), strict=True))
    [path] = npz(tmp_path, arrays)
    assert read([path]) == expected()
    with ExitStack() as files:
        skipped = list_sources([path], files).skipped
    assert [each.path for each in skipped] == [f"{path}:val_images[{i}]" for i in range(2)]


def test_files_named_as_splits_are_the_splits(tmp_path: Path) -> None:
    """train.npz and test.npz of X and y each; one alone may be called anything."""
    np.savez(tmp_path / "train_pets.npz", X=X[:M], y=Y[:M])
    np.savez(tmp_path / "test_pets.npz", X=X[M:], y=Y[M:])
    both = [tmp_path / "train_pets.npz", tmp_path / "test_pets.npz"]
    assert read(both) == expected()
    assert read(both[:1]) == expected(splits=False)


def test_class_names_hold_for_all_files_of_a_dataset(tmp_path: Path) -> None:
    """Where one of two files has them; by any of their usual names."""
    for name in ("classes", "list_classes", "class_names", "label_names", "target_names"):
        hdf5(tmp_path, {"X_train": X[:M], "y_train": Y[:M], name: np.array([b"dog", b"cat"])})
        np.savez(tmp_path / "b.npz", X_test=X[M:], y_test=Y[M:])
        found = [each[1] for each in read([tmp_path / "a.h5", tmp_path / "b.npz"])]
        assert found == [["dog", "cat"][y] for y in Y]


def test_what_is_not_used_is_named(tmp_path: Path) -> None:
    """Arrays beside pictures and labels, and those whose names say more than others'."""
    more = {"masks": X[..., 0], "extra_images": X, "extra_labels": Y, "ids": Y}
    heard = Heard()
    found = read(npz(tmp_path, {"images": X[:M], "labels": Y[:M], **more}), heard)
    assert found == expected(splits=False)
    assert heard.texts == [
        f"{tmp_path / 'a.npz'}: not used: masks, extra_images, extra_labels and 1 more"
    ]


NAME_THEM = "Name the arrays X_train, y_train, X_test and y_test, or X and y."


@pytest.mark.parametrize("write", [npz, npy, hdf5, grouped])
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            "X_train y_train X_test ids",
            "holds {}X_test, but no {}y_test\nStore the labels as {}y_te",
        ),
        ("X_train y_train masks y_test", "holds {}y_test, but no {}x_test\nStore the pictures as "),
        ("train test", "but no {}train_labels\nStore the labels as {}train_labels."),
        ("X foo ids", "labels: {}X (7, 5, 5, 3), {}foo (7,), {}ids (4, 5, 5, 3)\n"),
        ("train_x u v", "labels: {}train_x (7, 5, 5, 3), {}u (7,), {}v (4, 5, 5"),
        ("labels v", "labels: {}labels (7, 5, 5, 3), {}v (7,)\n" + NAME_THEM),
        ("foo x", "labels: {}foo (7, 5, 5, 3), {}x (7,)\n" + NAME_THEM),
        ("X_train y_train x y", "labels: "),
        ("X_train y_train images_train", "labels: "),
        ("X y a classes", ": class names must be distinct and not empty"),
        ("X y classes class_names", "labels: "),
        ("X_train_scaled y_train", "{}X_train_scaled (7, 5, 5, 3), {}y_train (7,)\n" + NAME_THEM),
        ("cats_x cats_y dogs_x dogs_y", "labels: "),
        ("arr_0 arr_1 arr_2 arr_3", "labels: {}arr_0 (7, 5, 5, 3), {}arr_1 (7,), {}arr_2 (4"),
        ("a c b d e f", "...\n" + NAME_THEM),
    ],
)
def test_what_is_not_clear_is_refused_with_what_was_found(
    tmp_path: Path, write: Callable[[Path, Arrays], list[Path]], names: str, said: str
) -> None:
    """Nothing is guessed: the message has names and shapes, and what to do."""
    parts = [*PARTS.values(), Y, X]
    with pytest.raises(DatasetError) as caught:
        read(write(tmp_path, dict(zip(names.split(), parts, strict=False))))
    text = str(caught.value)
    assert text.startswith(str(tmp_path))
    assert said.replace("{}", "arrays/" if write is grouped else "") in text


def test_two_arrays_of_one_shape_are_not_told_apart(tmp_path: Path) -> None:
    """Nor is one alone, or none."""
    for arrays in ({"a": Y, "b": Y}, {"a": X, "b": X}, {"a": X}, {}):
        with pytest.raises(DatasetError, match=NAME_THEM):
            read(hdf5(tmp_path, arrays))


@pytest.mark.parametrize(
    ("write", "name", "said"),
    [
        (npy, "images", "images (7, 5, 5, 3)\nName the file of the labels as well."),
        (npy, "labels", "labels (7, 5, 5, 3)\nName the file of the pictures as well."),
        (npz, "foo", "a:foo (7, 5, 5, 3)\n" + NAME_THEM),
        (hdf5, "images", "a:images (7, 5, 5, 3)\n" + NAME_THEM),
        (grouped, "images", "arrays/images (7, 5, 5, 3)\n" + NAME_THEM),
    ],
)
def test_one_array_alone_is_named_as_it_is(
    tmp_path: Path, write: Callable[[Path, Arrays], list[Path]], name: str, said: str
) -> None:
    """With its shape, and what is to be named beside it."""
    [path] = write(tmp_path, {name: X[:M]})
    with pytest.raises(DatasetError) as caught:
        read([path])
    assert str(caught.value) == f"{path}: holds only one array: {said}"


def test_labels_stay_as_their_source_numbers_them(tmp_path: Path) -> None:
    """Where its names are not in sorted order, and where numbers are not; in several files too."""
    for names, numbers, classes in (
        (["dog", "cat"], Y, ("dog", "cat")),
        (["cat", "noncat"], Y, ("noncat", "cat")),
        (None, np.where(Y, 10, 2), ("2", "10")),
    ):
        lists: dict[str, Any] = {"list_classes": np.array(names, "S")} if names else {}
        np.savez(tmp_path / "train.npz", X=X[:M], y=numbers[:M], **lists)
        np.savez(tmp_path / "test.npz", X=X[M:], y=numbers[M:], **lists)
        sources = [tmp_path / "train.npz", tmp_path / "test.npz"]
        prepared = prepare(sources, tmp_path / "d.npz", preprocessing=SETTINGS, force=True)
        assert prepared.classes == classes
        with open_dataset(tmp_path / "d.npz") as dataset:
            assert list(dataset.train.labels) == list(Y[:M] ^ (classes[0] == "noncat"))


# ------------------------------------------------------------------------------ from Python


@pytest.mark.parametrize("workers", [1, 3])
def test_arrays_are_prepared_from_python(tmp_path: Path, workers: int) -> None:
    """Their pixels are what the dataset holds, by processes or not."""
    x = np.random.default_rng(1).integers(0, 256, (60, SIZE, SIZE, 3), np.uint8)
    labels = ["cat", "dog"] * 30
    prepared = prepare(
        x, tmp_path / "d.npz", labels=labels, preprocessing=SETTINGS, test_split=0, workers=workers
    )
    assert prepared.classes == ("cat", "dog")
    with open_dataset(tmp_path / "d.npz") as dataset:
        assert np.array_equal(dataset.train.columns[:], unroll(x))
        assert dataset.train.names[7] == "images[7]"
        assert list(dataset.train.labels) == [0, 1] * 30


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([0, 1], ["0", "1"]),
        ([True, False], ["True", "False"]),
        (np.array([True, False]), ["True", "False"]),
        (["cat", " big  cat"], ["cat", "big cat"]),
        (np.array(["cat", "dog"]), ["cat", "dog"]),
        (np.array(["cat", "dog"], object), ["cat", "dog"]),
    ],
)
def test_a_class_is_called_by_its_label(labels: Any, names: list[str]) -> None:
    """Of any type of integers, strings and booleans."""
    found = list_arrays({"images": X[:2], "labels": labels}, Observer())
    assert [picture.class_name for picture in found.pictures] == names


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (X[:0], [], r"images: holds no pictures: shape \(0, 5, 5, 3\)"),
        (X, Y[:9], r"must be 11 labels, one for each picture, got shape \(9,\)"),
        (X[..., :2], Y, r"must be pictures of shape \(m, height, width, 3\), got shape"),
        (X - 128.5, Y, "pixels must be whole numbers from 0 to 255, or lie between 0 and 1"),
        (X[:2], [0.5, 1.0], "labels must be whole numbers"),
        (X[:2], [-1, 1], "labels must be whole numbers"),
        (X[:2], ["cat", " "], "label 1 is '', which is no class"),
        (X[:2], ["cat", None], "must be strings"),
    ],
)
def test_arrays_of_another_kind_are_value_errors(
    tmp_path: Path, images: Any, labels: Any, said: str
) -> None:
    """Required, then got; nothing is written."""
    with pytest.raises(ValueError, match=said):
        prepare(images, tmp_path / "d.npz", labels=labels)
    assert not (tmp_path / "d.npz").exists()


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.moveaxis(X, 3, 1), Y),
        (X / 255, Y[:, None]),
        (X.astype(int), np.eye(2)[Y]),
        (X, [str(label) for label in Y]),
        (X, np.array([str(label) for label in Y], dtype=object)),
    ],
)
def test_arrays_in_memory_are_read_as_those_of_a_file(
    tmp_path: Path, images: NDArray[Any], labels: Any
) -> None:
    """By the same rule: colors first, fractions, one-hot labels, strings."""
    wanted = prepare(X, tmp_path / "a.npz", labels=Y, preprocessing=SETTINGS)
    found = prepare(images, tmp_path / "b.npz", labels=labels, preprocessing=SETTINGS, positive=1)
    assert (found.classes, found.counts) == (wanted.classes, wanted.counts)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_named_arrays_in_memory_keep_their_splits(tmp_path: Path) -> None:
    """A mapping, such as np.load returns, is what an .npz of these arrays is."""
    arrays = dict(zip(("X_train", "y_train", "X_test", "y_test"), PARTS.values(), strict=True))
    found = prepare(arrays, tmp_path / "c.npz", preprocessing=SETTINGS)
    assert {split: sum(counts) for split, counts in found.counts.items()} == {
        "train": M,
        "test": M_TEST,
    }
    with np.load(npz(tmp_path, arrays)[0]) as loaded:
        again = prepare(loaded, tmp_path / "b.npz", preprocessing=SETTINGS)
    assert again.counts == found.counts


def test_labels_are_for_an_array_and_an_array_needs_them(tmp_path: Path) -> None:
    """Either alone is a mistake of the program."""
    for sources, labels in ((X, None), ([tmp_path], Y), (tmp_path, ["cat"])):
        with pytest.raises(TypeError, match="an array of pictures needs labels"):
            prepare(sources, tmp_path / "d.npz", labels=labels)


def test_the_courses_pictures_are_the_same_as_arrays_of_others(
    course_files: list[Path], tmp_path: Path
) -> None:
    """Channels first, floats from 0 to 1, one-hot labels: the dataset is the same, bit for bit."""
    arrays: dict[str, NDArray[Any]] = {}
    for path, split in zip(course_files, ("train", "test"), strict=True):
        with h5py.File(path) as file:
            arrays[f"{split}_images"] = np.moveaxis(file[f"{split}_set_x"][:], 3, 1) / 255
            arrays[f"{split}_labels"] = np.eye(2)[file[f"{split}_set_y"][:]]
            arrays["classes"] = file["list_classes"][:].astype(str)
    prepare(course_files, tmp_path / "course.npz", observer=Observer())
    prepare(packed(tmp_path, arrays), tmp_path / "arrays.npz", observer=Observer())
    with (
        open_dataset(tmp_path / "course.npz") as course,
        open_dataset(tmp_path / "arrays.npz") as others,
    ):
        assert others.classes == course.classes
        for ours, theirs in ((course.train, others.train), (course.test, others.test)):
            assert np.array_equal(ours.columns[:], theirs.columns[:])
            assert np.array_equal(ours.labels, theirs.labels)
