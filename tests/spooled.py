"""The command as it works on long plans: all it can keep on disk, it keeps there, however short the plan is."""

from __future__ import annotations

from reconciler import cli, spool


def main(args: list[str]) -> int:
    spool.MOST_HELD = 0
    return cli.main(args)
