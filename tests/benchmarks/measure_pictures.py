"""Decoding pictures: preparing thousands of photographs, and predicting one from a cold start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from measuring import FEATURES, N_X, PEAK, PHOTOS, Features, Row, in_turns, seconds
from PIL import Image

from catclf import prepare
from catclf.features import Preprocessing, column
from catclf.model import Model
from catclf.model_file import save_model
from catclf.pictures.reading import read_picture


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
            (many / name / f"{i:05}.jpg").hardlink_to(originals[i % len(originals)])
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
        for row, path in zip(columns, paths, strict=True):
            with Image.open(path) as image:
                if reduced:
                    image.draft("RGB", (128, 128))
                small = image.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)
                row[:] = np.asarray(small).transpose(2, 0, 1).reshape(-1)
        columns.tofile(folder / "loop.raw")

    def run(source: Path, workers: int) -> float:
        done = subprocess.run(
            [sys.executable, "-c", PREPARE, str(source), str(folder / "p.npz"), str(workers)],
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout)

    def process(workers: int) -> Callable[[], object]:
        return lambda: prepare([many], folder / "p.npz", workers=workers)

    full, _, ratio = in_turns(lambda: loop(False), process(2), rounds=3)
    reduced, _, on_top = in_turns(lambda: loop(True), process(2), rounds=3)
    one, ours, second = in_turns(process(1), process(2), rounds=3)
    few = folder / "few"
    for path in paths[::5]:
        link = few / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.hardlink_to(path)
    peak_few, peak = run(few, 2), run(many, 2)
    return [
        Row(
            f"prepare 5,000 photographs; peak {peak:.0f} MiB (1,000: {peak_few:.0f} MiB)",
            f"a Pillow loop {full:.1f} s (with JPEG draft {reduced:.1f} s)",
            f"{ours:.1f} s on 2 processes ({one:.1f} s on 1)",
            f"{ratio:.2f}x faster ({on_top:.2f}x with draft), {second:.2f}x by the second process",
        ),
        prepare_features(many, folder),
    ]


def prepare_features(many: Path, folder: Path) -> Row:
    """Preparing 5,000 photographs with hog-color, against with pixels."""

    def process(features: Features) -> Callable[[], object]:
        preprocessing = Preprocessing(features=features)
        return lambda: prepare([many], folder / "p.npz", preprocessing=preprocessing, workers=2)

    pixels, hog_color, ratio = in_turns(process("pixels"), process("hog-color"), rounds=3)
    return Row(
        f"prepare 5,000 photographs, by features; the column of one of 64x64 by hog-color "
        f"{column_seconds(many) * 1e3:.2f} ms on one core",
        f"pixels {pixels:.1f} s on 2 processes",
        f"hog-color {hog_color:.1f} s",
        f"{1 / ratio:.2f}x the time",
    )


def column_seconds(photos: Path) -> float:
    """Return the median time of a photograph's column by hog-color, at the default size."""
    preprocessing = Preprocessing(features="hog-color")
    different = {path.resolve() for path in photos.rglob("*.jpg")}
    pictures = [read_picture(path, preprocessing) for path in different]
    column(pictures[0], preprocessing)  # a warm-up
    return median(seconds(partial(column, pixels, preprocessing)) for pixels in pictures)


PREDICT = "from catclf.__main__ import main; main()"


def measure_cold(folder: Path) -> list[Row]:
    """Predicting one picture from a cold start, against importing what it needs."""
    rng = np.random.default_rng(0)
    picture = folder / "p.jpg"
    Image.fromarray(rng.integers(0, 256, (280, 300, 3), dtype=np.uint8)).save(picture)
    imports = [sys.executable, "-c", "import numpy, PIL.Image, click"]

    def run(command: list[str]) -> Callable[[], object]:
        # With byte code, as an installed package has it.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return lambda: subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, env=environment
        )

    rows = []
    for features in FEATURES:
        preprocessing = Preprocessing(features=features)
        w = rng.normal(size=(preprocessing.n_x, 1))
        model = folder / f"{features}.npz"
        save_model(model, Model(w, np.zeros((1, 1)), ("noncat", "cat"), preprocessing))
        predict = [sys.executable, "-c", PREDICT, "predict", "-q", "-m", str(model), str(picture)]
        base, ours, ratio = in_turns(run(imports), run(predict), rounds=21)
        rows.append(
            Row(
                f"predict one picture, cold ({features})",
                f"import numpy, PIL.Image, click: {base * 1e3:.0f} ms",
                f"{ours * 1e3:.0f} ms",
                f"{1 / ratio:.2f}x the time",
            )
        )
    return rows
