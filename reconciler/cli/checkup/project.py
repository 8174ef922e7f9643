"""The project's files: settings, plan files, and the zones they name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import metadata, resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from reconciler.cli.checkup.finding import Finding, Health
from reconciler.model import Diagnostic
from reconciler.render.words import counted
from reconciler.settings import PROJECT_FILE
from reconciler.times import parse_wall, zone

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
    """Whether the zones of the rows exist, and whether this machine's rules for them are those of tzdata.

    Python reads the system's zone data first. Where they are older than tzdata's, a call rings at another instant
    than a colleague's plan says.
    """
    version = metadata.version("tzdata")
    unknown = [item for item in sources.diagnostics if item.code == _NO_SUCH_ZONE]
    if unknown:
        return Finding("zones", Health.FAIL, _first("zones", unknown), "IANA names, such as America/Mexico_City")
    schedules = {row.call.schedule for row in sources.rows if row.call.schedule is not None}
    used = sorted({schedule.timezone for schedule in schedules})
    told = f"tzdata {version}; {', '.join(used) if len(used) < 4 else counted(len(used), 'zone')}"
    differing = sorted({item.timezone for item in schedules if _differs(item.at, item.timezone)})
    if differing:
        message = f"the system's rules for {', '.join(differing)} are not those of tzdata {version}"
        return Finding("zones", Health.WARN, message, "update the older: the system's zone data, or pip's tzdata")
    if now - datetime(int(version[:4]), 1, 1, tzinfo=UTC) > _OLD:
        told += ": old, and rules may have changed"
        return Finding("zones", Health.WARN, told, "pip install --upgrade tzdata")
    return Finding("zones", Health.OK, told if used else f"tzdata {version}; no zone in use")


def _differs(at: str, timezone: str) -> bool:
    ours, wall = zone(timezone), parse_wall(at)
    packaged = resources.files("tzdata").joinpath("zoneinfo", *timezone.split("/"))
    with packaged.open("rb") as file:
        theirs = ZoneInfo.from_file(file, timezone)
    return ours is not None and wall.replace(tzinfo=ours).utcoffset() != wall.replace(tzinfo=theirs).utcoffset()


def _errors(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [item for item in diagnostics if item.is_error]


def _first(what: str, found: Sequence[Diagnostic]) -> str:
    """How many, and where the first is: its message may quote what is private, its place and code do not."""
    first = found[0]
    where = "" if first.location is None else f" at {first.location}"
    return f"{what}: {counted(len(found), 'error')}, the first is {first.code}{where}"
