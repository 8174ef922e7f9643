"""Posts calls with httpx alone, one client a worker: ``python -m tests.bench.bare URL KEY FILE WORKERS``.

``FILE`` has an endpoint and a body a line, as JSON. Nothing is written down, looked up or tried again.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx


async def post(url: str, key: str, calls: list[tuple[str, dict[str, Any]]], workers: int) -> None:
    left = iter(calls)

    async def work(left: Iterator[tuple[str, dict[str, Any]]]) -> None:
        async with httpx.AsyncClient(headers={"x-api-key": key}, trust_env=False, verify=False) as client:
            for endpoint, body in left:
                answer = await client.post(f"{url}/v1/calls/{endpoint}", json=body)
                answer.raise_for_status()

    await asyncio.gather(*(work(left) for _ in range(workers)))


def main() -> None:
    url, key, file, workers = sys.argv[1:]
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    asyncio.run(post(url, key, [tuple(json.loads(line)) for line in lines], int(workers)))


if __name__ == "__main__":
    main()
