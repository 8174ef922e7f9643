"""Find ``reconciler.yaml``, validate it, and read the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeAlias

from reconciler.domain.model import Diagnostic, Location, Severity
from reconciler.domain.settings import (
    DEFAULT_PLANS,
    DEFAULT_STATE,
    PROJECT_FILE,
    Limits,
    Project,
    ProviderSettings,
    SenderNumber,
)
from reconciler.domain.wire import ScheduleFields
from reconciler.quantities import MAX_TIMEOUT
from reconciler.source.report import FileReport, by_place
from reconciler.source.schema.shape import check_shape
from reconciler.source.settings.guards import read_day, read_policy
from reconciler.source.settings.members import child_map, child_text, read_integer, read_rate, read_seconds
from reconciler.source.yaml.loader import Document, load
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar
from reconciler.system import files
from reconciler.system.failures import error_message, next_step

Loaded: TypeAlias = tuple[Project, Document | None, tuple[Diagnostic, ...]]


def find_project(start: Path) -> Path:
    """The nearest folder with a project file, from ``start`` upwards; ``start`` if there is none."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if files.exists(folder / PROJECT_FILE):
            return folder
    return start


def load_project(root: Path) -> Loaded:
    """The settings of the project at ``root``, its file (None if there is none), and its problems.

    With errors, the settings contain only what could be read, and nothing may be applied.
    """
    path = root / PROJECT_FILE
    if not files.exists(path):
        return Project(root), None, ()
    return _load(root, PROJECT_FILE, lambda: files.read_in_project(root, path, files.MAX_SETTINGS))


def load_policy(project: Project, path: Path, name: str) -> Loaded:
    """The project with the policy of another file: a whole project file, or a map with only ``policy``.

    ``name`` is the file's name in diagnostics. With errors, the policy contains only what could be read.
    """
    other, document, diagnostics = _load(
        project.root, name, lambda: files.read_named(path, files.MAX_SETTINGS), alone=True
    )
    changed = replace(
        project,
        policy=other.policy,
        holidays=other.holidays,
        webhook_hosts=other.webhook_hosts,
        plan_max_age=other.plan_max_age,
    )
    return changed, document, diagnostics


def _load(root: Path, name: str, read: Callable[[], bytes], *, alone: bool = False) -> Loaded:
    """Load one file with ``read``. With ``alone``, a file with only ``policy`` is accepted, too."""
    try:
        data = read()
    except OSError as error:
        place = Location(name)
        found = Diagnostic(
            Severity.ERROR, "E113", f"cannot be read: {error_message(error)}", place, next_step(error)
        )
        return Project(root), None, (found,)
    document = load(data, name)
    if not isinstance(document.root, MapNode):
        return Project(root), document, document.diagnostics
    node = document.root
    if alone and list(node.items) == ["policy"]:
        node = MapNode(1, 1, {"version": (Scalar("version", True, 1, 1), Scalar("1", True, 1, 1)), **node.items})
    report = FileReport(name, list(document.diagnostics))
    check_shape(node, "project", report)
    if report.errors:
        report.finish()
        return Project(root), document, by_place(report.diagnostics)
    settings = _settings(root, node, report)
    report.finish()
    return settings, document, by_place(report.diagnostics)


def _settings(root: Path, node: MapNode, report: FileReport) -> Project:
    state = child_map(node, "state")
    policy = child_map(node, "policy")
    max_age = read_seconds(policy, "plan_max_age", report)
    days_off = _holidays(policy, report)
    return Project(
        root=root,
        source=Location(PROJECT_FILE),
        plans=_texts(node, "plans") or DEFAULT_PLANS,
        state_path=child_text(state, "path") or DEFAULT_STATE,
        lineage=child_text(state, "lineage"),
        agents=_names(child_map(node, "agents")),
        numbers=_numbers(child_map(node, "numbers")),
        webhook_hosts=frozenset(_texts(policy, "webhook_hosts")),
        plan_max_age=Project(root).plan_max_age if max_age is None else max_age,
        holidays=days_off,
        limits=_limits(child_map(node, "limits"), report),
        provider=_provider(child_map(node, "provider"), report),
        policy=read_policy(policy, days_off, report),
    )


def settings_cells(document: Document | None) -> dict[str, str]:
    """The settings as a flat mapping from path (``policy.webhook_hosts``) to text as written; a list is one
    text."""
    return {} if document is None else dict(_flat(document.root, ""))


def _flat(node: Node | None, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, MapNode):
        for name, (_, value) in node.items.items():
            yield from _flat(value, f"{path}.{name}" if path else name)
    elif isinstance(node, ListNode):
        yield path, f"[{', '.join(text for item in node.items for _, text in _flat(item, path))}]"
    elif node is not None:
        yield path, node.text


def _holidays(policy: MapNode, report: FileReport) -> frozenset[date]:
    found = policy.get("holidays")
    items = found.items if isinstance(found, ListNode) else ()
    days = (read_day(item, report) for item in items if isinstance(item, Scalar))
    return frozenset(day for day in days if day is not None)


def _limits(node: MapNode, report: FileReport) -> Limits:
    standard = Limits()
    rows, size = read_integer(node, "sheet_rows", report), read_integer(node, "sheet_bytes", report)
    return Limits(standard.sheet_rows if rows is None else rows, standard.sheet_bytes if size is None else size)


def _provider(node: MapNode, report: FileReport) -> ProviderSettings:
    standard = ProviderSettings()
    concurrency = read_integer(node, "concurrency", report)
    timeout = read_seconds(node, "timeout", report, most=MAX_TIMEOUT)
    return ProviderSettings(
        schedule_fields=_schedule_fields(child_map(node, "schedule_fields"), report),
        rate=read_rate(node, "rate", report, standard.rate),
        concurrency=standard.concurrency if concurrency is None else concurrency,
        timeout=standard.timeout if timeout is None else timeout,
    )


def _schedule_fields(node: MapNode, report: FileReport) -> ScheduleFields:
    """Two different names: with the same one, a request would lose the time of its call."""
    standard = ScheduleFields()
    fields = ScheduleFields(
        at=child_text(node, "at") or standard.at, timezone=child_text(node, "timezone") or standard.timezone
    )
    if fields.at == fields.timezone:
        written = [item for item in (node.get("at"), node.get("timezone")) if isinstance(item, Scalar)]
        message = f"schedule_fields: at and timezone are both {fields.at!r}"
        hint = "choose two different names, such as date and timezone"
        report.add_problem("E204", message, written[-1].line, written[-1].column, hint)
        return standard
    return fields


def _numbers(node: MapNode) -> dict[str, SenderNumber]:
    return {
        name: SenderNumber(child_text(value, "id"), child_text(value, "e164"))
        for name, (_, value) in node.items.items()
        if isinstance(value, MapNode)
    }


def _names(node: MapNode) -> dict[str, str]:
    return {name: value.text for name, (_, value) in node.items.items() if isinstance(value, Scalar)}


def _texts(node: MapNode, name: str) -> tuple[str, ...]:
    found = node.get(name)
    items = found.items if isinstance(found, ListNode) else []
    return tuple(item.text for item in items if isinstance(item, Scalar))
