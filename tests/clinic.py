"""A clinic whose list of visits is exported once a week, and what its calls must be."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from tests.conftest import AGENT, NUMBER, Workbench, contact

PLAN = f"""\
version: 1
plan: visits
defaults:
  agent: {AGENT}
  from: {NUMBER}
  schedule: {{timezone: UTC}}
sheets:
  - file: export.csv
    columns:
      key: '="p-" + row.Patient + "/" + row.day'
      day: '=date(row.Visit, "DD/MM/YYYY")'
      contact_id: '=row.Contact'
      schedule.at: '=at(row.day, row.Hour)'
"""
WEEKS = 12
START = date(2031, 6, 2)  # a Monday
_AHEAD = timedelta(weeks=2)


@dataclass(frozen=True, order=True)
class Visit:
    patient: int
    at: datetime

    @property
    def call(self) -> tuple[str, str]:
        """Contact and wall time of its call."""
        return contact(self.patient), f"{self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def cells(self) -> dict[str, str]:
        """Its row of an export."""
        return {
            "Patient": f"{self.patient:05d}",
            "Contact": contact(self.patient),
            "Visit": f"{self.at:%d/%m/%Y}",
            "Hour": f"{self.at:%H:%M}",
        }


class Clinic:
    """Exports, and by plain sets which of their calls are due: ``placed`` and ``missed`` grow with each."""

    def __init__(self, patients: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._visits = [visit for patient in range(patients) for visit in self._course(patient)]
        self.placed: set[Visit] = set()
        self.missed: set[Visit] = set()

    def _course(self, patient: int) -> list[Visit]:
        """Visits every week or two, on one weekday and at one time, from one week to another."""
        first, every = self._random.choice([0, 0, 0, 0, 3, 7]), self._random.choice([1, 1, 2])
        last = self._random.choice([WEEKS + 2, WEEKS + 2, 5, 8])
        hour, weekday = time(self._random.randrange(8, 19), self._random.choice([0, 15, 30, 45])), patient % 5
        days = (START + timedelta(weeks=week, days=weekday) for week in range(first, last, every))
        return [Visit(patient, datetime.combine(day, hour)) for day in days]

    def export(self, week: int) -> tuple[datetime, str, set[Visit], set[Visit]]:
        """When this export is taken, its text, and the calls that are then to be placed and those just missed.

        It holds the week before and the two weeks ahead, in no order and with some of the rows forgotten; next
        week's may hold those again.
        """
        now = datetime.combine(START + timedelta(weeks=week, days=1), time(12))
        near = [item for item in self._visits if now - timedelta(weeks=1) < item.at < now + _AHEAD]
        rows = [item for item in near if self._random.random() > 0.15]
        new = set(rows) - self.placed - self.missed
        create = {item for item in new if item.at > now}
        self.placed |= create
        self.missed |= new - create
        return now.replace(tzinfo=UTC), self._text(rows), create, new - create

    def _text(self, rows: list[Visit]) -> str:
        columns = ["Patient", "Contact", "Visit", "Hour"]
        self._random.shuffle(columns)
        self._random.shuffle(rows)
        text = io.StringIO()
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(item.cells for item in rows)
        return text.getvalue()


def run_week(bench: Workbench, clinic: Clinic, week: int) -> None:
    """Apply one export, every fourth as a saved plan, and insist on what it places."""
    now, text, create, missed = clinic.export(week)
    bench.write("calls/export.csv", text)
    target = ["week.plan"] if week % 4 == 3 else []
    if target:
        planned = bench.run("plan", "--out", *target, "--now", now.isoformat(), "--format", "json")
        assert planned.json["summary"]["create"] == len(create)
    applied = bench.apply(*target, "--now", now.isoformat())
    assert applied.code == (3 if missed or applied.summary["to_stop_new"] else 0), applied.err
    assert (applied.summary["placed"], applied.summary["changed"]) == (len(create), 0)
