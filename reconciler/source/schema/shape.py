"""Validate a file against its JSON Schema, and convert jsonschema's errors to diagnostics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeAlias

from reconciler.domain.sensitive import is_harmless
from reconciler.source.report import MAX_PER_KIND, FileReport, ProblemKind
from reconciler.source.rows.phone_numbers import old_mexican_hint
from reconciler.source.schema import wording
from reconciler.source.schema.prefilter import prefilter
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar, ScalarType

if TYPE_CHECKING:
    from jsonschema import ValidationError

Path: TypeAlias = tuple[str | int, ...]

SYNONYMS = {
    "contact": "contact_id",
    "phone": "to_number",
    "phone_number": "to_number",
    "to": "to_number",
    "number": "to_number",
    "name": "full_name",
    "mail": "email",
    "delay": "delay_minutes",
    "data": "additional_data",
    "variables": "additional_data",
    "tags": "metadata",
    "id": "key",
    "date": "at",
    "time": "at",
    "zone": "timezone",
    "tz": "timezone",
    "rows": "calls",
    "name_of_plan": "plan",
    "deadline": "place_by",
    "disabled": "enabled",
}
NO_REPEAT = "repeat is allowed only in a row of calls", "write one row for each date, with the date in its key"
_SECRETS = frozenset({"api_key", "apikey", "api-key", "x-api-key", "key_file", "token", "secret", "password"})
_URLS = frozenset({"base_url", "baseurl", "url", "endpoint", "host"})
_FORBIDDEN = _SECRETS | _URLS


def check_shape(root: MapNode, schema: str, report: FileReport) -> None:
    """Validate a file. Every error is reported once, and its path is added to ``report.bad``.

    Of rows with the same errors, only the first are explained; the others are added to ``report.skipped``.
    """
    lists = list(_rows(root)) if schema == "callplan" else []
    judged = root
    for path, _, _ in lists:
        judged = _without(judged, path)
    if not prefilter(schema).passes(judged):
        _explain(judged, (), (schema,), report)
    for path, rows, parts in lists:
        _check_rows(rows, path, (schema, *parts), report)


def _rows(root: MapNode) -> Iterator[tuple[Path, list[Node], tuple[str, ...]]]:
    """The lists that may be long: their paths, their rows, and the definitions that each row must fit."""
    calls, table = root.get("calls"), root.get("table")
    if isinstance(calls, ListNode):
        yield ("calls",), calls.items, ("row",) if "columns" in root.items else ("row", "target")
    rows = table.get("rows") if isinstance(table, MapNode) else None
    if isinstance(rows, ListNode):
        yield ("table", "rows"), rows.items, ("cells",)


def _without(node: MapNode, path: Path) -> MapNode:
    """The same map with an empty list at ``path``."""
    name = str(path[0])
    key, inner = node.items[name]
    bare = _without(inner, path[1:]) if isinstance(inner, MapNode) else ListNode(inner.line, inner.column)
    return MapNode(node.line, node.column, node.items | {name: (key, bare)})


def _check_rows(rows: Sequence[Node], path: Path, schema: tuple[str, ...], report: FileReport) -> None:
    """Explain the invalid rows, up to ``MAX_PER_KIND`` with the same errors; count the others."""
    judge = prefilter(*schema)
    explained: Counter[tuple[frozenset[str], bool]] = Counter()
    kinds: dict[tuple[frozenset[str], bool], list[ProblemKind]] = {}
    for index, row in enumerate(rows):
        if judge.passes(row):
            continue
        wrong_in = (judge.problems(row), _has_forbidden_name(row))
        if explained[wrong_in] >= MAX_PER_KIND and kinds[wrong_in]:
            report.skipped.add((*path, index))
            for kind in kinds[wrong_in]:
                report.omit(kind)
            continue
        explained[wrong_in] += 1
        kinds[wrong_in] = report.kinds = []
        _explain(row, (*path, index), schema, report)
        report.kinds = None


def _explain(root: Node, path: Path, schema: tuple[str, ...], report: FileReport) -> None:
    """Report the errors of a file, or of the row at ``path``."""
    from reconciler.source.schema.validator import to_value, validator  # noqa: PLC0415 - jsonschema takes 90 ms

    for error in validator(*schema).iter_errors(to_value(root)):
        inner = tuple(error.absolute_path)
        _report_error(error, _find(root, inner), (*path, *inner), report)


def _has_forbidden_name(row: Node) -> bool:
    """Whether it contains a secret or a URL, which has a different code from other unknown fields."""
    return isinstance(row, MapNode) and not _FORBIDDEN.isdisjoint(map(str.lower, row.items))


def _report_error(error: ValidationError, node: Node, path: Path, report: FileReport) -> None:
    if error.validator == "additionalProperties":
        _unknown_fields(error, node, path, report)
    elif error.validator == "required":
        _missing(error, node, path, report)
    elif error.validator == "oneOf":
        _targets(node, path, report)
    elif error.validator == "anyOf":
        hint = "add calls: [], table: or sheets:"
        report.add_problem(
            "E202", "the file has none of the fields calls, table and sheets", node.line, node.column, hint
        )
    elif _in_property_name(error):
        _bad_name(error, node, path, report)
    else:
        _bad_value(error, node, path, report)


def _find(root: Node, path: Path) -> Node:
    node = root
    for part in path:
        if isinstance(node, MapNode) and isinstance(part, str):
            node = node.items[part][1]
        elif isinstance(node, ListNode) and isinstance(part, int):
            node = node.items[part]
    return node


def _in_property_name(error: ValidationError) -> bool:
    return "propertyNames" in error.absolute_schema_path


def _properties(error: ValidationError) -> Sequence[str]:
    schema = error.schema
    names = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    return list(names)


def _unknown_fields(error: ValidationError, node: Node, path: Path, report: FileReport) -> None:
    allowed = _properties(error)
    if not isinstance(node, MapNode):
        return
    for name, (key, _) in node.items.items():
        if name not in allowed:
            code, message, hint = _unknown(name, allowed, path)
            report.bad.add((*path, name))
            report.add_problem(
                code, message, key.line, key.column, hint, private=wording.revealing_names((*path, name))
            )


def _unknown(name: str, allowed: Sequence[str], path: Path) -> tuple[str, str, str]:
    lowered = name.lower()
    if lowered in _SECRETS:
        hint = "set CONTACTSHIP_API_KEY or pass --api-key-file, and remove the secret from the file's history"
        return "E208", f"{name}: secrets are not allowed in a file", hint
    if lowered in _URLS and not {"schedule", "defaults", "calls"}.intersection(path):
        return (
            "E208",
            f"{name}: the service's URL is not allowed in a file",
            "set CONTACTSHIP_BASE_URL or pass --base-url",
        )
    if path == ("policy",):
        return "E207", f"policy.{name} is not supported by this version, so it would have no effect", "remove it"
    if lowered == "repeat" and "repeat" not in allowed:
        return "E806", f"{name}: {NO_REPEAT[0]}", NO_REPEAT[1]
    synonym = SYNONYMS.get(lowered)
    exact = [synonym] if synonym is not None and synonym in allowed else []
    near = exact or get_close_matches(lowered, allowed, n=1, cutoff=0.7)
    where = f" in {wording.shown(path)}" if path else ""
    hint = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(allowed)}"
    return "E201", f"unknown field {name!r}{where}", hint


def _missing(error: ValidationError, node: Node, path: Path, report: FileReport) -> None:
    names = error.validator_value if isinstance(error.validator_value, list) else []
    for name in names:
        if isinstance(node, MapNode) and name not in node.items and (*path, name) not in report.bad:
            report.bad.add((*path, name))
            where = f" in {wording.shown(path)}" if path else ""
            message = f"missing field {name!r}{where}"
            private = wording.revealing_names(path)
            hint = f"add {name}: ..."
            report.add_problem("E202", message, node.line, node.column, hint, private=private, cause=name)


def _targets(node: Node, path: Path, report: FileReport) -> None:
    """Report a violation of the only oneOf in the schemas: a row has exactly one target."""
    if not isinstance(node, MapNode):
        return
    report.bad |= {(*path, "contact_id"), (*path, "to_number")}
    if "contact_id" in node.items:
        key = node.items["to_number"][0]
        message = "a row must have one target, but this one has both contact_id and to_number"
        report.add_problem("E206", message, key.line, key.column, "remove one of them, or split the row")
    elif not _has_unknown(node, report, path):
        message = "a row needs a target: contact_id, or to_number with full_name"
        report.add_problem("E206", message, node.line, node.column, "add contact_id: ...")


def _has_unknown(node: MapNode, report: FileReport, path: Path) -> bool:
    """Whether a misspelt field was meant as the target; it has its own diagnostic."""
    targets = ("contact_id", "to_number")
    unknown = [name for name in node.items if (*path, name) in report.bad]
    return any(SYNONYMS.get(name.lower()) in targets or get_close_matches(name, targets, n=1) for name in unknown)


def _bad_name(error: ValidationError, node: Node, path: Path, report: FileReport) -> None:
    name = str(error.instance)
    if isinstance(node, MapNode) and name in node.items:
        key = node.items[name][0]
        report.bad.add((*path, name))
        message = f"{wording.shown(path)}: expected {wording.expected_name(error)}, got {wording.quoted(name)}"
        report.add_problem("E204", message, key.line, key.column, private=wording.revealing_names(path))


def _bad_value(error: ValidationError, node: Node, path: Path, report: FileReport) -> None:
    if path in report.bad:
        return
    report.bad.add(path)
    if isinstance(node, Scalar) and node.kind is ScalarType.NULL:
        message = f"{wording.shown(path)}: expected a value, got null"
        hint = "write a value, or remove the field"
        private = wording.revealing_names(path)
        report.add_problem("E205", message, node.line, node.column, hint, private=private, cause=_field(path))
        return
    code, message, hint_or_none = bad_value(error, node, path)
    private = _private(node, path)
    report.add_problem(code, message, node.line, node.column, hint_or_none, private=private, cause=_field(path))


def _private(node: Node, path: Path) -> tuple[str, ...]:
    """The unquoted private parts of a message about a value: names in its path, and a number or a boolean."""
    names = wording.revealing_names(path)
    return names if not isinstance(node, Scalar) or is_harmless(node.text) else (*names, node.text)


def _field(path: Path) -> str:
    """The field of a row of ``calls`` that a problem concerns; empty for other paths."""
    return str(path[2]) if path[0] == "calls" and len(path) > 2 else ""


def bad_value(error: ValidationError, node: Node, path: Path) -> tuple[str, str, str | None]:
    """Code, message and hint for a value that the schema refuses."""
    expected, hint = wording.expected(error, node)
    if isinstance(node, Scalar) and path[-1] in {"to_number", "e164"}:
        hint = hint or old_mexican_hint(node.text)
    code = "E203" if error.validator == "type" else "E204"
    message = f"{wording.shown(path)}: expected {expected}"
    if code == "E203" or isinstance(node, Scalar):
        message += f", got {wording.describe(node)}"
    return code, message, hint
