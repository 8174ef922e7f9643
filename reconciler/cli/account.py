"""The account's agents and numbers as settings for ``reconciler.yaml``, each with an alias."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import phonenumbers

from reconciler.contactship.account import RemoteAgent, RemoteNumber, list_agents, list_numbers
from reconciler.contactship.origin import ServiceOrigin
from reconciler.contactship.reader import Reader
from reconciler.source.formulas.functions import slug

Item = TypeVar("Item")

_PATIENCE = 10.0  # seconds to wait for one answer
# As in schemas/project.schema.json
_ID = re.compile(r"([A-Za-z]+[-_])?[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_YAML_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})  # in any version of YAML
_INBOUND = "inbound"  # a number that cannot call (page get-phone-numbers)


@dataclass(frozen=True, slots=True)
class Account:
    """The agents and numbers of an account by alias, in the service's order."""

    agents: dict[str, RemoteAgent]
    numbers: dict[str, RemoteNumber]

    def agents_yaml(self) -> str:
        """The ``agents`` block; a comment shows each agent's name and language."""
        lines = [
            f"  {alias}: {agent.id}{_comment(agent.name, agent.language)}" for alias, agent in self.agents.items()
        ]
        return "\n".join(["agents:", *lines]) + "\n" if lines else ""

    def numbers_yaml(self) -> str:
        """The ``numbers`` block, without the numbers that cannot call."""
        lines = [f"  {alias}: {_number_yaml(number)}" for alias, number in self.numbers.items()]
        return "\n".join(["numbers:", *lines]) + "\n" if lines else ""


def read_account(origin: ServiceOrigin, key: str) -> Account:
    """Ask the service for its agents and numbers, with GETs only.

    An item whose id or number has another form than the documented one is left out, because ``reconciler.yaml``
    would not accept it.

    Raises:
        LookupFailed: the service did not answer, or not as documented.
    """

    async def read() -> Account:
        reader = Reader(origin, key, _PATIENCE, tries=2)
        try:
            agents, numbers = await list_agents(reader), await list_numbers(reader)
        finally:
            await reader.aclose()
        named_agents = ((agent, _alias(agent.name)) for agent in agents if _is_id(agent.id))
        callers = [number for number in numbers if number.type != _INBOUND and _is_id(number.id)]
        named_numbers = ((number, _region_and_ending(number.e164)) for number in callers)
        return Account(dict(_with_aliases(named_agents)), dict(_with_aliases(named_numbers)))

    return asyncio.run(read())


def _alias(name: str) -> str:
    """An alias for a name. YAML reads ``null``, ``true``, ``12`` and ``1e3`` as something else than a text."""
    alias = slug(name)[:40].strip("-")
    if not alias:
        return "agent"
    return alias if alias[0].isalpha() and alias not in _YAML_WORDS else f"agent-{alias}"


def _with_aliases(items: Iterable[tuple[Item, str]]) -> Iterator[tuple[str, Item]]:
    used: set[str] = set()
    for item, wanted in items:
        alias, count = wanted, 1
        while alias in used:
            count += 1
            alias = f"{wanted}-{count}"
        used.add(alias)
        yield alias, item


def _region_and_ending(e164: str) -> str:
    """A name for a number, such as ``mx-5678``: where it is from, and its last four digits."""
    digits = re.sub(r"\D", "", e164)
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        region = None
    return f"{(region or 'number').lower()}-{digits[-4:]}"


def _number_yaml(number: RemoteNumber) -> str:
    e164 = "+" + re.sub(r"\D", "", number.e164)
    return f'{{id: {number.id}, e164: "{e164}"}}' if _E164.fullmatch(e164) else f"{{id: {number.id}}}"


def _comment(*texts: str) -> str:
    """A YAML comment. The service's texts cannot end it: characters that are not printable are left out."""
    shown = ["".join(char for char in text if char.isprintable())[:60] for text in texts if text]
    return f"  # {', '.join(shown)}" if shown else ""


def _is_id(value: str) -> bool:
    return _ID.fullmatch(value) is not None
