"""How a picture becomes a column of X: its pixels, or histograms of its edges and colors.

Or it is a network's output, which is `catclf.backbone`'s.

Logistic regression weighs each number of a column by itself. A single pixel says little of what a
photograph shows; how many edges of each direction and how much of each color a region of it has
says more. ``hog-color`` counts both by fixed rules; nothing is learned:

- edges, 3528: histograms of oriented gradients, after Dalal and Triggs, "Histograms of oriented
  gradients for human detection" (CVPR 2005), whose steps the functions below are named by. Of the
  variants they compare: no gamma correction, 18 directions over 360 degrees, no Gaussian window,
  plain L2 blocks. The grid is 8 x 8 cells whatever the size of the picture.
- colors, 2048: in each quarter of the picture, an RGB histogram of 8 x 8 x 8 colors, as the square
  roots of its shares, so that a frequent color does not hide the rare ones.

Both are clipped above what few values exceed, and rounded to uint8.

A picture gives the same bytes on any machine, by itself or among others (of a network, on one kind
of processor; on another a few bytes may differ by 1). Gradients are whole
numbers, so that neither added brightness nor rounding decides which color's is the strongest. Sums
are float64 in the order of the pixels, never a matrix product, whose order depends on the machine.
All else is rounded as IEEE 754 says, but for `arctan2`, whose last bits are rounded away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Pixels, unroll
from catclf.errors import printable
from catclf.fields import check_ranges, ranged

if TYPE_CHECKING:
    from catclf.backbone import Backbone

DIRECTIONS = 18
CELLS_PER_SIDE = 8
PADDED_CELLS_PER_SIDE = CELLS_PER_SIDE + 2
BLOCKS_PER_SIDE = CELLS_PER_SIDE - 1
LEVELS_PER_COLOR = 8
DECIMALS_OF_A_DIRECTION = 6  # systems' arctan2 agree to 14; no gradient is near enough to a half
BLOCK_ENERGY_FLOOR = 1e-4  # so that noise in an even region is not amplified into edges
EDGE_AT_255, COLOR_AT_255 = 0.4, 0.2
PLACES_PER_SIDE = 8  # of pixels' evidence
KEPT_SIZE = 64  # of a picture that is kept beside a backbone's features

FeaturesKind = Literal["pixels", "hog-color", "backbone"]
BY_RULE: tuple[FeaturesKind, ...] = ("pixels", "hog-color")  # fixed, and no network's
FEATURES: tuple[FeaturesKind, ...] = (*BY_RULE, "backbone")
Array = NDArray[np.float64]
Integers = NDArray[np.signedinteger]
Shares = tuple[Integers, Array]  # which bin, and how much of a pixel's vote it gets
_MIN_HOG_COLOR_SIZE = 8  # one pixel a cell
_HOG_COLOR_N_X = 4 * (DIRECTIONS * BLOCKS_PER_SIDE**2 + LEVELS_PER_COLOR**3)


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
        colors (see `catclf.features`), for which size must be 8 or more; or the output of a
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
                f"features must be one of {', '.join(FEATURES)}, got {self.features!r}; a network "
                "is given as `backbone`, which catclf.load_backbone returns"
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
        if self.features == "hog-color" and self.size < _MIN_HOG_COLOR_SIZE:
            raise ValueError(
                f"size must be {_MIN_HOG_COLOR_SIZE} or more for hog-color, got {self.size}"
            )

    @property
    def n_x(self) -> int:
        """The number of features: ``3 * size * size`` of pixels, 5576 of hog-color."""
        if self.backbone is not None:
            return self.backbone.n_x
        return self.pixel_n_x if self.features == "pixels" else _HOG_COLOR_N_X

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
    parts = (_bytes(edges(pixels), EDGE_AT_255), _bytes(colors(pixels), COLOR_AT_255))
    return np.concatenate(parts, axis=None)[np.newaxis]


def column_and_evidence(
    pixels: Pixels, preprocessing: Preprocessing, w: Array
) -> tuple[Pixels, Array]:
    """Return a picture's transposed column, and what each of its places adds to ``w.T x``.

    Both add up to the same; see `Preprocessing.places`. ValueError where the features have none;
    CatclfError as `Backbone.map` raises it.
    """
    if preprocessing.places is None:
        raise ValueError(f"{preprocessing.features_name} features have no places")
    if preprocessing.backbone is not None:
        return preprocessing.backbone.column_and_evidence(pixels, w)
    size, x = preprocessing.size, column(pixels, preprocessing)
    added = (x[0] / 255 * w[:, 0]).reshape(3, size, size).sum(axis=0)
    evidence = np.zeros(preprocessing.places)
    block = np.arange(size) * len(evidence) // size
    np.add.at(evidence, np.ix_(block, block), added)
    return x, evidence


def _bytes(values: Array, value_at_255: float) -> Pixels:
    return np.minimum(255, values * (255 / value_at_255) + 0.5).astype(np.uint8)


def edges(pixels: Pixels) -> Array:
    """Return each block's histograms (4, 18, 7, 7) of a picture (size, size, 3)."""
    return block_histograms(cells(votes(*gradients(pixels)), neighbors(len(pixels))))


def gradients(pixels: Pixels) -> tuple[Integers, Integers]:
    """Return the central differences down and right, (size, size) each, 0 at the border.

    A pixel has those of the color with the strongest gradient; of equal ones, the first.
    """
    x = pixels.astype(np.int32)  # (size, size, 3)
    down, right = np.zeros_like(x), np.zeros_like(x)
    down[1:-1] = x[2:] - x[:-2]
    right[:, 1:-1] = x[:, 2:] - x[:, :-2]
    strongest = (down**2 + right**2).argmax(axis=2)  # (size, size)
    at = np.arange(0, x.size, 3).reshape(strongest.shape) + strongest
    return down.ravel()[at], right.ravel()[at]


def votes(down: Integers, right: Integers) -> list[Shares]:
    """Return the two directions nearest to each gradient's, and their shares of its length.

    Direction k is k times 20 degrees, from dark to light, clockwise from the right. Both arrays of
    a pair are (size, size).
    """
    direction = np.arctan2(down, right) * (DIRECTIONS / (2 * np.pi))  # -9 to 9
    direction = np.round(direction, DECIMALS_OF_A_DIRECTION)
    length = np.sqrt(down**2 + right**2) / 255
    modulo = np.arange(DIRECTIONS)  # at -9 to 10; a negative index counts from the end
    return [(modulo[k], share * length) for k, share in _nearest(direction)]


@lru_cache(maxsize=1)  # the size hardly changes from picture to picture
def neighbors(size: int) -> list[Shares]:
    """Return the four cells nearest to each pixel, and their shares of its votes.

    Cells are numbered row by row in a grid with one more cell on every side, which takes the votes
    that leave the picture. Both arrays of a pair are (size, size).
    """
    along = _nearest((np.arange(size) + 0.5) * (CELLS_PER_SIDE / size) + 0.5)  # center of 1: 1.0
    return [
        (PADDED_CELLS_PER_SIDE * i[:, np.newaxis] + j, share_i[:, np.newaxis] * share_j)
        for (i, share_i), (j, share_j) in product(along, along)
    ]


def _nearest(position: NDArray[np.floating]) -> tuple[Shares, Shares]:
    """Return the whole numbers below and above each position, each with its share of 1."""
    below = np.floor(position)
    above_share = position - below
    index = below.astype(np.intp)
    return (index, 1 - above_share), (index + 1, above_share)


def cells(votes: Sequence[Shares], neighbors: Sequence[Shares]) -> Array:
    """Return each cell's histogram of directions, (18, 8, 8): the votes it gets, a pixel."""
    side = PADDED_CELLS_PER_SIDE
    sums = np.zeros(DIRECTIONS * side**2)
    for direction, vote in votes:
        first = direction * side**2  # (size, size)
        for cell, share in neighbors:
            bins, weights = (first + cell).ravel(), (vote * share).ravel()
            sums += np.bincount(bins, weights, minlength=sums.size)
    pixels_per_cell = votes[0][0].size / CELLS_PER_SIDE**2
    inside: Array = sums.reshape(DIRECTIONS, side, side)[:, 1:-1, 1:-1]
    return inside / pixels_per_cell


def block_histograms(cells: Array, energy_floor: float = BLOCK_ENERGY_FLOOR) -> Array:
    """Return the overlapping blocks of 2 x 2 cells, each scaled to about length 1.

    Of cells (directions, 8, 8), (4, directions, 7, 7): the upper left cell of each block, the upper
    right, the lower left, the lower right.
    """
    n = BLOCKS_PER_SIDE
    v = np.stack([cells[:, i : i + n, j : j + n] for i in (0, 1) for j in (0, 1)])
    scaled: Array = v / np.sqrt((v**2).sum(axis=(0, 1)) + energy_floor)
    return scaled


def colors(pixels: Pixels) -> Array:
    """Return the square root of each color's share of each quarter, (4, 512).

    Quarters run as the cells of a block do. The middle row and column of an odd size count to the
    upper and left ones.
    """
    levels = pixels // (256 // LEVELS_PER_COLOR)
    red, green, blue = levels.transpose(2, 0, 1).astype(np.intp, order="C")
    color = (red * LEVELS_PER_COLOR + green) * LEVELS_PER_COLOR + blue  # (size, size)
    bins = first_color(len(pixels)) + color
    counts = np.bincount(bins.ravel(), minlength=4 * LEVELS_PER_COLOR**3).reshape(4, -1)
    shares: Array = counts / counts.sum(axis=1, keepdims=True)
    return np.sqrt(shares)


@lru_cache(maxsize=1)
def first_color(size: int) -> Integers:
    """Return the number of the first color of each pixel's quarter, (size, size)."""
    half = np.arange(size) * 2 // size
    quarter: Integers = half[:, np.newaxis] * 2 + half
    return quarter * LEVELS_PER_COLOR**3
