"""A plan file whose rows grow."""

from __future__ import annotations

import random
from pathlib import Path

from tests.conftest import AGENT, NUMBER, contact

_HEAD = ("version: 1", "plan: june", "defaults:", f"  agent: {AGENT}", f"  from: {NUMBER}", "calls:")


class PlanRows:
    """The rows of one plan file, each to a person of its own unless it is shared."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lines = list(_HEAD)
        self.people: list[str] = []

    @property
    def addresses(self) -> list[str]:
        return [f"june/k{number}" for number in range(len(self.people))]

    def add(self, count: int, draw: random.Random, *, shared: bool = True) -> None:
        """Add rows. If they may be ``shared``, a fifth of them are to a person who has another row."""
        for _ in range(count):
            number = len(self.people)
            other = shared and number > 0 and draw.random() < 0.2
            person = draw.choice(self.people) if other else contact(number)
            self.people.append(person)
            self._lines += [f"  - key: k{number}", f"    contact_id: {person}"]
            if draw.random() < 0.7:
                hour, minute = divmod(number, 60)
                self._lines.append(f"    schedule: {{at: 2031-06-01 {10 + hour}:{minute:02d}, timezone: UTC}}")
            else:
                self._lines += ["    delay_minutes: 0", "    place_by: 2031-06-01T00:00:00Z", "    distinct: true"]
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text("\n".join([*self._lines, ""]))
