"""The page that report writes: how long it takes and how large it is."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import numpy as np
from measuring import FEATURES, Features, Row, pictures, seconds

from catclf import Settings, report, train
from catclf.columns import unroll
from catclf.dataset import NewSplit, write_dataset
from catclf.features import Preprocessing, column

TRAIN, TEST, ROUNDS = 1000, 1000, 5


def measure_report(folder: Path) -> list[Row]:
    """Return a row for each kind of features."""
    return [report_row(folder, features) for features in FEATURES]


def report_row(folder: Path, features: Features) -> Row:
    """Report on made-up pictures, in this process."""
    preprocessing = Preprocessing(features=features)
    unrolled, Y = pictures(TRAIN + TEST)
    images = unrolled.reshape(-1, 3, 64, 64).transpose(0, 2, 3, 1)
    rows = np.concatenate([column(image, preprocessing) for image in images])
    pixels = () if features == "pixels" else unroll(images)
    labels = Y[0].astype(np.uint8)
    train_split, test_split = (
        NewSplit(
            [rows[part]],
            labels[part],
            [f"pictures/class/{i}.jpg" for i in range(TRAIN)],
            pixel_blocks=[pixels[part]] if len(pixels) else (),
        )
        for part in (slice(TRAIN), slice(TRAIN, None))
    )
    dataset, model, page = (folder / f"{features}{end}" for end in (".npz", "-model.npz", ".html"))
    write_dataset(dataset, ("noncat", "cat"), preprocessing, train_split, test_split)
    train(dataset, model, Settings(iterations=200, learning_rate=0.001))
    times = [seconds(lambda: report(dataset, model, page)) for _ in range(ROUNDS)]
    return Row(
        f"report of {TEST:,} test pictures and {TRAIN:,} train pictures ({features})",
        "-",
        f"{median(times):.2f} s, {page.stat().st_size / 1e6:.2f} MB",
        "-",
    )
