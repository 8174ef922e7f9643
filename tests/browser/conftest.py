"""A Chromium of the system's, without a network; where there is none, these tests are skipped and say why."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: the dev extra has it"
    )
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A page that was opened, and all that it did: errors, refusals, dialogs, and what it asked to be loaded."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """Open a page's text; ``options`` are those of a context. What it did is checked afterwards."""
    visits: list[Visit] = []

    def open_page(html: str, fragment: str = "", **options: Any) -> Visit:
        path = tmp_path / f"page-{len(visits)}.html"
        path.write_text(html, encoding="utf-8")
        options = {"viewport": {"width": 1280, "height": 900}, "timezone_id": "Europe/Madrid"} | options
        page = browser.new_context(**options).new_page()
        made = Visit(page)
        page.on("console", lambda message: made.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: made.said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: made.said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: made.asked.append(request.url))
        page.goto(path.as_uri() + fragment)
        visits.append(made)
        return made

    yield open_page
    for made in visits:
        assert made.said == []
        assert len(made.asked) == 1
        made.page.context.close()
