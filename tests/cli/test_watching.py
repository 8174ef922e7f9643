"""The page of ``plan --watch``: who may read it, and when it is loaded again."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from reconciler.cli.watching import LivePage, serving


@pytest.fixture
def live() -> Iterator[LivePage]:
    with serving() as page:
        page.publish(b"<p>first</p>")
        yield page


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, verify=False)  # reads no certificates


def test_the_page_is_the_latest(live: LivePage) -> None:
    assert get(f"{live.url}plan").content == b"<p>first</p>"
    live.publish(b"<p>second</p>")
    answer = get(f"{live.url}plan?1")
    assert answer.content == b"<p>second</p>"
    assert answer.headers["cache-control"] == "no-store"
    assert 'new EventSource("changes?2")' in get(live.url).text


def test_only_who_knows_the_address_reads_it(live: LivePage) -> None:
    start = live.url.rsplit("/", 2)[0]
    for path in ("/", "/plan", "/changes", "/wrong/plan"):
        assert get(f"{start}{path}").status_code == 404, path
    assert get(f"{live.url}other").status_code == 404
    assert get(f"{live.url}plan", Host="evil.example").status_code == 404
    assert live.url.startswith("http://127.0.0.1:")


def test_a_browser_is_told_of_each_new_page(live: LivePage) -> None:
    with httpx.stream("GET", f"{live.url}changes?1", verify=False, timeout=10) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = answer.iter_lines()
        live.publish(b"<p>second</p>")
        assert next(lines) == "data: new"


def test_a_browser_that_missed_one_is_told_at_once(live: LivePage) -> None:
    live.publish(b"<p>second</p>")
    with httpx.stream("GET", f"{live.url}changes?1", verify=False, timeout=10) as answer:
        assert next(answer.iter_lines()) == "data: new"
