"""hog-color in an ONNX graph is the column that `prepare` stores, byte for byte."""

from __future__ import annotations

import numpy as np
import pytest

from catclf.backbone import open_session
from catclf.hog_color import MIN_SIZE, N_X
from catclf.hog_color import hog_color as expected_of
from catclf.onnx_export.hog_color import hog_color
from catclf.onnx_graph import Graph


@pytest.mark.parametrize("size", [MIN_SIZE, 33, 64])
def test_the_columns_are_the_same(size: int) -> None:
    """Of noise, of every direction of a gradient, and of a picture without edges."""
    graph = Graph()
    column = hog_color(graph, "planes", size)
    graph.node("Cast", column, output="column", to=graph.type_of(np.uint8))
    inputs, outputs = {"planes": (np.float64, [3, size, size])}, {"column": (np.uint8, [N_X])}
    session = open_session(graph.model("t", inputs, outputs, 17, 8, {}).SerializeToString())
    rng = np.random.default_rng(0)
    i, j = np.mgrid[0:size, 0:size] - size / 2
    pictures = [rng.integers(0, 256, (size, size, 3), np.uint8) for _ in range(5)]
    pictures.append(np.repeat((np.hypot(i, j) * 2).astype(np.uint8)[..., np.newaxis], 3, axis=2))
    pictures.append(np.full((size, size, 3), 128, np.uint8))
    for picture in pictures:
        planes = picture.transpose(2, 0, 1).astype(np.float64)
        [found] = session.run(None, {"planes": planes})
        np.testing.assert_array_equal(found, expected_of(picture))
