"""The model: w, b and all that is needed to apply them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catclf.columns import Order, reorder, size_of
from catclf.errors import ModelError, printable
from catclf.features import Preprocessing, column
from catclf.files import FileKind, file_kind
from catclf.logistic import Array, sigmoid
from catclf.npz import read_npz
from catclf.outputs import OutputKind, replacing
from catclf.splits import as_pair
from catclf.training import TrainingRecord

if TYPE_CHECKING:
    from catclf.pictures.reading import Picture

WEIGHTS_ONLY_CLASSES = ("class 0", "class 1")


@dataclass(frozen=True)
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
    costs, test_costs
        The recorded costs on both splits, by iteration.
    state
        What a resumed run needs besides w and b.
    weights_only
        Whether its file holds w and b alone: classes and preprocessing are then assumed.
    """

    w: Array
    b: float
    classes: tuple[str, str]
    preprocessing: Preprocessing
    training: TrainingRecord | None = None
    costs: dict[int, float] = field(default_factory=dict, repr=False)
    test_costs: dict[int, float] = field(default_factory=dict, repr=False)
    state: dict[str, Array] = field(default_factory=dict, repr=False)
    weights_only: bool = False

    @property
    def positive(self) -> str:
        """The class whose probability is reported."""
        return self.classes[1]

    def cost_curves(self) -> tuple[dict[int, float], dict[int, float]]:
        """Return the costs of the train and the test split by iteration, the final ones too.

        They are the recorded ones, and what the training ended with; empty where the file does
        not tell.
        """
        train, test = dict(self.costs), dict(self.test_costs)
        if self.training is not None:
            train[self.training.iterations] = self.training.cost
            if self.training.test_cost is not None:
                test[self.training.iterations] = self.training.test_cost
        return train, test

    def logits(self, columns: NDArray[np.uint8]) -> Array:
        """Return the logits (m,) of the columns of X given as rows (m, n_x) uint8.

        One column at a time: a picture's probability then does not depend, in its last bits, on
        the other columns.
        """
        w = self.w[:, 0]
        return np.array([np.dot(w, x / 255) + self.b for x in columns])

    def probability(self, pixels: NDArray[np.uint8]) -> float:
        """Return the probability of the positive class of one picture (size, size, 3)."""
        return float(sigmoid(self.logits(column(pixels, self.preprocessing)))[0])

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


FORMAT = "catclf-model"
FORMAT_VERSION = 1
TRAIN_AGAIN = "Train the model again, or fetch the file again."


def save_model(path: str | os.PathLike[str], model: Model) -> None:
    """Write a model, whole or not at all.

    Raises
    ------
    CatclfError
        Where it cannot be written; an old file at `path` is then intact.
    """
    record = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        **({} if model.training is None else model.training.to_record()),
        "classes": list(model.classes),
        "preprocessing": model.preprocessing.to_record(),
    }
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            record=np.array(json.dumps(record, allow_nan=False)),  # at the file's beginning
            w=model.w,
            b=np.float64(model.b),
            costs=np.array(list(model.costs.values()), dtype=np.float64),
            test_costs=np.array(list(model.test_costs.values()), dtype=np.float64),
            iterations=np.array(list(model.costs), dtype=np.int64),
            **{f"state_{name}": array for name, array in model.state.items()},  # type: ignore[arg-type]
        )


def load_model(
    path: str | os.PathLike[str],
    order: Order | None = None,
    classes: tuple[str, str] | None = None,
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

    Raises
    ------
    ModelError
        Where the file is missing, damaged, of a newer catclf, or no model; where `order` is not
        given for a weights-only file; or where one of both is given for a file that records it.
    """
    where = os.fspath(path)
    arrays = read_npz(where)
    if "record" not in arrays:
        return _weights_only_model(arrays, where, order, classes)
    for name, given in (("order", order), ("classes", classes)):
        if given is not None:
            fix = f"Leave out `{name}`: it is for weights-only files."
            raise ModelError(f"records its own {name}", where, fix)
    record = _read_record(arrays["record"], where)
    w, b = _weights(arrays, where)
    try:
        preprocessing = Preprocessing.from_record(record.get("preprocessing"))
    except ValueError as error:
        raise ModelError(
            f"its preprocessing is unknown: {error!s:.160}", where, TRAIN_AGAIN
        ) from None
    if preprocessing.n_x != w.size:
        raise ModelError(
            f"has {w.size} weights, but pictures of {preprocessing.n_x} features",
            where,
            TRAIN_AGAIN,
        )
    classes = as_pair(record.get("classes"))
    if classes is None:
        raise ModelError("names no two classes", where, TRAIN_AGAIN)
    costs, test_costs = _costs(arrays, where)
    return Model(
        w=w,
        b=b,
        classes=classes,
        preprocessing=preprocessing,
        training=TrainingRecord.from_record(record),
        costs=costs,
        test_costs=test_costs,
        state=_state(arrays, where),
    )


def is_weights_only(path: str | os.PathLike[str]) -> bool:
    """Return whether a model file holds w and b without a record; ModelError as `load_model`."""
    return "record" not in read_npz(path)


def _weights_only_model(
    arrays: Mapping[str, NDArray[Any]],
    where: str,
    order: Order | None,
    classes: tuple[str, str] | None,
) -> Model:
    w, b = _weights(arrays, where)
    try:
        size = size_of(w.size)
    except ValueError as error:
        raise ModelError(str(error), where, "Save w for square RGB pictures.") from None
    if order is None:
        raise ModelError(
            "holds w and b alone, and does not tell how its pictures were unrolled",
            where,
            "Give its `order`: interleaved for X.reshape(m, -1).T, planes for one color after the "
            "other.\nTo find out, evaluate it on a dataset with labels: 'catclf evaluate' tries "
            "both.",
        )
    return Model(
        w=reorder(w, order),
        b=b,
        classes=classes or WEIGHTS_ONLY_CLASSES,
        preprocessing=Preprocessing(size=size),
        weights_only=True,
    )


def _weights(arrays: Mapping[str, NDArray[Any]], where: str) -> tuple[Array, float]:
    for name in ("w", "b"):
        if name not in arrays:
            raise ModelError(
                f"holds no {name}",
                where,
                "Name a model that catclf trained, or save w and b: np.savez(path, w=w, b=b).",
            )
        _refuse_unreal(name, arrays[name], where)
    w, b = arrays["w"], arrays["b"]
    if w.size == 0 or w.shape not in ((w.size,), (w.size, 1), (1, w.size)):
        raise ModelError(f"w must have the shape (n_x, 1), got {w.shape}", where, TRAIN_AGAIN)
    if b.size != 1:
        raise ModelError(f"b must be one number, got the shape {b.shape}", where, TRAIN_AGAIN)
    w, bias = np.ascontiguousarray(w, dtype=np.float64).reshape(-1, 1), float(b.reshape(-1)[0])
    with np.errstate(over="ignore"):  # pixels are at most 1: no logit is beyond this sum
        if not np.isfinite(np.abs(w).sum() + abs(bias)):
            raise ModelError("w and b are too large to be added up", where, TRAIN_AGAIN)
    return w, bias


def _state(arrays: Mapping[str, NDArray[Any]], where: str) -> dict[str, Array]:
    state = {name: array for name, array in arrays.items() if name.startswith("state_")}
    for name, array in state.items():
        _refuse_unreal(printable(name), array, where)
    return {name.removeprefix("state_"): array for name, array in state.items()}


def _refuse_unreal(name: str, array: NDArray[Any], where: str) -> None:
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
        raise ModelError(
            f"{name:.40} must be real numbers, got {array.dtype!s:.40}", where, TRAIN_AGAIN
        )
    if not np.isfinite(array).all():
        raise ModelError(f"{name:.40} holds nan or infinity", where, TRAIN_AGAIN)


def _read_record(stored: NDArray[Any], where: str) -> dict[str, Any]:
    if stored.dtype.kind != "U" or stored.shape != ():
        raise ModelError("is not a model of catclf", where, "Name a model that catclf trained.")
    try:
        record = json.loads(str(stored[()]), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or record.pop("format", None) != FORMAT:
        raise ModelError("is not a model of catclf", where, "Name a model that catclf trained.")
    version = record.pop("version", None)
    if version != FORMAT_VERSION:
        raise ModelError(
            f"has format version {version!r:.20}; this catclf reads {FORMAT_VERSION}",
            where,
            "Update catclf, or train the model again.",
        )
    return record


def _refuse_constant(name: str) -> None:
    """Refuse nan and infinity, which JSON does not have and Python's reader takes."""
    raise ValueError(name)


def _costs(
    arrays: Mapping[str, NDArray[Any]], where: str
) -> tuple[dict[int, float], dict[int, float]]:
    """Return the recorded costs and test costs, by iteration."""
    none = np.empty(0)
    costs, iterations = arrays.get("costs", none), arrays.get("iterations", none)
    test_costs = arrays.get("test_costs", none)  # catclf 0.1 recorded none
    if (
        "costs" not in arrays
        or costs.shape != iterations.shape
        or any(array.ndim != 1 for array in (costs, test_costs))
        or any(array.dtype.kind != "f" for array in (costs, test_costs))
        or iterations.dtype.kind not in "iu"
        or len(test_costs) > len(costs)
        or not (np.isfinite(costs).all() and np.isfinite(test_costs).all())
    ):
        raise ModelError("its costs and iterations do not fit together", where, TRAIN_AGAIN)
    tested = iterations[len(iterations) - len(test_costs) :]
    return (
        dict(zip(iterations.tolist(), costs.tolist(), strict=True)),
        dict(zip(tested.tolist(), test_costs.tolist(), strict=True)),
    )


def _is_model(path: str) -> bool:
    """Return whether a file is a model of ours, perhaps a damaged one, of any version.

    Weights that a notebook saved are not.
    """
    found = file_kind(path)
    if found is not FileKind.ARRAYS:
        return found is FileKind.MODEL
    try:  # catclf 0.1 wrote it at the end
        arrays = read_npz(path)
        return json.loads(str(arrays["record"][()]))["format"] == FORMAT  # type: ignore[no-any-return]
    except (ModelError, LookupError, TypeError, ValueError, RecursionError):
        return False


MODEL_FILE = OutputKind("a model that catclf trained", _is_model)
