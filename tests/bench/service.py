"""A sandbox in a process of its own, and what it saw."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from tests.bench.measuring import RECONCILER, Figures, ResultError
from tests.conftest import KEY, clean_environment


@dataclass(frozen=True, slots=True)
class Service:
    url: str

    def figures(self, wanted: int, limit: float | None = None) -> Figures:
        """``rate`` in calls a second from the first to the last, by the server's clock; where there is a limit,
        the share of it that was ``used``, and the share of requests that were ``refused`` with 429.

        Raises:
            ResultError: it holds more or fewer calls than wanted, or one twice.
        """
        calls = self._get("calls")["data"]
        persons = {call["body"]["contact_id"] for call in calls}
        if not len(calls) == len(persons) == wanted:
            raise ResultError(f"the server holds {len(calls)} calls to {len(persons)} persons; expected {wanted}")
        times = [datetime.fromisoformat(call["created_at"]) for call in calls]
        rate = (wanted - 1) / (max(times) - min(times)).total_seconds()
        if limit is None:
            return {"rate": rate}
        posts = next(item for route, item in self._get("requests")["requests"].items() if route.startswith("POST"))
        return {"rate": rate, "used": rate / limit, "refused": posts["answered"].get("429", 0) / posts["total"]}

    def _get(self, what: str) -> Any:
        return httpx.get(f"{self.url}/_sandbox/{what}", timeout=60).raise_for_status().json()


@contextmanager
def serving(*options: str) -> Iterator[Service]:
    """A new sandbox, for the length of a ``with`` block."""
    command = [RECONCILER, "sandbox", "--port", "0", "--api-key", KEY, *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=clean_environment()) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            if not line:
                raise ResultError(f"no sandbox: {process.stderr.read()}")
            yield Service(line.split()[-1])
        finally:
            process.terminate()
