"""What a search for settings is asked, and what it finds."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catclf import tune
from catclf.operations.search import Search, Tuned

QUICK = Search(folds=3, iterations=60)


def test_an_edge_of_what_was_tried_is_told(small_dataset: Path) -> None:
    """One iteration is too few; a tiny rate alone is no edge, since none other was tried."""
    assert tune(small_dataset, Search(folds=3, iterations=1)).edges[-1] == (
        "the largest number of iterations"
    )
    few = Search(learning_rates=(1e-7, 1e-6), l2=(0.0,), folds=3, iterations=20)
    assert tune(small_dataset, few).edges == [
        "the largest learning rate",
        "the largest number of iterations",
    ]
    one = Search(learning_rates=(1e-6,), l2=(0.0,), folds=3, iterations=20)
    assert tune(small_dataset, one).edges == ["the largest number of iterations"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"metric": "f1"}, "metric must be one of log-loss, accuracy, auc, got 'f1'"),
        ({"rule": "two-se"}, "rule must be one of best, one-se"),
        ({"class_weight": "even"}, "class_weight must be one of none, balanced"),
        ({"sample": 0}, "sample must be at least 4, got 0"),
        ({"learning_rates": (0.1, 0.0)}, "learning_rates must be above 0"),
        ({"l2": ()}, "l2 must name a penalty at least"),
    ],
)
def test_a_search_that_is_none_is_refused(wrong: dict[str, Any], said: str) -> None:
    """What is known is listed."""
    with pytest.raises(ValueError, match=said):
        Search(**wrong)


@pytest.mark.parametrize(
    "name", ["a b", 'a"b', "a\\b", "a\nb", "a\tb", "a\x7fb", "caf\u00e9", "\U0001f600", "\u200b"]
)
def test_any_name_of_a_dataset_comes_back_from_the_config(
    name: str, small_dataset: Path, tmp_path: Path
) -> None:
    """Quotes, control characters and emoji in a path are TOML in the config."""
    dataset, config = tmp_path / f"{name}.npz", tmp_path / "t.toml"
    dataset.write_bytes(small_dataset.read_bytes())
    tune(dataset, QUICK, output=config)
    assert tomllib.loads(config.read_text(encoding="utf-8"))["train"]["dataset"] == str(dataset)


def test_a_name_that_is_no_text_is_left_out_of_the_config(
    small_dataset: Path, tmp_path: Path
) -> None:
    """TOML is UTF-8: such a dataset is named on the command line."""
    dataset, config = tmp_path / os.fsdecode(b"\xff.npz"), tmp_path / "t.toml"
    dataset.write_bytes(small_dataset.read_bytes())
    tune(dataset, QUICK, output=config)
    assert "dataset" not in tomllib.loads(config.read_text(encoding="utf-8"))["train"]


def test_numbers_of_numpy_do_as_well(small_dataset: Path, tmp_path: Path) -> None:
    """Rates from geomspace are written as plain numbers, and that a sample was used."""
    config, rates = tmp_path / "t.toml", tuple(np.geomspace(0.001, 0.01, 3))
    search = Search(learning_rates=rates, folds=3, iterations=60, sample=16)
    tuned = tune(small_dataset, search, output=config)
    text = config.read_text(encoding="utf-8")
    assert tomllib.loads(text)["train"]["lr"] in tuned.search.learning_rates
    assert "\n# Chosen on 16 of 18 training pictures, 3 folds,\n" in text


def test_the_config_is_for_train_and_evaluate(small_dataset: Path, tmp_path: Path) -> None:
    """Both take the dataset that was tuned on; train the setting as well."""
    config = tmp_path / "t.toml"
    tuned: Tuned = tune(small_dataset, QUICK, output=config)
    tables = tomllib.loads(config.read_text(encoding="utf-8"))
    assert tuned.chosen is not None
    assert tables == {
        "train": {
            "dataset": str(small_dataset),
            "lr": tuned.chosen.learning_rate,
            "l2": tuned.chosen.l2,
            "iters": tuned.chosen.iterations,
            "loss": "cross-entropy",
            "class-weight": "none",
        },
        "evaluate": {"dataset": str(small_dataset)},
    }
