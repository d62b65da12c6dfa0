"""What each meter usually uses in each hour of the day: the energy that a reading is expected to show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.peers import peer_groups
from metering.evidence import AreaContext
from metering.frame import ReadingFrame

_F16, _F32, _F64 = np.float16, np.float32, np.float64
HOURS = 24
_DAY_TYPES = 3  # working day, Saturday, Sunday and holiday
_ENOUGH_HOURS = 0.6
#: The most that half precision is given to hold.
_MOST_KWH = 60_000.0


@dataclass(frozen=True, slots=True)
class SeasonalProfileParams:
    memory_days: float = parameter(
        20.0,
        meaning="days of its type that an hour's usual energy is the mean of: four weeks of working days",
        unit="d",
        low=2,
        high=200,
        source="proposed, replay",
    )
    weekend_memory_days: float = parameter(
        8.0,
        meaning="the same for Saturdays, and for Sundays and holidays",
        unit="d",
        low=2,
        high=200,
        source="proposed, replay",
    )
    movement_rate: float = parameter(
        0.4,
        meaning="weight of today in the common movement of a meter's class (weather, season)",
        unit="1/d",
        low=0.05,
        high=1,
        source="replay",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class SeasonalProfile:
    """The usual energy of every hour per meter and day type, moved by what the meter's class does at present.

    It judges nothing: it says what to expect where a reading is missing, and what an open claim's energy is held against.
    Learnt at the end of each local day, from trusted readings only. Half precision (0.05 %), some 150 bytes a meter.

    >>> from detectors.examples import context, frame, MONDAY_S
    >>> profile = SeasonalProfile(context(meters=1), SeasonalProfileParams())
    >>> for i in range(3 * 96):
    ...     reading = frame(start_s=MONDAY_S + 900 * i, energy_kwh=[0.5 if i % 96 < 48 else 0.1])
    ...     profile.learn(reading, np.array([True]))
    >>> [round(float(profile.expected_kwh(frame(start_s=MONDAY_S + 3600 * h, energy_kwh=[None]))[0]), 3) for h in (80, 90)]
    [0.5, 0.1]
    """

    name = "seasonal_profile"

    def __init__(self, context: AreaContext, params: SeasonalProfileParams | None = None) -> None:
        self._params = p = params or SeasonalProfileParams()
        self._context = context
        self._peers = peer_groups(context)
        self._memory = np.array([p.memory_days, p.weekend_memory_days, p.weekend_memory_days])
        count = len(context.area)
        layout: dict[str, dict[str, Slab]] = {
            f"type-{n}": {"kwh": Slab((HOURS, count), _F16, np.nan), "visits": Slab((count,), np.uint8)}
            for n in range(_DAY_TYPES)
        }
        layout["movement"] = {"movement": Slab((count,), _F32)}
        layout["today"] = {"kwh": Slab((HOURS, count), _F16, np.nan)}
        layout["now"] = {
            "clock": Slab((2,), np.int64, -1),  # day ordinal, hour
            "kwh": Slab((count,), _F32),
            "count": Slab((count,), _F32),
        }
        self._pages = StatePages("seasonal_profile/2", layout)
        self._now: dict[str, NDArray[Any]] = {name: self._pages.array("now", name) for name in layout["now"]}
        self._forget()

    def _forget(self) -> None:
        """What was worked out from the state, and is worked out anew when asked."""
        self._factor: NDArray[np.float64] | None = None
        self._expected: NDArray[np.float64] | None = None
        self._hour_start_s = self._learning_from_s = -3600

    # --- reading

    def expected_kwh(self, frame: ReadingFrame) -> NDArray[np.float64]:
        """(meters,), read-only: what each meter would use in this interval; NaN where nothing is learnt yet."""
        start_s = frame.interval_start_s
        if self._expected is None or not 0 <= start_s - self._hour_start_s < 3600:
            day_type, hour, self._hour_start_s = self._place(start_s)
            usual = self._pages.array(f"type-{day_type}", "kwh")[hour].astype(_F64)
            self._expected = usual * self._moved_by()
            self._expected.setflags(write=False)
        return self._expected

    def _moved_by(self) -> NDArray[np.float64]:
        if self._factor is None:
            self._factor = np.exp(self._pages.array("movement", "movement").astype(_F64))
        return self._factor

    def _place(self, epoch_s: int) -> tuple[int, int, int]:
        """(day type, local hour, the second at which that hour began)."""
        local = self._context.calendar.local(epoch_s)
        weekday = local.weekday()
        day_type = 2 if weekday == 6 or local.date() in self._context.holidays else int(weekday == 5)
        return day_type, local.hour, epoch_s - 60 * local.minute - local.second

    # --- learning

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        """Take one interval in; rows that are not `trusted` leave their hour as it was."""
        now, energy = self._now, frame.energy_kwh
        if not 0 <= frame.interval_start_s - self._learning_from_s < 3600:
            self._begin_hour(frame.interval_start_s)
        if frame.all_measured and np.count_nonzero(trusted) == len(trusted):
            now["kwh"] += energy
        else:
            trusted = trusted & frame.measured
            np.add(now["kwh"], energy, out=now["kwh"], where=trusted, casting="same_kind")
        now["count"] += trusted
        self._pages.touch("now")

    def _begin_hour(self, start_s: int) -> None:
        local, clock = self._context.calendar.local(start_s), self._now["clock"]
        day = local.toordinal()
        if clock[1] != local.hour or clock[0] != day:
            self._close_hour()
            if clock[0] != day:
                self._close_day()
            clock[...] = day, local.hour
        self._learning_from_s = start_s - 60 * local.minute - local.second

    def _close_hour(self) -> None:
        now, (day, hour) = self._now, self._now["clock"].tolist()
        if day < 0:
            return
        mean_kwh = now["kwh"] / np.where(now["count"] > 0, now["count"], np.nan)
        self._pages.array("today", "kwh")[hour] = np.minimum(mean_kwh, _MOST_KWH)
        self._pages.touch("today")
        now["kwh"][...] = 0
        now["count"][...] = 0

    def _close_day(self) -> None:
        day, today = int(self._now["clock"][0]), self._pages.array("today", "kwh")
        if day < 0:
            return
        day_type, _, _ = self._place(self._context.calendar.day_start(date.fromordinal(day)))
        self._learn_day(today.astype(_F64), day_type)
        today[...] = np.nan
        self._pages.touch("today")

    def _learn_day(self, kwh: NDArray[np.float64], day_type: int) -> None:
        """`kwh` (24, meters) is the mean energy of an interval in each hour; NaN is not learnt."""
        page = f"type-{day_type}"
        usual, visits = self._pages.array(page, "kwh"), self._pages.array(page, "visits")
        self._move(kwh, usual.astype(_F64))
        known = kwh == kwh
        visits[known.any(axis=0) & (visits < self._memory[day_type])] += 1
        before = usual.astype(_F64)
        after = np.where(before == before, before + (kwh - before) / np.maximum(visits, 1), kwh)
        np.copyto(usual, after, where=known, casting="same_kind")
        self._pages.touch(page)
        self._forget()

    def _move(self, kwh: NDArray[np.float64], usual: NDArray[np.float64]) -> None:
        """What every class had in common today, in logarithms."""
        both = (kwh == kwh) & (usual == usual)
        observed, expected = (np.where(both, each, 0.0).sum(axis=0) for each in (kwh, usual))
        full = np.count_nonzero(both, axis=0) >= _ENOUGH_HOURS * np.count_nonzero(usual == usual, axis=0)
        floor = np.maximum(0.05 * expected, 1e-3)
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.where(full & (expected > 0), np.log((observed + floor) / (expected + floor)), np.nan)
        common, movement = self._peers.median(change), self._pages.array("movement", "movement")
        moved = movement + self._params.movement_rate * (common - movement)
        np.copyto(movement, moved, where=common == common, casting="same_kind")
        self._pages.touch("movement")

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._forget()
