"""Training makes a whole model file from a dataset, or leaves everything as it was."""

import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

import catclf
from catclf.columns import reorder
from catclf.dataset import NewSplit, write_dataset
from catclf.descent import METHODS, Problem, Settings, descend
from catclf.errors import CatclfError
from catclf.logistic import CLASS_WEIGHTS, LOSSES, LossName
from conftest import ColumnsMaker, Recorder, training_of

Pixels = NDArray[np.uint8]
# How far two methods' numbers may lie apart, by rounding alone: float32's or float64's.
TOLERANCE = dict.fromkeys(METHODS, 1e-9) | {"streaming": 1e-6}
every_method = pytest.mark.parametrize("method", METHODS)
# DESIGN.md, section 8: lr 0.005, iterations 0, 100, ..., 1900 of 2000.
# fmt: off
COURSE_COSTS = [
    "0.693147", "0.584508", "0.466949", "0.376007", "0.331463", "0.303273", "0.279880", "0.260042",
    "0.242941", "0.228004", "0.214820", "0.203078", "0.192544", "0.183033", "0.174399", "0.166521",
    "0.159305", "0.152667", "0.146542", "0.140872",
]
# fmt: on


def printed(costs: dict[int, float]) -> list[str]:
    """Return costs as they are printed."""
    return [f"{cost:.6f}" for cost in costs.values()]


@pytest.fixture(scope="module")
def course_model(course_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model on the course's files with no settings but the defaults."""
    path = tmp_path_factory.mktemp("model") / "model.npz"
    catclf.train(course_dataset, path)
    return path


def write_columns(path: Path, columns: Pixels, labels: list[int]) -> Path:
    """Write a dataset with the columns, (m, 12), in its train split and an empty test split."""
    split = NewSplit(
        [columns], np.array(labels, np.uint8), [f"{i}.png" for i in range(len(labels))]
    )
    empty = NewSplit([], np.zeros(0, np.uint8), [])
    write_dataset(path, ("noncat", "cat"), catclf.Preprocessing(size=2), split, empty)
    return path


# -------------------------------------------------------------------------- the course's run


def test_the_courses_run_gives_the_courses_numbers(
    course_dataset: Path, course_model: Path
) -> None:
    """With no option at all: the notebook's 20 costs to 6 decimals, 207 of 209 and 35 of 50."""
    model = catclf.load_model(course_model)
    assert list(model.costs) == list(range(0, 2000, 100))
    assert printed(model.costs) == COURSE_COSTS
    counts = {
        split: catclf.evaluate(course_dataset, model, split=split).confusion
        for split in ("train", "test")
    }
    assert (counts["train"].correct, counts["train"].total) == (207, 209)
    assert (counts["test"].correct, counts["test"].total) == (35, 50)


def test_the_order_of_the_pixels_does_not_matter(course_dataset: Path, course_model: Path) -> None:
    """Interleaved columns, a notebook's X.reshape(m, -1).T, end where planes end.

    They must: permuting the rows of X permutes dw, so from w = 0 it permutes every w alike, and
    each logit w.T @ x + b is the same sum in another order.
    """
    with catclf.open_dataset(course_dataset) as dataset:
        planes, Y = dataset.train.columns[:], dataset.train.Y
    interleaved = planes.reshape(-1, 3, 64 * 64).transpose(0, 2, 1).reshape(len(planes), -1)
    assert not np.array_equal(planes, interleaved)
    descent = descend(METHODS["vectorized"](Problem(interleaved, Y, Settings()), None), Settings())
    assert printed(descent.history.costs) == COURSE_COSTS
    model = catclf.load_model(course_model)  # trained on planes, as any other dataset
    assert reorder(descent.w, "interleaved") == pytest.approx(model.w, rel=0, abs=1e-10)
    assert descent.b == pytest.approx(model.b, rel=0, abs=1e-10)


# -------------------------------------------------------------------------------- the model


@every_method
def test_every_method_trains_the_same_model(
    method: str, small_dataset: Path, tmp_path: Path
) -> None:
    """Whatever the method, the model, its record and its accuracy are the iterative ones."""
    settings = Settings(0.05, 40, 0.01, every=10)
    trained = catclf.train(small_dataset, tmp_path / "a.npz", settings, method=method)
    reference = catclf.train(small_dataset, tmp_path / "b.npz", settings, method="iterative")
    assert training_of(tmp_path / "a.npz").method == method
    near = TOLERANCE[method]
    assert trained.model.w == pytest.approx(reference.model.w, rel=near, abs=near)
    assert trained.model.b == pytest.approx(reference.model.b, rel=near, abs=near)
    assert trained.model.costs == pytest.approx(reference.model.costs, rel=near)
    assert trained.train.confusion == reference.train.confusion


def test_what_is_saved_is_what_is_returned(small_dataset: Path, tmp_path: Path) -> None:
    """The file holds the model bit for bit, and what it was trained on and with."""
    settings = Settings(0.05, 40, 0.01, "squared-error", 10)
    trained = catclf.train(small_dataset, tmp_path / "model.npz", settings)
    loaded = catclf.load_model(tmp_path / "model.npz")
    assert np.array_equal(loaded.w, trained.model.w)
    assert (loaded.b, loaded.costs) == (trained.model.b, trained.model.costs)
    assert (loaded.classes, loaded.weights_only) == (("noncat", "cat"), False)
    assert loaded.preprocessing == catclf.Preprocessing(size=8)
    with catclf.open_dataset(small_dataset) as dataset:
        digest = dataset.digest
    recorded = training_of(tmp_path / "model.npz")
    assert recorded == trained.model.training
    assert (recorded.dataset, recorded.digest) == (os.fspath(small_dataset), digest)
    assert (recorded.train_examples, recorded.test_examples) == (18, 6)
    assert trained.test is not None
    assert recorded.train_accuracy == trained.train.accuracy
    assert recorded.test_accuracy == trained.test.accuracy
    assert recorded.iterations == 40
    assert recorded.settings == settings
    assert recorded.test_cost is not None
    assert loaded.test_costs == trained.model.test_costs
    assert loaded.test_costs.keys() == loaded.costs.keys()
    assert recorded.method in METHODS  # which one auto took


def test_training_twice_gives_the_same_model(small_dataset: Path, tmp_path: Path) -> None:
    """No seed, no clock: the second model is the first, bit for bit."""
    first = catclf.train(small_dataset, tmp_path / "a.npz", Settings(iterations=20)).model
    second = catclf.train(small_dataset, tmp_path / "b.npz", Settings(iterations=20)).model
    assert np.array_equal(first.w, second.w)
    assert (first.b, first.costs, first.training) == (second.b, second.costs, second.training)


@every_method
def test_progress_is_heard_as_it_happens(method: str, small_dataset: Path, tmp_path: Path) -> None:
    """The observer hears the costs that are saved, and each update."""
    heard = Recorder()
    trained = catclf.train(
        small_dataset,
        tmp_path / "model.npz",
        Settings(iterations=12, every=5),
        method=method,
        observer=heard,
    )
    assert trained.model.costs == heard.costs
    assert list(heard.costs) == [0, 5, 10]
    assert heard.calls == [(done, 12) for done in range(1, 13)]


def test_a_dataset_without_a_test_split_trains(make_columns: ColumnsMaker, tmp_path: Path) -> None:
    """Nothing to test on is no error, and no accuracy is made up for it."""
    dataset = write_columns(tmp_path / "d.h5", make_columns(6, 12), [0, 1] * 3)
    trained = catclf.train(dataset, tmp_path / "model.npz", Settings(iterations=3))
    assert trained.test is None
    assert trained.model.training is not None
    assert trained.model.training.test_accuracy is None


# ------------------------------------------------------------------------------ what fails


@every_method
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_a_rate_too_high_names_a_safe_one(
    method: str,
    loss: LossName,
    l2: float,
    make_columns: ColumnsMaker,
    tmp_path: Path,
) -> None:
    """The error says what happened and a rate; taken at its word, the cost falls throughout."""
    # Each picture stands once in one class and twice in the other: no leap happens to end well.
    columns = np.repeat(make_columns(3, 12), 3, axis=0)
    dataset = write_columns(tmp_path / "d.h5", columns, [0, 1, 1] * 3)
    output = tmp_path / "model.npz"
    with pytest.raises(catclf.DivergenceError) as raised:
        catclf.train(dataset, output, Settings(1000, 1200, l2, loss), method=method)
    assert re.match(r"the cost rose from 0\.\d+ .* in \d+ iterations", raised.value.what)
    assert raised.value.what.endswith("the learning rate 1000 is too high")
    assert not output.exists()

    assert raised.value.fix is not None
    named = re.match(r"Use `learning_rate` (\S+): ", raised.value.fix)
    assert named is not None
    settings = Settings(float(named[1]), 120, l2, loss, every=1)
    trained = catclf.train(dataset, output, settings, method=method)
    assert np.diff(list(trained.model.costs.values())).max() <= (
        1e-7 if method == "streaming" else 1e-14
    )


def test_a_failed_training_leaves_the_old_model_untouched(
    small_dataset: Path, tmp_path: Path
) -> None:
    """After a divergence the old model is there, byte for byte, and nothing else is."""
    output = tmp_path / "model.npz"
    catclf.train(small_dataset, output, Settings(iterations=5))
    before, stamp = output.read_bytes(), output.stat()
    with pytest.raises(catclf.DivergenceError):
        catclf.train(small_dataset, output, Settings(1e6, 5, l2=1))
    assert output.read_bytes() == before
    assert (output.stat().st_ino, output.stat().st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns)
    assert os.listdir(tmp_path) == ["model.npz"]


def test_the_courses_rate_is_above_the_bound_and_works(course_files: list[Path]) -> None:
    """On the course's files 2 / L is below 0.005, which the course uses: no error is due there."""
    with h5py.File(course_files[0]) as file:
        pictures = file["train_set_x"][:]
    X = np.vstack([pictures.reshape(209, -1).T / 255, np.ones(209)])
    assert 2 / (float(np.linalg.norm(X.T @ X, 2)) / (4 * 209)) < 0.005


@pytest.mark.parametrize("labels", [[0] * 4, [1] * 4])
def test_one_class_is_refused(
    labels: list[int], make_columns: ColumnsMaker, tmp_path: Path
) -> None:
    """There is nothing to tell apart: an error that names the dataset, and no model."""
    dataset = write_columns(tmp_path / "d.h5", make_columns(4, 12), labels)
    with pytest.raises(catclf.DatasetError, match="holds 4 pictures, not of both classes") as error:
        catclf.train(dataset, tmp_path / "model.npz")
    assert error.value.where == os.fspath(dataset)
    assert error.value.fix is not None
    assert os.listdir(tmp_path) == ["d.h5"]


def test_a_missing_dataset_says_what_to_run(tmp_path: Path) -> None:
    """Training before preparing is answered with the command that was forgotten."""
    with pytest.raises(catclf.DatasetError, match=r"no such file\nRun 'catclf prepare' first, or"):
        catclf.train(tmp_path / "dataset.npz", tmp_path / "model.npz")
    assert os.listdir(tmp_path) == []


# --------------------------------------------------------------------------------- warnings


def test_a_rate_above_the_safe_one_is_warned_of(small_dataset: Path, tmp_path: Path) -> None:
    """At the start, with the safe rate; at that rate, and below, nothing is said."""
    heard = Recorder()
    catclf.train(small_dataset, tmp_path / "m.npz", Settings(0.2, 5), observer=heard)
    [warning] = heard.warnings
    found = re.match(r"the learning rate 0\.2 is above (\S+), up to which the cost", warning)
    assert found is not None
    safe = float(found[1])
    quiet = Recorder()
    catclf.train(small_dataset, tmp_path / "m.npz", Settings(safe, 5), observer=quiet)
    assert quiet.warnings == []


@pytest.mark.parametrize(("more", "warned"), [(40, False), (41, True)])
def test_more_than_four_to_one_is_warned_of(more: int, warned: bool, tmp_path: Path) -> None:
    """Both classes and both remedies are named; not where the weights are balanced already."""
    path = tmp_path / "d.h5"
    m = more + 10
    columns = np.random.default_rng(0).integers(0, 256, (m, 12), dtype=np.uint8)
    labels = (np.arange(m) < 10).astype(np.uint8)
    split = NewSplit([columns], labels, [str(i) for i in range(m)])
    empty = NewSplit([], labels[:0], [])
    write_dataset(path, ("noncat", "cat"), catclf.Preprocessing(size=2), split, empty)
    heard = Recorder()
    catclf.train(path, tmp_path / "m.npz", Settings(0.01, 5), observer=heard)
    assert [w.splitlines()[0] for w in heard.warnings] == [
        f"{more} pictures are noncat and only 10 cat"
    ] * warned
    assert all("balanced accuracy" in w and "`class_weight`" in w for w in heard.warnings)
    balanced = Recorder()
    settings = Settings(0.01, 5, class_weight="balanced")
    catclf.train(path, tmp_path / "m.npz", settings, observer=balanced)
    assert balanced.warnings == []


def test_balanced_weights_find_the_rare_class(tmp_path: Path) -> None:
    """Ten against a hundred pictures that differ a little: nothing found without, most with."""
    path = tmp_path / "d.h5"
    rng = np.random.default_rng(0)
    labels = (np.arange(110) < 10).astype(np.uint8)
    columns = rng.integers(0, 200, (110, 12)) + 25 * labels[:, None]
    split = NewSplit([columns.astype(np.uint8)], labels, [str(i) for i in range(110)])
    empty = NewSplit([], labels[:0], [])
    write_dataset(path, ("noncat", "cat"), catclf.Preprocessing(size=2), split, empty)
    recalls = []
    for class_weight in CLASS_WEIGHTS:
        settings = Settings(0.1, 500, class_weight=class_weight)
        recalls.append(catclf.train(path, tmp_path / "m.npz", settings).train.confusion.recall)
    assert recalls[0] == 0
    assert recalls[1] is not None
    assert recalls[1] >= 0.7


def test_test_costs_end_at_the_log_loss_of_the_test_split(
    small_dataset: Path, tmp_path: Path
) -> None:
    """Without a penalty the final test cost is what evaluate calls log loss."""
    trained = catclf.train(small_dataset, tmp_path / "m.npz", Settings(0.01, 50, every=10))
    assert trained.test is not None
    assert trained.record.test_cost == pytest.approx(trained.test.log_loss, rel=1e-9)
    assert list(trained.model.test_costs) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("content", [b"\xff\xd8\xff a photograph", b"text", b"PK\x03\x04 a zip"])
def test_a_file_of_the_users_is_not_replaced(
    content: bytes, small_dataset: Path, tmp_path: Path
) -> None:
    """Only a model is, unless `force` says so."""
    output = tmp_path / "mine.npz"
    output.write_bytes(content)
    with pytest.raises(CatclfError, match="exists, and is not a model that catclf trained"):
        catclf.train(small_dataset, output, Settings(0.01, 5))
    assert output.read_bytes() == content
    catclf.train(small_dataset, output, Settings(0.01, 5), force=True)
    catclf.train(small_dataset, output, Settings(0.01, 6))
    assert training_of(output).iterations == 6


def test_a_notebooks_weights_are_not_replaced(small_dataset: Path, tmp_path: Path) -> None:
    """They are a model to read, and not one that train wrote; a damaged model of ours is."""
    output = tmp_path / "m.npz"
    np.savez(output, w=np.zeros((192, 1)), b=0.0)
    with pytest.raises(CatclfError, match="not a model that catclf trained"):
        catclf.train(small_dataset, output, Settings(0.01, 5))
    other = tmp_path / "ours.npz"
    catclf.train(small_dataset, other, Settings(0.01, 5))
    other.write_bytes(other.read_bytes()[:4000])
    catclf.train(small_dataset, other, Settings(0.01, 5))
    assert training_of(other).iterations == 5
