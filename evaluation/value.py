"""Value found, in kWh: what cases drew unregistered before they were detected, and what would have been lost after."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from evaluation.answers import Answers, CaseKey
from evaluation.detection import CaseOutcome, Detection, share
from evaluation.span import Span


@dataclass(frozen=True, slots=True)
class CaseEnergy:
    """Energy of one case, kWh: drawn and not registered until the end of the day of its detection (`before`), and from
    then to the end of the feed (`after`). A missed case has all of it in `after`. Negative: the meter runs too fast."""

    before_kwh: float
    after_kwh: float

    @property
    def total_kwh(self) -> float:
        return self.before_kwh + self.after_kwh


@dataclass(frozen=True, slots=True)
class Value:
    """Totals over the judged cases, kWh.

    `recoverable_kwh` (before detection) and `preventable_kwh` (after it, if mended at once) belong to detected cases;
    `missed_kwh` to the others. What meters registered too much is apart: it is owed to customers. Without an
    `unmetered.csv` only `estimated_kwh` is known: the run's own estimate, the largest of each detected case's alerts.
    """

    by_case: Mapping[CaseKey, CaseEnergy] = field(default_factory=dict)
    recoverable_kwh: float | None = None
    preventable_kwh: float | None = None
    missed_kwh: float | None = None
    overmetered_found_kwh: float | None = None
    overmetered_missed_kwh: float | None = None
    estimated_kwh: float | None = None

    @property
    def unmetered_kwh(self) -> float | None:
        if self.recoverable_kwh is None or self.preventable_kwh is None or self.missed_kwh is None:
            return None
        return self.recoverable_kwh + self.preventable_kwh + self.missed_kwh

    @property
    def share_found(self) -> float | None:
        """Share of all unmetered energy that belongs to detected cases."""
        total = self.unmetered_kwh
        return None if total is None or self.missed_kwh is None else share(total - self.missed_kwh, total)

    def of(self, outcome: CaseOutcome) -> CaseEnergy | None:
        case = outcome.case
        return self.by_case.get((case.meter_id, case.abnormality, case.start_s))


def value_found(detection: Detection, answers: Answers, span: Span) -> Value:
    """Energy by `unmetered.csv`, else the run's own estimate."""
    estimated = math.fsum(_estimate(o) for o in detection.outcomes)
    if answers.unmetered_kwh is None:
        return Value(estimated_kwh=round(estimated, 3))
    by_case, sums = {}, dict.fromkeys(("before", "after", "missed", "fast_found", "fast_missed"), 0.0)
    for outcome in detection.outcomes:
        case = outcome.case
        energy = _energy(outcome, answers.unmetered_kwh.get(case.meter_id, {}), span)
        by_case[case.meter_id, case.abnormality, case.start_s] = energy
        if energy.total_kwh < 0:
            sums["fast_found" if outcome.detected else "fast_missed"] -= energy.total_kwh
        elif outcome.detected:
            sums["before"] += energy.before_kwh
            sums["after"] += energy.after_kwh
        else:
            sums["missed"] += energy.total_kwh
    total = {name: round(kwh, 3) for name, kwh in sums.items()}
    return Value(
        by_case,
        recoverable_kwh=total["before"],
        preventable_kwh=total["after"],
        missed_kwh=total["missed"],
        overmetered_found_kwh=total["fast_found"],
        overmetered_missed_kwh=total["fast_missed"],
        estimated_kwh=round(estimated, 3),
    )


def _energy(outcome: CaseOutcome, of_days: Mapping[int, float], span: Span) -> CaseEnergy:
    case = outcome.case
    first = span.day(case.start_s)
    last = span.day(case.end_s - 1) if case.end_s is not None else max(of_days, default=first)
    kwh = {day: value for day, value in of_days.items() if first <= day <= last}
    if outcome.detected_s is None:
        return CaseEnergy(0.0, math.fsum(kwh.values()))
    detected = span.day(outcome.detected_s)
    before = math.fsum(value for day, value in kwh.items() if day <= detected)
    return CaseEnergy(before, math.fsum(kwh.values()) - before)


def _estimate(outcome: CaseOutcome) -> float:
    known = [a.missing_kwh for a in outcome.hits if math.isfinite(a.missing_kwh)]
    return max(known, default=0.0)
