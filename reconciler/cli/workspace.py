"""A project and the place of its state, the starting point of every command."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.bulk.garbage import collection_paused
from reconciler.domain.model import Diagnostic, Location, Severity
from reconciler.domain.people import People
from reconciler.domain.settings import DEFAULT_STATE, PROJECT_FILE
from reconciler.errors import ReconcilerError, Refused, StateMissing, UsageError
from reconciler.source.codes import FROM_SETTINGS
from reconciler.source.settings.people import read_people
from reconciler.source.settings.project import find_project, load_policy, load_project
from reconciler.source.sources import load_sources
from reconciler.state.postgres.url import is_server
from reconciler.system.environment import LINEAGE, variable
from reconciler.system.files import open_in_project

if TYPE_CHECKING:
    from reconciler.cli.app import App
    from reconciler.domain.claims import JointStore
    from reconciler.domain.ports import Run, StateReader, StateStore
    from reconciler.domain.settings import Project
    from reconciler.source.rows.row import Watch
    from reconciler.source.sources import Sources
    from reconciler.source.yaml.loader import Document
    from reconciler.state.backend import StateBackend
    from reconciler.state.postgres.server import Server
    from reconciler.state.postgres.state import PostgresState

SNAPSHOT = "snapshot"
_NEVER_HERE = (
    "in a new project, run: reconciler state init. If calls were placed from elsewhere, copy their state here, or "
    "rebuild it from the service: reconciler state rebuild. To plan without a state: plan --no-state"
)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A project and the place of its state. ``document`` is ``reconciler.yaml``, ``diagnostics`` its problems.

    ``file`` is None if the state is on a ``server``. ``snapshot``: the file is a snapshot of a state, which can
    only be planned against. ``policy_file`` is the file whose policy replaces the project's.
    """

    project: Project
    file: Path | None
    document: Document | None
    diagnostics: tuple[Diagnostic, ...]
    snapshot: bool = False
    policy_file: Document | None = None
    server: Server | None = None

    @classmethod
    def open(cls, app: App, state_url: str | None, *, snapshot_does: bool = False) -> Workspace:
        """The project around the working directory.

        Raises:
            Refused: ``state_url`` is a snapshot, and the command needs the state itself.
        """
        project, document, diagnostics = load_project(find_project(app.directory))
        path, snapshot = project.root / project.state_path, False
        if state_url and is_server(state_url):
            return cls(project, None, document, diagnostics, server=locate_server(state_url))
        if state_url:
            path, snapshot = _locate(app.directory, state_url)
        elif not Path(os.path.realpath(path)).is_relative_to(project.root):
            diagnostics = (*diagnostics, _outside(project))
        if snapshot and not snapshot_does:
            hint = "only plan and status accept a snapshot. Pass the state itself: --state PATH"
            raise Refused(f"{state_url} is a snapshot of a state, not the state", hint=hint)
        return cls(project, path, document, diagnostics, snapshot)

    @property
    def lineage(self) -> str | None:
        """The lineage that the state must have, None if any is accepted. ``UsageError``: its variable is empty."""
        return variable(LINEAGE) or self.project.lineage

    def under(self, app: App, policy: Path) -> Workspace:
        """The same project with the policy of another file, to see what its rules would do."""
        project, document, diagnostics = load_policy(self.project, app.directory / policy, str(policy))
        found = (*self.diagnostics, *diagnostics)
        return replace(self, project=project, diagnostics=found, policy_file=document)

    def sources(
        self, app: App, paths: Sequence[str], watch: Watch | None = None, people: People | None = None
    ) -> Sources:
        """Rows of the named files and folders, or of the whole project if none are named.

        ``watch`` receives the origin of each row. ``people`` is the result of ``people()``, if it was already
        read. If the settings have errors, problems that may only follow from these are left out.
        """
        named = [app.directory / path for path in paths] if paths else None
        with collection_paused():
            found = load_sources(self.project, named, watch, people)
        own = {item.file: item for item in (self.document, self.policy_file) if item is not None}
        problems = [item for item in found.diagnostics if self.trusted or item.code not in FROM_SETTINGS]
        return replace(found, files={**found.files, **own}, diagnostics=(*self.diagnostics, *problems))

    def people(self, now: datetime) -> tuple[People, tuple[Diagnostic, ...]]:
        """The contents of the policy's people lists, read now, and the problems in them."""
        policy = self.project.policy
        if not policy.suppression and policy.contacts is None:
            return People(), ()
        return read_people(self.project, now)

    @property
    def trusted(self) -> bool:
        """Whether the settings could be read; with errors in them, the place of the state is unknown."""
        return not any(item.is_error for item in self.diagnostics)

    def check(self) -> None:
        """Raise ``ReconcilerError`` if the settings have errors."""
        if not self.trusted:
            raise ReconcilerError(f"{PROJECT_FILE} has errors", hint="run reconciler validate to see them")

    def settings_digest(self) -> str | None:
        """A hash of the bytes of ``reconciler.yaml``; None if there is none."""
        return self.digest_of(PROJECT_FILE)

    def digest_of(self, path: str) -> str | None:
        """A hash of the bytes of a project file; None if there is none."""
        try:
            handle = open_in_project(self.project.root, self.project.root / path)
        except FileNotFoundError:
            return None
        with open(handle, "rb") as file:  # noqa: PTH123 - a descriptor
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"

    @property
    def state_path(self) -> Path:
        """The path of the state, or of a snapshot of it.

        Raises:
            Refused: the state is on a server, and the command works only on a file.
        """
        if self.file is None:
            hint = "use pg_dump to copy it, and psql or pg_restore to restore it, or the server's own backups"
            raise Refused(
                f"this command needs a state in a file, but the state is on a server ({self.server})", hint=hint
            )
        return self.file

    @property
    def place(self) -> StateBackend:
        """The place of the state. Raises as ``check``."""
        self.check()
        if self.server is not None:
            return postgres_state(self.server, self.lineage)

        from reconciler.state.sqlite.state import SqliteState  # noqa: PLC0415 - a plan against a snapshot opens no state

        return SqliteState(self.state_path, self.lineage)

    def reader(self) -> AbstractContextManager[StateReader]:
        """The state for reading. Raises ``StateMissing`` if there is none, or no project."""
        self._check_there()
        return self.place.reader()

    def store(self, run: Run, lock_timeout: float) -> AbstractContextManager[StateStore]:
        """The state for writing. Raises as ``reader``."""
        self._check_there()
        return self.place.store(run, lock_timeout)

    def _check_there(self) -> None:
        """Distinguish a folder that is not a project, and a state that never existed here, from a lost state."""
        if self.file is None or self.file.exists():
            return
        standard = self.project.root / DEFAULT_STATE
        if self.project.source is None and self.file == standard:
            message = f"this folder is not a project: it has no {PROJECT_FILE} and no state"
            raise StateMissing(
                message, hint="run reconciler init to create one here, or pass -C DIR for another folder"
            )
        if not self.file.parent.exists():
            raise StateMissing(f"this project has no state yet on this machine ({self.file})", hint=_NEVER_HERE)

    def join(self, run: Run, lock_timeout: float) -> AbstractContextManager[JointStore]:
        """The state, shared with other runners of the same plan.

        Raises:
            UsageError: it is a file, which only one run can write at a time.
        """
        if self.server is None:
            hint = "pass --state postgresql://… or set RECONCILER_STATE; an SQLite state has one runner at a time"
            raise UsageError("--join needs a state in PostgreSQL", hint=hint)

        self.check()
        return postgres_state(self.server, self.lineage).join(run, lock_timeout)


def postgres_state(server: Server, lineage: str | None = None) -> PostgresState:
    """The state on a server. ``locate_server`` has checked that psycopg is installed."""
    from reconciler.state.postgres.state import PostgresState  # noqa: PLC0415 - psycopg

    return PostgresState(server, lineage)


def locate_server(url: str) -> Server:
    """The server of a state's URL.

    Raises:
        ReconcilerError: psycopg is not installed.
        UsageError: the URL cannot be used.
    """
    try:
        from reconciler.state.postgres.server import resolve  # noqa: PLC0415 - psycopg, if it is installed
    except ImportError as error:
        hint = "install it: pip install 'call-reconciler[postgres]'"
        raise ReconcilerError(f"a state in PostgreSQL needs psycopg ({error})", hint=hint) from error
    return resolve(url)


def _outside(project: Project) -> Diagnostic:
    message = f"the path of the state {project.state_path} has a link that leads out of the project"
    hint = "pass it with --state PATH or RECONCILER_STATE"
    return Diagnostic(Severity.ERROR, "E404", message, project.source or Location(PROJECT_FILE), hint)


def _locate(directory: Path, url: str) -> tuple[Path, bool]:
    """The path of a state, and whether it is a snapshot."""
    scheme, separator, rest = url.partition(":")
    if separator and scheme == SNAPSHOT:
        return directory / rest, True
    if separator and len(scheme) > 1 and scheme.isalnum():
        hint = f"pass the path of an SQLite file, postgresql://…, or {SNAPSHOT}:FILE"
        raise UsageError(f"the state {scheme}: is not supported by this version", hint=hint)
    return directory / url, False
