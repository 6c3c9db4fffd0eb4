"""catclf.info: what a dataset or a model holds, or one message that says what the file is."""

from __future__ import annotations

import shutil
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from corpus.hdf5 import write_cases
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import catclf
from catclf.dataset import open_dataset
from catclf.errors import CatclfError, DatasetError, ModelError, printable
from catclf.model import save_model
from catclf.operations.evaluation import write_predictions
from conftest import Recorder, training_of
from corpus.course_hdf5 import COURSE, good_course
from corpus.models import bad_models, good_model
from corpus.npz import N_X, Case
from corpus.prepared import PREPARED, good_prepared

DATASET = "The file is a dataset that catclf prepared. "
MODEL = "The file is a model that catclf trained. "


@pytest.fixture(scope="module")
def model(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model on the small dataset."""
    path = tmp_path_factory.mktemp("model") / "model.npz"
    catclf.train(small_dataset, path, catclf.Settings(iterations=40, every=10))
    return path


def of_dataset(path: Path) -> catclf.DatasetInfo:
    """Return what a dataset tells."""
    found = catclf.info(path)
    assert isinstance(found, catclf.DatasetInfo)
    return found


def of_model(path: Path) -> catclf.ModelInfo:
    """Return what a model tells."""
    found = catclf.info(path)
    assert isinstance(found, catclf.ModelInfo)
    return found


def refusal(path: Path, kind: type[CatclfError] = CatclfError) -> CatclfError:
    """Return the error of a file that is refused."""
    with pytest.raises(kind) as caught:
        catclf.info(path)
    return caught.value


# ------------------------------------------------------------------------------- datasets


def test_a_dataset_tells_what_it_holds(small_dataset: Path) -> None:
    """Classes, pictures by class and split, preprocessing and digest are those of the dataset."""
    found = of_dataset(small_dataset)
    with open_dataset(small_dataset) as dataset:
        assert found.digest == dataset.digest
    assert found == catclf.DatasetInfo(
        path=str(small_dataset),
        format_version=2,
        created_by=f"catclf {catclf.__version__}",
        classes=("noncat", "cat"),
        preprocessing=catclf.Preprocessing(size=8),
        train=(9, 9),
        test=(3, 3),
        also_in_train=0,
        digest=found.digest,
    )
    assert found.n_x == 192
    with pytest.raises(FrozenInstanceError):
        found.digest = ""  # type: ignore[misc]


def test_test_pictures_that_train_holds_too_are_counted(tmp_path: Path) -> None:
    """As prepare counted them."""
    good_prepared(tmp_path / "a.h5")
    assert of_dataset(tmp_path / "a.h5").also_in_train == 1


def test_an_empty_test_split_is_no_error(noise_dataset: Path) -> None:
    """It holds no picture of either class."""
    found = of_dataset(noise_dataset)
    assert (found.train, found.test) == ((20, 20), (0, 0))


def test_a_dataset_that_does_not_tell_its_writer_is_read(tmp_path: Path) -> None:
    """What made it is then empty, and the rest is told."""
    good_prepared(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+", libver="latest") as file:
        del file.attrs["created_by"]
    assert of_dataset(tmp_path / "a.h5").created_by == ""


def test_every_column_is_read(tmp_path: Path) -> None:
    """A damaged column is told."""
    path = tmp_path / "a.h5"
    PREPARED["other columns"](path)
    error = refusal(path, DatasetError)
    assert error.where == f"{path}:train/columns"
    assert error.what.startswith("damaged")


def test_reading_the_columns_is_observed(small_dataset: Path) -> None:
    """Every picture of both splits is counted."""
    observer = Recorder()
    catclf.info(small_dataset, observer=observer)
    assert observer.calls[-1] == (24, 24)


# --------------------------------------------------------------------------------- models


def test_a_model_tells_how_it_was_trained(model: Path) -> None:
    """Its record, norm and bias are those of the model; costs are counted, the lowest is named."""
    found = of_model(model)
    loaded = catclf.load_model(model)
    assert (found.classes, found.preprocessing) == (loaded.classes, loaded.preprocessing)
    assert found.training == training_of(model)
    assert found.w_norm == pytest.approx(np.linalg.norm(loaded.w), rel=1e-14)
    assert found.b == loaded.b
    assert (found.n_x, found.size, found.format_version) == (192, 8, 1)
    assert found.recorded_costs == 4
    assert (found.interrupted, found.weights_only) == (False, False)
    assert found.training is not None
    costs = {**loaded.test_costs, 40: found.training.test_cost}
    lowest = min(cost for cost in costs.values() if cost is not None)
    assert found.lowest_test_cost is not None
    assert found.lowest_test_cost[1] == lowest == costs[found.lowest_test_cost[0]]


def test_an_interrupted_training_is_told(model: Path, small_dataset: Path, tmp_path: Path) -> None:
    """A checkpoint has fewer iterations than were asked for."""
    path = tmp_path / "checkpoint.npz"
    catclf.train(
        small_dataset, path, catclf.Settings(iterations=40), observer=Recorder(stop_after=7)
    )
    found = of_model(path)
    assert found.interrupted
    assert found.training is not None
    assert (found.training.iterations, found.training.settings.iterations) == (7, 40)


def test_a_lowest_test_cost_before_the_end_is_found(model: Path, tmp_path: Path) -> None:
    """Where training went on for too long, it says where the test cost was lowest."""
    path = tmp_path / "long.npz"
    loaded = catclf.load_model(model)
    training = replace(training_of(model), test_cost=0.6)
    test_costs = {0: 0.7, 10: 0.5, 20: 0.4, 30: 0.55}
    save_model(path, replace(loaded, test_costs=test_costs, training=training))
    assert of_model(path).lowest_test_cost == (20, 0.4)
    save_model(path, replace(loaded, training=replace(training, test_cost=0.3)))
    assert of_model(path).lowest_test_cost == (40, 0.3)


def test_a_model_without_a_test_split_has_no_lowest_test_cost(
    noise_dataset: Path, tmp_path: Path
) -> None:
    """Nothing is said of what was not measured."""
    catclf.train(noise_dataset, tmp_path / "m.npz", catclf.Settings(iterations=3))
    assert of_model(tmp_path / "m.npz").lowest_test_cost is None


def test_a_model_that_does_not_tell_its_training_is_described(tmp_path: Path) -> None:
    """The classes and weights are told, the training is not."""
    save_model(tmp_path / "m.npz", good_model())
    found = of_model(tmp_path / "m.npz")
    assert found.classes == ("noncat", "cat")
    assert (found.training, found.interrupted, found.recorded_costs) == (None, None, 2)


def test_a_weights_only_model_tells_its_sizes(tmp_path: Path) -> None:
    """It holds w and b alone: no classes, preprocessing nor version are made up."""
    w = np.zeros(192)
    w[:2] = 3, 4
    np.savez(tmp_path / "nb.npz", w=w, b=-0.5)
    assert of_model(tmp_path / "nb.npz") == catclf.ModelInfo(
        path=str(tmp_path / "nb.npz"),
        format_version=None,
        classes=None,
        preprocessing=None,
        n_x=192,
        w_norm=5.0,
        b=-0.5,
        training=None,
        recorded_costs=0,
        lowest_test_cost=None,
    )
    assert of_model(tmp_path / "nb.npz").weights_only
    assert of_model(tmp_path / "nb.npz").size == 8


@given(scale=st.sampled_from([0.0, 5e-324, 1e-200, 1.0, 1e200, 1e306]))
def test_the_norm_is_finite_where_the_weights_are(
    tmp_path_factory: pytest.TempPathFactory, scale: float
) -> None:
    """Also where their squares are not, or vanish: sqrt(12) times the one weight."""
    path = tmp_path_factory.mktemp("norm") / "m.npz"
    np.savez(path, w=np.full(N_X, scale), b=0.0)
    assert of_model(path).w_norm == pytest.approx(np.sqrt(N_X) * scale, rel=1e-14, abs=2e-323)


# ------------------------------------------------------------------------ by content alone


def test_a_file_is_known_by_its_content(small_dataset: Path, model: Path, tmp_path: Path) -> None:
    """Whatever its name says."""
    shutil.copy(small_dataset, tmp_path / "model.npz")
    shutil.copy(model, tmp_path / "dataset.npz")
    assert of_dataset(tmp_path / "model.npz").n_x == 192
    assert of_model(tmp_path / "dataset.npz").n_x == 192


def test_a_truncated_copy_is_still_told_apart(
    small_dataset: Path, model: Path, tmp_path: Path
) -> None:
    """Half a dataset and half a model are damaged, and each is called what it was."""
    for original, kind, name in (
        (small_dataset, DatasetError, DATASET),
        (model, ModelError, MODEL),
    ):
        data = original.read_bytes()
        path = tmp_path / "half"
        path.write_bytes(data[: len(data) // 2])
        error = refusal(path, kind)
        assert "damaged" in error.what
        assert error.fix is not None
        assert error.fix.startswith(name)


def test_a_truncated_notebook_model_is_an_npz(tmp_path: Path) -> None:
    """It is no model that catclf trained."""
    np.savez(tmp_path / "nb.npz", w=np.zeros(192), b=0.0)
    data = (tmp_path / "nb.npz").read_bytes()
    (tmp_path / "nb.npz").write_bytes(data[: len(data) // 2])
    error = refusal(tmp_path / "nb.npz", ModelError)
    assert error.what == "is damaged: cut short"
    assert str(error.fix).startswith("The file is an .npz of arrays. ")


def test_what_is_neither_is_named(tmp_path: Path, small_dataset: Path) -> None:
    """An error says what info reads, and what the file is where that is known."""
    tuned, csv, array = tmp_path / "tuned.toml", tmp_path / "p.csv", tmp_path / "w.npy"
    tuned.write_text("# Chosen by catclf tune on 5 of 5 training pictures\n[train]\nlr = 0.1\n")
    write_predictions(csv, [], "cat")
    np.save(array, np.zeros(3))
    picture, empty, text = tmp_path / "a.png", tmp_path / "empty", tmp_path / "a.txt"
    Image.new("RGB", (2, 2)).save(picture)
    empty.touch()
    text.write_text("BM and P6 begin a text here")
    archive = tmp_path / "a.zip"
    shutil.make_archive(str(archive.with_suffix("")), "zip", picture.parent, picture.name)
    other_hdf5 = tmp_path / "other.h5"
    with h5py.File(other_hdf5, "w") as file:
        file["x"] = [1]
    for path, what in (
        (tuned, "is a config file, not a dataset or a model"),
        (csv, "is a CSV file of predictions, not a dataset or a model"),
        (array, "is a single array, not a dataset or a model"),
        (picture, "is a picture, not a dataset or a model"),
        (empty, "is an empty file, not a dataset or a model"),
        (text, "is a text file, not a dataset or a model"),
        (archive, "is an archive, not a dataset or a model"),
    ):
        error = refusal(path)
        assert error.what == what
        assert str(error.fix).startswith("'catclf info' reads a dataset ")
    error = refusal(other_hdf5, DatasetError)
    assert error.what == "is not a dataset that catclf prepared"
    assert str(error.fix).startswith("The file is an HDF5 file. ")


def test_a_file_to_prepare_first_is_told_so(tmp_path: Path) -> None:
    """The course's file is no dataset yet."""
    good_course(tmp_path / "the course.h5")
    error = refusal(tmp_path / "the course.h5", DatasetError)
    assert error.what == "is not a dataset that catclf prepared"
    assert str(error.fix).endswith(f"Prepare it first: catclf prepare '{tmp_path}/the course.h5'")


def test_a_pointer_of_git_lfs_is_told(tmp_path: Path) -> None:
    """The file itself is to be fetched."""
    PREPARED["git lfs pointer"](tmp_path / "a.h5")
    assert refusal(tmp_path / "a.h5").fix == "Run 'git lfs pull'."


# ----------------------------------------------------------------------------- bad files


def refused_in_few_lines(path: Path) -> CatclfError:
    """Check that a file ends in one message of two or three short lines that names it."""
    error = refusal(path)
    assert error.where is not None
    assert error.where.startswith(str(path))
    what, *fix = str(error).removeprefix(printable(error.where)).splitlines()
    assert what.startswith(": ")
    assert len(what) < 250
    assert 1 <= len(fix) <= 2
    assert all(line.isprintable() and len(line) < 200 + len(str(path)) for line in [what, *fix])
    return error


@pytest.fixture(scope="module")
def bad_datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write every bad prepared dataset, by name."""
    folder = tmp_path_factory.mktemp("prepared")
    return {case.name: case.path for case in write_cases(folder, PREPARED)}


@pytest.mark.parametrize("name", PREPARED)
def test_a_bad_dataset_is_one_clear_message(bad_datasets: dict[str, Path], name: str) -> None:
    """Every one of the corpus, and all that are still ours are called a dataset."""
    error = refused_in_few_lines(bad_datasets[name])
    if name not in ("missing", "empty file", "git lfs pointer", "course file"):
        assert isinstance(error, DatasetError)
    if name in ("a newer version", "cut in the middle", "columns never written", "a label of 2"):
        assert str(error.fix).startswith(DATASET)


@pytest.mark.parametrize("name", COURSE)
def test_a_bad_course_file_is_one_clear_message(tmp_path: Path, name: str) -> None:
    """None is taken for a dataset, and nothing that it points at is opened."""
    [case] = write_cases(tmp_path, {name: COURSE[name]})
    refused_in_few_lines(case.path)


@pytest.fixture(scope="module")
def bad_model_files(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """Write every bad model."""
    return bad_models(tmp_path_factory.mktemp("models"))


def test_every_bad_model_is_one_clear_message(bad_model_files: list[Case]) -> None:
    """Every one of the corpus, the folders, pipes and devices in a model's place too."""
    assert len(bad_model_files) >= 180
    for case in bad_model_files:
        refused_in_few_lines(case.path)


@pytest.mark.parametrize(
    "name", ["cut-at-50-percent", "flipped-weight", "newer-version", "nan-in-w", "costs-missing"]
)
def test_a_damaged_model_is_called_a_model(bad_model_files: list[Case], name: str) -> None:
    """As long as its record can be found."""
    [path] = [case.path for case in bad_model_files if case.name == name]
    assert str(refusal(path, ModelError).fix).startswith(MODEL)


@given(
    start=st.sampled_from(
        [b"", b"PK\x03\x04", b"PK\x05\x06", b"\x89HDF\r\n\x1a\n", b"# Chosen by catclf tune"]
    ),
    rest=st.binary(max_size=300),
)
def test_any_bytes_are_refused(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes
) -> None:
    """Whatever they begin with."""
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(start + rest)
    refused_in_few_lines(path)
