"""The ``reconciler.yaml`` of a test: what ``init`` writes, without its calling hours, agents and numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

from reconciler.cli.commands.init import CALLS
from reconciler.cli.runs import creation_details
from reconciler.domain.settings import DEFAULT_STATE, EDITOR_SCHEMA, PROJECT_FILE
from reconciler.source.schema.packaged import schema_text
from reconciler.state.sqlite.state import SqliteState


def new_project(folder: Path, env: Mapping[str, str]) -> None:
    """What ``init`` and ``keep_only_the_state`` make, at a fifth of their cost."""
    with patch.dict(os.environ, env, clear=True):
        lineage = SqliteState(folder / DEFAULT_STATE).create(creation_details("init"))
    settings = f"version: 1\nstate:\n  path: {DEFAULT_STATE}\n  lineage: {lineage}\n"
    (folder / PROJECT_FILE).write_text(settings, encoding="utf-8")
    (folder / CALLS).mkdir()
    (folder / CALLS / EDITOR_SCHEMA).write_text(schema_text("callplan"), encoding="utf-8")


def keep_only_the_state(folder: Path) -> None:
    """So that a test's calls may ring at any hour, and the test may add settings of its own."""
    file = folder / "reconciler.yaml"
    lineage = re.search(r"^  lineage: (\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert lineage is not None
    path = "  path: .reconciler/state.db\n" if "\n  path:" in file.read_text(encoding="utf-8") else ""
    file.write_text(f"version: 1\nstate:\n{path}  lineage: {lineage[1]}\n", encoding="utf-8")
