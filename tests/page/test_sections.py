"""Each section of the page shows the numbers that Python computes."""

from __future__ import annotations

import re
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page

import catclf
from catclf.logistic import sigmoid
from catclf.operations.advice import features_hint, verdict_of
from catclf.operations.evaluation import Evaluation
from catclf.operations.page_names import names_below
from catclf.operations.reporting import MEANINGS
from catclf.uncertainty import Judged
from conftest import training_of
from page.conftest import SAMPLE, OpenPage, of_pixels

pytestmark = pytest.mark.slow


@pytest.fixture
def page(sample_report: Path, open_page: OpenPage) -> Page:
    """Open the report on the sample."""
    return open_page(sample_report)


@pytest.fixture
def evaluation(sample_report: Path) -> Evaluation:
    """Evaluate the same model on the same test split."""
    return catclf.evaluate(
        sample_report.with_name("dataset.npz"), sample_report.with_name("model.npz")
    )


def percent(fraction: float | None) -> str:
    """Return a fraction as the page writes it."""
    return "\u2013" if fraction is None else f"{100 * fraction:.2f}\u00a0%"


def set_threshold(page: Page, t: float) -> None:
    """Move the slider, as its user does."""
    page.locator("#threshold-slider").evaluate(
        "(slider, t) => { slider.value = t; slider.dispatchEvent(new Event('input')); }", t
    )


def number(element: Locator, name: str) -> float:
    """Return an attribute of an element as a number."""
    return float(element.get_attribute(name) or "nan")


def counts(page: Page) -> dict[str, int]:
    """Return the confusion matrix that is shown."""
    return {
        str(cell.get_attribute("data-count")): int(cell.inner_text())
        for cell in page.locator("[data-count]").all()
    }


def points_of(path: Locator) -> list[tuple[float, float]]:
    """Return the points of a line in a chart, as fractions of its axes."""
    numbers = re.findall(r"[ML](\S+?) ([\d.]+)", path.get_attribute("d") or "")
    return [((float(x) - 52) / 286, (254 - float(y)) / 242) for x, y in numbers]


def color_at(page: Page, canvas: str, x: int, y: int) -> list[int]:
    """Return red, green, blue and alpha of a pixel of a canvas."""
    color: list[int] = page.locator(canvas).first.evaluate(
        """(canvas, [x, y]) => {
            const context = canvasContext(canvas.width, canvas.height);
            context.drawImage(canvas, 0, 0);
            return Array.from(context.getImageData(x, y, 1, 1).data);
        }""",
        [x, y],
    )
    return color


@of_pixels
def test_the_verdict_is_that_of_evaluate(page: Page, evaluation: Evaluation) -> None:
    """Accuracy, interval, majority class and train accuracy, and words that follow from them."""
    headline, lines = page.inner_text("#headline"), page.inner_text("#lines")
    assert f"Right on {evaluation.confusion.correct} of 60 test pictures" in headline
    assert percent(evaluation.accuracy) in headline
    assert f"always answering noncat would be right on {percent(0.5)}" in headline
    low, high = evaluation.interval
    assert f"{percent(low)} to {percent(high)}, lies above it" in lines
    assert "is surely better than that" in lines
    assert "Its accuracy on the 240 pictures it was trained on is " in lines


@of_pixels
def test_percentages_are_rounded_as_in_the_terminal(page: Page) -> None:
    """An exact half becomes even."""
    fractions = [i / 32 for i in range(33)] + [i / 3200 for i in range(100)] + [2 / 3, 1e-9]
    shown = page.evaluate("(fractions) => fractions.map(percent)", fractions)
    assert shown == [percent(fraction) for fraction in fractions]
    assert percent(21 / 32) == "65.62\u00a0%"


@of_pixels
def test_the_words_follow_the_numbers(page: Page) -> None:
    """Surely means that the whole interval lies on one side of the constant; weak, nearer to it."""
    for value, (low, high), words in (
        (0.35, (0.3, 0.4), "is surely worse than that: the 95\u00a0% interval of its"),
        (0.55, (0.4, 0.6), "is not surely better than that"),
        (0.55, (0.5, 0.6), "is not surely better than that"),
        (0.55, (0.51, 0.6), "is surely better than that"),
        (0.85, (0.8, 0.9), "is surely better than that"),
        (0.75, (0.4, 0.9), "is not surely better than that"),
    ):
        for name, headline in (
            ("accuracy", "always answering noncat would be right on 50.00\u00a0%"),
            ("balanced accuracy", "always answering the same class would reach 50.00\u00a0%"),
        ):
            judged = Judged(name, value, (low, high), 0.5, 2)
            found = {
                "judged": asdict(judged),
                "verdict": verdict_of(judged),
                "hint": features_hint(judged, "pixels"),
            }
            page.evaluate("(found) => { Object.assign(DATA.test, found); showVerdict(); }", found)
            assert headline in page.inner_text("#headline")
            lines = page.inner_text("#lines")
            assert words in lines
            assert f"of its {name}, {percent(low)} to {percent(high)}" in lines
            near = f"But its {name} is low: nearer to 50.00\u00a0% than to 100\u00a0%."
            assert (near in lines) == (judged.weak and judged.surely_better)
            hinted = judged.weak or not judged.surely_better
            assert ("try prepare --features efficientnet-lite0" in lines) == hinted
            assert number(page.locator(".bar rect.interval"), "x") == pytest.approx(40 + 560 * low)
            shows_train = page.locator(".bar circle.train").count() == 1
            assert shows_train == (name == "accuracy")  # no balanced one is known of it


@of_pixels
def test_the_slider_recounts(page: Page, evaluation: Evaluation) -> None:
    """The confusion matrix, the rates, the curves' points and the line follow the threshold."""
    for t in (0, 0.25, 0.5, 0.735, 0.99, 1):
        set_threshold(page, t)
        numbers_are_those_of(page, evaluation, t)
    page.click("#threshold-reset")
    assert page.inner_text("#threshold-value") == "0.500"
    assert "A threshold that is chosen here fits these test pictures" in page.inner_text(
        "#threshold"
    )
    # A picture at the threshold is not above it.
    above = page.evaluate("[0.2, 0.5, 0.7].map((t) => countAbove([0.2, 0.5, 0.5, 0.7], t))")
    assert above == [3, 1, 0]


def numbers_are_those_of(page: Page, evaluation: Evaluation, t: float) -> None:
    """Check what is shown at a threshold."""
    labels, a = evaluation.labels, evaluation.probabilities[:, 1]
    confusion = catclf.metrics.confusion(labels, (a > t).astype(np.uint8))
    assert counts(page) == {
        "truePositives": confusion.true_positives,
        "falsePositives": confusion.false_positives,
        "falseNegatives": confusion.false_negatives,
        "trueNegatives": confusion.true_negatives,
    }
    rates = {
        "accuracy": confusion.accuracy,
        "recallOfNegatives": confusion.specificity,
        "recall": confusion.recall,
        "precision": confusion.precision,
        "f1": confusion.f1,
    }
    for name, rate in rates.items():
        assert page.inner_text(f"[data-rate={name}]") == percent(rate)
    assert page.inner_text("#threshold-value") == f"{t:.3f}"
    recall, false_rate = confusion.recall or 0, 1 - (confusion.specificity or 0)
    roc = page.locator("#roc circle.now")
    assert number(roc, "cx") == pytest.approx(52 + 286 * false_rate)
    assert number(roc, "cy") == pytest.approx(254 - 242 * recall)
    point = page.locator("#precision-recall circle.now")
    assert point.is_visible() == (confusion.precision is not None)
    assert number(point, "cx") == pytest.approx(52 + 286 * recall)
    precision = confusion.precision or 0
    assert number(point, "cy") == pytest.approx(254 - 242 * precision)
    line = page.locator("#histogram line.threshold")
    for end in ("x1", "x2"):
        assert number(line, end) == pytest.approx(640 * t)
    assert page.locator("#histogram .ticks span").all_inner_texts() == [
        "0",
        "0.25",
        "0.5",
        "0.75",
        "1",
    ]


@of_pixels
def test_the_curves_are_those_of_the_probabilities(page: Page, evaluation: Evaluation) -> None:
    """Every corner of the ROC curve, and every pair of recall and precision, in their order."""
    labels, a = evaluation.labels, evaluation.probabilities[:, 1]
    each = [catclf.metrics.confusion(labels, (a > t).astype(np.uint8)) for t in sorted(a)[::-1]]
    roc = points_of(page.locator("#roc path.curve"))
    rates = [(1 - (c.specificity or 0), c.recall or 0) for c in each]
    assert roc[0] == pytest.approx((0, 0), abs=1e-3)
    assert roc[-1] == pytest.approx((1, 1), abs=1e-3)
    for point in roc[1:-1]:
        assert any(point == pytest.approx(rate, abs=1e-3) for rate in rates)
    pairs = [(c.recall or 0, c.precision) for c in each if c.precision is not None]
    shown = points_of(page.locator("#precision-recall path.curve"))
    assert shown[-1] == pytest.approx((1, 0.5), abs=1e-3)
    assert shown[0] == pytest.approx(pairs[0], abs=1e-3)
    for point in shown[:-1]:
        assert any(point == pytest.approx(pair, abs=1e-3) for pair in pairs)


@of_pixels
def test_the_bar_of_the_verdict_is_to_scale(page: Page, evaluation: Evaluation) -> None:
    """The accuracy, its interval, the train accuracy and the constant, from 0 to 100 %."""

    def at(selector: str, name: str) -> float:
        return number(page.locator(f".bar {selector}"), name)

    low, high = evaluation.interval
    assert at("circle.test", "cx") == pytest.approx(40 + 560 * evaluation.accuracy)
    assert at("rect.interval", "x") == pytest.approx(40 + 560 * low)
    assert at("rect.interval", "width") == pytest.approx(560 * (high - low))
    assert at("line.constant", "x1") == at("line.constant", "x2") == 40 + 560 * 0.5
    train = page.evaluate("DATA.train.accuracy")
    assert at("circle.train", "cx") == pytest.approx(40 + 560 * train)


@of_pixels
def test_the_most_confident_are_shown(page: Page, evaluation: Evaluation) -> None:
    """Wrong ones as `evaluate` names them, each with its file, label and probability."""
    cards = page.locator("#wrong .card").all_inner_texts()
    worst = evaluation.worst(12)
    assert len(cards) == len(worst) >= 5
    for card, wrong in zip(cards, worst, strict=True):
        probability = max(wrong.probability, 1 - wrong.probability)
        assert f"{wrong.predicted}, P({wrong.predicted}) = {probability:.4f}" in card
        assert f"label {wrong.label}" in card
    assert page.locator("#wrong .name").all_inner_texts() == names_below(
        [wrong.name for wrong in worst], [str(SAMPLE / "train" / "cat")]
    )
    assert page.locator("#right .card").count() == 12
    right = evaluation.confusion.correct
    headings = page.locator("#mistakes h3").all_inner_texts()
    assert headings == [
        f"Predicted wrong: {60 - right} of 60 test pictures",
        f"Predicted right: {right} of 60 test pictures, 12 of them shown",
    ]


def test_the_pieces_and_b_add_up_to_z(page: Page) -> None:
    """Of every picture shown, against black or the mean picture, by pixels and by blocks."""
    for reference, detail in product(("nothing", "mean"), ("blocks", "pixels")):
        page.check(f"input[name=reference][value={reference}]")
        if page.locator("#detail").count():
            page.check(f"input[name=detail][value={detail}]")
        differences = page.evaluate(
            """() => [...DATA.test.wrong, ...DATA.test.right].map((shown) => {
                const pieces = sumOf(evidence(shown).map(({ values }) => sumOf(values)));
                const rest = sumOf(contributions(TRAINED.w[0], reference())) + TRAINED.b[0];
                return Math.abs(pieces + rest - shown.logit);
            })"""
        )
        assert len(differences) > 12
        assert max(differences) < 1e-6


def test_evidence_is_orange_where_it_speaks_for_the_class(page: Page) -> None:
    """And blue where it speaks against: pixels or 8 x 8 blocks; of hog-color edges and colors."""
    sides = page.evaluate("evidence(DATA.test.right[0]).map(({ side }) => side)")
    if page.evaluate("FEATURES") == "hog-color":
        assert sides == [7, 2]
    else:
        assert sides == [8]
        page.check("input[name=detail][value=pixels]")
        assert page.evaluate("evidence(DATA.test.right[0]).map(({ side }) => side)") == [64]
    sides, values = page.evaluate(
        "(([map]) => [map.side, Array.from(map.values)])(evidence(DATA.test.wrong[0]))"
    )
    for index, is_for in ((int(np.argmax(values)), True), (int(np.argmin(values)), False)):
        y, x = divmod(index, sides)
        r, _, b, _ = color_at(page, "#wrong .card canvas:nth-child(2)", x, y)
        assert (r > b) == is_for


@of_pixels
def test_the_reliability_diagram_has_bins_of_equal_count(
    page: Page, evaluation: Evaluation
) -> None:
    """Six bins of 60 pictures, with their intervals; the log loss beside the constant's."""
    labels, a = evaluation.labels, evaluation.probabilities[:, 1]
    points = page.locator("#reliability circle.bin").all()
    bins = catclf.uncertainty.calibration(labels, a, 6)
    assert [each.count for each in bins] == [10] * 6
    for point, each in zip(points, bins, strict=True):
        assert number(point, "cx") == pytest.approx(52 + 286 * each.probability)
        assert number(point, "cy") == pytest.approx(254 - 242 * each.fraction)
    for bar, each in zip(page.locator("#reliability path.spread").all(), bins, strict=True):
        (x, low), (_, high) = points_of(bar)
        assert (x, low, high) == pytest.approx((each.probability, *each.interval), abs=1e-3)
    words = page.inner_text("#trust-text")
    assert f"The log loss is {evaluation.log_loss:.4f}, below" in words
    assert f"{evaluation.constant_log_loss:.4f}" in words


def test_the_weights_are_shown(page: Page, sample_report: Path) -> None:
    """Red, green, blue and their sum; or roses for 8 x 8 cells, and colors by quarter."""
    weights = catclf.load_model(sample_report.with_name("model.npz")).w[:, 0]
    if page.evaluate("FEATURES") == "pixels":
        assert page.locator("#weight-pictures canvas").count() == 4
        assert page.locator("#weight-pictures .scale").count() == 4
        red = weights[:4096].reshape(64, 64)
        for index, is_for in ((red.argmax(), True), (red.argmin(), False)):
            y, x = divmod(int(index), 64)
            r, _, b, alpha = color_at(page, "#weight-pictures canvas", x, y)
            assert alpha == 255
            assert (r > b) == is_for  # orange for the positive class, blue against
        return
    assert page.locator(".roses line").count() == 18 * 64
    assert page.locator(".quarters > div").count() == 4
    w = weights[:3528].reshape(4, 18, 7, 7)
    cells = np.zeros((18, 8, 8))
    for part, (i, j) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        cells[:, i : i + 7, j : j + 7] += w[part]
    shown = page.evaluate("Array.from(cellWeights(TRAINED.w[0]))")
    np.testing.assert_allclose(shown, cells.ravel(), atol=1e-12)
    # The petal of direction 4, 80 degrees clockwise from the right, of the third cell from above.
    at = 4 * 64 + 2 * 8 + 5
    petal = page.locator(".roses line").nth(at)
    assert petal.get_attribute("class") == ("for" if shown[at] > 0 else "against")
    x1, y1, x2, y2 = (number(petal, n) for n in ("x1", "y1", "x2", "y2"))
    assert (x1, y1) == (220, 100)
    assert np.degrees(np.arctan2(y2 - y1, x2 - x1)) == pytest.approx(80)
    strongest = int(weights[3528 : 3528 + 512].argmax())
    levels = [strongest >> 6, strongest >> 3 & 7, strongest & 7]
    swatch = page.locator(".quarters .swatches .swatch").first
    assert swatch.get_attribute("aria-label") == "RGB " + " ".join(
        str(32 * level + 16) for level in levels
    )


def test_the_graph_has_the_numbers_of_one_picture(page: Page, sample_report: Path) -> None:
    """Forward z, a, L; back da, dz, db; and one step of descent is the lecture's update."""
    model = catclf.load_model(sample_report.with_name("model.npz"))
    with catclf.open_dataset(sample_report.with_name("dataset.npz")) as dataset:
        [index] = [i for i, name in enumerate(dataset.test.names) if name.endswith("cat-136.png")]
        x = dataset.test.columns[index : index + 1][0] / 255
    wanted = page.evaluate("DATA.test.wrong.concat(DATA.test.right)[0]")
    page.locator("#wrong .card, #right .card").first.click()
    assert page.inner_text("#step-name") == wanted["name"]
    # A picture of our own choice, with label 0.
    page.evaluate(
        """([column, name]) => showSteps({
            name, label: 0, column: Uint8Array.from(column), pixels: new Uint8Array(3 * SIZE ** 2),
        })""",
        [(x * 255).round().astype(int).tolist(), "cat-136"],
    )
    page.fill("#learning-rate", "0.01")

    def shown(name: str) -> float:
        return float(page.inner_text(f"#step-{name}").replace("\u2212", "-"))

    def answer(w: Any, b: float) -> tuple[float, float]:
        z = float(w[:, 0] @ x + b)
        return z, float(sigmoid(np.array(z)))

    trained_b = model.b.item()
    z, a = answer(model.w, trained_b)
    for name, value in {
        "z": z,
        "a": a,
        "loss": -np.log(1 - a),
        "da": 1 / (1 - a),
        "dz": a,
        "db": a,
        "b": trained_b,
    }.items():
        assert shown(name) == pytest.approx(value, abs=6e-5), name
    r, _, blue, _ = color_at(page, "#step-dw canvas", 0, 0)
    assert r > blue  # with label 0 every derivative is above 0
    page.click("#descend")
    w, b = model.w - 0.01 * a * x[:, np.newaxis], trained_b - 0.01 * a
    scales = page.locator("#graph .legend span").all_inner_texts()
    assert [text for text in scales if re.fullmatch("[+\u2212]?[0.]+", text)] == []
    kinds = ["edges", "colors"] if page.evaluate("FEATURES") == "hog-color" else []
    assert page.locator("#step-dw .what").all_inner_texts() == kinds
    assert page.is_hidden("#descend-needs")
    z, a = answer(w, b)
    assert shown("z") == pytest.approx(z, abs=6e-5)
    assert shown("a") == pytest.approx(a, abs=6e-7)
    page.click("#restart")
    assert shown("b") == pytest.approx(trained_b, abs=6e-5)
    page.select_option("#label", "1")
    assert shown("dz") == pytest.approx(answer(model.w, trained_b)[1] - 1, abs=6e-5)
    page.select_option("#label", "")
    assert page.inner_text("#step-dz") == "?"
    assert page.is_disabled("#descend")
    assert page.inner_text("#descend-needs") == "Choose the label y first."


@of_pixels
def test_squared_error_has_its_own_derivatives(page: Page) -> None:
    """Numerical derivatives agree, of both losses and both labels."""
    differences = page.evaluate(
        """() => Object.values(LOSSES).flatMap((loss) => [0, 1].flatMap((y) => {
            const at = (z) => ({ z: [z], a: [sigmoid(z)] });
            return [-2, 0.3, 3].map((z) => {
                const slope = (loss.of(at(z + 1e-6), [y]) - loss.of(at(z - 1e-6), [y])) / 2e-6;
                const { a: [a] } = at(z);
                const [dz] = loss.dz(at(z), [y]);
                const chained = loss.da(at(z), [y])[0] * a * (1 - a);
                return Math.max(Math.abs(slope - dz), Math.abs(chained - dz));
            });
        }))"""
    )
    assert max(differences) < 1e-8


@of_pixels
def test_the_costs_are_those_of_the_model(page: Page, sample_report: Path) -> None:
    """The train split's cost, the test split's log loss, and where that was lowest."""
    train, test = training_of(sample_report.with_name("model.npz")).curves()
    words = page.inner_text("#costs-text")
    assert f"from {train[0]:.6f} to {train[2000]:.6f} in 2000 iterations" in words
    at = min(test, key=lambda iteration: test[iteration])
    assert f"{test[at]:.6f}" in words
    assert (f"after {at} iterations" in words) == (at != 2000)
    assert page.evaluate("DATA.costs.train.length") == 21
    top = max(max(train.values()), max(test.values()))
    assert page.evaluate("ticksUpTo(DATA.costs.train[0][1]).at(-1)") == pytest.approx(0.8)
    assert top < 0.8
    for curve, kind in ((train, "curve"), (test, "other")):
        points = points_of(page.locator(f"#costs path.{kind}"))
        assert points == [
            pytest.approx((iteration / 2000, cost / 0.8), abs=1e-3)
            for iteration, cost in sorted(curve.items())
        ]
    lowest = page.locator("#costs circle.other")
    assert number(lowest, "cx") == pytest.approx(52 + 286 * at / 2000)


@of_pixels
def test_a_model_overfits_only_where_it_is_known_to(page: Page) -> None:
    """The log loss rose while the cost fell, which was a log loss too: no penalty, no weights."""
    plain = {"loss": "cross-entropy", "l2": 0, "class_weight": "none", "cost_is_log_loss": True}
    changes: Any = (
        ({}, "the mean cross-entropy: the log loss."),
        ({"l2": 1e-7}, "the mean cross-entropy, plus the penalty 1\u00a0·\u00a010⁻⁷ / 2 · |w|²."),
        ({"class_weight": "balanced"}, "the mean cross-entropy, in which both classes count half."),
        ({"loss": "squared-error"}, "the mean squared error, halved."),
    )
    # The log losses and costs after 5 iterations and later, and whether that is overfitting.
    later: Any = (
        ([0.5, 0.52, 0.55, 0.6], [0.5, 0.45, 0.42, 0.4], True),
        ([0.5, 0.52, 0.51, 0.6], [0.5, 0.45, 0.42, 0.4], False),  # it fell again
        ([0.5, 0.501, 0.502, 0.503], [0.5, 0.45, 0.42, 0.4], False),  # by chance
        ([0.5, 0.6], [0.5, 0.4], False),  # two points are no curve
        ([0.5, 0.52, 0.55, 0.6], [0.5, 0.45, 0.46, 0.4], False),
        ([0.5, 0.48, 0.46, 0.44], [0.5, 0.45, 0.42, 0.4], False),
    )
    for (changed, words), (losses, costs, overfits) in product(changes, later):
        said = page.evaluate(
            """([model, losses, costs]) => {
                Object.assign(DATA.model, model);
                const curve = (values) => [[0, 0.7], ...values.map((value, i) => [5 + i, value])];
                const least = Math.min(...losses);
                const lowest = [5 + losses.indexOf(least), least];
                DATA.costs = { train: curve(costs), test: curve(losses), lowest, asked: 20 };
                return costSentences().join(" ");
            }""",
            [{**plain, "cost_is_log_loss": not changed, **changed}, losses, costs],
        )
        assert words in said
        assert "The training was interrupted: 20 iterations were asked for." in said
        assert ("overfits" in said) == (overfits and not changed)
        assert ("another measure than this cost" in said) == bool(changed)
        falls = losses[-1] < 0.5
        at = "ended at its lowest" if falls else "was lowest, 0.500000, after 5 iterations"
        assert f"On the test split the log loss {at}" in said
    unknown = page.evaluate("DATA.costs.lowest = null, costSentences().join(' ')")
    assert "On the test split the log loss ended at 0.440000." in unknown


def test_words_are_explained_at_their_first_use(page: Page) -> None:
    """Each section links a term once, to its place in the glossary; a name is no term."""
    for section in page.locator("main > header, main > section").all():
        targets = section.locator("a.term").evaluate_all("(all) => all.map(({ hash }) => hash)")
        assert len(set(targets)) == len(targets)
        for target in targets:
            assert page.locator(f"#glossary dt{target}").count() == 1
    hrefs = page.locator("a.term").evaluate_all("(all) => all.map(({ hash }) => hash)")
    ids = page.locator("#glossary dt").evaluate_all("(all) => all.map(({ id }) => '#' + id)")
    assert set(ids) - set(hrefs) <= {"#term-near-copy", "#term-overfits"}  # where there are any
    page.evaluate("fill('costs-text', named('recall'), ' of recall')")
    page.evaluate("linkGlossary()")
    assert page.inner_html("#costs-text").startswith('<bdi class="unbroken">recall</bdi> of <a ')


def test_how_it_was_made_is_told(page: Page, sample_report: Path) -> None:
    """Settings, preprocessing, dataset, digest and versions; what no word of the glossary says."""
    rows = dict(
        page.locator("#details tr").evaluate_all(
            "(all) => all.map(({ cells: [name, value] }) => [name.innerText, value.innerText])"
        )
    )
    with catclf.open_dataset(sample_report.with_name("dataset.npz")) as dataset:
        assert rows["dataset digest"] == dataset.digest[:12]
    assert rows["learning rate"] == "0.005"
    assert rows["page made by"] == f"catclf {catclf.__version__}, numpy {np.__version__}"
    assert rows["cost recorded every"] == "100 iterations"
    rows = {name.split("\n")[0]: (name, value) for name, value in rows.items()}
    assert rows["size"] == ("size\nheight and width of a prepared picture, in pixels", "64")
    assert set(MEANINGS) <= set(rows)
