"""A plan as JUnit XML: one suite for each file, one case for each address.

Blocked rows and errors fail; held, waiting and uncertain rows are skipped; warnings are in the suite's output.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from reconciler.domain.masking import mask_plan, mask_to_stop
from reconciler.domain.model import Diagnostic, Severity
from reconciler.domain.plan import Action, CallToStop, Change, Plan
from reconciler.render import to_stop
from reconciler.render.escape import for_terminal

_SKIPPED = frozenset({Action.HELD, Action.WAITING, Action.UNCERTAIN, Action.CONFLICT})


def render_plan(plan: Plan, *, masked: bool = True) -> bytes:
    """The document, UTF-8. Characters that XML 1.0 does not allow are shown as escapes."""
    if masked:
        plan = mask_plan(plan, whole=False)
    changes: defaultdict[str, list[Change]] = defaultdict(list)
    for change in plan.changes:
        changes[change.source.file if change.source else change.address.plan].append(change)
    problems: defaultdict[str, list[Diagnostic]] = defaultdict(list)
    for item in plan.diagnostics:
        file = item.location.file if item.location else "reconciler"
        problems[file].append(item)
    root = ET.Element("testsuites", name="reconciler")
    for name in sorted({*changes, *problems}):
        root.append(_suite(name, changes[name], problems[name]))
    if plan.to_stop:
        root.insert(0, _to_stop([mask_to_stop(call) if masked else call for call in plan.to_stop]))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    # "##[" starts a command anywhere in a CI runner's log. "##" occurs only in texts.
    return document.replace(b"##", b"#&#35;") + b"\n"


def _suite(name: str, changes: list[Change], problems: list[Diagnostic]) -> ET.Element:
    suite = ET.Element("testsuite", name=for_terminal(name))
    suite.extend(map(_case, changes))
    suite.extend(_problem(item) for item in problems if item.is_error)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    if warnings := [_problem_text(item) for item in problems if item.severity is Severity.WARNING]:
        ET.SubElement(suite, "system-out").text = "\n".join(warnings)
    return suite


def _to_stop(calls: Sequence[CallToStop]) -> ET.Element:
    """The calls to stop by hand as their own suite of skipped cases, which every reader shows."""
    suite = ET.Element("testsuite", name="calls to stop by hand", tests=str(len(calls)), failures="0", errors="0")
    suite.set("skipped", str(len(calls)))
    for call in calls:
        case = ET.SubElement(suite, "testcase", classname="to-stop", name=for_terminal(str(call.address)))
        message = f"{call.action}: {to_stop.sentence(call)}"
        ET.SubElement(case, "skipped", message=for_terminal(message))
    return suite


def _case(change: Change) -> ET.Element:
    revision = "" if change.address.revision == 1 else f"@{change.address.revision}"
    case = ET.Element("testcase", classname=change.address.plan, name=f"{change.address.key}{revision}")
    if change.source is not None:
        case.set("file", for_terminal(change.source.file))
        case.set("line", str(change.source.line))
    text = for_terminal(change.message or "")
    if change.action is Action.BLOCKED:
        ET.SubElement(case, "failure", type="blocked", message=text)
    elif change.action in _SKIPPED:
        ET.SubElement(case, "skipped", message=f"{change.action}: {text}" if text else str(change.action))
    elif text:
        ET.SubElement(case, "system-out").text = f"{change.action}: {text}"
    return case


def _problem(item: Diagnostic) -> ET.Element:
    """An error is its own case, because it is usually the reason why there is no row."""
    where = item.location
    case = ET.Element(
        "testcase", classname="reconciler", name=f"{item.code} {for_terminal(str(where or ''))}".strip()
    )
    if where is not None:
        case.set("file", for_terminal(where.file))
        case.set("line", str(where.line))
    ET.SubElement(case, "failure", type=item.code, message=for_terminal(item.message)).text = _problem_text(item)
    return case


def _problem_text(item: Diagnostic) -> str:
    place = f"{for_terminal(str(item.location))}: " if item.location else ""
    hint = f"\nhint: {for_terminal(item.hint)}" if item.hint else ""
    return f"{place}{item.severity} {for_terminal(item.code)}: {for_terminal(item.message)}{hint}"
