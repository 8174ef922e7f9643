"""``/_sandbox``: the recorded calls, and switches for tests. It needs no key, and no fault or limit applies
to it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType, convert
from msgspec.structs import asdict

from reconciler import __version__
from reconciler.domain import times
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.service import SANDBOX_HEADER
from reconciler.domain.wire import CONTACT_CALL, PHONE_CALL
from reconciler.sandbox.answers import json_answer
from reconciler.sandbox.backend import Backend
from reconciler.sandbox.bodies import parse_object
from reconciler.sandbox.endpoints import read_json
from reconciler.sandbox.faults import FaultPlan, FaultRule
from reconciler.sandbox.refusal import Refusal


class Control:
    """Handlers over one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_sandbox/health", self.health),
            web.get("/_sandbox/calls", self.calls),
            web.post("/_sandbox/calls", self.add_foreign),
            web.get("/_sandbox/requests", self.requests),
            web.post("/_sandbox/faults", self.set_faults),
            web.delete("/_sandbox/faults", self.clear_faults),
        ]

    async def health(self, _: web.Request) -> web.Response:
        """``{"ok": true}``, with a header by which a client knows the sandbox."""
        answer = json_answer({"ok": True})
        answer.headers[SANDBOX_HEADER] = __version__
        return answer

    async def calls(self, _: web.Request) -> web.Response:
        """``{"data": [...], "count": n}``: every recorded call, in order."""
        data: list[JsonValue] = [call.as_json() for call in self._backend.ledger.all()]
        return json_answer({"data": data, "count": len(data)})

    async def add_foreign(self, request: web.Request) -> web.Response:
        """Record a call that was not sent through the API: the body of a POST, optionally with ``created_at``."""
        body = parse_object(await read_json(request))
        created_at = self._backend.now()
        if "created_at" in body:
            try:
                created_at = times.parse_instant(str(body.pop("created_at")))
            except ValueError as error:
                raise Refusal(400, f"created_at: {error}") from error
        endpoint = PHONE_CALL if "to_number" in body else CONTACT_CALL
        call = self._backend.place_foreign(endpoint, json.dumps(body).encode(), created_at)
        return json_answer(call.receipt())

    async def requests(self, _: web.Request) -> web.Response:
        return json_answer(self._backend.traffic.as_json())

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace the fault plan and count requests from 1 again."""
        plan = _plan(parse_object(await read_json(request)), self._backend.config.faults)
        self._backend.dial.turn_to(plan)
        return json_answer({"ok": True, "faults": len(plan.rules)})

    async def clear_faults(self, _: web.Request) -> web.Response:
        self._backend.dial.turn_to(FaultPlan())
        return json_answer({"ok": True, "faults": 0})


class _FaultSettings(Struct, forbid_unknown_fields=True):
    """The body of ``POST /_sandbox/faults``; what is absent stays as configured."""

    faults: list[str]
    seed: int | UnsetType = UNSET
    stall_seconds: Annotated[float, Meta(ge=0, lt=1e9)] | UnsetType = UNSET
    retry_after: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    redirect_to: str | UnsetType = UNSET


def _plan(body: JsonObject, base: FaultPlan) -> FaultPlan:
    try:
        settings = asdict(convert(body, _FaultSettings))
        rules = tuple(map(FaultRule.parse, settings.pop("faults")))
    except ValueError as error:
        raise Refusal(400, str(error)) from error
    changed = {name: value for name, value in settings.items() if value is not UNSET}
    if not changed.get("redirect_to", "/").isprintable():
        raise Refusal(400, "redirect_to must be a path or a URL")
    return replace(base, rules=rules, **changed)
