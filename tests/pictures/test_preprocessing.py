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
    }


def test_a_picture_of_64_pixels_has_12288_features() -> None:
    assert Preprocessing().n_x == 12288


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


@pytest.mark.parametrize("name", Preprocessing().to_record())
def test_a_record_that_lacks_a_setting_is_refused(name: str) -> None:
    record = Preprocessing().to_record()
    del record[name]
    with pytest.raises(ValueError, match=f"lacks '{name}'"):
        Preprocessing.from_record(record)
