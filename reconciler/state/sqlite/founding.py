"""A state that begins with what is known already: made apart, and there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.domain.model import JsonObject
from reconciler.domain.ports import Run
from reconciler.errors import StateError
from reconciler.state.sqlite.files import create, make_folder, sync_folder, translated
from reconciler.state.sqlite.lost_state import forget_loss
from reconciler.state.sqlite.state import open_store
from reconciler.state.store import Store


def refuse_existing(path: Path) -> None:
    """Raises ``StateError`` where anything is at the place of a new state."""
    if path.exists() or path.is_symlink():
        hint = "if it is damaged, move it away first, and keep it"
        raise StateError(f"the state {path} exists already: it is never overwritten", hint=hint)


@contextmanager
def founded(path: Path, run: Run, *, lineage: str, by: JsonObject) -> Iterator[Store]:
    """A new state to write, locked; it stands at ``path`` once the block ends without an error, and not before.

    ``by`` tells the ledger who made it. The caller ends the run.

    Raises:
        StateError: something is at ``path`` already, or it cannot be written.
    """
    refuse_existing(path)
    with translated(path):
        make_folder(path.parent)
        apart = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        made = apart / path.name
        create(made, lineage=lineage, by=by)
        with open_store(made, run, lineage=lineage) as store:
            yield store
        with translated(path):
            _put(made, path)
    finally:
        shutil.rmtree(apart, ignore_errors=True)


def _put(made: Path, path: Path) -> None:
    """Move it to its place, unless somebody else was first: the place is taken before anything is put there."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        refuse_existing(path)
        raise
    made.replace(path)
    forget_loss(path)
    sync_folder(path.parent)
