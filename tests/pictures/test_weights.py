"""Weights as pictures: orange for, blue against, the stronger the farther from 0."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from catclf.pictures.evidence import AGAINST, FOR
from catclf.pictures.weights import weight_pngs


def test_the_sign_is_the_color_and_the_size_its_strength() -> None:
    """By place, all colors added up; on one scale for all neurons, and 0 is transparent."""
    w = np.zeros((3, 2, 2, 2))  # colors, rows, columns, neurons
    w[:, 0, 1, 0] = 1, 2, 1
    w[1, 1, 0, 1] = -2
    one, other = (np.asarray(Image.open(BytesIO(png))) for png in weight_pngs(w.reshape(12, 2)))
    assert one.shape == other.shape == (2, 2, 4)
    assert one[0, 1].tolist() == [*FOR, 255]
    assert other[1, 0].tolist() == [*AGAINST, 127]
    assert np.count_nonzero(one[..., 3]) == np.count_nonzero(other[..., 3]) == 1


def test_no_weights_are_no_error() -> None:
    """Of w = 0, before the first iteration, nothing is to be seen."""
    [png] = weight_pngs(np.zeros((12, 1)))
    assert not np.asarray(Image.open(BytesIO(png)))[..., 3].any()
