"""The fixed agents, numbers and contacts of every sandbox, and their types.

The first of each has the id of the vendor's example (page make-contact-call). All phone numbers are in the range
555-0100 to 555-0199, which is reserved for fiction.
"""

from __future__ import annotations

from dataclasses import dataclass

ORGANIZATION_ID = "5a9d0c1e-0000-4000-8000-000000000001"
CREATED_AT = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Agent:
    """An AI agent; ``language`` is an IETF tag."""

    id: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the organisation, in E.164; ``type`` is inbound or outbound."""

    id: str
    phone_number: str
    type: str


@dataclass(frozen=True, slots=True)
class Contact:
    """The called person. ``id`` is None for a phone call, which has no contact record."""

    id: str | None
    full_name: str
    phone_number: str
    email: str | None = None
    country: str | None = None


AGENTS = (
    Agent("agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890", "Collections", "en-US"),
    Agent("agent-a1b2c3d4-e5f6-7890-abcd-ef1234567891", "Reminders", "es-MX"),
    Agent("agent-a1b2c3d4-e5f6-7890-abcd-ef1234567892", "Surveys", "es-ES"),
)

NUMBERS = (
    Number("pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890", "+12125550100", "outbound"),
    Number("pn-a1b2c3d4-e5f6-7890-abcd-ef1234567891", "+13125550101", "outbound"),
    Number("pn-a1b2c3d4-e5f6-7890-abcd-ef1234567892", "+14155550102", "outbound"),
    Number("pn-a1b2c3d4-e5f6-7890-abcd-ef1234567893", "+17135550103", "outbound"),
    Number("pn-a1b2c3d4-e5f6-7890-abcd-ef1234567894", "+12125550104", "inbound"),
    Number("pn-a1b2c3d4-e5f6-7890-abcd-ef1234567895", "+13125550105", "inbound"),
)

CONTACTS = (
    Contact("c1d2e3f4-a5b6-7890-cdef-123456789012", "Contact 1", "+12025550111", "contact1@example.com", "US"),
    Contact("c1d2e3f4-a5b6-7890-cdef-123456789013", "Contact 2", "+13055550112", "contact2@example.com", "US"),
    Contact("c1d2e3f4-a5b6-7890-cdef-123456789014", "Contact 3", "+14045550113", "contact3@example.com", "US"),
    Contact("c1d2e3f4-a5b6-7890-cdef-123456789015", "Contact 4", "+15125550114", "contact4@example.com", "US"),
    Contact("c1d2e3f4-a5b6-7890-cdef-123456789016", "Contact 5", "+16175550115", "contact5@example.com", "US"),
)
