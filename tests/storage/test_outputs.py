"""Outputs are written whole or not at all, and CSV is one line a row."""

from __future__ import annotations

import csv
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.errors import CatclfError, printable
from catclf.storage.outputs import (
    OutputKind,
    check_output,
    csv_kind,
    csv_line,
    replacing,
    write_csv,
)
from storage.conftest import NEW, OLD, is_alone, write

ANYTHING = OutputKind("anything", lambda path: True)
NOTES = OutputKind("a note of ours", lambda path: Path(path).read_bytes().startswith(b"note"))


def write_and_raise(path: Path, error: type[BaseException]) -> None:
    """Begin to write an output, and fail."""
    with replacing(path) as temporary:
        temporary.write_bytes(NEW)
        raise error


@pytest.fixture
def umask() -> Iterator[None]:
    """Give the umask back as it was."""
    old = os.umask(0o022)
    yield
    os.umask(old)


def test_a_good_block_replaces_the_output(output: Path) -> None:
    """When the block ends well the new file has the name, alone."""
    write(output, NEW)
    assert output.read_bytes() == NEW
    assert is_alone(output)


def test_the_old_output_is_there_until_the_block_ends(output: Path) -> None:
    """Whoever reads meanwhile reads the old file."""
    with replacing(output) as temporary:
        temporary.write_bytes(NEW)
        assert output.read_bytes() == OLD
        assert temporary.parent == output.parent.resolve()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_leaves_the_old_output(output: Path, error: type[BaseException]) -> None:
    """A block that fails, or is interrupted, changes nothing and leaves nothing behind."""
    with pytest.raises(error):
        write_and_raise(output, error)
    assert output.read_bytes() == OLD
    assert is_alone(output)


def test_an_exception_leaves_no_output_where_there_was_none(tmp_path: Path) -> None:
    """A failed first run makes no file."""
    with pytest.raises(KeyError):
        write_and_raise(tmp_path / "model.npz", KeyError)
    assert os.listdir(tmp_path) == []


def test_missing_folders_are_made(tmp_path: Path) -> None:
    """An output may name folders that are not there yet."""
    path = tmp_path / "a" / "b" / "model.npz"
    write(path, NEW)
    assert path.read_bytes() == NEW


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077])
def test_permissions_are_0666_without_the_umask(tmp_path: Path, mask: int) -> None:
    """An output may be read by whom the umask lets, as any program's."""
    os.umask(mask)
    path = tmp_path / "model.npz"
    write(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    """An output that is a symbolic link still points where it did."""
    target = tmp_path / "store" / "model-7.npz"
    target.parent.mkdir()
    target.write_bytes(OLD)
    link = tmp_path / "model.npz"
    link.symlink_to(Path("store") / "model-7.npz")
    write(link, NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW
    assert is_alone(target)


def test_a_dangling_link_gets_its_target(tmp_path: Path) -> None:
    """A link to a file that is not there yet is followed too."""
    link = tmp_path / "model.npz"
    link.symlink_to("later.npz")
    write(link, NEW)
    assert link.is_symlink()
    assert (tmp_path / "later.npz").read_bytes() == NEW


def test_other_hard_links_keep_the_old_contents(output: Path, tmp_path: Path) -> None:
    """A backup made by a hard link is not written into."""
    backup = tmp_path / "backup.npz"
    os.link(output, backup)
    write(output, NEW)
    assert backup.read_bytes() == OLD


def test_places_that_are_no_files_are_refused(tmp_path: Path) -> None:
    """A folder, a pipe, a device, or a path below a file is an error with its name."""
    file = tmp_path / "file"
    file.touch()
    if sys.platform == "win32":
        pytest.skip("no pipes in folders")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, said in [
        (tmp_path, "a folder, not a file"),
        (fifo, "not a regular file"),
        (Path(os.devnull), "not a regular file"),
        (file / "model.npz", "part of the path is a file, not a folder"),
        (file / "a" / "model.npz", "part of the path is a file, not a folder"),
        (tmp_path / ("x" * 300), "the file's name is too long"),
    ]:
        with pytest.raises(CatclfError) as caught:
            write(path, NEW)
        assert str(caught.value).startswith(f"{path}: {said}")
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert not Path(os.devnull).is_file()
    assert sorted(tmp_path.iterdir()) == [fifo, file]


def test_a_longest_name_can_be_written(tmp_path: Path) -> None:
    """Names up to the system's limit serve, though the temporary file's name holds more."""
    for name in ("x" * 251 + ".npz", "猫" * 83 + ".npz"):
        write(tmp_path / name, NEW)
        assert (tmp_path / name).read_bytes() == NEW


def test_a_name_that_is_no_utf_8_can_be_written(tmp_path: Path) -> None:
    """A name may hold any bytes."""
    path = tmp_path / os.fsdecode(b"mod\xe8le\n.npz")
    write(path, NEW)
    write(path, OLD)
    assert path.read_bytes() == OLD
    assert is_alone(path)


# ------------------------------------------------------------------------------ before the work


def test_checking_an_output_leaves_nothing(output: Path, tmp_path: Path) -> None:
    """Neither a file nor the folders that the work will make."""
    check_output(output, ANYTHING)
    check_output(tmp_path / "a" / "b" / "model.npz", ANYTHING)
    assert is_alone(output)
    assert output.read_bytes() == OLD
    assert os.listdir(tmp_path) == [output.parent.name]


def test_an_input_is_no_output(output: Path, tmp_path: Path) -> None:
    """Under another name neither; inputs that are missing are somebody else's error."""
    link = tmp_path / "link.npz"
    link.symlink_to(output)
    check_output(output, ANYTHING, [tmp_path / "missing"])
    for path, inputs in ((output, [link]), (link, [tmp_path / "missing", output])):
        with pytest.raises(CatclfError, match="is an input too"):
            check_output(path, ANYTHING, inputs, force=True)


def test_a_file_of_another_kind_is_refused(output: Path) -> None:
    """By its content, whatever its name; `force` is the way out, which the message names."""
    with pytest.raises(CatclfError, match="exists, and is not a note of ours") as raised:
        check_output(output, NOTES)
    assert "`force`" in str(raised.value)
    assert output.read_bytes() == OLD
    check_output(output, NOTES, force=True)
    output.write_bytes(b"note: mine")
    check_output(output, NOTES)


def test_an_empty_file_is_no_loss(output: Path) -> None:
    """What mktemp made may be replaced."""
    output.write_bytes(b"")
    check_output(output, NOTES)


def test_a_csv_is_known_by_its_header(output: Path) -> None:
    """Another table is refused, and so is what is no table."""
    kind = csv_kind("a table of losses", ("file", "loss"))
    write_csv(output, ("file", "loss"), [("a.png", 0.5)])
    check_output(output, kind)
    for other in (b"file,label\na.png,cat\n", b"\xff\xd8\xff\xe0", b"file,loss"):
        output.write_bytes(other)
        with pytest.raises(CatclfError, match="not a table of losses"):
            check_output(output, kind)


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


def test_what_cannot_be_looked_into_is_not_replaced(output: Path) -> None:
    """A file that may not be read may be anything."""

    def refuse(path: str) -> bool:
        raise PermissionError(path)

    with pytest.raises(CatclfError, match="exists, and is not a secret"):
        check_output(output, OutputKind("a secret", refuse))
    assert output.read_bytes() == OLD


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_a_loop_of_links_is_not_replaced(tmp_path: Path) -> None:
    """It leads to no file; neither the check nor the writing takes the link's place."""
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(CatclfError, match="a loop of links"):
        check_output(loop, ANYTHING, force=True)
    with pytest.raises(CatclfError, match="a loop of links"):
        write(loop, NEW)
    assert loop.is_symlink()
