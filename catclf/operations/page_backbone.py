"""What the page of a backbone's model holds besides: network, training pictures, and evidence."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from catclf.dataset import Dataset
from catclf.efficientnet import stored_weights
from catclf.errors import CatclfError
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.neighbors import Neighbors
from catclf.operations.shown_names import names_below
from catclf.page import encoded
from catclf.pictures.jpeg import encode_jpeg
from catclf.pictures.reading import read_picture


def network_data(preprocessing: Preprocessing) -> dict[str, object] | None:
    """Return the network that we bring, as network.js reads it; None of another, or of none.

    Weights are whole numbers, 3.3 million of 8 bits, with a scale for each output. CatclfError
    where onnx is not installed.
    """
    backbone = preprocessing.backbone
    if backbone is None or not backbone.is_efficientnet_lite0:
        return None
    levels, scales, biases = stored_weights(backbone.network)
    return {
        "shapes": [each.shape[:3] for each in levels],
        "levels": encoded(np.concatenate(levels, axis=None)),
        "scales": encoded(np.concatenate(scales)),
        "biases": encoded(np.concatenate(biases)),
    }


def neighbors_data(dataset: Dataset, model: Model) -> dict[str, object] | None:
    """Return the neighbors that a model keeps, as neighbors.js reads them, or None.

    Their pictures are there where the dataset is the one that the model was trained on.
    """
    neighbors = model.neighbors
    if neighbors is None:
        return None
    return {
        "columns": encoded(neighbors.columns),
        "labels": encoded(neighbors.labels),
        "names": names_below(neighbors.names, (*dataset.train.names, *dataset.test.names)),
        "pictures": _jpegs(dataset, neighbors) if has_pictures(dataset, model) else None,
        "floor": neighbors.floor,
    }


def has_pictures(dataset: Dataset, model: Model) -> bool:
    """Tell whether a dataset holds the pictures of a model's neighbors: it was trained on it."""
    neighbors, training = model.neighbors, model.training
    if neighbors is None or training is None or training.digest != dataset.digest:
        return False
    # Whatever a model's file says, a dataset has no rows beyond its last.
    return int(neighbors.rows.max()) < dataset.train.m


def _jpegs(dataset: Dataset, neighbors: Neighbors) -> list[str]:
    """Return their pictures in base64."""
    size = dataset.preprocessing.kept_size
    planes = (dataset.train.pixels[int(row)].reshape(3, size, size) for row in neighbors.rows)
    return [base64.b64encode(encode_jpeg(each.transpose(1, 2, 0))).decode() for each in planes]


def evidence_of_file(
    name: str, column: NDArray[np.uint8], model: Model
) -> NDArray[np.float64] | None:
    """Return what each place of a picture adds to ``w.T x``, by the file that it is named after.

    None where that is no longer there, does not give the stored `column` (1, n_x), or the network
    does not run; and where its output is no map.
    """
    backbone = model.preprocessing.backbone
    if backbone is None or backbone.places is None or _is_share(name):
        return None
    try:
        pixels = read_picture(name, model.preprocessing)
        found, evidence = backbone.column_and_evidence(pixels, model.w)
        return evidence if np.array_equal(found, column) else None
    except CatclfError:
        return None


def _is_share(name: str) -> bool:
    r"""Tell whether a name is of another machine, ``\\host``: a dataset does not make us ask it."""
    return not name[:2].strip("/\\")
