"""The file of a model: an .npz that anyone can open (`catclf.npz`).

    record               JSON: format, version, classes, preprocessing, dataset, settings, results
    w (n_x, k) float64   b (k,) float64, of two classes (n_x, 1) and ()
    costs, iterations    the recorded costs, and before which update each was computed
    backbone             (bytes,) uint8: the ONNX file whose output the features are, if they are
    neighbors            (kept, n_x) uint8: training columns, with neighbor_labels, neighbor_names,
                         neighbor_rows (kept,) and neighbor_floor () (`catclf.neighbors`)
    test_log_losses      on the test split, where there is one, before the last of these updates
    state_*              what a resumed run needs besides w and b

A weights-only ``np.savez(path, w=w, b=b)`` from a notebook is a model too; what it does not say is
assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catclf.classes import MAX_CLASSES, as_classes, label_type
from catclf.columns import Order, reorder, size_of
from catclf.errors import AnyPath, ModelError, SettingsError, printable
from catclf.features import Preprocessing
from catclf.files import Expected, FileKind
from catclf.logistic import Array, n_neurons
from catclf.model import Model
from catclf.neighbors import NEAREST, Neighbors
from catclf.npz import Npz, create_npz, decode_names, encode_names, open_npz
from catclf.training import Training

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
        npz.add("b", np.squeeze(model.b))
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
    path: AnyPath, order: Order | None = None, classes: Sequence[str] | None = None
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
        Only for a weights-only file: the names of its classes, of two the negative first, of more
        in the order of the columns of w (n_x, classes), whose activation is the softmax.

    Returns
    -------
    Model
        Its weights, how to apply them, and how it was trained.

    Raises
    ------
    ModelError
        Where the file is missing, damaged, of a newer catclf, or no model; where `order` is not
        given for a weights-only file; or where one of both is given for a file that records it.
    SettingsError
        Where `classes` are not as many as the file tells apart.
    ValueError
        Where two of `classes` are the same, or one is empty.
    """
    return completed(read_model(path), path, order, classes)


def completed(
    model: Model, path: AnyPath, order: Order | None, classes: Sequence[str] | None
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


def unrolled(model: Model, order: Order, classes: Sequence[str] | None = None) -> Model:
    """Return a weights-only model as of pictures that were unrolled in an order.

    SettingsError where `classes` are not as many as it tells apart, ValueError where not different.
    """
    named = model.classes if classes is None else tuple(classes)
    if len(named) != len(model.classes):
        raise SettingsError(
            f"tells {len(model.classes)} classes apart, and {len(named)} are named",
            model.path,
            f"Name {len(model.classes)}.",
        )
    if as_classes(list(named)) is None:
        raise ValueError(f"classes must be different names, got {named}")
    return replace(model, w=reorder(model.w, order), classes=named)


def nameless(n_classes: int) -> tuple[str, ...]:
    """Return what the classes of a weights-only model are called."""
    return tuple(f"class {label}" for label in range(n_classes))


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
        if preprocessing.n_x != len(w):
            raise npz.damaged(f"{len(w)} weights, for pictures of {preprocessing.n_x} features")
        classes = as_classes(record.get("classes"))
        if classes is None:
            raise npz.damaged("does not name two or more different classes")
        if n_neurons(len(classes)) != len(b):
            raise npz.damaged(f"names {len(classes)} classes; its number of neurons is {len(b)}")
        costs, test_log_losses = _costs(npz)
        state = {
            name.removeprefix("state_"): _real(npz, name)
            for name in npz.members
            if name.startswith("state_")
        }
        training = Training.from_record(record)
        if training is not None:
            training = replace(training, costs=costs, test_log_losses=test_log_losses, state=state)
        neighbors = _neighbors(npz, len(w), len(classes))
        return Model(w, b, classes, preprocessing, training, neighbors, path=npz.where)


def _weights_only_model(npz: Npz) -> Model:
    w, b = _weights(npz)
    try:
        size = size_of(len(w))
    except ValueError as error:
        raise ModelError(str(error), npz.where, "Save w for square RGB pictures.") from None
    preprocessing = Preprocessing(size=size)
    classes = nameless(max(2, len(b)))
    return Model(w, b, classes, preprocessing, weights_only=True, path=npz.where)


def _weights(npz: Npz) -> tuple[Array, Array]:
    """Return w (n_x, k) and b (k, 1)."""
    for name in ("w", "b"):
        if name not in npz:
            if len(npz.members) == 1:
                npz.array(*npz.members)  # an error where it is a pickle, as of a dict
            raise ModelError(f"holds no {name}", npz.where, MODEL.fix)
    w, b = _real(npz, "w"), _real(npz, "b")
    k = w.shape[1] if w.ndim == 2 and w.shape[0] > 1 else 1  # (n_x,) and (1, n_x) are (n_x, 1)
    is_transposed = w.ndim == 2 and 1 < w.shape[0] == b.size < k
    if w.size == 0 or w.ndim not in (1, 2) or k == 2 or k > MAX_CLASSES or is_transposed:
        what = "w must have the shape (n_x, 1), or of more than two classes (n_x, classes)"
        fix = MODEL.fix
        if is_transposed:
            fix = "Save w.T."
        elif k == 2:
            fix = (
                "Two neurons of a softmax are one: save w[:, 1:] - w[:, :1], and for b the second "
                "number less the first."
            )
        raise ModelError(f"{what}, got {w.shape}", npz.where, fix)
    if b.size != k:
        numbers = "one number" if k == 1 else f"{k} numbers, one for each column of w"
        raise ModelError(f"b must be {numbers}, got the shape {b.shape}", npz.where, MODEL.fix)
    w, b = (np.ascontiguousarray(each, np.float64) for each in (w.reshape(-1, k), b.reshape(k, 1)))
    with np.errstate(over="ignore"):  # pixels are at most 1: no logit is beyond this sum
        if not np.isfinite(np.abs(w).sum() + np.abs(b).sum()):
            raise npz.damaged("w and b are too large to be added up")
    return w, b


def _real(npz: Npz, name: str) -> NDArray[Any]:
    """Return an array of finite real numbers."""
    array = npz.array(name)
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
        what = f"{printable(name):.40} must be real numbers, got {array.dtype!s:.40}"
        raise ModelError(what, npz.where, MODEL.fix)
    if not np.isfinite(array).all():
        raise npz.damaged("holds nan or infinity", name)
    return array


def _neighbors(npz: Npz, n_x: int, n_classes: int) -> Neighbors | None:
    if "neighbors" not in npz:
        return None
    columns, labels, names, rows, floor = (
        npz.array(name)
        for name in ("neighbors", *(f"neighbor_{n}" for n in ("labels", "names", "rows", "floor")))
    )
    kept = len(columns) if columns.ndim else 0
    if (
        columns.shape != (kept, n_x)
        or kept <= NEAREST
        or any(each.shape != (kept,) for each in (labels, names, rows))
        or columns.dtype != np.uint8
        or labels.dtype != label_type(n_classes)
        or labels.max() >= n_classes
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
