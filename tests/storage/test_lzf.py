"""LZF data measured: what h5py unpacks, counted; what it would not, refused."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.storage.lzf import unpacked_bytes


def packed_by_h5py(path: Path, data: bytes) -> bytes | None:
    """Return the bytes as h5py packs them; None where that would not make them fewer."""
    with h5py.File(path, "w") as file:
        values = np.frombuffer(data, np.uint8)
        made = file.create_dataset("x", data=values, chunks=values.shape, compression="lzf")
        left_out, packed = made.id.read_direct_chunk((0,))
    return None if left_out else packed


def unpacked_by_h5py(path: Path, packed: bytes, size: int) -> bytes:
    """Return what h5py unpacks, as a chunk of `size` bytes; OSError where it refuses."""
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", (size,), np.uint8, chunks=(size,), compression="lzf")
        made.id.write_direct_chunk((0,), packed)
    with h5py.File(path) as file:
        return bytes(file["x"][:])


repetitive = st.lists(
    st.tuples(st.binary(min_size=1, max_size=20), st.integers(1, 200)), min_size=1, max_size=20
).map(lambda pieces: b"".join(piece * times for piece, times in pieces))


@given(data=repetitive)
def test_what_h5py_packed_is_counted(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The size is that of what was packed; any shorter beginning gives less, or an error."""
    packed = packed_by_h5py(tmp_path_factory.getbasetemp() / "packed.h5", data)
    if packed is None:
        return
    assert unpacked_bytes(packed, len(data)) == len(data)
    for end in range(len(packed)):
        with suppress(ValueError):
            assert unpacked_bytes(packed[:end], len(data)) < len(data)


@given(packed=st.binary(min_size=1, max_size=40) | st.binary(max_size=6).map(b"\5abcdef".__add__))
def test_any_bytes_are_counted_as_h5py_unpacks_them(
    packed: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Where they are counted, h5py unpacks them, twice the same; where refused, it refuses too."""
    path = tmp_path_factory.getbasetemp() / "unpacked.h5"
    try:
        size = unpacked_bytes(packed, 100_000)
    except ValueError:
        with pytest.raises(OSError, match="filter returned failure"):
            unpacked_by_h5py(path, packed, 100_000)
    else:
        assert unpacked_by_h5py(path, packed, size) == unpacked_by_h5py(path, packed, size)


def test_counting_stops_where_it_is_too_much() -> None:
    """A large file costs no more than the limit."""
    assert 1000 < unpacked_bytes(b"\0a" + b"\xe0\xff\0" * 10**6, 1000) < 1300


def test_no_bytes_are_none() -> None:
    """An empty chunk unpacks to nothing."""
    assert unpacked_bytes(b"", 10) == 0


@pytest.mark.parametrize(
    "packed", [b"\0", b"\5abcde", b"\0a\x20", b"\0a\xe0", b"\0a\xe0\1", b"\0a\x20\1", b"\x20\0"]
)
def test_damaged_data_are_a_value_error(packed: bytes) -> None:
    """Cut short, or repeating what is before the beginning."""
    with pytest.raises(ValueError, match="LZF data"):
        unpacked_bytes(packed, 1000)
