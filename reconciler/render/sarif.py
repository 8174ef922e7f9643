"""The findings of a plan as SARIF 2.1.0, for code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from urllib.parse import quote

from reconciler.domain.model import JsonObject, JsonValue, Location
from reconciler.domain.plan import Action, Plan
from reconciler.domain.policy import GUARD_CODES
from reconciler.domain.settings import PROJECT_FILE
from reconciler.render.annotations import ACTION_RULES, SETTINGS_RULE, Annotation, findings
from reconciler.render.escape import for_json, for_terminal
from reconciler.source.codes import CODES

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RULES = {
    **CODES,
    **GUARD_CODES,
    **{action.value: meaning for action, meaning in ACTION_RULES.items()},
    SETTINGS_RULE: "a branch that changes the operator's settings",
}
_INDEX = {rule: index for index, rule in enumerate(_RULES)}


def render_plan(plan: Plan, *, masked: bool = True, folder: str = "") -> str:
    """The log: one run, every rule, one result for each finding. ``folder``: see ``findings``."""
    seen: Counter[str] = Counter()
    found = findings(plan, masked=masked, folder=folder)
    results: list[JsonValue] = [_result(item, folder + PROJECT_FILE, seen) for item in found]
    driver: JsonObject = {
        "name": "reconciler",
        "version": plan.tool_version,
        "rules": [_rule(rule, meaning) for rule, meaning in _RULES.items()],
    }
    run: JsonObject = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The top of the repository."}}},
        "results": results,
    }
    document: JsonObject = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return for_json(json.dumps(document, ensure_ascii=False, indent=2)) + "\n"


def _rule(rule: str, meaning: str) -> JsonObject:
    warns = rule.startswith("W") or (rule not in CODES | GUARD_CODES and rule != Action.BLOCKED)
    advice = "validate shows the line and a hint" if rule in CODES else "plan says what to do about each call"
    return {
        "id": rule,
        "shortDescription": {"text": meaning},
        "help": {"text": f"{meaning[0].upper()}{meaning[1:]}. reconciler {advice}."},
        "defaultConfiguration": {"level": "warning" if warns else "error"},
    }


def _result(item: Annotation, project_file: str, seen: Counter[str]) -> JsonObject:
    text = item.message if item.hint is None else f"{item.message} (hint: {item.hint})"
    result: JsonObject = {
        "ruleId": item.rule,
        "level": item.severity.value,
        "message": {"text": _message(text)},
        # Code scanning requires a location; a result without one is placed at the project file.
        "locations": [{"physicalLocation": _place(item.location, project_file)}],
        "partialFingerprints": {"reconciler/v1": _fingerprint(item, seen)},
    }
    if item.rule in _INDEX:
        result["ruleIndex"] = _INDEX[item.rule]
    return result


def _message(text: str) -> str:
    """Plain text: braces doubled (3.11.5, placeholders), and no ``[text](target)`` (3.11.6, embedded links)."""
    return for_terminal(text).replace("](", r"]\x28").replace("{", "{{").replace("}", "}}")


def _place(where: Location | None, project_file: str) -> JsonObject:
    uri = quote(where.file if where else project_file, safe="/")
    place: JsonObject = {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}}
    if where is not None:
        place["region"] = {"startLine": where.line, "startColumn": where.column}
    return place


def _fingerprint(item: Annotation, seen: Counter[str]) -> str:
    """Equal for the same finding in later runs, even if its line moved; duplicates are numbered."""
    file = item.location.file if item.location else ""
    text = f"{item.rule}\n{file}\n{item.identity}".encode()
    mark = hashlib.sha256(text).hexdigest()[:32]
    seen[mark] += 1
    return f"{mark}:{seen[mark]}"
