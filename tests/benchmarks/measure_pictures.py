"""Decoding pictures: preparing thousands of photographs, and predicting one from a cold start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import N_X, PEAK, SHARED, Row, in_turns
from PIL import Image

from catclf import prepare
from catclf.model import Model
from catclf.model_file import save_model
from catclf.pictures.preprocessing import Preprocessing


def photographs(folder: Path, m: int) -> Path:
    """Return a folder of class folders with m photographs: links to the real ones, or made up."""
    source = SHARED / "photos"
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
    w = rng.normal(size=(N_X, 1))
    save_model(folder / "m.npz", Model(w, 0.0, ("noncat", "cat"), Preprocessing()))
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
