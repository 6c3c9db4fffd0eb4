"""How a picture becomes a column of X, and the record of it.

A column holds the picture's pixels, histograms of its edges and colors (`catclf.hog_color`), or the
output of a frozen network (`catclf.backbone`). A picture gives the same bytes alone or among
others, on any machine; of a network, on one kind of processor: on another a few bytes may differ
by 1.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from catclf import hog_color
from catclf.columns import Pixels, unroll
from catclf.errors import printable
from catclf.fields import check_ranges, ranged

if TYPE_CHECKING:
    from catclf.backbone import Backbone

PLACES_PER_SIDE = 8  # of pixels' evidence
KEPT_SIZE = 64  # of a picture that is kept beside a backbone's features

FeaturesKind = Literal["pixels", "hog-color", "backbone"]
BY_RULE: tuple[FeaturesKind, ...] = ("pixels", "hog-color")  # fixed, and no network's
FEATURES: tuple[FeaturesKind, ...] = (*BY_RULE, "backbone")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Preprocessing:
    """The record of how a picture becomes a column.

    Parameters
    ----------
    size
        Height and width of the result, 1 to 1024. None for those of the backbone, else for 64.
    fit
        How a picture that is not square becomes square: ``squash`` ignores the aspect ratio,
        ``crop`` takes the largest centered square, ``pad`` adds bars of the background.
    filter, background, order
        How pixels are averaged, what lies behind transparent ones, and the order in a column. This
        version knows one value of each; they are recorded so that a later one may know more.
    features
        What a column holds: the ``pixels`` themselves; ``hog-color``, histograms of edges and
        colors (see `catclf.hog_color`), for which size must be 8 or more; or the output of a
        ``backbone``.
    backbone
        The frozen network whose output is taken, as `catclf.load_backbone` returns it; `features`
        is then ``backbone`` and need not be given.

    Raises
    ------
    ValueError
        If a value is of the wrong type, out of range or not known.
    """

    size: int = ranged(None, whole=True, least=1, most=1024, unit="PIXELS")
    fit: Literal["squash", "crop", "pad"] = ranged("squash", choices=("squash", "crop", "pad"))
    filter: str = ranged("bilinear", choices=("bilinear",))
    background: str = ranged("white", choices=("white",))
    order: str = ranged("planes", choices=("planes",))
    features: FeaturesKind = ranged("pixels", choices=FEATURES)
    backbone: Backbone | None = None

    def __post_init__(self) -> None:
        if self.features not in FEATURES:
            raise ValueError(
                f"features must be one of {', '.join(FEATURES)}, got {self.features!r}; those of a "
                "network are given by the backbone that catclf.load_backbone returns"
            )
        check_ranges(self)
        backbone = self.backbone
        if backbone is not None and not hasattr(backbone, "network"):
            raise ValueError(
                f"backbone must be what catclf.load_backbone returns, got {backbone!r}"
            )
        if self.size is None:
            object.__setattr__(self, "size", 64 if backbone is None else backbone.size)
        if backbone is not None:
            if self.features == "hog-color":
                raise ValueError("features must be hog-color or a backbone's, got both")
            object.__setattr__(self, "features", "backbone")
            if self.size != backbone.size:
                raise ValueError(f"size must be the backbone's {backbone.size}, got {self.size}")
        elif self.features == "backbone":
            raise ValueError(
                "features backbone needs a backbone, as catclf.load_backbone returns it"
            )
        if self.features == "hog-color" and self.size < hog_color.MIN_SIZE:
            raise ValueError(
                f"size must be {hog_color.MIN_SIZE} or more for hog-color, got {self.size}"
            )

    @property
    def n_x(self) -> int:
        """The number of features: ``3 * size * size`` of pixels, 5576 of hog-color."""
        if self.backbone is not None:
            return self.backbone.n_x
        return self.pixel_n_x if self.features == "pixels" else hog_color.N_X

    @property
    def features_name(self) -> str:
        """What the features are called: ``pixels``, ``hog-color``, or the backbone's name."""
        return self.features if self.backbone is None else self.backbone.name

    @property
    def kept_size(self) -> int:
        """Height and width of the pictures that a dataset keeps, to find duplicates and to show.

        Of a backbone 64, whatever its own size.
        """
        return self.size if self.backbone is None else KEPT_SIZE

    @property
    def pixel_n_x(self) -> int:
        """The number of bytes of such a picture: ``3 * kept_size * kept_size``."""
        return 3 * self.kept_size * self.kept_size

    @property
    def places(self) -> tuple[int, int] | None:
        """Rows and columns of the places by which there is evidence; None where it has none.

        Of pixels these are 8 x 8 blocks, of a backbone the places of the map that is averaged.
        """
        if self.backbone is not None:
            return self.backbone.places
        side = min(PLACES_PER_SIDE, self.size)
        return (side, side) if self.features == "pixels" else None

    @property
    def picture_ms(self) -> int:
        """About how many milliseconds a picture takes: of a backbone, those of a small one."""
        return 1 if self.backbone is None else 12

    def difference(self, other: Preprocessing) -> tuple[str, str]:
        """Return in words what this and another record have different: of each, name and value."""
        ours, theirs = self.described(), other.described()
        names = [name for name in ours if name in theirs and ours[name] != theirs[name]]
        if not names:  # backbones that were read otherwise
            return str(self.backbone), str(other.backbone)
        if "network" in ours and ours["network"] == theirs.get("network"):
            names = [name for name in names if name != "features"]  # whatever it is called
        elif "features" in names:  # networks that their names tell apart
            names = [name for name in names if name not in ("network", "normalize", "output")]
        mine, others = (
            ", ".join(f"{name} {printable(str(told[name]))}" for name in names)
            for told in (ours, theirs)
        )
        return mine, others

    def described(self) -> dict[str, object]:
        """Return the settings by name, for people."""
        told = self.to_record() | {"features": self.features_name}
        if self.backbone is not None:
            told |= self.backbone.described()
            del told["backbone"]
        return told

    def to_record(self) -> dict[str, object]:
        """Return the settings as a dictionary that JSON can hold."""
        record = {each.name: getattr(self, each.name) for each in fields(self)}
        del record["backbone"]
        if self.backbone is not None:
            record["backbone"] = self.backbone.to_record()
        return record

    @classmethod
    def from_record(cls, record: object, network: bytes | None = None) -> Preprocessing:
        """Return the settings that `to_record` wrote; ValueError where it is not exactly these.

        A record without features is of a catclf that knew pixels only; `network` is that of the
        backbone, which the record has not.
        """
        if not isinstance(record, dict):
            raise ValueError(f"preprocessing must be a table of settings, got {record!r:.80}")
        names = [field.name for field in fields(cls)]
        for name in record:
            if name not in names:
                raise ValueError(f"preprocessing has an unknown setting {name!r:.80}")
        for name in names:
            if record.get(name) is None and name not in ("features", "backbone"):
                raise ValueError(f"preprocessing lacks {name!r}")
        backbone = record.get("backbone")
        if network is None and backbone is not None:
            raise ValueError("the network of its backbone is missing")
        if network is not None:
            from catclf.backbone import Backbone  # here, for pixels to start without it

            record = {**record, "backbone": Backbone.from_record(backbone, network)}
        return cls(**record)


def column(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Return the transposed column of X of one picture (size, size, 3) uint8.

    It is (1, n_x) uint8: all of red, then green, then blue; the edges, then the colors; or the
    network's features. CatclfError as `Backbone.map` raises it.
    """
    size = preprocessing.size
    if pixels.shape != (size, size, 3) or pixels.dtype != np.uint8:
        raise ValueError(
            f"pixels must be ({size}, {size}, 3) uint8, got {pixels.shape} {pixels.dtype}"
        )
    if preprocessing.backbone is not None:
        return preprocessing.backbone.column(pixels)
    if preprocessing.features == "pixels":
        return unroll(pixels[np.newaxis])
    return hog_color.hog_color(pixels)[np.newaxis]


def column_and_evidence(
    pixels: Pixels, preprocessing: Preprocessing, w: Array
) -> tuple[Pixels, Array]:
    """Return a picture's transposed column, and what each of its places adds to ``w.T x``.

    The latter is (k, rows, columns), of w (n_x, k), and both add up to the same; see
    `Preprocessing.places`. ValueError where the features have none; CatclfError as `Backbone.map`
    raises it.
    """
    if preprocessing.places is None:
        raise ValueError(f"{preprocessing.features_name} features have no places")
    if preprocessing.backbone is not None:
        return preprocessing.backbone.column_and_evidence(pixels, w)
    size, x = preprocessing.size, column(pixels, preprocessing)
    added = (x.T / 255 * w).reshape(3, size, size, -1).sum(axis=0)  # (size, size, k)
    evidence = np.zeros((*preprocessing.places, w.shape[1]))
    block = np.arange(size) * len(evidence) // size
    np.add.at(evidence, np.ix_(block, block), added)
    return x, evidence.transpose(2, 0, 1)
