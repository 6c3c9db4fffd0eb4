"""JPEG: reduced scales, and data that is not complete."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.pictures.jpeg import REDUCTION_MARGINS, choose_reduction
from catclf.pictures.pixels import MAX_PIXELS, fit_pixels
from catclf.pictures.reading import read_picture
from corpus.good_pictures import encode, photo_like
from pictures.decoding import SIZE_40, decode, distance, photo_40, plain_resize


def test_a_reduced_scale_stays_within_a_gray_level() -> None:
    """The bound that chose the margin: a mean difference of one level from a full decode."""
    for (height, width), reduction in {(330, 350): 2, (660, 701): 4, (1301, 1290): 8}.items():
        image = photo_like(height, width)
        for options in ({}, {"progressive": True}, {"subsampling": 0}):
            data = encode(image, "JPEG", quality=90, **options)
            assert choose_reduction(width, height, Preprocessing()) == reduction
            full = plain_resize(np.asarray(Image.open(io.BytesIO(data))), (64, 64))
            assert distance(decode(data, Preprocessing()), full) < 1


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_reduced_scale_keeps_place_and_color(fit: Any, mode: str) -> None:
    """Whatever the fit and the mode, as a full decode."""
    image = photo_like(411, 603).convert(mode)
    preprocessing = Preprocessing(size=16, fit=fit)
    data = encode(image, "JPEG", quality=95)
    full = decode(encode(image, "TIFF"), preprocessing)
    assert distance(decode(data, preprocessing), full) < 1.5


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_the_reduction_leaves_enough_pixels(fit: Any) -> None:
    """Of sides on either side of each margin."""
    preprocessing = Preprocessing(size=10, fit=fit)
    for width in (1, 9, 49, 50, 99, 100, 199, 200, 5000):
        for height in (1, 30, 77, 130, 201):
            reduction = choose_reduction(width, height, preprocessing)
            side = max(width, height) if fit == "pad" else min(width, height)
            assert reduction in (1, 2, 4, 8)
            assert reduction == 1 or side / reduction >= REDUCTION_MARGINS[reduction] * 10


def test_a_huge_jpeg_is_read_at_a_reduced_scale() -> None:
    """The limit of pixels is for what is decoded."""
    side = 10_500
    assert side * side > MAX_PIXELS
    data = encode(Image.new("L", (side, side), 200), "JPEG")
    pixels = decode(data, Preprocessing())
    assert distance(pixels, np.full_like(pixels, 200)) < 2


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


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("which", [slice(None), slice(1), slice(3, 4), slice(-1, None)])
def test_fill_bytes_before_restart_markers_change_nothing(progressive: bool, which: slice) -> None:
    """T.81, B.1.1.2: any number of bytes FF may stand before any marker."""
    data = encode(photo_like(), "JPEG", restart_marker_rows=1, progressive=progressive)
    parts = re.split(rb"(?=\xff[\xd0-\xd7])", data)
    assert len(parts) >= 7
    first, *restarts = parts
    restarts[which] = [b"\xff\xff" + part for part in restarts[which]]
    filled = b"".join([first, *restarts]).replace(b"\xff\xd9", b"\xff\xff\xd9")
    np.testing.assert_array_equal(decode(filled, Preprocessing()), decode(data, Preprocessing()))


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
    full = fit_pixels(np.asarray(photo_like(64, 64)), SIZE_40)
    assert distance(decode(whole), full) < 6
    short = start + scans[0] + scans[1] + scans[2][:-30] + b"\xff\xd9"
    missing = start + scans[0] + scans[1] + b"\xff\xd9"
    for data in (short, missing):
        with pytest.raises(PictureError, match="truncated"):
            decode(data)


def test_a_photo_is_close_to_a_full_decode_and_refused_where_it_is_cut(photos: Path) -> None:
    """As cameras and programs wrote it; an end marker behind a cut makes no whole picture."""
    for number, path in enumerate(sorted(photos.rglob("*.jpg"))):
        full = plain_resize(np.asarray(Image.open(path).convert("RGB")), (64, 64))
        assert distance(read_picture(path, Preprocessing()), full) < 1
        data = path.read_bytes()
        for part in (0.3, 0.6, 0.9) if number % 10 == 0 else ():
            with pytest.raises(PictureError, match="truncated"):
                decode(data[: int(len(data) * part)] + b"\xff\xd9")


@pytest.mark.parametrize("adobe", ["none", "CMYK", "YCCK"])
def test_cmyk_is_inverted_whether_adobe_says_so_or_not(adobe: str) -> None:
    """As browsers read it: tried in Chromium 150, and so in Firefox's source."""
    data = encode(Image.new("CMYK", (40, 40), (200, 40, 90, 20)), "JPEG", quality=98)
    assert data[2:4] == b"\xff\xee"
    segment = data[2:18]
    kept = {"none": b"", "CMYK": segment, "YCCK": segment[:-1] + b"\2"}[adobe]
    color = (136, 235, 42) if adobe == "YCCK" else (51, 198, 152)  # as Chromium 150 shows it
    pixels = decode(data[:2] + kept + data[18:])
    assert distance(pixels, np.full_like(pixels, color)) < 2


LARGE = """
import sys
from catclf.features import Preprocessing
from catclf.pictures.reading import read_picture
print(read_picture(sys.argv[1], Preprocessing()).mean(axis=(0, 1)))
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process's peak")
@pytest.mark.parametrize(
    ("container", "options", "bytes_per_pixel"),
    [
        ("JPEG", {"progressive": True, "subsampling": 0}, 6.5),
        ("PNG", {"compress_level": 1}, 4.5),
    ],
)
def test_large_pictures_are_read_in_bounded_memory(
    container: str, options: dict[str, Any], bytes_per_pixel: float, tmp_path: Path
) -> None:
    """Of 24 million pixels, in a process that holds 60 MiB beside them at the most."""
    size, path = (6000, 4000), tmp_path / "picture"
    noise = np.array(Image.effect_noise((1000, 1000), 8).convert("RGB"))
    Image.fromarray(np.tile(noise, (4, 6, 1))).save(path, container, **options)
    done = subprocess.run([sys.executable, "-c", LARGE, str(path)], capture_output=True, text=True)
    assert done.stderr == ""
    color, peak_kib = done.stdout.splitlines()
    assert all(abs(float(value) - 128) < 2 for value in color.strip("[]").split())
    file_bytes = path.stat().st_size  # in memory twice, of a PNG
    most = 60 * 2**20 + bytes_per_pixel * size[0] * size[1] + 2.1 * file_bytes
    assert int(peak_kib) * 2**10 < most


def test_a_jpeg_needs_one_plugin() -> None:
    """Each plugin that is imported is time before the first answer."""
    script = (
        "import sys;"
        "from catclf.features import Preprocessing;"
        "from catclf.pictures.reading import decode_picture as decode;"
        "decode(sys.stdin.buffer.read(), Preprocessing(), '-');"
        "print(*sorted(m for m in sys.modules if m.endswith('Plugin')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=encode(photo_40(), "JPEG"), capture_output=True
    )
    assert done.stderr == b""
    assert done.stdout.split() == [b"PIL.JpegImagePlugin"]
