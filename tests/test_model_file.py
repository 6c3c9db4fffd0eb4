"""catclf.model: a model is an .npz anyone can open, and nothing in it is trusted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from catclf.errors import CatclfError, ModelError, printable
from catclf.logistic import CLASS_WEIGHTS, sigmoid
from catclf.model import Model
from catclf.model_file import load_model, save_model
from catclf.pictures.preprocessing import Preprocessing
from catclf.pictures.reading import read_picture
from catclf.settings import Settings
from catclf.training_record import TrainingRecord
from corpus.models import bad_models, good_arrays, good_model, loads_or_refuses
from corpus.npz import N_X, SIZE, npz

CORPUS = 183  # bad models at the least


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name a file for the examples of one property after the other."""
    return tmp_path_factory.mktemp("scratch") / "model.npz"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Save the small good model."""
    path = tmp_path / "model.npz"
    save_model(path, good_model())
    return path


# ------------------------------------------------------------------------ a file for anyone


def test_numpy_alone_opens_a_model(saved: Path) -> None:
    """np.load without pickles gives w (n_x, 1), b, the costs, and a record in JSON."""
    with np.load(saved, allow_pickle=False) as arrays:
        assert arrays["w"].shape == (N_X, 1)
        assert arrays["w"].dtype == np.float64
        np.testing.assert_array_equal(arrays["w"], good_model().w)
        assert arrays["b"].shape == ()
        assert float(arrays["b"]) == 0.25
        assert dict(zip(arrays["iterations"], arrays["costs"], strict=True)) == {0: 0.7, 100: 0.6}
        record = json.loads(str(arrays["record"]))
    assert record["format"] == "catclf-model"
    assert record["version"] == 1
    assert record["classes"] == ["noncat", "cat"]
    assert record["preprocessing"] == Preprocessing(size=SIZE).to_record()


def test_numpy_computes_the_same_probability(saved: Path, tmp_path: Path) -> None:
    """Three lines of numpy on w and b, as in the README, give what `catclf predict` gives."""
    pixels = np.random.default_rng(3).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    picture = tmp_path / "picture.png"
    Image.fromarray(pixels).save(picture)
    with np.load(saved) as arrays:
        x = pixels.transpose(2, 0, 1).reshape(-1, 1) / 255
        expected = 1 / (1 + np.exp(-(arrays["w"].T @ x + arrays["b"])))
    model = load_model(saved)
    assert model.probability(read_picture(picture, model.preprocessing)) == pytest.approx(
        expected.item(), rel=1e-14
    )


texts = st.text(max_size=20)
finite = st.floats(-1e6, 1e6)
counts = st.integers(0, 2**60)


@given(
    w=hnp.arrays(np.float64, (N_X, 1), elements=finite),
    b=finite,
    classes=st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=2, unique=True),
    fit=st.sampled_from(["squash", "crop", "pad"]),
    record=st.none()
    | st.builds(
        TrainingRecord,
        created_by=texts,
        dataset=texts,
        digest=texts,
        train_examples=counts,
        test_examples=counts,
        method=texts,
        settings=st.builds(
            Settings,
            learning_rate=st.floats(1e-9, 1e6),
            iterations=counts.map(lambda count: count + 1),
            class_weight=st.sampled_from(CLASS_WEIGHTS),
        ),
        iterations=counts,
        cost=finite,
        test_cost=st.none() | finite,
        train_accuracy=st.none() | st.floats(0, 1),
        test_accuracy=st.none() | st.floats(0, 1),
    ),
    costs=st.dictionaries(st.integers(0, 10**9), finite, max_size=5),
    state=st.dictionaries(
        st.sampled_from(["c", "u"]), hnp.arrays(np.float64, (3, 1), elements=finite)
    ),
)
def test_a_model_is_read_as_it_was_saved(
    scratch: Path,
    w: NDArray[np.float64],
    b: float,
    classes: list[str],
    fit: Any,
    record: TrainingRecord | None,
    costs: dict[int, float],
    state: dict[str, NDArray[np.float64]],
) -> None:
    """Saving and loading change nothing, bit for bit."""
    tested = dict(list(costs.items())[len(costs) // 2 :])
    preprocessing = Preprocessing(size=SIZE, fit=fit)
    model = Model(w, b, (classes[0], classes[1]), preprocessing, record, costs, tested, state)
    save_model(scratch, model)
    again = load_model(scratch)
    np.testing.assert_array_equal(again.w, w)
    assert again.b == b
    assert again.classes == model.classes
    assert again.preprocessing == model.preprocessing
    assert again.training == record
    assert again.costs == costs
    assert list(again.costs) == list(costs)
    assert list(again.test_costs.items()) == list(tested.items())
    assert again.state.keys() == state.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(again.state[name], array)
    assert not again.weights_only


def test_a_record_that_is_no_json_is_not_saved(saved: Path) -> None:
    """What could not be read again is not written, and the old model stays."""
    before = saved.read_bytes()
    training = TrainingRecord("catclf", "d.h5", "0", 2, 0, "gram", Settings(), 1, float("nan"))
    model = replace(good_model(), training=training)
    with pytest.raises(ValueError, match="JSON"):
        save_model(saved, model)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def test_a_future_catclf_may_add_arrays(tmp_path: Path) -> None:
    """Arrays that this version does not know are skipped."""
    path = tmp_path / "model.npz"
    path.write_bytes(npz(**good_arrays(), extra=np.arange(5)))
    assert load_model(path).classes == ("noncat", "cat")


def test_the_probability_of_a_column_is_independent_of_its_company() -> None:
    """A picture has the same logit, to the last bit, alone and among others."""
    rng = np.random.default_rng(0)
    model = Model(rng.normal(size=(3 * 64 * 64, 1)), 0.1, ("a", "b"), Preprocessing())
    columns = rng.integers(0, 256, (7, 3 * 64 * 64), dtype=np.uint8)
    together = model.logits(columns)
    assert [model.logits(columns[i : i + 1])[0] for i in range(7)] == together.tolist()
    pixels = columns[3].reshape(3, 64, 64).transpose(1, 2, 0)
    assert model.probability(pixels) == float(sigmoid(together)[3])


# ------------------------------------------------------------------------ files not to be trusted


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    """Write the bad models."""
    cases = bad_models(tmp_path_factory.mktemp("bad"))
    return [(case.name, case.path) for case in cases]


def test_every_bad_model_is_refused_in_few_words(corpus: list[tuple[str, Path]]) -> None:
    """A ModelError of two lines that names the file; never a word of numpy's, nor its memory.

    numpy advises for a damaged file to load it with allow_pickle=True: that would run it.
    """
    assert len(corpus) >= CORPUS
    assert len({name for name, _ in corpus}) == len(corpus)
    wrong = {}
    for name, path in corpus:
        tracemalloc.start()
        try:
            load_model(path)
            wrong[name] = "accepted"
        except ModelError as error:
            text = str(error)
            where = printable(path)
            if not text.startswith(f"{where}: "):
                wrong[name] = f"does not name the file: {text}"
            text = text.removeprefix(where)
            if len(text) > 300 or len(text.split("\n")) != 2 or "\x1b" in text:
                wrong[name] = f"is not short: {text}"
            if "pickle=" in text or "Unpickl" in text:
                wrong[name] = f"advises to unpickle: {text}"
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        if peak > 16 * 2**20:
            wrong[name] = f"takes {peak / 2**20:.0f} MiB"
    assert not wrong


def test_no_bad_model_leaks_a_descriptor(corpus: list[tuple[str, Path]]) -> None:
    """Refusing a file closes it."""
    probe = os.open(os.devnull, os.O_RDONLY)
    os.close(probe)
    for _, path in corpus:
        with pytest.raises(ModelError):
            load_model(path)
    again = os.open(os.devnull, os.O_RDONLY)
    os.close(again)
    assert again == probe


def test_a_refused_model_is_quiet_on_stderr(corpus: list[tuple[str, Path]]) -> None:
    """No warning, no 'Exception ignored', whichever the bad file."""
    script = (
        "import sys\n"
        "from catclf import ModelError, load_model\n"
        "for path in sys.stdin.read().split('|'):\n"
        "    try: load_model(path)\n"
        "    except ModelError: pass\n"
    )
    paths = "|".join(str(path) for _, path in corpus)
    ended = subprocess.run(
        [sys.executable, "-W", "always", "-X", "dev", "-c", script],
        input=paths,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("missing", "Run 'catclf train' first, or check the path."),
        ("lfs-pointer", "Run 'git lfs pull'."),
        ("newer-version", "Update catclf"),
        ("foreign-format", "is not a model of catclf"),
        ("one-array", "np.savez(path, w=w, b=b)"),
        ("hdf5", "is an HDF5 file, not a model"),
        ("encrypted", "is encrypted"),
        ("pickled-w", "w is a pickle, which could run anything"),
        ("folder-named-model", "a folder, not a file"),
        ("flipped-weight", "is damaged"),
        ("w-twice", "holds one name twice"),
        ("honest-bomb", "claims more than 256 MiB"),
        ("nan-in-w", "w holds nan or infinity"),
        ("no-b", "holds no b"),
        ("preprocessing-of-the-future", "'rotation'"),
    ],
)
def test_the_message_says_what_is_wrong(
    corpus: list[tuple[str, Path]], case: str, said: str
) -> None:
    """Who fetched a pointer, named a folder or runs an old catclf is told just that."""
    with pytest.raises(ModelError) as caught:
        load_model(dict(corpus)[case])
    assert said in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(key=st.sampled_from(["format", "version", "classes", "preprocessing"]), value=json_values)
def test_any_record_is_a_model_or_a_model_error(scratch: Path, key: str, value: object) -> None:
    """A record may say anything."""
    record = json.loads(str(good_arrays()["record"]))
    arrays = {**good_arrays(), "record": np.array(json.dumps({**record, key: value}))}
    scratch.write_bytes(npz(**arrays))
    loads_or_refuses(scratch)


@given(
    w=hnp.arrays(
        hnp.scalar_dtypes() | hnp.array_dtypes(), hnp.array_shapes(min_dims=0, max_side=12)
    ),
    b=hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_side=2)),
)
def test_any_arrays_are_a_model_or_a_model_error(
    scratch: Path, w: NDArray[Any], b: NDArray[Any]
) -> None:
    """Weights and bias may be of any type and shape."""
    scratch.write_bytes(npz(w=w, b=b))
    loads_or_refuses(scratch)


def test_a_model_of_the_largest_size_is_read(tmp_path: Path) -> None:
    """1024x1024 pixels, the most that prepare makes, are within the bounds."""
    n_x = 3 * 1024 * 1024
    model = Model(np.ones((n_x, 1)), 0.5, ("a", "b"), Preprocessing(size=1024))
    path = tmp_path / "large.npz"
    save_model(path, model)
    assert load_model(path).w.size == n_x


def test_saving_to_a_folder_is_an_error_with_its_name(tmp_path: Path) -> None:
    """An output that cannot be one is refused before anything is written."""
    with pytest.raises(CatclfError, match="a folder, not a file"):
        save_model(tmp_path, good_model())
