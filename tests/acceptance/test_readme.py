"""The README: its commands run as printed, in order, and its transcript is what is printed."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.commands import parse
from tests.conftest import KEY, Workbench
from tests.offices import CLINIC
from tests.terminal import converse

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ANSWERS = {
    "Which AI agent": [""],
    "Which number": [""],
    "In which country": ["MX"],
    "In which time zone": [""],
    "When should each call ring?": ["1 workday before Fecha de cita at 10:00"],
    "Skip them?": [""],
}


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def commands(text: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("reconciler ")]


@pytest.fixture
def home(bench: Workbench, sandbox: Any) -> Workbench:
    """A new folder, and a workbook among the person's downloads."""
    bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
    downloads = bench.root / "home" / "Downloads"
    downloads.mkdir(parents=True)
    CLINIC.write(downloads / "agenda.xlsx", tidy=True)
    folder = bench.root / "project"
    folder.mkdir()
    return Workbench(folder, bench.env | {"HOME": str(bench.root / "home")})


def test_a_spreadsheet_becomes_placed_calls_with_the_commands_as_printed(home: Workbench, sandbox: Any) -> None:
    lines = commands(section("From your spreadsheet to placed calls"))
    assert [line.split()[1] for line in lines] == ["init", "import-sheet", "plan", "apply"]
    for line in lines:
        parse(line)
        args = [word.replace("~", home.env["HOME"]) for word in shlex.split(line)[1:]]
        asked = {"import-sheet": ANSWERS | {"is hidden": [""]}, "apply": {"Only 'yes' is accepted": ["yes"]}}
        code, screen = converse(home, args, asked.get(args[0], {}))
        assert code == 0, screen
    assert len(sandbox.calls()) > 0
    settings = home.root / "reconciler.yaml"
    block = re.search(r"^```yaml\n(policy:.*?)^```$", section("Set your calling hours"), re.MULTILINE | re.DOTALL)
    assert block is not None
    live = settings.read_text(encoding="utf-8")
    settings.write_text(live[: live.index("policy:")] + block[1] + live[live.index("# Names for agent ids") :])
    home.ok("plan")


def test_the_transcript_is_what_is_printed(home: Workbench) -> None:
    transcript = re.search(r"^```console\n(.*?)^```$", section("What it looks like"), re.MULTILINE | re.DOTALL)
    assert transcript is not None
    file, *rest = re.split(r"^\$ ", transcript[1].removeprefix("$ "), flags=re.MULTILINE)
    command, _, text = file.partition("\n")
    assert command == "cat calls/renewals.yaml"
    home.create_project()
    written = re.search(r"at: (\d{4}-\d\d-\d\d)", text)
    assert written is not None
    soon = datetime.now(UTC) + timedelta(days=7)
    home.write("calls/renewals.yaml", text.rstrip().replace(written[1], f"{soon:%Y-%m-%d}") + "\n")
    settings = home.root / "reconciler.yaml"
    settings.write_text(settings.read_text() + home.ok("agents", "list").out + home.ok("numbers", "list").out)
    for step in rest:
        command, _, expected = step.partition("\n")
        printed = home.on_terminal(*shlex.split(command)[1:]).replace("\r\n", "\n")
        for part in expected.strip().split("...\n"):
            assert timeless(part.strip()) in timeless(printed), f"$ {command}\n{printed}"


def timeless(text: str) -> str:
    """The text without its days."""
    text = re.sub(r"\bin \d+ (days|h)\b", "in N days", text)
    text = re.sub(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{1,2} [A-Z][a-z]{2}\b", "DAY", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    return re.sub(r" +", " ", re.sub(r"\d{4}-\d\d-\d\d", "DATE", text))
