"""The folder that `predict` writes pictures with their evidence to."""

from __future__ import annotations

import os
from pathlib import PurePath

from catclf.errors import AnyPath, CatclfError
from catclf.features import Preprocessing
from catclf.files import EVIDENCE_SUFFIX, FileKind
from catclf.outputs import UNCHANGED, check_folder, check_output, replacing
from catclf.pictures.reading import STREAM_NAME

NAMELESS = "picture"
UNSAFE = frozenset('<>:"/\\|?*')  # in a file's name, on one system or another
MAX_NAME_BYTES = 200  # without the suffix; file systems allow 255


class EvidenceFolder:
    """A folder of evidence, and the names that were given to files in it.

    It is made with the first file. CatclfError where features of this `preprocessing` have no
    places, or the folder cannot be written to; nothing is changed then.
    """

    def __init__(self, folder: AnyPath, preprocessing: Preprocessing, force: bool) -> None:
        _refuse_without_places(preprocessing)
        check_folder(folder)
        self._folder, self._force = folder, force
        self._numbers: dict[str, int] = {}  # the highest of each name, in lower case
        self._written = 0

    def write(self, png: bytes, picture: str, root: AnyPath | None) -> str:
        """Write the evidence of a picture, and return its path.

        It is called as the picture is, below the folder `root` where that was searched; where the
        name is taken, as more of the picture's path. CatclfError where it cannot be written, and
        where another file stands there.
        """
        path = os.path.join(self._folder, self._free(_names(picture, root)) + EVIDENCE_SUFFIX)
        try:
            check_output(path, FileKind.EVIDENCE, [picture], force=self._force)
            with replacing(path) as temporary:
                temporary.write_bytes(png)
        except CatclfError as error:
            if not self._written:
                raise
            what = (
                f"{error.what.removesuffix(UNCHANGED)}; PNG files written before: {self._written}"
            )
            raise CatclfError(what, error.where, error.fix) from error
        self._written += 1
        return path

    def _free(self, names: list[str]) -> str:
        """Return the first of some names that is free; where none is, the first with a number.

        Names that differ in their case alone are one file on many systems.
        """
        name = next((each for each in names if each.lower() not in self._numbers), names[0])
        while name.lower() in self._numbers:
            self._numbers[names[0].lower()] += 1
            name = f"{names[0]}.{self._numbers[names[0].lower()]}"
        self._numbers[name.lower()] = 1
        return name


def _refuse_without_places(preprocessing: Preprocessing) -> None:
    if preprocessing.places is not None:
        return
    if (backbone := preprocessing.backbone) is None:
        raise CatclfError(
            f"{preprocessing.features} features have no places that evidence could be drawn over",
            fix="Prepare with other `features`, pixels or efficientnet-lite0, and train again.",
        )
    raise CatclfError(
        f"the output {backbone.output!r} of the network {backbone.name!r} is no map, and has no "
        "places that evidence could be drawn over",
        fix="Prepare with an output (n, d, h, w), named by `backbone_output`, and train again.",
    )


def _names(picture: str, root: AnyPath | None) -> list[str]:
    """Return what a picture's evidence may be called, the shortest first."""
    parts = PurePath("" if picture == STREAM_NAME else picture).parts or (NAMELESS,)
    above = len(parts) - 1 if root is None else len(PurePath(root).parts)
    joined = ("-".join(parts[first:]) for first in range(above, -1, -1))
    return [_portable(name).encode()[-MAX_NAME_BYTES:].decode(errors="ignore") for name in joined]


def _portable(name: str) -> str:
    return "".join(c if c.isprintable() and c not in UNSAFE else "_" for c in name)
