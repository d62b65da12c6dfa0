"""What the visits of a run found: hits per inspection, week by week, and how many of all cases they brought to light."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.answers import CaseKey
from evaluation.detection import share
from evaluation.run_rows import Visit
from evaluation.span import Span
from metering.times import DAY_S
from metering.truth import TruthCase

WEEK_S = 7 * DAY_S
AFTER_END = 10**9


@dataclass(frozen=True, slots=True)
class WeekOfVisits:
    """Week 1 begins where the judged span does; a visit counts in the week its finding came. `found_so_far` counts the
    cases that any visit found until then, also one during the warm-up."""

    week: int
    visits: int
    hits: int
    found_so_far: int

    @property
    def hits_per_inspection(self) -> float | None:
        return share(self.hits, self.visits)


@dataclass(frozen=True, slots=True)
class Inspections:
    """`cases` are all cases of the truth that last into the span; visits `in_warm_up` and `after_end` belong to no week."""

    weeks: tuple[WeekOfVisits, ...]
    cases: int
    in_warm_up: int
    after_end: int

    @property
    def visits(self) -> int:
        return sum(week.visits for week in self.weeks)

    @property
    def hits(self) -> int:
        return sum(week.hits for week in self.weeks)

    @property
    def found(self) -> int:
        return self.weeks[-1].found_so_far if self.weeks else 0

    @property
    def hits_per_inspection(self) -> float | None:
        return share(self.hits, self.visits)

    @property
    def share_of_cases_found(self) -> float | None:
        return share(self.found, self.cases)

    def share_after(self, week: WeekOfVisits) -> float | None:
        return share(week.found_so_far, self.cases)


def count_inspections(visits: Sequence[Visit], truth: Sequence[TruthCase], span: Span) -> Inspections | None:
    """None where a run had no inspections. A hit is a finding that confirmed something, by the inspector's own word.

    A visit finds the case of its meter that began last before the finding; one that was found before counts once.
    """
    if not visits:
        return None
    judged = [c for c in truth if c.start_s < span.end_s and (c.end_s is None or c.end_s > span.start_s)]
    by_week: dict[int, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_week[(visit.found_s - span.start_s) // WEEK_S if visit.found_s < span.end_s else AFTER_END].append(visit)
    early = [v for v in visits if v.found_s < span.start_s]
    found = _found(early, judged)
    weeks = []
    for week in range(-((span.start_s - span.end_s) // WEEK_S)):
        of_week = by_week.get(week, [])
        found |= _found(of_week, judged)
        weeks.append(WeekOfVisits(week + 1, len(of_week), sum(v.confirmed for v in of_week), len(found)))
    return Inspections(tuple(weeks), len(judged), len(early), len(by_week.get(AFTER_END, [])))


def _found(visits: Sequence[Visit], cases: Sequence[TruthCase]) -> set[CaseKey]:
    found = set()
    for visit in visits:
        begun = [c for c in cases if c.meter_id == visit.meter_id and c.start_s <= visit.found_s]
        if visit.confirmed and begun:
            case = max(begun, key=lambda c: c.start_s)
            found.add((case.meter_id, case.abnormality, case.start_s))
    return found
