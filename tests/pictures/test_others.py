"""PNG, WebP, GIF, TIFF, BMP and PPM: what each has of its own, and what pixels do not need."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from catclf.features import Preprocessing
from corpus.good_pictures import adam7_png, encode, idat, png, png_chunk
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
