"""What the tests of preparing share: pictures in class folders, and what a dataset holds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catclf.dataset import open_dataset
from catclf.features import Preprocessing

SETTINGS = Preprocessing(size=8)


def draw(path: Path, seed: int, size: tuple[int, int] = (12, 10)) -> Path:
    """Save a picture of noise, a different one for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Draw 10 cats and 10 others, all different, into class folders."""
    folder = tmp_path / "pets"
    for i in range(10):
        draw(folder / "cat" / f"{i}.png", i)
        draw(folder / "noncat" / f"{i}.png", 100 + i)
    return folder


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a dataset that is not there yet, nor is its folder, below the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "out" / "dataset.npz"


def contents(path: Path) -> dict[str, list[tuple[str, int, bytes]]]:
    """Return (name, label, pixels) of each picture of each split."""
    with open_dataset(path) as dataset:
        return {
            name: [
                (os.path.basename(os.path.dirname(picture)) + "/" + os.path.basename(picture), y, x)
                for picture, y, x in zip(
                    split.names, split.labels.tolist(), map(bytes, split.columns[:]), strict=True
                )
            ]
            for name, split in (("train", dataset.train), ("test", dataset.test))
        }


def names(path: Path) -> dict[str, list[str]]:
    """Return the names, ``class/file``, in each split."""
    return {split: [name for name, _, _ in rows] for split, rows in contents(path).items()}
