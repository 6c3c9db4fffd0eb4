"""What `predict` does: picture files become probabilities."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from typing import BinaryIO

from catclf.errors import PictureError
from catclf.model import Model
from catclf.observer import Observer
from catclf.parallel import map_in_order
from catclf.pictures.folders import find_pictures
from catclf.pictures.formats import MAX_BYTES
from catclf.pictures.reading import decode_picture, read_picture
from catclf.predictions import Prediction

__all__ = ["predict"]

STREAM_NAME = "-"


def predict(
    images: Iterable[str | os.PathLike[str] | BinaryIO],
    model: Model,
    *,
    threshold: float = 0.5,
    workers: int | None = None,
    observer: Observer | None = None,
) -> Iterator[Prediction]:
    """Yield a prediction a picture, in order, as they are made.

    Parameters
    ----------
    images
        Picture files, folders to search for pictures, and streams that hold one picture each.
    model
        From `catclf.load_model`.
    threshold
        A picture is predicted positive where its probability is above this.
    workers
        How many processes decode pictures; None for one a core.
    observer
        Receives the files in searched folders that are no pictures by name.
    """
    answer = partial(_predict_one, model, threshold)
    expanded = _expand(images, observer or Observer())
    for is_file, run in groupby(expanded, lambda image: isinstance(image, str)):
        # A stream cannot be handed to another process.
        yield from map_in_order(answer, run, workers if is_file else 1)


def _predict_one(model: Model, threshold: float, image: str | BinaryIO) -> Prediction:
    name = image if isinstance(image, str) else STREAM_NAME
    try:
        if isinstance(image, str):
            pixels = read_picture(image, model.preprocessing)
        else:
            pixels = decode_picture(_read_stream(image), model.preprocessing, STREAM_NAME)
    except PictureError as error:
        return Prediction(name, None, None, error)
    probability = model.probability(pixels)
    probabilities = dict(zip(model.classes, (1 - probability, probability), strict=True))
    return Prediction(name, model.classes[probability > threshold], probabilities)


def _read_stream(stream: BinaryIO) -> bytes:
    """Return what a stream holds, or one byte more than is decoded."""
    try:
        return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PictureError(
            f"cannot be read ({error.strerror or error})", STREAM_NAME, "Name a picture file."
        ) from error


def _expand(
    images: Iterable[str | os.PathLike[str] | BinaryIO], observer: Observer
) -> Iterator[str | BinaryIO]:
    """Replace each folder by its pictures; an empty one stays, to fail by its name."""
    for image in images:
        if not isinstance(image, str | os.PathLike):
            yield image
        elif os.path.isdir(image):
            pictures, skipped = find_pictures(os.fspath(image))
            if skipped:
                observer.skipped(skipped)
            yield from pictures or [os.fspath(image)]
        else:
            yield os.fspath(image)
