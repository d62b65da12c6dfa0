"""The time that is judged: after the warm-up, to the end of the feed; and what a finding closes for its own meter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from evaluation.run_rows import RaisedAlert, Visit
from metering.archive import Archive
from metering.errors import MeterwatchError
from metering.times import DAY_S, LocalCalendar
from metering.truth import TruthCase

WARM_UP_DAYS = 28
LEAST_JUDGED_DAYS = 7


@dataclass(frozen=True, slots=True)
class Span:
    """Event time that is judged, epoch seconds; `first_day_s` is where the feed begins. Bounds are local midnights."""

    first_day_s: int
    start_s: int
    end_s: int
    calendar: LocalCalendar

    @property
    def weeks(self) -> float:
        return max(self.end_s - self.start_s, DAY_S) / (7 * DAY_S)

    @property
    def warm_up_days(self) -> int:
        return self.day(self.start_s) - self.day(self.first_day_s)

    def day(self, epoch_s: int) -> int:
        return self.calendar.day_of(epoch_s).toordinal()

    def holds(self, epoch_s: int) -> bool:
        return self.start_s <= epoch_s < self.end_s


def span_of(
    archive: Archive,
    score_days: NDArray[np.int64],
    alerts: Sequence[RaisedAlert],
    truth: Sequence[TruthCase],
    *,
    first_day: date | None = None,
    warm_up_days: int = WARM_UP_DAYS,
) -> Span:
    """From the feed's first day (else the first that was scored) plus the warm-up, to the last day that was scored.

    A feed shorter than the warm-up and a week is judged from a third of its days on. A run without scores is taken to
    reach as far as its alerts and its truth do. Raises `MeterwatchError` where nothing says what time the run is about.
    """
    calendar = archive.calendar
    days = [date.fromordinal(int(d)) for d in (score_days.min(), score_days.max())] if len(score_days) else []
    if not days:
        moments = [a.raised_s for a in alerts] + [c.start_s for c in truth]
        days = [calendar.day_of(s) for s in moments]
    if not days and first_day is None:
        raise MeterwatchError(
            "there is nothing to evaluate: the feed has no readings, the run judged no day, and the truth names no case"
        )
    first = min(days) if first_day is None else first_day
    last = max([first, *days])
    length = (last - first).days + 1
    if length < warm_up_days + LEAST_JUDGED_DAYS:
        warm_up_days = length // 3
    start = first + timedelta(days=warm_up_days)
    return Span(calendar.day_start(first), calendar.day_start(start), calendar.day_end(last), calendar)


def first_findings(visits: Iterable[Visit]) -> Mapping[str, int]:
    """When each meter was first found to be anything: what the run says of that meter from then on it was taught."""
    first: dict[str, int] = {}
    for visit in visits:
        first[visit.meter_id] = min(visit.found_s, first.get(visit.meter_id, visit.found_s))
    return first
