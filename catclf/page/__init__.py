"""The page that `report` writes: one HTML file that needs no other, and no network.

page.html has the sections, page.css how they look, and the scripts beside them what they show:

    data       the results, and how numbers and names are written out
    fitting    a picture of any size -> the model's size        (as catclf/pictures/pixels.py)
    decoding   a file -> a picture, by the browser
    features   pixels -> a column of X                          (as catclf/features.py)
    neuron     a column -> z, a, L and their derivatives
    drawing, charts             pictures, maps and charts
    verdict, photo, gallery, threshold (and its curves), trust, weights, steps, costs   the sections
    glossary   the words that the text links to
    page       all of it

The policy in the page lets a browser run these scripts and nothing else, and ask for nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template

import numpy as np
from numpy.typing import NDArray

from catclf.errors import printable

__all__ = ["SCRIPTS", "encoded", "render"]

SCRIPTS = (
    "data", "fitting", "decoding", "features", "neuron", "drawing", "charts", "neighbors",
    "verdict", "photo", "gallery", "threshold", "curves", "trust", "weights", "steps", "costs",
    "glossary", "page",
)  # fmt: skip


def render(texts: Mapping[str, str], data: Mapping[str, object]) -> str:
    """Return the page as HTML.

    `texts` stand at the places of page.html that are not data: title, n_x and
    origin. Any text: it is escaped. `data` is what JSON can hold; data.js and the scripts after it
    read it.
    """
    style = _read("page.css")
    script = '"use strict";\n' + "\n".join(_read(f"{name}.js") for name in SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    # A "<" could end the script element; a browser reads its escape as the same text.
    results = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", r"\u003c")
    return Template(_read("page.html")).substitute(
        {name: escape(printable(text)) for name, text in texts.items()},
        policy=policy,
        style=style,
        data=results,
        script=script,
    )


def encoded(values: NDArray[np.uint8] | NDArray[np.float64]) -> str:
    """Return an array as data.js reads it: base64 of its bytes, the lowest of a number first."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode()


def _read(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return what a policy names an inline script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
