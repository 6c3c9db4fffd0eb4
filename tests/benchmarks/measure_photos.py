"""Photographs by the network we bring: preparing a thousand, and predicting one, cold."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from measure_pictures import PREDICT, photographs
from measuring import Row, in_turns, seconds

from catclf import load_backbone
from catclf.backbone import EFFICIENTNET_LITE0 as NETWORK
from catclf.backbone import Backbone
from catclf.efficientnet import efficientnet_lite0
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.model_file import save_model
from catclf.neighbors import KEPT, draw_neighbors
from catclf.pictures.reading import read_picture
from catclf.workers import available_cores

# What a script has without catclf: the session is the fastest that the network has on one thread.
SESSION = """
import sys
import numpy as np
import onnxruntime
from PIL import Image

def open_session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(sys.argv[1], options)
"""
COLUMN = """
def column(path):
    with Image.open(path) as image:
        image.draft("RGB", (448, 448))
        small = image.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
    x = np.asarray(small, np.float32).transpose(2, 0, 1)[np.newaxis]
    [maps] = session.run(None, {"image": x})
    v = maps[0].mean(axis=(1, 2))
    return np.minimum(255, v / np.sqrt((v * v).mean()) * 255 / 3.6 + 0.5).astype(np.uint8)

paths = sorted(Path(sys.argv[2]).rglob("*.jpg"))
"""
# As it is written first: onnxruntime shares each run between all cores.
PLAIN = f"""{SESSION}
from pathlib import Path
session = onnxruntime.InferenceSession(sys.argv[1])
{COLUMN}
np.save(sys.argv[3], [column(path) for path in paths])
"""
# As it is written by who measures: a process with one thread on each core.
POOL = f"""{SESSION}
from multiprocessing import Pool
from pathlib import Path

def start():
    global session
    session = open_session()
{COLUMN}
with Pool(int(sys.argv[4]), start) as pool:
    np.save(sys.argv[3], list(pool.imap(column, paths, 8)))
"""
BARE = SESSION + "import click\nopen_session()\n"
PREPARE = f"""
import sys
from catclf import Preprocessing, load_backbone, prepare
preprocessing = Preprocessing(backbone=load_backbone("{NETWORK}"))
prepare([sys.argv[1]], sys.argv[2], preprocessing=preprocessing, workers=int(sys.argv[3]))
"""


def measure_photos(folder: Path) -> list[Row]:
    """Against what Pillow and onnxruntime take, and what importing them does."""
    network, backbone = folder / "network.onnx", load_backbone(NETWORK)
    network.write_bytes(backbone.network)
    plain = folder / "float32.onnx"
    plain.write_bytes(efficientnet_lite0(rounded=False))
    many = photographs(folder, 1000)
    return [
        prepare_row(many, folder, "one loop, its weights in float32", PLAIN, plain, backbone),
        prepare_row(many, folder, "a process on each core", POOL, network, backbone),
        cold_row(many, folder, network, backbone),
    ]


def process(code: str, *arguments: object) -> Callable[[], object]:
    """Return a function that runs some code in a process of its own."""
    # With byte code, as an installed package has it.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


def prepare_row(
    many: Path, folder: Path, loop: str, code: str, network: Path, backbone: Backbone
) -> Row:
    """Whole processes, on all cores: imports, sessions, decoding, the network, one file."""
    cores = available_cores()
    theirs, ours, ratio = in_turns(
        process(code, network, many, folder / "loop.npy", cores),
        process(PREPARE, many, folder / "d.npz", cores),
        rounds=7,
    )
    return Row(
        f"prepare 1,000 photographs ({NETWORK}, {cores} processes); on one core a column takes "
        f"{column_seconds(many, backbone) * 1e3:.1f} ms",
        f"Pillow with JPEG draft and onnxruntime, {loop}: {theirs:.1f} ms a photograph",
        f"{ours:.1f} ms a photograph",
        f"{1 / ratio:.2f}x the time",
    )


def column_seconds(photos: Path, backbone: Backbone) -> float:
    """Return the median time of a column, of pixels that are there."""
    preprocessing = Preprocessing(backbone=backbone)
    paths = sorted(photos.rglob("*.jpg"))[:50]
    pictures = [read_picture(path, preprocessing) for path in paths]
    return median(seconds(partial(backbone.column, pixels)) for pixels in pictures)


def cold_row(many: Path, folder: Path, network: Path, backbone: Backbone) -> Row:
    """Predict one photograph, from a cold start."""
    preprocessing = Preprocessing(backbone=backbone)
    rng = np.random.default_rng(0)
    w = rng.normal(size=(preprocessing.n_x, 1))
    model, photo = folder / "model.npz", next(many.rglob("*.jpg"))
    columns = rng.integers(0, 256, (KEPT, preprocessing.n_x), np.uint8)
    names = [f"photographs/cat/{i:03}.jpg" for i in range(KEPT)]
    neighbors = draw_neighbors(columns, np.arange(KEPT, dtype=np.uint8) % 2, names)
    trained = Model(w, np.zeros((1, 1)), ("noncat", "cat"), preprocessing, neighbors=neighbors)
    save_model(model, trained)
    predict = process(PREDICT, "predict", "-q", "-m", model, photo)
    bare, ours, ratio = in_turns(process(BARE, network), predict, rounds=21)
    return Row(
        f"predict one photograph, cold ({NETWORK}, a model of {model.stat().st_size / 1e6:.1f} MB)",
        f"import numpy, PIL.Image, click, onnxruntime, and a session: {bare * 1e3:.0f} ms",
        f"{ours * 1e3:.0f} ms",
        f"{1 / ratio:.2f}x the time",
    )
