"""The training pictures that a picture is most like, and whether it is like any of them.

A model of a backbone keeps some of the columns that it was trained on. How alike two pictures are
is the cosine of their columns, 0 to 1. A picture's *similarity* to the training pictures is the
third highest cosine to those that are kept; it is *unlike* them where that is below the floor. At
least 99 % of the kept ones reach the floor, each held against the others.

Products of bytes are added up exactly in float64, so that a picture's cosines are the same bits
alone and among others, in any order.

What it can notice and what not is measured in `tests/benchmarks`. Pixels and hog-color tell other
subjects apart little better than chance, so that models of them keep no columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Columns, Pixels
from catclf.logistic import Labels

KEPT = 500  # columns, at most: with 200 or 1000 false alarms and catches differ little
NEAREST = 3  # named; by the third, since a single odd training picture makes nothing familiar
FLOOR_QUANTILE = 0.01

Array = NDArray[np.float64]


class Neighbor(NamedTuple):
    """A training picture: its name, its class, and the cosine of its column and another."""

    name: str
    label: str
    similarity: float


class Likeness(NamedTuple):
    """How like the training pictures a picture is, and the most like of them, best first."""

    similarity: float
    unlike: bool
    nearest: tuple[Neighbor, ...]


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The training columns that a model keeps.

    Parameters
    ----------
    columns
        As rows (kept, n_x) uint8.
    labels, names
        Of each (kept,), the index of its class, and what the picture is called.
    rows
        Which rows of the train split they are (kept,), in order.
    floor
        The similarity below which a picture is unlike them.
    """

    columns: Pixels
    labels: Labels
    names: list[str]
    rows: NDArray[np.int64]
    floor: float

    def __repr__(self) -> str:
        return f"<Neighbors: {len(self.names)} training columns, floor {self.floor:.4f}>"

    @cached_property
    def _columns(self) -> Array:
        return self.columns.astype(np.float64)

    @cached_property
    def _squares(self) -> Array:
        return squares(self._columns)

    def cosines(self, columns: Pixels) -> Array:
        """Return the cosines of columns, as rows (m, n_x), to the kept ones: (m, kept).

        That of a column of zeros, which has no direction, is 0.
        """
        x = columns.astype(np.float64)
        # BLAS starts threads, which many processes that each have one column need not.
        one = len(x) == 1
        products = np.einsum("mi,ki->mk", x, self._columns) if one else x @ self._columns.T
        lengths = np.sqrt(squares(x)[:, np.newaxis] * self._squares)
        cosines: Array = products / np.maximum(lengths, 1)
        return cosines

    def similarities(self, columns: Pixels) -> Array:
        """Return how like them pictures are, by their columns as rows (m, n_x): (m,)."""
        return highest(self.cosines(columns), NEAREST)

    def likeness(self, column: Pixels, classes: tuple[str, ...]) -> Likeness:
        """Return how like them a picture is, by its transposed column (1, n_x)."""
        [cosines] = self.cosines(column)
        best = np.argsort(-cosines, kind="stable")[:NEAREST]
        nearest = [
            Neighbor(self.names[i], classes[self.labels[i]], float(cosines[i])) for i in best
        ]
        similarity = nearest[-1].similarity
        return Likeness(similarity, similarity < self.floor, tuple(nearest))


def squares(columns: Array) -> Array:
    """Return the squared length of each row."""
    result: Array = np.einsum("mi,mi->m", columns, columns)
    return result


def highest(cosines: Array, rank: int) -> Array:
    """Return the highest cosine of each row (m, kept), the second highest, or that of any rank."""
    result: Array = np.partition(cosines, -rank, axis=1)[:, -rank]
    return result


def draw_neighbors(columns: Columns, labels: Labels, names: list[str]) -> Neighbors | None:
    """Draw the columns to keep of a train split; None where there are too few to compare.

    As many of each class, where it has as many, at random, and always the same ones.
    """
    rows = drawn_rows(labels)
    if len(rows) <= NEAREST:
        return None
    kept = np.concatenate([columns[row : row + 1] for row in rows])
    drawn = Neighbors(kept, labels[rows], [names[row] for row in rows], rows, floor=0.0)
    # The cosine to itself is 1, the highest: by one rank more, each is left out.
    among = highest(drawn.cosines(kept), NEAREST + 1)
    return replace(drawn, floor=float(np.quantile(among, FLOOR_QUANTILE, method="lower")))


def drawn_rows(labels: Labels) -> NDArray[np.int64]:
    """Return which examples are kept, in order."""
    rng = np.random.default_rng(0)
    drawn = (rng.permutation(np.flatnonzero(labels == label))[:KEPT] for label in np.unique(labels))
    # The classes by turns: where one has few pictures, the others have more.
    turns = sorted((turn, row) for rows in drawn for turn, row in enumerate(rows))
    return np.array(sorted(row for _, row in turns[:KEPT]), np.int64)
