"""Preparing: every readable picture, once, under its label, as prediction sees it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catclf import CatclfError, DatasetError, PictureError, Preprocessing, prepare
from catclf.columns import unroll
from catclf.dataset import open_dataset
from catclf.observer import Observer
from catclf.pictures.reading import read_picture
from conftest import Recorder
from corpus.course_hdf5 import good_course
from operations.conftest import SETTINGS, draw, names

# Prepares where no file may grow beyond so many bytes.
PREPARE_LIMITED = """
import resource, sys
from catclf import CatclfError, prepare
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    prepare([sys.argv[1]], sys.argv[2])
except CatclfError as error:
    print(error)
"""


# ------------------------------------------------------------------------------ pictures


def test_a_picture_gives_the_column_that_predicting_it_gives(pets: Path, output: Path) -> None:
    """Reading a picture by its file gives its stored column, bit for bit."""
    prepare([pets], output, preprocessing=SETTINGS)
    with open_dataset(output) as dataset:
        for split in (dataset.train, dataset.test):
            for i, name in enumerate(split.names):
                column = unroll(read_picture(name, SETTINGS)[np.newaxis])
                assert np.array_equal(split.columns[i], column[0])
                assert split.labels[i] == ("noncat" not in name)


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_photographs_give_the_columns_that_predicting_them_gives(
    photos: Path, tmp_path: Path, fit: str
) -> None:
    """The same for photographs, in every fit."""
    for kind in ("cat", "dog"):
        (tmp_path / "few" / kind).mkdir(parents=True)
        for file in sorted((photos / kind).iterdir())[:6]:
            shutil.copyfile(file, tmp_path / "few" / kind / file.name)
    settings = Preprocessing(fit=fit)  # type: ignore[arg-type]
    prepare([tmp_path / "few"], tmp_path / "a.npz", preprocessing=settings)
    with open_dataset(tmp_path / "a.npz") as dataset:
        assert dataset.preprocessing == settings
        assert dataset.train.m + dataset.test.m == 12
        for split in (dataset.train, dataset.test):
            for i, name in enumerate(split.names):
                column = unroll(read_picture(name, settings)[np.newaxis])
                assert np.array_equal(split.columns[i], column[0])


def test_source_order_is_kept_whatever_the_workers(pets: Path, tmp_path: Path) -> None:
    """1 or 3 processes, or one a core, write the same file, byte for byte, in source order."""
    files = []
    for workers in (1, 3, None):
        path = tmp_path / "same" / "a.npz"
        prepare([pets], path, preprocessing=SETTINGS, workers=workers)
        files.append(path.read_bytes())
    assert len(set(files)) == 1
    expected = [f"{kind}/{i}.png" for kind in ("cat", "noncat") for i in range(10)]
    for found in names(path).values():
        assert found == [name for name in expected if name in found]


def test_unreadable_pictures_are_named_and_left_out(pets: Path, output: Path) -> None:
    """Each is an error with its path, in source order; the others are all there."""
    (pets / "cat" / "5.png").write_bytes((pets / "cat" / "5.png").read_bytes()[:80])
    (pets / "noncat" / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (pets / "noncat" / "empty.jpg").touch()
    (pets / "noncat" / "gone.jpg").symlink_to("nowhere")
    (pets / "notes.txt").touch()
    prepared = prepare([pets], output, preprocessing=SETTINGS)
    assert [os.path.relpath(str(e.where), pets) for e in prepared.unreadable] == [
        "cat/5.png",
        "noncat/a.heic",
        "noncat/empty.jpg",
        "noncat/gone.jpg",
    ]
    assert all(isinstance(error, PictureError) for error in prepared.unreadable)
    assert prepared.skipped == [str(pets / "notes.txt")]
    assert np.sum([*prepared.counts.values()], axis=0).tolist() == [10, 9]
    assert sum(map(len, names(output).values())) == 19


@pytest.mark.parametrize("workers", [1, 4])
def test_strict_stops_at_the_first_unreadable_picture(
    pets: Path, output: Path, workers: int
) -> None:
    """The first in source order, whatever the threads; nothing is written."""
    for name in ("cat/7.png", "cat/4.png", "noncat/0.png"):
        (pets / name).write_bytes(b"no picture")
    with pytest.raises(PictureError) as caught:
        prepare([pets], output, preprocessing=SETTINGS, strict=True, workers=workers)
    assert caught.value.where == str(pets / "cat" / "4.png")
    assert not output.parent.exists()


def test_a_class_of_unreadable_pictures_is_an_error(pets: Path, output: Path) -> None:
    """It says which class, how many pictures cannot be read, and what the first one's fault is."""
    for file in (pets / "cat").iterdir():
        file.write_bytes(b"no picture")
    with pytest.raises(DatasetError) as caught:
        prepare([pets], output, preprocessing=SETTINGS)
    what, fix = str(caught.value).split("\n")
    assert "no picture of class 'cat' is left to train on; 10 cannot be read, first" in what
    assert str(pets / "cat" / "0.png") in what
    assert fix == "Add readable pictures of it."
    assert not output.parent.exists()


def test_progress_is_reported_for_every_picture(pets: Path, output: Path) -> None:
    """Readable or not, each counts once, up to the total."""
    (pets / "cat" / "3.png").write_bytes(b"no picture")
    heard = Recorder()
    prepare([pets], output, preprocessing=SETTINGS, observer=heard, workers=2)
    assert heard.calls == [(done, 20) for done in range(1, 21)]


# ------------------------------------------------------------------------------ sources


def test_more_than_two_classes_need_a_positive(pets: Path, output: Path) -> None:
    """They are listed, with what to type; with it, all others are the negative."""
    draw(pets / "bird" / "1.png", 999)
    with pytest.raises(DatasetError, match=r"3 classes: 'bird', 'cat', .*\n.* 'bird'\.$"):
        prepare([pets], output, preprocessing=SETTINGS)
    prepared = prepare([pets], output, preprocessing=SETTINGS, positive="cat", test_split=0)
    assert prepared.classes == ("non-cat", "cat")
    assert prepared.counts["train"] == (11, 10)


def test_the_courses_files_are_prepared_as_they_are(
    course_files: list[Path], tmp_path: Path
) -> None:
    """209 and 50 pictures of 64x64, unchanged; non-cat is 0 and cat is 1, as in the course."""
    import h5py

    prepared = prepare(course_files, tmp_path / "a.npz")
    assert prepared.classes == ("non-cat", "cat")
    assert prepared.counts == {"train": (137, 72), "test": (17, 33)}
    assert prepared.unreadable == []
    with open_dataset(tmp_path / "a.npz") as dataset:
        for split, file, name in zip(
            (dataset.train, dataset.test), course_files, ("train", "test"), strict=True
        ):
            with h5py.File(file) as course:
                expected: NDArray[np.uint8] = course[f"{name}_set_x"][:]
                assert np.array_equal(split.columns[:], unroll(expected))
                assert np.array_equal(split.labels, course[f"{name}_set_y"][:])


def test_the_sample_is_prepared(tmp_path: Path) -> None:
    """The pictures that come with the project give 240 and 60, all different."""
    sample = Path(__file__).parents[2] / "data" / "sample"
    prepared = prepare([sample], tmp_path / "a.npz", preprocessing=Preprocessing(size=16))
    assert prepared.classes == ("noncat", "cat")
    assert prepared.counts == {"train": (120, 120), "test": (30, 30)}
    assert prepared.unreadable == []
    assert prepared.skipped == []
    assert prepared.duplicates == []


def test_names_of_any_bytes_survive(tmp_path: Path, output: Path) -> None:
    """Files and classes whose names are no UTF-8 are prepared, and called what they are called."""
    folder = os.fsencode(tmp_path / "a")
    for kind in (b"caf\xe9", b"tea"):
        os.makedirs(os.path.join(folder, kind))
        shutil.copyfile(
            draw(tmp_path / "x.png", len(kind)), os.path.join(folder, kind, b"\xff\n.png")
        )
    prepared = prepare([tmp_path / "a"], output, preprocessing=SETTINGS, test_split=0)
    with open_dataset(output) as dataset:
        assert dataset.classes == prepared.classes == ("caf\udce9", "tea")
        assert [os.path.exists(name) for name in dataset.train.names] == [True, True]


# ------------------------------------------------------------------------------ the output


def test_an_old_dataset_is_replaced_by_a_complete_one_only(pets: Path, output: Path) -> None:
    """A failure leaves the old file as it was, and nothing beside it."""
    prepare([pets], output, preprocessing=SETTINGS)
    before = output.read_bytes()
    (pets / "cat" / "9.png").write_bytes(b"no picture")

    class Interrupting(Observer):
        def progress(self, done: int, total: int) -> None:
            if done == 7:
                raise KeyboardInterrupt

    with pytest.raises(PictureError):
        prepare([pets], output, preprocessing=SETTINGS, strict=True)
    with pytest.raises(KeyboardInterrupt):
        prepare([pets], output, preprocessing=SETTINGS, observer=Interrupting())
    assert output.read_bytes() == before
    assert os.listdir(output.parent) == ["dataset.npz"]


@pytest.mark.parametrize(
    "link", [None, Path.symlink_to, Path.hardlink_to], ids=["itself", "soft link", "hard link"]
)
def test_a_source_is_never_overwritten(
    tmp_path: Path, link: Callable[[Path, Path], None] | None
) -> None:
    """An output that is a source by any name is refused: the pictures would be lost."""
    source = tmp_path / "a.h5"
    good_course(source)
    before = source.read_bytes()
    target = source
    if link is not None:
        target = tmp_path / "b.h5"
        link(target, source)
    with pytest.raises(CatclfError, match="is an input too"):
        prepare([source], target, preprocessing=SETTINGS)
    assert source.read_bytes() == before


def test_a_place_that_cannot_be_written_to_is_an_error(pets: Path, tmp_path: Path) -> None:
    """It is named, before any picture is read."""
    (tmp_path / "file").touch()
    heard = Recorder()
    with pytest.raises(CatclfError, match="file"):
        prepare([pets], tmp_path / "file" / "a.npz", observer=heard)
    assert heard.calls == []


@pytest.mark.parametrize("limit", [0, 20_000, 250_000])
def test_a_full_disk_is_an_ordinary_error(pets: Path, output: Path, limit: int) -> None:
    """While pictures are read or the dataset is written: it is said, and nothing is left."""
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", PREPARE_LIMITED, str(pets), str(output), str(limit)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert "nothing was changed" in child.stdout
    assert len(child.stdout.splitlines()) == 2
    assert not output.parent.exists()
