"""``GET /v1/calls``: the documented filters as data, and a pure function over the ledger.

Source: the vendor's page list-calls. Not documented, and chosen here: both dates are inclusive, a date without an
offset is in UTC, and ``phoneNumber`` is the called number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.sandbox.bodies import E164
from reconciler.sandbox.ledger import Ledger
from reconciler.sandbox.params import Params
from reconciler.sandbox.recorded import RecordedCall
from reconciler.sandbox.refusal import Refusal
from reconciler.sandbox.timeline import RESULTS, STATUSES, observe

_KNOWN = frozenset(
    {
        "limit",
        "offset",
        "order",
        "date_from",
        "date_to",
        "call_status",
        "call_result",
        "agent_id",
        "campaign_id",
        "phoneNumber",
        "include_transcript",
    }
)


@dataclass(frozen=True, slots=True)
class CallQuery:
    """One query of the list; None matches every call."""

    limit: int
    offset: int
    newest_first: bool
    date_from: datetime | None
    date_to: datetime | None
    status: str | None
    result: str | None
    agent_id: str | None
    campaign_id: str | None
    phone_number: str | None
    include_transcript: bool

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]]) -> CallQuery:
        """Parse the query. Raises ``Refusal`` 400."""
        params = Params(pairs, _KNOWN)
        phone_number = params.text("phoneNumber")
        if phone_number is not None and not E164.fullmatch(phone_number):
            raise Refusal(400, "phoneNumber must be a phone number in E.164 form")
        return cls(
            limit=params.integer("limit", 20, 1),
            offset=params.integer("offset", 0, 0),
            newest_first=params.one_of("order", ("asc", "desc")) != "asc",
            date_from=params.instant("date_from"),
            date_to=params.instant("date_to"),
            status=params.one_of("call_status", STATUSES),
            result=params.one_of("call_result", RESULTS),
            agent_id=params.text("agent_id"),
            campaign_id=params.text("campaign_id"),
            phone_number=phone_number,
            include_transcript=params.flag("include_transcript", default=False),
        )

    def fits(self, call: RecordedCall, now: datetime) -> bool:
        """Whether a call passes every filter except the dates. Calls placed one by one belong to no campaign."""
        if self.campaign_id is not None or self.agent_id not in {None, call.agent_id}:
            return False
        if self.phone_number not in {None, call.contact.phone_number}:
            return False
        if self.status is None and self.result is None:
            return True
        progress = observe(call.call_id, call.rings_at, now, scheduled=call.scheduled)
        return self.status in {None, progress.status} and self.result in {None, progress.result}

    @property
    def filters(self) -> bool:
        """Whether there are filters other than the dates."""
        narrow = (self.campaign_id, self.agent_id, self.phone_number, self.status, self.result)
        return any(value is not None for value in narrow)


def find_calls(ledger: Ledger, query: CallQuery, now: datetime, lag: float) -> Sequence[RecordedCall]:
    """All matching calls, in the requested order. Calls younger than ``lag`` seconds are not listed yet."""
    calls = ledger.created(query.date_from, _latest(query.date_to, now, lag))
    if query.filters:
        calls = [call for call in calls if query.fits(call, now)]
    return calls[::-1] if query.newest_first else calls


def _latest(date_to: datetime | None, now: datetime, lag: float) -> datetime | None:
    if not lag:
        return date_to
    listed = now - timedelta(seconds=lag)
    return listed if date_to is None else min(listed, date_to)
