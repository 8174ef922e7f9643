"""Evidence of consent: what counts as one, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.domain.policy import Consent, Policy
from reconciler.planning.guards.consent import check
from tests.planning.guards import NOW, at, keys, scene, wanted

RINGS = at("2031-06-02 10:00")  # 16:00 in UTC; NOW is 2031-06-01 00:00 UTC


def objections(text: str | None, max_age: int | None = 365, field: str = "metadata.consent_at") -> list[str]:
    kind, _, name = field.partition(".")
    cells = {} if text is None else {kind: {name: text}}
    policy = Policy(consent=Consent(field, None if max_age is None else timedelta(days=max_age)))
    return [item.message for item in check([wanted("a", RINGS, **cells)], scene(policy))]


@pytest.mark.parametrize(
    "text",
    [
        "2031-05-01",
        " 2031-05-01 ",
        "2031-05-01 10:00",
        "2031-05-01T10:00:00Z",
        "2031-05-01T10:00:00-06:00",
        "2030-06-02",  # 365 days before the day on which it rings
        "2030-06-02T16:00:00Z",  # to the second
        "2031-06-01T00:00:00Z",  # this moment
        "2031-06-01",  # today in UTC, and in the east since long
    ],
)
def test_consent_that_holds(text: str) -> None:
    assert objections(text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no evidence of consent: the row has no metadata.consent_at"),
        ("", "no evidence of consent: the row has no metadata.consent_at"),
        ("yes", "metadata.consent_at is neither a date"),
        ("2031-02-30", "metadata.consent_at is neither a date"),
        ("01/05/2031", "metadata.consent_at is neither a date"),
        ("2031-05-01T10:00:00", None),
        ("2031-06-02", "metadata.consent_at is in the future"),
        ("2031-06-01T00:00:01Z", "metadata.consent_at is in the future"),
        ("2030-06-01", "consent will be 366 d old when the call rings; consent.max_age allows 365 d"),
        ("2030-06-02T15:59:59Z", "consent will be 365 d 1 s old when the call rings; consent.max_age allows"),
    ],
)
def test_consent_that_does_not(text: str | None, message: str | None) -> None:
    found = objections(text)
    assert (found == []) if message is None else found[0].startswith(message)


def test_without_a_limit_consent_does_not_grow_old() -> None:
    assert objections("1999-01-01", max_age=None) == []


def test_a_value_given_to_the_agent_is_never_quoted() -> None:
    (message,) = objections("secret", field="additional_data.consent")
    assert message.startswith("additional_data.consent is neither a date")
    assert "secret" not in message


def test_without_a_policy_nobody_is_asked() -> None:
    assert keys(check([wanted("a", NOW)], scene(Policy()))) == []
