"""The two POST endpoints that place a call."""

from __future__ import annotations

import asyncio

from aiohttp import web

from reconciler.domain.model import JsonObject
from reconciler.domain.wire import CONTACT_CALL, PHONE_CALL
from reconciler.sandbox.answers import act_out, json_answer
from reconciler.sandbox.desk import Desk
from reconciler.sandbox.faults import RECORDED, Fault
from reconciler.sandbox.refusal import Refusal


class Placing:
    """Handlers over one desk; ``closing`` is set when the sandbox stops."""

    def __init__(self, desk: Desk, closing: asyncio.Event) -> None:
        self._desk = desk
        self._closing = closing

    def routes(self) -> list[web.RouteDef]:
        """The routes for the application's router."""
        return [
            web.post(f"/v1/calls/{CONTACT_CALL}", self.contact_call),
            web.post(f"/v1/calls/{PHONE_CALL}", self.phone_call),
        ]

    async def contact_call(self, request: web.Request) -> web.StreamResponse:
        """Call a contact."""
        return await self._place(request, CONTACT_CALL)

    async def phone_call(self, request: web.Request) -> web.StreamResponse:
        """Call a number."""
        return await self._place(request, PHONE_CALL)

    async def _place(self, request: web.Request, endpoint: str) -> web.StreamResponse:
        dial = self._desk.dial
        fault, plan = dial.pick(on_get=False), dial.plan
        if fault is not None and fault not in RECORDED:
            await request.read()  # the answer must not arrive before the end of its request
            return await act_out(request, fault, plan, self._closing, {})
        call = self._desk.place(endpoint, await read_json(request), fault)
        receipt = call.receipt()
        if fault is Fault.NO_CALL_ID:
            del receipt["call_id"]
        if fault is Fault.SAME_CALL_ID:
            receipt["call_id"] = self._desk.ledger.last_answered or call.call_id
        answer: JsonObject = {"statusCode": 200, "data": receipt} if self._desk.config.wrap else receipt
        if fault is not None:
            return await act_out(request, fault, plan, self._closing, answer)
        return json_answer(answer)


async def read_json(request: web.Request) -> bytes:
    """The body, if its Content-Type is JSON. Raises ``Refusal`` 400."""
    if request.content_type != "application/json":
        raise Refusal(400, "Content-Type must be application/json")
    try:
        return await request.read()
    except ConnectionResetError as error:
        raise Refusal(400, "the client disconnected") from error
