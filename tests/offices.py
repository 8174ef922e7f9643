"""Workbooks as an office keeps them: a clinic's in Spanish, a school's in Portuguese, a landlord's in English."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

import xlsxwriter

Cell = str | float | date | time | None


@dataclass(frozen=True)
class Office:
    """One workbook, how its calls are asked for, and the calls that it should make (key, number, name, time)."""

    name: str
    sheet: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    below: Sequence[Sequence[Cell]]
    hidden: Sequence[int]
    zone: str
    when: str
    sender: str
    calls: Sequence[tuple[str, str, str, str]]
    data: dict[str, str]
    skipped: str

    def write(self, path: Path, *, tidy: bool = False) -> Path:
        """Write it, with an empty second sheet as Excel makes it. ``tidy``: no date or time is a text."""
        book = xlsxwriter.Workbook(path)
        sheet = book.add_worksheet(self.sheet)
        book.add_worksheet("Sheet2")
        formats = {kind: book.add_format({"num_format": code}) for kind, code in _FORMATS}
        sheet.merge_range(0, 0, 0, len(self.header) - 1, self.title, book.add_format({"bold": True}))
        sheet.write_row(2, 0, self.header)
        for line, cells in enumerate((*self.rows, *self.below), start=3):
            for column, value in enumerate(map(self._tidied, cells) if tidy else cells):
                if isinstance(value, date):
                    sheet.write_datetime(line, column, datetime(value.year, value.month, value.day), formats[date])
                elif isinstance(value, time):
                    sheet.write_datetime(line, column, value, formats[time])
                elif value is not None:
                    sheet.write(line, column, value)
        for number in self.hidden:
            sheet.set_row(number - 1, None, None, {"hidden": True})
        book.close()
        return path

    def _tidied(self, value: Cell) -> Cell:
        """A date or a time that is written as text as what it is, and a number without old prefixes."""
        if not isinstance(value, str):
            return value
        for form in ("%m/%d/%Y" if self.zone == "America/Los_Angeles" else "%d/%m/%Y", "%I:%M %p"):
            try:
                moment = datetime.strptime(value, form)  # noqa: DTZ007 - a wall time
            except ValueError:
                continue
            return moment.time() if "%p" in form else moment.date()
        return value.removeprefix("044 ")


_FORMATS = ((date, "dd/mm/yyyy"), (time, "h:mm"))

CLINIC = Office(
    name="Agenda diciembre",
    sheet="Agenda",
    title="Clínica Dental del Sur: agenda",
    header=["Folio", "Paciente", "Teléfono", "Fecha de cita", "Hora", "Doctora", "Saldo"],
    rows=[
        ["C-101", "Ana Pérez", "55 5000 0111", date(2031, 6, 16), "9:30 am", "Ruiz", "$1,250.00"],
        ["C-102", "Luis Gil", "044 55 5000 0112", "17/06/2031", "10:00 am", "Solís", "$0.00"],
        ["C-103", "Rosa Díaz", "sin teléfono", "18/06/2031", "11:30 am", "Ruiz", "$300.00"],
        ["C-104", "Eva Luna", "(55) 5000-0114", date(2031, 6, 19), "4:15 pm", "Solís", "$90.50"],
        ["C-105", "Juan Mora", "55 5000 0115", "20/06/2031", "12:00 pm", "Ruiz", "$75.00"],
        ["C-106", "Iván Paz", "55 5000 0116", "23/06/2031", "1:00 pm", "Ruiz", "$75.00"],
        ["C-107", "Olga Rey", "n/a", date(2031, 6, 24), "1:30 pm", "Ruiz", "$10.00"],
    ],
    below=[[], ["TOTAL", None, None, None, None, None, "$1,800.50"]],
    hidden=[9],
    zone="America/Mexico_City",
    when="1 workday before Fecha de cita at Hora",
    sender="+525512345678",
    calls=[
        ("C-101/2031-06-16", "+525550000111", "Ana Pérez", "2031-06-13 09:30:00"),
        ("C-102/2031-06-17", "+525550000112", "Luis Gil", "2031-06-16 10:00:00"),
        ("C-104/2031-06-19", "+525550000114", "Eva Luna", "2031-06-18 16:15:00"),
        ("C-105/2031-06-20", "+525550000115", "Juan Mora", "2031-06-19 12:00:00"),
    ],
    data={"doctora": "Ruiz", "saldo": "1250.00"},
    skipped="3 rows are skipped: rows 6 and 10 (no phone); row 12 (TOTAL)",
)
SCHOOL = Office(
    name="Mensalidades",
    sheet="Junho",
    title="Colégio Aurora - mensalidades em aberto",
    header=["Matrícula", "Responsável", "Celular", "Vencimento", "Valor"],
    rows=[
        [2031001, "João Souza", "(11) 96123-4561", "16/06/2031", "R$ 1.250,00"],
        [2031002, "Maria Lima", "11 96123-4562", date(2031, 6, 17), "R$ 980,50"],
        [2031003, "Rui Costa", "-", "18/06/2031", "R$ 1.250,00"],
        [2031004, "Inês Alves", "+55 11 96123-4564", "18/06/2031", "R$ 640,00"],
        [2031005, "Davi Reis", "11961234565", None, "R$ 640,00"],
    ],
    below=[["Total geral", None, None, None, "R$ 4.760,50"]],
    hidden=[],
    zone="America/Sao_Paulo",
    when="3 workdays before Vencimento at 10:00",
    sender="+551130001000",
    calls=[
        ("2031001/2031-06-16", "+5511961234561", "João Souza", "2031-06-11 10:00:00"),
        ("2031002/2031-06-17", "+5511961234562", "Maria Lima", "2031-06-12 10:00:00"),
        ("2031004/2031-06-18", "+5511961234564", "Inês Alves", "2031-06-13 10:00:00"),
    ],
    data={"valor": "1250.00"},
    skipped="3 rows are skipped: row 6 (no phone); row 9 (Total geral); row 8 (no date)",
)
RENT = Office(
    name="Rent roll",
    sheet="Rent",
    title="Maple Court Apartments",
    header=["Lease no.", "Tenant", "Mobile", "Call on", "Call time", "Balance", "Notes"],
    rows=[
        ["L 9/1", "Jane Smith", "(415) 555-2671", date(2031, 6, 16), time(9, 30), "$1,800.00", "late twice"],
        ["L 9/2", "Omar Khan", "415-555-2672", "06/17/2031", "4:30 PM", "$950.00", None],
        ["L 9/3", "Mia Wong", "n/a", date(2031, 6, 18), time(10, 0), "$20.00", None],
        ["L 9/4", "Al Reed", "+1 415 555 2674", date(2031, 6, 18), None, "$40.00", None],
    ],
    below=[["Total", None, None, None, None, "$2,810.00"], ["Printed 06/01/2031"]],
    hidden=[],
    zone="America/Los_Angeles",
    when="on Call on at Call time",
    sender="+12125550100",
    calls=[
        ("l-9-1/2031-06-16", "+14155552671", "Jane Smith", "2031-06-16 09:30:00"),
        ("l-9-2/2031-06-17", "+14155552672", "Omar Khan", "2031-06-17 16:30:00"),
    ],
    data={"balance": "1800.00", "notes": "late twice"},
    skipped="4 rows are skipped: rows 6 and 9 (no phone); row 8 (Total); row 7 (no time)",
)
OFFICES = (CLINIC, SCHOOL, RENT)
