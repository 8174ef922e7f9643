"""Makes, before the tests fork a command, what a process makes once: imports, and what pure functions cache."""

from __future__ import annotations

import gc
import io
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path

from tests.settings_file import keep_only_the_state

_PLAN = """\
version: 1
plan: warm
defaults: {agent: a1b2c3d4-e5f6-7890-abcd-ef1234567890, from: "+525511110000"}
calls:
  - {key: 1, contact_id: c1d2e3f4-a5b6-7890-cdef-123456789012, from: a1b2c3d4-e5f6-7890-abcd-ef1234567891,
     additional_data: {amount_debt: 14058}, schedule: {at: 2031-06-16 14:30:00, timezone: America/Mexico_City}}
  - {key: 2, to_number: "+525511112222", full_name: Luis Ortega, additional_data: {number: "+52 55 1111 2222"},
     schedule: {at: 2031-06-16 14:30:00, timezone: UTC}}
"""
_LATE = (  # imported where they are used
    "anyio._backends._asyncio",
    "cel_expr_python.cel",
    "concurrent.futures.thread",
    "encodings.cp437",
    "encodings.utf_16_be",
    "encodings.utf_8_sig",
    "filelock",
    "holidays.countries.mexico",
    "holidays.countries.united_states",
    "httpcore",
    "phonenumbers.data.region_MX",
    "phonenumbers.data.region_US",
    "phonenumbers.timezone",
    "pyexpat",
    "resource",
    "sqlite_utils.migrations",
)
_COMMANDS = (
    "init",
    "validate",
    "plan --format html",
    "plan --format json --out warm.plan",
    "show warm.plan",
    "apply warm.plan --auto-approve --json --rate none --no-schedule-check",
    "plan",
    "status --format json",
    "explain warm/1",
    "state list",
    "audit verify",
    "state export --public warm.json",
    "plan --state snapshot:warm.json",
)


def import_all() -> None:
    """Import every module, also of commands that are not run here, and run the usual commands."""
    import pkgutil

    import reconciler
    from reconciler.contactship import transport

    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__") and ".sandbox" not in module.name:
            import_module(module.name)
    for name in ("tests.crash.victim", *_LATE):
        import_module(name)
    shorten_pauses()
    transport.tls_context()
    _run_commands()
    gc.collect()
    gc.freeze()  # no collection of a command's own goes through what is shared


def shorten_pauses() -> None:
    """Ask again sooner: what is asked, how often and in which order stays the same."""
    from reconciler.contactship import paging, reader
    from reconciler.placing import joint, schedule_check

    reader.PAUSE, paging.PAUSE = 0.01, 0.005
    schedule_check.FIRST_PAUSE, joint.POLL = 0.01, 0.02
    joint.PROGRESS_EVERY = 0


def _run_commands() -> None:
    """So that what a process makes once is there: compiled schemas, patterns and templates, cached zones."""
    main = import_module("reconciler.cli").main
    streams = io.TextIOWrapper(io.BytesIO())
    with tempfile.TemporaryDirectory() as project, redirect_stdout(streams), redirect_stderr(streams):
        for command in _COMMANDS:
            assert main(["-C", project, *command.split()]) == 0, (command, streams.buffer.getvalue())
            if command == "init":
                keep_only_the_state(Path(project))
                Path(project, "calls/warm.yaml").write_text(_PLAN, encoding="utf-8")
