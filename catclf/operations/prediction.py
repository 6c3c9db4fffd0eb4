"""What `predict` does: picture files become probabilities."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from catclf.columns import Pixels
from catclf.errors import AnyPath, CatclfError, ModelError, PictureError
from catclf.features import column
from catclf.model import (
    DEFAULT_THRESHOLD,
    Model,
    evidence_for,
    predicted_labels,
    refuse_threshold,
)
from catclf.model_file import TRAIN_AGAIN, load_model
from catclf.neighbors import Neighbor
from catclf.observer import Observer
from catclf.operations.shared_files import cluster_of, computed_by_workers
from catclf.pictures.folders import find_pictures
from catclf.pictures.reading import PICTURE, STREAM_NAME, Picture, one_or_many, pixels_of
from catclf.workers import map_in_order

if TYPE_CHECKING:
    from distributed import Client

    from catclf.cluster import Cluster
    from catclf.operations.evidence_folder import EvidenceFolder

DRAWING_MS = 25  # about, of evidence over a picture
RESULT_BYTES = 2**14  # about, of a prediction; of evidence a PNG of 40 KB


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
    evidence
        The PNG that was written of it, where evidence is asked for.
    """

    name: str
    predicted: str | None
    probabilities: dict[str, float] | None
    error: PictureError | None = None
    similarity: float | None = None
    unlike: bool | None = None
    nearest: tuple[Neighbor, ...] = ()
    evidence: str | None = None

    @property
    def confidence(self) -> float | None:
        """The probability of the class predicted; None where the picture could not be read.

        Of two classes it is at least 0.5 at a threshold of 0.5; at another threshold the class
        predicted may be the less probable one. Of more, no other class has a higher one.
        """
        if self.predicted is None or self.probabilities is None:
            return None
        return self.probabilities[self.predicted]


def predict(
    images: Picture | Iterable[Picture],
    model: Model | AnyPath,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    workers: int | None = None,
    evidence: AnyPath | None = None,
    force: bool = False,
    client: Client | None = None,
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
        Of two classes, a picture is predicted positive where its probability is above this.
    workers
        How many processes decode pictures, without a `client`; None for one for each core.
    evidence
        A folder to write each picture to as a PNG, with its evidence over it: orange speaks for the
        positive class, of more than two for the class predicted, blue against it, the stronger the
        more; see `Model.evidence`. The strongest place of each picture has the full color. Its file
        is called as the picture.
    force
        Replace what stands in this folder under such a name, whatever it is.
    client
        A client of a Dask cluster, as for `catclf.prepare`: its workers predict the files. Pictures
        that are no files are predicted here.
    observer
        Receives the files in searched folders that are no pictures, and warnings of workers that
        are lost or waited for.

    Returns
    -------
    iterator of Prediction
        One for each picture, in order: the class predicted and the probabilities, or why it could
        not be read.

    Raises
    ------
    ModelError
        Where the model's file cannot be used.
    SettingsError
        For a threshold with more than two classes.
    ClusterError
        While iterating, where the cluster's workers cannot be used or do not see the same files, or
        its scheduler is gone.
    CatclfError
        Where onnxruntime, which a model of a backbone needs, is not there, or does not run its
        network; where the features have no places of which there is evidence, or the folder cannot
        be written to; while iterating, where a PNG cannot be written.
    TypeError
        For what is no picture and no iterable; while iterating, for an item that is no picture.
    ValueError
        While iterating, for an array of another shape or type.
    """
    if not isinstance(model, Model):
        model = load_model(model)
    refuse_threshold(threshold, model.classes)
    folder = None
    if evidence is not None:
        # Here, for predict to start without it.
        from catclf.operations.evidence_folder import EvidenceFolder

        folder = EvidenceFolder(evidence, model.preprocessing, force)
    if model.preprocessing.backbone is not None:
        from catclf.backbone import open_session  # here, for others to start without

        try:  # once, for all workers that are forked
            open_session(model.preprocessing.backbone.network)
        except CatclfError as error:
            raise _of_network(error, model) from error
    observer = observer or Observer()
    found = _found(one_or_many(images), observer)
    answer = partial(_answer, model, threshold, folder is not None)
    item_ms = model.preprocessing.picture_ms + (0 if folder is None else DRAWING_MS)
    compute: Callable[[Iterable[_Found]], Iterator[_Answer]]
    if client is None:
        compute = partial(map_in_order, answer, workers=workers, item_ms=item_ms)
    else:
        cluster = cluster_of(client, observer, model.preprocessing)
        compute = partial(_computed_by_workers, cluster, answer, item_ms)
    return _predictions(found, answer, compute, folder)


class _Found(NamedTuple):
    """A picture, or why there is none, and the folder that was searched for it, if one was."""

    image: Picture | PictureError
    root: str | None = None


class _Answer(NamedTuple):
    """A prediction, and where evidence is drawn its PNG, and the folder that was searched."""

    prediction: Prediction
    png: bytes | None
    root: str | None


def _predictions(
    found: Iterable[_Found],
    answer: Callable[[_Found], _Answer],
    compute: Callable[[Iterable[_Found]], Iterator[_Answer]],
    folder: EvidenceFolder | None,
) -> Iterator[Prediction]:
    """Yield the predictions of pictures: of files by `compute`, of others one after the other."""
    for is_file, run in groupby(found, lambda each: isinstance(each.image, str)):
        # A stream cannot be handed to another process, and pixels need no decoding.
        for prediction, png, root in compute(run) if is_file else map(answer, run):
            if folder is None or png is None:
                yield prediction
            else:  # written here: one after the other, and none is half-written when workers end
                path = folder.write(png, prediction.name, root)
                yield replace(prediction, evidence=path)


def _computed_by_workers(
    cluster: Cluster, answer: Callable[[_Found], _Answer], item_ms: int, found: Iterable[_Found]
) -> Iterator[_Answer]:
    files = ((each, each.image) for each in found if isinstance(each.image, str))  # all are
    function = partial(_answer_of_file, answer)
    return computed_by_workers(cluster, function, files, _error_of, RESULT_BYTES, item_ms)


def _answer_of_file(answer: Callable[[_Found], _Answer], found: _Found, path: str) -> _Answer:
    """Return the answer of a picture whose file is read by another path, under its own name."""
    prediction, png, root = answer(found._replace(image=path))
    return _Answer(replace(prediction, name=str(found.image)), png, root)


def _error_of(answer: _Answer) -> PictureError | None:
    return answer.prediction.error


def _answer(model: Model, threshold: float, draws: bool, found: _Found) -> _Answer:
    """Return the prediction of a picture, and, where it `draws`, the PNG of its evidence."""
    image, root = found
    if isinstance(image, PictureError):
        return _Answer(Prediction(image.where or STREAM_NAME, None, None, image), None, root)
    # A PIL image that was opened from a file knows it.
    name = image if isinstance(image, str) else getattr(image, "filename", "") or STREAM_NAME
    preprocessing = model.preprocessing
    png = None
    try:
        pixels = pixels_of(image, preprocessing)
        if draws:
            from catclf.pictures.evidence import evidence_png

            x, evidence = evidence_for(model, pixels)
            png = evidence_png(pixels, evidence)
        else:
            x = column(pixels, preprocessing)
    except PictureError as error:
        told = PictureError(error.what, error.where or name, error.fix)
        return _Answer(Prediction(name, None, None, told), None, root)
    except CatclfError as error:
        raise _of_network(error, model) from error
    return _Answer(_prediction(model, threshold, name, x), png, root)


def _of_network(error: CatclfError, model: Model) -> CatclfError:
    """Return an error of a model's network, of which whoever predicts knows the model's file."""
    # A ModelError is for whoever has the network; the others are for whoever runs it.
    fix = TRAIN_AGAIN if isinstance(error, ModelError) else error.fix
    return type(error)(error.what, model.path, fix)


def _prediction(model: Model, threshold: float, name: str, x: Pixels) -> Prediction:
    found = model.probabilities(x)
    predicted = model.classes[predicted_labels(found, threshold)[0]]
    probabilities = dict(zip(model.classes, found[0].tolist(), strict=True))
    if model.neighbors is None:
        return Prediction(name, predicted, probabilities)
    likeness = model.neighbors.likeness(x, model.classes)
    return Prediction(
        name,
        predicted,
        probabilities,
        similarity=likeness.similarity,
        unlike=likeness.unlike,
        nearest=likeness.nearest,
    )


def _found(images: Iterable[Picture], observer: Observer) -> Iterator[_Found]:
    """Replace each folder by its pictures; one without any by the error that says so."""
    for image in images:
        if not isinstance(image, str | os.PathLike):
            yield _Found(image)
        elif os.path.isdir(image):
            root = os.fspath(image)
            found = find_pictures(root)
            if found.skipped:
                observer.skipped(found.skipped)
            pictures: list[str | PictureError] = [*found.pictures, *found.closed]
            yield from (_Found(each, root) for each in pictures)
            if not pictures:
                yield _Found(PictureError("a folder without pictures", image, PICTURE.fix))
        else:
            yield _Found(os.fspath(image))
