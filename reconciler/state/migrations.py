"""The state's tables, as migrations: each has a name, runs once under the lock, and is never changed afterwards.

They are written for SQLite; ``postgres/schemas.py`` translates the few words that differ.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from reconciler.domain.ledger import EntryKind, Note
from reconciler.domain.model import JsonObject
from reconciler.domain.times import format_instant
from reconciler.state.ledger import entries
from reconciler.state.ledger.inheritance import inheritance
from reconciler.state.session import Connection

Migration: TypeAlias = Callable[[Connection], None]

_ADDRESS = """
            plan text not null,
            key text not null,
            revision integer not null"""
_KEY = "plan, key, revision"
_RUN = "run_id text not null references runs(id)"


def _sql(*statements: str) -> Migration:
    def migrate(connection: Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return migrate


_LEDGER = _sql(
    """create table ledger (
            number integer primary key,
            entry text not null,
            hash text not null
        )""",
    """create table ledger_texts (
            number integer primary key references ledger(number),
            salt text not null,
            texts text not null
        )""",
    """create table ledger_head (
            id integer primary key check (id = 1),
            number integer not null,
            hash text not null
        )""",
    "alter table calls add column redacted_at text",
)


def _create_ledger(connection: Connection) -> None:
    _LEDGER(connection)
    if connection.execute("select 1 from meta").fetchone():
        entries.append(connection, inheritance(connection))


def _create_facts(connection: Connection) -> None:
    for name, columns, key in (
        ("pauses", "plan text not null, reason text not null", "plan"),
        ("conflicts", f"{_ADDRESS}, call_ids text not null, target text not null, message text not null", _KEY),
        ("approved_rows", f"{_ADDRESS}, content text not null, plan_id text not null, git_commit text", _KEY),
        ("applied_commits", "number integer not null, git_commit text not null, reason text", "number"),
        (
            "service_facts",
            "service text not null, name text not null, verdict text not null, evidence text not null",
            "service, name",
        ),
        ("to_stop", _ADDRESS, _KEY),
    ):
        connection.execute(
            f"create table {name} ({columns}, {_RUN}, at text not null, primary key ({key})) without rowid"
        )
    connection.execute("alter table calls add column let_ring_at text")


MIGRATIONS: dict[str, Migration] = {
    # One row: which state this is. ``secret`` keys pseudonyms, so that nobody can guess numbers from them.
    "create_meta": _sql(
        """create table meta (
            id integer primary key check (id = 1),
            lineage text not null,
            serial integer not null,
            created_at text not null,
            secret text not null
        )"""
    ),
    # One row for each command that wrote; ``finished_at`` is null if it was killed.
    "create_runs": _sql(
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
    ),
    # The current entry of each address.
    "create_calls": _sql(
        f"""create table calls ({_ADDRESS},
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
            primary key ({_KEY})
        ) without rowid"""
    ),
    # The journal: one row for each attempt. Only its outcome is updated.
    "create_attempts": _sql(
        f"""create table attempts (
            number integer primary key,
            {_RUN},{_ADDRESS},
            status text not null,
            digest text not null,
            endpoint text not null,
            intended_at text not null,
            finished_at text,
            call_id text,
            error text,
            evidence text
        )""",
        f"create index attempts_address on attempts ({_KEY}, number)",
    ),
    # What people decided, with their reasons.
    "create_decisions": _sql(
        f"""create table decisions (
            number integer primary key,
            {_RUN},{_ADDRESS},
            said text not null,
            call_id text,
            reason text not null,
            at text not null
        )"""
    ),
    # What the service listed before a run sent anything, and similar calls that a person said are other calls.
    "create_lookups": _sql(
        f"""create table seen (
            {_RUN},
            call_id text not null,
            primary key (run_id, call_id)
        ) without rowid""",
        """create table preflights (
            run_id text primary key references runs(id),
            server_time text
        ) without rowid""",
        f"""create table cleared ({_ADDRESS},
            {_RUN},
            reason text not null,
            at text not null,
            primary key ({_KEY})
        ) without rowid""",
    ),
    # Addresses that were moved. The tags of their calls still have the old ones.
    "create_renames": _sql(
        f"""create table renames (
            number integer primary key,
            {_RUN},
            old_plan text not null,
            old_key text not null,
            revision integer not null,
            plan text not null,
            key text not null,
            at text not null
        )"""
    ),
    # The plans that were approved before a run, and the commits they were made from.
    "create_approvals": _sql(
        f"""create table approvals (
            {_RUN},
            plan_id text not null,
            git_commit text,
            primary key (run_id, plan_id)
        ) without rowid"""
    ),
    # The guards that a person lifted for a run, in the given order.
    "create_overrides": _sql(
        f"""create table overrides (
            {_RUN},
            number integer not null,
            code text not null,
            plan_id text,
            reason text not null,
            primary key (run_id, number)
        ) without rowid"""
    ),
    # The ledger, its texts and its head. It starts with the rows of a state that is older than it.
    "create_ledger": _create_ledger,
    # Where the state was moved to. It cannot be used here while this is set.
    "add_moved_to": _sql("alter table meta add column moved_to text"),
    # Rows that runners of one plan share, and their common rate; meaningless afterwards. ``outcome`` is null while
    # a row can be claimed, 'sent' once its intent is durable, or else the event it ended with. ``next_at`` and
    # ``step`` are in microseconds of the server's clock.
    "create_claims": _sql(
        f"""create table claims (
            position integer primary key,{_ADDRESS},
            run_id text,
            outcome text,
            unique ({_KEY})
        )""",
        "create index claims_free on claims (position) where run_id is null and outcome is null",
        """create table joint (
            id integer primary key check (id = 1),
            opened_by text not null references runs(id),
            step integer not null,
            next_at integer not null
        )""",
    ),
    # What is stored besides calls. A pause of all plans has an empty ``plan``. Lists and evidence are JSON.
    "create_facts": _create_facts,
    # Indexes of the few calls that each apply asks for: with an unknown outcome, and still to ring.
    "index_calls": _sql(
        f"create index calls_unknown on calls ({_KEY}) where status in ('intended', 'sent', 'uncertain')",
        "create index calls_ahead on calls (rings_at)"
        " where status in ('placed', 'adopted') and stopped_at is null",
    ),
}


def create_state(connection: Connection, lineage: str, by: JsonObject) -> None:
    """Make new tables an empty state, in the caller's transaction. ``by`` records in the ledger who made it."""
    now = datetime.now(UTC)
    connection.execute(
        "insert into meta (id, lineage, serial, created_at, secret) values (1, ?, 0, ?, ?)",
        (lineage, format_instant(now), secrets.token_hex(32)),
    )
    created = Note(EntryKind.CREATED, now, None, {"state": entries.describe_state(connection), **by})
    entries.append(connection, [created])
