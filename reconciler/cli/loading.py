"""From files and state to a plan: shared by the commands that start from plan files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.cli import git
from reconciler.errors import ReconcilerError, UsageError
from reconciler.settings import PROJECT_FILE

if TYPE_CHECKING:
    from reconciler.cli.app import App
    from reconciler.engine.plan import Context
    from reconciler.model import Address, Diagnostic, Location, Plan
    from reconciler.ports import Intent, Run, StateReader, StateStore
    from reconciler.settings import Project
    from reconciler.source.sources import Sources
    from reconciler.source.yaml import Document

LINEAGE_VARIABLE = "RECONCILER_LINEAGE"


@dataclass(frozen=True, slots=True)
class Workspace:
    """One project, and where its state is. ``document`` is ``reconciler.yaml``, ``diagnostics`` its problems."""

    project: Project
    state_path: Path
    lineage: str | None
    document: Document | None
    diagnostics: tuple[Diagnostic, ...]

    @classmethod
    def open(cls, app: App, state_url: str | None) -> Workspace:
        from reconciler.source.project import find_project, load_project

        project, document, diagnostics = load_project(find_project(app.directory))
        path = _state_path(app.directory, state_url) if state_url else project.root / project.state_path
        lineage = os.environ.get(LINEAGE_VARIABLE) or project.lineage
        return cls(project, path, lineage, document, diagnostics)

    def sources(self, app: App, paths: Sequence[str]) -> Sources:
        """Rows of the named files and folders, or of the whole project where none are named."""
        from reconciler.source.sources import load_sources

        named = [app.directory / path for path in paths] if paths else None
        found = load_sources(self.project, named)
        own = {} if self.document is None else {self.document.file: self.document}
        return replace(found, files={**found.files, **own}, diagnostics=(*self.diagnostics, *found.diagnostics))

    @property
    def trusted(self) -> bool:
        """Whether the settings could be read: with errors in them, nobody knows which state is meant."""
        return not _errors(self.diagnostics)

    def check(self) -> None:
        """Raises ``ReconcilerError`` where the settings cannot be trusted."""
        if not self.trusted:
            raise ReconcilerError(f"{PROJECT_FILE} has errors", hint="reconciler validate shows them")

    def reader(self) -> AbstractContextManager[StateReader]:
        from reconciler.state.sqlite import open_reader

        self.check()
        return open_reader(self.state_path, lineage=self.lineage)

    def store(self, run: Run, lock_timeout: float) -> AbstractContextManager[StateStore]:
        from reconciler.state.sqlite import open_store

        self.check()
        return open_store(self.state_path, run, lineage=self.lineage, lock_timeout=lock_timeout)


def _state_path(directory: Path, url: str) -> Path:
    scheme, separator, _ = url.partition(":")
    if separator and len(scheme) > 1 and scheme.isalnum():
        raise UsageError(f"state {scheme}: is not supported by this version; give the path of an SQLite file")
    return directory / url


@dataclass(frozen=True, slots=True)
class Excerpts:
    """The source line of a location, with a caret, where the file is at hand."""

    sources: Sources

    def reader(self, *, masked: bool) -> Callable[[Location], str | None]:
        from reconciler.source.excerpt import excerpt

        def read(location: Location) -> str | None:
            document = self.sources.files.get(location.file)
            if document is not None:
                return excerpt(document, location, masked=masked)
            return None if masked else self._sheet_line(location)

        return read

    def _sheet_line(self, location: Location) -> str | None:
        """A line of a sheet, which nobody holds in memory; never shown masked, for all of it may be private."""
        from reconciler.source.excerpt import caret

        path = self.sources.root / location.file
        if path.suffix.lower() not in {".csv", ".tsv"} or not path.is_file():
            return None
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            line = next(islice(file, location.line - 1, None), None)
        return None if line is None else caret(line.rstrip("\r\n"), min(location.column - 1, len(line)))


@dataclass(frozen=True, slots=True)
class Request:
    """Which plan is asked for."""

    paths: tuple[str, ...]
    now: datetime
    retry_failed: bool = False
    no_state: bool = False


def make_plan(app: App, workspace: Workspace, request: Request) -> tuple[Plan, Sources]:
    """Load, compare with the state, and judge.

    Raises:
        StateError: the state is missing (unless ``no_state``), foreign or unusable.
    """
    from reconciler.engine import plan as engine

    sources = workspace.sources(app, request.paths)
    diagnostics = sources.diagnostics
    context = make_context(workspace, request)
    context = replace(context, scope=sources.plans if request.paths else None, complete=not _errors(diagnostics))
    if request.no_state or not workspace.trusted:
        return engine.make_plan(sources.rows, (), context, diagnostics, sources.moves), sources
    with workspace.reader() as reader:
        context = replace(context, lineage=reader.lineage, serial=reader.serial)
        return engine.make_plan(sources.rows, reader.entries(), context, diagnostics, sources.moves), sources


def intent_of_row(app: App, workspace: Workspace, address: Address, now: datetime) -> Intent:
    """What an attempt at the row of ``address`` would be, from the plan files.

    Raises:
        ReconcilerError: no plan file has such a row.
    """
    from reconciler import identity, wire
    from reconciler.ports import Intent
    from reconciler.times import ring_time

    row = next((row for row in workspace.sources(app, ()).rows if row.address == address), None)
    if row is None:
        raise ReconcilerError(f"no plan file has a row {address}", hint="reconciler plan lists the addresses")
    rings_at = ring_time(row.rings_at, row.call.delay_minutes, now)
    return Intent(address, row.call, identity.digest(row.call), wire.endpoint(row.call), rings_at)


def make_context(workspace: Workspace, request: Request) -> Context:
    """The engine's context before a state is known."""
    from reconciler.engine.plan import Context

    return Context(
        now=request.now,
        tool_version=__version__,
        lineage=workspace.lineage,
        fields=workspace.project.provider.schedule_fields,
        retry_failed=request.retry_failed,
        git=git.revision(workspace.project.root),
    )


def _errors(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(item.severity == "error" for item in diagnostics)
