"""An ONNX file, the user's or the one we bring, becomes a `Backbone`, or is refused in plain words.

The only module that reads what an ONNX file says of itself, once, at `prepare`: a dataset and a
model hold the backbone with what was found.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from catclf.backbone import (
    INSTALL,
    NORMALIZATIONS,
    Backbone,
    Normalization,
    batch_of,
    import_onnxruntime,
    open_session,
    refuse_external_data,
    run,
)
from catclf.efficientnet import NAME as EFFICIENTNET_LITE0
from catclf.efficientnet import WEIGHTS_PACKAGE, efficientnet_lite0
from catclf.errors import AnyPath, CatclfError
from catclf.files import HEAD_BYTES, Expected, read_regular

MAX_BYTES = 500 * 2**20
MAX_SIZE = 1024
ONNX = Expected("an ONNX file", "Name a network in ONNX's format, as torch.onnx.export writes it.")
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")  # whose operators onnxruntime has
NORMALIZE = "normalize"  # the entry of a file's metadata
# What keeps numbers that are not negative as they are.
KEEPING = {
    "AveragePool", "Concat", "Dropout", "Flatten", "GlobalAveragePool", "GlobalMaxPool", "Identity",
    "MaxPool", "ReduceMax", "ReduceMean", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
}  # fmt: skip
NEVER_NEGATIVE = {"Abs", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Softplus"}
EXPORT = "Export it with one input: pictures (n, 3, size, size) or (n, size, size, 3) of float32."


def load_backbone(
    features: AnyPath,
    *,
    size: int | None = None,
    backbone_output: str | None = None,
    normalize: Normalization | None = None,
) -> Backbone:
    """Return a backbone, for ``Preprocessing(backbone=...)``.

    Parameters
    ----------
    features
        ``efficientnet-lite0``, or an ONNX file: a network with one float input of pictures, of
        fixed or any number. Its output has d numbers a picture, or is a map of them.
    size
        Height and width of its pictures, where the file does not fix them.
    backbone_output
        Which of its outputs, where it has several.
    normalize
        How it wants its pixels: ``imagenet`` (that dataset's mean and deviation), ``half`` (-1 to
        1), ``unit`` (0 to 1) or ``raw`` (0 to 255). None for what the file's metadata say in an
        entry ``normalize``, else ``imagenet``.

    Returns
    -------
    Backbone
        The network, and what was found of it.

    Raises
    ------
    CatclfError
        Where a package is not installed, or the file cannot be used: the message says why.
    """
    if features == EFFICIENTNET_LITE0:
        for name, given in (("backbone_output", backbone_output), ("normalize", normalize)):
            if given is not None:
                what = f"{EFFICIENTNET_LITE0} has its own output and normalization"
                raise CatclfError(what, fix=f"Leave out `{name}`.")
        network, where = efficientnet_lite0(), EFFICIENTNET_LITE0
        source = f"the package {WEIGHTS_PACKAGE.replace('_', '-')}"
    else:
        network, where = read_regular(features, MAX_BYTES, CatclfError), os.fspath(features)
        source = where
    try:
        return _inspected(
            network, os.path.basename(where), source, size, backbone_output, normalize
        )
    except CatclfError as error:
        raise CatclfError(error.what, error.where or where, error.fix) from None


def _inspected(
    network: bytes,
    name: str,
    source: str,
    size: int | None,
    output: str | None,
    normalize: Normalization | None,
) -> Backbone:
    """Return the backbone that a network is; CatclfError where it can be none."""
    import_onnxruntime()
    model = _parsed(network)
    refuse_external_data(network)
    _refuse_custom_operators(model)
    try:
        session = open_session(network)
    except CatclfError as error:
        opset = max((each.version for each in model.opset_import if not each.domain), default=0)
        what = f"ONNX opset {opset}, IR version {model.ir_version}: {error.what}"
        raise CatclfError(what, fix=error.fix) from None
    batch, found_size, channels_last = _input_of(session, size)
    names = [each.name for each in session.get_outputs()]
    output = _output_of(names, output)
    if normalize is None:
        metadata = session.get_modelmeta().custom_metadata_map.get(NORMALIZE)
        normalize = metadata if metadata in NORMALIZATIONS else "imagenet"
    pictures = _probes(found_size)
    shapes = []
    for picture in pictures:
        found = run(network, batch_of(picture, normalize, channels_last, batch), output)
        _refuse_useless(found, batch or 1, output, names)
        shapes.append(found.shape[1:])
    if len(set(shapes)) > 1:
        what = f"its output {output!r} is {shapes[0]} for one picture, {shapes[1]} for another"
        raise CatclfError(what, fix="Name an output of fixed length, as `backbone_output`.")
    shape = shapes[0]
    if len(shape) == 3 and channels_last:
        shape = (shape[2], *shape[:2])
    return Backbone(
        name=name,
        source=source,
        digest=hashlib.sha256(network).hexdigest(),
        size=found_size,
        normalize=normalize,
        channels_last=channels_last,
        batch=batch,
        output=output,
        outputs=shape[0],
        signed=not _never_negative(model.graph, output),
        places=shape[1:] if len(shape) == 3 and shape[1:] != (1, 1) else None,
        network=network,
    )


def _parsed(network: bytes) -> Any:
    """Return the protocol buffer of an ONNX file."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        what = f"a network needs onnx, which cannot be loaded ({error})"
        raise CatclfError(what, fix=INSTALL) from error
    try:
        model = onnx.load_model_from_string(network)
    except DecodeError:
        model = onnx.ModelProto()
    if not model.graph.node:
        raise ONNX.mismatch(network[:HEAD_BYTES], "", CatclfError)
    return model


def _nodes(model: Any) -> Iterator[Any]:
    """Yield the nodes of a model, those within others too."""
    waiting = [*model.graph.node, *(node for each in model.functions for node in each.node)]
    while waiting:
        node = waiting.pop()
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                waiting.extend(graph.node)


def _refuse_custom_operators(model: Any) -> None:
    own = {(each.domain, each.name) for each in model.functions}
    custom = sorted(
        {
            f"{node.domain}.{node.op_type}"
            for node in _nodes(model)
            if node.domain not in DOMAINS and (node.domain, node.op_type) not in own
        }
    )
    if custom:
        raise CatclfError(
            f"has operators that onnxruntime does not have ({', '.join(custom):.100})",
            fix="Export it with ONNX's own operators.",
        )


def _input_of(session: Any, size: int | None) -> tuple[int | None, int, bool]:
    """Return how many pictures a network takes, their size, and whether channels come last."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs)
        raise CatclfError(f"has {len(inputs)} inputs ({names:.100}), not one", fix=EXPORT)
    [image] = inputs
    shape = [each if isinstance(each, int) else None for each in image.shape]
    is_picture = len(shape) == 4 and 3 in (shape[1], shape[3])
    if not is_picture or image.type != "tensor(float)":
        shown = ", ".join(map(str, image.shape))
        raise CatclfError(f"its input is {image.type} ({shown:.100}), no pictures", fix=EXPORT)
    batch, channels_last = shape[0], shape[1] != 3
    height, width = shape[1:3] if channels_last else shape[2:]
    if height is not None and width is not None and height != width:
        what = f"takes pictures of {width} x {height} pixels, which are not square"
        raise CatclfError(what, fix="Export it for square pictures.")
    fixed = height if height is not None else width
    if fixed is None and size is None:
        what = "takes pictures of any size"
        raise CatclfError(what, fix="Give the `size` that it was trained on, as 224.")
    if fixed is not None and size not in (None, fixed):
        raise CatclfError(f"takes pictures of size {fixed}, not {size}", fix="Leave out `size`.")
    found = fixed or size
    assert found is not None
    if found > MAX_SIZE:
        raise CatclfError(f"takes pictures of size {found}, above {MAX_SIZE}", fix=EXPORT)
    return batch, found, channels_last


def _output_of(names: list[str], output: str | None) -> str:
    """Return the output that is asked for, or the only one."""
    if output is None and len(names) == 1:
        return names[0]
    if output in names:
        return output
    has = f"has the outputs {', '.join(names):.200}"
    what = has if output is None else f"{has}, not {output}"
    raise CatclfError(what, fix="Name one of them, as `backbone_output`.")


def _probes(size: int) -> list[Any]:
    """Return two pictures that have little in common: noise, and a gradient."""
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    gradient = np.linspace(0, 255, size).astype(np.uint8)
    return [noise, np.repeat(np.tile(gradient, (size, 1))[:, :, np.newaxis], 3, axis=2)]


def _refuse_useless(found: Any, batch: int, output: str, names: list[str]) -> None:
    """Refuse an output that is no features of pictures, or holds none for a probe."""
    others = ", ".join(name for name in names if name != output)
    name_another = (
        f"Name another, as `backbone_output`: {others:.200}." if others else "Export it with one."
    )
    if found.dtype != np.float32:
        raise CatclfError(f"its output {output!r} is {found.dtype}, not float32", fix=name_another)
    if found.ndim not in (2, 4) or found.shape[0] != batch or not found.size:
        raise CatclfError(
            f"its output {output!r} has the shape {found.shape}, which is neither numbers (n, d) "
            "nor a map (n, d, h, w)",
            fix=name_another,
        )
    if not np.isfinite(found).all():
        what = f"its output {output!r} holds nan or infinity"
        raise CatclfError(what, fix="Try another `normalize`, or check the network.")
    if not found.any():
        what = f"its output {output!r} is all zeros for a test picture"
        raise CatclfError(what, fix="Try another `normalize`, or check the network.")


def _never_negative(graph: Any, output: str) -> bool:
    """Tell whether an output ends in a ReLU, or the like, and only pooling behind it."""
    made_by = {name: node for node in graph.node for name in node.output}
    constants = {each.name: each for each in graph.initializer}
    waiting = [output]
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None:  # an input, or a constant
            return False
        if node.op_type in KEEPING:
            waiting += node.input if node.op_type == "Concat" else node.input[:1]
        elif node.op_type == "Clip":
            if not _least(node, constants) >= 0:
                return False
        elif node.op_type not in NEVER_NEGATIVE:
            return False
    return True


def _least(node: Any, constants: dict[str, Any]) -> float:
    """Return what a Clip clips at from below; minus infinity where that is not known."""
    from onnx import numpy_helper

    for attribute in node.attribute:
        if attribute.name == "min":
            return float(attribute.f)
    least = constants.get(node.input[1]) if len(node.input) > 1 else None
    return float("-inf") if least is None else float(numpy_helper.to_array(least))
