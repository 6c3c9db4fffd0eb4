"""catclf.operations.prediction: pictures become probabilities, one answer a picture, in order."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catclf.errors import PictureError
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.operations.prediction import Prediction, predict
from catclf.pictures.formats import MAX_BYTES
from catclf.pictures.reading import read_picture
from catclf.workers import ITEMS_WORTH_A_WORKER, MAX_ITEMS_A_MESSAGE, MESSAGES_AHEAD
from conftest import Recorder, positive_probability


@pytest.fixture(scope="module")
def model() -> Model:
    """Return a model of 8x8 pictures, for which red is cat."""
    w = np.concatenate([np.full(64, 0.1), np.zeros(64), np.full(64, -0.1)]).reshape(-1, 1)
    return Model(w, 0.0, ("noncat", "cat"), Preprocessing(size=8))


@pytest.fixture
def folder(tmp_path: Path, small_pictures: Path) -> Path:
    """Copy the small pictures, among other things that are none."""
    path = tmp_path / "pictures"
    shutil.copytree(small_pictures, path)
    (path / "notes.txt").write_text("which is which")
    (path / ".hidden.png").write_bytes(b"")
    return path


def test_the_answer_is_the_models_for_the_pixels(model: Model, small_pictures: Path) -> None:
    """A prediction is the model's probability of the picture as it was preprocessed."""
    path = small_pictures / "cat" / "00.png"
    (answer,) = predict([path], model)
    probability = model.probability(read_picture(path, model.preprocessing))
    probabilities = {"noncat": 1 - probability, "cat": probability}
    assert answer == Prediction(str(path), "cat", probabilities)
    assert list(probabilities) == list(answer.probabilities or ())


def test_a_path_a_text_and_a_stream_give_the_same(model: Model, small_pictures: Path) -> None:
    """However a picture is handed over, its probability is the same."""
    path = small_pictures / "cat" / "01.png"
    by_path, by_text, by_stream = predict([path, str(path), BytesIO(path.read_bytes())], model)
    assert by_path == by_text
    assert (by_stream.name, by_stream.probabilities) == ("-", by_path.probabilities)


def test_one_picture_is_no_iterable_of_them(model: Model, small_pictures: Path) -> None:
    """A path is not its characters: each form of one picture gives one prediction."""
    path = small_pictures / "cat" / "01.png"
    with Image.open(path) as image, open(path, "rb") as stream:
        for one in (path, str(path), image, np.asarray(image), stream):
            (answer,) = predict(one, model)
            known = isinstance(one, str | Path | Image.Image)  # the image was opened from a file
            assert answer.name == (str(path) if known else "-")
            assert answer.probabilities == next(predict([path], model)).probabilities


def test_pictures_in_memory_stand_among_files(model: Model, small_pictures: Path) -> None:
    """Any iterable of any of them is answered in order; a batch (k, h, w, 3) is k pictures."""
    paths = sorted(small_pictures.rglob("*.png"))
    arrays = [np.asarray(Image.open(path)) for path in paths]
    expected = [answer.probabilities for answer in predict(paths, model)]
    mixed = [paths[i] if i % 3 else arrays[i] for i in range(len(paths))]
    for images in (mixed, iter(arrays), np.stack(arrays), map(Image.fromarray, arrays)):
        assert [answer.probabilities for answer in predict(images, model)] == expected


def test_one_folder_is_searched(model: Model, small_pictures: Path) -> None:
    """A folder stands for its pictures, alone as in a list."""
    assert list(predict(small_pictures, model)) == list(predict([small_pictures], model))


@pytest.mark.parametrize("images", [None, 3, b"\x89PNG"])
def test_what_is_no_picture_is_told_at_the_call(model: Model, images: Any) -> None:
    """TypeError, before anything is asked of the iterator."""
    with pytest.raises(TypeError, match="images must be a path"):
        predict(images, model)


@pytest.mark.parametrize(
    ("item", "error"), [(7, TypeError), (np.zeros((8, 8), np.uint8), ValueError)]
)
def test_an_item_that_is_no_picture_is_no_answer(
    model: Model, item: Any, error: type[Exception]
) -> None:
    """A slip in a program is not passed off as a picture that cannot be read."""
    with pytest.raises(error, match="uint8"):
        list(predict([item], model))


@given(threshold=st.floats(0, 1))
def test_positive_is_above_the_threshold(
    model: Model, small_pictures: Path, threshold: float
) -> None:
    """A picture is the positive class where its probability is above the threshold."""
    paths = [small_pictures / name / "00.png" for name in ("cat", "noncat")]
    for answer in predict(paths, model, threshold=threshold, workers=1):
        probability = positive_probability(answer)
        assert (answer.predicted == "cat") == (probability > threshold)
        assert answer.confidence == (probability if probability > threshold else 1 - probability)


def test_at_the_threshold_is_not_above_it(model: Model, small_pictures: Path) -> None:
    """A picture whose probability is the threshold is the negative class."""
    for answer in predict([small_pictures], model):
        (at,) = predict([answer.name], model, threshold=positive_probability(answer))
        assert at.predicted == "noncat"


@pytest.mark.parametrize("workers", [None, 1, 2, 7])
def test_answers_come_in_input_order(model: Model, folder: Path, workers: int | None) -> None:
    """Whatever the number of threads, the n-th answer is for the n-th picture."""
    paths = sorted(map(str, folder.rglob("[0-9]*.png")))
    rng = np.random.default_rng(0)
    asked = [paths[i] for i in rng.integers(0, len(paths), 60)]
    answers = list(predict(asked, model, workers=workers))
    assert [answer.name for answer in answers] == asked
    alone = {path: next(predict([path], model)) for path in paths}
    assert answers == [alone[path] for path in asked]


def test_a_picture_that_cannot_be_read_keeps_its_place(model: Model, folder: Path) -> None:
    """Among others, its answer is an error that names it, and says what is wrong."""
    bad = folder / "cat" / "05.png"
    bad.write_bytes(bad.read_bytes()[:60])
    answers = list(predict([folder], model))
    assert [answer.name for answer in answers if answer.error] == [str(bad)]
    (failed,) = (answer for answer in answers if answer.error is not None)
    assert isinstance(failed.error, PictureError)
    assert (failed.probabilities, failed.predicted, failed.error.where) == (None, None, str(bad))
    assert failed.confidence is None
    assert len(answers) == 24


def test_a_folder_is_searched_and_what_is_no_picture_is_named(model: Model, folder: Path) -> None:
    """Pictures at any depth, sorted, without what is hidden; other files are reported."""
    deep = folder / "cat" / "more" / "deep"
    deep.mkdir(parents=True)
    shutil.copy(folder / "cat" / "00.png", deep / "x.PNG")
    heard = Recorder()
    answers = [answer.name for answer in predict([folder], model, observer=heard)]
    assert len(answers) == 25
    assert str(deep / "x.PNG") in answers
    assert heard.names == [str(folder / "notes.txt")]


@pytest.mark.parametrize("name", ["empty", "missing.png", "notes.txt", "fifo.png"])
def test_what_is_no_picture_is_an_answer_too(model: Model, folder: Path, name: str) -> None:
    """An empty folder, a missing file, a text or a pipe named by its user is an error, not gone."""
    (folder / "empty").mkdir()
    if sys.platform == "win32":
        pytest.skip("no named pipes in folders")
    os.mkfifo(folder / "fifo.png")
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


def test_an_endless_stream_is_not_read_for_ever(model: Model) -> None:
    """Of a stream no more is read than of a file."""
    stream = Stream(None)
    (answer,) = predict([stream], model)
    assert answer.error is not None
    assert "too large" in answer.error.what
    assert stream.taken <= MAX_BYTES + 1


def test_a_stream_that_fails_is_an_answer(model: Model) -> None:
    """An error of the input is told as a picture's is."""
    (answer,) = predict([Stream(OSError(errno.EIO, os.strerror(errno.EIO)))], model)
    assert answer.name == "-"
    assert "Input/output error" in str(answer.error)


def test_an_empty_stream_is_an_answer(model: Model) -> None:
    """Nothing on stdin is said to be nothing."""
    (answer,) = predict([BytesIO()], model)
    assert str(answer.error).startswith("-: empty file")


def test_nothing_asked_gives_nothing(model: Model) -> None:
    """No pictures, no answers."""
    assert list(predict([], model)) == []


@pytest.mark.parametrize(("fit", "same"), [("squash", False), ("crop", True)])
def test_the_models_preprocessing_is_obeyed(tmp_path: Path, fit: str, same: bool) -> None:
    """A model trained on cropped pictures sees the middle of a wide one alone."""
    rng = np.random.default_rng(0)
    middle = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    wide = np.concatenate([np.zeros((8, 4, 3), np.uint8), middle, np.zeros((8, 4, 3), np.uint8)], 1)
    for name, pixels in (("middle", middle), ("wide", wide)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    w = rng.normal(size=(192, 1))
    model = Model(w, 0.0, ("a", "b"), Preprocessing(size=8, fit=fit))  # type: ignore[arg-type]
    one, two = predict([tmp_path / "middle.png", tmp_path / "wide.png"], model)
    assert (one.probabilities == two.probabilities) is same


def test_streams_are_read_where_they_were_opened(tmp_path: Path) -> None:
    """Members of one archive share its position in the file; files among them change nothing."""
    rng = np.random.default_rng(0)
    loose, archive = tmp_path / "loose.png", tmp_path / "pictures.zip"
    expected = []
    model = Model(rng.normal(size=(192, 1)), 0.1, ("a", "b"), Preprocessing(size=8))
    with zipfile.ZipFile(archive, "w") as zipped:
        for number in range(80):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(loose)
            zipped.write(loose, str(number))
            expected.append(model.probability(pixels))
    with zipfile.ZipFile(archive) as zipped:
        members = [zipped.open(name) for name in zipped.namelist()]
        images: list[Any] = [*members[:40], *[loose] * 40, *members[40:]]
        predicted = list(map(positive_probability, predict(images, model, workers=2)))
    assert predicted == expected[:40] + expected[-1:] * 40 + expected[40:]
