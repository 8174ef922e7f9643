"""The service: its URL, whether it responds, its clock, and whether the account has the ids that rows use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.doctor.check import CheckResult, Health, failed, skipped
from reconciler.contactship.account import has_agent, list_agents, list_numbers
from reconciler.contactship.origin import (
    API_KEY_VARIABLE,
    BASE_URL_VARIABLE,
    DEFAULT_BASE_URL,
    ServiceOrigin,
    is_exposed,
    parse_origin,
    read_api_key,
)
from reconciler.contactship.reader import Reader
from reconciler.domain.settings import PROJECT_FILE
from reconciler.errors import LookupFailed, ReconcilerError
from reconciler.quantities import format_count
from reconciler.system.environment import variable

if TYPE_CHECKING:
    from reconciler.domain.settings import Project

_PATIENCE = 10.0  # seconds to wait for one answer
_NOTABLE, _TOO_MUCH = 30.0, 300.0  # seconds of skew; a plan dated further ahead is refused
_ACCOUNT = ("agents", "numbers")


@dataclass(frozen=True, slots=True)
class Access:
    """The URL and the key for requests; None if they are missing or invalid."""

    origin: ServiceOrigin | None
    key: str | None
    findings: tuple[CheckResult, ...]

    @classmethod
    def from_options(cls, base_url: str | None, key_file: Path | None) -> Access:
        origin, url_result = _origin(base_url)
        key, key_result = _key(key_file)
        return cls(origin, key, (url_result, key_result))


def _origin(base_url: str | None) -> tuple[ServiceOrigin | None, CheckResult]:
    try:
        origin = parse_origin(base_url or DEFAULT_BASE_URL)
    except ReconcilerError as error:
        hint = f"set {BASE_URL_VARIABLE}, or pass --base-url"
        return None, CheckResult("base-url", Health.FAIL, error.message, hint)
    real = "the real service" if base_url is None else "as configured"
    return origin, CheckResult(
        "base-url", Health.OK, f"{origin.base}, {'this machine' if origin.loopback else real}"
    )


def _key(key_file: Path | None) -> tuple[str | None, CheckResult]:
    try:
        key = read_api_key(key_file, None if key_file is not None else variable(API_KEY_VARIABLE))
    except ReconcilerError as error:
        return None, failed("api-key", error)
    if key_file is None:
        return key, CheckResult("api-key", Health.OK, f"present, from {API_KEY_VARIABLE}")
    if is_exposed(key_file):
        text = f"present, but other users may read {key_file}"
        return key, CheckResult("api-key", Health.WARN, text, f"chmod 600 {key_file}")
    return key, CheckResult("api-key", Health.OK, f"present, from {key_file}")


@dataclass(frozen=True, slots=True)
class ReferencedIds:
    """The ids that must exist, each with the setting or file that uses it."""

    agents: Mapping[str, str]
    numbers: Mapping[str, str]


def named(project: Project, agents: Iterable[str], senders: Iterable[str]) -> ReferencedIds:
    """The aliases of ``reconciler.yaml``, and the ids that rows use directly."""
    by_alias = {agent: f"agents.{alias}" for alias, agent in project.agents.items()}
    numbers: dict[str, str] = {}
    for alias, number in project.numbers.items():
        for field, value in (("id", number.id), ("e164", number.e164)):
            if value is not None:
                numbers[value] = f"numbers.{alias}.{field}"
    return ReferencedIds(
        dict.fromkeys(agents, "plan files") | by_alias, dict.fromkeys(senders, "plan files") | numbers
    )


async def examine(access: Access, deadline: float, wanted: ReferencedIds) -> list[CheckResult]:
    """Query with GETs only, once each; ``deadline`` is the limit for one answer in seconds."""
    if access.origin is None:
        return skipped("no usable base URL", "service", "clock", *_ACCOUNT)
    async with aclosing(Reader(access.origin, access.key or "", min(deadline, _PATIENCE), tries=1)) as reader:
        return await _check_service(reader, access, wanted)


async def _check_service(reader: Reader, access: Access, wanted: ReferencedIds) -> list[CheckResult]:
    asked = datetime.now(UTC)
    try:
        agents = await list_agents(reader)
    except LookupFailed as error:
        if access.key is None and error.status in {401, 403}:
            text = f"responds, but returns no details without a key (HTTP {error.status})"
            return [CheckResult("service", Health.OK, text), *skipped("no API key", "clock", *_ACCOUNT)]
        return [failed("service", error), *skipped("the service did not respond", "clock", *_ACCOUNT)]
    answered = datetime.now(UTC)
    text = f"responds in {(answered - asked).total_seconds() * 1000:.0f} ms"
    found = [CheckResult("service", Health.OK, text), clock(reader.server_time, asked, answered)]
    ids = frozenset(agent.id for agent in agents)
    found.append(await _run_check("agents", lambda: _agents(reader, ids, wanted.agents)))
    found.append(await _run_check("numbers", lambda: _numbers(reader, wanted.numbers)))
    return found


def clock(theirs: datetime | None, asked: datetime, answered: datetime) -> CheckResult:
    """Compare this clock with the service's ``Date``, which is in whole seconds rounded down."""
    if theirs is None:
        return CheckResult("clock", Health.SKIP, "the service does not return its time")
    ahead = (asked - theirs).total_seconds() - 1
    behind = (theirs - answered).total_seconds()
    skew = max(ahead, behind, 0.0)
    if skew <= _NOTABLE:
        return CheckResult("clock", Health.OK, "agrees with the service's")
    way = "ahead of" if ahead > behind else "behind"
    health = Health.FAIL if skew > _TOO_MUCH else Health.WARN
    hint = "synchronise it (timedatectl set-ntp true): place_by and expiry depend on it"
    return CheckResult("clock", health, f"this clock is {skew:,.0f} s {way} the service's", hint)


async def _run_check(check: str, ask: Callable[[], Awaitable[CheckResult]]) -> CheckResult:
    try:
        return await ask()
    except LookupFailed as error:
        return failed(check, error)


async def _agents(reader: Reader, there: frozenset[str], wanted: Mapping[str, str]) -> CheckResult:
    missing = [agent for agent in wanted if agent not in there and not await has_agent(reader, agent)]
    return _verdict("agents", "agent", wanted, missing, len(there))


async def _numbers(reader: Reader, wanted: Mapping[str, str]) -> CheckResult:
    listed = await list_numbers(reader)
    there = {_plain(name) for number in listed for name in (number.id, number.e164)}
    missing = [number for number in wanted if _plain(number) not in there]
    return _verdict("numbers", "number", wanted, missing, len(listed))


def _plain(name: str) -> str:
    """Ids occur with and without their prefix, numbers with spaces."""
    return name.removeprefix("pn-").replace(" ", "").lower()


def _verdict(check: str, noun: str, wanted: Mapping[str, str], missing: list[str], there: int) -> CheckResult:
    """A missing id is named in the message; a missing phone number is identified only by the setting that
    uses it.
    """
    if not missing:
        text = (
            f"{format_count(len(wanted), noun)} named in {PROJECT_FILE} or plan files, on the account"
            if wanted
            else f"none named, {there} on the account"
        )
        return CheckResult(check, Health.OK, text)
    names = [wanted[item] if item.startswith("+") else f"{wanted[item]} ({item})" for item in missing]
    more = f", and {len(names) - 5} more" if len(names) > 5 else ""
    text = f"not on this account: {', '.join(names[:5])}{more}"
    hint = f"compare with the list of {check} in the dashboard, and check that the key is for the right account"
    return CheckResult(check, Health.FAIL, text, hint)
