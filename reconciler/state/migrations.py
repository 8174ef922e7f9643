"""The steps that make the state's tables, as sqlite-utils applies them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from reconciler.state.steps import STEPS, Step

APPLICATION_ID = 0x52434E31  # "RCN1"
migrations = Migrations("reconciler")


def _add(name: str, step: Step) -> None:
    @migrations(name=name)
    def apply(db: Database) -> None:
        step(db.conn)


for _name, _made in STEPS.items():
    _add(_name, _made)


@cache
def known_steps() -> frozenset[str]:
    """The names of all steps of this version."""
    with closing(sqlite3.connect(":memory:")) as connection:
        return frozenset(step.name for step in migrations.pending(Database(connection, execute_plugins=False)))
