"""Small networks for tests: real ONNX files, of one convolution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from catclf import Preprocessing, prepare
from catclf.backbone import Backbone, Normalization
from catclf.onnx_file import load_backbone

Shape = Sequence[int | str]
OPSET, IR_VERSION = 17, 8
KERNEL = 3
TO_LAST, TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]  # the order of axes


def small_network(
    size: int | None = 8,
    *,
    outputs: int = 5,
    channels_last: bool = False,
    pooled: bool = False,
    signed: bool = True,
    batch: int | None = None,
    extra_outputs: Sequence[str] = (),
    normalize: str | None = None,
    seed: int = 0,
) -> bytes:
    """Return a network of one convolution of stride 2, whose output is called ``features``.

    It takes pictures ``image`` of a size, None for any, and gives maps of half of it, (n, outputs,
    size / 2, size / 2) or with `channels_last` (n, size / 2, size / 2, outputs), `pooled` their
    means (n, outputs). Not `signed`, it ends in a ReLU. Extra outputs equal the first. What it
    wants of its pixels, `normalize`, stands in its metadata.
    """
    rng = np.random.default_rng(seed)
    weights = {
        "weights": rng.normal(0, 1, (outputs, 3, KERNEL, KERNEL)).astype(np.float32),
        "biases": rng.normal(0, 1, outputs).astype(np.float32),
    }
    nodes: list[NodeProto] = []
    x = "image"

    def add(kind: str, *others: str, **attributes: Any) -> None:
        nonlocal x
        nodes.append(helper.make_node(kind, [x, *others], [f"x{len(nodes)}"], **attributes))
        x = nodes[-1].output[0]

    if channels_last:
        add("Transpose", perm=TO_FIRST)
    add("Conv", *weights, strides=[2, 2], auto_pad="SAME_UPPER")
    if not signed:
        add("Relu")
    if pooled:
        add("GlobalAveragePool")
        add("Flatten")
    elif channels_last:
        add("Transpose", perm=TO_LAST)
    names = ["features", *extra_outputs]
    nodes += [helper.make_node("Identity", [x], [name]) for name in names]
    n = "n" if batch is None else batch
    half = "half" if size is None else size // 2
    shape: Shape = [n, outputs] if pooled else ordered([n, outputs, half, half], channels_last)
    model = network_of(
        nodes,
        {"image": picture_shape(size, channels_last, batch)},
        dict.fromkeys(names, shape),
        weights,
    )
    if normalize is not None:
        helper.set_model_props(model, {"normalize": normalize})
    return bytes(model.SerializeToString())


def picture_shape(
    size: int | None = 8, channels_last: bool = False, batch: int | None = None
) -> Shape:
    """Return the shape of an input of pictures."""
    sides: Shape = ["h", "w"] if size is None else [size, size]
    return ordered(["n" if batch is None else batch, 3, *sides], channels_last)


def ordered(shape: Shape, channels_last: bool) -> Shape:
    """Return a shape (n, channels, height, width) in the order of axes that is asked for."""
    return [shape[axis] for axis in TO_LAST] if channels_last else shape


def network_of(
    nodes: Sequence[NodeProto],
    inputs: dict[str, Shape],
    outputs: dict[str, Shape],
    arrays: dict[str, Any] | None = None,
    *,
    input_type: int = TensorProto.FLOAT,
    output_type: int = TensorProto.FLOAT,
    opsets: dict[str, int] | None = None,
    ir_version: int = IR_VERSION,
) -> ModelProto:
    """Return the network of some nodes, and of arrays by their names."""
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(name, input_type, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, output_type, s) for name, s in outputs.items()],
        [numpy_helper.from_array(np.asarray(each), name) for name, each in (arrays or {}).items()],
    )
    versions = opsets or {"": OPSET}
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(domain, opset) for domain, opset in versions.items()],
        ir_version=ir_version,
    )


def small_backbone(size: int = 8, *, normalize: Normalization = "unit", **options: Any) -> Backbone:
    """Return the backbone ``small.onnx`` of the `small_network` of these options."""
    return backbone_of(small_network(size, **options), normalize=normalize)


def backbone_of(network: bytes, **options: Any) -> Backbone:
    """Return what `load_backbone` makes of a network in a file ``small.onnx``."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "small.onnx"
        path.write_bytes(network)
        return load_backbone(path, **options)


def prepare_small(pictures: Path, path: Path) -> Path:
    """Prepare `small_pictures` by a small backbone, 18 to train on and 6 to test."""
    prepare(pictures, path, preprocessing=Preprocessing(backbone=small_backbone()), test_split=0.25)
    return path
