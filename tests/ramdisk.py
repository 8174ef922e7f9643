"""A file system in memory: what tests write there is synchronised at no cost, by the same system calls."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
_NEEDED = 4 << 30  # bytes; the tests of all workers take a tenth at most


def _memory() -> Path | None:
    """The folder, where there is one with enough space in which programs may be started."""
    if not (_SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK)):
        return None
    fit = not os.statvfs(_SHARED_MEMORY).f_flag & os.ST_NOEXEC and shutil.disk_usage(_SHARED_MEMORY).free > _NEEDED
    return _SHARED_MEMORY if fit else None


MEMORY = _memory()
