"""What `predict` does: picture files become probabilities."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from catclf.backbone import open_session
from catclf.errors import AnyPath, PictureError
from catclf.features import column
from catclf.logistic import sigmoid
from catclf.model import Model, load_model
from catclf.neighbors import Neighbor
from catclf.observer import Observer
from catclf.pictures.folders import find_pictures
from catclf.pictures.reading import PICTURE, STREAM_NAME, Picture, one_or_many, pixels_of
from catclf.workers import map_in_order


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction of one picture, or why it could not be read.

    Parameters
    ----------
    name
        Its path, or ``-`` where it has none.
    predicted
        The class predicted; None where the picture could not be read.
    probabilities
        By class, in the order of their labels; they sum to 1. None where there are none.
    error
        Why it could not be read.
    similarity, unlike
        Of a model of a backbone: how like the training pictures it is, 0 to 1, and whether that is
        below what 99 % of them have among themselves; else None. See `catclf.neighbors`.
    nearest
        The three training pictures that it is most like, of those that the model keeps.
    """

    name: str
    predicted: str | None
    probabilities: dict[str, float] | None
    error: PictureError | None = None
    similarity: float | None = None
    unlike: bool | None = None
    nearest: tuple[Neighbor, ...] = ()

    @property
    def confidence(self) -> float | None:
        """The probability of the class predicted; None where the picture could not be read.

        At a threshold of 0.5 it is at least 0.5. At another threshold the class predicted may be
        the less probable one.
        """
        if self.predicted is None or self.probabilities is None:
            return None
        return self.probabilities[self.predicted]


def predict(
    images: Picture | Iterable[Picture],
    model: Model | AnyPath,
    *,
    threshold: float = 0.5,
    workers: int | None = None,
    observer: Observer | None = None,
) -> Iterator[Prediction]:
    """Predict pictures one after the other, and return an iterator over the predictions.

    Parameters
    ----------
    images
        One picture, or an iterable of them: a path, a PIL image, an array (h, w, 3) uint8, or a
        binary stream that holds a picture file. A path may also be a folder to search for pictures.
    model
        A model, or its file.
    threshold
        A picture is predicted positive where its probability is above this.
    workers
        How many processes decode pictures; None for one for each core.
    observer
        Receives the files in searched folders that are no pictures.

    Returns
    -------
    iterator of Prediction
        One for each picture, in order: the class predicted and the probabilities, or why it could
        not be read.

    Raises
    ------
    ModelError
        Where the model's file cannot be used.
    CatclfError
        Where onnxruntime, which a model of a backbone needs, is not there.
    TypeError
        For what is no picture and no iterable; while iterating, for an item that is no picture.
    ValueError
        While iterating, for an array of another shape or type.
    """
    if not isinstance(model, Model):
        model = load_model(model)
    if model.preprocessing.backbone is not None:
        open_session(model.preprocessing.backbone.network)  # once, for all workers that are forked
    expanded = _expand(one_or_many(images), observer or Observer())
    answer = partial(_predict_one, model, threshold)
    return _predictions(expanded, answer, workers, model.preprocessing.picture_ms)


def _predictions(
    expanded: Iterable[Picture | PictureError],
    answer: Callable[[Picture | PictureError], Prediction],
    workers: int | None,
    picture_ms: int,
) -> Iterator[Prediction]:
    for is_file, run in groupby(expanded, lambda image: isinstance(image, str)):
        # A stream cannot be handed to another process, and pixels need no decoding.
        yield from map_in_order(answer, run, workers if is_file else 1, item_ms=picture_ms)


def _predict_one(model: Model, threshold: float, image: Picture | PictureError) -> Prediction:
    if isinstance(image, PictureError):
        return Prediction(image.where or STREAM_NAME, None, None, image)
    # A PIL image that was opened from a file knows it.
    name = image if isinstance(image, str) else getattr(image, "filename", "") or STREAM_NAME
    try:
        x = column(pixels_of(image, model.preprocessing), model.preprocessing)
    except PictureError as error:
        return Prediction(
            name, None, None, PictureError(error.what, error.where or name, error.fix)
        )
    probability = float(sigmoid(model.logits(x))[0])
    probabilities = dict(zip(model.classes, (1 - probability, probability), strict=True))
    predicted = model.classes[probability > threshold]
    if model.neighbors is None:
        return Prediction(name, predicted, probabilities)
    likeness = model.neighbors.likeness(x, model.classes)
    return Prediction(name, predicted, probabilities, None, *likeness)


def _expand(images: Iterable[Picture], observer: Observer) -> Iterator[Picture | PictureError]:
    """Replace each folder by its pictures; one without any by the error that says so."""
    for image in images:
        if not isinstance(image, str | os.PathLike):
            yield image
        elif os.path.isdir(image):
            found = find_pictures(os.fspath(image))
            if found.skipped:
                observer.skipped(found.skipped)
            yield from found.pictures
            yield from found.closed
            if not found.pictures and not found.closed:
                yield PictureError("a folder without pictures", image, PICTURE.fix)
        else:
            yield os.fspath(image)
