"""Orientation, fit and modes: what becomes of decoded pixels."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.pictures import pixels as pixels_module
from catclf.pictures.jpeg import choose_reduction
from catclf.pictures.pixels import MAX_PIXELS, check_pixels, fit_pixels
from corpus.good_pictures import adam7_png, encode, photo_like
from pictures.decoding import SIZE_5, colors, decode, distance, photo_40, plain_resize


@pytest.mark.parametrize(
    ("width", "height", "phrase"),
    [
        (0, 5, "no pixels"),
        (5, -1, "no pixels"),
        (MAX_PIXELS + 1, 1, "too large: 110000001 x 1 pixels, more than 110 million"),
    ],
)
def test_a_size_without_pixels_or_beyond_the_limit_is_refused(
    width: int, height: int, phrase: str
) -> None:
    """One more pixel than the limit is too many."""
    check_pixels(MAX_PIXELS, 1)
    with pytest.raises(PictureError, match=phrase):
        check_pixels(width, height)


# -------------------------------------------------------------------------------------- orientation


AS_STORED = {  # how a camera held so sees the upright picture
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", AS_STORED)
@pytest.mark.parametrize(
    ("container", "options", "shape", "near"),
    [
        ("PNG", {}, (50, 30), 0),
        ("WEBP", {"lossless": True}, (50, 30), 0),
        ("TIFF", {}, (50, 30), 0),
        ("TIFF", {"compression": "tiff_lzw"}, (50, 30), 0),
        ("JPEG", {"quality": 95, "subsampling": 0}, (50, 30), 3),
        ("JPEG", {"quality": 95, "subsampling": 0}, (333, 251), 1),
    ],
)
def test_orientation_is_applied_once(
    container: str, options: dict[str, Any], shape: tuple[int, int], near: float, orientation: int
) -> None:
    """In each container that tells it, at each fit, at a reduced scale that divides no side too."""
    assert choose_reduction(251, 333, Preprocessing(size=12)) == 8
    pixels = np.asarray(photo_like(*shape))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a camera", orientation
    turned = Image.fromarray(np.ascontiguousarray(AS_STORED[orientation](pixels)))
    data = encode(turned, container, exif=exif, **options)
    for preprocessing in (Preprocessing(size=12), Preprocessing(size=12, fit="pad")):
        assert distance(decode(data, preprocessing), fit_pixels(pixels, preprocessing)) <= near


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\x09\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\2\0\0\0\1\0\6\0\0",
        b"Exif\0\0junk",
    ],
)
def test_an_odd_orientation_is_none(exif: bytes) -> None:
    """Whatever an EXIF block holds, the picture is read."""
    data = encode(photo_40(), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif
    np.testing.assert_array_equal(decode(data[:2] + segment + data[2:]), decode(data))


# ---------------------------------------------------------------------------------------------- fit


def test_pixels_of_the_right_size_stay_as_they_are() -> None:
    """Nothing is resampled without need."""
    for fit in ("squash", "crop", "pad"):
        pixels = fit_pixels(colors(), Preprocessing(size=40, fit=fit))
        np.testing.assert_array_equal(pixels, colors())


def test_squash_ignores_the_aspect_ratio() -> None:
    """As one call of Pillow does."""
    pixels = np.asarray(photo_like(97, 130))
    np.testing.assert_array_equal(fit_pixels(pixels, SIZE_5), plain_resize(pixels, (5, 5)))


@pytest.mark.parametrize(("height", "width"), [(20, 31), (31, 20), (7, 8), (1, 9)])
def test_crop_takes_the_largest_centered_square(height: int, width: int) -> None:
    """Of odd remainders, the smaller half is cut at the top or left."""
    pixels = np.asarray(photo_like(height, width))
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    fitted = fit_pixels(pixels, Preprocessing(size=5, fit="crop"))
    np.testing.assert_array_equal(fitted, plain_resize(square, (5, 5)))


def test_pad_adds_white_bars() -> None:
    """On both sides, and a thin picture keeps a row or column."""
    dark = np.zeros((10, 20, 3), dtype=np.uint8)
    wide = fit_pixels(dark, Preprocessing(size=20, fit="pad"))
    assert (wide[:5] == 255).all()
    assert (wide[5:15] == 0).all()
    assert (wide[15:] == 255).all()
    tall = fit_pixels(np.ascontiguousarray(dark.transpose(1, 0, 2)), Preprocessing(20, "pad"))
    np.testing.assert_array_equal(tall, wide.transpose(1, 0, 2))
    thin = fit_pixels(np.zeros((1, 1000, 3), dtype=np.uint8), Preprocessing(size=9, fit="pad"))
    assert (thin == 0).all(axis=(1, 2)).sum() == 1


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "1", "LA"])
@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch, mode: str, fit: Any) -> None:
    """Converting and narrowing by bands of rows gives what one piece gives."""
    image = photo_like().convert(mode)
    container = "TIFF" if mode == "CMYK" else "PNG"
    data = encode(image, container)
    whole = decode(data, Preprocessing(size=20, fit=fit))
    monkeypatch.setattr(pixels_module, "_BAND_PIXELS", 1000)
    np.testing.assert_array_equal(decode(data, Preprocessing(size=20, fit=fit)), whole)


@pytest.mark.parametrize("shape", [(400, 24), (60, 15), (900, 40), (90, 400)])
def test_bands_do_not_show_in_tall_pictures(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    """Of which some Pillows, resizing in one call, would take the columns first."""
    tall = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    preprocessing = Preprocessing(size=20)
    whole = fit_pixels(tall, preprocessing)
    monkeypatch.setattr(pixels_module, "_BAND_PIXELS", 1000)
    np.testing.assert_array_equal(fit_pixels(tall, preprocessing), whole)


@settings(max_examples=50, deadline=None)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    size=st.integers(1, 40),
    fit=st.sampled_from(["squash", "crop", "pad"]),
)
def test_any_size_fits(height: int, width: int, size: int, fit: Any) -> None:
    """A picture of one color stays of that color, at any size."""
    flat = np.full((height, width, 3), (9, 99, 199), dtype=np.uint8)
    pixels = fit_pixels(flat, Preprocessing(size, fit))
    color = (pixels == (9, 99, 199)).all(axis=2)
    assert pixels.shape == (size, size, 3)
    assert color.any() if fit == "pad" else color.all()


# -------------------------------------------------------------------------------------------- modes


def lossless_gray() -> dict[str, bytes]:
    gray = colors()[:, :, 0]
    deep = Image.fromarray(gray.astype(np.uint16) * 257)
    return {
        "png": encode(Image.fromarray(gray), "PNG"),
        "png, alpha": encode(Image.fromarray(gray).convert("LA"), "PNG"),
        "png, 16 bits": encode(deep, "PNG"),
        "png, interlaced": adam7_png(gray),
        "tiff": encode(Image.fromarray(gray), "TIFF"),
        "tiff, 16 bits": encode(deep, "TIFF"),
        "tiff, 32 bits": encode(Image.fromarray(gray.astype(np.int32) * 257), "TIFF"),
        "tiff, floats": encode(Image.fromarray(gray.astype(np.float32) / 255), "TIFF"),
        "pgm": encode(Image.fromarray(gray), "PPM"),
        "pgm, 16 bits": b"P5\n40 40\n65535\n" + (gray.astype(">u2") * 257).tobytes(),
        "bmp": encode(Image.fromarray(gray), "BMP"),
        "gif": encode(Image.fromarray(gray), "GIF"),
    }


@pytest.mark.parametrize("name", lossless_gray())
def test_gray_of_any_depth_is_scaled_and_not_clipped(name: str) -> None:
    """Of 16 bits, 32 or floats too, in each container."""
    gray = colors()[:, :, 0]
    np.testing.assert_array_equal(decode(lossless_gray()[name]), np.stack([gray] * 3, 2))


def test_cmyk_becomes_rgb() -> None:
    """As JPEG and TIFF hold it."""
    cmyk = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    for container in ("JPEG", "TIFF"):
        red = decode(encode(cmyk, container))
        assert distance(red, np.full_like(red, (255, 0, 0))) < 2


def test_one_bit_is_black_and_white() -> None:
    """And no gray between, at the picture's own size."""
    bits = Image.fromarray(np.indices((40, 40)).sum(0) % 2 == 0)
    for container in ("PNG", "BMP", "TIFF", "PPM", "GIF"):
        assert set(decode(encode(bits, container)).flatten()) == {0, 255}


def test_alpha_is_composited_on_white() -> None:
    """Whatever color stands where nothing is to be seen."""
    half = Image.new("RGBA", (40, 40), (200, 100, 0, 128))
    half.paste((9, 9, 9, 0), (0, 0, 40, 20))  # nothing to be seen of its color
    for container, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        pixels = decode(encode(half, container, **options))
        assert (pixels[:20] == 255).all()
        np.testing.assert_allclose(pixels[20:], np.full((20, 40, 3), (227, 177, 127)), atol=1)
    gray = decode(encode(Image.new("LA", (40, 40), (0, 128)), "PNG"))
    np.testing.assert_allclose(gray, 127, atol=1)


def palette_picture() -> Image.Image:
    """Return a picture that is all of its palette's second color, nearly black."""
    image = Image.new("P", (40, 40), 1)
    image.putpalette([200, 200, 200, 5, 5, 5, 90, 90, 90])
    return image


@pytest.mark.parametrize(
    ("data", "dark"),
    [
        (encode(palette_picture(), "GIF", transparency=1), False),
        (encode(palette_picture(), "PNG", transparency=1), False),
        (encode(palette_picture(), "PNG", transparency=bytes([255, 0])), False),
        (encode(palette_picture(), "PNG", transparency=0), True),
        (encode(Image.new("RGB", (40, 40), (1, 2, 3)), "PNG", transparency=(1, 2, 3)), False),
        (encode(Image.new("RGB", (40, 40), (1, 2, 3)), "PNG", transparency=(1, 2, 4)), True),
        (encode(Image.new("L", (40, 40), 7), "PNG", transparency=7), False),
        (encode(Image.new("I;16", (40, 40), 4700), "PNG", transparency=4700), False),
        (encode(Image.new("I;16", (40, 40), 4700), "PNG", transparency=4701), True),
        (encode(Image.new("1", (40, 40), 0), "PNG", transparency=0), False),
    ],
)
def test_a_transparent_color_is_white(data: bytes, dark: bool) -> None:
    """By palette entry, color or gray; another color is not."""
    assert (decode(data).max() < 20) if dark else (decode(data) == 255).all()
