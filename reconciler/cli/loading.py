"""From files and state to a plan: shared by the commands that start from plan files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import __version__, collector
from reconciler.cli import git
from reconciler.errors import ReconcilerError, Refused, UsageError
from reconciler.settings import PROJECT_FILE

if TYPE_CHECKING:
    from reconciler.claims import JointStore
    from reconciler.cli.app import App
    from reconciler.cli.base import BaseFiles
    from reconciler.engine.plan import Context
    from reconciler.model import Address, Diagnostic, Entry, Lifted, Location, Plan, Row
    from reconciler.people import People
    from reconciler.ports import Intent, Run, StateReader, StateStore
    from reconciler.settings import Project
    from reconciler.source.frame import Watch
    from reconciler.source.sources import Sources
    from reconciler.source.yaml import Document
    from reconciler.state.place import Place
    from reconciler.state.postgres.server import Server

LINEAGE_VARIABLE = "RECONCILER_LINEAGE"
SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Workspace:
    """One project, and where its state is. ``document`` is ``reconciler.yaml``, ``diagnostics`` its problems.

    ``file`` is None where the state is on a ``server``. ``snapshot`` says that the file is a snapshot of a state,
    which can be planned against and nothing else.
    ``policy_file`` is the file whose policy stands in for the project's.
    """

    project: Project
    file: Path | None
    lineage: str | None
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
        from reconciler.source.project import find_project, load_project
        from reconciler.state.postgres.url import is_server

        project, document, diagnostics = load_project(find_project(app.directory))
        path, snapshot = project.root / project.state_path, False
        lineage = os.environ.get(LINEAGE_VARIABLE) or project.lineage
        if state_url and is_server(state_url):
            return cls(project, None, lineage, document, diagnostics, server=locate_server(state_url))
        if state_url:
            path, snapshot = _locate(app.directory, state_url)
        if snapshot and not snapshot_does:
            hint = "plan and status take one; for everything else give the state itself: --state PATH"
            raise Refused(f"{state_url} is a snapshot: it tells what was placed, and is not the state", hint=hint)
        return cls(project, path, lineage, document, diagnostics, snapshot)

    def under(self, app: App, policy: Path) -> Workspace:
        """The same project under the policy of another file, to ask what its rules would say."""
        from reconciler.source.project import load_policy

        project, document, diagnostics = load_policy(self.project, app.directory / policy, str(policy))
        found = (*self.diagnostics, *diagnostics)
        return replace(self, project=project, diagnostics=found, policy_file=document)

    def sources(self, app: App, paths: Sequence[str], watch: Watch | None = None) -> Sources:
        """Rows of the named files and folders, or of the whole project where none are named.

        ``watch`` is told how each row was made.
        """
        from reconciler.source.sources import load_sources

        named = [app.directory / path for path in paths] if paths else None
        with collector.paused():
            found = load_sources(self.project, named, watch)
        own = {item.file: item for item in (self.document, self.policy_file) if item is not None}
        return replace(found, files={**found.files, **own}, diagnostics=(*self.diagnostics, *found.diagnostics))

    def people(self, now: datetime) -> tuple[People, tuple[Diagnostic, ...]]:
        """What the lists of people say that the policy names, read now, and what is wrong with them."""
        from reconciler.people import People
        from reconciler.source.people import read_people

        policy = self.project.policy
        if not policy.suppression and policy.contacts is None:
            return People(), ()
        return read_people(self.project, now)

    @property
    def trusted(self) -> bool:
        """Whether the settings could be read: with errors in them, nobody knows which state is meant."""
        return not _errors(self.diagnostics)

    def check(self) -> None:
        """Raises ``ReconcilerError`` where the settings cannot be trusted."""
        if not self.trusted:
            raise ReconcilerError(f"{PROJECT_FILE} has errors", hint="reconciler validate shows them")

    def settings_digest(self) -> str | None:
        """Which ``reconciler.yaml`` it was, as a hash of its bytes; None where there is none."""
        return self.digest_of(PROJECT_FILE)

    def digest_of(self, path: str) -> str | None:
        """A file of the project as a hash of its bytes; None where there is none."""
        file = self.project.root / path
        return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" if file.is_file() else None

    @property
    def state_path(self) -> Path:
        """The file that the state, or a snapshot of it, is in.

        Raises:
            Refused: the state is on a server, and what asks for this can only do with a file.
        """
        if self.file is None:
            hint = "pg_dump copies it, and psql or pg_restore bring it back; the server's own backups hold it too"
            raise Refused(f"this works on a state's file, and the state is on a server ({self.server})", hint=hint)
        return self.file

    @property
    def place(self) -> Place:
        """The state itself, wherever it is. Raises as ``check``."""
        self.check()
        if self.server is not None:
            from reconciler.state.postgres.state import PostgresState

            return PostgresState(self.server, self.lineage)
        from reconciler.state.sqlite import SqliteState

        return SqliteState(self.state_path, self.lineage)

    def reader(self) -> AbstractContextManager[StateReader]:
        return self.place.reader()

    def store(self, run: Run, lock_timeout: float) -> AbstractContextManager[StateStore]:
        return self.place.store(run, lock_timeout)

    def join(self, run: Run, lock_timeout: float) -> AbstractContextManager[JointStore]:
        """The state, beside other runners of the same plan.

        Raises:
            UsageError: it is a file, which one run writes at a time.
        """
        if self.server is None:
            hint = "--state postgresql://…, or RECONCILER_STATE; an SQLite state has one runner at a time"
            raise UsageError("--join needs a state in PostgreSQL", hint=hint)
        from reconciler.state.postgres.state import PostgresState

        self.check()
        return PostgresState(self.server, self.lineage).join(run, lock_timeout)


def locate_server(url: str) -> Server:
    """The server of a state's URL.

    Raises:
        ReconcilerError: what talks to servers is not installed.
        UsageError: the URL cannot be used.
    """
    try:
        from reconciler.state.postgres.server import resolve
    except ImportError as error:
        hint = "pip install 'call-reconciler[postgres]'"
        raise ReconcilerError(f"a state in PostgreSQL needs psycopg ({error})", hint=hint) from error
    return resolve(url)


def _locate(directory: Path, url: str) -> tuple[Path, bool]:
    """Where a state is, and whether it is a snapshot."""
    scheme, separator, rest = url.partition(":")
    if separator and scheme == SNAPSHOT:
        return directory / rest, True
    if separator and len(scheme) > 1 and scheme.isalnum():
        hint = f"give the path of an SQLite file, postgresql://…, or {SNAPSHOT}:FILE"
        raise UsageError(f"state {scheme}: is not supported by this version", hint=hint)
    return directory / url, False


@dataclass(frozen=True, slots=True)
class Excerpts:
    """The source line of a location, with a caret, where the file is at hand."""

    sources: Sources

    def reader(self, *, masked: bool) -> Callable[[Location], str | None]:
        from reconciler.source.excerpt import Quotes

        quotes: dict[str, Quotes] = {}

        def read(location: Location) -> str | None:
            document = self.sources.files.get(location.file)
            if document is None:
                return None if masked else self._sheet_line(location)
            if location.file not in quotes:
                quotes[location.file] = Quotes(document, masked=masked)
            return quotes[location.file].excerpt(location)

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
    """Which plan is asked for. ``base`` is the git ref to compare the files with, ``lifted`` are guards that a
    person lifts for it."""

    paths: tuple[str, ...]
    now: datetime
    retry_failed: bool = False
    no_state: bool = False
    base: str | None = None
    lifted: tuple[Lifted, ...] = ()


def make_plan(app: App, workspace: Workspace, request: Request) -> tuple[Plan, Sources]:
    """Load, compare with the state, and judge.

    Raises:
        StateError: the state is missing (unless ``no_state``), foreign or unusable.
    """
    from reconciler.engine.branch import introduce
    from reconciler.engine.plan import make_plan as compare

    sources = workspace.sources(app, request.paths)
    context, sources = planning(workspace, request, sources)
    base = _load_base(app, workspace, request)
    diagnostics = sources.diagnostics if base is None else (*sources.diagnostics, *base.diagnostics)
    placed = known(workspace, request, context, () if base is None else base.rows)
    with placed as (context, entries), collector.paused():
        plan = compare(sources.rows, entries, context, diagnostics, sources.moves)
    return plan if base is None else introduce(plan, sources.rows, base.rows, base.base), sources


def _load_base(app: App, workspace: Workspace, request: Request) -> BaseFiles | None:
    if request.base is None:
        return None
    from reconciler.cli.base import load_base

    return load_base(app, workspace, request.paths, request.base)


@contextmanager
def known(
    workspace: Workspace, request: Request, context: Context, base: Iterable[Row]
) -> Iterator[tuple[Context, Iterable[Entry]]]:
    """What was placed, and the context that says from where. A snapshot's old values are told from ``base``."""
    if request.no_state or not workspace.trusted:
        yield context, ()
    elif workspace.snapshot:
        from reconciler.blinding import Blind
        from reconciler.state import snapshot

        taken = snapshot.read(workspace.state_path, lineage=workspace.lineage)
        view = Blind(taken.key).knowing(row.call for row in base)
        context = replace(context, lineage=taken.lineage, serial=taken.serial, snapshot_at=taken.created_at)
        yield replace(context, view=view), taken.entries
    else:
        with workspace.reader() as reader:
            yield replace(context, lineage=reader.lineage, serial=reader.serial), reader.entries()


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


def planning(workspace: Workspace, request: Request, sources: Sources) -> tuple[Context, Sources]:
    """The context of a plan of these files, before a state is known, and what is wrong with the lists of people
    told beside what is wrong with the files."""
    people, problems = workspace.people(request.now)
    sources = replace(sources, diagnostics=(*sources.diagnostics, *problems))
    context = make_context(workspace, request)
    scope = sources.plans if request.paths else None
    return replace(context, people=people, scope=scope, complete=not _errors(sources.diagnostics)), sources


def make_context(workspace: Workspace, request: Request) -> Context:
    """The engine's context before a state is known."""
    from reconciler.engine.lifting import lift
    from reconciler.engine.plan import Context

    context = Context(
        now=request.now,
        tool_version=__version__,
        lineage=workspace.lineage,
        fields=workspace.project.provider.schedule_fields,
        retry_failed=request.retry_failed,
        git=git.revision(workspace.project.root),
        policy=workspace.project.policy,
    )
    return lift(context, request.lifted)


def _errors(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(item.is_error for item in diagnostics)
