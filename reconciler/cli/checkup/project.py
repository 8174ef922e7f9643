"""The project's files: settings, plan files, and the zones they name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.cli.checkup.finding import Finding, Health
from reconciler.domain.model import Diagnostic
from reconciler.domain.settings import PROJECT_FILE
from reconciler.domain.times import ZONE_RULES
from reconciler.render.words import counted

if TYPE_CHECKING:
    from reconciler.cli.workspace import Workspace
    from reconciler.source.sources import Sources

_VALIDATE = "reconciler validate shows each problem with its place"
_OLD = timedelta(days=2 * 365)
_NO_SUCH_ZONE = "E312"
_NO_FILES = "E403"


def config(workspace: Workspace) -> Finding:
    """Whether ``reconciler.yaml`` is there and can be trusted."""
    project = workspace.project
    if not workspace.trusted:
        return Finding("config", Health.FAIL, _first(PROJECT_FILE, _errors(workspace.diagnostics)), _VALIDATE)
    if project.source is None:
        hint = "cd into the project, pass -C DIR, or make one: reconciler init"
        return Finding("config", Health.WARN, f"no {PROJECT_FILE} in {project.root} or above", hint)
    agents, numbers = counted(len(project.agents), "agent"), counted(len(project.numbers), "number")
    if project.lineage is None:
        hint = "pin the state's lineage: state.lineage, as reconciler state show prints it"
        told = f"{PROJECT_FILE} pins no lineage: any state would be taken for this project's"
        return Finding("config", Health.WARN, told, hint)
    return Finding("config", Health.OK, f"{project.root / PROJECT_FILE}: {agents}, {numbers}")


def plans(sources: Sources) -> Finding:
    """Whether the plan files can be read."""
    in_files = [
        item for item in sources.diagnostics if item.location is None or item.location.file != PROJECT_FILE
    ]
    found = _errors(in_files)
    if found and {item.code for item in found} != {_NO_FILES}:
        return Finding("plans", Health.FAIL, _first("plan files", found), _VALIDATE)
    rows, names = counted(len(sources.rows), "row"), counted(len(sources.plans), "plan")
    if not sources.plans:
        hint = "write calls/first.yaml; reconciler help plan-files says how"
        return Finding("plans", Health.WARN, "no plan files", hint)
    return Finding("plans", Health.OK, f"{rows} in {names}")


def zones(sources: Sources, now: datetime) -> Finding:
    """Whether the zones of the rows are places, and how old the rules are that all zones are read by."""
    unknown = [item for item in sources.diagnostics if item.code == _NO_SUCH_ZONE]
    if unknown:
        return Finding("zones", Health.FAIL, _first("zones", unknown), "places, such as America/Mexico_City")
    used = sorted({row.call.schedule.timezone for row in sources.rows if row.call.schedule is not None})
    listed = ", ".join(used) if len(used) < 4 else counted(len(used), "zone")
    message = f"tzdata {ZONE_RULES}; {listed or 'no zone in use'}"
    if now - datetime(int(ZONE_RULES[:4]), 1, 1, tzinfo=UTC) > _OLD:
        message += ": old, and rules may have changed"
        return Finding("zones", Health.WARN, message, "pip install --upgrade tzdata")
    return Finding("zones", Health.OK, message)


def _errors(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [item for item in diagnostics if item.is_error]


def _first(what: str, found: Sequence[Diagnostic]) -> str:
    """How many, and where the first is: its message may quote what is private, its place and code do not."""
    first = found[0]
    where = "" if first.location is None else f" at {first.location}"
    return f"{what}: {counted(len(found), 'error')}, the first is {first.code}{where}"
