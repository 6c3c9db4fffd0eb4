"""A real browser, and reports opened in it.

The browser is the one that CATCLF_BROWSER names, or the first Chromium on the path. Where there is
none these tests are skipped; where the one named is missing they fail.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

import catclf

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
# Not left in the environment: catclf warns of CATCLF_ variables that set no option.
NAMED = os.environ.pop("CATCLF_BROWSER", None)
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
LIMIT_MS = 10_000

OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")  # no other test runs beside its threads
def browser() -> Iterator[Browser]:
    """Start a browser."""
    found = NAMED or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no browser: install chromium-headless-shell, or name one by CATCLF_BROWSER")
    sandboxed = hasattr(os, "geteuid") and os.geteuid() != 0  # Chromium refuses it to root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, chromium_sandbox=sandboxed, args=[*QUIET, "--no-first-run"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Return ``open_page(path, **context)``: a report in a browser, which must not complain.

    At the end no page has written an error or a warning to the console, or asked for anything.
    """
    troubles: list[str] = []
    contexts = []
    pages = set()

    def note_request(request: Request) -> None:
        if request.url not in pages and not request.url.startswith(("data:", "blob:")):
            troubles.append(request.url)

    def open_report(path: Path, **settings: Any) -> Page:
        context = browser.new_context(offline=True, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("request", note_request)
        pages.add(path.as_uri())
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert troubles == []


def make_report(
    folder: Path,
    source: list[Path],
    preprocessing: catclf.Preprocessing,
    label_from: Literal["layout", "name"] = "layout",
) -> Path:
    """Prepare, train by the defaults and report, in a folder; return the page."""
    catclf.prepare(
        source, folder / "dataset.npz", preprocessing=preprocessing, label_from=label_from
    )
    # The six kinds are not equally frequent, of which it warns.
    catclf.train(folder / "dataset.npz", folder / "model.npz", observer=catclf.Observer())
    catclf.report(folder / "dataset.npz", folder / "model.npz", folder / "report.html")
    return folder / "report.html"


KINDS = ("pixels", "hog-color")
# Of tests of what has nothing to do with features.
of_pixels = pytest.mark.parametrize("sample_report", KINDS[:1], indirect=True)
six_of_pixels = pytest.mark.parametrize("six_report", KINDS[:1], indirect=True)


@pytest.fixture(scope="session", params=KINDS)
def sample_report(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report on the sample, by each kind of features; dataset.npz and model.npz stand beside it."""
    folder = tmp_path_factory.mktemp("report")
    return make_report(folder, [SAMPLE], catclf.Preprocessing(features=request.param))


@pytest.fixture(scope="session", params=KINDS)
def six_report(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report on the six kinds of pictures of the sample, by each kind of features."""
    folder = tmp_path_factory.mktemp("six")
    return make_report(folder, [SAMPLE], catclf.Preprocessing(features=request.param), "name")


def drop(page: Page, data: bytes, name: str = "photo") -> None:
    """Choose a file in the page's form, and wait until it is answered."""
    page.evaluate("fill('photo-result'), fill('photo-error')")
    page.set_input_files(
        "#file", {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )
    page.wait_for_selector("#photo-result > .answer, #photo-error:not(:empty)")


def violations(page: Page, within: str | None = None) -> list[tuple[str, str]]:
    """Return what axe-core finds wrong in a page or a part of it, each with its first element.

    It tells no more, and looks into no frames and style sheets, of which there are none: sooner.
    """
    quick = {"resultTypes": ["violations"], "iframes": False, "preload": False}
    found = Axe().run(page, within, quick).response["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found]


def decoded(page: Page, data: bytes) -> dict[str, Any]:
    """Return what the page makes of a picture file: pixels, column, probabilities and doubts."""
    text = page.evaluate(
        """async (base64) => {
            const picture = await decode(new File([bytesOf(base64)], "photo"));
            const pixels = fitPicture(picture);
            const column = columnOf(pixels);
            return JSON.stringify({ // as text: Playwright takes long over each number of an array
                pixels: Array.from(pixels),
                column: Array.from(column),
                probabilities: byClass(forward(TRAINED, column).a),
                doubts: picture.doubts,
            });
        }""",
        base64.b64encode(data).decode(),
    )
    result: dict[str, Any] = json.loads(text)
    return result
