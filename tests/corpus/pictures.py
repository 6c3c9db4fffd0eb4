"""Broken pictures, and files that are no pictures, made from scratch."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from corpus.good_pictures import adam7_png, encode, good_files, idat, photo_like, png, png_chunk
from corpus.places import bad_places

# What reading must do. ``refused`` is a `PictureError`. ``either`` is that or a result: the damage
# cannot be known, or does no harm. Nothing may crash, hang, print, warn or take much memory.
Expectation = Literal["refused", "either"]

Files = Iterator[tuple[str, bytes, Expectation]]


def _cuts() -> Files:
    for name, data in good_files().items():
        for percent in (1, 10, 30, 50, 70, 90, 99):
            cut = data[: max(1, len(data) * percent // 100)]
            # A number cut short is still a number.
            yield f"cut-{percent}-{name}", cut, "either" if name == "plain.ppm" else "refused"


def _jpegs() -> Files:
    files = good_files()
    for name in ("baseline.jpg", "optimized.jpg", "restart.jpg", "gray.jpg", "cmyk.jpg"):
        data = files[name]
        start = data.index(b"\xff\xda") + 20  # into the scan
        for percent in (1, 20, 50, 80, 95):
            cut = data[: start + (len(data) - start) * percent // 100]
            yield f"closed-{percent}-{name}", cut + b"\xff\xd9", "refused"
            yield f"zeroed-{percent}-{name}", cut + bytes(len(data) - len(cut)), "refused"
        hole = data[: start + 200] + bytes(1500) + data[start + 1700 :]
        yield f"hole-{name}", hole, "refused"
    data = files["progressive.jpg"]
    for percent in (5, 20, 50):
        cut = data[: len(data) * percent // 100]
        yield f"closed-{percent}-progressive.jpg", cut + b"\xff\xd9", "refused"
        yield f"zeroed-{percent}-progressive.jpg", cut + bytes(len(data) - len(cut)), "refused"
    yield "closed-90-progressive.jpg", data[: len(data) * 90 // 100] + b"\xff\xd9", "either"

    data = files["baseline.jpg"]
    frame = data.index(b"\xff\xc0")
    for side in (9000, 30000, 65535):
        claim = data[: frame + 5] + struct.pack(">HH", side, side) + data[frame + 9 :]
        yield f"claims-{side}.jpg", claim, "refused"
    claim = data[: frame + 5] + struct.pack(">HH", 0, 130) + data[frame + 9 :]
    yield "claims-no-height.jpg", claim, "refused"
    progressive = files["progressive.jpg"]
    frame = progressive.index(b"\xff\xc2")
    claim = progressive[: frame + 5] + struct.pack(">HH", 9000, 9000) + progressive[frame + 9 :]
    yield "claims-9000-progressive.jpg", claim, "refused"
    scan = progressive.index(b"\xff\xda")
    many = progressive[:-2] + progressive[scan : scan + 300] * 2000 + b"\xff\xd9"
    yield "many-scans.jpg", many, "refused"
    yield "many-segments.jpg", data[:2] + b"\xff\xe1\0\2" * 20_000 + data[2:], "refused"
    yield "no-scan.jpg", data[: data.index(b"\xff\xda")] + b"\xff\xd9", "refused"
    yield "no-frame.jpg", data[:2] + data[data.index(b"\xff\xda") :], "refused"
    frame = data.index(b"\xff\xc0")
    yield "two-frames.jpg", data[:frame] + data[frame : frame + 19] + data[frame:], "refused"
    tables = data.index(b"\xff\xc4")
    yield "no-tables.jpg", data[:tables] + data[data.index(b"\xff\xda") :], "either"
    yield "short-segment.jpg", data[:2] + b"\xff\xe0\0\1" + data[2:], "refused"
    yield "only-markers.jpg", data[:2] + b"\xff" * 5000, "refused"
    yield "twelve-bit.jpg", data.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "refused"
    yield "lossless.jpg", data.replace(b"\xff\xc0", b"\xff\xc3"), "refused"
    yield "jpeg-ls.jpg", data.replace(b"\xff\xc0", b"\xff\xf7"), "refused"
    yield "arithmetic.jpg", data.replace(b"\xff\xc0", b"\xff\xc9"), "either"
    odd = data[:2] + b"\xff\xe1\0\x20Exif\0\0MM\0*" + b"\xff" * 20 + data[2:]
    yield "odd-exif.jpg", odd, "either"
    yield "junk-after.jpg", data + b"junk" * 1000, "either"
    yield "icc-junk.jpg", data[:2] + b"\xff\xe2\0\x10ICC_PROFILE\0xx" + data[2:], "either"


def _pngs() -> Files:
    rows = (b"\0" + bytes(range(30))) * 8  # 10 x 8, RGB
    whole = png(10, 8, 8, 2, idat(rows))
    yield "wrong-idat-crc.png", png(10, 8, 8, 2, idat(rows, checksum_error=1)), "refused"
    yield "wrong-ihdr-crc.png", whole[:29] + b"\0\0\0\0" + whole[33:], "refused"
    yield "half-stream.png", png(10, 8, 8, 2, idat(rows[: len(rows) // 2])), "refused"
    yield "no-last-row.png", png(10, 8, 8, 2, idat(rows[:-31])), "refused"
    yield "half-interlaced.png", adam7_png(np.asarray(photo_like()), keep=0.5), "refused"
    yield "no-plte.png", png(10, 8, 8, 3, idat((b"\0" + bytes(range(10))) * 8)), "refused"
    yield "no-idat.png", png(10, 8, 8, 2), "refused"
    yield "no-ihdr.png", b"\x89PNG\r\n\x1a\n" + idat(rows) + png_chunk(b"IEND", b""), "refused"
    yield "short-ihdr.png", b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b"\0\0"), "refused"
    yield "no-iend.png", whole[:-12], "refused"
    yield "iphone-app.png", whole[:8] + png_chunk(b"CgBI", b"\x50\0\x20\6") + whole[8:], "refused"
    yield "empty-idat.png", png(10, 8, 8, 2, png_chunk(b"IDAT", b"")), "refused"
    yield "not-zlib.png", png(10, 8, 8, 2, png_chunk(b"IDAT", b"not zlib at all")), "refused"
    yield "bad-filter.png", png(10, 8, 8, 2, idat((b"\x09" + bytes(range(30))) * 8)), "refused"
    yield "zero-wide.png", png(0, 8, 8, 2, idat(rows)), "refused"
    for depth, color in ((8, 1), (3, 2), (0, 0), (16, 3), (255, 255)):
        yield f"depth-{depth}-color-{color}.png", png(10, 8, depth, color, idat(rows)), "refused"
    yield "critical-chunk.png", png(10, 8, 8, 2, png_chunk(b"ABCD", b""), idat(rows)), "refused"
    long = whole[:33] + b"\xff\xff\xff\xffIDAT" + whole[41:]
    yield "length-4-gib.png", long, "refused"
    bomb = zlib.compress(bytes(80_000_000), 9)
    yield "stream-bomb.png", png(10, 8, 8, 2, png_chunk(b"IDAT", bomb)), "either"
    larger = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 13300, 13300, 8, 2, 0, 0, 0))
    yield "two-headers.png", png(10, 8, 8, 2, larger, idat(rows)), "refused"
    yield "late-header.png", whole[:8] + png_chunk(b"PLTE", b"abc") + whole[8:], "refused"
    for side, depth in ((13300, 1), (30000, 1), (2**31 - 1, 8), (2**32 - 1, 16)):
        yield f"claims-{side}.png", png(side, side, depth, 0, idat(b"\0" * 1000)), "refused"
    yield "short-trns.png", png(10, 8, 8, 2, png_chunk(b"tRNS", b"\0"), idat(rows)), "refused"


def _other_formats() -> Files:
    files = good_files()
    gif, bmp = files["palette.gif"], files["color.bmp"]
    webp, tiff = files["lossy.webp"], files["raw.tif"]
    yield "claims-65535.gif", gif[:6] + b"\xff\xff\xff\xff" + gif[10:], "refused"
    frame = gif.index(b"\x2c\0\0\0\0")
    yield "frame-10000.gif", gif[: frame + 5] + b"\x10\x27\x10\x27" + gif[frame + 9 :], "refused"
    yield "no-frame.gif", gif[:13] + b"\x3b", "refused"
    for side in (20000, 2**31 - 1, 0):
        claim = bmp[:18] + struct.pack("<II", side, side) + bmp[26:]
        yield f"claims-{side}.bmp", claim, "refused"
    yield "odd-compression.bmp", bmp[:30] + b"\x09" + bmp[31:], "refused"
    yield "odd-depth.bmp", bmp[:28] + b"\x07" + bmp[29:], "refused"
    rle = struct.pack(
        "<2sIIIIIIHHIIIIII", b"BM", 0, 0, 54 + 1024, 40, 65535, 700, 1, 8, 1, *[0] * 5
    )
    rle += bytes(range(256)) * 4 + b"\1\0\0\0" * 700
    yield "rle-bomb.bmp", rle, "refused"
    vp8x = b"RIFF\0\1\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0\xff\x3f\0"
    yield "claims-16384.webp", vp8x + webp[12:], "refused"
    yield "odd-chunk.webp", webp[:12] + b"VP8Q" + webp[16:], "refused"
    for tag, name in ((256, "width"), (258, "bits"), (277, "samples")):
        entry = _tiff_entry(tiff, tag)
        for value in (0, 9, 65535):
            claim = tiff[: entry + 8] + struct.pack("<I", value) + tiff[entry + 12 :]
            yield f"{name}-{value}.tif", claim, "either"
    entry = _tiff_entry(tiff, 257)
    tall = tiff[: entry + 8] + b"\xff\xff\0\0" + tiff[entry + 12 :]
    yield "rows-missing.tif", tall, "refused"
    entry = _tiff_entry(tiff, 259)
    yield "odd-compression.tif", tiff[: entry + 8] + b"\x63\0\0\0" + tiff[entry + 12 :], "refused"
    yield "far-directory.tif", tiff[:4] + b"\xf0\xff\xff\x7f" + tiff[8:], "refused"
    yield "loop.tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0", "refused"
    floats = Image.fromarray(np.linspace(-3, 7, 100, dtype=np.float32).reshape(10, 10))
    yield "floats-beyond-1.tif", encode(floats, "TIFF"), "refused"
    nan = Image.fromarray(np.full((10, 10), np.nan, dtype=np.float32))
    yield "floats-nan.tif", encode(nan, "TIFF"), "refused"
    deep = Image.fromarray(np.full((10, 10), 70000, dtype=np.int32))
    yield "deeper-than-16-bits.tif", encode(deep, "TIFF"), "refused"
    lab = Image.new("LAB", (10, 10))
    yield "lab.tif", encode(lab, "TIFF"), "either"
    yield "claims-100000.ppm", b"P6\n100000 100000\n255\n" + bytes(1000), "refused"
    yield "python-bomb.ppm", b"P6\n7000 7000\n99\n" + bytes(1000), "refused"
    yield "negative.ppm", b"P6\n-3 2\n255\n" + bytes(100), "refused"
    yield "depth-0.ppm", b"P6\n3 2\n0\n" + bytes(100), "refused"
    yield "no-header.ppm", b"P6\n#only a comment", "refused"
    yield "letters.ppm", b"P3\n3 2\n255\n" + b"x y z " * 6, "refused"
    yield "long-token.ppm", b"P3\n3 2\n255\n" + b"1" * 10**6, "refused"


def _tiff_entry(data: bytes, tag: int) -> int:
    """Return where the first directory of a little-endian TIFF has a tag."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = range(start + 2, start + 2 + 12 * count, 12)
    return next(at for at in entries if struct.unpack_from("<H", data, at)[0] == tag)


def _changed_bytes() -> Files:
    """Return each kind of file with bytes of its first 200 changed."""
    rng = np.random.default_rng(1)
    for name, data in good_files().items():
        for turn in range(3):
            changed = bytearray(data)
            for at in rng.integers(0, min(200, len(data)), 4):
                changed[at] = rng.integers(0, 256)
            yield f"flip-{turn}-{name}", bytes(changed), "either"


def _not_read() -> Files:
    """Return files of formats that are not read, under the names of ones that are."""
    box = b"\0\0\0\x18ftyp"
    yield "empty.jpg", b"", "refused"
    yield "one-byte.png", b"\x89", "refused"
    yield "zeros.jpg", bytes(10000), "refused"
    yield "noise.jpg", np.random.default_rng(0).bytes(5000), "refused"
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"
    yield "lfs.jpg", lfs, "refused"
    yield "page.jpg", b"<!DOCTYPE html><html><body>404</body></html>", "refused"
    yield "drawing.png", b'<?xml version="1.0"?>\n<svg xmlns="x"></svg>', "refused"
    yield "plain.svg", b"<svg></svg>", "refused"
    yield "photo.heic", box + b"heic" + bytes(99), "refused"
    yield "photo.avif", box + b"avif" + bytes(99), "refused"
    yield "film.jpg", box + b"isom" + bytes(99), "refused"
    yield "photo.jxl", b"\xff\x0a" + bytes(99), "refused"
    yield "photo.jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99), "refused"
    yield "layers.psd", b"8BPS" + bytes(99), "refused"
    yield "page.pdf", b"%PDF-1.7\n", "refused"
    yield "page.eps", b"%!PS-Adobe-3.0\n", "refused"
    yield "icon.ico", b"\0\0\1\0\1\0" + bytes(99), "refused"
    yield "raw.cr2", b"II*\0\x10\0\0\0CR\2\0" + bytes(99), "refused"
    yield "gray.pfm", b"Pf\n1 1\n-1.0\n\0\0\0\0", "refused"
    yield "zip.jpg", b"PK\3\4" + bytes(99), "refused"


BAD_FILES: dict[str, Callable[[], Files]] = {
    "cut": _cuts,
    "jpeg": _jpegs,
    "png": _pngs,
    "other formats": _other_formats,
    "changed bytes": _changed_bytes,
    "not read": _not_read,
}


def odd_paths(folder: Path) -> list[Path]:
    """Make, in an empty folder, what is no regular file or has an odd name; all are refused."""
    places = bad_places(folder, ".jpg")
    names = [folder / name for name in (
        "with space.jpg", "new\nline.jpg", "\x1b[31mred.jpg", "-dash.jpg", "--help", "猫🐈.jpg",
        os.fsdecode(b"not-utf8-\xff\xfe.jpg"), "no-suffix", ".hidden", "WRONG.PNG", "tab\t.jpg",
    )]  # fmt: skip
    for path in names:
        path.write_bytes(good_files()["baseline.jpg"][:500])
    return places + names
