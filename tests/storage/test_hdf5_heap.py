"""Strings of variable length: what h5py wrote is read back, and damage ends soon."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import h5py
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catclf.storage.hdf5_heap import ENTRY_BYTES, HeapEntry, read_entries, read_string

MAX_READS = 2**16 + 2  # of a string: each object of a collection once, its head, and the string
# Of damage. A file on disk may refuse a far address with OSError, and one in memory, as here, does
# with OverflowError.
DAMAGED = (ValueError, struct.error, OverflowError)
addresses = st.integers(0, 200) | st.integers(0, 2**64 - 1)
entries = st.builds(HeapEntry, st.integers(0, 2**32 - 1), addresses, st.integers(0, 2**16))
# h5py's are C's: they end at a NUL. Those of no bytes stand in no heap.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


class CountedFile(io.BytesIO):
    """Counts its reads."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and count."""
        self.reads += 1
        return super().read(size)


def head(index: int, size: int) -> bytes:
    """Return the head of a heap's object."""
    return struct.pack("<H6xQ", index, size)


def heap(*objects: bytes, size: int | None = None) -> bytes:
    """Return a collection, of the size given or the true one, with its objects' bytes."""
    data = b"".join(objects)
    return struct.pack("<4sB3xQ", b"GCOL", 1, 16 + len(data) if size is None else size) + data


GOOD = heap(head(1, 3) + b"cat\0\0\0\0\0", head(2, 6) + b"noncat\0\0", head(0, 0))


def write_texts(path: Path, strings: list[str]) -> int:
    """Write an array of strings of variable length, and return its address."""
    with h5py.File(path, "w") as file:
        made = file.create_dataset("strings", data=strings, dtype=h5py.string_dtype())
        file.flush()
        address = made.id.get_offset()
    assert isinstance(address, int)
    return address


def read_texts(path: Path, strings: list[str]) -> list[str]:
    """Write an array by h5py, and read it without HDF5."""
    address = write_texts(path, strings)
    with open(path, "rb") as file:
        found = list(read_entries(file, address, len(strings)))
        return [read_string(file, entry).decode() for entry in found]


@given(strings=st.lists(texts, min_size=1, max_size=8))
def test_what_h5py_wrote_is_read_back(
    strings: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Texts of any characters and lengths, in their order."""
    path = tmp_path_factory.getbasetemp() / "texts.h5"
    assert read_texts(path, strings) == strings


def test_strings_in_several_collections_are_read_back(tmp_path: Path) -> None:
    """More than a collection of HDF5's 4096 bytes holds, and one that is longer by itself."""
    strings = [f"picture {number:04}.png" for number in range(500)] + ["long " * 10_000, "last"]
    path = tmp_path / "texts.h5"
    assert read_texts(path, strings) == strings
    assert path.read_bytes().count(b"GCOL") > 1


def test_an_entry_tells_length_collection_and_index() -> None:
    """16 bytes an entry, little-endian, from the address on."""
    data = b"before" + struct.pack("<IQIIQI", 3, 64, 1, 6, 2**40, 2)
    assert len(data) == 6 + 2 * ENTRY_BYTES
    assert list(read_entries(io.BytesIO(data), 6, 2)) == [
        HeapEntry(3, 64, 1),
        HeapEntry(6, 2**40, 2),
    ]


def test_entries_beyond_the_end_are_an_error() -> None:
    """The whole ones come first."""
    found = read_entries(io.BytesIO(bytes(2 * ENTRY_BYTES - 1)), 0, 2)
    assert next(found) == HeapEntry(0, 0, 0)
    with pytest.raises(struct.error):
        next(found)


def test_objects_are_found_by_their_index() -> None:
    """Whatever stands before them, at any address; a shorter length is a part of the object."""
    file = io.BytesIO(b"\xff" * 24 + GOOD)
    assert read_string(file, HeapEntry(3, 24, 1)) == b"cat"
    assert read_string(file, HeapEntry(6, 24, 2)) == b"noncat"
    assert read_string(file, HeapEntry(3, 24, 2)) == b"non"


@pytest.mark.parametrize(
    ("data", "entry"),
    [
        (GOOD, HeapEntry(3, 0, 3)),
        (GOOD, HeapEntry(3, 0, 0)),
        (GOOD, HeapEntry(4, 0, 1)),
        (b"gcol" + GOOD[4:], HeapEntry(3, 0, 1)),
        (heap(head(1, 3), b"cat\0\0\0\0\0", size=39), HeapEntry(3, 0, 1)),
        (heap(head(0, 0), head(1, 3), b"cat\0\0\0\0\0"), HeapEntry(3, 0, 1)),
    ],
    ids=[
        "no such index",
        "the free space",
        "longer than its object",
        "no collection",
        "an object beyond its collection",
        "an object behind the free space",
    ],
)
def test_a_string_that_is_not_there_is_an_error(data: bytes, entry: HeapEntry) -> None:
    """Nothing is read that the collection does not say is the string."""
    with pytest.raises(ValueError, match="a damaged heap"):
        read_string(io.BytesIO(data), entry)


@pytest.mark.parametrize(
    "data",
    [
        # The next object is this one, modulo 2**64, in a collection without end.
        heap(head(1, 2**64 - 16), bytes(64), size=2**64 - 1),
        # The next one is the collection's head, modulo 2**64.
        heap(head(1, 2**64 - 32), bytes(64), size=2**64 - 1),
        # The data of the first is the collection again.
        heap(head(1, len(GOOD)), GOOD[:-16], head(1, 0), size=2**64 - 1),
        # More objects without data than there are indices.
        heap(head(1, 0) * (2**16 + 100), size=2**64 - 1),
        heap(bytes(4096), size=2**64 - 1),
    ],
    ids=["itself", "its collection", "nested", "empty objects", "zeros"],
)
def test_a_heap_without_end_ends(data: bytes) -> None:
    """HDF5 walks some of these for ever: here, each object is looked at once at most."""
    file = CountedFile(data)
    with pytest.raises(DAMAGED):
        read_string(file, HeapEntry(3, 0, 7))
    assert file.reads <= MAX_READS


def check_reading(data: bytes, address: int, count: int, entry: HeapEntry) -> None:
    """Read a string and an array, and demand bytes of the file or an error, soon."""
    file = CountedFile(data)
    try:
        string = read_string(file, entry)
    except DAMAGED:
        pass
    else:
        assert len(string) <= entry.length
        assert string in data
    assert file.reads <= MAX_READS
    file.reads = 0
    try:
        assert len(list(read_entries(file, address, count))) == count
    except DAMAGED:
        assert address + ENTRY_BYTES * count > len(data)
    assert file.reads <= count


@given(data=st.binary(max_size=400), address=addresses, entry=entries)
@example(data=b"", address=0, entry=HeapEntry(0, 0, 0))
def test_any_bytes_give_strings_or_an_error(data: bytes, address: int, entry: HeapEntry) -> None:
    """Bytes that were never HDF5's, at any address."""
    check_reading(data, address, 3, entry)
    check_reading(b"GCOL" + data, address, 3, entry)


@given(
    damages=st.lists(
        st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8
    ),
    end=st.integers(0, len(GOOD)),
    entry=st.builds(HeapEntry, st.integers(1, 8), st.just(0), st.integers(0, 3)),
)
def test_a_damaged_heap_gives_strings_or_an_error(
    damages: list[tuple[int, int]], end: int, entry: HeapEntry
) -> None:
    """Up to eight bytes of a good heap changed, and its end cut off or not."""
    data = bytearray(GOOD)
    for place, byte in damages:
        data[place] = byte
    check_reading(bytes(data), 0, 3, entry)
    check_reading(bytes(data[:end]), 0, 3, entry)
