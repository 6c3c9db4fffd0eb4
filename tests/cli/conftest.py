"""What the tests of the command line share: a dataset, models and pictures."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

import catclf
from catclf.model_file import save_model
from catclf.training import Settings
from networks import prepare_small


@pytest.fixture(scope="module")
def dataset(small_dataset: Path) -> Path:
    """Name the small dataset."""
    return small_dataset


@pytest.fixture(scope="module")
def model(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model on it, and spoil its weights, so that some answers are wrong."""
    path = tmp_path_factory.mktemp("model") / "model.npz"
    trained = catclf.train(small_dataset, path, Settings(iterations=20)).model
    noise = np.random.default_rng(5).normal(size=trained.w.shape) / 10
    save_model(path, dataclasses.replace(trained, w=trained.w + noise))
    return path


@pytest.fixture(scope="module")
def backbone_dataset(small_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare the small pictures by a small backbone: 18 to train on, 6 to test."""
    return prepare_small(small_pictures, tmp_path_factory.mktemp("backbone") / "dataset.npz")


@pytest.fixture(scope="module")
def backbone_model(backbone_dataset: Path) -> Path:
    """Train a model on them, which keeps the training columns."""
    path = backbone_dataset.with_name("model.npz")
    catclf.train(backbone_dataset, path, Settings(iterations=20), observer=catclf.Observer())
    return path


def with_floor(model: Path, floor: float, names: str | None = None) -> Path:
    """Save a model with another floor beside it, and perhaps another name of all it keeps."""
    loaded = catclf.load_model(model)
    assert loaded.neighbors is not None
    kept = dataclasses.replace(loaded.neighbors, floor=floor)
    if names is not None:
        kept = dataclasses.replace(kept, names=[names] * len(kept.names))
    path = model.with_name(f"floor-{floor:g}.npz")
    save_model(path, dataclasses.replace(loaded, neighbors=kept))
    return path


@pytest.fixture(scope="module")
def weights_only(model: Path) -> Path:
    """Save w and b alone, as a notebook would."""
    path = model.with_name("weights_only.npz")
    with np.load(model) as arrays:
        np.savez(path, w=arrays["w"], b=arrays["b"])
    return path


@pytest.fixture
def pictures(small_pictures: Path, tmp_path: Path) -> Path:
    """Copy three pictures beside one that is damaged and a text."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in (0, 1, 3):
        shutil.copy(small_pictures / "cat" / f"{number:02}.png", folder / f"{number}.png")
    (folder / "2.png").write_bytes((folder / "1.png").read_bytes()[:70])
    (folder / "notes.txt").write_text("notes")
    return folder
