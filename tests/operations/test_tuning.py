"""Choosing rate, penalty and length by cross-validation."""

from __future__ import annotations

import csv
import json
import math
import os
import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import catclf
from catclf import CatclfError, DatasetError, open_dataset, tune
from catclf.cli import app
from catclf.dataset import NewSplit, write_dataset
from catclf.descent import METHODS, Problem, Settings, cross_validation, descend
from catclf.descent.cross_validation import CrossValidation, compared_lengths
from catclf.descent.gram import gram_matrix
from catclf.descent.vectorized import Vectorized
from catclf.logistic import cross_entropy
from catclf.observer import Observer
from catclf.operations import tuning
from catclf.operations.tuning import Search, write_config

Array = NDArray[np.float64]


def problem(m: int = 30, seed: int = 0) -> tuple[NDArray[np.uint8], Array]:
    """Return pictures (m, 12) of two classes that differ a little, and labels (1, m)."""
    rng = np.random.default_rng(seed)
    Y = (np.arange(m) % 2).astype(np.float64)
    columns = rng.integers(0, 200, (m, 12)) + (40 * Y[:, None]).astype(np.int64)
    return columns.astype(np.uint8), Y.reshape(1, m)


def test_every_trial_equals_its_own_training_by_vectorized() -> None:
    """Each rate, penalty and fold, trained alone on its pictures: held-out loss within 1e-9."""
    columns, Y = problem()
    settings = [(0.01, 0.0), (0.1, 0.0), (0.1, 0.5)]
    fold_of = np.arange(30).reshape(1, 30) % 3
    course = CrossValidation(gram_matrix(columns), Y, settings, fold_of, 3).run(
        [20, 40, 60], Observer()
    )
    for s, (rate, l2) in enumerate(settings):
        for fold in range(3):
            seen = fold_of[0] != fold
            for index, length in enumerate(course.lengths):
                wanted = Settings(rate, length, l2)
                method = Vectorized(Problem(columns[seen], Y[:, seen], wanted), None)
                alone = descend(method, wanted)
                Z = alone.w.T @ (columns[~seen].T / 255) + alone.b
                loss = float(cross_entropy(Z, Y[:, ~seen]).mean())
                accuracy = float(np.mean((Z > 0) == (Y[:, ~seen] == 1)))
                assert course.loss[index, s, 0, fold] == pytest.approx(loss, rel=1e-9)
                assert course.accuracy[index, s, 0, fold] == pytest.approx(accuracy)


def test_a_setting_that_diverges_is_frozen_and_the_others_go_on() -> None:
    """It is shown as diverged, and its company's numbers are what they are without it."""
    columns, Y = problem()
    K, fold_of = gram_matrix(columns), np.arange(30).reshape(1, 30) % 3
    together = CrossValidation(K, Y, [(0.05, 0.0), (50.0, 1.0)], fold_of, 3).run(
        [*range(10, 201, 10)], Observer()
    )
    alone = CrossValidation(K, Y, [(0.05, 0.0)], fold_of, 3).run([*range(10, 201, 10)], Observer())
    assert together.best(1).diverged
    assert not together.best(0).diverged
    assert np.allclose(together.loss[:, :1], alone.loss, rtol=1e-12)
    assert together.simplest_within_one_error().learning_rate == 0.05


def dataset_with_test_split(path: Path, test_pixel: int) -> Path:
    """Write a dataset whose test split is all of one value."""
    columns, Y = problem()
    names = [f"{i}.png" for i in range(30)]
    test = np.full((4, 12), test_pixel, np.uint8)
    write_dataset(
        path,
        ("noncat", "cat"),
        catclf.Preprocessing(size=2),
        NewSplit([columns], Y[0].astype(np.uint8), names),
        NewSplit([test], np.array([0, 1, 0, 1], np.uint8), names[:4]),
    )
    return path


def test_the_test_split_is_never_touched(tmp_path: Path) -> None:
    """With its test pictures damaged beyond reading, a dataset is tuned on all the same."""
    path = dataset_with_test_split(tmp_path / "d.h5", 0xA5)
    stored = path.read_bytes()
    place = stored.index(b"\xa5" * 48)
    path.write_bytes(stored[:place] + b"\x5a" + stored[place + 1 :])
    with open_dataset(path) as dataset, pytest.raises(DatasetError):
        dataset.test.X  # noqa: B018 (it is read)
    assert tune(path, Search(iterations=20, folds=3)).m == 30


def test_the_choice_is_the_simplest_within_one_standard_error(tmp_path: Path) -> None:
    """No setting of a larger penalty, or of less rate times iterations, is as near the best."""
    columns, Y = problem()
    fold_of = np.arange(30).reshape(1, 30) % 5
    settings = [(0.02, 0.0), (0.1, 0.0), (0.1, 0.1)]
    course = CrossValidation(gram_matrix(columns), Y, settings, fold_of, 5).run(
        [*range(10, 301, 10)], Observer()
    )
    chosen = course.simplest_within_one_error()
    every = [course.score(i, s) for i in range(len(course.lengths)) for s in range(3)]
    best = min(every, key=lambda score: score.log_loss)
    bound = best.log_loss + best.log_loss_error
    assert chosen.log_loss <= bound
    simpler = [
        score
        for score in every
        if score.log_loss <= bound
        and (-score.l2, score.learning_rate * score.iterations)
        < (-chosen.l2, chosen.learning_rate * chosen.iterations)
    ]
    assert simpler == []


def test_the_config_trains_with_the_choice(small_dataset: Path, tmp_path: Path) -> None:
    """`catclf --config tuned.toml train` uses rate, penalty and length, and the same data."""
    runner = CliRunner()
    config, oof, model = (str(tmp_path / name) for name in ("t.toml", "oof.csv", "m.npz"))
    words = ["tune", "-q", str(small_dataset), "--folds", "3", "--iters", "50", "-o", config]
    done = runner.invoke(app, [*words, "--save-predictions", oof])
    assert done.exit_code == 0, done.output
    assert "chosen, of all within one standard error" in done.stdout
    with open(config, "rb") as file:
        chosen = tomllib.load(file)["train"]
    assert "Held-out log loss" in Path(config).read_text(encoding="utf-8")
    trained = runner.invoke(app, ["--config", config, "train", "-o", model])
    assert trained.exit_code == 0, trained.output
    settings = catclf.load_model(model).training
    assert settings is not None
    assert (settings.learning_rate, settings.l2) == (chosen["lr"], chosen["l2"])
    assert settings.iterations == chosen["iters"]
    with open(oof, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    losses = [float(row["loss"]) for row in rows]
    assert losses == sorted(losses, reverse=True)


def test_json_tells_the_same(small_dataset: Path, tmp_path: Path) -> None:
    """The leaderboard, the choice and the worst pictures, as one object."""
    words = ["tune", "-q", str(small_dataset), "--folds", "3", "--iters", "40", "--format", "json"]
    words += ["--lr", "0.01,1000", "--l2", "0.5", "-o", str(tmp_path / "t.toml")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [score["diverged"] for score in told["scores"]] == [False, True]
    assert told["scores"][1]["log_loss"] is None
    assert len(told["most_wrong"]) == 5


def test_out_of_fold_losses_are_the_leaderboards(small_dataset: Path) -> None:
    """Their mean is the lowest held-out log loss, where the folds are of one size."""
    tuned = tune(small_dataset, Search(folds=3, iterations=60))
    mean = math.fsum(held.loss for held in tuned.out_of_fold) / tuned.m
    assert mean == pytest.approx(tuned.scores[0].log_loss, rel=1e-9)


def test_copies_do_not_make_up_for_too_few_pictures(tmp_path: Path) -> None:
    """Five pictures of a class, twice each, are five to divide."""
    columns, Y = problem(10)
    path = tmp_path / "d.h5"
    names = [str(i) for i in range(20)]
    twice = NewSplit([columns, columns], np.tile(Y[0], 2).astype(np.uint8), names)
    empty = NewSplit([], np.zeros(0, np.uint8), [])
    write_dataset(path, ("noncat", "cat"), catclf.Preprocessing(size=2), twice, empty)
    with pytest.raises(DatasetError, match="has 5 different pictures of a class") as raised:
        tune(path)
    assert raised.value.fix == "Use `folds` 5."
    assert tune(path, Search(folds=5, iterations=20)).m == 20


def test_what_would_diverge_on_all_pictures_is_not_chosen(course_dataset: Path) -> None:
    """Every setting on the leaderboard trains, with its penalty, on the whole train split."""
    tuned = tune(
        course_dataset, Search(rates=(0.002, 0.006, 0.01), penalties=(0.0, 1.0), iterations=400)
    )
    with open_dataset(course_dataset) as dataset:
        columns, Y = dataset.train.columns[:], dataset.train.Y
    for score in [tuned.chosen, *tuned.scores]:
        if not score.diverged:
            alone = Settings(score.learning_rate, score.iterations, score.l2)
            descend(METHODS["gram"](Problem(columns, Y, alone), None), alone)


def test_the_penalty_counts_where_divergence_is_judged() -> None:
    """Costs along the way are J(w, b), penalty and all, of every row; the last is all pictures'."""
    columns, Y = problem()
    fold_of = np.arange(30).reshape(1, 30) % 3
    curves = CrossValidation(gram_matrix(columns), Y, [(0.1, 0.5)], fold_of, 3).run([7], Observer())
    settings = Settings(0.1, 7, 0.5)
    whole = descend(Vectorized(Problem(columns, Y, settings), None), settings)
    assert curves.cost[0, 0, 3] == pytest.approx(whole.final_cost, rel=1e-12)
    assert curves.loss.shape == (1, 1, 1, 3)


def test_repeats_do_not_make_the_mean_more_certain(small_dataset: Path) -> None:
    """The standard error is that of one division, as numpy has it, averaged over the repeats."""
    once = np.array([[0.1, 0.4, 0.7]])
    alone = cross_validation._standard_error(once)
    assert alone == pytest.approx(once.std(ddof=1) / math.sqrt(3))
    assert cross_validation._standard_error(np.tile(once, (9, 1))) == pytest.approx(alone)
    tuned = tune(small_dataset, Search(folds=3, iterations=20, repeats=4))
    assert tuned.scores[0].log_loss_error > 0
    assert len(tuned.out_of_fold) == 18


@given(iterations=st.integers(1, 10**7))
def test_short_lengths_are_compared_however_long_the_longest(iterations: int) -> None:
    """From 1 to the longest, each one or at most a fifth above the one before, 200 at most."""
    lengths = compared_lengths(iterations)
    assert lengths[0] == 1
    assert lengths[-1] == iterations
    assert len(lengths) <= 200
    assert all(b - a == 1 or b <= 1.2 * a for a, b in pairwise(lengths))


@pytest.mark.parametrize(
    "name",
    ["a b", 'a"b', "a\\b", "a\nb", "a\tb", "a\x7fb", "caf\u00e9", "\U0001f600", "\u200b"],
)
def test_any_name_of_a_dataset_comes_back_from_the_config(
    name: str, small_dataset: Path, tmp_path: Path
) -> None:
    """Quotes, control characters and emoji in a path are TOML in the config."""
    dataset, config = tmp_path / f"{name}.h5", tmp_path / "t.toml"
    dataset.write_bytes(small_dataset.read_bytes())
    write_config(config, tune(dataset, Search(folds=3, iterations=5)))
    assert tomllib.loads(config.read_text(encoding="utf-8"))["train"]["dataset"] == str(dataset)


def test_a_name_that_is_no_text_is_left_out_of_the_config(
    small_dataset: Path, tmp_path: Path
) -> None:
    """TOML is UTF-8: such a dataset is named on the command line."""
    dataset, config = tmp_path / os.fsdecode(b"\xff.h5"), tmp_path / "t.toml"
    dataset.write_bytes(small_dataset.read_bytes())
    write_config(config, tune(dataset, Search(folds=3, iterations=5)))
    assert "dataset" not in tomllib.loads(config.read_text(encoding="utf-8"))["train"]


def test_numbers_of_numpy_do_as_well(small_dataset: Path, tmp_path: Path) -> None:
    """Rates from geomspace are written as plain numbers; a sample of none is refused."""
    config, rates = tmp_path / "t.toml", list(np.geomspace(0.001, 0.01, 3))
    tuned = tune(small_dataset, Search(rates=tuple(rates), folds=3, iterations=5))
    write_config(config, tuned)
    assert tomllib.loads(config.read_text(encoding="utf-8"))["train"]["lr"] in tuned.search.rates
    with pytest.raises(ValueError, match="sample must be at least 4"):
        tune(small_dataset, Search(sample=0))


@pytest.mark.parametrize(
    "words",
    [
        ["tune", "DATASET", "-o", "DATASET"],
        ["tune", "DATASET", "--save-predictions", "DATASET"],
        ["tune", "DATASET", "-o", "x", "--save-predictions", "./x"],
        ["train", "DATASET", "-o", "DATASET"],
    ],
    ids=" ".join,
)
def test_no_output_destroys_an_input(
    words: list[str], small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named for the dataset, or twice, an output is refused before the work."""
    monkeypatch.chdir(tmp_path)
    Path("d.h5").write_bytes(small_dataset.read_bytes())
    done = CliRunner().invoke(app, [word.replace("DATASET", "d.h5") for word in words])
    assert isinstance(done.exception, CatclfError)
    assert Path("d.h5").read_bytes() == small_dataset.read_bytes()


def test_more_trainings_than_fit_are_refused(
    small_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand repeats take more memory than K."""
    monkeypatch.setattr(tuning, "available_memory", lambda: 2**24)
    with pytest.raises(DatasetError, match="trainings at once on 18 pictures do not fit"):
        tune(small_dataset, Search(folds=3, repeats=1000))


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
    write_config(tmp_path / "t.toml", tuned)
    assert os.path.exists(tmp_path / "t.toml")


@pytest.mark.parametrize("words", [["--lr", "nan"], ["--lr", "0"], ["--l2", "x"], ["--lr", ""]])
def test_numbers_that_are_none_are_usage_errors(words: list[str], small_dataset: Path) -> None:
    """Exit code 2, and the option is named."""
    done = CliRunner().invoke(app, ["tune", str(small_dataset), *words])
    assert done.exit_code == 2
    assert words[0] in done.stderr


def test_too_few_pictures_for_the_folds_say_how_many_folds_do(small_dataset: Path) -> None:
    """Nine of a class cannot be dealt into ten folds."""
    with pytest.raises(DatasetError, match="too few for 10 folds") as raised:
        tune(small_dataset)
    assert raised.value.fix == "Use `folds` 9."
