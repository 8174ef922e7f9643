"""The documented endpoints."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime, timedelta

from aiohttp import web

from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.wire import CONTACT_CALL, PHONE_CALL
from reconciler.sandbox.answers import LIST_FAULT, act_out, json_answer
from reconciler.sandbox.backend import Backend
from reconciler.sandbox.bodies import IDENTIFIER
from reconciler.sandbox.faults import RECORDED, Fault
from reconciler.sandbox.listing import CallQuery, find_calls
from reconciler.sandbox.params import Params
from reconciler.sandbox.recorded import RecordedCall, call_view, contact_view, number_view
from reconciler.sandbox.refusal import Refusal
from reconciler.sandbox.seeds import AGENTS, NUMBERS
from reconciler.sandbox.wrong_lists import cut_page, shows_metadata


class Endpoints:
    """Handlers over one backend; ``closing`` is set when the sandbox stops."""

    def __init__(self, backend: Backend, closing: asyncio.Event) -> None:
        self._backend = backend
        self._closing = closing

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"/v1/calls/{CONTACT_CALL}", self.contact_call),
            web.post(f"/v1/calls/{PHONE_CALL}", self.phone_call),
            web.get("/v1/calls", self.calls),
            web.get("/v1/calls/{id}", self.call),
            web.get("/v1/phone-numbers", self.numbers),
            web.get("/v1/agents", self.agents),
            web.get("/v1/agents/{id}", self.agent),
            web.get("/v1/contacts", self.contacts),
        ]

    async def contact_call(self, request: web.Request) -> web.StreamResponse:
        return await self._place(request, CONTACT_CALL)

    async def phone_call(self, request: web.Request) -> web.StreamResponse:
        return await self._place(request, PHONE_CALL)

    async def _place(self, request: web.Request, endpoint: str) -> web.StreamResponse:
        dial = self._backend.dial
        fault, plan = dial.pick(on_get=False), dial.plan
        if fault is not None and fault not in RECORDED:
            await request.read()  # the answer must not arrive before the end of its request
            return await act_out(request, fault, plan, self._closing, {})
        call = self._backend.place(endpoint, await read_json(request), fault)
        receipt = call.receipt()
        if fault is Fault.NO_CALL_ID:
            del receipt["call_id"]
        if fault is Fault.SAME_CALL_ID:
            receipt["call_id"] = self._backend.ledger.last_answered or call.call_id
        answer: JsonObject = {"statusCode": 200, "data": receipt} if self._backend.config.wrap else receipt
        if fault is not None:
            return await act_out(request, fault, plan, self._closing, answer)
        return json_answer(answer)

    async def calls(self, request: web.Request) -> web.Response:
        """``{"data": [call...], "count": total}``."""
        config, now = self._backend.config, self._backend.now()
        query = CallQuery.parse(request.query.items())
        calls = find_calls(self._backend.ledger, query, now, config.list_lag)
        limit = query.limit if config.page_cap is None else min(query.limit, config.page_cap)
        page, count = cut_page(calls, query.offset, limit, request.get(LIST_FAULT), self._backend.dial.gets)
        data: list[JsonValue] = [
            self._view(call, now, request.get(LIST_FAULT), transcript=query.include_transcript) for call in page
        ]
        return json_answer({"data": data, "count": count})

    async def call(self, request: web.Request) -> web.Response:
        """One call; with its transcript unless ``include_transcript=false``."""
        params = Params(request.query.items(), {"include_transcript"})
        transcript = params.flag("include_transcript", default=True)
        call = self._backend.ledger.find(request.match_info["id"])
        now, lag = self._backend.now(), timedelta(seconds=self._backend.config.get_lag)
        if call is None or call.created_at + lag > now:
            raise Refusal(404, "call not found")
        return json_answer(self._view(call, now, request.get(LIST_FAULT), transcript=transcript))

    def _view(self, call: RecordedCall, now: datetime, fault: Fault | None, *, transcript: bool) -> JsonObject:
        """A call as it is returned, with or without its metadata."""
        view = call_view(call, now, transcript=transcript, metadata=self._backend.config.echo_metadata)
        if "metadata" in view and not shows_metadata(call.call_id, fault):
            view["metadata"] = {}
        return view

    async def numbers(self, request: web.Request) -> web.Response:
        """``{"data": [number...], "count": total}``; ``order`` refers to the order of the seeds."""
        params = Params(request.query.items(), {"limit", "offset", "order", "type"})
        wanted = params.one_of("type", ("inbound", "outbound"))
        numbers = [number for number in NUMBERS if wanted in {None, number.type}]
        if params.one_of("order", ("asc", "desc")) == "desc":
            numbers.reverse()
        offset, limit = params.integer("offset", 0, 0), params.integer("limit", 5, 1)
        page, count = cut_page(numbers, offset, limit, request.get(LIST_FAULT), self._backend.dial.gets)
        data: list[JsonValue] = [number_view(number) for number in page]
        return json_answer({"data": data, "count": count})

    async def agents(self, request: web.Request) -> web.Response:
        """``{"statusCode": 200, "data": [agent...]}``."""
        Params(request.query.items(), ())
        return json_answer({"statusCode": 200, "data": [asdict(agent) for agent in AGENTS]})

    async def agent(self, request: web.Request) -> web.Response:
        """``{"statusCode": 200, "data": agent}``."""
        Params(request.query.items(), ())
        agent_id = request.match_info["id"]
        if not IDENTIFIER.fullmatch(agent_id):
            raise Refusal(404, "agent not found")
        return json_answer(
            {"statusCode": 200, "data": asdict(self._backend.directory.agent(agent_id, missing=404))}
        )

    async def contacts(self, request: web.Request) -> web.Response:
        """An array of contacts."""
        params = Params(request.query.items(), {"full_name", "email", "phone_number"})
        found = self._backend.directory.contacts(
            full_name=params.text("full_name") or "",
            email=params.text("email") or "",
            phone_number=params.text("phone_number") or "",
        )
        return json_answer([contact_view(contact) for contact in found])


async def read_json(request: web.Request) -> bytes:
    """The body, if its Content-Type is JSON. Raises ``Refusal`` 400."""
    if request.content_type != "application/json":
        raise Refusal(400, "Content-Type must be application/json")
    try:
        return await request.read()
    except ConnectionResetError as error:
        raise Refusal(400, "the client disconnected") from error
