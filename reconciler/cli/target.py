"""The service that a command talks to: its URL, the key, and how fast calls are placed."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.cli.output import say
from reconciler.cli.workspace import Workspace
from reconciler.contactship.listing import CallListing
from reconciler.contactship.origin import (
    API_KEY_VARIABLE,
    BASE_URL_VARIABLE,
    DEFAULT_BASE_URL,
    ServiceOrigin,
    is_exposed,
    parse_origin,
    read_api_key,
)
from reconciler.domain.wire import ScheduleFields
from reconciler.errors import Refused
from reconciler.system.environment import variable


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how fast calls are placed. ``rate`` in requests a second, ``timeout`` in seconds.

    ``checkpoint`` is the command that saves the state, or ``none`` to declare that its disk is kept.
    ``schedule_fields`` are the field names to check (None: not checked). ``join``: other runners may place the
    same plan.
    """

    origin: ServiceOrigin
    key_file: Path | None
    key_variable: str | None = field(repr=False)
    rate: float | None
    concurrency: int
    timeout: float
    preflight: bool = True
    schedule_fields: ScheduleFields | None = None
    checkpoint: str | None = None
    join: bool = False

    @classmethod
    def from_options(cls, workspace: Workspace, base_url: str | None, key_file: Path | None) -> Target:
        """The project's settings, and the URL from the option or the environment, never from a file.

        Raises:
            UsageError: a base URL that may not be used, or an empty variable for the key.
        """
        provider = workspace.project.provider
        origin = parse_origin(base_url or DEFAULT_BASE_URL)
        key = variable(API_KEY_VARIABLE) if key_file is None else None
        target = cls(origin, key_file, key, provider.rate, provider.concurrency, provider.timeout)
        return replace(target, schedule_fields=provider.schedule_fields)

    @property
    def has_key(self) -> bool:
        return self.key_file is not None or self.key_variable is not None

    def key(self) -> str:
        """The key; warns if other users may read its file. Raises ``ReconcilerError`` if there is none."""
        key = read_api_key(self.key_file, self.key_variable)
        if self.key_file is not None and is_exposed(self.key_file):
            message = f"warning: other users of this machine may read {self.key_file} (chmod 600 {self.key_file})"
            say(message, err=True)
        return key

    def check_same_service(self, last: str | None, *, confirmed: bool) -> None:
        """Check that calls go to the real service if earlier ones did, and to this machine if earlier ones did.

        ``last`` is the origin of the service of the latest call, ``confirmed`` whether a person typed the URL of
        the new one.

        Raises:
            Refused: a variable for a sandbox is missing here, or was left over.
        """
        if last is None or confirmed or parse_origin(last).loopback is self.origin.loopback:
            return
        message = f"the calls of this state were placed at {last}, but apply would now use {self.origin.base}"
        hint = (
            f"set {BASE_URL_VARIABLE}={last} to go on there. For other calls than those, start in a new folder: "
            f"reconciler init. If both lead to one account: reconciler apply --base-url {self.origin.base}"
        )
        raise Refused(f"{message}: nothing was placed", hint=hint)

    def listing(self, key: str) -> aclosing[CallListing]:
        """The calls of the service, closed at the end of the block."""
        return aclosing(CallListing(self.origin, key, self.timeout))
