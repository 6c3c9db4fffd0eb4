"""``catclf train``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from signal import SIGINT, SIGTERM
from typing import Any

import click
from click.core import ParameterSource

from catclf.cli.confusion_table import recall_line
from catclf.cli.evaluate import accuracy_lines, as_record
from catclf.cli.options import (
    Verb,
    dataset_argument,
    flag,
    format_option,
    option,
    output_option,
    parameters,
    quiet_option,
    setting,
    taken,
)
from catclf.cli.output import Display, Results, as_json, counted, note
from catclf.cli.scheduler import cluster_client, scheduler_options
from catclf.descent import METHODS
from catclf.errors import ClusterError, DivergenceError, printable
from catclf.model_file import read_model
from catclf.operations.training import Trained, train
from catclf.signals import stopped_by_signals
from catclf.training import DEFAULT_RATE, Settings, Training, short

DEFAULT_OUTPUT = "model.npz"
MIN_EXPECTED_SECONDS = 5  # less is not worth a word


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf train
  catclf train --lr 0.003 --iters 5000 --l2 0.01 -o penalized.npz
  catclf train --iters 4000 --resume      2000 more""",
)
@dataset_argument
@output_option(DEFAULT_OUTPUT, "model", "a file of another kind, or an unfinished training")
@setting(
    Settings,
    "learning_rate",
    "Descent",
    "Learning rate. Where the default one is too high (the cost overflows, or is above its first "
    "after 1000 iterations) training restarts with the highest at which it never rises.",
    show_default=f"{DEFAULT_RATE:g}",
)
@setting(Settings, "iterations", "Descent", "Iterations.")
@setting(Settings, "l2", "Cost", "Penalty: adds LAMBDA/2 |w|^2 to the cost.")
@setting(
    Settings, "loss", "Cost", "The loss whose mean is the cost; squared-error is for two classes."
)
@option(
    "--method",
    group="Descent",
    type=click.Choice(["auto", *METHODS]),
    default="auto",
    help="How to compute the iterations: all give the same ones, auto picks the fastest.",
)
@setting(
    Settings,
    "class_weight",
    "Cost",
    "balanced: all classes count alike in the cost, however many pictures each has.",
)
@setting(Settings, "every", "Output", "Iterations between two recorded costs.")
@flag(
    "--resume",
    group="Descent",
    help="Resume the training of the model in --output, to --iters in all. DATASET and settings "
    "that are not given are the model's.",
)
@partial(scheduler_options, what="compute the iterations")
@format_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    dataset: str,
    output: str,
    resume: bool,
    scheduler: str | None,
    scheduler_file: str | None,
    format: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a model on a prepared dataset by gradient descent.

    DATASET is a file that prepare wrote; without it, data/dataset.npz. The cost on the train split
    and the log loss on the test split are printed along the way, and in the end the accuracy.
    """
    settings, done = taken(Settings, options), 0
    before = read_model(output) if resume and os.path.lexists(output) else None
    if before is not None and before.training is not None:
        settings, done = _as_before(ctx, before.training, settings), before.training.iterations
        if ctx.get_parameter_source("dataset") == ParameterSource.DEFAULT:
            dataset = before.training.dataset
    method = options["method"]
    if (scheduler or scheduler_file) and method not in ("auto", "streaming"):
        raise click.UsageError(f"a cluster computes by streaming: leave out --method {method}")
    results = Results()
    show_text = format == "text"
    heading = f"dataset: {printable(dataset)}" + f"\nresumed after: {done} iterations" * bool(done)
    with (
        stopped_by_signals(SIGINT, SIGTERM) as signals,
        TrainingDisplay(results, signals, quiet, settings, heading, show_text) as display,
        cluster_client(scheduler, scheduler_file) as client,
    ):
        try:
            trained = train(
                dataset,
                output,
                settings,
                resume=resume,
                client=client,
                observer=display,
                **options,
            )
        except ClusterError:
            if signals:  # while it waited for workers; what was done before is saved
                note("Interrupted while it waited for the cluster.")
                ctx.exit(128 + signals[0])
            raise
        except DivergenceError as error:
            if not show_text:
                record = _record(dataset, display, error=error.what)
                results.write(as_json(record | {"safe_learning_rate": error.safe_rate}))
            raise
    if show_text:
        for line in _result_lines(trained):
            results.write(line)
        if trained.saved:
            results.write(f"{printable(output)}: saved")
        if done == settings.iterations:
            made = counted(done, "iteration")
            note(f"{printable(output)} had {made} already: give more --iters.")
    else:
        results.write(as_json(_fields(trained, output, display)))
    training = _training(trained)
    if training.interrupted:
        flags = {"-o": output, "--scheduler": scheduler, "--scheduler-file": scheduler_file}
        named = "".join(
            f" {name} {printable(shlex.quote(value))}"
            for name, value in flags.items()
            if value not in (None, DEFAULT_OUTPUT)
        )
        done, asked = training.iterations, training.settings.iterations
        what = f"a checkpoint is saved.\nResume with: catclf train --resume{named}"
        if not trained.saved:
            what = f"{printable(output)} is left as it was."
        note(f"Interrupted after {done} of {asked} iterations; {what}")
        ctx.exit(128 + signals[0])
    results.finish()


def _as_before(ctx: click.Context, before: Training, settings: Settings) -> Settings:
    """Return the settings of a training that is resumed, but for what is given."""
    changed = {
        name: getattr(settings, name)
        for name, parameter in parameters(Settings).items()
        if ctx.get_parameter_source(parameter) != ParameterSource.DEFAULT
    }
    return replace(before.settings, **changed)


class TrainingDisplay(Display):
    """Shows a training, and stops it after a signal.

    The heading, the settings, the method and the costs are written to `results` where `shows`, but
    where quiet.
    """

    def __init__(
        self,
        results: Results,
        signals: list[int],
        quiet: bool,
        settings: Settings,
        heading: str,
        shows: bool,
    ) -> None:
        super().__init__("iterations", quiet, signals)
        self.results, self.settings, self.heading = results, settings, heading
        self.shows = shows and not quiet
        self.method_used = ""
        self.n_workers: int | None = None
        self.began = False
        self.costs: list[dict[str, float | None]] = []

    def workers(self, number: int) -> None:
        """Keep how many workers of a cluster compute."""
        self.n_workers = number

    def learning_rate(self, rate: float) -> None:
        """Keep the learning rate; write it where the descent restarts with it."""
        self.settings = replace(self.settings, learning_rate=rate)
        if self.began:
            self.costs.clear()
            self._write(f"restarted: lr {rate:g}")
        self.began = True

    def method(self, name: str, kernel: str | None, seconds: float | None) -> None:
        """Write what is trained, and by which method."""
        self.method_used = name
        if self.shows:
            by = "" if kernel is None else f" ({kernel})"
            if self.n_workers is not None:
                by += f", by {self.n_workers} worker{'s' * (self.n_workers != 1)} of the cluster"
            self._write(f"{self.heading}\n{_settings_line(self.settings)}\nmethod: {name}{by}")
        if seconds is not None and seconds > MIN_EXPECTED_SECONDS:
            self.note(f"Expected to take {duration(seconds)}")

    def cost(self, iteration: int, cost: float, test_log_loss: float | None) -> None:
        """Write a recorded cost."""
        self.detail = f"cost {short(cost)}"
        self.costs.append({"iteration": iteration, "cost": cost, "test_log_loss": test_log_loss})
        self._write(f"Cost after iteration {iteration}: {_costs(cost, test_log_loss)}")

    def _write(self, text: str) -> None:
        if self.shows:
            self.clear()
            self.results.write(text)


def duration(seconds: float) -> str:
    """Return a time as a user would say it."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _costs(cost: float, test_log_loss: float | None) -> str:
    return (
        short(cost)
        if test_log_loss is None
        else f"{short(cost)} (test log loss {short(test_log_loss)})"
    )


def _settings_line(settings: Settings) -> str:
    return (
        f"settings: lr {settings.rate:g}, iters {settings.iterations}, l2 {settings.l2:g}\n"
        f"loss: {settings.loss}, class weight {settings.class_weight}"
    )


def _training(trained: Trained) -> Training:
    assert trained.model.training is not None, "train has written it"
    return trained.model.training


def _result_lines(trained: Trained) -> Iterator[str]:
    training = _training(trained)
    cost = "Final cost"
    if training.interrupted:
        cost = f"Cost after iteration {training.iterations}"
    yield f"{cost}: {_costs(training.cost, training.test_log_loss)}"
    for evaluation in filter(None, (trained.train, trained.test)):
        yield from accuracy_lines(evaluation)
        yield f"  {recall_line(evaluation)}"


def _fields(trained: Trained, output: str, display: TrainingDisplay) -> dict[str, object]:
    """Return the settings, costs and results for JSON."""
    training = _training(trained)
    train, test = (
        None if each is None else as_record(replace(each, model=output))
        for each in (trained.train, trained.test)
    )
    record = _record(training.dataset, display, output if trained.saved else None)
    return record | {
        "digest": training.digest,
        "created_by": training.created_by,
        "method": training.method,
        "kernel": training.kernel,
        "costs": [
            {"iteration": at, "cost": cost, "test_log_loss": training.test_log_losses.get(at)}
            for at, cost in training.costs.items()
        ],
        "workers": display.n_workers,
        "iterations": training.iterations,
        "interrupted": training.interrupted,
        "final_cost": training.cost,
        "final_test_log_loss": training.test_log_loss,
        "train": train,
        "test": test,
    }


def _record(
    dataset: str,
    display: TrainingDisplay,
    model: str | None = None,
    error: str | None = None,
) -> dict[str, object]:
    """Return what is known of a training that diverged too, for JSON."""
    return {
        "dataset": dataset,
        "model": model,
        "method": display.method_used,
        "settings": display.settings,
        "warnings": display.warnings,
        "costs": display.costs,
        "error": error,
    }
