"""What is imported when: a command's start-up is what its user feels."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import catclf
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.model_file import save_model
from networks import small_backbone

PACKAGE = Path(catclf.__file__).parent
PUBLIC: list[str] = vars(catclf)["__all__"]
MODULES = sorted(PACKAGE.rglob("*.py"))
EXTRAS = {
    "backbone.py": {"onnxruntime"},
    "onnx_file.py": {"google", "onnx"},
    "onnx_graph.py": {"onnx"},
    "pictures/others.py": {"pillow_heif"},
    "descent/compiled.py": {"numba"},
    "cluster.py": {"distributed"},
    "descent/cluster.py": {"distributed"},
    # For a type:
    "operations/picture_rows.py": {"distributed"},
    "operations/prediction.py": {"distributed"},
    "operations/preparation.py": {"distributed"},
    "operations/shared_files.py": {"distributed"},
    "operations/training.py": {"distributed"},
    "cli/scheduler.py": {"distributed"},
    "operations/classifier.py": {"sklearn"},  # where it is used with it
}


def loaded_by(script: str, *arguments: str) -> set[str]:
    """Return the modules that a script has loaded in a process of its own."""
    code = f"{script}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(ended.stdout.splitlines()[-1]))


@pytest.mark.parametrize("features", ["pixels", "backbone"])
def test_predict_does_not_load_what_it_does_not_need(features: str, tmp_path: Path) -> None:
    """One picture is predicted without HDF5, the progress bar, training, or a pool of threads.

    By a network's features with onnxruntime, and without what reads an ONNX file.
    """
    model, picture = tmp_path / "model.npz", tmp_path / "picture.png"
    backbone = small_backbone() if features == "backbone" else None
    preprocessing = Preprocessing(size=8, backbone=backbone)
    w = np.zeros((preprocessing.n_x, 1))
    save_model(model, Model(w, np.zeros((1, 1)), ("noncat", "cat"), preprocessing))
    Image.new("RGB", (8, 8)).save(picture)
    script = (
        "import sys\n"
        "from catclf.cli import app\n"
        "app.main(['predict', '-m', *sys.argv[1:]], standalone_mode=False)"
    )
    loaded = loaded_by(script, str(model), str(picture))
    assert "catclf.operations.prediction" in loaded
    operations = {f"catclf.operations.{name}" for name in ("training", "preparation", "evaluation")}
    names = ("dataset", "descent", "sources", "page", "onnx_file", "efficientnet")
    rooms = {f"catclf.{name}" for name in names}
    libraries = {"h5py", "tqdm", "concurrent.futures", "tomllib", "onnx", "google.protobuf"}
    assert ("onnxruntime" in loaded) == (features == "backbone")
    assert not loaded & (operations | rooms | libraries)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_onnxruntime_reports_to_nobody(tmp_path: Path) -> None:
    """Its telemetry, on by default from 1.29 on, neither starts a thread nor writes a file."""
    script = (
        "import os\n"
        "from catclf.backbone import import_onnxruntime\n"
        "import_onnxruntime()\n"
        "print(os.listdir('/proc/self/task') == [str(os.getpid())])"
    )
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    env |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("True\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_short_training_does_not_load_the_compiler(small_dataset: Path, tmp_path: Path) -> None:
    """Nor HDF5 nor the cluster, nor does any other verb: they take longer to import than to run."""
    script = (
        "import sys\n"
        "from catclf.cli import app\n"
        "data, model = sys.argv[1:]\n"
        "for words in (['train', data, '-o', model, '--method', 'streaming', '-q'],\n"
        "              ['evaluate', data, '-m', model], ['info', model], ['info', data]):\n"
        "    app.main(words, standalone_mode=False)"
    )
    loaded = loaded_by(script, str(small_dataset), str(tmp_path / "model.npz"))
    assert {"catclf.descent.streaming", "catclf.operations.inspection"} <= loaded
    assert not loaded & {"h5py", "numba", "llvmlite", "distributed", "catclf.descent.compiled"}
    assert not loaded & {"onnxruntime", "onnx", "catclf.onnx_file", "catclf.efficientnet"}


def test_the_version_is_told_without_numpy() -> None:
    """`catclf --version` loads no more than the command line."""
    script = "from catclf.cli import app\napp.main(['--version'], standalone_mode=False)"
    assert not loaded_by(script) & {"numpy", "PIL", "h5py", "tqdm"}


def test_importing_the_package_loads_neither_numpy_nor_pillow() -> None:
    """`import catclf` is free; each public name is loaded when it is first used.

    A script may catch catclf.CatclfError before it does anything.
    """
    loaded = loaded_by("import catclf")
    assert "catclf" in loaded
    assert not loaded & {"numpy", "PIL", "h5py", "click", "tqdm"}
    assert not [name for name in loaded if name.startswith("catclf.")]
    assert "numpy" not in loaded_by("import catclf; catclf.CatclfError")


def test_every_public_name_is_there() -> None:
    """Each name that type checkers see resolves, is listed by dir(), and has a docstring."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    seen = {
        alias.name: str(node.module)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert ["__version__", *seen] == PUBLIC
    assert sorted(PUBLIC) == dir(catclf)
    for name, home in seen.items():
        value = getattr(catclf, name)
        assert value is getattr(sys.modules[home], name)
        assert value.__doc__, name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """A typing error is told as of any module."""
    with pytest.raises(AttributeError, match="'catclf' has no attribute 'perdict'"):
        catclf.perdict  # type: ignore[attr-defined]  # noqa: B018


def test_no_public_function_hides_a_module() -> None:
    """Modules are nouns, functions verbs: catclf.train is never a module."""
    modules = {path.stem for path in PACKAGE.iterdir()} - {"__init__"}
    assert {"cli", "model"} <= modules
    assert not modules & set(PUBLIC)


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names} - {"_typeshed"}  # type checkers' own


def test_the_core_depends_on_five_libraries() -> None:
    """The errors on none, and few modules on an extra; pyproject.toml has the other contracts."""
    known = {*sys.stdlib_module_names, "catclf", "numpy", "PIL", "h5py", "click", "tqdm"}
    for path in MODULES:
        extra = EXTRAS.get(path.relative_to(PACKAGE).as_posix(), set())
        assert imported(path) <= known | extra, path
    assert imported(PACKAGE / "errors.py") <= sys.stdlib_module_names
