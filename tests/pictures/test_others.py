"""PNG, AVIF, HEIC and the rest: what each has of its own, and what pixels do not need."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.pictures.pixels import fit_pixels
from corpus.good_pictures import HAS_AVIF, adam7_png, encode, idat, photo_like, png, png_chunk
from pictures.decoding import SIZE_40, decode, distance


def encoded_heic(image: Image.Image, **options: Any) -> bytes:
    """Return a HEIC file, as pillow-heif writes it."""
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(image).save(file, **{"quality": 90, **options})
    return file.getvalue()


def test_a_heic_picture_is_read() -> None:
    """In colors, in gray, and with alpha, which is composited on white."""
    photo = photo_like(64, 40)
    for image in (photo, photo.convert("L")):
        pixels = decode(encoded_heic(image), Preprocessing(size=64))
        assert distance(pixels, fit_pixels(np.array(image.convert("RGB")), Preprocessing(64))) < 6
    clear = Image.new("RGBA", (64, 64), (200, 0, 0, 0))
    assert distance(decode(encoded_heic(clear)), np.full((40, 40, 3), 255, np.uint8)) < 2


def test_a_heic_picture_of_ten_bits_is_read() -> None:
    """Phones write them for a wide range of light."""
    heif = pytest.importorskip("pillow_heif")
    deep = np.linspace(0, 65535, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint16)
    file = io.BytesIO()
    heif.from_bytes("RGB;16", (64, 64), deep.tobytes()).save(file, quality=-1, chroma=444)
    assert heif.open_heif(file.getvalue()).info["bit_depth"] == 10
    pixels = decode(file.getvalue(), Preprocessing(size=64))
    assert distance(pixels, (deep // 257).astype(np.uint8)) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_picture_is_turned_once(orientation: int) -> None:
    """By the file's own property, whatever its EXIF block tells beside it."""
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = orientation
    image, file = photo_like(64, 40), io.BytesIO()
    heif.encode("RGB", image.size, image.tobytes(), file, quality=90, exif=exif.tobytes())
    data = file.getvalue()
    assert (b"irot" in data or b"imir" in data) == (orientation > 1)
    image.info["exif"] = exif.tobytes()
    upright = fit_pixels(np.array(ImageOps.exif_transpose(image)), SIZE_40)
    assert distance(decode(data), upright) < 6
    told = b"\x01\x12\0\x03\0\0\0\x01\0"
    assert told + bytes([orientation]) in data
    other = data.replace(told + bytes([orientation]), told + b"\x05")
    np.testing.assert_array_equal(decode(other), decode(data))


def test_the_primary_picture_of_several_is_taken() -> None:
    """Wherever in the file it stands."""
    heif = pytest.importorskip("pillow_heif")
    both = heif.from_pillow(Image.new("RGB", (64, 64), "red"))
    both.add_from_pillow(Image.new("RGB", (64, 64), "blue"))
    for index, color in enumerate([(255, 0, 0), (0, 0, 255)]):
        file = io.BytesIO()
        both.save(file, primary_index=index)
        assert distance(decode(file.getvalue()), np.full((40, 40, 3), color, np.uint8)) < 10


def test_a_heic_file_that_is_cut_or_too_large_is_refused() -> None:
    """Before memory is taken for what it claims; any change gives a result or an error."""
    data = encoded_heic(photo_like(64, 40))
    for percent in range(1, 100, 7):
        with pytest.raises(PictureError):
            decode(data[: len(data) * percent // 100])
    size = data.index(b"ispe") + 8  # of what is coded: 64 x 64, which is then cut
    for side, what in ((20_000, "too large"), (2**31 - 1, "too large"), (8, "damaged")):
        with pytest.raises(PictureError, match=what):
            decode(data[:size] + struct.pack(">II", side, side) + data[size + 8 :])
    rng = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(data)
        for at in rng.integers(0, len(data), 4):
            changed[at] = rng.integers(0, 256)
        with suppress(PictureError):
            decode(bytes(changed))


def test_heic_without_its_library_is_an_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which is all that is needed."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match="pillow-heif") as caught:
        decode(b"\0\0\0\x18ftypheic" + bytes(99))
    assert "pip install 'catclf[heic]'" in (caught.value.fix or "")


def test_reading_heic_leaves_pillow_as_it_was() -> None:
    """No opener is registered for other users of Pillow."""
    data = encoded_heic(photo_like(64, 40))
    decode(data)
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(data))


@pytest.mark.skipif(not HAS_AVIF, reason="this Pillow reads no AVIF")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_picture_is_turned_once(orientation: int) -> None:
    """By the file's own property, which Pillow writes for it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = photo_like(64, 40)
    image.info["exif"] = exif.tobytes()
    upright = np.array(ImageOps.exif_transpose(image))
    pixels = decode(encode(image, "AVIF", exif=exif.tobytes(), quality=90), SIZE_40)
    assert distance(pixels, fit_pixels(upright, SIZE_40)) < 6


def test_a_pillow_without_avif_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is too old, or was built without."""
    data = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif" + bytes(99)
    for plugin in (None, SimpleNamespace(SUPPORTED=False, AvifImageFile=None)):
        monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", plugin)
        with pytest.raises(PictureError, match="this Pillow reads no AVIF") as caught:
            decode(data)
        assert "pip install -U pillow" in (caught.value.fix or "")


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


def test_deep_colors_that_use_few_bits_are_refused() -> None:
    """They would come out black, or nearly."""
    rows = (b"\0" + struct.pack(">HHH", 1000, 2000, 3000) * 8) * 8
    with pytest.raises(PictureError, match="none of them above 4095"):
        decode(png(8, 8, 16, 2, idat(rows)))


def test_a_transparent_color_of_16_bits_is_white() -> None:
    """Pillow cuts the pixels to 8 bits, and leaves the color at 16."""
    rows = (b"\0" + struct.pack(">HHH", 10000, 20000, 30000) * 8) * 8
    transparent = png_chunk(b"tRNS", struct.pack(">HHH", 10000, 20000, 30000))
    assert (decode(png(8, 8, 16, 2, transparent, idat(rows))) == 255).all()
