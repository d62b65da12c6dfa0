"""A department with tasks made by hand: meters M0, M1 ... of one area, days from a Monday without a holiday on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from metering.archive import Archive, Meter
from metering.inspection import InspectionTask, TaskState
from metering.messages import Finding
from metering.times import DAY_S
from metering.truth import TruthCase
from simulator.people.cases import Interruption, KnownCase
from simulator.people.department import ClaimOf, InspectionDepartment
from simulator.people.practice import PRACTICES, Practice
from simulator.people.site import SiteReading

#: Monday, 12 January 2026.
MONDAY = date(2026, 1, 12)
WEEK = 7 * DAY_S


def archive(meters: int, holidays: Iterable[date] = ()) -> Archive:
    rows = [Meter("S1", "SP-S", "grid", "A1", "supply")]
    rows += [Meter(f"M{i}", f"SP-{i}", f"C{i}", "A1", "customer") for i in range(meters)]
    return Archive("visited", 15, "UTC", tuple(rows), holidays=frozenset(holidays))


def close_s(day: date) -> int:
    """Where the day before `day` closes: the department plans `day`."""
    return archive(1).calendar.day_start(day) + 6 * 3600


def task(number: int, *, risk: float = 0.5, hazard: bool = False, opened: date = MONDAY) -> InspectionTask:
    return InspectionTask(
        task_id=f"t-{number}",
        alert_ids=(f"a-{number}",),
        service_point=f"SP-{number}",
        transformer_area="A1",
        state=TaskState.OPEN,
        grade="medium",
        risk=risk,
        priority=number + 1,
        opened_at_s=close_s(opened),
        due_at_s=close_s(opened) + DAY_S,
        hazard=hazard,
    )


def case(
    number: int, abnormality: str = "bypass", *, hidden: bool = False, seals_broken: bool | None = None
) -> KnownCase:
    """A case at meter M<number> that began before all visits and lasts."""
    return KnownCase(TruthCase(f"M{number}", abnormality, close_s(MONDAY) - 30 * DAY_S, None), hidden, seals_broken)


@dataclass
class SomeWorld:
    """A feed that is lived through: simulated two days ahead of the last planned day."""

    open_from_s: int = 0
    interruptions: list[Interruption] = field(default_factory=list)
    reading: SiteReading = field(default_factory=lambda: SiteReading("", 9.0, 3.0, 228.0, 228.0, -66.7))

    def interrupt(self, interruption: Interruption) -> None:
        assert interruption.from_s >= self.open_from_s, "simulated already"
        self.interruptions.append(interruption)

    def site(self, meter_id: str, at_s: int) -> SiteReading | None:
        return self.reading


def claim(task: InspectionTask) -> str | None:
    return "tariff_misuse"


class Weeks:
    """Lets a department work day by day: every task is open until its finding comes, or until the end."""

    def __init__(
        self,
        cases: Sequence[KnownCase],
        *,
        meters: int,
        per_week: float = 20,
        practice: Practice = PRACTICES["human"],
        lived: SomeWorld | None = None,
        holidays: Iterable[date] = (),
        finding_delay_s: int = WEEK,
        seed: int = 1,
        claim_of: ClaimOf = claim,
    ) -> None:
        self._claim_of = claim_of
        self.lived = lived
        self.archive = archive(meters, holidays)
        self.department = InspectionDepartment(
            self.archive,
            cases,
            per_day=per_week / 7,
            finding_delay_s=finding_delay_s,
            practice=practice,
            lived=lived,
            seed=seed,
        )
        self.findings: list[Finding] = []

    def work(self, tasks: Sequence[InspectionTask], days: int, first: date = MONDAY) -> None:
        for number in range(days):
            day = first + timedelta(days=number)
            if self.lived is not None:
                self.lived.open_from_s = self.archive.calendar.day_start(day + timedelta(days=2))
            found = {f.meter_id for f in self.findings}
            open_now = [t for t in tasks if f"M{t.service_point[3:]}" not in found]
            self.department.work(open_now, close_s(day), self._claim_of)
            self.findings += self.department.due(close_s(day + timedelta(days=1)))
