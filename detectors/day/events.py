"""What each meter itself reported lately: opened covers, magnets, failed clocks (TH-01 to TH-09, CK-03)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64, Figure, Figures, count_up, keep
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.evidence import AreaContext, AreaCurves

_F32 = np.float32
_REMEMBERED_DAYS = 30
_LAST_30_DAYS = np.uint32(2**_REMEMBERED_DAYS - 1)
_LONGEST_AGO_DAYS = 90

_FIGURES = Figures(
    {
        "event_strength": Figure("how much the meter's own events say of a case, the strongest remembered, 3 % forgotten a day", 0, 1),
        "event_days": Figure("days of the last 30 with an event", 0, _REMEMBERED_DAYS),
        "days_since_event": Figure("days since the last event, 90 where there was none lately", 0, _LONGEST_AGO_DAYS),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayEventsParams:
    warm_up_days: float = parameter(
        10.0, meaning="days seen before a meter's events are described", unit="d", low=0, high=90, source="proposed"
    )
    forgotten_per_day: float = parameter(
        0.03, meaning="share of a remembered event's strength that a day takes away", unit="1/d", low=0, high=0.5, source="prototype"
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


class DayEvents:
    """Remembers events that were outside a work order and not an outage's; the caller filters them and gives their strength.

    An event counts on its day whether or not energy was measured. A day on which the area was silent altogether counts as a day without
    events. Figures are NaN for supply meters and for the first ten days, in which events are remembered all the same.

    >>> from detectors.examples import context, day
    >>> events = DayEvents(context(meters=2), DayEventsParams())
    >>> for number in range(20):
    ...     strengths = [1.0, 0.0] if number == 15 else [0.0, 0.0]
    ...     events.learn(day(np.ones((24, 2)), number=number, event_strength=strengths), np.ones(2, bool))
    >>> figures = events.describe(day(np.ones((24, 2)), number=20))
    >>> round(float(figures["event_strength"][0]), 3), figures["event_days"].tolist(), figures["days_since_event"].tolist()
    (0.859, [1.0, 0.0], [5.0, 90.0])
    """

    name = "day_events"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(self, context: AreaContext, params: DayEventsParams | None = None) -> None:
        self._params = params or DayEventsParams()
        self._customer = ~context.area.is_supply
        count = len(context.area)
        layout = {
            "days": {
                "clock": Slab((1,), np.int64, -1),  # ordinal of the last day learnt
                "strength": Slab((count,), _F32),
                "event_days": Slab((count,), np.uint32),  # a bit for each of the last 30 days, today's the lowest
                "days_since": Slab((count,), np.uint8, _LONGEST_AGO_DAYS),
                "learnt": Slab((count,), np.uint8),
            }
        }
        self._pages = StatePages("day_events/1", layout)
        self._days: dict[str, NDArray[Any]] = {name: self._pages.array("days", name) for name in layout["days"]}

    def describe(self, day: AreaCurves) -> dict[str, F64]:
        strength, event_days, days_since = self._after(day)
        figures = {
            "event_strength": strength,
            "event_days": np.bitwise_count(event_days).astype(np.float64),
            "days_since_event": days_since,
        }
        return _FIGURES.bounded(figures, self._customer & (self._days["learnt"] >= self._params.warm_up_days))

    def _after(self, day: AreaCurves) -> tuple[F64, NDArray[np.uint32], F64]:
        days = self._days
        last = int(days["clock"][0])
        passed = max(day.day_ordinal - last, 1) if last >= 0 else 1
        told = np.where(day.event_strength > 0, day.event_strength, 0.0)
        faded = days["strength"] * (1 - self._params.forgotten_per_day) ** passed
        shifted = np.left_shift(days["event_days"], np.uint32(min(passed, _REMEMBERED_DAYS))) & _LAST_30_DAYS
        since = np.where(told > 0, 0.0, np.minimum(days["days_since"].astype(np.float64) + passed, _LONGEST_AGO_DAYS))
        return np.maximum(faded, told), shifted | (told > 0).astype(np.uint32), since

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:  # noqa: ARG002 - what was reported is no habit
        days = self._days
        strength, event_days, days_since = self._after(day)
        keep(days["strength"], strength)
        days["event_days"][...] = event_days
        days["days_since"][...] = days_since.astype(np.uint8)
        days["clock"][0] = day.day_ordinal
        count_up(days["learnt"], self._customer)
        self._pages.touch("days")

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
