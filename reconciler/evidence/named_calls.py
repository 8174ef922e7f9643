"""Check the call id that a person names for an address with the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.domain.model import Address, Call
from reconciler.domain.people import exact_id, person
from reconciler.domain.service import CallRegister, RemoteCall
from reconciler.errors import LookupFailed
from reconciler.evidence.matching import Lineage, named_address, tagged_digest, tagged_lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCall:
    """A call id for an address, and the call that its row asks for."""

    address: Address
    call_id: str
    call: Call
    digest: str


@dataclass(frozen=True, slots=True)
class NamedCallCheck:
    """``problems`` are the reasons why named calls are others, by address. ``unchecked`` are the reasons why the
    service could not tell."""

    problems: Mapping[Address, str]
    unchecked: Mapping[Address, str]


async def check_named_calls(register: CallRegister, named: list[NamedCall], lineage: Lineage) -> NamedCallCheck:
    """Look up each call by its id. Only what the service says counts: a field that it leaves out proves nothing.

    After a request without an answer, nothing more is asked.
    """
    problems: dict[Address, str] = {}
    unchecked: dict[Address, str] = {}
    for index, item in enumerate(named):
        try:
            remote = await register.call(item.call_id)
        except LookupFailed as error:
            rest = named[index:] if error.status is None else [item]
            unchecked |= {left.address: error.message for left in rest}
            if error.status is None:
                break
            continue
        if remote is None:
            problems[item.address] = f"the service has no outgoing call {item.call_id}"
        elif (reason := difference(item, remote, lineage)) is not None:
            problems[item.address] = f"{item.call_id} is another call: {reason}"
        elif not _shows_person(item.call, remote):
            unchecked[item.address] = f"the service does not say whom {item.call_id} calls"
    return NamedCallCheck(problems, unchecked)


def difference(named: NamedCall, remote: RemoteCall, lineage: Lineage) -> str | None:
    """Why the service's call cannot be the named one: its tags, its agent or its person; None if it can.

    Numbers that are dialled alike are no difference, because a person has looked at the call.
    """
    other = named_address(remote)
    if other is not None and tagged_lineage(remote) == lineage.id:
        other = lineage.now(other)
    if other not in {None, named.address} and tagged_digest(remote) != named.digest:
        return f"its tags name {other}"
    call = named.call
    if remote.agent is not None and exact_id(remote.agent) != exact_id(call.agent):
        return "another agent makes it"
    if call.contact_id is not None:
        differs = remote.contact_id is not None and exact_id(remote.contact_id) != exact_id(call.contact_id)
    else:
        differs = remote.number is not None and person(remote.number) != person(call.target)
    return "it calls another person" if differs else None


def _shows_person(call: Call, remote: RemoteCall) -> bool:
    return (remote.contact_id if call.contact_id is not None else remote.number) is not None
