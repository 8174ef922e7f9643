"""The command as it works on long plans: all it can keep on disk, it keeps there, and all the work that can be
shared among processes is, however short the plan is."""

from __future__ import annotations

import os

from reconciler import cli
from reconciler.bulk import parallel, spool


def main(args: list[str]) -> int:
    spool.PARALLEL_ABOVE = 0
    spool._CHUNK = 1
    spool.PART = 3
    os.environ.setdefault(parallel.VARIABLE, "3")
    return cli.main(args)
