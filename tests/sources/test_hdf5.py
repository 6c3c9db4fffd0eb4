"""HDF5 files, in the course's layout: nothing but the file is read, and what is really in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catclf import DatasetError, PictureError, Preprocessing, prepare
from catclf.sources import SOURCE, list_sources
from catclf.sources.hdf5 import open_hdf5
from corpus.course_hdf5 import CHUNKS, COURSE, SETTINGS, good_course, pixels, read_course
from sources.conftest import listing

TESTS = Path(__file__).parents[1]
CHILD_SECONDS = 600  # an alarm ends each reading that hangs
EXTRA_MEMORY_BYTES = 512 * 2**20  # of a child, beside what its imports take
ONE_SPLIT = {"train_set_x": None, "train_set_y": None}

LIMIT_MEMORY = """
import json, pathlib, resource, signal, sys
from corpus.course_hdf5 import COURSE, read_course
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
folder, limit = pathlib.Path(sys.argv[1]), taken + int(sys.argv[2])
"""

# Reads every bad file under a memory limit, and writes a JSON line for each.
READ_CORPUS = """
for name, build in COURSE.items():
    path = folder / f"{name.replace(' ', '-')}.h5"
    build(path)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for name in COURSE:
    path = folder / f"{name.replace(' ', '-')}.h5"
    signal.alarm(30)
    try:
        read_course(path)
        outcome = ["read", "", None]
    except Exception as error:
        outcome = [type(error).__name__, str(error), getattr(error, "where", None)]
    print(json.dumps([name, str(path), *outcome]), flush=True)
"""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, which may hang or crash."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMIT_MEMORY + code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])},
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
    )


# ------------------------------------------------------------------------------ what is refused


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Read the whole corpus in a process of little memory: the outcome by name."""
    child = run(READ_CORPUS, tmp_path_factory.mktemp("corpus"), EXTRA_MEMORY_BYTES)
    lines = [json.loads(line) for line in child.stdout.splitlines()]
    assert lines, child.stderr
    return {name: rest for name, *rest in lines}


@pytest.mark.slow
@pytest.mark.parametrize("name", COURSE)
def test_a_bad_file_is_refused_by_name_in_two_lines(
    refusals: dict[str, list[str]], name: str
) -> None:
    """A bad file ends in a DatasetError of at most two short lines that name it, whatever it is.

    Never a hang or a crash; links and the like lead to a pipe whose opening would never end.
    """
    assert name in refusals, "the process hung or died"
    path, kind, message, where = refusals[name]
    assert kind == "DatasetError", message
    assert where.startswith(path)
    what, _, fix = message.removeprefix(where).partition("\n")
    assert what.startswith(": ")
    assert len(what) < 200
    assert len(fix) < 200
    assert what.isprintable()
    assert fix.isprintable()


HOW_TO_WRITE = "Write it again with h5py's create_dataset(name, data=...), strings with dtype='S'."
POINTS_ELSEWHERE = f"is not an array stored in this file\n{HOW_TO_WRITE}"
OTHERWISE = f"is stored in a way that catclf does not read\n{HOW_TO_WRITE}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("git lfs pointer", "Run 'git lfs pull'"),
        ("cut in the middle", "damaged: cut short\nFetch or make the file again."),
        ("half of the chunks", "damaged: claims more than the file holds\nFetch or make"),
        ("many blank pictures", "claims 200000 pictures, but stores "),
        ("labels that unpack to too little", "train_set_y: damaged"),
        ("no pixels", "holds train_set_y, but no train_set_x\nStore the pictures as train_set_x"),
        ("test split without pixels", "holds test_set_y, but no test_set_x\nStore the pictures"),
        ("a dataset of catclf 0.1", "which holds columns and no pictures\nPrepare its pictures"),
        ("pixels from -1 to 1", "got float64 from -1 to 1\nScale them to 0 to 255, round, and"),
        (
            "pixels in rows",
            "rows of 48 numbers may be ordered by color or by pixel\nStore X.reshape",
        ),
        (
            "colors first or last",
            "axis 1 or axis 3 may be the colors: shape (6, 3, 4, 3)",
        ),
        ("labels by other names", "label 1 is 'dog', which is no class"),
        ("pixels beyond 255", "train_set_x[0]: its pixels are not whole numbers from 0 to 255"),
        ("one pixel below 0", "train_set_x[5]: its pixels are not whole numbers from 0 to 255"),
        ("a label of 2", "whole numbers from 0 to 1, got 2 at index 2"),
        ("too few labels", "6 labels, one for each picture, got shape (5,)"),
        ("pixels by an external link", POINTS_ELSEWHERE),
        ("virtual pixels", POINTS_ELSEWHERE),
        ("lzf", OTHERWISE),
        ("a checksum", OTHERWISE),
        ("a chunk of more than 64 MiB", OTHERWISE),
        ("names of any length", OTHERWISE),
    ],
)
def test_the_message_says_what_to_do(refusals: dict[str, list[str]], name: str, says: str) -> None:
    """What is wrong, or how to fix it, is said in the user's words."""
    assert says in refusals[name][2]


def test_a_chunk_that_is_damaged_costs_its_pictures_only(tmp_path: Path) -> None:
    """Pictures of a chunk that does not unpack cannot be read, and are named; the others can."""
    path = tmp_path / "course.h5"
    good_course(path, train_set_x=None)
    with h5py.File(path, "r+") as file:
        x = file.create_dataset("train_set_x", data=pixels(6), chunks=CHUNKS, compression=1)
        x.id.write_direct_chunk((2, 0, 0, 0), b"no gzip data")
    with ExitStack() as files:
        read, unreadable = [], []
        for picture in list_sources([path], files).pictures:
            try:
                read.append(picture.read(SETTINGS))
            except PictureError as error:
                unreadable.append(error.where)
    assert np.array_equal(read, pixels(6)[[0, 1, 4, 5]])
    assert unreadable == [f"{path}:train_set_x[{i}]" for i in (2, 3)]


@pytest.mark.parametrize(("value", "row"), [(256, 3), (-1, 5), (32767, 0)])
def test_the_first_picture_out_of_range_is_named(tmp_path: Path, value: int, row: int) -> None:
    """Preparing ends there: no picture of such an array means what it seems to mean."""
    wide = pixels(40).astype(np.int16)
    wide[row, 1, 2, 0] = wide[39, 0, 0, 0] = value
    good_course(tmp_path / "a.h5", train_set_x=wide, train_set_y=np.arange(40) % 2)
    with pytest.raises(DatasetError, match="not whole numbers from 0 to 255, but from") as caught:
        prepare([tmp_path / "a.h5"], tmp_path / "out.npz", workers=2)
    assert caught.value.where == f"{tmp_path / 'a.h5'}:train_set_x[{row}]"
    assert not (tmp_path / "out.npz").exists()


# ------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize("kind", ["u1", "i2", ">i2", "u2", ">u2", "i4", ">u4", "i8", ">u8", "i1"])
def test_a_course_file_gives_its_pixels_as_they_are(tmp_path: Path, kind: str) -> None:
    """Whole numbers of any size are read bit for bit, with label and split."""
    values = pixels(9) // (2 if kind == "i1" else 1)
    test = {"test_set_x": values[6:].astype(kind), "test_set_y": np.array([[1, 0, 1]])}
    good_course(tmp_path / "a.h5", train_set_x=values[:6].astype(kind), **test)
    assert np.array_equal(read_course(tmp_path / "a.h5"), values)
    found = listing(tmp_path / "a.h5").pictures
    assert [p.split for p in found] == ["train"] * 6 + ["test"] * 3
    assert [p.class_name for p in found[6:]] == ["cat", "noncat", "cat"]


@pytest.mark.parametrize("repeated", [None, np.array([0, 1])])
def test_a_file_of_one_split_is_a_source(tmp_path: Path, repeated: Any) -> None:
    """The course's pair is two files, in any order; one may repeat the other's labels."""
    train, test = tmp_path / "train.h5", tmp_path / "test.h5"
    good_course(train, test_set_y=repeated)
    good_course(test, test_set_x=pixels(2), test_set_y=np.array([0, 1]), **ONE_SPLIT)
    for pair in ((train, test), (test, train)):
        splits = [p.split for p in listing(*pair).pictures]
        assert sorted(map(str, splits)) == ["test"] * 2 + ["train"] * 6


def test_a_stored_picture_is_brought_to_the_size_asked_for(tmp_path: Path) -> None:
    """Pictures of another size, or not square, are resized as files are."""
    good_course(tmp_path / "a.h5", train_set_x=np.full((6, 9, 5, 3), 77, np.uint8))
    with ExitStack() as files:
        picture = list_sources([tmp_path / "a.h5"], files).pictures[0]
        assert np.array_equal(picture.read(Preprocessing(size=3)), np.full((3, 3, 3), 77))


@settings(max_examples=30)
@given(
    chunks=st.none() | st.tuples(*(st.integers(1, n) for n in (7, 5, 4, 3))),
    packed=st.none() | st.integers(0, 9),
    user_block=st.sampled_from([0, 512, 4096]),
    growing=st.booleans(),
    libver=st.sampled_from(["earliest", "latest"]),
    row=st.integers(0, 6),
)
def test_an_array_reads_the_same_however_it_is_stored(
    tmp_path_factory: pytest.TempPathFactory,
    chunks: tuple[int, ...] | None,
    packed: int | None,
    user_block: int,
    growing: bool,
    libver: str,
    row: int,
) -> None:
    """Chunks, gzip, a user block and the file's version change nothing."""
    path = tmp_path_factory.getbasetemp() / "stored.h5"
    data = np.random.default_rng(0).integers(0, 2**16, (7, 5, 4, 3)).astype("<u2")
    most = (None, 5, 4, 3) if growing else None
    with h5py.File(path, "w", libver=libver, userblock_size=user_block) as file:
        file.create_dataset("x", data=data, chunks=chunks, compression=packed, maxshape=most)
    with open_hdf5(str(path), SOURCE) as opened:
        array = opened.array("x")
        assert (array.shape, array.dtype) == (data.shape, data.dtype)
        assert np.array_equal(array[:], data)
        assert np.array_equal(array[row], data[row])


@pytest.mark.parametrize(
    ("stored", "second"),
    [
        ([b"noncat", b"cat"], "cat"),
        ([b"noncat  ", b"cat     "], "cat"),
        ([b"noncat\0xy", b"cat"], "cat"),
        ([b"noncat", "Käse".encode()], "Käse"),
        ([b"noncat", b"caf\xe9"], "caf\N{REPLACEMENT CHARACTER}"),
    ],
    ids=["bytes", "padded with spaces", "ended by a zero", "UTF-8", "no UTF-8"],
)
def test_class_names_may_be_strings_of_any_fixed_length(
    tmp_path: Path, stored: list[bytes], second: str
) -> None:
    """However a writer pads them; names are UTF-8, and bytes that are none are replaced."""
    for kind in (None, h5py.string_dtype("utf-8", 9)):
        good_course(tmp_path / "a.h5", list_classes=np.array(stored, kind))
        found = [p.class_name for p in listing(tmp_path / "a.h5").pictures]
        assert found == ["noncat", second] * 3


@pytest.mark.parametrize("kind", [np.uint8, np.int64, ">i4", np.float32, np.float64, bool])
@pytest.mark.parametrize("shape", [(6,), (1, 6), (6, 1)])
def test_labels_may_be_numbers_of_any_type(
    tmp_path: Path, kind: Any, shape: tuple[int, ...]
) -> None:
    """0 and 1 are labels in any type, and Y may be a row, a column or a list."""
    good_course(tmp_path / "a.h5", train_set_y=(np.arange(6) % 2).astype(kind).reshape(shape))
    found = [p.class_name for p in listing(tmp_path / "a.h5").pictures]
    assert found == ["noncat", "cat"] * 3


@pytest.mark.parametrize("kind", ["u1", "<i8", "f8"])
def test_class_names_may_be_numbers(tmp_path: Path, kind: str) -> None:
    """A class is called by its number then, as labels without any names are."""
    good_course(tmp_path / "a.h5", list_classes=np.array([7, 5], kind))
    good_course(tmp_path / "b.h5", list_classes=None)
    for path, names in ((tmp_path / "a.h5", ["7", "5"]), (tmp_path / "b.h5", ["0", "1"])):
        assert [p.class_name for p in listing(path).pictures] == names * 3


def test_a_file_of_matlab_is_refused(tmp_path: Path) -> None:
    """Its pictures would be read as if mirrored at their diagonals."""
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["X"], file["y"] = pixels(6).transpose(0, 3, 2, 1), np.arange(6) % 2
    data = bytearray(path.read_bytes())
    data[:19] = b"MATLAB 7.3 MAT-file"
    path.write_bytes(data)
    with pytest.raises(
        DatasetError, match=r"is a MATLAB file, .* in reverse order\nSave them from P"
    ):
        listing(path)


def test_what_nobody_asks_for_may_be_anything(tmp_path: Path) -> None:
    """A table, a type, a link or a name that is no UTF-8 beside the arrays does no harm."""
    good_course(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["table"] = np.zeros(3, [("name", "S9")])
        file["type"] = np.dtype("f4")
        file["texts"] = ["of", "any length"]
        file["link"] = h5py.ExternalLink("/dev/zero", "x")
        file["group/within/deeper"] = file
        file[b"caf\xe9"] = np.zeros(3)
    assert len(listing(tmp_path / "a.h5").pictures) == 6


def test_a_prepared_dataset_is_no_source(small_dataset: Path) -> None:
    """It is said what it is, and what to do with it."""
    fix = f"It is prepared already: 'catclf train {small_dataset}' trains a model on it."
    with pytest.raises(DatasetError, match="is a dataset that catclf prepared, not a") as caught:
        listing(small_dataset)
    assert caught.value.fix == fix


def test_a_path_that_no_file_can_have_is_refused() -> None:
    """A NUL in the path is a DatasetError too."""
    with pytest.raises(DatasetError, match="not a valid file name"):
        listing(Path("a\0b.h5"))
