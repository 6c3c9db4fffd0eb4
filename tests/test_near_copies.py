"""Near-copies are found, and what is only alike is not."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catclf.columns import unroll
from catclf.features import Preprocessing
from catclf.near_copies import (
    DISTANCE,
    FAILURES,
    MIRROR,
    SIDE,
    candidates,
    first_of_each,
    hashes,
)
from catclf.pictures.reading import pixels_of, read_picture
from catclf.splits import MOST_COPIES, duplicate_groups, fingerprint, without_scenes
from conftest import Recorder
from scenes import COPIES, save_copy, scene

Rows = NDArray[np.uint8]
SCENES = 40


def grouped(rows: Rows) -> list[int]:
    """Return the first copy of each picture, (m, 3 size size)."""
    return first_of_each([*map(fingerprint, rows)], hashes(rows), lambda indices: [rows[indices]])


def rows_of(pictures: list[Image.Image], size: int = 64) -> Rows:
    """Return pictures as rows."""
    return unroll(np.array([pixels_of(each, Preprocessing(size=size)) for each in pictures]))


@lru_cache
def scenes() -> list[Image.Image]:
    """Return the scenes of which copies are made."""
    return [scene(seed) for seed in range(SCENES)]


@lru_cache
def rows_of_scenes(size: int) -> Rows:
    """Return them as rows."""
    return rows_of(scenes(), size)


@pytest.mark.parametrize("size", [16, 37, 64, 200])
@pytest.mark.parametrize("kind", COPIES)
def test_every_kind_of_copy_is_found(tmp_path: Path, kind: str, size: int) -> None:
    """Whatever the size of the pictures; of other gammas and cropped ones nine in ten.

    No scene is taken for another.
    """
    settings = Preprocessing(size=size)
    copies = [
        read_picture(save_copy(each, kind, tmp_path / f"{i}.jpg"), settings)
        for i, each in enumerate(scenes())
    ]
    found = grouped(np.concatenate([rows_of_scenes(size), unroll(np.array(copies))]))
    assert found[:SCENES] == [*range(SCENES)]
    assert all(first in (i, i + SCENES) for i, first in enumerate(found[SCENES:]))
    share = np.mean(np.array(found[SCENES:]) < SCENES)
    assert share == 1 or (kind.startswith(("gamma", "cropped")) and share >= 0.9)


@pytest.mark.slow
def test_copies_of_photographs_are_found_and_no_two_photographs_are_one(photos: Path) -> None:
    """At quality 30, mirrored, and with another gamma at least 95 of 100."""
    files = sorted(photos.glob("*/*.jpg"))
    pictures = [Image.open(file).convert("RGB") for file in files]
    originals = unroll(np.array([read_picture(file, Preprocessing()) for file in files]))
    m = len(files)
    for kind, least in (("recompressed, quality 30", 1), ("mirrored", 1), ("gamma 1.5", 0.95)):
        copy, quality = COPIES[kind]
        streams = [io.BytesIO() for _ in pictures]
        for picture, stream in zip(pictures, streams, strict=True):
            copy(picture).save(stream, "JPEG", quality=quality)
            stream.seek(0)
        copies = unroll(np.array([pixels_of(each, Preprocessing()) for each in streams]))
        found = grouped(np.concatenate([originals, copies]))
        assert found[:m] == [*range(m)]
        assert all(first in (i, i + m) for i, first in enumerate(found[m:]))
        assert np.mean(np.array(found[m:]) < m) >= least


def strokes(m: int) -> Rows:
    """Return the digit one in white on black, each written a little differently."""
    rng, pictures = np.random.default_rng(0), []
    for x, y, lean, length in rng.normal((32, 32, 6, 18), (1, 1, 3, 1.5), (m, 4)):
        picture = Image.new("RGB", (64, 64))
        line = (x + lean, y - length, x - lean, y + length)
        ImageDraw.Draw(picture).line(line, "white", int(rng.integers(4, 9)))
        pictures.append(picture)
    return rows_of(pictures)


def shapes(m: int) -> Rows:
    """Return one ellipse in a color on white, each another."""
    rng, pictures = np.random.default_rng(0), []
    for *color, across, down in rng.integers((0, 0, 0, 12, 12), (256, 256, 256, 25, 25), (m, 5)):
        picture = Image.new("RGB", (64, 64), "white")
        box = (32 - across, 32 - down, 32 + across, 32 + down)
        ImageDraw.Draw(picture).ellipse(tuple(map(int, box)), tuple(map(int, color)))
        pictures.append(picture)
    return rows_of(pictures)


def flat(m: int) -> Rows:
    """Return pictures of one color each."""
    colors = np.random.default_rng(0).integers(0, 256, (m, 3), dtype=np.uint8)
    return np.repeat(np.unique(colors, axis=0), 64 * 64, axis=1)


def noise(m: int) -> Rows:
    """Return pictures of noise."""
    return np.random.default_rng(0).integers(0, 256, (m, 3 * 64 * 64), dtype=np.uint8)


def gradients(m: int) -> Rows:
    """Return pictures from one color to another in some direction."""
    rng, along, rows = np.random.default_rng(0), np.linspace(-0.5, 0.5, 64), []
    for angle, *colors in rng.uniform(0, 1, (m, 7)):
        across = np.cos(2 * np.pi * angle) * along + np.sin(2 * np.pi * angle) * along[:, None]
        ends = np.array(colors).reshape(2, 3, 1, 1)
        rows.append(255 * (ends[0] + (ends[1] - ends[0]) * (across + 0.75) / 1.5))
    return np.array(rows).round().astype(np.uint8).reshape(m, -1)


@pytest.mark.parametrize("draw", [strokes, shapes, flat, noise, gradients])
def test_what_is_only_alike_is_no_copy(draw: Callable[[int], Rows]) -> None:
    """Digits and drawings on an even ground, flat pictures, noise and gradients."""
    rows = draw(400)
    found = first_of_each([b"%d" % i for i in range(len(rows))], hashes(rows), lambda i: [rows[i]])
    assert found == [*range(len(rows))]


def test_the_same_shapes_in_other_colors_are_another_picture() -> None:
    """With red and green exchanged a picture's grays, and so its hash, stay; its pixels tell."""
    pixels = np.array([pixels_of(scene(seed), Preprocessing()) for seed in range(9)])
    gray = pixels.mean(axis=3, keepdims=True)
    pale = (gray + (pixels - gray) / 5).astype(np.uint8)
    rows = unroll(np.concatenate([pale, pale[..., [1, 0, 2]]]))
    assert np.array_equal(hashes(rows[:9]), hashes(rows[9:]))
    assert grouped(rows) == [*range(18)]


@pytest.mark.parametrize("size", [1, 2, 8, SIDE - 1])
def test_small_pictures_have_identical_ones_only(size: int) -> None:
    """Of too few pixels nothing is said; the same pixels are the same picture."""
    rows = rows_of([scene(0), scene(0).point(lambda level: level + 1), scene(0)], size)
    assert not hashes(rows).any()
    assert grouped(rows) == [0, 1, 0]


def test_the_mirrored_hash_is_known_from_the_hash() -> None:
    """The odd frequencies across change their signs; added or doubled light changes none."""
    pixels = np.array([pixels_of(scene(seed), Preprocessing()) for seed in range(9)]) // 4
    mine = hashes(unroll(pixels))
    assert np.all(mine != 0)
    assert np.all(hashes(unroll(pixels[:, :, ::-1])) == mine ^ MIRROR)
    assert np.all(hashes(unroll(2 * pixels + 40)) == mine)


@lru_cache
def all_copies() -> Rows:
    """Return seven scenes, each followed by its copies."""
    pictures = []
    for seed in range(7):
        pictures.append(scene(seed))
        for copy, quality in COPIES.values():
            stream = io.BytesIO()
            copy(scene(seed)).save(stream, "JPEG", quality=quality)
            pictures.append(Image.open(stream))
    return rows_of(pictures)


@given(st.lists(st.integers(0, 7 * (len(COPIES) + 1) - 1), min_size=2, max_size=24), st.randoms())
def test_groups_do_not_depend_on_the_order(chosen: list[int], random: Random) -> None:
    """Any permutation of the pictures gives the same groups, each called by its first."""
    shuffled = random.sample(range(len(chosen)), len(chosen))
    rows = all_copies()[chosen]
    found, again = grouped(rows), grouped(rows[shuffled])
    groups, others = duplicate_groups(found), duplicate_groups(again)
    assert [group[0] for group in groups] == sorted(set(found))
    assert {*map(frozenset, groups)} == {frozenset(shuffled[i] for i in each) for each in others}


HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40).flatmap(
    lambda centers: st.lists(
        st.builds(
            lambda center, flips, mirrored: center ^ flips ^ int(MIRROR) * mirrored,
            st.sampled_from(centers),
            st.lists(st.integers(0, 63), max_size=8).map(lambda bits: sum({1 << b for b in bits})),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    )
)


@given(HASHES)
def test_candidates_are_those_of_comparing_all(clustered: list[int]) -> None:
    """Every pair of near hashes, as they are or one mirrored, and no other."""
    pairs = candidates(np.array(clustered, np.uint64))
    found = {
        tuple(sorted(pair)) for i, j in pairs for pair in zip(i.tolist(), j.tolist(), strict=True)
    }
    differences = {
        (i, j): clustered[i] ^ clustered[j] for i, j in combinations(range(len(clustered)), 2)
    }
    assert found == {
        pair
        for pair, x in differences.items()
        if min(x.bit_count(), (x ^ int(MIRROR)).bit_count()) <= DISTANCE
    }


@pytest.mark.parametrize("frames", [MOST_COPIES + 1, 200])
def test_a_film_is_many_pictures(frames: int) -> None:
    """Each frame is nearly the next, in whatever order they come; it is said, once."""
    first, last = (rows_of([scene(seed)]).astype(np.float64) for seed in (0, 1))
    share = np.linspace(0, frames / 200, frames)[:, np.newaxis]  # one becomes the other
    film = ((1 - share) * first + share * last).astype(np.uint8)
    others = rows_of([scene(seed) for seed in range(2, 2 + frames)])  # as many, of another class
    rows, labels = np.concatenate([film, others]), np.repeat([0, 1], frames).astype(np.uint8)
    for order in (np.arange(2 * frames), np.random.default_rng(0).permutation(2 * frames)):
        prints, observer = [*map(fingerprint, rows[order])], Recorder()
        names = [f"{i}.jpg" for i in order]
        found = without_scenes(grouped(rows[order]), prints, labels[order], names, observer)
        assert found == [*range(2 * frames)]
        (told,) = observer.warnings
        assert told.startswith(f"{frames} pictures look nearly the same as others")


def test_equal_hashes_of_different_pictures_cost_no_more_than_their_number() -> None:
    """However many there are, each is compared a few times and then no more."""
    m = 1000
    rows = np.random.default_rng(0).integers(0, 256, (m, 3 * SIDE * SIDE), dtype=np.uint8)
    compared: list[int] = []

    def read(indices: NDArray[np.intp]) -> list[Rows]:
        compared.append(len(indices))
        return [rows[indices]]

    alike = np.full(m, 0x0123456789ABCDEF, np.uint64)
    assert first_of_each([b"%d" % i for i in range(m)], alike, read) == [*range(m)]
    assert sum(compared) <= 2 * FAILURES * m


def test_no_pictures_are_no_groups() -> None:
    """Nothing is read."""
    assert first_of_each([], np.empty(0, np.uint64), lambda _: []) == []
