"""Reading a picture of any format, and refusing what is no whole picture."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catclf.pictures.formats import MAX_BYTES
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, features

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.files import PNG_SIGNATURE
from catclf.pictures import reading
from catclf.pictures.pixels import fit_pixels
from catclf.pictures.reading import DECODERS, read_picture
from corpus.good_pictures import adam7_png, encode, good_files, idat, png
from corpus.pictures import Case, bad_pictures
from pictures.decoding import SIZE_5, SIZE_40, colors, decode, outcome, photo_40

# ------------------------------------------------------------------------------------- every format


@pytest.mark.parametrize("name", good_files())
@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_every_format_is_read(name: str, fit: Any) -> None:
    pixels = decode(good_files()[name], Preprocessing(size=64, fit=fit))
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize("name", good_files())
def test_a_file_has_one_decoder(name: str) -> None:
    data = good_files()[name]
    assert sum(bool(re.match(signature, data, re.DOTALL)) for signature, _ in DECODERS) == 1


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


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "lime", "blue")]
    for container, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})):
        data = encode(frames[0], container, save_all=True, append_images=frames[1:], **options)
        assert (decode(data) == (255, 0, 0)).all(), container
    tiff = encode(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    assert (decode(tiff) == (255, 0, 0)).all()


def test_the_decoders_needed_are_there() -> None:
    assert all(features.check(name) for name in ("jpg", "zlib", "webp"))


# -------------------------------------------------------------------------------------------- paths


def test_a_path_and_its_text_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "-猫 \n.JPG"
    path.write_bytes(encode(photo_40(), "PNG"))
    np.testing.assert_array_equal(read_picture(path, SIZE_40), read_picture(str(path), SIZE_40))


def test_a_link_to_a_picture_is_read(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(encode(photo_40(), "PNG"))
    (tmp_path / "link.png").symlink_to("cat.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "link.png", SIZE_40), photo_40())


@pytest.mark.skipif(sys.platform == "win32", reason="has other permissions")
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").touch(mode=0)
    with pytest.raises(PictureError, match="permission denied"):
        read_picture(tmp_path / "cat.jpg", SIZE_5)


# ---------------------------------------------------------------------------------------- bad files


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return bad_pictures(tmp_path_factory.mktemp("bad"))


@cache
def bad_names() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        return [case.name for case in bad_pictures(Path(folder))]


@pytest.mark.parametrize("number", range(len(bad_names())), ids=bad_names())
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
        (
            "cut-50-baseline.jpg",
            "not a readable picture (truncated)\nFetch it again, or",
        ),
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
        read_picture(case.path, SIZE_5)
    assert str(caught.value).startswith(f"{case.path}: {phrase}")


def test_too_many_bytes_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(photo_40(), "PNG")
    assert MAX_BYTES < 2**28
    monkeypatch.setattr(reading, "MAX_BYTES", len(data))
    decode(data)
    monkeypatch.setattr(reading, "MAX_BYTES", len(data) - 1)
    with pytest.raises(PictureError, match="too large"):
        decode(data)


def test_no_memory_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reading, "DECODERS", ((PNG_SIGNATURE, fail),))
    with pytest.raises(PictureError, match="memory"):
        decode(encode(photo_40(), "PNG"))


MUTATED_FILES = [name for name in good_files() if not name.startswith("plain")]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_to_a_file_gives_a_result_or_an_error(data: st.DataObject) -> None:
    whole = good_files()[data.draw(st.sampled_from(MUTATED_FILES))]
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


# ------------------------------------------------------------------------------------- side effects


def test_nothing_global_changes() -> None:
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, warnings.filters[:])
    for data in good_files().values():
        decode(data)
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, warnings.filters[:]) == before
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    assert logging.getLogger("PIL").level == logging.NOTSET


def test_threads_do_not_disturb_each_other() -> None:
    before = threading.active_count()
    files = list(good_files().values()) * 4
    alone = [decode(data) for data in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(decode, files))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    assert threading.active_count() == before
