"""The running count of kills: its form, its failures, and that only a commit is recorded."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.crash import record
from tests.crash.__main__ import Total
from tests.crash.judge import Verdict
from tests.crash.record import Line, NotRecordedError
from tests.gitrepo import commit, git

LINE = Line("0" * 40, "2026-01-31", 1, 10, 240, 300, 120, 40, 0, 0, 0)


def failures(lines: list[Line]) -> list[Line]:
    """Lines with a failure that no commit is said to have mended."""
    return [line for line in lines if (line.duplicates or line.lost or line.broken) and not line.mended]


def malformed(lines: list[Line]) -> list[Line]:
    return [line for line in lines if not is_well_formed(line)]


def is_well_formed(line: Line) -> bool:
    date.fromisoformat(line.date)
    commits = [line.commit, *([line.mended] if line.mended else [])]
    numbers = (line.calls - line.adopted - line.uncertain, line.duplicates, line.lost, line.broken)
    return (
        all(re.fullmatch("[0-9a-f]{40}", name) for name in commits)
        and line.kills >= line.trials > 0
        and min(numbers) >= 0
        and line.trials >= line.broken
    )


def test_the_record_is_well_formed_and_has_no_failure_that_was_not_mended() -> None:
    lines = record.read()
    assert malformed(lines) == []
    assert failures(lines) == []


def test_wrong_lines_are_noticed() -> None:
    mended = replace(LINE, lost=1, broken=1, mended="1" * 40)
    assert failures([LINE, mended]) == []
    assert malformed([LINE, mended]) == []
    wrong = [replace(LINE, duplicates=1), replace(LINE, lost=1), replace(LINE, broken=1)]
    assert failures(wrong) == wrong
    odd = [replace(LINE, commit="main"), replace(LINE, kills=9), replace(LINE, lost=-1), replace(LINE, mended="?")]
    assert malformed(odd) == odd


def test_a_line_is_appended_as_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "KILLS.csv"
    file.write_text(record.FILE.read_text(encoding="utf-8").splitlines()[0] + "\n")
    record.append(LINE, file)
    record.append(replace(LINE, seed=11), file)
    assert record.read(file) == [LINE, replace(LINE, seed=11)]


def test_only_a_commit_is_recorded(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    kept = tmp_path / record.FILE.relative_to(record.ROOT)
    kept.parent.mkdir(parents=True)
    for file in (kept, tmp_path / "code.py"):
        file.write_text("1")
    name = commit(tmp_path, "code")
    assert record.head(tmp_path) == name
    kept.write_text("a line more")
    assert record.head(tmp_path) == name, "the record itself may have grown"
    (tmp_path / "code.py").write_text("2")
    with pytest.raises(NotRecordedError, match=r"code\.py"):
        record.head(tmp_path)
    with pytest.raises(NotRecordedError, match="git failed"):
        record.head(tmp_path.parent)


def test_the_bound_is_stated_only_where_nothing_failed() -> None:
    total = Total(seconds=2.0)
    total.add(Verdict(1, calls=5, adopted=2, killed=Counter(moment=300)))
    text = "\n".join(total.lines())
    assert "300 kills, 150.0 kills a second" in text
    assert "at most 1.000% of such kills" in text
    total.add(Verdict(2, lost={"june/k1"}, wrong=["june/k1 is absent"]))
    text = "\n".join(total.lines())
    assert "1 lost" in text
    assert "at most" not in text
