"""Lists that are well-formed and wrong, as the sandbox plays them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reconciler.sandbox import SandboxConfig, running
from reconciler.sandbox.faults import ON_LISTS, FaultRule
from tests.conftest import foreign

CALLS = 12


@pytest.fixture
def service() -> Iterator[Any]:
    with running(SandboxConfig(port=0, echo_metadata=True, seed=1)) as handle:
        for number in range(CALLS):
            foreign(handle, number, created_at="2026-06-01T12:00:00Z", metadata={"n": str(number)})
        yield handle


def get(service: Any, offset: int = 0, limit: int = 5) -> dict[str, Any]:
    query: dict[str, Any] = {"limit": limit, "offset": offset, "order": "asc"}
    listed = httpx.get(f"{service.url}/v1/calls", params=query, headers={"x-api-key": "any"}, verify=False)
    assert listed.status_code == 200
    page: dict[str, Any] = listed.json()
    return page


def ids(page: dict[str, Any]) -> list[str]:
    return [call["id"] for call in page["data"]]


def test_pages_that_are_cut(service: Any) -> None:
    whole = ids(get(service, limit=CALLS))
    service.set_faults("get:empty-page")
    assert (ids(get(service)), ids(get(service, 5)), get(service, 5)["count"]) == (whole[:5], [], CALLS)
    service.set_faults("get:short-page")
    assert ids(get(service, 5)) == whole[5:9]
    service.set_faults("get:same-page")
    assert ids(get(service, 5)) == whole[:5]
    service.set_faults("get:endless")
    assert (ids(get(service, 10)), get(service, 24)["count"] > 24) == ([*whole[10:], *whole[:3]], True)


def test_lists_that_do_not_stand_still(service: Any) -> None:
    whole = ids(get(service, limit=CALLS))
    service.set_faults("get:other-order")
    first, second = ids(get(service, limit=CALLS)), ids(get(service, limit=CALLS))
    assert (set(first), set(second)) == (set(whole), set(whole))
    assert first != second
    service.set_faults("get:hidden-call")
    hidden = [set(whole) - set(ids(get(service, limit=CALLS))) for _ in range(2)]
    assert [len(some) for some in hidden] == [1, 1]
    assert hidden[0] != hidden[1]
    service.set_faults("get:wrong-count")
    assert {get(service)["count"] for _ in range(2)} == {CALLS // 2, 2 * CALLS}


def test_metadata_that_does_not_come_back(service: Any) -> None:
    shown = {rule: _shown(service, rule) for rule in ("get:empty-metadata", "get:some-metadata")}
    assert shown["get:empty-metadata"] == 0
    assert 0 < shown["get:some-metadata"] < CALLS
    service.set_faults()
    assert sum(bool(call["metadata"]) for call in get(service, limit=CALLS)["data"]) == CALLS


def _shown(service: Any, rule: str) -> int:
    service.set_faults(rule)
    listed = get(service, limit=CALLS)["data"]
    for call in listed[:2]:
        url = f"{service.url}/v1/calls/{call['id']}"
        alone = httpx.get(url, headers={"x-api-key": "any"}, verify=False).json()
        assert alone["metadata"] == call["metadata"]
    return sum(bool(call["metadata"]) for call in listed)


@pytest.mark.parametrize("fault", sorted(ON_LISTS))
def test_they_are_faults_of_gets(fault: str) -> None:
    assert FaultRule.parse(f"get:{fault}#2").on_get
    with pytest.raises(ValueError, match=f"get:{fault}"):
        FaultRule.parse(fault)
