"""Who runs a command, where and when: written into the state with all it does."""

from __future__ import annotations

import getpass
import os
import socket
import uuid

from reconciler import __version__
from reconciler.cli.app import SystemClock
from reconciler.ports import Approval, Override, Run

_CI_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR", "CIRCLE_USERNAME")


def new_run(
    command: str,
    *,
    plan_id: str | None = None,
    commit: str | None = None,
    approvals: tuple[Approval, ...] = (),
    overrides: tuple[Override, ...] = (),
) -> Run:
    """A run that starts now, on this host, by this person or CI actor."""
    return Run(
        id=str(uuid.uuid4()),
        command=command,
        started_at=SystemClock().now(),
        host=socket.gethostname(),
        pid=os.getpid(),
        actor=_actor(),
        tool_version=__version__,
        plan_id=plan_id,
        commit=commit,
        approvals=approvals,
        overrides=overrides,
    )


def _actor() -> str:
    for name in _CI_ACTORS:
        if os.environ.get(name):
            return os.environ[name]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return f"uid {os.getuid()}"
