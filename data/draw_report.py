"""Draw report.png, the picture of a report that the README shows.

    python data/draw_report.py

It needs the `dev` extra and a Chromium, CATCLF_BROWSER or the first on the path.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import catclf

DATA = Path(__file__).absolute().parent
PHOTO = DATA / "sample" / "test" / "cat" / "cat-121.png"
SECTIONS = ("header", "#photo", "#weights")
COLORS = 128  # of the picture's palette
MARGIN = 24


def report(folder: Path) -> Path:
    """Prepare the sample, train and report by the defaults in a folder, and return the page."""
    os.chdir(folder)  # so that the page names its files as a user's does
    catclf.prepare(DATA / "sample", "data/dataset.npz")
    catclf.train("data/dataset.npz", "model.npz")
    catclf.report("data/dataset.npz", "model.npz", "report.html")
    return folder / "report.html"


def screenshots(path: Path) -> list[Image.Image]:
    """Return pictures of some sections, after a photo was tried."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CATCLF_BROWSER")
            or shutil.which("chromium-headless-shell")
            or shutil.which("chromium"),
            chromium_sandbox=hasattr(os, "geteuid") and os.geteuid() != 0,
        )
        page = browser.new_page(viewport={"width": 900, "height": 900}, color_scheme="light")
        page.goto(path.as_uri())
        page.set_input_files("#file", PHOTO)
        page.wait_for_selector("#photo-result > .answer")
        shots = [page.locator(f"main > {each}").screenshot() for each in SECTIONS]
        browser.close()
    return [Image.open(io.BytesIO(shot)).convert("RGB") for shot in shots]


def stacked(pictures: list[Image.Image]) -> Image.Image:
    """Return pictures one below the other, on the color of their upper left corner."""
    size = max(p.width for p in pictures), sum(p.height + MARGIN for p in pictures) + MARGIN
    sheet = Image.new("RGB", (size[0] + 2 * MARGIN, size[1]), pictures[0].getpixel((0, 0)))
    top = MARGIN
    for picture in pictures:
        sheet.paste(picture, (MARGIN, top))
        top += picture.height + MARGIN
    return sheet


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        drawn = stacked(screenshots(report(Path(scratch))))
    drawn.quantize(COLORS).save(DATA / "report.png", optimize=True)
