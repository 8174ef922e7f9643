"""Find ``reconciler.yaml``, validate it, and read the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from reconciler.domain.diagnostics import by_place
from reconciler.domain.model import Diagnostic, Location, Severity
from reconciler.domain.settings import (
    PROJECT_FILE,
    Limits,
    Project,
    ProviderSettings,
    SenderNumber,
)
from reconciler.domain.wire import ScheduleFields
from reconciler.quantities import MAX_TIMEOUT
from reconciler.source.report import FileReport
from reconciler.source.schema.shape import check_shape
from reconciler.source.settings.policy import read_policy
from reconciler.source.settings.section import Section, read_day
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
    unread = Project(root, source=Location(PROJECT_FILE))
    try:
        data = read()
    except OSError as error:
        message = f"cannot be read: {error_message(error)}"
        problem = Diagnostic(Severity.ERROR, "E113", message, Location(name), next_step(error))
        return unread, None, (problem,)
    document = load(data, name)
    if not isinstance(document.root, MapNode):
        return unread, document, document.diagnostics
    node = document.root
    if alone and list(node.items) == ["policy"]:
        node = MapNode(1, 1, {"version": (Scalar("version", True, 1, 1), Scalar("1", True, 1, 1)), **node.items})
    report = FileReport(name, list(document.diagnostics))
    check_shape(node, "project", report)
    if report.errors:
        report.finish()
        return unread, document, by_place(report.diagnostics)
    settings = _settings(root, Section(node, report))
    report.finish()
    return settings, document, by_place(report.diagnostics)


def _settings(root: Path, settings: Section) -> Project:
    state, policy, limits = map(settings.section, ("state", "policy", "limits"))
    days = (read_day(item, settings.report) for item in policy.scalars("holidays"))
    holidays = frozenset(day for day in days if day is not None)
    default = Project(root)
    return Project(
        root=root,
        source=Location(PROJECT_FILE),
        plans=settings.texts("plans") or default.plans,
        state_path=state.text("path") or default.state_path,
        lineage=state.text("lineage"),
        agents=settings.section("agents").by_name(),
        numbers=dict(_numbers(settings.section("numbers"))),
        webhook_hosts=frozenset(policy.texts("webhook_hosts")),
        plan_max_age=policy.seconds("plan_max_age") or default.plan_max_age,
        holidays=holidays,
        limits=Limits(
            sheet_rows=limits.integer("sheet_rows") or default.limits.sheet_rows,
            sheet_bytes=limits.integer("sheet_bytes") or default.limits.sheet_bytes,
        ),
        provider=_provider(settings.section("provider"), default.provider),
        policy=read_policy(policy, holidays),
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


def _provider(provider: Section, default: ProviderSettings) -> ProviderSettings:
    return ProviderSettings(
        schedule_fields=_schedule_fields(provider.section("schedule_fields"), default.schedule_fields),
        rate=provider.rate("rate", default.rate),
        concurrency=provider.integer("concurrency") or default.concurrency,
        timeout=provider.seconds("timeout", most=MAX_TIMEOUT) or default.timeout,
    )


def _schedule_fields(names: Section, default: ScheduleFields) -> ScheduleFields:
    """Two different names: with the same one, a request would lose the time of its call."""
    at, timezone = names.scalar("at"), names.scalar("timezone")
    fields = ScheduleFields(
        at=at.text if at else default.at, timezone=timezone.text if timezone else default.timezone
    )
    if fields.at != fields.timezone:
        return fields
    last = timezone or at or names.node
    message = f"schedule_fields: at and timezone are both {fields.at!r}"
    hint = "choose two different names, such as date and timezone"
    names.report.add_problem("E204", message, last.line, last.column, hint)
    return default


def _numbers(numbers: Section) -> Iterator[tuple[str, SenderNumber]]:
    for name, _, _ in numbers:
        number = numbers.section(name)
        yield name, SenderNumber(number.text("id"), number.text("e164"))
