"""What `evaluate` does: predictions held against the labels of a dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catclf.columns import BLOCK_EXAMPLES, ORDERS, Order, blocks
from catclf.dataset import Dataset, Split, open_dataset
from catclf.errors import AnyPath, DatasetError
from catclf.files import FileKind
from catclf.logistic import Array, activation, by_class, loss_of
from catclf.metrics import (
    area_under_curve,
    class_scores,
    class_shares,
    confusion,
    constant_log_loss,
    mean_of,
)
from catclf.model import DEFAULT_THRESHOLD, Model, predicted_labels, refuse_threshold
from catclf.model_file import completed, read_model, unrolled
from catclf.neighbors import Neighbors
from catclf.operations.compatibility import other_data, refuse_mismatch
from catclf.operations.evaluation import Evaluation
from catclf.operations.prediction_table import write_predictions
from catclf.outputs import check_output
from catclf.splits import SplitName
from catclf.uncertainty import balanced_interval, wilson_interval


def evaluate(
    dataset: AnyPath,
    model: AnyPath | Model,
    *,
    split: SplitName = "test",
    threshold: float = DEFAULT_THRESHOLD,
    order: Order | None = None,
    classes: Sequence[str] | None = None,
    predictions: AnyPath | None = None,
    force: bool = False,
) -> Evaluation:
    """Evaluate a model on a split of a prepared dataset.

    Parameters
    ----------
    dataset
        The prepared dataset file.
    model
        A model, or its file.
    split
        Which split.
    threshold
        Of two classes, a picture is predicted positive where the probability of the positive class
        is above this.
    order, classes
        Only for a weights-only file; see `catclf.load_model`. Where `order` is None both orders
        are evaluated, and the result is that of the lower log loss.
    predictions
        A CSV file to write, with every picture's label, prediction, probabilities and loss.
    force
        Let a file at `predictions` that is no such CSV file be replaced.

    Returns
    -------
    Evaluation
        Accuracy and its interval, confusion matrix, AUC and log loss, what constant predictions
        reach, each picture's prediction, and which are unlike the training pictures.

    Raises
    ------
    DatasetError, ModelError
        Where a file cannot be used, the split is empty, or the two do not fit together.
    SettingsError
        For a threshold with more than two classes, or not as many `classes` as the file tells
        apart.
    CatclfError
        Where `predictions` cannot be written, is the dataset or the model, or is a file of
        another kind.
    ValueError
        For a `split` that is neither.
    """
    path = path_of(model)
    if predictions is not None:
        inputs = [dataset] if path is None else [dataset, path]
        check_output(predictions, FileKind.PREDICTIONS, inputs, force=force)
    candidates = read_candidates(model, order, classes)
    with open_dataset(dataset) as opened:
        _, best = evaluate_candidates(opened, candidates, split, threshold)
    best = replace(best, model=path)
    if predictions is not None:
        write_predictions(predictions, best.predictions(), best.classes)
    return best


def path_of(model: AnyPath | Model) -> str | None:
    """Return a model's file as it is named; None of one from memory."""
    return None if isinstance(model, Model) else os.fspath(model)


def read_candidates(
    model: AnyPath | Model, order: Order | None = None, classes: Sequence[str] | None = None
) -> list[Model]:
    """Return a model; a weights-only one whose order is not given, by each of ORDERS."""
    if isinstance(model, Model):
        return [model]
    found = read_model(model)
    if found.weights_only and order is None:
        return [unrolled(found, each, classes) for each in ORDERS]
    return [completed(found, model, order, classes)]


def evaluate_candidates(
    dataset: Dataset,
    candidates: list[Model],
    split: SplitName,
    threshold: float = DEFAULT_THRESHOLD,
) -> tuple[Model, Evaluation]:
    """Return the one of `read_candidates` with the lowest log loss on a split, and its evaluation.

    DatasetError where the split is empty, or the dataset and the model do not fit together.
    """
    refuse_mismatch(dataset, candidates[0])
    refuse_threshold(threshold, dataset.classes)
    found = evaluate_models(dataset, candidates, split, threshold)
    losses = [evaluation.log_loss for evaluation in found]
    best = losses.index(min(losses))
    orders: dict[Order, float] = {}
    if len(found) > 1:
        orders = dict(sorted(zip(ORDERS, losses, strict=True), key=lambda item: item[1]))
    chosen = candidates[best]
    trained_on = other_data(dataset, chosen)
    evaluation = replace(found[best], other_data=trained_on, order_log_losses=orders)
    if chosen.neighbors is not None and split == "test":
        similarities = _similarities(dataset.test, chosen.neighbors)
        evaluation = replace(evaluation, similarities=similarities, floor=chosen.neighbors.floor)
    return chosen, evaluation


def evaluate_models(
    dataset: Dataset, models: list[Model], split: SplitName, threshold: float = DEFAULT_THRESHOLD
) -> list[Evaluation]:
    """Evaluate models on a split of an open dataset, which is read once; see `evaluate`."""
    if split not in ("train", "test"):
        raise ValueError(f"split must be train or test, got {split!r}")
    chosen: Split = dataset.test if split == "test" else dataset.train
    if chosen.m == 0:
        fix = (
            "Prepare it from more pictures, or with a larger `test_split`, or evaluate the `split` "
            "train."
        )
        raise DatasetError(f"its {split} split is empty", dataset.path, fix)
    by_block = [
        [model.logits(block) for model in models]
        for _, block in blocks(chosen.columns, BLOCK_EXAMPLES)
    ]
    logits = [np.concatenate(parts, axis=1) for parts in zip(*by_block, strict=True)]
    return [
        _evaluation(dataset, model, split, chosen, Z, threshold)
        for model, Z in zip(models, logits, strict=True)
    ]


def _evaluation(
    dataset: Dataset, model: Model, split: SplitName, chosen: Split, Z: Array, threshold: float
) -> Evaluation:
    n_classes = len(dataset.classes)
    [losses] = loss_of("cross-entropy", len(Z)).value(Z, chosen.Y)
    probabilities = by_class(activation(Z)).T
    predicted = predicted_labels(probabilities, threshold)
    counts = confusion(chosen.labels, predicted, n_classes)
    shares = class_shares(chosen.labels, n_classes)
    aucs = [area_under_curve(*each) for each in zip(chosen.Y, class_scores(Z), strict=True)]
    if n_classes == 2:  # the other class's is the same
        aucs *= 2
    return Evaluation(
        dataset=dataset.path,
        model=None,
        split=split,
        classes=dataset.classes,
        threshold=threshold,
        confusion=counts,
        interval=wilson_interval(counts.correct, counts.total),
        balanced_interval=balanced_interval(counts),
        majority_rate=float(shares.max()),
        constant_log_loss=constant_log_loss(shares),
        auc=mean_of(aucs),
        aucs=aucs,
        log_loss=float(losses.mean()),
        also_in_train=chosen.also_in_train,
        features=dataset.preprocessing.features_name,
        class_weight="none" if model.training is None else model.training.settings.class_weight,
        names=chosen.names,
        labels=chosen.labels,
        probabilities=probabilities,
        losses=losses,
    )


def _similarities(split: Split, neighbors: Neighbors) -> Array:
    """Return how like the training pictures each picture of a split (m,) is."""
    found = (neighbors.similarities(block) for _, block in blocks(split.columns, BLOCK_EXAMPLES))
    return np.concatenate(list(found))
