"""A model from Python: the probabilities of pictures, and how results are shown."""

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

import catclf
from catclf import PictureError, Search
from catclf.errors import CatclfError, ModelError, printable
from catclf.features import Preprocessing
from catclf.logistic import CLASS_WEIGHTS, sigmoid
from catclf.model import Model, load_model, save_model
from catclf.operations.evaluation import evaluate
from catclf.operations.prediction import predict
from catclf.operations.preparation import prepare
from catclf.pictures.reading import read_picture
from catclf.training import Settings, Training
from command_line import run
from conftest import positive_probability
from corpus.models import bad_models, good_arrays, good_model, loads_or_refuses
from corpus.npz import N_X, SIZE, npz


def test_probabilities_of_both_classes_are_those_that_predict_gives(
    small_pictures: Path,
) -> None:
    """Columns in the order of the classes, a row a picture, bit for bit; rows sum to 1."""
    w = np.random.default_rng(0).normal(size=(192, 1))
    model = Model(w, 0.25, ("noncat", "cat"), Preprocessing(size=8))
    paths = sorted(small_pictures.rglob("*.png"))
    probabilities = model.predict_proba(paths)
    assert probabilities.shape == (len(paths), 2)
    assert probabilities.dtype == np.float64
    assert (probabilities.sum(axis=1) == 1).all()
    answers = predict(paths, model)
    assert [list((answer.probabilities or {}).items()) for answer in answers] == [
        list(zip(model.classes, row, strict=True)) for row in probabilities.tolist()
    ]
    with Image.open(paths[0]) as image:
        for one in (paths[0], str(paths[0]), image, np.asarray(image), [image]):
            np.testing.assert_array_equal(model.predict_proba(one), probabilities[:1])


@given(b=st.floats(-800, 800))
def test_both_probabilities_sum_to_1(b: float) -> None:
    """Exactly, however sure the model is."""
    model = Model(np.zeros((3, 1)), b, ("a", "b"), Preprocessing(size=1))
    assert model.predict_proba(np.zeros((1, 1, 3), np.uint8)).sum() == 1


def test_no_pictures_have_no_probabilities() -> None:
    """An empty iterable gives no rows of two columns."""
    model = Model(np.zeros((3, 1)), 0.0, ("a", "b"), Preprocessing(size=1))
    assert model.predict_proba([]).shape == (0, 2)


@pytest.mark.parametrize(
    ("image", "error"),
    [("missing.png", PictureError), (1, TypeError), (np.zeros((2, 2)), ValueError)],
)
def test_a_picture_that_has_no_probability_is_an_error(image: Any, error: type[Exception]) -> None:
    """There is no row for it, and none is left out in silence."""
    model = Model(np.zeros((3, 1)), 0.0, ("a", "b"), Preprocessing(size=1))
    for images in (image, [image]):
        with pytest.raises(error):
            model.predict_proba(images)


def test_a_model_is_shown_in_a_line() -> None:
    """Its classes, its size and how it came to be, and no array."""
    w = np.zeros((12288, 1))
    model = Model(w, 0.0, ("noncat", "cat"), Preprocessing())
    shown = "<Model 'noncat' or 'cat': size 64, n_x 12288, "
    assert repr(model) == shown + "not told how it was trained>"
    assert repr(replace(model, weights_only=True)) == shown + "weights only>"
    training = Training("catclf", "d.h5", "0", 18, 6, "gram", Settings(), 20, 0.5)
    trained = replace(model, training=training)
    assert repr(trained) == shown + "20 iterations of gram on 18 pictures>"
    assert "\x1b" not in repr(replace(model, classes=("\x1b[31m", "a")))


def test_no_result_shows_its_arrays(small_dataset: Path, tmp_path: Path) -> None:
    """What a verb returns is read at a glance in an interactive session."""
    trained = catclf.train(small_dataset, tmp_path / "m.npz", Settings(iterations=5))
    tuned = catclf.tune(small_dataset, Search(iterations=5, folds=2))
    with catclf.open_dataset(small_dataset) as dataset:
        for result in (trained, trained.model, trained.test, tuned, dataset, dataset.train):
            assert len(repr(result)) < 1500
            assert "array" not in repr(result).lower()
        assert repr(dataset.train) == "<Split: m 18, n_x 192>"


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
        Training,
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
    record: Training | None,
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
    training = Training("catclf", "d.h5", "0", 2, 0, "gram", Settings(), 1, float("nan"))
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


def notebook(X: NDArray[np.float64], Y: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Train as the course's notebook does, statement by statement."""
    m = X.shape[1]
    w, b = np.zeros((X.shape[0], 1)), 0.0
    for _ in range(50):
        A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
        dw = np.dot(X, (A - Y).T) / m
        db = np.sum(A - Y) / m
        w = w - 0.05 * dw
        b = b - 0.05 * db
    return w, b


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], NDArray[np.uint8]]:
    """Make 10 noisy 8x8 pictures, whose left half is red (5) or blue: their order matters."""
    folder = tmp_path_factory.mktemp("lesson")
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 160, (10, 8, 8, 3), dtype=np.uint8)
    pictures[:5, :, :4, 0] += 90
    pictures[5:, :, :4, 2] += 90
    paths = [folder / f"{i}.png" for i in range(10)]
    for path, pixels in zip(paths, pictures, strict=True):
        Image.fromarray(pixels).save(path)
    return paths, pictures


@pytest.mark.parametrize("order", ["planes", "interleaved"])
def test_a_notebooks_weights_predict_what_the_notebook_does(
    order: Any, lesson: tuple[list[Path], NDArray[np.uint8]], tmp_path: Path
) -> None:
    """np.savez(path, w=w, b=b) gives the notebook's probabilities, in either order."""
    paths, pictures = lesson
    if order == "interleaved":
        X = pictures.reshape(10, -1).T / 255
    else:
        X = pictures.transpose(0, 3, 1, 2).reshape(10, -1).T / 255
    w, b = notebook(X, np.array([[1.0] * 5 + [0.0] * 5]))
    expected = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
    path = tmp_path / "notebook.npz"
    np.savez(path, w=w, b=b)

    right = load_model(path, order)
    answers = np.array([positive_probability(answer) for answer in predict(paths, right)])
    np.testing.assert_allclose(answers, expected[0], rtol=1e-12)

    wrong = load_model(path, "planes" if order == "interleaved" else "interleaved")
    others = np.array([positive_probability(answer) for answer in predict(paths, wrong)])
    assert np.abs(others - expected[0]).max() > 0.01


def test_what_is_assumed_of_a_weights_only_model_is_said(tmp_path: Path) -> None:
    """Size, fit, scaling, order and classes; --order and --classes say otherwise."""
    path = tmp_path / "weights_only.npz"
    np.savez(path, w=np.zeros((3 * 8 * 8, 1)), b=0.0)
    model = load_model(path, "planes")
    assert model.preprocessing == Preprocessing(size=8)
    assert model.classes == ("class 0", "class 1")
    assert model.weights_only
    assert load_model(path, "interleaved").weights_only
    picture = tmp_path / "p.png"
    Image.new("RGB", (8, 8)).save(picture)
    told = run("predict", "-m", path, "--order", "planes", picture).stderr
    for word in ("8x8", "squashed", "255", "planes", "class 1"):
        assert word in told
    words = ["--order", "interleaved", "--classes", "dog,cat"]
    told = run("predict", "-m", path, *words, picture).stderr
    assert "dog or cat" in told
    assert "interleaved" in told


def test_an_order_is_required(tmp_path: Path) -> None:
    """Assumed, it would be wrong for every other notebook; the error says how to find out."""
    path, picture = tmp_path / "weights_only.npz", tmp_path / "p.png"
    np.savez(path, w=np.zeros((3 * 8 * 8, 1)), b=0.0)
    Image.new("RGB", (8, 8)).save(picture)
    with pytest.raises(ModelError, match="does not tell how its pictures were unrolled"):
        load_model(path)
    ended = run("predict", "-m", path, picture)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Give its --order: interleaved for X.reshape(m, -1).T" in ended.stderr
    assert "'catclf evaluate' tries both" in ended.stderr


@pytest.mark.parametrize("order", ["planes", "interleaved"])
def test_evaluate_finds_the_order(
    order: Any, lesson: tuple[list[Path], NDArray[np.uint8]], tmp_path: Path
) -> None:
    """It evaluates both, shows the one that fits, and says what to type."""
    paths, pictures = lesson
    unrolled = pictures if order == "interleaved" else pictures.transpose(0, 3, 1, 2)
    w, b = notebook(unrolled.reshape(10, -1).T / 255, np.array([[1.0] * 5 + [0.0] * 5]))
    np.savez(tmp_path / "notebook.npz", w=w, b=b)
    table = "file,label\n" + "".join(f"{p},{'ab'[i < 5]}\n" for i, p in enumerate(paths))
    (tmp_path / "pictures.csv").write_text(table)
    data = tmp_path / "d.h5"
    prepare([tmp_path / "pictures.csv"], data, preprocessing=Preprocessing(size=8), test_split=0.5)
    found = evaluate(data, tmp_path / "notebook.npz", split="train")
    assert next(iter(found.order_log_losses)) == order
    assert set(found.order_log_losses) == {"planes", "interleaved"}
    assert found.log_loss == found.order_log_losses[order]
    assert found.accuracy == 1
    known = evaluate(data, tmp_path / "notebook.npz", split="train", order=order)
    assert known.probabilities.tolist() == found.probabilities.tolist()
    shown = run("evaluate", data, "-m", tmp_path / "notebook.npz", "--split", "train").stdout
    assert f"By these labels the order {order} fits better (log loss " in shown
    assert f"To predict, use --order {order}." in shown


@pytest.mark.parametrize("shape", [(N_X,), (N_X, 1), (1, N_X)])
@pytest.mark.parametrize("dtype", ["f2", "<f4", ">f4", "<f8", ">f8", "i1", "u8"])
def test_weights_of_any_real_type_and_layout(
    shape: tuple[int, ...], dtype: str, tmp_path: Path
) -> None:
    """However a notebook kept its weights, they become w (n_x, 1) float64 of the same values."""
    path = tmp_path / "weights_only.npz"
    np.savez(path, w=np.arange(N_X).astype(dtype).reshape(shape), b=np.array([[2]], dtype))
    model = load_model(path, "planes")
    assert model.w.shape == (N_X, 1)
    assert model.w.dtype == np.dtype("=f8")
    assert model.w[:, 0].tolist() == list(range(N_X))
    assert model.b == 2.0


def test_an_order_is_only_for_weights_only_models(tmp_path: Path) -> None:
    """A model that records its order is not read in another."""
    saved = tmp_path / "model.npz"
    save_model(saved, good_model())
    with pytest.raises(ModelError, match="Leave out `order`"):
        load_model(saved, "interleaved")
    with pytest.raises(ModelError, match="Leave out `classes`"):
        load_model(saved, classes=("a", "b"))
