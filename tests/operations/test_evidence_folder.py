"""A PNG for each picture, under a name of its own, that harms none."""

from __future__ import annotations

import errno
import os
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from catclf.errors import CatclfError
from catclf.features import Preprocessing
from catclf.files import EVIDENCE_SUFFIX, FileKind, file_kind
from catclf.model import Model
from catclf.operations.evidence_folder import MAX_NAME_BYTES, EvidenceFolder
from catclf.operations.prediction import predict
from catclf.pictures.evidence import evidence_png
from catclf.pictures.reading import read_picture
from conftest import Recorder
from networks import small_backbone

SIZE_8 = Preprocessing(size=8)


@pytest.fixture(scope="module")
def model() -> Model:
    """Return a model of 8x8 pictures."""
    w = np.random.default_rng(0).normal(size=(192, 1))
    return Model(w, np.zeros((1, 1)), ("noncat", "cat"), SIZE_8)


@pytest.fixture
def here(small_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder that has ``pets/cat`` and ``pets/noncat``."""
    shutil.copytree(small_pictures, tmp_path / "pets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drawn(model: Model, images: Any, folder: str = "e", **options: Any) -> list[str | None]:
    """Return the files that are written, without folder and suffix."""
    written = [each.evidence for each in predict(images, model, evidence=folder, **options)]
    for path in written:
        assert path is None or os.path.dirname(path) == folder
        assert path is None or file_kind(path) is FileKind.EVIDENCE
    return [path and os.path.basename(path).removesuffix(EVIDENCE_SUFFIX) for path in written]


@pytest.mark.usefixtures("here")
def test_each_picture_is_written_as_the_model_sees_it(model: Model) -> None:
    """By any number of processes the same bytes, and the predictions are what they are without.

    One that cannot be read has none.
    """
    Path("pets/cat/05.png").write_bytes(Path("pets/cat/05.png").read_bytes()[:60])
    images = ["pets", "pets/cat"]
    plain = [vars(each) for each in predict(images, model)]
    folders = []
    for workers in (1, 2):
        answers = list(predict(images, model, workers=workers, evidence=f"e{workers}"))
        assert [{**vars(each), "evidence": None, "error": None} for each in answers] == [
            {**each, "error": None} for each in plain
        ]
        assert [each.name for each in answers if each.evidence is None] == ["pets/cat/05.png"] * 2
        folders.append({path.name: path.read_bytes() for path in Path(f"e{workers}").iterdir()})
    assert folders[0] == folders[1]
    assert len(folders[0]) == 23 + 11
    path = "pets/noncat/03.png"
    expected = evidence_png(read_picture(path, model.preprocessing), model.evidence(path))
    assert folders[0][f"noncat-03.png{EVIDENCE_SUFFIX}"] == expected


@pytest.mark.usefixtures("here")
def test_of_several_classes_the_one_predicted_is_drawn() -> None:
    """Whichever it is: its logit's evidence, not another's."""
    w = np.random.default_rng(0).normal(size=(192, 3)) / 10
    model = Model(w, np.zeros((3, 1)), ("a", "b", "c"), SIZE_8)
    answers = list(predict("pets", model, evidence="e"))
    assert len({each.predicted for each in answers}) > 1
    for answer in answers:
        assert answer.evidence is not None
        pixels = read_picture(answer.name, model.preprocessing)
        expected = evidence_png(pixels, model.evidence(answer.name, answer.predicted))
        assert Path(answer.evidence).read_bytes() == expected


@pytest.mark.usefixtures("here")
def test_a_file_is_called_as_its_picture(model: Model) -> None:
    """By its path below the folder that is named, or its name; by more of it where that is taken.

    The last resort is a number. The same command gives the same names.
    """
    shutil.copy("pets/cat/00.png", "00.jpg")
    os.mkdir("x")
    shutil.copytree("pets/cat", "x/cat", ignore=lambda *_: [f"{i:02}.png" for i in range(1, 12)])
    named = [
        ("pets/cat/00.png", "00.png"),
        ("./pets/noncat/00.png", "noncat-00.png"),
        ("00.jpg", "00.jpg"),
        (os.path.abspath("x/cat/00.png"), "cat-00.png"),
        ("x/cat/00.png", "x-cat-00.png"),
        ("x/cat/00.png", "00.png.2"),
        ("x", "cat-00.png.2"),
        ("../" + os.path.basename(os.getcwd()) + "/pets/cat/01.png", "01.png"),
    ]
    images = [image for image, _ in named]
    for _ in range(2):
        assert drawn(model, images) == [name for _, name in named]
    assert len(os.listdir("e")) == len(named)


@pytest.mark.usefixtures("here")
def test_what_has_no_name_is_called_a_picture(model: Model) -> None:
    """An array, a stream; a PIL image that was opened from a file has its name."""
    data = Path("pets/cat/00.png").read_bytes()
    with Image.open("pets/cat/00.png") as image:
        images = [np.asarray(image), BytesIO(data), image, image.convert("RGB")]
        assert drawn(model, images) == ["picture", "picture.2", "00.png", "picture.3"]
    many = drawn(model, [np.zeros((8, 8, 3), np.uint8)] * 5)
    assert many == ["picture", *(f"picture.{n}" for n in range(2, 6))]


@settings(max_examples=30)
@given(
    parts=st.lists(
        st.text(min_size=1, max_size=120) | st.sampled_from(["..", ".", "A", "a", "\x1b[2J", "猫"]),
        min_size=1,
        max_size=4,
    )
)
def test_no_name_leads_out_of_the_folder(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    """Whatever a picture's path is: the file is in it, alone, and each has one of its own."""
    base = tmp_path_factory.mktemp("out")
    (base / "e").mkdir()
    folder = EvidenceFolder(base / "e", SIZE_8, force=False)
    joined = "/".join(parts)
    pictures = [(joined, None), (joined, parts[0]), (joined.upper(), None), (f"/{joined}", None)]
    written = [folder.write(b"a PNG", picture, root) for picture, root in pictures]
    for path in written:
        assert os.path.dirname(path) == str(base / "e")
        assert path.isprintable()
        assert len(os.fsencode(os.path.basename(path))) <= 255
    assert os.listdir(base) == ["e"]
    assert sorted(os.listdir(base / "e")) == sorted(map(os.path.basename, written))
    assert len({path.lower() for path in written}) == len(pictures)


@pytest.mark.usefixtures("here")
def test_a_long_name_keeps_its_end(model: Model) -> None:
    """Where two then are alike, numbers tell them apart."""
    long = "x" * 240
    for letter in "ab":
        shutil.copy("pets/cat/00.png", f"{letter}{long}.png")
    kept = f"{long}.png"[-MAX_NAME_BYTES:]
    assert drawn(model, [f"a{long}.png", f"b{long}.png"]) == [kept, f"{kept}.2"]


@pytest.mark.usefixtures("here")
def test_what_was_drawn_is_never_searched(model: Model) -> None:
    """The folder may lie in the one that is searched, or be it: again and again the same files."""
    pictures = sorted(os.listdir("pets/cat"))
    for folder, before in (("pets/cat/e", 0), ("pets/cat", 12)):
        for skipped in (before, before + 12):
            heard = Recorder()
            assert len(drawn(model, ["pets/cat"], folder, observer=heard)) == 12
            assert len(heard.names) == skipped
            assert all(path.endswith(EVIDENCE_SUFFIX) for path in heard.names)
    assert [each for each in sorted(os.listdir("pets/cat")) if each in pictures] == pictures


@pytest.mark.usefixtures("here")
def test_another_file_is_replaced_by_force_alone(model: Model) -> None:
    """And the picture itself not even so, by whatever link."""
    os.mkdir("e")
    place = Path(f"e/00.png{EVIDENCE_SUFFIX}")
    photo = Path("pets/cat/00.png").read_bytes()
    place.write_bytes(photo)
    with pytest.raises(CatclfError) as caught:
        drawn(model, "pets/cat/00.png")
    assert str(caught.value) == (
        f"{place}: exists, and is not evidence that catclf drew; nothing was changed\n"
        "Write to another file, or replace this one with `force`."
    )
    assert place.read_bytes() == photo
    for force in (True, False):
        assert drawn(model, "pets/cat/00.png", force=force) == ["00.png"]
    place.unlink()
    place.symlink_to("../pets/cat/00.png")
    with pytest.raises(CatclfError, match="is an input too"):
        drawn(model, "pets/cat/00.png", force=True)
    assert Path("pets/cat/00.png").read_bytes() == photo


def test_features_without_places_are_refused_first(here: Path) -> None:
    """Before a picture is read or a folder made; the fix is what to prepare."""
    pooled = small_backbone(8, pooled=True)
    for preprocessing, said in (
        (
            Preprocessing(size=8, features="hog-color"),
            "hog-color features have no places that evidence could be drawn over\n"
            "Prepare with other `features`, pixels or efficientnet-lite0, and train again.",
        ),
        (
            Preprocessing(backbone=pooled),
            "the output 'features' of the network 'small.onnx' is no map, and has no places that "
            "evidence could be drawn over\nPrepare with an output (n, d, h, w), named by "
            "`backbone_output`, and train again.",
        ),
    ):
        w, b = np.zeros((preprocessing.n_x, 1)), np.zeros((1, 1))
        model = Model(w, b, ("a", "b"), preprocessing)
        with pytest.raises(CatclfError) as caught:
            predict("missing.png", model, evidence="e")
        assert str(caught.value) == said
    assert os.listdir(here) == ["pets"]


def test_a_map_of_a_network_is_drawn(here: Path) -> None:
    """Of any network whose output is one."""
    preprocessing = Preprocessing(backbone=small_backbone(8))
    w = np.random.default_rng(0).normal(size=(preprocessing.n_x, 1))
    model = Model(w, np.zeros((1, 1)), ("a", "b"), preprocessing)
    assert drawn(model, here / "pets") == [
        f"{name}-{number:02}.png" for name in ("cat", "noncat") for number in range(12)
    ]


def test_a_folder_that_will_not_do_is_refused_first(
    here: Path, tmp_path_factory: pytest.TempPathFactory, model: Model
) -> None:
    """A file, or a missing one that is not below the current folder; else it is made, if used."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for folder, said in (
        ("pets/cat/00.png", "part of the path is a file, not a folder; nothing was changed"),
        (str(elsewhere / "no" / "e"), "no such folder"),
        ("", "^the folder to write to has no name\nName it, or . for this one.$"),
    ):
        with pytest.raises(CatclfError, match=said):
            predict("pets", model, evidence=folder)
    assert os.listdir(elsewhere) == []
    [answer] = predict("missing.png", model, evidence="a/b")
    assert answer.error is not None
    assert os.listdir(here) == ["pets"]
    assert drawn(model, "pets/cat/00.png", "a/b") == ["00.png"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "the disk is full"),
        (KeyboardInterrupt, ""),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.usefixtures("here")
def test_no_file_is_half_written(
    model: Model, monkeypatch: pytest.MonkeyPatch, error: Any, said: str, workers: int
) -> None:
    """A full disk or a Ctrl-C leaves those that were written before, and no other."""
    replace, calls = os.replace, iter(range(100))

    def failing(*paths: Any) -> None:
        if next(calls) == 3:
            raise error
        replace(*paths)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises((CatclfError, KeyboardInterrupt)) as caught:
        drawn(model, ["pets"] * 2, workers=workers)
    assert said in str(caught.value)
    assert isinstance(caught.value, CatclfError) is bool(said)
    assert "nothing was changed" not in str(caught.value)
    assert ("; PNG files written before: 3\n" in str(caught.value)) is bool(said)
    assert sorted(os.listdir("e")) == [f"cat-0{n}.png{EVIDENCE_SUFFIX}" for n in range(3)]
