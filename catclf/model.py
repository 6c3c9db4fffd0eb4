"""The model: w, b and all that is needed to apply them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catclf.errors import SettingsError
from catclf.features import Preprocessing, column, column_and_evidence
from catclf.logistic import Array, Labels, activation, by_class, dot
from catclf.neighbors import Neighbors
from catclf.training import Training

if TYPE_CHECKING:
    from catclf.pictures.reading import Picture

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class Model:
    """Weights, bias, and how to apply them.

    Parameters
    ----------
    w
        Weights (n_x, k), for columns divided by 255: of one neuron for two classes, else of one a
        class.
    b
        Biases (k, 1).
    classes
        In the order of their labels; of two the first is the negative, the second the positive.
    preprocessing
        How a picture becomes a column.
    training
        How it was trained; None where the file does not tell.
    neighbors
        Some of the columns it was trained on, where they are a backbone's.
    weights_only
        Whether its file holds w and b alone: classes and preprocessing are then assumed.
    path
        The file it was read from; None where it was not.
    """

    w: Array
    b: Array
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    training: Training | None = None
    neighbors: Neighbors | None = None
    weights_only: bool = False
    path: str | None = None

    @property
    def w_norm(self) -> float:
        """The Euclidean norm of w: finite, though the squares of its entries may not be."""
        largest = float(np.abs(self.w).max())
        scaled = self._w_of_each / (largest or 1)
        return largest * float(np.sqrt(sum(dot(w_i, w_i) for w_i in scaled)))

    @cached_property
    def _w_of_each(self) -> Array:
        """The weights of each neuron, (k, n_x)."""
        return np.ascontiguousarray(self.w.T)

    def logits(self, columns: NDArray[np.uint8]) -> Array:
        """Return the logits Z (k, m) of the columns of X given as rows (m, n_x) uint8.

        One column at a time, in one order: a picture's probability then does not depend, in its
        last bits, on the other columns, nor on the number of threads.
        """
        Z = np.empty((len(self.b), len(columns)))
        for z, column_of_X in zip(Z.T, columns, strict=True):
            x = column_of_X / 255
            z[:] = [dot(w_i, x) for w_i in self._w_of_each]
        return Z + self.b

    def probabilities(self, columns: NDArray[np.uint8]) -> Array:
        """Return the probabilities (m, classes) of the columns of X given as rows (m, n_x)."""
        return by_class(activation(self.logits(columns))).T

    def evidence(self, image: Picture, class_name: str | None = None) -> Array:
        """Return what each place of a picture adds to a logit, beside b.

        Parameters
        ----------
        image
            As for `predict_proba`.
        class_name
            Of more than two classes, the one whose logit; None for the class predicted. Of two
            there is one logit, and what is above 0 speaks for the positive class.

        Returns
        -------
        numpy.ndarray
            In rows and columns of the picture as the model sees it: of pixels 8 x 8 blocks, of a
            backbone the places of its map. All of them add up to the logit less b; what is above 0
            speaks for the class.

        Raises
        ------
        PictureError
            Where the picture cannot be read.
        CatclfError
            Where onnxruntime, which a model of a backbone needs, is not there.
        ValueError
            Where the features have no places: hog-color, and a backbone whose output is no map; and
            for a `class_name` of two classes, or that is none of more.
        """
        from catclf.pictures.reading import pixels_of

        if class_name is not None and (len(self.b) == 1 or class_name not in self.classes):
            what = "class_name must be None for two classes, for more one of `classes`"
            raise ValueError(f"{what}, got {class_name!r}")
        return evidence_for(self, pixels_of(image, self.preprocessing), class_name)[1]

    def predict_proba(self, images: Picture | Iterable[Picture]) -> Array:
        """Return the probabilities (m, classes) of m pictures, columns in the order of `classes`.

        scikit-learn's metrics sort the names of classes: give them labels as indices of `classes`.

        Parameters
        ----------
        images
            One picture, or an iterable of them: a path, a PIL image, an array (h, w, 3) uint8, or
            a binary stream that holds a picture file.

        Returns
        -------
        numpy.ndarray
            float64; a row sums to 1.

        Raises
        ------
        PictureError
            Where a picture cannot be read.
        CatclfError
            Where onnxruntime, which a model of a backbone needs, is not there.
        TypeError, ValueError
            For what is no picture, and for an array of another shape or type.
        """
        # A model can be trained and evaluated without Pillow.
        from catclf.pictures.reading import one_or_many, pixels_of

        found = [
            self.probabilities(column(pixels_of(image, self.preprocessing), self.preprocessing))
            for image in one_or_many(images)
        ]
        return np.concatenate([np.empty((0, len(self.classes))), *found])

    def __repr__(self) -> str:
        preprocessing = self.preprocessing
        if self.training is not None:
            how = (
                f"{self.training.iterations} iterations of {self.training.method} "
                f"on {self.training.train_examples} pictures"
            )
        else:
            how = "weights only" if self.weights_only else "not told how it was trained"
        classes = f"of {len(self.classes)} classes"
        if len(self.classes) == 2:
            classes = " or ".join(map(repr, self.classes))
        return f"<Model {classes}: size {preprocessing.size}, n_x {preprocessing.n_x}, {how}>"

    def _repr_html_(self) -> str:
        from catclf.notebook import model_html  # here, for others to start without

        return model_html(self)


def evidence_for(
    model: Model, pixels: NDArray[np.uint8], class_name: str | None = None
) -> tuple[NDArray[np.uint8], Array]:
    """Return the transposed column of a picture (size, size, 3), and its `Model.evidence`."""
    x, evidence = column_and_evidence(pixels, model.preprocessing, model.w)  # of every neuron
    if len(model.b) == 1:
        return x, evidence[0]
    if class_name is None:
        return x, evidence[predicted_labels(model.probabilities(x))[0]]
    return x, evidence[model.classes.index(class_name)]


def refuse_threshold(threshold: float, classes: Sequence[str]) -> None:
    """Raise SettingsError for a threshold with more than two classes."""
    if threshold != DEFAULT_THRESHOLD and len(classes) > 2:
        what = f"a threshold is for two classes, and these are {len(classes)}"
        fix = "Leave out `threshold`: the most probable class is predicted."
        raise SettingsError(what, fix=fix)


def predicted_labels(probabilities: Array, threshold: float = DEFAULT_THRESHOLD) -> Labels:
    """Return the labels (m,) predicted, given the probabilities (m, classes).

    Of two classes the positive one where its probability is above the threshold; of more the one
    with the highest probability, the first where several have it.
    """
    if probabilities.shape[1] == 2:
        predicted: Labels = (probabilities[:, 1] > threshold).astype(np.uint8)
    else:
        predicted = np.argmax(probabilities, axis=1).astype(np.uint16)
    return predicted
