"""The state's tables, made step by step: each step is a small named function, applied once, under the lock.

Tables are written as SQLite has them; ``postgres/statements.py`` turns the few words that differ.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeAlias

from reconciler.state.ledger import entries as ledger
from reconciler.state.ledger.inheritance import inheritance
from reconciler.state.session import Connection

Step: TypeAlias = Callable[[Connection], None]
STEPS: dict[str, Step] = {}
_ADDRESS = "plan, key, revision"


def step(make: Step) -> Step:
    """The next step, under the function's name."""
    STEPS[make.__name__] = make
    return make


@step
def create_meta(db: Connection) -> None:
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


@step
def create_runs(db: Connection) -> None:
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
def create_calls(db: Connection) -> None:
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
def create_attempts(db: Connection) -> None:
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
def create_decisions(db: Connection) -> None:
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
def create_lookups(db: Connection) -> None:
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
def create_renames(db: Connection) -> None:
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
def create_approvals(db: Connection) -> None:
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
def create_overrides(db: Connection) -> None:
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
def create_ledger(db: Connection) -> None:
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
        ledger.append(db, inheritance(db))


@step
def add_moved_to(db: Connection) -> None:
    """Where the state went. While that is set nothing is done with it: a state is in one place."""
    db.execute("alter table meta add column moved_to text")


@step
def create_claims(db: Connection) -> None:
    """The rows that runners who place one plan together share out, and how fast: of no meaning once they are gone.

    ``outcome`` is null while a row may be claimed, ``sent`` once its intent is durable, and otherwise the event
    that it ended with. ``next_at`` and ``step`` are in microseconds, by the server's clock.
    """
    db.execute(
        """create table claims (
            position integer primary key,
            plan text not null,
            key text not null,
            revision integer not null,
            run_id text,
            outcome text,
            unique (plan, key, revision)
        )"""
    )
    db.execute("create index claims_free on claims (position) where run_id is null and outcome is null")
    db.execute(
        """create table joint (
            id integer primary key check (id = 1),
            opened_by text not null references runs(id),
            step integer not null,
            next_at integer not null
        )"""
    )


@step
def create_facts(db: Connection) -> None:
    """What is kept besides calls. A pause of all plans has an empty ``plan``. Lists and evidence are JSON."""
    address = "plan text not null, key text not null, revision integer not null"
    for name, columns, key in (
        ("pauses", "plan text not null, reason text not null", "plan"),
        ("conflicts", f"{address}, call_ids text not null, target text not null, message text not null", _ADDRESS),
        ("approved_rows", f"{address}, content text not null, plan_id text not null, git_commit text", _ADDRESS),
        ("applied_commits", "number integer not null, git_commit text not null, reason text", "number"),
        (
            "service_facts",
            "service text not null, name text not null, verdict text not null, evidence text not null",
            "service, name",
        ),
        ("to_stop", address, _ADDRESS),
    ):
        origin = "run_id text not null references runs(id), at text not null"
        db.execute(f"create table {name} ({columns}, {origin}, primary key ({key})) without rowid")
    db.execute("alter table calls add column let_ring_at text")


@step
def index_calls(db: Connection) -> None:
    """Outcomes that are unknown, and calls still ahead: few of many, which each apply asks for."""
    unknown = "status in ('intended', 'sent', 'uncertain')"
    ahead = "status in ('placed', 'adopted') and stopped_at is null"
    db.execute(f"create index calls_unknown on calls (plan, key, revision) where {unknown}")
    db.execute(f"create index calls_ahead on calls (rings_at) where {ahead}")


def new_secret() -> str:
    """32 random bytes, in hex."""
    return secrets.token_hex(32)
