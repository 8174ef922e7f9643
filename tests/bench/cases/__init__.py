"""What can be measured, by the name that ``--only`` takes. Each case gives lines of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.bench.cases import applying, exports, forms, formulas, sheets, starting, yaml
from tests.bench.lines import Line, Setup

TABLE: dict[str, Callable[[Setup], Iterator[Line]]] = {
    "yaml": yaml.measure,
    "csv": sheets.measure,
    "apply": applying.measure,
    "limit": applying.measure_limited,
    "start": starting.measure,
}
"""The cases that the goals are about."""

MORE: dict[str, Callable[[Setup], Iterator[Line]]] = {
    "forms": forms.measure,
    "formulas": formulas.measure,
    "exports": exports.measure,
    "placed": sheets.measure_placed,
}
"""What is measured only where it is named."""
