"""PNG: Pillow gets the chunks that tell the pixels, if their checksums and their data are right.

Pillow's `load` compares no checksum of pixel data, and notices no stream that ends early; its
`verify` notices the checksums. But both refuse whole pictures for what nobody needs: a color
profile or a text of more than 1 MiB, or a damaged one, or an odd animation; and a text that is
called "exif" turns the picture. So that is taken out before.
"""

from __future__ import annotations

import zlib
from io import BytesIO

from catclf.features import Preprocessing
from catclf.pictures.pixels import DecodedPicture, broken, check_pixels

_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND")
_GRAY, _RGB, _PALETTE = 0, 2, 3  # color types (PNG specification, 11.2.1)
_SAMPLES_PER_PIXEL = {_GRAY: 1, _RGB: 3, _PALETTE: 1, 4: 2, 6: 4}  # with alpha: 4 and 6

# Adam7: first column, first row, column step, row step of each pass (PNG specification, 8.2).
_ADAM7_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


def decode_png(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode a PNG; the picture that stands for it, if it is an animation."""
    from PIL.PngImagePlugin import PngImageFile

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
