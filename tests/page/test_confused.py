"""What the page of more than two classes tells of the test split, beside `evaluate`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page

import catclf
from catclf.operations.evaluation import Evaluation
from page.conftest import OpenPage, six_of_pixels, violations
from page.test_page import BEYOND_THE_CARD, HOSTILE, SPLIT, assert_it_fits, write_report
from page.test_sections import number, percent

pytestmark = pytest.mark.slow
KINDS = ("car", "cat", "dog", "flower", "house", "tree")
MANY = tuple(f"species {i}" for i in range(40))


def write_random(
    folder: Path, classes: tuple[str, ...], m: int, names: list[str] | None = None
) -> Path:
    """Report on random logits, those of the label a little higher."""
    rng, k = np.random.default_rng(0), len(classes)
    labels = rng.integers(0, k, m)
    Z: NDArray[np.float64] = rng.normal(size=(m, k))
    Z[np.arange(m), labels] += 1.5
    return write_report(folder, labels.tolist(), Z, classes, names)


def evaluation_beside(report: Path, data: str = "d.npz", model: str = "m.npz") -> Evaluation:
    """Return the evaluation that a report is of."""
    return catclf.evaluate(report.with_name(data), report.with_name(model))


def cells(page: Page) -> list[list[int]]:
    """Return the confusion matrix that is shown."""
    return [
        [int(text) for text in row.locator("td").all_inner_texts()]
        for row in page.locator("#cells tbody tr").all()
    ]


@six_of_pixels
def test_the_matrix_is_that_of_evaluate(six_report: Path, open_page: OpenPage) -> None:
    """Its numbers; the verdict, balanced accuracy, and recall, precision and F1 of each class."""
    page = open_page(six_report)
    test = evaluation_beside(six_report, "dataset.npz", "model.npz")
    assert cells(page) == test.confusion.matrix.tolist()
    headline = page.inner_text("#headline")
    assert f"Right on {test.confusion.correct} of 60 test pictures" in headline
    assert f"always answering cat would be right on {percent(0.5)}" in headline
    balanced = percent(test.confusion.balanced_accuracy)
    words = page.inner_text("#class-rates")
    assert f"The balanced accuracy, the mean of the recalls, is {balanced}." in words
    recalls, precisions, f1s = (
        test.confusion.recalls,
        test.confusion.precisions,
        test.confusion.f1s,
    )
    order = sorted(range(6), key=lambda label: recalls[label] or 0)
    rows = page.locator("#class-rates tbody tr")
    assert rows.locator("th > bdi").all_inner_texts() == [test.classes[i] for i in order]
    for row, label in zip(rows.all(), order, strict=True):
        wanted = [percent(rates[label]) for rates in (recalls, precisions, f1s)]
        assert row.locator("td").all_inner_texts() == wanted
        assert row.locator("small").inner_text() == f"{(test.labels == label).sum()} pictures"
    assert page.locator("#class-rates tfoot td").first.inner_text() == balanced
    assert page.locator("#threshold, nav [href='#threshold']").count() == 0
    assert "ositive class" not in page.inner_text("main")


@six_of_pixels
def test_a_number_that_is_chosen_shows_its_pictures(six_report: Path, open_page: OpenPage) -> None:
    """By keyboard too: those of the label that are predicted so, with both probabilities."""
    page = open_page(six_report)
    test = evaluation_beside(six_report, "dataset.npz", "model.npz")
    shown = page.evaluate("DATA.test.cells[0]")  # from the start, the most frequent mistake
    label, predicted = (test.classes[shown[key]] for key in ("label", "predicted"))
    assert page.inner_text("#cell-heading").startswith(f"{label} predicted as {predicted}: ")
    for i, j in np.argwhere(test.confusion.matrix):
        label, predicted, count = test.classes[i], test.classes[j], int(test.confusion.matrix[i, j])
        how = "right" if i == j else f"as {predicted}"
        name = f"{label} predicted {how}: {count} test picture{'s' * (count > 1)}"
        button = page.get_by_role("button", name=name, exact=True)
        button.focus()
        page.keyboard.press("Enter")
        [pressed] = page.locator("#cells [aria-pressed=true]").all()
        assert pressed.get_attribute("aria-label") == name
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == name
        part = ", 12 shown" if count > 12 else ""
        assert page.inner_text("#cell-heading") == name + part
        captions = page.locator("#cell-pictures figcaption").all_inner_texts()
        assert len(captions) == min(count, 12)
        names = page.locator("#cell-pictures .name").all_inner_texts()
        for caption, shown_name in zip(captions, names, strict=True):
            [index] = [row for row, path in enumerate(test.names) if path.endswith(shown_name)]
            assert (test.labels[index], test.predicted[index]) == (i, j)
            assert f"P({predicted}) = {test.probabilities[index, j]:.4f}" in caption
            assert f"P({label}) = {test.probabilities[index, i]:.4f}" in caption
        page.locator("#cell-pictures canvas[width='64']").nth(len(names) - 1).wait_for()  # drawn


@six_of_pixels
def test_the_wrong_ones_stand_by_pairs(six_report: Path, open_page: OpenPage) -> None:
    """Below the name of each pair; a card tells the label's probability, and opens the steps."""
    page = open_page(six_report)
    test = evaluation_beside(six_report, "dataset.npz", "model.npz")
    for group in page.locator("#wrong > li").all():
        heading = group.locator("h4").inner_text()
        pair = group.locator(".card").first.inner_text()
        predicted, label = pair.split(",")[0], pair.split("label ")[1].split(",")[0]
        i, j = test.classes.index(label), test.classes.index(predicted)
        count, shown = test.confusion.matrix[i, j], group.locator(".card").count()
        part = f", {shown} shown" if shown < count else ""
        assert heading == f"{label} predicted as {predicted}: {count}{part}"
        for card in group.locator(".card").all():
            words = card.inner_text()
            assert words.startswith(f"{predicted}, P({predicted}) = ")
            assert f"label {label}, P({label}) = " in words
    names = page.locator("#wrong .name").all_inner_texts()
    worst = [path.name for path in map(Path, (each.name for each in test.worst(12)))]
    assert sorted(Path(name).name for name in names) == sorted(worst)
    assert {text.split(",")[0] for text in page.locator("#right .card b").all_inner_texts()} == {
        name for i, name in enumerate(test.classes) if test.confusion.matrix[i, i]
    }
    card = page.locator("#wrong .card").first
    card.click()
    assert page.inner_text("#step-name") == card.locator(".name").inner_text()
    assert page.inner_text("#step-answer") == card.locator("b").first.inner_text()


def test_the_pieces_add_up_to_the_z_of_the_predicted_class(
    six_report: Path, open_page: OpenPage
) -> None:
    """With its bias; orange speaks for it."""
    page = open_page(six_report)
    for reference in ("nothing", "mean"):
        page.check(f"input[name=reference][value={reference}]")
        differences = page.evaluate(
            """() => [...DATA.test.wrong, ...DATA.test.right].map((shown) => {
                const neuron = predictedOf(shown.probabilities);
                const pieces = sumOf(evidence(shown).map(({ values }) => sumOf(values)));
                const rest = sumOf(contributions(TRAINED.w[neuron], reference()));
                return Math.abs(pieces + rest + TRAINED.b[neuron] - shown.logit);
            })"""
        )
        assert len(differences) > 12
        assert max(differences) < 1e-6
    words = page.inner_text("#mistakes .content > p")
    assert "orange speaks for the predicted class" in words
    assert "of the predicted class, add up to its z." in words


@six_of_pixels
def test_the_reliability_diagram_is_of_the_predicted_class(
    six_report: Path, open_page: OpenPage
) -> None:
    """Its mean probability against the fraction predicted right; the log loss as `evaluate`."""
    page = open_page(six_report)
    test = evaluation_beside(six_report, "dataset.npz", "model.npz")
    right = (test.probabilities.argmax(axis=1) == test.labels).astype(np.uint8)
    bins = catclf.uncertainty.calibration(right, test.probabilities.max(axis=1), 6)
    points = page.locator("#reliability circle.bin").all()
    for point, each in zip(points, bins, strict=True):
        assert number(point, "cx") == pytest.approx(52 + 286 * each.probability)
        assert number(point, "cy") == pytest.approx(254 - 242 * each.fraction)
    words = page.inner_text("#trust-text")
    assert f"The log loss is {test.log_loss:.4f}, below {test.constant_log_loss:.4f}" in words
    assert "the fractions of the classes in the test split" in words


def test_of_many_classes_the_most_confused_pairs_are_listed(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """Instead of the matrix, of which no phone could show 40 columns; chosen alike."""
    report = write_random(tmp_path, MANY, 1500)
    page, test = (
        open_page(report, viewport={"width": 390, "height": 900}),
        evaluation_beside(report),
    )
    wrong = test.confusion.matrix.copy()
    np.fill_diagonal(wrong, 0)
    rows = [row.inner_text().split("\t") for row in page.locator("#cells tbody tr").all()]
    assert [int(row[2]) for row in rows] == sorted(wrong.ravel(), reverse=True)[:30]
    for label, predicted, count, share in rows:
        i, j = test.classes.index(label), test.classes.index(predicted)
        assert int(count) == wrong[i, j]
        assert share == percent(wrong[i, j] / (test.labels == i).sum())
    assert f"30 of {np.count_nonzero(wrong)}" in page.inner_text("#confused-text")
    label, predicted, count, _ = rows[7]
    page.locator("#cells button").nth(7).click()
    assert page.inner_text("#cell-heading").startswith(f"{label} predicted as {predicted}: {count}")
    assert page.locator("#class-rates tbody tr").count() == 40
    assert_it_fits(page)
    assert page.evaluate(BEYOND_THE_CARD) == []
    assert violations(page, "#confused") == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_everyone_can_use_it(open_page: OpenPage, tmp_path: Path, width: int, scheme: str) -> None:
    """All fits, axe-core finds nothing, and Tab reaches the numbers of the matrix."""
    report = write_random(tmp_path, KINDS, 150)
    page = open_page(report, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert_it_fits(page)
    assert page.evaluate(SPLIT) == []
    assert violations(page) == []
    page.locator("#cells button").first.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("cell")


def test_names_of_classes_are_shown_as_text(open_page: OpenPage, tmp_path: Path) -> None:
    """Whatever they hold, in cells and headings; and nothing is wider than a phone."""
    classes = (*HOSTILE[:5], "W" * 300, "شجرة" * 30)
    report = write_random(tmp_path, classes, 100, [f"{i}/{HOSTILE[i % 7]}" for i in range(100)])
    page = open_page(report, viewport={"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.locator("#cells thead bdi").all_inner_texts() == list(classes)
    for button in page.locator("#cells button").all():
        label = str(button.get_attribute("aria-label"))
        button.click()
        assert page.inner_text("#cell-heading").split(": ")[0] == label.split(": ")[0]
    assert page.locator("script").count() == 2
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize(
    ("classes", "labels", "predicted", "headline", "words"),
    [
        (3, [], [], "is not known", "has no test split"),
        (3, [1], [1], "Right on 1 of 1 test picture: 100.00\u00a0%", "one class only"),
        (3, [2, 2], [0, 1], "Right on 0 of 2", "how the model tells the classes apart"),
        (3, [0, 1, 2], [0, 1, 2], "Right on 3 of 3", "No test picture is predicted wrong."),
        (3, [0, 0, 1], [0, 1, 1], "Right on 2 of 3", "Of 1 of the 3 classes there is no test"),
        (9, [0, 1], [1, 1], "Right on 1 of 2", "no test picture: c2, c3, c4 and 4 more."),
        (13, [0, 1, 2], [0, 1, 2], "Right on 3 of 3", "No test picture is predicted wrong."),
    ],
)
def test_odd_test_splits_make_sense(
    open_page: OpenPage,
    tmp_path: Path,
    classes: int,
    labels: list[int],
    predicted: list[int],
    headline: str,
    words: str,
) -> None:
    """None, one picture, one class, all right, classes without a picture."""
    names = tuple(f"c{i}" for i in range(classes))
    Z = 3 * np.eye(classes)[predicted] if labels else np.zeros((0, classes))
    page = open_page(write_report(tmp_path, labels, Z, names))
    assert headline in page.inner_text("#headline")
    everything = page.inner_text("main")
    assert words in everything
    for each in ("NaN", "undefined", "null"):
        assert each not in everything
    if labels and len(set(labels)) < classes:
        assert "is not defined: of some classes there is no test picture." in everything


def test_it_prints(open_page: OpenPage, tmp_path: Path) -> None:
    """Whole: tables that are scrolled on a screen have all their rows, in the colors of cells."""
    page = open_page(write_random(tmp_path, MANY, 400), viewport={"width": 700, "height": 1000})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for table in page.locator(".scrolled").all():
        assert (
            table.evaluate("({ scrollHeight, clientHeight }) => scrollHeight - clientHeight") == 0
        )
