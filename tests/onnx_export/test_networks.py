"""A network is joined into the graph whatever its form, and gives the column that is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from catclf import CatclfError, Model, Preprocessing
from catclf.backbone import Backbone, open_session
from catclf.onnx_export import exported
from networks import backbone_of, network_of, picture_shape, small_backbone, small_network


def model_of(backbone: Backbone, k: int = 1) -> Model:
    """Return a model of random weights of a backbone's features."""
    rng, classes = np.random.default_rng(0), ("cat", "dog", "bird")[: 2 if k == 1 else k]
    w = rng.normal(0, 1, (backbone.n_x, k))
    return Model(w, rng.normal(0, 1, (k, 1)), classes, Preprocessing(backbone=backbone))


def assert_as_predicted(model: Model) -> None:
    """Compare probabilities and labels of pictures of three sizes."""
    session = open_session(exported(model).SerializeToString())
    rng = np.random.default_rng(1)
    for shape in ((8, 8), (20, 31), (5, 3)):
        picture = rng.integers(0, 256, (*shape, 3), np.uint8)
        found, label = session.run(None, {"image": picture})
        [expected] = model.predict_proba(picture)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)
        assert label == model.classes[expected.argmax()]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels_last": True},
        {"pooled": True},
        {"signed": False},
        {"batch": 3},
        {"channels_last": True, "batch": 2, "signed": False},
        {"extra_outputs": ("other",), "backbone_output": "other"},
        {"size": None, "given_size": 8},
        {"normalize": "imagenet"},
        {"normalize": "half"},
    ],
    ids=str,
)
def test_a_network_of_any_form(options: dict[str, Any]) -> None:
    """Map or means, signed or not, channels first or last, of a fixed or any number of pictures."""
    told: dict[str, Any] = {"normalize": options.pop("normalize", "unit")}
    if "backbone_output" in options:
        told["backbone_output"] = options.pop("backbone_output")
    if "given_size" in options:
        told["size"] = options.pop("given_size")
    assert_as_predicted(model_of(backbone_of(small_network(**options), **told)))


def test_a_network_for_several_classes() -> None:
    """Their probabilities are the softmax."""
    assert_as_predicted(model_of(small_backbone(), k=3))


def with_opset(opset: int) -> Backbone:
    """Return a small network of another opset."""
    network = onnx.load_model_from_string(small_network())
    network.opset_import[0].version = opset
    return backbone_of(network.SerializeToString())


@pytest.mark.parametrize("opset", [13, 18, 21])
def test_a_network_s_own_opset_is_kept(opset: int) -> None:
    """What the rest needs means the same in each."""
    model = model_of(with_opset(opset))
    assert exported(model).opset_import[0].version == opset
    assert_as_predicted(model)


def test_a_network_of_an_old_opset_is_refused() -> None:
    """It says which one is needed, and what to do."""
    with pytest.raises(CatclfError, match="of ONNX's opset 12, and an export needs 13") as caught:
        exported(model_of(with_opset(12)))
    assert caught.value.fix is not None


def test_a_network_with_functions_of_its_own() -> None:
    """They come along, and what they import."""
    doubled = helper.make_function(
        "own",
        "Doubled",
        ["x"],
        ["y"],
        [helper.make_node("Add", ["x", "x"], ["y"])],
        [helper.make_opsetid("", 17)],
    )
    network = network_of(
        [
            helper.make_node("Doubled", ["image"], ["twice"], domain="own"),
            helper.make_node("GlobalAveragePool", ["twice"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["c0"]),  # a name that the graph has too
        ],
        {"image": picture_shape()},
        {"c0": ["n", 3]},
        opsets={"": 17, "own": 1},
        output_type=TensorProto.FLOAT,
    )
    network.functions.append(doubled)
    assert_as_predicted(model_of(backbone_of(network.SerializeToString(), normalize="half")))
