"""Files that a command writes: whole, and with a name that is on the disk."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from reconciler.cli.output_files import write_private
from reconciler.errors import ReconcilerError


def fail_for_folders(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    sync = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EACCES])
def test_a_folder_without_a_sync_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fail_for_folders(monkeypatch, number)
    write_private(tmp_path, "june.plan", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"june.plan": b"new"}


def test_a_disk_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "june.plan").write_bytes(b"old")
    fail_for_folders(monkeypatch, errno.EIO)
    with pytest.raises(ReconcilerError, match=r"cannot write june\.plan"):
        write_private(tmp_path, "june.plan", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"june.plan": b"old"}
