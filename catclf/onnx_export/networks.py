"""A backbone's network, joined into the graph, and its output as a column."""

from __future__ import annotations

from typing import Any

import numpy as np

from catclf.backbone import NORMALIZATIONS, RMS_AT_255, Backbone
from catclf.errors import CatclfError
from catclf.onnx_graph import Graph

MIN_OPSET = 13  # from which on the operators of the rest mean what they do today
DEFAULT_DOMAINS = ("", "ai.onnx")


def opset_of(network: Any) -> int:
    """Return the opset of a network; CatclfError where it is older than `MIN_OPSET`."""
    opset = max(
        (each.version for each in network.opset_import if each.domain in DEFAULT_DOMAINS), default=0
    )
    if opset < MIN_OPSET:
        what = f"its network is of ONNX's opset {opset}, and an export needs {MIN_OPSET} or later"
        fix = "Export the network again with a later one, then prepare and train by it."
        raise CatclfError(what, fix=fix)
    return int(opset)


def joined(graph: Graph, planes: str, backbone: Backbone, network: Any) -> str:
    """Add a network, given planes (3, size, size); return the column, as `Backbone.column` does."""
    mean, deviation = np.array(NORMALIZATIONS[backbone.normalize], np.float32).reshape(2, 3, 1, 1)
    x = graph.cast(planes, np.float32)
    x = graph.node("Div", graph.node("Sub", x, mean), deviation)
    if backbone.channels_last:
        x = graph.node("Transpose", x, perm=[1, 2, 0])
    batch = np.array([backbone.batch or 1, 1, 1, 1])
    x = graph.node("Expand", graph.node("Unsqueeze", x, np.array([0])), batch)
    found = graph.join(network, x, backbone.output)
    found = graph.node("Gather", found, np.int64(0))  # alike for all pictures of the batch
    height, width = backbone.places or (1, 1)
    shape = [backbone.n_outputs, height * width]
    if backbone.channels_last:
        found = graph.node("Reshape", found, np.array(shape[::-1]))
        found = graph.node("Transpose", found, perm=[1, 0])
    else:
        found = graph.node("Reshape", found, np.array(shape))
    found = graph.cast(found, np.float64)
    v = graph.node("Div", graph.node("ReduceSum", found, np.array([1]), keepdims=0), 1.0 * shape[1])
    return _to_bytes(graph, v, backbone)


def _to_bytes(graph: Graph, v: str, backbone: Backbone) -> str:
    """Return a network's output (n_outputs,) in 8 bits, as `catclf.backbone.to_bytes` does."""
    squares = graph.node("ReduceSum", graph.node("Mul", v, v), keepdims=0)
    scale = graph.node("Sqrt", graph.node("Div", 1.0 * backbone.n_outputs, squares))
    u = graph.node("Mul", v, scale)
    if backbone.signed:
        u = graph.node("Concat", u, graph.node("Neg", u), axis=0)
    return graph.to_bytes(graph.node("Max", u, 0.0), RMS_AT_255)
