"""PNG: what pixels need and what they don't, and the transparent color of each bit depth."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from corpus.good_pictures import adam7_png, idat, png, png_chunk
from pictures.decoding import decode

ROWS = b"".join(b"\0" + bytes(range(row, row + 30)) for row in range(8))  # 10 x 8, RGB
BOMB = zlib.compress(bytes(3_000_000), 9)  # Pillow inflates up to 1 MiB of a text, else it raises
FRAME = struct.pack(">IIIIIHHBB", 0, 4, 4, 2, 2, 1, 1, 0, 0)  # a corner of the picture

# Each makes Pillow refuse the picture, warn, or decode it otherwise.
NOT_NEEDED = {
    "large text": [png_chunk(b"zTXt", b"a\0\0" + BOMB)],
    "large international text": [png_chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)],
    "large profile": [png_chunk(b"iCCP", b"a\0\0" + BOMB)],
    "damaged text": [png_chunk(b"tEXt", b"a\0b", checksum_error=1)],
    "unknown compression": [png_chunk(b"zTXt", b"a\0\7b")],
    "text that is called interlace": [png_chunk(b"tEXt", b"interlace\0yes")],
    "text that is called transparency": [png_chunk(b"tEXt", b"transparency\0yes")],
    "text that is called exif": [
        png_chunk(b"tEXt", b"exif\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0")
    ],
    "short gamma": [png_chunk(b"gAMA", b"a")],
    "no frames": [png_chunk(b"acTL", bytes(8))],
    "frame of another size": [
        png_chunk(b"acTL", b"\0\0\0\2\0\0\0\0"), png_chunk(b"fcTL", FRAME),
    ],
    "name that is no text": [png_chunk(b"a\xe4bc", b"")],
}  # fmt: skip


def beside_pixels(chunks: list[bytes], place: str) -> bytes:
    """Return a PNG with some chunks before, between or after its pixel data."""
    stream = zlib.compress(ROWS)
    pixels = [png_chunk(b"IDAT", stream[:9]), png_chunk(b"IDAT", stream[9:])]
    at = {"before": 0, "between": 1, "after": 2}[place]
    return png(10, 8, 8, 2, *pixels[:at], *chunks, *pixels[at:])


@pytest.mark.parametrize("name", NOT_NEEDED)
@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_what_pixels_do_not_need_changes_nothing(name: str, place: str) -> None:
    """Texts, profiles and animation may be huge, damaged or malicious: the picture is whole."""
    expected = decode(beside_pixels([], place))
    np.testing.assert_array_equal(decode(beside_pixels(NOT_NEEDED[name], place)), expected)


@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_orientation_may_stand_anywhere(place: str) -> None:
    """On either side of the pixels the EXIF chunk is well placed; 3 is upside down."""
    exif = png_chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\3\0\0")
    turned = decode(beside_pixels([exif], place))
    np.testing.assert_array_equal(turned, decode(beside_pixels([], place))[::-1, ::-1])


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (9, 3)])
def test_an_interlaced_picture_of_few_pixels_is_whole(shape: tuple[int, int]) -> None:
    """Some of the seven passes hold no pixel of it."""
    gray = np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape)
    once = b"".join(b"\0" + row.tobytes() for row in gray)
    plain = png(shape[1], shape[0], 8, 0, idat(once))
    np.testing.assert_array_equal(decode(adam7_png(gray)), decode(plain))


@pytest.mark.parametrize(("depth", "value"), [(1, 0), (2, 1), (4, 9)])
def test_a_transparent_gray_of_few_bits_is_white(depth: int, value: int) -> None:
    """The file tells it in its own bit depth."""
    sample = sum(value << shift for shift in range(0, 8, depth))
    rows = (b"\0" + bytes([sample]) * depth) * 8
    transparent = png_chunk(b"tRNS", struct.pack(">H", value))
    data = png(8, 8, depth, 0, transparent, idat(rows))
    assert (decode(data) == 255).all()
    assert (decode(png(8, 8, depth, 0, idat(rows))) == value * 255 // (2**depth - 1)).all()


def test_a_transparent_color_of_16_bits_is_white() -> None:
    """Pillow cuts the pixels to 8 bits, and leaves the color at 16."""
    rows = (b"\0" + struct.pack(">HHH", 1000, 2000, 3000) * 8) * 8
    transparent = png_chunk(b"tRNS", struct.pack(">HHH", 1000, 2000, 3000))
    assert (decode(png(8, 8, 16, 2, transparent, idat(rows))) == 255).all()
