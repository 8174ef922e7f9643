"""``/_sandbox``: the recorded calls, and switches for tests. It needs no key, and no fault or limit applies
to it.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace

from aiohttp import web

from reconciler.domain import times
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.wire import CONTACT_CALL, PHONE_CALL
from reconciler.sandbox.answers import json_answer
from reconciler.sandbox.bodies import parse_object
from reconciler.sandbox.desk import Desk
from reconciler.sandbox.faults import FaultPlan, FaultRule
from reconciler.sandbox.placing import read_json
from reconciler.sandbox.refusal import Refusal


class Control:
    """Handlers over one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """The routes for the application's router."""
        return [
            web.get("/_sandbox/health", self.health),
            web.get("/_sandbox/calls", self.calls),
            web.post("/_sandbox/calls", self.add_foreign),
            web.get("/_sandbox/requests", self.requests),
            web.post("/_sandbox/faults", self.set_faults),
            web.delete("/_sandbox/faults", self.clear_faults),
        ]

    async def health(self, _: web.Request) -> web.Response:
        """``{"ok": true}``."""
        return json_answer({"ok": True})

    async def calls(self, _: web.Request) -> web.Response:
        """``{"data": [...], "count": n}``: every recorded call, in order."""
        data: list[JsonValue] = [call.as_json() for call in self._desk.ledger.all()]
        return json_answer({"data": data, "count": len(data)})

    async def add_foreign(self, request: web.Request) -> web.Response:
        """Record a call that was not sent through the API: the body of a POST, optionally with ``created_at``."""
        body = parse_object(await read_json(request))
        created_at = self._desk.now()
        if "created_at" in body:
            try:
                created_at = times.parse_instant(str(body.pop("created_at")))
            except ValueError as error:
                raise Refusal(400, f"created_at: {error}") from error
        endpoint = PHONE_CALL if "to_number" in body else CONTACT_CALL
        call = self._desk.place_foreign(endpoint, json.dumps(body).encode(), created_at)
        return json_answer(call.receipt())

    async def requests(self, _: web.Request) -> web.Response:
        """Requests counted by route and by answer."""
        return json_answer(self._desk.traffic.as_json())

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace the fault plan and count requests from 1 again."""
        plan = _plan(parse_object(await read_json(request)), self._desk.config.faults)
        self._desk.dial.turn_to(plan)
        return json_answer({"ok": True, "faults": len(plan.rules)})

    async def clear_faults(self, _: web.Request) -> web.Response:
        """No more faults."""
        self._desk.dial.turn_to(FaultPlan())
        return json_answer({"ok": True, "faults": 0})


def _plan(body: JsonObject, base: FaultPlan) -> FaultPlan:
    """``{"faults": [rule...]}``, optionally with ``seed``, ``stall_seconds``, ``retry_after``, ``redirect_to``."""
    unknown = set(body) - {"faults", "seed", "stall_seconds", "retry_after", "redirect_to"}
    if unknown:
        raise Refusal(400, f"{', '.join(sorted(unknown))}: not a known field")
    rules = body.get("faults")
    if not isinstance(rules, list):
        raise Refusal(400, "faults must be an array of strings")
    try:
        parsed = tuple(FaultRule.parse(str(rule)) for rule in rules)
    except ValueError as error:
        raise Refusal(400, str(error)) from error
    seed, retry_after = body.get("seed", base.seed), body.get("retry_after", base.retry_after)
    if type(seed) is not int or type(retry_after) is not int or retry_after < 0:
        raise Refusal(400, "seed and retry_after must be whole numbers")
    stall = body.get("stall_seconds", base.stall_seconds)
    if isinstance(stall, bool) or not isinstance(stall, int | float) or not 0 <= stall < math.inf:
        raise Refusal(400, "stall_seconds must be a number, 0 or more")
    redirect_to = body.get("redirect_to", base.redirect_to)
    if not isinstance(redirect_to, str) or not redirect_to.isprintable():
        raise Refusal(400, "redirect_to must be a path or a URL")
    return replace(
        base, rules=parsed, seed=seed, stall_seconds=stall, retry_after=retry_after, redirect_to=redirect_to
    )
