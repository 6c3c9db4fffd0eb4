"""catclf train --scheduler: what it prints, how it is stopped, and what it refuses."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from catclf.cli.scheduler import address_in
from catclf.errors import ClusterError
from catclf.model_file import load_model
from command_line import CATCLF, invoke, results, run
from conftest import training_of
from dask_cluster import DaskCluster, kill
from datasets import write_small
from networks import small_backbone

CONFIGS = Path(__file__).parents[2] / "configs"
STREAMING = ("--method", "streaming")

pytestmark = pytest.mark.slow


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start a command, to be stopped."""
    return subprocess.Popen(
        [*CATCLF, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_it_prints_what_one_machine_prints(
    dask: DaskCluster, dataset: Path, tmp_path: Path
) -> None:
    """But for how many workers compute; the model is the same, to the bit."""
    dask.use(1)
    output = tmp_path / "m.npz"
    words = ["train", str(dataset), "-o", str(output), "--iters", "30", "--every", "10"]
    here = results(*words, *STREAMING).replace(
        "streaming (numpy)", "streaming (numpy), by 1 worker of the cluster"
    )
    model = output.read_bytes()
    assert results(*words, "--scheduler", dask.address) == here
    assert output.read_bytes() == model
    assert results(*words, "--scheduler-file", dask.file) == here
    told = json.loads(results(*words, "--scheduler", dask.address, "--format", "json"))
    assert told["workers"] == 1
    assert json.loads(results(*words, "--format", "json"))["workers"] is None


def test_the_model_of_a_backbone_is_the_same_file(dask: DaskCluster, tmp_path: Path) -> None:
    """With the network, and the training columns that it keeps."""
    dask.use(1)
    data = write_small(tmp_path / "d.npz", 20, backbone=small_backbone())
    output = tmp_path / "m.npz"
    words = ["train", str(data), "-o", str(output), "--iters", "5"]
    results(*words, *STREAMING)
    model = output.read_bytes()
    assert load_model(output).neighbors is not None
    results(*words, "--scheduler", dask.address)
    assert output.read_bytes() == model


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate")
def test_tls_by_the_shipped_configuration(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its certificates the cluster computes; without them nobody is let in."""
    certificate = ["-keyout", "key.pem", "-out", "cert.pem", "-nodes", "-subj", "/CN=catclf"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "2", *certificate],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    shutil.copy(tmp_path / "cert.pem", tmp_path / "ca.pem")
    text = (CONFIGS / "dask-tls.yaml").read_text(encoding="utf-8")
    assert text.count("/etc/dask/") == 3
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dask-tls.yaml").write_text(text.replace("/etc/dask", str(tmp_path)))
    monkeypatch.setenv("DASK_CONFIG", str(tmp_path / "config"))
    with closing(DaskCluster(tmp_path, "tls")) as dask:
        output = tmp_path / "m.npz"
        words = ("train", dataset, "-o", output, "--iters", "20", "--scheduler-file", dask.file)
        dask.add_worker()
        ended = run(*words)
        assert ended.returncode == 0, ended.stderr
        assert "by 1 worker of the cluster" in ended.stdout
        monkeypatch.delenv("DASK_CONFIG")
        refused = run(*words)
        assert refused.returncode == 1
        assert refused.stderr.startswith("Error: tls://127.0.0.1:")
        assert "perhaps check your TLS configuration" in refused.stderr


def test_a_signal_leaves_a_checkpoint(dask: DaskCluster, dataset: Path, tmp_path: Path) -> None:
    """As on one machine, which can resume it; nothing of Dask's own log is printed."""
    dask.use(1)
    output = tmp_path / "m.npz"
    words = ["train", str(dataset), "-o", str(output)]
    process = started(*words, "--scheduler", dask.address, "--iters", "1000000", "--every", "5")
    assert process.stdout is not None
    while not process.stdout.readline().startswith("Cost after iteration 10:"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    done = training_of(output).iterations
    assert errors.splitlines()[-2:] == [
        f"Interrupted after {done} of 1000000 iterations; a checkpoint is saved.",
        f"Resume with: catclf train --resume -o {output} --scheduler {dask.address}",
    ]
    assert "distributed" not in errors
    results("train", "--resume", "-o", output, "--iters", str(done + 10))
    assert training_of(output).iterations == done + 10


def test_a_scheduler_that_is_killed_is_one_message(dataset: Path, tmp_path: Path) -> None:
    """Exit 1, what to do, and nothing of Dask's own log."""
    output = tmp_path / "m.npz"
    with closing(DaskCluster(tmp_path)) as dask:
        dask.use(1)
        words = ("-o", output, "--scheduler", dask.address, "--iters", "1000000", "--every", "5")
        process = started("train", dataset, *words)
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Cost after iteration 10:"):
            assert process.poll() is None
        kill(dask.scheduler)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    done = training_of(output).iterations
    assert errors.splitlines()[-3:] == [
        f"Error: {dask.address}: the scheduler is gone",
        "Start it and its workers again.",
        f"A checkpoint of {done} iterations is saved: use --resume.",
    ]
    assert "distributed" not in errors


def test_a_signal_ends_the_waiting(dask: DaskCluster, dataset: Path, tmp_path: Path) -> None:
    """Where nothing is done yet, nothing is saved."""
    dask.use(0)
    output = tmp_path / "m.npz"
    process = started("train", dataset, "-o", output, "--scheduler", dask.address)
    assert process.stderr is not None
    warning = process.stderr.readline()
    assert warning == "Warning: the cluster has no worker: waiting for one\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "Interrupted while it waited for the cluster.\n")
    assert process.returncode == 128 + signal.SIGINT
    assert not output.exists()


def test_the_usage(dataset: Path, tmp_path: Path) -> None:
    """One scheduler, and the one method that a cluster computes."""
    words = ("train", dataset, "-o", tmp_path / "m.npz", "--scheduler", "tcp://127.0.0.1:9")
    (tmp_path / "s.json").write_text('{"address": "tcp://127.0.0.1:9"}')
    both = invoke(*words, "--scheduler-file", tmp_path / "s.json")
    assert both.exit_code == 2
    assert "--scheduler and --scheduler-file both name a scheduler: give one" in both.stderr
    method = invoke(*words, "--method", "gram")
    assert method.exit_code == 2
    assert "a cluster computes by streaming: leave out --method gram" in method.stderr


def test_squared_error_is_for_two_classes(dask: DaskCluster, tmp_path: Path) -> None:
    """A usage error in plain words, wherever it would be trained, anew or resumed."""
    dask.use(0)
    data = write_small(tmp_path / "d.npz", 9, size=2, classes=("cat", "dog", "tree"))
    output = tmp_path / "m.npz"
    results("train", data, "-o", output, "--iters", "3")
    words = ("train", data, "-o", output, "--iters", "5", "--loss", "squared-error")
    for more in ([], ["--resume"], ["--scheduler", dask.address]):
        refused = run(*words, *more)
        assert refused.returncode == 2
        assert refused.stderr == (
            f"Error: {data}: squared-error is a loss of two classes, and these are 3\n"
            "Use --loss cross-entropy.\n"
        )


def test_without_dask_it_says_what_to_install(dataset: Path, tmp_path: Path) -> None:
    """The extra is not there: exit 1, and no traceback."""
    (tmp_path / "distributed.py").write_text("raise ImportError('no Dask')")
    words = ("-o", tmp_path / "m.npz", "--scheduler", "tcp://127.0.0.1:9")
    ended = run("train", dataset, *words, env={"PYTHONPATH": str(tmp_path)})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines() == [
        "Error: Dask cannot be loaded (no Dask)",
        "Install it: pip install 'catclf[cluster]'.",
    ]


def printed_by(program: str, *arguments: str) -> str:
    """Run a program of its own: Dask's clients of one process share a loop, which these leave."""
    words = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.run(
        words, check=True, timeout=300, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout


def test_no_scheduler_is_a_clear_error(dataset: Path, tmp_path: Path) -> None:
    """Nothing listens there, or it is no address at all."""
    program = """
        import sys
        from catclf import ClusterError
        from catclf.cli import scheduler
        scheduler.CONNECT_SECONDS = 0.5
        for address in sys.argv[1:]:
            try:
                with scheduler.connected(address):
                    print("connected")
            except ClusterError as error:
                print(f"{error}".partition(" (")[0])
    """
    addresses = ("tcp://127.0.0.1:9", "tls://127.0.0.1:9", "tcp://")
    told = "no Dask scheduler answers there"
    assert printed_by(program, *addresses).splitlines() == [
        f"{address}: {told}" for address in addresses
    ]
    ended = run("train", dataset, "-o", tmp_path / "m.npz", "--scheduler", "nonsense")
    assert ended.returncode == 1
    first, second = ended.stderr.splitlines()
    assert first.startswith("Error: nonsense: no Dask scheduler answers there (")
    assert second == "Check the address; 'dask scheduler' starts one."


def test_a_client_that_is_slow_to_close_is_no_error(dask: DaskCluster) -> None:
    """On a busy machine: what it was for is done, or its error is told already."""
    program = """
        import asyncio, os, sys
        from distributed import Client
        from catclf.cli import scheduler

        async def slowly(client, fast=False):
            await asyncio.sleep(60)

        scheduler.CLOSE_SECONDS = 0.1
        with scheduler.connected(sys.argv[1]) as client:
            Client._close = slowly
        print(client.status, flush=True)
        os._exit(0)
    """
    assert printed_by(program, dask.address) == "closing\n"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"address": 3}', "nothing"])
def test_a_file_that_is_no_schedulers_is_refused(tmp_path: Path, content: str) -> None:
    """Empty, damaged, or of something else."""
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(ClusterError, match="is no scheduler file"):
        address_in(tmp_path / "s.json")
    with pytest.raises(ClusterError, match="no such file"):
        address_in(tmp_path / "other.json")
