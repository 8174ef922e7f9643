"""Read ``policy`` from ``reconciler.yaml``: the rules that guards enforce."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date

from reconciler.domain.people import LIST_MAX_AGE, ListFile, SuppressionFile
from reconciler.domain.policy import (
    OVERRIDABLE,
    WEEK,
    Caps,
    Consent,
    Days,
    Hours,
    PersonLimits,
    Policy,
    Strictness,
    Window,
    days_of,
)
from reconciler.source.report import FileReport
from reconciler.source.settings.jurisdictions import jurisdictions
from reconciler.source.settings.section import Section, read_day
from reconciler.source.yaml.nodes import MapNode, Node, Scalar


def read_policy(policy: Section, days_off: frozenset[date]) -> Policy:
    """The policy of a file that fits the schema. Contradictions are reported."""
    presets = jurisdictions() if "jurisdictions" in policy else {}
    peak = policy.section("peak")
    result = Policy(
        strictness={
            name: Strictness(guard.text)
            for name, _, guard in policy.section("guards")
            if isinstance(guard, Scalar)
        },
        hours=_hours(policy.section("calling_hours")) if "calling_hours" in policy else None,
        caps=_caps(policy),
        per_person=_per_person(policy.section("per_person")) if "per_person" in policy else None,
        consent=_consent(policy.section("consent")) if "consent" in policy else None,
        suppression=tuple(_suppression(policy)),
        contacts=_contacts(policy),
        overridable=frozenset(policy.texts("overridable")) if "overridable" in policy else OVERRIDABLE,
        jurisdictions=tuple(presets[code] for code in policy.texts("jurisdictions")),
        days_off=days_off,
        place_within=policy.span("place_within"),
        min_lead=policy.span("min_lead", least=0.0),
        horizon=policy.span("horizon"),
        peak=peak.integer("per_minute"),
        number_peak=peak.integer("per_number"),
        signed_plans=policy.text("signed_plans") == "required",
        public_metadata=frozenset(policy.texts("public_metadata")),
        show=policy.text("show"),
    )
    _check_guards(policy, result)
    return result


def _check_guards(section: Section, policy: Policy) -> None:
    """Warn about a guard that is configured but has no effect, because the setting it needs is missing."""
    for name, key, value in section.section("guards"):
        is_off = isinstance(value, Scalar) and value.text == Strictness.OFF
        setting, is_set = _GOES_BY.get(name, ("", lambda _: True))
        if not is_off and not is_set(policy):
            message = f"guard {name} has no effect, because policy.{setting} is not set"
            hint = f"set policy.{setting}, or remove the guard"
            section.report.add_problem("W901", message, key.line, key.column, hint)


def _person_limit(policy: Policy, *names: str) -> bool:
    """Whether any of these limits is set."""
    return any(getattr(policy.per_person, name, None) is not None for name in names)


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
        lambda policy: _person_limit(policy, "per_day") or _person_limit(policy, "per_week"),
    ),
    "G013": ("per_person.min_gap", lambda policy: _person_limit(policy, "min_gap")),
    "G014": ("per_person", lambda policy: policy.per_person is not None),
    "G015": ("consent", lambda policy: policy.consent is not None),
    "G016": ("suppression", lambda policy: bool(policy.suppression)),
    "G021": ("peak.per_minute", lambda policy: policy.peak is not None),
    "G022": ("peak.per_number", lambda policy: policy.number_peak is not None),
}


def _caps(policy: Section) -> Caps:
    if "max_cost" in policy and "cost_per_call" not in policy:
        key = policy.node.items["max_cost"][0]
        message = "missing field 'cost_per_call' in policy, which max_cost needs"
        policy.report.add_problem("E202", message, key.line, key.column, "add cost_per_call: ...")
    calls = policy.section("max_new_calls")
    return Caps(
        per_run=calls.integer("per_run"),
        per_plan=calls.integer("per_plan"),
        max_share=policy.decimal("max_share"),
        cost_per_call=policy.decimal("cost_per_call"),
        max_cost=policy.decimal("max_cost"),
    )


def _per_person(limits: Section) -> PersonLimits:
    return PersonLimits(
        per_day=limits.integer("per_day"),
        per_week=limits.integer("per_week"),
        min_gap=limits.span("min_gap", least=0.0),
        call_length=limits.span("call_length") or PersonLimits().call_length,
    )


def _consent(consent: Section) -> Consent:
    return Consent(consent.text("field") or "", consent.span("max_age"))


def _suppression(policy: Section) -> Iterator[SuppressionFile]:
    for node in policy.items("suppression"):
        if not isinstance(node, MapNode):
            continue
        item = Section(node, policy.report)
        as_of, max_age = item.scalar("as_of"), item.span("max_age")
        day = None if as_of is None else read_day(as_of, policy.report)
        if day is not None:
            yield SuppressionFile(_list_file(item), day, max_age or LIST_MAX_AGE)


def _contacts(policy: Section) -> ListFile | None:
    """The file with the numbers of contacts: its name alone, or a map."""
    file = policy.scalar("contacts")
    if file is not None:
        return ListFile(file.text, policy.location(file))
    return _list_file(policy.section("contacts")) if "contacts" in policy else None


def _list_file(item: Section) -> ListFile:
    file = item.scalar("file")
    return ListFile(
        item.text("file") or "",
        item.location(file or item.node),
        item.text("country"),
        sheet=item.text("sheet"),
        encoding=item.text("encoding"),
        delimiter=item.text("delimiter"),
    )


def _hours(hours: Section) -> Hours:
    days = (_blackout(item, hours.report) for item in hours.items("blackout"))
    return Hours(
        week=_week(hours.section("windows")),
        holidays=tuple(item.text for item in hours.scalars("holidays") if _has_holidays(item, hours.report)),
        blackout=tuple(item for item in days if item is not None),
    )


def _week(windows: Section) -> tuple[tuple[Window, ...], ...]:
    week: dict[int, tuple[Window, ...]] = {}
    for name, key, _ in windows:
        of_day = tuple(_windows(windows.scalars(name), windows.report))
        for day in days_of(name):
            if day in week:
                message = f"duplicate day {WEEK[day]} in calling_hours"
                windows.report.add_problem("E901", message, key.line, key.column, "write each day only once")
            week[day] = of_day
    return tuple(week.get(day, ()) for day in range(7))


def _windows(scalars: Iterable[Scalar], report: FileReport) -> Iterator[Window]:
    for item in scalars:
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
    countries = holidays.list_supported_countries()
    if country in countries and (not part or part in countries[country]):
        return True
    message = f"no holidays known for {country!r}"
    if country in countries:
        message = f"unknown subdivision {part!r} of {country}"
    hint = "write an ISO 3166 code such as CO or ES-MD, or use blackout"
    report.add_problem("E902", message, scalar.line, scalar.column, hint)
    return False
