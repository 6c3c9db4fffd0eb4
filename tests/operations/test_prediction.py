"""catclf.operations.prediction: pictures become probabilities, one answer a picture, in order."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import catclf
from catclf.columns import Pixels
from catclf.errors import PictureError, SettingsError
from catclf.features import Preprocessing, column
from catclf.model import Model, predicted_labels, refuse_threshold
from catclf.operations.prediction import Prediction, predict
from catclf.pictures.reading import MAX_BYTES, read_picture
from catclf.workers import ITEMS_WORTH_A_WORKER, MAX_ITEMS_A_MESSAGE, MESSAGES_AHEAD
from conftest import Recorder, positive_probability
from corpus.places import make_pipe


@pytest.fixture(scope="module")
def model() -> Model:
    """Return a model of 8x8 pictures, for which red is cat."""
    w = np.concatenate([np.full(64, 0.1), np.zeros(64), np.full(64, -0.1)]).reshape(-1, 1)
    return Model(w, np.zeros((1, 1)), ("noncat", "cat"), Preprocessing(size=8))


@pytest.fixture(scope="module")
def colors() -> Model:
    """Return a model of 8x8 pictures of three classes, each of which likes one color."""
    w = np.repeat(np.eye(3), 64, axis=0) / 10
    b = np.array([[0.1], [0.0], [-0.1]])
    return Model(w, b, ("red", "green", "blue"), Preprocessing(size=8))


@pytest.fixture
def folder(tmp_path: Path, small_pictures: Path) -> Path:
    """Copy the small pictures, among other things that are none."""
    path = tmp_path / "pictures"
    shutil.copytree(small_pictures, path)
    (path / "notes.txt").write_text("which is which")
    (path / ".hidden.png").write_bytes(b"")
    return path


def probability_of(model: Model, pixels: Pixels) -> float:
    """Return the probability of the positive class of a picture (size, size, 3)."""
    return float(model.probabilities(column(pixels, model.preprocessing))[0, 1])


def test_the_answer_is_the_models_for_the_pixels(model: Model, small_pictures: Path) -> None:
    """A prediction is the model's probability of the picture as it was preprocessed.

    However one picture is handed over, it is one, and a path is not its characters.
    """
    path = small_pictures / "cat" / "00.png"
    probability = probability_of(model, read_picture(path, model.preprocessing))
    probabilities = {"noncat": 1 - probability, "cat": probability}
    with Image.open(path) as image, open(path, "rb") as stream:
        for one in (path, str(path), image, np.asarray(image), stream):
            known = isinstance(one, str | Path | Image.Image)  # the image was opened from a file
            expected = Prediction(str(path) if known else "-", "cat", probabilities)
            [found] = predict(one, model)
            assert vars(found) == vars(expected)


def test_pictures_in_memory_stand_among_files(model: Model, small_pictures: Path) -> None:
    """Any iterable of any of them is answered in order; a batch (k, h, w, 3) is k pictures."""
    paths = sorted(small_pictures.rglob("*.png"))
    arrays = [np.asarray(Image.open(path)) for path in paths]
    expected = [answer.probabilities for answer in predict(paths, model)]
    mixed = [paths[i] if i % 3 else arrays[i] for i in range(len(paths))]
    for images in (mixed, iter(arrays), np.stack(arrays), map(Image.fromarray, arrays)):
        assert [answer.probabilities for answer in predict(images, model)] == expected
    assert list(predict([], model)) == []


@pytest.mark.parametrize("images", [None, 3, b"\x89PNG", [7], [np.zeros((8, 8), np.uint8)]])
def test_what_is_no_picture_is_no_answer(model: Model, images: Any) -> None:
    """A slip in a program is told, at the call where it can be, and not passed off as a picture."""
    if not isinstance(images, list):
        with pytest.raises(TypeError, match="images must be a path"):
            predict(images, model)
        return
    with pytest.raises((TypeError, ValueError), match="uint8"):
        list(predict(images, model))


@given(threshold=st.floats(0, 1) | st.none())
def test_positive_is_above_the_threshold(
    model: Model, small_pictures: Path, threshold: float | None
) -> None:
    """At the threshold (None: its own probability) a picture is the negative class."""
    for path in (small_pictures / name / "00.png" for name in ("cat", "noncat")):
        probability = positive_probability(next(predict(path, model)))
        at = probability if threshold is None else threshold
        (answer,) = predict(path, model, threshold=at)
        assert (answer.predicted == "cat") == (probability > at)
        assert answer.confidence == (probability if probability > at else 1 - probability)


def test_the_most_probable_class_is_predicted() -> None:
    """Of two classes above a threshold, which is refused for more; of equal ones the first."""
    assert predicted_labels(np.array([[0.4, 0.6], [0.5, 0.5]])).tolist() == [1, 0]
    assert predicted_labels(np.array([[0.4, 0.6]]), 0.6).tolist() == [0]
    assert predicted_labels(np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])).tolist() == [1, 0]
    refuse_threshold(0.4, ("a", "b"))
    refuse_threshold(0.5, ("a", "b", "c"))
    with pytest.raises(SettingsError, match="for two classes, and these are 3"):
        refuse_threshold(0.4, ("a", "b", "c"))


def test_of_several_classes_the_most_probable_is_predicted(
    colors: Model, small_pictures: Path
) -> None:
    """All have one, in the order of the classes, that of `predict_proba`, and they sum to 1."""
    answers = list(predict(small_pictures, colors, workers=1))
    expected = colors.predict_proba([answer.name for answer in answers])
    assert expected.shape == (24, 3)
    for answer, row in zip(answers, expected.tolist(), strict=True):
        assert list((answer.probabilities or {}).items()) == list(
            zip(colors.classes, row, strict=True)
        )
        assert sum(row) == pytest.approx(1, abs=1e-15)
        assert answer.predicted == colors.classes[row.index(max(row))]
        assert answer.confidence == max(row)
    assert {answer.predicted for answer in answers} == {"red", "blue"}


def test_scikit_learn_takes_the_probabilities_as_they_are(tmp_path: Path) -> None:
    """Its metrics of `predict_proba` are `evaluate`'s, a column for each of the classes."""
    # Here, for the others to start without it.
    from sklearn.metrics import log_loss, roc_auc_score, top_k_accuracy_score

    rng = np.random.default_rng(0)
    names = np.array(["tree", "cat", "house", "dog"] * 10)
    tints = (names[:, np.newaxis] == ["cat", "dog", "tree"]) * 80  # some are predicted wrong
    noise = rng.integers(0, 176, (40, 1, 1, 3)) + tints[:, np.newaxis, np.newaxis]
    pictures = noise.astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2)  # of one color each
    data, preprocessing = tmp_path / "d.npz", Preprocessing(size=1)
    catclf.prepare(pictures, data, labels=names, preprocessing=preprocessing, test_split=0)
    model = catclf.train(data, tmp_path / "m.npz").model
    found = catclf.evaluate(data, model, split="train")
    P = model.predict_proba(pictures)
    assert P.tolist() == found.probabilities.tolist()
    assert model.classes == ("cat", "dog", "house", "tree")
    assert [model.classes[label] for label in found.labels] == names.tolist()
    assert 0.5 < found.accuracy < 1
    for y in (found.labels, names):  # it sorts the names, as they are here
        assert log_loss(y, P) == pytest.approx(found.log_loss, rel=1e-12)
        assert roc_auc_score(y, P, multi_class="ovr") == pytest.approx(found.auc, rel=1e-12)
        assert top_k_accuracy_score(y, P, k=1) == found.accuracy
    in_two = np.argsort(P, axis=1)[:, 2:] == found.labels[:, np.newaxis]
    among_two = in_two.any(axis=1).mean()
    assert found.accuracy < top_k_accuracy_score(found.labels, P, k=2) == among_two < 1
    order = [2, 3, 0, 1]  # house, tree, cat, dog: not sorted, names are taken for others
    classes = tuple(model.classes[label] for label in order)
    turned = replace(model, w=model.w[:, order], b=model.b[order], classes=classes)
    Q, labels = turned.predict_proba(pictures), [classes.index(name) for name in names]
    assert log_loss(labels, Q) == pytest.approx(found.log_loss, rel=1e-12)
    assert top_k_accuracy_score(labels, Q, k=2) == among_two
    assert log_loss(names, Q) > log_loss(labels, np.full((40, 4), 1 / 4))
    each = roc_auc_score(found.labels, P, multi_class="ovr", average=None)
    assert each == pytest.approx(found.aucs, rel=1e-12)
    some = found.labels < 2  # of classes that are absent it is told
    assert log_loss(found.labels[some], P[some], labels=range(4)) == pytest.approx(
        found.losses[some].mean(), rel=1e-12
    )


def test_a_threshold_is_for_two_classes(colors: Model, tmp_path: Path) -> None:
    """With more it is refused where it is asked for: no picture is read, no folder made."""
    refusal = (
        "a threshold is for two classes, and these are 3\n"
        "Leave out `threshold`: the most probable class is predicted."
    )
    unread = iter(["missing.png"])
    with pytest.raises(SettingsError) as caught:
        predict(unread, colors, threshold=0.4, evidence=tmp_path / "e")
    assert str(caught.value) == refusal
    assert next(unread) == "missing.png"
    assert not any(tmp_path.iterdir())
    assert list(predict([], colors, threshold=0.5)) == []


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_answers_come_in_input_order(model: Model, folder: Path, workers: int | None) -> None:
    """Whatever the number of processes, the n-th answer is for the n-th picture."""
    paths = sorted(map(str, folder.rglob("[0-9]*.png")))
    rng = np.random.default_rng(0)
    asked = [paths[i] for i in rng.integers(0, len(paths), 60)]
    answers = list(predict(asked, model, workers=workers))
    assert [answer.name for answer in answers] == asked
    alone = {path: next(predict([path], model)) for path in paths}
    assert [*map(vars, answers)] == [vars(alone[path]) for path in asked]


def test_a_folder_is_searched_and_what_is_no_picture_is_named(model: Model, folder: Path) -> None:
    """Pictures at any depth, sorted, without what is hidden; other files are reported.

    One that cannot be read keeps its place: its answer is an error that names it.
    """
    deep = folder / "cat" / "more" / "deep"
    deep.mkdir(parents=True)
    shutil.copy(folder / "cat" / "00.png", deep / "x.PNG")
    bad = folder / "cat" / "05.png"
    bad.write_bytes(bad.read_bytes()[:60])
    heard = Recorder()
    answers = list(predict(folder, model, observer=heard))
    names = [answer.name for answer in answers]
    assert len(names) == 25
    assert names == [answer.name for answer in predict([folder], model)]
    assert str(deep / "x.PNG") in names
    assert heard.names == [str(folder / "notes.txt")]
    (failed,) = (answer for answer in answers if answer.error is not None)
    assert names.index(failed.name) == 5
    assert isinstance(failed.error, PictureError)
    assert (failed.name, failed.error.where) == (str(bad), str(bad))
    assert (failed.probabilities, failed.predicted, failed.confidence) == (None, None, None)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
@pytest.mark.parametrize("name", ["empty", "missing.png", "notes.txt", "fifo.png"])
def test_what_is_no_picture_is_an_answer_too(model: Model, folder: Path, name: str) -> None:
    """An empty folder, a missing file, a text or a pipe named by its user is an error, not gone."""
    (folder / "empty").mkdir()
    make_pipe(folder / "fifo.png")
    (answer,) = predict([folder / name], model)
    assert answer.name == str(folder / name)
    assert isinstance(answer.error, PictureError)
    assert answer.probabilities is None


def test_answers_are_made_as_they_are_asked_for(model: Model, small_pictures: Path) -> None:
    """A million pictures are not listed first: the input is taken a batch at a time."""
    path = str(small_pictures / "cat" / "00.png")
    taken = 0

    def endless() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield path

    answers = predict(endless(), model, workers=2)  # type: ignore[arg-type]
    for _ in range(5):
        assert next(answers).error is None
    ahead = ITEMS_WORTH_A_WORKER + (MESSAGES_AHEAD + 1) * MAX_ITEMS_A_MESSAGE
    assert taken <= 2 * ahead
    answers.close()  # type: ignore[attr-defined]


def test_giving_up_ends_all_work(model: Model, small_pictures: Path) -> None:
    """Whoever stops asking leaves no thread and no process behind."""
    before = threading.active_count()
    answers = predict([small_pictures] * 5, model, workers=4)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


class Stream(BytesIO):
    """A stream that fails, or never ends."""

    def __init__(self, error: OSError | None) -> None:
        super().__init__()
        self.error = error
        self.taken = 0

    def read(self, size: int | None = -1) -> bytes:
        """Fail, or return zeros and count them."""
        assert size is not None, "an endless stream must not be read to its end"
        assert size >= 0, "an endless stream must not be read to its end"
        if self.error is not None:
            raise self.error
        self.taken += size
        return bytes(size)


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (Stream(None), "too large"),
        (Stream(OSError(errno.EIO, os.strerror(errno.EIO))), "Input/output error"),
        (BytesIO(), "empty file"),
    ],
    ids=["endless", "failing", "empty"],
)
def test_a_stream_that_is_no_picture_is_an_answer(model: Model, stream: BytesIO, said: str) -> None:
    """Of an endless one no more is read than of a file; a failing one is told as a picture is."""
    (answer,) = predict([stream], model)
    assert answer.name == "-"
    assert said in str(answer.error)
    assert getattr(stream, "taken", 0) <= MAX_BYTES + 1


@pytest.mark.parametrize(
    ("predicted", "confidence"), [("noncat", 0.75), ("cat", 0.25), (None, None)]
)
def test_confidence_is_the_probability_of_the_class_predicted(
    predicted: str | None, confidence: float | None
) -> None:
    """Whichever it is: the threshold decides the class, and may choose the less probable one."""
    probabilities = None if predicted is None else {"noncat": 0.75, "cat": 0.25}
    answer = Prediction("-", predicted, probabilities)
    assert (answer.confidence, answer.error) == (confidence, None)


@pytest.mark.parametrize(("fit", "same"), [("squash", False), ("crop", True)])
def test_the_models_preprocessing_is_obeyed(tmp_path: Path, fit: str, same: bool) -> None:
    """A model trained on cropped pictures sees the middle of a wide one alone."""
    rng = np.random.default_rng(0)
    middle = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    wide = np.concatenate([np.zeros((8, 4, 3), np.uint8), middle, np.zeros((8, 4, 3), np.uint8)], 1)
    for name, pixels in (("middle", middle), ("wide", wide)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    w = rng.normal(size=(192, 1))
    preprocessing = Preprocessing(size=8, fit=fit)  # type: ignore[arg-type]
    model = Model(w, np.zeros((1, 1)), ("a", "b"), preprocessing)
    one, two = predict([tmp_path / "middle.png", tmp_path / "wide.png"], model)
    assert (one.probabilities == two.probabilities) is same


def test_streams_are_read_where_they_were_opened(tmp_path: Path) -> None:
    """Members of one archive share its position in the file; files among them change nothing."""
    rng = np.random.default_rng(0)
    loose, archive = tmp_path / "loose.png", tmp_path / "pictures.zip"
    expected = []
    w, b = rng.normal(size=(192, 1)), np.array([[0.1]])
    model = Model(w, b, ("a", "b"), Preprocessing(size=8))
    with zipfile.ZipFile(archive, "w") as zipped:
        for number in range(80):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(loose)
            zipped.write(loose, str(number))
            expected.append(probability_of(model, pixels))
    with zipfile.ZipFile(archive) as zipped:
        members = [zipped.open(name) for name in zipped.namelist()]
        images: list[Any] = [*members[:40], *[loose] * 40, *members[40:]]
        predicted = list(map(positive_probability, predict(images, model, workers=2)))
    assert predicted == expected[:40] + expected[-1:] * 40 + expected[40:]
