"""The sample pictures in data/sample are what data/draw_sample.py draws."""

import runpy
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

DATA = Path(__file__).parents[1] / "data"
SAMPLE = DATA / "sample"
LARGEST = 3_000_000  # bytes
TOLERANCE = 1.0  # levels of 255; from Pillow 10.3 to 13.0 the worst picture moved by 0.17


def names(folder: Path) -> list[str]:
    """List the files below a folder, as sorted names relative to it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def pixels(path: Path) -> npt.NDArray[np.int16]:
    """Decode a picture to (height, width, 3)."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


@pytest.mark.slow
def test_redrawing_gives_the_same_pictures(tmp_path: Path) -> None:
    """The same names, and of every tenth the same pictures, but for TOLERANCE on average."""
    script = runpy.run_path(str(DATA / "draw_sample.py"))
    committed = {Path(name).stem: SAMPLE / name for name in names(SAMPLE)}
    for kind in script["KINDS"]:
        for number in range(1, kind.train + kind.test + 1):
            path = committed.pop(f"{kind.name}-{number:03d}")
            split = "train" if number <= kind.train else "test"
            assert path.parent == SAMPLE / split / kind.folder
            if number % 10 == 0:
                drawn, kept = pixels(script["save_picture"](kind, number, tmp_path)), pixels(path)
                assert drawn.shape == kept.shape, path
                assert np.abs(drawn - kept).mean() <= TOLERANCE, path
    assert not committed


@pytest.mark.parametrize(("split", "count"), [("train", 240), ("test", 60)])
def test_half_of_each_split_are_cats(split: str, count: int) -> None:
    """A classifier that always gives one answer is right half of the time."""
    assert len(names(SAMPLE / split / "cat")) == count // 2
    assert len(names(SAMPLE / split / "noncat")) == count // 2


def test_no_test_picture_is_also_a_training_picture() -> None:
    """The test split measures pictures that training has not seen."""
    train = {(SAMPLE / "train" / name).read_bytes() for name in names(SAMPLE / "train")}
    test = {(SAMPLE / "test" / name).read_bytes() for name in names(SAMPLE / "test")}
    assert len(train) == 240
    assert not train & test


def test_sample_has_both_formats_and_many_shapes() -> None:
    """JPEG and palette PNG, wide and tall, small and large; all are small enough to commit."""
    shapes = set()
    for name in names(SAMPLE):
        with Image.open(SAMPLE / name) as image:
            shapes.add(image.size)
            kind = {".jpg": ("JPEG", "RGB"), ".png": ("PNG", "P")}[Path(name).suffix]
            assert (image.format, image.mode) == kind, name
    assert {Path(name).suffix for name in names(SAMPLE)} == {".jpg", ".png"}
    assert len(shapes) > 100
    assert {w > h for w, h in shapes if w != h} == {True, False}
    assert min(map(min, shapes)) >= 76
    assert max(map(max, shapes)) <= 260
    assert sum((SAMPLE / name).stat().st_size for name in names(SAMPLE)) <= LARGEST
