"""TIFF files of any arrangement of samples, written from scratch after TIFF 6.0."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
GRAY, RGB, PALETTE, CMYK, YCBCR, LAB = 1, 2, 3, 5, 6, 8  # photometric interpretations
DEFLATE = 8


def tiff(
    samples: NDArray[np.generic],
    photometric: int,
    *,
    bits: int | None = None,
    sample_format: int = UNSIGNED,
    order: Literal["<", ">"] = "<",
    compression: int = 1,
    predictor: int = 1,
    fill_order: int = 1,
    planar: bool = False,
    **tags: Sequence[int],
) -> bytes:
    """Return a TIFF of ``(height, width, samples)``; further tags are given as ``t338=[2]``."""
    height, width, count = samples.shape
    bits = bits or 8 * samples.itemsize
    if predictor == 2:
        samples = np.concatenate([samples[:, :1], samples[:, 1:] - samples[:, :-1]], 1)  # type: ignore[operator]
    planes = np.split(samples, count, 2) if planar else [samples]
    strips = [_packed(plane.reshape(height, -1), bits, order) for plane in planes]
    if compression == DEFLATE:
        strips = [zlib.compress(strip) for strip in strips]
    if fill_order == 2:
        strips = [bytes(int(f"{byte:08b}"[::-1], 2) for byte in strip) for strip in strips]
    starts = np.cumsum([8, *map(len, strips)]).tolist()
    values: dict[int, Sequence[int]] = {
        256: [width], 257: [height], 258: [bits] * count, 259: [compression], 262: [photometric],
        266: [fill_order], 273: starts[:-1], 277: [count], 278: [height],
        279: list(map(len, strips)), 284: [1 + planar], 317: [predictor],
        339: [sample_format] * count, **{int(name[1:]): value for name, value in tags.items()},
    }  # fmt: skip
    content, directory = b"".join(strips), struct.pack(f"{order}H", len(values))
    for tag, value in sorted(values.items()):
        packed = struct.pack(f"{order}{len(value)}I", *value)
        if len(value) > 1:
            packed, content = struct.pack(f"{order}I", 8 + len(content)), content + packed
        directory += struct.pack(f"{order}HHI", tag, 4, len(value)) + packed
    signature = b"II*\0" if order == "<" else b"MM\0*"
    start = struct.pack(f"{order}I", 8 + len(content))
    return signature + start + content + directory + bytes(4)


def _packed(rows: NDArray[np.generic], bits: int, order: Literal["<", ">"]) -> bytes:
    """Return rows of samples as bytes; of fewer than 8 bits each row is filled up to a byte."""
    if bits == 8 * rows.itemsize:
        return rows.astype(rows.dtype.newbyteorder(order)).tobytes()
    steps = np.arange(bits - 1, -1, -1)
    unpacked = (rows[:, :, None].astype(np.int64) >> steps & 1).reshape(len(rows), -1)
    return np.packbits(unpacked.astype(np.uint8), axis=1).tobytes()
