"""A project as the tests want it: what ``init`` and ``keep_only_the_state`` make, at a fifth of their cost."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

from reconciler.cli.commands.init import CALLS
from reconciler.cli.runs import creation_details
from reconciler.domain.settings import DEFAULT_STATE, EDITOR_SCHEMA, PROJECT_FILE
from reconciler.source.schema.packaged import schema_text
from reconciler.state.sqlite.state import SqliteState


def new_project(folder: Path, env: Mapping[str, str]) -> None:
    """Make it in this process. ``env`` is that of the command, which says who made the state."""
    with patch.dict(os.environ, env, clear=True):
        lineage = SqliteState(folder / DEFAULT_STATE).create(creation_details("init"))
    settings = f"version: 1\nstate:\n  path: {DEFAULT_STATE}\n  lineage: {lineage}\n"
    (folder / PROJECT_FILE).write_text(settings, encoding="utf-8")
    (folder / CALLS).mkdir(exist_ok=True)
    (folder / CALLS / EDITOR_SCHEMA).write_text(schema_text("callplan"), encoding="utf-8")
