"""The record of how a picture becomes a column; needs neither Pillow nor numpy."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Literal

__all__ = ["Preprocessing"]

_MAX_SIZE = 1024
_FITS = ("squash", "crop", "pad")
_FEATURES = ("pixels", "hog-color")
_MIN_HOG_COLOR_SIZE = 8  # one pixel a cell
_HOG_COLOR_N_X = 3528 + 2048  # edges and colors, of which catclf.features has the shapes


@dataclass(frozen=True)
class Preprocessing:
    """The record of how a picture becomes a column.

    Parameters
    ----------
    size
        Height and width of the result, 1 to 1024.
    fit
        How a picture that is not square becomes square: ``squash`` ignores the aspect ratio,
        ``crop`` takes the largest centered square, ``pad`` adds bars of the background.
    filter, background, order
        How pixels are averaged, what lies behind transparent ones, and the order in a column. This
        version knows one value of each; they are recorded so that a later one may know more.
    features
        What a column holds: the ``pixels`` themselves, or ``hog-color``, histograms of edges and
        colors (see `catclf.features`), for which size must be 8 or more.

    Raises
    ------
    ValueError
        If a value is of the wrong type, out of range or not known.
    """

    size: int = 64
    fit: Literal["squash", "crop", "pad"] = "squash"
    filter: str = "bilinear"
    background: str = "white"
    order: str = "planes"
    features: Literal["pixels", "hog-color"] = "pixels"

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 1 <= self.size <= _MAX_SIZE:
            raise ValueError(
                f"size must be a whole number from 1 to {_MAX_SIZE}, got {self.size!r}"
            )
        if self.fit not in _FITS:
            raise ValueError(f"fit must be one of {', '.join(_FITS)}, got {self.fit!r}")
        for name, only in (("filter", "bilinear"), ("background", "white"), ("order", "planes")):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise ValueError(f"{name} must be a string, got {value!r}")
            if value != only:
                raise ValueError(
                    f"{name} {value!r} is unknown (this version knows {only!r}): "
                    "made by a newer catclf"
                )
        if self.features not in _FEATURES:
            raise ValueError(
                f"features must be one of {', '.join(_FEATURES)}, got {self.features!r}"
            )
        if self.features == "hog-color" and self.size < _MIN_HOG_COLOR_SIZE:
            raise ValueError(
                f"size must be {_MIN_HOG_COLOR_SIZE} or more for hog-color, got {self.size}"
            )

    @property
    def n_x(self) -> int:
        """The number of features: ``3 * size * size`` of pixels, 5576 of hog-color."""
        return self.pixel_n_x if self.features == "pixels" else _HOG_COLOR_N_X

    @property
    def pixel_n_x(self) -> int:
        """The number of features that the pixels are: ``3 * size * size``."""
        return 3 * self.size * self.size

    def difference(self, other: Preprocessing) -> tuple[str, str]:
        """Return in words what this and another record have different: of each, name and value."""
        ours, theirs = self.to_record(), other.to_record()
        names = [name for name in ours if ours[name] != theirs[name]]
        mine, others = (
            ", ".join(f"{name} {record[name]}" for name in names) for record in (ours, theirs)
        )
        return mine, others

    def to_record(self) -> dict[str, object]:
        """Return the settings as a dictionary that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: object) -> Preprocessing:
        """Return the settings that `to_record` wrote.

        A record without features is of a catclf that knew pixels only.

        Raises
        ------
        ValueError
            If the record is not a dictionary of exactly these settings, each with a known value.
        """
        if not isinstance(record, dict):
            raise ValueError(f"preprocessing must be a table of settings, got {record!r:.80}")
        names = [field.name for field in fields(cls)]
        for name in record:
            if name not in names:
                raise ValueError(f"preprocessing has an unknown setting {name!r:.80}")
        for name in names:
            if name not in record and name != "features":
                raise ValueError(f"preprocessing lacks {name!r}")
        return cls(**record)
