"""The ``reconciler.yaml`` of a test: what ``init`` writes, without its calling hours, agents and numbers."""

from __future__ import annotations

import re
from pathlib import Path


def keep_only_the_state(folder: Path) -> None:
    """So that a test's calls may ring at any hour, and the test may add settings of its own."""
    file = folder / "reconciler.yaml"
    lineage = re.search(r"^  lineage: (\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert lineage is not None
    path = "  path: .reconciler/state.db\n" if "\n  path:" in file.read_text(encoding="utf-8") else ""
    file.write_text(f"version: 1\nstate:\n{path}  lineage: {lineage[1]}\n", encoding="utf-8")
