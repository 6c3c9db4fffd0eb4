"""Outputs are written whole or not at all, and take no other file's place."""

from __future__ import annotations

import csv
import errno
import os
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf import outputs
from catclf.errors import AnyPath, CatclfError, printable
from catclf.files import HDF5_SIGNATURE, PREDICTIONS_HEADER, FileKind
from catclf.npz import create_npz
from catclf.outputs import check_folder, check_output, csv_line, replacing, write_csv
from corpus.places import make_pipe

OLD, NEW = b"old" * 1000, b"new!" * 5000


def write(path: AnyPath, data: bytes) -> None:
    """Write an output as every verb does."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_and_raise(path: Path, error: type[BaseException]) -> None:
    """Begin to write an output, and fail."""
    with replacing(path) as temporary:
        temporary.write_bytes(NEW)
        raise error


def is_alone(path: Path) -> bool:
    """Return whether nothing else stands in the folder of an output."""
    return os.listdir(path.parent) == [path.name]


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    code = textwrap.dedent(script)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an old output, alone in a folder below the current one."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "folder" / "model.npz"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


@pytest.fixture
def umask() -> Iterator[None]:
    """Give the umask back as it was."""
    old = os.umask(0o022)
    yield
    os.umask(old)


def test_a_good_block_replaces_the_output(output: Path, tmp_path: Path) -> None:
    """Whoever reads meanwhile reads the old file, and other hard links go on to.

    Then the new one has the name, alone; folders below the current one are made.
    """
    os.link(output, tmp_path / "backup.npz")
    with replacing(output) as temporary:
        temporary.write_bytes(NEW)
        assert output.read_bytes() == OLD
        assert temporary.parent == output.parent.resolve()
    assert output.read_bytes() == NEW
    assert (tmp_path / "backup.npz").read_bytes() == OLD
    assert is_alone(output)
    write(tmp_path / "a" / "b" / "model.npz", NEW)
    assert (tmp_path / "a" / "b" / "model.npz").read_bytes() == NEW


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_changes_nothing(output: Path, error: type[BaseException]) -> None:
    """A block that fails, or is interrupted, leaves the old file, or none where there was none."""
    for path in (output, output.parent / "new" / "model.npz"):
        with pytest.raises(error):
            write_and_raise(path, error)
    assert output.read_bytes() == OLD
    assert is_alone(output)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mask", [0o000, 0o027])
def test_permissions_are_0666_without_the_umask(tmp_path: Path, mask: int) -> None:
    """An output may be read by whom the umask lets, as any program's."""
    os.umask(mask)
    path = tmp_path / "model.npz"
    write(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    """An output that is a symbolic link still points where it did, to a file or to none yet."""
    target = tmp_path / "store" / "model-7.npz"
    target.parent.mkdir()
    link = tmp_path / "model.npz"
    link.symlink_to(Path("store") / "model-7.npz")
    for data in (OLD, NEW):
        write(link, data)
        assert link.is_symlink()
        assert target.read_bytes() == data
    assert is_alone(target)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_places_that_are_no_files_are_refused(tmp_path: Path) -> None:
    """A folder, a pipe, a device, a loop of links, or a path below a file: before the work, too."""
    file, fifo, loop = (tmp_path / name for name in ("file", "fifo", "loop"))
    file.touch()
    make_pipe(fifo)
    loop.symlink_to("loop")
    for path, said in [
        (tmp_path, "a folder, not a file"),
        (fifo, "not a regular file"),
        (Path(os.devnull), "not a regular file"),
        (loop, "a loop of links"),
        (file / "model.npz", "part of the path is a file, not a folder"),
        (file / "a" / "model.npz", "part of the path is a file, not a folder"),
        (tmp_path / ("x" * 300), "the file's name is too long"),
    ]:
        with pytest.raises(CatclfError) as caught:
            write(path, NEW)
        assert str(caught.value).startswith(f"{path}: {said}")
        with pytest.raises(CatclfError):
            check_output(path, FileKind.OTHER, force=True)
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert not Path(os.devnull).is_file()
    assert loop.is_symlink()
    assert sorted(tmp_path.iterdir()) == [fifo, file, loop]


def test_a_folder_for_outputs_is_looked_at_before_the_work(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be missing below the current one; nothing is made, and nothing is left in it."""
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (tmp_path / "file").touch()
    for folder in (tmp_path, tmp_path / "a" / "b", elsewhere, Path()):
        check_folder(folder)
    for folder, said in [
        (tmp_path / "file", "part of the path is a file, not a folder"),
        (tmp_path / "file" / "a", "part of the path is a file, not a folder"),
        (elsewhere / "a", "no such folder"),
    ]:
        with pytest.raises(CatclfError) as caught:
            check_folder(folder)
        assert str(caught.value).startswith(f"{folder}: {said}")
    assert [*tmp_path.iterdir(), *elsewhere.iterdir()] == [tmp_path / "file"]


def test_any_name_of_a_file_can_be_written(tmp_path: Path) -> None:
    """Up to the system's limit, though the temporary file's is longer, and of any bytes."""
    (tmp_path / "folder").mkdir()
    for name in ("x" * 251 + ".npz", "猫" * 83 + ".npz", os.fsdecode(b"mod\xe8le\n.npz")):
        path = tmp_path / "folder" / name
        for data in (OLD, NEW):
            write(path, data)
            assert path.read_bytes() == data
        assert is_alone(path)
        path.unlink()


# ------------------------------------------------------------------------------ before the work


def test_checking_an_output_leaves_nothing(output: Path, tmp_path: Path) -> None:
    """Neither a file nor the folders that the work will make."""
    check_output(output, FileKind.OTHER)
    check_output(tmp_path / "a" / "b" / "model.npz", FileKind.OTHER)
    assert is_alone(output)
    assert output.read_bytes() == OLD
    assert os.listdir(tmp_path) == [output.parent.name]


@pytest.mark.parametrize(
    "path", ["{tmp}/new/model.npz", "../new/m.npz", "link.npz", "a/../../new/m"]
)
def test_a_folder_elsewhere_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A mistyped path is an error before the work, and of the writing itself; below, it is made."""
    here = tmp_path / "here"
    (here / "a").mkdir(parents=True)
    (here / "link.npz").symlink_to(tmp_path / "new" / "model.npz")
    monkeypatch.chdir(here)
    path = path.format(tmp=tmp_path)
    checking, writing = (
        partial(check_output, path, FileKind.OTHER, force=True),
        partial(write, path),
    )
    for attempt in (checking, partial(writing, NEW)):
        with pytest.raises(CatclfError) as caught:
            attempt()
        new = tmp_path.resolve() / "new"
        assert str(caught.value) == f"{new}: no such folder\nMake it first, or check the path."
        assert not new.exists()
    for below in ("b/c/model.npz", here / "d" / "e" / "model.npz", "a/../f/model.npz"):
        check_output(below, FileKind.OTHER)
        write(below, NEW)
        assert Path(below).read_bytes() == NEW
    new.mkdir()
    write(path, NEW)


def test_an_input_is_no_output(output: Path, tmp_path: Path) -> None:
    """Under another name neither; inputs that are missing are somebody else's error."""
    link = tmp_path / "link.npz"
    link.symlink_to(output)
    check_output(output, FileKind.OTHER, [tmp_path / "missing"])
    for path, inputs in ((output, [link]), (link, [tmp_path / "missing", output])):
        with pytest.raises(CatclfError, match="is an input too"):
            check_output(path, FileKind.OTHER, inputs, force=True)


def npz_of(kind: str) -> Callable[[Path], None]:
    def write_record(path: Path) -> None:
        with create_npz(path, {"format": kind, "version": 1}):
            pass

    return write_record


FILES: dict[FileKind, Callable[[Path], object]] = {
    FileKind.DATASET: npz_of("catclf-dataset"),
    FileKind.MODEL: npz_of("catclf-model"),
    FileKind.REPORT: lambda path: path.write_text(
        '<!doctype html>\n1\n2\n3\n<meta name="generator" content="catclf-report">'
    ),
    FileKind.CONFIG: lambda path: path.write_text(
        "# Written by catclf tune, checksum 00000000: not replaced once it is edited.\n"
    ),
    FileKind.PREDICTIONS: lambda path: write_csv(path, PREDICTIONS_HEADER, []),
    FileKind.PICTURE: lambda path: path.write_bytes(b"\xff\xd8\xff\xe0"),
    FileKind.HDF5: lambda path: path.write_bytes(HDF5_SIGNATURE + bytes(99)),
    FileKind.OTHER: lambda path: path.write_bytes(OLD),
}
WRITTEN = [*FILES][:5]


@pytest.mark.parametrize("found", FILES)
def test_an_output_replaces_its_own_kind_alone(output: Path, found: FileKind) -> None:
    """By its content, whatever its name; `force` is the way out, which the message names."""
    FILES[found](output)
    before = output.read_bytes()
    for kind in WRITTEN:
        check_output(output, kind, force=True)
        if kind is found:
            check_output(output, kind)
            continue
        with pytest.raises(CatclfError, match=f"exists, and is not {kind.value}; nothing") as told:
            check_output(output, kind)
        assert "`force`" in str(told.value)
    assert output.read_bytes() == before


def test_what_cannot_be_looked_into_is_not_replaced(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that may not be read may be anything; an empty one is no loss, as of mktemp."""
    output.write_bytes(b"")
    check_output(output, FileKind.MODEL)
    output.write_bytes(OLD)

    def refuse(path: Path) -> FileKind:
        raise PermissionError(path)

    monkeypatch.setattr(outputs, "file_kind", refuse)
    with pytest.raises(CatclfError, match="exists, and is not a model"):
        check_output(output, FileKind.MODEL)


# ------------------------------------------------------------------------------ what may go wrong


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_what_a_killed_process_left_is_removed_by_the_next(output: Path) -> None:
    """The old file is intact; the stray file goes with the next run, and what may live is kept."""
    killed = run(
        """
        import os, signal, sys
        from catclf.outputs import replacing
        with replacing(sys.argv[1]) as temporary:
            temporary.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        output,
    )
    assert killed.returncode == -9  # SIGKILL
    assert output.read_bytes() == OLD
    [stray] = set(output.parent.iterdir()) - {output}
    # .OUTPUT.HOST.NAMESPACE.PROCESS.RANDOM.tmp: a container has process ids of its own.
    namespace, process = stray.name.split(".")[-4:-2]
    others = [
        *((f".{process}.", f".{other}.") for other in (os.getpid(), os.getppid(), 10**30, "x")),
        (f".{socket.gethostname()}.", ".elsewhere."),
        (f".{namespace}.", f".1{namespace}."),
        (output.name, "other.npz"),
        (".tmp", ""),
    ]
    kept = [stray.with_name(stray.name.replace(*change)) for change in others]
    for path in kept:
        path.touch()
    write(output, NEW)
    assert sorted(output.parent.iterdir()) == sorted([output, *kept])


# Python ignores SIGXFSZ, so that a limit on a file's size is the error EFBIG.
LIMITED = """
    import resource, sys
    import numpy as np
    from catclf.errors import CatclfError
    from catclf.features import Preprocessing
    from catclf.model import Model
    from catclf.model_file import save_model
    model = Model(np.ones((12288, 1)), 0.0, ("noncat", "cat"), Preprocessing())
    for limit in map(int, sys.argv[2:]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            save_model(sys.argv[1], model)
        except CatclfError as error:
            print(error)
"""


def test_a_full_disk_is_an_ordinary_error(output: Path) -> None:
    """Wherever the file may not grow the message says so, once, and the old model is intact."""
    limits = [0, 1, 4096, 98_304, 99_000]
    ended = run(LIMITED, output, *limits)
    assert ended.stderr == ""
    assert ended.stdout == len(limits) * (
        f"{output}: the file would be too large; nothing was changed\n"
        "Raise the limit, or write elsewhere.\n"
    )
    assert output.read_bytes() == OLD
    assert is_alone(output)


# Ends a process, as a crash would, before and after each call that touches the disk, and tells what
# the output then holds.
CRASHING = """
    import os, pathlib, sys
    from catclf import outputs
    path, calls = pathlib.Path(sys.argv[1]), 0

    def crashing(function, crash_at, after):
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

    def write(crash_at, after):
        for name in ("open", "write", "fsync", "replace", "close"):
            setattr(os, name, crashing(getattr(os, name), crash_at, after))
        with outputs.replacing(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY)
            for _ in range(4):
                os.write(descriptor, b"new!" * 1250)
            os.close(descriptor)
        os._exit(calls)

    def ended(crash_at, after):
        path.write_bytes(b"old" * 1000)
        process = os.fork()
        if process == 0:
            write(crash_at, after)
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

    for crash_at in range(1, ended(0, False) + 1):
        for after in (False, True):
            print(ended(crash_at, after), path.read_bytes().decode())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no fork")
def test_a_crash_at_any_moment_leaves_a_complete_file(output: Path) -> None:
    """Before and after each call that touches the disk: the output is the old or the new one."""
    outcomes = [line.split() for line in run(CRASHING, output).stdout.splitlines()]
    assert len(outcomes) >= 20
    assert {code for code, _ in outcomes} == {"99"}
    seen = [contents.encode() for _, contents in outcomes]
    assert set(seen) == {OLD, NEW}
    assert seen == sorted(seen, key=[OLD, NEW].index), "once the new one is there, it stays"
    write(output, NEW)
    assert is_alone(output), "and the next run clears up"


def test_the_contents_are_on_the_disk_before_the_name(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is flushed before it takes the name, the folder after.

    What is flushed is open for writing: Windows refuses to sync what is open for reading only.
    """
    steps: list[str] = []
    opened: dict[int, int] = {}
    open_, fsync, rename = os.open, os.fsync, os.replace

    def watched_open(path: Path, flags: int, *mode: int) -> int:
        descriptor = open_(path, flags, *mode)
        opened[descriptor] = flags
        return descriptor

    def watched_fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            steps.append("sync folder")
        else:
            assert opened[descriptor] & os.O_WRONLY
            steps.append("sync file")
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> None:
        steps.append("replace")
        rename(source, target)

    monkeypatch.setattr(os, "open", watched_open)
    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write(output, NEW)
    assert steps == ["sync file", "replace", "sync folder"]


@pytest.mark.slow
def test_two_processes_may_write_one_output(output: Path) -> None:
    """Each writes a file of its own; readers see one of them whole."""
    script = textwrap.dedent(
        """
        import sys
        from catclf.outputs import replacing
        for _ in range(30):
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


def test_what_is_no_condition_is_no_failure(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be synced, once the file has its name; or listed, as a drop box."""
    fsync = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    def refuse(*_: object) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    for name, refusing in (("fsync", refuse_folders), ("listdir", refuse)):
        output.write_bytes(OLD)
        with monkeypatch.context() as patch:
            patch.setattr(os, name, refusing)
            write(output, NEW)
        assert output.read_bytes() == NEW


# ------------------------------------------------------------------------------ on any system


def test_a_system_without_quotas_has_other_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where errno knows no EDQUOT a full disk is still said in words."""
    monkeypatch.delattr(errno, "EDQUOT", raising=False)
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


# ------------------------------------------------------------------------------ CSV


cells = st.text(max_size=20) | st.none() | st.integers() | st.floats(allow_nan=False)


@given(row=st.lists(cells, min_size=1, max_size=6))
def test_a_csv_line_is_one_line_that_is_read_back(row: list[object]) -> None:
    """Texts come back with their control characters escaped, and nothing as an empty cell."""
    line = csv_line(row)
    assert "\n" not in line
    assert "\r" not in line
    expected = [printable(cell) if isinstance(cell, str) else str(cell) for cell in row]
    expected = ["" if cell is None else text for cell, text in zip(row, expected, strict=True)]
    assert next(csv.reader([line], strict=True)) == expected


def test_a_csv_file_is_its_lines(output: Path) -> None:
    """A header and the rows, each ended by a newline."""
    write_csv(output, ("file", "loss"), [("a,b.png", 0.5), ('"\x1b[31m', None)])
    assert output.read_bytes() == b'file,loss\n"a,b.png",0.5\n"""\\x1b[31m",\n'
    assert is_alone(output)
