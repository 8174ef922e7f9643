"""Which commit the files came from, if they are in a git work tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

from reconciler.model import GitRevision

_TIMEOUT = 10


def revision(root: Path) -> GitRevision | None:
    """The commit of ``root`` and whether the work tree differs from it; None outside git, or without git."""
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    return GitRevision(commit.strip(), dirty=bool(_git(root, "status", "--porcelain")))


def _git(root: Path, *args: str) -> str | None:
    # A repository's own configuration must not start programs: no monitor, no pager, no optional locks.
    command = ["git", "-c", "core.fsmonitor=false", "--no-pager", "--no-optional-locks", "-C", str(root), *args]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None
