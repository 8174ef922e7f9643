"""Who runs a command, where and when; recorded in the state."""

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
    """A run that starts now, on this host, by this person or CI actor. ``details`` are recorded in the ledger."""
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


def creation_details(command: str) -> JsonObject:
    """Who creates a state, for the first entry of its ledger."""
    who = new_run(command)
    return {"command": command, "host": who.host, "actor": who.actor, "tool_version": __version__, **who.details}


def ci_url() -> str | None:
    """The URL of this CI job's log; None outside of CI. Parts of a URL that could contain a secret are removed."""
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
    except (KeyError, OSError):  # this user id has no name, for example in some containers
        return f"uid {os.getuid()}"
