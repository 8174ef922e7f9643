"""The files of the base that a branch is compared with, read from git objects by the normal loader."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from reconciler.cli import git
from reconciler.domain import identity
from reconciler.domain.model import Diagnostic, Row, Severity
from reconciler.domain.plan import Base
from reconciler.errors import ReconcilerError
from reconciler.source.settings.project import load_project, settings_cells
from reconciler.source.sources import load_sources
from reconciler.system.failures import error_message, next_step

if TYPE_CHECKING:
    from reconciler.cli.app import App
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.settings import Project

_SUFFIXES = frozenset({".yaml", ".yml", ".csv", ".tsv", ".xlsx"})
_NOTHING_THERE = "E403"  # the base may have no plan files


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """The rows of the base's files, and at most one warning that some could not be read."""

    base: Base
    rows: Sequence[Row]
    diagnostics: tuple[Diagnostic, ...]


def load_base(app: App, workspace: Workspace, paths: Sequence[str], ref: str) -> BaseFiles:
    """The rows of the commit that ``ref`` resolves to, and the settings in which the project differs from it.

    Errors in its files are not fatal: what cannot be read counts as absent.

    Raises:
        ReconcilerError: not in git, no such commit, or its files could not be written to a temporary folder.
    """
    project = workspace.project
    commit = git.base_commit(project.root, ref)
    ref = os.fsencode(ref).decode(errors="replace")  # a ref may contain any bytes, a plan is UTF-8
    suffixes = _SUFFIXES | {PurePosixPath(pattern).suffix for pattern in project.plans}
    blobs = list(git.files(project.root, commit, suffixes))
    named = [os.path.relpath(app.directory / path, project.root) for path in paths]
    try:
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            root = Path(folder).resolve()
            for blob in blobs:
                _write(root, blob)
            old, document, problems = load_project(root)
            rows, found = _load(old, [root / name for name in named if not name.startswith("..")])
    except OSError as error:
        message = f"--base: cannot write its files to a temporary folder: {error_message(error)}"
        raise ReconcilerError(message, hint=next_step(error)) from error
    unread = sum(item.is_error and item.code != _NOTHING_THERE for item in (*problems, *found))
    settings = identity.diff_cells(settings_cells(document), settings_cells(workspace.document))
    return BaseFiles(Base(ref, commit, settings), rows, _warned(ref, commit, unread))


def _write(root: Path, blob: git.Blob) -> None:
    """Write a file of a commit below ``root``. A file that is not a regular one becomes empty; its readers report
    it.

    If two names clash (on a case-insensitive file system), the first one is kept.
    """
    path = root.joinpath(*blob.parts)
    with contextlib.suppress(FileExistsError, NotADirectoryError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(blob.data or b"")


def _load(project: Project, named: Sequence[Path]) -> tuple[Sequence[Row], Iterable[Diagnostic]]:
    """All rows of the project, and those of the named files that it contains, sorted by address."""
    sources = load_sources(project, None)
    there = [path for path in named if path.exists()]
    if not there:
        return sources.rows, sources.diagnostics
    more = load_sources(project, there)
    rows = {row.address: row for row in (*sources.rows, *more.rows)}
    return [rows[address] for address in sorted(rows)], (*sources.diagnostics, *more.diagnostics)


def _warned(ref: str, commit: str, unread: int) -> tuple[Diagnostic, ...]:
    if not unread:
        return ()
    what = "1 problem" if unread == 1 else f"{unread} problems"
    message = f"base {ref} ({commit[:12]}): {what} in its files. Rows that cannot be read count as absent"
    hint = "rows that the base has may be reported as introduced. Fix its files, or choose another base"
    return (Diagnostic(Severity.WARNING, "W601", message, None, hint),)
