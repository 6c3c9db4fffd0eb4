"""What `predict` does: picture files become probabilities."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO

from catclf.errors import PictureError
from catclf.model import Model
from catclf.parallel import map_in_order
from catclf.pictures.folders import find_pictures
from catclf.pictures.formats import MAX_BYTES
from catclf.pictures.reading import decode_picture, read_picture

__all__ = ["Prediction", "predict"]

STREAM_NAME = "-"


@dataclass(frozen=True)
class Prediction:
    """What the model says of one picture, or why it could say nothing.

    Parameters
    ----------
    name
        The picture's path, or ``-`` for a stream.
    probability
        Of the positive class; None where the picture could not be read.
    predicted
        The class predicted; None where the picture could not be read.
    error
        What was wrong with the picture, or None.
    """

    name: str
    probability: float | None
    predicted: str | None
    error: PictureError | None = None


def predict(
    images: Iterable[str | os.PathLike[str] | BinaryIO],
    model: Model,
    *,
    threshold: float = 0.5,
    workers: int | None = None,
    on_skipped: Callable[[list[str]], None] | None = None,
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
    on_skipped
        Called with the files in a searched folder that are no pictures by name.
    """

    def answer(image: str | BinaryIO) -> Prediction:
        name = image if isinstance(image, str) else STREAM_NAME
        try:
            if isinstance(image, str):
                pixels = read_picture(image, model.preprocessing)
            else:
                pixels = decode_picture(_read_stream(image), model.preprocessing, STREAM_NAME)
        except PictureError as error:
            return Prediction(name, None, None, error)
        probability = model.probability(pixels)
        return Prediction(name, probability, model.classes[probability > threshold])

    expanded = _expand(images, on_skipped)
    for is_file, run in groupby(expanded, lambda image: isinstance(image, str)):
        # Forked processes would share a stream's position.
        yield from map_in_order(answer, run, workers if is_file else 1)


def _read_stream(stream: BinaryIO) -> bytes:
    """Return what a stream holds, or one byte more than is decoded."""
    try:
        return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PictureError(
            f"cannot be read ({error.strerror or error})", STREAM_NAME, "Name a picture file."
        ) from error


def _expand(
    images: Iterable[str | os.PathLike[str] | BinaryIO],
    on_skipped: Callable[[list[str]], None] | None,
) -> Iterator[str | BinaryIO]:
    """Replace each folder by its pictures; an empty one stays, to fail by its name."""
    for image in images:
        if not isinstance(image, str | os.PathLike):
            yield image
        elif os.path.isdir(image):
            pictures, skipped = find_pictures(os.fspath(image))
            if skipped and on_skipped is not None:
                on_skipped(skipped)
            yield from pictures or [os.fspath(image)]
        else:
            yield os.fspath(image)
