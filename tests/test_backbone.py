"""A picture's column by a network: one rule, the same bytes by every route, and no surprises."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from PIL import Image

import catclf
from catclf import workers as workers_module
from catclf.backbone import (
    MAX_BATCH,
    NORMALIZATIONS,
    Backbone,
    Normalization,
    batch_of,
    mean_over_places,
    open_session,
    refuse_external_data,
    to_bytes,
)
from catclf.errors import CatclfError, ModelError, PictureError
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.model_file import save_model
from catclf.onnx_file import load_backbone
from catclf.workers import map_in_order
from networks import Shape, backbone_of, network_of, picture_shape, small_backbone, small_network

EFFICIENTNET = "efficientnet-lite0"
ROUTES = [
    {"channels_last": last, "pooled": pooled, "batch": batch}
    for last in (False, True)
    for pooled in (False, True)
    for batch in (None, 1, 8)
]


@pytest.fixture(scope="module")
def brought() -> Backbone:
    """Return the network we bring."""
    return load_backbone(EFFICIENTNET)


def noise(size: int = 8, seed: int = 0) -> NDArray[np.uint8]:
    """Return a picture (size, size, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


# ----------------------------------------------------------------------------------- the rule


def test_columns_follow_the_rule() -> None:
    """Scaled to a root mean square of 1, 3.6 at 255; of signed ones two parts, else one."""
    v = np.array([3.0, -4.0, 0.0, 0.0, 0.0])  # sqrt(5) / 5 of it: 1.3416, -1.7889
    assert to_bytes(v, signed=True).tolist() == [95, 0, 0, 0, 0, 0, 127, 0, 0, 0]
    assert to_bytes(v, signed=False).tolist() == [95, 0, 0, 0, 0]
    assert to_bytes(np.eye(1, 20)[0], signed=False).tolist() == [255] + 19 * [0]  # clipped: 4.47
    assert to_bytes(np.ones(3), signed=True).tolist() == 3 * [71] + 3 * [0]


numbers = st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-30)


@given(st.lists(numbers, min_size=1, max_size=30).filter(any), st.integers(-60, 60))
def test_only_the_ratios_of_features_count(values: list[float], exponent: int) -> None:
    """Scaled by a power of two they give the same bytes; negated, the parts change places."""
    v = np.array(values)
    column = to_bytes(v, signed=True)
    np.testing.assert_array_equal(to_bytes(v * 2.0**exponent, signed=True), column)
    np.testing.assert_array_equal(to_bytes(-v, signed=True), np.roll(column, len(v)))
    np.testing.assert_array_equal(to_bytes(v, signed=False), column[: len(v)])
    assert not (column[: len(v)] & column[len(v) :]).any()


@pytest.mark.parametrize("normalize", list(NORMALIZATIONS))
@pytest.mark.parametrize("channels_last", [False, True])
def test_pixels_are_given_as_the_network_wants_them(
    normalize: Normalization, channels_last: bool
) -> None:
    """Red, green and blue by mean and deviation, in its order of axes, as many as it takes."""
    pixels = noise()
    batch = batch_of(pixels, normalize, channels_last, 3)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    x = pixels.astype(np.float64)
    expected = {
        "imagenet": (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        "half": x / 127.5 - 1,
        "unit": x / 255,
        "raw": x,
    }[normalize]
    for found in batch:
        one = found if channels_last else found.transpose(1, 2, 0)
        np.testing.assert_allclose(one, expected, rtol=0, atol=2e-5)


def convolution(pixels: NDArray[np.uint8], backbone: Backbone) -> NDArray[np.float64]:
    """Return the map of a `small_network` (outputs, size / 2, size / 2), by loops."""
    model = onnx.load_model_from_string(backbone.network)
    weights, biases = (onnx.numpy_helper.to_array(each) for each in model.graph.initializer)
    half = backbone.size // 2
    x = np.zeros((3, 2 * half + 1, 2 * half + 1))  # padded at the end
    x[:, :-1, :-1] = pixels.transpose(2, 0, 1) / 255
    result = np.zeros((backbone.n_outputs, half, half))
    for i in range(half):
        for j in range(half):
            seen = x[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            result[:, i, j] = np.tensordot(weights, seen, axes=3) + biases
    return result if backbone.signed else np.maximum(result, 0)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("route", ROUTES)
def test_every_route_gives_the_same_map(route: dict[str, Any], signed: bool) -> None:
    """Whatever the order of axes, the batch, and who averages: that of a convolution by loops."""
    backbone, pixels = small_backbone(signed=signed, **route), noise()
    expected = convolution(pixels, small_backbone(signed=signed))
    found = backbone.map(pixels)
    assert found.dtype == np.float32
    if route["pooled"]:
        expected = expected.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    column = backbone.column(pixels)
    assert column.dtype == np.uint8
    assert column.shape == (1, backbone.n_x)
    same = to_bytes(mean_over_places(expected), signed).astype(int)
    assert np.abs(column[0] - same).max() <= 1  # where rounding is a tie


# ------------------------------------------------------------------------------- by its places


@given(
    signed=st.booleans(),
    channels_last=st.booleans(),
    outputs=st.integers(3, 7),
    seed=st.integers(0, 1000),
)
def test_places_add_up_to_the_column_s_share(
    signed: bool, channels_last: bool, outputs: int, seed: int
) -> None:
    """What the places of a picture add is w.T x, of each neuron, to 1e-9."""
    backbone = small_backbone(signed=signed, channels_last=channels_last, outputs=outputs)
    w = np.random.default_rng(seed).normal(0, 10, (backbone.n_x, 3))
    pixels = noise(seed=seed)
    evidence = backbone.column_and_evidence(pixels, w)[1]
    assert evidence.shape == (3, 4, 4)
    added = (backbone.column(pixels) / 255 @ w)[0]
    assert np.abs(evidence.sum(axis=(1, 2)) - added).max() < 1e-9


def test_places_of_the_network_we_bring(brought: Backbone) -> None:
    """They are 7 x 7, and add up as well."""
    pixels, w = noise(224), np.random.default_rng(0).normal(0, 1, (1280, 1))
    [evidence] = brought.column_and_evidence(pixels, w)[1]
    assert evidence.shape == (7, 7)
    assert evidence.std() > 0.1
    assert abs(evidence.sum() - (brought.column(pixels) / 255 @ w).item()) < 1e-9


def test_a_place_adds_what_the_map_has_there() -> None:
    """Of one output that is the picture itself, evidence stands where the picture is bright."""
    network = identity("GlobalAveragePool", pooled=False)
    backbone = backbone_of(network, normalize="raw")
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[2, 5] = 255
    [evidence] = backbone.column_and_evidence(pixels, np.ones((backbone.n_x, 1)))[1]
    assert evidence[2, 5] == pytest.approx(evidence.sum())


# ----------------------------------------------------------------------- pictures it is no use on


def identity(kind: str, *, pooled: bool) -> bytes:
    """Return a network whose output is its picture, or a node's of it."""
    node = helper.make_node(kind if pooled else "Identity", ["image"], ["features"])
    shape: Shape = ["n", 3, 1, 1] if pooled else picture_shape()
    network = network_of([node], {"image": picture_shape()}, {"features": shape})
    return bytes(network.SerializeToString())


def of_mean(*nodes: tuple[str, list[str], list[str]], arrays: dict[str, Any]) -> bytes:
    """Return a network of nodes behind the ``mean`` (n, 3) of a picture."""
    made = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["mean"]),
        *(helper.make_node(kind, inputs, outputs) for kind, inputs, outputs in nodes),
    ]
    model = network_of(made, {"image": picture_shape()}, {"features": ["n", "d"]}, arrays)
    return bytes(model.SerializeToString())


ROOT_OF_LESS = of_mean(
    ("Sub", ["mean", "one"], ["less"]),
    ("Sqrt", ["less"], ["features"]),
    arrays={"one": np.float32(1)},
)
SHORTER_OF_WHITE = of_mean(
    ("Less", ["mean", "most"], ["is darker"]),
    ("Squeeze", ["is darker", "first"], ["which"]),
    ("Squeeze", ["mean", "first"], ["all"]),
    ("Compress", ["all", "which"], ["some"]),
    ("Unsqueeze", ["some", "first"], ["features"]),
    arrays={"most": np.float32(254), "first": np.array([0])},
)


@pytest.mark.parametrize(
    ("network", "color", "what"),
    [
        (identity("GlobalAveragePool", pooled=True), 0, "output is all zeros"),
        (identity("", pooled=False), 0, "output is all zeros"),
        (of_mean(("Log", ["mean"], ["features"]), arrays={}), 0, "output holds nan or infinity"),
        (ROOT_OF_LESS, 0, "output holds nan or infinity"),
        (SHORTER_OF_WHITE, 255, "output has 0 numbers of this picture, not 3 as of others"),
    ],
)
def test_a_picture_that_has_no_features(network: bytes, color: int, what: str) -> None:
    """It is a picture's error, with which the others go on."""
    backbone = backbone_of(network, normalize="raw")
    backbone.column(noise())
    with pytest.raises(PictureError, match=f"^the network's {what}$"):
        backbone.column(np.full((8, 8, 3), color, np.uint8))


def test_such_a_picture_is_left_out(tmp_path: Path) -> None:
    """Prepare names it and goes on; predict gives its error in its place."""
    backbone = backbone_of(identity("GlobalAveragePool", pooled=True), normalize="raw")
    source = write_pictures(tmp_path / "pictures", 4)
    Image.new("RGB", (8, 8)).save(source / "cat" / "black.png")
    data, model = tmp_path / "d.npz", tmp_path / "m.npz"
    silent, preprocessing = catclf.Observer(), Preprocessing(backbone=backbone)
    found = catclf.prepare(source, data, preprocessing=preprocessing, observer=silent)
    assert [str(error) for error in found.unreadable] == [
        f"{source}/cat/black.png: the network's output is all zeros"
    ]
    catclf.train(data, model, observer=silent)
    *others, black = catclf.predict([source / "dog" / "0.png", source / "cat" / "black.png"], model)
    assert others[0].error is None
    assert str(black.error) == str(found.unreadable[0])


# -------------------------------------------------------- by any number of workers, in any order


def write_pictures(folder: Path, m: int, size: int = 8) -> Path:
    """Write m pictures of each of two classes, and return their folder."""
    for label, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for number in range(m):
            pixels = noise(size, seed=2 * number + label) // 2 + np.uint8(100 * label)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 18 pictures: some for each of three workers."""
    return write_pictures(tmp_path_factory.mktemp("pictures"), 9)


@pytest.mark.parametrize("batch", [None, 1, 8])
def test_columns_are_the_same_by_any_number_of_workers(
    batch: int | None, pictures: Path, tmp_path: Path
) -> None:
    """By one, two or three; and predict takes the same, each picture alone or in another order."""
    backbone = small_backbone(batch=batch)
    preprocessing = Preprocessing(backbone=backbone)
    datasets = []
    for workers in (1, 2, 3):
        path = tmp_path / f"{workers}.npz"
        catclf.prepare(pictures, path, preprocessing=preprocessing, workers=workers, test_split=0)
        datasets.append(path.read_bytes())
    assert datasets[0] == datasets[1] == datasets[2]
    with catclf.open_dataset(path) as dataset:
        columns = dict(zip(dataset.train.names, dataset.train.columns[:], strict=True))
    assert len(columns) == 18
    model = tmp_path / "m.npz"
    catclf.train(path, model)
    paths = sorted(pictures.rglob("*.png"))
    predict = partial(catclf.predict, model=catclf.load_model(model))
    alone = {each.name: each.probabilities for one in paths for each in predict(one)}
    for workers in (1, 3):
        backwards = predict(paths[::-1], workers=workers)
        assert {each.name: each.probabilities for each in backwards} == alone
    for path in paths:
        with Image.open(path) as picture:
            column = backbone.column(np.asarray(picture))
        np.testing.assert_array_equal(column[0], columns[str(path)])


def test_the_network_we_bring_by_any_number_of_workers(brought: Backbone, tmp_path: Path) -> None:
    """The same bytes by one and by two, which inherit its session."""
    source = write_pictures(tmp_path / "pictures", 3, size=100)
    datasets = []
    for workers in (1, 2):
        path = tmp_path / f"{workers}.npz"
        preprocessing = Preprocessing(backbone=brought)
        catclf.prepare(source, path, preprocessing=preprocessing, workers=workers, test_split=0)
        datasets.append(path.read_bytes())
    assert datasets[0] == datasets[1]


def opened_before(backbone: Backbone, _: int) -> tuple[int, bool]:
    """Return this process, and whether it has had the session already."""
    hits = open_session.cache_info().hits
    open_session(backbone.network)
    return os.getpid(), open_session.cache_info().hits > hits


@pytest.mark.skipif(not workers_module.CAN_FORK, reason="the system does not fork")
def test_forked_workers_inherit_the_session() -> None:
    """It is opened once, however many processes there are."""
    backbone = small_backbone()
    backbone.column(noise())
    found = list(map_in_order(partial(opened_before, backbone), range(8), 2, item_ms=12))
    assert all(opened for _, opened in found)
    assert os.getpid() not in {process for process, _ in found}


@pytest.mark.slow
def test_spawned_workers_open_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are given the network, and find the same columns."""
    monkeypatch.setattr(workers_module, "CAN_FORK", False)
    backbone, items = small_backbone(), [noise(seed=seed) for seed in range(6)]
    found = list(map_in_order(backbone.column, items, 2, item_ms=12))
    for column, pixels in zip(found, items, strict=True):
        np.testing.assert_array_equal(column, backbone.column(pixels))


def test_a_backbone_can_be_pickled() -> None:
    """With its network; the session is not of it."""
    backbone = small_backbone()
    again = pickle.loads(pickle.dumps(backbone))
    assert again == backbone
    assert again.network == backbone.network


def test_a_session_has_one_thread() -> None:
    """So that processes share the cores, and sums have one order."""
    options = open_session(small_network()).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


# ---------------------------------------------------------------------------- kept, and read again


@pytest.mark.parametrize("route", ROUTES)
def test_a_record_is_read_as_it_was_written(route: dict[str, Any]) -> None:
    """By way of JSON, and of a preprocessing's record too."""
    backbone = small_backbone(**route)
    again = Backbone.from_record(json.loads(json.dumps(backbone.to_record())), backbone.network)
    assert again == backbone
    assert again.to_record() == backbone.to_record()
    assert isinstance(again.places, tuple | None)


BROKEN: dict[str, list[Any]] = {
    "name": [None, 1],
    "source": [None, []],
    "digest": ["", None, "0" * 64],
    "size": [0, -8, 8.0, "8", True, 2**21, None],
    "normalize": ["caffe", None, [], {}],
    "channels_last": [0, None, "no"],
    "batch": [0, -1, True, 1.0, "1", MAX_BATCH + 1],
    "output": [None, 0, b""],
    "n_outputs": [0, 2**21, 5.0, None],
    "signed": [1, None],
    "places": [[4], [4, 3], [4, 4, 4], [4, 0], [4, 4.0], 4, "44", {}, [], [None, None]],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n in BROKEN for v in BROKEN[n]])
def test_a_record_that_makes_no_sense(name: str, value: object) -> None:
    """Nothing in a file is believed."""
    backbone = small_backbone()
    assert set(BROKEN) == set(backbone.to_record())
    with pytest.raises(
        ValueError, match=r"^(a backbone's settings make no|the network is not the)"
    ):
        Backbone.from_record(backbone.to_record() | {name: value}, backbone.network)


def test_a_record_has_just_these_settings() -> None:
    """None less, and none more; and the network is the one that is recorded."""
    backbone = small_backbone()
    record = backbone.to_record()
    less = {name: value for name, value in record.items() if name != "size"}
    others: list[object] = [{**record, "x": 1}, less, [], None]
    for other in others:
        with pytest.raises(ValueError, match=r"^a backbone must be a table of its settings"):
            Backbone.from_record(other, backbone.network)
    with pytest.raises(ValueError, match=r"^the network is not the backbone that is recorded$"):
        Backbone.from_record(record, small_network(seed=1))


# ----------------------------------------------------------- networks that nobody inspected before


def stranger(network: bytes | ModelProto, **settings: Any) -> Backbone:
    """Return the backbone of a file whose record tells what it likes of a network."""
    data = network if isinstance(network, bytes) else bytes(network.SerializeToString())
    record = small_backbone().to_record() | settings
    return Backbone.from_record(record | {"digest": hashlib.sha256(data).hexdigest()}, data)


def sequence() -> ModelProto:
    """Return a network whose output is no array."""
    node = helper.make_node("SequenceConstruct", ["image"], ["features"])
    model = network_of([node], {"image": picture_shape()}, {})
    info = helper.make_tensor_sequence_value_info("features", TensorProto.FLOAT, None)
    model.graph.output.append(info)
    return model


def inputs(*names: str) -> ModelProto:
    """Return a network that adds its inputs, or has none."""
    node = helper.make_node("Sum", [*names, "zero"], ["features"])
    shapes = dict.fromkeys(names, picture_shape())
    return network_of([node], shapes, {"features": picture_shape()}, {"zero": np.float32(0)})


@pytest.mark.parametrize(
    ("network", "what"),
    [
        (sequence(), "its output 'features' is not of float32"),
        (inputs(), "the network's output has 1 numbers of this picture, not 80 as of others"),
        (inputs("a", "b"), "the network's output has 192 numbers of this picture, not 80"),
        (inputs("a"), "the network's output has 192 numbers of this picture, not 80"),
        (small_network(12), "does not run the network"),
        (small_network(extra_outputs=["features2"])[:-30], "does not run the network"),
        (b"", "does not run the network"),
    ],
)
def test_what_a_model_s_file_says_of_its_network_is_not_believed(
    network: bytes | ModelProto, what: str
) -> None:
    """A network of other inputs or outputs than are recorded is an error, and no traceback."""
    with pytest.raises(CatclfError) as caught:
        stranger(network).column(noise())
    assert what in str(caught.value)


def test_an_output_that_is_not_there() -> None:
    """Its name is onnxruntime's to miss."""
    with pytest.raises(CatclfError, match="does not run the network"):
        stranger(small_network(), output="other").column(noise())


def external() -> bytes:
    """Return a network whose weights stand in a file."""
    model = onnx.load_model_from_string(small_network())
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")
    return bytes(model.SerializeToString())


def test_a_model_s_network_opens_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one that is there, and fits."""
    monkeypatch.chdir(tmp_path)
    np.ones((5, 3, 3, 3), np.float32).tofile("weights.bin")
    with pytest.raises(ModelError, match=r"^the network refers to other files") as caught:
        stranger(external()).column(noise())
    assert caught.value.fix


@pytest.mark.parametrize("length", [b"\x08", b"\x88\x00", b"\x88\x80\x00", b"\x88\x80\x80\x80\x00"])
def test_no_way_to_write_it_hides_another_file(length: bytes) -> None:
    """A protocol buffer may have the length of a word in more bytes than one."""
    with pytest.raises(ModelError):
        refuse_external_data(b"\n" + length + b"location\x12\x01x")


@pytest.mark.parametrize("name", [b"\x09locations", b"\x0b/a/location", b"\x12my location"])
def test_names_that_hold_the_word_are_allowed(name: bytes) -> None:
    """Only an entry of just this key is what tells a file."""
    refuse_external_data(b"\n" + name + b"\x12\x01x")


def test_onnxruntime_s_own_format_is_refused(tmp_path: Path) -> None:
    """It may name other files too, in a way that is not looked for."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "small.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(small_network(), options, ["CPUExecutionProvider"])
    data = (tmp_path / "small.ort").read_bytes()
    assert data[4:8] == b"ORTM"
    with pytest.raises(CatclfError, match="does not run the network"):
        stranger(data).column(noise())


def test_onnxruntime_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error names the extra."""
    open_session.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(CatclfError) as caught:
        stranger(small_network()).column(noise())
    assert caught.value.what.startswith("a network needs onnxruntime, which cannot be loaded")
    assert caught.value.fix == "Install it: pip install 'catclf[photos]'."


def test_predict_without_onnxruntime_says_so_at_once(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not of each picture."""
    data, model = tmp_path / "d.npz", tmp_path / "m.npz"
    catclf.prepare(pictures, data, preprocessing=Preprocessing(backbone=small_backbone()))
    catclf.train(data, model)
    open_session.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(CatclfError, match=r"m\.npz: a network needs onnxruntime"):
        catclf.predict(pictures, model)


@pytest.mark.parametrize(
    ("network", "what", "fix"),
    [
        (external(), "refers to other files", "Train the model again, or fetch the file again."),
        (small_network()[:-30], "does not run the network", "Update it"),
        (small_network(12), "does not run the network", "Update it"),  # opened it is
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_network_that_does_not_run_is_told_by_the_model_s_file(
    pictures: Path, tmp_path: Path, network: bytes, what: str, fix: str, workers: int
) -> None:
    """Which is all that whoever predicts has; a model from memory has none."""
    preprocessing = Preprocessing(backbone=stranger(network))
    w, b = np.zeros((preprocessing.n_x, 1)), np.zeros((1, 1))
    model = Model(w, b, ("a", "b"), preprocessing)
    save_model(tmp_path / "m.npz", model)
    for used, where in ((tmp_path / "m.npz", str(tmp_path / "m.npz")), (model, None)):
        with pytest.raises(CatclfError, match=what) as caught:
            list(catclf.predict([pictures] * 4, used, workers=workers))
        assert caught.value.where == where
        assert caught.value.fix is not None
        assert caught.value.fix.startswith(fix)


@pytest.fixture(autouse=True)
def _nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What is wrong is raised: onnxruntime prints nothing."""
    yield
    assert capfd.readouterr() == ("", "")
