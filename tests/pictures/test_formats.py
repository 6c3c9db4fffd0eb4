"""Which files are meant as pictures, and which are not too large."""

from __future__ import annotations

import pytest
from catclf.pictures.formats import MAX_PIXELS, check_pixels, looks_like_picture

from catclf.errors import PictureError


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("cat.jpg", True),
        ("CAT.JPEG", True),
        ("a/b.c/cat.Png", True),
        ("cat.tiff", True),
        ("cat.heic", True),
        ("cat.NEF", True),
        ("cat.svg", True),
        ("cat.txt", False),
        ("cat", False),
        ("jpg", False),
        (".jpg", False),
        ("cat.jpg.part", False),
        ("Thumbs.db", False),
        (".DS_Store", False),
        ("labels.csv", False),
    ],
)
def test_pictures_are_told_by_their_suffix(name: str, answer: bool) -> None:
    assert looks_like_picture(name) is answer


def test_a_size_within_the_limit_is_no_error() -> None:
    check_pixels(1, 1)
    check_pixels(MAX_PIXELS, 1)


@pytest.mark.parametrize(
    ("width", "height", "phrase"),
    [
        (0, 5, "no pixels"),
        (5, -1, "no pixels"),
        (MAX_PIXELS + 1, 1, "too large: 50000001 x 1 pixels, more than 50 million"),
    ],
)
def test_a_size_without_pixels_or_beyond_the_limit_is_refused(
    width: int, height: int, phrase: str
) -> None:
    with pytest.raises(PictureError, match=phrase):
        check_pixels(width, height)
