"""The aiohttp application: its routes, and one middleware for every request.

Only this module, ``answers``, ``endpoints``, ``control`` and ``server`` import aiohttp; nothing imports them until
a sandbox starts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate

from aiohttp import web

from reconciler.domain.model import JsonObject
from reconciler.sandbox.answers import LIST_FAULT, HangUp, act_out, hang_up, refusal_answer
from reconciler.sandbox.backend import Backend
from reconciler.sandbox.control import Control
from reconciler.sandbox.endpoints import Endpoints
from reconciler.sandbox.faults import ON_LISTS
from reconciler.sandbox.refusal import Refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SOME_LIST: JsonObject = {"data": [], "count": 0}  # the body of a GET's half answer


class RequestPipeline:
    """Checks the key and the rate limit, injects faults of GETs and latency, counts requests, and converts errors
    to JSON.
    """

    def __init__(self, backend: Backend, closing: asyncio.Event) -> None:
        self._backend = backend
        self._closing = closing

    async def serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sandbox/"):
            try:
                return await self._answered(request, handler)
            except Refusal as refusal:
                return refusal_answer(refusal)
        answered, response = await self._respond(request, handler)
        if response is not None and self._backend.date_offset:
            response.headers["Date"] = formatdate(time.time() + self._backend.date_offset, usegmt=True)
        self._backend.traffic.count(_route(request), answered)  # before the client receives the end
        return hang_up(request) if response is None else response

    async def _respond(self, request: web.Request, handler: Handler) -> tuple[str, web.StreamResponse | None]:
        """The key to count the answer under, and the answer; None if the connection must be closed."""
        response: web.StreamResponse
        try:
            self._admit(request)
            fault = self._backend.dial.pick(on_get=True) if request.method == "GET" else None
            if fault in ON_LISTS:
                request[LIST_FAULT] = fault
                response = await self._answered(request, handler)
            elif fault is None:
                response = await self._answered(request, handler)
            else:
                response = await act_out(request, fault, self._backend.dial.plan, self._closing, _SOME_LIST)
        except Refusal as refusal:
            response = refusal_answer(refusal)
        except HangUp as end:
            return end.answered, None
        if self._backend.config.latency:
            await asyncio.sleep(self._backend.config.latency)
        return str(response.status), response

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The handler's answer, with aiohttp's own errors (no such path, body too large) as refusals."""
        try:
            return await handler(request)
        except web.HTTPException as error:
            allow = error.headers.get("Allow")
            headers = {"Allow": allow} if allow else None
            raise Refusal(error.status, f"{request.method} {request.path}: {error.reason}", headers) from error

    def _admit(self, request: web.Request) -> None:
        """Raise ``Refusal`` 401 without a valid key, 429 above the rate limit."""
        if not request.path.startswith("/v1/"):
            return
        if not self._backend.accepts_key(request.headers.get("x-api-key", "")):
            raise Refusal(401, "missing or invalid x-api-key")
        wait = self._backend.throttle.take() if self._backend.throttle else 0
        if wait:
            raise Refusal(429, "too many requests", {"Retry-After": str(wait)})


def _route(request: web.Request) -> str:
    """Method and path; ids become ``{id}``."""
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource else request.path}"


def build(backend: Backend, closing: asyncio.Event) -> web.Application:
    """The application for one backend; ``closing`` is set when it shuts down."""
    front = RequestPipeline(backend, closing)

    @web.middleware
    async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await front.serve(request, handler)

    async def shut_down(_: web.Application) -> None:
        closing.set()

    app = web.Application(middlewares=[serve])
    for handlers in (Endpoints(backend, closing), Control(backend)):
        app.router.add_routes(handlers.routes())
    app.on_shutdown.append(shut_down)
    return app
