"""Assign the columns of a sheet to the fields of a call, by their headers and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.source.import_sheet import values as looks
from reconciler.source.import_sheet.draft import cell_of
from reconciler.source.import_sheet.headers import Role, fit, is_other_date
from reconciler.source.import_sheet.sample import Column, Sample
from reconciler.source.rows.fields import schema_of
from reconciler.source.sheets.header import near_field

Test = Callable[[looks.Values], object]


class Roles:
    """The columns that are not used yet. ``fields`` are the headers that set a field by themselves."""

    def __init__(self, sample: Sample) -> None:
        self.fields = {column.name for column in sample.columns if schema_of(column.name) is not None}
        others = [column for column in sample.columns if column.name not in self.fields]
        self.free = [column for column in others if cell_of(column.name)]
        self.unusable = [column for column in others if not cell_of(column.name)]

    def take(self, role: Role, good: Test) -> Column | None:
        """Assign the column with the best matching header and fitting values, or None."""
        fitting = [column for column in self.free if fit(column.name, role) and good(column.values)]
        return self.use(max(fitting, key=lambda column: fit(column.name, role), default=None))

    def take_only(self, good: Test) -> Column | None:
        """Assign the only column with fitting values, whatever its header, or None."""
        fitting = [column for column in self.free if good(column.values) and near_field(column.name) is None]
        return self.use(fitting[0]) if len(fitting) == 1 else None

    def use(self, column: Column | None) -> Column | None:
        """Mark a column as used."""
        if column in self.free:
            self.free.remove(column)
        return column

    def phone(self) -> Column | None:
        """The column of phone numbers. Texts such as ``sin teléfono`` do not matter, if they are few."""

        def good(values: looks.Values) -> bool:
            numbers = list(filter(looks.has_digit, values))
            return len(numbers) * 2 >= len(values) and looks.are_phones(numbers)

        fitting = [column for column in self.free if fit(column.name, Role.PHONE) and good(column.values)]
        scores = sorted(fit(column.name, Role.PHONE) for column in fitting)
        if len(scores) > 1 and scores[-1] == scores[-2]:
            return None  # whose number each column has, only a person knows
        return self.take(Role.PHONE, good) or self.take_only(looks.have_country_codes)

    def dates(self) -> Iterator[Column]:
        """The columns of dates that may concern the call, the most likely first."""
        dates = [item for item in self.free if not is_other_date(item.name) and looks.are_dates(item.with_digits)]
        reasons = [item for item in dates if fit(item.name, Role.REASON_DATE)]
        for role in (Role.CALL_DATE, Role.DATE):
            yield from (item for item in dates if item not in reasons and fit(item.name, role))
        yield from reasons
        yield from (item for item in dates if not any(fit(item.name, role) for role in _DATE_ROLES))

    def clock(self) -> Column | None:
        """The column of times of day."""
        fitting = [item for item in self.free if looks.are_clocks(item.with_digits)]
        named = [item for item in fitting if fit(item.name, Role.CLOCK)]
        return next(iter(named or (fitting if len(fitting) == 1 else ())), None)


_DATE_ROLES = (Role.CALL_DATE, Role.DATE, Role.REASON_DATE)
