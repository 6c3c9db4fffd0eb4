"""``catclf benchmark``."""

from __future__ import annotations

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
    Settings,
    "iterations",
    "Descent",
    "Iterations of the whole descent whose time is shown too.",
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
    record, text = (show(dataset, timings, iters) for show in (as_record, as_text))
    click.echo(as_json(record) if format == "json" else text)


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


def as_text(dataset: str, timings: list[Timing], iterations: int) -> str:
    """Return the results as a table to read, and what it rests on."""
    slowest = timings[0]
    lines = [
        f"{printable(dataset)}: {slowest.m} training pictures",
        f"seconds an iteration, in {slowest.rounds} rounds, and for {iterations} iterations:",
        f"{'method':10} {'min':>9} {'median':>9} {'max':>9} {'faster':>8} {'in all':>9}  "
        "costs agree",
    ]
    named = [(row_name(timing.method, timing.kernel), timing) for timing in timings]
    for name, timing in named:
        agree = "(the reference)"
        if timing.difference is not None:
            agree = f"{'yes' if timing.agrees else 'NO'}, to {timing.difference:.0e}"
            agree = agree.replace("to 0e+00", "exactly")
        lines.append(
            f"{name:10} {timing.min_seconds:>9.3g} {timing.seconds:>9.3g} "
            f"{timing.max_seconds:>9.3g} {slowest.seconds / timing.seconds:>7.0f}x "
            f"{total(timing, iterations):>9.3g}  {agree}"
        )
    for timing in timings:
        if timing.method == "iterative":
            scaled = ", and scaled" if timing.examples < timing.m else ""
            lines.append(
                f"iterative was timed on {timing.iterations} iterations of {timing.examples} "
                f"pictures{scaled}"
            )
    for name, timing in named:
        if timing.bytes_per_second is not None:
            rate = timing.bytes_per_second / 1e9
            lines.append(f"{name} reads {rate:.1f} GB/s of pixels")
    kernels = {timing.kernel for timing in timings}
    if "numba" in kernels:
        lines.append("numba is streaming by compiled code, which long trainings use")
    elif "numpy" in kernels:
        lines.append("compiled code for long trainings needs numba: pip install 'catclf[fast]'")
    busy = [(name, timing) for name, timing in named if timing.busy]
    if busy:
        lines.append("the machine may have been busy with something else; benchmark again if so:")
    lines += [
        f"  {name}: slowest round {timing.spread:.1f}x the fastest, "
        f"waiting {100 * timing.waiting:.0f} % of the time"
        for name, timing in busy
    ]
    return "\n".join(lines)
