"""The environment of every program that we start: without our secrets, and without programs from the working
folder.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager

# A state's URL may contain a password. libpq's variables: PostgreSQL's manual, "Environment Variables".
SECRETS = frozenset({"CONTACTSHIP_API_KEY", "RECONCILER_PLAN_KEY", "RECONCILER_STATE", "PGPASSWORD", "PGPASSFILE"})


def environment(keep: Collection[str] = ()) -> dict[str, str]:
    """This process's environment without our secrets, except those in ``keep``.

    PATH keeps only absolute folders: a relative or empty part refers to the working folder, which others may write
    to.
    """
    clean = {name: value for name, value in os.environ.items() if name not in SECRETS or name in keep}
    if "PATH" in clean:
        folders = clean["PATH"].split(os.pathsep)
        clean["PATH"] = os.pathsep.join(folder for folder in folders if folder.startswith("/"))
    return clean


@contextmanager
def clean_environment() -> Iterator[None]:
    """Use the clean environment in this process for a while, for libraries that pass ``os.environ`` on."""
    before, clean = dict(os.environ), environment()
    os.environ.clear()
    os.environ.update(clean)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
