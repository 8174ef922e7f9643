"""Who runs a command, where and when: written into the state with all it does."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from urllib.parse import urlsplit, urlunsplit

from reconciler import __version__
from reconciler.cli.app import SystemClock
from reconciler.domain.model import JsonObject
from reconciler.domain.ports import Approval, Override, Run

_GITHUB = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
_JOB_URLS = ("CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL")
_CI_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR", "CIRCLE_USERNAME")


def new_run(
    command: str,
    *,
    plan_id: str | None = None,
    commit: str | None = None,
    approvals: tuple[Approval, ...] = (),
    overrides: tuple[Override, ...] = (),
    details: JsonObject | None = None,
) -> Run:
    """A run that starts now, on this host, by this person or CI actor. ``details`` are told to the ledger."""
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
        details={"url": ci_url(), **(details or {})},
    )


def founder(command: str) -> JsonObject:
    """Who makes a state, as its ledger begins."""
    who = new_run(command)
    return {"command": command, "host": who.host, "actor": who.actor, "tool_version": __version__, **who.details}


def ci_url() -> str | None:
    """Where the log of this CI job stands; None outside of CI. What a URL could hold of a secret is left out."""
    found = {name: os.environ.get(name, "") for name in (*_GITHUB, *_JOB_URLS)}
    server, repository, run = (found[name] for name in _GITHUB)
    named = f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""
    url = named or next((found[name] for name in _JOB_URLS if found[name]), "")
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) if url else None


def _actor() -> str:
    for name in _CI_ACTORS:
        if os.environ.get(name):
            return os.environ[name]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return f"uid {os.getuid()}"
