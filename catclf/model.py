"""The model: w, b and all that is needed to apply them, and its file.

The file is an .npz that anyone can open (`catclf.npz`):

    record               JSON: format, version, classes, preprocessing, dataset, settings, results
    w (n_x, 1) float64   b () float64
    costs, iterations    the recorded costs, and before which update each was computed
    backbone             (bytes,) uint8: the ONNX file whose output the features are, if they are
    neighbors            (k, n_x) uint8: training columns, with neighbor_labels, neighbor_names,
                         neighbor_rows (k,) and neighbor_floor () (`catclf.neighbors`)
    test_log_losses      on the test split, where there is one, before the last of these updates
    state_*              what a resumed run needs besides w and b

A weights-only ``np.savez(path, w=w, b=b)`` from a notebook is a model too; what it does not say is
assumed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Order, reorder, size_of
from catclf.errors import AnyPath, ModelError, printable
from catclf.features import Preprocessing, column, column_and_evidence
from catclf.files import Expected, FileKind
from catclf.logistic import Array, dot, sigmoid
from catclf.neighbors import NEAREST, Neighbors
from catclf.npz import Npz, create_npz, decode_names, encode_names, open_npz
from catclf.splits import as_pair
from catclf.training import Training

if TYPE_CHECKING:
    from catclf.pictures.reading import Picture

WEIGHTS_ONLY_CLASSES = ("class 0", "class 1")
FORMAT = "catclf-model"
FORMAT_VERSION = 1
TRAIN_AGAIN = "Train the model again, or fetch the file again."
NAME_ITS_ORDER = """\
Give its `order`: interleaved for X.reshape(m, -1).T, planes for one color after the other.
To find out, evaluate it on a dataset with labels: 'catclf evaluate' tries both."""
MODEL = Expected(
    FileKind.MODEL.value,
    "Name a model that catclf trained, or an .npz of w and b: np.savez(path, w=w, b=b).",
    {FileKind.DATASET: "Name a model; 'catclf train {path}' trains one on this dataset."},
    missing="Run 'catclf train' first, or check the path.",
)


@dataclass(frozen=True, eq=False)
class Model:
    """Weights, bias, and how to apply them.

    Parameters
    ----------
    w
        Weights (n_x, 1), for columns divided by 255.
    b
        Bias.
    classes
        (negative, positive): the class at index 0 has label 0.
    preprocessing
        How a picture becomes a column.
    training
        How it was trained; None where the file does not tell.
    neighbors
        Some of the columns it was trained on, where they are a backbone's.
    weights_only
        Whether its file holds w and b alone: classes and preprocessing are then assumed.
    path
        The file it was read from; None where it was not.
    """

    w: Array
    b: float
    classes: tuple[str, str]
    preprocessing: Preprocessing
    training: Training | None = None
    neighbors: Neighbors | None = None
    weights_only: bool = False
    path: str | None = None

    @property
    def positive(self) -> str:
        """The class whose probability is reported."""
        return self.classes[1]

    @property
    def w_norm(self) -> float:
        """The Euclidean norm of w: finite, though the squares of its entries may not be."""
        largest = float(np.abs(self.w).max())
        scaled = self.w[:, 0] / (largest or 1)
        return largest * float(np.sqrt(dot(scaled, scaled)))

    def logits(self, columns: NDArray[np.uint8]) -> Array:
        """Return the logits (m,) of the columns of X given as rows (m, n_x) uint8.

        One column at a time, in one order: a picture's probability then does not depend, in its
        last bits, on the other columns, nor on the number of threads.
        """
        w = self.w[:, 0]
        return np.array([dot(w, x / 255) + self.b for x in columns])

    def probability(self, pixels: NDArray[np.uint8]) -> float:
        """Return the probability of the positive class of one picture (size, size, 3)."""
        return float(sigmoid(self.logits(column(pixels, self.preprocessing)))[0])

    def evidence(self, image: Picture) -> Array:
        """Return what each place of a picture adds to its logit, beside b.

        Parameters
        ----------
        image
            As for `predict_proba`.

        Returns
        -------
        numpy.ndarray
            In rows and columns of the picture as the model sees it: of pixels 8 x 8 blocks, of a
            backbone the places of its map. All of them add up to the logit less b; what is above 0
            speaks for the positive class.

        Raises
        ------
        PictureError
            Where the picture cannot be read.
        CatclfError
            Where onnxruntime, which a model of a backbone needs, is not there.
        ValueError
            Where the features have no places: hog-color, and a backbone whose output is no map.
        """
        from catclf.pictures.reading import pixels_of

        pixels = pixels_of(image, self.preprocessing)
        return column_and_evidence(pixels, self.preprocessing, self.w)[1]

    def predict_proba(self, images: Picture | Iterable[Picture]) -> Array:
        """Return the probabilities (k, 2) of k pictures, columns in the order of `classes`.

        Parameters
        ----------
        images
            One picture, or an iterable of them: a path, a PIL image, an array (h, w, 3) uint8, or
            a binary stream that holds a picture file.

        Returns
        -------
        numpy.ndarray
            float64; a row sums to 1.

        Raises
        ------
        PictureError
            Where a picture cannot be read.
        CatclfError
            Where onnxruntime, which a model of a backbone needs, is not there.
        TypeError, ValueError
            For what is no picture, and for an array of another shape or type.
        """
        # A model can be trained and evaluated without Pillow.
        from catclf.pictures.reading import one_or_many, pixels_of

        pixels = (pixels_of(image, self.preprocessing) for image in one_or_many(images))
        positive = np.array([self.probability(picture) for picture in pixels], dtype=np.float64)
        return np.column_stack([1 - positive, positive])

    def __repr__(self) -> str:
        preprocessing = self.preprocessing
        if self.training is not None:
            how = (
                f"{self.training.iterations} iterations of {self.training.method} "
                f"on {self.training.train_examples} pictures"
            )
        else:
            how = "weights only" if self.weights_only else "not told how it was trained"
        return (
            f"<Model {self.classes[0]!r} or {self.classes[1]!r}: size {preprocessing.size}, "
            f"n_x {preprocessing.n_x}, {how}>"
        )


def save_model(path: AnyPath, model: Model) -> None:
    """Write a model, whole or not at all; CatclfError where it cannot be written."""
    training = model.training
    record = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        **({} if training is None else training.to_record()),
        "classes": model.classes,
        "preprocessing": model.preprocessing.to_record(),
    }
    costs, test_log_losses = (
        ({}, {}) if training is None else (training.costs, training.test_log_losses)
    )
    with create_npz(path, record) as npz:
        npz.add("w", model.w)
        npz.add("b", np.float64(model.b))
        npz.add("costs", np.array(list(costs.values()), dtype=np.float64))
        npz.add("test_log_losses", np.array(list(test_log_losses.values()), dtype=np.float64))
        npz.add("iterations", np.array(list(costs), dtype=np.int64))
        for name, array in ({} if training is None else training.state).items():
            npz.add(f"state_{name}", array)
        if model.preprocessing.backbone is not None:
            npz.add("backbone", np.frombuffer(model.preprocessing.backbone.network, np.uint8))
        if (neighbors := model.neighbors) is not None:
            npz.add("neighbors", neighbors.columns)
            npz.add("neighbor_labels", neighbors.labels)
            npz.add("neighbor_names", encode_names(neighbors.names))
            npz.add("neighbor_rows", neighbors.rows)
            npz.add("neighbor_floor", np.float64(neighbors.floor))


def load_model(
    path: AnyPath, order: Order | None = None, classes: tuple[str, str] | None = None
) -> Model:
    """Read a model, ours or a weights-only ``np.savez(path, w=w, b=b)``.

    Parameters
    ----------
    path
        The .npz file.
    order
        Only for a weights-only file, and required there: how the notebook unrolled its pictures.
        'planes', or 'interleaved' for ``X.reshape(m, -1).T``. `catclf.evaluate` finds out.
    classes
        Only for a weights-only file: the names of its classes, (negative, positive).

    Returns
    -------
    Model
        Its weights, how to apply them, and how it was trained.

    Raises
    ------
    ModelError
        Where the file is missing, damaged, of a newer catclf, or no model; where `order` is not
        given for a weights-only file; or where one of both is given for a file that records it.
    """
    return completed(read_model(path), path, order, classes)


def completed(
    model: Model, path: AnyPath, order: Order | None, classes: tuple[str, str] | None
) -> Model:
    """Return a model as it was read, a weights-only one with what it does not tell."""
    if model.weights_only and order is not None:
        return unrolled(model, order, classes)
    if model.weights_only:
        what = "holds w and b alone, and does not tell how its pictures were unrolled"
        raise ModelError(what, path, NAME_ITS_ORDER)
    for name, given in (("order", order), ("classes", classes)):
        if given is not None:
            fix = f"Leave out `{name}`: it is for weights-only files."
            raise ModelError(f"records its own {name}", path, fix)
    return model


def unrolled(model: Model, order: Order, classes: tuple[str, str] | None = None) -> Model:
    """Return a weights-only model as of pictures that were unrolled in an order."""
    return replace(model, w=reorder(model.w, order), classes=classes or model.classes)


def read_model(path: AnyPath) -> Model:
    """Read a model; the weights of a weights-only one as they stand in it."""
    with open_npz(path, MODEL, ModelError, TRAIN_AGAIN) as npz:
        if "record" not in npz:
            return _weights_only_model(npz)
        record = npz.record(FORMAT, FORMAT_VERSION)
        w, b = _weights(npz)
        try:
            network = npz.array("backbone").tobytes() if "backbone" in npz else None
            preprocessing = Preprocessing.from_record(record.get("preprocessing"), network)
        except ValueError as error:
            what = f"its preprocessing is unknown: {error!s:.160}"
            raise ModelError(what, path, "Update catclf, or train the model again.") from None
        if preprocessing.n_x != w.size:
            raise npz.damaged(f"{w.size} weights, for pictures of {preprocessing.n_x} features")
        classes = as_pair(record.get("classes"))
        if classes is None:
            raise npz.damaged("names no two classes")
        costs, test_log_losses = _costs(npz)
        state = {
            name.removeprefix("state_"): _real(npz, name)
            for name in npz.members
            if name.startswith("state_")
        }
        training = Training.from_record(record)
        if training is not None:
            training = replace(training, costs=costs, test_log_losses=test_log_losses, state=state)
        neighbors = _neighbors(npz, w.size)
        return Model(w, b, classes, preprocessing, training, neighbors, path=npz.where)


def _weights_only_model(npz: Npz) -> Model:
    w, b = _weights(npz)
    try:
        size = size_of(w.size)
    except ValueError as error:
        raise ModelError(str(error), npz.where, "Save w for square RGB pictures.") from None
    preprocessing = Preprocessing(size=size)
    return Model(w, b, WEIGHTS_ONLY_CLASSES, preprocessing, weights_only=True, path=npz.where)


def _weights(npz: Npz) -> tuple[Array, float]:
    for name in ("w", "b"):
        if name not in npz:
            if len(npz.members) == 1:
                npz.array(*npz.members)  # an error where it is a pickle, as of a dict
            raise ModelError(f"holds no {name}", npz.where, MODEL.fix)
    w, b = _real(npz, "w"), _real(npz, "b")
    if w.size == 0 or w.shape not in ((w.size,), (w.size, 1), (1, w.size)):
        raise ModelError(f"w must have the shape (n_x, 1), got {w.shape}", npz.where, MODEL.fix)
    if b.size != 1:
        raise ModelError(f"b must be one number, got the shape {b.shape}", npz.where, MODEL.fix)
    w, bias = np.ascontiguousarray(w, dtype=np.float64).reshape(-1, 1), float(b.reshape(-1)[0])
    with np.errstate(over="ignore"):  # pixels are at most 1: no logit is beyond this sum
        if not np.isfinite(np.abs(w).sum() + abs(bias)):
            raise npz.damaged("w and b are too large to be added up")
    return w, bias


def _real(npz: Npz, name: str) -> NDArray[Any]:
    """Return an array of finite real numbers."""
    array = npz.array(name)
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
        what = f"{printable(name):.40} must be real numbers, got {array.dtype!s:.40}"
        raise ModelError(what, npz.where, MODEL.fix)
    if not np.isfinite(array).all():
        raise npz.damaged("holds nan or infinity", name)
    return array


def _neighbors(npz: Npz, n_x: int) -> Neighbors | None:
    if "neighbors" not in npz:
        return None
    columns, labels, names, rows, floor = (
        npz.array(name)
        for name in ("neighbors", *(f"neighbor_{n}" for n in ("labels", "names", "rows", "floor")))
    )
    k = len(columns) if columns.ndim else 0
    if (
        columns.shape != (k, n_x)
        or k <= NEAREST
        or any(each.shape != (k,) for each in (labels, names, rows))
        or not columns.dtype == labels.dtype == np.uint8
        or labels.max() > 1
        or names.dtype.kind != "S"
        or rows.dtype != np.int64
        or rows[0] < 0
        or (rows[1:] <= rows[:-1]).any()
        or floor.dtype != np.float64
        or floor.shape != ()
        or not 0 <= floor <= 1
    ):
        raise npz.damaged("its neighbors do not fit together")
    return Neighbors(columns, labels, decode_names(names), rows, float(floor))


def _costs(npz: Npz) -> tuple[dict[int, float], dict[int, float]]:
    """Return the recorded costs and test log losses, by iteration."""
    costs, iterations = _real(npz, "costs"), _real(npz, "iterations")
    test_log_losses = _real(npz, "test_log_losses") if "test_log_losses" in npz else np.empty(0)
    if (
        costs.shape != iterations.shape
        or any(array.ndim != 1 for array in (costs, test_log_losses))
        or any(array.dtype.kind != "f" for array in (costs, test_log_losses))
        or iterations.dtype.kind not in "iu"
        or len(test_log_losses) > len(costs)
    ):
        raise npz.damaged("its costs and iterations do not fit together")
    tested = iterations[len(iterations) - len(test_log_losses) :]
    return (
        dict(zip(iterations.tolist(), costs.tolist(), strict=True)),
        dict(zip(tested.tolist(), test_log_losses.tolist(), strict=True)),
    )
