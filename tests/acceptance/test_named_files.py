"""Files that a project or a person names: links, devices and pipes, read and written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import KEY, Workbench, clean_environment, plan_text

PLAN = "calls/june.yaml"
ZERO = Path("/dev/zero")
SETTINGS = "reconciler.yaml"
CSV = "key,contact_id\na,c1d2e3f4-a5b6-7890-cdef-000000000001\n"


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write(PLAN, plan_text())
    return project


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is no part of the project."""
    return tmp_path_factory.mktemp("outside")


def link_to_zero(path: Path) -> None:
    path.symlink_to(ZERO)


UNFIT: dict[str, Callable[[Path], None]] = {
    "link to a device": link_to_zero,
    "named pipe": os.mkfifo,
    "folder": Path.mkdir,
    "link that leads nowhere": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path),
}


def diagnostics(bench: Workbench, *args: str) -> list[tuple[str, str | None]]:
    result = bench.run("plan", "--json", *args)
    assert result.code == 1, result
    return [(item["code"], item["file"]) for item in result.json["diagnostics"]]


@pytest.mark.parametrize("kind", UNFIT)
def test_settings_that_are_no_regular_file_are_an_error(june: Workbench, kind: str) -> None:
    (june.root / SETTINGS).rename(june.root / "kept.yaml")
    UNFIT[kind](june.root / SETTINGS)
    assert diagnostics(june) == [("E113", SETTINGS)]
    assert june.apply().code == 1


def test_settings_of_the_folder_above_do_not_stand_in_for_unreadable_ones(june: Workbench) -> None:
    below = june.root / "below"
    below.mkdir()
    (below / SETTINGS).symlink_to("nowhere")
    result = june.run("-C", "below", "plan", "--json")
    assert ("E113", SETTINGS) in [(item["code"], item["file"]) for item in result.json["diagnostics"]]
    assert not result.json["changes"]


def test_settings_stay_in_the_project(june: Workbench, outside: Path) -> None:
    settings = june.root / SETTINGS
    settings.rename(outside / SETTINGS)
    settings.symlink_to(outside / SETTINGS)
    assert diagnostics(june) == [("E113", SETTINGS)]
    settings.unlink()
    (june.root / "config").mkdir()
    (outside / SETTINGS).rename(june.root / "config/settings.yaml")
    settings.symlink_to("config/settings.yaml")
    june.ok("plan")


@pytest.mark.parametrize("named", [(), ("calls",)])
@pytest.mark.parametrize("kind", ["named pipe", "link that leads nowhere"])
def test_a_plan_file_that_cannot_be_read_is_never_passed_over(
    june: Workbench, kind: str, named: tuple[str, ...]
) -> None:
    UNFIT[kind](june.root / "calls/may.yaml")
    assert diagnostics(june, *named) == [("E113", "calls/may.yaml")]


@pytest.mark.parametrize("kind", ["named pipe", "link to a device", "link that leads nowhere"])
def test_a_plan_file_named_on_the_command_line_is_a_regular_file(june: Workbench, kind: str) -> None:
    UNFIT[kind](june.root / "may.yaml")
    assert diagnostics(june, "may.yaml") == [("E113", "may.yaml")]


def test_a_folder_of_the_project_stays_in_the_project(june: Workbench, outside: Path) -> None:
    (outside / "may.yaml").write_text(plan_text("may", first=50))
    link = june.root / "calls/may.yaml"
    link.symlink_to(outside / "may.yaml")
    assert diagnostics(june, "calls") == [("E404", "calls/may.yaml")]
    link.unlink()
    (june.root / "more").symlink_to(outside)
    assert diagnostics(june, "more") == [("E404", "more")]


def test_what_a_person_names_may_be_elsewhere(june: Workbench, outside: Path) -> None:
    (outside / "may.yaml").write_text(plan_text("may", first=50))
    (june.root / "link.yaml").symlink_to(outside / "may.yaml")
    for named in ("link.yaml", str(outside / "may.yaml"), str(outside)):
        assert {name.partition("/")[0] for name in june.actions(named)} == {"may"}, named


def test_links_within_the_project_are_followed_and_loops_end(june: Workbench) -> None:
    june.write("more/may.yaml", plan_text("may", first=50))
    (june.root / "calls/may.yaml").symlink_to("../more/may.yaml")
    (june.root / "calls/round").symlink_to(".")
    expected = {"june", "may"}
    for named in ((), ("calls",)):
        assert {name.partition("/")[0] for name in june.actions(*named)} == expected


def test_a_glob_does_not_look_behind_a_link_that_leads_out(june: Workbench, outside: Path) -> None:
    (outside / "private-name.yaml").write_text(plan_text("may"))
    (june.root / "calls/away").symlink_to(outside)
    settings = june.root / SETTINGS
    settings.write_text(settings.read_text() + '\nplans: ["calls/*/*.yaml", "calls/*.yaml"]\n')
    result = june.run("plan", "--json")
    assert [(item["code"], item["file"]) for item in result.json["diagnostics"]] == [("E404", "calls/away")]
    assert "private-name" not in result.out + result.err


def test_a_plan_file_without_end_is_not_read(june: Workbench) -> None:
    with (june.root / "calls/may.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert diagnostics(june) == [("E113", "calls/may.yaml")]


@pytest.mark.parametrize("path", ["../state.db", "/dev/null", "sub/../../state.db", "calls/.."])
def test_the_settings_name_no_state_outside_of_the_project(june: Workbench, path: str) -> None:
    settings = june.root / SETTINGS
    settings.write_text(settings.read_text().replace(".reconciler/state.db", path))
    assert [code for code, _ in diagnostics(june)] == ["E204"]
    assert june.apply().code == 1


def test_a_state_behind_a_link_is_named_by_a_person_only(june: Workbench, outside: Path) -> None:
    june.ok("plan")
    (june.root / ".reconciler").rename(outside / "kept")
    (june.root / ".reconciler").symlink_to(outside / "kept")
    assert diagnostics(june) == [("E404", SETTINGS)]
    assert june.apply().code == 1
    june.env["RECONCILER_STATE"] = str(outside / "kept/state.db")
    assert june.apply().summary["placed"] == 3


def test_no_file_is_made_behind_a_link_of_the_state_folder(june: Workbench, outside: Path) -> None:
    state = june.root / ".reconciler"
    (state / "state.db").unlink()
    (state / ".gitignore").unlink()
    (state / ".gitignore").symlink_to(outside / "made")
    settings = june.root / SETTINGS
    settings.write_text(settings.read_text().replace("lineage:", "# lineage:"))
    june.ok("state", "init")
    assert not (outside / "made").exists()


READS = {
    "saved plan": ("show", "{}"),
    "approved plan": ("apply", "--approved", "{}"),
    "snapshot": ("plan", "--state", "snapshot:{}"),
    "policy": ("plan", "--policy", "{}"),
    "key file": ("apply", "--auto-approve", "--api-key-file", "{}"),
    "decisions": ("resolve", "--from", "{}"),
    "heads": ("audit", "verify", "--head", "{}"),
    "ledger": ("audit", "verify", "--file", "{}"),
    "pushed state": ("state", "pull", "{}"),
    "state": ("plan", "--state", "{}"),
}


@pytest.mark.parametrize("kind", ["link to a device", "named pipe"])
@pytest.mark.parametrize("what", READS)
def test_what_a_person_names_to_be_read_ends(june: Workbench, what: str, kind: str) -> None:
    UNFIT[kind](june.root / "named")
    result = june.run(*(word.format("named") for word in READS[what]))
    assert result.code in {1, 5, 64}, result
    assert "error" in result.err


def test_a_key_and_a_saved_plan_may_come_from_a_pipe(june: Workbench) -> None:
    june.ok("plan", "--out", "june.plan")
    del june.env["CONTACTSHIP_API_KEY"]

    def through_pipe(data: bytes, *args: str) -> int:
        ours, theirs = os.pipe()
        writer = threading.Thread(target=lambda: (os.write(theirs, data), os.close(theirs)))
        writer.start()
        run = june.start(*(word.format(f"/dev/fd/{ours}") for word in args), pass_fds=[ours])
        _, err = run.communicate(timeout=60)
        writer.join()
        os.close(ours)
        assert "warning: other users" not in err
        return run.returncode

    assert through_pipe((june.root / "june.plan").read_bytes(), "show", "{}") == 0
    assert through_pipe(KEY.encode(), "apply", "june.plan", "--rate", "none", "--api-key-file", "{}") == 0


def test_a_key_file_that_others_may_read_is_a_warning(june: Workbench) -> None:
    del june.env["CONTACTSHIP_API_KEY"]
    file = june.write("key.txt", KEY)
    file.chmod(0o640)
    result = june.apply("--api-key-file", "key.txt")
    assert result.summary["placed"] == 3
    assert result.err.count(f"warning: other users of this machine may read {file}") == 1
    file.chmod(0o600)
    assert "warning: other" not in june.run("contacts", "pull", "c.csv", "--api-key-file", "key.txt").err


WRITES = {
    "plan --out": ("plan", "--out", "{}"),
    "plan --output": ("plan", "--format", "json", "--output", "{}"),
    "export": ("export", "--output", "{}"),
    "audit export": ("audit", "export", "{}"),
    "state export": ("state", "export", "--public", "{}"),
    "contacts pull": ("contacts", "pull", "{}.csv"),
    "resolve --export": ("resolve", "--export", "{}"),
    "state push": ("state", "push", "{}"),
    "state backup": ("state", "backup", "{}"),
    "import-sheet": ("import-sheet", "sheet.csv", "--force", "--output", "{}.yaml"),
}


@pytest.mark.parametrize("leads", ["to a file outside", "to no file outside", "to the settings", "to a device"])
@pytest.mark.parametrize("what", WRITES)
def test_no_link_of_the_project_chooses_what_is_overwritten(
    june: Workbench, outside: Path, what: str, leads: str
) -> None:
    june.write("sheet.csv", CSV)
    victim = june.root / SETTINGS if leads == "to the settings" else outside / "victim"
    if leads == "to a file outside":
        victim.write_text("kept")
    if leads == "to a device":
        victim = Path("/dev/null")
    before = victim.read_bytes() if victim.exists() else None
    args = [word.format("named") for word in WRITES[what]]
    link = june.root / args[-1]
    link.symlink_to(victim)
    result = june.run(*args)
    assert result.code == 1, result
    assert "link in the project" in result.err, result.err
    assert link.is_symlink()
    assert (victim.read_bytes() if victim.exists() else None) == before


def test_no_folder_link_of_the_project_chooses_where_a_file_is_made(june: Workbench, outside: Path) -> None:
    (june.root / "out").symlink_to(outside)
    assert "link in the project" in june.run("plan", "--out", "out/june.plan").err
    assert not list(outside.iterdir())


def test_a_link_outside_of_the_project_leads_to_the_file_that_is_replaced(june: Workbench, outside: Path) -> None:
    real, link = outside / "real.json", outside / "link.json"
    real.write_text("before")
    link.symlink_to("real.json")
    june.ok("plan", "--format", "json", "--output", str(link))
    assert link.is_symlink()
    assert real.read_bytes().startswith(b"{")
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    real.unlink()
    june.ok("plan", "--out", str(link))
    assert link.is_symlink()
    june.ok("show", str(link))


def test_a_new_file_replaces_the_old_one_whole(june: Workbench) -> None:
    target = june.write("plan.json", "before")
    june.ok("plan", "--format", "json", "--output", "plan.json")
    assert target.read_bytes().startswith(b"{")
    assert [path.name for path in june.root.iterdir() if path.name.endswith(".tmp")] == []


@pytest.mark.parametrize("what", ["plan --out", "plan --output", "export", "audit export", "state export"])
def test_a_device_stays_one(june: Workbench, what: str) -> None:
    before = Path("/dev/null").stat()
    june.ok(*(word.format("/dev/null") for word in WRITES[what]))
    after = Path("/dev/null").stat()
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_ino, after.st_rdev) == (before.st_ino, before.st_rdev)


def test_a_named_pipe_is_written_to(june: Workbench) -> None:
    os.mkfifo(june.root / "pipe")
    run = june.fork("plan", "--format", "json", "--output", "pipe")
    data = (june.root / "pipe").read_bytes()
    run.communicate(timeout=60)
    assert run.returncode == 0
    assert data.startswith(b"{")
    assert stat.S_ISFIFO((june.root / "pipe").stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_stream_that_is_a_file_goes_on_in_that_file(june: Workbench, name: str) -> None:
    june.write("log", "first\n")
    with (june.root / "log").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "reconciler", "plan", "--format", "json", "--output", name],
            cwd=june.root,
            env=clean_environment() | june.env,
            stdout=log,
            check=True,
        )
    lines = (june.root / "log").read_bytes().splitlines()
    assert lines[0] == b"first"
    assert lines[1] == b"{"


def test_init_does_not_write_behind_a_link(bench: Workbench, outside: Path) -> None:
    (bench.root / SETTINGS).symlink_to(outside / "made")
    assert bench.run("init").code == 1
    assert not (outside / "made").exists()
    assert not (bench.root / ".reconciler").exists()


def test_a_plan_file_that_is_replaced_keeps_its_mode(june: Workbench) -> None:
    target = june.write("calls/sheet.yaml", "")
    target.chmod(0o600)
    june.write("calls/sheet.csv", CSV)
    june.ok("import-sheet", "calls/sheet.csv", "--force")
    assert "sheet.csv" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
