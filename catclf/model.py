"""The model: w, b and all that is needed to apply them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catclf.features import column
from catclf.logistic import Array, sigmoid
from catclf.pictures.preprocessing import Preprocessing
from catclf.training_record import TrainingRecord

if TYPE_CHECKING:
    from catclf.pictures.reading import Picture

__all__ = ["WEIGHTS_ONLY_CLASSES", "Model"]

WEIGHTS_ONLY_CLASSES = ("class 0", "class 1")


@dataclass(frozen=True)
class Model:
    """Weights, bias, and how to apply them.

    Parameters
    ----------
    w
        Weights (n_x, 1), for columns divided by 255.
    b
        Bias.
    classes
        (negative, positive): the class at index 0 has label 0.
    preprocessing
        How a picture becomes a column.
    training
        How it was trained; None where the file does not tell.
    costs, test_costs
        The recorded costs on both splits, by iteration.
    state
        What a resumed run needs besides w and b.
    weights_only
        Whether its file holds w and b alone: classes and preprocessing are then assumed.
    """

    w: Array
    b: float
    classes: tuple[str, str]
    preprocessing: Preprocessing
    training: TrainingRecord | None = None
    costs: dict[int, float] = field(default_factory=dict, repr=False)
    test_costs: dict[int, float] = field(default_factory=dict, repr=False)
    state: dict[str, Array] = field(default_factory=dict, repr=False)
    weights_only: bool = False

    @property
    def positive(self) -> str:
        """The class whose probability is reported."""
        return self.classes[1]

    def cost_curves(self) -> tuple[dict[int, float], dict[int, float]]:
        """Return the costs of the train and the test split by iteration, the final ones too.

        They are the recorded ones, and what the training ended with; empty where the file does
        not tell.
        """
        train, test = dict(self.costs), dict(self.test_costs)
        if self.training is not None:
            train[self.training.iterations] = self.training.cost
            if self.training.test_cost is not None:
                test[self.training.iterations] = self.training.test_cost
        return train, test

    def logits(self, columns: NDArray[np.uint8]) -> Array:
        """Return the logits (m,) of the columns of X given as rows (m, n_x) uint8.

        One column at a time: a picture's probability then does not depend, in its last bits, on
        the other columns.
        """
        w = self.w[:, 0]
        return np.array([np.dot(w, x / 255) + self.b for x in columns])

    def probability(self, pixels: NDArray[np.uint8]) -> float:
        """Return the probability of the positive class of one picture (size, size, 3)."""
        return float(sigmoid(self.logits(column(pixels, self.preprocessing)))[0])

    def predict_proba(self, images: Picture | Iterable[Picture]) -> Array:
        """Return the probabilities (k, 2) of k pictures, columns in the order of `classes`.

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
        TypeError, ValueError
            For what is no picture, and for an array of another shape or type.
        """
        # A model can be trained and evaluated without Pillow.
        from catclf.pictures.reading import one_or_many, pixels_of

        pixels = (pixels_of(image, self.preprocessing) for image in one_or_many(images))
        positive = np.array([self.probability(picture) for picture in pixels], dtype=np.float64)
        return np.column_stack([1 - positive, positive])

    def __repr__(self) -> str:
        preprocessing = self.preprocessing
        if self.training is not None:
            how = (
                f"{self.training.iterations} iterations of {self.training.method} "
                f"on {self.training.train_examples} pictures"
            )
        else:
            how = "weights only" if self.weights_only else "not told how it was trained"
        return (
            f"<Model {self.classes[0]!r} or {self.classes[1]!r}: size {preprocessing.size}, "
            f"n_x {preprocessing.n_x}, {how}>"
        )
