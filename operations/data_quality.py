"""What validation found of the readings, by rule and by meter, and which meters to calibrate first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metering.evidence import SET_STRENGTH
from metering.ports import SeriesRow, StateStore, TimeSeries
from metering.times import DAY_S

#: Days back that are looked at for what validation found, and for the weekly estimates of meters' errors.
RECENT_DAYS, ESTIMATES_DAYS = 7, 15
VALIDATION = "validation_rules"
#: Prefix of the counters of meter-days by rule of validation.
COUNTED = "data_quality."


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule of validation: meter-days it found since the beginning, and within the last days, at so many meters."""

    rule: str
    meter_days: int
    recent: int
    meters: int


@dataclass(frozen=True, slots=True)
class MeterLine:
    """One meter of which something was wrong lately; `rules` are (rule, days), the most frequent first, `last_s` when the last of it was found."""

    transformer_area: str
    meter_id: str
    rules: tuple[tuple[str, int], ...]
    last_s: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A meter whose error, a share of what it shows, is surely not nothing: `low` to `high` holds it in nineteen cases of twenty."""

    transformer_area: str
    meter_id: str
    share: float
    low: float
    high: float
    estimated_s: int

    @property
    def surely(self) -> float:
        """How large the error is at least; 0 where it may be none."""
        return max(self.low, -self.high, 0.0)


def rule_lines(counters: Mapping[str, int], found: Sequence[SeriesRow]) -> list[RuleLine]:
    recent = Counter(row.tags["abnormality"] for row in found)
    meters: dict[str, set[str]] = defaultdict(set)
    for row in found:
        meters[row.tags["abnormality"]].add(row.tags["meter_id"])
    return [RuleLine(rule, n, recent[rule], len(meters[rule])) for rule, n in rules_counted(counters).items()]


def meter_lines(found: Iterable[SeriesRow]) -> list[MeterLine]:
    """The meters with most to say, then by area and meter."""
    by_meter: dict[tuple[str, str], list[SeriesRow]] = defaultdict(list)
    for row in found:
        by_meter[row.tags["transformer_area"], row.tags["meter_id"]].append(row)
    lines = [MeterLine(*place, tuple(_most(rows)), max(r.time_s for r in rows)) for place, rows in by_meter.items()]
    return sorted(lines, key=lambda m: (-sum(n for _, n in m.rules), m.transformer_area, m.meter_id))


def _most(rows: Sequence[SeriesRow]) -> list[tuple[str, int]]:
    return sorted(Counter(r.tags["abnormality"] for r in rows).items(), key=lambda item: (-item[1], item[0]))


def candidates(estimates: Iterable[SeriesRow]) -> list[Candidate]:
    """By the newest estimate of each meter: whose error is surely largest comes first, who may be right is left out."""
    newest: dict[str, Candidate] = {}
    for row in sorted(estimates, key=lambda r: r.time_s):
        f, meter_id = row.fields, row.tags["meter_id"]
        newest[meter_id] = Candidate(
            row.tags["transformer_area"], meter_id, f["share"], f["low"], f["high"], row.time_s
        )
    return sorted((c for c in newest.values() if c.surely > 0), key=lambda c: (-c.surely, c.meter_id))


@dataclass(frozen=True, slots=True)
class DataQuality:
    """All counters, evidence points of validation of the last days, points of the meters' errors."""

    counters: Mapping[str, int]
    found: Sequence[SeriesRow]
    estimates: Sequence[SeriesRow]


def data_quality(store: StateStore, series: TimeSeries, clock_s: int) -> DataQuality:
    """Raises `StoreUnavailable`."""
    counters, end_s = store.counters(), clock_s + 1
    start_s = clock_s - RECENT_DAYS * DAY_S
    found = [
        row
        for rule in rules_counted(counters)
        for row in series.read(
            "evidence", start_s=start_s, end_s=end_s, tags={"abnormality": rule, "detector": VALIDATION}
        )
        if row.fields["strength"] >= SET_STRENGTH
    ]
    estimates = series.read("meter_error", start_s=clock_s - ESTIMATES_DAYS * DAY_S, end_s=end_s)
    return DataQuality(counters, found, estimates)


def rules_counted(counters: Mapping[str, int]) -> dict[str, int]:
    """Meter-days by rule since the beginning, the most first.

    >>> rules_counted({"data_quality.spike": 2, "data_quality.sum_check": 5, "frames": 9})
    {'sum_check': 5, 'spike': 2}
    """
    found = {name.removeprefix(COUNTED): n for name, n in counters.items() if name.startswith(COUNTED) and n}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
