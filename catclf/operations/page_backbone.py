"""What the page of a backbone's model holds besides: network, training pictures, and evidence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from catclf.dataset import Dataset
from catclf.efficientnet import stored_weights
from catclf.errors import CatclfError, PictureError
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.operations.page_names import names_below
from catclf.operations.page_pictures import jpegs
from catclf.page import encoded
from catclf.pictures.reading import read_picture

# Of the neighbors' pictures together, so that a page of few classes stays below 7 MB; of 500 of
# noise, of 64 x 64 pixels, those of the last quality have less, and photographs those of the first.
JPEG_BYTES = 660_000
PUT_BACK = "Put the files back as they were prepared, or prepare again."


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
        "pictures": jpegs(dataset, dataset.train, neighbors.rows.tolist(), JPEG_BYTES)
        if has_pictures(dataset, model)
        else None,
        "floor": neighbors.floor,
    }


def has_pictures(dataset: Dataset, model: Model) -> bool:
    """Tell whether a dataset holds the pictures of a model's neighbors: it was trained on it."""
    neighbors, training = model.neighbors, model.training
    if neighbors is None or training is None or training.digest != dataset.digest:
        return False
    # Whatever a model's file says, a dataset has no rows beyond its last.
    return int(neighbors.rows.max()) < dataset.train.m


def evidence_of_file(
    name: str, column: NDArray[np.uint8], model: Model
) -> NDArray[np.float64] | CatclfError | None:
    """Return what each place of a picture adds to ``w.T x``, (k, height, width), by its file.

    That is the one it is named after. An error, which says why, where it has none, or that does not
    give the stored `column` (1, n_x), or the network does not run; None where the network's output
    is no map.
    """
    backbone = model.preprocessing.backbone
    if backbone is None or backbone.places is None:
        return None
    if _is_share(name):
        what = "they lie on another machine, which a report does not ask"
        return CatclfError(what, name, "Copy them here, and prepare again.")
    if re.search(r"\[\d+\]$", name):
        what = "pictures of an array have no files of their own"
        return CatclfError(what, name, "Prepare from picture files to see it.")
    try:
        pixels = read_picture(name, model.preprocessing)
        found, by_neuron = backbone.column_and_evidence(pixels, model.w)
    except PictureError as error:
        return PictureError(error.what, name, PUT_BACK)
    except CatclfError as error:
        return error
    if not np.array_equal(found, column):
        return PictureError("the file is not what was prepared", name, PUT_BACK)
    return by_neuron


def _is_share(name: str) -> bool:
    r"""Tell whether a name is of another machine, ``\\host``: a dataset does not make us ask it."""
    return re.match(r"[/\\]{2}", name) is not None


def missing_evidence(errors: Iterable[CatclfError], shown: int) -> list[str]:
    """Return for each kind of error a sentence, of how many of the pictures `shown`, and its fix.

    Without what stands in brackets, as a machine's paths may: the page is handed on.
    """
    kinds = Counter((re.sub(r" \(.*", "", error.what), error.fix) for error in errors)
    return [
        f"the evidence of {count} of the {shown} test pictures shown is left out: {what}. {fix}"
        for (what, fix), count in kinds.items()
    ]
