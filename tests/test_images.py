from __future__ import annotations

import io
import json
import logging
import os
import struct
import subprocess
import sys
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus.good_pictures import adam7_png, encode, good_files, idat, photo_like, png, png_chunk
from corpus.pictures import Case, bad_pictures
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile, features

from catclf import pictures as images
from catclf.errors import PictureError
from catclf.pictures import (
    MAX_BYTES,
    MAX_PIXELS,
    Preprocessing,
    decode_picture,
    fit_pixels,
    looks_like_picture,
    read_picture,
)

Pixels = NDArray[np.uint8]

PHOTOS = Path(__file__).parents[2] / "shared" / "photos"
FIVE = Preprocessing(size=5)
NATIVE = Preprocessing(size=40)  # of the pictures that `upright` makes: nothing is resized


def decode(data: bytes, preprocessing: Preprocessing = NATIVE) -> Pixels:
    return decode_picture(data, preprocessing, "here")


def distance(one: Pixels, other: Pixels) -> float:
    """Return the mean absolute difference, in gray levels."""
    return float(np.abs(one.astype(int) - other).mean())


@cache
def upright() -> Image.Image:
    return photo_like(40, 40)


def colors(count: int = 40) -> Pixels:
    """Return rows of pixels of a few colors, all different, so that a palette holds them."""
    steps = np.arange(count * count) % 200
    return np.stack([steps, 255 - steps, steps // 2], 1).astype(np.uint8).reshape(count, count, 3)


# --------------------------------------------------------------------------------- the record


def test_the_record_survives_json() -> None:
    preprocessing = Preprocessing(size=32, fit="pad")
    record = json.loads(json.dumps(preprocessing.to_record()))
    assert Preprocessing.from_record(record) == preprocessing
    assert record == {
        "size": 32,
        "fit": "pad",
        "filter": "bilinear",
        "background": "white",
        "order": "planes",
    }


def test_a_picture_of_64_pixels_has_12288_features() -> None:
    assert Preprocessing().n_x == 12288


def test_preprocessing_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Preprocessing().size = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"size": 0}, "size must be"),
        ({"size": 1025}, "size must be"),
        ({"size": 64.0}, "size must be"),
        ({"size": True}, "size must be"),
        ({"size": "64"}, "size must be"),
        ({"fit": "stretch"}, "fit must be one of squash, crop, pad"),
        ({"fit": None}, "fit must be"),
        ({"fit": ["squash"]}, "fit must be"),
        ({"filter": "lanczos"}, "made by a newer catclf"),
        ({"background": "black"}, "made by a newer catclf"),
        ({"order": "interleaved"}, "made by a newer catclf"),
        ({"order": 3}, "order must be a string"),
        ({"gamma": 2.2}, "unknown setting 'gamma'"),
    ],
)
def test_a_record_with_an_odd_value_is_refused(change: dict[str, object], phrase: str) -> None:
    with pytest.raises(ValueError, match=phrase):
        Preprocessing.from_record(Preprocessing().to_record() | change)


@pytest.mark.parametrize("record", [None, 3, "size", [], ["size", 64]])
def test_a_record_that_is_no_table_is_refused(record: object) -> None:
    with pytest.raises(ValueError, match="must be a table"):
        Preprocessing.from_record(record)


@pytest.mark.parametrize("name", Preprocessing().to_record())
def test_a_record_that_lacks_a_setting_is_refused(name: str) -> None:
    record = Preprocessing().to_record()
    del record[name]
    with pytest.raises(ValueError, match=f"lacks '{name}'"):
        Preprocessing.from_record(record)


# --------------------------------------------------------------------------------- one column


@pytest.mark.parametrize("name", good_files())
@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_every_format_is_read(name: str, fit: Any) -> None:
    pixels = decode(good_files()[name], Preprocessing(size=64, fit=fit))
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous


def lossless_rgb() -> dict[str, bytes]:
    image = Image.fromarray(colors())
    opaque = image.convert("RGBA")
    palette = image.quantize(256, dither=Image.Dither.NONE)
    return {
        "png": encode(image, "PNG"),
        "png, alpha": encode(opaque, "PNG"),
        "png, palette": encode(palette, "PNG"),
        "png, interlaced": adam7_png(colors()),
        "png, 16 bits": png(
            40,
            40,
            16,
            2,
            idat(b"".join(b"\0" + np.repeat(row, 2).tobytes() for row in colors())),
        ),
        "webp": encode(image, "WEBP", lossless=True),
        "webp, alpha": encode(opaque, "WEBP", lossless=True, exact=True),
        "bmp": encode(image, "BMP"),
        "bmp, palette": encode(palette, "BMP"),
        "gif": encode(palette, "GIF"),
        "tiff": encode(image, "TIFF"),
        "tiff, lzw": encode(image, "TIFF", compression="tiff_lzw"),
        "tiff, palette": encode(palette, "TIFF"),
        "tiff, alpha": encode(opaque, "TIFF"),
        "ppm": encode(image, "PPM"),
    }


@pytest.mark.parametrize("name", lossless_rgb())
@pytest.mark.parametrize("size", [40, 13])
def test_a_lossless_container_does_not_change_the_pixels(name: str, size: int) -> None:
    pixels = decode(lossless_rgb()[name], Preprocessing(size=size))
    np.testing.assert_array_equal(pixels, fit_pixels(colors(), Preprocessing(size=size)))


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
    gray = colors()[:, :, 0]
    np.testing.assert_array_equal(decode(lossless_gray()[name]), np.stack([gray] * 3, 2))


def test_big_endian_16_bit_tiff_is_scaled() -> None:
    values = np.array([[0, 257, 65535, 32896]], dtype=">u2")
    entries = [(256, 4), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (279, 8)]
    directory = struct.pack(">H", len(entries))
    directory += b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    data = b"MM\0*\0\0\0\x10" + values.tobytes() + directory + b"\0\0\0\0"
    pixels = decode(data, Preprocessing(size=4))
    assert pixels[0, :, 0].tolist() == [0, 1, 255, 128]


def test_cmyk_becomes_rgb() -> None:
    cmyk = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    for container in ("JPEG", "TIFF"):
        red = decode(encode(cmyk, container))
        assert distance(red, np.full_like(red, (255, 0, 0))) < 2


def test_one_bit_is_black_and_white() -> None:
    bits = Image.fromarray(np.indices((40, 40)).sum(0) % 2 == 0)
    for container in ("PNG", "BMP", "TIFF", "PPM", "GIF"):
        assert set(decode(encode(bits, container)).flatten()) == {0, 255}


def test_alpha_is_composited_on_white() -> None:
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
        (encode(Image.new("I;16", (40, 40), 700), "PNG", transparency=700), False),
        (encode(Image.new("I;16", (40, 40), 700), "PNG", transparency=701), True),
        (encode(Image.new("1", (40, 40), 0), "PNG", transparency=0), False),
    ],
)
def test_a_transparent_color_is_white(data: bytes, dark: bool) -> None:
    assert (decode(data).max() < 20) if dark else (decode(data) == 255).all()


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


def test_a_bitmap_whose_fourth_byte_is_never_set_is_opaque() -> None:
    header = struct.pack(
        "<2sIIIIiiHHIIIIII", b"BM", 0, 0, 122, 108, 4, -4, 1, 32, 3, 64, 0, 0, 0, 0
    )
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = (header + masks).ljust(122, b"\0") + b"\x0a\x14\x1e\0" * 16
    assert (decode(data) == (30, 20, 10)).all()


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "lime", "blue")]
    for container, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})):
        data = encode(frames[0], container, save_all=True, append_images=frames[1:], **options)
        assert (decode(data) == (255, 0, 0)).all(), container
    tiff = encode(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    assert (decode(tiff) == (255, 0, 0)).all()


TURNS = {  # how a camera held so sees the upright picture
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize(
    ("container", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("JPEG", {"quality": 95, "subsampling": 0}),
    ],
)
def test_orientation_is_applied_once(
    container: str, options: dict[str, Any], orientation: int
) -> None:
    pixels = np.asarray(photo_like(50, 30))
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(np.ascontiguousarray(TURNS[orientation](pixels)))
    data = encode(turned, container, exif=exif, **options)
    for preprocessing in (Preprocessing(size=20), Preprocessing(size=20, fit="pad")):
        read = decode(data, preprocessing)
        if container == "JPEG":
            assert distance(read, fit_pixels(pixels, preprocessing)) < 3
        else:
            np.testing.assert_array_equal(read, fit_pixels(pixels, preprocessing))


@pytest.mark.parametrize("orientation", TURNS)
def test_orientation_is_right_at_a_reduced_scale(orientation: int) -> None:
    """Sides that no reduction divides: the last column and row stand for less than a pixel."""
    pixels = np.asarray(photo_like(333, 251))
    preprocessing = Preprocessing(size=12)
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(np.ascontiguousarray(TURNS[orientation](pixels)))
    data = encode(turned, "JPEG", quality=95, subsampling=0, exif=exif)
    assert images._jpeg_reduction(251, 333, preprocessing) == 8
    assert distance(decode(data, preprocessing), fit_pixels(pixels, preprocessing)) < 1


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
    data = encode(upright(), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif
    np.testing.assert_array_equal(decode(data[:2] + segment + data[2:]), decode(data))


# --------------------------------------------------------------------------------- fit


def plain_resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return what one call of Pillow makes of the pixels: the reference."""
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def test_pixels_of_the_right_size_stay_as_they_are() -> None:
    for fit in ("squash", "crop", "pad"):
        pixels = fit_pixels(colors(), Preprocessing(size=40, fit=fit))
        np.testing.assert_array_equal(pixels, colors())


def test_squash_ignores_the_aspect_ratio() -> None:
    pixels = np.asarray(photo_like(97, 130))
    np.testing.assert_array_equal(fit_pixels(pixels, FIVE), plain_resize(pixels, (5, 5)))


@pytest.mark.parametrize(("height", "width"), [(20, 31), (31, 20), (7, 8), (1, 9)])
def test_crop_takes_the_largest_centered_square(height: int, width: int) -> None:
    pixels = np.asarray(photo_like(height, width))
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    fitted = fit_pixels(pixels, Preprocessing(size=5, fit="crop"))
    np.testing.assert_array_equal(fitted, plain_resize(square, (5, 5)))


def test_pad_adds_white_bars() -> None:
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
    image = photo_like().convert(mode)
    container = "TIFF" if mode == "CMYK" else "PNG"
    data = encode(image, container)
    whole = decode(data, Preprocessing(size=20, fit=fit))
    monkeypatch.setattr(images, "_BAND_PIXELS", 1000)
    np.testing.assert_array_equal(decode(data, Preprocessing(size=20, fit=fit)), whole)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), dtype=np.uint8),
        np.zeros((4, 4, 4), dtype=np.uint8),
        np.zeros((4, 4, 3), dtype=np.float64),
        np.zeros((0, 4, 3), dtype=np.uint8),
    ],
)
def test_pixels_of_another_shape_are_a_bug(pixels: Any) -> None:
    with pytest.raises(ValueError, match="pixels must be uint8"):
        fit_pixels(pixels, FIVE)


@settings(max_examples=50, deadline=None)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    size=st.integers(1, 40),
    fit=st.sampled_from(["squash", "crop", "pad"]),
)
def test_any_size_fits(height: int, width: int, size: int, fit: Any) -> None:
    flat = np.full((height, width, 3), (9, 99, 199), dtype=np.uint8)
    pixels = fit_pixels(flat, Preprocessing(size, fit))
    color = (pixels == (9, 99, 199)).all(axis=2)
    assert pixels.shape == (size, size, 3)
    assert color.any() if fit == "pad" else color.all()


# --------------------------------------------------------------------------------- JPEG


def test_a_reduced_scale_stays_within_a_gray_level() -> None:
    """The bound that chose the margin: a mean difference of one level from a full decode."""
    for (height, width), reduction in {(330, 350): 2, (660, 701): 4, (1301, 1290): 8}.items():
        image = photo_like(height, width)
        for options in ({}, {"progressive": True}, {"subsampling": 0}):
            data = encode(image, "JPEG", quality=90, **options)
            assert images._jpeg_reduction(width, height, Preprocessing()) == reduction
            full = plain_resize(np.asarray(Image.open(io.BytesIO(data))), (64, 64))
            assert distance(decode(data, Preprocessing()), full) < 1


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_reduced_scale_keeps_place_and_color(fit: Any, mode: str) -> None:
    image = photo_like(411, 603).convert(mode)
    preprocessing = Preprocessing(size=16, fit=fit)
    data = encode(image, "JPEG", quality=95)
    full = decode(encode(image, "TIFF"), preprocessing)
    assert distance(decode(data, preprocessing), full) < 1.5


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_the_reduction_leaves_enough_pixels(fit: Any) -> None:
    preprocessing = Preprocessing(size=10, fit=fit)
    for width in (1, 9, 49, 50, 99, 100, 199, 200, 5000):
        for height in (1, 30, 77, 130, 201):
            reduction = images._jpeg_reduction(width, height, preprocessing)
            side = max(width, height) if fit == "pad" else min(width, height)
            assert reduction in (1, 2, 4, 8)
            assert reduction == 1 or side / reduction >= images._DRAFT_MARGIN * 10


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimize": True},
        {"progressive": True},
        {"restart_marker_rows": 1},
        {"restart_marker_blocks": 3, "optimize": True},
        {"subsampling": 0, "quality": 100},
        {"quality": 1, "optimize": True},
    ],
)
@pytest.mark.parametrize("gray", [0, 127, 128, 129, 255])
def test_a_picture_that_ends_flat_is_whole(options: dict[str, Any], gray: int) -> None:
    """The gray of missing blocks, and zero bits for flat ones, are no proof of damage."""
    for mode in ("L", "RGB", "CMYK"):
        for rows in (97, 50, 0):
            pixels = np.array(photo_like())
            pixels[rows:] = gray
            image = Image.fromarray(pixels).convert(mode)
            read = decode(encode(image, "JPEG", **options), Preprocessing(size=97))
            assert read.shape == (97, 97, 3)
    large = Image.new("RGB", (2000, 2000), (gray, gray, gray))
    decode(encode(large, "JPEG", **options))


def test_a_jpeg_of_a_scan_for_each_component_is_looked_at_to_the_end() -> None:
    """Built of three gray pictures: Pillow does not write such files."""
    planes = [encode(plane, "JPEG") for plane in photo_like(64, 64).convert("YCbCr").split()]
    first = planes[0]
    frame, scan = first.index(b"\xff\xc0"), first.index(b"\xff\xda")
    start = first[:frame] + b"\xff\xc0\0\x11\x08\0\x40\0\x40\3\1\x11\0\2\x11\0\3\x11\0"
    start += first[frame + 13 : scan]
    scans = [
        b"\xff\xda\0\x08\1"
        + bytes([number, 0, 0, 63, 0])
        + plane[plane.index(b"\xff\xda") + 10 : -2]
        for number, plane in enumerate(planes, 1)
    ]
    whole = start + b"".join(scans) + b"\xff\xd9"
    full = fit_pixels(np.asarray(photo_like(64, 64)), NATIVE)
    assert distance(decode(whole), full) < 6
    short = start + scans[0] + scans[1] + scans[2][:-30] + b"\xff\xd9"
    missing = start + scans[0] + scans[1] + b"\xff\xd9"
    for data in (short, missing):
        with pytest.raises(PictureError, match="truncated"):
            decode(data)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no photos beside the repository")
def test_no_photo_is_refused_and_each_is_close_to_a_full_decode() -> None:
    paths = sorted(PHOTOS.rglob("*.jpg"))
    for path in paths:
        full = plain_resize(np.asarray(Image.open(path).convert("RGB")), (64, 64))
        assert distance(read_picture(path, Preprocessing()), full) < 1


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no photos beside the repository")
def test_a_photo_cut_and_closed_is_refused() -> None:
    for path in sorted(PHOTOS.rglob("*.jpg"))[::10]:
        data = path.read_bytes()
        for part in (0.3, 0.6, 0.9):
            with pytest.raises(PictureError, match="truncated"):
                decode(data[: int(len(data) * part)] + b"\xff\xd9")


# --------------------------------------------------------------------------------- bad files


def outcome(file: Path | bytes) -> Pixels | PictureError:
    """Return what reading gives; any other error than ours is raised."""
    try:
        return decode(file, FIVE) if isinstance(file, bytes) else read_picture(file, FIVE)
    except PictureError as error:
        return error


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return bad_pictures(tmp_path_factory.mktemp("bad"))


@cache
def _names() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        return [case.name for case in bad_pictures(Path(folder))]


@pytest.mark.parametrize("number", range(len(_names())), ids=_names())
def test_a_bad_file_is_read_or_refused_in_a_few_words(
    corpus: list[Case], number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    case = corpus[number]
    result = outcome(case.path)
    assert capsys.readouterr() == ("", "")
    if not isinstance(result, PictureError):
        assert case.expect == "either"
        assert result.shape == (5, 5, 3)
        return
    assert result.where == str(case.path)
    assert 5 < len(result.what) < 100
    assert result.what.isprintable()
    assert result.fix is not None
    assert result.fix.endswith(".")
    assert result.__cause__ is None


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("empty.jpg", "empty file"),
        ("lfs.jpg", "a Git LFS pointer, not the file itself\nRun 'git lfs pull'."),
        ("photo.heic", "HEIC pictures are not supported\nConvert it to JPEG or PNG."),
        ("cut-50-baseline.jpg", "not a readable picture (truncated)\nDelete or replace it."),
        ("closed-50-baseline.jpg", "not a readable picture (truncated)"),
        ("half-stream.png", "not a readable picture (truncated)"),
        ("wrong-idat-crc.png", "not a readable picture (damaged: wrong checksum)"),
        ("claims-13300.png", "too large: 13300 x 13300 pixels, more than 50 million"),
        ("pipe.jpg", "not a regular file"),
        ("dangling.jpg", "a link to a file that is not there"),
        ("missing.jpg", "no such file"),
        ("loop.jpg", "a loop of links"),
        ("folder.jpg", "a folder, not a file"),
        ("huge.jpg", "too large: more than 128 MiB"),
    ],
)
def test_the_message_says_what_is_wrong(corpus: list[Case], name: str, phrase: str) -> None:
    case = next(case for case in corpus if case.name == name)
    with pytest.raises(PictureError) as caught:
        read_picture(case.path, FIVE)
    assert str(caught.value).startswith(f"{case.path}: {phrase}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").touch(mode=0)
    with pytest.raises(PictureError, match="permission denied"):
        read_picture(tmp_path / "cat.jpg", FIVE)


def test_a_path_and_its_text_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "-猫 \n.JPG"
    path.write_bytes(encode(upright(), "PNG"))
    np.testing.assert_array_equal(read_picture(path, NATIVE), read_picture(str(path), NATIVE))


def test_a_link_to_a_picture_is_read(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(encode(upright(), "PNG"))
    (tmp_path / "link.png").symlink_to("cat.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "link.png", NATIVE), upright())


def test_too_many_bytes_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(upright(), "PNG")
    assert MAX_BYTES < 2**28
    monkeypatch.setattr(images, "MAX_BYTES", len(data))
    decode(data)
    monkeypatch.setattr(images, "MAX_BYTES", len(data) - 1)
    with pytest.raises(PictureError, match="too large"):
        decode(data)


def test_no_memory_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(images, "_decode_png", fail)
    with pytest.raises(PictureError, match="memory"):
        decode(encode(upright(), "PNG"))


def test_a_huge_jpeg_is_read_at_a_reduced_scale() -> None:
    side = 8000
    assert side * side > MAX_PIXELS
    data = encode(Image.new("RGB", (side, side), (200, 100, 50)), "JPEG")
    pixels = decode(data, Preprocessing())
    assert distance(pixels, np.full_like(pixels, (200, 100, 50))) < 2


MUTABLE = [name for name in good_files() if not name.startswith("plain")]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_to_a_file_gives_a_result_or_an_error(data: st.DataObject) -> None:
    whole = good_files()[data.draw(st.sampled_from(MUTABLE))]
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(changed) - 1))
        new = data.draw(st.binary(max_size=4))
        changed[at : at + data.draw(st.integers(0, 4))] = new
        if not changed:
            break
    result = outcome(bytes(changed))
    assert isinstance(result, PictureError) or result.shape == (5, 5, 3)


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from(
        (
            *(b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*"),
            *(b"RIFF\0\0\0\0WEBPVP8 ", b"P3 ", b"P6 ", b"II+\0"),
        )
    ),
    rest=st.binary(max_size=300),
)
def test_any_bytes_give_a_result_or_an_error(start: bytes, rest: bytes) -> None:
    result = outcome(start + rest)
    assert isinstance(result, PictureError) or result.shape == (5, 5, 3)


# --------------------------------------------------------------------------------- side effects


def test_nothing_global_changes() -> None:
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, warnings.filters[:])
    for data in good_files().values():
        decode(data)
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, warnings.filters[:]) == before
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    assert logging.getLogger("PIL").level == logging.NOTSET


def test_odd_tiff_metadata_neither_fails_nor_warns() -> None:
    """Pillow warns of a tag that holds more than it should; warnings are errors here."""
    tiff = encode(upright(), "TIFF", tiffinfo={305: "a program"})
    (start,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, start)
    entries = range(start + 2, start + 2 + 12 * count, 12)
    entry = next(at for at in entries if struct.unpack_from("<H", tiff, at)[0] == 305)
    odd = tiff[: entry + 4] + struct.pack("<II", 5000, 2**31) + tiff[entry + 12 :]
    with pytest.warns(UserWarning, match="tag|corrupt|Truncated"):
        Image.open(io.BytesIO(odd)).load()
    np.testing.assert_array_equal(decode(odd), upright())


def test_threads_do_not_disturb_each_other() -> None:
    files = list(good_files().values()) * 4
    alone = [decode(data) for data in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(decode, files))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    assert threading.active_count() == 1


def test_a_jpeg_needs_one_plugin() -> None:
    """Each plugin that is imported is time before the first answer."""
    script = (
        "import sys; from catclf.pictures import Preprocessing, decode_picture as decode;"
        "decode(sys.stdin.buffer.read(), Preprocessing(), '-');"
        "print(*sorted(m for m in sys.modules if m.endswith('Plugin')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=encode(upright(), "JPEG"), capture_output=True
    )
    assert done.stderr == b""
    assert done.stdout.split() == [b"PIL.JpegImagePlugin"]


def test_the_decoders_needed_are_there() -> None:
    assert all(features.check(name) for name in ("jpg", "zlib", "webp"))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("cat.jpg", True),
        ("CAT.JPEG", True),
        ("a/b.c/cat.Png", True),
        ("cat.tiff", True),
        ("cat.heic", True),
        ("cat.NEF", True),
        ("cat.svg", True),
        ("cat.txt", False),
        ("cat", False),
        ("jpg", False),
        (".jpg", False),
        ("cat.jpg.part", False),
        ("Thumbs.db", False),
        (".DS_Store", False),
        ("labels.csv", False),
    ],
)
def test_pictures_are_told_by_their_suffix(name: str, answer: bool) -> None:
    assert looks_like_picture(name) is answer
