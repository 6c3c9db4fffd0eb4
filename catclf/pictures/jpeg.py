"""JPEG: found complete segment by segment, then decoded by Pillow at the scale that is enough.

Pillow, that is libjpeg, fills what is missing with gray and says nothing. The words here are those
of the standard, ITU-T T.81: a frame header says how the picture is coded, each scan brings some
coefficients of some components, and a block is 8 x 8 samples of a component.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from catclf.features import Preprocessing
from catclf.pictures.pixels import DecodedPicture, broken, check_pixels, unsupported

# libjpeg can decode at 1/2, 1/4 or 1/8 of the size, which skips most of the work. It may as long
# as the sides that matter keep this many times the size asked for. Mean absolute difference from a
# full decode, in gray levels (64 x 64 results; average, and worst picture, over 25 mosaics of
# sharp photos at quality 90 that just meet the margin):
#
#     margin    1/2            1/4            1/8
#     2.0       0.43, 0.67     0.62, 0.85     1.00, 1.27
#     2.5       0.31, 0.45     0.46, 0.57     0.68, 0.82
#     3.0       0.27, 0.36     0.36, 0.48     0.51, 0.61
#
# Of each reduction, the smallest that keeps every picture within one level. A picture then takes,
# and took in full: 0.8 and 1.3 ms (500 x 375), 3.6 and 12 ms (1600 x 1200), 6.5 and 38 ms (3000 x
# 2000).
REDUCTION_MARGINS = {8: 2.5, 4: 2.0, 2: 2.0}

_MAX_SEGMENTS = 10_000
_MAX_SCANS = 100  # a progressive file has about ten; thousands of empty ones would take minutes

# Markers: the second byte, after an FF (T.81, table B.1).
_SEQUENTIAL_FRAMES = (0xC0, 0xC1)  # Huffman-coded, baseline or extended
_PROGRESSIVE_FRAME = 0xC2
# A block takes two Huffman codes, or in a progressive file one, of a bit at the least.
_LEAST_BITS_PER_BLOCK = {0xC0: 2, 0xC1: 2, _PROGRESSIVE_FRAME: 1}
_FRAMES = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
_READ_FRAMES = (*_SEQUENTIAL_FRAMES, _PROGRESSIVE_FRAME, 0xC9, 0xCA)  # the last two: arithmetic
_HUFFMAN_TABLES = 0xC4
_STAND_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # without a length: restarts, start of image
_END_OF_IMAGE = 0xD9
_SCAN = 0xDA
_EXIF = 0xE1
# Of the application segments only JFIF's (E0) and Adobe's (EE) say how colors are coded.
_NOT_NEEDED = frozenset((*range(0xE1, 0xEE), 0xEF, 0xFE))

_MARKER_PATTERN = re.compile(rb"\xff([\x01-\xfe])")
_WINDOW = 2**17  # bytes of scan data that are searched at once
_ZEROED_STRETCH = bytes(512)
_NONE_MISSING = [0] * 64
# Bytes to decode where blocks are expected, at once or after any restart marker. They begin with 0:
# after a last FF that is no marker.
_PROBE = bytes(range(128)) + b"".join(
    bytes((0xFF, 0xD0 + number, *range(1, 64))) for number in range(8)
)


@dataclass
class _Jpeg:
    """What a walk over the segments of a JPEG finds."""

    kept: list[bytes | memoryview] = field(default_factory=list)  # what decoding needs
    scans: list[int] = field(default_factory=list)  # which of those kept are scan data
    frame: int = 0  # the marker that says how it is coded
    width: int = 0
    height: int = 0
    blocks: int = 0  # how many, over all components
    # Component: for each of its 64 coefficients, how many bits are not sent yet (None: all).
    missing_bits: dict[int, list[int | None]] = field(default_factory=dict)
    first_symbol: dict[int, int] = field(default_factory=dict)  # AC table: what zero bits mean
    exif: bytes = b""


def decode_jpeg(data: bytes, preprocessing: Preprocessing) -> DecodedPicture:
    """Decode a JPEG at the scale that is enough, if its data is complete as far as can be known."""
    jpeg = _walk(data)
    _check_complete(jpeg)
    reduction = choose_reduction(jpeg.width, jpeg.height, preprocessing)
    if jpeg.frame in _SEQUENTIAL_FRAMES and len(jpeg.scans) == 1:
        check_pixels(-(-jpeg.width // reduction), -(-jpeg.height // reduction))
    else:  # libjpeg keeps all coefficients at full size
        check_pixels(jpeg.width, jpeg.height)
    image = _load(jpeg.kept, reduction)

    # Where data runs out, libjpeg leaves gray. A picture may end in that gray by right: then some
    # more bytes after the data change nothing, but they do where blocks were still expected.
    # Several scans (of one component each) leave no gray, and are rare: always looked at.
    if jpeg.frame in _SEQUENTIAL_FRAMES and (len(jpeg.scans) > 1 or _ends_gray(image)):
        probed = list(jpeg.kept)
        for scan in jpeg.scans:
            probed[scan] = bytes(probed[scan]) + _PROBE
        if ImageChops.difference(image, _load(probed, reduction)).getbbox() is not None:
            raise broken("truncated")
    return DecodedPicture(image, jpeg.exif, (jpeg.width / reduction, jpeg.height / reduction))


def encode_jpeg(pixels: NDArray[np.uint8], quality: int, most_side: int) -> bytes:
    """Return pixels (height, width, 3) as a JPEG that is small, and good enough to look at.

    Where a side has more than `most_side` pixels, both are reduced.
    """
    stream = BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((most_side, most_side))
    image.save(stream, "JPEG", quality=quality, optimize=True)  # by 75, 1.3 kB of 64 x 64
    return stream.getvalue()


def choose_reduction(width: int, height: int, preprocessing: Preprocessing) -> int:
    """Return the largest reduction, 8, 4, 2 or 1, that leaves enough pixels for the result."""
    side = max(width, height) if preprocessing.fit == "pad" else min(width, height)
    for reduction, margin in REDUCTION_MARGINS.items():
        if side >= reduction * margin * preprocessing.size:
            return reduction  # which Pillow finds again, from the quotients of the sides
    return 1


def _load(segments: list[bytes | memoryview], reduction: int) -> Image.Image:
    from PIL.JpegImagePlugin import JpegImageFile

    image = JpegImageFile(BytesIO(b"".join(segments)))
    if reduction > 1:
        image.draft(None, (image.width // reduction, image.height // reduction))
    image.load()
    return image


def _ends_gray(image: Image.Image) -> bool:
    """Tell whether the last pixel may belong to a block without data: luma 128, up to rounding.

    Only luma, because chroma is smoothed across blocks. True for one photo in 200.
    """
    if image.mode == "CMYK":
        return True
    last: Any = image.getpixel((image.width - 1, image.height - 1))
    red, green, blue = last if image.mode == "RGB" else (last, last, last)
    return bool(126 <= round(0.299 * red + 0.587 * green + 0.114 * blue) <= 130)


def _walk(data: bytes) -> _Jpeg:
    """Walk the segments up to the end marker (T.81, annex B)."""
    jpeg = _Jpeg([data[:2]])
    view = memoryview(data)
    position = 2
    for _ in range(_MAX_SEGMENTS):
        match = _MARKER_PATTERN.search(data, position)
        if match is None:
            raise broken("truncated")
        marker, start = match[1][0], match.end()
        if marker == _END_OF_IMAGE:
            jpeg.kept.append(b"\xff\xd9")
            return jpeg
        if marker in _STAND_ALONE:
            position = start
            continue
        length = int.from_bytes(data[start : start + 2])
        position = start + length
        if length < 2 or position > len(data):
            raise broken("truncated")
        if marker == _EXIF and data.startswith(b"Exif\0\0", start + 2, position):
            jpeg.exif = jpeg.exif or data[start + 2 : position]
        if marker in _NOT_NEEDED:
            continue
        segment = data[start + 2 : position]
        jpeg.kept.append(view[start - 2 : position])
        if marker in _FRAMES:
            _read_frame(jpeg, marker, segment)
        elif marker == _HUFFMAN_TABLES:
            _read_tables(jpeg, segment)
        elif marker == _SCAN:
            end = _scan_end(data, position)
            _read_scan(jpeg, segment, data.find(_ZEROED_STRETCH, position, end) >= 0)
            jpeg.scans.append(len(jpeg.kept))
            jpeg.kept.append(view[position:end])
            position = end
            if len(jpeg.scans) > _MAX_SCANS:
                raise broken("damaged")
    raise broken("damaged")


def _scan_end(data: bytes, position: int) -> int:
    """Return where scan data ends: at an FF before neither 00, which is stuffed, nor a restart.

    Nor before another FF: any number of them may stand before a marker.
    """
    while position < len(data) - 1:
        window = np.frombuffer(data, np.uint8, min(_WINDOW, len(data) - position), position)
        second = window[1:]
        is_end = window[:-1] == 0xFF
        is_end &= second != 0
        first = int(is_end.argmax())
        if second[first] & 0xF8 == 0xD0 or second[first] == 0xFF:  # rare: looked for only then
            is_end &= (second & 0xF8 != 0xD0) & (second != 0xFF)
            first = int(is_end.argmax())
        if is_end[first]:
            return position + first
        position += len(second)
    raise broken("truncated")


def _read_frame(jpeg: _Jpeg, marker: int, segment: bytes) -> None:
    """Note the size, and count the blocks of each component."""
    if jpeg.frame:
        raise broken("damaged")
    jpeg.frame = marker
    bits, jpeg.height, jpeg.width, count = struct.unpack_from(">BHHB", segment)
    if marker not in _READ_FRAMES:
        raise unsupported("lossless and hierarchical JPEG pictures")
    if bits in (12, 16):
        raise unsupported(f"JPEG pictures of {bits} bits")
    check_pixels(jpeg.width, jpeg.height, 2**32)  # no limit yet: the reduction is not chosen
    components = [struct.unpack_from("BB", segment, 6 + 3 * i) for i in range(count)]
    across = max(sampling >> 4 for _, sampling in components)
    down = max(sampling & 15 for _, sampling in components)
    for component, sampling in components:
        columns = -(-jpeg.width * (sampling >> 4) // (8 * across))
        rows = -(-jpeg.height * (sampling & 15) // (8 * down))
        jpeg.blocks += columns * rows
        jpeg.missing_bits[component] = [None] * 64


def _read_scan(jpeg: _Jpeg, segment: bytes, has_zeros: bool) -> None:
    """Note which bits of which coefficients the scan brings, and whether it was zeroed."""
    count = segment[0]
    first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
    if jpeg.frame != _PROGRESSIVE_FRAME:
        first, last, bits = 0, 63, 0
    for component, tables in struct.iter_unpack("BB", segment[1 : 1 + 2 * count]):
        sent = slice(first, min(last, 63) + 1)
        jpeg.missing_bits[component][sent] = [bits & 15] * len(range(64)[sent])
        # Zero bits are a table's first symbol, over and over. Unless that is "end of block", they
        # mean blocks of equal coefficients throughout: no encoder's, in 512 bytes.
        if has_zeros and jpeg.frame in _SEQUENTIAL_FRAMES and jpeg.first_symbol.get(tables & 15):
            raise broken("damaged: zeroed in the middle")


def _read_tables(jpeg: _Jpeg, segment: bytes) -> None:
    """Note the first symbol of each AC table: its code is all zeros."""
    position = 0
    while position + 17 < len(segment):
        kind, counts = segment[position], segment[position + 1 : position + 17]
        if kind >> 4 == 1:
            jpeg.first_symbol[kind & 15] = segment[position + 17]
        position += 17 + sum(counts)


def _check_complete(jpeg: _Jpeg) -> None:
    if not jpeg.frame or not jpeg.scans:
        raise broken("truncated")
    if any(missing != _NONE_MISSING for missing in jpeg.missing_bits.values()):
        raise broken("truncated: scans are missing")
    data_bits = 8 * sum(len(jpeg.kept[scan]) for scan in jpeg.scans)
    if data_bits < jpeg.blocks * _LEAST_BITS_PER_BLOCK.get(jpeg.frame, 0):
        raise broken(f"truncated: too little data for {jpeg.width} x {jpeg.height} pixels")
