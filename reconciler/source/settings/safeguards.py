"""Read the parts of ``policy`` that limit the number of calls and the people who may be called."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from reconciler.domain.model import Location
from reconciler.domain.people import LIST_MAX_AGE, ListFile, SuppressionFile
from reconciler.domain.policy import OVERRIDABLE, Caps, Consent, PersonLimits
from reconciler.source.report import FileReport
from reconciler.source.settings.members import child_map, child_text, read_integer, read_span
from reconciler.source.yaml.nodes import ListNode, MapNode, Scalar


def read_caps(node: MapNode, report: FileReport) -> Caps:
    """The limits on number and cost of calls; ``node`` is the policy."""
    calls = child_map(node, "max_new_calls")
    if "max_cost" in node.items and "cost_per_call" not in node.items:
        key = node.items["max_cost"][0]
        message = "missing field 'cost_per_call' in policy, which max_cost needs"
        report.add_problem("E202", message, key.line, key.column, "add cost_per_call: ...")
    return Caps(
        per_run=read_integer(calls, "per_run", report),
        per_plan=read_integer(calls, "per_plan", report),
        max_share=_decimal(node, "max_share"),
        cost_per_call=_decimal(node, "cost_per_call"),
        max_cost=_decimal(node, "max_cost"),
    )


def read_per_person(node: MapNode, report: FileReport) -> PersonLimits | None:
    """How often one person may be called, or None if the policy does not set it."""
    limits = node.get("per_person")
    if not isinstance(limits, MapNode):
        return None
    call_length = read_span(limits, "call_length", report)
    return PersonLimits(
        per_day=read_integer(limits, "per_day", report),
        per_week=read_integer(limits, "per_week", report),
        min_gap=read_span(limits, "min_gap", report, least=0.0),
        call_length=PersonLimits().call_length if call_length is None else call_length,
    )


def read_consent(node: MapNode, report: FileReport) -> Consent | None:
    """The required consent, or None."""
    consent = node.get("consent")
    if not isinstance(consent, MapNode):
        return None
    return Consent(child_text(consent, "field") or "", read_span(consent, "max_age", report))


def read_suppression(node: MapNode, report: FileReport) -> tuple[SuppressionFile, ...]:
    """The suppression lists in the policy. Invalid dates are reported."""
    found = node.get("suppression")
    items = found.items if isinstance(found, ListNode) else []
    read = (_suppression(item, report) for item in items if isinstance(item, MapNode))
    return tuple(file for file in read if file is not None)


def _suppression(node: MapNode, report: FileReport) -> SuppressionFile | None:
    as_of, max_age = node.get("as_of"), read_span(node, "max_age", report)
    if not isinstance(as_of, Scalar):
        return None
    try:
        day = date.fromisoformat(as_of.text)
    except ValueError:
        report.add_problem("E313", f"{as_of.text!r} is not a valid date", as_of.line, as_of.column)
        return None
    return SuppressionFile(_list_file(node, report), day, LIST_MAX_AGE if max_age is None else max_age)


def read_contacts(node: MapNode, report: FileReport) -> ListFile | None:
    """The file with the numbers of contacts, or None."""
    found = node.get("contacts")
    if isinstance(found, Scalar):
        return ListFile(found.text, Location(report.file, found.line, found.column))
    return _list_file(found, report) if isinstance(found, MapNode) else None


def _list_file(node: MapNode, report: FileReport) -> ListFile:
    file = node.get("file")
    where = file if isinstance(file, Scalar) else node
    return ListFile(
        child_text(node, "file") or "",
        Location(report.file, where.line, where.column),
        child_text(node, "country"),
        sheet=child_text(node, "sheet"),
        encoding=child_text(node, "encoding"),
        delimiter=child_text(node, "delimiter"),
    )


def read_overridable(node: MapNode) -> frozenset[str]:
    """The guards that a person may lift for one plan."""
    found = node.get("overridable")
    if not isinstance(found, ListNode):
        return OVERRIDABLE
    return frozenset(item.text for item in found.items if isinstance(item, Scalar))


def read_public_metadata(node: MapNode) -> frozenset[str]:
    """The names of metadata whose values masked output shows."""
    names = node.get("public_metadata")
    items = names.items if isinstance(names, ListNode) else []
    return frozenset(item.text for item in items if isinstance(item, Scalar))


def _decimal(node: MapNode, name: str) -> Decimal | None:
    text = child_text(node, name)
    return None if text is None else Decimal(text)
