"""catclf.info: the dataset or the model that a file holds, or one message that says what it is."""

from __future__ import annotations

import shutil
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catclf
from catclf.errors import CatclfError, DatasetError, ModelError
from catclf.files import HDF5_SIGNATURE, ZIP_SIGNATURE
from conftest import Recorder
from datasets import damage, write_small


@pytest.fixture(scope="module")
def model(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model on the small dataset."""
    path = tmp_path_factory.mktemp("model") / "model.npz"
    catclf.train(small_dataset, path, catclf.Settings(iterations=40, every=10))
    return path


def test_a_dataset_is_returned(small_dataset: Path) -> None:
    """The one that opens, and cannot be changed."""
    found = catclf.info(small_dataset)
    assert isinstance(found, catclf.Dataset)
    with catclf.open_dataset(small_dataset) as opened:
        assert found.digest == opened.digest
    assert (found.path, found.classes) == (str(small_dataset), ("noncat", "cat"))
    assert found.created_by == f"catclf {catclf.__version__}"
    assert (found.train.counts, found.test.counts) == ((9, 9), (3, 3))
    with pytest.raises(FrozenInstanceError):
        found.digest = ""  # type: ignore[misc]


def test_a_model_is_returned(model: Path) -> None:
    """The one that is loaded, with its training."""
    found, loaded = catclf.info(model), catclf.load_model(model)
    assert isinstance(found, catclf.Model)
    assert found.training is not None
    assert loaded.training is not None
    assert found.training.to_record() == loaded.training.to_record()
    assert found.training.costs == loaded.training.costs != {}
    assert np.array_equal(found.w, loaded.w)
    assert (found.b, found.classes) == (loaded.b, loaded.classes)


def test_a_weights_only_model_is_returned_as_it_stands(tmp_path: Path) -> None:
    """Its order is not known, and none is assumed."""
    w = np.arange(192.0)
    np.savez(tmp_path / "nb.npz", w=w, b=-0.5)
    found = catclf.info(tmp_path / "nb.npz")
    assert isinstance(found, catclf.Model)
    assert found.weights_only
    assert found.w[:, 0].tolist() == w.tolist()


def test_a_file_is_known_by_its_content(small_dataset: Path, model: Path, tmp_path: Path) -> None:
    """Whatever its name says."""
    shutil.copy(small_dataset, tmp_path / "model.npz")
    shutil.copy(model, tmp_path / "dataset.h5")
    assert isinstance(catclf.info(tmp_path / "model.npz"), catclf.Dataset)
    assert isinstance(catclf.info(tmp_path / "dataset.h5"), catclf.Model)


@pytest.mark.parametrize("features", ["pixels", "hog-color"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_all_of_a_dataset_is_read(tmp_path: Path, features: str, split: str) -> None:
    """A damaged column, or pixel beside it, of either split is told, however late it stands."""
    path = write_small(tmp_path / "d.npz", 300, 300, features=features)  # type: ignore[arg-type]
    observer = Recorder()
    catclf.info(path, observer=observer)
    assert observer.calls[-1] == (600, 600)
    with catclf.open_dataset(path) as dataset:
        chosen = dataset.train if split == "train" else dataset.test
        last = chosen.pixels[299].tobytes()
    damage(path, last)
    with pytest.raises(DatasetError, match="rows 256 to 299 are not what was written"):
        catclf.info(path)


def test_a_truncated_copy_is_still_told_apart(
    small_dataset: Path, model: Path, tmp_path: Path
) -> None:
    """Half a dataset and half a model are damaged, and each is called what it was."""
    half, kinds = tmp_path / "half", {small_dataset: DatasetError, model: ModelError}
    for original, kind in kinds.items():
        data = original.read_bytes()
        half.write_bytes(data[: len(data) // 2])
        with pytest.raises(kind, match="damaged"):
            catclf.info(half)


def test_what_is_neither_is_an_error_that_says_what_info_reads(tmp_path: Path) -> None:
    """And what the file is, where that is known; tests/cli/test_wrong_files.py has every kind."""
    (tmp_path / "a.txt").write_text("BM and P6 begin a text here")
    with pytest.raises(CatclfError, match="is not a dataset or a model") as caught:
        catclf.info(tmp_path / "a.txt")
    assert str(caught.value.fix).startswith("'catclf info' reads a dataset ")


@given(
    start=st.sampled_from([b"", ZIP_SIGNATURE, b"PK\x05\x06", HDF5_SIGNATURE, b"# Written by"]),
    rest=st.binary(max_size=300),
)
def test_any_bytes_are_refused(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes
) -> None:
    """Whatever they begin with, in two or three lines."""
    path = tmp_path_factory.getbasetemp() / "any-bytes"
    path.write_bytes(start + rest)
    with pytest.raises(CatclfError) as caught:
        catclf.info(path)
    assert caught.value.where == str(path)
    assert len(str(caught.value).splitlines()) in (2, 3)
