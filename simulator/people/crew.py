"""Who goes where on which day: capacity that adds up, working days, and a few days from assignment to visit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from metering.inspection import InspectionTask
from metering.times import LocalCalendar

#: Local hours of visits, and how far apart they begin; where a day has more visits than that, crews work side by side.
FIRST_VISIT_HOUR, LAST_VISIT_HOUR = 9, 17
VISIT_EVERY_S = 1800
_SLOTS = (LAST_VISIT_HOUR - FIRST_VISIT_HOUR) * 3600 // VISIT_EVERY_S


@dataclass(frozen=True, slots=True)
class Roster:
    """When a department works. `waits_days` are working days from assignment to visit, a warned thief's `warned_days`."""

    working_days_only: bool = True
    waits_days: tuple[int, int] = (0, 3)
    warned_days: tuple[int, int] = (2, 3)


EVERY_DAY = Roster(working_days_only=False, waits_days=(0, 0))


class Crew:
    """The department's diary. Hazards are visited the day they are assigned, on any day, and may use up the next week's visits;
    the rest waits for capacity, which does not add up beyond a week."""

    def __init__(self, calendar: LocalCalendar, holidays: frozenset[date], per_day: float, roster: Roster) -> None:
        self._calendar = calendar
        self._holidays = holidays
        self._roster = roster
        self._per_week = 7 * per_day
        self._per_shift = self._per_week / 5 if roster.working_days_only else per_day
        self._capacity = 0.0
        self._booked: Counter[date] = Counter()

    def works_on(self, day: date) -> bool:
        """Whether visits other than to hazards are made that day."""
        return not self._roster.working_days_only or (day.weekday() < 5 and day not in self._holidays)

    def take(self, ranked: Sequence[InspectionTask], today: date) -> list[InspectionTask]:
        """The tasks that are assigned today, hazards first, of those `ranked`."""
        at_work = self.works_on(today)
        if at_work:
            self._capacity += self._per_shift
        borrowed = self._per_week if self._roster.working_days_only else 0.0
        taken = [t for t in ranked if t.hazard][: max(int(self._capacity + borrowed), 0)]
        if at_work:
            taken += [t for t in ranked if not t.hazard][: max(int(self._capacity) - len(taken), 0)]
        self._capacity = min(self._capacity - len(taken), max(self._per_week, 1.0))
        return taken

    def day_of_visit(
        self, task: InspectionTask, today: date, waits_days: int, *, not_before: date | None = None
    ) -> date:
        """The day on which the task can be visited: so many working days later, when the day is not full yet."""
        if task.hazard:
            return today
        day = today
        while waits_days > 0:
            day += timedelta(days=1)
            waits_days -= self.works_on(day)
        most = max(1, math.ceil(self._per_shift))
        full = self._roster.working_days_only
        while (
            not self.works_on(day)
            or (full and self._booked[day] >= most)
            or (not_before is not None and day < not_before)
        ):
            day += timedelta(days=1)
        return day

    def book(self, day: date) -> int:
        """Take the day's next slot; the time of the visit."""
        slot = self._booked[day] % _SLOTS
        self._booked[day] += 1
        return self._calendar.day_start(day) + FIRST_VISIT_HOUR * 3600 + VISIT_EVERY_S * slot
