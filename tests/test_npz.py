"""An .npz is read without trusting it: any file gives arrays or a ModelError."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.errors import ModelError
from catclf.model import load_model, save_model
from catclf.npz import read_npz
from corpus.models import good_arrays, good_model, loads_or_refuses
from corpus.npz import N_X, Member, bad_npz, bad_places, npy, npz, pack


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name a file for the examples of one property after the other."""
    return tmp_path_factory.mktemp("scratch") / "model.npz"


@pytest.fixture(scope="module")
def good_bytes(scratch: Path) -> bytes:
    """Return a good model's file."""
    save_model(scratch, good_model())
    return scratch.read_bytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves_is_read_as_it_was(tmp_path: Path, save: Any) -> None:
    """Any array but of objects, by its name, to the last bit."""
    arrays = {
        **good_arrays(),
        "empty": np.zeros((0, 3)),
        "columns": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        "text": np.array(["cat", "noncat"]),
    }
    path = tmp_path / "arrays.npz"
    save(path, **arrays)
    found = read_npz(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_members_that_are_no_arrays_are_skipped(tmp_path: Path) -> None:
    """A note, or a folder, beside the arrays does no harm."""
    path = tmp_path / "arrays.npz"
    path.write_bytes(pack(Member("b.npy", npy(0.5)), Member("README", b"my model")))
    assert list(read_npz(path)) == ["b"]


SOUND_ARCHIVES = {  # of the corpus, refused for their contents only
    "nested-zip",
    "type-of-many-fields",
    "w-in-a-folder",
    "w-outside",
}


def test_what_is_no_sound_npz_is_refused(tmp_path: Path) -> None:
    """By a ModelError that names the file, before anybody looks at what the arrays hold."""
    good = npz(**good_arrays())
    file = io.BytesIO()
    np.savez_compressed(file, **good_arrays())  # type: ignore[arg-type]
    read = set()
    for name, data in bad_npz(good, file.getvalue()):
        path = tmp_path / f"{name}.npz"
        path.write_bytes(data)
        try:
            read_npz(path)
            read.add(name)
        except ModelError as error:
            assert error.where == str(path)  # noqa: PT017
    assert read == SOUND_ARCHIVES
    for case in bad_places(tmp_path, good):
        with pytest.raises(ModelError):
            read_npz(case.path)


def test_a_compressed_model_is_read_too(tmp_path: Path) -> None:
    """np.savez_compressed makes a model as np.savez does."""
    path = tmp_path / "small.npz"
    np.savez_compressed(path, **good_arrays())  # type: ignore[arg-type]
    np.testing.assert_array_equal(load_model(path).w, good_model().w)


def test_fortran_order_and_other_headers_are_read(tmp_path: Path) -> None:
    """Column-major arrays and .npy headers of version 2 and 3 are numpy's too."""
    w = np.asfortranarray(np.arange(2.0 * N_X).reshape(2, N_X))
    for version in ((1, 0), (2, 0), (3, 0)):
        file = io.BytesIO()
        np.lib.format.write_array(file, w[:1].T, version)
        path = tmp_path / "weights_only.npz"
        path.write_bytes(pack(Member("w.npy", file.getvalue()), Member("b.npy", npy(1))))
        assert load_model(path, "planes").w[:, 0].tolist() == list(range(N_X))


def test_a_pickle_in_a_model_is_never_run(tmp_path: Path) -> None:
    """An object array that would make a file when unpickled makes none."""
    made = tmp_path / "made"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(made),)

    path = tmp_path / "model.npz"
    np.savez(path, w=np.zeros(N_X), b=0.0, record=np.array(Trap(), dtype=object))
    with pytest.raises(ModelError, match="pickle"):
        load_model(path)
    assert not made.exists()


edits = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6)


@given(edits=edits, cut=st.floats(0, 1), data=st.data())
def test_mutated_bytes_are_a_model_or_a_model_error(
    scratch: Path,
    good_bytes: bytes,
    edits: list[tuple[float, int]],
    cut: float,
    data: st.DataObject,
) -> None:
    """Whatever bytes of a model are changed, cut or moved, loading it is safe."""
    changed = bytearray(good_bytes)
    for place, value in edits:
        changed[int(place * len(changed))] = value
    if data.draw(st.booleans()):
        at = int(cut * len(changed))
        changed[at : at + data.draw(st.integers(1, 200))] = b""
    scratch.write_bytes(changed)
    loads_or_refuses(scratch)


@given(
    name=st.sampled_from(["w", "b", "costs", "iterations", "record"]),
    place=st.floats(0, 1, exclude_max=True),
    new=st.binary(max_size=12),
)
def test_mutated_members_are_a_model_or_a_model_error(
    scratch: Path, name: str, place: float, new: bytes
) -> None:
    """Damage below the checksums, as a hostile writer would make it, is met by the checks."""
    members = {key: bytearray(npy(array)) for key, array in good_arrays().items()}
    at = int(place * len(members[name]))
    members[name][at : at + len(new)] = new
    scratch.write_bytes(pack(*(Member(f"{key}.npy", bytes(v)) for key, v in members.items())))
    loads_or_refuses(scratch)


@given(content=st.binary(max_size=300), zipped=st.booleans())
def test_any_bytes_are_a_model_error(scratch: Path, content: bytes, zipped: bool) -> None:
    """Bytes that are no model, as a file or as a member, are refused."""
    scratch.write_bytes(pack(Member("w.npy", content)) if zipped else content)
    with pytest.raises(ModelError):
        load_model(scratch)


def test_the_corpus_generators_zip_is_sound(tmp_path: Path) -> None:
    """What the corpus makes without a lie is a zip and a model: its lies are what is refused."""
    path = tmp_path / "model.npz"
    path.write_bytes(npz(**good_arrays()))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    np.testing.assert_array_equal(load_model(path).w, good_model().w)
