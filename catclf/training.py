"""A training: what it was asked to do, what it did, and what a resumed one needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from math import inf, isfinite, nan
from typing import Any

from catclf.fields import MAX_COUNT, check_ranges, ranged
from catclf.logistic import CLASS_WEIGHTS, LOSSES, Array, ClassWeight, LossName

DEFAULT_RATE = 0.005
DECIMAL_COST = 1e6
_RESULTS = ("iterations", "cost", "test_log_loss", "train_accuracy", "test_accuracy")


@dataclass(frozen=True)
class Settings:
    """What a training is asked to do.

    Parameters
    ----------
    learning_rate
        The lecture's alpha: above 0. None for 0.005 and, where the cost then overflows or is above
        its first after 1000 iterations, the highest rate at which it cannot rise.
    iterations
        How many updates of w and b.
    l2
        LAMBDA of the penalty ``LAMBDA / 2 * |w|^2`` added to the cost: at least 0.
    loss
        ``cross-entropy``, or of two classes ``squared-error``.
    every
        Iterations between two recorded costs.
    class_weight
        ``none``, or ``balanced``: all classes count alike in the cost, however many examples each
        has.

    Raises
    ------
    ValueError
        For a value out of its range.
    """

    learning_rate: float | None = ranged(None, above=0, unit="RATE")
    iterations: int = ranged(2000, whole=True, least=1, most=MAX_COUNT, unit="N")
    l2: float = ranged(0.0, least=0, unit="LAMBDA")
    loss: LossName = ranged("cross-entropy", choices=LOSSES)
    every: int = ranged(100, whole=True, least=1, most=MAX_COUNT, unit="N")
    class_weight: ClassWeight = ranged("none", choices=CLASS_WEIGHTS)

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def rate(self) -> float:
        """The learning rate, the default one where it is None."""
        return DEFAULT_RATE if self.learning_rate is None else self.learning_rate

    def resolved(self) -> Settings:
        """Return the same settings, the learning rate as the number it is."""
        return replace(self, learning_rate=self.rate)


@dataclass(frozen=True, eq=False)
class Training:
    """What was asked, what was done, and what a resumed run needs besides w and b.

    Parameters
    ----------
    settings
        What was asked.
    method, kernel
        How the iterations were computed; `kernel` is ``numpy`` or ``numba`` of streaming, else
        None.
    dataset, digest
        The dataset's file as it was named, and the digest of its train split.
    train_examples, test_examples
        How many pictures its splits hold.
    created_by
        The program and its version.
    iterations
        How many updates were made; fewer than asked for where it was stopped.
    costs, test_log_losses
        The recorded costs on the train split, penalty and class weights included, and the log
        losses on the test split, which are the mean cross-entropy whatever the settings. In nats,
        by the iteration before which they were computed.
    cost, test_log_loss
        Those of w and b as they are; that of the test split is None where it was not computed.
    train_accuracy, test_accuracy
        Fractions; None where they were not measured.
    state
        What the method needs to go on exactly here.
    """

    settings: Settings
    method: str = ""
    kernel: str | None = None
    dataset: str = ""
    digest: str = ""
    train_examples: int = 0
    test_examples: int = 0
    created_by: str = ""
    iterations: int = 0
    costs: dict[int, float] = field(default_factory=dict, repr=False)
    test_log_losses: dict[int, float] = field(default_factory=dict, repr=False)
    cost: float = nan
    test_log_loss: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    state: dict[str, Array] = field(default_factory=dict, repr=False)

    @property
    def interrupted(self) -> bool:
        """Whether fewer iterations were made than asked for."""
        return self.iterations < self.settings.iterations

    def curves(self) -> tuple[dict[int, float], dict[int, float]]:
        """Return the costs and the test log losses by iteration, the final ones too."""
        costs, log_losses = {**self.costs, self.iterations: self.cost}, dict(self.test_log_losses)
        if self.test_log_loss is not None:
            log_losses[self.iterations] = self.test_log_loss
        return costs, log_losses

    @property
    def lowest_test_log_loss(self) -> tuple[int, float] | None:
        """After which iteration the test log loss was lowest, of those recorded, and that loss.

        None where there are none, or not from the beginning.
        """
        _, log_losses = self.curves()
        if 0 not in log_losses:
            return None
        return min(log_losses.items(), key=lambda at: at[1], default=None)

    def to_record(self) -> dict[str, object]:
        """Return all but the costs along the way and the state, as tables that JSON can hold."""
        return {
            "created_by": self.created_by,
            "dataset": {
                "name": self.dataset,
                "digest": self.digest,
                "train": self.train_examples,
                "test": self.test_examples,
            },
            "settings": {"method": self.method, "kernel": self.kernel, **asdict(self.settings)},
            "results": {name: getattr(self, name) for name in _RESULTS},
        }

    @classmethod
    def from_record(cls, record: dict[str, object]) -> Training | None:
        """Return what `to_record` wrote; None where it is not there or makes no sense."""
        dataset, settings, results = (
            table if isinstance(table := record.get(name), dict) else {}
            for name in ("dataset", "settings", "results")
        )
        # catclf 0.1 knew one class weight, and one kernel.
        settings = {"class_weight": "none", **settings}
        kernel = settings.get("kernel", "numpy" if settings.get("method") == "streaming" else None)
        asked: dict[str, Any] = {each.name: settings.get(each.name) for each in fields(Settings)}
        try:
            asked["l2"] = _number(asked["l2"])
            if settings["learning_rate"] is not None:  # as of an unfinished run at the default
                asked["learning_rate"] = _number(asked["learning_rate"])
            return cls(
                settings=Settings(**asked),
                method=_text(settings["method"]),
                kernel=None if kernel is None else _text(kernel),
                dataset=_text(dataset.get("name", "")),
                digest=_text(dataset["digest"]),
                train_examples=_count(dataset["train"]),
                test_examples=_count(dataset["test"]),
                created_by=_text(record["created_by"]),
                iterations=_count(results["iterations"]),
                cost=_number(results["cost"]),
                test_log_loss=_measured(results.get("test_log_loss")),
                train_accuracy=_measured(results.get("train_accuracy"), most=1),
                test_accuracy=_measured(results.get("test_accuracy"), most=1),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None


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


def _measured(value: object, most: float = inf) -> float | None:
    if value is not None and not 0 <= _number(value) <= most:
        raise ValueError
    return None if value is None else _number(value)


def short(cost: float) -> str:
    """Return a cost as text: with six decimals, or six digits where it is enormous."""
    return f"{cost:.6f}" if abs(cost) < DECIMAL_COST else f"{cost:.6g}"
