"""Near-copies: one picture, recompressed, scaled, brightened, mirrored, or cropped by a little.

Each picture has a perceptual hash of 64 bits: the signs of the lowest frequencies of its gray
values (the discrete cosine transform), which neither brightness nor contrast changes; of the mirror
image the odd ones differ. Pictures whose hashes differ by a few bits are compared by small pictures
of their colors, and those that correlate, directly or through others, are one group.

Measured at 64x64 on 200 photographs and what Pillow makes of them, found were: all of JPEG quality
30 to 95, of half size, mirrored, and cropped by 1 %; 99 % brightened by 20 % or by a gamma of 0.7,
97 % by one of 1.5, 93 % cropped by 3 %, and 22 % by 5 %; of gray ones 30 %. No two were taken for
one by mistake: of the photographs (the closest pair correlates by 0.76), of 36 parts of each, of
the course's files, of the sample, nor of noise, flat colors, gradients and pages of text. Of 1,797
handwritten digits that fill the picture 47 were, in groups of up to 4; within a margin, none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Hashes = NDArray[np.uint64]

DISTANCE = 6  # bits; no two of the photographs differ by fewer than 12
CORRELATION = 0.98  # at 0.985 12 pairs of digits and no more 34, but 83 % of those cropped by 3 %
SIDE = 16  # of the small pictures
FREQUENCIES = 8  # in each direction
# Neighbors that differ by less of the standard deviation are of one gray; of the photographs
# a quarter are at most, of strokes and shapes on an even ground a half.
EVEN, MOST_EVEN = 0.05, 1 / 3
# These two bound the time where many hashes are alike: 50,000 equal ones take 41 s.
NEIGHBORS = 256  # that a hash is compared with, of those that have two bytes in common
FAILURES = 32  # comparisons in vain, after which a picture is compared no more
PAIRS = 1024  # compared at once
MIRROR = np.uint64(0x5555555555555555)  # the odd frequencies across, of each frequency down


def hashes(rows: Pixels) -> Hashes:
    """Return the hash (k,) of each picture unrolled, (k, 3 size size); 0 where it tells nothing.

    It tells nothing where pictures are smaller than 16x16, or too many neighbors of 8x8 places are
    of one gray: digits and drawings on an even ground are alike without being copies.
    """
    size = math.isqrt(rows.shape[1] // 3)
    if size < SIDE:
        return np.zeros(len(rows), np.uint64)
    planes = rows.reshape(-1, 3, size, size)
    gray = _reduce(np.add(planes[:, 0], planes[:, 1], dtype=np.uint16) + planes[:, 2], SIDE)
    waves = _waves()
    signs = waves @ gray @ waves.T > 0  # (k, 8, 8): exact, since all are whole numbers
    found: Hashes = np.packbits(signs.reshape(-1, 64), axis=1).view(np.uint64)[:, 0]
    places = _reduce(gray, FREQUENCIES)
    even = EVEN * places.std(axis=(1, 2), keepdims=True)
    down = (abs(np.diff(places, axis=1)) <= even).mean(axis=(1, 2))
    across = (abs(np.diff(places, axis=2)) <= even).mean(axis=(1, 2))
    found[(down + across) / 2 > MOST_EVEN] = 0
    return found


def _reduce(pictures: NDArray[np.number], side: int) -> Array:
    """Return pictures (..., size, size) as (..., side, side): sums over areas, whole numbers.

    In float32, which has them exactly up to 148x148 pixels and takes half the time; converted
    first, since a product of two types takes half as long again.
    """
    areas = _areas(pictures.shape[-1], side)
    reduced: Array = (areas @ pictures.astype(np.float32) @ areas.T).astype(np.float64)
    return reduced


@lru_cache(maxsize=4)
def _areas(size: int, side: int) -> NDArray[np.float32]:
    """Return (side, size): how much of each pixel an area has, times `side`."""
    area, pixel = np.arange(side)[:, np.newaxis] * size, np.arange(size) * side
    overlap = np.minimum(area + size, pixel + side) - np.maximum(area, pixel)
    areas: NDArray[np.float32] = np.maximum(0, overlap).astype(np.float32)
    return areas


@lru_cache(maxsize=1)
def _waves() -> Array:
    """Return (8, SIDE): the cosines of the lowest frequencies, as whole numbers."""
    middles = (np.arange(SIDE) + 0.5) / SIDE
    return np.round(127 * np.cos(np.pi * np.arange(FREQUENCIES)[:, np.newaxis] * middles))


def candidates(hashes: Hashes) -> Iterator[tuple[Indices, Indices]]:
    """Yield pairs of pictures whose hashes, or one's and the other's mirrored, are near.

    Of eight bytes two at least are then equal: pictures are sorted by each two bytes, and each is
    compared with those that follow it while these are equal, `NEIGHBORS` at most. A pair may come
    more than once.
    """
    of_bytes = hashes.view(np.uint8).reshape(-1, 8).astype(np.uint16)
    for one, other in combinations(range(8), 2):
        key = of_bytes[:, one] << 8 | of_bytes[:, other]
        mirrored = key ^ np.uint16(0x5555)
        alike = np.where(mirrored < key, hashes ^ MIRROR, hashes)  # as the lower key has it
        key = np.minimum(key, mirrored)
        order = np.argsort(key, kind="stable")
        key, alike = key[order], alike[order]
        at = np.arange(len(key))
        for step in range(1, NEIGHBORS + 1):
            at = at[: np.searchsorted(at, len(key) - step)]
            at = at[key[at] == key[at + step]]
            if not at.size:
                break
            near = at[_count_bits(alike[at] ^ alike[at + step]) <= DISTANCE]
            if near.size:
                yield order[near], order[near + step]


def _count_bits(x: Hashes) -> Hashes:
    """Return how many bits are set; `np.bitwise_count` is of numpy 2."""
    for shift, mask in ((1, 0x5555555555555555), (2, 0x3333333333333333), (4, 0x0F0F0F0F0F0F0F0F)):
        low = np.uint64(mask)
        x = (x & low) + (x >> np.uint64(shift) & low)
    return x * np.uint64(0x0101010101010101) >> np.uint64(56)


def first_of_each(
    fingerprints: Sequence[bytes], hashes: Hashes, read: Callable[[Indices], Iterable[Pixels]]
) -> list[int]:
    """Return, for each picture, the index of the first one that it is a copy or near-copy of.

    `fingerprints` are equal for identical pictures; `read` yields those at some indices as rows.
    """
    firsts: dict[bytes, int] = {}
    first = np.array([firsts.setdefault(each, i) for i, each in enumerate(fingerprints)], np.intp)
    told = np.flatnonzero((first == np.arange(len(first))) & (hashes != 0))
    group, failures = np.arange(len(told)), np.zeros(len(told), np.intp)
    for left, right in candidates(hashes[told]):
        for start in range(0, len(left), PAIRS):
            i, j = left[start : start + PAIRS], right[start : start + PAIRS]
            new = (group[i] != group[j]) & (np.maximum(failures[i], failures[j]) < FAILURES)
            i, j = i[new], j[new]
            if i.size:
                same = _same(told[i], told[j], read)
                np.add.at(failures, np.concatenate([i[~same], j[~same]]), 1)
                group = _joined(group, i[same], j[same])
    first[told] = told[group]
    return list(map(int, first[first]))


def _same(i: Indices, j: Indices, read: Callable[[Indices], Iterable[Pixels]]) -> NDArray[np.bool_]:
    """Return whether each two pictures are one by their pixels, as they stand or mirrored."""
    indices, places = np.unique(np.concatenate([i, j]), return_inverse=True)
    thumbnails = np.concatenate([_thumbnails(rows) for rows in read(indices)])
    a, b = thumbnails[places[: len(i)]], thumbnails[places[len(i) :]]
    as_is, mirrored = (a * b).sum(axis=(1, 2, 3)), (a * b[..., ::-1]).sum(axis=(1, 2, 3))
    same: NDArray[np.bool_] = np.maximum(as_is, mirrored) >= CORRELATION
    return same


def _thumbnails(rows: Pixels) -> Array:
    """Return (k, 3, side, side): small pictures without their brightness and contrast."""
    size = math.isqrt(rows.shape[1] // 3)
    small = _reduce(rows.reshape(-1, 3, size, size), SIDE)
    small -= small.mean(axis=(1, 2, 3), keepdims=True)
    small /= np.sqrt((small**2).sum(axis=(1, 2, 3), keepdims=True))
    return small


def _joined(group: Indices, i: Indices, j: Indices) -> Indices:
    """Return the groups, each by the index of its first, with those of `i` and `j` made one."""
    while np.any(group[i] != group[j]):
        lower = np.minimum(group[i], group[j])
        np.minimum.at(group, group[i], lower)
        np.minimum.at(group, group[j], lower)
        while np.any(group[group] != group):
            group = group[group]
    return group
