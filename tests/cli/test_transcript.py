"""What the verbs print in words stands in transcript.md, as their users see it.

Its commands run one after another in a folder with the small pictures. A line that begins with
``!`` is on stderr. ``WRITE_TRANSCRIPT=1 pytest tests/cli/test_transcript.py`` writes it anew: read
what changed before you commit it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import catclf
from catclf.cli.output import error_text
from catclf.errors import CatclfError
from command_line import invoke
from datasets import write_small
from networks import small_network

COLUMNS = 80
TRANSCRIPT = Path(__file__).with_name("transcript.md")


def shown(command: str) -> Iterator[str]:
    """Yield a command and what it prints, line by line."""
    yield f"$ catclf {command}"
    result = invoke(*shlex.split(command))
    told, code = result.stderr, result.exit_code
    for line in (result.stdout + told).splitlines():
        assert len(line) <= COLUMNS or "/" in line, "only paths may be longer"
    if isinstance(result.exception, CatclfError):
        told, code = f"{told}Error: {error_text(result.exception)}\n", result.exception.exit_code
    for line in result.stdout.replace(catclf.__version__, "VERSION").splitlines():
        yield line
    for line in told.splitlines():
        yield f"! {line}"
    if code:
        yield f"(exit code {code})"


@pytest.fixture
def folder(small_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work among pictures, some spoiled, two datasets, a network, a notebook's weights."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small_pictures, "pets")
    for split, numbers in (("train", range(8)), ("test", range(7, 10))):
        for name in ("cat", "noncat"):
            os.makedirs(f"odd/{split}/{name}")
            for number in numbers:  # the 7th is in both
                shutil.copy(f"pets/{name}/{number:02}.png", f"odd/{split}/{name}")
    shutil.copy("pets/cat/00.png", "odd/train/noncat/also a cat.png")
    Path("odd/test/cat/cut.png").write_bytes(Path("pets/cat/00.png").read_bytes()[:70])
    Path("odd/train/cat/notes.txt").touch()
    write_small(Path("noise.npz"), 40, size=2, seed=2)
    labels = np.arange(48) % 6 % 4  # a third ants, a third bees, a sixth cats, a sixth dogs
    noise = np.random.default_rng(1).integers(0, 90, (48, 48))
    tinted = (noise + 20 * (np.arange(48) % 4 == labels[:, np.newaxis])).astype(np.uint8)
    write_small(
        Path("four.npz"),
        size=4,
        classes=("ant", "bee", "cat", "dog"),
        columns=tinted[:24],
        labels=labels[:24],
        test_columns=tinted[24:],
        test_labels=labels[24:],
    )
    Path("small.onnx").write_bytes(small_network(8, outputs=40))
    Image.radial_gradient("L").save("disc.png")
    np.savez("weights.npz", w=np.random.default_rng(0).normal(size=192), b=-0.5)


@pytest.mark.usefixtures("folder")
def test_the_verbs_print_what_the_transcript_shows() -> None:
    """To the last letter, in 80 columns; its numbers are the library's, which other tests check."""
    text = TRANSCRIPT.read_text(encoding="utf-8")
    parts = re.split(r"^(\$ catclf .*)\n(?:(?!\$ catclf |```).*\n)*", text, flags=re.MULTILINE)
    parts[1::2] = ["".join(f"{line}\n" for line in shown(part[9:])) for part in parts[1::2]]
    now = "".join(parts)
    if os.environ.get("WRITE_TRANSCRIPT"):
        TRANSCRIPT.write_text(now, encoding="utf-8")
    assert now == text
