"""Numbers, durations and rates that are none: a problem with its place or the option's name, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cli import main
from reconciler.cli.options import Duration, Instant, Integer, Number, RateOption
from reconciler.sandbox import SandboxConfig, running
from reconciler.source.schema.packaged import schema_text
from tests.commands import commands
from tests.conftest import KEY, Workbench, plan_text

AGENT = "agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890"
SENDER = "pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890"
CONTACT = "c1d2e3f4-a5b6-7890-cdef-123456789012"
ROW: dict[str, Any] = {
    "key": "a",
    "agent": AGENT,
    "from": SENDER,
    "contact_id": CONTACT,
    "schedule": {"at": "2031-06-16 14:30:00", "timezone": "UTC"},
}
NEVER = [
    "nan", "inf", "-inf", ".inf", "1_000", "0x10", "0o7", "1e3", "1e999", "-1", "\u0663", "9" * 30, "9" * 400,
    "9" * 5000, "999999999999d", "9" * 400 + "s", "9" * 5000 + "/s", "1e308/s", "\u0663s", "+5", "1 000", "",
]  # fmt: skip
ODD = [*NEVER, "0", "-0", "0s", "0/s", "1.0", "0.0000000001ms", "5e-324", "1e-400", "1e308", "9999-12-31"]
Step: TypeAlias = "tuple[str, dict[str, Any]] | None"  # a member, and those it needs beside it; None: a list


def resolved(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    name = node.get("$ref", "").rpartition("/")[2]
    return root["$defs"][name] | node if name else node


def sample(node: dict[str, Any], root: dict[str, Any]) -> Any:
    """A right value for a field that must be there."""
    node = resolved(node, root)
    for name in ("examples", "enum"):
        if node.get(name):
            return node[name][0]
    return node.get("default", "x")


def leaves(node: dict[str, Any], root: dict[str, Any], path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """The path of every field of a schema that holds a number, or a text with digits of some form."""
    node = resolved(node, root)
    kinds = node.get("type") if isinstance(node.get("type"), list) else [node.get("type")]
    number = "integer" in kinds or ("number" in kinds and "string" not in kinds)
    if number or "[0-9]" in node.get("pattern", ""):
        yield path
    fields = node.get("properties", {})
    needed = {name: sample(fields[name], root) for name in node.get("required", []) if name in fields}
    for name, item in fields.items():
        yield from leaves(item, root, (*path, (name, needed)))
    if isinstance(node.get("additionalProperties"), dict):
        yield from leaves(node["additionalProperties"], root, (*path, ("x", needed)))
    if isinstance(node.get("items"), dict):
        yield from leaves(node["items"], root, (*path, None))


def document(path: tuple[Step, ...], value: str) -> str:
    """JSON, which is YAML too, with ``value`` as it is at ``path``."""
    if not path:
        return value
    if path[0] is None:
        return f"[{document(path[1:], value)}]"
    name, needed = path[0]
    beside = ROW if name in ROW or name in {"revision", "delay_minutes", "distinct", "enabled"} else {}
    members = {key: json.dumps(item) for key, item in (needed | beside).items()}
    if name in {"delay_minutes", "repeat"}:
        members.pop("schedule", None)
    members[name] = document(path[1:], value)
    return "{" + ", ".join(f"{json.dumps(key)}: {text}" for key, text in members.items()) + "}"


def fields(schema: str) -> list[tuple[Step, ...]]:
    root = json.loads(schema_text(schema))
    return list(leaves(root, root))


def name_of(path: tuple[Step, ...]) -> str:
    return ".".join("[]" if step is None else step[0] for step in path)


SETTINGS = {name_of(path): path for path in fields("project")}
ROW_FIELDS = {name_of(path): path for path in fields("callplan")}


def check(folder: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and output of a plan; an error has its place in the file."""
    (folder / "calls").mkdir(exist_ok=True)
    (folder / "calls/june.yaml").write_text(json.dumps({"version": 1, "plan": "june", "calls": [ROW]}))
    (folder / "reconciler.yaml").write_text("version: 1\n")
    (folder / name).write_text(text, encoding="utf-8")
    code = main(["-C", str(folder), "plan", "--no-state", "--now", "2026-01-01T00:00:00Z"])
    out = "".join(capsys.readouterr())
    assert code in {0, 1, 5}, (text[:200], out)
    if code == 1:
        assert f"{name}:1:" in out, (text[:200], out)
    return code, out


@pytest.mark.parametrize("field", sorted(SETTINGS))
def test_a_setting_takes_a_number_or_says_where_it_is_wrong(
    field: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in ODD:
        for written in {value, json.dumps(value)} if len(value) < 5 else {value}:
            body = document(SETTINGS[field], written)
            text = body if field == "version" else body.replace("{", '{"version": 1, ', 1)
            check(tmp_path, "reconciler.yaml", text, capsys)


@pytest.mark.parametrize("field", sorted(ROW_FIELDS))
def test_a_field_of_a_plan_takes_a_number_or_says_where_it_is_wrong(
    field: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in [*ODD, "9999-12-31 23:59:59", "0001-01-01 00:00:00", "9999-12-31T23:59:59-14:00"]:
        for written in {value, json.dumps(value)} if len(value) < 5 else {value}:
            body = document(ROW_FIELDS[field], written)
            text = body.replace("{", '{"version": 1, "plan": "june", ', 1)
            check(tmp_path, "calls/june.yaml", text, capsys)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("policy: {horizon: 999999999999d}", "horizon: '***' is not a duration from 1ms to 100,000d"),
        ("policy: {place_within: 0s}", "place_within: '0s' is not a duration from 1ms"),
        ("policy: {per_person: {call_length: 0}}", "call_length: '0' is not a duration"),
        ("policy: {per_person: {per_day: 1e3}}", "expected a whole number, got 1e3"),
        ("policy: {peak: {per_minute: 1.0}}", "expected a whole number, got 1.0"),
        ("provider: {timeout: 0s}", "timeout: '0s' is not a duration from 1ms to 1h"),
        ("provider: {timeout: 2h}", "timeout: '2h' is not a duration from 1ms to 1h"),
        ("provider: {rate: 0/s}", "rate: not a rate: '0/s'"),
        ("provider: {rate: 99999999999/s}", "N from 0.001 to 1,000,000"),
        ("provider: {concurrency: 1e1}", "expected a whole number, got 1e1"),
        ("provider: {schedule_fields: {at: date, timezone: date}}", "at and timezone are both '***'"),
        ("provider: {schedule_fields: {at: timezone}}", "at and timezone are both 'timezone'"),
    ],
)
def test_a_wrong_setting_is_named(
    setting: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = check(tmp_path, "reconciler.yaml", f"{{version: 1, {setting}}}", capsys)
    assert code == 1
    assert message in out


def test_the_numeric_fields_are_found() -> None:
    assert {"policy.horizon", "provider.timeout", "provider.rate", "policy.peak.per_minute"} <= SETTINGS.keys()
    assert {"calls.[].revision", "calls.[].delay_minutes", "calls.[].repeat.count"} <= ROW_FIELDS.keys()


def test_right_numbers_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = (
        "{version: 1, policy: {horizon: 100000d, min_lead: 0s, place_within: 9999d, plan_max_age: 72h,"
        " peak: {per_minute: 60}, max_new_calls: {per_run: 500}, max_cost: 1.5, cost_per_call: 0.15,"
        " per_person: {per_day: 1, per_week: 3, min_gap: 0, call_length: 5m}},"
        " provider: {timeout: 1h, rate: 0.5/s, concurrency: 256, schedule_fields: {at: when, timezone: zone}}}"
    )
    assert check(tmp_path, "reconciler.yaml", right, capsys)[0] == 0


@settings(max_examples=150)
@given(text=st.text(alphabet="0123456789.eE+-_xsmhd/ \u0663", max_size=12))
def test_number_like_text_never_ends_in_a_traceback(text: str) -> None:
    from reconciler.quantities import parse_duration, parse_integer, parse_number, parse_rate

    for parse in (parse_duration, parse_integer, parse_number, parse_rate):
        try:
            found = parse(text)
        except ValueError:
            continue
        assert found is not None
        assert 0 <= found <= 100_000 * 86_400
        assert text.isascii()
        assert not set(text) & set("eE+_x ")


NUMERIC = (Duration, Instant, Integer, Number, RateOption, click.types.IntParamType, click.types.FloatParamType)


def numeric_options() -> Iterator[Any]:
    for path, command in commands():
        for param in command.params:
            if isinstance(param, click.Option) and isinstance(param.type, NUMERIC):
                yield pytest.param(path, command, param, id=f"{path} {param.opts[-1]}")


@pytest.mark.parametrize(("path", "command", "option"), list(numeric_options()))
def test_an_option_refuses_what_is_no_number(path: str, command: click.Command, option: click.Option) -> None:
    name = option.opts[-1]
    for value in NEVER:
        if value.startswith("-") and name == "--seed":
            continue
        with pytest.raises(click.BadParameter) as refused:
            command.make_context(path, [f"{name}={value}"], resilient_parsing=False)
        assert name in refused.value.format_message(), value[:40]


def test_every_numeric_option_is_bounded() -> None:
    names = {f"{item.values[0]} {item.values[2].opts[-1]}" for item in numeric_options()}
    assert {"reconciler apply --rate", "reconciler apply --timeout", "reconciler sandbox --latency"} <= names
    loose = [item.id for item in numeric_options() if isinstance(item.values[2].type, NUMERIC[5:])]
    assert not loose


def test_the_command_line_names_the_option(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text(rows=1))
    wrong = [
        ("apply", "--timeout", "0s"),
        ("apply", "--max-calls", "1e3"),
        ("apply", "--concurrency", "\u0663"),
        ("apply", "--rate", "0/s"),
        ("apply", "--lock-timeout", "999999999999d"),
        ("status", "--within", "9" * 5000),
        ("status", "--interval", "0s"),
        ("state", "lock", "--interval", "0s"),
        ("audit", "log", "--limit", "1_000"),
        ("audit", "log", "--since", "2026-13-01T00:00:00Z"),
        ("plan", "--now", "10000-01-01T00:00:00Z"),
        ("sandbox", "--stall-seconds", "nan"),
        ("sandbox", "--port", "99999"),
    ]
    for args in wrong:
        refused = project.run(*args)
        assert refused.code == 64, (args, refused.err)
        assert args[-2] in refused.err
    project.env["RECONCILER_PROCESSES"] = "9" * 5000
    assert project.run("plan").code in {0, 64}
    del project.env["RECONCILER_PROCESSES"]
    done = project.run("status", "--overdue", "--within", "100000d")
    assert done.code in {0, 3}, done.err


@pytest.mark.parametrize("value", ["1e3", "1.5", "9" * 5000, "NaN", "Infinity", "-1", '"1"', "1e999", "null"])
def test_a_saved_plan_with_other_numbers_is_refused(project: Workbench, sandbox: Any, value: str) -> None:
    project.write("calls/june.yaml", plan_text(rows=1))
    project.ok("plan", "--out", "june.plan")
    saved = project.root / "june.plan"
    whole = saved.read_text()
    for member in ('"revision": 1', '"line": ', '"serial": ', '"create": 1'):
        start = whole.index(member)
        end = start + len(member) if member[-1].isdigit() else start + len(member) + 1
        name = member.partition(":")[0]
        saved.write_text(f"{whole[:start]}{name}: {value}{whole[end:]}")
        for command in ("show", "apply"):
            refused = project.run(command, "june.plan")
            assert refused.code == 5, (member, refused.err)
    assert not sandbox.calls()


FARTHEST = "9000-12-31T23:59:59Z"


@pytest.mark.parametrize("now", ["9999-12-31T23:59:59Z", "9001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", FARTHEST])
@pytest.mark.parametrize("command", ["plan", "apply", "status"])
def test_a_clock_at_the_end_of_the_calendar_ends_no_command(bench: Workbench, now: str, command: str) -> None:
    """No policy that adds to it does either."""
    policy = "policy: {place_within: 100000d, min_lead: 90000d, horizon: 100000d, per_person: {per_day: 1}}\n"
    with running(SandboxConfig(port=0, api_key=KEY)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("reconciler.yaml", "version: 1\n" + policy)
        far = (
            plan_text(rows=2)
            .replace("2031-06-01 00:01:00", "9000-12-31 22:00:00")
            .replace("America/Mexico_City", "UTC")
        )
        bench.write("calls/june.yaml", far)
        result = bench.run(command, *(["--auto-approve"] if command == "apply" else []), "--now", now)
    assert "Traceback" not in result.err, result.err
    assert (result.code == 64) == (now != FARTHEST), result.err
    assert ("the years 1970 to 9000" in result.err) == (now != FARTHEST), result.err


@pytest.mark.parametrize(
    "field",
    ["schedule: {at: 9999-12-31 23:59:59, timezone: UTC}", "place_by: 9001-01-01T00:00:00Z"],
)
def test_a_row_at_the_end_of_the_calendar_is_an_error_with_its_line(bench: Workbench, field: str) -> None:
    bench.create_project()
    timing = field if field.startswith("schedule") else f"delay_minutes: 5\n    {field}"
    row = f"version: 1\nplan: june\n\n\ncalls:\n  - key: a\n    agent: {AGENT}\n    from: {SENDER}\n    {timing}\n"
    bench.write("calls/june.yaml", f"{row}    contact_id: {CONTACT}\n")
    result = bench.run("plan")
    assert (result.code, "in the years 1970 to 9000" in result.err) == (1, True), result.err
    assert "calls/june.yaml:9" in result.err or "calls/june.yaml:10" in result.err
    bench.write(
        "calls/june.yaml", f"{row}    contact_id: {CONTACT}\n".replace("9999", "8999").replace("9001", "8999")
    )
    bench.ok("plan")
