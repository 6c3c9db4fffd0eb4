"""tune: learning rate, penalty and iterations chosen by cross-validation."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catclf import CatclfWarning, DatasetError, open_dataset, tune
from catclf.columns import unroll
from catclf.descent import METHODS, Problem, descend, safe_rate
from catclf.descent.cross_validation import Metric
from catclf.features import Preprocessing
from catclf.logistic import ClassWeight
from catclf.metrics import constant_log_loss
from catclf.operations import tuning
from catclf.operations.search import Search
from catclf.pictures.reading import pixels_of
from catclf.training import Settings, Training
from conftest import Recorder
from datasets import damage, write_small
from scenes import scene

QUICK = Search(folds=3, iterations=60)


def columns_of(m: int) -> NDArray[np.uint8]:
    """Return pictures (m, 12) of two classes, by turns, that differ a little."""
    noise = np.random.default_rng(0).integers(0, 200, (m, 12))
    return (noise + 40 * (np.arange(m) % 2)[:, None]).astype(np.uint8)


def test_the_test_split_is_never_touched(tmp_path: Path) -> None:
    """With its test pictures damaged beyond reading, a dataset is tuned on all the same."""
    path = write_small(
        tmp_path / "d.npz",
        size=2,
        columns=columns_of(30),
        test_columns=np.full((4, 12), 0xA5, np.uint8),
    )
    damage(path, b"\xa5" * 48)
    with open_dataset(path) as dataset, pytest.raises(DatasetError):
        dataset.test.X  # noqa: B018 (it is read)
    assert tune(path, Search(iterations=20, folds=3)).m == 30


def test_out_of_fold_losses_are_the_leaderboards(small_dataset: Path, tmp_path: Path) -> None:
    """Their mean is the lowest held-out log loss, where the folds are of one size.

    The table that is written has them too, the largest first.
    """
    tuned = tune(small_dataset, QUICK, predictions=tmp_path / "p.csv")
    with open(tmp_path / "p.csv", encoding="utf-8", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses == [held.loss for held in tuned.out_of_fold] == sorted(losses, reverse=True)
    mean = math.fsum(held.loss for held in tuned.out_of_fold) / tuned.m
    assert mean == pytest.approx(tuned.scores[0].log_loss, rel=1e-9)


def test_several_classes_are_tuned_on_as_two_are(tmp_path: Path) -> None:
    """Held-out losses, probabilities of all classes, and a constant of their shares."""
    columns = np.random.default_rng(0).integers(0, 200, (30, 12), dtype=np.uint8)
    labels = np.arange(30) % 5 % 3  # 12, 12 and 6
    columns[np.arange(30), labels] += 55
    names, path, table = ("cat", "dog", "tree"), tmp_path / "d.npz", tmp_path / "p.csv"
    write_small(path, size=2, columns=columns, labels=labels, classes=names)
    tuned = tune(path, QUICK, predictions=table, output=tmp_path / "t.toml")
    assert tuned.classes == names
    assert tuned.constant == [0.4, 0.4, 0.2]
    assert tuned.majority_rate == 0.4
    assert tuned.constant_log_loss == constant_log_loss(np.array(tuned.constant))
    assert tuned.surely_better
    losses = [held.loss for held in tuned.out_of_fold]
    assert math.fsum(losses) / 30 == pytest.approx(tuned.scores[0].log_loss, rel=1e-9)
    for held in tuned.out_of_fold:
        assert held.probabilities is not None
        assert sum(held.probabilities.values()) == pytest.approx(1)
        assert (
            held.probability
            == held.probabilities[held.predicted]
            == max(held.probabilities.values())
        )
        assert held.loss == pytest.approx(-math.log(held.probabilities[held.label]))
    with open(table, encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [float(row["loss"]) for row in rows] == losses == sorted(losses, reverse=True)
    assert [float(rows[0][f"P({name})"]) for name in names] == list(
        (tuned.out_of_fold[0].probabilities or {}).values()
    )
    assert ", one class against the rest." in (tmp_path / "t.toml").read_text(encoding="utf-8")
    balanced = tune(path, replace(QUICK, class_weight="balanced"))
    assert balanced.constant == [1 / 3] * 3
    assert balanced.constant_log_loss == pytest.approx(math.log(3))
    assert balanced.judged.constant == 1 / 3
    with pytest.raises(DatasetError, match="has 6 different pictures of tree, too few for 7 folds"):
        tune(path, Search(folds=7))


def test_copies_do_not_make_up_for_too_few_pictures(tmp_path: Path) -> None:
    """Five pictures of a class, twice each, are five to divide."""
    path = write_small(tmp_path / "d.npz", size=2, columns=np.tile(columns_of(10), (2, 1)))
    told = "has 5 different pictures of a class, copies counted once, too few"
    with pytest.raises(DatasetError, match=told) as raised:
        tune(path)
    assert raised.value.fix == "Use `folds` 5."
    assert tune(path, Search(folds=5, iterations=20)).m == 20


def test_near_copies_do_not_make_up_for_too_few_pictures(tmp_path: Path) -> None:
    """Five pictures of a class and their mirror images are five; of a sample as well."""
    pixels = np.array([pixels_of(scene(seed), Preprocessing(size=32)) for seed in range(10)])
    columns = unroll(np.concatenate([pixels, pixels[:, :, ::-1]]))
    path = write_small(tmp_path / "d.npz", size=32, columns=columns)
    for sample, at_most in ((None, "5"), (19, "5")):
        with pytest.raises(DatasetError, match=f"has {at_most} different pictures of a class"):
            tune(path, Search(folds=6, sample=sample))
    assert tune(path, Search(folds=5, iterations=5)).m == 20


def test_a_fixed_camera_can_be_tuned_on(tmp_path: Path) -> None:
    """Its pictures, of two classes that differ in a detail, are different ones; that is said."""
    pixels = np.tile(pixels_of(scene(0), Preprocessing(size=32)), (50, 1, 1, 1))
    pixels[np.arange(50), np.arange(50) % 30, 4] ^= 64
    pixels[1::2, 20:24, 20:24] ^= 64
    observer = Recorder()
    path = write_small(tmp_path / "d.npz", size=32, columns=unroll(pixels))
    assert tune(path, Search(iterations=5), observer=observer).m == 50
    (told,) = observer.warnings
    assert told.startswith("50 pictures look nearly the same as others")
    assert "(0.png, 1.png, 2.png and 47 more)" in told


def test_what_would_diverge_on_all_pictures_is_not_chosen(course_dataset: Path) -> None:
    """Every setting on the leaderboard trains, with its penalty, on the whole train split."""
    tuned = tune(
        course_dataset, Search(learning_rates=(0.002, 0.006, 0.01), l2=(0.0, 1.0), iterations=400)
    )
    with open_dataset(course_dataset) as dataset:
        columns, labels = dataset.train.columns[:], dataset.train.labels
    for score in filter(None, [tuned.chosen, *tuned.scores]):
        if not score.diverged:
            alone = Settings(score.learning_rate, score.iterations, score.l2)
            descend(METHODS["gram"](Problem(columns, labels, alone), None), Training(alone))


def test_repeats_tell_an_error_and_each_picture_once(small_dataset: Path) -> None:
    """However many the repeats, the mean has its error and each picture one prediction."""
    tuned = tune(small_dataset, Search(folds=3, iterations=20, repeats=4))
    assert tuned.scores[0].log_loss_error > 0
    assert len(tuned.out_of_fold) == 18


def test_more_trainings_than_fit_are_refused(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand repeats take more memory than K; so do fewer of more classes."""
    monkeypatch.setattr(tuning, "available_memory", lambda: 2**24)
    with pytest.raises(DatasetError, match="trainings at once on 18 pictures do not fit"):
        tune(small_dataset, Search(folds=3, repeats=1000))
    several = write_small(tmp_path / "d.npz", 18, size=2, classes=tuple("abcdef"))
    search = Search((0.1,), (0.0,), folds=3, iterations=2, repeats=300)
    assert tune(small_dataset, search).m == 18
    told = "901 trainings at once on 18 pictures of 6 classes do not fit"
    with pytest.raises(DatasetError, match=told):
        tune(several, search)


def test_too_many_pictures_for_the_memory_say_how_many_would_fit(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error offers a stratified sample, and the sample works."""
    monkeypatch.setattr(tuning, "available_memory", lambda: 4 * 12 * 12**2)
    with pytest.raises(DatasetError, match=r"a quarter of the memory; 12 would") as raised:
        tune(small_dataset, Search(folds=3, iterations=10))
    assert raised.value.fix is not None
    assert "`sample` of 12" in raised.value.fix
    monkeypatch.setattr(tuning, "available_memory", lambda: 2**30)
    tuned = tune(small_dataset, Search(folds=3, iterations=10, sample=6))
    assert tuned.m == 6
    assert tuned.majority_rate == 0.5


def test_too_few_pictures_for_the_folds_say_how_many_folds_do(small_dataset: Path) -> None:
    """Nine of a class cannot be dealt into ten folds."""
    with pytest.raises(DatasetError, match="too few for 10 folds") as raised:
        tune(small_dataset)
    assert raised.value.fix == "Use `folds` 9."


def test_a_sample_without_a_second_picture_of_a_class_is_to_be_larger(tmp_path: Path) -> None:
    """First of all: there may be enough pictures."""
    path = write_small(tmp_path / "d.npz", labels=[0] * 40 + [1] * 10)
    with pytest.raises(DatasetError, match="the sample has 1 different pictures") as raised:
        tune(path, Search(folds=2, sample=4))
    assert raised.value.fix == "Use a larger `sample`, or prepare it with more pictures."


def test_what_loses_to_the_constant_is_not_chosen(noise_dataset: Path, tmp_path: Path) -> None:
    """Where every held-out log loss is above the constant's; an old config file then stays."""
    config = tmp_path / "t.toml"
    good = write_small(tmp_path / "good.npz", size=2, columns=columns_of(30))
    tune(good, QUICK, output=config)
    before = config.read_bytes()
    tuned = tune(noise_dataset, Search(folds=5), output=config)
    assert tuned.scores[0].log_loss >= tuned.constant_log_loss
    assert not tuned.surely_better
    assert tuned.chosen is None
    assert config.read_bytes() == before


def test_rates_are_tried_around_the_safe_one(small_dataset: Path) -> None:
    """A quarter to four times the rate up to which the cost cannot rise, rounded down."""
    tuned = tune(small_dataset, QUICK)
    with open_dataset(small_dataset) as dataset:
        split = dataset.train
        safe = safe_rate(Problem(split.columns[:], split.labels, Settings()))
    assert tuned.safe_rate == pytest.approx(safe, rel=1e-3)
    assert len(tuned.search.learning_rates) == 5
    for rate, factor in zip(tuned.search.learning_rates, (1 / 4, 1 / 2, 1, 2, 4), strict=True):
        assert 0.9 * factor * safe < rate <= 1.001 * factor * safe


def test_what_is_stopped_keeps_its_scores_and_writes_nothing(
    small_dataset: Path, tmp_path: Path
) -> None:
    """The scores are those of a shorter search."""
    config = tmp_path / "t.toml"
    search = Search(learning_rates=(0.01,), l2=(0.0,), folds=3, iterations=100)
    tuned = tune(small_dataset, search, output=config, observer=Recorder(stop_after=20))
    assert tuned.interrupted
    assert tuned.chosen is None
    assert tuned.out_of_fold == []
    assert not config.exists()
    assert tuned.scores[0].iterations <= 20


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_held_out_means_are_called_what_they_are(class_weight: ClassWeight, tmp_path: Path) -> None:
    """Balanced ones so, and held against a half; the config file says the same."""
    labels = (np.arange(40) < 10).astype(np.uint8)
    path = write_small(tmp_path / "d.npz", size=2, columns=columns_of(40), labels=labels)
    search = Search(folds=3, iterations=30, class_weight=class_weight)
    tuned = tune(path, search, output=tmp_path / "t.toml")
    balanced = class_weight == "balanced"
    assert tuned.majority_rate == 0.75
    assert tuned.judged.name == search.names["accuracy"] == "balanced " * balanced + "accuracy"
    assert tuned.judged.constant == (0.5 if balanced else 0.75)
    assert tuned.constant == ([0.5, 0.5] if balanced else [0.75, 0.25])
    entropy = constant_log_loss(np.array([0.75, 0.25]))
    assert tuned.constant_log_loss == (math.log(2) if balanced else entropy)
    if tuned.chosen is not None:
        config = (tmp_path / "t.toml").read_text(encoding="utf-8")
        assert ("# balanced log loss " in config) == ("# balanced accuracy " in config) == balanced


def test_warnings_stand_in_the_result(tmp_path: Path) -> None:
    """As the observer hears them; without one they are Python's."""
    path = write_small(tmp_path / "d.npz", size=2, labels=np.arange(60) < 10)
    heard, quick = Recorder(), Search(folds=2, iterations=2)
    assert tune(path, quick, observer=heard).warnings == heard.warnings != []
    with pytest.warns(CatclfWarning, match="and only 10 cat"):
        assert tune(path, quick).warnings == heard.warnings


@pytest.mark.parametrize(
    ("accuracy", "error", "told"),
    [(0.74, 0.05, True), (0.76, 0.05, False), (0.76, 0.14, True)],
)
def test_what_is_weak_is_told_of_better_features(
    accuracy: float, error: float, told: bool, small_dataset: Path
) -> None:
    """By the same rule as an evaluation: nearer to the constant than to 100 %, or not sure."""
    tuned = tune(small_dataset, QUICK)
    best = replace(tuned.scores[0], accuracy=accuracy, accuracy_error=error)
    tuned = replace(tuned, scores=[best])
    assert (tuned.hint is not None) == told
    assert replace(tuned, features="hog-color").hint == tuned.hint
    assert replace(tuned, features="small.onnx").hint is None


@pytest.mark.parametrize("metric", ["log-loss", "accuracy", "auc"])
def test_the_choice_leads_the_leaderboard(metric: Metric, course_dataset: Path) -> None:
    """Whatever is to be best: those that lose to the constant come last, and are not judged by."""
    tuned = tune(course_dataset, Search(metric=metric, iterations=300))
    assert tuned.chosen is not None
    assert tuned.chosen == tuned.scores[0]
    below = [score.log_loss < tuned.constant_log_loss for score in tuned.scores]
    assert below == sorted(below, reverse=True)
    settings = tuned.settings
    assert settings is not None
    assert (settings.learning_rate, settings.iterations) == (
        tuned.chosen.learning_rate,
        tuned.chosen.iterations,
    )
