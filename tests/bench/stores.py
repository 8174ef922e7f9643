"""How many calls a second a state takes: ``python -m tests.bench.stores [--calls N] [--at-once N]``.

What an apply writes: each turn is one transaction with the answers of the calls under way and the intents of the
next ones. Nothing is sent.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from reconciler.domain.model import Status
from reconciler.domain.ports import Intent, Result, StateStore
from reconciler.state.backend import StateBackend
from reconciler.state.postgres.server import resolve
from reconciler.state.postgres.state import PostgresState
from reconciler.state.sqlite.state import SqliteState
from tests.bench.inputs import wanted
from tests.bench.projects import APPLIED, RUN, intent
from tests.postgres import PostgresServer


@click.command()
@click.option("--calls", default=4_000, show_default=True, help="Of the largest turns; smaller ones have fewer.")
@click.option("--at-once", "sizes", multiple=True, type=int, default=(1, 8, 64), show_default=True)
def stores(calls: int, sizes: tuple[int, ...]) -> None:
    """SQLite on this disk, and PostgreSQL on a Unix socket, in turn."""
    server = PostgresServer()
    try:
        for size in sizes:
            count = calls * size // (size + 8)
            with tempfile.TemporaryDirectory() as folder:
                sqlite = SqliteState(Path(folder) / "state.db")
                sqlite.create({})
                found = resolve(server.url())
                postgres = PostgresState(found, PostgresState(found).create({}))
                rates = {"SQLite": _rate(sqlite, count, size), "PostgreSQL": _rate(postgres, count, size)}
            click.echo(json.dumps({"at once": size, "calls": count} | rates))
    finally:
        server.close()


def _rate(place: StateBackend, count: int, size: int) -> int:
    """Calls a second, each with its intent and its answer."""
    intents = map(intent, wanted(count))
    with place.store(RUN, 0) as store:
        start = time.perf_counter()
        following, under_way = list(islice(intents, size)), list[Intent]()
        while following or under_way:
            store.turn(RUN.id, _answers(under_way), following, APPLIED)
            under_way, following = following, list(islice(intents, size))
        spent = time.perf_counter() - start
        _check(store, count)
    return round(count / spent)


def _answers(under_way: Sequence[Intent]) -> list[Result]:
    return [Result(item.address, Status.PLACED, APPLIED, f"call-{item.address.key}") for item in under_way]


def _check(store: StateStore, count: int) -> None:
    placed = sum(entry.placed for entry in store.entries())
    if placed != count:
        raise click.ClickException(f"{placed} of {count} calls are in the state as placed")


if __name__ == "__main__":
    stores()
