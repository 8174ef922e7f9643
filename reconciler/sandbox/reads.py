"""The documented GET endpoints."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from aiohttp import web

from reconciler.domain.model import JsonObject, JsonValue
from reconciler.sandbox.answers import LIST_FAULT, json_answer
from reconciler.sandbox.bodies import IDENTIFIER
from reconciler.sandbox.desk import Desk
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.listing import CallQuery, find_calls
from reconciler.sandbox.params import Params
from reconciler.sandbox.recorded import RecordedCall
from reconciler.sandbox.refusal import Refusal
from reconciler.sandbox.seeds import AGENTS, NUMBERS
from reconciler.sandbox.views import call_view, contact_view, number_view
from reconciler.sandbox.wrong_lists import cut_page, shows_metadata


class Reads:
    """Handlers over one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """The routes for the application's router."""
        return [
            web.get("/v1/calls", self.calls),
            web.get("/v1/calls/{id}", self.call),
            web.get("/v1/phone-numbers", self.numbers),
            web.get("/v1/agents", self.agents),
            web.get("/v1/agents/{id}", self.agent),
            web.get("/v1/contacts", self.contacts),
        ]

    async def calls(self, request: web.Request) -> web.Response:
        """``{"data": [call...], "count": total}``."""
        config, now = self._desk.config, self._desk.now()
        query = CallQuery.parse(request.query.items())
        calls = find_calls(self._desk.ledger, query, now, config.list_lag)
        limit = query.limit if config.page_cap is None else min(query.limit, config.page_cap)
        page, count = cut_page(calls, query.offset, limit, request.get(LIST_FAULT), self._desk.dial.gets)
        data: list[JsonValue] = [
            self._view(call, now, request.get(LIST_FAULT), transcript=query.include_transcript) for call in page
        ]
        return json_answer({"data": data, "count": count})

    async def call(self, request: web.Request) -> web.Response:
        """One call; with its transcript unless ``include_transcript=false``."""
        params = Params(request.query.items(), {"include_transcript"})
        transcript = params.flag("include_transcript", default=True)
        call = self._desk.ledger.find(request.match_info["id"])
        now, lag = self._desk.now(), timedelta(seconds=self._desk.config.get_lag)
        if call is None or call.created_at + lag > now:
            raise Refusal(404, "call not found")
        return json_answer(self._view(call, now, request.get(LIST_FAULT), transcript=transcript))

    def _view(self, call: RecordedCall, now: datetime, fault: Fault | None, *, transcript: bool) -> JsonObject:
        """A call as it is returned, with or without its metadata."""
        view = call_view(call, now, transcript=transcript, metadata=self._desk.config.echo_metadata)
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
        page, count = cut_page(numbers, offset, limit, request.get(LIST_FAULT), self._desk.dial.gets)
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
        return json_answer({"statusCode": 200, "data": asdict(self._desk.directory.agent(agent_id, missing=404))})

    async def contacts(self, request: web.Request) -> web.Response:
        """An array of contacts."""
        params = Params(request.query.items(), {"full_name", "email", "phone_number"})
        found = self._desk.directory.contacts(
            full_name=params.text("full_name") or "",
            email=params.text("email") or "",
            phone_number=params.text("phone_number") or "",
        )
        return json_answer([contact_view(contact) for contact in found])
