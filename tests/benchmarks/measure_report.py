"""The page that report writes: how long it takes, how large it is, and how soon it answers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from measuring import FEATURES, PHOTOS, Pixels, Row, pictures, seconds

from catclf import Preprocessing, Settings, load_backbone, read_picture, report, train
from catclf.columns import unroll
from catclf.dataset import NewSplit, write_dataset
from catclf.features import column
from catclf.pictures.pixels import fit_pixels

TRAIN, TEST, ROUNDS = 1000, 1000, 5
NETWORK_TRAIN, NETWORK_TEST = 700, 100
# How long the page takes to open, and a photo to be classified, in a browser: milliseconds.
OPENED = "performance.getEntriesByType('navigation')[0].domComplete"
ANSWERED = """() => {
    const pixels = new Uint8Array(SIZE ** 2 * 3).map((_, i) => (7 * i) % 256);
    const start = performance.now();
    const column = columnOf(pixels);
    likenessOf(column);
    return performance.now() - start;
}"""


def measure_report(folder: Path) -> list[Row]:
    """Return a row for each kind of features, and for the network in the page."""
    rows = [features_row(folder, Preprocessing(features=features)) for features in FEATURES]
    return [*rows, *network_rows(folder)]


def features_row(folder: Path, preprocessing: Preprocessing) -> Row:
    """Report on made-up pictures, in this process."""
    unrolled, labels = pictures(TRAIN + TEST)
    images = unrolled.reshape(-1, 3, 64, 64).transpose(0, 2, 3, 1)
    return report_row(folder, preprocessing, images, images, labels, TEST)


def network_rows(folder: Path) -> list[Row]:
    """Report by the network that we bring, and open the page."""
    preprocessing = Preprocessing(backbone=load_backbone("efficientnet-lite0"))
    images, labels = photographs(preprocessing)
    small = [fit_pixels(image, Preprocessing()) for image in images]
    row = report_row(folder, preprocessing, images, small, labels, NETWORK_TEST)
    times = browser_times(folder / "efficientnet-lite0.html")
    if times is None:
        return [row]
    what = "that page in Chromium: opened; the first photo, and later ones"
    opened, first, later = (f"{each:.0f} ms" for each in times)
    return [row, Row(what, "-", f"{opened}; {first}, {later}", "-")]


def photographs(preprocessing: Preprocessing) -> tuple[list[Pixels], Pixels]:
    """Return 800 pictures as a model sees them, cats and dogs by turns, and their labels.

    Photographs, whole, mirrored and in two parts; where there are none, made-up ones.
    """
    count = NETWORK_TRAIN + NETWORK_TEST
    if not PHOTOS.is_dir():
        unrolled, labels = pictures(count)
        images = unrolled.reshape(-1, 3, 64, 64).transpose(0, 2, 3, 1)
        return [fit_pixels(image, preprocessing) for image in images], labels
    pairs = zip(*(sorted((PHOTOS / name).iterdir()) for name in ("cat", "dog")), strict=True)
    whole = [read_picture(path, preprocessing) for pair in pairs for path in pair]
    parts = (np.s_[:, :], np.s_[:, ::-1], np.s_[:180, :180], np.s_[44:, 44:])
    found = [fit_pixels(image[part], preprocessing) for part, image in product(parts, whole)]
    return found[:count], (np.arange(len(found)) % 2).astype(np.uint8)[:count]


def report_row(
    folder: Path,
    preprocessing: Preprocessing,
    images: Sequence[Pixels] | Pixels,
    kept: Sequence[Pixels] | Pixels,
    labels: Pixels,
    test: int,
) -> Row:
    """Write a dataset of pictures, the last `test` of them to test, train and report."""
    rows = np.concatenate([column(image, preprocessing) for image in images])
    pixels = () if preprocessing.features == "pixels" else unroll(np.array(kept))
    m = len(rows) - test
    train_split, test_split = (
        NewSplit(
            [rows[part]],
            labels[part],
            [f"pictures/class/{i}.jpg" for i in range(len(rows[part]))],
            pixel_blocks=[pixels[part]] if len(pixels) else (),
        )
        for part in (slice(m), slice(m, None))
    )
    name = preprocessing.features_name
    dataset, model, page = (folder / f"{name}{end}" for end in (".npz", "-model.npz", ".html"))
    write_dataset(dataset, ("noncat", "cat"), preprocessing, train_split, test_split)
    train(dataset, model, Settings(iterations=200, learning_rate=0.001))
    times = [seconds(lambda: report(dataset, model, page)) for _ in range(ROUNDS)]
    return Row(
        f"report of {test:,} test pictures and {m:,} train pictures ({name})",
        "-",
        f"{median(times):.2f} s, {page.stat().st_size / 1e6:.2f} MB",
        "-",
    )


def browser_times(page: Path) -> tuple[float, float, float] | None:
    """Return how long a page takes to open, and the first and a later photo; None: no browser."""
    found = os.environ.get("CATCLF_BROWSER") or shutil.which("chromium-headless-shell")
    if found is None:
        return None
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        for _ in range(ROUNDS):
            tab = browser.new_page()
            tab.goto(page.resolve().as_uri())
            tab.wait_for_selector("body[data-ready]")
            opened = tab.evaluate(OPENED)
            first, *later = (tab.evaluate(ANSWERED) for _ in range(4))
            times.append((opened, first, median(later)))
            tab.close()
        browser.close()
    opened, first, later = (median(column) for column in zip(*times, strict=True))
    return opened, first, later
