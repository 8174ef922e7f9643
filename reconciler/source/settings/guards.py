"""Read ``policy`` from ``reconciler.yaml``: the rules that guards enforce."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from reconciler.domain.policy import WEEK, Days, Hours, Policy, Strictness, Window, days_of
from reconciler.source.report import FileReport
from reconciler.source.settings.jurisdictions import jurisdictions
from reconciler.source.settings.members import child_map, child_text, read_integer, read_span
from reconciler.source.settings.safeguards import (
    read_caps,
    read_consent,
    read_contacts,
    read_overridable,
    read_per_person,
    read_public_metadata,
    read_suppression,
)
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar


def read_policy(node: MapNode, days_off: frozenset[date], report: FileReport) -> Policy:
    """The policy of a file that fits the schema. Contradictions are reported."""
    guards, hours = node.get("guards"), node.get("calling_hours")
    known = jurisdictions() if "jurisdictions" in node.items else {}
    peak = child_map(node, "peak")
    policy = Policy(
        strictness={name: Strictness(text) for name, text in _texts(guards)},
        hours=_hours(hours, report) if isinstance(hours, MapNode) else None,
        caps=read_caps(node, report),
        per_person=read_per_person(node, report),
        consent=read_consent(node, report),
        suppression=read_suppression(node, report),
        contacts=read_contacts(node, report),
        overridable=read_overridable(node),
        jurisdictions=tuple(known[item.text] for item in _scalars(node.get("jurisdictions"))),
        days_off=days_off,
        place_within=read_span(node, "place_within", report),
        min_lead=read_span(node, "min_lead", report, least=0.0),
        horizon=read_span(node, "horizon", report),
        peak=read_integer(peak, "per_minute", report),
        number_peak=read_integer(peak, "per_number", report),
        signed_plans=child_text(node, "signed_plans") == "required",
        public_metadata=read_public_metadata(node),
        show=child_text(node, "show"),
    )
    _check_idle(node, policy, report)
    return policy


def _check_idle(node: MapNode, policy: Policy, report: FileReport) -> None:
    """Warn about a guard that is configured but has no effect, because the setting it needs is missing."""
    for name, (key, value) in child_map(node, "guards").items.items():
        is_off = isinstance(value, Scalar) and value.text == Strictness.OFF
        setting, is_set = _GOES_BY.get(name, ("", lambda _: True))
        if not is_off and not is_set(policy):
            message = f"guard {name} has no effect, because policy.{setting} is not set"
            report.add_problem("W901", message, key.line, key.column, f"set policy.{setting}, or remove the guard")


def _has_person_limit(name: str) -> Callable[[Policy], bool]:
    return lambda policy: getattr(policy.per_person, name, None) is not None


# The setting that each guard needs, if any.
_GOES_BY: Mapping[str, tuple[str, Callable[[Policy], bool]]] = {
    "G001": ("calling_hours", lambda policy: policy.has_hours),
    "G002": ("calling_hours", lambda policy: policy.has_hours),
    "G003": ("jurisdictions", lambda policy: bool(policy.jurisdictions)),
    "G004": ("min_lead", lambda policy: policy.min_lead is not None),
    "G005": ("horizon", lambda policy: policy.horizon is not None),
    "G006": ("max_new_calls", lambda policy: (policy.caps.per_run, policy.caps.per_plan) != (None, None)),
    "G007": ("max_share", lambda policy: policy.caps.max_share is not None),
    "G008": ("max_cost", lambda policy: policy.caps.max_cost is not None),
    "G010": ("suppression", lambda policy: bool(policy.suppression)),
    "G011": ("suppression", lambda policy: bool(policy.suppression)),
    "G012": (
        "per_person.per_day",
        lambda policy: any(_has_person_limit(name)(policy) for name in ("per_day", "per_week")),
    ),
    "G013": ("per_person.min_gap", _has_person_limit("min_gap")),
    "G014": ("per_person", lambda policy: policy.per_person is not None),
    "G015": ("consent", lambda policy: policy.consent is not None),
    "G016": ("suppression", lambda policy: bool(policy.suppression)),
    "G021": ("peak.per_minute", lambda policy: policy.peak is not None),
    "G022": ("peak.per_number", lambda policy: policy.number_peak is not None),
}


def read_day(scalar: Scalar, report: FileReport) -> date | None:
    """A date in the correct form. One that does not exist is reported."""
    try:
        return date.fromisoformat(scalar.text)
    except ValueError:
        report.add_problem("E313", f"{scalar.text!r} is not a valid date", scalar.line, scalar.column)
        return None


def _texts(node: Node | None) -> Iterator[tuple[str, str]]:
    if isinstance(node, MapNode):
        for name, (_, value) in node.items.items():
            if isinstance(value, Scalar):
                yield name, value.text


def _scalars(node: Node | None) -> Iterator[Scalar]:
    for item in node.items if isinstance(node, ListNode) else [node]:
        if isinstance(item, Scalar):
            yield item


def _hours(node: MapNode, report: FileReport) -> Hours:
    blackout = node.get("blackout")
    days = [_blackout(item, report) for item in blackout.items] if isinstance(blackout, ListNode) else []
    return Hours(
        week=_week(node, report),
        holidays=tuple(item.text for item in _scalars(node.get("holidays")) if _has_holidays(item, report)),
        blackout=tuple(item for item in days if item is not None),
    )


def _week(node: MapNode, report: FileReport) -> tuple[tuple[Window, ...], ...]:
    week: dict[int, tuple[Window, ...]] = {}
    windows = node.get("windows")
    for name, (key, value) in windows.items.items() if isinstance(windows, MapNode) else ():
        read = tuple(_windows(value, report))
        for day in days_of(name):
            if day in week:
                hint = "write each day only once"
                report.add_problem(
                    "E901", f"duplicate day {WEEK[day]} in calling_hours", key.line, key.column, hint
                )
            week[day] = read
    return tuple(week.get(day, ()) for day in range(7))


def _windows(node: Node, report: FileReport) -> Iterator[Window]:
    for item in _scalars(node):
        if item.text != "none":
            try:
                yield Window.parse(item.text)
            except ValueError as error:
                hint = "to include midnight, write two windows, such as [00:00-02:00, 22:00-24:00]"
                report.add_problem("E901", str(error), item.line, item.column, hint)


def _blackout(node: Node, report: FileReport) -> Days | None:
    """One day, or a range of days."""
    ends = [node, node] if isinstance(node, Scalar) else []
    if isinstance(node, MapNode):
        ends = [item for name in ("from", "to") if isinstance(item := node.get(name), Scalar)]
    first, last = (read_day(item, report) for item in ends)
    if first is None or last is None:
        return None
    if last < first:
        report.add_problem(
            "E901", f"the blackout ends before it starts: {first} to {last}", node.line, node.column
        )
    return Days(first, last)


def _has_holidays(scalar: Scalar, report: FileReport) -> bool:
    import holidays  # noqa: PLC0415 - 40 ms, spent where a policy names holidays

    country, _, part = scalar.text.partition("-")
    known = holidays.list_supported_countries()
    if country in known and (not part or part in known[country]):
        return True
    what = (
        f"unknown subdivision {part!r} of {country}" if country in known else f"no holidays known for {country!r}"
    )
    report.add_problem(
        "E902", what, scalar.line, scalar.column, "write an ISO 3166 code such as CO or ES-MD, or use blackout"
    )
    return False
