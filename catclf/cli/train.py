"""``catclf train``."""

from __future__ import annotations

import click

from catclf.cli.common import FiniteFloat, Verb, bar, note, option, percent, quiet_option
from catclf.descent import METHODS, Choice, Settings
from catclf.errors import printable
from catclf.evaluation import Evaluation
from catclf.logistic import LOSSES
from catclf.training import train

DEFAULT = Settings()


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf train
  catclf train --lr 0.003 --iters 5000 --l2 0.01 -o penalized.npz""",
)
@click.argument("dataset", default="data/dataset.h5", type=click.Path())
@option(
    "-o",
    "--output",
    group="Output",
    type=click.Path(),
    default="model.npz",
    metavar="FILE",
    help="The model to write.",
)
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
    type=click.IntRange(1),
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
    type=click.IntRange(1),
    default=DEFAULT.every,
    metavar="N",
    help="Iterations between two printed costs.",
)
@quiet_option
def command(
    dataset: str,
    output: str,
    lr: float,
    iters: int,
    l2: float,
    loss: str,
    method: str,
    every: int,
    quiet: bool,
) -> None:
    """Train a model on a prepared dataset by gradient descent.

    DATASET is a file that prepare wrote; without it, data/dataset.h5. The costs and, last, the
    accuracy on both parts of the dataset are printed.
    """
    settings = Settings(lr, iters, l2, loss, every)  # type: ignore[arg-type]
    with bar(iters, " iterations", quiet) as drawn:

        def on_choice(choice: Choice) -> None:
            note(f"Method: {choice.method}, expected to take {choice.seconds:.2g} s", quiet)

        def on_cost(iteration: int, cost: float) -> None:
            line = f"Cost after iteration {iteration}: {cost:.6f}"
            if drawn is None:
                click.echo(line)
            else:
                drawn.set_postfix_str(f"cost {cost:.6f}", refresh=False)
                drawn.write(line)  # above the bar

        def on_iteration(done: int) -> None:
            assert drawn is not None
            drawn.update(done - drawn.n)

        trained = train(
            dataset,
            output,
            settings,
            method=method,
            on_choice=on_choice,
            on_cost=on_cost,
            on_iteration=None if drawn is None else on_iteration,
        )
    for evaluation in (trained.train, trained.test):
        if evaluation is not None:
            click.echo(accuracy_line(evaluation))
    click.echo(f"{printable(output)}: saved")


def accuracy_line(evaluation: Evaluation) -> str:
    """Return the accuracy with what it is to be held against."""
    low, high = evaluation.interval
    counts = evaluation.confusion
    return (
        f"{evaluation.part} accuracy: {percent(evaluation.accuracy)} "
        f"({counts.correct} of {counts.total}; 95 % interval {percent(low)} to {percent(high)}; "
        f"majority class {percent(evaluation.majority_rate)})"
    )
