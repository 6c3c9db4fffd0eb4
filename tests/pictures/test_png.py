"""PNG: bit depths, and the transparent color that each has."""

from __future__ import annotations

import struct

import pytest

from corpus.good_pictures import idat, png, png_chunk
from pictures.decoding import decode


@pytest.mark.parametrize(("depth", "value"), [(1, 0), (2, 1), (4, 9)])
def test_a_transparent_gray_of_few_bits_is_white(depth: int, value: int) -> None:
    sample = sum(value << shift for shift in range(0, 8, depth))
    rows = (b"\0" + bytes([sample]) * depth) * 8
    transparent = png_chunk(b"tRNS", struct.pack(">H", value))
    data = png(8, 8, depth, 0, transparent, idat(rows))
    assert (decode(data) == 255).all()
    assert (decode(png(8, 8, depth, 0, idat(rows))) == value * 255 // (2**depth - 1)).all()


def test_a_transparent_color_of_16_bits_is_white() -> None:
    rows = (b"\0" + struct.pack(">HHH", 1000, 2000, 3000) * 8) * 8
    transparent = png_chunk(b"tRNS", struct.pack(">HHH", 1000, 2000, 3000))
    assert (decode(png(8, 8, 16, 2, transparent, idat(rows))) == 255).all()
