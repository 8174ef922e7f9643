"""``plan --base``: what a branch introduces, read from git's objects, on real repositories."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.source.schema.packaged import schema_text
from tests.conftest import AGENT, NUMBER, Workbench, plan_text

PLAN = "calls/june.yaml"
NOW = ("--now", "2031-01-01T00:00:00Z")
SETTINGS = """version: 1
agents:
  collections: {agent}
numbers:
  mx: {{e164: "{number}"}}
policy:
  webhook_hosts: [{hosts}]
"""


class Repository(Workbench):
    """A project in a git repository; ``top`` is the repository's folder."""

    top: Path

    def git(self, *args: str, **options: Any) -> str:
        identity = [
            "-c",
            "user.name=Tester",
            "-c",
            "user.email=tester@example.com",
            "-c",
            "init.defaultBranch=main",
        ]
        done = subprocess.run(
            ["git", *identity, *args],
            cwd=options.pop("cwd", self.top),
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=True,
            **options,
        )
        return done.stdout.strip()

    def commit(self, message: str = "x") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def based(self, *args: str, base: str = "main") -> Any:
        """The plan without a state, against a base."""
        result = self.run("plan", "--json", "--no-state", "--base", base, *NOW, *args)
        assert result.code in {0, 1, 5}, result.err
        assert "/reconciler-" not in result.out + result.err
        return result.json

    def introduced(self, *args: str, base: str = "main") -> dict[str, bool]:
        return {item["address"]: item["introduced"] for item in self.based(*args, base=base)["changes"]}


def repository(root: Path, folder: str = ".") -> Repository:
    bench = Repository(root / folder)
    bench.root.mkdir(parents=True, exist_ok=True)
    bench.top = root
    bench.env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "TMPDIR": str(root / ".tmp")}
    (root / ".tmp").mkdir()
    (root / ".gitignore").write_text(".tmp\n.reconciler\n*.json\n")
    bench.git("init", "-q")
    return bench


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """Main holds three rows; a branch is checked out."""
    bench = repository(tmp_path)
    bench.write("reconciler.yaml", "version: 1\n")
    bench.write(PLAN, plan_text())
    bench.commit("main")
    bench.git("switch", "-qc", "feature")
    return bench


def test_what_a_branch_brings(repo: Repository) -> None:
    assert set(repo.introduced().values()) == {False}
    text = plan_text(rows=4).replace("14001", "99").replace("key: inv-2\n", "key: inv-2\n    enabled: false\n")
    repo.write(PLAN, text)
    assert repo.introduced() == {"june/inv-1": True, "june/inv-2": True, "june/inv-3": False, "june/inv-4": True}
    commit = repo.git("rev-parse", "main")
    plan = repo.based("--reveal")
    Draft202012Validator(json.loads(schema_text("plan"))).validate(plan)
    assert plan["base"] == {"ref": "main", "commit": commit, "settings": []}
    assert {item["address"]: item["diff"] for item in plan["changes"] if item["action"] == "create"} == {
        "june/inv-1": [
            {"field": "additional_data.amount_debt", "before": "14001", "after": "99", "hidden": False}
        ],
        "june/inv-3": [],
        "june/inv-4": [],
    }
    assert repo.based("--reveal") == plan
    assert not list((repo.top / ".tmp").iterdir())


@pytest.mark.parametrize("line", ["distinct: true", "place_by: 2031-06-30T00:00:00Z", "enabled: false"])
def test_all_that_matters_of_a_row_is_compared(repo: Repository, line: str) -> None:
    repo.write(PLAN, plan_text().replace("key: inv-2\n", f"key: inv-2\n    {line}\n"))
    assert repo.introduced() == {"june/inv-1": False, "june/inv-2": True, "june/inv-3": False}
    [change] = [item for item in repo.based()["changes"] if item["introduced"]]
    told = [] if change["action"] == "held" else [line.partition(":")[0]]
    assert [cell["field"] for cell in change["diff"]] == told


def test_the_text_tells_settings_first_and_what_is_introduced_apart(repo: Repository) -> None:
    repo.write(PLAN, plan_text(rows=5))
    repo.write("reconciler.yaml", "version: 1\nplans: [calls/*.yaml, more/*.yaml]\n")
    out = repo.ok("plan", "--no-state", "--base", "main").out
    assert out.startswith(
        "1 setting changed in reconciler.yaml\n      plans: (none) → [calls/*.yaml, more/*.yaml]\n"
    )
    assert out.index("2 to place, introduced here") < out.index("june/inv-4") < out.index("june/inv-5")
    assert out.index("june/inv-5") < out.index("3 to place, already on main") < out.index("june/inv-1")
    assert "Plan: 5 to place." in out
    assert "introduced" not in repo.ok("plan", "--no-state").out


def test_a_changed_alias_introduces_the_rows_that_use_it(repo: Repository) -> None:
    repo.git("switch", "-q", "main")
    repo.write("reconciler.yaml", SETTINGS.format(agent=AGENT, number="+525512345678", hosts="a.example.com"))
    repo.write(PLAN, plan_text(rows=1).replace(AGENT, "collections"))
    repo.write("calls/other.yaml", plan_text("other", rows=1, first=2))
    repo.commit()
    repo.git("switch", "-qC", "feature")
    other = AGENT.replace("a1", "b2")
    hosts = "a.example.com, b.example.com"
    repo.write("reconciler.yaml", SETTINGS.format(agent=other, number="+525587654321", hosts=hosts))
    assert repo.introduced() == {"june/inv-1": True, "other/inv-2": False}
    cells = {item["field"]: (item["before"], item["after"]) for item in repo.based()["base"]["settings"]}
    assert cells == {
        "agents.collections": (AGENT, other),
        "numbers.mx.e164": ("+***78", "+***21"),
        "policy.webhook_hosts": ("[a.example.com]", "[a.example.com, b.example.com]"),
    }
    assert list(cells) == sorted(cells)
    shown = repo.based("--reveal")["base"]["settings"]
    assert "+525512345678" in [item["before"] for item in shown]


def test_the_base_is_where_the_branch_left(repo: Repository) -> None:
    left = repo.git("rev-parse", "main")
    repo.write(PLAN, plan_text(rows=4))
    repo.commit()
    repo.git("switch", "-q", "main")
    repo.write("calls/later.yaml", plan_text("later", rows=1, first=9))
    repo.commit()
    repo.git("switch", "-q", "feature")
    assert repo.based()["base"]["commit"] == left
    for base in (left, left[:10], "main", "refs/heads/main", "HEAD~1"):
        assert [name for name, is_new in repo.introduced(base=base).items() if is_new] == ["june/inv-4"]


def test_a_clone_without_history_compares_with_the_ref_itself(repo: Repository, tmp_path: Path) -> None:
    repo.write(PLAN, plan_text(rows=4))
    repo.commit()
    clone = Repository(tmp_path / "clone")
    clone.top, clone.env = clone.root, repo.env
    repo.git("clone", "-q", "--depth", "1", "--branch", "feature", f"file://{tmp_path}", str(clone.root))
    unknown = clone.run("plan", "--no-state", "--base", "main")
    assert unknown.code == 1
    assert "no commit 'main' in this clone" in unknown.err
    assert "git fetch origin main" in unknown.err
    clone.git("fetch", "-q", "--depth", "1", "origin", "+main:refs/remotes/origin/main")
    assert "did you mean origin/main?" in clone.run("plan", "--no-state", "--base", "main").err
    assert [name for name, is_new in clone.introduced(base="origin/main").items() if is_new] == ["june/inv-4"]


def test_a_partial_clone_is_not_completed_over_the_network(repo: Repository, tmp_path: Path) -> None:
    repo.write(PLAN, plan_text(rows=4))
    repo.commit()
    repo.git("config", "uploadpack.allowFilter", "true")
    clone = Repository(tmp_path / "clone")
    clone.top, clone.env = clone.root, repo.env
    filtered = ("--filter=blob:none", "--branch", "feature", f"file://{tmp_path}", str(clone.root))
    repo.git("clone", "-q", *filtered)
    result = clone.run("plan", "--no-state", "--base", "origin/main")
    assert result.code == 1
    assert "the object of 'calls/june.yaml' of commit" in result.err
    assert "is not in this clone\nhint: clone without --filter" in result.err
    clone.ok("plan", "--no-state")


@pytest.mark.parametrize(
    "ref", ["nope", "-x", "--help", "--output=x", "", "main..feature", "main:calls", "a b", "é"]
)
def test_an_unknown_ref_is_an_error(repo: Repository, ref: str) -> None:
    result = repo.run("plan", "--no-state", f"--base={ref}")
    assert (result.code, result.out) == (1, "")
    assert "--base: no commit" in result.err
    assert "hint: " in result.err


def test_a_ref_that_is_no_text_is_told_as_far_as_it_is(repo: Repository) -> None:
    ref = os.fsdecode(b"caf\xff")
    repo.git("update-ref", f"refs/heads/{ref}", "HEAD")
    assert repo.based(base=ref)["base"]["ref"] == "caf\ufffd"


def test_outside_git_there_is_no_base(bench: Workbench) -> None:
    bench.write(PLAN, plan_text())
    result = bench.run("plan", "--no-state", "--base", "main")
    assert result.code == 1
    assert "not a git repository" in result.err


def test_a_project_in_a_folder_from_a_folder_with_paths_and_in_another_work_tree(tmp_path: Path) -> None:
    repo = repository(tmp_path, "teams/a b")
    repo.write("reconciler.yaml", "version: 1\n")
    repo.write(PLAN, plan_text())
    repo.write("calls/july.yaml", plan_text("july", rows=2, first=5))
    repo.commit()
    repo.git("switch", "-qc", "feature")
    repo.write(PLAN, plan_text(rows=4))
    repo.write("calls/new.yaml", plan_text("new", rows=1, first=8))
    june = {"june/inv-1": False, "june/inv-2": False, "june/inv-3": False, "june/inv-4": True}
    july = {"july/inv-5": False, "july/inv-6": False}
    new = {"new/inv-8": True}
    assert repo.introduced() == july | june | new
    assert repo.introduced(PLAN) == june
    assert repo.introduced("calls/july.yaml", "calls/new.yaml") == july | new
    inside = repo.run("-C", "calls", "plan", "--json", "--no-state", "--base", "main", "june.yaml", *NOW).json
    assert {item["address"]: item["introduced"] for item in inside["changes"]} == june
    repo.commit()
    other = Repository(tmp_path / ".tmp" / "tree" / "teams" / "a b")
    other.top, other.env = tmp_path / ".tmp" / "tree", repo.env | {"TMPDIR": "/tmp"}
    repo.git("worktree", "add", "-q", "--detach", str(other.top))
    assert other.introduced() == july | june | new


def test_a_base_without_the_project_has_no_rows(repo: Repository) -> None:
    repo.git("switch", "-q", "--orphan", "empty")
    first = repo.commit()
    repo.git("checkout", "-q", "feature")
    plan = repo.based(base="empty")
    assert plan["base"]["commit"] == first
    assert {item["introduced"] for item in plan["changes"]} == {True}
    assert plan["diagnostics"] == []
    assert [cell["field"] for cell in plan["base"]["settings"]] == ["version"]


def test_errors_of_the_base_are_one_warning(repo: Repository) -> None:
    repo.git("switch", "-q", "main")
    repo.write(PLAN, plan_text().replace("14002}", "14002}\n    nonsense: 1"))
    repo.write("calls/broken.yaml", "calls: [")
    repo.commit()
    repo.git("switch", "-qC", "feature")
    (repo.root / "calls/broken.yaml").unlink()
    repo.write(PLAN, plan_text())
    result = repo.run("plan", "--json", "--no-state", "--base", "main")
    assert result.code == 0
    [warning] = result.json["diagnostics"]
    assert (warning["severity"], warning["code"], warning["file"]) == ("warning", "W601", None)
    assert "2 problems" in warning["message"]
    assert repo.introduced() == {"june/inv-1": False, "june/inv-2": True, "june/inv-3": False}


def test_broken_settings_of_the_base_fail_nothing(repo: Repository) -> None:
    repo.git("switch", "-q", "main")
    repo.write("reconciler.yaml", "version: [\n")
    repo.commit()
    repo.git("switch", "-qC", "feature")
    repo.write("reconciler.yaml", "version: 1\n")
    plan = repo.based()
    assert [item["code"] for item in plan["diagnostics"]] == ["W601"]
    assert set(repo.introduced().values()) == {False}


def test_links_and_names_that_lead_elsewhere_are_never_followed(repo: Repository, tmp_path: Path) -> None:
    """A tree as nobody's git would write it, made object by object."""
    outside = tmp_path / ".tmp" / "outside.yaml"
    outside.write_text(plan_text("secret"))
    blob = repo.git("hash-object", "-w", str(outside))
    link = repo.git("hash-object", "-w", "--stdin", input=str(outside))
    good = repo.git("hash-object", "-w", PLAN)

    def tree(*entries: tuple[str, str, str]) -> str:
        raw = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for mode, name, oid in entries)
        path = tmp_path / ".tmp" / "raw"
        path.write_bytes(raw)
        return repo.git("hash-object", "-w", "-t", "tree", "--literally", str(path))

    calls = tree(
        ("100644", "../../escaped.yaml", blob),
        ("120000", "link.yaml", link),
        ("100644", "june.yaml", good),
        ("100644", "june.yaml", blob),
        ("160000", "module.yaml", repo.git("rev-parse", "HEAD")),
    )
    root = tree(
        ("40000", "..", tree(("100644", "up.yaml", blob))),
        ("40000", ".GIT", tree(("100644", "config.yaml", blob))),
        ("100644", "/absolute.yaml", blob),
        ("40000", "calls", calls),
    )
    evil = repo.git("commit-tree", "-m", "evil", root)
    before = {path for path in tmp_path.rglob("*") if ".git" not in path.parts}
    plan = repo.based(base=evil)
    assert {path for path in tmp_path.rglob("*") if ".git" not in path.parts} == before
    assert not Path("/absolute.yaml").exists()
    assert {item["address"]: item["introduced"] for item in plan["changes"]} == dict.fromkeys(
        ["june/inv-1", "june/inv-2", "june/inv-3"], False
    )
    assert [item["code"] for item in plan["diagnostics"]] == ["W601"]


def test_a_repository_starts_no_program_and_replaces_no_object(repo: Repository, tmp_path: Path) -> None:
    marker = tmp_path / ".tmp" / "started"
    repo.write(".gitattributes", "*.yaml filter=evil diff=evil\n")
    repo.commit()
    for key in ("core.fsmonitor", "core.pager", "diff.evil.textconv", "diff.external", "core.sshCommand"):
        repo.git("config", key, f"touch {marker}; false")
    evil = repo.git("hash-object", "-w", "--stdin", input=plan_text(rows=9))
    real = repo.git("rev-parse", f"main:{PLAN}")
    repo.git("replace", real, evil)
    repo.write(PLAN, plan_text(rows=4))
    assert repo.introduced()["june/inv-4"] is True
    assert not marker.exists()


def test_the_work_tree_and_the_index_stay_as_they_are(repo: Repository) -> None:
    repo.write(PLAN, plan_text(rows=4))
    index = (repo.top / ".git/index").read_bytes()
    before = sorted(path for path in repo.top.rglob("*"))
    assert repo.introduced()["june/inv-4"] is True
    assert (repo.top / ".git/index").read_bytes() == index
    assert sorted(path for path in repo.top.rglob("*")) == before


@pytest.fixture
def placed(repo: Repository, sandbox: Any) -> Repository:
    """The first two rows of main are placed; a snapshot of that lies beside them."""
    repo.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": "canary-key-8c1f0a"}
    repo.ok("state", "init")
    repo.write(PLAN, plan_text(rows=2))
    repo.apply()
    repo.write(PLAN, plan_text())
    repo.ok("state", "export", "--public", "snapshot.json")
    return repo


def changes(repo: Repository, *args: str) -> dict[str, Any]:
    plan = repo.plan("--state", "snapshot:snapshot.json", "--base", "main", "--reveal", *NOW, *args)
    return {item["address"]: item for item in plan["changes"]}


def test_old_values_come_from_the_base_where_its_row_is_the_one_placed(placed: Repository) -> None:
    placed.write(PLAN, plan_text(rows=3).replace("14001", "99"))
    change = changes(placed)["june/inv-1"]
    cell = {"field": "additional_data.amount_debt", "before": "14001", "after": "99", "hidden": False}
    assert (change["action"], change["introduced"], change["diff"]) == ("changed", True, [cell])
    # Main edited it after it was placed: what main says is not what will ring.
    placed.git("switch", "-q", "-c", "edited", "main")
    placed.write(PLAN, plan_text(rows=3).replace("14001", "50"))
    placed.commit()
    placed.git("branch", "-qf", "main")
    placed.write(PLAN, plan_text(rows=3).replace("14001", "99"))
    change = changes(placed)["june/inv-1"]
    assert change["diff"] == [cell | {"before": "(not in the snapshot)", "hidden": True}]
    placed.write(PLAN, plan_text(rows=3).replace("14001", "50"))
    assert changes(placed)["june/inv-1"]["introduced"] is False


def test_what_a_branch_deletes_is_introduced(placed: Repository) -> None:
    placed.write(PLAN, plan_text(rows=1, first=2))
    found = changes(placed)
    assert (found["june/inv-1"]["action"], found["june/inv-1"]["introduced"]) == ("removed", True)
    assert (found["june/inv-2"]["action"], found["june/inv-2"]["introduced"]) == ("unchanged", False)
    placed.commit()
    placed.git("branch", "-qf", "main")
    assert changes(placed)["june/inv-1"]["introduced"] is False


def test_a_placed_row_under_another_name_tells_its_old_values(placed: Repository) -> None:
    moved = "moved: [{from: june/inv-1, to: june/inv-7}]\n"
    text = plan_text(rows=3, extra=moved).replace("key: inv-1\n", "key: inv-7\n").replace("14001", "99")
    placed.write(PLAN, text)
    change = changes(placed)["june/inv-7"]
    assert (change["action"], change["introduced"]) == ("changed", True)
    assert change["diff"][0]["before"] == "14001"


def test_numbers_in_settings_and_callers_are_masked(repo: Repository) -> None:
    assert NUMBER in (repo.root / PLAN).read_text()
    phone = 'to_number: "+525512345678"\n    full_name: Jane\n    from: "+525511112222"'
    repo.write(PLAN, plan_text(rows=1).replace("contact_id: c1d2e3f4-a5b6-7890-cdef-000000000001", phone))
    [change] = repo.based()["changes"]
    cells = {cell["field"]: (cell["before"], cell["after"]) for cell in change["diff"]}
    assert cells["from"] == (NUMBER, "+***22")
    assert cells["to_number"] == (None, "+***78")
