"""Any picture as pixels: files, streams, PIL images and arrays give the same."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.pictures.reading import one_or_many, pixels_of, read_picture
from corpus.good_pictures import encode, good_files, photo_like
from pictures.decoding import SIZE_5, SIZE_40, decode, photo_40

LARGER = 140  # than the good files: no JPEG of them is decoded at a reduced scale


@pytest.mark.parametrize("name", good_files())
@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_a_file_opened_by_pillow_gives_what_the_file_gives(name: str, fit: Any) -> None:
    """In every format, orientation and mode."""
    data, preprocessing = good_files()[name], Preprocessing(size=LARGER, fit=fit)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(
            pixels_of(image, preprocessing), decode(data, preprocessing), err_msg=name
        )


def test_a_path_a_text_a_stream_and_an_array_give_the_same(tmp_path: Path) -> None:
    """However a picture is handed over, its pixels are the same."""
    path = tmp_path / "cat.png"
    photo = photo_like()
    photo.save(path)
    expected = read_picture(path, SIZE_5)
    with open(path, "rb") as stream:
        for image in (path, str(path), stream, photo, np.asarray(photo)):
            np.testing.assert_array_equal(pixels_of(image, SIZE_5), expected)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
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


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "RGBA", "RGBa", "CMYK", "YCbCr", "I"])
def test_an_image_of_any_mode_is_brought_to_rgb(mode: str) -> None:
    """What Pillow converts is converted."""
    gray = photo_40().convert("L")
    with_alpha = {"La": "LA", "RGBa": "RGBA"}  # what Pillow converts to premultiplied pixels
    image = gray.convert(with_alpha.get(mode, "L")).convert(mode)
    assert pixels_of(image, SIZE_5).shape == (5, 5, 3)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8)),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 3)),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros(3, np.uint8),
    ],
    ids=lambda pixels: f"{pixels.dtype} {pixels.shape}",
)
def test_an_array_of_another_shape_or_type_is_a_value_error(pixels: Any) -> None:
    """It says what is required, then what it got."""
    with pytest.raises(ValueError, match=r"must be uint8 \(height, width, 3\), got "):
        pixels_of(pixels, SIZE_5)


def test_a_truncated_file_opened_by_pillow_is_a_picture_error() -> None:
    """Pillow decodes an opened file when its pixels are asked for, and it may fail then."""
    image = Image.open(io.BytesIO(encode(photo_like(), "PNG")[:2000]))
    with pytest.raises(PictureError, match=r"^-: .*truncated"):
        pixels_of(image, SIZE_5)


def test_numbers_out_of_range_are_a_picture_error() -> None:
    """An image of floats has no 8 bits to be brought to."""
    with pytest.raises(PictureError, match=r"^-: floating-point pixels"):
        pixels_of(Image.new("F", (8, 8), 3.5), SIZE_5)


@pytest.mark.parametrize("image", [None, 1, 2.5, b"\x89PNG", bytearray(b"x"), ["a.png"], object()])
def test_what_is_no_picture_is_a_type_error(image: Any) -> None:
    """It names what is accepted, and the type it got."""
    with pytest.raises(TypeError, match=f"a path, a PIL image.*got {type(image).__name__}"):
        pixels_of(image, SIZE_5)


def test_a_text_stream_is_a_type_error() -> None:
    """A file that was opened without "b" holds no picture."""
    with pytest.raises(TypeError, match="a stream must be binary"):
        pixels_of(io.StringIO("cat"), SIZE_40)  # type: ignore[arg-type]


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


@pytest.mark.parametrize("images", [None, 1, b"\x89PNG", memoryview(b"x"), object()])
def test_what_is_neither_is_a_type_error(images: Any) -> None:
    """It names what is accepted, and the type it got."""
    message = f"a path, a PIL image.*or an iterable of them, got {type(images).__name__}"
    with pytest.raises(TypeError, match=message):
        one_or_many(images)


@pytest.mark.parametrize("data", [b"x", bytearray(b"x")])
def test_bytes_are_told_where_to_go(data: Any) -> None:
    """The bytes of a file are a picture in a stream."""
    for function in (one_or_many, lambda image: pixels_of(image, SIZE_5)):
        with pytest.raises(TypeError, match="BytesIO"):
            function(data)
