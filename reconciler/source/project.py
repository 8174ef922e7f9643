"""``reconciler.yaml``: found, checked, and read into settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeAlias

from reconciler.model import Diagnostic, Location, Severity
from reconciler.settings import (
    DEFAULT_PLANS,
    DEFAULT_STATE,
    PROJECT_FILE,
    Limits,
    Project,
    ProviderSettings,
    SenderNumber,
    parse_duration,
    parse_rate,
)
from reconciler.source.guards import read_day, read_policy
from reconciler.source.nodes import ListNode, MapNode, Node, Scalar
from reconciler.source.report import Report, by_place
from reconciler.source.shape import check_shape
from reconciler.source.yaml import Document, load
from reconciler.wire import ScheduleFields

Loaded: TypeAlias = tuple[Project, Document | None, tuple[Diagnostic, ...]]


def find_project(start: Path) -> Path:
    """The nearest folder, from ``start`` upwards, that holds a project file; ``start`` where there is none."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    return start


def load_project(root: Path) -> Loaded:
    """The settings of the project at ``root``, its file (None where there is none), and what is wrong with it.

    With errors the settings hold what could be read; nothing may be applied then.
    """
    path = root / PROJECT_FILE
    return _load(root, path, PROJECT_FILE) if path.exists() else (Project(root), None, ())


def load_policy(project: Project, path: Path, name: str) -> Loaded:
    """The project with the policy of another file, a whole project file or a map with ``policy`` alone.

    ``name`` is what diagnostics call the file. With errors the policy holds what could be read.
    """
    other, document, diagnostics = _load(project.root, path, name, alone=True)
    changed = replace(
        project,
        policy=other.policy,
        holidays=other.holidays,
        webhook_hosts=other.webhook_hosts,
        plan_max_age=other.plan_max_age,
    )
    return changed, document, diagnostics


def _load(root: Path, path: Path, name: str, *, alone: bool = False) -> Loaded:
    """One file. With ``alone`` it may have ``policy`` and nothing else."""
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        return Project(root), None, (Diagnostic(Severity.ERROR, "E113", message, Location(name)),)
    document = load(data, name)
    if not isinstance(document.root, MapNode):
        return Project(root), document, document.diagnostics
    node = document.root
    if alone and list(node.items) == ["policy"]:
        node = MapNode(1, 1, {"version": (Scalar("version", True, 1, 1), Scalar("1", True, 1, 1)), **node.items})
    report = Report(name, list(document.diagnostics))
    check_shape(node, "project", report)
    if report.errors:
        return Project(root), document, by_place(report.found)
    return _settings(root, node, report), document, by_place(report.found)


def _settings(root: Path, node: MapNode, report: Report) -> Project:
    state = _map(node, "state")
    policy = _map(node, "policy")
    max_age = _text(policy, "plan_max_age")
    days_off = _holidays(policy, report)
    return Project(
        root=root,
        source=Location(PROJECT_FILE),
        plans=_texts(node, "plans") or DEFAULT_PLANS,
        state_path=_text(state, "path") or DEFAULT_STATE,
        lineage=_text(state, "lineage"),
        agents=_names(_map(node, "agents")),
        numbers=_numbers(_map(node, "numbers")),
        webhook_hosts=frozenset(_texts(policy, "webhook_hosts")),
        plan_max_age=Project(root).plan_max_age if max_age is None else parse_duration(max_age),
        holidays=days_off,
        limits=_limits(_map(node, "limits")),
        provider=_provider(_map(node, "provider")),
        policy=read_policy(policy, days_off, report),
    )


def settings_cells(document: Document | None) -> dict[str, str]:
    """The settings as a flat map from path (``policy.webhook_hosts``) to text as written; a list is one text."""
    return {} if document is None else dict(_flat(document.root, ""))


def _flat(node: Node | None, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, MapNode):
        for name, (_, value) in node.items.items():
            yield from _flat(value, f"{path}.{name}" if path else name)
    elif isinstance(node, ListNode):
        yield path, f"[{', '.join(text for item in node.items for _, text in _flat(item, path))}]"
    elif node is not None:
        yield path, node.text


def _holidays(policy: MapNode, report: Report) -> frozenset[date]:
    found = policy.get("holidays")
    items = found.items if isinstance(found, ListNode) else ()
    days = (read_day(item, report) for item in items if isinstance(item, Scalar))
    return frozenset(day for day in days if day is not None)


def _limits(node: MapNode) -> Limits:
    standard = Limits()
    rows, size = _text(node, "sheet_rows"), _text(node, "sheet_bytes")
    return Limits(
        standard.sheet_rows if rows is None else int(rows), standard.sheet_bytes if size is None else int(size)
    )


def _provider(node: MapNode) -> ProviderSettings:
    standard, fields = ProviderSettings(), _map(node, "schedule_fields")
    rate, concurrency, timeout = _text(node, "rate"), _text(node, "concurrency"), _text(node, "timeout")
    return ProviderSettings(
        schedule_fields=ScheduleFields(
            _text(fields, "at") or standard.schedule_fields.at,
            _text(fields, "timezone") or standard.schedule_fields.timezone,
        ),
        rate=standard.rate if rate is None else parse_rate(rate),
        concurrency=standard.concurrency if concurrency is None else int(concurrency),
        timeout=standard.timeout if timeout is None else parse_duration(timeout),
    )


def _numbers(node: MapNode) -> dict[str, SenderNumber]:
    return {
        name: SenderNumber(_text(value, "id"), _text(value, "e164"))
        for name, (_, value) in node.items.items()
        if isinstance(value, MapNode)
    }


def _names(node: MapNode) -> dict[str, str]:
    return {name: value.text for name, (_, value) in node.items.items() if isinstance(value, Scalar)}


def _map(node: MapNode, name: str) -> MapNode:
    found = node.get(name)
    return found if isinstance(found, MapNode) else MapNode(1, 1)


def _text(node: MapNode, name: str) -> str | None:
    found = node.get(name)
    return found.text if isinstance(found, Scalar) else None


def _texts(node: MapNode, name: str) -> tuple[str, ...]:
    found = node.get(name)
    items = found.items if isinstance(found, ListNode) else []
    return tuple(item.text for item in items if isinstance(item, Scalar))
