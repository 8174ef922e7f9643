"""The state's tables, made step by step: each step is a small named function, applied once, under the lock."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from reconciler.state import ledger
from reconciler.state.inheritance import inheritance

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x52434E31  # "RCN1"
Step: TypeAlias = "Callable[[Database], None]"
STEPS: dict[str, Step] = {}
_SET = "reconciler"


def step(function: Step) -> Step:
    """The next step, under the function's name."""
    STEPS[function.__name__] = function
    return function


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
    from sqlite_utils import Database  # noqa: PLC0415 - 30 ms, and readers never need it
    from sqlite_utils.migrations import Migrations  # noqa: PLC0415

    migrations = Migrations(_SET)
    for name, made in STEPS.items():
        migrations(name=name)(made)
    migrations.apply(Database(connection, execute_plugins=False))


@step
def create_meta(db: Database) -> None:
    """One row: which state this is. ``secret`` keys pseudonyms, so that no number can be guessed from one."""
    db.execute(
        """create table meta (
            id integer primary key check (id = 1),
            lineage text not null,
            serial integer not null,
            created_at text not null,
            secret text not null
        )"""
    )
    db.execute(f"pragma application_id = {APPLICATION_ID}")


@step
def create_runs(db: Database) -> None:
    """One row a command that wrote: ``finished_at`` stays null where it was killed."""
    db.execute(
        """create table runs (
            id text primary key,
            command text not null,
            started_at text not null,
            finished_at text,
            host text not null,
            pid integer not null,
            actor text not null,
            tool_version text not null,
            plan_id text,
            git_commit text,
            exit_code integer,
            counts text
        )"""
    )


@step
def create_calls(db: Database) -> None:
    """What is true now, one row an address."""
    db.execute(
        """create table calls (
            plan text not null,
            key text not null,
            revision integer not null,
            status text not null,
            digest text not null,
            call text not null,
            endpoint text not null,
            attempted_at text not null,
            rings_at text not null,
            call_id text unique,
            error text,
            rejected_digest text,
            rejections integer not null default 0,
            stopped_at text,
            primary key (plan, key, revision)
        ) without rowid"""
    )


@step
def create_attempts(db: Database) -> None:
    """The journal: one row an attempt, never rewritten but for its outcome."""
    db.execute(
        """create table attempts (
            number integer primary key,
            run_id text not null references runs(id),
            plan text not null,
            key text not null,
            revision integer not null,
            status text not null,
            digest text not null,
            endpoint text not null,
            intended_at text not null,
            finished_at text,
            call_id text,
            error text,
            evidence text
        )"""
    )
    db.execute("create index attempts_address on attempts (plan, key, revision, number)")


@step
def create_decisions(db: Database) -> None:
    """What persons said, with their reasons."""
    db.execute(
        """create table decisions (
            number integer primary key,
            run_id text not null references runs(id),
            plan text not null,
            key text not null,
            revision integer not null,
            said text not null,
            call_id text,
            reason text not null,
            at text not null
        )"""
    )


@step
def create_lookups(db: Database) -> None:
    """What the service listed before a run sent anything, and look-alikes that a person said are other calls."""
    db.execute(
        """create table seen (
            run_id text not null references runs(id),
            call_id text not null,
            primary key (run_id, call_id)
        ) without rowid"""
    )
    db.execute(
        """create table preflights (
            run_id text primary key references runs(id),
            server_time text
        ) without rowid"""
    )
    db.execute(
        """create table cleared (
            plan text not null,
            key text not null,
            revision integer not null,
            run_id text not null references runs(id),
            reason text not null,
            at text not null,
            primary key (plan, key, revision)
        ) without rowid"""
    )


@step
def create_renames(db: Database) -> None:
    """Addresses that were moved: the tags of their calls still name the old ones."""
    db.execute(
        """create table renames (
            number integer primary key,
            run_id text not null references runs(id),
            old_plan text not null,
            old_key text not null,
            revision integer not null,
            plan text not null,
            key text not null,
            at text not null
        )"""
    )


@step
def create_approvals(db: Database) -> None:
    """The plans that were approved before a run, and the commits they were made from."""
    db.execute(
        """create table approvals (
            run_id text not null references runs(id),
            plan_id text not null,
            git_commit text,
            primary key (run_id, plan_id)
        ) without rowid"""
    )


@step
def create_overrides(db: Database) -> None:
    """The guards that a person lifted for a run, in the order they were given."""
    db.execute(
        """create table overrides (
            run_id text not null references runs(id),
            number integer not null,
            code text not null,
            plan_id text,
            reason text not null,
            primary key (run_id, number)
        ) without rowid"""
    )


@step
def create_ledger(db: Database) -> None:
    """The ledger and the texts beside it, and where it ends. It begins with what an older state held."""
    db.execute(
        """create table ledger (
            number integer primary key,
            entry text not null,
            hash text not null
        )"""
    )
    db.execute(
        """create table ledger_texts (
            number integer primary key references ledger(number),
            salt text not null,
            texts text not null
        )"""
    )
    db.execute(
        """create table ledger_head (
            id integer primary key check (id = 1),
            number integer not null,
            hash text not null
        )"""
    )
    db.execute("alter table calls add column redacted_at text")
    if db.execute("select 1 from meta").fetchone():
        ledger.append(db.conn, inheritance(db.conn))


def new_secret() -> str:
    """32 random bytes, in hex."""
    return secrets.token_hex(32)
