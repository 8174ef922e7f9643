"""The tour of the code names what exists: each path, module, class and function in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT, ROOT / "reconciler", ROOT / "tests")
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"\.?[\w-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|txt|toml|json|yaml|expect|js|css))|\.ci/\w+")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
OTHERS = {"msgspec.structs.replace"}


@cache
def members() -> dict[str, frozenset[str]]:
    """Each module (``planning.plan``) and class (``Journal``) with the names that it defines."""
    found: dict[str, set[str]] = {}
    for base in ("reconciler", "tests"):
        for path in (ROOT / base).rglob("*.py"):
            parts = path.relative_to(ROOT / base if base == "reconciler" else ROOT).with_suffix("").parts
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found.setdefault(".".join(parts).removesuffix(".__init__"), set()).update(defined(tree))
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, set()).update(defined(node))
    return {name: frozenset(names) for name, names in found.items()}


def defined(tree: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (item.id for item in targets if isinstance(item, ast.Name))


def exists(span: str) -> bool | None:
    """Whether a code span names something of the repository that exists; None where it names nothing of it."""
    if PATH.fullmatch(span):
        return any((folder / span).exists() for folder in FOLDERS)
    if not NAME.fullmatch(span) or span in OTHERS:
        return None
    owner, _, name = span.rpartition(".")
    if owner:  # module.name, module.Class.name or Class.name
        known = members()
        inner = owner.rpartition(".")
        within = not inner[0] or inner[2] in known.get(inner[0], ())
        return name in known.get(owner, ()) or (within and name in known.get(inner[2], ())) or span in known
    if not re.search(r"[A-Z_]", span):
        return None  # a word of a command line, or of YAML
    return span in members() or any(span in names for names in members().values())


def test_all_that_is_named_exists() -> None:
    checked = {span: exists(span) for span in SPAN.findall(TEXT)}
    assert [span for span, found in checked.items() if found is False] == []
    assert sum(found is True for found in checked.values()) > 100


@pytest.mark.parametrize(
    "span",
    [
        *("planning/plam.py", "planing/", "tests/nowhere.json", ".ci/rum", "planning.plan.make_plam"),
        *("planing.plan.make_plan", "placing.journal.Journal.proof", "Journal.proof", "Candidat", "test_of_no"),
    ],
)
def test_what_does_not_exist_is_found(span: str) -> None:
    assert exists(span) is False


@pytest.mark.parametrize(
    "span",
    [
        *("planning/plan.py", "planning/", "tests/commands.py", ".ci/run", "planning.plan.make_plan"),
        *("placing.journal.Journal.prove", "Journal.prove", "Candidate", "test_what_does_not_exist_is_found"),
        *("planning.plan", "GUARD_CODES", ".ci/DEPENDENCIES.md"),
    ],
)
def test_what_exists_passes(span: str) -> None:
    assert exists(span) is True
