"""The protocol of the service: it places calls, and lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from reconciler.domain.model import Request

SANDBOX_HEADER = "X-Reconciler-Sandbox"  # in the sandbox's answer to GET /_sandbox/health: its version


@dataclass(frozen=True, slots=True)
class Receipt:
    """The service's answer to a placed call. ``created_at`` is the service's text."""

    call_id: str
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """A call as the service lists it. ``tags`` are our tags in its metadata, None if it has no metadata.

    ``foreign_metadata``: it has metadata, but none of our tags. Whether such a call may be ours depends on the
    service (``evidence.tagging``), not on this flag alone.

    ``name`` is the called person's name, for comparison only: it is neither shown nor stored.
    ``status``, ``result`` and ``reason`` are the service's texts, ``duration`` is in seconds. ``started_at`` is
    when it rang, None if it has not, or the service does not say.
    """

    id: str
    status: str
    created_at: datetime
    agent: str | None = None
    contact_id: str | None = None
    number: str | None = None
    name: str | None = None
    tags: Mapping[str, str] | None = None
    foreign_metadata: bool = False
    result: str | None = None
    reason: str | None = None
    duration: float | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Which calls to list: those created in a time range, or those with one status."""

    since: datetime | None = None
    until: datetime | None = None
    agent: str | None = None
    status: str | None = None


class CallDirectory(Protocol):
    """Lists calls. An empty answer proves nothing: how soon a new call is listed is not documented."""

    @property
    def server_time(self) -> datetime | None:
        """The service's time at its latest answer, in whole seconds rounded down; None if it did not say."""
        ...

    @property
    def service(self) -> str:
        """The origin of the service, as in ``facts.ServiceFact``."""
        ...

    async def calls(self, listing: Listing) -> Sequence[RemoteCall]:
        """A whole listing, oldest first.

        Raises:
            LookupFailed: the request failed, the answer does not match the documentation, or the listing was
                incomplete.
        """
        ...

    async def aclose(self) -> None: ...


class CallRegister(CallDirectory, Protocol):
    """A directory that can also look up one call."""

    async def call(self, call_id: str) -> RemoteCall | None:
        """The call with that id; None if the service answers that there is none.

        Raises:
            LookupFailed: as for ``calls``.
        """
        ...

    async def ask_time(self) -> None:
        """Send a cheap request to get the service's time. Raises ``LookupFailed``."""
        ...


class CallProvider(Protocol):
    """Places calls, one at a time. Each worker has its own provider."""

    async def place(self, request: Request) -> Receipt:
        """Send the request once.

        Raises:
            NotSent: proven that the service did not accept the call.
            Rejected: the service refused.
            OutcomeUnknown: anything else.
        """
        ...

    async def aclose(self) -> None: ...
