"""``catclf train``."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from catclf.cli.options import (
    Count,
    FiniteFloat,
    Verb,
    dataset_argument,
    option,
    output_option,
    quiet_option,
)
from catclf.cli.output import Display, Results, note, percent
from catclf.descent import METHODS, Settings
from catclf.errors import printable
from catclf.logistic import LOSSES
from catclf.operations.evaluation import Evaluation
from catclf.operations.training import train

DEFAULT = Settings()


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf train
  catclf train --lr 0.003 --iters 5000 --l2 0.01 -o penalized.npz
  catclf train --iters 4000 --resume      2000 more""",
)
@dataset_argument
@output_option("model.npz", "model")
@option(
    "--lr",
    group="Descent",
    type=FiniteFloat(0, min_open=True),
    default=DEFAULT.learning_rate,
    metavar="RATE",
    help="Learning rate.",
)
@option(
    "--iters",
    group="Descent",
    type=Count(),
    default=DEFAULT.iterations,
    metavar="N",
    help="Iterations.",
)
@option(
    "--l2",
    group="Cost",
    type=FiniteFloat(0),
    default=DEFAULT.l2,
    metavar="LAMBDA",
    help="Penalty: adds LAMBDA/2 |w|^2 to the cost.",
)
@option(
    "--loss",
    group="Cost",
    type=click.Choice(list(LOSSES)),
    default=DEFAULT.loss,
    help="The loss whose mean is the cost.",
)
@option(
    "--method",
    group="Descent",
    type=click.Choice(["auto", *METHODS]),
    default="auto",
    help="How to compute the iterations: all give the same ones, auto picks the fastest.",
)
@option(
    "--every",
    group="Output",
    type=Count(),
    default=DEFAULT.every,
    metavar="N",
    help="Iterations between two printed costs.",
)
@option(
    "--resume",
    group="Descent",
    is_flag=True,
    show_default=False,
    help="Resume the training of the model in --output, to --iters in all; the end is the same "
    "as without a pause.",
)
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    dataset: str,
    output: str,
    lr: float,
    iters: int,
    l2: float,
    loss: str,
    method: str,
    every: int,
    resume: bool,
    quiet: bool,
) -> None:
    """Train a model on a prepared dataset by gradient descent.

    DATASET is a file that prepare wrote; without it, data/dataset.h5. The costs and, last, the
    accuracy on both splits of the dataset are printed.
    """
    settings = Settings(
        learning_rate=lr,
        iterations=iters,
        l2=l2,
        loss=loss,  # type: ignore[arg-type]
        every=every,
    )
    results = Results()
    with stopped_by_signals() as signals, TrainingDisplay(results, signals, quiet) as display:
        trained = train(dataset, output, settings, method=method, resume=resume, observer=display)
    for evaluation in (trained.train, trained.test):
        if evaluation is not None:
            results.write(accuracy_line(evaluation))
    results.write(f"{printable(output)}: saved")
    if trained.iterations < iters:
        note(
            f"Interrupted after {trained.iterations} of {iters} iterations; "
            "a checkpoint is saved.\n"
            f"Resume with: catclf {printable(shlex.join(resuming(sys.argv[1:])))}"
        )
        ctx.exit(128 + signals[0])
    results.finish()


class TrainingDisplay(Display):
    """Writes the costs as results, and stops the training after a signal."""

    def __init__(self, results: Results, signals: list[int], quiet: bool) -> None:
        super().__init__("iterations", quiet)
        self.results, self.signals = results, signals

    def method(self, name: str, seconds: float | None) -> None:
        """Say which method was chosen."""
        self.note(f"Method: {name}, expected to take {seconds:.2g} s")

    def cost(self, iteration: int, cost: float) -> None:
        """Write a recorded cost."""
        self.detail = f"cost {cost:.6f}"
        self.clear()
        self.results.write(f"Cost after iteration {iteration}: {cost:.6f}")

    def stop(self) -> bool:
        """Stop after the first signal."""
        return bool(self.signals)


def resuming(words: list[str]) -> list[str]:
    """Return the words of a command line with --resume, right after the verb."""
    verb = words.index("train") + 1
    return [*words[:verb], *["--resume"][: "--resume" not in words[verb:]], *words[verb:]]


@contextmanager
def stopped_by_signals() -> Iterator[list[int]]:
    """Yield a list that receives the first SIGINT or SIGTERM; a second one acts at once."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {}
    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) != signal.SIG_IGN:  # as for a script's background jobs
            before[each] = signal.signal(each, receive)
    try:
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def accuracy_line(evaluation: Evaluation) -> str:
    """Return the accuracy with what it is to be held against."""
    low, high = evaluation.interval
    counts = evaluation.confusion
    return (
        f"{evaluation.split} accuracy: {percent(evaluation.accuracy)} "
        f"({counts.correct} of {counts.total}; 95 % interval {percent(low)} to {percent(high)}; "
        f"majority class {percent(evaluation.majority_rate)})"
    )
