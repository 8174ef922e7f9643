"""Whether a saved plan is right, by a slow path that shares no code with the tool.

Each row that is looked at is judged by ``jsonschema`` alone, written by ``rfc8785`` alone, and dated by
``zoneinfo``. The plan is read line by line: a million rows are never held at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

import rfc8785
from jsonschema import Draft202012Validator

from tests.bench.inputs import ZONE, Wanted, wanted
from tests.bench.measuring import ROOT, ResultError
from tests.conftest import AGENT, NUMBER

_SAMPLES = 2000  # rows that are looked at in a large plan

_IDS = {"agent", "from", "contact_id"}


def check_plan(path: Path, rows: int, action: str) -> None:
    """Every row is in the plan with this action, and as the slow path has it.

    Raises:
        ResultError: it is not.
    """
    summary, every, count = {}, max(1, rows // _SAMPLES), 0
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith('  "summary": '):
                summary = json.loads(line.removeprefix('  "summary": ').rstrip(",\n"))
            elif line.startswith('  "changes": ['):
                break
        for count, (row, change) in enumerate(zip(wanted(rows), _changes(file), strict=False), 1):
            if count % every == 0:
                _check_change(row, json.loads(change), action)
    expected = {name: rows if name == action else 0 for name in summary}
    if not summary or summary != expected or count != rows:
        raise ResultError(f"{path.name}: {count} changes, {summary}; expected {rows} to be {action}")


def _changes(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("  ]"):
            return
        yield line.rstrip(",\n")


def _check_change(row: Wanted, change: dict[str, Any], action: str) -> None:
    call = _call(row)
    at = datetime.fromisoformat(row.at).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    expected = {
        "address": f"bench/{row.key}",
        "action": action,
        "digest": f"d1:sha256:{hashlib.sha256(rfc8785.dumps(_bare(_nfc(call)))).hexdigest()}",
        "scheduled_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
    }
    found = {name: change[name] for name in expected}
    if found != expected:
        raise ResultError(f"the plan has {found}, where the slow path has {expected}")


def _call(row: Wanted) -> dict[str, Any]:
    """The call that a row and the defaults give, found to fit the schema first."""
    schedule, data = {"at": row.at}, {"invoice": row.invoice, "amount_debt": row.amount, "city": row.city}
    written = {"key": row.key, "contact_id": row.contact, "schedule": schedule, "additional_data": data}
    defaults = {"agent": AGENT, "from": NUMBER, "schedule": {"timezone": ZONE}}
    _validator().validate({"version": 1, "plan": "bench", "defaults": defaults, "calls": [written]})
    return defaults | {
        "contact_id": row.contact,
        "schedule": {"at": row.at, "timezone": ZONE},
        "additional_data": data,
    }


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / "schemas/callplan.schema.json").read_text(encoding="utf-8")))


def _nfc(value: Any) -> Any:
    if isinstance(value, dict):
        return {_nfc(key): _nfc(item) for key, item in value.items()}
    return normalize("NFC", value)


def plan_id(path: Path) -> str:
    """The id of a plan that was saved, or printed as JSON.

    Raises:
        ResultError: it has none.
    """
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith('  "plan_id": '):
                return line.partition(": ")[2].strip('",\n')
            if line.startswith('  "changes": ['):
                break
    raise ResultError(f"{path.name} has no plan_id")


def requests(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Endpoint and body of each call that a saved plan places."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith('  "changes": ['):
                break
        for change in _changes(file):
            request = json.loads(change)["request"]
            yield request["endpoint"], request["body"]


def _bare(call: dict[str, Any]) -> dict[str, Any]:
    """The call with its ids as the digest has them: without the service's prefixes."""
    return {
        name: re.sub("^(agent|pn|contact)-", "", text) if name in _IDS else text for name, text in call.items()
    }
