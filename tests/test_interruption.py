"""Interrupted trainings: nothing is lost, and --resume ends where no pause would have."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catclf import ModelError, Preprocessing, prepare, train
from catclf.descent import choice
from catclf.errors import CatclfError, DatasetError
from catclf.operations import training
from catclf.training import Settings
from command_line import results
from conftest import Recorder, training_of
from datasets import damage, write_small

CLI = [sys.executable, "-m", "catclf"]
ENDLESS = ["--iters", "100000000", "--lr", "0.0001"]


def begin_training(
    data: Path, model: Path, *options: str, in_own_group: bool = False
) -> subprocess.Popen[str]:
    """Start an endless training in a process, and return when its first cost is written."""
    process = subprocess.Popen(
        [*CLI, "train", str(data), "-o", str(model), *ENDLESS, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=in_own_group,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.fixture
def compiled_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every streaming be worth compiling."""
    monkeypatch.setattr(choice, "COMPILED_START_SECONDS", -1.0)


@pytest.mark.parametrize(
    "method",
    ["gram", "streaming", "vectorized", "iterative", pytest.param("numba", marks=pytest.mark.slow)],
)
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    method: str, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit: weights, costs, state and record; by its kernel, whatever were chosen now."""
    settings = Settings(0.002, 30, 0.01, every=4)
    whole, paused = tmp_path / "whole.npz", tmp_path / "paused.npz"
    kernel = {"streaming": "numpy", "numba": "numba"}.get(method)
    if method == "numba":
        method = "streaming"
        monkeypatch.setattr(choice, "COMPILED_START_SECONDS", -1.0)
    train(small_dataset, whole, settings, method=method)
    train(small_dataset, paused, settings, method=method, observer=Recorder(stop_after=11))
    stopped = training_of(paused)
    assert (stopped.iterations, stopped.kernel) == (11, kernel)
    monkeypatch.undo()
    train(small_dataset, paused, settings, method=method, resume=True)
    assert paused.read_bytes() == whole.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_run")
def test_a_compiled_run_is_not_resumed_without_numba(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways out are told, and the model is intact; numpy's runs go on with numpy's kernel."""
    model, settings = tmp_path / "model.npz", Settings(0.002, 10)
    train(small_dataset, model, settings, method="streaming")
    before = model.read_bytes()
    monkeypatch.setitem(sys.modules, "catclf.descent.compiled", None)
    with pytest.raises(ModelError, match="compiled code, which cannot be loaded") as refused:
        train(small_dataset, model, Settings(0.002, 20), resume=True)
    assert "pip install 'catclf[fast]'" in str(refused.value.fix)
    assert "Or train without `resume`" in str(refused.value.fix)
    assert model.read_bytes() == before


@pytest.mark.usefixtures("compiled_run")
def test_a_numba_that_cannot_be_loaded_is_warned_of(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where it is older than numpy: training goes on without it, and records so."""
    monkeypatch.setitem(sys.modules, "catclf.descent.compiled", None)
    recorder = Recorder()
    model = tmp_path / "model.npz"
    train(small_dataset, model, Settings(0.002, 10), method="streaming", observer=recorder)
    assert any("numba cannot be loaded" in warning for warning in recorder.warnings)
    assert training_of(model).kernel == "numpy"


def test_a_larger_length_extends_a_finished_run(small_dataset: Path, tmp_path: Path) -> None:
    """20 iterations and then 20 more are 40; asking for the same length again changes nothing."""
    whole, extended = tmp_path / "whole.npz", tmp_path / "extended.npz"
    train(small_dataset, whole, Settings(0.002, 40, every=5))
    train(small_dataset, extended, Settings(0.002, 20, every=5))
    for _ in range(2):
        train(small_dataset, extended, Settings(0.002, 40, every=5), resume=True)
        assert extended.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("other", "method", "what"),
    [
        (Settings(0.003, 20), "auto", "learning rate 0.002, not 0.003"),
        (Settings(0.002, 20, 0.1), "auto", "l2 0.0, not 0.1"),
        (Settings(0.002, 20, loss="squared-error"), "auto", "loss cross-entropy"),
        (Settings(0.002, 20), "vectorized", "method gram, not vectorized"),
        (Settings(0.002, 5), "auto", "has 10 iterations already"),
    ],
)
def test_another_training_is_not_resumed(
    other: Settings, method: str, what: str, small_dataset: Path, tmp_path: Path
) -> None:
    """Another rate, penalty, loss, method or a shorter length is refused; the model is intact."""
    model = tmp_path / "model.npz"
    train(small_dataset, model, Settings(0.002, 10), method="gram")
    before = model.read_bytes()
    with pytest.raises(ModelError, match=what):
        train(small_dataset, model, other, method=method, resume=True)
    assert model.read_bytes() == before


def test_training_on_other_data_is_not_resumed(
    small_dataset: Path, small_pictures: Path, tmp_path: Path
) -> None:
    """A dataset with other training pictures is refused; so is a weights-only model."""
    other, model = tmp_path / "other.npz", tmp_path / "model.npz"
    prepare([small_pictures], other, preprocessing=Preprocessing(size=8), seed=5)
    train(small_dataset, model, Settings(0.002, 10))
    with pytest.raises(ModelError, match="other data"):
        train(other, model, Settings(0.002, 20), resume=True)
    np.savez(model, w=np.zeros((192, 1)), b=0.0)
    with pytest.raises(ModelError, match="does not tell how it was trained"):
        train(small_dataset, model, Settings(0.002, 20), resume=True)


def test_a_damaged_test_split_is_told_before_the_training(tmp_path: Path) -> None:
    """Its cost is recorded along the way, so it is read first: no training is lost by it."""
    test_columns = np.full((4, 192), 7, np.uint8)
    data = write_small(tmp_path / "data.npz", 4, test_columns=test_columns)
    damage(data, test_columns.tobytes())
    with pytest.raises(CatclfError, match="test_columns: damaged"):
        train(data, tmp_path / "model.npz", Settings(0.002, 10))
    assert not (tmp_path / "model.npz").exists()


def test_what_is_damaged_after_the_training_does_not_cost_it(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is saved before the error is raised."""

    def damaged(*arguments: object) -> None:
        raise DatasetError("damaged: its contents cannot be read", small_dataset)

    monkeypatch.setattr(training, "evaluate_models", damaged)
    model = tmp_path / "model.npz"
    with pytest.raises(DatasetError, match="damaged"):
        train(small_dataset, model, Settings(0.002, 10))
    assert training_of(model).iterations == 10


@pytest.mark.parametrize(
    "other",
    [
        {"results": []},
        {"results": {"iterations": True}},
        {"dataset": 3},
        {"settings": {"method": ["x"]}},
        {"settings": None},
    ],
)
def test_a_record_of_nonsense_is_not_resumed(
    other: dict[str, object], small_dataset: Path, tmp_path: Path
) -> None:
    """A model may come from anywhere: whatever its record says, the answer is one message."""
    path = tmp_path / "model.npz"
    train(small_dataset, path, Settings(0.002, 10))
    with np.load(path) as stored:
        changed = dict(stored)
    record = {**json.loads(changed["record"].item()), **other}
    np.savez(path, **{**changed, "record": np.array(json.dumps(record))})
    with pytest.raises(ModelError, match=r"does not tell how|was trained on other data"):
        train(small_dataset, path, Settings(0.002, 20), resume=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("read", [True, False])
def test_a_signal_saves_the_model_and_says_how_to_resume(
    number: signal.Signals, read: bool, small_dataset: Path, tmp_path: Path
) -> None:
    """With 130 or 143, also where Ctrl-C ended the reader of its output; the command resumes it."""
    model = tmp_path / "model.npz"
    process = begin_training(small_dataset, model)
    if not read:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    done = training_of(model).iterations
    assert f"Interrupted after {done} of 100000000 iterations" in told
    assert told.endswith(f"Resume with: catclf train --resume -o {model}\n")
    resume = ["train", small_dataset, "-o", model, "--lr", "0.0001", "--resume"]
    results(*resume, "--iters", done + 10)
    assert training_of(model).iterations == done + 10


@pytest.mark.slow
def test_a_signal_to_the_whole_group_saves_too(tmp_path: Path) -> None:
    """Ctrl-C on a terminal, and a service manager, signal the worker processes as well."""
    if sys.platform == "win32":
        pytest.skip("no process groups")
    model = tmp_path / "model.npz"
    data = write_small(tmp_path / "data.npz", 600)  # enough for worker processes
    process = begin_training(data, model, "--method", "streaming", in_own_group=True)
    os.killpg(process.pid, signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143, told
    assert training_of(model).iterations > 0


@pytest.fixture(scope="module")
def many_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make class folders of pictures large enough that preparing them takes a while."""
    folder, rng = tmp_path_factory.mktemp("many"), np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        picture = Image.fromarray(rng.integers(0, 256, (600, 600, 3), dtype=np.uint8))
        picture.save(folder / name / "0.png", compress_level=0)
        for number in range(1, 60):
            os.link(folder / name / "0.png", folder / name / f"{number}.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_prepare_leaves_nothing_behind(
    number: signal.Signals, many_pictures: Path, tmp_path: Path
) -> None:
    """No dataset, no temporary file, and the exit code of the signal."""
    out = tmp_path / "new" / "out"
    words = ["prepare", str(many_pictures), "-o", "new/out/d.npz"]
    process = subprocess.Popen([*CLI, *words], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    while not out.parent.exists():  # made just before the first picture is read
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(0.1)  # pictures are being read
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number, told
    assert "Traceback" not in told
    assert not out.parent.exists()  # nor the folders that were made for it
