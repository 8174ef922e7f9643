"""The guides of ``reconciler/guides``: their names, and their sections."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources

from reconciler.source.codes import CODES
from reconciler.source.schema.packaged import schema_text

CODES_GUIDE = "codes"  # a section for each code
# In the order for a new user.
GUIDES = (
    "first-calls",
    "spreadsheets",
    "plan-files",
    "formulas",
    "plans",
    "guards",
    "pull-requests",
    "outcomes",
    "problems",
    "state",
    "servers",
    "auditors",
    "privacy",
    "safety",
    "promises",
    "performance",
    "reference",
    CODES_GUIDE,
)
_FENCE = "```"


def guide_text(name: str) -> str:
    """The Markdown of one guide. ``name`` is one of ``GUIDES``."""
    return resources.files("reconciler").joinpath("guides", f"{name}.md").read_text(encoding="utf-8")


def title(name: str) -> str:
    return guide_text(name).partition("\n")[0].removeprefix("# ")


def section(words: str) -> str | None:
    """The Markdown of the section that explains ``words``; None if there is none.

    A heading that contains the words comes before a table row that begins with them, such as a setting.
    """
    guides = (
        [CODES_GUIDE] if words.upper() in code_meanings() else [name for name in GUIDES if name != CODES_GUIDE]
    )
    sections = [text for name in guides for text in _sections(guide_text(name))]
    wanted = set(words.casefold().replace("-", " ").split())
    headings = (text for text in sections if wanted <= _heading_words(text))
    rows = (text for text in sections if words.casefold() in _row_names(text))
    return next(headings, None) or next(rows, None)


def _sections(text: str) -> Iterator[str]:
    """The parts of a guide below its title, each with its heading of the second level."""
    lines: list[str] = []
    fenced = False
    for line in text.splitlines(keepends=True)[1:]:
        fenced ^= line.startswith(_FENCE)
        if line.startswith("## ") and not fenced:
            yield "".join(lines)
            lines = []
        lines.append(line)
    yield "".join(lines)


def _heading_words(text: str) -> set[str]:
    return set(re.findall(r"[\w.]+", text.partition("\n")[0].casefold()))


def _row_names(text: str) -> set[str]:
    """What the rows of the tables in ``text`` are about: the words and codes in their first two cells."""
    cells = (cell for line in text.splitlines() if line.startswith("|") for cell in line.split("|")[1:3])
    return {name.strip(" `").casefold() for cell in cells for name in cell.split(",")}


def code_meanings() -> Mapping[str, str]:
    """Every code of a problem or a guard with its meaning, sorted by code."""
    policy = json.loads(schema_text("project"))["properties"]["policy"]["properties"]
    guards = {code: str(item["description"]) for code, item in policy["guards"]["properties"].items()}
    return dict(sorted((CODES | guards).items()))
