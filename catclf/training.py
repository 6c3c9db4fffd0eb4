"""What one training is asked to do."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from math import isfinite

from catclf.logistic import CLASS_WEIGHTS, LOSSES, ClassWeight, LossName


@dataclass(frozen=True)
class Settings:
    """What one training is asked to do.

    Parameters
    ----------
    learning_rate
        The lecture's alpha: above 0.
    iterations
        How many updates of w and b.
    l2
        LAMBDA of the penalty ``LAMBDA / 2 * |w|^2`` added to the cost: at least 0.
    loss
        A name in `catclf.logistic.LOSSES`.
    every
        Iterations between two recorded costs.
    class_weight
        ``none``, or ``balanced``: both classes count half in the cost, however many examples each
        has; see `catclf.logistic.example_weights`.

    Raises
    ------
    ValueError
        For a value out of its range.
    """

    learning_rate: float = 0.005
    iterations: int = 2000
    l2: float = 0.0
    loss: LossName = "cross-entropy"
    every: int = 100
    class_weight: ClassWeight = "none"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not (math.isfinite(self.l2) and self.l2 >= 0):
            raise ValueError(f"l2 must be at least 0, got {self.l2}")
        if self.iterations < 1 or self.every < 1:
            raise ValueError("iterations and every must be at least 1")
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")
        if self.class_weight not in CLASS_WEIGHTS:
            raise ValueError(
                f"class_weight must be one of {', '.join(CLASS_WEIGHTS)}, got {self.class_weight!r}"
            )


@dataclass(frozen=True)
class TrainingRecord:
    """What a model tells of its training.

    Parameters
    ----------
    created_by
        The program and its version.
    dataset, digest
        The dataset's file as it was named, and the digest of its train split.
    train_examples, test_examples
        How many pictures its splits hold.
    method
        A name in `catclf.descent.METHODS`.
    settings
        What was asked.
    iterations
        How many were made; fewer than asked for where it was stopped.
    cost, test_cost
        The final costs on both splits, in nats; that of the test split is None where it was not
        measured.
    train_accuracy, test_accuracy
        Shares; None where they were not measured.
    kernel
        A name in `catclf.descent.KERNELS`, of streaming; None for the other methods.
    """

    created_by: str
    dataset: str
    digest: str
    train_examples: int
    test_examples: int
    method: str
    settings: Settings
    iterations: int
    cost: float
    test_cost: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    kernel: str | None = None

    def to_record(self) -> dict[str, object]:
        """Return it as tables that JSON can hold."""
        return {
            "created_by": self.created_by,
            "dataset": {
                "name": self.dataset,
                "digest": self.digest,
                "train": self.train_examples,
                "test": self.test_examples,
            },
            "settings": {"method": self.method, "kernel": self.kernel, **asdict(self.settings)},
            "results": {
                "iterations": self.iterations,
                "cost": self.cost,
                "test_cost": self.test_cost,
                "train_accuracy": self.train_accuracy,
                "test_accuracy": self.test_accuracy,
            },
        }

    @classmethod
    def from_record(cls, record: dict[str, object]) -> TrainingRecord | None:
        """Return what `to_record` wrote; None where it is not there or makes no sense."""
        dataset, settings, results = (
            table if isinstance(table := record.get(name), dict) else {}
            for name in ("dataset", "settings", "results")
        )
        try:
            return cls(
                created_by=_text(record["created_by"]),
                dataset=_text(dataset.get("name", "")),
                digest=_text(dataset["digest"]),
                train_examples=_count(dataset["train"]),
                test_examples=_count(dataset["test"]),
                method=_text(settings["method"]),
                settings=Settings(
                    learning_rate=_number(settings["learning_rate"]),
                    iterations=_count(settings["iterations"]),
                    l2=_number(settings["l2"]),
                    loss=_text(settings["loss"]),  # type: ignore[arg-type]  # Settings checks it
                    every=_count(settings["every"]),
                    # catclf 0.1 knew no other.
                    class_weight=_text(settings.get("class_weight", "none")),  # type: ignore[arg-type]
                ),
                iterations=_count(results["iterations"]),
                cost=_number(results["cost"]),
                test_cost=_number_or_none(results.get("test_cost")),
                train_accuracy=_fraction(results.get("train_accuracy")),
                test_accuracy=_fraction(results.get("test_accuracy")),
                kernel=_kernel(settings),
            )
        except (KeyError, ValueError, OverflowError):
            return None


def _kernel(settings: dict[str, object]) -> str | None:
    if "kernel" in settings:
        return None if settings["kernel"] is None else _text(settings["kernel"])
    return "numpy" if settings["method"] == "streaming" else None  # catclf 0.1 knew no other


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ValueError
    return float(value)


def _number_or_none(value: object) -> float | None:
    return None if value is None else _number(value)


def _fraction(value: object) -> float | None:
    if value is not None and not 0 <= _number(value) <= 1:
        raise ValueError
    return _number_or_none(value)
