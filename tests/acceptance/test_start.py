"""What a command imports: libraries that take long stay out of the commands that do without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Workbench, plan_text

HEAVY = frozenset({
    "aiohttp", "asyncio", "cel_expr_python", "dateutil", "filelock", "holidays", "httpx", "importlib.metadata",
    "jinja2", "jsonschema", "phonenumbers", "pygit2", "python_calamine", "rich", "sqlite_utils", "tenacity",
    "xlsxwriter",
})  # fmt: skip
NOT_TO_START = frozenset(
    {"hashlib", "json", "reconciler.domain.model", "sqlite3", "subprocess", "yaml", "zoneinfo"}
)
NOT_TO_PLAN_AS_TEXT = frozenset({
    "http.server", "reconciler.render.html", "reconciler.render.markdown", "reconciler.source.formulas.functions",
    "reconciler.source.sheets.workbook", "webbrowser", "xml.etree.ElementTree",
})  # fmt: skip
PROBE = """
import sys
from reconciler.cli import main
main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
"""


def imported(folder: Path, *args: str) -> set[str]:
    """All modules that a command had imported when it ended."""
    command = [sys.executable, "-c", PROBE, *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_the_version_and_help_import_next_to_nothing(tmp_path: Path) -> None:
    assert not imported(tmp_path, "--version") & (HEAVY | NOT_TO_START)
    assert not imported(tmp_path, "help", "state") & (HEAVY - {"rich"})  # it formats the guides


@pytest.mark.parametrize("command", [["plan"], ["plan", "--format", "json"], ["validate"], ["state", "list"]])
def test_right_files_and_a_state_are_read_without_heavy_libraries(bench: Workbench, command: list[str]) -> None:
    bench.create_project()
    bench.write("calls/june.yaml", plan_text())
    bench.ok("plan")
    assert not imported(bench.root, *command) & HEAVY


def test_a_plan_as_text_imports_no_other_format_and_no_server(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/june.yaml", plan_text())
    modules = imported(bench.root, "plan")
    assert "reconciler.render.text" in modules
    assert not modules & NOT_TO_PLAN_AS_TEXT


WITHOUT_EXTRAS = """
import importlib, pkgutil, sys
sys.modules["psycopg"] = sys.modules["aiohttp"] = None  # as where the extras are not installed
import reconciler.cli.commands as commands
for module in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"{commands.__name__}.{module.name}")
print(len(list(pkgutil.iter_modules(commands.__path__))))
"""


def test_every_command_starts_without_the_extras() -> None:
    command = [sys.executable, "-c", WITHOUT_EXTRAS]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
