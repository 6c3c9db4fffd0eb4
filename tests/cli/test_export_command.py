"""catclf export: what it prints of the file that the library writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catclf import Model
from catclf.cli import export as module
from catclf.operations.exporting import Exported
from command_line import invoke


def weights_only(path: Path) -> Path:
    """Write a model of w and b alone."""
    np.savez(path, w=np.zeros((192, 1)), b=0.0)
    return path


def test_flags_are_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is loaded as `predict` loads it."""
    asked: list[Any] = []

    def watched(model: Model, output: str, *, force: bool) -> Exported:
        asked.append((model.classes, output, force))
        return Exported(output, 3_528_000, model.classes, 3e-8)

    monkeypatch.setattr(module, "export", watched)
    model = weights_only(tmp_path / "w.npz")
    flags = ("--order", "planes", "--classes", "ant,bee")
    told = invoke("export", "-m", model, *flags, "-o", "m.onnx", "--force")
    assert told.stdout == "m.onnx: saved, 3.5 MB\n"
    assert told.stderr == (
        "input: image (height, width, 3) uint8, RGB, upright\n"
        "outputs: probabilities of ant, bee; label\n"
        "tried with onnxruntime on 3 pictures: within 3e-08 of predict's\n"
    )
    quiet = invoke("export", "-m", model, "--order", "planes", "-q")
    assert (quiet.stdout, quiet.stderr) == ("model.onnx: saved, 3.5 MB\n", "")
    assert asked == [
        (("ant", "bee"), "m.onnx", True),
        (("class 0", "class 1"), "model.onnx", False),
    ]


def test_it_has_no_threshold() -> None:
    """The label is the most probable class's."""
    assert "No such option '--threshold'" in invoke("export", "--threshold", "0.3").stderr


def test_what_was_exported_is_known_elsewhere(tmp_path: Path) -> None:
    """Given as a model or a dataset it is named as what it is."""
    model, output = weights_only(tmp_path / "w.npz"), tmp_path / "m.onnx"
    assert invoke("export", "-m", model, "--order", "planes", "-o", output).exit_code == 0
    for arguments in (["predict", "-m", output, "x"], ["train", output], ["info", output]):
        told = str(invoke(*arguments).exception)
        assert "is an ONNX file that catclf exported, not" in told


def test_a_model_is_named_by_its_flag() -> None:
    """Not as an argument, of which there is none."""
    said = invoke("export", "model.npz").stderr
    assert "export takes no argument; a model is named with -m." in said
    assert "info takes one FILE" in invoke("info", "a", "b").stderr
