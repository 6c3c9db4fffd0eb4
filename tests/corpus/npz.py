"""Files that are no sound .npz, and how a bad file must be refused.

Both layers of an .npz are built here byte by byte, so that either can lie (zip: PKWARE's APPNOTE
6.3.10, sections 4.3 and 4.4; .npy: numpy.lib.format).
"""

from __future__ import annotations

import io
import lzma
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from catclf.errors import CatclfError, printable

SIZE = 2
N_X = 3 * SIZE * SIZE
STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@dataclass(frozen=True)
class Case:
    """A bad file: what is wrong with it, and where it is."""

    name: str
    path: Path


def written(folder: Path, files: Iterable[tuple[str, bytes]]) -> list[Case]:
    """Write files, given by name and content, into a folder."""
    cases = []
    for name, data in files:
        cases.append(Case(name, folder / f"{name}.npz"))
        cases[-1].path.write_bytes(data)
    return cases


def wrongly_met(
    cases: Iterable[Case], read: Callable[[Path], object], kind: type[CatclfError]
) -> dict[str, str]:
    """Return the bad files that are not refused as they must be, and how they are met instead.

    That is by one error of two lines that names the file, never by a word of numpy's, which advises
    to load a damaged file with allow_pickle=True, and would run it; nor is what the file claims
    allocated, or the file left open.
    """
    wrong = {}
    for case in cases:
        probe = os.open(os.devnull, os.O_RDONLY)
        os.close(probe)
        tracemalloc.start()
        try:
            read(case.path)
            wrong[case.name] = "accepted"
        except kind as error:
            text, where = str(error), printable(case.path)
            rest = text.removeprefix(where)
            if rest == text or rest[0] not in ":":
                wrong[case.name] = f"does not name the file: {text}"
            elif len(rest) > 300 or len(rest.split("\n")) != 2 or "\x1b" in rest:
                wrong[case.name] = f"is not short: {text}"
            elif "pickle=" in rest or "Unpickl" in rest:
                wrong[case.name] = f"advises to unpickle: {text}"
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        if peak > 16 * 2**20:
            wrong[case.name] = f"takes {peak / 2**20:.0f} MiB"
        again = os.open(os.devnull, os.O_RDONLY)
        os.close(again)
        if again != probe:
            wrong[case.name] = "stays open"
    return wrong


@dataclass(frozen=True)
class Member:
    """A member of a zip, and the lies told of it (None for the truth)."""

    name: str
    data: bytes  # as it is stored
    method: int = STORED
    flags: int = 0
    size: int | None = None  # what it claims to be once it is inflated
    crc: int | None = None
    at: int | None = None  # where it claims to stand; then it stands nowhere


def pack(*members: Member) -> bytes:
    """Return the zip of some members."""
    body, directory = b"", b""
    for member in members:
        size = len(member.data) if member.size is None else member.size
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        name = member.name.encode()
        common = struct.pack(
            "<HHHHHIIIHH",
            *(20, member.flags, member.method, 0, 33, crc, len(member.data), size, len(name), 0),
        )
        at = len(body) if member.at is None else member.at
        directory += b"PK\x01\x02\x14\x00" + common + struct.pack("<HHHII", 0, 0, 0, 0, at) + name
        if member.at is None:
            body += b"PK\x03\x04" + common + name + member.data
    count = len(members)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


def npy(array: object) -> bytes:
    """Return an array as the bytes of an .npy."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fields named in other alphabets
        np.save(file, np.asarray(array))
    return file.getvalue()


def raw_npy(header: str, body: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """Return an .npy with any header at all."""
    text = header.encode("latin1") + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + body


def npz(**arrays: object) -> bytes:
    """Return an .npz of some arrays, without numpy's own writer."""
    return pack(*(Member(f"{name}.npy", npy(array)) for name, array in arrays.items()))


def weights_only(w_npy: bytes) -> bytes:
    """Return a notebook's .npz whose w is these bytes."""
    return pack(Member("w.npy", w_npy), Member("b.npy", npy(0.0)))


def claim(shape: str, descr: str = "'<f8'", body: bytes = bytes(8 * N_X)) -> bytes:
    """Return a notebook's .npz whose w claims a shape and a type."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    return weights_only(raw_npy(header, body))


def zeros_deflated(mebibytes: int) -> bytes:
    """Return that many MiB of zeros, deflated: a thousandth of them."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = deflate.compress(bytes(2**20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return one * mebibytes + deflate.flush()


def flipped(data: bytes, at: int) -> bytes:
    """Return the bytes with one of them inverted."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def bad_npz(good: bytes, deflated: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the names and bytes of bad files, given a good model as it is and deflated."""
    yield from _no_zip(good)
    yield from _damaged(good, deflated)
    yield from _archives()
    yield from _bombs()
    yield from _headers()


def _no_zip(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "text", b"w = 0.5\nb = 1\n"
    yield "pickled", pickle.dumps({"w": [0.0] * N_X, "b": 0.0})
    yield "junk-before-the-zip", b"#!/bin/sh\n" + good
    yield "empty-zip", pack()


def _damaged(good: bytes, deflated: bytes) -> Iterator[tuple[str, bytes]]:
    for percent in (1, 10, 25, 50, 75, 99):
        yield f"cut-at-{percent}-percent", good[: len(good) * percent // 100]
    yield "cut-by-a-byte", good[:-1]
    yield "without-directory", good[: good.rindex(b"PK\x05\x06")]
    yield "first-byte-lost", good[1:]
    yield "magic-alone", good[:4]
    w = np.linspace(-1, 1, N_X).tobytes()
    yield "flipped-weight", flipped(good, good.index(w) + 5)
    yield "flipped-header", flipped(good, good.index(b"'descr'"))
    yield "flipped-record", flipped(good, good.index(b"noncat"))
    yield "flipped-local-name", flipped(good, good.index(b"w.npy"))
    directory = good.index(b"PK\x01\x02")
    yield "flipped-checksum", flipped(good, directory + 16)
    yield "flipped-offset", flipped(good, directory + 43)
    yield "flipped-directory-offset", flipped(good, len(good) - 4)
    yield "zeroed-middle", good[:200] + bytes(200) + good[400:]
    middle = len(good) // 2
    yield "lost-middle", good[: middle - 50] + good[middle + 50 :]
    yield "flipped-deflated-data", flipped(deflated, 30 + len("w.npy") + 20 + 10)


def _archives() -> Iterator[tuple[str, bytes]]:
    w, b = Member("w.npy", npy(np.zeros((N_X, 1)))), Member("b.npy", npy(0.0))
    yield "w-twice", pack(w, w, b)
    yield "w-with-and-without-suffix", pack(w, replace(w, name="w"), b)
    yield "encrypted", pack(replace(w, flags=1), b)
    yield "patched-data", pack(replace(w, flags=0x20), b)
    yield "unknown-compression", pack(replace(w, method=99), b)
    yield "no-deflate-stream", pack(replace(w, method=DEFLATED), b)
    yield "claims-less-than-it-holds", pack(replace(w, size=100), b)
    yield "claims-more-than-it-holds", pack(replace(w, size=len(w.data) + 8), b)
    yield "wrong-checksum", pack(replace(w, crc=12345), b)
    yield "one-place-for-two", pack(w, b, replace(w, name="v.npy", at=0))
    inner = pack(b).split(b"PK\x01\x02")[0]
    yield "an-array-within-another", pack(replace(w, data=inner), replace(b, at=30 + len("w.npy")))
    yield "a-place-before-the-file", pack(w, replace(b, at=2**32 - 2))
    yield "directory-of-2-MiB", pack(*(Member(f"{i}" + 60_000 * "x", b"") for i in range(35)), w, b)
    yield "w-outside", pack(replace(w, name="../w.npy"), b)
    yield "long-name", pack(w, b, Member("\x1b[31m" + "x" * 60_000 + ".npy", b"junk"))
    yield "nested-zip", pack(Member("model.npz", pack(w, b)))
    yield "not-an-array", weights_only(b"0.5 0.5 0.5")
    yield "empty-member", weights_only(b"")


def _bombs() -> Iterator[tuple[str, bytes]]:
    gibibyte = zeros_deflated(1024)
    b = Member("b.npy", npy(0.0))
    yield "honest-bomb", pack(Member("w.npy", gibibyte, DEFLATED, size=2**30), b)
    yield "lying-bomb", pack(Member("w.npy", gibibyte, DEFLATED, size=1000), b)
    yield "bomb-that-is-not-needed", pack(Member("other.npy", gibibyte, DEFLATED, size=1), b)
    many = [
        Member(f"state_{i}.npy", zeros_deflated(32), DEFLATED, size=32 * 2**20) for i in range(9)
    ]
    yield "bomb-in-pieces", pack(*many)
    squeezed = lzma.compress(bytes(2**24), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}])
    properties = b"\x09\x04\x05\x00\x5d\x00\x00\x80\x00"
    yield "lzma-bomb", pack(Member("w.npy", properties + squeezed, zipfile.ZIP_LZMA, size=500), b)
    yield "claims-10^12-entries", claim("(1000000000000, 1)")
    yield "claims-nothing-of-10^30", claim(f"(0, {10**30})", body=b"")
    yield "claims-2^64-bytes", claim(f"({2**61}, 1)", body=b"")
    yield "claims-a-huge-header", weights_only(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'")
    yield "fields-of-10^12-bytes", claim("(1,)", "'|V1000000000000'")


def _headers() -> Iterator[tuple[str, bytes]]:
    yield "twice-negative-shape", claim(f"(-{N_X}, -1)")
    yield "shape-no-tuple", claim(str(N_X))
    yield "body-too-short", claim(f"({N_X}, 1)", body=bytes(8 * N_X - 1))
    yield "body-too-long", claim(f"({N_X}, 1)", body=bytes(8 * N_X + 1))
    yield "zero-itemsize", claim("(1000000000000,)", "'<U0'", b"")
    yield "array-without-magic", weights_only(b"\x94NUMPY" + npy(np.zeros(N_X))[6:])
    yield "array-version-9", weights_only(raw_npy("{}", version=(9, 9)))
    yield "header-runs-code", weights_only(raw_npy("__import__('os').getcwd()"))
    yield "header-not-closed", weights_only(raw_npy("{'descr': '''<f8"))
    yield "header-nested", weights_only(raw_npy("(" * 5000 + ")" * 5000))
    yield "header-of-minuses", weights_only(raw_npy("-" * 9000 + "1"))
    yield "header-too-long", weights_only(raw_npy("{" + " " * 60_000 + "}"))
    yield "header-with-bad-escape", claim(f"({N_X}, 1)", r"'\d'")
    yield "header-of-python-2", claim(f"({N_X}L, 1L, 2L)")
    yield "unknown-type", claim(f"({N_X}, 1)", "'<z8'")
    yield "deprecated-type", claim(f"({N_X}, 1)", "'|a8'")
    yield "empty-type", claim(f"({N_X}, 1)", "()")
    yield (
        "type-of-many-fields",
        claim(f"({N_X}, 1)", str([(f"f{i}", "|u1") for i in range(200)]), bytes(200 * N_X)),
    )
    yield "subarray-type", claim("(1, 1)", f"('<f8', ({N_X},))")
