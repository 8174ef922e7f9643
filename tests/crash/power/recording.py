"""Runs a command under the recorder, and reads what it recorded."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
_HEADER = struct.Struct("<cIIqIII")
_SOURCE = Path(__file__).with_name("recorder.c")


@dataclass(frozen=True, slots=True)
class Operation:
    """One record. ``kind``: ``O`` a file is created, ``W`` written at ``offset``, ``T`` cut or extended to
    ``offset``; ``S`` a file or folder is synced; ``D`` a folder is made, ``X`` removed; ``U`` a name is removed,
    ``R`` renamed to ``target``; ``N`` data is sent on the socket ``file``, ``P`` printed.

    Paths are relative to the recorded folder, which is the empty path.
    """

    kind: str
    process: int
    file: int
    offset: int
    path: str
    target: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """A command that has ended, and what it did."""

    code: int
    out: str
    err: str
    operations: Sequence[Operation]


def unavailable() -> str | None:
    """Why nothing can be recorded on this machine; None if it can be."""
    if sys.platform != "linux":
        return "recording needs Linux (LD_PRELOAD and /proc)"
    if shutil.which("cc") is None:
        return "recording needs a C compiler: install gcc or clang, as cc"
    return None


@cache
def _library() -> Path:
    """The recorder, compiled once per process."""
    folder = Path(tempfile.mkdtemp(prefix="recorder-"))
    library = folder / "recorder.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return library


def record(command: Sequence[str], folder: Path, env: Mapping[str, str], log: Path) -> Recording:
    """Run a command in ``folder``, and record what it does below it. ``log`` must be outside of it."""
    log.unlink(missing_ok=True)
    recorded = {"LD_PRELOAD": str(_library()), "RECORD_ROOT": str(folder.resolve()), "RECORD_LOG": str(log)}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**env, "PYTHONPATH": str(ROOT), **recorded},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    operations = list(_read(log.read_bytes())) if log.exists() else []
    return Recording(done.returncode, done.stdout, done.stderr, operations)


def _read(log: bytes) -> Iterator[Operation]:
    at = 0
    while at < len(log):
        kind, process, file, offset, *lengths = _HEADER.unpack_from(log, at)
        at += _HEADER.size
        parts = []
        for length in lengths:
            parts.append(log[at : at + length])
            at += length
        path, target = os.fsdecode(parts[0]), os.fsdecode(parts[1])
        yield Operation(kind.decode(), process, file, offset, path, target, parts[2])
