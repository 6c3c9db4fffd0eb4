"""PNG, WebP, AVIF, HEIC, GIF, BMP and PPM: decoded once size and completeness are known."""

from __future__ import annotations

import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.pictures.pixels import (
    MAX_PIXELS,
    DecodedPicture,
    broken,
    check_deep,
    check_pixels,
    unsupported,
)

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

# libwebp and Pillow hold four copies of the canvas, 16 bytes a pixel measured.
_MAX_WEBP_PIXELS = MAX_PIXELS // 2

# Pillow decodes these in Python: a million pixels take up to 2.3 s, and 46 million that a BMP of
# 4 KB claims took 8.8 s.
_PYTHON_DECODERS = ("ppm", "ppm_plain", "bmp_rle")
_MAX_PYTHON_PIXELS = 5_000_000

# The size of an item, before it is cut or turned (HEIF, 6.5.3).
_HEIF_SIZE = re.compile(rb"ispe\0{4}(.{4})(.{4})", re.DOTALL)

# PNG: the chunks that matter to its pixels.
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND")
_GRAY, _RGB, _PALETTE = 0, 2, 3  # color types (PNG specification, 11.2.1)
_SAMPLES_PER_PIXEL = {_GRAY: 1, _RGB: 3, _PALETTE: 1, 4: 2, 6: 4}  # with alpha: 4 and 6

# Adam7: first column, first row, column step, row step of each pass (PNG specification, 8.2).
_ADAM7_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


def decode_png(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a PNG; the picture that stands for it, if it is an animation.

    Pillow gets the chunks that tell the pixels, if their checksums and their data are right. Its
    `load` compares no checksum of pixel data, and notices no stream that ends early; its `verify`
    notices the checksums. But both refuse whole pictures for what nobody needs: a color profile or
    a text of more than 1 MiB, or a damaged one, or an odd animation; and a text that is called
    "exif" turns the picture. So that is taken out before.
    """
    from PIL.PngImagePlugin import PngImageFile

    if data[12:16] == b"CgBI":
        raise unsupported("PNG pictures that were rewritten for an iPhone app (CgBI)")
    file, chunks = _read_chunks(data)
    if file[8:16] != b"\0\0\0\x0dIHDR":
        raise broken("damaged")
    depth, color, interlaced = file[24], file[25], file[28]
    if color == _PALETTE and b"PLTE" not in chunks:
        raise broken("damaged")
    image = PngImageFile(BytesIO(file))
    check_pixels(*image.size)
    image.load()
    last_row = image.crop((0, image.height - 1, *image.size))
    if interlaced or not any(last_row.tobytes()):
        # Rows that a stream too short does not reach stay zero, so most pictures need not pay for
        # a second inflation: 18 ms of 66 for 1600 x 1200.
        pixel_bits = depth * _SAMPLES_PER_PIXEL[color]
        needed_bytes = _inflated_bytes(*image.size, pixel_bits, bool(interlaced))
        _check_inflated(chunks[b"IDAT"], needed_bytes)
    if (
        depth == 16 and color != _GRAY
    ):  # of gray Pillow keeps all bits, and they are looked at later
        check_deep(image)
    transparent = image.info.get("transparency")
    # Pillow leaves the transparent color in the file's bit depth, and widens or cuts the pixels.
    if color == _GRAY and depth < 8 and isinstance(transparent, int):
        image.info["transparency"] = transparent * 255 // (2**depth - 1)
    elif color == _RGB and depth == 16 and isinstance(transparent, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    return DecodedPicture(image, bytes(chunks.get(b"eXIf", [b""])[0]))


def _read_chunks(data: bytes) -> tuple[bytes, dict[bytes, list[memoryview]]]:
    """Return the file that Pillow gets, and the contents of the chunks that matter."""
    view = memoryview(data)
    kept = [view[:8]]  # the signature
    chunks: dict[bytes, list[memoryview]] = {}
    position = 8
    while b"IEND" not in chunks:
        kind = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(data[position : position + 4])
        if end > len(data):
            raise broken("truncated")
        if kind in _NEEDED:
            if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
                raise broken("damaged: wrong checksum")
            chunks.setdefault(kind, []).append(view[position + 8 : end - 4])
            if kind != b"eXIf":
                kept.append(view[position:end])
        elif not kind[0] & 0x20:  # a critical chunk nobody knows
            raise broken("damaged")
        position = end
    return b"".join(kept), chunks


def _inflated_bytes(width: int, height: int, pixel_bits: int, interlaced: bool) -> int:
    """Return the inflated bytes of a PNG: each row of each pass, and a filter byte before it."""
    total = 0
    for left, top, right, down in _ADAM7_PASSES if interlaced else ((0, 0, 1, 1),):
        columns = -(-(width - left) // right)
        rows = -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * pixel_bits // 8))
    return total


def _check_inflated(pieces: list[memoryview], needed_bytes: int) -> None:
    """Inflate a stream in small steps, until it has given the bytes needed."""
    stream = zlib.decompressobj()
    for piece in pieces:
        for start in range(0, len(piece), 2**16):
            waiting: bytes | memoryview = piece[start : start + 2**16]
            while waiting and needed_bytes > 0 and not stream.eof:
                needed_bytes -= len(stream.decompress(waiting, 2**20))
                waiting = stream.unconsumed_tail
    if needed_bytes > 0:
        raise broken("truncated")


def decode_webp(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a WebP; its first frame if it is an animation."""
    from PIL.WebPImagePlugin import WebPImageFile

    # libwebp takes memory for the canvas as soon as it is given the file.
    check_pixels(*_webp_size(data), _MAX_WEBP_PIXELS)
    return load(WebPImageFile(BytesIO(data)), _MAX_WEBP_PIXELS)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return width and height: of the canvas, or the only frame (WebP container specification)."""
    if data[12:16] == b"VP8X":
        sides = int.from_bytes(data[24:30], "little")
        return 1 + (sides & 0xFFFFFF), 1 + (sides >> 24)
    if data[12:16] == b"VP8L":
        sides = int.from_bytes(data[21:25], "little")
        return 1 + (sides & 0x3FFF), 1 + (sides >> 14 & 0x3FFF)
    sides = int.from_bytes(data[26:30], "little")
    return sides & 0x3FFF, sides >> 16 & 0x3FFF


def decode_avif(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode an AVIF, where Pillow can; its first frame if it is an animation.

    Pillow tells how the file turns it as EXIF does, instead of what its EXIF block told.
    """
    try:
        from PIL.AvifImagePlugin import SUPPORTED, AvifImageFile
    except ImportError:
        SUPPORTED = False
    if not SUPPORTED:
        fix = "Install one that reads them (pip install -U pillow), or convert it to JPEG or PNG."
        raise PictureError("this Pillow reads no AVIF pictures", fix=fix)
    try:
        return load(AvifImageFile(BytesIO(data)))
    except RuntimeError:  # of parts that are missing
        raise broken("damaged") from None


def decode_heic(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode the primary picture of a HEIC file, by pillow-heif.

    libheif has turned it as the file's properties tell, so what EXIF tells is not applied.
    """
    try:
        from pillow_heif import open_heif

        heif = open_heif(data)
        # Which may be cut out of something larger: libheif decodes what is declared so, no more.
        for width, height in _HEIF_SIZE.findall(data):
            check_pixels(int.from_bytes(width), int.from_bytes(height))
        return DecodedPicture(heif.to_pillow())
    except ImportError:
        fix = "Install it (pip install 'catclf[heic]'), or convert it to JPEG or PNG."
        raise PictureError("HEIC pictures need pillow-heif", fix=fix) from None
    except SyntaxError:
        raise unsupported("HEIC pictures of this kind") from None
    except RuntimeError:  # more than is declared, or than libheif allows
        raise broken("damaged") from None


def decode_gif(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a GIF; its first frame if it is an animation."""
    from PIL.GifImagePlugin import GifImageFile

    check_pixels(*struct.unpack_from("<HH", data, 6))
    with pillow_silenced():
        return load(GifImageFile(BytesIO(data)))


def decode_bmp(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a BMP."""
    from PIL.BmpImagePlugin import BmpImageFile

    picture = load(BmpImageFile(BytesIO(data)))
    if picture.image.mode == "RGBA" and not picture.image.getchannel("A").getbbox():
        picture.image.putalpha(255)  # as browsers do: many writers leave the fourth byte zero
    return picture


def decode_ppm(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a PPM, PGM or PBM."""
    from PIL.PpmImagePlugin import PpmImageFile

    return load(PpmImageFile(BytesIO(data)))


def load(image: ImageFile, max_pixels: int = MAX_PIXELS) -> DecodedPicture:
    """Decode what Pillow has opened, if it is not too large."""
    slow = image.tile and image.tile[0][0] in _PYTHON_DECODERS
    check_pixels(*image.size, _MAX_PYTHON_PIXELS if slow else max_pixels)
    image.load()
    return DecodedPicture(image, image.info.get("exif", b""))


_warnings_lock = threading.Lock()


@contextmanager
def pillow_silenced() -> Iterator[None]:
    """Keep Pillow's warnings about odd metadata from the user.

    `warnings.catch_warnings` changes what all threads see, and two of them may restore in the
    wrong order: one at a time. JPEG, PNG and WebP, which folders are full of, do not come here.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
