"""Read an open file from positions of one's own."""

from __future__ import annotations

import io
import os


class ByPosition(io.RawIOBase):
    """An open file with its own position, so that its readers and forked processes do not disturb each other.

    Whoever opened ``handle`` closes it.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._at = 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        data = os.pread(self._handle, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (os.fstat(self._handle).st_size if start is None else start)
        return self._at

    def tell(self) -> int:
        return self._at

    def fileno(self) -> int:
        return self._handle

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
