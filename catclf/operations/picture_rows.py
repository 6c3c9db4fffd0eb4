"""Labeled pictures become rows: by processes here, or by the workers of a cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from catclf.columns import Pixels, unroll
from catclf.errors import ClusterError, PictureError
from catclf.features import Preprocessing, column
from catclf.observer import Observer
from catclf.operations.shared_files import cluster_of, computed_by_workers
from catclf.pictures.pixels import fit_pixels
from catclf.sources.labeled import Labeled
from catclf.workers import CAN_FORK, map_in_order

if TYPE_CHECKING:
    from distributed import Client

Row = Pixels | PictureError
"""A picture's column of X and, where that holds other features, its pixels, (1, bytes); or what is
wrong with it."""


def read_rows(
    pictures: Sequence[Labeled],
    preprocessing: Preprocessing,
    workers: int | None,
    client: Client | None,
    observer: Observer,
) -> Generator[Row, None, None]:
    """Yield the row of each picture, in order.

    ClusterError where the workers of a cluster cannot read them.
    """
    result_bytes = preprocessing.n_x + preprocessing.pixel_n_x
    if client is not None:
        files = [(each, _path_of(each)) for each in pictures]
        cluster = cluster_of(client, observer, preprocessing)
        read = partial(_row_of_file, preprocessing)
        yield from computed_by_workers(
            cluster, read, files, _error_of, result_bytes, preprocessing.picture_ms
        )
        return
    # Forked workers read an open file of arrays, or arrays in memory; no others could have them.
    alone = not CAN_FORK and not all(isinstance(each.pixels, str) for each in pictures)
    yield from map_in_order(
        partial(_nth_row, pictures, preprocessing),
        range(len(pictures)),
        1 if alone else workers,
        preprocessing.pixel_n_x,
        preprocessing.picture_ms,
    )


def _path_of(picture: Labeled) -> str:
    if isinstance(picture.pixels, str):
        return picture.pixels
    what = "a cluster's workers read files of pictures, and this one is in an array"
    raise ClusterError(what, picture.name, "Prepare it without a cluster.")


def _error_of(row: Row) -> PictureError | None:
    return row if isinstance(row, PictureError) else None


def _nth_row(pictures: Sequence[Labeled], preprocessing: Preprocessing, index: int) -> Row:
    return row_of(pictures[index], preprocessing)


def _row_of_file(preprocessing: Preprocessing, picture: Labeled, path: str) -> Row:
    return row_of(replace(picture, pixels=path), preprocessing)


def row_of(picture: Labeled, preprocessing: Preprocessing) -> Row:
    """Return the row of a picture."""
    try:
        pixels = picture.read(preprocessing)
        row = column(pixels, preprocessing)
    except PictureError as error:
        return PictureError(error.what, error.where or picture.name, error.fix)
    if preprocessing.features == "pixels":
        return row
    if preprocessing.kept_size != preprocessing.size:
        pixels = fit_pixels(pixels, Preprocessing(size=preprocessing.kept_size))
    return np.concatenate([row, unroll(pixels[np.newaxis])], axis=1)
