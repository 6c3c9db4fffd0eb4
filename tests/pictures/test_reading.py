"""Reading a picture of any format and kind of input, and refusing what is no whole picture."""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.pictures import reading
from catclf.pictures.pixels import fit_pixels
from catclf.pictures.reading import (
    DECODERS,
    MAX_BYTES,
    decode_picture,
    one_or_many,
    pixels_of,
    read_picture,
)
from corpus.good_pictures import adam7_png, encode, good_files, idat, photo_like, png
from corpus.pictures import BAD_FILES, odd_paths
from pictures.decoding import SIZE_5, colors, decode, photo_40

LARGER = 140  # than the good files: no JPEG of them is decoded at a reduced scale

# ------------------------------------------------------------------------------------- every format


@pytest.mark.parametrize("name", good_files())
@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_every_format_is_read_as_pillow_reads_it(name: str, fit: Any) -> None:
    """In each mode; a file that Pillow has opened gives the same pixels."""
    data, preprocessing = good_files()[name], Preprocessing(size=LARGER, fit=fit)
    pixels = decode(data, preprocessing)
    assert pixels.shape == (LARGER, LARGER, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(pixels_of(image, preprocessing), pixels)


def lossless_rgb() -> dict[str, bytes]:
    image = Image.fromarray(colors())
    opaque = image.convert("RGBA")
    palette = image.quantize(256, dither=Image.Dither.NONE)
    deep = b"".join(b"\0" + np.repeat(row, 2).tobytes() for row in colors())
    return {
        "png": encode(image, "PNG"),
        "png, alpha": encode(opaque, "PNG"),
        "png, palette": encode(palette, "PNG"),
        "png, interlaced": adam7_png(colors()),
        "png, 16 bits": png(40, 40, 16, 2, idat(deep)),
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
    """The same picture gives the same column whatever its container."""
    pixels = decode(lossless_rgb()[name], Preprocessing(size=size))
    np.testing.assert_array_equal(pixels, fit_pixels(colors(), Preprocessing(size=size)))


def test_an_animation_gives_its_first_frame() -> None:
    """In each container that holds animations, or pages."""
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "lime", "blue")]
    for container in ("GIF", "PNG", "WEBP", "TIFF"):
        options: dict[str, Any] = {"lossless": True} if container == "WEBP" else {}
        data = encode(frames[0], container, save_all=True, append_images=frames[1:], **options)
        assert (decode(data) == (255, 0, 0)).all(), container


# ------------------------------------------------------------------------------------------ inputs


def test_a_path_a_text_a_stream_and_an_array_give_the_same(tmp_path: Path) -> None:
    """However a picture is handed over, its pixels are the same."""
    path = tmp_path / "-猫 \n.JPG"  # its name does not matter
    photo = photo_like()
    path.write_bytes(encode(photo, "PNG"))
    expected = read_picture(path, SIZE_5)
    with open(path, "rb") as stream:
        for image in (path, str(path), stream, photo, np.asarray(photo)):
            np.testing.assert_array_equal(pixels_of(image, SIZE_5), expected)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_is_applied_to_an_opened_file_once(container: str, orientation: int) -> None:
    """Whether Pillow has decoded, copied, converted or already turned it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(photo_like(), container, exif=exif)
    preprocessing = Preprocessing(size=LARGER)
    expected = decode(data, preprocessing)

    def opened() -> Image.Image:
        return Image.open(io.BytesIO(data))

    decoded = opened()
    decoded.load()
    turned = ImageOps.exif_transpose(opened())
    for image in (opened(), decoded, opened().copy(), opened().convert("RGB"), turned):
        np.testing.assert_array_equal(pixels_of(image, preprocessing), expected)


def test_a_users_image_is_not_changed() -> None:
    """Its size, mode and orientation are what they were."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(encode(photo_like(), "JPEG", exif=exif)))
    size = image.size
    pixels_of(image, SIZE_5)
    assert (image.size, image.mode, image.getexif()[0x0112]) == (size, "RGB", 6)


@given(height=st.integers(1, 30), width=st.integers(1, 30), strided=st.booleans())
def test_an_array_of_any_size_is_fitted(height: int, width: int, strided: bool) -> None:
    """As the PIL image of it is; a view of a larger array too."""
    rng = np.random.default_rng(height * width)
    pixels = rng.integers(0, 256, (2 * height, 2 * width, 3), dtype=np.uint8)
    pixels = pixels[::2, ::-2] if strided else np.ascontiguousarray(pixels[:height, :width])
    image = Image.fromarray(np.ascontiguousarray(pixels))
    np.testing.assert_array_equal(pixels_of(pixels, SIZE_5), pixels_of(image, SIZE_5))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "RGBA", "RGBa", "CMYK", "YCbCr"])
def test_an_image_of_any_mode_is_brought_to_rgb(mode: str) -> None:
    """What Pillow converts is converted."""
    gray = photo_40().convert("L")
    with_alpha = {"La": "LA", "RGBa": "RGBA"}  # what Pillow converts to premultiplied pixels
    image = gray.convert(with_alpha.get(mode, "L")).convert(mode)
    assert pixels_of(image, SIZE_5).shape == (5, 5, 3)


WRONG_SHAPES = [(8, 8), (8, 8, 4), (0, 8, 3), (3, 8, 8), (3,)]


@pytest.mark.parametrize(
    "pixels", [*(np.zeros(shape, np.uint8) for shape in WRONG_SHAPES), np.zeros((8, 8, 3))]
)
def test_an_array_of_another_shape_or_type_is_a_value_error(pixels: Any) -> None:
    """It says what is required, then what it got."""
    with pytest.raises(ValueError, match=r"must be uint8 \(height, width, 3\), got "):
        pixels_of(pixels, SIZE_5)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (Image.open(io.BytesIO(encode(photo_like(), "PNG")[:2000])), ".*truncated"),
        (Image.new("F", (8, 8), 3.5), "floating-point pixels"),
    ],
)
def test_an_image_without_pixels_of_8_bits_is_a_picture_error(
    image: Image.Image, said: str
) -> None:
    """Pillow decodes an opened file when its pixels are asked for, and it may fail then."""
    with pytest.raises(PictureError, match=f"^-: {said}"):
        pixels_of(image, SIZE_5)


@pytest.mark.parametrize("image", [None, 2.5, b"\x89PNG", bytearray(b"x"), memoryview(b"x")])
def test_what_is_no_picture_is_a_type_error(image: Any) -> None:
    """It names what is accepted, the type it got, and where the bytes of a file go."""
    message = f"a path, a PIL image.*got {type(image).__name__}"
    message += r" \(put it into io.BytesIO" if hasattr(image, "__len__") else "$"
    for function in (one_or_many, partial(pixels_of, preprocessing=SIZE_5)):
        with pytest.raises(TypeError, match=message):
            function(image)


@pytest.mark.parametrize(
    ("image", "said"), [(["a.png"], "got list"), (io.StringIO("cat"), "a stream must be binary")]
)
def test_a_list_or_a_text_stream_is_no_picture(image: Any, said: str) -> None:
    """A list has no pixels of its own, nor has a file that was opened without "b"."""
    with pytest.raises(TypeError, match=said):
        pixels_of(image, SIZE_5)


def test_a_stream_that_fails_is_a_picture_error() -> None:
    """A disk may fail while a file is read."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(PictureError, match=r"^-: cannot be read \(Input/output error\)"):
        pixels_of(Failing(), SIZE_5)


ARRAY = np.zeros((4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    "image",
    ["cat.jpg", Path("cat.jpg"), np.str_("cat.jpg"), Image.new("L", (1, 1)), io.BytesIO(), ARRAY],
    ids=lambda image: type(image).__name__,
)
def test_one_picture_is_one(image: Any) -> None:
    """A text is not its characters, a stream not its lines, an array not its rows."""
    [only] = one_or_many(image)
    assert only is image


@pytest.mark.parametrize(
    "images",
    [["a.png", Path("b")], ("a.png", ARRAY), {"a.png": 1}, np.array(["a.png", "b"]), ARRAY[None]],
    ids=["list", "tuple", "dict", "array of texts", "batch"],
)
def test_an_iterable_of_pictures_is_its_items(images: Any) -> None:
    """A batch (k, h, w, 3) is k arrays."""
    assert one_or_many(images) is images


# ---------------------------------------------------------------------------------------- bad files


MESSAGES = {
    "empty.jpg": "empty file",
    "zeros.jpg": "not a readable picture (nothing but zeros)",
    "lfs.jpg": "a Git LFS pointer, not the file itself\nRun 'git lfs pull'.",
    "noise.jpg": "not a picture of a supported format (JPEG, PNG, WebP, BMP, GIF, TIFF",
    "page.jpg": "is a web page, not a picture\nName a picture, or a folder of pictures.",
    "film.jpg": "is a video, not a picture\nName a picture, or a folder of pictures.",
    "zip.jpg": "is an archive, not a picture",
    "photo.jp2": "JPEG 2000 pictures are not supported\nConvert it to JPEG or PNG.",
    "iphone-app.png": "PNG pictures that were rewritten for an iPhone app (CgBI) are not supported",
    "twelve-bit.jpg": "JPEG pictures of 12 bits are not supported\nConvert it to JPEG or PNG.",
    "lossless.jpg": "lossless and hierarchical JPEG pictures are not supported",
    "jpeg-ls.jpg": "lossless and hierarchical JPEG pictures are not supported",
    "cut-50-baseline.jpg": "not a readable picture (truncated)\nFetch it again, or",
    "closed-50-baseline.jpg": "not a readable picture (truncated)",
    "half-stream.png": "not a readable picture (truncated)",
    "wrong-idat-crc.png": "not a readable picture (damaged: wrong checksum)",
    "claims-13300.png": "too large: 13300 x 13300 pixels, more than 110 million",
    "pipe.jpg": "not a regular file",
    "dangling.jpg": "a link to a file that is not there",
    "missing.jpg": "no such file",
    "loop.jpg": "a loop of links",
    "folder.jpg": "a folder, not a file",
    "huge.jpg": "too large: more than 256 MiB",
}


def assert_refused(error: PictureError, where: str) -> None:
    """Assert that an error says in a few words what is wrong, where, and how to fix it."""
    assert error.where == where
    assert 5 < len(error.what) < 110
    assert error.what.isprintable()
    assert (error.fix or "").endswith(".")
    assert error.__cause__ is None
    assert f"{error.what}\n{error.fix}".startswith(MESSAGES.get(os.path.basename(where), ""))


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_in_a_few_words(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Or read, where its damage cannot be known; nothing is warned of, nor printed from C."""
    for name, data, expect in BAD_FILES[kind]():
        try:
            assert decode_picture(data, SIZE_5, name).shape == (5, 5, 3)
            assert expect == "either", name
        except PictureError as error:
            assert_refused(error, name)
        assert capfd.readouterr() == ("", ""), name


def test_a_path_to_no_regular_file_is_refused(tmp_path: Path) -> None:
    """Whatever stands there, and however it is called."""
    for path in odd_paths(tmp_path):
        with pytest.raises(PictureError) as caught:
            read_picture(path, SIZE_5)
        assert_refused(caught.value, str(path))


def test_too_many_bytes_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a stream too, which has no size before it is read."""
    data = encode(photo_40(), "PNG")
    assert MAX_BYTES <= 2**28
    monkeypatch.setattr(reading, "MAX_BYTES", len(data))
    decode(data)
    monkeypatch.setattr(reading, "MAX_BYTES", len(data) - 1)
    with pytest.raises(PictureError, match="too large"):
        decode(data)


def test_no_memory_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture may be whole, and too large for this machine."""

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setitem(DECODERS, "PNG", fail)
    with pytest.raises(PictureError, match="memory"):
        decode(encode(photo_40(), "PNG"))


@settings(max_examples=100, deadline=None)
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
    """Whatever follows the signature of a format."""
    with suppress(PictureError):
        assert decode(start + rest, SIZE_5).shape == (5, 5, 3)


# ------------------------------------------------------------------------------------- side effects


def test_nothing_global_changes() -> None:
    """A program that uses Pillow itself finds its settings, and Python's warnings, as they were."""
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, warnings.filters[:])
    for data in good_files().values():
        decode(data)
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, warnings.filters[:]) == before
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    assert logging.getLogger("PIL").level == logging.NOTSET


def test_threads_do_not_disturb_each_other() -> None:
    """Nor do they leave threads behind."""
    before = threading.active_count()
    files = list(good_files().values()) * 4
    alone = [decode(data) for data in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(decode, files))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    assert threading.active_count() == before
