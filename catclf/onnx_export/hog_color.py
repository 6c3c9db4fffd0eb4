"""hog-color in the graph, step by step as `catclf.hog_color` computes it."""

from __future__ import annotations

import numpy as np

from catclf.hog_color import (
    BLOCK_ENERGY_FLOOR,
    BLOCKS_PER_SIDE,
    CELLS_PER_SIDE,
    COLOR_AT_255,
    DECIMALS_OF_A_DIRECTION,
    DIRECTIONS,
    EDGE_AT_255,
    LEVELS_PER_COLOR,
    Array,
    first_color,
    neighbors_along,
)
from catclf.onnx_graph import Graph

HALF_TURN = DIRECTIONS / 2


def hog_color(graph: Graph, planes: str, size: int) -> str:
    """Add the edges, then the colors, of planes (3, size, size): (5576,) whole numbers."""
    parts = [
        _bytes(graph, _edges(graph, planes, size), EDGE_AT_255),
        _bytes(graph, _colors(graph, planes, size), COLOR_AT_255),
    ]
    return graph.node("Concat", *parts, axis=0)


def _bytes(graph: Graph, values: str, value_at_255: float) -> str:
    return graph.to_bytes(graph.node("Reshape", values, np.array([-1])), value_at_255)


def _edges(graph: Graph, planes: str, size: int) -> str:
    """Return each block's histograms (4, 18, 7, 7)."""
    down, right = _gradients(graph, planes)
    cells = _cells(graph, _votes(graph, down, right), size)  # (18, 8, 8)
    corners = []
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        first, axes = np.array([i, j]), np.array([1, 2])
        corner = graph.node("Slice", cells, first, first + BLOCKS_PER_SIDE, axes)
        corners.append(graph.node("Unsqueeze", corner, np.array([0])))
    v = graph.node("Concat", *corners, axis=0)
    energy = graph.node("ReduceSum", graph.node("Mul", v, v), np.array([0, 1]))
    return graph.node("Div", v, graph.node("Sqrt", graph.node("Add", energy, BLOCK_ENERGY_FLOOR)))


def _gradients(graph: Graph, planes: str) -> list[str]:
    """Return the differences down and right of each pixel's color with the strongest, (1, s, s)."""
    found = []
    for axis in (1, 2):
        behind = graph.node("Slice", planes, np.array([2]), np.array([2**31]), np.array([axis]))
        before = graph.node("Slice", planes, np.array([0]), np.array([-2]), np.array([axis]))
        border = np.zeros(6, np.int64)
        border[[axis, axis + 3]] = 1
        found.append(graph.node("Pad", graph.node("Sub", behind, before), border, 0.0))
    strongest = graph.node("ArgMax", _squared_length(graph, *found), axis=0, keepdims=1)
    return [graph.node("GatherElements", each, strongest, axis=0) for each in found]


def _squared_length(graph: Graph, down: str, right: str) -> str:
    return graph.node("Add", graph.node("Mul", down, down), graph.node("Mul", right, right))


def _votes(graph: Graph, down: str, right: str) -> str:
    """Return each pixel's vote for each direction, (18, size, size)."""
    direction = _direction(graph, down, right)
    below = graph.node("Floor", direction)
    above_share = graph.node("Sub", direction, below)
    length = graph.node("Sqrt", _squared_length(graph, down, right))
    length = graph.node("Div", length, 255.0)
    index = graph.cast(below, np.int64)
    votes = []
    for step, share in ((0, graph.node("Sub", 1.0, above_share)), (1, above_share)):
        nearest = graph.node("Mod", graph.node("Add", index, np.int64(step)), np.int64(DIRECTIONS))
        is_nearest = graph.node("Equal", nearest, np.arange(DIRECTIONS).reshape(-1, 1, 1))
        votes.append(graph.node("Where", is_nearest, graph.node("Mul", share, length), 0.0))
    return graph.node("Add", *votes)


def _direction(graph: Graph, down: str, right: str) -> str:
    """Return each gradient's direction, -9 to 9.

    By a table of the first quadrant's: not every runtime has an arctangent in float64.
    """
    whole = np.arange(256)
    table: Array = np.arctan2(whole[:, np.newaxis], whole) * (DIRECTIONS / (2 * np.pi))
    table = np.round(table, DECIMALS_OF_A_DIRECTION).ravel()
    place = graph.node(
        "Add", graph.node("Mul", graph.node("Abs", down), 256.0), graph.node("Abs", right)
    )
    place = graph.cast(place, np.int64)
    angle = graph.node("Gather", table, place)
    leftward = graph.node("Less", right, 0.0)
    angle = graph.node("Where", leftward, graph.node("Sub", HALF_TURN, angle), angle)
    return graph.node("Where", graph.node("Less", down, 0.0), graph.node("Neg", angle), angle)


def _cells(graph: Graph, votes: str, size: int) -> str:
    """Return each cell's histogram of directions, (18, 8, 8), of votes (18, size, size)."""
    shares = np.zeros((CELLS_PER_SIDE + 2, size))  # with a cell more at each end, which is cut off
    for cell, share in neighbors_along(size):
        shares[cell, np.arange(size)] += share
    inside = shares[1:-1]  # (8, size)
    sums = graph.node("MatMul", graph.node("MatMul", inside, votes), np.ascontiguousarray(inside.T))
    return graph.node("Div", sums, size**2 / CELLS_PER_SIDE**2)


def _colors(graph: Graph, planes: str, size: int) -> str:
    """Return the square root of each color's share of each quarter, (2048,)."""
    levels = graph.node("Floor", graph.node("Div", planes, 256.0 / LEVELS_PER_COLOR))
    places = LEVELS_PER_COLOR ** np.array([2.0, 1.0, 0.0]).reshape(3, 1, 1)
    color = graph.node("ReduceSum", graph.node("Mul", levels, places), np.array([0]), keepdims=0)
    quarter = first_color(size)
    bins = graph.node("Add", color, quarter.astype(np.float64))
    bins = graph.node("Reshape", graph.cast(bins, np.int64), np.array([-1]))
    n_bins = 4 * LEVELS_PER_COLOR**3
    counts = graph.node(
        "ScatterElements", np.zeros(n_bins), bins, np.ones(size**2), axis=0, reduction="add"
    )
    pixels = np.bincount(quarter.ravel() // LEVELS_PER_COLOR**3, minlength=4)
    return graph.node("Sqrt", graph.node("Div", counts, np.repeat(1.0 * pixels, n_bins // 4)))
