"""Reading an .npz: a zip of .npy arrays, of which nothing it says of itself is trusted."""

from __future__ import annotations

import io
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from catclf.errors import ModelError, printable
from catclf.storage.files import is_lfs_pointer, read_regular

__all__ = ["read_npz"]

# A model at the largest picture size has 24 MiB of weights; its state may be as large again.
MAX_BYTES = 256 * 2**20
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what np.savez and its kin write
# What zipfile, and numpy's reader of headers, raise on damaged files besides errors of their own.
DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,  # a position before the beginning
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
TRAIN_AGAIN = "Train the model again, or fetch the file again."


def read_npz(where: str) -> dict[str, NDArray[Any]]:
    """Read every array of an .npz, trusting nothing it says of itself.

    numpy's own reader advises unpickling for a damaged file, allocates what a header claims
    before it looks, and does not read on to the checksum.
    """
    data = read_regular(where, MAX_BYTES, ModelError, missing="Run 'catclf train' first.")
    _refuse_non_zip(data, where)
    try:
        return _read_members(data, where)
    except MemoryError:
        raise ModelError("is too large for the memory there is", where, TRAIN_AGAIN) from None
    except (zipfile.BadZipFile, zlib.error, struct.error, *DAMAGE) as error:
        raise ModelError("is damaged", where, TRAIN_AGAIN) from error


def _refuse_non_zip(head: bytes, where: str) -> None:
    if head.startswith(b"PK\x03\x04"):
        return
    if is_lfs_pointer(head):
        raise ModelError("a Git LFS pointer, not the file itself", where, "Run 'git lfs pull'.")
    if head.startswith(b"\x89HDF"):
        raise ModelError("is an HDF5 file, not a model", where, "Name an .npz that catclf trained.")
    if head.startswith(b"\x93NUMPY"):
        raise ModelError(
            "is a single array, not a model", where, "Save w and b: np.savez(path, w=w, b=b)."
        )
    raise ModelError("is not a model (.npz)", where, "Name a model that catclf trained.")


def _read_members(data: bytes, where: str) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        names = [member.filename.removesuffix(".npy") for member in members]
        if len(set(names)) < len(names):
            raise ModelError("holds one name twice", where, TRAIN_AGAIN)
        if any(member.flag_bits & 1 for member in members):
            raise ModelError("is encrypted", where, "Save it without a password.")
        if any(member.compress_type not in COMPRESSIONS for member in members):
            raise ModelError("is compressed as no .npz is", where, "Save it with np.savez.")
        if sum(member.file_size for member in members) > MAX_BYTES:
            raise ModelError("claims more than 256 MiB", where, TRAIN_AGAIN)
        return {
            name: _read_array(_read_member(archive, member), f"{printable(name):.40}", where)
            for name, member in zip(names, members, strict=True)
            if member.filename.endswith(".npy")
        }


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read a member to its end, where its checksum is compared.

    ZipFile.read would inflate it whole, however little it claims to hold.
    """
    with archive.open(member) as stream:
        data = stream.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise zipfile.BadZipFile(f"claims {member.file_size} bytes, holds {len(data)}")
    return data


def _read_array(data: bytes, name: str, where: str) -> NDArray[Any]:
    """Read an .npy that is held in memory, after its header has been held against its size."""
    header = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy's advice on odd headers
            version = npy.read_magic(header)
            read_header = (
                npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            )
            shape, fortran_order, dtype = read_header(header)
    except (*DAMAGE, MemoryError, tokenize.TokenError, Warning):  # of an endless expression
        raise ModelError(f"{name} is not an array", where, TRAIN_AGAIN) from None
    if dtype.hasobject:
        raise ModelError(
            f"{name} is a pickle, which could run anything", where, "Save plain numbers."
        )
    stored = len(data) - header.tell()
    if (
        dtype.itemsize == 0
        or any(length < 0 for length in shape)
        or math.prod(shape) * dtype.itemsize != stored
    ):
        raise ModelError(f"{name} does not hold what it claims", where, TRAIN_AGAIN)
    array = np.frombuffer(data, dtype, offset=header.tell())
    return array.reshape(shape, order="F" if fortran_order else "C")
