"""HDF5 files from outside: nothing but the file itself is read, and only what is really in it."""

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
from hypothesis import given
from hypothesis import strategies as st

from catclf import DatasetError, PictureError, Preprocessing
from catclf.sources import list_sources
from catclf.storage.hdf5 import open_hdf5
from corpus.course_hdf5 import COURSE, good_course
from corpus.hdf5 import pixels
from corpus.prepared import PREPARED

TESTS = Path(__file__).parents[1]
CHILD_SECONDS = 120  # a hang, and no measurement
EXTRA_MEMORY_BYTES = 512 * 2**20  # of a child, beside what its imports take

# Reads every bad file under a memory limit, and writes a JSON line for each.
READ_CORPUS = """
import json, pathlib, resource, sys, traceback
from corpus import course_hdf5, prepared
from corpus.hdf5 import write_cases
cases = []
for reader, builders, read in (
    ("prepare", course_hdf5.COURSE, course_hdf5.prepare_file),
    ("open", prepared.PREPARED, prepared.read_dataset),
):
    folder = pathlib.Path(sys.argv[1], reader)
    folder.mkdir()
    cases += [(reader, read, case) for case in write_cases(folder, builders)]
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = taken + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for reader, read, case in cases:
    try:
        read(case.path)
        outcome = ["read", "", None]
    except Exception as error:
        where = getattr(error, "where", None)
        outcome = [type(error).__name__, str(error), where]
    print(json.dumps([reader, case.name, str(case.path), *outcome]), flush=True)
"""

# Reads damaged course files one by one; what is not DatasetError or PictureError ends it.
READ_DAMAGED = """
import pathlib, random, resource, signal, sys
from corpus.hdf5 import SETTINGS
from contextlib import ExitStack
from catclf import DatasetError, PictureError
from catclf.sources import list_sources
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = taken + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
good, damaged = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1] + ".damaged")
data, rng = good.read_bytes(), random.Random(0)
for number in range(int(sys.argv[3])):
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at = rng.randrange(len(changed) - 16)
        kind = rng.choice(["bit", "zeros", "ones", "copy"])
        if kind == "bit":
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == "copy":
            start = rng.randrange(len(changed) - 16)
            changed[at : at + 16] = changed[start : start + 16]
        else:
            changed[at : at + 8] = bytes(8) if kind == "zeros" else bytes([255]) * 8
    if rng.random() < 0.05:
        del changed[rng.randrange(len(changed)) :]
    damaged.write_bytes(changed)
    print(number, flush=True)
    signal.alarm(30)
    try:
        with ExitStack() as files:
            for picture in list_sources([damaged], files).pictures:
                try:
                    picture.read(SETTINGS)
                except PictureError:
                    pass
    except DatasetError:
        pass
print("done")
"""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, which may hang or crash."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
        check=False,
    )


# ------------------------------------------------------------------------------ what is refused


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    """Read the whole corpus in a process of little memory: (reader, name) -> the outcome."""
    child = run(READ_CORPUS, tmp_path_factory.mktemp("corpus"), EXTRA_MEMORY_BYTES)
    lines = [json.loads(line) for line in child.stdout.splitlines()]
    assert lines, child.stderr
    return {(reader, name): rest for reader, name, *rest in lines}


@pytest.mark.parametrize(
    ("reader", "name"), [("prepare", n) for n in COURSE] + [("open", n) for n in PREPARED]
)
def test_a_bad_file_is_refused_by_name_in_two_lines(
    refusals: dict[tuple[str, str], list[str]], reader: str, name: str
) -> None:
    """A bad file ends in a DatasetError of at most two short lines that name it, whatever it is.

    Never a hang or a crash; links and the like lead to a pipe whose opening would never end.
    """
    assert (reader, name) in refusals, "the process hung or died"
    path, kind, message, where = refusals[reader, name]
    assert kind == "DatasetError", message
    assert where.startswith(path)
    what, _, fix = message.removeprefix(where).partition("\n")
    assert what.startswith(": ")
    assert len(what) < 200
    assert len(fix) < 200 + len(path)
    assert fix.isprintable()
    assert what.isprintable()


def test_the_corpus_is_large() -> None:
    """At least 60 bad files of distinct kinds are tried."""
    assert len(COURSE) + len(PREPARED) >= 60


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("git lfs pointer", "Run 'git lfs pull'"),
        ("pixels from 0 to 1", "multiply by 255, round, and store them as uint8"),
        ("half of the chunks", "not written to its end"),
        ("pixels by an external link", "links are not followed"),
        ("pixels in another file", "in other files, which are not opened"),
        ("one class only", "one class only: 'cat'"),
        ("a label of 2", "whole numbers 0 to 1"),
        ("too few labels", "6 labels, one a picture, got shape (5,)"),
        ("no class names", "holds no 'list_classes'"),
        ("an unknown filter", "Use gzip or lzf"),
        ("lzf within gzip", "Use gzip or lzf"),
        ("lzf labels that unpack to too little", "train_set_y: damaged"),
        ("pixels beyond 255", "train_set_x[0]: its pixels are not whole numbers from 0 to 255"),
        ("one pixel below 0", "train_set_x[5]: its pixels are not whole numbers from 0 to 255"),
    ],
)
def test_the_message_says_what_to_do(
    refusals: dict[tuple[str, str], list[str]], name: str, says: str
) -> None:
    """What is wrong, or how to fix it, is said in the user's words."""
    assert says in refusals["prepare", name][2]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"chunks": (2, 4, 4, 3)}, id="chunks"),
        pytest.param(
            {"chunks": (2, 4, 4, 3), "shuffle": True, "compression": "gzip", "fletcher32": True},
            id="gzip",
        ),
        pytest.param({"chunks": (2, 4, 4, 3), "compression": "lzf"}, id="lzf"),
        pytest.param(
            {"chunks": (2, 4, 4, 3), "shuffle": True, "compression": "lzf", "fletcher32": True},
            id="lzf and more",
        ),
    ],
)
@pytest.mark.parametrize("user_block", [0, 512])
def test_a_damaged_file_is_read_or_refused(
    tmp_path: Path, options: dict[str, Any], user_block: int
) -> None:
    """Any change to a course file's bytes gives pictures, a PictureError or a DatasetError."""
    path = tmp_path / "course.h5"
    good_course(path, list_classes=["noncat", "cat"], train_set_x=None)
    with h5py.File(path, "r+") as file:
        # Two rows of a chunk are noise, which LZF leaves as it is; the others it packs.
        data = np.concatenate([pixels(2), pixels(4) // 255]).astype("<i2")
        file.create_dataset("train_set_x", data=data, **options)
    path.write_bytes(bytes(user_block) + path.read_bytes())
    child = run(READ_DAMAGED, path, EXTRA_MEMORY_BYTES, 400)
    last = child.stdout.splitlines()[-1:]
    assert last == ["done"], f"case {last}: exit {child.returncode}\n{child.stderr}"


def test_a_chunk_that_is_damaged_costs_its_pictures_only(tmp_path: Path) -> None:
    """Pictures of a chunk that does not unpack cannot be read, and are named; the others can."""
    path = tmp_path / "course.h5"
    good_course(path, train_set_x=None)
    with h5py.File(path, "r+") as file:
        x = file.create_dataset("train_set_x", data=pixels(6), chunks=(2, 4, 4, 3), compression=1)
        x.id.write_direct_chunk((2, 0, 0, 0), b"no gzip data")
    with ExitStack() as files:
        read, unreadable = [], []
        for picture in list_sources([path], files).pictures:
            try:
                read.append(picture.read(Preprocessing(size=4)))
            except PictureError as error:
                unreadable.append(error.where)
    assert np.array_equal(read, pixels(6)[[0, 1, 4, 5]])
    assert unreadable == [f"{path}:train_set_x[{i}]" for i in (2, 3)]


# ------------------------------------------------------------------------------ what is read


@given(
    chunks=st.none() | st.tuples(*(st.integers(1, n) for n in (7, 5, 4, 3))),
    packed=st.none() | st.integers(0, 9) | st.just("lzf"),
    noisy=st.booleans(),
    user_block=st.sampled_from([0, 512, 4096]),
    shuffle=st.booleans(),
    fletcher32=st.booleans(),
    growing=st.booleans(),
    libver=st.sampled_from(["earliest", "latest"]),
    rows=st.slices(7),
)
def test_an_array_reads_the_same_however_it_is_stored(
    tmp_path_factory: pytest.TempPathFactory,
    chunks: tuple[int, ...] | None,
    packed: int | str | None,
    noisy: bool,
    user_block: int,
    shuffle: bool,
    fletcher32: bool,
    growing: bool,
    libver: str,
    rows: slice,
) -> None:
    """Chunks, filters, checksums, a user block and the file's version change nothing."""
    path = tmp_path_factory.mktemp("stored") / "a.h5"
    most = 2**16 if noisy else 2
    data = np.random.default_rng(0).integers(0, most, (7, 5, 4, 3)).astype("<u2")
    options: dict[str, Any] = {"chunks": chunks, "compression": packed, "fletcher32": fletcher32}
    if packed is not None or chunks is not None:
        options["shuffle"] = shuffle
    if growing:
        options["maxshape"] = (None, 5, 4, 3)
    with h5py.File(path, "w", libver=libver, userblock_size=user_block) as file:
        file.create_dataset("group/x", data=data, **options)
    rows = slice(rows.start, rows.stop, abs(rows.step or 1))  # h5py reads forward only
    with open_hdf5(path) as opened:
        array = opened.array("group/x")
        assert array.shape == data.shape
        assert array.dtype == data.dtype
        assert np.array_equal(array[rows], data[rows])
        assert np.array_equal(array[3], data[3])
        assert np.array_equal(array[-1], data[-1])


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(np.array([b"noncat", b"cat"]), id="fixed bytes"),
        pytest.param(np.array([b"noncat  ", b"cat     "]), id="padded with spaces"),
        pytest.param(np.array([b"noncat\0xy", b"cat"]), id="ended by a zero"),
        pytest.param(np.array(["noncat", "cat"], h5py.string_dtype("utf-8", 9)), id="fixed utf-8"),
        pytest.param(["noncat", "cat"], id="list of str"),
        pytest.param([b"noncat", b"cat"], id="list of bytes"),
        pytest.param(np.array(["noncat", "cat"], object), id="numpy objects"),
        pytest.param(np.array(["noncat", "cat"], h5py.string_dtype("ascii")), id="ascii"),
    ],
)
def test_class_names_may_be_strings_of_any_type(tmp_path: Path, stored: object) -> None:
    """However h5py or another writer stores strings, the classes are named noncat and cat."""
    good_course(tmp_path / "a.h5", list_classes=stored)
    with ExitStack() as files:
        found = [
            picture.class_name for picture in list_sources([tmp_path / "a.h5"], files).pictures
        ]
    assert found == ["noncat", "cat"] * 3


def test_a_file_behind_a_user_block_is_read(tmp_path: Path) -> None:
    """Its strings of any length too, whose addresses count from the end of the block."""
    path = tmp_path / "a.h5"
    good_course(path, list_classes=["noncat", "cat"])
    path.write_bytes(b"%MATLAB".ljust(1024) + path.read_bytes())
    with ExitStack() as files:
        found = list_sources([path], files).pictures
        assert np.array_equal([p.read(Preprocessing(size=4)) for p in found], pixels(6))
    assert [p.class_name for p in found] == ["noncat", "cat"] * 3


def test_class_names_may_hold_any_letters(tmp_path: Path) -> None:
    """Names are UTF-8; bytes that are none are replaced, not fatal."""
    good_course(tmp_path / "a.h5", list_classes=np.array(["Käse".encode(), b"caf\xe9"]))
    with ExitStack() as files:
        found = {
            picture.class_name for picture in list_sources([tmp_path / "a.h5"], files).pictures
        }
    assert found == {"Käse", "caf\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize("kind", [np.uint8, np.int64, ">i4", np.float32, np.float64, bool])
@pytest.mark.parametrize("shape", [(6,), (1, 6), (6, 1)])
def test_labels_may_be_numbers_of_any_type(
    tmp_path: Path, kind: Any, shape: tuple[int, ...]
) -> None:
    """0 and 1 are labels in any type, and Y may be a row, a column or a list."""
    good_course(tmp_path / "a.h5", train_set_y=(np.arange(6) % 2).astype(kind).reshape(shape))
    with ExitStack() as files:
        found = [
            picture.class_name for picture in list_sources([tmp_path / "a.h5"], files).pictures
        ]
    assert found == ["noncat", "cat"] * 3


def test_attributes_are_plain_values(tmp_path: Path) -> None:
    """Texts are str, numbers int or float, arrays lists; what is absent is None."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["text"] = np.bytes_("Käse".encode())
        file.attrs["utf8"] = np.array("cat", h5py.string_dtype("utf-8", 3))
        file.attrs["texts"] = np.array([b"a", b"bc"])
        file.attrs["number"] = 7
        file.attrs["half"] = 0.5
        file.create_group("part").attrs["numbers"] = [1, 2]
    with open_hdf5(tmp_path / "a.h5") as opened:
        assert opened.attribute("text") == "Käse"
        assert opened.attribute("utf8") == "cat"
        assert opened.attribute("texts") == ["a", "bc"]
        assert opened.attribute("number") == 7
        assert opened.attribute("half") == 0.5
        assert opened.attribute("numbers", "part") == [1, 2]
        assert opened.attribute("absent") is None
        assert opened.names() == ["part"]


def test_a_path_that_no_file_can_have_is_refused() -> None:
    """A NUL in the path is a DatasetError too."""
    with pytest.raises(DatasetError, match="not a possible file name"), open_hdf5("a\0b"):
        pass
