"""TIFF: what its tags say of the samples is looked at, and Pillow decodes what it decodes right.

Of what Pillow knows, some comes out wrong: signed samples as if they had no sign, 16-bit planes as
8-bit ones, 16-bit gray that is stored inverted as it stands, 12 bits as if they were 16. And what
it does not know it calls an error like any damage. So a picture that may be whole is refused by
what it is. Names and numbers are those of TIFF 6.0; all were tried with libtiff 4.7.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from PIL import _imaging

from catclf.features import Preprocessing
from catclf.pictures.others import load, pillow_silenced
from catclf.pictures.pixels import DecodedPicture, broken, check_deep, check_pixels, unsupported

_SUBFILE_TYPE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_FILL_ORDER, _SAMPLES, _PLANES, _COLOR_MAP, _TILE_WIDTH, _TILE_LENGTH = 266, 277, 284, 320, 322, 323
_SUB_DIRECTORIES, _SAMPLE_FORMAT, _SUBSAMPLING, _DNG_VERSION = 330, 339, 530, 50706

_WHITE_IS_ZERO, _GRAY, _RGB, _PALETTE, _YCBCR, _LAB = 0, 1, 2, 3, 6, 8
_PHOTOMETRICS = {
    _WHITE_IS_ZERO: "white is zero", _GRAY: "gray", _RGB: "RGB", _PALETTE: "palette", 4: "mask",
    5: "CMYK", _YCBCR: "YCbCr", _LAB: "CIELab", 9: "ICCLab", 10: "ITULab",
    32803: "raw sensor", 32844: "LogL", 32845: "LogLuv", 34892: "raw sensor",
}  # fmt: skip
_UNCOMPRESSED = 1
_COMPRESSIONS = (*range(1, 9), 32773, 32946, 34925, 50000)  # which libtiff is built with
_SIGNED, _FLOAT = 2, 3
_SAMPLE_FORMATS = {1: "", _SIGNED: " signed", _FLOAT: " floating-point"}


def decode_tiff(data: bytes, _: Preprocessing) -> DecodedPicture:
    """Decode the first page of a TIFF."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

    with pillow_silenced(), _libtiff_silenced():
        file = BytesIO(data)
        tags = ImageFileDirectory_v2(file.read(16 if b"+" in data[2:4] else 8))
        file.seek(tags.next)
        tags.load(file)
        if _WIDTH not in tags or _LENGTH not in tags:
            raise broken("damaged")
        # A camera's raw file begins with a small preview, and has the picture in a directory below.
        if _DNG_VERSION in tags or (tags.get(_SUBFILE_TYPE, 0) & 1 and _SUB_DIRECTORIES in tags):
            raise unsupported("camera raw pictures")
        if _comes_out_wrong(tags):
            raise unsupported(_description(tags))
        # libtiff takes memory for a whole tile, however small the picture is.
        check_pixels(tags.get(_TILE_WIDTH, 1), tags.get(_TILE_LENGTH, 1))
        try:
            image = TiffImageFile(BytesIO(data))
        except SyntaxError:  # an arrangement of samples that Pillow does not know
            raise unsupported(_description(tags)) from None
        extents = [tile[1] for tile in image.tile if tile[1]]
        covered = sum((right - left) * (bottom - top) for left, top, right, bottom in extents)
        if covered < image.width * image.height:
            raise broken("truncated")  # Pillow leaves the rest black
        picture = load(image)  # which applies the orientation tag itself
        if max(tags.get(_BITS, (1,))) == 16 and image.mode.startswith("RGB"):
            check_deep(image)
        return picture


def _comes_out_wrong(tags: Mapping[int, Any]) -> bool:
    """Tell whether Pillow, or a libtiff without some codec, does not read such samples right."""
    bits, photometric = tags.get(_BITS, (1,)), tags.get(_PHOTOMETRIC, _WHITE_IS_ZERO)
    is_compressed = tags.get(_COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED
    fill_order, kind = tags.get(_FILL_ORDER, 1), (photometric, tags.get(_SAMPLES, 1))
    # Pillow looks at the first letter of each plane's format only.
    are_read_planes = kind in ((_GRAY, 1), (_RGB, 3)) and (
        is_compressed or (max(bits) == 8 and fill_order == 1)
    )
    return (
        tags.get(_COMPRESSION, _UNCOMPRESSED) not in _COMPRESSIONS
        or (_SIGNED in tags.get(_SAMPLE_FORMAT, ()) and max(bits) < 32)  # of 32 all is looked at
        or 12 in bits
        or (photometric == _WHITE_IS_ZERO and max(bits) > 8)
        or (photometric == _WHITE_IS_ZERO and max(bits) == 8 and fill_order == 2)
        or (tags.get(_PLANES, 1) == 2 and not are_read_planes)
        or (photometric == _PALETTE and max(tags.get(_COLOR_MAP, (0,))) < 256)  # colors of 8 bits
        or (photometric == _YCBCR and not is_compressed and tags.get(_SUBSAMPLING) != (1, 1))
        or photometric == _LAB
    )


def _description(tags: Mapping[int, Any]) -> str:
    """Return what the tags say of the samples, for an error."""
    bits, photometric = tags.get(_BITS, (1,)), tags.get(_PHOTOMETRIC, _WHITE_IS_ZERO)
    sample_format = _SAMPLE_FORMATS.get(tags.get(_SAMPLE_FORMAT, (1,))[0], "")
    compression = tags.get(_COMPRESSION, _UNCOMPRESSED)
    facts = [
        f"{tags.get(_SAMPLES, 1)} x {bits[0]} bits{sample_format}",
        _PHOTOMETRICS.get(photometric, f"photometric {photometric}"),
        *(["planar"] if tags.get(_PLANES, 1) == 2 else []),
        *([f"compression {compression}"] if compression not in _COMPRESSIONS else []),
    ]
    return f"TIFF pictures of this kind ({', '.join(facts)})"


@contextmanager
def _libtiff_silenced() -> Iterator[None]:
    """Keep the lines that libtiff writes itself, from C, when a file is damaged, from the terminal.

    It is told to call nobody, where its function can be found (45 us); a library that is part of
    Pillow's own, as on Windows, has none, and goes on writing. To redirect stderr would lose what
    other threads write, and a process that is forked meanwhile would never write again.
    """
    try:
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (AttributeError, OSError):
        yield
        return
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    before = set_handler(None)
    try:
        yield
    finally:
        set_handler(before)
