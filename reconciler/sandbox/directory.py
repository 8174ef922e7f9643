"""The seeded records and, unless ids are strict, generated ones for any well-formed id."""

from __future__ import annotations

from hashlib import sha256

from reconciler.sandbox.refusal import Refusal
from reconciler.sandbox.seeds import AGENTS, CONTACTS, NUMBERS, Agent, Contact, Number


class Directory:
    """Finds agents, numbers and contacts by id. Generated contacts are remembered, so that they are listed."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._agents = {agent.id: agent for agent in AGENTS}
        self._numbers = {number.id: number for number in NUMBERS}
        self._contacts = {contact.id: contact for contact in CONTACTS}
        self._registered = frozenset(number.phone_number for number in NUMBERS)

    def agent(self, agent_id: str, *, missing: int) -> Agent:
        """The agent with that id. Raises ``Refusal`` with the status ``missing`` if there is none."""
        agent = self._agents.get(agent_id)
        if agent is None and not self._strict:
            agent = Agent(agent_id, "Agent", "en-US")
        if agent is None:
            raise Refusal(missing, f"agent {agent_id} not found")
        return agent

    def number(self, number_id: str) -> Number:
        """The organisation's number with that id. Raises ``Refusal`` 404 if there is none."""
        number = self._numbers.get(number_id)
        if number is None and not self._strict:
            number = Number(number_id, made_up_number(number_id), "outbound")
        if number is None:
            raise Refusal(404, f"phone number {number_id} not found")
        return number

    def contact(self, contact_id: str) -> Contact:
        """The contact with that id. Raises ``Refusal`` 404 if there is none."""
        contact = self._contacts.get(contact_id)
        if contact is None and not self._strict:
            contact = Contact(contact_id, f"Contact {contact_id}", made_up_number(contact_id), None, "US")
            self._contacts[contact_id] = contact
        if contact is None:
            raise Refusal(404, f"contact {contact_id} not found")
        return contact

    def check_registered(self, e164: str) -> None:
        """Raise ``Refusal`` 400 (this endpoint documents no 404) if the organisation does not have the number."""
        if self._strict and e164 not in self._registered:
            raise Refusal(400, f"from_number {e164} is not registered in the organisation")

    def remember(self, contact: Contact) -> None:
        """Restore a contact that an earlier process generated."""
        if contact.id is not None:
            self._contacts.setdefault(contact.id, contact)

    def contacts(self, full_name: str = "", email: str = "", phone_number: str = "") -> list[Contact]:
        """Contacts that contain each text, ignoring case; an empty text matches all."""
        wanted = (full_name.casefold(), email.casefold(), phone_number.casefold())
        return [contact for contact in self._contacts.values() if _fits(contact, wanted)]


def _fits(contact: Contact, wanted: tuple[str, str, str]) -> bool:
    present = (contact.full_name, contact.email or "", contact.phone_number)
    return all(part in text.casefold() for part, text in zip(wanted, present, strict=True))


def made_up_number(identifier: str) -> str:
    """A stable number in E.164 from the fictional range, derived from an id. Two ids may share one."""
    seed = int.from_bytes(sha256(identifier.encode()).digest()[:8])
    area = f"{2 + seed % 8}{seed // 8 % 9}{seed // 72 % 10}"
    if area[1:] == "11":
        area = f"{area[0]}12"
    return f"+1{area}55501{seed // 720 % 100:02d}"
