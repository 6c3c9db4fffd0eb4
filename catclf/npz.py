r"""The .npz format, read from files that are not trusted.

The format. An .npz is a zip archive (PKWARE's APPNOTE 6.3.10) whose members ``NAME.npy`` are one
array each. An .npy (numpy.lib.format, versions 1 to 3) is the magic ``\x93NUMPY``, a version, the
length of a header, the header, and the entries. The header is a Python expression::

    {'descr': '<f8', 'fortran_order': False, 'shape': (12288, 1), }

`numpy.savez` stores its members as they are, `numpy.savez_compressed` deflates them; neither
encrypts. Each member has a CRC-32, and its size, in the zip's directory.

The threats. Such a file may come from a stranger, or from a disk that lost some of it. numpy's own
reader advises unpickling for a damaged file, allocates what a header claims before it looks, and
does not read on to the checksum. Here no claim is believed before it has been checked:

=====================  ===========================  ============================================
claim                  a false one could            so
=====================  ===========================  ============================================
a member's size        fill the memory              the sum of all sizes is bounded, and no
                                                    member is inflated beyond its own
a member's CRC-32      let damage pass as weights   each member is read to its end, and compared
a member's name        hide one array by another    two members of one name are refused
the compression        run a decoder that takes     stored and deflated are read, others refused,
                       more memory than the sizes   and so is encryption
the header             be a bomb for its parser     whatever its parser raises is an error
the type               be a pickle, that is, code   objects are refused, and nothing is unpickled
the shape              claim more than there is     it must fill, exactly, the bytes that follow
=====================  ===========================  ============================================

Members of other names are skipped. What the arrays mean, and whether their numbers are finite, is
the caller's to check.
"""

from __future__ import annotations

import io
import math
import os
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
from catclf.files import Expected, FileKind, kind_of_bytes, read_regular

# A model at the largest picture size has 24 MiB of weights; its state may be as large again.
MAX_BYTES = 256 * 2**20
COMPRESSION_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile, and numpy's parser of headers, raise on damaged files besides errors of their own.
READER_ERRORS = (
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
NAME_A_MODEL = "Name a model that catclf trained, or an .npz of w and b."
MODEL = Expected(
    "a model",
    NAME_A_MODEL,
    {
        FileKind.DATASET: "Name a model; 'catclf train {path}' trains one on this dataset.",
        FileKind.ARRAY: "Save w and b: np.savez(path, w=w, b=b).",
    },
    missing="Run 'catclf train' first, or check the path.",
)


def read_npz(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read every array of an .npz.

    Parameters
    ----------
    path
        The file, of at most MAX_BYTES.

    Returns
    -------
    dict
        The arrays by name, of any shape, and of any type but objects; they are not writable.

    Raises
    ------
    ModelError
        Where the file is missing, is no .npz, is damaged, or makes a claim that is refused.
    """
    where = os.fspath(path)
    data = read_regular(where, MAX_BYTES, ModelError, MODEL.missing, NAME_A_MODEL)
    _refuse_non_npz(data, where)
    try:
        return _read_members(data, where)
    except MemoryError:
        raise ModelError("is too large for the memory there is", where, TRAIN_AGAIN) from None
    except (zipfile.BadZipFile, zlib.error, struct.error, *READER_ERRORS) as error:
        # zipfile's words for an archive whose end, where its directory stands, is missing.
        cut = "not a zip file" in str(error)
        what = "is damaged: cut short" if cut else "is damaged"
        raise ModelError(what, where, TRAIN_AGAIN) from error


def _refuse_non_npz(data: bytes, where: str) -> None:
    found = kind_of_bytes(data)
    if not data.startswith(b"PK\x03\x04") or found is FileKind.DOCUMENT:
        raise MODEL.mismatch(found, where, ModelError)


def _read_members(data: bytes, where: str) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        names = [member.filename.removesuffix(".npy") for member in members]
        if len(set(names)) < len(names):
            raise ModelError("holds one name twice", where, TRAIN_AGAIN)
        if any(member.flag_bits & 1 for member in members):
            raise ModelError("is encrypted", where, "Save it without a password.")
        if any(member.compress_type not in COMPRESSION_METHODS for member in members):
            raise ModelError("is compressed as no .npz is", where, "Save it with np.savez.")
        if sum(member.file_size for member in members) > MAX_BYTES:
            raise ModelError(f"claims more than {MAX_BYTES // 2**20} MiB", where, TRAIN_AGAIN)
        return {
            name: _read_array(_read_member(archive, member), f"{printable(name):.40}", where)
            for name, member in zip(names, members, strict=True)
            if member.filename.endswith(".npy")
        }


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read a member to its end, where zipfile compares its checksum.

    ZipFile.read would inflate it whole, however little it claims to hold.
    """
    with archive.open(member) as stream:
        data = stream.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise zipfile.BadZipFile(f"claims {member.file_size} bytes, holds {len(data)}")
    return data


def _read_array(data: bytes, name: str, where: str) -> NDArray[Any]:
    """Return the array of an .npy, once its header agrees with its length."""
    stream = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy's advice on odd headers
            version = npy.read_magic(stream)
            read_header = (
                npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            )
            shape, fortran_order, dtype = read_header(stream)
    # TokenError: an expression without an end.
    except (*READER_ERRORS, MemoryError, tokenize.TokenError, Warning):
        raise ModelError(f"{name} is not an array", where, TRAIN_AGAIN) from None
    if dtype.hasobject:
        raise ModelError(
            f"{name} is a pickle, which could run anything", where, "Save plain numbers."
        )
    stored_bytes = len(data) - stream.tell()
    if (
        dtype.itemsize == 0
        or any(length < 0 for length in shape)
        or math.prod(shape) * dtype.itemsize != stored_bytes
    ):
        raise ModelError(f"{name} does not hold what it claims", where, TRAIN_AGAIN)
    array = np.frombuffer(data, dtype, offset=stream.tell())
    return array.reshape(shape, order="F" if fortran_order else "C")
