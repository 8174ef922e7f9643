"""What a person does about an error of the operating system."""

from __future__ import annotations

import errno


class FileRefused(OSError):  # noqa: N818 - named for what the user is told
    """A file that is not read or written although it is there: a device, a pipe, a link, too big."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(errno.EINVAL, message)
        self.hint = hint


DISK_FULL = "the disk is full, or a quota is: make room, and run this again"
NOT_ALLOWED = "ls -ld shows who may; the folder must allow it too, and it must be the user who runs this"
READ_ONLY = "the file system is read-only: choose another place, or mount it for writing"

_STEPS = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EACCES: NOT_ALLOWED,
    errno.EPERM: NOT_ALLOWED,
    errno.EROFS: READ_ONLY,
    errno.ENOENT: "is the name right, and is its folder there? Names start from the working folder, or -C DIR",
    errno.ENOTDIR: "a part of the path is a file, where a folder is needed",
    errno.EISDIR: "a file is needed, and this is a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "too many files are open: ulimit -n raises the limit",
    errno.EIO: "the disk reports an error: look at the system's log before you trust it",
    errno.EADDRINUSE: "another program has the port: choose another one, or 0 for a free one",
    errno.EADDRNOTAVAIL: "this machine does not have that address: 127.0.0.1 is always there",
}


def next_step(error: OSError) -> str | None:
    """What to do about it, where that is known."""
    if isinstance(error, FileRefused):
        return error.hint
    return None if error.errno is None else _STEPS.get(error.errno)


def told(error: OSError) -> str:
    """The error in the system's words, without Python's number and quotes."""
    return error.strerror or str(error) or type(error).__name__
