"""``KILLS.csv``: the running count of kills, a line for each long run, with the commit that was run.

A line with a failure stays; ``mended`` then has the commit that mended it.
"""

from __future__ import annotations

import csv
import subprocess
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

FILE = Path(__file__).with_name("KILLS.csv")
ROOT = FILE.parent.parent.parent


class NotRecordedError(Exception):
    """The tree is not a commit that somebody else can run."""


@dataclass(frozen=True)
class Line:
    """A run of ``trials`` seeds from ``seed``. ``broken`` counts trials in which anything was wrong."""

    commit: str
    date: str
    seed: int
    trials: int
    kills: int
    calls: int
    adopted: int
    uncertain: int
    duplicates: int
    lost: int
    broken: int
    mended: str = ""


def read(file: Path = FILE) -> list[Line]:
    with file.open(newline="", encoding="utf-8") as rows:
        return [_line(row) for row in csv.DictReader(rows, strict=True)]


def _line(row: dict[str, str]) -> Line:
    texts = {"commit", "date", "mended"}
    return Line(**{name: value if name in texts else int(value) for name, value in row.items()})


def append(line: Line, file: Path = FILE) -> None:
    with file.open("a", newline="", encoding="utf-8") as rows:
        csv.DictWriter(rows, [field.name for field in fields(Line)], lineterminator="\n").writerow(asdict(line))


def head(root: Path = ROOT) -> str:
    """The commit of a tree in which nothing else is changed. Raises ``NotRecordedError``."""
    changed = _git(root, "status", "--porcelain", "--", ".", f":(exclude){FILE.relative_to(ROOT)}")
    if changed:
        raise NotRecordedError(f"nothing was recorded, because the tree is not that of a commit:\n{changed}")
    return _git(root, "rev-parse", "HEAD")


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _git(root: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotRecordedError(f"git failed: {done.stderr.strip()}")
    return done.stdout.strip()
