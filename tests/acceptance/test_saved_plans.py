"""A saved plan is what was approved: every changed byte, a missing signature and old age are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.changes import Changes
from reconciler.errors import Refused
from tests import saved as files
from tests.conftest import Result, Workbench, plan_text

PLAN = "calls/june.yaml"
KEY = "a key of the reviewers, long enough"
REQUIRED = "\npolicy: {signed_plans: required, plan_max_age: 72h}\n"


@pytest.fixture
def saved(project: Workbench) -> Path:
    project.write(PLAN, plan_text(rows=2))
    project.ok("plan", "--out", "june.plan")
    return project.root / "june.plan"


def test_every_flipped_bit_is_refused(saved: Path) -> None:
    good = saved.read_bytes()
    assert files.read_back(good).changes
    for index in range(len(good)):
        flipped = bytearray(good)
        flipped[index] ^= 1 << (0, 3, 6)[index % 3]
        shorter, longer = good[:index] + good[index + 1 :], good[:index] + b" " + good[index:]
        for wrong in (bytes(flipped), (shorter, longer)[index % 2]):
            with pytest.raises(Refused):
                files.read_back(wrong)


def test_changes_out_of_their_order_are_refused(saved: Path) -> None:
    plan = files.read_back(saved.read_bytes())
    for changes in (plan.changes[::-1], [*plan.changes, plan.changes[-1]]):
        with pytest.raises(Refused, match="out of order"):
            files.read_back(files.saved(replace(plan, changes=Changes.from_items(changes))))


def test_a_rewritten_plan_is_refused_where_plans_are_signed(project: Workbench, saved: Path, sandbox: Any) -> None:
    project.env["RECONCILER_PLAN_KEY"] = KEY
    assert project.run("apply", "june.plan").code == 5, "not signed"
    project.ok("plan", "--out", "june.plan")
    signed = saved.read_bytes()
    project.env["RECONCILER_PLAN_KEY"] = "another key of the same length as it"
    assert project.run("apply", "june.plan").code == 5
    del project.env["RECONCILER_PLAN_KEY"]
    project.write(PLAN, plan_text(rows=1))
    project.ok("plan", "--out", "june.plan")
    forged = json.loads(saved.read_text()) | {"signature": json.loads(signed)["signature"]}
    unsigned = saved.read_text().replace('"signature": null', f'"signature": "{forged["signature"]}"')
    saved.write_text(unsigned)
    project.env["RECONCILER_PLAN_KEY"] = KEY
    assert project.run("apply", "june.plan").code == 5, "the signature of another plan"
    assert not sandbox.calls()
    saved.write_bytes(signed)
    assert project.run("apply", "june.plan", "--rate", "none").code == 0
    assert len(sandbox.calls()) == 2


def require_signatures(project: Workbench) -> None:
    settings = project.root / "reconciler.yaml"
    settings.write_text(settings.read_text() + REQUIRED)


@pytest.mark.parametrize("args", [(), ("--approved",)], ids=["saved", "approved"])
def test_where_signed_plans_are_required_a_forged_one_places_nothing(
    project: Workbench, saved: Path, sandbox: Any, args: tuple[str, ...]
) -> None:
    require_signatures(project)

    def apply() -> Result:
        return project.run("apply", *args, project.reviewed("june.plan"), "--rate", "none")

    refused = apply()
    assert refused.code == 5, refused.err
    assert "requires signed plans" in refused.err
    assert "RECONCILER_PLAN_KEY is not set" in refused.err
    project.env["RECONCILER_PLAN_KEY"] = KEY
    assert apply().code == 5, "made without the key, and consistent"
    project.env["RECONCILER_PLAN_KEY"] = KEY.upper()
    project.ok("plan", "--out", "june.plan")
    project.env["RECONCILER_PLAN_KEY"] = KEY
    assert apply().code == 5, "signed with another key"
    assert not sandbox.calls()
    project.ok("plan", "--out", "june.plan")
    assert apply().code == 0
    assert len(sandbox.calls()) == 2


def test_the_settings_at_apply_decide_and_not_those_the_plan_was_made_with(
    project: Workbench, saved: Path, sandbox: Any
) -> None:
    assert json.loads(saved.read_text())["signature"] is None
    require_signatures(project)
    assert project.run("apply", "june.plan", "--rate", "none").code == 5
    assert not sandbox.calls()
    settings = project.root / "reconciler.yaml"
    settings.write_text(settings.read_text().replace("signed_plans: required", "signed_plans: optional"))
    assert project.run("apply", "june.plan", "--rate", "none").code == 0


def test_a_plan_that_nobody_could_apply_is_not_written(project: Workbench) -> None:
    project.write(PLAN, plan_text(rows=2))
    require_signatures(project)
    refused = project.run("plan", "--out", "june.plan")
    assert refused.code == 5
    assert "requires signed plans" in refused.err
    assert not (project.root / "june.plan").exists()
    project.ok("plan")


def test_a_key_that_can_be_guessed_is_refused(project: Workbench, saved: Path, sandbox: Any) -> None:
    project.env["RECONCILER_PLAN_KEY"] = KEY[:31]
    for args in (("plan", "--out", "june.plan"), ("apply", "june.plan"), ("show", "june.plan")):
        refused = project.run(*args)
        assert refused.code == 64, args
        assert "RECONCILER_PLAN_KEY has 31 characters, but needs at least 32" in refused.err
        assert "openssl rand -hex 32" in refused.err
        assert KEY[:31] not in refused.err
    project.env["RECONCILER_PLAN_KEY"] = KEY[:32]
    project.ok("plan", "--out", "june.plan")


def test_an_old_plan_is_refused(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text(rows=1))
    project.ok("plan", "--now", "2026-01-01T00:00:00Z", "--out", "june.plan")
    refused = project.run("apply", "june.plan")
    assert refused.code == 5
    assert "72" in refused.err
    config = project.root / "reconciler.yaml"
    config.write_text(config.read_text() + "\npolicy: {plan_max_age: 1000000h}\n")
    assert project.run("apply", "june.plan").code == 0
    assert len(sandbox.calls()) == 1


def test_a_plan_dated_ahead_is_refused(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text(rows=1))
    project.ok("plan", "--now", "2030-12-01T00:00:00Z", "--out", "june.plan")
    assert project.run("apply", "june.plan").code == 5
    assert not sandbox.calls()


def test_a_plan_of_a_newer_format_is_refused(project: Workbench, saved: Path) -> None:
    saved.write_text(saved.read_text().replace('"format_version": "1.0"', '"format_version": "2.0"'))
    refused = project.run("apply", "june.plan")
    assert refused.code == 5
    assert "2.0" in refused.err


def test_a_plan_with_half_a_character_is_refused(project: Workbench, saved: Path) -> None:
    saved.write_text(saved.read_text().replace('"tool_version": "', '"tool_version": "\\ud800'))
    refused = project.run("show", "june.plan")
    assert refused.code == 5
    assert "damaged" in refused.err


def test_a_plan_made_without_a_state_cannot_be_applied(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text(rows=1))
    project.ok("plan", "--no-state", "--out", "june.plan")
    assert project.run("apply", "june.plan").code == 5
    assert not sandbox.calls()
