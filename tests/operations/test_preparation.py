"""Preparing: every readable picture, once, under its label, as prediction sees it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catclf import (
    CatclfError,
    CatclfWarning,
    DatasetError,
    PictureError,
    Preprocessing,
    load_backbone,
    prepare,
)
from catclf.columns import unroll
from catclf.dataset import open_dataset
from catclf.observer import Observer, Skipped
from catclf.pictures.reading import read_picture
from catclf.splits import hold_out
from conftest import Recorder
from corpus.course_hdf5 import good_course, pixels
from networks import small_network
from operations.conftest import SETTINGS, contents, draw, names
from scenes import COPIES, save_copy, scene

# Prepares where no file may grow beyond so many bytes.
PREPARE_LIMITED = """
import resource, sys
from catclf import CatclfError, prepare
for limit in map(int, sys.argv[3:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        prepare([sys.argv[1]], sys.argv[2], workers=1)
    except CatclfError as error:
        print(error)
"""


def columns_are_predicted(path: Path, settings: Preprocessing) -> int:
    """Check that reading each picture by its file gives its stored column; return their number."""
    with open_dataset(path) as dataset:
        assert dataset.preprocessing == settings
        for split in (dataset.train, dataset.test):
            for i, name in enumerate(split.names):
                column = unroll(read_picture(name, settings)[np.newaxis])
                assert np.array_equal(split.columns[i], column[0])
                assert split.labels[i] == (f"{os.sep}cat{os.sep}" in name)
        return dataset.train.m + dataset.test.m


# ------------------------------------------------------------------------------ pictures


def test_a_picture_gives_the_column_that_predicting_it_gives(pets: Path, output: Path) -> None:
    """Bit for bit, under its class."""
    prepare([pets], output, preprocessing=SETTINGS)
    assert columns_are_predicted(output, SETTINGS) == 20


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_photographs_give_the_columns_that_predicting_them_gives(
    photos: Path, tmp_path: Path, output: Path, fit: str
) -> None:
    """The same for photographs, in every fit."""
    for kind in ("cat", "dog"):
        (tmp_path / "few" / kind).mkdir(parents=True)
        for file in sorted((photos / kind).iterdir())[:6]:
            shutil.copyfile(file, tmp_path / "few" / kind / file.name)
    settings = Preprocessing(fit=fit)  # type: ignore[arg-type]
    prepare([tmp_path / "few"], output, preprocessing=settings, positive="cat")
    assert columns_are_predicted(output, settings) == 12


def test_source_order_is_kept_whatever_the_workers(pets: Path, output: Path) -> None:
    """1 or 3 processes, or one a core, write the same file, byte for byte, in source order."""
    files = set()
    for workers in (1, 3, None):
        prepare([pets], output, preprocessing=SETTINGS, workers=workers)
        files.add(output.read_bytes())
    assert len(files) == 1
    expected = [f"{kind}/{i}.png" for kind in ("cat", "noncat") for i in range(10)]
    for found in names(output).values():
        assert found == [name for name in expected if name in found]


def test_unreadable_pictures_are_named_and_left_out(pets: Path, output: Path) -> None:
    """Each is an error with its path, in source order; the others are all there.

    Progress counts each, readable or not, up to the total.
    """
    (pets / "cat" / "5.png").write_bytes((pets / "cat" / "5.png").read_bytes()[:80])
    (pets / "noncat" / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (pets / "noncat" / "empty.jpg").touch()
    (pets / "noncat" / "gone.jpg").symlink_to("nowhere")
    (pets / "notes.txt").touch()
    heard = Recorder()
    prepared = prepare([pets], output, preprocessing=SETTINGS, observer=heard, workers=2)
    assert [os.path.relpath(str(e.where), pets) for e in prepared.unreadable] == [
        "cat/5.png",
        "noncat/a.heic",
        "noncat/empty.jpg",
        "noncat/gone.jpg",
    ]
    assert all(isinstance(error, PictureError) for error in prepared.unreadable)
    assert prepared.skipped == [Skipped(str(pets / "notes.txt"), "empty file")]
    assert np.sum([*prepared.counts.values()], axis=0).tolist() == [10, 9]
    assert sum(map(len, names(output).values())) == 19
    assert heard.calls == [(done, 23) for done in range(1, 24)]
    assert prepared.warnings == heard.warnings
    [told] = heard.warnings
    assert told.startswith("pictures left out, since they cannot be read: 4 (")


def test_from_python_nothing_is_lost_silently(
    pets: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning names the caller's line and stands in the result; a bar is drawn where asked."""
    (pets / "cat" / "5.png").write_bytes(b"no picture")
    shutil.copyfile(pets / "cat" / "2.png", pets / "noncat" / "also.png")
    with pytest.warns(CatclfWarning) as caught:
        prepared = prepare([pets], output, preprocessing=SETTINGS, progress=True)
    assert [str(each.message) for each in caught] == prepared.warnings
    assert {each.filename for each in caught} == {__file__}
    assert [told.split(":")[0] for told in prepared.warnings] == [
        "pictures left out, since they cannot be read",
        "pictures with a copy or near-copy under the other label",
    ]
    assert "21/21" in capsys.readouterr().err


@pytest.mark.parametrize("workers", [1, 4])
def test_strict_stops_at_the_first_unreadable_picture(
    pets: Path, output: Path, workers: int
) -> None:
    """The first in source order, whatever the processes; nothing is written."""
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
    assert fix == "Add readable pictures of the class."
    assert not output.parent.exists()


def test_classes_without_a_readable_picture_are_one_error(tmp_path: Path, output: Path) -> None:
    """How many of several, and which; of one its name, as ever."""
    for kind in ("ant", "bee", "cat"):
        for i in range(2):
            draw(tmp_path / "a" / kind / f"{i}.png", 10 * len(kind) + i)
    for kind, said in (("bee", "of class 'bee' is"), ("ant", r"of 2 classes \(ant, bee\) is")):
        for file in (tmp_path / "a" / kind).iterdir():
            file.write_bytes(b"no picture")
        with pytest.raises(DatasetError, match=f"no picture {said} left to train on; . cannot"):
            prepare([tmp_path / "a"], output, preprocessing=SETTINGS)
    assert not output.parent.exists()


def test_more_than_two_classes(pets: Path, output: Path) -> None:
    """Each keeps its own label, stratified; with a positive all others are the negative."""
    for i in range(5):
        draw(pets / "bird" / f"{i}.png", 990 + i)
    prepared = prepare([pets], output, preprocessing=SETTINGS)
    assert prepared.classes == ("bird", "cat", "noncat")
    assert prepared.counts == {"train": (4, 8, 8), "test": (1, 2, 2)}
    assert prepared.others == {}
    for split, rows in contents(output).items():
        assert {(name.split("/")[0], label) for name, label, _ in rows} == {
            ("bird", 0),
            ("cat", 1),
            ("noncat", 2),
        }, split
    prepared = prepare([pets], output, preprocessing=SETTINGS, positive="cat", test_split=0)
    assert prepared.classes == ("non-cat", "cat")
    assert prepared.counts["train"] == (15, 10)
    assert prepared.others == {"bird": 5, "noncat": 10}


def test_a_class_of_one_picture_is_an_error(pets: Path, output: Path) -> None:
    """It says which, and nothing is written; beside one class alone it is no error."""
    draw(pets / "bird" / "1.png", 999)
    with pytest.raises(DatasetError, match="pets: the class 'bird' has a single picture, and"):
        prepare([pets], output, preprocessing=SETTINGS)
    assert not output.parent.exists()
    shutil.rmtree(pets / "noncat")
    with pytest.warns(CatclfWarning, match="has no picture of bird"):
        assert prepare([pets], output, preprocessing=SETTINGS).classes == ("bird", "cat")


def test_classes_without_test_pictures_are_one_warning(tmp_path: Path, output: Path) -> None:
    """How many, and three of them; and what helps."""
    pictures = np.random.default_rng(0).integers(0, 256, (90, 4, 4, 3), dtype=np.uint8)
    labels = [f"{i % 40:02}" for i in range(80)] + ["40"] * 10
    heard = Recorder()
    prepared = prepare(
        pictures, output, labels=labels, preprocessing=SETTINGS, observer=heard, workers=1
    )
    assert prepared.counts["test"] == (*[0] * 40, 2)
    assert heard.warnings == [
        "the test split has no picture of 40 of 41 classes\n(00, 01, 02 and 37 more)\n"
        "and cannot tell how good a model is at them\n"
        "Add pictures to the classes, or choose a larger `test_split`."
    ]


def test_a_picture_under_several_labels_is_told(pets: Path, output: Path) -> None:
    """In words that fit more than two."""
    shutil.copytree(pets / "cat", pets / "dog")
    shutil.copyfile(pets / "cat" / "2.png", pets / "noncat" / "also.png")
    with pytest.warns(CatclfWarning, match="copy or near-copy under another label: 21 "):
        prepared = prepare([pets], output, preprocessing=SETTINGS)
    assert prepared.contradictory == 21


def test_the_courses_files_are_prepared_as_they_are(course_files: list[Path], output: Path) -> None:
    """209 and 50 pictures of 64x64, unchanged; non-cat is 0 and cat is 1, as in the course."""
    import h5py

    prepared = prepare(course_files, output, observer=Observer())
    assert prepared.classes == ("non-cat", "cat")
    assert prepared.counts == {"train": (137, 72), "test": (17, 33)}
    assert prepared.unreadable == []
    with open_dataset(output) as dataset:
        splits = {"train": dataset.train, "test": dataset.test}
        for file, (name, split) in zip(course_files, splits.items(), strict=True):
            with h5py.File(file) as course:
                assert np.array_equal(split.columns[:], unroll(course[f"{name}_set_x"][:]))
                assert np.array_equal(split.labels, course[f"{name}_set_y"][:])


def test_the_sample_is_prepared(output: Path) -> None:
    """The pictures that come with the project give 240 and 60, all different."""
    sample = Path(__file__).parents[2] / "data" / "sample"
    prepared = prepare([sample], output, preprocessing=Preprocessing(size=16))
    assert prepared.classes == ("noncat", "cat")
    assert prepared.counts == {"train": (120, 120), "test": (30, 30)}
    assert (prepared.unreadable, prepared.skipped, prepared.duplicates) == ([], [], [])


def test_names_of_any_bytes_survive(tmp_path: Path, output: Path) -> None:
    """Files and classes whose names are no UTF-8 are prepared, and called what they are called."""
    for kind in (b"caf\xe9", b"tea"):
        draw(tmp_path / "a" / os.fsdecode(kind) / os.fsdecode(b"\xff\n.png"), len(kind))
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
    source = target = tmp_path / "a.h5"
    good_course(source)
    before = source.read_bytes()
    if link is not None:
        target = tmp_path / "b.h5"
        link(target, source)
    with pytest.raises(CatclfError, match="is an input too"):
        prepare([source], target, preprocessing=SETTINGS)
    assert source.read_bytes() == before


def test_a_network_is_never_overwritten(pets: Path, tmp_path: Path) -> None:
    """It is an input too, though it holds no pictures."""
    path = tmp_path / "net.onnx"
    path.write_bytes(small_network())
    preprocessing = Preprocessing(backbone=load_backbone(path))
    with pytest.raises(CatclfError, match="is an input too"):
        prepare([pets], path, preprocessing=preprocessing, force=True)
    assert path.read_bytes() == small_network()


def test_a_place_that_cannot_be_written_to_is_an_error(pets: Path, tmp_path: Path) -> None:
    """It is named, before any picture is read."""
    (tmp_path / "file").touch()
    heard = Recorder()
    with pytest.raises(CatclfError, match="file"):
        prepare([pets], tmp_path / "file" / "a.npz", observer=heard)
    assert heard.calls == []


def test_a_full_disk_is_an_ordinary_error(pets: Path, output: Path) -> None:
    """While pictures are read or the dataset is written: it is said, and nothing is left."""
    code = ["-W", "error", "-c", PREPARE_LIMITED, str(pets), str(output)]
    limits = ["0", "20000", "250000"]
    child = subprocess.run([sys.executable, *code, *limits], capture_output=True, text=True)
    assert (child.returncode, child.stderr) == (0, "")
    assert child.stdout.count("nothing was changed") == 3
    assert len(child.stdout.splitlines()) == 6
    assert not output.parent.exists()


# ------------------------------------------------------------------------------ the split


def test_the_split_is_stratified_and_counted(pets: Path, output: Path) -> None:
    """A fifth of each class is held out by default; the counts say what was written."""
    prepared = prepare([pets], output, preprocessing=SETTINGS)
    assert prepared.counts == {"train": (8, 8), "test": (2, 2)}
    assert prepared.classes == ("noncat", "cat")
    for split, rows in contents(output).items():
        labels = Counter(label for _, label, _ in rows)
        assert (labels[0], labels[1]) == prepared.counts[split]
        assert all((name.split("/")[0] == "cat") == label for name, label, _ in rows)
    prepared = prepare([pets], output, preprocessing=SETTINGS, test_split=0)
    assert prepared.counts == {"train": (10, 10), "test": (0, 0)}


def test_the_split_is_seeded(pets: Path, output: Path) -> None:
    """The same seed gives the same file, another seed other splits."""
    files = []
    for seed in (1, 1, 2, 3):
        prepare([pets], output, preprocessing=SETTINGS, seed=seed)
        files.append(output.read_bytes())
    assert files[0] == files[1]
    assert len(set(files)) == 3


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
def test_a_share_that_is_none_is_a_value_error(pets: Path, output: Path, share: float) -> None:
    """From 0 up to 1, exclusive."""
    with pytest.raises(ValueError, match="test_split must be"):
        prepare([pets], output, test_split=share)


def test_sources_are_any_number_of_paths_but_none(pets: Path, output: Path) -> None:
    """Also those that an iterator gives once."""
    with pytest.raises(ValueError, match="sources must name one at least"):
        prepare([], output)
    sources: Any = iter([pets])
    assert prepare(sources, output, preprocessing=SETTINGS).counts["train"] == (8, 8)


def test_splits_that_the_source_names_are_kept(tmp_path: Path, output: Path) -> None:
    """Where the source has train and test, nothing is dealt anew."""
    for i in range(6):
        for number, kind in enumerate(("cat", "dog")):
            split = "test" if i < 2 else "train"
            draw(tmp_path / "a" / split / kind / f"{i}.png", 10 * number + i)
    prepared = prepare([tmp_path / "a"], output, preprocessing=SETTINGS, test_split=0.9)
    assert prepared.counts == {"train": (4, 4), "test": (2, 2)}


def test_one_split_alone(tmp_path: Path, output: Path) -> None:
    """A train split is split, with a warning; a test split cannot be trained on."""
    heard, path = Recorder(), tmp_path / "a.h5"
    good_course(path, train_set_x=pixels(20), train_set_y=np.arange(20) % 2)
    prepared = prepare([path], output, preprocessing=SETTINGS, observer=heard)
    assert prepared.counts == {"train": (8, 8), "test": (2, 2)}
    assert heard.warnings[0].startswith("the sources have no test split\n20 % of each class of")
    test = {"test_set_x": pixels(4), "test_set_y": np.arange(4) % 2}
    good_course(path, train_set_x=None, train_set_y=None, **test)
    with pytest.raises(DatasetError, match=r"a\.h5: has only a test split"):
        prepare([path], output, preprocessing=SETTINGS)


# ------------------------------------------------------------------------------ duplicates


@pytest.mark.parametrize("seed", range(4))
def test_identical_pictures_stay_on_one_side(pets: Path, output: Path, seed: int) -> None:
    """Copies, under other names or in another lossless container, are never split."""
    for i in range(5):
        shutil.copyfile(pets / "cat" / f"{i}.png", pets / "cat" / f"copy{i}.png")
        Image.open(pets / "cat" / f"{i}.png").save(pets / "cat" / f"bmp{i}.bmp")
    prepared = prepare([pets], output, preprocessing=SETTINGS, seed=seed, test_split=0.4)
    found = contents(output)
    assert not {x for *_, x in found["train"]} & {x for *_, x in found["test"]}
    assert len(prepared.duplicates) == 5
    assert not any(each.leak or each.contradictory for each in prepared.duplicates)
    first = {os.path.basename(name) for name in prepared.duplicates[0].names}
    assert first == {"0.png", "bmp0.bmp", "copy0.png"}


def test_a_picture_in_train_and_in_test_is_named(tmp_path: Path, output: Path) -> None:
    """Where the source leaks, it is said which pictures, and the dataset remembers how many."""
    for i in range(4):
        split = "train" if i < 2 else "test"
        draw(tmp_path / "a" / split / "cat" / f"{i}.png", i)
        draw(tmp_path / "a" / split / "dog" / f"{i}.png", 10 + i)
    shutil.copyfile(tmp_path / "a/train/cat/0.png", tmp_path / "a/test/cat/again.png")
    with pytest.warns(CatclfWarning, match=r"copy in the train split: 1 \(first .*cat/0"):
        prepared = prepare([tmp_path / "a"], output, preprocessing=SETTINGS)
    (duplicates,) = prepared.duplicates
    assert (duplicates.leak, duplicates.contradictory) == (True, False)
    found = [os.path.relpath(name, tmp_path / "a") for name in duplicates.names]
    assert found == ["train/cat/0.png", "test/cat/again.png"]
    assert duplicates.splits == ("train", "test")
    assert prepared.counts == {"train": (2, 2), "test": (3, 2)}
    with open_dataset(output) as dataset:
        assert (dataset.test.also_in_train, dataset.train.also_in_train) == (1, 0)


def test_a_picture_under_both_labels_is_named(pets: Path, output: Path) -> None:
    """It is kept, on one side, and said which."""
    shutil.copyfile(pets / "cat" / "2.png", pets / "noncat" / "also.png")
    with pytest.warns(CatclfWarning, match=r"under the other label: 2 \(first .*cat/2"):
        (duplicates,) = prepare([pets], output, preprocessing=SETTINGS).duplicates
    assert (duplicates.leak, duplicates.contradictory) == (False, True)
    found = [os.path.relpath(name, pets) for name in duplicates.names]
    assert found == ["cat/2.png", "noncat/also.png"]
    assert duplicates.labels == (1, 0)


def test_a_picture_without_a_split_goes_where_its_duplicate_is(
    tmp_path: Path, output: Path
) -> None:
    """Of two tables one names splits: a copy of a training picture is not held out."""
    lines = ["file,label,split"]
    for i in range(12):
        draw(tmp_path / f"{i}.png", i)
        lines.append(f"{i}.png,{'cat' if i % 2 else 'dog'},{'test' if i < 4 else 'train'}")
    for i in (0, 5):
        shutil.copyfile(tmp_path / f"{i}.png", tmp_path / f"copy{i}.png")
    (tmp_path / "a.csv").write_text("\n".join(lines))
    (tmp_path / "b.csv").write_text("copy0.png,dog\ncopy5.png,cat\n")
    sources = [tmp_path / "a.csv", tmp_path / "b.csv"]
    prepared = prepare(sources, output, preprocessing=SETTINGS, test_split=0.9)
    assert not any(duplicates.leak for duplicates in prepared.duplicates)
    assert prepared.counts == {"train": (5, 4), "test": (2, 3)}


# ------------------------------------------------------------------------------ near-copies

DETAILED = Preprocessing(size=32)


@pytest.mark.parametrize("workers", [1, 2])
def test_near_copies_stay_on_one_side(tmp_path: Path, output: Path, workers: int) -> None:
    """Every picture's twin is where it is, whatever the seed, and each two are named together."""
    kinds = [kind for kind in COPIES if not kind.startswith(("gamma", "cropped"))]
    for i in range(24):
        label = "cat" if i % 2 else "dog"
        save_copy(scene(i), "recompressed, quality 95", tmp_path / "a" / label / f"{i}.jpg")
        save_copy(scene(i), kinds[i % len(kinds)], tmp_path / "a" / label / f"twin {i}.jpg")
    for seed in range(3):
        prepared = prepare(
            [tmp_path / "a"], output, preprocessing=DETAILED, seed=seed, workers=workers
        )
        for found in names(output).values():
            counts = Counter(Path(name).stem.removeprefix("twin ") for name in found)
            assert set(counts.values()) == {2}
        assert [len(each.names) for each in prepared.duplicates] == [2] * 24
        assert not any(each.leak or each.contradictory for each in prepared.duplicates)


def test_near_copies_are_told_from_identical_pictures(tmp_path: Path, output: Path) -> None:
    """In both splits, or under both labels; a dataset counts either as held by train too."""
    for i, label in enumerate(("cat", "dog", "cat", "dog")):
        place = tmp_path / "a" / ("train" if i < 2 else "test") / label
        save_copy(scene(i), "recompressed, quality 95", place / f"{i}.jpg")
    save_copy(scene(0), "mirrored", tmp_path / "a/test/cat/mirrored.jpg")
    save_copy(scene(1), "half size", tmp_path / "a/train/cat/half.jpg")
    shutil.copyfile(tmp_path / "a/train/dog/1.jpg", tmp_path / "a/test/dog/again.jpg")
    shutil.copyfile(tmp_path / "a/test/dog/3.jpg", tmp_path / "a/test/dog/same.jpg")
    prepared = prepare([tmp_path / "a"], output, preprocessing=DETAILED, observer=Observer())
    found = {
        frozenset(Path(name).stem for name in each.names): (
            each.identical,
            each.leaked,
            each.contradictory,
        )
        for each in prepared.duplicates
    }
    assert found == {
        frozenset({"0", "mirrored"}): (False, 1, False),
        frozenset({"1", "half", "again"}): (False, 1, True),
        frozenset({"3", "same"}): (True, 0, False),
    }
    assert prepared.leaked == 2
    with open_dataset(output) as dataset:
        assert dataset.test.also_in_train == 2


@pytest.mark.parametrize("m", [12, 60])
def test_a_fixed_camera_has_a_test_split(tmp_path: Path, output: Path, m: int) -> None:
    """Though all its pictures, of both classes, are nearly the same; one warning tells."""
    clean = scene(0, (32, 32))
    for i in range(m):
        picture, label = clean.copy(), ("ok", "defect")[i % 2]
        picture.putpixel((i % 32, 5), (i, 255 - i, 0))
        if label == "defect":
            picture.paste("black", (20, 20, 22, 22))
        (tmp_path / "a" / label).mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / "a" / label / f"{i}.png")
    observer = Recorder()
    prepared = prepare([tmp_path / "a"], output, preprocessing=DETAILED, observer=observer)
    held_out = round(0.2 * m / 2)
    assert prepared.counts == {"train": (m // 2 - held_out,) * 2, "test": (held_out,) * 2}
    assert prepared.duplicates == []
    (told,) = observer.warnings
    assert told.startswith(f"{m} pictures look nearly the same as others")


def test_near_copies_are_found_where_columns_are_not_the_pixels(
    tmp_path: Path, output: Path
) -> None:
    """The pixels beside the columns tell."""
    for i in range(8):
        save_copy(scene(i), "half size", tmp_path / "a" / ("cat" if i % 2 else "dog") / f"{i}.jpg")
    save_copy(scene(3), "mirrored", tmp_path / "a/cat/mirrored.jpg")
    settings = Preprocessing(size=32, features="hog-color")
    (near,) = prepare([tmp_path / "a"], output, preprocessing=settings).duplicates
    assert [Path(name).name for name in near.names] == ["3.jpg", "mirrored.jpg"]


def test_without_near_copies_the_split_is_drawn_as_ever(tmp_path: Path, output: Path) -> None:
    """Each picture by itself, of each class in source order: no seed gives another split now."""
    for i in range(30):
        save_copy(scene(i), "half size", tmp_path / "a" / ("cat", "dog")[i % 2] / f"{i:02}.jpg")
    prepared = prepare([tmp_path / "a"], output, preprocessing=DETAILED, seed=3)
    assert prepared.duplicates == []
    files = sorted((tmp_path / "a").rglob("*.jpg"))
    order = [file.relative_to(tmp_path / "a").as_posix() for file in files]
    labels = np.array([name.startswith("dog") for name in order], np.uint8)
    in_test = hold_out([[i] for i in range(30)], labels, 0.2, 3)
    assert names(output)["test"] == [order[i] for i in np.flatnonzero(in_test)]
