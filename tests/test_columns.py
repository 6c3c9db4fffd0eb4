"""Pictures become columns as the lecture unrolls them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from catclf.columns import blocks, reorder, size_of, unroll

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
pictures_of_any_size = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 4), st.integers(1, 6)).map(lambda s: (s[0], s[1], s[1], 3)),
)


@given(
    columns=hnp.arrays(np.uint8, st.tuples(st.integers(0, 9), st.just(3))),
    examples=st.integers(1, 10),
    ends=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_blocks_are_the_columns_in_order(
    columns: Pixels, examples: int, ends: tuple[int, int]
) -> None:
    """Together they are all the rows asked for, none larger than allowed."""
    found = list(blocks(columns, examples))
    assert all(np.array_equal(block, columns[rows]) for rows, block in found)
    assert sum(len(block) for _, block in found) == len(columns)
    assert all(1 <= len(block) <= examples for _, block in found)
    start, stop = sorted(min(end, len(columns)) for end in ends)
    some = [block for _, block in blocks(columns, examples, start, stop)]
    assert np.array_equal(np.concatenate([columns[:0], *some]), columns[start:stop])


@given(pictures_of_any_size)
def test_a_column_is_red_then_green_then_blue(pictures: Pixels) -> None:
    """As on the slide: all of red row by row, then green, then blue, in one piece."""
    columns = unroll(pictures)
    assert columns.flags.c_contiguous
    for picture, column in zip(pictures, columns, strict=True):
        planes = [picture[:, :, color].ravel() for color in range(3)]
        assert np.array_equal(column, np.concatenate(planes))


@given(pictures_of_any_size, st.integers(0, 2**32 - 1))
def test_reordered_weights_give_the_same_logits(pictures: Pixels, seed: int) -> None:
    """Interleaved weights, reordered, weigh each pixel of our columns as they did theirs."""
    theirs = pictures.reshape(len(pictures), -1).T  # a notebook's X
    w = np.random.default_rng(seed).normal(size=(len(theirs), 1))
    ours = reorder(w, "interleaved")
    assert ours.shape == w.shape
    np.testing.assert_allclose(ours.T @ unroll(pictures).T, w.T @ theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [1, 2, 64, 1024])
def test_size_of_features(size: int) -> None:
    """The side of a picture is found from its features."""
    assert size_of(3 * size * size) == size


@pytest.mark.parametrize("n_x", [0, 1, 2, 6, 4096, 12287, 12289, 12291])
def test_features_of_no_square_picture_are_refused(n_x: int) -> None:
    """What fits no square RGB picture says which number would, and which came."""
    with pytest.raises(ValueError, match=rf"12288 for 64\), got {n_x}$"):
        size_of(n_x)


@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (2, 4, 4, 4), (2, 4, 4, 1)])
def test_pictures_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    """Pictures that are not square, or not RGB, are not unrolled to something else."""
    with pytest.raises(ValueError, match=r"must be \(m, size, size, 3\), got"):
        unroll(np.zeros(shape, np.uint8))
