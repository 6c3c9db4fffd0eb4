"""The features of a picture: pixels, histograms of edges and colors, a network's output."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image
from skimage.feature import hog

import catclf
from catclf.backbone import Backbone
from catclf.columns import unroll
from catclf.features import Preprocessing, column, column_and_evidence
from catclf.hog_color import (
    DECIMALS_OF_A_DIRECTION,
    DIRECTIONS,
    block_histograms,
    cells,
    colors,
    edges,
    gradients,
    votes,
)
from catclf.logistic import dot
from networks import small_backbone, small_network

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SAMPLE = sorted((Path(__file__).parents[1] / "data" / "sample" / "test").rglob("*.jpg"))[::10]


def any_size(least: int, most: int) -> st.SearchStrategy[Pixels]:
    """Return pictures of such sizes."""
    return st.integers(least, most).flatmap(
        lambda size: hnp.arrays(np.uint8, (size, size, 3), elements=st.integers(0, 255))
    )


any_picture = any_size(8, 24)


def noise(size: int, seed: int = 0) -> Pixels:
    found: Pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return found


def hog_color(picture: Pixels) -> Pixels:
    """Return the edges (3528,) and the colors (2048,) of a picture, as bytes."""
    found: Pixels = column(picture, Preprocessing(size=len(picture), features="hog-color"))[0]
    return found


def by_block(picture: Pixels) -> Array:
    """Return (cell's row in the block, its column, direction, block's row, its column)."""
    return edges(picture).reshape(2, 2, 18, 7, 7)


# Against scikit-image


def edges_as_scikit_image_counts(picture: Pixels) -> Array:
    """Return (7, 7, 2, 2, 9), by our gradients, cells and blocks, with its hard votes."""
    # A gradient votes whole for the direction below its own, a pixel for the cell that it lies in;
    # opposite directions are one; pixels are not divided by 255.
    size = len(picture)
    (below, vote), (_, rest) = votes(*gradients(picture))
    cell = np.arange(size) // (size // 8) + 1
    in_cell = 10 * cell[:, np.newaxis] + cell
    signed = cells([(below, 255 * (vote + rest))], [(in_cell, np.ones((size, size)))])
    unsigned = block_histograms(signed[:9] + signed[9:], energy_floor=1e-5**2)
    return unsigned.reshape(2, 2, 9, 7, 7).transpose(3, 4, 0, 1, 2)


def edges_by_scikit_image(picture: Pixels) -> Array:
    side = len(picture) // 8
    shape = {"pixels_per_cell": (side, side), "cells_per_block": (2, 2), "orientations": 9}
    found: Array = hog(picture, **shape, block_norm="L2", feature_vector=False, channel_axis=2)
    return found


def sample_64(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((64, 64)))


@pytest.mark.parametrize(
    "pictures",
    [[noise(size, seed) for seed in range(3)] for size in (8, 16, 24, 64, 128)]
    + [[sample_64(path) for path in SAMPLE]],
    ids=["8", "16", "24", "64", "128", "sample"],
)
def test_edges_are_scikit_images(pictures: list[Pixels]) -> None:
    """Set to hard votes, edges of noise, and of drawn pictures, are `skimage.feature.hog`'s."""
    for picture in pictures:
        ours, theirs = edges_as_scikit_image_counts(picture), edges_by_scikit_image(picture)
        assert np.abs(ours - theirs).max() < 1e-6


# Against the formulas of DESIGN


def by_dense_formulas(picture: Pixels) -> tuple[Array, Array]:
    """Return edges and colors, each vote by its distance to every direction and every cell."""
    size = len(picture)
    x = picture.astype(np.int64)
    down, right = np.zeros_like(x), np.zeros_like(x)
    down[1:-1] = x[2:] - x[:-2]
    right[:, 1:-1] = x[:, 2:] - x[:, :-2]
    strongest = np.argmax(down**2 + right**2, axis=2)[..., np.newaxis]
    down, right = (np.take_along_axis(g, strongest, 2)[..., 0] for g in (down, right))
    direction = np.arctan2(down, right) % (2 * np.pi) * (18 / (2 * np.pi))
    away = np.abs(direction - np.arange(18)[:, np.newaxis, np.newaxis])
    dense = np.maximum(0, 1 - np.minimum(away, 18 - away)) * np.hypot(down / 255, right / 255)
    at = (np.arange(size) + 0.5) * (8 / size) - 0.5
    near = np.maximum(0, 1 - np.abs(at - np.arange(8)[:, np.newaxis]))
    grid = near @ dense @ near.T * (8 / size) ** 2
    found = np.stack([grid[:, i : i + 7, j : j + 7] for i in (0, 1) for j in (0, 1)])
    found = found / np.sqrt((found**2).sum((0, 1)) + 1e-4)
    half = np.arange(size) * 2 // size
    shares = np.zeros((2, 2, 8, 8, 8))
    for i in (0, 1):
        for j in (0, 1):
            for color in (picture[half == i][:, half == j] // 32).reshape(-1, 3):
                shares[(i, j, *color)] += 1
            shares[i, j] /= shares[i, j].sum()
    return found, np.sqrt(shares).reshape(4, 512)


@given(any_picture)
def test_edges_and_colors_are_what_their_formulas_say(picture: Pixels) -> None:
    """The votes that are counted are those of the dense sums: a triangle about each bin."""
    by_formula = by_dense_formulas(picture)
    assert np.allclose(edges(picture), by_formula[0], rtol=0, atol=1e-6)
    assert np.array_equal(colors(picture), by_formula[1])


@pytest.mark.parametrize("size", [8, 11, 20, 64])
def test_the_bytes_are_what_the_formulas_say(size: int) -> None:
    """Another order of the same sums moves at most one byte of a thousand, by one."""
    of_edges, of_colors = by_dense_formulas(noise(size))
    scaled = np.concatenate((of_edges * (255 / 0.4), of_colors * (255 / 0.2)), axis=None)
    off = np.abs(hog_color(noise(size)) - np.minimum(255, scaled + 0.5).astype(int))
    assert off.max() <= 1
    assert (off > 0).mean() <= 0.001


def test_hog_color_has_kept_its_bytes() -> None:
    """Golden values, by the prototype in float32, of a picture without ties between colors."""
    i, j, c = np.indices((20, 20, 3))
    found = hog_color(
        ((3 * i + 5 * j * (c + 1)) % 97 + (i * j * (2 + c)) % 101 + 20 * c).astype("u1")
    )
    assert found[:3528:252].tolist() == [66, 7, 0, 0, 7, 128, 64, 73, 7, 0, 14, 0, 106, 80]
    of_colors = found[3528:]
    assert of_colors[of_colors > 0][:8].tolist() == [255, 255, 255, 180, 221, 128, 128, 255]
    assert (int(found[:3528].sum()), int(of_colors.sum())) == (142386, 36650)


# Properties of edges


FORWARD, BACKWARD = slice(None), slice(None, None, -1)


@given(any_picture)
def test_edges_follow_what_is_done_to_a_picture(picture: Pixels) -> None:
    """Cells and directions, k of 18, change places as a mirrored picture's, or a negative's, do.

    Left and right: direction k becomes 9 - k. Above and below: -k. Dark and light: k + 9.
    """
    k, expected = np.arange(18), by_block(picture)
    for other, rows, columns, directions in (
        (picture[:, ::-1], FORWARD, BACKWARD, 9 - k),
        (picture[::-1], BACKWARD, FORWARD, -k),
        (255 - picture, FORWARD, FORWARD, k + 9),
    ):
        there = by_block(other)[rows, columns, directions % 18, rows, columns]
        assert np.allclose(there, expected, rtol=0, atol=1e-9)


@given(any_picture, st.integers(1, 255))
def test_added_brightness_changes_no_edge(picture: Pixels, more: int) -> None:
    """Not one byte, as long as no pixel is clipped."""
    darker = np.minimum(picture, np.uint8(255 - more))
    assert np.array_equal(hog_color(darker)[:3528], hog_color(darker + np.uint8(more))[:3528])


@given(st.integers(8, 40), st.tuples(*3 * [st.integers(0, 255)]))
def test_a_picture_of_one_color_has_no_edges_and_one_color(
    size: int, color: tuple[int, int, int]
) -> None:
    """Zero edges; in each quarter all of the share, 1, is that color's."""
    picture = np.full((size, size, 3), color, np.uint8)
    red, green, blue = (level // 32 for level in color)
    shares = np.zeros((4, 8, 8, 8))
    shares[:, red, green, blue] = 1
    assert np.array_equal(colors(picture), shares.reshape(4, 512))
    assert np.array_equal(hog_color(picture), np.append(np.zeros(3528), 255 * shares))


def test_every_system_rounds_every_direction_alike() -> None:
    """Of all the gradients there are, none is nearer to a half than two `arctan2` differ.

    In units of the last decimal kept, 10 times what the last 4 bits of a float64 are there.
    """
    differences = np.arange(-255, 256)
    angle = np.arctan2(differences[:, np.newaxis], differences)
    units = angle * (DIRECTIONS / (2 * np.pi)) * 10**DECIMALS_OF_A_DIRECTION
    assert np.abs(units % 1 - 0.5).min() > 10 * 2**4 * np.spacing(units.max())


@given(any_picture)
def test_blocks_have_at_most_length_1(picture: Pixels) -> None:
    """So that no contrast counts more than the others."""
    lengths = np.sqrt((edges(picture) ** 2).sum(axis=(0, 1)))
    assert (lengths <= 1 + 1e-12).all()


# Columns


@settings(max_examples=10)
@given(st.integers(8, 1024) | st.sampled_from([8, 1024]))
def test_any_size_has_5576_features(size: int) -> None:
    """As many as the record of its preprocessing says, and neither part stays empty."""
    preprocessing = Preprocessing(size=size, features="hog-color")
    found = column(noise(size), preprocessing)
    assert found.shape == (1, preprocessing.n_x) == (1, 5576)
    assert found.dtype == np.uint8
    assert found[0, :3528].any()
    assert found[0, 3528:].any()


@given(any_picture)
def test_a_picture_and_one_of_a_batch_give_the_same_bytes(picture: Pixels) -> None:
    """However it lies in memory: alone, within a batch, color by color, or read backwards."""
    alone = hog_color(picture)
    batch = np.stack([255 - picture, picture, picture])
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)).transpose(1, 2, 0)
    backwards = np.ascontiguousarray(picture[::-1, ::-1])[::-1, ::-1]
    for same in (*batch[1:], planes, backwards):
        assert np.array_equal(hog_color(same), alone)


@given(st.integers(1, 24).flatmap(lambda size: hnp.arrays(np.uint8, (size, size, 3))))
def test_pixels_are_unrolled(picture: Pixels) -> None:
    """Features that are the pixels themselves are the lecture's."""
    found = column(picture, Preprocessing(size=len(picture)))
    assert np.array_equal(found, unroll(picture[np.newaxis]))


@pytest.mark.parametrize("features", ["pixels", "hog-color"])
@pytest.mark.parametrize(
    "picture",
    [np.zeros((8, 9, 3), np.uint8), np.zeros((9, 9, 3), np.uint8), np.zeros((8, 8, 3))],
    ids=["not square", "another size", "not bytes"],
)
def test_pixels_of_another_shape_or_type_are_refused(features: str, picture: Pixels) -> None:
    """Required, then got."""
    preprocessing = Preprocessing.from_record(
        Preprocessing(size=8).to_record() | {"features": features}
    )
    with pytest.raises(ValueError, match=r"pixels must be \(8, 8, 3\) uint8, got \("):
        column(picture, preprocessing)


# The record of a preprocessing


def test_the_record_survives_json() -> None:
    """Under the names and values that files hold."""
    preprocessing = Preprocessing(size=32, fit="pad", features="hog-color")
    record = json.loads(json.dumps(preprocessing.to_record()))
    assert Preprocessing.from_record(record) == preprocessing
    assert record == {
        "size": 32,
        "fit": "pad",
        "filter": "bilinear",
        "background": "white",
        "order": "planes",
        "features": "hog-color",
    }


def test_a_record_without_features_means_pixels() -> None:
    """Models of catclf 0.1 do not have the setting; every other must be there."""
    for name in Preprocessing().to_record():
        record = Preprocessing(size=32, fit="pad").to_record()
        del record[name]
        if name == "features":
            assert Preprocessing.from_record(record) == Preprocessing(size=32, fit="pad")
        else:
            with pytest.raises(ValueError, match=f"lacks '{name}'"):
                Preprocessing.from_record(record)


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"size": 0}, "size must be at least 1, got 0"),
        ({"size": 1025}, "size must be at most 1024, got 1025"),
        ({"size": True}, "size must be a whole number"),
        ({"fit": "stretch"}, "fit must be one of squash, crop, pad"),
        ({"fit": ["squash"]}, "fit must be"),
        ({"background": "black"}, "background must be one of white"),
        ({"order": "interleaved"}, "order must be one of planes"),
        ({"features": "gist"}, "features must be one of pixels, hog-color, backbone, got 'gist'"),
        ({"features": "hog-color", "size": 7}, "size must be 8 or more for hog-color, got 7"),
        ({"gamma": 2.2}, "unknown setting 'gamma'"),
    ],
)
def test_a_record_with_an_odd_value_is_refused(change: dict[str, object], phrase: str) -> None:
    """What is not known is not guessed; required, then got."""
    with pytest.raises(ValueError, match=phrase):
        Preprocessing.from_record(Preprocessing().to_record() | change)


@pytest.mark.parametrize("record", [None, 3, "size", [], ["size", 64]])
def test_a_record_that_is_no_table_is_refused(record: object) -> None:
    """Whatever JSON may hold in its place."""
    with pytest.raises(ValueError, match="must be a table"):
        Preprocessing.from_record(record)


def test_a_difference_is_told_in_words() -> None:
    """What two records have different, of each name and value."""
    one, other = Preprocessing(size=32), Preprocessing(size=8, fit="pad")
    assert one.difference(other) == ("size 32, fit squash", "size 8, fit pad")


# A backbone in it

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone(8)


def test_a_network_is_given_as_a_backbone() -> None:
    """By its name alone it is refused, with what to do."""
    with pytest.raises(ValueError, match=r"by the backbone that catclf\.load_backbone returns$"):
        Preprocessing(features="efficientnet-lite0")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^backbone must be what catclf\.load_b"):
        Preprocessing(backbone="efficientnet-lite0")  # type: ignore[arg-type]


def test_a_backbone_sets_size_and_features(backbone: Backbone) -> None:
    """Its own; pictures are kept in 64 x 64 whatever it takes."""
    found = Preprocessing(fit="crop", backbone=backbone)
    assert (found.size, found.features, found.features_name) == (8, "backbone", "small.onnx")
    assert (found.n_x, found.kept_size, found.pixel_n_x) == (10, 64, 3 * 64 * 64)
    assert replace(found, fit="pad") == Preprocessing(size=8, fit="pad", backbone=backbone)
    assert len(repr(found)) < 1000


def test_settings_that_exclude_each_other_are_refused(backbone: Backbone) -> None:
    """Another size, other features, and the features of no backbone."""
    with pytest.raises(ValueError, match="size must be the backbone's 8, got 9"):
        Preprocessing(size=9, backbone=backbone)
    with pytest.raises(ValueError, match="must be hog-color or a backbone's, got both"):
        Preprocessing(features="hog-color", backbone=backbone)
    with pytest.raises(ValueError, match=r"needs a backbone, as catclf\.load_backbone returns it"):
        Preprocessing(features="backbone")


def test_a_backbone_is_known_by_its_network(backbone: Backbone) -> None:
    """However it is called, and wherever it came from; taken otherwise it is another."""
    one = Preprocessing(backbone=backbone)
    renamed = Preprocessing(backbone=replace(backbone, name="b.onnx", source="elsewhere/b.onnx"))
    assert one == renamed
    assert hash(one) == hash(renamed)
    for other in (
        small_backbone(8, seed=1),
        small_backbone(8, normalize="half"),
        small_backbone(8, pooled=True),
        replace(backbone, output="other"),
    ):
        assert one != Preprocessing(backbone=other)


def test_the_record_of_a_backbone_survives_json(backbone: Backbone) -> None:
    """Without its network, which is stored beside it."""
    preprocessing = Preprocessing(backbone=backbone)
    record = json.loads(json.dumps(preprocessing.to_record()))
    found = Preprocessing.from_record(record, backbone.network)
    assert found == preprocessing
    assert found.backbone is not None
    assert found.backbone.network == backbone.network
    assert found.backbone.name == "small.onnx"
    assert Preprocessing.from_record(preprocessing.to_record(), backbone.network) == found


def test_a_record_and_a_network_that_do_not_belong_together_are_refused(
    backbone: Backbone,
) -> None:
    """Either without the other, and a network that was exchanged."""
    record, network = Preprocessing(backbone=backbone).to_record(), backbone.network
    with pytest.raises(ValueError, match="the network of its backbone is missing"):
        Preprocessing.from_record(record)
    with pytest.raises(ValueError, match="a backbone must be a table of its settings, got None"):
        Preprocessing.from_record(Preprocessing(size=8).to_record(), network)
    with pytest.raises(ValueError, match="the network is not the backbone that is recorded"):
        Preprocessing.from_record(record, small_network(seed=1))


@given(name=st.sampled_from([each.name for each in fields(Backbone)]), value=json_values)
def test_any_record_of_a_backbone_is_one_or_a_value_error(
    backbone: Backbone, name: str, value: object
) -> None:
    """Whatever JSON may hold of a setting, or in place of all."""
    record = Preprocessing(backbone=backbone).to_record()
    told = json.loads(json.dumps(backbone.to_record()))
    for changed in (told | {name: value}, value):
        try:
            found = Preprocessing.from_record(record | {"backbone": changed}, backbone.network)
        except ValueError as error:
            message = str(error)
        else:
            message = ""
            assert found.backbone is not None
            assert json.loads(json.dumps(found.backbone.to_record())) == changed
        assert len(message) < 150


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"size": 0}, "make no sense: size 0"),
        ({"size": True}, "make no sense: size True"),
        ({"n_outputs": 2**21}, "make no sense: n_outputs 2097152"),
        ({"batch": 10**6}, "make no sense: batch 1000000"),
        ({"places": [7]}, r"make no sense: places \[7\]"),
        ({"places": 3}, "make no sense: places 3"),
        ({"normalize": ["half"]}, r"make no sense: normalize \['half'\]"),
        ({"signed": 1}, "make no sense: signed 1"),
        ({"name": None}, "make no sense: name None"),
    ],
)
def test_an_odd_setting_of_a_backbone_is_named(
    backbone: Backbone, change: dict[str, object], phrase: str
) -> None:
    """With what it is."""
    with pytest.raises(ValueError, match=phrase):
        Backbone.from_record(backbone.to_record() | change, backbone.network)


def test_a_difference_of_backbones_tells_what_tells_them_apart(backbone: Backbone) -> None:
    """By name, or where the names are the same by digest; of one network how it is used."""
    one = Preprocessing(backbone=backbone)
    pixels = Preprocessing(size=64)
    renamed = replace(backbone, name="b.onnx")
    another = small_backbone(8, seed=1)
    assert one.difference(pixels) == (
        "size 8, features small.onnx",
        "size 64, features pixels",
    )
    for other, mine, theirs in (
        (replace(another, name="b.onnx"), "features small.onnx", "features b.onnx"),
        (another, f"network {backbone.digest[:12]}", f"network {another.digest[:12]}"),
        (replace(renamed, normalize="half"), "normalize unit", "normalize half"),
        (replace(renamed, output="other"), "output features", "output other"),
    ):
        assert one.difference(Preprocessing(backbone=other)) == (mine, theirs)
    cropped = Preprocessing(fit="crop", backbone=renamed)
    assert one.difference(cropped) == ("fit squash", "fit crop")


# Evidence by place

NETWORKS = {
    (signed, channels_last): Preprocessing(
        backbone=small_backbone(12, signed=signed, channels_last=channels_last)
    )
    for signed in (True, False)
    for channels_last in (True, False)
}


def added_by(x: Pixels, w: Array) -> Array:
    """Return what a transposed column adds to the logits (k,), as a model computes it."""
    return np.array([dot(w_i, x[0] / 255) for w_i in np.ascontiguousarray(w.T)])


@given(picture=any_size(1, 20), k=st.sampled_from([1, 3]), seed=st.integers(0, 9))
def test_evidence_of_pixels_adds_up_to_what_they_add(picture: Pixels, k: int, seed: int) -> None:
    """In 8 x 8 blocks of any size, also below 8 and of no multiple: block by block, and in all.

    To the logit of each neuron.
    """
    size = len(picture)
    preprocessing = Preprocessing(size=size)
    w = np.random.default_rng(seed).normal(0, 10, (3 * size * size, k))
    found = column_and_evidence(picture, preprocessing, w)[1]
    added = added_by(column(picture, preprocessing), w)
    assert np.abs(found.sum(axis=(1, 2)) - added).max() < 1e-9
    assert preprocessing.places == (min(8, size), min(8, size))
    assert found.shape == (k, *preprocessing.places)
    block = np.arange(size) * found.shape[1] // size
    for i, j in np.ndindex(preprocessing.places):
        inside = (block[:, np.newaxis] == i) & (block == j)
        assert inside.any()
        alone = np.where(inside[..., np.newaxis], picture, 0).astype(np.uint8)
        assert np.abs(found[:, i, j] - added_by(column(alone, preprocessing), w)).max() < 1e-9


@pytest.mark.parametrize(("signed", "channels_last"), NETWORKS)
@given(picture=any_size(12, 12), k=st.sampled_from([1, 3]), seed=st.integers(0, 9))
def test_evidence_of_a_network_adds_up_to_what_its_column_adds(
    signed: bool, channels_last: bool, picture: Pixels, k: int, seed: int
) -> None:
    """Each byte is shared by the places in proportion to the map that it is the mean of.

    For the logit of each neuron.
    """
    preprocessing = NETWORKS[signed, channels_last]
    assert preprocessing.backbone is not None
    x = column(picture, preprocessing)
    w = np.random.default_rng(seed).normal(0, 10, (preprocessing.n_x, k))
    found = column_and_evidence(picture, preprocessing, w)[1]
    assert preprocessing.places == (6, 6)
    assert found.shape == (k, 6, 6)
    assert np.abs(found.sum(axis=(1, 2)) - added_by(x, w)).max() < 1e-9
    expected = np.zeros((k, 6, 6))
    maps = preprocessing.backbone.map(picture).astype(np.float64)
    for i, byte in enumerate(x[0]):
        one = maps[i % len(maps)]
        if byte > 0:
            expected += w[i][:, np.newaxis, np.newaxis] * byte / 255 * one / one.sum()
    assert np.abs(found - expected).max() < 1e-9


def test_evidence_of_the_network_that_we_bring_adds_up() -> None:
    """EfficientNet-Lite0 on a drawing: by 7 x 7 places, in a column with its model's bias.

    For each class, and by default for the one predicted.
    """
    preprocessing = Preprocessing(backbone=catclf.load_backbone("efficientnet-lite0"))
    x = column(catclf.read_picture(SAMPLE[0], preprocessing), preprocessing)
    assert preprocessing.places == (7, 7)
    for classes in (("noncat", "cat"), ("cat", "dog", "house")):
        k = 1 if len(classes) == 2 else len(classes)
        w = np.random.default_rng(0).normal(size=(preprocessing.n_x, k))
        model = catclf.Model(w, np.full((k, 1), 0.25), classes, preprocessing)
        added = model.logits(x)[:, 0] - 0.25
        named = [None] if k == 1 else classes
        for name, z in zip(named, added, strict=True):
            found = model.evidence(SAMPLE[0], name)
            assert found.shape == (7, 7)
            assert abs(found.sum() - z) < 1e-9
        assert abs(model.evidence(SAMPLE[0]).sum() - added.max()) < 1e-9


def test_evidence_is_of_a_class_that_the_model_knows() -> None:
    """Of two there is one logit: neither can be named."""
    for classes, name in ((("noncat", "cat"), "cat"), (("cat", "dog", "house"), "tree")):
        k = 1 if len(classes) == 2 else len(classes)
        preprocessing = Preprocessing(size=8)
        model = catclf.Model(np.zeros((192, k)), np.zeros((k, 1)), classes, preprocessing)
        with pytest.raises(ValueError, match="class_name must be None for two classes, for more"):
            model.evidence(noise(8), name)


def test_features_without_places_have_no_evidence() -> None:
    """Histograms, and a network whose output is pooled."""
    pooled = Preprocessing(backbone=small_backbone(8, pooled=True))
    for preprocessing in (Preprocessing(size=8, features="hog-color"), pooled):
        assert preprocessing.places is None
        with pytest.raises(ValueError, match="features have no places"):
            column_and_evidence(noise(8), preprocessing, np.zeros((preprocessing.n_x, 1)))
