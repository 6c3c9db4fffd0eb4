"""A model as one ONNX file: the whole way from an RGB picture of any size to its probabilities.

What stands here is what `catclf.pictures.pixels`, `catclf.features` and `catclf.model` compute, in
their order and their arithmetic, float64 but for a network. The operators are those of opset 13 and
later that mean the same in all of them, so that a network of any such opset can be joined in.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from catclf import __version__
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.onnx_export.hog_color import hog_color
from catclf.onnx_export.networks import joined, opset_of
from catclf.onnx_export.resizing import fitted
from catclf.onnx_graph import Graph, import_onnx

IMAGE, PROBABILITIES, LABEL = "image", "probabilities", "label"
OPSET, IR_VERSION = 17, 8  # of 2022, where no network has another
USAGE = (
    "image: a picture of any size, (height, width, 3) uint8: RGB, upright, what is transparent on "
    "white. probabilities: one for each of the classes that the metadata name, float32. label: the "
    "most probable class's name."
)


def exported(model: Model) -> Any:
    """Return a model as an ONNX model.

    Its input is ``image`` (h, w, 3) uint8, RGB and upright; its outputs ``probabilities``
    (classes,) float32 and ``label``, a string. CatclfError where onnx cannot be loaded, or a
    network is of too old an opset.
    """
    backbone = model.preprocessing.backbone
    network = None if backbone is None else import_onnx().load_model_from_string(backbone.network)
    graph = Graph()
    x = _column(graph, model.preprocessing, network)  # (n_x,), whole numbers
    x = graph.node("Div", x, 255.0)
    z = graph.node("Add", graph.node("MatMul", np.ascontiguousarray(model.w.T), x), model.b[:, 0])
    if len(model.b) == 1:
        a = graph.node("Sigmoid", z)
        probabilities = graph.node("Concat", graph.node("Sub", 1.0, a), a, axis=0)
    else:
        probabilities = graph.node("Softmax", z, axis=0)
    predicted = graph.node("ArgMax", probabilities, axis=0, keepdims=0)
    graph.node("Gather", np.array(labels_of(model), object), predicted, output=LABEL)
    graph.cast(probabilities, np.float32, output=PROBABILITIES)
    return graph.model(
        "catclf",
        {IMAGE: (np.uint8, ["height", "width", 3])},
        {PROBABILITIES: (np.float32, [len(model.classes)]), LABEL: (np.str_, [])},
        OPSET if network is None else opset_of(network),
        max(IR_VERSION, 0 if network is None else network.ir_version),
        _metadata(model),
        producer=("catclf", __version__),
        description=USAGE,
    )


def labels_of(model: Model) -> list[str]:
    """Return the names of the classes in UTF-8; what of a folder's name is none is escaped."""
    return [name.encode(errors="backslashreplace").decode() for name in model.classes]


def _column(graph: Graph, preprocessing: Preprocessing, network: Any) -> str:
    """Add the way from the image to its column of X, (n_x,) float64 of whole numbers."""
    planes = fitted(graph, IMAGE, preprocessing.size, preprocessing.fit)  # (3, size, size)
    if preprocessing.backbone is not None:
        return joined(graph, planes, preprocessing.backbone, network)
    if preprocessing.features == "hog-color":
        return hog_color(graph, planes, preprocessing.size)
    return graph.node("Reshape", planes, np.array([-1]))


def _metadata(model: Model) -> dict[str, str]:
    """Return what the file tells of the model: texts, and JSON where it is more than one."""
    told = {
        "classes": json.dumps(labels_of(model)),
        "preprocessing": json.dumps(model.preprocessing.described()),
    }
    if model.training is not None:
        told |= {"digest": model.training.digest, "trained_by": model.training.created_by}
    return told
