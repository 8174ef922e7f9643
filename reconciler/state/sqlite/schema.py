"""The steps that make the state's tables, as sqlite-utils applies them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.state.migrations import STEPS, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_utils import Database

APPLICATION_ID = 0x52434E31  # "RCN1"
_SET = "reconciler"


def applied(connection: sqlite3.Connection) -> Sequence[str]:
    """The steps that made a database what it is, as sqlite-utils noted them."""
    noted = "select 1 from sqlite_master where type = 'table' and name = '_sqlite_migrations'"
    if connection.execute(noted).fetchone() is None:
        return []
    rows = connection.execute("select name from _sqlite_migrations where migration_set = ? order by id", (_SET,))
    return [row[0] for row in rows]


def pending(connection: sqlite3.Connection) -> Sequence[str]:
    """The steps of this version that a database has yet to go."""
    done = applied(connection)
    return [name for name in STEPS if name not in done]


def migrate(connection: sqlite3.Connection) -> None:
    """Go the pending steps, in the caller's transaction."""
    import sqlite_utils.migrations  # noqa: PLC0415 - 30 ms, and readers never need it

    migrations = sqlite_utils.migrations.Migrations(_SET)
    for name, step in STEPS.items():
        migrations(name=name)(_on_connection(step))
    migrations.apply(sqlite_utils.Database(connection, execute_plugins=False))


def _on_connection(step: Step) -> Callable[[Database], None]:
    return lambda db: step(db.conn)
