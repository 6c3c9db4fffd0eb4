"""Evaluation: a model held against labels, and nothing made to look better than it is."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catclf
from catclf.dataset import NewSplit, open_dataset, write_dataset
from catclf.errors import CatclfError, DatasetError, printable
from catclf.features import Preprocessing
from catclf.logistic import sigmoid
from catclf.metrics import confusion, mcnemar_p, wilson_interval
from catclf.model import Model, save_model
from catclf.operations.evaluation import (
    Evaluation,
    LabeledPrediction,
    compare,
    evaluate,
    evaluate_split,
    write_predictions,
)
from catclf.operations.prediction import Prediction, predict
from command_line import run
from conftest import positive_probability

SIZE = 8
N_X = 3 * SIZE * SIZE


@pytest.fixture(scope="module")
def model() -> Model:
    """Return a model whose weights are small and random: some answers are wrong."""
    w = np.random.default_rng(5).normal(size=(N_X, 1)) / 10
    return Model(w, 0.01, ("noncat", "cat"), Preprocessing(size=SIZE))


def make_dataset(
    path: Path,
    labels: list[int],
    classes: tuple[str, str] = ("noncat", "cat"),
    names: list[str] | None = None,
    columns: np.ndarray[tuple[int, int], np.dtype[np.uint8]] | None = None,
) -> Path:
    """Write a dataset whose test split has these labels, and random columns unless given."""
    m = len(labels)
    if columns is None:
        columns = np.random.default_rng(2).integers(0, 256, (m, N_X), dtype=np.uint8)
    test = NewSplit([columns], np.array(labels, np.uint8), names or [f"{i}.png" for i in range(m)])
    train = NewSplit([np.zeros((2, N_X), np.uint8)], np.array([0, 1], np.uint8), ["a.png", "b.png"])
    write_dataset(path, classes, Preprocessing(size=SIZE), train, test)
    return path


@contextmanager
def raises(said: str) -> Iterator[None]:
    """Expect a DatasetError."""
    with pytest.raises(DatasetError) as caught:
        yield
    assert said in str(caught.value)


def test_results_are_those_counted_by_hand(small_dataset: Path, model: Model) -> None:
    """Counts, rates, AUC and log loss agree with loops over the pictures."""
    result = evaluate(small_dataset, model)
    with open_dataset(small_dataset) as dataset:
        x, y = dataset.test.X / 255, dataset.test.labels
    m = y.size
    a = [float(1 / (1 + np.exp(-(model.w[:, 0] @ x[:, i] + model.b)))) for i in range(m)]
    np.testing.assert_allclose(result.probabilities, a, rtol=1e-12)
    outcomes = [(int(a[i] > 0.5), int(y[i])) for i in range(m)]
    assert dataclasses.asdict(result.confusion) == {
        "true_positives": outcomes.count((1, 1)),
        "false_positives": outcomes.count((1, 0)),
        "false_negatives": outcomes.count((0, 1)),
        "true_negatives": outcomes.count((0, 0)),
    }
    assert result.accuracy == sum(said == is_ for said, is_ in outcomes) / m
    assert result.interval == wilson_interval(result.confusion.correct, m)
    assert result.majority_rate == max(y.mean(), 1 - y.mean())
    losses = [-np.log(a[i]) if y[i] else -np.log(1 - a[i]) for i in range(m)]
    np.testing.assert_allclose(result.losses, losses, rtol=1e-12)
    assert result.log_loss == pytest.approx(np.mean(losses), rel=1e-12)
    pairs = [(a[i] > a[j]) for i in range(m) if y[i] for j in range(m) if not y[j]]
    assert result.auc == pytest.approx(np.mean(pairs), rel=1e-12)


def test_a_picture_predicted_by_file_has_its_columns_probability(
    small_dataset: Path, model: Model
) -> None:
    """Training, evaluation and prediction see one and the same picture, to the last bit."""
    for split in ("train", "test"):
        result = evaluate(small_dataset, model, split=split)
        by_file = [positive_probability(answer) for answer in predict(result.names, model)]
        assert by_file == result.probabilities.tolist()


def test_a_model_file_and_a_model_evaluate_alike(
    small_dataset: Path, model: Model, tmp_path: Path
) -> None:
    """`model` may be the file."""
    save_model(tmp_path / "model.npz", model)
    by_file = evaluate(small_dataset, tmp_path / "model.npz")
    assert by_file.probabilities.tolist() == evaluate(small_dataset, model).probabilities.tolist()


@given(threshold=st.floats(0, 1))
def test_counts_follow_the_threshold(small_dataset: Path, model: Model, threshold: float) -> None:
    """The higher the threshold, the fewer positives; probabilities and AUC stay."""
    usual, moved = (
        evaluate(small_dataset, model),
        evaluate(small_dataset, model, threshold=threshold),
    )
    said = moved.confusion.true_positives + moved.confusion.false_positives
    assert said == np.count_nonzero(moved.probabilities > threshold)
    assert moved.confusion.total == usual.confusion.total
    assert (moved.auc, moved.log_loss) == (usual.auc, usual.log_loss)


def test_rows_tell_each_picture_in_order(small_dataset: Path, model: Model) -> None:
    """A row is a picture: its name, both classes by name, its probability and its loss."""
    result = evaluate(small_dataset, model, split="train")
    rows = list(result.predictions())
    assert [row.name for row in rows] == result.names
    assert [row.probability for row in rows] == result.probabilities.tolist()
    for row in rows:
        assert Path(row.name).parent.name == row.label
        assert row.predicted == ("cat" if row.probability > 0.5 else "noncat")


def test_the_worst_are_the_most_confidently_wrong(small_dataset: Path, model: Model) -> None:
    """Only wrong pictures are named, in falling order of their loss."""
    result = evaluate(small_dataset, model, split="train")
    worst = result.worst(100)
    assert len(worst) == result.confusion.total - result.confusion.correct > 1
    assert all(row.label != row.predicted for row in worst)
    assert [row.loss for row in worst] == sorted((row.loss for row in worst), reverse=True)
    assert result.worst(1) == worst[:1]
    assert result.worst(0) == []


def test_an_absent_class_has_no_auc(tmp_path: Path, model: Model) -> None:
    """What is not defined is None, never a number."""
    result = evaluate(make_dataset(tmp_path / "d.h5", [0, 0, 0]), model)
    assert result.auc is None
    assert result.confusion.recall is None
    assert result.majority_rate == 1


def test_saturated_probabilities_keep_finite_losses_and_ranks(tmp_path: Path) -> None:
    """Where probabilities round to 0 and 1, losses and AUC come from the logits."""
    columns = np.zeros((4, N_X), np.uint8)
    columns[:, 0] = (0, 64, 128, 255)
    w = np.zeros((N_X, 1))
    w[0] = 4000
    sharp = Model(w, 50.0, ("noncat", "cat"), Preprocessing(size=SIZE))
    result = evaluate(make_dataset(tmp_path / "d.h5", [0, 0, 1, 1], columns=columns), sharp)
    assert result.probabilities.tolist() == [1.0] * 4
    assert result.auc == 1
    np.testing.assert_allclose(result.losses, [50, 50 + 4000 * 64 / 255, 0, 0], atol=1e-300)


def test_evaluation_in_blocks_is_evaluation_at_once(tmp_path: Path, model: Model) -> None:
    """Many pictures are read a block at a time; no answer depends on the block."""
    labels = ([0, 1] * 300)[:577]
    path = make_dataset(tmp_path / "d.h5", labels)
    result = evaluate(path, model)
    with open_dataset(path) as dataset:
        at_once = sigmoid(model.logits(dataset.test.columns[:]))
    assert result.probabilities.tolist() == at_once.tolist()


def test_an_empty_split_says_how_to_go_on(tmp_path: Path, model: Model) -> None:
    """Without test pictures the message names the train split."""
    path = make_dataset(tmp_path / "d.h5", [])
    with raises("evaluate the `split` train"):
        evaluate(path, model)
    assert evaluate(path, model, split="train").confusion.total == 2


def test_a_dataset_prepared_otherwise_is_refused(
    small_dataset: Path, tmp_path: Path, model: Model
) -> None:
    """A model meets only pictures made as those it was trained on, and its own classes."""
    other_fit = dataclasses.replace(model, preprocessing=Preprocessing(size=SIZE, fit="crop"))
    with raises("crop"):
        evaluate(small_dataset, other_fit)
    w = np.zeros((3 * 4 * 4, 1))
    with raises("the model's pictures with size 4"):
        evaluate(small_dataset, Model(w, 0.0, ("noncat", "cat"), Preprocessing(size=4)))
    with raises("dog"):
        evaluate(small_dataset, dataclasses.replace(model, classes=("noncat", "dog")))
    with raises("cat"):  # turned about
        evaluate(small_dataset, dataclasses.replace(model, classes=("cat", "noncat")))


def test_a_weights_only_model_takes_the_datasets_classes(
    small_dataset: Path, tmp_path: Path, model: Model
) -> None:
    """A notebook's w and b are evaluated on pictures of their size, by the dataset's names."""
    np.savez(tmp_path / "weights_only.npz", w=model.w, b=model.b)
    result = evaluate(small_dataset, tmp_path / "weights_only.npz", order="planes")
    assert result.classes == ("noncat", "cat")
    assert result.probabilities.tolist() == evaluate(small_dataset, model).probabilities.tolist()
    np.savez(tmp_path / "other.npz", w=np.zeros(3 * 4 * 4), b=0)
    with raises("the model's pictures with size 4"):
        evaluate(small_dataset, tmp_path / "other.npz")


def test_leaks_are_counted(tmp_path: Path, model: Model, small_pictures: Path) -> None:
    """How many of the test pictures the train split holds too is part of the result."""
    for split in ("train", "test"):
        for name in ("cat", "noncat"):
            (tmp_path / "pets" / split / name).mkdir(parents=True)
    for split, numbers in (("train", (0, 1, 2)), ("test", (2, 3))):
        for name in ("cat", "noncat"):
            for number in numbers:
                picture = (small_pictures / name / f"{number:02}.png").read_bytes()
                (tmp_path / "pets" / split / name / f"{number}.png").write_bytes(picture)
    path = tmp_path / "d.h5"
    catclf.prepare([tmp_path / "pets"], path, preprocessing=Preprocessing(size=SIZE))
    assert evaluate(path, model).also_in_train == 2
    assert evaluate(path, model, split="train").also_in_train == 0


def read_csv(path: Path) -> list[list[str]]:
    """Read a CSV file."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def test_predictions_are_written_exactly(small_dataset: Path, model: Model, tmp_path: Path) -> None:
    """The CSV has a header and a line a picture; its numbers read back to the same bits."""
    result = evaluate(small_dataset, model)
    write_predictions(tmp_path / "p.csv", result.predictions(), result.classes[1])
    header, *lines = read_csv(tmp_path / "p.csv")
    assert header == ["file", "label", "predicted", "positive", "probability", "loss"]
    assert [
        [row.name, row.label, row.predicted, result.classes[1]] for row in result.predictions()
    ] == [line[:4] for line in lines]
    assert [float(line[4]) for line in lines] == result.probabilities.tolist()
    assert [float(line[5]) for line in lines] == result.losses.tolist()


def test_names_of_any_bytes_are_one_line_of_the_csv(tmp_path: Path, model: Model) -> None:
    """Newlines, escapes and bytes that are no UTF-8 in names are escaped."""
    names = ["a\nb\x1b[31m.png", 'quote",comma.png', os.fsdecode(b"caf\xe9.png"), "猫.png"]
    path = make_dataset(tmp_path / "d.h5", [0, 1, 0, 1], names=names)
    with open_dataset(path) as dataset:
        result = evaluate_split(dataset, model, "test")
    result = dataclasses.replace(result, classes=("no\ncat", os.fsdecode(b"ca\xff")))
    write_predictions(tmp_path / "p.csv", result.predictions(), result.classes[1])
    assert len((tmp_path / "p.csv").read_text(encoding="utf-8").splitlines()) == 5
    lines = read_csv(tmp_path / "p.csv")[1:]
    assert [line[0] for line in lines] == [
        "a\\nb\\x1b[31m.png",
        'quote",comma.png',
        "caf\\udce9.png",
        "猫.png",
    ]
    assert {line[1] for line in lines} == {"no\\ncat", "ca\\udcff"}


def test_predictions_replace_only_when_they_are_whole(
    small_dataset: Path, model: Model, tmp_path: Path
) -> None:
    """Where they cannot be written it is an error, and what was there stays."""
    folder = tmp_path / "p.csv"
    folder.mkdir()
    with pytest.raises(CatclfError, match="a folder, not a file"):
        write_predictions(folder, evaluate(small_dataset, model).predictions(), "cat")
    assert os.listdir(tmp_path) == ["p.csv"]


def test_other_data_is_told(small_dataset: Path, small_pictures: Path, tmp_path: Path) -> None:
    """Evaluating a model on another dataset than it was trained on is allowed, and said."""
    path = tmp_path / "model.npz"
    catclf.train(small_dataset, path, catclf.Settings(iterations=5))
    assert evaluate(small_dataset, path).other_data is None
    other = tmp_path / "other.h5"
    catclf.prepare([small_pictures], other, preprocessing=Preprocessing(size=SIZE), seed=5)
    assert evaluate(other, path).other_data == str(small_dataset)
    shown = run("evaluate", other, "-m", path).stdout
    assert f"warning: the model was trained on other data: {small_dataset}\n" in shown


@pytest.mark.parametrize(
    ("right", "total", "positives", "surely"),
    [(19, 20, 10, True), (15, 20, 10, True), (14, 20, 10, False), (19, 20, 19, False)],
)
def test_surely_better_means_the_whole_interval(
    right: int, total: int, positives: int, surely: bool, tmp_path: Path, model: Model
) -> None:
    """14 of 20 might be chance where half are cats, 15 not; 19 of 20 are nothing where 19 are."""
    labels = [1] * positives + [0] * (total - positives)
    path = make_dataset(tmp_path / "d.h5", labels)
    found = evaluate(path, model)
    probabilities = np.array(labels, dtype=np.float64)
    probabilities[right:] = 1 - probabilities[right:]
    counts = confusion(found.labels, (probabilities > 0.5).astype(np.uint8))
    told = dataclasses.replace(
        found,
        confusion=counts,
        interval=wilson_interval(counts.correct, counts.total),
        probabilities=probabilities,
    )
    assert told.accuracy == right / total
    assert told.surely_better == surely


def test_another_split_is_refused(small_dataset: Path, model: Model) -> None:
    """Not taken for the train split."""
    with pytest.raises(ValueError, match="split must be train or test, got 'val'"):
        evaluate(small_dataset, model, split="val")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def evaluation(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Evaluate a model that was trained a little, on the train split."""
    path = tmp_path_factory.mktemp("compared") / "model.npz"
    catclf.train(small_dataset, path, catclf.Settings(iterations=20))
    return catclf.evaluate(small_dataset, path, split="train")


def turned(evaluation: Evaluation, indices: list[int]) -> Evaluation:
    """Return an evaluation whose answers at some pictures are the other ones."""
    probabilities = evaluation.probabilities.copy()
    probabilities[indices] = 1 - probabilities[indices]
    return replace(evaluation, probabilities=probabilities)


def test_each_picture_that_one_gets_right_alone_is_counted(evaluation: Evaluation) -> None:
    """Turning answers makes right ones wrong and wrong ones right, one by one."""
    right = np.flatnonzero(evaluation.right).tolist()
    wrong = np.flatnonzero(~evaluation.right).tolist()
    other = turned(evaluation, right[:5] + wrong[:2])
    compared = compare(evaluation, other)
    assert (compared.only_first, compared.only_second) == (5, len(wrong[:2]))
    assert compared.p_value == mcnemar_p(5, len(wrong[:2]))
    assert compare(other, evaluation).only_second == 5


def test_a_model_is_no_better_than_itself(evaluation: Evaluation) -> None:
    """No difference, and no significance."""
    compared = compare(evaluation, evaluation)
    assert (compared.only_first, compared.only_second, compared.p_value) == (0, 0, 1)
    assert not compared.significant


def test_all_wrong_is_significantly_worse(evaluation: Evaluation) -> None:
    """Eighteen answers turned are no chance."""
    compared = compare(evaluation, turned(evaluation, [*range(18)]))
    assert compared.significant == (compared.p_value < 0.05)
    assert compared.only_first == int(evaluation.right.sum())


def test_other_pictures_are_refused(evaluation: Evaluation) -> None:
    """The test is one of pairs."""
    with pytest.raises(ValueError, match="of the same pictures"):
        compare(evaluation, replace(evaluation, names=evaluation.names[::-1]))


HEADER = "file,label,predicted,positive,probability,loss\n"
SURE = LabeledPrediction("a/1.png", "cat", "cat", 0.75, 0.2876820724517809)
WRONG = LabeledPrediction("a/2.png", "noncat", "cat", 0.5000001, 0.69314738)

shares = st.floats(0, 1)
labeled_predictions = st.builds(
    LabeledPrediction, st.text(), st.text(), st.text(), shares, st.floats(0, allow_nan=False)
)


def rows(path: Path) -> list[dict[str, str]]:
    """Read a table as any other program does."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_line_a_picture_in_the_order_given(tmp_path: Path) -> None:
    """The class that the probability is of stands in every line."""
    path = tmp_path / "p.csv"
    write_predictions(path, [WRONG, SURE], "cat")
    assert path.read_bytes().decode() == (
        HEADER
        + "a/2.png,noncat,cat,cat,0.5000001,0.69314738\n"
        + "a/1.png,cat,cat,cat,0.75,0.2876820724517809\n"
    )


def test_without_pictures_there_is_the_header(tmp_path: Path) -> None:
    """An empty split makes a table of no lines, which a reader reads all the same."""
    write_predictions(tmp_path / "p.csv", [], "cat")
    assert (tmp_path / "p.csv").read_text(encoding="utf-8") == HEADER


@given(predictions=st.lists(labeled_predictions, max_size=5), positive=st.text())
def test_any_predictions_are_read_back(
    predictions: list[LabeledPrediction],
    positive: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """One line each, whatever their names hold; numbers are the same to the last bit."""
    path = tmp_path_factory.getbasetemp() / "any-predictions.csv"
    write_predictions(path, predictions, positive)
    read = rows(path)
    assert len(path.read_bytes().splitlines()) == 1 + len(read) == 1 + len(predictions)
    for row, prediction in zip(read, predictions, strict=True):
        names = (prediction.name, prediction.label, prediction.predicted, positive)
        told = (row["file"], row["label"], row["predicted"], row["positive"])
        assert told == tuple(map(printable, names))
        assert float(row["probability"]) == prediction.probability
        assert float(row["loss"]) == prediction.loss


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ('a,"b".png', 'a,"b".png'),
        ("a\nb.png", r"a\nb.png"),
        ("\x1b[31m.png", r"\x1b[31m.png"),
        (os.fsdecode(b"\xff.png"), r"\udcff.png"),
        ("\U0001f600.png", "\U0001f600.png"),
    ],
    ids=["quotes", "newline", "escape", "not UTF-8", "emoji"],
)
def test_a_name_breaks_no_line(name: str, told: str, tmp_path: Path) -> None:
    """Quoted where CSV needs it, its control characters escaped."""
    write_predictions(tmp_path / "p.csv", [LabeledPrediction(name, "cat", "cat", 1, 0)], "cat")
    assert [row["file"] for row in rows(tmp_path / "p.csv")] == [told]


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where the predictions end in an error, an older table stays, and nothing lies beside it."""
    path = tmp_path / "p.csv"
    write_predictions(path, [SURE], "cat")
    before = path.read_bytes()

    def broken() -> Iterator[LabeledPrediction]:
        yield WRONG
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_predictions(path, broken(), "cat")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["p.csv"]


def test_where_no_table_can_be_written_the_error_is_ours(tmp_path: Path) -> None:
    """A folder stands there: CatclfError names it."""
    with pytest.raises(CatclfError) as raised:
        write_predictions(tmp_path, [SURE], "cat")
    assert raised.value.where == str(tmp_path)


def test_a_prediction_has_no_error_unless_one_is_given() -> None:
    """A picture that was read needs no more than its name, class and probabilities."""
    prediction = Prediction("-", "noncat", {"noncat": 0.75, "cat": 0.25})
    assert prediction.error is None


@pytest.mark.parametrize(
    ("predicted", "confidence"), [("noncat", 0.75), ("cat", 0.25), (None, None)]
)
def test_confidence_is_the_probability_of_the_class_predicted(
    predicted: str | None, confidence: float | None
) -> None:
    """Whichever it is: the threshold decides the class, and may choose the less probable one."""
    probabilities = None if predicted is None else {"noncat": 0.75, "cat": 0.25}
    assert Prediction("-", predicted, probabilities).confidence == confidence
