r"""The one file format, of datasets and models: an .npz of arrays that anyone can open.

An .npz is a zip archive (PKWARE's APPNOTE 6.3.10) whose members ``NAME.npy`` are one array each. An
.npy (numpy.lib.format, versions 1 to 3) is the magic ``\x93NUMPY``, a version, the length of a
header, the header, and the entries. The header is a Python expression::

    {'descr': '<f8', 'fortran_order': False, 'shape': (12288, 1), }

Each member has a CRC-32, and its size, in the zip's directory at the end of the file. What is
written here is not compressed, and its first member is ``record``, the UTF-8 text of a JSON object
that names the format and its version; `numpy.savez` and `savez_compressed` may have made others.

Such a file may come from a stranger, or from a disk that lost some of it. numpy's own reader
advises unpickling for a damaged file, allocates what a header claims before it looks, and does not
read on to the checksum. Here no claim is believed before it has been checked:

=====================  ===========================  ============================================
claim                  a false one could            so
=====================  ===========================  ============================================
the directory's size   fill the memory              it is read through a limit
a member's size        fill the memory              what is stored must stand in the file; what is
                                                    deflated is bounded in sum, and not inflated
                                                    beyond its own size
a member's place       be another member's          no two overlap, and a member is called where it
                                                    stands as it is in the directory
a member's CRC-32      let damage pass as weights   compared; of rows, one for each block is
a member's name        hide one array by another    two members of one name are refused
the compression        run a decoder that takes     stored and deflated are read, others refused,
                       more memory than the sizes   and so is encryption
the header             be a bomb for its parser     it is cut; what its parser raises is an error
the type               be a pickle, that is, code   objects are refused, and nothing is unpickled
the shape              claim more than there is     it must fill, exactly, the bytes that follow
=====================  ===========================  ============================================

Rows, which may be more than memory holds, are written as they arrive, with a CRC-32 for each 256 of
them in an array beside them, and read by position; `catclf.dataset` compares the checksums. That of
zeros is not zero: a page that is lost with its checksums is not taken for data.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from catclf.columns import BLOCK_EXAMPLES
from catclf.errors import AnyPath, CatclfError, printable
from catclf.files import HEAD_BYTES, ZIP_SIGNATURE, Expected
from catclf.outputs import replacing

MAX_INFLATED_BYTES = 256 * 2**20  # a model at the largest picture size has 24 MiB of weights
MAX_DIRECTORY_BYTES = 2**20
MAX_HEADER_BYTES = 2**14  # of an array; numpy parses no more than 10,000
MAX_SEEKING_BYTES = 2**24  # read at once where a copy is made
PICKLED = "holds Python objects: a pickle, which could run any code"
SAVE_UNPICKLED = "Save arrays of numbers or strings; those of a dict d with np.savez(path, **d)."
LOCAL_HEADER = struct.Struct("<4s22xHH")
# What zipfile, and numpy's parser of headers, raise on damaged files.
READER_ERRORS = (
    ArithmeticError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,  # a position before the beginning
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    Warning,
)
_seeking = Lock()  # where the system reads at no position but a file's own


@dataclass(frozen=True)
class Npz:
    """An .npz that is open for reading, as `open_npz` yields it.

    `members` are by name, without ``.npy``. What `expected` says of other files, and the `fix` of a
    damaged one, are errors of the class `kind`.
    """

    where: str
    file: BinaryIO
    members: dict[str, zipfile.ZipInfo]
    expected: Expected
    kind: type[CatclfError]
    fix: str

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def damaged(self, what: str, name: str = "") -> CatclfError:
        """Return the error for what is wrong with the file, or with the array of a name."""
        at = self.where if not name else f"{self.where}:{printable(name):.40}"
        return self.kind(f"damaged: {what}", at, self.fix)

    def mismatch(self) -> CatclfError:
        """Return the error for a file that is whole, and not what was expected."""
        self.file.seek(0)
        return self.expected.mismatch(self.file.read(HEAD_BYTES), self.where, self.kind)

    def array(self, name: str) -> NDArray[Any]:
        """Read an array whole, and compare its checksum; an error where it is damaged."""
        with self.translated(name):
            member, start = self.find(name)
            self.file.seek(start)
            data = self.file.read(member.compress_size)
            if member.compress_type == zipfile.ZIP_DEFLATED:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.file_size + 1)
            if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
                raise self.damaged("does not match its checksum", name)
            shape, fortran, dtype, offset = read_header(data)
            if dtype.hasobject:
                raise self.kind(PICKLED, f"{self.where}:{printable(name):.40}", SAVE_UNPICKLED)
            if math.prod(shape) * dtype.itemsize != len(data) - offset or not dtype.itemsize:
                raise self.damaged("does not match its header", name)
            array = np.frombuffer(data, dtype, offset=offset)
            return array.reshape(shape, order="F" if fortran else "C")

    def record(self, format_: str, version: int) -> dict[str, Any]:
        """Return the JSON object in the array ``record``, of this format and version."""
        record = None
        if "record" in self:
            stored = self.array("record")
            if stored.dtype.kind in "SU" and stored.shape == ():  # models of 0.1 hold a U
                with suppress(ValueError, RecursionError):
                    record = json.loads(stored.item(), parse_constant=_refuse_constant)
        if not isinstance(record, dict) or record.get("format") != format_:
            raise self.mismatch()
        if (found := record.get("version")) != version:
            what = f"has format version {found!r:.20}; this catclf reads {version}"
            fix = f"Update catclf, or {self.fix[0].lower()}{self.fix[1:]}"
            raise self.kind(what, self.where, fix)
        return record

    def rows(self, name: str, shape: tuple[int, int]) -> int:
        """Return where in the file the rows (m, n_x) uint8 of an array begin; all are there."""
        with self.translated(name):
            member, start = self.find(name)
            self.file.seek(start)
            head = self.file.read(min(MAX_HEADER_BYTES, member.file_size))
            claimed, fortran, dtype, offset = read_header(head)
            if member.compress_type or claimed != shape or fortran or dtype != np.dtype(np.uint8):
                raise self.damaged(f"is not stored as {shape} bytes", name)
            if offset + math.prod(shape) != member.file_size:
                raise self.damaged("does not match its header", name)
            return start + offset

    def read_at(self, start: int, into: NDArray[np.uint8], name: str) -> None:
        """Fill a contiguous array with the bytes of an array `name` from `start` on."""
        rest: memoryview[int] = into.reshape(-1).data
        while rest:  # a system gives 2 GiB at most at once
            try:
                count = _read_at(self.file, rest, start)
            except OSError as error:
                what = f"cannot be read ({error.strerror})"
                raise self.kind(what, self.where, "Check the disk.") from error
            if not count:
                raise self.damaged("cut short", name)
            rest, start = rest[count:], start + count

    def find(self, name: str) -> tuple[zipfile.ZipInfo, int]:
        """Return a member, and where its bytes begin, all of which are in the file."""
        if name not in self.members:
            raise self.damaged(f"holds no {name}")
        member = self.members[name]
        self.file.seek(member.header_offset)
        magic, name_bytes, extra_bytes = LOCAL_HEADER.unpack(self.file.read(LOCAL_HEADER.size))
        called = self.file.read(name_bytes)
        start = member.header_offset + LOCAL_HEADER.size + name_bytes + extra_bytes
        if magic != ZIP_SIGNATURE or called != member.orig_filename.encode():
            raise self.damaged("is not where the directory says", name)
        if start + member.compress_size > self.file_bytes():
            raise self.damaged("cut short", name)
        return member, start

    def file_bytes(self) -> int:
        """Return the size of the file as it is now."""
        return os.fstat(self.file.fileno()).st_size

    @contextmanager
    def translated(self, name: str) -> Iterator[None]:
        """Raise what reading a damaged array raises as the error for it."""
        try:
            yield
        except CatclfError:
            raise
        except MemoryError:
            raise self.damaged("is too large for the available memory", name) from None
        except READER_ERRORS as error:
            raise self.damaged("is not an array", name) from error


def _read_at(file: BinaryIO, into: memoryview, place: int) -> int:
    if sys.platform != "win32" and hasattr(os, "preadv"):
        return os.preadv(file.fileno(), [into], place)
    with _seeking:
        file.seek(place)
        part = file.read(min(len(into), MAX_SEEKING_BYTES))
        into[: len(part)] = part
        return len(part)


@contextmanager
def open_npz(
    path: AnyPath,
    expected: Expected,
    kind: type[CatclfError],
    fix: str,
    max_inflated: float = MAX_INFLATED_BYTES,
) -> Iterator[Npz]:
    """Open an .npz for reading.

    Where it is missing, of another kind or damaged, or what is compressed in it claims more bytes
    than `max_inflated`, a `kind` is raised, as `expected` says it or with the `fix` of a damaged
    file.
    """
    with expected.open(path, kind) as file:
        npz = Npz(os.fspath(path), file, {}, expected, kind, fix)
        if file.read(len(ZIP_SIGNATURE)) != ZIP_SIGNATURE:
            raise npz.mismatch()
        try:
            members = zipfile.ZipFile(_Bounded(file)).infolist()
        except (*READER_ERRORS, MemoryError) as error:
            # zipfile's words for an archive whose end, where its directory stands, is missing.
            cut = "not a zip file" in str(error)
            raise npz.damaged("cut short" if cut else "its contents cannot be read") from error
        _refuse_claims(npz, members, max_inflated)
        for member in members:
            if member.filename.endswith(".npy"):
                npz.members[member.filename.removesuffix(".npy")] = member
        if not npz.members:
            raise npz.mismatch()
        yield npz


def _refuse_claims(npz: Npz, members: list[zipfile.ZipInfo], max_inflated: float) -> None:
    """Raise the error of what the directory claims that cannot be, or is not read."""
    # numpy takes a member `w` for the array w, before `w.npy`.
    if len({member.filename.removesuffix(".npy") for member in members}) < len(members):
        raise npz.damaged("holds the same name twice")
    if any(member.flag_bits & 1 for member in members):
        raise npz.kind("is encrypted", npz.where, "Save it without a password.")
    packed = [member for member in members if member.compress_type != zipfile.ZIP_STORED]
    if any(member.compress_type != zipfile.ZIP_DEFLATED for member in packed):
        raise npz.kind("uses a compression that is not read", npz.where, "Save it with np.savez.")
    if sum(member.file_size for member in packed) > max_inflated:
        raise npz.damaged(f"claims more than {max_inflated // 2**20} MiB")
    if any(member.compress_size != member.file_size for member in members if member not in packed):
        raise npz.damaged("an impossible size")
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise npz.damaged("its arrays overlap")
        name_bytes = len(member.orig_filename.encode())
        end = member.header_offset + LOCAL_HEADER.size + name_bytes + member.compress_size


def _refuse_constant(name: str) -> None:
    """Refuse nan and infinity, which JSON does not have and Python's reader takes."""
    raise ValueError(name)


class _Bounded:
    """What zipfile reads a directory through: it cannot be made to read much at once."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("a directory that is too large")
        return self.file.read(size)


def read_header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return the shape, order and type that an .npy claims, and where its entries begin."""
    stream = io.BytesIO(data[:MAX_HEADER_BYTES])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy's advice on odd headers
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    if any(length < 0 for length in shape):
        raise ValueError("a negative length")
    return shape, fortran, dtype, stream.tell()


def encode_names(names: Iterable[str]) -> NDArray[np.bytes_]:
    """Return names as they are stored: UTF-8, whatever bytes are no text kept as they are."""
    return np.array([name.encode("utf-8", "surrogateescape") for name in names], "S")


def decode_names(stored: NDArray[np.bytes_]) -> list[str]:
    """Return the names that `encode_names` made bytes of."""
    return [name.decode("utf-8", "surrogateescape") for name in stored]


class NewNpz:
    """An .npz that is being written, as `create_npz` yields it: the same data, the same bytes."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, array: Any) -> None:
        """Write an array."""
        with self._member(name) as out:
            npy.write_array(out, np.asanyarray(array), allow_pickle=False)

    def add_rows(
        self, name: str, shape: tuple[int, int], runs: Iterable[NDArray[np.uint8]]
    ) -> Iterator[NDArray[np.uint8]]:
        """Write rows, given in runs of any length; yield each, contiguous, once written.

        The CRC-32 of each block of them becomes an array ``NAME_checksums``.
        """
        checksums: list[int] = []
        m = 0
        with self._member(name) as out:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            npy.write_array_header_1_0(out, header)
            for run in map(np.ascontiguousarray, runs):
                out.write(run.data)
                rest = run
                while len(rest):
                    if m % BLOCK_EXAMPLES == 0:
                        checksums.append(0)  # the CRC-32 of no bytes
                    part, rest = np.split(rest, [BLOCK_EXAMPLES - m % BLOCK_EXAMPLES])
                    checksums[-1] = zlib.crc32(part.data, checksums[-1])
                    m += len(part)
                yield run
        if m != shape[0]:
            raise ValueError(f"{shape[0]} labels need {shape[0]} {name}, got {m}")
        self.add(f"{name}_checksums", np.array(checksums, "<u4"))

    def _member(self, name: str) -> Any:
        # A ZipInfo of its own: by the name alone zipfile would write the time.
        return self._archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)


@contextmanager
def create_npz(path: AnyPath, record: dict[str, object]) -> Iterator[NewNpz]:
    """Write an .npz, whole or not at all, which begins with its `record`."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        new = NewNpz(archive)
        new.add("record", json.dumps(record, allow_nan=False).encode())
        yield new
