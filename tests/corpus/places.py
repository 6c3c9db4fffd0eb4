"""What stands where a file should and is no regular file."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest


def make_pipe(path: Path) -> None:
    """Make a named pipe, or skip the test where the system has none."""
    if sys.platform == "win32":
        pytest.skip("no named pipes")
    os.mkfifo(path)


def bad_places(folder: Path, suffix: str) -> list[Path]:
    """Make, in an empty folder, what is no regular file; return that, and what cannot be there."""

    def at(name: str) -> Path:
        return folder / f"{name}{suffix}"

    at("folder").mkdir()
    at("dangling").symlink_to("nowhere")
    at("loop").symlink_to(f"loop{suffix}")
    at("to-folder").symlink_to(f"folder{suffix}")
    at("to-device").symlink_to("/dev/zero")
    with at("huge").open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(2**38)  # sparse: no disk is used
    if sys.platform != "win32":
        os.mkfifo(at("pipe"))
        here = os.getcwd()
        os.chdir(folder)  # a socket's whole path must be short
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(f"socket{suffix}")
        finally:
            os.chdir(here)
        if os.geteuid() != 0:  # root may read anything
            at("forbidden").touch(mode=0)
    made = sorted(folder.iterdir())
    below = [folder / "nowhere" / "file", at("huge") / "file"]
    return [*made, *below, at("missing"), at("n" * 300), at("nul\0nul")]
