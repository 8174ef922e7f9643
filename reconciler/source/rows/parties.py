"""The called person, the agent and the sender number of a row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from urllib.parse import urlsplit

from reconciler.domain.model import Call
from reconciler.domain.settings import Project
from reconciler.source.rows.cells import AGENT, PHONE_ONLY, SENDER, Reading, Source
from reconciler.source.rows.phone_numbers import judge_number, old_mexican_hint
from reconciler.source.schema.wording import quoted

# Ids are UUIDs, also seen as agent-<uuid> and pn-<uuid> (the vendor's API reference).
ID = re.compile(r"([A-Za-z]+[-_])?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)


# By whether a row calls a contact: the sender field that belongs to the other type of call.
OTHER_SENDER = {True: "from_number", False: "from_number_id"}


def read_parties(reading: Reading, project: Project) -> Call:
    """A call with its parties, without its timing and data: aliases are resolved, and numbers checked.

    Errors are reported, and fail the row.
    """
    contact = reading.text("contact_id")
    is_contact = contact is not None
    _check_target(reading)
    _check_sender(reading, is_contact=is_contact)
    if is_contact:
        for field in PHONE_ONLY:
            if reading.cell(field) is not None:
                hint = "remove it (the service has the contact's data), or call a to_number"
                reading.wrong("E310", field, f"{field} is for phone calls, but this row calls a contact", hint)
    elif reading.cell("to_number") is not None and reading.cell("full_name") is None:
        message = "missing field 'full_name', which a phone call needs"
        reading.wrong("E311", "full_name", message, "add full_name: ...")
    return Call(
        agent=_agent(reading, project),
        sender=_sender(reading, project, is_contact=is_contact),
        contact_id=contact,
        to_number=None if is_contact else _number(reading, "to_number"),
        full_name=None if is_contact else reading.text("full_name"),
        email=None if is_contact else reading.text("email"),
        country=None if is_contact else reading.text("country"),
        webhook_url=None if is_contact else _webhook(reading, project),
    )


def _check_target(reading: Reading) -> None:
    """Check the target of rows where it may be computed. For all others the schema does."""
    contact, number = reading.cell("contact_id"), reading.cell("to_number")
    if contact is not None and number is not None:
        message = "a row must have one target, but this one has both contact_id and to_number"
        reading.wrong("E206", "to_number", message, "remove one of them, or split the row")
    elif contact is None and number is None and not reading.blocked("to_number"):
        message = "a row needs a target: contact_id, or to_number with full_name"
        reading.wrong("E206", "contact_id", message, "add contact_id: ...")


def _named(reading: Reading, names: Sequence[str]) -> tuple[str, str | None]:
    """The name of a field that a row uses, and its text. If it uses two names, the first."""
    used = [name for name in names if reading.cell(name) is not None]
    if len(used) > 1:
        message = f"{used[0]} and {used[1]} are two names of the same field"
        reading.wrong("E321", used[1], message, "remove one of them")
    return (used[0], reading.text(used[0])) if used else (names[0], None)


def _check_sender(reading: Reading, *, is_contact: bool) -> None:
    """Report a sender field of the other type of call. In defaults it is ignored."""
    name, fit = OTHER_SENDER[is_contact], OTHER_SENDER[not is_contact]
    if _is_of_other_kind(reading, is_contact=is_contact):
        kind = "numbers, but this row calls a contact" if is_contact else "contacts, but this row calls a number"
        reading.wrong("E310", name, f"{name} is for calls to {kind}", f"use {fit} or from instead")


def _is_of_other_kind(reading: Reading, *, is_contact: bool) -> bool:
    cell = reading.cell(OTHER_SENDER[is_contact])
    return cell is not None and cell.source is not Source.DEFAULT


def _agent(reading: Reading, project: Project) -> str:
    name, text = _named(reading, AGENT)
    if name == "agent_id" and text is not None:
        return text
    if text is None and any(map(reading.blocked, AGENT)):
        return ""
    if text is None:
        message = "missing field 'agent' (the AI agent that makes the call)"
        reading.wrong("E301", "agent", message, "add agent: to the row or to defaults")
        return ""
    identifier = agent_id(text, project)
    if identifier is None:
        message = f"agent {quoted(text)} is neither a name in reconciler.yaml nor an id"
        reading.wrong("E302", "agent", message, partial(_near, text, project.agents, "agents"))
    return identifier or text


def agent_id(text: str, project: Project) -> str | None:
    """The id of an alias, or the text itself if it is an id, else None."""
    return project.agents.get(text) or (text if ID.fullmatch(text) else None)


def _sender(reading: Reading, project: Project, *, is_contact: bool) -> str:
    name, text = _named(reading, [item for item in SENDER if item != OTHER_SENDER[is_contact]])
    if text is None and (any(map(reading.blocked, SENDER)) or _is_of_other_kind(reading, is_contact=is_contact)):
        return ""
    if text is None:
        message = "missing field 'from' (the number to call from)"
        reading.wrong("E301", "from", message, "add from: to the row or to defaults")
        return ""
    if name == "from_number_id":
        return text
    if name == "from_number":
        return _number(reading, name) or ""
    identifier = sender_id(text, project, contact=is_contact)
    if identifier is not None:
        return identifier
    alias = project.numbers.get(text)
    if alias is not None:
        needed, _ = alias.named(contact=is_contact)
        kind = "contact" if is_contact else "phone"
        hint = f"add {needed}: to numbers.{text} in reconciler.yaml"
        reading.wrong("E303", "from", f"from {quoted(text)} has no {needed}, which a {kind} call needs", hint)
        return ""
    if reading.blocked("contact_id"):
        return ""  # the kind of the call is unknown
    near = partial(_near, text, project.numbers, "numbers")
    if is_contact:
        message = f"from {quoted(text)} is neither a name in reconciler.yaml nor a number id"
        reading.wrong("E302", "from", message, near)
        return text
    if text.startswith("+"):
        return _number(reading, "from") or ""
    message = f"from {quoted(text)} is neither a name in reconciler.yaml nor an E.164 number"
    reading.wrong("E302", "from", message, near)
    return ""


def sender_id(text: str, project: Project, *, contact: bool) -> str | None:
    """The id or number of an alias, or the text itself if it is a valid one, else None."""
    alias = project.numbers.get(text)
    if alias is not None:
        return alias.named(contact=contact)[1]
    fits = ID.fullmatch(text) is not None if contact else judge_number(text) == "valid"
    return text if fits else None


def _near(text: str, names: Iterable[str], section: str) -> str:
    names = list(names)
    near = get_close_matches(text, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    choices = f"use one of: {', '.join(sorted(names)[:8])}" if names else f"{section} in reconciler.yaml is empty"
    return f"{choices}; or write the id"


def _number(reading: Reading, field: str) -> str | None:
    """An E.164 number. Impossible ones are errors; unassigned ones are warnings, as numbering plans change."""
    text = reading.text(field)
    if text is None:
        return None
    verdict = judge_number(text)
    if verdict == "impossible":
        message = f"{field} {quoted(text)} is not a possible phone number"
        hint = "check the country code and the length; write +, the country code and the number without spaces"
        reading.wrong("E304", field, message, old_mexican_hint(text) or hint)
    elif verdict == "local":
        message = f"{field} {quoted(text)} has no area code"
        reading.wrong("E304", field, message, "add the area code after the country code")
    elif verdict == "unassigned":
        message = f"{field} {quoted(text)} is outside the known number ranges"
        reading.warn("W202", field, message, "check the number")
    return text


def _webhook(reading: Reading, project: Project) -> str | None:
    url = reading.text("webhook_url")
    if url is None or reading.blocked("webhook_url"):
        return url
    problem = webhook_problem(url, project)
    if problem is not None:
        reading.wrong("E305", "webhook_url", *problem)
    return url


def webhook_problem(url: str, project: Project) -> tuple[str, str] | None:
    """A message and a hint; None if the operator allows this host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.username is not None:
        return "webhook_url is not a plain https URL", "write a URL such as https://host/path"
    if host not in project.webhook_hosts:
        hint = f"to allow it, add {host} to policy.webhook_hosts in reconciler.yaml"
        return f"webhook_url points to {host}, which is not allowed", hint
    return None
