"""Measure every number the README quotes, against its reference, in one run.

    python tests/benchmarks/run.py             all of it, about eight minutes
    python tests/benchmarks/run.py course cold  some of it
    python tests/benchmarks/run.py million      12 GB on disk: only where it is asked for

One Markdown table goes to stdout. A reference and what is held against it are timed in turns, in
one process or in pairs of processes, and the medians' ratio is quoted.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from statistics import median

import lecture_loop
import numpy as np
import peers
from numpy.typing import NDArray
from PIL import Image

from catclf import Preprocessing, open_dataset, prepare, tune
from catclf.dataset import NewSplit, write_dataset
from catclf.descent import METHODS, Method, Problem, Settings, choose, descend
from catclf.descent.cross_validation import CrossValidation
from catclf.descent.gram import gram_matrix
from catclf.logistic import cost, sigmoid
from catclf.observer import Observer
from catclf.operations.tuning import Search
from catclf.splits import divide_into_folds, duplicate_groups, fingerprint

ROOT = Path(__file__).parents[2]
COURSE = [
    ROOT.parent / "shared/catvnoncat" / f"{split}_catvnoncat.h5" for split in ("train", "test")
]
PHOTOS = ROOT.parent / "shared/photos"
N_X = 12288
Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    reference: str
    ours: str
    ratio: str


def seconds(function: Callable[[], object]) -> float:
    """Return how long one call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def in_turns(
    reference: Callable[[], object], ours: Callable[[], object], rounds: int = 5, rest: float = 0.0
) -> tuple[float, float, float]:
    """Return both medians, after a warm-up of each, and the median of the ratios pair by pair.

    Before each call the machine may rest for some seconds: after a product OpenBLAS's threads wait
    30 ms for the next, on cores that other processes need.
    """

    def rested(function: Callable[[], object]) -> float:
        time.sleep(rest)
        return seconds(function)

    reference(), ours()
    pairs = [(rested(reference), rested(ours)) for _ in range(rounds)]
    first, second = (median(column) for column in zip(*pairs, strict=True))
    return first, second, median(a / b for a, b in pairs)


def pictures(m: int) -> tuple[Pixels, Array]:
    """Return m made-up pictures as rows (m, n_x), smooth like photographs, and labels (1, m)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 200, (m, 3, 8, 8), dtype=np.uint8)
    rows = coarse.repeat(8, axis=2).repeat(8, axis=3).reshape(m, N_X)
    labels = (coarse[:, 0].mean(axis=(1, 2)) + rng.normal(0, 5, m) > 100).astype(np.float64)
    return rows, labels.reshape(1, m)


def course_data(folder: Path) -> tuple[Pixels, Array, Pixels, NDArray[np.uint8], str]:
    """Return the course's pictures where they are, else made-up ones of their number."""
    if all(path.exists() for path in COURSE):
        path = folder / "course.h5"
        prepare(COURSE, path)
        with open_dataset(path) as dataset:
            train, test = dataset.train, dataset.test
            return train.columns[:], train.Y, test.columns[:], test.labels, "the course's files"
    rows, Y = pictures(259)
    labels = Y[0, 209:].astype(np.uint8)
    return rows[:209], Y[:, :209], rows[209:], labels, "209 made-up pictures"


def accuracy(w: Array, b: float, columns: Pixels, labels: NDArray[np.uint8]) -> float:
    """Return the share of pictures predicted right."""
    positive = sigmoid(columns / 255 @ w + b)[:, 0] > 0.5
    return float(np.mean(positive == (labels == 1)))


def measure_course(folder: Path) -> list[Row]:
    """The course's run: 2000 iterations at 0.005, from pixels to w, b and costs."""
    columns, Y, test, labels, name = course_data(folder)
    settings = Settings()

    def reference() -> tuple[Array, float, list[float]]:
        return lecture_loop.descend(columns.T / 255, Y, 0.005, 2000)

    def gram() -> tuple[Array, float, list[float]]:
        ended = descend(METHODS["gram"](Problem(columns, Y, settings), None), settings)
        return ended.w, ended.b, list(ended.costs.values())

    slow, fast, ratio = in_turns(reference, gram)
    (w, _, costs), (w_gram, _, costs_gram) = reference(), gram()
    apart = float(np.max(np.abs(w - w_gram)))
    equal = [f"{c:.6f}" for c in costs] == [f"{c:.6f}" for c in costs_gram]
    rows = [
        Row(
            f"the course's run ({name}), 2000 iterations; printed costs "
            f"{'equal' if equal else 'DIFFERENT'}, weights within {apart:.0e}",
            f"notebook's loop {slow:.3f} s",
            f"gram {fast:.4f} s",
            f"{ratio:.1f}x faster",
        )
    ]

    def score(fit: peers.Fit) -> str:
        return f"{accuracy(fit.w, fit.b, test, labels):.1%} on the test split"

    def memory(fit: str) -> str:
        command = [sys.executable, peers.__file__, fit, str(folder / "pictures.npz")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return f"peak {float(done.stdout):.0f} MiB"

    np.savez(folder / "pictures.npz", columns=columns, Y=Y)
    ours = f"{score(peers.gram(columns, Y))}, 2000 iterations, {memory('gram')}"
    for peer, fit in peers.installed().items():
        if peer != "gram":
            fitted = fit(columns, Y)
            theirs, fast, ratio = in_turns(
                lambda fit=fit: fit(columns, Y),  # type: ignore[misc]
                lambda: peers.gram(columns, Y),
                rounds=3,
                rest=0.1,
            )
            told = f"{score(fitted)}, {fitted.iterations} iterations, {memory(peer)}"
            rows.append(
                Row(
                    "the same pictures, fitted by a peer",
                    f"{peer} {theirs:.3f} s: {told}",
                    f"gram {fast:.4f} s: {ours}",
                    f"{ratio:.1f}x faster",
                )
            )
    return rows


# What a process and its workers hold; pages that they share are counted once (Linux).
HELD = """
import os, sys
sys.path.insert(0, sys.argv[2])
import run
m = int(sys.argv[3])
columns, Y = run.pictures(m)
if sys.argv[1] == "notebook":
    X = columns.T / 255
    del columns
    run.lecture_loop.descend(X, Y, 0.005, 1)
    pids = [os.getpid()]
else:
    method = run.METHODS["streaming"](run.Problem(columns, Y, run.Settings()), None)
    method.step(False)
    pids = [os.getpid(), *(worker.process.pid for worker in method.pool._workers)]
lines = [line for pid in pids for line in open(f"/proc/{pid}/smaps_rollup")]
print(sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024)
"""


def held(method: str, m: int) -> float:
    """Return the MiB that a process holds, pictures and all, after an iteration."""
    command = [sys.executable, "-c", HELD, method, str(Path(__file__).parent), str(m)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_iteration(folder: Path) -> list[Row]:
    """One iteration on thousands of pictures, and the memory of the whole process."""
    rows = []
    for m in (4000, 20000):
        columns, Y = pictures(m)
        method = METHODS["streaming"](Problem(columns, Y, Settings()), None)
        X = columns.T / 255

        def reference(X: Array = X, Y: Array = Y) -> object:
            return lecture_loop.descend(X, Y, 0.005, 20)

        def ours(method: Method = method) -> None:
            for _ in range(20):
                method.step(False)

        slow, fast, ratio = in_turns(reference, ours, rest=0.1)
        del X, method, reference, ours
        theirs, held_here = held("notebook", m), held("streaming", m)
        rows.append(
            Row(
                f"an iteration at m = {m}, pictures in memory",
                f"notebook's loop {slow / 20 * 1e3:.1f} ms, {theirs:.0f} MiB",
                f"streaming {fast / 20 * 1e3:.1f} ms, {held_here:.0f} MiB",
                f"{ratio:.1f}x faster, {theirs / held_here:.1f}x less memory",
            )
        )
    return rows


# ru_maxrss would hold what the parent had when it forked.
PEAK = """
def peak(process="/proc/self"):
    with open(process + "/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
"""
STREAM = (
    PEAK
    + """
import json, sys, time
from catclf import open_dataset
from catclf.descent import METHODS, Problem, Settings
with open_dataset(sys.argv[1]) as dataset:
    class OnDisk:
        shape = dataset.train.columns.shape
        def __getitem__(self, rows):
            if rows == slice(None):
                raise SystemExit("read whole")
            return dataset.train.columns[rows]
    import catclf.descent.streaming as streaming
    streaming.available_memory = lambda: 0
    method = METHODS["streaming"](Problem(OnDisk(), dataset.train.Y, Settings()), None)
    method.step(False)
    began = time.perf_counter()
    for _ in range(int(sys.argv[2])):
        method.step(False)
    took = (time.perf_counter() - began) / int(sys.argv[2])
    workers = [f"/proc/{worker.process.pid}" for worker in method.pool._workers]
    print(json.dumps([took, peak() + sum(map(peak, workers))]))
"""
)


def stream(folder: Path, m: int, iterations: int) -> tuple[float, float]:
    """Return seconds an iteration and peak MiB of a process that streams m pictures from disk."""
    path = folder / f"{m}.h5"
    block, labels = pictures(1000)
    write_dataset(
        path,
        ("noncat", "cat"),
        Preprocessing(),
        NewSplit(
            (block for _ in range(m // 1000)),
            np.tile(labels[0].astype(np.uint8), m // 1000),
            [f"{i:07}" for i in range(m)],
        ),
        NewSplit([], np.zeros(0, np.uint8), []),
    )
    done = subprocess.run(
        [sys.executable, "-c", STREAM, str(path), str(iterations)],
        check=True,
        capture_output=True,
        text=True,
    )
    path.unlink()
    took, peak = json.loads(done.stdout)
    return took, peak


def measure_disk(folder: Path) -> list[Row]:
    """Out of core: memory and time an iteration while the file grows fourfold."""
    small, large = (stream(folder, m, 3) for m in (25_000, 100_000))
    return [
        Row(
            "an iteration on disk, m = 25,000 and 100,000 (the file cached by the system)",
            f"{small[0]:.2f} s, peak {small[1]:.0f} MiB",
            f"{large[0]:.2f} s, peak {large[1]:.0f} MiB",
            f"time x{large[0] / small[0]:.2f} for 4x the pictures",
        )
    ]


def measure_million(folder: Path) -> list[Row]:
    """A million pictures: 12 GB on disk."""
    took, peak = stream(folder, 1_000_000, 1)
    return [
        Row(
            "an iteration on disk, m = 1,000,000 (12 GB)",
            "-",
            f"{took:.1f} s, peak {peak:.0f} MiB",
            f"{1e6 / took:,.0f} pictures a second",
        )
    ]


def photographs(folder: Path, m: int) -> Path:
    """Return a folder of class folders with m photographs: links to the real ones, or made up."""
    source = PHOTOS
    if not source.exists():
        source = folder / "made-up"
        rng = np.random.default_rng(0)
        for i in range(40):
            path = source / ("cat" if i % 2 else "dog") / f"{i}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            coarse = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((400, 300)).save(path, quality=90)
    many = folder / "photos"
    for name in ("cat", "dog"):
        (many / name).mkdir(parents=True)
        originals = sorted((source / name).iterdir())
        for i in range(m // 2):
            (many / name / f"{i:05}.jpg").symlink_to(originals[i % len(originals)])
    return many


PREPARE = (
    PEAK
    + """
import sys
from catclf import prepare
prepare([sys.argv[1]], sys.argv[2], workers=int(sys.argv[3]))
print(peak())
"""
)


def measure_prepare(folder: Path) -> list[Row]:
    """Preparing 5,000 photographs, against a loop of Pillow's own calls."""
    many = photographs(folder, 5000)
    paths = sorted(many.rglob("*.jpg"))

    def loop(reduced: bool) -> None:
        columns = np.empty((len(paths), N_X), np.uint8)
        for column, path in zip(columns, paths, strict=True):
            with Image.open(path) as image:
                if reduced:
                    image.draft("RGB", (128, 128))
                small = image.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)
                column[:] = np.asarray(small).transpose(2, 0, 1).reshape(-1)
        columns.tofile(folder / "loop.raw")

    def run(source: Path, workers: int) -> float:
        done = subprocess.run(
            [sys.executable, "-c", PREPARE, str(source), str(folder / "p.h5"), str(workers)],
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout)

    def process(workers: int) -> Callable[[], object]:
        return lambda: prepare([many], folder / "p.h5", workers=workers)

    full, _, ratio = in_turns(lambda: loop(False), process(2), rounds=3)
    reduced, _, on_top = in_turns(lambda: loop(True), process(2), rounds=3)
    one, ours, second = in_turns(process(1), process(2), rounds=3)
    few = folder / "few"
    for path in paths[::5]:
        link = few / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    peak_few, peak = run(few, 2), run(many, 2)
    return [
        Row(
            f"prepare 5,000 photographs; peak {peak:.0f} MiB (1,000: {peak_few:.0f} MiB)",
            f"a Pillow loop {full:.1f} s (with JPEG draft {reduced:.1f} s)",
            f"{ours:.1f} s on 2 processes ({one:.1f} s on 1)",
            f"{ratio:.2f}x faster ({on_top:.2f}x with draft), {second:.2f}x by the second process",
        )
    ]


def measure_cold(folder: Path) -> list[Row]:
    """Predicting one picture from a cold start, against importing what it needs."""
    rng = np.random.default_rng(0)
    np.savez(folder / "m.npz", w=rng.normal(size=(N_X, 1)), b=0.0)
    picture = folder / "p.jpg"
    Image.fromarray(rng.integers(0, 256, (280, 300, 3), dtype=np.uint8)).save(picture)
    cli = "from catclf.cli import main; main()"
    predict = [
        sys.executable,
        "-c",
        cli,
        "predict",
        "-q",
        "-m",
        str(folder / "m.npz"),
        str(picture),
    ]
    imports = [sys.executable, "-c", "import numpy, PIL.Image, click"]

    def run(command: list[str]) -> Callable[[], object]:
        # With byte code, as an installed package has it.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return lambda: subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, env=environment
        )

    base, ours, ratio = in_turns(run(imports), run(predict), rounds=21)
    return [
        Row(
            "predict one picture, cold",
            f"import numpy, PIL.Image, click: {base * 1e3:.0f} ms",
            f"{ours * 1e3:.0f} ms",
            f"{1 / ratio:.2f}x the time",
        )
    ]


def tune_apart(columns: Pixels, Y: Array) -> float:
    """Return how far tune's held-out losses are, relatively, from those of 20 vectorized runs."""
    settings = [(0.003, 0.0), (0.005, 0.01)]
    labels = Y[0].astype(np.uint8)
    groups = duplicate_groups(map(fingerprint, columns))
    fold_of = divide_into_folds(groups, labels, folds=10, repeats=1, seed=0)
    trials = CrossValidation(gram_matrix(columns), Y, settings, fold_of, folds=10)
    curves = trials.run([500], Observer())
    apart = 0.0
    for index, (rate, l2) in enumerate(settings):
        for fold in range(10):
            held_out = fold_of[0] == fold
            alone = Settings(rate, 500, l2)
            seen = METHODS["vectorized"](Problem(columns[~held_out], Y[:, ~held_out], alone), None)
            ended = descend(seen, alone)
            Z = ended.w.T @ (columns[held_out].T / 255) + ended.b
            loss = cost(Z, Y[:, held_out])
            apart = max(apart, abs(curves.loss[0, index, 0, fold] / loss - 1))
    return apart


def measure_tune(folder: Path) -> list[Row]:
    """Ten rates on ten folds, against the loop, and scikit-learn's search over ten penalties."""
    columns, Y, _, _, name = course_data(folder)
    names = [str(i) for i in range(len(columns))]
    split = NewSplit([columns], Y[0].astype(np.uint8), names)
    empty = NewSplit([], np.zeros(0, np.uint8), [])
    write_dataset(folder / "tune.h5", ("noncat", "cat"), Preprocessing(), split, empty)
    rates = [float(rate) for rate in np.geomspace(1e-4, 1e-2, 10)]
    kept = np.arange(len(columns)) % 10 != 0
    X, Y_kept = columns[kept].T / 255, Y[:, kept]

    def loop() -> None:
        for rate in rates[::4]:  # 3 of the 100
            lecture_loop.descend(X, Y_kept, rate, 2000)

    def ours() -> None:
        tune(folder / "tune.h5", Search(learning_rates=tuple(rates), l2=(0.0,)))

    three, fast, ratio = in_turns(loop, ours, rounds=3)
    apart = tune_apart(columns, Y)
    row = Row(
        f"tune: 10 rates x 10 folds x 2000 iterations ({name}); held-out losses within "
        f"{apart:.0e} of training each fold by itself",
        f"notebook's loop {three * 100 / 3:.0f} s (3 of 100 timed, scaled)",
        f"{fast:.2f} s",
        f"{ratio * 100 / 3:.0f}x faster",
    )
    try:
        import warnings

        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV
    except ImportError:
        return [row]

    grid = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=10)  # of ten values, two
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reached its iteration limit: so be it
        search = 5 * seconds(lambda: grid.fit(columns / 255, Y[0]))
    theirs = (
        f"GridSearchCV(LogisticRegression), 10 C x 10 folds, {search:.0f} s (2 C timed, scaled)"
    )
    return [row, Row("the same number of fits", theirs, f"{fast:.2f} s", f"{search / fast:.0f}x")]


def measure_growth(folder: Path) -> list[Row]:
    """How time grows with m and with iterations, by what auto chooses."""

    def run(m: int, iterations: int) -> tuple[float, str]:
        columns, Y = pictures(m)
        settings = Settings(learning_rate=0.001, iterations=iterations, every=iterations)
        name = choose(m, N_X, iterations).method
        took = [
            seconds(lambda: descend(METHODS[name](Problem(columns, Y, settings), None), settings))
            for _ in range(3 if m < 5000 else 1)
        ]
        return median(took), name

    rows = []
    for axis, points in (
        ("m", [(250, 500), (1000, 500), (4000, 500), (16000, 500)]),
        ("iterations", [(1000, 500), (1000, 2000), (1000, 8000)]),
    ):
        measured = [run(*point) for point in points]
        index = 0 if axis == "m" else 1
        xs = [math.log(point[index]) for point in points]
        ys = [math.log(took) for took, _ in measured]
        exponent = float(np.polyfit(xs, ys, 1)[0])
        shown = ", ".join(
            f"{point[index]}: {took:.2f} s ({name})"
            for point, (took, name) in zip(points, measured, strict=True)
        )
        fixed = "500 iterations" if axis == "m" else "m = 1000"
        rows.append(Row(f"growth with {axis}, {fixed}", "-", shown, f"exponent {exponent:.2f}"))
    return rows


def time_method(name: str, m: int) -> tuple[float, float]:
    """Return seconds before and after the iterations of a descent, and of an iteration."""
    columns, Y = pictures(m)
    method: Method | None = None

    def start() -> None:
        nonlocal method
        method = METHODS[name](Problem(columns, Y, Settings()), None)

    def iterate() -> None:
        assert method is not None
        for _ in range(calls):
            method.step(False)

    starting = min(seconds(start) for _ in range(3 if m < 4000 else 1))
    assert method is not None
    calls = max(3, min(200, 200_000 // m))
    iterate()
    iteration = median(seconds(iterate) for _ in range(3)) / calls
    starting += seconds(method.parameters)
    print(f"{name:10} {m:6} {starting:7.4f} s + {iteration * 1e3:8.4f} ms", file=sys.stderr)
    return starting, iteration


def measure_choice(folder: Path) -> list[Row]:
    """Whether auto picks well: how much longer its choice takes than the best, on a grid."""
    lengths = (1, 10, 100, 500, 2000, 8000, 32000)
    sizes = (30, 100, 250, 500, 1000, 2000, 4000, 8000, 16000)
    ratios = {}
    for m in sizes:
        # Beyond 8000 pictures gram takes minutes: were it chosen, it would show as infinite.
        names = ("gram", "vectorized", "streaming") if m <= 8000 else ("vectorized", "streaming")
        times = {name: time_method(name, m) for name in names}
        for length in lengths:
            took = {name: start + length * step for name, (start, step) in times.items()}
            chosen = choose(m, N_X, length).method
            ratio = took.get(chosen, math.inf) / min(took.values())
            ratios[ratio] = f"m = {m}, {length} iterations ({chosen})"
    worst = max(ratios)
    return [
        Row(
            f"auto's choice, {len(sizes) * len(lengths)} sizes and lengths up to m = 16000",
            "the best method at each",
            f"farthest at {ratios[worst]}",
            f"{worst:.2f}x the time",
        )
    ]


MEASUREMENTS: dict[str, Callable[[Path], list[Row]]] = {
    "course": measure_course,
    "iteration": measure_iteration,
    "disk": measure_disk,
    "prepare": measure_prepare,
    "cold": measure_cold,
    "growth": measure_growth,
    "choice": measure_choice,
    "tune": measure_tune,
    "million": measure_million,
}


def machine() -> str:
    """Return a line about the machine and the versions."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
            model = names[0] if names else model
    except OSError:
        pass
    versions = [f"Python {platform.python_version()}"]
    for name in ("numpy", "pillow", "h5py", "scikit-learn", "torch"):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return f"{date.today()}, {model}, {os.cpu_count()} cores, {', '.join(versions)}."


def main() -> None:
    """Run the measurements named on the command line, or all but the largest."""
    chosen = sys.argv[1:] or [name for name in MEASUREMENTS if name != "million"]
    print(machine(), end="\n\n")
    print("| what | reference | catclf | ratio |\n| --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in chosen:
            folder = Path(scratch) / name
            folder.mkdir()
            for row in MEASUREMENTS[name](folder):
                print(f"| {row.what} | {row.reference} | {row.ours} | {row.ratio} |", flush=True)


if __name__ == "__main__":
    main()
