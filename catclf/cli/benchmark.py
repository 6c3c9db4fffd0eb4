"""``catclf benchmark``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from catclf.cli.options import Count, Verb, dataset_argument, format_option, option, quiet_option
from catclf.cli.output import Display
from catclf.operations.benchmarking import Timing, benchmark
from catclf.settings import Settings


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf benchmark
  catclf benchmark data/catvnoncat.h5 --format json""",
)
@dataset_argument
@option(
    "--iters",
    group="Descent",
    type=Count(),
    default=Settings().iterations,
    metavar="N",
    help="Iterations of the whole descent whose time is shown too.",
)
@format_option
@quiet_option
def command(dataset: str, iters: int, format: str, quiet: bool) -> None:
    """Time every method of descent on your data.

    DATASET is a file that prepare wrote; without it, data/dataset.h5. The methods' costs are
    compared too: all compute the same iterations.
    """
    timings = benchmark(dataset, observer=BenchmarkDisplay("methods", quiet))
    click.echo(as_json(timings, iters) if format == "json" else as_text(timings, iters))


class BenchmarkDisplay(Display):
    """Says which method is timed."""

    def method(self, name: str, seconds: float | None) -> None:
        """Name the method."""
        self.note(f"Timing {name} ...")


def total(timing: Timing, iterations: int) -> float:
    """Return the seconds of a whole descent."""
    return timing.start_seconds + iterations * timing.seconds


def as_json(timings: list[Timing], iterations: int) -> str:
    """Return the results as one JSON object."""
    slowest = timings[0].seconds
    rows = [
        {
            **asdict(timing),
            "ratio_to_slowest": slowest / timing.seconds,
            "descent_seconds": total(timing, iterations),
            "agrees": timing.agrees,
        }
        for timing in timings
    ]
    return json.dumps({"iterations": iterations, "methods": rows}, indent=2)


def as_text(timings: list[Timing], iterations: int) -> str:
    """Return the results as a table to read."""
    slowest = timings[0].seconds
    whole = f"{iterations} iters"
    lines = [f"{'method':10}  {'s/iteration':>11}  {'faster':>9}  {whole:>11}  costs agree"]
    for timing in timings:
        agree = "(the reference)"
        if timing.difference is not None:
            agree = f"{'yes' if timing.agrees else 'NO'}, to {timing.difference:.0e}"
            agree = agree.replace("to 0e+00", "exactly")
        lines.append(
            f"{timing.method:10}  {timing.seconds:>11.3g}  {slowest / timing.seconds:>8.0f}x  "
            f"{total(timing, iterations):>9.3g} s  {agree}"
        )
    for timing in timings:
        if timing.method == "iterative":
            scaled = ", and scaled" if timing.examples < timing.m else ""
            lines.append(
                f"iterative was timed on 1 iteration of {timing.examples} pictures{scaled}"
            )
    return "\n".join(lines)
