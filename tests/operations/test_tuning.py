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
from catclf import CatclfError, DatasetError, open_dataset, tune
from catclf.cli import app
from catclf.dataset import NewSplit, write_dataset
from catclf.descent import METHODS, Problem, Settings, descend
from catclf.operations import tuning
from catclf.operations.tuning import Search, write_config

Array = NDArray[np.float64]


def problem(m: int = 30, seed: int = 0) -> tuple[NDArray[np.uint8], Array]:
    """Return pictures (m, 12) of two classes that differ a little, and labels (1, m)."""
    rng = np.random.default_rng(seed)
    Y = (np.arange(m) % 2).astype(np.float64)
    columns = rng.integers(0, 200, (m, 12)) + (40 * Y[:, None]).astype(np.int64)
    return columns.astype(np.uint8), Y.reshape(1, m)


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
        course_dataset, Search(learning_rates=(0.002, 0.006, 0.01), l2=(0.0, 1.0), iterations=400)
    )
    with open_dataset(course_dataset) as dataset:
        columns, Y = dataset.train.columns[:], dataset.train.Y
    for score in [tuned.chosen, *tuned.scores]:
        if not score.diverged:
            alone = Settings(score.learning_rate, score.iterations, score.l2)
            descend(METHODS["gram"](Problem(columns, Y, alone), None), alone)


def test_repeats_tell_an_error_and_each_picture_once(small_dataset: Path) -> None:
    """However many the repeats, the mean has its error and each picture one prediction."""
    tuned = tune(small_dataset, Search(folds=3, iterations=20, repeats=4))
    assert tuned.scores[0].log_loss_error > 0
    assert len(tuned.out_of_fold) == 18


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
    tuned = tune(small_dataset, Search(learning_rates=tuple(rates), folds=3, iterations=5))
    write_config(config, tuned)
    assert (
        tomllib.loads(config.read_text(encoding="utf-8"))["train"]["lr"]
        in tuned.search.learning_rates
    )
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
