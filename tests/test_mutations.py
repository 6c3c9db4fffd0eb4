"""Any bytes at all give a result or a CatclfError, in a process of little memory and time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from catclf import train
from catclf.descent import Settings
from corpus.prepared import good_prepared_hog

SCRIPT = Path(__file__).parent / "corpus" / "mutations.py"
SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "test" / "cat"
CHILD_SECONDS = 300  # of a child for all its files: a hang, and no measurement


def run(kind: str, files: list[Path]) -> None:
    """Read mutations of the files in a process of their own."""
    command = [sys.executable, str(SCRIPT), kind, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_mutated_pictures(format: str, tmp_path: Path) -> None:
    """Pictures of every format that is read."""
    path = tmp_path / f"picture.{format.lower()}"
    with Image.open(sorted(SAMPLE.glob("*.png"))[0]) as picture:
        picture.convert("RGB").save(path, format)
    run("picture", [path])


def test_mutated_photographs(photos: Path) -> None:
    """Photographs as they come from a camera."""
    run("picture", sorted(photos.rglob("*.jpg"))[::40])


def test_mutated_models(small_dataset: Path, tmp_path: Path) -> None:
    """A trained model, and a notebook's."""
    trained, weights_only = tmp_path / "trained.npz", tmp_path / "weights_only.npz"
    train(small_dataset, trained, Settings(0.002, 10))
    np.savez(weights_only, w=np.zeros((192, 1)), b=0.5)
    run("model", [trained, weights_only])


def test_mutated_datasets(small_dataset: Path, tmp_path: Path) -> None:
    """A prepared dataset, and one that holds pixels beside its features."""
    good_prepared_hog(tmp_path / "hog.h5")
    run("dataset", [small_dataset, tmp_path / "hog.h5"])


def test_mutated_course_files(tmp_path: Path) -> None:
    """A small file in the course's layout."""
    path = tmp_path / "course.h5"
    with h5py.File(path, "w") as file:
        for split in ("train", "test"):
            file[f"{split}_set_x"] = np.random.default_rng(0).integers(
                0, 256, (4, 8, 8, 3), dtype=np.uint8
            )
            file[f"{split}_set_y"] = np.array([0, 1, 0, 1])
        file["list_classes"] = np.array([b"non-cat", b"cat"])
    run("course", [path])


@pytest.mark.parametrize("user_block", [0, 512])
def test_mutated_course_files_in_lzf(user_block: int, tmp_path: Path) -> None:
    """One whose pixels are wide whole numbers in LZF, some packed and some not; in a user block."""
    path = tmp_path / "course.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w", userblock_size=user_block) as file:
        for split, most in (("train", 2), ("test", 256)):
            file.create_dataset(
                f"{split}_set_x",
                data=rng.integers(0, most, (4, 8, 8, 3), dtype=np.int32),
                chunks=(2, 8, 8, 3),
                compression="lzf",
                shuffle=most == 2,
            )
            file[f"{split}_set_y"] = np.array([0, 1, 0, 1])
        file["list_classes"] = ["non-cat", "cat"]
    run("course", [path])


def test_mutated_real_course_files(course_files: list[Path], tmp_path: Path) -> None:
    """The course's own training file."""
    copy = shutil.copy(course_files[0], tmp_path)
    run("course", [Path(copy)])
