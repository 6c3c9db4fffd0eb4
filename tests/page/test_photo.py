"""A photo on the page gets the pixels, the column and the probability that `predict` gives it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

import catclf
from catclf import Preprocessing
from catclf.features import column
from catclf.pictures import jpeg
from catclf.pictures.reading import decode_picture
from corpus.good_pictures import encode, good_files, idat, photo_like, png
from page.conftest import SAMPLE, OpenPage, decoded, drop, of_pixels

pytestmark = pytest.mark.slow
NOT_IN_BROWSERS = (".tif", ".ppm", ".pgm", ".pbm")
ROUNDED_OTHERWISE = "deep.png"  # gray of 16 bits: by a level
SHAPES = [(1, 1), (1, 90), (90, 1), (2, 3), (63, 64), (64, 64), (65, 64), (129, 128), (640, 480)]


@pytest.fixture
def at_full_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python decode JPEGs at full scale, as browsers do."""
    monkeypatch.setattr(jpeg, "REDUCTION_MARGINS", {})


@pytest.fixture(scope="module")
def cases() -> dict[str, bytes]:
    """Return a file of each kind, mode, orientation and of odd shapes."""
    image = photo_like()
    alpha = Image.fromarray(np.arange(97 * 130, dtype=np.uint32).astype(np.uint8).reshape(97, 130))
    translucent = image.copy()
    translucent.putalpha(alpha)
    found = {
        name: data for name, data in good_files().items() if not name.endswith(NOT_IN_BROWSERS)
    }
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        found[f"jpeg, orientation {orientation}"] = encode(image, "JPEG", exif=exif)
        found[f"png, orientation {orientation}"] = encode(image, "PNG", exif=exif)
    for quality in (30, 95):
        for subsampling in (0, 1, 2):
            name = f"jpeg, quality {quality}, subsampling {subsampling}"
            found[name] = encode(image, "JPEG", quality=quality, subsampling=subsampling)
    for mode in ("LA", "RGBA"):
        found[f"png, {mode}"] = encode(translucent.convert(mode), "PNG")
    found["webp, RGBA"] = encode(translucent, "WEBP", lossless=True)
    found["png, one transparent color"] = encode(image, "PNG", transparency=image.getpixel((9, 9)))
    found["png, a transparent entry"] = encode(image.quantize(64), "PNG", transparency=3)
    deep = np.random.default_rng(0).integers(0, 65536, (30, 40, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    found["png, RGB of 16 bits"] = png(40, 30, 16, 2, idat(rows))
    for width, height in SHAPES:
        found[f"{width} x {height}"] = encode(photo_like(height, width), "PNG")
    return found


@pytest.mark.usefixtures("at_full_scale")
def test_a_photo_has_the_pixels_and_probability_of_predict(
    sample_report: Path, open_page: OpenPage, cases: dict[str, bytes]
) -> None:
    """Pixels are equal, columns too but for 1 in 1000 off by one, probabilities within 1e-14."""
    page = open_page(sample_report)
    model = catclf.load_model(sample_report.with_name("model.npz"))
    size = model.preprocessing.size
    off = total = 0
    for name, data in cases.items():
        wanted = decode_picture(data, model.preprocessing, name)
        got = decoded(page, data)
        pixels = np.array(got["pixels"], np.uint8).reshape(size, size, 3)
        if name == ROUNDED_OTHERWISE:
            assert np.abs(pixels.astype(int) - wanted).max() <= 1
            assert got["doubts"] != []
            continue
        assert np.array_equal(pixels, wanted), name
        assert got["doubts"] == [], name
        difference = np.abs(column(wanted, model.preprocessing)[0].astype(int) - got["column"])
        assert difference.max() <= 1, name
        off, total = off + int(np.count_nonzero(difference)), total + difference.size
        if not difference.any():
            [probabilities] = model.predict_proba(wanted)
            np.testing.assert_allclose(
                got["probabilities"], probabilities, atol=1e-14, err_msg=name
            )
    assert off <= total / 1000


@pytest.mark.parametrize(
    ("size", "fit", "features"),
    [
        (8, "crop", "pixels"),
        (8, "pad", "hog-color"),
        (31, "pad", "pixels"),
        (50, "crop", "hog-color"),
        (97, "squash", "pixels"),
        (97, "squash", "hog-color"),
    ],
)
def test_every_size_and_fit_is_that_of_predict(
    small_pictures: Path,
    open_page: OpenPage,
    tmp_path: Path,
    size: int,
    fit: Literal["squash", "crop", "pad"],
    features: Literal["pixels", "hog-color"],
) -> None:
    """The page obeys the preprocessing of its model."""
    preprocessing = Preprocessing(size=size, fit=fit, features=features)
    dataset, model = tmp_path / "d.npz", tmp_path / "m.npz"
    catclf.prepare(small_pictures, dataset, preprocessing=preprocessing, test_split=0.25)
    catclf.train(dataset, model, catclf.Settings(iterations=20), observer=catclf.Observer())
    catclf.report(dataset, model, tmp_path / "report.html")
    page = open_page(tmp_path / "report.html")
    for width, height in [(1, 90), (65, 64), (640, 480), (200, 67), (67, 201)]:
        data = encode(photo_like(height, width), "PNG")
        wanted = decode_picture(data, preprocessing, "")
        got = decoded(page, data)
        assert got["pixels"] == wanted.ravel().tolist(), (width, height)
        difference = np.abs(column(wanted, preprocessing)[0].astype(int) - got["column"])
        assert difference.max() <= 1
        assert np.count_nonzero(difference) <= difference.size / 1000


@of_pixels
def test_the_sample_is_answered_as_predict_does(sample_report: Path, open_page: OpenPage) -> None:
    """By its form, the page says the class and the probability of the command."""
    page = open_page(sample_report)
    for path in sorted((SAMPLE / "test").rglob("*.*g"))[::7]:
        [wanted] = catclf.predict(path, sample_report.with_name("model.npz"))
        drop(page, path.read_bytes(), path.name)
        answer = page.locator("#photo-result .answer")
        said = f"{wanted.predicted}, P({wanted.predicted}) = {wanted.confidence:.4f}"
        assert answer.inner_text() == said
        assert page.inner_text("#step-answer") == said
        assert wanted.probabilities is not None
        probability = float(answer.get_attribute("data-probability") or "nan")
        assert abs(probability - wanted.probabilities["cat"]) < 1e-6
        assert page.input_value("#label") == ""  # no label is assumed
        assert page.inner_text("#step-loss") == "?"


def test_a_reduced_jpeg_is_said_to_differ(sample_report: Path, open_page: OpenPage) -> None:
    """Where `predict` decodes at a reduced scale the page says how much that may change."""
    page = open_page(sample_report)
    model = catclf.load_model(sample_report.with_name("model.npz"))
    data = encode(photo_like(480, 640), "JPEG")
    drop(page, data)
    allowed = 0.006 if model.preprocessing.features == "pixels" else 0.025
    assert "decodes a JPEG of this size at a reduced scale" in page.inner_text("#photo-result")
    assert f"by {allowed} at most" in page.inner_text("#photo-result")
    [wanted] = catclf.predict(io.BytesIO(data), model)
    assert wanted.probabilities is not None
    assert abs(decoded(page, data)["probabilities"][1] - wanted.probabilities["cat"]) < allowed


@of_pixels
def test_a_turned_webp_is_said_to_differ(sample_report: Path, open_page: OpenPage) -> None:
    """Not every browser obeys EXIF in WebP."""
    exif = Image.Exif()
    exif[0x0112] = 6
    page = open_page(sample_report)
    drop(page, encode(photo_like(), "WEBP", exif=exif))
    assert "Not every browser turns a WebP upright" in page.inner_text("#photo-result")


@of_pixels
def test_what_cannot_be_read_is_told(sample_report: Path, open_page: OpenPage) -> None:
    """In a sentence, with the file's name; and the next picture is answered again."""
    page = open_page(sample_report)
    for data, words in (
        (encode(photo_like(), "TIFF"), "Browsers cannot read TIFF files"),
        (encode(photo_like(), "PPM"), "Browsers cannot read PPM files"),
        (b"%PDF-1.7", "not a picture of JPEG, PNG, WebP, GIF, BMP or AVIF format"),
        (b"", "not a picture of JPEG, PNG, WebP, GIF, BMP or AVIF format"),
        (encode(photo_like(), "JPEG")[:3000], "a damaged or unusual JPEG"),
        (encode(photo_like(), "PNG")[:3000], "a damaged or unusual PNG"),
    ):
        drop(page, data, "<b>odd</b>.tif")
        assert words in page.inner_text("#photo-error")
        assert page.inner_text("#photo-error").startswith("<b>odd</b>.tif: ")
        assert page.inner_text("#photo-result") == ""
    drop(page, encode(photo_like(), "PNG"))
    assert page.inner_text("#photo-error") == ""
    assert "cat) = " in page.inner_text("#photo-result")


@of_pixels
def test_a_browser_that_alters_pixels_is_refused(sample_report: Path, open_page: OpenPage) -> None:
    """Protection against fingerprinting adds noise to what a page reads of a canvas."""
    page = open_page(sample_report)
    page.evaluate(
        """() => {
            const read = CanvasRenderingContext2D.prototype.getImageData;
            CanvasRenderingContext2D.prototype.getImageData = function (...part) {
                const image = read.apply(this, part);
                image.data[40] ^= 1;
                return image;
            };
        }"""
    )
    drop(page, encode(photo_like(), "PNG"))
    assert "This browser alters the pixels" in page.inner_text("#photo-error")
    assert page.inner_text("#photo-result") == ""


@of_pixels
@pytest.mark.parametrize(("width", "height"), [(70_000, 100), (8_000, 8_000)])
def test_a_picture_too_large_for_a_canvas_is_told(
    sample_report: Path, open_page: OpenPage, width: int, height: int
) -> None:
    """Browsers leave such a canvas empty, without an error: it is not taken for black."""
    page = open_page(sample_report)
    page.set_default_timeout(60_000)
    drop(page, encode(Image.new("1", (width, height), 1), "PNG"))
    assert f"Too large for this page: {width} x {height}" in page.inner_text("#photo-error")


@of_pixels
def test_the_last_photo_is_answered(sample_report: Path, open_page: OpenPage) -> None:
    """A slower one that was chosen before does not take its place; of several, the first counts."""
    page = open_page(sample_report)
    page.evaluate(
        """async (base64) => {
            const file = (name) => new File([bytesOf(base64)], name);
            const really = decode;
            let goOn;
            const fastIsShown = new Promise((resolve) => (goOn = resolve));
            decode = async (file) => {
                if (file.name === "slow.png") await fastIsShown;
                return really(file);
            };
            const slow = tryFirst([file("slow.png")]);
            await tryFirst([file("fast.png"), file("other.png")]);
            goOn();
            await slow;
        }""",
        base64.b64encode(encode(photo_like(), "PNG")).decode(),
    )
    assert page.inner_text("#step-name") == "fast.png"
    assert "You gave 2 files; this is the first" in page.inner_text("#photo-result")


SEND = """([base64, kind, name]) => {
    const files = new DataTransfer();
    files.items.add(new File([bytesOf(base64)], "photo.png", { type: "image/png" }));
    const event = new Event(kind, { bubbles: true, cancelable: true });
    Object.defineProperty(event, name, { value: files });
    document.body.dispatchEvent(event);
}"""


@of_pixels
@pytest.mark.parametrize(("kind", "name"), [("drop", "dataTransfer"), ("paste", "clipboardData")])
def test_a_photo_can_be_dropped_and_pasted(
    sample_report: Path, open_page: OpenPage, kind: str, name: str
) -> None:
    """Anywhere on the page."""
    page = open_page(sample_report)
    data = base64.b64encode(encode(photo_like(), "PNG")).decode()
    page.evaluate(SEND, [data, kind, name])
    page.wait_for_selector("#photo-result .answer")
    assert page.inner_text("#step-name") == "photo.png"
