"""Frequent outage: a weak line or a breaker that trips leaves an area without power again and again.

From the onset an outage every 1.5 to 5 days in the mean (hard: 3.8 to 5), Beta(2, 1.5) between them, at any hour: gaps
are exponential and at most a week, outages 5 to 180 minutes (uniform squared: most are short), unplanned. The first one
is the onset. All of them stand in the outage records, and the terminal at the transformer reports each. One in four ends
by itself, after four to six weeks. Truth names the supply meter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from metering.archive import Outage
from metering.times import DAY_S
from simulator.scenarios.case import Case, Chance, Place

MOST_GAP_DAYS = 7.0


@dataclass(frozen=True)
class FrequentOutage(Case):
    every_days: float
    outage_spans_s: tuple[tuple[int, int], ...]

    scenario = "frequent_outage"
    abnormality = "frequent_outage"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        every_days, end_s = 5 - chance.severity(0.0, 3.5), chance.end_s(start_s, 0.25, (28.0, 42.0))
        spans, begins_s = [], start_s
        while begins_s < (chance.feed_end_s if end_s is None else end_s):
            spans.append((begins_s, begins_s + 60 * int(5 + 175 * chance.between(0, 1) ** 2)))
            gap_days = min(chance.rng.exponential(every_days), MOST_GAP_DAYS)
            begins_s = spans[-1][1] + 60 + 60 * int(gap_days * DAY_S / 60)
        return cls(place, start_s, end_s, every_days, tuple(spans))

    @property
    def severity(self) -> float:
        return min(1.5 / self.every_days, 1.0)

    @property
    def story(self) -> str:
        return f"{len(self.outage_spans_s)} outages, one every {self.every_days:.1f} days in the mean"

    def outages(self) -> tuple[Outage, ...]:
        area = self.place.meter.transformer_area
        last_s = 2**62 if self.end_s is None else self.end_s
        spans = ((begins, min(ends, last_s)) for begins, ends in self.outage_spans_s if begins < last_s)
        return tuple(Outage(area, begins, ends, planned=False) for begins, ends in spans)
