"""What ours is measured against: whole processes, checked as ours are; None where one is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from tests.bench.inputs import made, write_zone
from tests.bench.lines import Setup
from tests.bench.measuring import ROOT, Figures, ResultError, run

OCTODNS, POLARS, CLICK, HTTPX = "octoDNS", "polars", "import click", "httpx"

_CONFIG = """\
providers:
  files:
    class: octodns.provider.yaml.YamlProvider
    directory: .
  nothing:
    class: tests.bench.octo.Nothing
zones:
  bench.example.:
    sources: [files]
    targets: [nothing]
"""
_READ = "import sys, polars; print(len(polars.read_csv(sys.argv[1]).to_dicts()))"


def _there(setup: Setup, module: str, name: str) -> bool:
    if not setup.yardsticks:
        return False
    if find_spec(module) is None:
        setup.say(
            f"{name} is not installed, and what is measured against it is left out: pip install -e '.[bench]'"
        )
        return False
    return True


def octodns(setup: Setup, rows: int) -> Callable[[], Figures] | None:
    """octoDNS planning as many A records, from YAML to a target that holds nothing."""
    if not _there(setup, "octodns", OCTODNS):
        return None

    def make(folder: Path) -> None:
        (folder / "config.yaml").write_text(_CONFIG, encoding="utf-8")
        write_zone(folder, rows)

    folder = made(setup.work / f"zone-{rows}", make)
    command = [sys.executable, "-m", "octodns.cmds.sync", "--config-file", "config.yaml"]

    def contender() -> Figures:
        out = setup.out("octodns.txt")
        figures = run(command, folder, out, {"PYTHONPATH": str(ROOT)})
        _expect(out.with_name(f"{out.name}.err"), f"Creates={rows}, Updates=0, Deletes=0")
        return figures

    return contender


def polars(setup: Setup, sheet: Path, rows: int) -> Callable[[], Figures] | None:
    """polars reading a CSV file into dictionaries."""
    if not _there(setup, "polars", POLARS):
        return None

    def contender() -> Figures:
        out = setup.out("polars.txt")
        figures = run([sys.executable, "-c", _READ, str(sheet)], setup.work, out)
        _expect(out, str(rows))
        return figures

    return contender


def click(setup: Setup) -> Callable[[], Figures] | None:
    """What Python with click needs to start."""
    if not setup.yardsticks:
        return None
    return lambda: run([sys.executable, "-c", "import click"], setup.work, setup.out("click.txt"))


def _expect(out: Path, text: str) -> None:
    if text not in out.read_text(encoding="utf-8"):
        raise ResultError(f"{out.name} does not say {text!r}")
