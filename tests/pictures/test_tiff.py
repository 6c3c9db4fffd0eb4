"""TIFF: of any arrangement of samples the picture is right, or refused as what it is."""

from __future__ import annotations

import io
import re
import struct
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from catclf.errors import PictureError
from catclf.features import Preprocessing
from corpus.good_pictures import encode
from corpus.tiff import CMYK, DEFLATE, FLOAT, GRAY, LAB, PALETTE, RGB, SIGNED, YCBCR, tiff
from pictures.decoding import decode, photo_40

WHITE_IS_ZERO = 0
UNSPECIFIED, PREMULTIPLIED, ALPHA = 0, 1, 2  # extra samples


def noise(count: int, bits: int) -> NDArray[Any]:
    """Return samples of all values of so many bits."""
    kind = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    values = np.random.default_rng(bits).integers(0, 2**bits, (40, 40, count))
    return values.astype(kind)


def rgb_of(samples: NDArray[Any], bits: int, photometric: int, extra: int | None) -> Any:
    """Return the colors, 0 to 255, as TIFF 6.0 tells."""
    values = samples / (2**bits - 1)
    if photometric == CMYK:
        return 255 * (1 - values[..., :3]) * (1 - values[..., 3:4])
    count = 3 if photometric == RGB else 1
    color, alpha = values[..., :count], values[..., count : count + 1]
    if photometric == WHITE_IS_ZERO:
        color = 1 - color
    if extra == PREMULTIPLIED:
        color = np.minimum(color, alpha) + 1 - alpha
    elif extra == ALPHA:
        color = color * alpha + 1 - alpha
    return 255 * np.broadcast_to(color, (40, 40, 3))


ARRANGEMENTS = {
    **{f"{bits} bits, gray": (noise(1, bits), bits, GRAY, None) for bits in (1, 2, 4, 8, 12, 16)},
    **{
        f"{bits} bits, white is zero": (noise(1, bits), bits, WHITE_IS_ZERO, None)
        for bits in (1, 2, 4, 8, 12, 16)
    },
    **{f"{bits} bits, RGB": (noise(3, bits), bits, RGB, None) for bits in (4, 8, 12, 16)},
    **{f"{bits} bits, CMYK": (noise(4, bits), bits, CMYK, None) for bits in (8, 16)},
    **{
        f"{bits} bits, RGB, extra {extra}": (noise(4, bits), bits, RGB, extra)
        for bits in (8, 16)
        for extra in (UNSPECIFIED, PREMULTIPLIED, ALPHA)
    },
    **{
        f"8 bits, gray, extra {extra}": (noise(2, 8), 8, GRAY, extra)
        for extra in (UNSPECIFIED, PREMULTIPLIED, ALPHA)
    },
    "8 bits, white is zero, alpha": (noise(2, 8), 8, WHITE_IS_ZERO, ALPHA),
    "16 bits, gray, alpha": (noise(2, 16), 16, GRAY, ALPHA),
}
READ: dict[str, dict[str, Any]] = {
    "plain": {}, "big-endian": {"order": ">"}, "deflate": {"compression": DEFLATE},
    "predictor": {"compression": DEFLATE, "predictor": 2}, "from the low bit": {"fill_order": 2},
    "planar": {"planar": True}, "planar, big-endian": {"planar": True, "order": ">"},
    "planar, deflate": {"planar": True, "compression": DEFLATE},
    "planar, from the low bit": {"planar": True, "fill_order": 2},
}  # fmt: skip


@pytest.mark.parametrize("how", READ)
@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_samples_are_read_right_or_refused_as_what_they_are(name: str, how: str) -> None:
    """None comes out wrong, and no intact file is called damaged."""
    samples, bits, photometric, extra = ARRANGEMENTS[name]
    options = dict(READ[how])
    if options.get("predictor") == 2 and bits not in (8, 16):
        return
    if extra == PREMULTIPLIED:
        samples = np.minimum(samples, samples[..., -1:])
    if extra is not None:
        options["t338"] = [extra]
    data = tiff(samples, photometric, bits=bits, **options)
    pixels, refused = None, None
    try:
        pixels = decode(data)
    except PictureError as error:
        refused = f"{error.what}\n{error.fix}"
    if pixels is None:
        assert name not in MUST_BE_READ or how not in ("plain", "big-endian", "deflate")
        kind = f"TIFF pictures of this kind \\({samples.shape[2]} x {bits} bit.* are not supported"
        assert re.fullmatch(f"{kind}\nConvert it to JPEG or PNG.", refused or "")
    else:
        # Two roundings where 16 bits are cut before alpha is applied.
        right = rgb_of(samples, bits, photometric, extra)
        np.testing.assert_allclose(pixels, right, atol=3.5 if bits == 16 else 1)


MUST_BE_READ = [
    *(f"{bits} bits, gray" for bits in (1, 2, 4, 8, 16)),
    *(f"{bits} bits, white is zero" for bits in (1, 2, 4, 8)),
    *(f"{bits} bits, RGB" for bits in (8, 16)),
    *(f"{bits} bits, RGB, extra {ALPHA}" for bits in (8, 16)),
    "8 bits, CMYK", f"8 bits, gray, extra {ALPHA}",
]  # fmt: skip


REFUSED = {
    "1 x 8 bits signed, gray": tiff(noise(1, 8), GRAY, sample_format=SIGNED),
    "1 x 16 bits signed, gray": tiff(noise(1, 16), GRAY, sample_format=SIGNED),
    "1 x 16 bits, white is zero": tiff(noise(1, 16), WHITE_IS_ZERO),
    "3 x 16 bits, RGB, planar": tiff(noise(3, 16), RGB, planar=True),
    "1 x 12 bits, gray": tiff(noise(1, 12), GRAY, bits=12),
    "3 x 32 bits floating-point, RGB": tiff(
        np.random.default_rng(0).random((40, 40, 3), np.float32), RGB, sample_format=FLOAT
    ),
    "1 x 64 bits floating-point, gray": tiff(
        np.random.default_rng(0).random((40, 40, 1)), GRAY, sample_format=FLOAT
    ),
    "4 x 8 bits, gray": tiff(noise(4, 8), GRAY, t338=[0, 0, 0]),
    "5 x 16 bits, RGB": tiff(noise(5, 16), RGB, t338=[0, 0]),
    "9 x 8 bits, gray": tiff(noise(9, 8), GRAY, t338=[0] * 8),
    "1 x 16 bits, palette": tiff(noise(1, 16), PALETTE, t320=[256] * 3 * 2**16),
    "1 x 8 bits, palette": tiff(noise(1, 8), PALETTE, t320=[255] * 3 * 2**8),
    "3 x 8 bits, YCbCr": tiff(noise(3, 8), YCBCR, t530=[2, 2]),
    "3 x 8 bits, CIELab": tiff(noise(3, 8), LAB),
    "1 x 16 bits, raw sensor": tiff(noise(1, 16), 32803),
    "3 x 8 bits, RGB, compression 34712": tiff(noise(3, 8), RGB, compression=34712),
}


@pytest.mark.parametrize("facts", REFUSED)
def test_what_is_not_read_is_told_by_its_samples(facts: str) -> None:
    """It may be whole: to fetch it again would not help."""
    with pytest.raises(PictureError) as caught:
        decode(REFUSED[facts])
    assert caught.value.what == f"TIFF pictures of this kind ({facts}) are not supported"


def test_a_camera_raw_file_is_not_its_preview() -> None:
    """A DNG, or a file whose first page is a reduced one with the picture in a directory below."""
    raw: list[dict[str, Any]] = [{"t50706": [1]}, {"t254": [1], "t330": [8]}]
    for tags in raw:
        with pytest.raises(PictureError, match="camera raw pictures are not supported"):
            decode(tiff(noise(3, 8), RGB, **tags))
    decode(tiff(noise(3, 8), RGB, t254=[1]))


@pytest.mark.parametrize("highest", [255, 1023, 4095])
def test_deep_samples_that_use_few_bits_are_refused(highest: int) -> None:
    """They would come out black, or nearly; PNG holds such samples too."""
    gray = np.random.default_rng(0).integers(0, highest + 1, (40, 40, 1)).astype(np.uint16)
    gray[0, 0] = highest
    color = np.repeat(gray, 3, 2)
    opaque = np.concatenate([color, np.full((40, 40, 1), 65535, np.uint16)], 2)
    for data in (
        tiff(gray, GRAY), tiff(gray, GRAY, order=">"), tiff(gray.astype(np.uint32), GRAY),
        tiff(color, RGB), tiff(opaque, RGB, t338=[ALPHA]),
        encode(Image.fromarray(gray[:, :, 0]), "PNG"),
    ):  # fmt: skip
        with pytest.raises(PictureError, match="of 16 bits or more, none of them above 4095"):
            decode(data)


def test_big_endian_16_bit_samples_are_scaled() -> None:
    """Pillow reads them in the other order of bytes."""
    values = np.array([[0, 257, 65535, 32896]], np.uint16)[:, :, None]
    pixels = decode(tiff(values, GRAY, order=">"), Preprocessing(size=4))
    assert pixels[0, :, 0].tolist() == [0, 1, 255, 128]


def test_odd_metadata_neither_fails_nor_warns() -> None:
    """Pillow warns of a tag that holds more than it should; warnings are errors here."""
    data = encode(photo_40(), "TIFF", tiffinfo={305: "a program"})
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = range(start + 2, start + 2 + 12 * count, 12)
    entry = next(at for at in entries if struct.unpack_from("<H", data, at)[0] == 305)
    odd = data[: entry + 4] + struct.pack("<II", 5000, 2**31) + data[entry + 12 :]
    with pytest.warns(UserWarning, match="tag|corrupt|Truncated"):
        Image.open(io.BytesIO(odd)).load()
    np.testing.assert_array_equal(decode(odd), photo_40())


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_a_damaged_file_prints_nothing(compression: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Libtiff writes lines of its own, from C, and does so for Pillow's other users."""
    whole = encode(photo_40(), "TIFF", compression=compression)
    damaged = whole[:200] + b"\xff" * 600 + whole[800:]
    with suppress(PictureError):  # of JPEG data not all damage is known
        decode(damaged)
    assert capfd.readouterr() == ("", "")
    with suppress(OSError):
        Image.open(io.BytesIO(damaged)).load()
    assert capfd.readouterr().err
