"""Read all plan files, check each of them, and then compare them with each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.domain import identity
from reconciler.domain.blinding import ClearView
from reconciler.domain.diagnostics import by_place
from reconciler.domain.masking import personal_values
from reconciler.domain.model import Diagnostic, Location, Move, Row
from reconciler.domain.people import People
from reconciler.domain.persons import PersonIndex, Persons
from reconciler.domain.plan import SkippedRows
from reconciler.domain.settings import Project
from reconciler.source.files import PlanPath, locate_plan_files, name_of, near_plan_file
from reconciler.source.report import FileReport
from reconciler.source.rows.collector import RowCollector
from reconciler.source.rows.plan_file import PlanFile, read_plan_file
from reconciler.source.rows.row import Watch
from reconciler.source.yaml.loader import Document, load
from reconciler.source.yaml.nodes import MapNode
from reconciler.system.failures import error_message, next_step


@dataclass(frozen=True, slots=True)
class Sources:
    """The content of the plan files. ``plans`` are the names of the plans, ``files`` the documents, for excerpts.
    Sheets are not stored; their paths are relative to ``root``. ``skipped`` are the rows that ``where`` skips."""

    rows: Sequence[Row]
    plans: frozenset[str]
    moves: tuple[Move, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: Mapping[str, Document]
    root: Path
    skipped: tuple[SkippedRows, ...] = ()


def load_sources(
    project: Project, paths: Sequence[Path] | None, watch: Watch | None = None, people: People | None = None
) -> Sources:
    """Read the named files and folders, or all plan files of the project. Rows are sorted by address.

    All problems of all files are reported together, sorted by location. ``watch`` is called with the trace of each
    row. ``people`` are the policy's lists; they relate contacts to their numbers.
    """
    files, problems = locate_plan_files(project, paths)
    documents: dict[str, Document] = {}
    plans: dict[str, Location] = {}
    rows = RowCollector()
    moves: list[Move] = []
    skipped: list[SkippedRows] = []
    for file in files:
        name = name_of(project, file.path)
        report = FileReport(name)
        plan = _read(file, name, project, report, documents, watch)
        if plan is not None:
            _add(plan, plans, rows, report)
            moves += plan.moves
        report.finish()
        problems += report.diagnostics
        skipped += report.filtered.values()
    people = people or People()
    problems += _duplicate_calls(rows.possible_duplicates(people), people)
    found = by_place(problems)
    return Sources(rows.rows(), frozenset(plans), tuple(moves), found, documents, project.root, tuple(skipped))


def _read(
    file: PlanPath,
    name: str,
    project: Project,
    report: FileReport,
    documents: dict[str, Document],
    watch: Watch | None,
) -> PlanFile | None:
    try:
        data = file.read()
    except OSError as error:
        near = near_plan_file(project, file.path) if isinstance(error, FileNotFoundError) else None
        report.add_problem("E113", f"cannot be read: {error_message(error)}", 1, 1, near or next_step(error))
        return None
    document = load(data, name)
    documents[name] = document
    report.diagnostics += document.diagnostics
    if not isinstance(document.root, MapNode):
        return None
    return read_plan_file(document.root, project, report, watch)


def _add(plan: PlanFile, plans: dict[str, Location], rows: RowCollector, report: FileReport) -> None:
    """Check that plan names and addresses are unique. The first file that is read keeps a name."""
    first = None if plan.name is None else plans.get(plan.name)
    if first is not None:
        message = f"duplicate plan name {plan.name!r}, already used at {first}"
        report.add_problem("E402", message, *plan.named_at, "choose another name: each plan must be in one file")
        for _ in plan.rows:  # report their errors, too
            pass
        return
    if plan.name is not None:
        plans[plan.name] = Location(report.file, *plan.named_at)
    rows.start_file()
    for read in plan.rows:
        for row, earlier in rows.add_rows(read):
            message = f"duplicate address {row.address}, first used at {earlier.source}"
            hint = "change the key: it must be unique within the plan"
            report.add_problem_at(
                "E401", message, row.source, hint, private=(*personal_values(row.call),), address=row.address
            )


def _duplicate_calls(rows: Iterable[Row], people: People) -> list[Diagnostic]:
    """Warn about rows that call one person at the same time, unless ``distinct`` is set."""
    calls: PersonIndex[Row] = PersonIndex(Persons(people, ClearView()))
    report = FileReport("")
    for row in rows:
        if not row.enabled:
            continue
        first = next(calls.matches(row.call.target, row.rings_at), None)
        calls.add(row.call.target, row, row.rings_at)
        if first is None or row.distinct:
            continue
        if (first.address.plan, first.address.key) != (row.address.plan, row.address.key):
            same = identity.digest(first.call) == identity.digest(row.call)
            message = f"{row.address} calls the same person at the same time as {first.address}"
            hint = "remove one of them" if same else "remove one of them, or set distinct: true in the second"
            private = (*personal_values(first.call), *personal_values(row.call))
            report.add_problem_at("W203", message, row.source, hint, private=private, address=row.address)
    report.finish()
    return report.diagnostics
