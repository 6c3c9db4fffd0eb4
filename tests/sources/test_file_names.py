"""Labels in file names: what stands before the last number, and whether a folder is named so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.sources.file_names import label_from_name, labels_in_names

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("cat.12.jpg", "cat"),
        ("car-001.png", "car"),
        ("Abyssinian_1.jpg", "Abyssinian"),
        ("yorkshire_terrier_12.jpg", "yorkshire_terrier"),
        ("dog (3).jpg", "dog"),
        ("cat12.jpg", "cat"),
        ("hot dog 7.JPEG", "hot dog"),
        ("n02085620_10074.JPEG", "n02085620"),
        ("dog.4", "dog"),
        ("dog.4.jpg_large", "dog"),
        ("dog.4.jpg?w=640", "dog"),
        ("owl_5_small.png", "owl"),
        ("cat.1 (1).jpg", "cat"),
        ("cat.1 - Copy.jpg", "cat"),
        ("cat.1 - Copy (2).jpg", "cat"),
        ("cat1 copy 2.jpg", "cat"),
        ("cat_1_copy.jpg", "cat"),
        ("cat (1) copy.jpg", "cat"),
        ("cat copy 2.jpg", "cat copy"),
        ("猫_3.jp2", "猫"),
        ("a/b/cat[0x].1.png", "cat[0x]"),
        ("IMG_2041.jpg", "IMG"),
        ("DSC01234.JPG", "DSC"),
        ("12.jpg", None),
        ("2024-01-05.jpg", None),
        ("cat.jpg", None),
        ("cat.mp4", None),
        ("", None),
    ],
)
def test_a_label_stands_before_the_last_number(name: str, label: str | None) -> None:
    """Without what separates them; there is none without a number, or without a letter."""
    assert label_from_name(name) == label


@given(st.text())
def test_any_name_has_a_label_or_none(name: str) -> None:
    """A label is never blank."""
    label = label_from_name(name)
    assert label is None or label.strip()


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg"], ["cat", "dog"]),
        (["A1.jpg", "A2.jpg", "B1.jpg", "B2.jpg"], ["A", "B"]),
        (["cat.0.jpg", "cat.1.jpg", "dog.0.jpg"], []),
        (["cat.0.jpg", "cat.1.jpg"], []),
        (["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg", "owl.jpg"], []),
        (["IMG_1.jpg", "IMG_2.jpg", "cat_1.jpg", "cat_2.jpg"], []),
        (["IMG_20240105_1.jpg", "IMG_20240105_2.jpg", "IMG_20240106_1.jpg", "IMG_20240106_2.jpg"],
         []),
        ([f"WhatsApp Image 2023-05-01 at {h}.15.0{s}.jpeg" for h in (9, 10) for s in (1, 2)], []),
        (["train_1.jpg", "train_2.jpg", "test_1.jpg", "test_2.jpg"], []),
        ([], []),
    ],
)  # fmt: skip
def test_labels_are_seen_where_every_name_has_one(names: list[str], labels: list[str]) -> None:
    """Two or more, of several files each; what cameras write is none, and splits are none."""
    assert labels_in_names(names) == labels


def test_the_sample_is_named_so() -> None:
    """Cats in one folder, what is no cat in another: the names tell more."""
    found = labels_in_names(os.listdir(SAMPLE / "train" / "noncat"))
    assert found == ["car", "dog", "flower", "house", "tree"]
    assert labels_in_names(os.listdir(SAMPLE / "train" / "cat")) == []
