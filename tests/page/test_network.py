"""A photo on the page of a network's model: the column, evidence and likeness of `predict`."""

from __future__ import annotations

import base64
import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

import catclf
from catclf.features import column
from catclf.logistic import sigmoid
from catclf.page import NETWORK_SCRIPTS
from corpus.good_pictures import encode, photo_like
from networks import small_network
from page.conftest import SAMPLE, OpenPage, drop, make_report, violations
from page.test_page import SPLIT, assert_it_fits

pytestmark = pytest.mark.slow
HOSTILE = "<img src=x onerror=alert(1)>\u202e&amp;.png"
DRAWINGS = [SAMPLE / "test" / name for name in ("cat/cat-121.png", "noncat/car-025.jpg")]


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report on some of the sample by the network that we bring; one name is hostile."""
    folder = tmp_path_factory.mktemp("network")
    for split, count in (("train", 14), ("test", 4)):
        for name in ("cat", "noncat"):
            (folder / "pictures" / split / name).mkdir(parents=True)
            for path in sorted((SAMPLE / split / name).iterdir())[:count]:
                shutil.copy(path, folder / "pictures" / split / name)
    last = max((SAMPLE / "train" / "cat").iterdir())
    shutil.copy(last, folder / "pictures" / "train" / "cat" / HOSTILE)
    backbone = catclf.load_backbone("efficientnet-lite0")
    return make_report(folder, [folder / "pictures"], catclf.Preprocessing(backbone=backbone))


def seen_by(page: Page, data: bytes) -> dict[str, Any]:
    """Return what the page makes of a picture file, up to its likeness."""
    text = page.evaluate(
        """async (base64) => {
            const map = lastMap(fitPicture(await decode(new File([bytesOf(base64)], "photo"))));
            const column = columnOfMap(map);
            return JSON.stringify({ // as text: Playwright takes long over each number of an array
                means: Array.from(meansOf(map)),
                column: Array.from(column),
                evidence: TRAINED.w.map((w) => Array.from(evidenceByPlace(w, map, column).values)),
                z: forward(TRAINED, column).z,
                likeness: likenessOf(column),
            });
        }""",
        base64.b64encode(data).decode(),
    )
    result: dict[str, Any] = json.loads(text)
    return result


def test_a_drawing_is_seen_as_predict_sees_it(report: Path, open_page: OpenPage) -> None:
    """Features, bytes, evidence, z and likeness, but for the order in which numbers are added."""
    seen_as_predict_sees(open_page(report), report, DRAWINGS)


def test_a_photograph_is_seen_as_predict_sees_it(
    report: Path, open_page: OpenPage, photos: Path
) -> None:
    """Of cats and of dogs."""
    paths = [path for name in ("cat", "dog") for path in sorted((photos / name).iterdir())[:2]]
    assert len(paths[:3]) == 3
    seen_as_predict_sees(open_page(report), report, paths[:3])


def seen_as_predict_sees(page: Page, report: Path, paths: list[Path]) -> None:
    """Compare what the page and Python make of picture files."""
    model = catclf.load_model(report.with_name("model.npz"))
    assert model.preprocessing.backbone is not None
    assert model.neighbors is not None
    for path in paths:
        got = seen_by(page, path.read_bytes())
        pixels = catclf.read_picture(path, model.preprocessing)
        x = column(pixels, model.preprocessing)
        means = model.preprocessing.backbone.map(pixels).mean(axis=(1, 2))
        np.testing.assert_allclose(got["means"], means, atol=1e-4)
        assert np.abs(x[0].astype(int) - got["column"]).max() <= 1
        np.testing.assert_allclose(got["z"], model.logits(x)[:, 0], atol=0.01)
        names = [None] if len(model.b) == 1 else model.classes
        for neuron, name in enumerate(names):
            evidence = model.evidence(path, name).ravel()
            np.testing.assert_allclose(got["evidence"][neuron], evidence, atol=1e-3)
        sums = np.sum(got["evidence"], axis=1) + model.b[:, 0]
        np.testing.assert_allclose(sums, got["z"], atol=1e-9)
        [wanted] = catclf.predict(path, model)
        assert wanted.similarity is not None
        assert got["likeness"]["similarity"] == pytest.approx(wanted.similarity, abs=0.01)
        assert got["likeness"]["unlike"] == wanted.unlike
        names = [model.neighbors.names[each["index"]] for each in got["likeness"]["nearest"]]
        assert names == [each.name for each in wanted.nearest]


def test_equal_columns_have_equal_likeness(report: Path, open_page: OpenPage) -> None:
    """To the last bit: products of bytes are added up exactly."""
    page = open_page(report)
    model = catclf.load_model(report.with_name("model.npz"))
    assert model.neighbors is not None
    with catclf.open_dataset(report.with_name("dataset.npz")) as dataset:
        columns = dataset.test.columns[:]
    for x in columns:
        likeness = model.neighbors.likeness(x[np.newaxis], model.classes)
        got = page.evaluate("(column) => likenessOf(Uint8Array.from(column))", x.tolist())
        assert (got["similarity"], got["unlike"]) == (likeness.similarity, likeness.unlike)
        assert [each["cosine"] for each in got["nearest"]] == [
            each.similarity for each in likeness.nearest
        ]


def test_the_answer_has_its_evidence_and_nearest_pictures(
    report: Path, open_page: OpenPage
) -> None:
    """By the form, for everyone; a name is text, and a photo like the others is not warned of."""
    page = open_page(report, viewport={"width": 390, "height": 900}, color_scheme="dark")
    path = report.parent / "pictures" / "train" / "cat" / HOSTILE
    [wanted] = catclf.predict(path, report.with_name("model.npz"))
    drop(page, path.read_bytes(), HOSTILE)
    said = f"{wanted.predicted}, P({wanted.predicted}) = {wanted.confidence:.4f}"
    assert page.inner_text("#photo-result .answer") == said
    assert page.inner_text("#step-answer") == said
    assert page.inner_text("#step-name") == HOSTILE
    figures = page.locator("#photo-result figure")
    captions = figures.locator("figcaption").all_inner_texts()
    assert captions[0] == "what the model sees: 224 x 224"
    assert captions[1].startswith("evidence by 7 x 7 places")
    assert f"train/cat/{HOSTILE}\ncat, similarity 1.00" in captions[2]
    assert "This is a training picture, or nearly the same" in page.inner_text("#photo-result")
    assert len(captions) == 5
    page.wait_for_selector("#photo-result .three canvas[width='64'] >> nth=2")
    assert figures.locator("canvas").count() == 5
    assert page.locator("main img").count() == 0
    for width, scheme in ((390, "dark"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert_it_fits(page)
        assert page.evaluate(SPLIT) == []
        assert violations(page, "#photo") == []


def test_an_unlike_photo_is_warned_of(report: Path, open_page: OpenPage) -> None:
    """Where `predict` says so, and with its similarity; a training picture is none."""
    page = open_page(report)
    model = catclf.load_model(report.with_name("model.npz"))
    like = report.parent / "pictures" / "train" / "cat" / "cat-001.png"
    for data in (encode(photo_like(), "PNG"), like.read_bytes()):
        path = report.with_name("tried.png")
        path.write_bytes(data)
        [wanted] = catclf.predict(path, model)
        assert wanted.unlike == (data != like.read_bytes())
        drop(page, data)
        caution = page.locator("#photo-result .caution")
        assert caution.count() == wanted.unlike
        words = caution.inner_text() if wanted.unlike else page.inner_text("#photo-result")
        assert ("This photo is unlike the training pictures" in words) == wanted.unlike
        assert f"similarity to {'them' if wanted.unlike else 'the training pictures'} is " in words
        assert f"{wanted.similarity:.2f}" in words
        is_known = "This is a training picture" in page.inner_text("#photo-result")
        assert is_known != wanted.unlike


def test_a_reduced_jpeg_is_said_to_differ(report: Path, open_page: OpenPage) -> None:
    """By how much it may; a smaller one, which `predict` decodes at full scale, is not."""
    page = open_page(report)
    page.evaluate(
        "lastMap = () => ({ side: 1, channels: N_X, values: new Float32Array(N_X).fill(1) })"
    )
    for side, differs in ((890, False), (900, True)):
        drop(page, encode(photo_like(side, side), "JPEG"))
        assert ("by 0.02 at most" in page.inner_text("#photo-result")) == differs


def test_a_reduced_jpeg_differs_little(report: Path, open_page: OpenPage) -> None:
    """By 0.1 in z, and by less in its probability than the page says."""
    page = open_page(report)
    model = catclf.load_model(report.with_name("model.npz"))
    path = report.with_name("large.jpg")
    path.write_bytes(encode(photo_like(1000, 1200), "JPEG"))
    x = column(catclf.read_picture(path, model.preprocessing), model.preprocessing)
    [[z]] = model.logits(x)
    [seen] = seen_by(page, path.read_bytes())["z"]
    assert 1e-4 < abs(seen - z) < 0.1  # decoded at another scale
    assert abs(sigmoid(seen) - sigmoid(z)) < 0.02


def test_evidence_is_drawn_over_the_photo(report: Path, open_page: OpenPage) -> None:
    """Gray where a place adds nothing, orange where it speaks for the class, blue against."""
    page = open_page(report)
    colors = page.evaluate(
        """() => {
            const pixels = new Uint8Array(6 * 6 * 3).map((_, i) => [200, 50, 0][i % 3]);
            const map = { side: 3, values: [0, 1, -1, 0, 0, 0, 0, 0, 0.5] };
            const context = canvasContext(6, 6);
            context.drawImage(overlaidCanvas(pixels, map, 1, ""), 0, 0);
            return [[0, 0], [2, 0], [4, 0], [5, 5]].map(([x, y]) =>
                Array.from(context.getImageData(x, y, 1, 1).data));
        }"""
    )
    nothing, speaks_for, against, half = np.array(colors).tolist()
    assert nothing[0] == nothing[1] == nothing[2]
    assert speaks_for[0] > half[0] > nothing[0]
    assert against[2] > nothing[2] > half[2]
    assert {color[3] for color in colors} == {255}


def test_the_network_is_in_pages_that_use_it_alone(
    report: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    """With a network of the user's own, the page says how to predict, and takes no photo."""
    (tmp_path / HOSTILE).write_bytes(small_network(16, outputs=20))
    backbone = catclf.load_backbone(tmp_path / HOSTILE)
    pictures = report.parent / "pictures"
    preprocessing, heard = catclf.Preprocessing(backbone=backbone), catclf.Observer()
    dataset, model, made = (tmp_path / name for name in ("d.npz", "my model.npz", "r.html"))
    catclf.prepare(pictures, dataset, preprocessing=preprocessing, observer=heard)
    catclf.train(dataset, model, catclf.Settings(iterations=20), observer=heard)
    catclf.report(dataset, model, made)
    ours, other = (path.read_text(encoding="utf-8") for path in (report, made))
    for script in NETWORK_SCRIPTS:
        text = (files("catclf.page") / f"{script}.js").read_text(encoding="utf-8")
        assert text in ours
        assert text not in other
    assert '"network":null' in other
    assert len(other) < 1_000_000 < 4_500_000 < len(ours)
    for width in (390, 1280):
        page = open_page(made, viewport={"width": width, "height": 900})
        section = page.inner_text("#photo")
        assert f"through the network {HOSTILE}, which this page does not hold" in section
        assert page.inner_text("#photo code") == "catclf predict -m 'my model.npz' photo.jpg"
        assert page.locator("#file").count() == 0
        assert_it_fits(page)
    assert violations(page, "#photo") == []
    catclf.report(dataset, catclf.load_model(model), made)
    assert open_page(made).inner_text("#photo code") == "catclf predict -m model.npz photo.jpg"
