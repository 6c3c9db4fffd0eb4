"""Training makes a whole model file from a dataset, or leaves everything as it was."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import catclf
from catclf.columns import reorder
from catclf.descent import METHODS, Problem, descend, memory_needs
from catclf.descent.choice import predict_seconds
from catclf.errors import CatclfError, ModelError, SettingsError
from catclf.logistic import CLASS_WEIGHTS, LOSSES, LossName
from catclf.operations import problems
from catclf.operations import training as module
from catclf.training import Settings, Training
from conftest import ColumnsMaker, Recorder, training_of
from datasets import write_small

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
    catclf.train(course_dataset, path, observer=Recorder())
    return path


def recorded(trained: Any) -> Training:
    """Return how a model that `catclf.train` returns was trained."""
    record = trained.model.training
    assert record is not None
    return record  # type: ignore[no-any-return]


# -------------------------------------------------------------------------- the course's run


def test_the_courses_run_gives_the_courses_numbers(
    course_dataset: Path, course_model: Path
) -> None:
    """With no option at all: the notebook's 20 costs to 6 decimals, 207 of 209 and 35 of 50."""
    costs = training_of(course_model).costs
    assert list(costs) == list(range(0, 2000, 100))
    assert printed(costs) == COURSE_COSTS
    counts = {
        split: catclf.evaluate(course_dataset, course_model, split=split).confusion
        for split in ("train", "test")
    }
    assert (counts["train"].correct, counts["train"].total) == (207, 209)
    assert (counts["test"].correct, counts["test"].total) == (35, 50)


@pytest.mark.slow
def test_the_order_of_the_pixels_does_not_matter(course_dataset: Path, course_model: Path) -> None:
    """Interleaved columns, a notebook's X.reshape(m, -1).T, end where planes end.

    They must: permuting the rows of X permutes dw, so from w = 0 it permutes every w alike, and
    each logit w.T @ x + b is the same sum in another order.
    """
    with catclf.open_dataset(course_dataset) as dataset:
        planes, labels = dataset.train.columns[:], dataset.train.labels
    interleaved = planes.reshape(-1, 3, 64 * 64).transpose(0, 2, 1).reshape(len(planes), -1)
    assert not np.array_equal(planes, interleaved)
    method = METHODS["gram"](Problem(interleaved, labels, Settings()), None)
    stand = descend(method, Training(Settings()))
    assert printed(stand.training.costs) == COURSE_COSTS
    model = catclf.load_model(course_model)  # trained on planes, as any other dataset
    assert reorder(stand.w, "interleaved") == pytest.approx(model.w, rel=0, abs=1e-10)
    assert stand.b == pytest.approx(model.b, rel=0, abs=1e-10)


# -------------------------------------------------------------------------------- the model


@every_method
def test_every_method_trains_the_same_model(
    method: str, small_dataset: Path, tmp_path: Path
) -> None:
    """Whatever the method, the model, its record and its accuracy are the iterative ones.

    The observer hears the costs that are saved, and each update.
    """
    settings, heard = Settings(0.05, 12, 0.01, every=5), Recorder()
    path = tmp_path / "m.npz"
    reference = catclf.train(small_dataset, path, settings, method="iterative")
    trained = catclf.train(small_dataset, path, settings, method=method, observer=heard)
    near = TOLERANCE[method]
    assert trained.model.w == pytest.approx(reference.model.w, rel=near, abs=near)
    assert trained.model.b == pytest.approx(reference.model.b, rel=near, abs=near)
    assert recorded(trained).costs == pytest.approx(recorded(reference).costs, rel=near)
    assert trained.train.confusion.matrix.tolist() == reference.train.confusion.matrix.tolist()
    assert training_of(path).method == method
    assert training_of(path).costs == heard.costs
    assert list(heard.costs) == [0, 5, 10]
    assert heard.calls == [(done, 12) for done in range(1, 13)]


def test_what_is_saved_is_what_is_returned(small_dataset: Path, tmp_path: Path) -> None:
    """The file holds the model bit for bit, and what it was trained on and with."""
    settings = Settings(0.05, 40, 0.01, "squared-error", 10)
    trained = catclf.train(small_dataset, tmp_path / "model.npz", settings)
    loaded = catclf.load_model(tmp_path / "model.npz")
    assert np.array_equal(loaded.w, trained.model.w)
    assert (loaded.b, loaded.weights_only) == (trained.model.b, False)
    assert loaded.classes == trained.model.classes == ("noncat", "cat")
    assert loaded.preprocessing == catclf.Preprocessing(size=8)
    with catclf.open_dataset(small_dataset) as dataset:
        digest = dataset.digest
    kept, told = training_of(tmp_path / "model.npz"), recorded(trained)
    assert kept.to_record() == told.to_record()
    assert (kept.costs, kept.test_log_losses) == (told.costs, told.test_log_losses)
    assert kept.test_log_losses.keys() == kept.costs.keys()
    assert (kept.dataset, kept.digest) == (os.fspath(small_dataset), digest)
    assert (kept.train_examples, kept.test_examples) == (18, 6)
    assert trained.test is not None
    assert kept.train_accuracy == trained.train.accuracy
    assert kept.test_accuracy == trained.test.accuracy
    assert (kept.iterations, kept.settings) == (40, settings)
    assert kept.method in METHODS  # which one auto took


@every_method
def test_every_method_trains_the_same_model_of_several_classes(method: str, tmp_path: Path) -> None:
    """One neuron a class; stopped and resumed from its file, the model is the same to the byte."""
    dataset = write_small(tmp_path / "d.npz", 15, 6, size=4, classes=("cat", "dog", "tree"))
    settings = Settings(0.05, 12, 0.01, every=5, class_weight="balanced")
    paths = reference, path, resumed = [tmp_path / f"{each}.npz" for each in "abc"]
    catclf.train(dataset, reference, settings, method="iterative", observer=Recorder())
    trained = catclf.train(dataset, path, settings, method=method, observer=Recorder())
    near = TOLERANCE[method]
    w, b = catclf.load_model(reference).w, catclf.load_model(reference).b
    assert w.shape == (48, 3)
    assert trained.model.w == pytest.approx(w, rel=near, abs=near)
    assert trained.model.b == pytest.approx(b, rel=near, abs=near)
    costs = [list(training_of(each).costs.values()) for each in paths[:2]]
    assert costs[0][0] == pytest.approx(np.log(3))
    assert costs[1] == pytest.approx(costs[0], rel=near)
    stopped = Recorder(stop_after=7)
    catclf.train(dataset, resumed, settings, method=method, observer=stopped)
    catclf.train(dataset, resumed, settings, resume=True, observer=Recorder())
    assert resumed.read_bytes() == path.read_bytes()


def test_training_twice_gives_the_same_model(small_dataset: Path, tmp_path: Path) -> None:
    """No seed, no clock: the second file is the first, byte for byte."""
    for name in ("a.npz", "b.npz"):
        catclf.train(small_dataset, tmp_path / name, Settings(iterations=20))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_test_log_losses_end_at_the_log_loss_of_the_test_split(
    small_dataset: Path, tmp_path: Path
) -> None:
    """Without a penalty the final test cost is what evaluate calls log loss."""
    trained = catclf.train(small_dataset, tmp_path / "m.npz", Settings(0.01, 50, every=10))
    assert trained.test is not None
    assert recorded(trained).test_log_loss == pytest.approx(trained.test.log_loss, rel=1e-9)
    assert list(recorded(trained).test_log_losses) == [0, 10, 20, 30, 40]


def test_a_dataset_without_a_test_split_trains(tmp_path: Path) -> None:
    """Nothing to test on is no error, and no accuracy is made up for it."""
    dataset = write_small(tmp_path / "d.npz", 6, size=2)
    trained = catclf.train(dataset, tmp_path / "model.npz", Settings(iterations=3))
    assert trained.test is None
    assert recorded(trained).test_accuracy is None


def test_balanced_weights_find_the_rare_class(tmp_path: Path) -> None:
    """Ten against a hundred pictures that differ a little: nothing found without, most with."""
    rng = np.random.default_rng(0)
    labels = (np.arange(110) < 10).astype(np.uint8)
    columns = (rng.integers(0, 200, (110, 12)) + 25 * labels[:, None]).astype(np.uint8)
    path = write_small(tmp_path / "d.npz", size=2, columns=columns, labels=labels)
    recalls = []
    for class_weight in CLASS_WEIGHTS:
        settings = Settings(0.1, 500, class_weight=class_weight)
        trained = catclf.train(path, tmp_path / "m.npz", settings, observer=Recorder())
        recalls.append(trained.train.confusion.recall)
    assert recalls[0] == 0
    assert recalls[1] is not None
    assert recalls[1] >= 0.7


# --------------------------------------------------------------------------------- resuming


def test_a_model_is_resumed_from_memory(small_dataset: Path, tmp_path: Path) -> None:
    """As from its file, bit for bit, into any output; what is not given is as it was."""
    whole, first, second = (tmp_path / f"{name}.npz" for name in ("whole", "first", "second"))
    settings = Settings(0.01, 40, 0.1, every=7)
    catclf.train(small_dataset, whole, settings)
    begun = catclf.train(small_dataset, first, replace(settings, iterations=15)).model
    resumed = catclf.train(small_dataset, second, settings, resume=begun)
    assert second.read_bytes() == whole.read_bytes()
    assert recorded(resumed).costs == training_of(whole).costs
    again = catclf.train(small_dataset, tmp_path / "again.npz", resume=resumed.model)
    assert recorded(again).settings == settings
    assert (tmp_path / "again.npz").read_bytes() == whole.read_bytes()
    assert training_of(first).iterations == 15


def test_a_model_from_memory_takes_no_other_files_place(
    small_dataset: Path, tmp_path: Path
) -> None:
    """What stands at the output was not read: it is replaced only if it is a model."""
    model = catclf.train(small_dataset, tmp_path / "m.npz", Settings(iterations=5)).model
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(CatclfError, match="is not a model"):
        catclf.train(small_dataset, notes, Settings(iterations=9), resume=model)
    assert notes.read_text() == "mine"


def test_a_resumed_training_names_the_dataset_it_was_given(
    small_dataset: Path, tmp_path: Path
) -> None:
    """A dataset may have moved: the next resume finds it where it was last."""
    output, moved = tmp_path / "m.npz", tmp_path / "moved.npz"
    catclf.train(small_dataset, output, Settings(iterations=5))
    moved.write_bytes(small_dataset.read_bytes())
    catclf.train(moved, output, Settings(iterations=9), resume=True)
    assert training_of(output).dataset == str(moved)


def test_a_model_of_another_training_is_not_resumed(
    small_dataset: Path, noise_dataset: Path, tmp_path: Path
) -> None:
    """As its file is not (tests/test_interruption.py): nothing is trained, and nothing written."""
    output = tmp_path / "m.npz"
    model = catclf.train(small_dataset, tmp_path / "old.npz", Settings(iterations=5)).model
    for dataset, settings, resume, said in (
        (small_dataset, Settings(0.1, 9), model, r"learning rate 0\.005, not 0\.1"),
        (noise_dataset, Settings(iterations=9), model, "was trained on pictures with size 8"),
        (small_dataset, None, replace(model, training=None), "does not tell how it was trained"),
    ):
        with pytest.raises(ModelError, match=said):
            catclf.train(dataset, output, settings, resume=resume)
    assert not output.exists()


# ------------------------------------------------------------------------------ what fails


@every_method
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_a_rate_too_high_names_a_safe_one(
    method: str, loss: LossName, l2: float, make_columns: ColumnsMaker, tmp_path: Path
) -> None:
    """The error says what happened and a rate; taken at its word, the cost falls throughout."""
    # Each picture stands once in one class and twice in the other: no leap happens to end well.
    columns = np.repeat(make_columns(3, 12), 3, axis=0)
    dataset = write_small(tmp_path / "d.npz", size=2, columns=columns, labels=[0, 1, 1] * 3)
    output = tmp_path / "model.npz"
    settings = Settings(1000, 1200, l2, loss)
    with pytest.raises(catclf.DivergenceError) as raised:
        catclf.train(dataset, output, settings, method=method, observer=Recorder())
    assert re.match(r"the cost rose from 0\.\d+ .* in \d+ iterations", raised.value.what)
    assert raised.value.what.endswith("the learning rate 1000 is too high")
    assert not output.exists()

    assert raised.value.fix is not None
    named = re.match(r"Use `learning_rate` (\S+) or less: ", raised.value.fix)
    assert named is not None
    settings = Settings(float(named[1]), 120, l2, loss, every=1)
    trained = catclf.train(dataset, output, settings, method=method)
    assert np.diff(list(recorded(trained).costs.values())).max() <= (
        1e-7 if method == "streaming" else 1e-14
    )


@pytest.fixture(scope="module")
def contradictory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a bright picture, three times noncat and five times cat: at 0.005 the cost swings."""
    path = tmp_path_factory.mktemp("contradictory") / "d.npz"
    columns = np.full((8, 12288), 230, np.uint8)
    return write_small(path, size=64, columns=columns, labels=[0, 1, 1, 0, 0, 1, 1, 1])


def test_the_default_rate_is_mended_where_it_is_too_high(
    contradictory: Path, tmp_path: Path
) -> None:
    """It restarts at the safe rate, says so in a line, and ends as if that had been given."""
    heard, output = Recorder(), tmp_path / "m.npz"
    trained = catclf.train(contradictory, output, observer=heard)
    [said] = [text for text in trained.warnings if "default" in text]
    rate = recorded(trained).settings.rate
    assert said == f"the default learning rate 0.005 is too high here: restarted with {rate:g}"
    assert heard.warnings == trained.warnings
    assert heard.rates == [0.005, rate]
    given = catclf.train(contradictory, tmp_path / "given.npz", Settings(rate))
    assert given.warnings == []
    assert output.read_bytes() == (tmp_path / "given.npz").read_bytes()

    for pause, iterations in ((500, 2000), (None, 1)):
        paused, asked = tmp_path / f"{iterations}.npz", Settings(iterations=iterations)
        catclf.train(contradictory, paused, asked, observer=Recorder(stop_after=pause))
        catclf.train(contradictory, paused, Settings(), resume=True, observer=Recorder())
        assert paused.read_bytes() == output.read_bytes(), "a pause, or an end, changes nothing"


def test_a_given_rate_is_not_mended(contradictory: Path, tmp_path: Path) -> None:
    """Though it be the default's number: the error names the safe rate, and no model is left."""
    heard, output = Recorder(), tmp_path / "m.npz"
    error = r"the learning rate 0\.005 is too high"
    with pytest.raises(catclf.DivergenceError, match=error) as raised:
        catclf.train(contradictory, output, Settings(0.005), observer=heard)
    assert raised.value.safe_rate == pytest.approx(0.0008, rel=0.2)
    assert heard.rates == [0.005]
    assert heard.warnings == []
    assert not output.exists()
    catclf.train(contradictory, output, Settings(0.005), observer=Recorder(stop_after=500))
    with pytest.raises(catclf.DivergenceError, match=error):
        catclf.train(contradictory, output, resume=True, observer=Recorder())


def test_an_unfinished_training_is_not_replaced(small_dataset: Path, tmp_path: Path) -> None:
    """But by force; a finished one is, and where there is none to resume that is said."""
    output, five = tmp_path / "m.npz", Settings(iterations=5)
    first = catclf.train(small_dataset, output, five, resume=True, observer=Recorder())
    assert first.warnings == [f"nothing to resume: there is no {output}"]
    output.unlink()
    catclf.train(small_dataset, output, Settings(iterations=30), observer=Recorder(stop_after=7))
    before = output.read_bytes()
    with pytest.raises(catclf.ModelError, match="training, 7 of 30 iterations"):
        catclf.train(small_dataset, output, five, resume=first.model)
    with pytest.raises(catclf.ModelError, match="training, 7 of 30 iterations") as raised:
        catclf.train(small_dataset, output, five)
    assert {"`resume`", "`force`"} <= set(re.findall(r"`\w+`", str(raised.value)))
    assert output.read_bytes() == before
    catclf.train(small_dataset, output, five, force=True)
    assert training_of(output).iterations == 5


def test_a_run_stopped_at_once_leaves_the_model_that_is_there(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the first half minute little is lost; a resumed run goes on in its own model."""
    output = tmp_path / "m.npz"
    catclf.train(small_dataset, output, Settings(iterations=5))
    before = output.read_bytes()
    for settings in (Settings(iterations=30), Settings(iterations=30, l2=0.1)):
        stopped = Recorder(stop_after=7)
        trained = catclf.train(small_dataset, output, settings, observer=stopped)
        assert not trained.saved
        assert recorded(trained).iterations == 7
        assert output.read_bytes() == before
    begun = catclf.train(small_dataset, tmp_path / "other.npz", Settings(iterations=3)).model
    heard, thirty = Recorder(stop_after=7), Settings(iterations=30)
    trained = catclf.train(small_dataset, output, thirty, resume=begun, observer=heard)
    assert not trained.saved, "another model is resumed than stands there"
    assert output.read_bytes() == before
    with monkeypatch.context() as patched:
        patched.setattr(module, "CHECKPOINT_SECONDS", 0.0)
        catclf.train(small_dataset, output, thirty, observer=heard)
    assert training_of(output).iterations == 7, "after a while it is worth more"
    catclf.train(small_dataset, output, Settings(iterations=5), force=True)
    assert catclf.train(small_dataset, output, thirty, resume=True, observer=heard).saved
    assert training_of(output).iterations == 7


def test_a_keyboard_interrupt_leaves_a_checkpoint(small_dataset: Path, tmp_path: Path) -> None:
    """As on the command line: the iteration is finished, and the resumed run ends the same."""
    output, whole = tmp_path / "m.npz", tmp_path / "whole.npz"

    class Interrupting(Recorder):
        def progress(self, done: int, total: int) -> None:
            if done == 7:
                signal.raise_signal(signal.SIGINT)

        def stop(self) -> bool:
            return False

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt, match=r"after 7 of 30 iterations; .* is saved"):
            catclf.train(small_dataset, output, Settings(iterations=30), observer=Interrupting())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert training_of(output).iterations == 7
    catclf.train(small_dataset, output, resume=True)
    catclf.train(small_dataset, whole, Settings(iterations=30))
    assert output.read_bytes() == whole.read_bytes()


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


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_refused(label: int, tmp_path: Path) -> None:
    """There is nothing to tell apart: an error that names the dataset, and no model."""
    dataset = write_small(tmp_path / "d.npz", size=2, labels=[label] * 4)
    with pytest.raises(catclf.DatasetError, match="holds 4 pictures, not of both classes") as error:
        catclf.train(dataset, tmp_path / "model.npz")
    assert error.value.where == os.fspath(dataset)
    assert error.value.fix is not None
    assert os.listdir(tmp_path) == ["d.npz"]


def test_a_class_without_pictures_is_refused(tmp_path: Path) -> None:
    """Nothing would be learnt of it: how many classes there are is told."""
    path, classes = tmp_path / "d.npz", ("cat", "dog", "tree")
    dataset = write_small(path, size=2, classes=classes, labels=[0, 2] * 2)
    what = "its train split holds 4 pictures, not of all 3 classes"
    refusal = f"{path}: {what}\nPrepare it with pictures of every class."
    with pytest.raises(catclf.DatasetError, match=f"^{re.escape(refusal)}$"):
        catclf.train(dataset, tmp_path / "model.npz")
    assert os.listdir(tmp_path) == ["d.npz"]


def test_every_neuron_counts_in_time_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What auto predicts is for as many as there are classes, and so is what must fit."""
    dataset = write_small(tmp_path / "d.npz", 9, size=2, classes=("cat", "dog", "tree"))
    told = []

    class Listening(Recorder):
        def method(self, name: str, kernel: str | None, seconds: float | None) -> None:
            told.append((name, seconds))

    catclf.train(dataset, tmp_path / "m.npz", Settings(iterations=5), observer=Listening())
    one, three = (predict_seconds(9, 12, 5, k=k) for k in (1, 3))
    [(name, seconds)] = told
    assert one[name] < three[name] == seconds
    one_needs, three_needs = (memory_needs(9, 12, k=k)["gram"] for k in (1, 3))
    monkeypatch.setattr(problems, "available_memory", lambda: (one_needs + three_needs) // 2)
    with pytest.raises(catclf.DatasetError, match="9 pictures take gram "):
        catclf.train(dataset, tmp_path / "m.npz", method="gram")


@pytest.mark.parametrize("resume", [False, True])
def test_squared_error_is_for_two_classes(resume: bool, tmp_path: Path) -> None:
    """A usage error, before anything is computed; resumed as well, and a model stays as it was."""
    dataset = write_small(tmp_path / "d.npz", 9, size=2, classes=("cat", "dog", "tree"))
    output, settings = tmp_path / "m.npz", Settings(iterations=5, loss="squared-error")
    if resume:
        catclf.train(dataset, output, Settings(iterations=3))
    before = output.read_bytes() if resume else None
    with pytest.raises(SettingsError) as raised:
        catclf.train(dataset, output, settings, resume=resume)
    assert str(raised.value) == (
        f"{dataset}: squared-error is a loss of two classes, and these are 3\n"
        "Use `loss` cross-entropy."
    )
    assert raised.value.exit_code == 2
    assert (output.read_bytes() if output.exists() else None) == before


@pytest.mark.parametrize("method", ["fast", "gram"])
def test_a_method_that_is_none_is_a_value_error(method: str, small_dataset: Path) -> None:
    """What is known is listed; a cluster computes by streaming alone."""
    client: Any = object() if method == "gram" else None
    with pytest.raises(ValueError, match=r"method (must be auto or one of gram, |streaming, not)"):
        catclf.train(small_dataset, "m.npz", method=method, client=client)


# --------------------------------------------------------------------------------- warnings


def test_a_cost_that_rose_is_warned_of(small_dataset: Path, tmp_path: Path) -> None:
    """Once, with a rate at which it cannot; where no recorded cost rose nothing is said."""
    heard = Recorder()
    catclf.train(small_dataset, tmp_path / "m.npz", Settings(1.0, 9, every=1), observer=heard)
    [warning] = [text for text in heard.warnings if "cost" in text]
    said, safe = warning.splitlines()
    assert said.startswith("the cost rose, to ")
    found = re.match(r"With `learning_rate` (\S+) or less it never rises", safe)
    assert found is not None
    for settings in (Settings(float(found[1]), 9, every=1), Settings(0.2, 9)):
        quiet = Recorder()
        catclf.train(small_dataset, tmp_path / "m.npz", settings, observer=quiet)
        assert [text for text in quiet.warnings if "cost" in text] == []


def test_the_first_run_is_quiet(tmp_path: Path) -> None:
    """The sample by the defaults: its rate is above the safe one, and its cost never rises."""
    dataset, heard = tmp_path / "d.npz", Recorder()
    catclf.prepare(Path(__file__).parents[2] / "data" / "sample", dataset)
    trained = catclf.train(dataset, tmp_path / "m.npz", observer=heard)
    costs = [*recorded(trained).costs.values(), recorded(trained).cost]
    assert costs == sorted(costs, reverse=True)
    assert [text for text in heard.warnings if "learning" in text or "cost" in text] == []


@pytest.mark.parametrize(("more", "warned"), [(40, False), (41, True)])
def test_more_than_four_to_one_is_warned_of(more: int, warned: bool, tmp_path: Path) -> None:
    """Both classes and both remedies are named; not where the weights are balanced already."""
    labels = np.arange(more + 10) < 10
    path = write_small(tmp_path / "d.npz", size=2, labels=labels)
    heard, balanced = Recorder(), Recorder()
    catclf.train(path, tmp_path / "m.npz", Settings(0.01, 5), observer=heard)
    assert [w.splitlines()[0] for w in heard.warnings] == [
        f"{more} pictures are noncat and only 10 cat"
    ] * warned
    assert all("balanced accuracy" in w and "`class_weight`" in w for w in heard.warnings)
    settings = Settings(0.01, 5, class_weight="balanced")
    catclf.train(path, tmp_path / "m.npz", settings, observer=balanced)
    assert balanced.warnings == []
