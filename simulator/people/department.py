"""A simulated inspection department: it visits open tasks, reports what it finds, has it mended, and answers appeals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from metering.archive import Archive, Meter
from metering.identity import identity
from metering.inspection import InspectionTask, TaskState
from metering.messages import ArrivedFrame, Finding
from metering.times import DAY_S, IntervalGrid, iso
from simulator.people.cases import CaseBook, Interruption, KnownCase, LivedWorld
from simulator.people.crew import FIRST_VISIT_HOUR, Crew
from simulator.people.draws import Draws
from simulator.people.errors import THEFT, family_of, siblings
from simulator.people.practice import Practice
from simulator.people.site import PHASES, SiteReading
from simulator.people.visit import SiteVisit

#: What the machine claims of a task: a catalogue code, or None. A crew that errs confirms what it was sent for.
ClaimOf = Callable[[InspectionTask], str | None]
FOUND_BY, RECHECKED_BY = "simulated inspector", "simulated re-check"


@dataclass(frozen=True, slots=True)
class _Underway:
    """A finding on its way: of a visit, or of the re-check that upheld an appeal against it."""

    found_at_s: int
    finding_id: str
    visit: SiteVisit
    upholds: bool = False

    @property
    def finding(self) -> Finding:
        visit = self.visit
        if self.upholds:
            note = f"appeal upheld against the finding of {iso(visit.found_at_s)}: the re-check found nothing"
            confirmed, abnormality, by = False, None, RECHECKED_BY
        else:
            note, confirmed, abnormality, by = visit.note, visit.confirmed, visit.abnormality, FOUND_BY
        return Finding(
            self.finding_id,
            visit.transformer_area,
            visit.meter_id,
            self.found_at_s,
            confirmed,
            abnormality,
            by,
            note,
        )


class InspectionDepartment:
    """Works down the open tasks day by day; what was not reached today comes first tomorrow only if it ranks first.

    A visit is settled when it is assigned, for everything that decides it is known by then: so what is mended later, and a thief
    who lies low before, can be told to a feed that is simulated two days ahead (`lived`). Without one, readings do not answer:
    nothing is mended. Findings arrive `finding_delay_s` after the visit.
    """

    def __init__(
        self,
        archive: Archive,
        cases: Iterable[KnownCase],
        *,
        per_day: float,
        finding_delay_s: int,
        practice: Practice,
        lived: LivedWorld | None = None,
        seed: int = 1,
    ) -> None:
        self._at_point: dict[tuple[str, str], list[Meter]] = {}
        for meter in archive.meters:
            self._at_point.setdefault((meter.transformer_area, meter.service_point), []).append(meter)
        self._calendar = archive.calendar
        self._grid = IntervalGrid(archive.calendar, archive.interval_minutes)
        self._practice = practice
        self.visits_per_week = round(7 * per_day, 6)
        self._crew = Crew(archive.calendar, archive.holidays, per_day, practice.roster)
        self._book = CaseBook(cases, lived)
        self._lived = lived
        self._delay_s = finding_delay_s
        self._seed = seed
        self._assigned: set[str] = set()
        self._mended_s: dict[KnownCase, int] = {}
        self._underway: list[_Underway] = []
        self._unread: list[SiteVisit] = []
        self._looked_for: dict[tuple[str, int], list[SiteVisit]] = {}
        self.visits: list[SiteVisit] = []
        """All visits assigned so far, in the order of assignment; the last ones may lie ahead."""

    @property
    def interruptions(self) -> Sequence[Interruption]:
        """What the department's work changed of the cases."""
        return self._book.interruptions

    def work(self, open_tasks: Sequence[InspectionTask], day_close_s: int, claim_of: ClaimOf) -> None:
        """Assign visits for the tasks as they stand at a day's close."""
        today = self._calendar.day_of(day_close_s)
        ranked = sorted(
            (t for t in open_tasks if t.task_id not in self._assigned and t.state is TaskState.OPEN),
            key=lambda t: (not t.hazard, -t.risk, t.opened_at_s, t.priority, t.task_id),
        )
        for task in self._crew.take(ranked, today):
            self._assigned.add(task.task_id)
            self._assign(task, today, claim_of)

    def saw(self, frame: ArrivedFrame) -> None:
        """Readings as they arrive: what the meters show at the time of a visit, where nothing else can be looked at."""
        for visit in self._looked_for.get((frame.transformer_area, frame.interval_start_s), ()):
            if visit.meter_id in frame.meter_ids:
                visit.reading = _shown(frame, frame.meter_ids.index(visit.meter_id))

    def due(self, clock_s: int) -> list[Finding]:
        """The findings that arrive by `clock_s` and were not given out yet, by time, then id."""
        if self._lived is not None:
            for visit in [v for v in self._unread if v.visited_at_s <= clock_s]:
                visit.reading = self._lived.site(visit.meter_id, visit.visited_at_s)
            self._unread = [v for v in self._unread if v.visited_at_s > clock_s]
        arrived = [u for u in self._underway if u.found_at_s <= clock_s]
        if not arrived:
            return []
        self._underway = [u for u in self._underway if u.found_at_s > clock_s]
        return [u.finding for u in sorted(arrived, key=lambda u: (u.found_at_s, u.finding_id))]

    # --- one visit

    def _assign(self, task: InspectionTask, today: date, claim_of: ClaimOf) -> None:
        draws = Draws(self._seed, task.task_id)
        waits_days = draws.whole("days until the visit", self._practice.roster.waits_days)
        day = self._crew.day_of_visit(task, today, waits_days)
        meter = self._meter_of(task, self._calendar.day_start(day))
        day = self._unless_warned(task, meter, today, day, draws)
        visited_at_s = self._crew.book(day)
        visit = SiteVisit(
            task.task_id, meter.meter_id, task.transformer_area, visited_at_s, visited_at_s + self._delay_s
        )
        self._look(visit, draws, lambda: claim_of(task))
        self.visits.append(visit)
        if self._lived is not None:
            self._unread.append(visit)
        else:
            key = visit.transformer_area, self._grid.floor(visited_at_s)
            self._looked_for.setdefault(key, []).append(visit)
        self._send(visit, visit.found_at_s)
        if visit.confirmed:
            self._mend(visit, draws)
            self._hear(visit, draws)

    def _unless_warned(self, task: InspectionTask, meter: Meter, today: date, day: date, draws: Draws) -> date:
        """The day of the visit; a warned thief has a later one, and lies low from the midnight before."""
        errors, roster = self._practice.errors, self._practice.roster
        case = self._book.present(meter.meter_id, self._calendar.day_start(day) + 3600 * FIRST_VISIT_HOUR)
        if case is None or task.hazard or family_of(case.truth.abnormality) != THEFT:
            return day
        if not draws.happens("stops before the visit", errors.stopped_before):
            return day
        open_from = None if self._lived is None else self._first_open_day(self._lived)
        waits_days = draws.whole("days until the warned visit", roster.warned_days)
        day = self._crew.day_of_visit(task, today, waits_days, not_before=open_from)
        from_s = self._calendar.day_start(day)
        until_s = from_s + DAY_S * draws.whole("days of lying low", errors.lies_low_days)
        self._book.interrupt(Interruption(case.truth, from_s, until_s, "lies_low"))
        return day

    def _first_open_day(self, lived: LivedWorld) -> date:
        """The first local day of which nothing is simulated yet."""
        return self._calendar.day_of(lived.open_from_s + DAY_S - 1)

    def _look(self, visit: SiteVisit, draws: Draws, claim: Callable[[], str | None]) -> None:
        """What the crew sees, and what it writes down."""
        errors = self._practice.errors
        visit.case = self._book.present(visit.meter_id, visit.visited_at_s)
        if visit.case is None:
            visit.case = self._book.in_archive(visit.meter_id, visit.visited_at_s, claim())
        if visit.case is None:
            visit.case = self._book.lying_low(visit.meter_id, visit.visited_at_s)
            visit.stopped_before = visit.case is not None
            if draws.happens("confirmed in vain", errors.confirmed_in_vain):
                visit.abnormality = claim()
                visit.confirmed = visit.abnormality is not None
            return
        truth = visit.case.truth
        if draws.happens("overlooked", errors.of_overlooking(truth, hidden=visit.case.hidden)):
            return
        visit.confirmed, visit.abnormality = True, truth.abnormality
        others = siblings(truth.abnormality)
        if others and draws.happens("wrong kind", errors.wrong_kind):
            visit.abnormality = others[draws.whole("which kind", (0, len(others) - 1))]

    def _mend(self, visit: SiteVisit, draws: Draws) -> None:
        """Order the rectification, unless an earlier order is still to be carried out."""
        case, practice = visit.case, self._practice.rectification
        if case is not None and self._mended_s.get(case, 0) > visit.visited_at_s:
            return
        visit.rectification_ordered = True
        if case is None or case.only_in_archive or visit.in_vain or self._lived is None:
            return
        mended_s = practice.mended_s(case.truth, visit.visited_at_s, visit.found_at_s, self._calendar, draws)
        if mended_s is None:
            return
        mended_s = max(mended_s, self._lived.open_from_s)
        end_s = case.truth.end_s
        if end_s is not None and end_s <= mended_s:
            return  # it was over by then
        relapsed_s = practice.relapsed_s(case.truth, mended_s, draws)
        if relapsed_s is not None and end_s is not None and end_s <= relapsed_s:
            relapsed_s = None
        self._mended_s[case] = mended_s
        visit.rectified_at_s, visit.relapsed_at_s = mended_s, relapsed_s
        self._book.interrupt(Interruption(case.truth, mended_s, relapsed_s, "rectified"))

    def _hear(self, visit: SiteVisit, draws: Draws) -> None:
        """The customer's appeal, if there is one, and the finding of the re-check that upholds it."""
        appeals = self._practice.appeals
        visit.appealed_at_s = appeals.appealed_s(visit.found_at_s, in_vain=visit.in_vain, draws=draws)
        if visit.appealed_at_s is None:
            return
        visit.appeal_decided_at_s = appeals.decided_s(visit.appealed_at_s)
        if visit.in_vain:
            self._send(visit, visit.appeal_decided_at_s, upholds=True)

    def _send(self, visit: SiteVisit, found_at_s: int, *, upholds: bool = False) -> None:
        finding_id = identity("finding", visit.meter_id, found_at_s)
        self._underway.append(_Underway(found_at_s, finding_id, visit, upholds))

    def _meter_of(self, task: InspectionTask, at_s: int) -> Meter:
        """The meter in service at the task's service point, else the last one there."""
        there = self._at_point.get((task.transformer_area, task.service_point))
        if there is None:
            raise LookupError(
                f"task {task.task_id} names service point {task.service_point} of area {task.transformer_area}, which the "
                "archive does not know"
            )
        return next((m for m in there if m.valid_at(at_s)), there[-1])


def _shown(frame: ArrivedFrame, row: int) -> SiteReading:
    """What a meter shows of itself, on the phase of the largest current."""
    current_a = {p: _value(frame, f"current_{p}_a", row) for p in PHASES}
    currents = {p: abs(v) for p, v in current_a.items() if v is not None}
    if currents:
        phase = max(currents, key=lambda p: currents[p])
        return SiteReading(
            phase, meter_current_a=currents[phase], meter_voltage_v=_value(frame, f"voltage_{phase}_v", row)
        )
    single = _value(frame, "current_a", row)
    return SiteReading(
        meter_current_a=None if single is None else abs(single), meter_voltage_v=_value(frame, "voltage_v", row)
    )


def _value(frame: ArrivedFrame, column: str, row: int) -> float | None:
    values = frame.columns.get(column)
    value = float("nan") if values is None else float(values[row])
    return None if value != value else value
