"""The page that `report` writes: one HTML file that needs no other, and no network.

page.html has the sections, page.css how they look, and the scripts beside them what they show:

    data       the results, and how numbers and names are written out
    fitting    a picture of any size -> the model's size        (as catclf/pictures/pixels.py)
    decoding   a file -> a picture, by the browser
    features   pixels -> a column of X         (as catclf/features.py, catclf/hog_color.py)
    network    pixels -> the last map of EfficientNet-Lite0     (as catclf/efficientnet.py)
    backbone   a map -> a column of X, and evidence by place    (as catclf/backbone.py)
    neighbors  a column -> the training pictures it is like     (as catclf/neighbors.py)
    neuron     a column -> z, a, L and their derivatives
    drawing, charts             pictures, maps and charts
    verdict, photo, confused, gallery, threshold (and its curves), trust, weights, steps, costs
               the sections
    glossary   the words that the text links to
    page       all of it

network and backbone stand only in pages of models that use them. The policy in the page lets a
browser run its scripts and nothing else, and ask for nothing.
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

NETWORK_SCRIPTS = ("network", "backbone")  # in pages of models that use it
SCRIPTS = (
    "data", "fitting", "decoding", "features", "network", "backbone", "neighbors", "neuron",
    "drawing", "charts",
    "verdict", "photo", "confused", "gallery", "threshold", "curves", "trust", "weights", "steps",
    "costs", "glossary", "page",
)  # fmt: skip


def render(texts: Mapping[str, str], data: Mapping[str, object]) -> str:
    """Return the page as HTML.

    `texts` stand at the places of page.html that are not data: title, n_x and
    origin. Any text: it is escaped. `data` is what JSON can hold; data.js and the scripts after it
    read it.
    """
    style = _read("page.css")
    left_out = () if data.get("network") else NETWORK_SCRIPTS
    names = [name for name in SCRIPTS if name not in left_out]
    script = '"use strict";\n' + "\n".join(_read(f"{name}.js") for name in names)
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


def encoded(values: NDArray[np.integer] | NDArray[np.floating]) -> str:
    """Return an array as data.js reads it: base64 of its bytes, the lowest of a number first."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode()


def _read(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return what a policy names an inline script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
