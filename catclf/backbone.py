"""A backbone: a frozen network whose output is taken as the features of a picture.

It is an ONNX file that onnxruntime runs, on one thread: its output for a picture is then the same
among others and by any number of processes. Nothing of it is trained.

Its output v of d numbers, averaged over the places of a map where it is one, becomes uint8 by one
fixed rule. It is scaled to a root mean square of 1, and 3.6 becomes 255. Its positive and negative
parts are separate features, which keeps the descent as well conditioned as pixels are; of a network
that ends in a ReLU, whose outputs are never negative, there are the positive parts alone::

    u = v sqrt(d) / |v|;   x = uint8(min(255, 255 max(u, 0) / 3.6 + 0.5))

Against float32 features this loses nothing, and any scale near it does as well
(`tests/benchmarks/LOG.md`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from catclf.errors import (
    DIGEST_CHARACTERS,
    CatclfError,
    ModelError,
    PictureError,
    printable,
)

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]
Normalization = Literal["imagenet", "half", "unit", "raw"]
# By which a network wants its pixels, 0 to 255: mean and deviation of red, green and blue.
NORMALIZATIONS: dict[Normalization, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "half": ((127.5,) * 3, (127.5,) * 3),
    "unit": ((0.0,) * 3, (255.0,) * 3),
    "raw": ((0.0,) * 3, (1.0,) * 3),
}
EFFICIENTNET_LITE0 = "efficientnet-lite0"  # the network that we bring (`catclf.efficientnet`)
EFFICIENTNET_LITE0_DIGEST = "6139f5d58dcc94948ec7c6be9be65531e619a207b8f9ad166cc9b74856bc8c34"
RMS_AT_255 = 3.6
MAX_WORDS = 300  # characters of onnxruntime's own
MAX_BATCH = 64  # of a network that takes so many pictures at once: one is repeated so often
EXPORT_OUTPUT = "Export it with an output of float32: (n, d), or a map (n, d, h, w)."
INSTALL = "Install it: pip install 'catclf[photos]'."
# ONNX keeps weights in another file, or anywhere in memory, by an entry of this key: its length 8,
# in as many bytes as a protocol buffer may take for it, and the word.
EXTERNAL_DATA = rb"location(?:(?<=\x08location)|(?<=[\x80-\xff][\0-\x7f]location))"
# What onnxruntime says of a network that it does not run, and how it is said here.
REASONS = {
    r"IR version: (\d+), max .*version: (\d+)": "is of ONNX's IR version {}; it reads up to {}",
    r"Opset (\d+) is under .* till opset (\d+)": "is of opset {}; it reads up to {}",
    r"Fatal error: (\S+)\(\S*\) is not a registered": "has an operator that onnxruntime lacks, {}",
    r"No Op registered for (\S+) with domain_version of (\d+)": "has an operator that "
    "onnxruntime lacks, {} of opset {}",
}


@dataclass(frozen=True)
class Backbone:
    """A network, and how its output becomes features; `catclf.load_backbone` makes one.

    Parameters
    ----------
    name
        What it is called: ``efficientnet-lite0``, or the name of its file.
    source
        Where it came from: a package, or the file as it was named.
    digest
        SHA-256 of the ONNX file, in hexadecimal. Two backbones of one digest are the same, whatever
        they are called.
    size
        Height and width of its pictures.
    normalize
        By which it wants its pixels; see `NORMALIZATIONS`.
    channels_last
        Whether it takes pictures as (n, size, size, 3) instead of (n, 3, size, size).
    batch
        How many pictures it takes at once; None for any number.
    output
        The name of its output that is taken.
    n_outputs
        How many numbers that is, a picture.
    signed
        Whether these may be negative.
    places
        Height and width of the map that they are averaged over; None where there is none.
    network
        The ONNX file.
    """

    name: str = field(compare=False)
    source: str = field(compare=False)
    digest: str
    size: int
    normalize: Normalization
    channels_last: bool
    batch: int | None
    output: str
    n_outputs: int
    signed: bool
    places: tuple[int, int] | None
    network: bytes = field(compare=False, repr=False)

    @property
    def n_x(self) -> int:
        """The number of features."""
        return 2 * self.n_outputs if self.signed else self.n_outputs

    @property
    def is_efficientnet_lite0(self) -> bool:
        """Whether it is the network that we bring, whatever it is called."""
        return self.digest == EFFICIENTNET_LITE0_DIGEST and self.normalize == "raw"

    def to_record(self) -> dict[str, object]:
        """Return all but the network as a dictionary that JSON can hold."""
        names = (each.name for each in fields(self) if each.name != "network")
        return {name: getattr(self, name) for name in names}

    def described(self) -> dict[str, object]:
        """Return what tells it from others, by name, for people."""
        return {
            "network": self.digest[:DIGEST_CHARACTERS],
            "normalize": self.normalize,
            "output": self.output,
        }

    @classmethod
    def from_record(cls, record: object, network: bytes) -> Backbone:
        """Return the backbone that `to_record` wrote; ValueError where it is not exactly this."""
        names = {each.name for each in fields(cls)} - {"network"}
        if not isinstance(record, dict) or set(record) != names:
            raise ValueError(f"a backbone must be a table of its settings, got {record!r:.80}")
        for name, value in record.items():
            if not _IS_SOUND[name](value):
                raise ValueError(f"a backbone's settings make no sense: {name} {value!r:.60}")
        if hashlib.sha256(network).hexdigest() != record["digest"]:
            raise ValueError("the network is not the backbone that is recorded")
        places = None if record["places"] is None else tuple(record["places"])
        return cls(**{**record, "places": places}, network=network)

    def map(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return the output for a picture (size, size, 3), as a map (n_outputs, height, width).

        It has one place where the output is no map. CatclfError where onnxruntime is not there, or
        does not run it; PictureError where the output is not finite, or of another length.
        """
        batch = batch_of(pixels, self.normalize, self.channels_last, self.batch)
        found = run(self.network, batch, self.output)
        height, width = self.places or (1, 1)
        numbers = self.n_outputs * height * width
        if found.size != numbers * len(batch):
            what = f"the network's output has {found.size // len(batch)} numbers of this picture"
            raise PictureError(f"{what}, not {numbers} as of others")
        found = found.reshape(len(batch), numbers)[0]  # alike for all pictures of the batch
        if not np.isfinite(found).all():
            raise PictureError("the network's output holds nan or infinity")
        if self.channels_last:
            found = found.reshape(height, width, self.n_outputs).transpose(2, 0, 1)
        result: NDArray[np.float32] = found.reshape(self.n_outputs, height, width)
        return result

    def column(self, pixels: Pixels) -> Pixels:
        """Return the transposed column of X of a picture (size, size, 3): (1, n_x) uint8.

        Raises as `map`; PictureError where the output is all zeros.
        """
        return self._column(mean_over_places(self.map(pixels)))

    def column_and_evidence(self, pixels: Pixels, w: Array) -> tuple[Pixels, Array]:
        """Return a picture's transposed column, and what each of its places adds to ``w.T x``.

        They are (1, n_x) and (k, height, width), of w (n_x, k). Each byte of the column is divided
        among the places in proportion to the map that it is the mean of, so that the places add up
        to exactly what the column does. Raises as `column`.
        """
        found = self.map(pixels)  # (n_outputs, height, width)
        v = mean_over_places(found)
        column = self._column(v)
        added = column[0] / 255 * w.T  # (k, n_x)
        if self.signed:  # of both parts of an output one is 0
            added = added[:, : self.n_outputs] + added[:, self.n_outputs :]
        seen = added.any(axis=0)  # of an output of 0 there is nothing to divide
        shares = added[:, seen] / (v[seen] * found[0].size)
        return column, np.tensordot(shares, found[seen].astype(np.float64), axes=1)

    def _column(self, v: Array) -> Pixels:
        if not v.any():
            raise PictureError("the network's output is all zeros")
        return to_bytes(v, self.signed)[np.newaxis]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object, most: int = 2**20) -> bool:
    return type(value) is int and 1 <= value <= most


def _is_square(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and value[0] == value[1]
        and all(map(_is_count, value))
    )


# Whether a setting of a record may have a value.
_IS_SOUND: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("name", "source", "digest", "output"), _is_text),
    **dict.fromkeys(("size", "n_outputs"), _is_count),
    **dict.fromkeys(("channels_last", "signed"), _is_flag),
    "normalize": lambda value: _is_text(value) and value in NORMALIZATIONS,
    "batch": lambda value: value is None or _is_count(value, MAX_BATCH),
    "places": lambda value: value is None or _is_square(value),
}


def batch_of(
    pixels: Pixels, normalize: Normalization, channels_last: bool, batch: int | None
) -> NDArray[np.float32]:
    """Return a picture (size, size, 3) as a network takes it, as often as it takes pictures."""
    mean, deviation = np.array(NORMALIZATIONS[normalize], np.float32)  # (3,) each
    if not channels_last:
        pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        mean, deviation = mean.reshape(3, 1, 1), deviation.reshape(3, 1, 1)
    x = pixels - mean
    x /= deviation  # in place: to take new memory costs more than the arithmetic
    return np.ascontiguousarray(np.broadcast_to(x, (batch or 1, *x.shape)))  # no copy of one


def mean_over_places(map_: NDArray[np.floating]) -> Array:
    """Return the mean of a map (d, height, width) over its places, (d,)."""
    mean: Array = map_.mean(axis=(1, 2), dtype=np.float64)
    return mean


def to_bytes(v: Array, signed: bool) -> Pixels:
    """Return a network's output (d,) in 8 bits, (d,), or where they are signed (2 d,)."""
    u = v * np.sqrt(v.size / (v * v).sum())
    if signed:
        u = np.concatenate([u, -u])
    levels: Array = np.minimum(255, np.maximum(u, 0) * (255 / RMS_AT_255) + 0.5)
    return levels.astype(np.uint8)


def run(network: bytes, batch: NDArray[np.float32], output: str) -> NDArray[np.float32]:
    """Return an output of a network for a batch of its input, which is its only one.

    CatclfError where onnxruntime is not there, or does not run it, or the output is not of float32.
    """
    session = open_session(network)
    try:
        [found] = session.run([output], {each.name: batch for each in session.get_inputs()})
    except _runtime_errors() as error:
        raise _not_run(error) from None
    if not isinstance(found, np.ndarray) or found.dtype != np.float32:
        raise CatclfError(f"its output {output!r:.80} is not of float32", fix=EXPORT_OUTPUT)
    return found


@lru_cache(maxsize=2)
def open_session(network: bytes) -> InferenceSession:
    """Return onnxruntime's session of a network, opened once a process.

    CatclfError where onnxruntime is not there, or does not read the network; ModelError where the
    network refers to other files, none of which is opened.
    """
    refuse_external_data(network)
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is raised
    # Its own format is not looked through for other files.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Rounded weights are scaled once, when the session is opened, and not in each run: 11 instead
    # of 29 ms a picture.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        # Without a fallback, which prints what went wrong and tries the same again.
        return onnxruntime.InferenceSession(
            network, options, ["CPUExecutionProvider"], enable_fallback=0
        )
    except _runtime_errors() as error:
        raise _not_run(error) from None


def refuse_external_data(network: bytes) -> None:
    """Raise ModelError where a network refers to other files: none is opened for it."""
    if re.search(EXTERNAL_DATA, network):
        raise ModelError(
            "the network refers to other files for its weights, or calls something 'location'",
            fix="Save it as one file (onnx.save(onnx.load(path), other_path)), without the name.",
        )


def import_onnxruntime() -> Any:
    """Return onnxruntime; CatclfError where it cannot be loaded."""
    # From 1.29 on it reports what it runs to its maker, from threads of its own, unless this is set
    # before it is loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        what = f"a network needs onnxruntime, which cannot be loaded ({error})"
        raise CatclfError(what, fix=INSTALL) from error
    return onnxruntime


def _runtime_errors() -> tuple[type[Exception], ...]:
    """Return what onnxruntime raises: its own errors, which share no class, and those of C++."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    found = (each for each in vars(state).values() if isinstance(each, type))
    own = (each for each in found if issubclass(each, Exception))
    return (*own, RuntimeError, ValueError, MemoryError)


def _not_run(error: Exception) -> CatclfError:
    """Return the error for a network that onnxruntime does not run, in plain words or in its."""
    import onnxruntime

    words = printable(" ".join(str(error).split()))
    # Before its words stand a number, and perhaps a place in its source.
    words = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : (/\S+:\d+ .*\) (?=[A-Z]))?", "", words)
    for pattern, plain in REASONS.items():
        if found := re.search(pattern, words):
            words = f", which {plain.format(*found.groups())}"
            break
    else:  # what matters most stands at the end
        cut = len(words) - MAX_WORDS
        words = f" ({words if cut <= 0 else '... ' + words[words.find(' ', cut) + 1 :]})"
    return CatclfError(
        f"onnxruntime {onnxruntime.__version__} does not run the network{words}",
        fix="Update it (pip install -U onnxruntime), or take the network exported with an older "
        "opset and ONNX's own operators.",
    )
