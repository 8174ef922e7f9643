"""The project's files: settings, plan files, and the time zones that they use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.cli.doctor.check import CheckResult, Health
from reconciler.domain.model import Diagnostic
from reconciler.domain.settings import EDITOR_SCHEMA, PROJECT_FILE
from reconciler.domain.times import ZONE_RULES
from reconciler.quantities import format_count
from reconciler.source.schema.packaged import schema_text

if TYPE_CHECKING:
    from reconciler.cli.workspace import Workspace
    from reconciler.source.sources import Sources

_VALIDATE = "run reconciler validate, which shows the location of each problem"
_OLD = timedelta(days=2 * 365)
_NO_SUCH_ZONE = "E312"
_NO_FILES = "E403"


def config(workspace: Workspace) -> CheckResult:
    """Whether ``reconciler.yaml`` exists and pins the state."""
    project = workspace.project
    if not workspace.trusted:
        return CheckResult("config", Health.FAIL, _first(PROJECT_FILE, _errors(workspace.diagnostics)), _VALIDATE)
    if project.source is None:
        hint = "change to the project's folder, pass -C DIR, or create a project: reconciler init"
        return CheckResult("config", Health.WARN, f"no {PROJECT_FILE} in {project.root} or above", hint)
    agents, numbers = format_count(len(project.agents), "agent"), format_count(len(project.numbers), "number")
    if project.lineage is None:
        hint = "set state.lineage to the lineage that reconciler state show prints"
        note = f"{PROJECT_FILE} pins no lineage, so any state would be accepted"
        return CheckResult("config", Health.WARN, note, hint)
    return CheckResult("config", Health.OK, f"{project.root / PROJECT_FILE}: {agents}, {numbers}")


def plans(sources: Sources) -> CheckResult:
    """Whether the plan files can be read."""
    in_files = [
        item for item in sources.diagnostics if item.location is None or item.location.file != PROJECT_FILE
    ]
    found = _errors(in_files)
    if found and {item.code for item in found} != {_NO_FILES}:
        return CheckResult("plans", Health.FAIL, _first("plan files", found), _VALIDATE)
    rows, names = format_count(len(sources.rows), "row"), format_count(len(sources.plans), "plan")
    if not sources.plans:
        hint = "create calls/first.yaml (see reconciler help plan-files)"
        return CheckResult("plans", Health.WARN, "no plan files", hint)
    return CheckResult("plans", Health.OK, f"{rows} in {names}")


def schema(workspace: Workspace) -> CheckResult:
    """Whether the schemas beside the plan files, which editors use, are those of this version."""
    root = workspace.project.root
    copies = [path for path in sorted(root.glob(f"*/{EDITOR_SCHEMA}")) if path.is_file() and not path.is_symlink()]
    if not copies:
        return CheckResult("schema", Health.SKIP, "no schema for editors beside the plan files")
    old = [path for path in copies if path.read_bytes() != schema_text("callplan").encode()]
    if old:
        name = old[0].relative_to(root)
        hint = f"reconciler schema callplan > {name}"
        return CheckResult("schema", Health.WARN, f"{name} is not the schema of this version", hint)
    return CheckResult("schema", Health.OK, f"{copies[0].relative_to(root)} is the schema of this version")


def zones(sources: Sources, now: datetime) -> CheckResult:
    """Whether the zones of the rows exist, and how old the time zone rules are."""
    unknown = [item for item in sources.diagnostics if item.code == _NO_SUCH_ZONE]
    if unknown:
        return CheckResult(
            "zones", Health.FAIL, _first("zones", unknown), "use the name of a place, such as America/Mexico_City"
        )
    used = sorted({row.call.schedule.timezone for row in sources.rows if row.call.schedule is not None})
    listed = ", ".join(used) if len(used) < 4 else format_count(len(used), "zone")
    message = f"tzdata {ZONE_RULES}; {listed or 'no zone in use'}"
    if now - datetime(int(ZONE_RULES[:4]), 1, 1, tzinfo=UTC) > _OLD:
        message += ": old, so the rules may have changed"
        return CheckResult("zones", Health.WARN, message, "pip install --upgrade tzdata")
    return CheckResult("zones", Health.OK, message)


def _errors(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [item for item in diagnostics if item.is_error]


def _first(what: str, found: Sequence[Diagnostic]) -> str:
    """The number of errors, and the location of the first. Its message may quote private data, its location and
    code do not.
    """
    first = found[0]
    where = "" if first.location is None else f" at {first.location}"
    return f"{what}: {format_count(len(found), 'error')}, the first is {first.code}{where}"
