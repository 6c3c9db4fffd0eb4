"""The page as a whole: for everyone, on any screen, whatever the names and the numbers."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike
from playwright.sync_api import Page

import catclf
from catclf.logistic import n_neurons
from catclf.model import Model
from catclf.model_file import save_model
from datasets import write_small
from page.conftest import SAMPLE, OpenPage, drop, of_pixels, violations

pytestmark = pytest.mark.slow
PREPROCESSING = catclf.Preprocessing(size=8)
N_X = PREPROCESSING.n_x
HOSTILE = [
    "</script><script>alert(1)</script>.png",
    "<img src=x onerror=alert(2)>.png",
    "\"quotes\" 'and' &amp; $title ${x}.png",
    "\u202egnp.evil\u202c\u200f.png",
    "🐈‍⬛ <!-- cat.png",
    "not UTF-8 \udcff.png",
    "a" * 200 + ".png",
]


def write_report(
    folder: Path,
    labels: Sequence[int],
    logits: ArrayLike,
    classes: tuple[str, ...] = ("noncat", "cat"),
    names: Sequence[str] | None = None,
) -> Path:
    """Report on made-up test pictures whose logits, (m,) or (m, k), are nearly these."""
    # The first features are the logits, in steps of 0.1 from -12.
    k = n_neurons(len(classes))
    columns = np.random.default_rng(0).integers(0, 256, (len(labels), N_X), dtype=np.uint8)
    levels = np.round((np.reshape(logits, (len(labels), k)) + 12) * 10)
    columns[:, :k] = levels.astype(np.uint8)
    w, b = np.eye(N_X, k) * 25.5, np.full((k, 1), -12.0)
    write_small(
        folder / "d.npz",
        2 * len(classes),
        classes=classes,
        test_columns=columns,
        test_labels=labels,
        test_names=names,
    )
    save_model(folder / "m.npz", Model(w, b, classes, PREPROCESSING))
    catclf.report(folder / "d.npz", folder / "m.npz", folder / "report.html")
    return folder / "report.html"


# Words that stand on two lines, and texts of charts that are not within them.
BROKEN_WORDS = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const broken = [];
    while (walker.nextNode()) {
        const { data, parentElement } = walker.currentNode;
        if (parentElement.closest("script, style, option, svg")) continue;
        for (const { index, 0: word } of data.matchAll(/[\\p{L}\\p{N}.,%+\u2212]+/gu)) {
            const range = document.createRange();
            range.setStart(walker.currentNode, index);
            range.setEnd(walker.currentNode, index + word.length);
            const shown = [...range.getClientRects()].filter(({ width }) => width > 0);
            if (new Set(shown.map(({ top }) => Math.round(top))).size > 1) broken.push(word);
        }
    }
    return broken;
}"""
CUT_OFF = """() => [...document.querySelectorAll("svg text")].filter((text) => {
    const outer = text.closest("svg").getBoundingClientRect();
    const inner = text.getBoundingClientRect();
    return inner.left < outer.left - 1 || inner.right > outer.right + 1
        || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
}).map((text) => text.textContent)"""


# Of all that has a line of its own if it must: what stands on two where one has room for it.
SPLIT = """() => [...document.querySelectorAll(".unbroken")].filter((each) => {
    const height = each.getBoundingClientRect().height;
    return height > 1.6 * Number.parseFloat(getComputedStyle(each).lineHeight);
}).map((each) => each.textContent)"""
# Cells of tables whose text runs out of them, but for one that is cut with an ellipsis.
BEYOND_THE_CARD = """() => [...document.querySelectorAll("td, th")]
    .filter((cell) => cell.clientWidth > 0 && cell.scrollWidth > cell.clientWidth)
    .map((cell) => cell.textContent)"""
# Scales whose colors nobody could tell apart.
SHORT_SCALES = """() => [...document.querySelectorAll(".scale")]
    .map((scale) => scale.getBoundingClientRect().width)
    .filter((width) => width > 0 && width < 100)"""


def assert_it_fits(page: Page) -> None:
    """Nothing is wider than the screen, no word is broken, no text of a chart is cut off."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(BROKEN_WORDS) == []
    assert page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize(
    ("sample_report", "width", "scheme"),
    [("pixels", 390, "dark"), ("hog-color", 1280, "light")],
    indirect=["sample_report"],
)
def test_everyone_can_use_it(
    sample_report: Path, open_page: OpenPage, width: int, scheme: str
) -> None:
    """All fits, and axe-core finds nothing, also with a photo tried and with an error shown."""
    page = open_page(sample_report, viewport={"width": width, "height": 900}, color_scheme=scheme)
    drop(page, (SAMPLE / "test" / "cat" / "cat-121.png").read_bytes())
    for data in (None, b"II*\0 no browser reads it"):
        if data is not None:
            drop(page, data, "scan.tif")
        for each in (1670 - width, width):  # the other one's too
            page.set_viewport_size({"width": each, "height": 900})
            assert_it_fits(page)
            assert page.evaluate(SPLIT) == []
            assert page.evaluate(SHORT_SCALES) == []
        assert violations(page, "#photo" if data else None) == []  # all, but for the error


@of_pixels
def test_the_keyboard_is_enough(sample_report: Path, open_page: OpenPage) -> None:
    """Tab reaches every control; arrows move the slider; Enter chooses a picture."""
    page = open_page(sample_report)
    page.evaluate(
        """() => {
            window.reached = [];
            addEventListener("focusin", ({ target }) =>
                reached.push(target.id || target.name || target.className));
        }"""
    )
    for _ in range(110):
        page.keyboard.press("Tab")
    assert {
        "term",
        "file",
        "reference",
        "card",
        "threshold-slider",
        "threshold-reset",
        "label",
        "learning-rate",
        "descend",
        "restart",
    } <= set(page.evaluate("reached"))
    page.focus("#threshold-slider")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#threshold-value") == "0.501"
    page.locator("#right .card").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.inner_text("#step-name") == page.evaluate("DATA.test.right[1].name")
    assert page.evaluate("document.activeElement.id") == "steps"


@of_pixels
def test_it_prints(sample_report: Path, open_page: OpenPage) -> None:
    """On paper the form and the links are left out, and nothing is wider than the sheet."""
    page = open_page(sample_report, viewport={"width": 700, "height": 1000})
    page.emulate_media(media="print")
    assert page.is_hidden("#photo")
    assert page.is_hidden("nav")
    assert page.is_visible("#headline")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.pdf().startswith(b"%PDF")


def test_names_are_shown_as_text(open_page: OpenPage, tmp_path: Path) -> None:
    """File names and classes that look like HTML, or turn the direction of writing."""
    classes = ("</title><script>alert(0)</script>", "\"cat\" & <b>\u202e'co'\u202c 🐈")
    logits = [-5.0, 5.0, -5.0, 5.0, -5.0, 5.0, -5.0]
    page = open_page(write_report(tmp_path, [1, 0] * 3 + [1], logits, classes, HOSTILE))
    shown = page.locator("#wrong .name").all_inner_texts()
    assert shown == page.evaluate("DATA.test.wrong.map(({ name }) => name)")
    ends = sorted(name.split("/")[-1] for name in HOSTILE)
    assert sorted(name.split("/")[-1] for name in shown) == ends
    assert classes[0] in page.title()
    assert classes[1] in page.inner_text("#confusion")
    assert page.locator("script").count() == 2
    assert page.locator("main img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    drop(page, (SAMPLE / "test" / "cat" / "cat-121.png").read_bytes(), HOSTILE[0])
    assert page.inner_text("#step-name") == HOSTILE[0]


@pytest.mark.parametrize(
    ("labels", "logits", "headline", "words"),
    [
        ([], [], "is not known", "has no test split"),
        ([1], [2.0], "Right on 1 of 1 test picture: 100.00\u00a0%", "one class only"),
        ([0], [2.0], "Right on 0 of 1 test picture:", "No test picture is predicted right"),
        ([0, 1, 1], [-3.0, 2.0, 3.0], "Right on 3 of 3", "No test picture is predicted wrong"),
        ([0, 1, 1], [3.0, -2.0, -3.0], "Right on 0 of 3", "No test picture is predicted right"),
        ([1] * 30, [1.0, -1.0] * 15, "Right on 15 of 30", "All of them are of one class"),
        ([0, 1] * 20, [0.0] * 40, "Right on 20 of 40", "The log loss is 0.6931, as high as 0.6931"),
    ],
)
def test_odd_test_splits_make_sense(
    open_page: OpenPage,
    tmp_path: Path,
    labels: list[int],
    logits: list[float],
    headline: str,
    words: str,
) -> None:
    """None, one picture, all right, all wrong, one class, all alike."""
    page = open_page(write_report(tmp_path, labels, logits))
    assert headline in page.inner_text("#headline")
    everything = page.inner_text("main")
    assert words in everything
    assert page.locator("#accuracy:empty").count() == 0
    for each in page.locator(".gallery > .soft").all():
        box, gallery = each.bounding_box(), each.locator("..").bounding_box()
        assert box is not None
        assert gallery is not None
        assert box["width"] == gallery["width"]
    ways = "Choose a picture above, or try a photo." if labels else "Try a photo."
    assert ways in page.inner_text("#steps")
    assert "NaN" not in everything
    assert "undefined" not in everything
    assert "null" not in everything
    drop(page, (SAMPLE / "test" / "cat" / "cat-121.png").read_bytes())
    assert "cat) = " in page.inner_text("#photo-result")
    if not labels or len(labels) == 40:
        assert violations(page) == []


def test_thirty_thousand_test_pictures(open_page: OpenPage, tmp_path: Path) -> None:
    """A page of a few megabytes, whose slider answers at once."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 30_000)
    logits = np.clip(rng.normal(2 * labels - 1, 2), -11, 11)
    path = write_report(tmp_path, labels.tolist(), logits.tolist())
    assert path.stat().st_size < 1_000_000
    page = open_page(path)
    assert "of 30000 test pictures" in page.inner_text("#headline")
    page.focus("#threshold-slider")
    before = time.perf_counter()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert page.inner_text("#threshold-value") == "0.520"
    assert time.perf_counter() - before < 10
    evaluation = catclf.evaluate(tmp_path / "d.npz", tmp_path / "m.npz", threshold=0.52)
    shown = page.inner_text("[data-count=truePositives]")
    assert int(shown) == evaluation.confusion.true_positives


def test_a_model_that_tells_nothing_of_its_training(
    small_dataset: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    """A weights-only model in either order: no costs, no settings, the better order."""
    w = np.random.default_rng(0).normal(size=(N_X, 1))
    np.savez(tmp_path / "w.npz", w=w, b=0.0)
    catclf.report(small_dataset, tmp_path / "w.npz", tmp_path / "r.html")
    page = open_page(tmp_path / "r.html")
    evaluation = catclf.evaluate(small_dataset, tmp_path / "w.npz")
    order = next(iter(evaluation.order_log_losses))
    assert f"{order} fits these labels best" in page.inner_text("#lines")
    assert "records no costs" in page.inner_text("#costs-text")
    assert "not recorded" in page.inner_text("#details")
    percentage = f"{100 * evaluation.accuracy:.2f}\u00a0%"
    assert percentage in page.inner_text("#headline")


@pytest.mark.parametrize("name", ["W" * 300, "photo_" + "a" * 40, "شجرة" * 30])
def test_long_names_fit(open_page: OpenPage, tmp_path: Path, name: str) -> None:
    """On a phone too, however long a word is: its end becomes an ellipsis, the rest a title."""
    names = [f"/home/ann/{name[:200]}/{i}.jpg" for i in range(3)]
    path = write_report(tmp_path, [0, 1, 1], [-1.0, 1.0, -1.0], ("other", name), names)
    page = open_page(path, viewport={"width": 390, "height": 900})
    assert_it_fits(page)
    cut = page.locator("#threshold-text .long").first
    assert cut.evaluate("(word) => getComputedStyle(word).textOverflow") == "ellipsis"
    assert cut.get_attribute("title") == name


def test_a_cost_for_each_of_many_iterations(
    small_dataset: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    """Of 70,000 recorded costs a thousand are drawn."""
    model = catclf.train(small_dataset, tmp_path / "m.npz", catclf.Settings(iterations=3)).model
    assert model.training is not None
    long = dataclasses.replace(
        model.training,
        settings=catclf.Settings(iterations=70_000, every=1),
        iterations=70_000,
        costs={iteration: 0.69 - iteration / 10**6 for iteration in range(70_000)},
    )
    catclf.report(small_dataset, dataclasses.replace(model, training=long), tmp_path / "r.html")
    page = open_page(tmp_path / "r.html")
    assert "in 70000 iterations" in page.inner_text("#costs-text")
    assert page.evaluate("DATA.costs.train.length") == 1000


def test_enormous_weights_have_a_page(
    small_dataset: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    """What overflows is not a number that JSON has."""
    w, b = np.zeros((N_X, 1)), np.full((1, 1), 1e308)
    save_model(tmp_path / "m.npz", Model(w, b, ("noncat", "cat"), PREPROCESSING))
    with np.errstate(over="ignore"):
        catclf.report(small_dataset, tmp_path / "m.npz", tmp_path / "r.html")
    page = open_page(tmp_path / "r.html")
    assert "The log loss" in page.inner_text("#trust-text")
    assert "NaN" not in page.inner_text("main")


def test_an_undecodable_class_has_a_page(open_page: OpenPage, tmp_path: Path) -> None:
    """A folder's name that is not UTF-8 is a class too."""
    path = write_report(tmp_path, [0, 1], [-1.0, 1.0], ("other", os.fsdecode(b"caf\xe9")))
    assert "caf" in open_page(path).title()


def test_an_interrupted_training_is_reported(
    small_dataset: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    """A checkpoint knows no accuracy of its train split: the page says nothing of it."""
    model = catclf.train(small_dataset, tmp_path / "m.npz", catclf.Settings(iterations=3)).model
    assert model.training is not None
    training = dataclasses.replace(model.training, train_accuracy=None)
    save_model(tmp_path / "m.npz", dataclasses.replace(model, training=training))
    catclf.report(small_dataset, tmp_path / "m.npz", tmp_path / "r.html")
    page = open_page(tmp_path / "r.html")
    assert "it was trained on" not in page.inner_text("#lines")
    assert page.locator(".bar circle.train").count() == 0
