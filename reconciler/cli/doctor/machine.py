"""This machine: Python and the libraries."""

from __future__ import annotations

import platform
import re
import sqlite3
from importlib import metadata

from reconciler import __version__
from reconciler.cli.doctor.check import CheckResult, Health
from reconciler.errors import ReconcilerError
from reconciler.source.yaml.loader import require_libyaml
from reconciler.system.environment import EMPTY_HINT, empty_variables

DISTRIBUTION = "call-reconciler"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LISTED = ("click", "httpx", "tzdata")


def versions() -> CheckResult:
    """Whether everything that the package requires is installed, and in which version."""
    parts = [
        f"reconciler {__version__}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
    ]
    missing = [name for name in _required() if _version(name) is None]
    if missing:
        text = f"{', '.join(parts)}; not installed: {', '.join(missing)}"
        return CheckResult("versions", Health.FAIL, text, f"pip install --upgrade {DISTRIBUTION}")
    parts += [f"{name} {_version(name)}" for name in _LISTED]
    try:
        require_libyaml()
    except ReconcilerError as error:
        return CheckResult("versions", Health.FAIL, f"{', '.join(parts)}; {error.message}", error.hint)
    return CheckResult("versions", Health.OK, ", ".join(parts))


def variables() -> CheckResult:
    """Whether one of our variables is set but empty, for example because a CI secret is missing."""
    empty = empty_variables()
    if empty:
        words = "is set but empty" if len(empty) == 1 else "are set but empty"
        return CheckResult("environment", Health.FAIL, f"{', '.join(empty)} {words}", EMPTY_HINT)
    return CheckResult("environment", Health.OK, "no variable is set but empty")


def _required() -> list[str]:
    """The required distributions without extras; empty when running from source files."""
    try:
        listed = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    return [found[0] for line in listed if "extra ==" not in line and (found := _NAME.match(line))]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
