"""The environment of every program that we start: none of our secrets, and no program of the working folder's."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager

# A state's URL may hold a password. libpq's variables: PostgreSQL's manual, "Environment Variables".
SECRETS = frozenset({"CONTACTSHIP_API_KEY", "RECONCILER_PLAN_KEY", "RECONCILER_STATE", "PGPASSWORD", "PGPASSFILE"})


def environment(keep: Collection[str] = ()) -> dict[str, str]:
    """This process's environment without our secrets, but for those in ``keep``.

    PATH keeps its absolute folders alone: a relative or empty part of it is the working folder, which others may
    have written.
    """
    clean = {name: value for name, value in os.environ.items() if name not in SECRETS or name in keep}
    if "PATH" in clean:
        folders = clean["PATH"].split(os.pathsep)
        clean["PATH"] = os.pathsep.join(folder for folder in folders if folder.startswith("/"))
    return clean


@contextmanager
def clean_environment() -> Iterator[None]:
    """Make this process's environment the clean one for a while: for libraries that hand on ``os.environ``."""
    before, clean = dict(os.environ), environment()
    os.environ.clear()
    os.environ.update(clean)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
