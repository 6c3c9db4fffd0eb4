"""Choosing rate, penalty and length by cross-validation."""

from __future__ import annotations

import csv
import json
import math
import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

import catclf
from catclf import DatasetError, open_dataset, tune, tuning
from catclf.cli import app
from catclf.dataset import NewPart, write_dataset
from catclf.descent import Settings, descend
from catclf.descent.gram import gram_matrix
from catclf.descent.vectorized import Vectorized
from catclf.logistic import cross_entropy
from catclf.tuning import _Trials, write_config

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
    course = _Trials(gram_matrix(columns), Y, settings, fold_of, 3).run(60, 20)
    for s, (rate, l2) in enumerate(settings):
        for fold in range(3):
            seen = fold_of[0] != fold
            for index, length in enumerate(course.lengths):
                wanted = Settings(rate, length, l2)
                method = Vectorized(columns[seen], Y[:, seen], wanted, None)
                alone = descend(method, wanted)
                Z = alone.w.T @ (columns[~seen].T / 255) + alone.b
                loss = float(cross_entropy(Z, Y[:, ~seen]).mean())
                accuracy = float(np.mean((Z > 0) == (Y[:, ~seen] == 1)))
                assert course.loss[index, s, fold] == pytest.approx(loss, rel=1e-9)
                assert course.accuracy[index, s, fold] == pytest.approx(accuracy)


def test_a_setting_that_diverges_is_frozen_and_the_others_go_on() -> None:
    """It is shown as diverged, and its company's numbers are what they are without it."""
    columns, Y = problem()
    K, fold_of = gram_matrix(columns), np.arange(30).reshape(1, 30) % 3
    together = _Trials(K, Y, [(0.05, 0.0), (50.0, 1.0)], fold_of, 3).run(200, 10)
    alone = _Trials(K, Y, [(0.05, 0.0)], fold_of, 3).run(200, 10)
    assert together.best(1).diverged
    assert not together.best(0).diverged
    assert np.allclose(together.loss[:, :1], alone.loss, rtol=1e-12)
    assert together.simplest_within_one_error().learning_rate == 0.05


def dataset_with_test_part(path: Path, test_pixel: int) -> Path:
    """Write a dataset whose test part is all of one value."""
    columns, Y = problem()
    names = [f"{i}.png" for i in range(30)]
    test = np.full((4, 12), test_pixel, np.uint8)
    write_dataset(
        path,
        ("noncat", "cat"),
        catclf.Preprocessing(size=2),
        NewPart([columns], Y[0].astype(np.uint8), names),
        NewPart([test], np.array([0, 1, 0, 1], np.uint8), names[:4]),
    )
    return path


def test_the_test_part_is_never_touched(tmp_path: Path) -> None:
    """With its test pictures damaged beyond reading, a dataset is tuned on all the same."""
    path = dataset_with_test_part(tmp_path / "d.h5", 0xA5)
    stored = path.read_bytes()
    place = stored.index(b"\xa5" * 48)
    path.write_bytes(stored[:place] + b"\x5a" + stored[place + 1 :])
    with open_dataset(path) as dataset, pytest.raises(DatasetError):
        dataset.test.X  # noqa: B018 (it is read)
    assert tune(path, iterations=20, folds=3).m == 30


def test_the_choice_is_the_simplest_within_one_standard_error(tmp_path: Path) -> None:
    """No setting of a larger penalty, or of less rate times iterations, is as near the best."""
    columns, Y = problem()
    fold_of = np.arange(30).reshape(1, 30) % 5
    settings = [(0.02, 0.0), (0.1, 0.0), (0.1, 0.1)]
    course = _Trials(gram_matrix(columns), Y, settings, fold_of, 5).run(300, 10)
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


def test_identical_pictures_are_held_out_together() -> None:
    """Else a training would be asked of a picture it has seen."""
    columns, Y = problem(40)
    columns[20:] = columns[:20]
    fold_of = tuning._divide(columns, Y[0].astype(np.uint8), 4, 3, seed=1)
    assert fold_of.shape == (3, 40)
    assert np.array_equal(fold_of[:, :20], fold_of[:, 20:])
    assert not np.array_equal(fold_of[0], fold_of[1])
    assert set(fold_of[0]) == {0, 1, 2, 3}


def test_the_config_trains_with_the_choice(small_dataset: Path, tmp_path: Path) -> None:
    """`catclf --config tuned.toml train` uses rate, penalty and length, and the same data."""
    runner = CliRunner()
    config, oof, model = (str(tmp_path / name) for name in ("t.toml", "oof.csv", "m.npz"))
    words = ["tune", "-q", str(small_dataset), "--folds", "3", "--iters", "50", "-o", config]
    done = runner.invoke(app, [*words, "--save-predictions", oof])
    assert done.exit_code == 0, done.output
    assert "chosen, the simplest within one standard error" in done.stdout
    with open(config, "rb") as file:
        chosen = tomllib.load(file)["train"]
    assert "Held-out log loss" in Path(config).read_text(encoding="utf-8")
    trained = runner.invoke(app, ["--config", config, "train", "-o", model])
    assert trained.exit_code == 0, trained.output
    settings = catclf.load_model(model).record["settings"]
    assert (settings["learning_rate"], settings["l2"]) == (chosen["lr"], chosen["l2"])
    assert settings["iterations"] == chosen["iters"]
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
    """Their mean is the choice's held-out log loss, where the folds are of one size."""
    tuned = tune(small_dataset, folds=3, iterations=60)
    mean = math.fsum(held.loss for held in tuned.held_out) / tuned.m
    assert mean == pytest.approx(tuned.chosen.log_loss, rel=1e-9)


def test_too_many_pictures_for_the_memory_say_how_many_would_fit(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error offers a stratified sample, and the sample works."""
    monkeypatch.setattr(tuning, "available_memory", lambda: 4 * 12 * 12**2)
    with pytest.raises(DatasetError, match=r"a quarter of the memory; 12 would") as raised:
        tune(small_dataset, folds=3, iterations=10)
    assert raised.value.fix is not None
    assert "--sample 6" in raised.value.fix
    tuned = tune(small_dataset, folds=3, iterations=10, sample=6)
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
    assert raised.value.fix == "Use --folds 9."
