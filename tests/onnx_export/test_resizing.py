"""A picture is resized in an ONNX graph as everywhere else: bit for bit."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from catclf import Preprocessing
from catclf.backbone import open_session
from catclf.onnx_export.resizing import fitted
from catclf.onnx_graph import Graph
from catclf.pictures.pixels import fit_pixels

Fit = Literal["squash", "crop", "pad"]
SIZES = (1, 7, 64)


@lru_cache
def graph_of(size: int, fit: Fit) -> bytes:
    """Return the ONNX file of the resizing alone."""
    graph = Graph()
    planes = fitted(graph, "image", size, fit)
    graph.node("Cast", planes, output="planes", to=graph.type_of(np.uint8))
    model = graph.model(
        "fitted",
        {"image": (np.uint8, ["h", "w", 3])},
        {"planes": (np.uint8, [3, size, size])},
        13,
        8,
        {},
    )
    file: bytes = model.SerializeToString()
    return file


def assert_equal(picture: NDArray[np.uint8], size: int, fit: Fit) -> None:
    """Compare the graph's pixels with those of `fit_pixels`."""
    [planes] = open_session(graph_of(size, fit)).run(None, {"image": picture})
    expected = fit_pixels(picture, Preprocessing(size=size, fit=fit))
    np.testing.assert_array_equal(planes.transpose(1, 2, 0), expected)


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    size=st.sampled_from(SIZES),
    seed=st.integers(0, 2**32),
)
@example(height=1, width=1, size=64, seed=0)
@example(height=64, width=64, size=64, seed=0)
@example(height=3, width=900, size=64, seed=0)
@example(height=901, width=4, size=7, seed=0)
def test_every_size_is_fitted_bit_for_bit(
    fit: Fit, height: int, width: int, size: int, seed: int
) -> None:
    """Smaller or larger, wide or tall, of noise or of two colors: the pixels are the same."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height, width, 3), np.uint8)
    assert_equal(noise, size, fit)
    assert_equal(noise // 128 * 255, size, fit)


def test_a_photograph_s_size_too() -> None:
    """Of three million pixels, which `fit_pixels` narrows in bands."""
    rng = np.random.default_rng(0)
    assert_equal(rng.integers(0, 256, (1500, 2000, 3), np.uint8), 64, "squash")


def test_a_picture_of_the_model_s_size_stays() -> None:
    """Nothing is resized there."""
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    [planes] = open_session(graph_of(64, "pad")).run(None, {"image": picture})
    np.testing.assert_array_equal(planes, picture.transpose(2, 0, 1))
