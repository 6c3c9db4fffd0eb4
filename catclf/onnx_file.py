"""An ONNX file, the user's or the one we bring, becomes a `Backbone`, or is refused in plain words.

What it says of itself is read here, once, at `prepare`: a dataset and a model hold the backbone
with what was found.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np

from catclf.backbone import (
    EFFICIENTNET_LITE0,
    EXPORT_OUTPUT,
    MAX_BATCH,
    NORMALIZATIONS,
    Backbone,
    Normalization,
    Pixels,
    batch_of,
    open_session,
    run,
)
from catclf.efficientnet import WEIGHTS_PACKAGE, efficientnet_lite0
from catclf.errors import AnyPath, CatclfError, printable
from catclf.fields import Range
from catclf.files import HEAD_BYTES, Expected, read_regular
from catclf.onnx_graph import import_onnx

MAX_BYTES = 500 * 2**20
MAX_SIZE = 1024
SIZES = Range(whole=True, least=1, most=MAX_SIZE)
ONNX = Expected(
    "an ONNX file",
    "Name a whole network in ONNX's format, as torch.onnx.export writes it.",
    missing=f"Name {EFFICIENTNET_LITE0}, or an ONNX file.",
)
RESERVED = ("pixels", "hog-color", EFFICIENTNET_LITE0)
NORMALIZE = "normalize"  # the entry of a file's metadata
ONNX_DOMAINS = ("", "ai.onnx")
NEVER_NEGATIVE = {"Abs", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Softplus"}
# What keeps numbers that are not negative as they are.
KEEPING = {
    "AveragePool", "Dropout", "Flatten", "GlobalAveragePool", "GlobalMaxPool", "Identity",
    "MaxPool", "ReduceMax", "ReduceMean", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
}  # fmt: skip
EXPORT_INPUT = (
    "Export it with one input of float32: pictures (n, 3, size, size) or (n, size, size, 3), of a "
    f"size up to {MAX_SIZE}, n free or up to {MAX_BATCH}."
)


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
    ValueError
        For a `size` that is not 1 to 1024, or a `normalize` that is not known.
    """
    if size is not None and (complaint := SIZES.complaint(size)) is not None:
        raise ValueError(f"size {complaint}, got {size!r}")
    if normalize is not None and normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize must be one of {', '.join(NORMALIZATIONS)}, got {normalize!r}")
    if features == EFFICIENTNET_LITE0:
        for name, given in (("backbone_output", backbone_output), ("normalize", normalize)):
            if given is not None:
                what = f"{EFFICIENTNET_LITE0} has its own output and normalization"
                raise CatclfError(what, fix=f"Leave out `{name}`.")
        network, where = efficientnet_lite0(), EFFICIENTNET_LITE0
        source = f"the package {WEIGHTS_PACKAGE.replace('_', '-')}"
    else:
        network = read_regular(features, MAX_BYTES, CatclfError, ONNX.missing)
        source = where = os.fsdecode(features)
    name = os.path.basename(where)
    if where != EFFICIENTNET_LITE0 and name in RESERVED:
        raise CatclfError(f"is called as the features {name} are", where, "Rename the file.")
    try:
        return _inspected(network, name, source, size, backbone_output, normalize)
    except CatclfError as error:
        raise CatclfError(error.what, error.where or where, error.fix) from None
    except UnicodeDecodeError:
        raise CatclfError("damaged: a name in it is no text", where, ONNX.fix) from None


def _inspected(
    network: bytes,
    name: str,
    source: str,
    size: int | None,
    output: str | None,
    normalize: Normalization | None,
) -> Backbone:
    """Return the backbone that a network is; CatclfError where it can be none."""
    model = _parsed(network)
    session = open_session(network)
    batch, fixed_size, channels_last = _input_of(session.get_inputs())
    found_size = _size_of(fixed_size, size)
    output, another = _output_of(session.get_outputs(), output)
    normalize = normalize or _normalization_of(model)
    try:
        first, second, again = (
            run(network, batch_of(picture, normalize, channels_last, batch), output)
            for picture in _probes(found_size)
        )
    except CatclfError as error:
        fix = error.fix if fixed_size else "Give as `size` the one that it was trained on."
        raise CatclfError(error.what, fix=fix) from None
    what = f"its output {output!r:.80}"
    if first.shape != second.shape:
        what += f" is {first.shape} for one picture, {second.shape} for another"
        raise CatclfError(what, fix=another)
    if first.ndim not in (2, 4) or len(first) != (batch or 1) or not first.size:
        what += f" is {first.shape}, neither numbers (n, d) nor a map (n, d, h, w)"
        raise CatclfError(what, fix=another)
    channels, *places = first.shape[1:]
    if places and channels_last:
        *places, channels = first.shape[1:]
    if places and places[0] != places[1]:
        what += f" is {first.shape}, whose channels are not where the input has them"
        raise CatclfError(what, fix=another)
    for found in (first, second):
        if not np.isfinite(found).all() or not found.any():
            what += " is all zeros" if not found.any() else " holds nan or infinity"
            fix = "Try another `normalize`, or check the network."
            raise CatclfError(f"{what} for a test picture", fix=fix)
    if first.tobytes() != again.tobytes():
        what += " differs from run to run for one picture"
        raise CatclfError(what, fix="Export it for inference: after model.eval() in torch.")
    return Backbone(
        name=name,
        source=source,
        digest=hashlib.sha256(network).hexdigest(),
        size=found_size,
        normalize=normalize,
        channels_last=channels_last,
        batch=batch,
        output=output,
        n_outputs=channels,
        signed=bool(min(first.min(), second.min()) < 0) or not _never_negative(model.graph, output),
        places=(places[0], places[1]) if places and places != [1, 1] else None,
        network=network,
    )


def _parsed(network: bytes) -> Any:
    """Return the protocol buffer of an ONNX file."""
    onnx = import_onnx()
    from google.protobuf.message import DecodeError  # which onnx brings

    try:
        model = onnx.load_model_from_string(network)
    except DecodeError:
        model = onnx.ModelProto()
    if not model.graph.node:
        raise ONNX.mismatch(network[:HEAD_BYTES], "", CatclfError)
    return model


def _input_of(inputs: list[Any]) -> tuple[int | None, int | None, bool]:
    """Return how many pictures a network takes, their size, and whether channels come last.

    None for any number, and any size.
    """
    if len(inputs) != 1:
        names = f" ({_listed([each.name for each in inputs])})" if inputs else ""
        raise CatclfError(f"has {len(inputs)} inputs{names}, not one", fix=EXPORT_INPUT)
    [image] = inputs
    shape = [each if isinstance(each, int) else None for each in image.shape]
    shown = f"{image.type} ({_listed([*map(str, image.shape)])})"
    channels = {shape[1], shape[3]} if len(shape) == 4 else set()
    if image.type != "tensor(float)" or not (3 in channels or channels == {None}):
        raise CatclfError(f"its input is {shown}, no pictures", fix=EXPORT_INPUT)
    # Where no axis is fixed, it is in ONNX's own order.
    batch, channels_last = shape[0], shape[3] == 3 and shape[1] != 3
    sides = {side for side in (shape[1:3] if channels_last else shape[2:]) if side is not None}
    if len(sides) > 1:
        raise CatclfError(f"takes pictures that are not square: {shown}", fix=EXPORT_INPUT)
    size = next(iter(sides), None)
    for number, most in ((batch, MAX_BATCH), (size, MAX_SIZE)):
        if number is not None and not 1 <= number <= most:
            raise CatclfError(f"its input is {shown}, out of range", fix=EXPORT_INPUT)
    return batch, size, channels_last


def _size_of(fixed: int | None, asked: int | None) -> int:
    """Return the size of a network's pictures, which either the file or the caller tells."""
    if fixed is not None and asked is not None and fixed != asked:
        raise CatclfError(f"takes pictures of size {fixed}, not {asked}", fix="Leave out `size`.")
    size = fixed or asked
    if size is None:
        what = "takes pictures of any size"
        raise CatclfError(what, fix="Give as `size` the one that it was trained on, such as 224.")
    return size


def _output_of(outputs: list[Any], asked: str | None) -> tuple[str, str]:
    """Return the output that is asked for, or the only one, and what to do where it is no good."""
    names = [each.name for each in outputs]
    if asked is None and len(names) == 1:
        [asked] = names
    if asked is None or asked not in names:
        has = f"has the outputs {_listed(names)}"
        what = has if asked is None else f"{has}, not {printable(asked)}"
        raise CatclfError(what, fix="Name one of them, as `backbone_output`.")
    others = [name for name in names if name != asked]
    another = EXPORT_OUTPUT
    if others:
        another = f"Name another, as `backbone_output`: {_listed(others)}."
    kind = outputs[names.index(asked)].type
    if kind != "tensor(float)":
        raise CatclfError(f"its output {asked!r:.80} is {kind}, not tensor(float)", fix=another)
    return asked, another


def _listed(names: list[str]) -> str:
    return f"{printable(', '.join(names)):.200}"


def _normalization_of(model: Any) -> Normalization:
    """Return what a file's metadata say that it wants of its pixels."""
    said = next((each.value for each in model.metadata_props if each.key == NORMALIZE), "imagenet")
    for name in NORMALIZATIONS:
        if name == said:
            return name
    what = f"its metadata ask for a normalization {said!r:.80}, which is not known"
    raise CatclfError(what, fix=f"Say `normalize`: {', '.join(NORMALIZATIONS)}.")


def _probes(size: int) -> tuple[Pixels, Pixels, Pixels]:
    """Return two pictures that have little in common, noise and a gradient, and the first again."""
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    gradient = np.linspace(0, 255, size).astype(np.uint8)[:, np.newaxis]
    return noise, np.broadcast_to(gradient, (size, size, 3)), noise


def _never_negative(graph: Any, output: str) -> bool:
    """Tell whether an output ends in a ReLU, or the like, and only pooling behind it."""
    made_by = {name: node for node in graph.node for name in node.output}
    while True:
        node = made_by.get(output)
        if node is None or node.domain not in ONNX_DOMAINS:
            return False
        if node.op_type == "Clip":
            return _least_of(node, graph) >= 0
        if node.op_type not in KEEPING:
            return node.op_type in NEVER_NEGATIVE
        output = node.input[0]


def _least_of(clip: Any, graph: Any) -> float:
    """Return what a Clip clips at from below; minus infinity where that is not known."""
    from onnx import numpy_helper

    constants = {each.name: each for each in graph.initializer}
    for node in (*graph.node, clip):
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                constants[node.output[0]] = attribute.t
            elif node is clip and attribute.name == "min":  # before opset 11
                return float(attribute.f)
    least = constants.get(clip.input[1]) if len(clip.input) > 1 else None
    return float("-inf") if least is None else float(numpy_helper.to_array(least).min())
