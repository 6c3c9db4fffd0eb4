"""Outputs survive whatever ends or hinders their writing: kills, crashes, full disks, systems."""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from catclf.errors import CatclfError
from catclf.storage import outputs
from storage.conftest import NEW, OLD, is_alone, write


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    code = textwrap.dedent(script)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_temporary_files_of_the_dead_are_removed(output: Path) -> None:
    """What a killed process left is removed by the next; what a live one writes is kept."""
    dead = run("import os; print(os.getpid())").stdout.strip()
    namespace = os.stat("/proc/self/ns/pid").st_ino  # of process ids: a container has its own
    host, folder = socket.gethostname(), output.parent
    here = f"{host}.{namespace}"
    stale = folder / f".{output.name}.{here}.{dead}.0123abcd.tmp"
    kept = [
        folder / f".{output.name}.{here}.{os.getpid()}.0123abcd.tmp",
        folder / f".{output.name}.{here}.{os.getppid()}.0123abcd.tmp",
        folder / f".{output.name}.elsewhere-{here}.{dead}.0123abcd.tmp",
        folder / f".{output.name}.{host}.1{namespace}.{dead}.0123abcd.tmp",
        folder / f".other.npz.{here}.{dead}.0123abcd.tmp",
        folder / f".{output.name}.{here}.{dead}.0123abcd",
        folder / f".{output.name}.{here}.x{dead}.0123abcd.tmp",
        folder / f".{output.name}.{here}.{10**30}.0123abcd.tmp",
    ]
    for path in [stale, *kept]:
        path.touch()
    write(output, NEW)
    assert not stale.exists()
    assert sorted(folder.iterdir()) == sorted([output, *kept])


def test_a_killed_process_leaves_what_the_next_removes(output: Path) -> None:
    """SIGKILL in mid-write: the old file is intact, and the stray file goes with the next run."""
    if sys.platform == "win32":
        pytest.skip("no SIGKILL")
    killed = run(
        """
        import os, signal, sys
        from catclf.storage.outputs import replacing
        with replacing(sys.argv[1]) as temporary:
            temporary.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        output,
    )
    assert killed.returncode == -signal.SIGKILL
    assert output.read_bytes() == OLD
    assert len(os.listdir(output.parent)) == 2
    write(output, NEW)
    assert is_alone(output)


# Python ignores SIGXFSZ, so that a limit on a file's size is the error EFBIG.
LIMITED = """
    import resource, sys
    import numpy as np
    from catclf.errors import CatclfError, printable
    from catclf.pictures.preprocessing import Preprocessing
    from catclf.model import Model
    from catclf.model_file import save_model
    model = Model(np.ones((12288, 1)), 0.0, ("noncat", "cat"), Preprocessing())
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    try:
        save_model(sys.argv[1], model)
    except CatclfError as error:
        print(error)
"""


@pytest.mark.parametrize("limit", [0, 1, 4096, 98_304, 99_000])
def test_a_full_disk_is_an_ordinary_error(output: Path, limit: int) -> None:
    """Where the file may not grow the message says so, once, and the old model is intact."""
    ended = run(LIMITED, output, limit)
    assert ended.stderr == ""
    assert ended.stdout == (
        f"{output}: the file would be too large; nothing was changed\n"
        "Raise the limit, or write elsewhere.\n"
    )
    assert output.read_bytes() == OLD
    assert is_alone(output)


# Ends the process, as a crash would, before or after the k-th of the calls that touch the disk.
CRASHING = """
    import builtins, io, os, sys
    path, crash_at, after = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "after"
    calls = 0

    def crashing(function):
        def call(*arguments, **settings):
            global calls
            calls += 1
            if calls == crash_at and not after:
                os._exit(99)
            result = function(*arguments, **settings)
            if calls == crash_at:
                os._exit(99)
            return result
        return call

    from catclf.storage import outputs
    for name in ("open", "write", "fsync", "replace", "close"):
        setattr(os, name, crashing(getattr(os, name)))
    with outputs.replacing(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY)
        for _ in range(4):
            os.write(descriptor, b"new!" * 1250)
        os.close(descriptor)
    print(calls)
"""


def test_a_crash_at_any_moment_leaves_a_complete_file(output: Path) -> None:
    """Before and after each call that touches the disk: the output is the old or the new one."""
    calls = int(run(CRASHING, output, 0, "before").stdout)
    assert calls >= 10
    seen = []
    for crash_at in range(1, calls + 1):
        for when in ("before", "after"):
            output.write_bytes(OLD)
            assert run(CRASHING, output, crash_at, when).returncode == 99
            seen.append(output.read_bytes())
    assert set(seen) == {OLD, NEW}
    assert seen == sorted(seen, key=[OLD, NEW].index), "once the new one is there, it stays"
    write(output, NEW)
    assert is_alone(output), "and the next run clears up"


def test_the_contents_are_on_the_disk_before_the_name(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is flushed before it takes the name, the folder after."""
    steps: list[str] = []
    fsync, rename = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("sync folder" if is_folder else "sync file")
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> None:
        steps.append("replace")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write(output, NEW)
    assert steps == ["sync file", "replace", "sync folder"]


def test_two_processes_may_write_one_output(output: Path) -> None:
    """Each writes a file of its own; readers see one of them whole."""
    script = textwrap.dedent(
        """
        import sys
        from catclf.storage.outputs import replacing
        for _ in range(60):
            with replacing(sys.argv[1]) as temporary, open(temporary, "wb") as file:
                for _ in range(20):
                    file.write(sys.argv[2].encode() * 500)
                    file.flush()
        """
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(output), letter]) for letter in "ab"
    ]
    whole = {OLD, b"a" * 10_000, b"b" * 10_000}
    while any(writer.poll() is None for writer in writers):
        assert output.read_bytes() in whole
    assert [writer.returncode for writer in writers] == [0, 0]
    assert output.read_bytes() in whole - {OLD}
    assert is_alone(output)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EFBIG, "the file would be too large"),
        (errno.EACCES, "no permission to write here"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EIO, "cannot be written (Input/output error)"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_what_the_system_refuses_is_said_in_words(
    output: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, said: str
) -> None:
    """Each reason has its words, and the old file is intact."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(CatclfError) as caught:
        write(output, NEW)
    assert str(caught.value).startswith(f"{output}: {said}; nothing was changed\n")
    assert output.read_bytes() == OLD
    assert is_alone(output)


def test_a_folder_that_cannot_be_synced_is_no_failure(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the new file has its name the output is made: no error may deny it."""
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write(output, NEW)
    assert output.read_bytes() == NEW


def test_a_folder_that_cannot_be_listed_can_be_written_to(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drop box takes outputs: clearing up is no condition."""

    def refuse(*_: object) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", refuse)
        write(output, NEW)
    assert output.read_bytes() == NEW


# ------------------------------------------------------------------------------ on any system


def test_a_system_without_quotas_has_other_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where errno knows no EDQUOT a full disk is still said in words."""
    monkeypatch.delattr(errno, "EDQUOT")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(outputs.unwritable(full, "a")).startswith("a: the disk is full; nothing was changed")


def test_windows_is_never_asked_whether_a_process_lives(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There os.kill would end it: the temporary files of the dead are left."""
    write(output, OLD)
    stale = output.with_name(f"{outputs._temporary_prefix(output)}1234567.0123abcd.tmp")
    stale.touch()

    def kill(*_: object) -> None:
        pytest.fail("sent a signal")

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(sys, "platform", "win32")
    write(output, NEW)
    assert output.read_bytes() == NEW
    assert stale.exists()


def test_what_is_synced_is_open_for_writing(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to sync a file that is open for reading only."""
    opened: dict[int, int] = {}
    open_, fsync = os.open, os.fsync

    def watched_open(path: Path, flags: int, *mode: int) -> int:
        descriptor = open_(path, flags, *mode)
        opened[descriptor] = flags
        return descriptor

    def strict_fsync(descriptor: int) -> None:
        if not opened[descriptor] & os.O_WRONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        fsync(descriptor)

    monkeypatch.setattr(os, "open", watched_open)
    monkeypatch.setattr(os, "fsync", strict_fsync)
    write(output, NEW)
    assert output.read_bytes() == NEW
