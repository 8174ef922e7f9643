"""``apply --approved PLAN``: what was approved is an allow-list, and what is sent comes from the merged files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workbench, plan_text
from tests.gitrepo import commit, git

PLAN = "calls/june.yaml"


@pytest.fixture
def june(project: Workbench) -> Workbench:
    """A project with two rows, and the plan of a pull request that brings them."""
    project.write(PLAN, plan_text(rows=2))
    project.ok("plan", "--out", "pr.plan")
    return project


def stale(events: list[dict[str, Any]]) -> dict[str, str]:
    return {event["address"]: event["message"] for event in events if event["type"] == "stale"}


def test_what_was_approved_is_placed_without_asking(june: Workbench, sandbox: Any) -> None:
    done = june.run("apply", "--approved", june.reviewed("pr.plan"), "--json", "--rate", "none")
    assert done.code == 0, done.err
    assert done.summary["placed"] == 2
    assert june.run("apply", "--approved", june.reviewed("pr.plan"), "--json").summary["placed"] == 0
    assert len(sandbox.calls()) == 2


@pytest.mark.parametrize(
    ("merged", "address", "words"),
    [
        (plan_text(rows=3), "june/inv-3", "was not approved"),
        (plan_text(rows=2).replace("14002", "99"), "june/inv-2", "differs from the approved plan"),
        (plan_text(rows=2).replace("00:02:00", "03:02:00"), "june/inv-2", "differs from the approved plan"),
        (plan_text(rows=2) + "    place_by: 2031-01-01T00:00:00Z\n", "june/inv-2", "differs"),
        (plan_text(rows=1), "june/inv-2", "no longer contain it"),
        (plan_text(rows=2) + "    enabled: false\n", "june/inv-2", "no longer contain it"),
    ],
)
def test_a_row_that_differs_is_stale_and_the_others_are_placed(
    june: Workbench, sandbox: Any, merged: str, address: str, words: str
) -> None:
    june.write(PLAN, merged)
    done = june.run("apply", "--approved", june.reviewed("pr.plan"), "--json", "--rate", "none")
    assert done.code == 3
    found = stale(done.events)
    assert list(found) == [address]
    assert words in found[address]
    placed = {call.body["metadata"]["reconciler_key"] for call in sandbox.calls()}
    assert placed == {"inv-1", "inv-2"} - {address.removeprefix("june/")}


def test_a_forged_plan_adds_no_call(june: Workbench, sandbox: Any) -> None:
    june.write("calls/evil.yaml", plan_text("evil", rows=3, first=50))
    june.ok("plan", "--out", "forged.plan")
    (june.root / "calls" / "evil.yaml").unlink()
    done = june.run("apply", "--approved", june.reviewed("forged.plan"), "--json", "--rate", "none")
    assert set(stale(done.events)) == {f"evil/inv-{number}" for number in (50, 51, 52)}
    assert {call.body["metadata"]["reconciler_plan"] for call in sandbox.calls()} == {"june"}


def test_paths_narrow_what_is_missed(june: Workbench, sandbox: Any) -> None:
    june.write("calls/july.yaml", plan_text("july", rows=1, first=20))
    june.ok("plan", "--out", "pr.plan")
    done = june.run("apply", PLAN, "--approved", june.reviewed("pr.plan"), "--json", "--rate", "none")
    assert done.code == 0
    assert {call.body["metadata"]["reconciler_plan"] for call in sandbox.calls()} == {"june"}


def test_several_approved_plans_count_together(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=1, first=2))
    june.ok("plan", "--out", "second.plan")
    june.write(PLAN, plan_text(rows=1))
    june.ok("plan", "--out", "first.plan")
    june.write(PLAN, plan_text(rows=2))
    done = june.run(
        "apply",
        "--approved",
        june.reviewed("first.plan"),
        "--approved",
        june.reviewed("second.plan"),
        "--json",
        "--rate",
        "none",
    )
    assert done.code == 0, done.out
    assert len(sandbox.calls()) == 2


def test_the_approving_plans_and_their_commits_are_recorded(june: Workbench, sandbox: Any) -> None:
    git(june.root, "init", "--quiet")
    head = commit(june.root)
    june.ok("plan", "--out", "pr.plan")
    june.run("apply", "--approved", june.reviewed("pr.plan"), "--json", "--rate", "none")
    plan_id = json.loads((june.root / "pr.plan").read_text())["plan_id"]
    shown = june.ok("state", "show", "--json").json["runs"][0]
    assert shown["approved"] == [{"plan_id": plan_id, "commit": head}]
    assert shown["commit"] == head
    assert plan_id in june.ok("state", "show").out


def test_an_unsigned_plan_is_enough_for_an_allow_list(june: Workbench, sandbox: Any) -> None:
    june.env["RECONCILER_PLAN_KEY"] = "the key of the apply job, which no pull request has"
    assert june.run("apply", "pr.plan").code == 5
    assert june.run("apply", "--approved", june.reviewed("pr.plan"), "--rate", "none").code == 0
    assert len(sandbox.calls()) == 2


def test_moves_must_be_approved_too(june: Workbench, sandbox: Any) -> None:
    june.run("apply", "--approved", june.reviewed("pr.plan"), "--rate", "none")
    june.write(PLAN, plan_text("july", rows=2, extra="moved:\n  - {from: june, to: july}\n"))
    refused = june.run("apply", "--approved", june.reviewed("pr.plan"), "--rate", "none")
    assert refused.code == 5
    assert "june/inv-1 to july/inv-1" in refused.err
    june.ok("plan", "--out", "moved.plan")
    assert june.run("apply", "--approved", june.reviewed("moved.plan"), "--rate", "none").code == 0
    assert len(sandbox.calls()) == 2
    assert june.plan()["summary"]["unchanged"] == 2


@pytest.mark.parametrize("spoil", ["changed", "old", "foreign", "stateless", "no plan"])
def test_an_approved_plan_is_checked_like_any_other(june: Workbench, sandbox: Any, spoil: str) -> None:
    path: Path = june.root / "pr.plan"
    if spoil == "changed":
        path.write_text(path.read_text().replace("14001", "14009", 1))
    elif spoil == "old":
        june.ok("plan", "--now", "2026-01-01T00:00:00Z", "--out", "pr.plan")
    elif spoil == "foreign":
        other = Workbench(june.root / "other")
        other.root.mkdir()
        other.create_project()
        other.write(PLAN, plan_text(rows=2))
        other.ok("plan", "--out", "../pr.plan")
    elif spoil == "stateless":
        june.ok("plan", "--no-state", "--out", "pr.plan")
    else:
        path.write_text("{}")
    refused = june.run("apply", "--approved", june.reviewed("pr.plan"), "--rate", "none")
    assert refused.code == 5, refused.err
    assert not sandbox.calls()


def test_a_saved_plan_needs_no_allow_list(june: Workbench) -> None:
    assert june.run("apply", "pr.plan", "--approved", "pr.plan").code == 64


SOON = "policy:\n  place_within: 48h\n"


@pytest.mark.parametrize("where", ["pr.plan", "approved/1/plan.json", "linked.plan", "../{root}/pr.plan"])
def test_a_plan_in_the_checkout_approves_nothing(june: Workbench, sandbox: Any, where: str) -> None:
    git(june.root, "init", "--quiet")
    (june.root / "approved/1").mkdir(parents=True)
    (june.root / "pr.plan").rename(june.root / "approved/1/plan.json")
    shutil.copy(june.root / "approved/1/plan.json", june.root / "pr.plan")
    (june.root / "linked.plan").symlink_to(june.reviewed("pr.plan"))
    refused = june.run("apply", "--approved", where.format(root=june.root.name), "--rate", "none")
    assert refused.code == 5
    assert "must not come from the checkout" in refused.err
    assert "RUNNER_TEMP" in refused.err
    assert not sandbox.calls()


def test_a_link_to_a_plan_in_the_checkout_approves_nothing(june: Workbench, sandbox: Any) -> None:
    link = june.root.parent / "looks-outside"
    link.symlink_to(june.root)
    for path in (link / "pr.plan", Path(f"/proc/self/cwd/{'pr.plan'}")):
        assert june.run("apply", "--approved", str(path)).code == 5
    assert not sandbox.calls()


def test_a_plan_elsewhere_in_the_repository_approves_nothing(project: Workbench, sandbox: Any) -> None:
    git(project.root, "init", "--quiet")
    inner = Workbench(project.root / "team", project.env)
    inner.root.mkdir()
    inner.create_project()
    inner.write(PLAN, plan_text(rows=2))
    commit(project.root)
    inner.ok("plan", "--out", "../pr.plan")
    assert inner.run("apply", "--approved", "../pr.plan").code == 5
    assert (
        inner.run("apply", "--approved", inner.reviewed("../pr.plan")).code == 5
    )  # beside it, so in the repository
    assert not sandbox.calls()


def only_approved(bench: Workbench, *args: str) -> Any:
    return bench.run("apply", "--only-approved", "--json", "--rate", "none", *args)


def test_the_hourly_job_places_nothing_that_nobody_approved(june: Workbench, sandbox: Any) -> None:
    done = only_approved(june)
    assert done.code == 3
    assert set(stale(done.events)) == {"june/inv-1", "june/inv-2"}
    assert not sandbox.calls()


def wait(bench: Workbench) -> str:
    """Two rows that are placed when they are near, approved; the time when that is."""
    settings = (bench.root / "reconciler.yaml").read_text()
    bench.write("reconciler.yaml", settings + SOON)
    bench.write(PLAN, plan_text(rows=2))
    bench.ok("plan", "--out", "pr.plan")
    done = bench.run("apply", "--approved", bench.reviewed("pr.plan"), "--json", "--rate", "none")
    assert (done.code, done.summary["placed"]) == (0, 0), done.err
    return "2031-05-31T12:00:00Z"


def test_rows_that_waited_are_placed_later_as_they_were_approved(project: Workbench, sandbox: Any) -> None:
    near = wait(project)
    assert only_approved(project).summary["placed"] == 0
    done = only_approved(project, "--now", near)
    assert (done.code, done.summary["placed"]) == (0, 2), done.out
    assert only_approved(project, "--now", near).summary["placed"] == 0
    assert len(sandbox.calls()) == 2


EDITS = {
    "value": (plan_text(rows=2).replace("14002", "99"), "differs"),
    "time": (plan_text(rows=2).replace("00:02:00", "03:02:00"), "differs"),
    "place_by": (plan_text(rows=2) + "    place_by: 2031-06-01T06:00:00Z\n", "differs"),
    "zone": (plan_text(rows=2) + "    called_timezone: America/Mexico_City\n", "differs"),
    "distinct": (plan_text(rows=2) + "    distinct: true\n", "differs"),
    "revision": (plan_text(rows=2) + "    revision: 2\n", "not approved"),
    "key": (plan_text(rows=2).replace("key: inv-2", "key: inv-9"), "not approved"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_row_needs_a_new_approval(project: Workbench, sandbox: Any, edit: str) -> None:
    near = wait(project)
    merged, words = EDITS[edit]
    project.write(PLAN, merged)
    done = only_approved(project, "--now", near)
    assert done.code == 3, done.out
    [message] = stale(done.events).values()
    assert words in message
    assert [call.body["metadata"]["reconciler_key"] for call in sandbox.calls()] == ["inv-1"]
    project.ok("plan", "--out", "pr.plan", "--now", near)
    project.run("apply", "--approved", project.reviewed("pr.plan"), "--now", near, "--rate", "none")
    again = only_approved(project, "--now", near)
    assert not stale(again.events)


def test_a_setting_that_changes_the_request_needs_a_new_approval(project: Workbench, sandbox: Any) -> None:
    near = wait(project)
    settings = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", settings + "provider:\n  schedule_fields: {at: datetime}\n")
    assert only_approved(project, "--now", near).code == 3
    assert not sandbox.calls()


@pytest.mark.parametrize("gone", [plan_text(rows=1), plan_text(rows=2) + "    enabled: false\n", None])
@pytest.mark.parametrize("by", [("--only-approved",), ("--auto-approve",)])
def test_an_approval_ends_with_its_row(
    project: Workbench, sandbox: Any, gone: str | None, by: tuple[str, ...]
) -> None:
    near = wait(project)
    if gone is None:
        (project.root / PLAN).rename(project.root / "calls/june.bak")
        project.write("calls/july.yaml", plan_text("july", rows=1, first=20))
    else:
        project.write(PLAN, gone)
    project.ok("apply", *by)
    project.write(PLAN, plan_text(rows=2))
    done = only_approved(project, "--now", near)
    assert "june/inv-2" in stale(done.events), "it stands there again, and nobody approved that"
    assert len(sandbox.calls()) == (0 if gone is None else 1)


def test_a_plan_does_not_approve_again_what_has_ended(project: Workbench, sandbox: Any) -> None:
    near = wait(project)
    settings = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", settings.replace(SOON, f"{SOON}  plan_max_age: 50000h\n"))
    old = project.reviewed("pr.plan")
    project.write(PLAN, plan_text(rows=1))
    project.ok("apply", "--only-approved")
    project.write(PLAN, plan_text(rows=2))
    given = ("--now", near, "--json", "--rate", "none")
    done = project.run("apply", "--approved", old, *given)
    assert set(stale(done.events)) == {"june/inv-2"}
    assert len(sandbox.calls()) == 1
    project.ok("plan", "--out", "new.plan", "--now", near)
    both = ("--approved", old, "--approved", project.reviewed("new.plan"))
    assert project.run("apply", *both, *given).summary["placed"] == 1


def test_an_apply_of_other_plans_ends_no_approval(project: Workbench, sandbox: Any) -> None:
    near = wait(project)
    project.write("calls/july.yaml", plan_text("july", rows=1, first=20))
    project.ok("apply", "calls/july.yaml", "--auto-approve")
    done = only_approved(project, "--now", near)
    assert set(stale(done.events)) == {"july/inv-20"}
    assert {call.body["metadata"]["reconciler_plan"] for call in sandbox.calls()} == {"june"}


def test_what_an_earlier_plan_approved_is_placed_beside_a_later_one(project: Workbench, sandbox: Any) -> None:
    near = wait(project)
    project.write("calls/july.yaml", plan_text("july", rows=1, first=20))
    project.ok("plan", "calls/july.yaml", "--out", "pr.plan", "--now", near)
    later = project.reviewed("pr.plan")
    done = project.run("apply", "--approved", later, "--now", near, "--json", "--rate", "none")
    assert (done.code, done.summary["placed"]) == (0, 3), done.out


def test_moves_are_not_made_by_the_hourly_job(june: Workbench, sandbox: Any) -> None:
    june.run("apply", "--approved", june.reviewed("pr.plan"), "--rate", "none")
    june.write(PLAN, plan_text("july", rows=2, extra="moved:\n  - {from: june, to: july}\n"))
    assert only_approved(june).code == 5


def test_max_calls_counts_what_is_approved(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=9))
    approved = june.reviewed("pr.plan")
    assert june.run("apply", "--approved", approved, "--max-calls", "1", "--rate", "none").code == 5
    assert not sandbox.calls()
    assert only_approved(june, "--max-calls", "2").summary["placed"] == 2


def test_a_saved_plan_is_its_own_approval(june: Workbench) -> None:
    assert june.run("apply", "pr.plan", "--only-approved").code == 64


@pytest.mark.parametrize("gone", [plan_text(rows=1), plan_text(rows=2) + "    enabled: false\n"])
@pytest.mark.parametrize("others", [1, 2])
def test_a_plan_does_not_approve_a_row_that_it_once_found_gone(
    june: Workbench, sandbox: Any, gone: str, others: int
) -> None:
    """The row was removed before any apply recorded an approval of it."""
    approved = [option for _ in range(others) for option in ("--approved", june.reviewed("pr.plan"))]
    june.write(PLAN, gone)
    for _ in range(2):
        done = june.run("apply", *approved, "--json", "--rate", "none")
        assert done.code == 3
        assert "no longer contain it" in stale(done.events)["june/inv-2"]
    june.write(PLAN, plan_text(rows=2))
    again = june.run("apply", *approved, "--json", "--rate", "none")
    assert again.code == 3
    ended = "not placed: its approval ended when the row was removed or disabled. Get a new plan approved"
    assert stale(again.events) == {"june/inv-2": ended}
    assert june.run("apply", "--only-approved", "--rate", "none").code == 3
    assert len(sandbox.calls()) == 1
    june.ok("plan", "--out", "new.plan")
    june.ok("apply", "--approved", june.reviewed("new.plan"), "--rate", "none")
    assert len(sandbox.calls()) == 2
    june.ok("audit", "verify")


def test_each_plan_that_found_a_row_gone_is_ended(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=3))
    june.ok("plan", "--out", "wide.plan")
    both = [option for name in ("pr", "wide") for option in ("--approved", june.reviewed(f"{name}.plan"))]
    june.write(PLAN, plan_text(rows=1))
    assert june.run("apply", *both, "--rate", "none").code == 3
    june.write(PLAN, plan_text(rows=3))
    for name in ("pr", "wide"):
        assert june.run("apply", "--approved", june.reviewed(f"{name}.plan"), "--rate", "none").code == 3
    assert len(sandbox.calls()) == 1


def test_a_plan_that_ended_does_not_replace_what_a_later_one_approved(project: Workbench, sandbox: Any) -> None:
    near = wait(project)
    old = project.reviewed("pr.plan")
    waiting = (project.root / PLAN).read_text()
    settings = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", settings.replace(SOON, f"{SOON}  plan_max_age: 50000h\n"))
    project.write(PLAN, plan_text(rows=1))
    project.run("apply", "--only-approved")
    project.write(PLAN, waiting.replace("14002", "14009"))
    project.ok("plan", "--out", "new.plan")
    project.ok("apply", "--approved", project.reviewed("new.plan"))
    project.write(PLAN, waiting)
    done = project.run("apply", "--approved", old, "--now", near, "--json", "--rate", "none")
    assert set(stale(done.events)) == {"june/inv-2"}
    assert len(sandbox.calls()) == 1


def test_paths_end_no_approval_of_other_plans(june: Workbench, sandbox: Any) -> None:
    july = june.write("calls/july.yaml", plan_text("july", rows=1, first=20))
    june.ok("plan", "--out", "pr.plan")
    july.unlink()
    june.ok("apply", PLAN, "--approved", june.reviewed("pr.plan"), "--rate", "none")
    june.write("calls/july.yaml", plan_text("july", rows=1, first=20))
    june.ok("apply", "--approved", june.reviewed("pr.plan"), "--rate", "none")
    assert len(sandbox.calls()) == 3
