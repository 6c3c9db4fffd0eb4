"""What a notebook shows: whole HTML, with the words of the report, and nothing of it is run."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import catclf
from catclf.operations.advice import verdict_of
from datasets import write_small

VOID = {"img"}
KNOWN = {"b", "div", "figcaption", "figure", "p", "table", "tbody", "td", "th", "thead", "tr"}
HOSTILE = "<script>\x1b&'\""


class Reader(HTMLParser):
    """Collects text and pictures; an element that is not known, or not closed, is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.pictures: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what is open, and a picture's attributes."""
        assert tag in KNOWN | VOID
        assert {name for name, _ in attrs} <= {"style", "src", "alt"}
        if tag in VOID:
            self.pictures.append(dict(attrs))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.texts.append(data)


def read(shown: object) -> tuple[str, list[dict[str, str | None]]]:
    """Return the text of what is shown, a line an element, and its pictures."""
    reader = Reader()
    reader.feed(shown._repr_html_())  # type: ignore[attr-defined]
    reader.close()
    assert reader.open == []
    for picture in reader.pictures:
        source = re.fullmatch(r"data:image/(png|jpeg);base64,(.*)", picture["src"] or "")
        assert source is not None
        assert base64.b64decode(source[2], validate=True)
    return "\n".join(reader.texts), reader.pictures


@pytest.fixture(scope="module")
def trained(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> catclf.Trained:
    """Train a model of 8x8 pixels."""
    output, heard = tmp_path_factory.mktemp("model") / "model.npz", catclf.Observer()
    return catclf.train(small_dataset, output, catclf.Settings(iterations=300), observer=heard)


def test_an_evaluation_tells_the_verdict_of_the_report(trained: catclf.Trained) -> None:
    """Accuracy beside the constant's, the same sentence, the log loss and the confusion matrix."""
    test = trained.test
    assert test is not None
    text, pictures = read(test)
    assert f"Right on {test.confusion.correct} of 6 test pictures: " in text
    assert f"always answering {test.majority_class} would be right on 50.00\u00a0%" in text
    assert verdict_of(test.judged) in text
    assert f"{test.log_loss:.4f}, the constant's 0.6931" in text
    cells = [str(count) for count in test.confusion.matrix.flat]
    assert [line for line in text.splitlines() if line.isdigit()] == cells
    assert pictures == []


def test_an_evaluation_tells_what_speaks_against_it(trained: catclf.Trained) -> None:
    """Other data, copies, one class only; of the train split no verdict."""
    test = trained.test
    assert test is not None
    balanced = read(replace(test, class_weight="balanced"))[0]
    assert "Balanced accuracy on 6 test pictures: " in balanced
    assert "always answering the same class would reach 50.00\u00a0%" in balanced
    text = read(replace(test, other_data="old.npz", also_in_train=2))[0]
    assert "The model was trained on other data: old.npz." in text
    assert "Pictures with a copy or near-copy in the train split: 2." in text
    far = replace(test, similarities=np.array([0.1, *[0.9] * 5]), floor=0.5)
    assert "Pictures unlike the training pictures: 1." in read(far)[0]
    one = replace(test, labels=np.zeros(6, np.uint8), majority_rate=1.0)
    assert "The test split has one class only" in read(one)[0]
    on_train = read(trained.train)[0]
    assert "of other pictures the train split tells little" in on_train
    assert "surely" not in on_train


def test_a_model_tells_how_it_was_trained(trained: catclf.Trained) -> None:
    """With its weights as a picture; that of a training is both, one after the other."""
    model = trained.model
    text, pictures = read(model)
    assert "cat" in text
    assert "pixels, n_x 192, of pictures 8 x 8 (squash)" in text
    assert "300 iterations of gram on 18 pictures, learning rate 0.005" in text
    assert model.training is not None
    assert f"{model.training.cost:.6f}" in text
    assert [picture["alt"] for picture in pictures] == [model.classes[1]]
    assert read(trained)[0] == f"{text}\n{read(trained.test)[0]}"
    assert "not told" in read(replace(model, training=None))[0]


def test_a_model_of_many_classes_shows_some() -> None:
    """A picture for each of eight neurons at most; of what is no pixels, none."""
    names, preprocessing = tuple("abcdefghij"), catclf.Preprocessing(size=2)
    model = catclf.Model(np.ones((12, 10)), np.zeros((10, 1)), names, preprocessing)
    text, pictures = read(model)
    assert [picture["alt"] for picture in pictures] == [*names[:8]]
    assert "a, b, c and 7 more" in text
    edges = catclf.Preprocessing(size=8, features="hog-color")
    other = catclf.Model(np.ones((edges.n_x, 1)), np.zeros((1, 1)), ("a", "b"), edges)
    assert read(other)[1] == []


def test_a_dataset_tells_its_classes(small_dataset: Path) -> None:
    """By split, with the digest, and a picture of each while it is open."""
    with catclf.open_dataset(small_dataset) as dataset:
        text, pictures = read(dataset)
    lines = text.splitlines()
    assert f"Dataset {small_dataset}" in lines
    for start in (["noncat", "9", "3"], ["cat", "9", "3"], ["all", "18", "6"]):
        assert start in [lines[i : i + 3] for i in range(len(lines))]
    assert dataset.digest[:12] in lines
    assert [picture["alt"] for picture in pictures] == ["noncat", "cat"]
    closed, pictures = read(dataset)
    assert text.startswith(closed)
    assert pictures == []


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    """Whatever a class or a file is called, it is text, without control characters."""
    names = (HOSTILE, "b", "</table>")
    path = write_small(tmp_path / "<img src=x>.npz", 30, 6, classes=names)
    settings, heard = catclf.Settings(iterations=3), catclf.Observer()
    trained = catclf.train(path, tmp_path / "m.npz", settings, observer=heard)
    with catclf.open_dataset(path) as dataset:
        shown = [read(dataset), read(trained.model), read(trained.train)]
    for text, pictures in shown:
        assert "<script>\\x1b&'\"" in text
        assert "\x1b" not in text
        assert all((each["alt"] or "") in ("<script>\\x1b&'\"", *names) for each in pictures)
    assert "<img src=x>.npz" in shown[0][0]
