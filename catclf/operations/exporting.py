"""What `export` does: a model becomes one ONNX file, which is tried before it is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catclf.backbone import open_session
from catclf.errors import AnyPath, CatclfError
from catclf.files import FileKind
from catclf.model import Model
from catclf.model_file import load_model
from catclf.onnx_export import IMAGE, LABEL, PROBABILITIES, exported, labels_of
from catclf.onnx_graph import import_onnx
from catclf.outputs import check_output, replacing

# A byte of a column may differ by 1 where a runtime adds up a network's products in another order.
MAX_DIFFERENCE = 0.01


@dataclass(frozen=True)
class Exported:
    """What `export` wrote.

    Parameters
    ----------
    path, size_bytes
        The ONNX file and its size.
    classes
        In the order of its probabilities.
    difference
        The largest, on test pictures, between a probability that onnxruntime computed by it, and
        the model's own.
    """

    path: str
    size_bytes: int
    classes: tuple[str, ...]
    difference: float


def export(model: AnyPath | Model, output: AnyPath, *, force: bool = False) -> Exported:
    """Write a model as one ONNX file: the whole way from a picture to its probabilities.

    Any runtime of ONNX computes it, without catclf, to the same result: the picture is resized in
    the file as Pillow does, and a network stands in it.

    Parameters
    ----------
    model
        A model, or its file. A weights-only file needs `load_model`, with its `order`.
    output
        The ONNX file to write. Its input is ``image`` (height, width, 3) uint8: a picture of any
        size, RGB, upright, what is transparent on white. Its outputs are ``probabilities``
        (classes,) float32, and ``label``, the name of the most probable class. Its metadata tell
        the ``classes`` and the ``preprocessing``, in JSON, and the ``digest`` of the dataset that
        the model was trained on.
    force
        Let a file at `output` that catclf did not export be replaced.

    Returns
    -------
    Exported
        The file, and how near its probabilities are to the model's on test pictures.

    Raises
    ------
    ModelError
        Where the model's file cannot be used.
    CatclfError
        Where onnx or onnxruntime, of the extra ``photos``, is not installed; where the network is
        of an opset below 13, or the file gives other probabilities than the model; where `output`
        cannot be written, is the model's file, or holds a file of another kind.
    """
    if not isinstance(model, Model):
        model = load_model(model)
    path = model.path
    import_onnx("an export")
    check_output(output, FileKind.EXPORT, [] if path is None else [path], force=force)
    try:
        file = exported(model).SerializeToString()
        difference = max(_difference(file, model, picture) for picture in _test_pictures(model))
    except CatclfError as error:
        raise type(error)(error.what, path, error.fix) from error
    if not difference <= MAX_DIFFERENCE:
        what = f"its export gives probabilities that differ by {difference:.2g} from its own"
        raise CatclfError(what, path, "Report it, with the network that was used.")
    with replacing(output) as temporary:
        temporary.write_bytes(file)
    return Exported(os.fspath(output), len(file), model.classes, difference)


def _difference(file: bytes, model: Model, picture: NDArray[np.uint8]) -> float:
    """Return how far the probabilities of a picture are from the model's, 1 for another class."""
    found, label = open_session(file).run([PROBABILITIES, LABEL], {IMAGE: picture})
    [expected] = model.predict_proba(picture)
    difference = float(np.abs(found - expected).max())
    return difference if label == labels_of(model)[expected.argmax()] else 1.0


def _test_pictures(model: Model) -> list[NDArray[np.uint8]]:
    """Return noise, as large as the model's pictures and of other sizes."""
    size, rng = model.preprocessing.size, np.random.default_rng(0)
    shapes = (size, size), (2 * size + 1, 3 * size), (size // 2 + 1, size)
    return [rng.integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]
