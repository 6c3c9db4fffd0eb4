"""Entries of arrays: pixels, labels and class names are what was meant, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf import DatasetError, Observer
from catclf.sources.entries import ArrayPicture, class_names, labels_of, pictures_of
from sources.conftest import Heard

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (6, 4, 5, 3), np.uint8)
GRAY = np.repeat(RNG.integers(0, 256, (6, 4, 4, 1), np.uint8), 3, axis=3)


@dataclass(frozen=True)
class Stored:
    """An array as if it stood in a file."""

    values: NDArray[Any]
    where: str = "a.npz:X"
    identity: str = "a"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    @property
    def stored_bytes(self) -> int:
        return self.values.nbytes

    def __getitem__(self, row: int | slice) -> NDArray[Any]:
        return np.asarray(self.values[row])


def stored(values: Any) -> Any:
    return Stored(np.asarray(values))


def read(values: Any, heard: Observer | None = None) -> NDArray[np.uint8]:
    """Return all pictures of an array."""
    array = stored(values)
    pictures = pictures_of(array, heard or Observer())
    return np.stack([ArrayPicture(pictures, i).read() for i in range(len(array.values))])


# ------------------------------------------------------------------------------ pixels

LAYOUTS: dict[str, Any] = {
    "channels last": (X, X),
    "channels first": (X, X.transpose(0, 3, 1, 2)),
    "gray": (GRAY, GRAY[..., 0]),
    "gray, one channel last": (GRAY, GRAY[..., :1]),
    "gray, one channel first": (GRAY, GRAY[:, np.newaxis, :, :, 0]),
    "gray, flat squares": (GRAY, GRAY[..., 0].reshape(6, -1)),
}
TYPES: dict[str, Any] = {
    "uint8": lambda x: x,
    "int16, big-endian": lambda x: x.astype(">i2"),
    "uint64": lambda x: x.astype(np.uint64),
    "whole float16": lambda x: x.astype(np.float16),
    "whole float64": lambda x: x.astype(float),
    "0 to 1, float16": lambda x: (x / 255).astype(np.float16),
    "0 to 1, float32": lambda x: x.astype(np.float32) / np.float32(255),
    "0 to 1, float64": lambda x: x / 255,
    "0 to 1, by a multiplication": lambda x: x.astype(np.float32) * np.float32(1 / 255),
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_pictures_are_the_same_however_they_are_stored(layout: str, kind: str) -> None:
    """In every layout and type of known meaning, to the last bit; what was scaled is told."""
    pictures, values = LAYOUTS[layout]
    heard = Heard()
    assert np.array_equal(read(TYPES[kind](values), heard), pictures)
    said = ["a.npz:X: each row is a gray picture of 4x4"] * ("flat" in layout)
    said += ["a.npz:X: pixels are from 0 to 1: multiplied by 255 and rounded"] * ("0 to 1" in kind)
    assert sorted(heard.texts) == sorted(said)


@given(
    m=st.integers(1, 3),
    height=st.integers(4, 9) | st.just(2),
    width=st.integers(4, 9) | st.just(2),
    layout=st.sampled_from(["last", "first", "gray"]),
    kind=st.sampled_from([*TYPES]),
    seed=st.integers(0, 99),
)
def test_any_size_is_read_as_it_is(
    m: int, height: int, width: int, layout: str, kind: str, seed: int
) -> None:
    """A round trip through any layout and type gives the same pixels."""
    x = np.random.default_rng(seed).integers(0, 256, (m, height, width, 3), np.uint8)
    x[0, 0, 0] = 255  # all below 64 could not be told from counting to 63
    if layout == "gray":
        x[:] = x[..., :1]
        values = x[..., 0]
    else:
        values = x if layout == "last" else np.moveaxis(x, 3, 1)
    assert np.array_equal(read(TYPES[kind](values)), x)


def test_pixels_that_are_all_dark_are_read_and_told() -> None:
    """They may be counted from 0 to 1, or to 16, which only their author knows."""
    heard = Heard()
    assert np.array_equal(read(X // 16, heard), X // 16)
    assert heard.texts == [
        "a.npz:X: the first pictures are dark, with pixels from 0 to 15\n"
        "If 15 means white, scale the pixels to 0 to 255."
    ]


@pytest.mark.parametrize("kind", [np.uint8, np.int64, ">u2"])
def test_pixels_that_are_0_and_1_only_are_refused(kind: Any) -> None:
    """Of 255 all would be black; wherever in the array the only 1 stands."""
    masks = np.zeros((90_000, 5, 10), kind)  # more than is read at once
    masks[-1, 4, 9] = 1
    for values in (masks, np.sign(X).astype(kind)):
        with pytest.raises(DatasetError, match="all pixels are 0 or 1\nMultiply them by 255"):
            pictures_of(stored(values), Observer())


@pytest.mark.parametrize("last", [255, 15, 0, -1])
def test_pixels_of_other_values_are_not_taken_for_0_and_1(last: int) -> None:
    """Though those that are read first be no others; what is below 0 is told as such."""
    values = np.sign(X[:2]).astype(int) * (last != 0)
    values[1, 3, 4, 2] = last
    if last < 0:
        with pytest.raises(DatasetError, match=r"not whole numbers from 0 to 255, but from -1 to"):
            read(values)
    else:
        heard = Heard()
        assert np.array_equal(read(values, heard), values)
        assert len(heard.texts) == (last < 64)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((6, 3, 5, 3), r"axis 1 or axis 3 may be the colors: shape \(6, 3, 5, 3\)"),
        ((6, 1, 5, 3), "axis 1 or axis 3 may be the colors"),
        ((6, 4, 4, 4), r"must be pictures of shape .*\(6, 4, 4, 4\)\nStore one RGB picture"),
        ((6, 5, 5, 2), "must be pictures of shape"),
        ((6, 5, 5, 5, 3), "must be pictures of shape"),
        ((6, 16, 3), "must be pictures of shape"),
        ((6, 3, 16), "must be pictures of shape"),
        ((6, 16, 1), "must be pictures of shape"),
        (
            (6, 48),
            r"rows of 48 .*\nStore X.reshape\(-1, 3, 4, 4\) if .*X.reshape\(-1, 4, 4, 3\)",
        ),
        ((6, 50), "must be pictures of shape"),
        ((6, 1), "must be pictures of shape"),
        ((6,), "must be pictures of shape"),
        ((), "must be pictures of shape"),
        ((0, 4, 4, 3), r"holds no pictures: shape \(0, 4, 4, 3\)\nStore at least one of each"),
        ((6, 0, 4, 3), "must be pictures of shape"),
        ((2, 8000, 8000), "pictures have more than 50000000 pixels"),
        ((1,) * 32, "must be pictures of shape"),
    ],
)
def test_shapes_that_may_mean_two_things_are_refused(shape: tuple[int, ...], said: str) -> None:
    """And those that mean none; the message says what to store."""
    with pytest.raises(DatasetError, match=said) as caught:
        read(np.broadcast_to(np.uint8(200), shape))
    assert caught.value.where == "a.npz:X"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (X / 127.5 - 1, "or lie between 0 and 1, got float64 from -1 to 1"),
        ((X - X.mean()) / X.std(), r"got float64 from -1.\d+ to 1.\d+"),
        (X * 1.5, "got float64 from 0 to 382.5"),
        (X * 257.0, "got float64 from 0 to 6.5"),
        (X * 0.9, "got float64 from 0 to 229.5"),
        (np.floor(X / 16), "got float64 from 0 to 15"),
        (np.where(X > 250, np.nan, X), "got float64 from nan to nan"),
        (np.where(X > 250, np.inf, X), "got float64 from 0 to inf"),
        (np.full(X.shape, 0x7FA00000, np.uint32).view("f4"), "got float32 from nan to nan"),
        (X > 128, "pixels must be numbers, got bool\nStore them as uint8, 0 to 255"),
        (X.astype(complex), "pixels must be numbers, got complex128"),
        (X.astype("S3"), "pixels must be numbers"),
        (X.astype(int) + 1, r"X\[\d\]: its pixels are not whole numbers from 0 to 255, but from 1"),
        (X.astype(int) - 1, r"but from -1 to 2\d\d"),
    ],
)
def test_pixels_of_an_unknown_range_are_refused(values: Any, said: str) -> None:
    """With the range that was found, of all pictures."""
    if (
        values.dtype.kind in "iuf" and values.max() < np.inf
    ):  # the extremes in pictures of their own
        values[0, 0, 0, 0], values[1, 0, 0, 0] = values.min(), values.max()
    with pytest.raises(DatasetError, match=said):
        read(values)


def test_many_pictures_take_some_bytes_each() -> None:
    """Blank ones, packed to nothing, may not fill the memory with their names."""
    claims = np.broadcast_to(np.uint8(0), (100_001, 5, 5))
    with pytest.raises(DatasetError, match="claims 100001 pictures, but stores 60 bytes"):
        pictures_of(Packed(claims), Observer())


@dataclass(frozen=True)
class Packed(Stored):
    """An array that takes few bytes."""

    @property
    def stored_bytes(self) -> int:
        return 60


# ------------------------------------------------------------------------------ labels

Y = np.array([0, 2, 1, 2])
NAMES = ["ant", "bee", "cat"]


@pytest.mark.parametrize(
    "labels",
    [
        *(Y.astype(kind) for kind in ("u1", "i8", ">i4", "f2", "f8", "u8")),
        *(Y.reshape(shape) for shape in ((1, 4), (4, 1), (4, 1, 1, 1))),
        *(np.eye(3)[Y].astype(kind) for kind in ("u1", "f4", bool)),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_labels_may_be_numbers_of_any_type_in_a_list_or_one_hot(labels: Any) -> None:
    """With names of classes or without."""
    assert labels_of(stored(labels), 4, NAMES) == ["ant", "cat", "bee", "cat"]
    assert labels_of(stored(labels), 4, None) == ["0", "2", "1", "2"]


def test_labels_may_be_yes_or_no() -> None:
    """Called so, where their classes have no names."""
    labels = stored(np.array([False, True]))
    assert labels_of(labels, 2, NAMES[:2]) == ["ant", "bee"]
    assert labels_of(labels, 2, None) == ["False", "True"]


@pytest.mark.parametrize(
    "texts", [["cat", "K\xe4se"], [b"cat   ", "K\xe4se".encode()], ["cat", "Ka\u0308se"]]
)
def test_labels_may_be_strings(texts: list[Any]) -> None:
    """Of bytes or of characters, padded, in one spelling."""
    assert labels_of(stored(texts), 2, None) == ["cat", "K\xe4se"]
    assert class_names(stored(texts)) == ["cat", "K\xe4se"]
    assert labels_of(stored(texts), 2, ["K\xe4se", "dog", "cat"]) == ["cat", "K\xe4se"]


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [
        (Y[:3], None, r"must be 4 labels, one for each picture, got shape \(3,\)"),
        (np.array(1), None, r"got shape \(\)"),
        (np.zeros((4, 2, 2)), None, r"got shape \(4, 2, 2\)"),
        (np.zeros((4, 1001)), None, r"got shape \(4, 1001\)"),
        (np.eye(3)[Y].T, None, r"got shape \(3, 4\)"),
        (Y - 1, None, "must be whole numbers from 0 on, got -1 at index 0\nNumber the classes"),
        (Y / 2, None, "must be whole numbers from 0 on, got 0.5 at index 2"),
        (np.where(Y, Y, np.nan), None, "got nan at index 0"),
        (np.where(Y, Y, np.inf), NAMES, "must be whole numbers from 0 to 2, got inf at index 0"),
        (Y + 1, NAMES, "must be whole numbers from 0 to 2, got 3 at index 1"),
        (np.eye(4)[Y + 1], NAMES, "must be whole numbers from 0 to 2, got 3 at index 1"),
        (np.ones((4, 3)), None, r"a single 1 and zeros, got \[1.0, 1.0, 1.0\]"),
        (np.zeros((4, 3)), None, r"a single 1 and zeros, got \[0.0, 0.0, 0.0\]"),
        (np.full((4, 2), 0.5), None, r"a single 1 and zeros, got \[0.5, 0.5\]"),
        (np.full((4, 2), np.nan), None, r"a single 1 and zeros, got \[nan, nan\]"),
        (
            np.full((4, 2), b"a"),
            None,
            r"must be 4 labels, one for each picture, got shape \(4, 2\)",
        ),
        (["cat", "dog", "", "dog"], None, "label 2 is '', which is no class"),
        (["cat", "dog", "nan", "dog"], None, "label 2 is 'nan', which is no class"),
        (["cat", "dog", "cat", "bee"], NAMES, "label 1 is 'dog', which is no class"),
        (
            Y.astype(complex),
            None,
            "must be strings of 1 to 1000 bytes, or whole numbers, got compl",
        ),
        (np.zeros(4, "M8[D]"), None, "or whole numbers, got datetime64"),
        (np.full(4, b"x" * 1001), None, "must be strings of 1 to 1000 bytes"),
    ],
)
def test_labels_of_another_meaning_are_refused(labels: Any, classes: Any, said: str) -> None:
    """By what was found, and where."""
    with pytest.raises(DatasetError, match=said):
        labels_of(stored(labels), 4, classes)


def test_characters_that_are_none_are_damage() -> None:
    """A string's four bytes may hold any number."""
    broken = np.array([2**31, 2**31], np.uint32).view("U1")
    with pytest.raises(DatasetError, match="damaged: holds no text"):
        labels_of(stored(broken), 2, None)
    lone = stored(np.array(["\ud800x", "b"]))  # half of a pair, which no file's name can have
    assert labels_of(lone, 2, None) == ["?x", "b"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["cat"], "must be a list of class names"),
        (["cat", "cat "], "must be distinct"),
        ([1, 1], "must be distinct"),
        (["", "cat"], "not empty"),
        ([[1, 2]], "must be a list of class names"),
        ([0.5, 1], "must be strings .* got float64"),
        ([-1, 1], "must be strings .* got int64"),
        ([np.nan, 1], "must be strings .* got float64"),
    ],
)
def test_names_of_classes_are_distinct(names: Any, said: str) -> None:
    """And strings, or whole numbers."""
    with pytest.raises(DatasetError, match=said):
        class_names(stored(names))
