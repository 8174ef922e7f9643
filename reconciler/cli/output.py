"""Writing results to files: whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from reconciler.errors import ReconcilerError
from reconciler.system import next_step, told


def write_private(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` holds either all of it or what it held before; mode 0600.

    Raises:
        ReconcilerError: the file cannot be written.
    """
    with writing_private(path) as file:
        file.write(data)


@contextlib.contextmanager
def writing_private(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of ``path`` once the block ends without an error; mode 0600.

    Raises:
        ReconcilerError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ReconcilerError(f"cannot write {path}: {told(error)}", hint=next_step(error)) from error
    finally:
        with contextlib.suppress(OSError):  # what kept it from being written may keep it from being removed
            temporary.unlink(missing_ok=True)
