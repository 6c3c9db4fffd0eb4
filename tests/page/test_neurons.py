"""The page of a model of more than two classes: a neuron each, chosen to be looked at."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

import catclf
from catclf.logistic import backward, forward, one_hot, softmax, softmax_cross_entropy
from catclf.model import Model
from catclf.model_file import save_model
from catclf.neighbors import draw_neighbors
from catclf.operations import reporting
from datasets import write_small
from networks import small_backbone
from page.conftest import SAMPLE, OpenPage, drop, make_report, six_of_pixels, violations
from page.test_network import seen_as_predict_sees
from page.test_page import BEYOND_THE_CARD, HOSTILE, SHORT_SCALES, SPLIT, assert_it_fits
from page.test_sections import color_at, number

pytestmark = pytest.mark.slow
KINDS = ("car", "cat", "dog", "flower", "house", "tree")
MANY = (*HOSTILE, "W" * 300, *(f"class {i} with a name" for i in range(6)))


def model_beside(report: Path) -> Model:
    """Return the model that a report is of."""
    return catclf.load_model(report.with_name("model.npz"))


def as_number(text: str) -> float:
    """Return a number that the page says, as 0.0123 or 1.23 times a power of ten."""
    plain = text.replace("\u2212", "-").replace("\u00a0\u00b7\u00a010", "e")
    return float(plain.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))


def said(page: Page, selector: str) -> float:
    """Return a number that the page says."""
    return as_number(page.inner_text(selector))


def write_report(folder: Path, classes: tuple[str, ...], size: int = 8) -> Path:
    """Report on noise, by a model of noise."""
    rng = np.random.default_rng(0)
    preprocessing, k = catclf.Preprocessing(size=size), len(classes)
    w, b = rng.normal(0, 0.1, (preprocessing.n_x, k)), rng.normal(size=(k, 1))
    write_small(folder / "dataset.npz", 2 * k, k, size, classes)
    save_model(folder / "model.npz", Model(w, b, classes, preprocessing))
    catclf.report(folder / "dataset.npz", folder / "model.npz", folder / "report.html")
    return folder / "report.html"


def answers(page: Page, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits and probabilities (m, k) that the page computes of columns (m, n_x)."""
    found = page.evaluate(
        "(all) => all.map((base64) => forward(TRAINED, bytesOf(base64)))",
        [base64.b64encode(column.tobytes()).decode() for column in columns],
    )
    return np.array([each["z"] for each in found]), np.array([each["a"] for each in found])


@six_of_pixels
def test_logits_and_probabilities_are_those_of_the_model(
    six_report: Path, open_page: OpenPage
) -> None:
    """Of each class, nearer than the page promises, which is less than 1e-6."""
    page, model = open_page(six_report), model_beside(six_report)
    with catclf.open_dataset(six_report.with_name("dataset.npz")) as dataset:
        columns = dataset.test.columns[:][::10]
    z, a = answers(page, columns)
    limit = promised(page)
    assert limit < 1e-6
    np.testing.assert_allclose(z, model.logits(columns).T, rtol=0, atol=2 * limit)
    np.testing.assert_allclose(a, model.probabilities(columns), rtol=0, atol=limit)


def test_a_photo_has_the_probability_of_each_class(six_report: Path, open_page: OpenPage) -> None:
    """As `predict` says them, the highest first; and the evidence of the class predicted."""
    page, model = open_page(six_report), model_beside(six_report)
    for name in ("cat/cat-121.png", "noncat/car-025.jpg", "noncat/tree-025.png"):
        path = next((SAMPLE / "test").glob(f"{name[:-3]}*"))
        [wanted] = catclf.predict(path, model)
        drop(page, path.read_bytes())
        answer = page.locator("#photo-result .answer")
        said = f"{wanted.predicted}, P({wanted.predicted}) = {wanted.confidence:.4f}"
        assert answer.inner_text() == page.inner_text("#step-answer") == said
        assert wanted.probabilities is not None
        assert number(answer, "data-probability") == pytest.approx(wanted.confidence, abs=1e-6)
        order = sorted(wanted.probabilities, key=wanted.probabilities.__getitem__, reverse=True)
        bars = page.locator(".bars tr")
        assert bars.locator("th").all_inner_texts() == order
        for bar, each in zip(bars.all(), order, strict=True):
            probability = wanted.probabilities[each]
            assert number(bar, "data-probability") == pytest.approx(probability, abs=1e-6)
            assert bar.locator("td").last.inner_text() == f"{probability:.4f}"
            meter = bar.locator("meter")
            assert number(meter, "value") == number(bar, "data-probability")
            assert meter.get_attribute("aria-label") == f"probability of {each}"
        words = page.inner_text("#photo-result")
        assert f"The highest z is that of {order[0]}, " in words
        assert f"The second highest is that of {order[1]}, " in words
        if model.preprocessing.features == "pixels":
            evidence = model.evidence(path)
            for place, is_for in ((evidence.argmax(), True), (evidence.argmin(), False)):
                y, x = divmod(int(place), 8)
                r, _, blue, _ = color_at(page, "#photo-result figure:last-child canvas", x, y)
                assert (r > blue) == is_for


def test_of_many_classes_the_ten_most_probable_are_shown(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """And how many more there are; in the graph those that are asked for too."""
    classes = tuple(f"c{i}" for i in range(40))
    page = open_page(write_report(tmp_path, classes))
    path = SAMPLE / "test" / "cat" / "cat-121.png"
    [wanted] = catclf.predict(path, tmp_path / "model.npz")
    drop(page, path.read_bytes())
    assert wanted.probabilities is not None
    order = sorted(classes, key=wanted.probabilities.__getitem__, reverse=True)
    assert page.locator(".bars th").all_inner_texts() == order[:10]
    rest = sum(wanted.probabilities[name] for name in order[10:])
    assert f"and 30 more, together {rest:.4f}" in page.inner_text("#photo-result")
    page.select_option("#label", order[-1])
    page.select_option("#neuron", order[-2])
    shown = page.locator("#step-neurons th").all_inner_texts()
    assert set(shown) == {*order[:10], *order[-2:]}
    assert shown == sorted(shown, key=classes.index)
    assert page.locator("#step-neurons [aria-current=true] th").inner_text() == order[-2]
    assert page.inner_text("#step-neurons-more") == "and 28 more"


def test_the_graph_has_all_neurons_and_the_numbers_of_one(
    six_report: Path, open_page: OpenPage
) -> None:
    """z, a, y and dL/dz of each; one step of descent is the lecture's update of all."""
    page, model = open_page(six_report), model_beside(six_report)
    with catclf.open_dataset(six_report.with_name("dataset.npz")) as dataset:
        column = dataset.test.columns[7:8]
    x, alpha = column.T / 255, 0.01
    label = KINDS.index("dog")
    Y = one_hot(np.array([label], np.uint8), 6)
    page.evaluate(
        """([base64, label]) => showSteps({
            name: "x", label, column: bytesOf(base64), pixels: new Uint8Array(3 * SIZE ** 2),
        })""",
        [base64.b64encode(column.tobytes()).decode(), label],
    )

    def check(w: np.ndarray, b: np.ndarray, neuron: int) -> None:
        Z = forward(w, b, x)
        A = softmax(Z)
        dZ = A - Y
        for name, value in {
            "z": Z[neuron],
            "a": A[neuron],
            "b": b[neuron],
            "y": Y[neuron],
            "loss": softmax_cross_entropy(Z, Y)[0],
            "da": -Y[neuron] / A[neuron],
            "dz": dZ[neuron],
            "db": dZ[neuron],
        }.items():
            assert said(page, f"#step-{name}") == pytest.approx(value.item(), abs=6e-5), name
        assert page.inner_text("#step-class") == f"P({KINDS[neuron]})"
        rows = [
            [as_number(text) for text in row.locator("td").all_inner_texts()]
            for row in page.locator("#step-neurons tr").all()
        ]
        np.testing.assert_allclose(rows, np.hstack([Z, A, Y, dZ]), rtol=0, atol=6e-5)

    w, b = model.w, model.b
    assert page.input_value("#neuron") == str(int(np.argmax(forward(w, b, x))))
    for neuron in (label, 0):
        page.select_option("#neuron", str(neuron))
        check(w, b, neuron)
    r, _, blue, _ = color_at(page, "#step-dw canvas", 0, 0)
    assert r > blue  # it is not the label's: every derivative is above 0
    page.fill("#learning-rate", str(alpha))
    page.click("#descend")
    A = softmax(forward(w, b, x))
    dw, db = backward(x, A - Y)
    stepped = w - alpha * dw, b - alpha * db
    check(*stepped, 0)
    page.select_option("#neuron", str(label))
    check(*stepped, label)
    after = softmax(forward(*stepped, x))
    assert page.inner_text("#step-result").startswith(
        f"Of dog: a {A[label, 0]:.6f} → {after[label, 0]:.6f}, L "
    )
    page.click("#restart")
    check(w, b, label)
    page.select_option("#label", "")
    assert page.inner_text("#step-loss") == page.inner_text("#step-y") == "?"
    assert set(page.locator("#step-neurons td:nth-child(n + 4)").all_inner_texts()) == {"?"}
    assert page.is_disabled("#descend")


def test_the_derivatives_of_softmax_are_numerical_ones(open_page: OpenPage, tmp_path: Path) -> None:
    """By each logit, and by the chain rule through every a; finite far out too."""
    page = open_page(write_report(tmp_path, ("a", "b", "c")))
    differences = page.evaluate(
        """() => [0, 1, 2].flatMap((label) => [0, 1, 2].map((neuron) => {
            const y = oneHot(label);
            const at = (z) => ({ z, a: softmax(z) });
            const moved = (by) => at([0.3, -2, 1].map((z, i) => z + (i === neuron ? by : 0)));
            const slope = (LOSS.of(moved(1e-6), y) - LOSS.of(moved(-1e-6), y)) / 2e-6;
            const here = moved(0);
            const dz = LOSS.dz(here, y)[neuron];
            const chained = sumOf(LOSS.da(here, y).map((da, i) =>
                da * here.a[i] * (Number(i === neuron) - here.a[neuron])));
            return Math.max(Math.abs(slope - dz), Math.abs(chained - dz));
        }))"""
    )
    assert max(differences) < 1e-8
    far = "LOSS.of({ z: [2000, -2000, 0] }, oneHot(1))"
    assert page.evaluate(far) == 4000
    assert page.evaluate("softmax([2000, -2000, 0])") == [1, 0, 0]


def test_the_weights_of_each_class_can_be_chosen(six_report: Path, open_page: OpenPage) -> None:
    """With its bias, and by one scale for all."""
    page, model = open_page(six_report), model_beside(six_report)
    assert page.locator("#weights-class option").all_inner_texts() == list(KINDS)
    words = "The model has a neuron for each of its 6 classes"
    assert words in page.inner_text("#weights-text")
    scales = set()
    for neuron, name in enumerate(KINDS):
        page.select_option("#weights-class", name)
        scales.add(tuple(page.locator("#weight-pictures .legend").all_inner_texts()))
        assert said(page, "#weights-bias b") == pytest.approx(model.b[neuron, 0], abs=6e-5)
        w = model.w[:, neuron]
        if model.preprocessing.features == "pixels":
            assert page.locator("#weight-pictures canvas").count() == 4
            red = w[:4096]
            for place, is_for in ((red.argmax(), True), (red.argmin(), False)):
                y, x = divmod(int(place), 64)
                r, _, blue, _ = color_at(page, "#weight-pictures canvas", x, y)
                assert (r > blue) == is_for
        else:
            assert page.locator(".roses line").count() == 18 * 64
            # Cell (0, 0) stands in one block alone.
            petals = page.locator(".roses line").evaluate_all(
                "(all) => all.filter((_, i) => i % 64 === 0).map((e) => e.classList[0])"
            )
            corner = w[: 18 * 49 : 49]
            assert petals == ["for" if weight > 0 else "against" for weight in corner]
            strongest = int(w[3528 : 3528 + 512].argmax())
            levels = [strongest >> 6, strongest >> 3 & 7, strongest & 7]
            swatch = page.locator(".quarters .swatches .swatch").first
            rgb = " ".join(str(32 * level + 16) for level in levels)
            assert swatch.get_attribute("aria-label") == f"RGB {rgb}"
    assert len(scales) == 1


def test_the_training_pictures_for_and_against_a_class_are_named(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """Of each class, of a backbone; with their labels, of which one byte does not hold 300."""
    classes = tuple(f"c{i}" for i in range(300))
    data, backbone, rng = tmp_path / "d.npz", small_backbone(), np.random.default_rng(0)
    write_small(data, 310, classes=classes, backbone=backbone)
    w, b = rng.normal(size=(backbone.n_x, 300)), rng.normal(size=(300, 1))
    with catclf.open_dataset(data) as dataset:
        train = dataset.train
        neighbors = draw_neighbors(train.columns, train.labels, train.names)
        model = Model(w, b, classes, dataset.preprocessing, neighbors=neighbors)
    catclf.report(data, model, tmp_path / "r.html")
    page = open_page(tmp_path / "r.html")
    assert model.neighbors is not None
    assert page.evaluate("Array.from(NEIGHBORS.labels)") == model.neighbors.labels.tolist()
    Z = model.logits(model.neighbors.columns)
    for neuron in (0, 299):
        page.select_option("#weights-class", f"c{neuron}")
        order = np.argsort(-Z[neuron], kind="stable")
        captions = page.locator("#weights figcaption").all_inner_texts()
        assert len(captions) == 12
        for caption, index in zip(captions, [*order[:6], *order[:-7:-1]], strict=True):
            [shown] = map(as_number, re.findall(r"z = (.+)", caption))
            assert shown == pytest.approx(Z[neuron, index], abs=0.006)
            assert f"label {classes[model.neighbors.labels[index]]}," in caption
        assert page.locator("#weights h3").all_inner_texts() == [
            f"The highest z: for c{neuron}",
            f"The lowest z: against c{neuron}",
        ]


def test_the_network_sees_each_class_as_predict_does(open_page: OpenPage, tmp_path: Path) -> None:
    """z, and evidence by place, of every neuron: the chosen one's is drawn."""
    pictures = tmp_path / "pictures"
    for kind in ("cat", "dog", "tree"):
        (pictures / kind).mkdir(parents=True)
        for path in sorted((SAMPLE / "train").glob(f"*/{kind}-*"))[:4]:
            shutil.copy(path, pictures / kind)
    backbone = catclf.load_backbone("efficientnet-lite0")
    report = make_report(tmp_path, [pictures], catclf.Preprocessing(backbone=backbone))
    page, photo = open_page(report), SAMPLE / "test" / "cat" / "cat-121.png"
    seen_as_predict_sees(page, report, [photo])
    drop(page, photo.read_bytes())
    words = "The model answers one of its 3 classes whatever it sees."
    [wanted] = catclf.predict(photo, model_beside(report))
    assert (words in page.inner_text("#photo-result")) == wanted.unlike
    for name in ("cat", "dog", "tree"):
        page.select_option("#neuron", name)
        assert page.locator("#step-wx canvas:visible").count() == 1
    page.locator("#mistakes .card").first.click()
    shown = page.evaluate("DATA.test.wrong.concat(DATA.test.right)[0].evidence")
    unknown = {0, 1, 2} - {int(neuron) for neuron in shown}
    for neuron in range(3):
        page.select_option("#neuron", str(neuron))
        assert page.locator("#step-wx canvas:visible").count() == (neuron not in unknown)
        known = "By place it is known for the predicted class and the label\u2019s only."
        assert (page.inner_text("#step-wx") == known) == (neuron in unknown)


def promised(page: Page) -> float:
    """Return how far the page says its probabilities may be from the model's."""
    words = page.inner_text("#weights-text")
    [limit] = re.findall("differ by (?:less than|up to) (.+?) from", words)
    return as_number(limit)


@pytest.mark.parametrize(
    ("most_bytes", "bits", "least", "most"),
    [(4, 32, 0, 1e-6), (2, 16, 1e-9, 0.01), (0, 8, 1e-6, 0.01)],
)
def test_the_more_weights_the_fewer_bits(
    open_page: OpenPage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most_bytes: int,
    bits: int,
    least: float,
    most: float,
) -> None:
    """And the page says how far its probabilities are from the model's."""
    monkeypatch.setattr(reporting, "WEIGHT_BYTES", most_bytes * 3 * 16 * 16 * 3)
    page = open_page(write_report(tmp_path, ("a", "b", "c"), size=16))
    assert f"whole numbers of {bits} bits" in page.inner_text("#weights-text")
    with catclf.open_dataset(tmp_path / "dataset.npz") as dataset:
        columns = dataset.test.columns[:]
    wanted = model_beside(tmp_path / "report.html").probabilities(columns)
    difference = np.abs(answers(page, columns)[1] - wanted).max()
    limit = promised(page)
    assert least <= difference <= limit * 1.01 < most  # the limit has three digits


OTHER_SECTIONS = "section:not(#photo, #weights, #steps)"


@pytest.mark.parametrize(
    ("classes", "width", "scheme"), [(KINDS, 1280, "dark"), (MANY, 390, "light")]
)
def test_everyone_can_use_it(
    open_page: OpenPage, tmp_path: Path, classes: tuple[str, ...], width: int, scheme: str
) -> None:
    """Whatever the classes are called: all fits, axe-core finds nothing, the keyboard is enough."""
    path = write_report(tmp_path, classes)
    page = open_page(path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    drop(page, (SAMPLE / "test" / "cat" / "cat-121.png").read_bytes())
    for select in ("label", "neuron", "weights-class"):
        page.focus(f"#{select}")
        page.keyboard.press("End")
        assert page.input_value(f"#{select}") == str(len(classes) - 1)
    page.click("#descend")
    page.locator(OTHER_SECTIONS).evaluate_all("(all) => all.forEach((each) => each.remove())")
    assert_it_fits(page)
    assert page.evaluate(BEYOND_THE_CARD) == []
    page.evaluate(
        """() => {
            const all = (value) => CLASSES.map(() => value);
            drawNeurons({ z: all(-12.3456), a: all(4.54e-5) }, all(0), all(-4.54e-5));
        }"""
    )
    assert page.evaluate(BEYOND_THE_CARD) == []
    assert page.evaluate(SHORT_SCALES) == []
    if classes == KINDS:
        assert page.evaluate(SPLIT) == []
    assert violations(page) == []
    assert page.locator("script").count() == 2
    assert page.locator("main img").count() == 0
    everything = page.inner_text("main")
    for word in ("NaN", "undefined", "null", "ositive class", "\u03c3(z)"):
        assert word not in everything


@six_of_pixels
def test_words_are_explained(six_report: Path, open_page: OpenPage) -> None:
    """Softmax too, which two classes do without; and no word that no section uses."""
    page = open_page(six_report)
    hrefs = page.locator("a.term").evaluate_all("(all) => all.map(({ hash }) => hash)")
    ids = page.locator("#glossary dt").evaluate_all("(all) => all.map(({ id }) => '#' + id)")
    assert page.title() == "car, cat, dog and 3 more: what the model learned"
    assert "#term-softmax" in ids
    assert "1.7918, log 6, is" in page.inner_text("#glossary")
    headings = page.locator("#class-rates thead a").all_inner_texts()
    assert headings == ["recall", "precision", "F1"]
    weighted = page.evaluate("(DATA.model.class_weight = 'balanced', costSentences()[0])")
    assert "in which all classes count alike" in weighted
    assert "#term-positive" not in ids
    assert set(ids) - set(hrefs) <= {"#term-near-copy", "#term-overfits"}
    assert page.locator("#glossary dt").count() == page.locator("#glossary dd").count()
