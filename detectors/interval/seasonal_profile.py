"""What each meter usually uses in each hour of the day: the energy that a reading is expected to show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.peers import peer_groups
from metering.evidence import AreaContext, AreaCurves
from metering.frame import ReadingFrame

F64 = NDArray[np.float64]
_F16, _F32 = np.float16, np.float32
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
    Learnt when a local day closes, of trusted meters only. Half precision (0.05 %), some 150 bytes a meter.

    >>> from detectors.examples import context, day, frame, MONDAY_S
    >>> profile = SeasonalProfile(context(meters=1), SeasonalProfileParams())
    >>> kwh = np.array([[2.0]] * 12 + [[0.4]] * 12)
    >>> for number in range(3):
    ...     profile.learn(day(kwh, number=number), np.array([True]))
    >>> [round(float(profile.expected_kwh(frame(start_s=MONDAY_S + 3600 * h, energy_kwh=[None]))[0]), 3) for h in (80, 90)]
    [0.5, 0.1]
    """

    name = "seasonal_profile"

    def __init__(self, context: AreaContext, params: SeasonalProfileParams | None = None) -> None:
        self._params = p = params or SeasonalProfileParams()
        self._context = context
        self._peers = peer_groups(context)
        self._memory = np.array([p.memory_days, p.weekend_memory_days, p.weekend_memory_days])
        minutes = context.interval_minutes
        #: intervals that begin in each hour
        self._begin = np.bincount(np.arange(0, 1440, minutes) // 60, minlength=HOURS)
        #: an interval of several hours stands in the first of them, wherever the clocks' change has moved it
        self._hours_each = minutes // 60 if minutes > 60 and minutes % 60 == 0 else 1
        count = len(context.area)
        layout: dict[str, dict[str, Slab]] = {
            f"type-{n}": {"kwh": Slab((HOURS, count), _F16, np.nan), "visits": Slab((count,), np.uint8)}
            for n in range(_DAY_TYPES)
        }
        layout["movement"] = {"movement": Slab((count,), _F32)}
        self._pages = StatePages("seasonal_profile/2", layout)
        self._forget()

    def _forget(self) -> None:
        """What was worked out from the state, and is worked out anew when asked."""
        self._factor: F64 | None = None
        self._expected: F64 | None = None
        self._hour_start_s = -3600

    # --- reading

    def expected_kwh(self, frame: ReadingFrame) -> F64:
        """(meters,), read-only: what each meter would use in this interval; NaN where nothing is learnt yet."""
        start_s = frame.interval_start_s
        if self._expected is None or not 0 <= start_s - self._hour_start_s < 3600:
            local = self._context.calendar.local(start_s)
            hour = local.hour - local.hour % self._hours_each
            usual = self._pages.array(f"type-{self._context.day_type(local.date())}", "kwh")[hour].astype(np.float64)
            self._expected = usual * self._moved_by() / max(int(self._begin[hour]), 1)
            self._expected.setflags(write=False)
            self._hour_start_s = start_s - 60 * local.minute - local.second
        return self._expected

    def expected_day(self, day_type: int) -> F64:
        """(24, meters) kWh: a whole day of this type by the hour, as `AreaCurves` has it; NaN where nothing is learnt."""
        return np.asarray(self._pages.array(f"type-{day_type}", "kwh") * self._moved_by())

    def _moved_by(self) -> F64:
        if self._factor is None:
            self._factor = np.exp(self._pages.array("movement", "movement").astype(np.float64))
        return self._factor

    # --- learning

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:
        """Take a closed day in; meters that are not `trusted`, and hours that were not measured, stay as they were."""
        page = f"type-{day.day_type}"
        usual, visits = self._pages.array(page, "kwh"), self._pages.array(page, "visits")
        before = usual.astype(np.float64)
        kwh = np.where(trusted, self._in_first_hours(day.hourly["energy_kwh"]), np.nan)
        self._move(kwh, before)
        known = kwh == kwh
        visits[known.any(axis=0) & (visits < self._memory[day.day_type])] += 1
        after = np.where(before == before, before + (kwh - before) / np.maximum(visits, 1), kwh)
        np.copyto(usual, np.minimum(after, _MOST_KWH), where=known, casting="same_kind")
        self._pages.touch(page)
        self._forget()

    def _in_first_hours(self, kwh: F64) -> F64:
        if self._hours_each == 1:
            return kwh
        blocks = kwh.reshape(-1, self._hours_each, kwh.shape[1])
        first = np.full(kwh.shape, np.nan)
        first[:: self._hours_each] = np.fmax.reduce(blocks, axis=1)
        return first

    def _move(self, kwh: F64, usual: F64) -> None:
        """What every class had in common today, in logarithms."""
        both = (kwh == kwh) & (usual == usual)
        observed, expected = (np.where(both, each, 0.0).sum(axis=0) for each in (kwh, usual))
        full = np.count_nonzero(both, axis=0) >= _ENOUGH_HOURS * np.count_nonzero(usual == usual, axis=0)
        floor = np.maximum(0.05 * expected, 1e-3)
        change = np.where(full & (expected > 0), np.log((observed + floor) / (expected + floor)), np.nan)
        common, movement = self._peers.median(change), self._pages.array("movement", "movement")
        moved = movement + self._params.movement_rate * (common - movement)
        np.copyto(movement, moved, where=common == common, casting="same_kind")
        self._pages.touch("movement")

    # --- state

    @property
    def nbytes_per_meter(self) -> float:
        return self._pages.nbytes / len(self._context.area)

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._forget()
