"""WebP, GIF, TIFF, BMP and PPM: what each has of its own."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from catclf.features import Preprocessing
from corpus.good_pictures import encode
from pictures.decoding import decode, photo_40


def test_big_endian_16_bit_tiff_is_scaled() -> None:
    """Pillow reads it in the other order of bytes."""
    values = np.array([[0, 257, 65535, 32896]], dtype=">u2")
    entries = [(256, 4), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (279, 8)]
    directory = struct.pack(">H", len(entries))
    directory += b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    data = b"MM\0*\0\0\0\x10" + values.tobytes() + directory + b"\0\0\0\0"
    pixels = decode(data, Preprocessing(size=4))
    assert pixels[0, :, 0].tolist() == [0, 1, 255, 128]


def test_odd_tiff_metadata_neither_fails_nor_warns() -> None:
    """Pillow warns of a tag that holds more than it should; warnings are errors here."""
    tiff = encode(photo_40(), "TIFF", tiffinfo={305: "a program"})
    (start,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, start)
    entries = range(start + 2, start + 2 + 12 * count, 12)
    entry = next(at for at in entries if struct.unpack_from("<H", tiff, at)[0] == 305)
    odd = tiff[: entry + 4] + struct.pack("<II", 5000, 2**31) + tiff[entry + 12 :]
    with pytest.warns(UserWarning, match="tag|corrupt|Truncated"):
        Image.open(io.BytesIO(odd)).load()
    np.testing.assert_array_equal(decode(odd), photo_40())


def test_a_bitmap_whose_fourth_byte_is_never_set_is_opaque() -> None:
    """Many writers leave the byte of alpha zero, and browsers show the picture."""
    header = struct.pack(
        "<2sIIIIiiHHIIIIII", b"BM", 0, 0, 122, 108, 4, -4, 1, 32, 3, 64, 0, 0, 0, 0
    )
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = (header + masks).ljust(122, b"\0") + b"\x0a\x14\x1e\0" * 16
    assert (decode(data) == (30, 20, 10)).all()
