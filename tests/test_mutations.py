"""Any bytes at all give a result or a CatclfError, in a process of little memory and time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from catclf import Observer, train
from catclf.training import Settings
from datasets import write_small
from networks import small_network

SCRIPT = Path(__file__).parent / "corpus" / "mutations.py"
SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "test" / "cat"
pytestmark = pytest.mark.slow
CHILD_SECONDS = 300  # of a child for all its files: a hang, and no measurement


def run(kind: str, files: list[Path], count: int = 120) -> None:
    """Read mutations of the files in a process of their own."""
    command = [sys.executable, "-W", "error", str(SCRIPT), kind, str(count), *map(str, files)]
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
    """Trained models of two and of three classes, and notebooks'."""
    files = [tmp_path / f"{i}.npz" for i in range(4)]
    train(small_dataset, files[0], Settings(0.002, 10))
    three = write_small(tmp_path / "d.npz", classes=("a", "b", "c"))
    train(three, files[1], Settings(0.002, 10), observer=Observer())
    np.savez(files[2], w=np.zeros((192, 1)), b=0.5)
    np.savez(files[3], w=np.zeros((192, 3)), b=np.zeros(3))
    run("model", files)


def test_mutated_datasets(small_dataset: Path, tmp_path: Path) -> None:
    """A prepared dataset, and one that holds pixels beside its features, of three classes."""
    other = tmp_path / "h.npz"
    write_small(other, 5, 2, features="hog-color", classes=("a", "b", "c"))
    run("dataset", [small_dataset, other])


def test_mutated_networks(tmp_path: Path) -> None:
    """Small networks, in either order of axes, with and without pooling."""
    files = []
    for last in (False, True):
        files.append(tmp_path / f"{last}.onnx")
        files[-1].write_bytes(small_network(channels_last=last, pooled=last, signed=last))
    run("network", files)


@pytest.mark.parametrize(
    "options",
    [{}, {"chunks": (2, 8, 8, 3)}, {"chunks": (3, 8, 8, 2), "compression": "gzip"}],
    ids=["contiguous", "chunks", "gzip"],
)
@pytest.mark.parametrize("user_block", [0, 512])
def test_mutated_course_files(options: dict[str, Any], user_block: int, tmp_path: Path) -> None:
    """Small files in the course's layout, of bytes or of wide whole numbers."""
    path = tmp_path / "course.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w", userblock_size=user_block) as file:
        for split, dtype in (("train", np.uint8), ("test", np.int32)):
            pixels = rng.integers(0, 256, (4, 8, 8, 3)).astype(dtype)
            file.create_dataset(f"{split}_set_x", data=pixels, **options)
            file[f"{split}_set_y"] = np.array([0, 1, 0, 1])
        file["list_classes"] = np.array([b"non-cat", b"cat"])
    run("course", [path], 60)


def test_mutated_real_course_files(course_files: list[Path]) -> None:
    """The course's own training file: fewer, since those that are read have 209 pictures."""
    run("course", course_files[:1], 60)
