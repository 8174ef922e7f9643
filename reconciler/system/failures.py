"""Hints for errors of the operating system."""

from __future__ import annotations

import errno


class FileRefused(OSError):  # noqa: N818 - named after the user's message
    """A file that exists but is not read or written: a device, a pipe, a link, or too large."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(errno.EINVAL, message)
        self.hint = hint


DISK_FULL = "the disk is full, or a quota is reached: free some space, then run this again"
NOT_ALLOWED = "check the permissions of the file and its folder for the current user with ls -ld"
READ_ONLY = "the file system is read-only: choose another place, or mount it for writing"

_STEPS = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EACCES: NOT_ALLOWED,
    errno.EPERM: NOT_ALLOWED,
    errno.EROFS: READ_ONLY,
    errno.ENOENT: "check the name and its folder. Paths are relative to the working folder, or to -C DIR",
    errno.ENOTDIR: "a part of the path is a file, but must be a folder",
    errno.EISDIR: "use the name of a file: this is a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "too many files are open: raise the limit with ulimit -n",
    errno.EIO: "the disk reports an error: check the system log before you use it again",
    errno.EADDRINUSE: "another program uses the port: choose another one, or 0 for a free one",
    errno.EADDRNOTAVAIL: "this machine does not have that address: use 127.0.0.1, which always works",
}


def next_step(error: OSError) -> str | None:
    """A hint for the error, None if there is none."""
    if isinstance(error, FileRefused):
        return error.hint
    return None if error.errno is None else _STEPS.get(error.errno)


def error_message(error: OSError) -> str:
    """The system's error message, without Python's number and quotes."""
    return error.strerror or str(error) or type(error).__name__
