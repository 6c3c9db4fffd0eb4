"""Model files that must be refused: a corpus, made anew in a folder by `bad_models`.

An .npz is a zip of .npy members; both layers are built here byte by byte, so that either can lie
(zip: PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.4; .npy: numpy.lib.format).
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import pickle
import socket
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catclf.model import Model, save_model
from catclf.pictures.preprocessing import Preprocessing

SIZE = 2
N_X = 3 * SIZE * SIZE
STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@dataclass(frozen=True)
class Case:
    """One bad model file: what is wrong with it, and where it is."""

    name: str
    path: Path


@dataclass(frozen=True)
class Member:
    """A member of a zip, and the lies told of it (None for the truth)."""

    name: str
    data: bytes  # as it is stored
    method: int = STORED
    flags: int = 0
    size: int | None = None  # what it claims to be once it is inflated
    crc: int | None = None


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
        directory += b"PK\x01\x02\x14\x00" + common + struct.pack("<HHHII", 0, 0, 0, 0, len(body))
        directory += name
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


def bare(w_npy: bytes) -> bytes:
    """Return a notebook's .npz whose w is these bytes."""
    return pack(Member("w.npy", w_npy), Member("b.npy", npy(0.0)))


def claim(shape: str, descr: str = "'<f8'", body: bytes = bytes(8 * N_X)) -> bytes:
    """Return a notebook's .npz whose w claims a shape and a type."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    return bare(raw_npy(header, body))


def zeros_deflated(mebibytes: int) -> bytes:
    """Return that many MiB of zeros, deflated: a thousandth of them."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = deflate.compress(bytes(2**20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return one * mebibytes + deflate.flush()


def good_arrays() -> dict[str, NDArray[Any]]:
    """Return the arrays of a small good model."""
    record = {
        "format": "catclf-model",
        "version": 1,
        "classes": ["noncat", "cat"],
        "preprocessing": Preprocessing(size=SIZE).to_record(),
    }
    return {
        "w": np.linspace(-1, 1, N_X).reshape(N_X, 1),
        "b": np.array(0.25),
        "costs": np.array([0.7, 0.6]),
        "iterations": np.array([0, 100]),
        "record": np.array(json.dumps(record)),
    }


def good_model() -> Model:
    """Return a small good model, as `catclf.load_model` would."""
    arrays = good_arrays()
    return Model(
        w=arrays["w"],
        b=0.25,
        classes=("noncat", "cat"),
        preprocessing=Preprocessing(size=SIZE),
        costs={0: 0.7, 100: 0.6},
    )


def but(**changed: object) -> bytes:
    """Return a good model with some arrays changed, or left out where they are None."""
    arrays: dict[str, object] = {**good_arrays(), **changed}
    return npz(**{name: array for name, array in arrays.items() if array is not None})


def record_but(**changed: object) -> bytes:
    """Return a good model with some entries of its record changed, or left out if None."""
    record = {**json.loads(str(good_arrays()["record"])), **changed}
    kept = {name: value for name, value in record.items() if value is not None}
    return but(record=np.array(json.dumps(kept)))


def preprocessing_but(**changed: object) -> bytes:
    """Return a good model with some settings of its preprocessing changed."""
    return record_but(preprocessing={**Preprocessing(size=SIZE).to_record(), **changed})


def flipped(data: bytes, at: int) -> bytes:
    """Return the bytes with one of them inverted."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def bad_models(folder: Path) -> list[Case]:
    """Write the corpus into a folder."""
    cases = []
    for name, data in _bytes(folder):
        path = folder / f"{name}.npz"
        path.write_bytes(data)
        cases.append(Case(name, path))
    return cases + list(_places(folder))


def _bytes(folder: Path) -> Iterator[tuple[str, bytes]]:
    scratch = folder / "good.npz"
    save_model(scratch, good_model())
    good = scratch.read_bytes()
    scratch.unlink()
    yield from _no_zip(good)
    yield from _damaged(good)
    yield from _archives()
    yield from _bombs()
    yield from _headers()
    yield from _arrays()
    yield from _records()


def _no_zip(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "one-byte", b"P"
    yield "text", b"w = 0.5\nb = 1\n"
    yield "zeros", bytes(4096)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 98304\n"
    yield "lfs-pointer", pointer
    yield "hdf5", b"\x89HDF\r\n\x1a\n" + bytes(512)
    yield "one-array", npy(np.zeros(N_X))
    yield "pickled", pickle.dumps({"w": [0.0] * N_X, "b": 0.0})
    yield "json", json.dumps({"w": [0.0] * N_X, "b": 0.0}).encode()
    yield "gzipped", gzip.compress(good)
    yield "junk-before-the-zip", b"#!/bin/sh\n" + good
    yield "empty-zip", pack()
    yield "wrong-magic", b"PK\x03\x05" + good[4:]


def _damaged(good: bytes) -> Iterator[tuple[str, bytes]]:
    for percent in (1, 10, 25, 50, 75, 99):
        yield f"cut-at-{percent}-percent", good[: len(good) * percent // 100]
    yield "cut-by-a-byte", good[:-1]
    yield "without-directory", good[: good.rindex(b"PK\x05\x06")]
    yield "first-byte-lost", good[1:]
    yield "magic-alone", good[:4]
    w = np.linspace(-1, 1, N_X).tobytes()
    yield "flipped-weight", flipped(good, good.index(w) + 5)
    yield "flipped-header", flipped(good, good.index(b"'descr'"))
    yield "flipped-record", flipped(good, good.index(b"n\0\0\0o\0\0\0n\0\0\0c"))
    yield "flipped-local-name", flipped(good, good.index(b"w.npy"))
    directory = good.index(b"PK\x01\x02")
    yield "flipped-checksum", flipped(good, directory + 16)
    yield "flipped-offset", flipped(good, directory + 43)
    yield "flipped-directory-offset", flipped(good, len(good) - 4)
    yield "zeroed-middle", good[:200] + bytes(200) + good[400:]
    middle = len(good) // 2
    yield "lost-middle", good[: middle - 50] + good[middle + 50 :]
    file = io.BytesIO()
    np.savez_compressed(file, **good_arrays())  # type: ignore[arg-type]
    deflated = file.getvalue()
    yield "flipped-deflated-data", flipped(deflated, 30 + len("w.npy") + 20 + 10)


def _archives() -> Iterator[tuple[str, bytes]]:
    w, b = Member("w.npy", npy(np.zeros((N_X, 1)))), Member("b.npy", npy(0.0))
    yield "w-twice", pack(w, w, b)
    yield "b-twice", pack(w, b, replace(b, data=npy(1.0)))
    yield "w-with-and-without-suffix", pack(w, replace(w, name="w"), b)
    yield "encrypted", pack(replace(w, flags=1), b)
    yield "strongly-encrypted", pack(replace(w, flags=0x41), b)
    yield "patched-data", pack(replace(w, flags=0x20), b)
    yield "unknown-compression", pack(replace(w, method=99), b)
    yield "implode", pack(replace(w, method=6), b)
    yield "bzip2", pack(replace(w, method=zipfile.ZIP_BZIP2), b)
    yield "lzma", pack(replace(w, method=zipfile.ZIP_LZMA), b)
    yield "no-deflate-stream", pack(replace(w, method=DEFLATED), b)
    yield "claims-less-than-it-holds", pack(replace(w, size=100), b)
    yield "claims-more-than-it-holds", pack(replace(w, size=len(w.data) + 8), b)
    yield "wrong-checksum", pack(replace(w, crc=12345), b)
    yield "w-in-a-folder", pack(replace(w, name="model/w.npy"), b)
    yield "w-outside", pack(replace(w, name="../w.npy"), b)
    yield "long-name", pack(w, b, Member("\x1b[31m" + "x" * 60_000 + ".npy", b"junk"))
    yield "nested-zip", pack(Member("model.npz", pack(w, b)))
    yield "zip-as-array", bare(pack(w, b))
    yield "not-an-array", bare(b"0.5 0.5 0.5")
    yield "empty-member", bare(b"")


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
    squeezed = lzma.compress(bytes(2**26), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}])
    properties = b"\x09\x04\x05\x00\x5d\x00\x00\x80\x00"
    yield "lzma-bomb", pack(Member("w.npy", properties + squeezed, zipfile.ZIP_LZMA, size=500), b)
    yield "claims-10^12-entries", claim("(1000000000000, 1)")
    yield "claims-10^30-entries", claim(f"({10**30}, 1)")
    yield "claims-nothing-of-10^30", claim(f"(0, {10**30})", body=b"")
    yield "claims-2^64-bytes", claim(f"({2**61}, 1)", body=b"")
    yield "claims-a-huge-header", bare(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'")
    yield "fields-of-10^12-bytes", claim("(1,)", "'|V1000000000000'")


def _headers() -> Iterator[tuple[str, bytes]]:
    yield "negative-shape", claim(f"(-{N_X}, 1)")
    yield "twice-negative-shape", claim(f"(-{N_X}, -1)")
    yield "shape-no-tuple", claim(str(N_X))
    yield "shape-of-fractions", claim(f"({N_X}.0, 1)")
    yield "body-too-short", claim(f"({N_X}, 1)", body=bytes(8 * N_X - 1))
    yield "body-too-long", claim(f"({N_X}, 1)", body=bytes(8 * N_X + 1))
    yield "zero-itemsize", claim("(1000000000000,)", "'<U0'", b"")
    yield "zero-itemsize-void", claim(f"({N_X}, 1)", "'|V0'", b"")
    yield "array-without-magic", bare(b"\x94NUMPY" + npy(np.zeros(N_X))[6:])
    yield "array-version-9", bare(raw_npy("{}", version=(9, 9)))
    yield "header-no-table", bare(raw_npy("[1, 2, 3]"))
    yield "header-lacks-shape", bare(raw_npy("{'descr': '<f8', 'fortran_order': False}"))
    yield "header-runs-code", bare(raw_npy("__import__('os').getcwd()"))
    yield "header-not-closed", bare(raw_npy("{'descr': '''<f8"))
    yield "header-nested", bare(raw_npy("(" * 5000 + ")" * 5000))
    yield "header-of-minuses", bare(raw_npy("-" * 9000 + "1"))
    yield "header-too-long", bare(raw_npy("{" + " " * 60_000 + "}"))
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


def _arrays() -> Iterator[tuple[str, bytes]]:
    w = np.zeros((N_X, 1))
    yield "no-w", npz(b=0.0)
    yield "no-b", npz(w=w)
    yield "other-names", npz(weights=w, bias=0.0)
    yield "record-alone", but(w=None, b=None)
    yield "pickled-w", npz(w=w.astype(object), b=0.0)
    yield "pickled-b", npz(w=w, b=np.array(None))
    yield "pickled-neighbor", npz(w=w, b=0.0, history=np.array({"costs": [0.7]}))
    yield "complex", npz(w=w.astype(complex), b=0.0)
    yield "complex-b", npz(w=w, b=1j)
    yield "bool", npz(w=w.astype(bool), b=0.0)
    yield "text-weights", npz(w=w.astype("U4"), b=0.0)
    yield "bytes-weights", npz(w=w.astype("S4"), b=0.0)
    yield "datetime", npz(w=w.astype("M8[s]"), b=0.0)
    yield "timedelta", npz(w=w.astype("m8[s]"), b=0.0)
    yield "structured", npz(w=np.zeros(N_X, [("w", "<f8"), ("b", "<f8")]), b=0.0)
    yield "void", npz(w=np.zeros(N_X, "V8"), b=0.0)
    yield "extended-precision", npz(w=w.astype(np.longdouble), b=0.0)
    for name, value in (("nan", np.nan), ("infinity", np.inf), ("minus-infinity", -np.inf)):
        spoilt = w.copy()
        spoilt[5] = value
        yield f"{name}-in-w", but(w=spoilt)
        yield f"{name}-as-b", but(b=value)
    yield "sum-overflows", but(w=np.full((N_X, 1), 1.7e308))
    yield "w-square", npz(w=w.reshape(3, 4), b=0.0)
    yield "w-of-three-axes", npz(w=w.reshape(N_X, 1, 1), b=0.0)
    yield "w-as-pictures", npz(w=w.reshape(1, SIZE, SIZE, 3), b=0.0)
    yield "w-a-number", npz(w=1.0, b=0.0)
    yield "w-empty", npz(w=np.zeros((0, 1)), b=0.0)
    yield "w-of-no-square", npz(w=np.zeros((N_X + 1, 1)), b=0.0)
    yield "w-of-gray-pictures", npz(w=np.zeros((64 * 64, 1)), b=0.0)
    yield "w-other-than-recorded", but(w=np.zeros((3 * 4 * 4, 1)))
    yield "b-of-two", npz(w=w, b=[0.0, 1.0])
    yield "b-empty", npz(w=w, b=[])
    yield "costs-missing", but(costs=None)
    yield "costs-without-iterations", but(iterations=None)
    yield "costs-of-another-length", but(costs=[0.7])
    yield "costs-square", but(costs=np.zeros((2, 2)), iterations=np.zeros((2, 2), int))
    yield "costs-nan", but(costs=[0.7, np.nan])
    yield "costs-complex", but(costs=[0.7, 1j])
    yield "state-complex", but(state_c=[1j])
    yield "state-text", but(state_c="abc")
    yield "state-nan", but(state_u=[np.nan, 0.5])
    yield "iterations-fractions", but(iterations=[0.0, 100.5])


def _records() -> Iterator[tuple[str, bytes]]:
    good = json.loads(str(good_arrays()["record"]))
    yield "record-no-json", but(record=np.array("format: catclf-model"))
    yield "record-empty", but(record=np.array(""))
    yield "record-a-list", but(record=np.array("[1, 2]"))
    yield "record-a-number", but(record=np.array(1.0))
    yield "record-two", but(record=np.array([json.dumps(good)] * 2))
    yield "record-one-in-a-row", but(record=np.array([json.dumps(good)]))
    yield "record-bytes", but(record=np.array(json.dumps(good).encode()))
    yield "record-pickled", but(record=np.array(good))
    yield "record-nested", but(record=np.array("[" * 100_000))
    yield "record-nested-table", but(record=np.array('{"a":' * 100_000))
    yield "record-cut", but(record=np.array(json.dumps(good)[:-1]))
    yield "record-with-nan", record_but(results={"cost": float("nan")})
    yield "record-with-infinity", record_but(results={"cost": float("-inf")})
    yield "record-long-number", but(record=np.array('{"version": ' + "1" * 5000 + "}"))
    beyond = np.frombuffer(b"\xff\xff\xff\xff" * 20, "<U20").reshape(())
    yield "record-beyond-unicode", but(record=beyond)
    yield "foreign-record", but(record=np.array('{"epochs": 3}'))
    yield "foreign-format", record_but(format="onnx")
    yield "dataset-format", record_but(format="catclf-dataset")
    yield "newer-version", record_but(version=2)
    yield "no-version", record_but(version=None)
    yield "long-version", record_but(version="\x1b[31m" + "9" * 100_000)
    yield "no-classes", record_but(classes=None)
    yield "one-class", record_but(classes=["cat"])
    yield "three-classes", record_but(classes=["cat", "dog", "emu"])
    yield "same-class-twice", record_but(classes=["cat", "cat"])
    yield "classes-of-numbers", record_but(classes=[0, 1])
    yield "classes-a-text", record_but(classes="ab")
    yield "no-preprocessing", record_but(preprocessing=None)
    yield "preprocessing-a-list", record_but(preprocessing=[SIZE, "squash"])
    yield "preprocessing-lacks-size", record_but(preprocessing={"fit": "squash"})
    yield "preprocessing-of-the-future", preprocessing_but(rotation=90)
    yield "preprocessing-unknown-fit", preprocessing_but(fit="stretch")
    yield "preprocessing-unknown-order", preprocessing_but(order="interleaved")
    yield "preprocessing-other-size", preprocessing_but(size=SIZE + 1)
    yield "preprocessing-huge-size", preprocessing_but(size=10**9)
    yield "preprocessing-size-true", preprocessing_but(size=True)
    yield "preprocessing-long-size", preprocessing_but(size="\x1b[31m" + "8" * 100_000)


def _places(folder: Path) -> Iterator[Case]:
    """Yield what stands where a model should and is no regular file."""
    yield Case("missing", folder / "missing.npz")
    yield Case("folder-missing", folder / "missing" / "model.npz")
    yield Case("below-a-file", folder / "empty.npz" / "model.npz")
    yield Case("name-too-long", folder / ("x" * 300 + ".npz"))
    yield Case("name-with-nul", folder / "model\0.npz")
    yield Case("folder", folder)
    named = folder / "folder" / "model.npz"
    named.mkdir(parents=True)
    yield Case("folder-named-model", named)
    fifo = folder / "fifo.npz"
    os.mkfifo(fifo)
    yield Case("fifo", fifo)
    listening = folder / "socket.npz"
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(folder, os.O_RDONLY)  # the name of a socket is limited to 107 bytes
        try:
            server.bind(f"/proc/self/fd/{here}/{listening.name}")
            yield Case("socket", listening)
        except OSError:  # no /proc
            pass
        finally:
            os.close(here)
    for name, target in (
        ("loop", "loop.npz"),
        ("dangling-link", "nowhere"),
        ("link-to-device", os.devnull),
    ):
        link = folder / f"{name}.npz"
        link.symlink_to(target)
        yield Case(name, link)
    sparse = folder / "sparse.npz"
    with open(sparse, "wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(2**38)
    yield Case("256-GiB-sparse", sparse)
    if os.geteuid() != 0:  # root may read everything
        locked = folder / "locked.npz"
        locked.write_bytes(npz(**good_arrays()))
        locked.chmod(0)
        yield Case("locked", locked)
