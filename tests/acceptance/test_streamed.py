"""Plans too long for memory: what is kept on disk while a command works comes out to the byte as from memory."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.conftest import ZYGOTE, Workbench, clean_environment, plan_text

NOW = ("--now", "2031-05-30T12:00:00Z")
FORMS = ["text", "json", "markdown", "html", "junit", "sarif", "github", "csv"]
MOVED = "moved: [{from: june/inv-3, to: june/moved-3}]\n"


def spooled(bench: Workbench, *args: str) -> subprocess.CompletedProcess[str]:
    return ZYGOTE.run(list(args), bench.root, clean_environment() | bench.env, module="tests.spooled")


@pytest.fixture
def mixed(placed: Workbench) -> Workbench:
    """After three calls were placed: one changed, one removed, one moved, and rows of every other kind."""
    rows = (
        plan_text(rows=40)
        .replace("amount_debt: 14001", "amount_debt: 99")
        .replace("key: inv-3\n", "key: moved-3\n")
    )
    lines = rows.splitlines(keepends=True)
    second = lines.index("  - key: inv-2\n")
    del lines[second : second + 4]
    at = lines.index("  - key: inv-9\n")
    lines[at] += "    enabled: false\n"
    placed.write("calls/june.yaml", "".join(lines) + MOVED)
    late = plan_text("late", 5, first=50).replace("2031-06-01", "2031-05-29")
    placed.write("calls/late.yaml", late)
    return placed


@pytest.fixture
def blocked(mixed: Workbench) -> Workbench:
    """With the same calls as before under the name of another plan, which blocks them."""
    mixed.write("calls/again.yaml", plan_text("again"))
    return mixed


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("more", [(), ("--explain",)], ids=["plain", "explained"])
def test_every_form_is_the_same(mixed: Workbench, form: str, more: tuple[str, ...]) -> None:
    for reveal in ((), ("--reveal",)):
        args = ("plan", *NOW, "--format", form, *more, *reveal)
        held, kept = mixed.run(*args), spooled(mixed, *args)
        assert held.out
        assert (kept.stdout, kept.stderr, kept.returncode) == (held.out, held.err, held.code)


@pytest.mark.parametrize("form", FORMS)
def test_blocked_rows_too(blocked: Workbench, form: str) -> None:
    args = ("plan", *NOW, "--format", form)
    held, kept = blocked.run(*args), spooled(blocked, *args)
    assert held.code == 5
    assert (kept.stdout, kept.stderr, kept.returncode) == (held.out, held.err, held.code)


def test_a_workbook_is_the_same(mixed: Workbench) -> None:
    mixed.ok("plan", *NOW, "--format", "xlsx", "--output", "held.xlsx")
    assert spooled(mixed, "plan", *NOW, "--format", "xlsx", "--output", "kept.xlsx").returncode == 0
    assert (mixed.root / "kept.xlsx").read_bytes() == (mixed.root / "held.xlsx").read_bytes()


def test_saved_plans_are_the_same_and_are_read_alike(mixed: Workbench) -> None:
    mixed.ok("plan", *NOW, "--out", "held.plan")
    assert spooled(mixed, "plan", *NOW, "--out", "kept.plan").returncode == 0
    data = (mixed.root / "held.plan").read_bytes()
    assert (mixed.root / "kept.plan").read_bytes() == data
    shown = mixed.ok("show", "held.plan", "--json", "--reveal").out
    assert spooled(mixed, "show", "held.plan", "--json", "--reveal").stdout == shown


def test_an_apply_places_what_it_must(mixed: Workbench, sandbox: Any) -> None:
    mixed.ok("plan", "--out", "june.plan")
    for placed in (36 + 5, 0):  # the late ones are not late yet
        before = len(sandbox.calls())
        done = spooled(mixed, "apply", "june.plan", "--json", "--rate", "none")
        summary = json.loads(done.stdout.splitlines()[-1])
        assert (done.returncode, done.stderr) == (3, "")  # the changed row cannot be taken back
        assert (summary["placed"], len(sandbox.calls()) - before) == (placed, placed)
