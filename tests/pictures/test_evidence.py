"""A picture with its evidence over it: the colors are true, and nothing else is colored."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.files import FileKind, kind_of_bytes
from catclf.pictures.evidence import AGAINST, FOR, GAP, MIN_SIDE, STRONGEST, evidence_png
from catclf.pictures.reading import decode_picture

Pixels = NDArray[np.uint8]
GRAY, BLACK, WHITE = 128, 0, 255


def noise(size: int) -> Pixels:
    found: Pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return found


def halves(png: bytes, size: int) -> tuple[Pixels, Pixels]:
    """Return the picture and the covered one, each as (size, size, 3), of squares of one color."""
    with Image.open(BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        drawn = np.asarray(image)
    side = len(drawn)
    assert side % size == 0
    assert drawn.shape == (side, 2 * side + GAP, 3)
    assert (drawn[:, side : side + GAP] == WHITE).all()
    scale = side // size
    found = []
    for half in (drawn[:, :side], drawn[:, side + GAP :]):
        small = half[::scale, ::scale]
        assert (half == small.repeat(scale, 0).repeat(scale, 1)).all()
        found.append(small)
    return found[0], found[1]


def covered(gray: int, values: list[list[float]], size: int) -> Pixels:
    """Return a gray picture with evidence over it."""
    pixels = np.full((size, size, 3), gray, np.uint8)
    return halves(evidence_png(pixels, np.array(values)), size)[1]


@pytest.mark.parametrize("size", [1, 7, 64, 224, 300, 449])
def test_the_picture_stands_beside_it_as_the_model_sees_it(size: int) -> None:
    """Its pixels are squares, and it is large enough to be looked at, not larger than need be."""
    pixels = noise(size)
    png = evidence_png(pixels, np.ones((1, 1)))
    assert (halves(png, size)[0] == pixels).all()
    with Image.open(BytesIO(png)) as image:
        assert MIN_SIDE <= image.height < MIN_SIDE + size


@pytest.mark.parametrize("gray", [BLACK, GRAY, WHITE])
def test_orange_is_for_and_blue_against_the_stronger_the_more(gray: int) -> None:
    """What adds most has the full color, what adds half of it half; where nothing is added, none.

    On dark and light pictures each can be told from the others.
    """
    found = covered(gray, [[2.0, -2.0], [1.0, 0.0]], 2).astype(int)
    color = {"for": np.array(FOR), "against": np.array(AGAINST)}
    for place, name, share in (((0, 0), "for", 1), ((0, 1), "against", 1), ((1, 0), "for", 0.5)):
        expected = gray + share * STRONGEST * (color[name] - gray)
        assert np.abs(found[place] - expected).max() <= 0.5 + 1e-9
    assert (found[1, 1] == gray).all()
    every = [found[i, j] for i in (0, 1) for j in (0, 1)]
    assert min(np.abs(a - b).max() for i, a in enumerate(every) for b in every[:i]) > 20
    red, _, blue = found[0, 0]
    assert red > blue
    red, _, blue = found[0, 1]
    assert blue > red


@settings(max_examples=20)
@given(
    size=st.integers(1, 20),
    values=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.floats(-1e300, 1e300),
    ),
)
def test_a_place_has_one_color_to_its_borders(size: int, values: NDArray[np.float64]) -> None:
    """Row y of the picture lies in row `y height // size` of the places; and so do columns."""
    found = halves(evidence_png(np.full((size, size, 3), GRAY, np.uint8), values), size)[1]
    height, width = values.shape
    limit = np.abs(values).max()
    for y in range(size):
        for x in range(size):
            value = values[y * height // size, x * width // size]
            share = 0 if value == 0 else STRONGEST * abs(value / limit)
            expected = GRAY + share * (np.array(FOR if value > 0 else AGAINST) - GRAY)
            assert np.abs(found[y, x] - expected).max() <= 0.5 + 1e-6


def test_no_color_is_the_pictures_own() -> None:
    """An orange cat is no evidence: below the evidence it is gray, as light as it was."""
    pixels = np.empty((8, 8, 3), np.uint8)
    pixels[:] = FOR
    found = halves(evidence_png(pixels, np.zeros((4, 4))), 8)[1]
    assert (found == found[0, 0, 0]).all()
    assert found[0, 0, 0] == Image.new("RGB", (1, 1), FOR).convert("L").getpixel((0, 0))


def test_a_scale_is_each_pictures_own() -> None:
    """The same bytes each time, and for a model whose weights are all 1024 times as large."""
    values = np.random.default_rng(0).normal(size=(7, 7))
    pixels = noise(14)
    assert len({evidence_png(pixels, factor * values) for factor in (1, 1, 1024)}) == 1


def test_it_is_known_and_is_no_picture_to_predict() -> None:
    """By what it begins with; another picture of this size and these pixels is one."""
    png = evidence_png(noise(8), np.ones((8, 8)))
    assert kind_of_bytes(png) is kind_of_bytes(png[:200]) is FileKind.EVIDENCE
    with pytest.raises(PictureError) as caught:
        decode_picture(png, Preprocessing(), "a.png")
    assert str(caught.value) == (
        "a.png: is evidence that catclf drew, not a picture\n"
        "Name the picture that it was drawn over."
    )
    again = BytesIO()
    with Image.open(BytesIO(png)) as image:
        image.save(again, "PNG")
    assert kind_of_bytes(again.getvalue()) is FileKind.PICTURE
    assert decode_picture(again.getvalue(), Preprocessing(), "a.png").shape == (64, 64, 3)
