"""The record of how a picture becomes a column."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from catclf.pictures.preprocessing import Preprocessing


def test_the_record_survives_json() -> None:
    preprocessing = Preprocessing(size=32, fit="pad")
    record = json.loads(json.dumps(preprocessing.to_record()))
    assert Preprocessing.from_record(record) == preprocessing
    assert record == {
        "size": 32,
        "fit": "pad",
        "filter": "bilinear",
        "background": "white",
        "order": "planes",
        "features": "pixels",
    }


def test_a_record_without_features_means_pixels() -> None:
    """Datasets and models of catclf 0.1 do not have the setting."""
    record = Preprocessing(size=32, fit="pad").to_record()
    del record["features"]
    assert Preprocessing.from_record(record) == Preprocessing(size=32, fit="pad")


def test_a_record_with_hog_color_survives_json() -> None:
    preprocessing = Preprocessing(features="hog-color")
    record = json.loads(json.dumps(preprocessing.to_record()))
    assert record["features"] == "hog-color"
    assert Preprocessing.from_record(record) == preprocessing


def test_a_picture_of_64_pixels_has_12288_features() -> None:
    assert Preprocessing().n_x == 12288


@pytest.mark.parametrize("size", [8, 64, 1024])
def test_hog_color_has_5576_features_at_any_size(size: int) -> None:
    assert Preprocessing(size=size, features="hog-color").n_x == 5576


@pytest.mark.parametrize("size", [1, 7])
def test_hog_color_needs_a_size_of_8(size: int) -> None:
    """A cell has at least one pixel."""
    with pytest.raises(ValueError, match=f"size must be 8 or more for hog-color, got {size}"):
        Preprocessing(size=size, features="hog-color")
    assert Preprocessing(size=size).n_x == 3 * size * size


def test_preprocessing_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Preprocessing().size = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"size": 0}, "size must be"),
        ({"size": 1025}, "size must be"),
        ({"size": 64.0}, "size must be"),
        ({"size": True}, "size must be"),
        ({"size": "64"}, "size must be"),
        ({"fit": "stretch"}, "fit must be one of squash, crop, pad"),
        ({"fit": None}, "fit must be"),
        ({"fit": ["squash"]}, "fit must be"),
        ({"filter": "lanczos"}, "made by a newer catclf"),
        ({"background": "black"}, "made by a newer catclf"),
        ({"order": "interleaved"}, "made by a newer catclf"),
        ({"order": 3}, "order must be a string"),
        ({"features": "gist"}, "features must be one of pixels, hog-color, got 'gist'"),
        ({"features": None}, "features must be one of"),
        ({"features": ["pixels"]}, "features must be one of"),
        ({"features": "hog-color", "size": 7}, "size must be 8 or more"),
        ({"gamma": 2.2}, "unknown setting 'gamma'"),
    ],
)
def test_a_record_with_an_odd_value_is_refused(change: dict[str, object], phrase: str) -> None:
    with pytest.raises(ValueError, match=phrase):
        Preprocessing.from_record(Preprocessing().to_record() | change)


@pytest.mark.parametrize("record", [None, 3, "size", [], ["size", 64]])
def test_a_record_that_is_no_table_is_refused(record: object) -> None:
    with pytest.raises(ValueError, match="must be a table"):
        Preprocessing.from_record(record)


@pytest.mark.parametrize("name", sorted(Preprocessing().to_record().keys() - {"features"}))
def test_a_record_that_lacks_a_setting_is_refused(name: str) -> None:
    record = Preprocessing().to_record()
    del record[name]
    with pytest.raises(ValueError, match=f"lacks '{name}'"):
        Preprocessing.from_record(record)
