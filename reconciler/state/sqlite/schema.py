"""Applies the migrations with sqlite-utils, which records them in the table ``_sqlite_migrations``."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reconciler.state.migrations import MIGRATIONS, Migration

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x52434E31  # "RCN1"
_SET = "reconciler"


def _applied(connection: sqlite3.Connection) -> Sequence[str]:
    exists = "select 1 from sqlite_master where type = 'table' and name = '_sqlite_migrations'"
    if connection.execute(exists).fetchone() is None:
        return []
    rows = connection.execute("select name from _sqlite_migrations where migration_set = ? order by id", (_SET,))
    return [row[0] for row in rows]


def pending(connection: sqlite3.Connection) -> Sequence[str]:
    """The migrations that a database still needs."""
    applied = _applied(connection)
    return [name for name in MIGRATIONS if name not in applied]


def unknown(connection: sqlite3.Connection) -> Sequence[str]:
    """The migrations of a newer version."""
    return [name for name in _applied(connection) if name not in MIGRATIONS]


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the pending migrations, in the caller's transaction."""
    import sqlite_utils.migrations  # noqa: PLC0415 - 30 ms, and readers never need it

    migrations = sqlite_utils.migrations.Migrations(_SET)
    for name, migration in MIGRATIONS.items():
        migrations(name=name)(_on_connection(migration))
    migrations.apply(sqlite_utils.Database(connection, execute_plugins=False))


def _on_connection(migration: Migration) -> Callable[[Database], None]:
    return lambda db: migration(db.conn)
