"""``catclf benchmark``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import click

from catclf.cli.options import Verb, dataset_argument, format_option, quiet_option, setting
from catclf.cli.output import Display, as_json
from catclf.errors import printable
from catclf.operations.benchmarking import Timing, benchmark
from catclf.training import Settings


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf benchmark
  catclf benchmark data/catvnoncat.npz --format json""",
)
@dataset_argument
@setting(
    Settings, "iterations", "Descent", "Iterations of the whole descent whose time is shown too."
)
@format_option
@quiet_option
def command(dataset: str, iters: int, format: str, quiet: bool) -> None:
    """Time every method of descent on your data.

    DATASET is a file that prepare wrote; without it, data/dataset.npz. Each method is timed in
    several rounds. Where they differ much, or the process had to wait, the machine was busy with
    something else, and the result says so. The methods' costs are compared too: all compute the
    same iterations.
    """
    timings = benchmark(dataset, observer=BenchmarkDisplay("methods", quiet))
    record, lines = as_record(dataset, timings, iters), lines_of(dataset, timings, iters)
    click.echo(as_json(record) if format == "json" else "\n".join(lines))


class BenchmarkDisplay(Display):
    """Says which method is timed."""

    def method(self, name: str, kernel: str | None, seconds: float | None) -> None:
        """Name the method as its row will be called."""
        self.note(f"Timing {row_name(name, kernel)} ...")


def row_name(method: str, kernel: str | None) -> str:
    """Return how a row is called: numba's kernel of streaming by its own name."""
    return "numba" if kernel == "numba" else method


def total(timing: Timing, iterations: int) -> float:
    """Return the seconds of a whole descent."""
    return timing.start_seconds + iterations * timing.seconds


def as_record(dataset: str, timings: list[Timing], iterations: int) -> dict[str, object]:
    """Return the results for JSON."""
    slowest = timings[0].seconds
    rows = [
        {
            **asdict(timing),
            "ratio_to_slowest": slowest / timing.seconds,
            "descent_seconds": total(timing, iterations),
            "agrees": timing.agrees,
            "busy": timing.busy,
        }
        for timing in timings
    ]
    return {"dataset": dataset, "iterations": iterations, "methods": rows}


def lines_of(dataset: str, timings: list[Timing], iterations: int) -> Iterator[str]:
    """Yield the results as a table to be read, and what it rests on."""
    slowest = timings[0]
    named = [(row_name(timing.method, timing.kernel), timing) for timing in timings]
    yield f"{printable(dataset)}: {slowest.m} training pictures"
    yield f"seconds an iteration, in {slowest.rounds} rounds, and for {iterations} iterations:"
    times = f"{'min':>9} {'median':>9} {'max':>9} {'faster':>8} {'in all':>9}"
    yield f"{'method':10} {times}  costs agree"
    for name, timing in named:
        agree = "(the reference)"
        if timing.difference is not None:
            agree = f"{'yes' if timing.agrees else 'NO'}, to {timing.difference:.0e}"
            agree = agree.replace("to 0e+00", "exactly")
        yield (
            f"{name:10} {timing.min_seconds:>9.3g} {timing.seconds:>9.3g} "
            f"{timing.max_seconds:>9.3g} {slowest.seconds / timing.seconds:>7.0f}x "
            f"{total(timing, iterations):>9.3g}  {agree}"
        )
    for name, timing in named:
        if timing.method == "iterative":
            scaled = ", and scaled" if timing.examples < timing.m else ""
            pictures = f"{timing.examples} pictures{scaled}"
            yield f"iterative was timed on {timing.iterations} iterations of {pictures}"
        if timing.bytes_per_second is not None:
            yield f"{name} reads {timing.bytes_per_second / 1e9:.1f} GB/s of pixels"
    kernels = {timing.kernel for timing in timings}
    if "numba" in kernels:
        yield "numba is streaming by compiled code, which long trainings use"
    elif "numpy" in kernels:
        yield "compiled code for long trainings needs numba: pip install 'catclf[fast]'"
    if any(timing.busy for timing in timings):
        yield "the machine may have been busy with something else; benchmark again if so:"
    for name, timing in named:
        if timing.busy:
            waiting = f"waiting {100 * timing.waiting:.0f} % of the time"
            yield f"  {name}: slowest round {timing.spread:.1f}x the fastest, {waiting}"
