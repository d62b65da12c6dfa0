"""What follows a finding: the case is mended or not, comes back or not; the customer appeals, and a re-check decides."""

from __future__ import annotations

from dataclasses import dataclass

from metering.times import DAY_S, LocalCalendar
from metering.truth import TruthCase
from simulator.people.draws import Draws
from simulator.people.errors import THEFT, family_of, is_hazard

_HOUR_S = 3600
#: Local hours at which somebody comes to mend, first and last.
WORK_HOURS = (9, 16)


@dataclass(frozen=True, slots=True)
class Rectification:
    """How confirmed cases are mended. Assumptions, as in `errors`: paperwork and an appointment take up to two weeks, a hazard is
    made safe at once or within two days; one order in twelve does not end the case (wrong spare part, no access again), and
    one mended theft in ten comes back some weeks later."""

    days: tuple[float, float] = (1, 14)
    """After the finding arrived."""
    hazard_days: tuple[float, float] = (0, 2)
    """After the visit: nobody waits for a hazard's paperwork."""
    succeeds: float = 0.92
    relapses: float = 0.10
    relapse_days: tuple[float, float] = (20, 60)
    """After it was mended."""

    def mended_s(
        self, case: TruthCase, visited_at_s: int, found_at_s: int, calendar: LocalCalendar, draws: Draws
    ) -> int | None:
        """When the order is carried out, at a full hour of a working day's hours unless it is a hazard; None where it fails."""
        if not draws.happens("rectification succeeds", self.succeeds):
            return None
        if is_hazard(case.abnormality):
            return visited_at_s + _hours(draws.between("rectified", self.hazard_days))
        day = calendar.day_of(found_at_s + _hours(draws.between("rectified", self.days)))
        return max(calendar.day_start(day) + 3600 * draws.whole("hour of rectification", WORK_HOURS), found_at_s)

    def relapsed_s(self, case: TruthCase, mended_s: int, draws: Draws) -> int | None:
        """When a theft that was mended comes back; None where it does not."""
        if family_of(case.abnormality) != THEFT or not draws.happens("relapses", self.relapses):
            return None
        return mended_s + _hours(draws.between("relapsed", self.relapse_days))


ALWAYS_MENDED = Rectification(succeeds=1.0, relapses=0.0)


@dataclass(frozen=True, slots=True)
class Appeals:
    """How customers answer a confirmed finding. Assumptions: few of those who were rightly found appeal, most of those who
    were not do; a second crew re-checks and always decides rightly."""

    of_confirmed: float = 0.06
    of_confirmed_in_vain: float = 0.60
    days: tuple[float, float] = (3, 20)
    """After the finding."""
    decided_after_days: int = 3

    def appealed_s(self, found_at_s: int, *, in_vain: bool, draws: Draws) -> int | None:
        share = self.of_confirmed_in_vain if in_vain else self.of_confirmed
        if not draws.happens("appeals", share):
            return None
        return found_at_s + _hours(draws.between("appealed", self.days))

    def decided_s(self, appealed_s: int) -> int:
        return appealed_s + self.decided_after_days * DAY_S


NO_APPEALS = Appeals(of_confirmed=0.0, of_confirmed_in_vain=0.0)


def _hours(days: float) -> int:
    return int(days * 24) * _HOUR_S
