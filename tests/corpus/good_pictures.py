"""Whole pictures of each kind that is read, and what builds them."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

try:
    from PIL import AvifImagePlugin
except ImportError:  # an older Pillow
    HAS_AVIF = False
else:
    HAS_AVIF = AvifImagePlugin.SUPPORTED


def photo_like(height: int = 97, width: int = 130, seed: int = 0) -> Image.Image:
    """Return an RGB picture with slopes, edges and grain, so that compressed data is spread out."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    slopes = np.stack([rows * 2, columns * 2, rows + columns], axis=2)
    discs = 60.0 * ((rows - 40) ** 2 + (columns - 60) ** 2 < 900)[..., None]
    grain = rng.normal(0, 12, (height, width, 3))
    return Image.fromarray(np.clip(slopes + discs + grain, 0, 255).astype(np.uint8))


def encode(image: Image.Image, container: str, **options: Any) -> bytes:
    """Return a picture as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, container, **options)
    return file.getvalue()


def png_chunk(kind: bytes, content: bytes, checksum_error: int = 0) -> bytes:
    """Return a PNG chunk, with `checksum_error` added to its checksum."""
    checksum = (zlib.crc32(kind + content) + checksum_error) & 0xFFFFFFFF
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(width: int, height: int, depth: int, color: int, *chunks: bytes, adam7: int = 0) -> bytes:
    """Return a PNG of a header, the chunks given, and the end."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, adam7)
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + b"".join(chunks) + png_chunk(b"IEND", b"")


def idat(content: bytes, checksum_error: int = 0) -> bytes:
    """Return an IDAT chunk of the content, compressed."""
    return png_chunk(b"IDAT", zlib.compress(content), checksum_error)


def adam7_png(pixels: np.ndarray[Any, Any], keep: float = 1.0) -> bytes:
    """Return an interlaced PNG of gray or RGB uint8 pixels, of the first part of its data."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    stream = b"".join(
        b"\0" + row.tobytes()
        for left, top, right, down in (*passes, (0, 1, 1, 2))
        if pixels[top::down, left::right].size
        for row in pixels[top::down, left::right]
    )
    color = 2 if pixels.ndim == 3 else 0
    content = idat(stream[: int(len(stream) * keep)])
    return png(pixels.shape[1], pixels.shape[0], 8, color, content, adam7=1)


@cache
def good_files() -> dict[str, bytes]:
    """Return one whole file of each kind that is read."""
    image = photo_like()
    gray = image.convert("L")
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    avif = {"photo.avif": encode(image, "AVIF")} if HAS_AVIF else {}
    return {
        **avif,
        "baseline.jpg": encode(image, "JPEG"),
        "optimized.jpg": encode(image, "JPEG", optimize=True, quality=95),
        "progressive.jpg": encode(image, "JPEG", progressive=True),
        "restart.jpg": encode(image, "JPEG", restart_marker_rows=1),
        "gray.jpg": encode(gray, "JPEG"),
        "cmyk.jpg": encode(image.convert("CMYK"), "JPEG"),
        "color.png": encode(image, "PNG"),
        "palette.png": encode(image.quantize(64), "PNG"),
        "alpha.png": encode(image.convert("RGBA"), "PNG"),
        "deep.png": encode(deep, "PNG"),
        "bits.png": encode(image.convert("1"), "PNG"),
        "interlaced.png": adam7_png(np.asarray(image)),
        "lossy.webp": encode(image, "WEBP"),
        "lossless.webp": encode(image, "WEBP", lossless=True),
        "color.bmp": encode(image, "BMP"),
        "palette.bmp": encode(image.quantize(64), "BMP"),
        "palette.gif": encode(image.quantize(64), "GIF"),
        "raw.tif": encode(image, "TIFF"),
        "lzw.tif": encode(image, "TIFF", compression="tiff_lzw"),
        "deflate.tif": encode(image, "TIFF", compression="tiff_adobe_deflate"),
        "deep.tif": encode(deep, "TIFF"),
        "color.ppm": encode(image, "PPM"),
        "gray.pgm": encode(gray, "PPM"),
        "bits.pbm": encode(image.convert("1"), "PPM"),
        "plain.ppm": b"P3\n3 2\n255\n" + b"10 20 30 " * 6,
    }
