"""Draw the sample pictures: cats, and five things that are not cats.

Run as ``python data/draw_sample.py [OUTPUT_FOLDER]``; the folder is ``sample`` beside this script
unless one is named. It writes ``train/`` and ``test/``, each with ``cat/`` and ``noncat/``.

Every picture has a random generator of its own, seeded by the picture's name, so a change to one
kind of picture leaves the others as they were. Subjects are drawn in coordinates of their own by
a `Pen`, three times too large, then shaded, laid over a background and scaled down.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Color = tuple[int, int, int]
Points = Sequence[tuple[float, float]]
Floats = npt.NDArray[np.float64]
Random = np.random.Generator
T = TypeVar("T")

SEED = 64
SUPERSAMPLE = 3
SHORT_SIDE = (76, 204)  # pixels
LONG_SIDE_AT_MOST = 260  # pixels
PNG_SHARE = 0.3
PNG_SHRINK = 0.72  # on each side: a PNG here spends 1.7 times a JPEG's bytes on a pixel
PNG_COLORS = 96

INK: Color = (38, 30, 34)
WHITE: Color = (240, 236, 226)
PINK: Color = (214, 136, 134)


# Chance and color


def pick(rng: Random, things: Sequence[T]) -> T:
    """Choose one of the things, each as likely as another."""
    return things[int(rng.integers(len(things)))]


def mix(a: Color, b: Color, share: float) -> Color:
    """Blend two colors; a share of 0 is all `a`, of 1 all `b`."""
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return red, green, blue


def vary(rng: Random, color: Color, amount: float = 16) -> Color:
    """Move each channel of a color by at most `amount`."""
    red, green, blue = (int(np.clip(c + rng.uniform(-amount, amount), 0, 255)) for c in color)
    return red, green, blue


def any_color(rng: Random, low: int = 40, high: int = 215) -> Color:
    """Choose a color with every channel between `low` and `high`, then warm it a little."""
    red, green, blue = (int(c) for c in rng.integers(low, high, 3))
    return mix((red, green, blue), (156, 112, 88), 0.25)


# The pen


def curve_through(points: Points, closed: bool, steps: int = 10) -> list[tuple[float, float]]:
    """Join points by a Catmull-Rom spline, which passes through each of them."""
    p = np.asarray(points, dtype=float)  # (n, 2)
    ends = (p[-1:], p[:2]) if closed else (p[:1], p[-1:])
    p = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]  # (steps, 1)
    spans = [
        b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True)
    ]
    curve = np.concatenate(spans if closed else [*spans, p[-1:]])
    return [(float(x), float(y)) for x, y in curve]


def mirrored(half: Points) -> list[tuple[float, float]]:
    """Complete an outline whose right half goes from its top to its bottom."""
    return [*half, *((-x, y) for x, y in reversed(half) if x != 0)]


@dataclass(frozen=True)
class Pen:
    """A drawing hand with coordinates of its own: x to the right, y down.

    A whole subject keeps within -1 and 1 on both axes, and stands on y = 1.

    Parameters
    ----------
    draw : ImageDraw.ImageDraw
        Where the shapes go.
    x, y : float
        The pen's origin in pixels.
    unit : float
        Pixels to the pen's length of 1.
    turn : float
        Radians by which the pen's axes are turned, clockwise as seen.
    flip : float
        -1 to draw mirrored, else 1.
    """

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    unit: float
    turn: float = 0.0
    flip: float = 1.0

    def pixels(self, points: Points) -> list[tuple[float, float]]:
        """Turn the pen's coordinates into pixels."""
        cos, sin = np.cos(self.turn) * self.unit, np.sin(self.turn) * self.unit
        return [
            (self.x + self.flip * (x * cos - y * sin), self.y + x * sin + y * cos)
            for x, y in points
        ]

    def at(self, x: float, y: float, size: float, turn: float = 0.0, flip: float = 1.0) -> "Pen":
        """Return a pen of another size whose origin is this one's (x, y)."""
        [(px, py)] = self.pixels([(x, y)])
        turn = flip * (self.turn + turn)
        return Pen(self.draw, px, py, self.unit * size, turn, self.flip * flip)

    def polygon(self, points: Points, fill: Color) -> None:
        """Fill a shape with straight sides."""
        self.draw.polygon(self.pixels(points), fill=fill)

    def blob(self, points: Points, fill: Color) -> None:
        """Fill a smooth shape through the points."""
        self.polygon(curve_through(points, closed=True), fill)

    def oval(
        self, x: float, y: float, rx: float, ry: float, fill: Color, turn: float = 0.0
    ) -> None:
        """Fill an ellipse about (x, y)."""
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        ring = [(rx * float(np.cos(a)), ry * float(np.sin(a))) for a in angles]
        self.at(x, y, 1.0, turn).polygon(ring, fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Color) -> None:
        """Fill a rectangle."""
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill)

    def stroke(self, points: Points, fill: Color, width: float, tip: float | None = None) -> None:
        """Draw a smooth round line whose width goes from `width` to `tip`."""
        curve = self.pixels(curve_through(points, closed=False, steps=24))
        radii = np.linspace(width, width if tip is None else tip, len(curve)) * self.unit / 2
        for (x, y), r in zip(curve, np.maximum(radii, 1.0), strict=True):
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)


# Cats and dogs


@dataclass(frozen=True)
class Coat:
    """The colors of an animal, and the marks on it.

    Parameters
    ----------
    base, marks, pale : tuple of int
        The coat, the stripes or patches on it, and the muzzle and chest.
    pattern : str
        ``plain``, ``striped``, ``patched`` or ``points`` (dark ears, face and tail).
    """

    base: Color
    marks: Color
    pale: Color
    pattern: str

    @property
    def shade(self) -> Color:
        """The coat in its own shadow, for limbs that must show against the body."""
        return mix(self.base, INK, 0.16)

    @property
    def tail(self) -> Color:
        """The color of the tail, which the marks may reach."""
        return self.shade if self.pattern in ("plain", "striped") else self.marks


CAT_COATS = (
    Coat((206, 128, 58), (158, 82, 34), (240, 214, 176), "striped"),
    Coat((134, 132, 136), (84, 82, 92), (208, 206, 204), "striped"),
    Coat((132, 102, 74), (72, 52, 40), (212, 192, 164), "striped"),
    Coat((58, 54, 60), (40, 36, 42), (92, 88, 94), "plain"),
    Coat((54, 50, 56), (36, 34, 40), (232, 228, 222), "plain"),
    Coat((110, 118, 134), (84, 90, 106), (152, 158, 170), "plain"),
    Coat((226, 216, 200), (192, 128, 70), (240, 234, 222), "patched"),
    Coat((222, 206, 178), (92, 68, 58), (196, 170, 142), "points"),
)

DOG_COATS = (
    Coat((204, 150, 84), (164, 108, 56), (236, 206, 160), "plain"),
    Coat((124, 82, 54), (84, 54, 38), (182, 138, 100), "plain"),
    Coat((62, 56, 58), (42, 38, 42), (186, 126, 74), "plain"),
    Coat((226, 218, 204), (136, 88, 56), (240, 234, 224), "patched"),
    Coat((216, 212, 206), (62, 58, 62), (236, 234, 228), "patched"),
    Coat((140, 138, 142), (92, 92, 100), (204, 202, 200), "plain"),
    Coat((192, 132, 76), (96, 64, 46), (232, 204, 168), "points"),
)

EYES: tuple[Color, ...] = ((160, 184, 74), (214, 172, 60), (106, 168, 190), (110, 160, 104))


def draw_cat_head(pen: Pen, rng: Random, coat: Coat) -> None:
    """Draw a cat's face: a head about 2 wide, ears up to y = -1.3, whiskers."""
    ears = coat.marks if coat.pattern == "points" else coat.base
    spread, tall = rng.uniform(0.85, 1.0), rng.uniform(1.1, 1.3)
    for side in (-1.0, 1.0):
        ear = pen.at(0, 0, 1.0, flip=side)
        tip, hollow = (0.72 * spread, -tall), (0.7 * spread, 0.15 - tall)
        ear.blob([(0.1, -0.6), (0.4, -0.9), tip, (0.88, -0.8), (0.93, -0.15)], ears)
        skin = mix(PINK, coat.base, 0.25)
        ear.blob([(0.36, -0.68), (0.52, -0.88), hollow, (0.79, -0.7), (0.8, -0.3)], skin)
    wide, low = rng.uniform(0.98, 1.1), rng.uniform(0.74, 0.84)
    half: Points = [(0, -0.78), (0.5, -0.7), (0.88, -0.25), (wide, 0.22), (0.7, 0.6), (0.3, low)]
    pen.blob(mirrored([*half, (0, low + 0.02)]), coat.base)

    if coat.pattern == "striped":
        for x, long in ((-0.27, 0.28), (0.0, 0.38), (0.27, 0.28)):
            pen.stroke([(x, -0.7), (x * 0.8, -0.7 + long)], coat.marks, 0.13, 0.03)
        for side in (-1.0, 1.0):
            for y in (0.08, 0.34):
                pen.stroke([(side * 0.95, y), (side * 0.62, y + 0.03)], coat.marks, 0.1, 0.03)
    elif coat.pattern == "patched":
        pen.oval(0.44, -0.3, 0.42, 0.36, coat.marks, 0.5)
    elif coat.pattern == "points":
        pen.oval(0, 0.22, 0.62, 0.5, coat.marks)

    muzzle = mix(coat.marks, coat.pale, 0.35) if coat.pattern == "points" else coat.pale
    for side in (-1.0, 1.0):
        pen.oval(side * 0.19, 0.4, 0.26, 0.2, muzzle)
    pen.oval(0, 0.57, 0.16, 0.13, muzzle)

    iris = vary(rng, pick(rng, EYES))
    slit, tilt, lids = rng.uniform(0.04, 0.11), rng.uniform(0.05, 0.3), rng.uniform(0.17, 0.25)
    gaze = rng.uniform(-0.05, 0.05)
    for side in (-1.0, 1.0):
        eye = pen.at(side * 0.42, -0.06, 1.0, -side * tilt)
        eye.oval(0, 0, 0.27, lids + 0.035, INK)
        eye.oval(0, 0, 0.235, lids, iris)
        eye.oval(gaze, 0, slit, lids * 0.93, INK, side * tilt)
        eye.oval(gaze - 0.08, -0.08, 0.045, 0.045, WHITE)

    pen.blob([(-0.12, 0.21), (0, 0.19), (0.12, 0.21), (0.05, 0.31), (0, 0.34), (-0.05, 0.31)], PINK)
    for side in (-1.0, 1.0):
        pen.stroke([(0, 0.33), (side * 0.05, 0.46), (side * 0.22, 0.47)], INK, 0.035)
        droop = rng.uniform(-0.1, 0.14)
        hair = WHITE if sum(coat.base) < 480 else mix(coat.base, INK, 0.6)
        for k in (-1, 0, 1):
            ends = [(0.34, 0.4 + 0.07 * k), (0.8, 0.36 + 0.14 * k), (1.35, 0.4 + 0.24 * k + droop)]
            pen.stroke([(side * x, y) for x, y in ends], hair, 0.035, 0.012)


def draw_dog_head(pen: Pen, rng: Random, coat: Coat) -> None:
    """Draw a dog's face: a long snout and ears that hang."""
    ears = coat.marks if coat.pattern != "plain" else mix(coat.base, INK, 0.28)
    half: Points = [(0, -0.88), (0.55, -0.78), (0.8, -0.3), (0.7, 0.2), (0.5, 0.72), (0, 0.92)]
    pen.blob(mirrored(half), coat.base)
    if coat.pattern == "patched":
        pen.oval(-0.38, -0.18, 0.36, 0.42, coat.marks)
    snout, nose = rng.uniform(0.42, 0.52), rng.uniform(0.16, 0.22)
    if rng.random() < 0.45:
        lick = rng.uniform(1.05, 1.25)
        pen.blob(mirrored([(0.15, 0.7), (0.16, lick - 0.1), (0, lick)]), PINK)
    if coat.pattern != "plain" or rng.random() < 0.5:
        pen.blob([(0, -0.8), (0.13, -0.3), (0.2, 0.3), (-0.2, 0.3), (-0.13, -0.3)], coat.pale)
    pen.oval(0, 0.48, snout, 0.42, coat.marks if coat.pattern == "points" else coat.pale)
    pen.stroke([(0, 0.4), (0, 0.66)], INK, 0.04)
    for side in (-1.0, 1.0):
        pen.stroke([(0, 0.66), (side * 0.16, 0.75), (side * 0.32, 0.66)], INK, 0.045)
    pen.oval(0, 0.27, nose, nose * 0.75, INK)
    pen.oval(-0.05, 0.22, 0.06, 0.03, mix(INK, WHITE, 0.5))

    hang = rng.uniform(0.35, 0.85)
    for side in (-1.0, 1.0):
        ear = pen.at(0, 0, 1.0, rng.uniform(-0.1, 0.1), flip=side)
        outer: Points = [(0.42, -0.84), (0.8, -0.8), (1.06, -0.3), (1.1, hang - 0.25), (0.92, hang)]
        inner: Points = [(0.74, hang - 0.25), (0.68, -0.3)]
        ear.blob([*outer, *inner], ears)
        eye = pen.at(side * 0.34, -0.14, 1.0)
        eye.oval(0, 0, 0.14, 0.16, INK)
        eye.oval(0, 0.01, 0.115, 0.13, (92, 60, 38))
        eye.oval(0, 0.01, 0.075, 0.085, INK)
        eye.oval(-0.04, -0.06, 0.04, 0.04, WHITE)
        eye.stroke([(-0.12, -0.25), (0.02, -0.3), (0.14, -0.26)], mix(coat.base, INK, 0.4), 0.05)


def draw_bust(pen: Pen, rng: Random, coat: Coat) -> tuple[float, float, float]:
    """Draw shoulders that run out of the picture; return where the head goes and its size."""
    pen.blob([(-0.5, 0.3), (0.5, 0.3), (0.82, 1.1), (0.9, 3), (-0.9, 3), (-0.82, 1.1)], coat.base)
    pen.blob([(-0.28, 0.4), (0.28, 0.4), (0.34, 1.2), (0, 1.6), (-0.34, 1.2)], coat.pale)
    return rng.uniform(-0.06, 0.06), rng.uniform(-0.06, 0.04), rng.uniform(0.68, 0.8)


def draw_sitting(pen: Pen, rng: Random, coat: Coat) -> tuple[float, float, float]:
    """Draw a body that sits and faces us; return where the head goes and its size."""
    fat = rng.uniform(0.92, 1.12)
    half: Points = [(0.2, -0.2), (0.34, 0.1), (0.52, 0.55), (0.56, 0.85), (0.4, 1)]
    pen.blob(mirrored([(x * fat, y) for x, y in half]), coat.base)
    if coat.pattern == "striped":
        for y, edge in ((0.3, 0.4), (0.5, 0.48), (0.7, 0.54)):
            for side in (-fat, fat):
                stripe = [(side * edge, y), (side * (edge - 0.2), y + 0.05)]
                pen.stroke(stripe, coat.marks, 0.08, 0.02)
    elif coat.pattern == "patched":
        pen.oval(0.3 * fat, 0.5, 0.2, 0.26, coat.marks, -0.3)
    pen.blob([(-0.18, -0.1), (0.18, -0.1), (0.2, 0.3), (0, 0.5), (-0.2, 0.3)], coat.pale)
    for side in (-1.0, 1.0):
        pen.oval(side * 0.44 * fat, 0.82, 0.19, 0.2, coat.shade)
        pen.stroke([(side * 0.16, 0.42), (side * 0.15, 0.88)], coat.shade, 0.22, 0.2)
        pen.stroke([(side * 0.14, 0.42), (side * 0.13, 0.88)], coat.base, 0.2, 0.18)
        pen.oval(side * 0.15, 0.93, 0.15, 0.08, coat.pale)
    return rng.uniform(-0.05, 0.05), rng.uniform(-0.44, -0.36), rng.uniform(0.42, 0.5)


def draw_standing(pen: Pen, rng: Random, coat: Coat) -> tuple[float, float, float]:
    """Draw a body seen from the side; return where the head goes and its size."""
    for x in (-0.32, 0.46):
        pen.stroke([(x, 0.4), (x + rng.uniform(-0.06, 0.06), 0.94)], coat.shade, 0.2, 0.13)
    back: Points = [(-0.6, 0.1), (-0.3, -0.06), (0.2, 0), (0.6, -0.02), (0.74, 0.3)]
    belly: Points = [(0.6, 0.56), (0.1, 0.54), (-0.35, 0.62), (-0.6, 0.45)]
    pen.blob([*back, *belly], coat.base)
    if coat.pattern == "striped":
        for x in (-0.08, 0.1, 0.28, 0.46):
            pen.stroke([(x, 0.01), (x + 0.05, 0.16), (x + 0.02, 0.32)], coat.marks, 0.08, 0.02)
    elif coat.pattern == "patched":
        pen.oval(0.34, 0.2, 0.24, 0.16, coat.marks, 0.2)
    for x in (-0.46, 0.6):
        foot = x + rng.uniform(-0.06, 0.06)
        pen.stroke([(x, 0.38), (foot, 0.93)], coat.base, 0.24, 0.14)
        pen.oval(foot - 0.03, 0.95, 0.11, 0.06, coat.pale)
    return -0.52, rng.uniform(-0.3, -0.14), rng.uniform(0.36, 0.43)


def draw_lying(pen: Pen, rng: Random, coat: Coat) -> tuple[float, float, float]:
    """Draw a body that lies with its paws tucked in; return where the head goes and its size."""
    high = rng.uniform(0.12, 0.28)
    back: Points = [(-0.7, 0.5), (-0.2, high), (0.4, high - 0.02), (0.82, 0.45), (0.94, 0.85)]
    belly: Points = [(0.6, 1), (-0.6, 1), (-0.86, 0.9)]
    pen.blob([*back, *belly], coat.base)
    if coat.pattern == "striped":
        for x, y in ((0.14, 0.0), (0.34, 0.0), (0.54, 0.1)):
            pen.stroke([(x, high + y + 0.02), (x + 0.1, high + y + 0.32)], coat.marks, 0.09, 0.02)
    elif coat.pattern == "patched":
        pen.oval(0.5, 0.52, 0.24, 0.2, coat.marks, 0.5)
    for x in (-0.62, -0.2):
        pen.oval(x, 0.92, 0.2, 0.1, coat.pale)
    return rng.uniform(-0.44, -0.34), rng.uniform(0.0, 0.12), rng.uniform(0.46, 0.54)


def animal_coat(rng: Random, coats: Sequence[Coat]) -> Coat:
    """Choose a coat and move its colors a little."""
    coat = pick(rng, coats)
    return replace(
        coat,
        base=vary(rng, coat.base, 10),
        marks=vary(rng, coat.marks, 10),
        pale=vary(rng, coat.pale, 8),
    )


def draw_cat(pen: Pen, rng: Random) -> None:
    """Draw a cat: a portrait, or one that sits, stands or lies, with its tail."""
    coat = animal_coat(rng, CAT_COATS)
    body = pick(rng, (draw_bust, draw_sitting, draw_sitting, draw_standing, draw_lying))
    curl = rng.uniform(-0.12, 0.12)
    if body is draw_sitting:
        tail = [(0.4, 0.9), (0.8, 0.85), (0.92, 0.45 + curl), (0.72, 0.2 + curl), (0.84, curl)]
        pen.stroke(tail, coat.tail, 0.17, 0.12)
    elif body is draw_standing:
        tail = [(0.64, 0.1), (0.86, -0.2), (0.78, -0.6 + curl), (0.94, -0.85 + curl)]
        pen.stroke(tail, coat.tail, 0.16, 0.11)
    x, y, size = body(pen, rng, coat)
    if body is draw_lying:
        tail = [(0.84, 0.84), (0.6, 0.95), (0.25, 0.9 + curl / 3), (0.02, 0.8)]
        pen.stroke(tail, coat.tail, 0.17, 0.12)
    draw_cat_head(pen.at(x, y, size, rng.uniform(-0.2, 0.2)), rng, coat)


def draw_dog(pen: Pen, rng: Random) -> None:
    """Draw a dog: a portrait, or one that sits, stands or lies, with its tail."""
    coat = animal_coat(rng, DOG_COATS)
    body = pick(rng, (draw_bust, draw_sitting, draw_sitting, draw_standing, draw_lying))
    wag = rng.uniform(-0.15, 0.15)
    if body is draw_sitting:
        pen.stroke([(0.4, 0.88), (0.7, 0.75), (0.85, 0.5 + wag)], coat.tail, 0.17, 0.06)
    elif body is draw_standing:
        pen.stroke([(0.62, 0.1), (0.8, -0.1), (0.95 + wag / 3, -0.4)], coat.tail, 0.17, 0.06)
    x, y, size = body(pen, rng, coat)
    if body in (draw_sitting, draw_bust) and rng.random() < 0.5:
        collar = vary(rng, pick(rng, ((176, 50, 46), (52, 86, 150), (60, 120, 82))))
        neck = y + size * 0.92
        pen.stroke([(x - 0.3, neck - 0.04), (x, neck + 0.06), (x + 0.3, neck - 0.04)], collar, 0.1)
    draw_dog_head(pen.at(x, y, size, rng.uniform(-0.2, 0.2)), rng, coat)


# Things that are not animals


def draw_house(pen: Pen, rng: Random) -> None:
    """Draw a house with a roof, a chimney, a door and windows."""
    wall = vary(rng, pick(rng, ((206, 178, 138), (172, 96, 78), (150, 164, 172), (212, 206, 192))))
    roof = vary(rng, pick(rng, ((130, 62, 50), (78, 74, 86), (108, 84, 62), (66, 92, 88))))
    trim = mix(wall, WHITE, 0.7)
    wide, eaves, ridge = rng.uniform(0.66, 0.85), rng.uniform(-0.25, 0.0), rng.uniform(0.0, 0.5)

    chimney = rng.uniform(0.28, 0.45)
    pen.box(chimney, -0.95, chimney + 0.18, eaves, mix(roof, INK, 0.3))
    pen.box(chimney - 0.03, -1.0, chimney + 0.21, -0.92, mix(roof, INK, 0.5))
    pen.box(-wide, eaves - 0.02, wide, 1, wall)
    if rng.random() < 0.6:
        for y in np.arange(eaves + 0.1, 1, 0.12):
            pen.box(-wide, float(y), wide, float(y) + 0.018, mix(wall, INK, 0.18))
    over = wide + 0.13
    pen.polygon([(-over, eaves), (-ridge, -0.85), (ridge, -0.85), (over, eaves)], roof)
    for row in (0.3, 0.6):
        y = -0.85 + (eaves + 0.85) * row
        reach = ridge + (over - ridge) * row
        pen.box(-reach, y, reach, y + 0.03, mix(roof, INK, 0.3))
    pen.box(-over, eaves - 0.02, over, eaves + 0.04, trim)

    door = pick(rng, (-0.4, 0.0, 0.38))
    wood = vary(rng, pick(rng, ((92, 58, 40), (60, 92, 112), (128, 46, 44), (70, 98, 66))))
    pen.box(door - 0.16, 0.36, door + 0.16, 1, trim)
    pen.box(door - 0.125, 0.4, door + 0.125, 1, wood)
    pen.oval(door + 0.08, 0.72, 0.022, 0.022, (226, 190, 96))
    glass = pick(rng, ((246, 206, 112), (120, 152, 172), (74, 92, 112)))
    for x in (-0.42, 0.0, 0.4):
        for y in (0.24, 0.62):
            if abs(x - door) < 0.2 and y > 0.3:
                continue
            pen.box(x - 0.14, y - 0.13, x + 0.14, y + 0.13, trim)
            pen.box(x - 0.11, y - 0.1, x + 0.11, y + 0.1, glass)
            pen.box(x - 0.012, y - 0.1, x + 0.012, y + 0.1, trim)
            pen.box(x - 0.11, y - 0.012, x + 0.11, y + 0.012, trim)


def draw_tree(pen: Pen, rng: Random) -> None:
    """Draw a tree: a fir, or a round crown in the colors of some season."""
    bark = vary(rng, pick(rng, ((98, 68, 46), (78, 60, 50), (188, 180, 168))))
    greens: tuple[Color, ...] = ((66, 112, 54), (50, 92, 62), (112, 132, 52))
    autumn: tuple[Color, ...] = ((196, 112, 40), (166, 62, 40), (204, 158, 58), (206, 138, 154))
    if rng.random() < 0.4:
        leaf = vary(rng, pick(rng, greens))
        pen.box(-0.09, 0.6, 0.09, 1, bark)
        layers = int(rng.integers(3, 6))
        for k, y in enumerate(np.linspace(0.72, -0.4, layers)):
            reach = 0.66 * (1 - 0.62 * k / (layers - 1)) * rng.uniform(0.92, 1.08)
            peak = float(y) - 0.62
            tiers = [(-reach, float(y)), (0, peak), (reach, float(y)), (0, float(y) + 0.1)]
            pen.polygon(tiers, mix(leaf, INK, 0.3 - 0.3 * k / layers))
        return
    leaf = vary(rng, pick(rng, greens + autumn))
    lean = rng.uniform(-0.08, 0.08)
    pen.stroke([(0, 1), (lean, 0.5), (lean / 2, 0)], bark, 0.26, 0.14)
    pen.stroke([(lean, 0.45), (-0.28, 0.08)], bark, 0.1, 0.06)
    pen.stroke([(lean, 0.4), (0.3, 0.02)], bark, 0.1, 0.06)
    for light in (-0.3, -0.1, 0.08, 0.25):  # dark leaves first, lit ones above and to the left
        tint = mix(leaf, INK, -light) if light < 0 else mix(leaf, (255, 236, 160), light)
        for _ in range(9):
            a, r = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5)
            x, y = r * float(np.cos(a)) - 0.3 * light, -0.35 + 0.85 * r * float(np.sin(a))
            size = rng.uniform(0.2, 0.32) * (1 - abs(light))
            pen.oval(x, y - 0.25 * light, size, size * 0.9, tint)


def draw_car(pen: Pen, rng: Random) -> None:
    """Draw a car from the side."""
    paints = ((178, 48, 44), (54, 92, 152), (212, 166, 60), (84, 128, 96), (190, 188, 186), INK)
    paint = vary(rng, pick(rng, paints))
    dark, glass = mix(paint, INK, 0.35), (138, 172, 188)
    roof, nose, tail = rng.uniform(-0.22, -0.02), rng.uniform(-0.62, -0.45), rng.uniform(0.4, 0.72)
    top: Points = [(nose + 0.24, roof), (0.0, roof - 0.06), (tail - 0.2, roof)]
    pen.blob([*top, (tail + 0.02, 0.4), (0, 0.46), (nose - 0.02, 0.4)], paint)
    front: Points = [(nose + 0.1, 0.34), (nose + 0.3, roof + 0.1), (-0.06, roof + 0.07)]
    back: Points = [(0.03, roof + 0.07), (tail - 0.24, roof + 0.1), (tail - 0.1, 0.34)]
    pen.blob([*front, (-0.06, 0.34)], glass)
    pen.blob([(0.03, 0.34), *back], glass)
    bonnet: Points = [(-0.98, 0.55), (-0.9, 0.42), (nose, 0.34), (tail, 0.34), (0.9, 0.4)]
    sill: Points = [(0.98, 0.55), (0.96, 0.78), (0.5, 0.82), (-0.5, 0.82), (-0.97, 0.78)]
    pen.blob([*bonnet, *sill], paint)
    pen.box(-0.9, 0.68, 0.9, 0.76, dark)
    pen.box(-0.012, 0.38, 0.012, 0.76, dark)
    pen.box(0.06, 0.46, 0.18, 0.49, dark)
    pen.oval(-0.93, 0.54, 0.05, 0.07, (250, 232, 164))
    pen.oval(0.94, 0.52, 0.035, 0.07, (150, 34, 34))
    for x in (-0.56, 0.54):
        pen.oval(x, 0.78, 0.25, 0.25, dark)
        pen.oval(x, 0.79, 0.21, 0.21, INK)
        pen.oval(x, 0.79, 0.11, 0.11, (176, 174, 172))
        pen.oval(x, 0.79, 0.04, 0.04, (96, 94, 96))


def draw_flower(pen: Pen, rng: Random) -> None:
    """Draw a flower on its stem: a ring or two of petals, or a tulip."""
    petals = ((206, 72, 84), (226, 176, 62), (226, 222, 214), (150, 96, 170), (216, 130, 66))
    petal = vary(rng, pick(rng, petals))
    green = vary(rng, (72, 118, 58))
    x, y = rng.uniform(-0.12, 0.12), rng.uniform(-0.35, -0.2)
    foot, bend = rng.uniform(-0.1, 0.1), rng.uniform(-0.15, 0.15)
    pen.stroke([(foot, 1.4), (bend, 0.5), (x, y)], green, 0.08)
    for side in (-1.0, 1.0):
        leaf = pen.at(0, rng.uniform(0.65, 0.95), 1.0, flip=side)
        leaf.blob([(0, 0), (0.25, -0.24), (0.62, -0.34), (0.45, -0.06)], green)
        leaf.stroke([(0.02, 0), (0.3, -0.14), (0.58, -0.32)], mix(green, INK, 0.3), 0.025)
    head = pen.at(x, y, rng.uniform(0.52, 0.66), rng.uniform(-0.3, 0.3))
    if rng.random() < 0.3:
        for lean, shade in ((-0.45, 0.22), (0.45, 0.14), (0.0, 0.0)):
            cup = head.at(lean * 0.5, 0.1, 1.0, lean * 0.5)
            cup.blob(mirrored([(0, -1), (0.42, -0.1), (0.3, 0.6)]), mix(petal, INK, shade))
        return
    count = int(rng.integers(6, 14))
    for ring, shade in ((1.0, 0.2), (0.8, 0.0)):
        for k in range(count):
            spoke = head.at(0, 0, ring, 2 * np.pi * (k + ring * 2.5) / count)
            spoke.oval(0, -0.64, 2.1 / count + 0.04, 0.4, mix(petal, INK, shade))
            spoke.stroke([(0, -0.4), (0, -0.7)], mix(petal, INK, shade + 0.16), 0.04, 0.02)
    middle = pick(rng, ((196, 144, 46), (92, 62, 42)))
    head.oval(0, 0, 0.32, 0.32, mix(middle, INK, 0.3))
    head.oval(-0.02, -0.02, 0.27, 0.27, middle)
    for _ in range(14):
        a, r = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.22)
        head.oval(r * float(np.cos(a)), r * float(np.sin(a)), 0.03, 0.03, mix(middle, WHITE, 0.35))


# Backgrounds


def gradient(size: tuple[int, int], top: Color, bottom: Color, turn: float = 0.0) -> Image.Image:
    """Fill a picture from one color to another, downwards if it is not turned (radians)."""
    width, height = size
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
    t = np.clip(0.5 + y * np.cos(turn) + x * np.sin(turn), 0, 1)[..., None]  # (height, width, 1)
    return to_image(np.array(top) * (1 - t) + np.array(bottom) * t)


def paint_gradient(size: tuple[int, int], rng: Random) -> Image.Image:
    """Paint a backdrop that runs from one color to another."""
    return gradient(size, any_color(rng), any_color(rng, 30, 150), rng.uniform(-1, 1))


def paint_stripes(size: tuple[int, int], rng: Random) -> Image.Image:
    """Paint wallpaper with slanting stripes."""
    base = any_color(rng, 50, 190)
    image = gradient(size, base, mix(base, INK, 0.2))
    draw = ImageDraw.Draw(image)
    width, height = size
    step, slant = rng.uniform(0.1, 0.25) * width, rng.uniform(-0.5, 0.5) * height
    other = mix(base, any_color(rng, 50, 200), 0.5)
    for x in np.arange(-abs(slant) - step, width + abs(slant) + step, step):
        band = [(x, 0), (x + step / 2, 0), (x + step / 2 + slant, height), (x + slant, height)]
        draw.polygon([(float(px), float(py)) for px, py in band], fill=other)
    return image


def paint_dots(size: tuple[int, int], rng: Random) -> Image.Image:
    """Paint cloth with rows of dots."""
    base = any_color(rng, 40, 170)
    image = gradient(size, mix(base, WHITE, 0.12), mix(base, INK, 0.25))
    draw = ImageDraw.Draw(image)
    step = rng.uniform(0.12, 0.22) * min(size)
    radius, other = step * rng.uniform(0.16, 0.3), mix(base, any_color(rng, 90, 230), 0.55)
    for row, y in enumerate(np.arange(0, size[1] + step, step)):
        for x in np.arange(step / 2 * (row % 2), size[0] + step, step):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=other)
    return image


def paint_cloth(size: tuple[int, int], rng: Random) -> Image.Image:
    """Paint a mottled cloth, such as a blanket or a studio's screen."""
    low, high = any_color(rng, 30, 120), any_color(rng, 90, 200)
    t = (cloud(size, rng, 5) * 0.7 + cloud(size, rng, 24) * 0.3)[..., None]  # (height, width, 1)
    return to_image(np.array(low) * (1 - t) + np.array(high) * t)


def paint_room(size: tuple[int, int], rng: Random) -> Image.Image:
    """Paint a room: a wall with a picture or a window, a skirting board and a floor."""
    width, height = size
    wall = vary(rng, pick(rng, ((150, 138, 120), (104, 128, 134), (152, 112, 100), (120, 128, 96))))
    wood = vary(rng, pick(rng, ((126, 88, 58), (96, 72, 56), (110, 104, 104))))
    image = gradient(size, wall, mix(wall, INK, 0.25))
    draw = ImageDraw.Draw(image)
    horizon = rng.uniform(0.66, 0.8) * height
    x, y = rng.uniform(0.05, 0.65) * width, rng.uniform(0.05, 0.2) * height
    right, bottom, rim = x + 0.3 * width, y + 0.32 * height, 0.02 * width
    draw.rectangle((x, y, right, bottom), fill=mix(wood, WHITE, 0.5))
    pane = pick(rng, ((132, 164, 186), (44, 54, 86), (150, 138, 90)))
    draw.rectangle((x + rim, y + rim, right - rim, bottom - rim), fill=pane)
    if rng.random() < 0.6:
        middle = (x + right) / 2
        draw.rectangle((middle - rim / 3, y, middle + rim / 3, bottom), fill=mix(wood, WHITE, 0.5))
    draw.rectangle((0, horizon, width, height), fill=wood)
    for k in np.linspace(-1.5, 2.5, 17):
        ends = ((0.5 + (k - 0.5) * 0.6) * width, horizon, float(k) * width, height)
        draw.line(ends, fill=mix(wood, INK, 0.35), width=SUPERSAMPLE)
    draw.rectangle((0, horizon - 0.03 * height, width, horizon), fill=mix(wall, WHITE, 0.3))
    return image


def paint_meadow(size: tuple[int, int], rng: Random) -> Image.Image:
    """Paint the open: a sky at some hour, hills and grass."""
    width, height = size
    skies: tuple[tuple[Color, Color], ...] = (
        ((84, 130, 176), (168, 190, 198)),
        ((70, 74, 120), (208, 138, 108)),
        ((24, 30, 62), (62, 70, 108)),
        ((116, 124, 134), (166, 168, 168)),
    )
    hour = int(rng.integers(len(skies)))
    top, bottom = skies[hour]
    image = gradient(size, vary(rng, top), vary(rng, bottom))
    draw = ImageDraw.Draw(image)
    pen = Pen(draw, width / 2, height / 2, width / 2)
    tall = height / width
    x, y, r = rng.uniform(-0.85, 0.85), -tall * rng.uniform(0.55, 0.85), rng.uniform(0.08, 0.14)
    if hour in (1, 2):
        pen.oval(x, y, r, r, ((236, 196, 130), (222, 220, 200))[hour - 1])
    if hour == 2:
        for sx, sy in rng.uniform(-1, 1, (30, 2)):
            pen.oval(float(sx), float(sy) * tall, 0.01, 0.01, (200, 204, 214))
    else:
        tint = mix(bottom, WHITE, 0.45)
        for _ in range(int(rng.integers(1, 4))):
            cx, cy = rng.uniform(-0.9, 0.9), -tall * rng.uniform(0.4, 0.9)
            for dx, puff in ((-0.16, 0.07), (-0.05, 0.11), (0.08, 0.09), (0.18, 0.06)):
                pen.oval(cx + dx, cy - puff / 2, puff * 1.3, puff, tint)
    grass = vary(rng, pick(rng, ((86, 118, 58), (110, 116, 60), (62, 96, 62), (140, 118, 70))))
    grass = mix(grass, INK, 0.45 if hour == 2 else 0.0)
    horizon = rng.uniform(0.05, 0.35) * tall
    a, b = rng.uniform(-0.16, 0.16, 2)
    hill = [(-1.5, horizon + a), (-0.5, horizon - 0.12 + b), (0.5, horizon + a), (1.5, horizon - b)]
    far = curve_through(hill, closed=False)
    pen.polygon([*far, (1.5, 3), (-1.5, 3)], mix(grass, bottom, 0.4))
    near = curve_through([(px, py + 0.16) for px, py in reversed(hill)], closed=False)
    pen.polygon([*near, (-1.5, 3), (1.5, 3)], grass)
    for _ in range(60):
        gx, gy = rng.uniform(-1, 1), rng.uniform(horizon + 0.2, tall + 0.1)
        blade = mix(grass, pick(rng, (INK, WHITE, (200, 190, 80))), 0.2)
        pen.polygon(
            [(gx - 0.012, gy), (gx + rng.uniform(-0.03, 0.03), gy - 0.07), (gx + 0.012, gy)], blade
        )
    return image


# From a drawing to a picture


def to_image(rgb: Floats) -> Image.Image:
    """Turn channels of 0 to 255, (height, width, 3), into a picture."""
    return Image.fromarray(np.clip(np.rint(rgb), 0, 255).astype(np.uint8))


def cloud(size: tuple[int, int], rng: Random, cells: int) -> Floats:
    """Return smooth noise of 0 to 1, (height, width), with about `cells` bumps across."""
    coarse = Image.fromarray(rng.uniform(0, 255, (cells, cells)).astype(np.uint8))
    return np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=float) / 255


@dataclass(frozen=True)
class Kind:
    """One kind of picture: what it is called, how it is drawn, and how many there are.

    Parameters
    ----------
    name : str
        The first part of the file's name.
    folder : str
        ``cat`` or ``noncat``.
    draw : callable
        Draws the subject with a `Pen`.
    backgrounds : sequence of callable
        What may stand behind it; one that is listed twice comes twice as often.
    texture : float
        How uneven its surface is, as a share of its brightness.
    train, test : int
        How many pictures; those for test are numbered after those for training.
    """

    name: str
    folder: str
    draw: Callable[[Pen, Random], None]
    backgrounds: Sequence[Callable[[tuple[int, int], Random], Image.Image]]
    texture: float
    train: int
    test: int


HOME = (paint_room, paint_cloth, paint_stripes, paint_dots, paint_gradient)
OUTSIDE = (paint_meadow,)

# Cats are mostly at home and the rest mostly outside, as in people's photographs. Dogs are in both.
KINDS = (
    Kind("cat", "cat", draw_cat, HOME * 3 + OUTSIDE * 2, 0.2, train=120, test=30),
    Kind("dog", "noncat", draw_dog, HOME + OUTSIDE * 7, 0.2, train=24, test=6),
    Kind("house", "noncat", draw_house, OUTSIDE, 0.1, train=24, test=6),
    Kind("tree", "noncat", draw_tree, OUTSIDE * 4 + (paint_gradient,), 0.2, train=24, test=6),
    Kind("car", "noncat", draw_car, OUTSIDE * 6 + (paint_gradient,), 0.05, train=24, test=6),
    Kind("flower", "noncat", draw_flower, OUTSIDE * 4 + HOME, 0.1, train=24, test=6),
)


def draw_picture(kind: Kind, size: tuple[int, int], rng: Random) -> Image.Image:
    """Draw one picture of a kind.

    Parameters
    ----------
    kind : Kind
        What to draw.
    size : tuple of int
        Width and height in pixels.
    rng : numpy.random.Generator
        Decides everything else: pose, colors, background, light and noise.

    Returns
    -------
    PIL.Image.Image
        An RGB picture of that size.
    """
    large = (size[0] * SUPERSAMPLE, size[1] * SUPERSAMPLE)
    width, height = large
    backdrop = pick(rng, kind.backgrounds)(large, rng)

    layer = Image.new("RGBA", large)
    unit = min(large) / 2 * rng.uniform(0.78, 0.94)
    pen = Pen(
        ImageDraw.Draw(layer),
        x=width / 2 + rng.uniform(-0.3, 0.3) * max(width - 2 * unit, 0.2 * width),
        y=height * rng.uniform(0.92, 1.0) - unit,
        unit=unit,
        turn=rng.uniform(-0.09, 0.09),
        flip=pick(rng, (-1.0, 1.0)),
    )
    kind.draw(pen, rng)

    mask = layer.getchannel("A")
    shadow = mask.filter(ImageFilter.GaussianBlur(unit * 0.06))
    offset = round(unit * 0.05)
    backdrop.paste(INK, (offset, offset), shadow.point(lambda alpha: alpha * 0.45))
    backdrop.paste(INK, mask=mask.filter(ImageFilter.MaxFilter(SUPERSAMPLE)))  # an outline

    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1 - 0.12 * (x + y) + kind.texture * (cloud(large, rng, 50) - 0.5)  # from the top left
    shaded = to_image(np.asarray(layer.convert("RGB")) * light[..., None])
    backdrop.paste(shaded, mask=mask)

    rgb = np.asarray(backdrop.resize(size, Image.Resampling.LANCZOS), dtype=float)
    y, x = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    vignette = 1 - rng.uniform(0.02, 0.12) * (x * x + y * y)
    rgb = rgb * vignette[..., None] * rng.uniform(0.74, 1.0)
    return to_image(rgb)


def save_picture(kind: Kind, number: int, folder: Path) -> Path:
    """Draw the kind's picture of that number into the folder, as a JPEG or a PNG."""
    stem = f"{kind.name}-{number:03d}"
    rng = np.random.default_rng([SEED, *stem.encode()])
    png = rng.random() < PNG_SHARE
    short = rng.uniform(*SHORT_SIDE)
    long = min(short * rng.uniform(1.0, 1.6), LONG_SIDE_AT_MOST)
    if png:
        short, long = (max(side * PNG_SHRINK, SHORT_SIDE[0]) for side in (short, long))
    size = (round(short), round(long)) if rng.random() < 0.35 else (round(long), round(short))
    image = draw_picture(kind, size, rng)
    if png:
        path = folder / f"{stem}.png"
        image.quantize(PNG_COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
    else:
        path = folder / f"{stem}.jpg"
        noise = rng.normal(0, rng.uniform(0, 6), (size[1], size[0], 1))
        quality = int(rng.integers(78, 92))
        to_image(np.asarray(image) + noise).save(path, quality=quality, subsampling="4:2:0")
    return path


def main() -> None:
    """Draw all the pictures and say where they are and what they weigh."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "sample"
    paths = []
    for kind in KINDS:
        for number in range(1, kind.train + kind.test + 1):
            split = "train" if number <= kind.train else "test"
            folder = out / split / kind.folder
            folder.mkdir(parents=True, exist_ok=True)
            paths.append(save_picture(kind, number, folder))
    weight = sum(path.stat().st_size for path in paths)
    print(f"{len(paths)} pictures in {out}, {weight / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
