"""What each meter usually uses in each slot of the week, and whether its days have left that level (EN-08)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.peers import peer_groups
from detectors.steps import nothing_found
from metering.evidence import SET_STRENGTH, AreaContext, Signal
from metering.frame import ReadingFrame

_F32 = np.float32
_DAY_TYPES = 3  # working day, Saturday, Sunday and holiday
_DAY_S = 86400
#: Days of one type that a profile remembers: four weeks of working days, eight of Saturdays and Sundays.
_MEMORY_VISITS = np.array([20, 8, 8], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class SeasonalProfileParams:
    warm_up_days: float = parameter(
        14.0,
        meaning="judged days before a meter's level is judged",
        unit="d",
        low=7,
        high=90,
        source="proposed, replay",
    )
    slack: float = parameter(
        0.7, meaning="daily deviation that costs nothing", unit="robust sigma", low=0.1, high=3, source="CUSUM k"
    )
    fall_threshold: float = parameter(
        42.0,
        meaning="accumulated deviation at which a fall is believed",
        unit="robust sigma",
        low=5,
        high=200,
        source="replay: longer than a fortnight's holiday",
    )
    rise_threshold: float = parameter(
        40.0,
        meaning="accumulated deviation at which a rise is believed",
        unit="robust sigma",
        low=5,
        high=200,
        source="replay",
    )
    fall_ratio: float = parameter(
        0.65, meaning="level against expectation that matters", unit="1", low=0.1, high=0.95, source="EN-08: < 0.5"
    )
    rise_ratio: float = parameter(
        2.0, meaning="level against expectation that matters", unit="1", low=1.1, high=10, source="EN-08: > 2"
    )
    vacancy_ratio: float = parameter(
        0.25,
        meaning="level below which an empty home is the likelier reason, so that it counts slower",
        unit="1",
        low=0.0,
        high=0.6,
        source="proposed: standby and refrigerator of an empty home",
    )
    drift_per_day: float = parameter(
        0.012,
        meaning="how fast a level may change by itself (season, growing family), as a logarithm",
        unit="1/d",
        low=0.0,
        high=0.1,
        source="replay: electric heating in spring",
    )
    together_days: float = parameter(
        10.0,
        meaning="meters whose level began to move within so many days of each other moved together",
        unit="d",
        low=0,
        high=60,
        source="replay: electric heating in spring",
    )
    together_share: float = parameter(
        0.05,
        meaning="share of the area's customers (and at least three others) that makes a movement common, hence benign",
        unit="1",
        low=0.01,
        high=1,
        source="replay",
    )
    least_kwh_per_day: float = parameter(
        1.0, meaning="a loss smaller than this is not worth a visit", unit="kWh/d", low=0, high=100, source="proposed"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class SeasonalProfile:
    """A slot-of-day profile per meter and day type; a two-sided CUSUM over days on what the class does not explain.

    Per day: log(observed / profile), minus the class's median of it in this area (weather, holidays, season), over the
    meter's own robust scale. `sudden_fall` and `sudden_rise` need both a CUSUM over its threshold and a recent level
    (about four days) that matters; strength follows the recent level down when use comes back. `observed` and
    `expected` are recent kWh/d, `since_s` the start of the CUSUM's climb. Days with too few readings count nothing;
    supply meters are not judged. What is under suspicion is not learnt, trusted or not.
    Reference: Page (1954), Continuous inspection schemes.

    >>> from detectors.examples import context, frame, MONDAY_S
    >>> profile = SeasonalProfile(context(meters=1, interval_minutes=1440), SeasonalProfileParams())
    >>> for day in range(60):
    ...     reading = frame(start_s=MONDAY_S + 86400 * day, interval_minutes=1440, energy_kwh=[8.0 if day < 40 else 3.2])
    ...     profile.learn(reading, np.array([True]))
    >>> fall, rise = profile.score(reading)
    >>> round(float(fall.strength[0]), 2), round(float(fall.expected[0]), 2), float(rise.strength[0])
    (1.0, 6.36, 0.0)
    """

    name = "seasonal_profile"
    abnormalities: tuple[str, ...] = ("sudden_fall", "sudden_rise")

    def __init__(self, context: AreaContext, params: SeasonalProfileParams) -> None:
        self._params = params
        self._context = context
        area = context.area
        count = len(area)
        self._slot_minutes = slot_minutes(context.interval_minutes)
        self._slots = 1440 // self._slot_minutes
        self._customer = ~area.is_supply
        self._peers = peer_groups(context)
        row = Slab((count,), _F32)
        counter = Slab((count,), np.int32)
        layout = {
            f"slot-{i:03d}": {"kwh": Slab((count,), _F32, np.nan), "visits": Slab((count,), np.uint8)}
            for i in range(_DAY_TYPES * self._slots)
        }
        layout["now"] = {
            "clock": Slab((3,), np.int64, -1),  # day ordinal, slot of the profile, intervals of the day
            "slot_kwh": Slab((count,), np.float64),
            "slot_count": counter,
            "day_kwh": Slab((count,), np.float64),
            "day_expected_kwh": Slab((count,), np.float64),
            "day_count": counter,
            "distrusted": Slab((count,), np.bool_),
        }
        layout["days"] = {
            "judged": counter,
            "scale": Slab((count,), _F32, np.nan),
            "movement": row,
            "level": row,
            "common_fall": Slab((count,), np.bool_),
            "common_rise": Slab((count,), np.bool_),
            "fall": row,
            "rise": row,
            "recent_kwh": Slab((count,), _F32, np.nan),
            "recent_expected_kwh": Slab((count,), _F32, np.nan),
            "fall_since_s": Slab((count,), np.int64),
            "rise_since_s": Slab((count,), np.int64),
        }
        self._pages = StatePages("seasonal_profile/1", layout)
        self._now = {name: self._pages.array("now", name) for name in layout["now"]}
        self._days = {name: self._pages.array("days", name) for name in layout["days"]}
        self._refuted: Callable[[], NDArray[np.bool_]] | None = None
        self._last_place = (-1, (0, 0))
        self._remember()
        self._kwh = [self._pages.array(f"slot-{i:03d}", "kwh") for i in range(_DAY_TYPES * self._slots)]

    # --- reading

    def expected_kwh(self, frame: ReadingFrame) -> NDArray[np.float64]:
        """What each meter would use in this interval by its profile and its class's present movement; NaN = not known."""
        _, slot = self._place(frame.interval_start_s)
        expected: NDArray[np.float64] = self._kwh[slot] * self._factor
        return expected

    def score(self, frame: ReadingFrame) -> list[Signal]:
        """Strengths change with the day; a missing reading leaves its meter not judged."""
        measured = (frame.energy_kwh == frame.energy_kwh) & self._customer
        judged = measured & (self._days["judged"] >= self._params.warm_up_days)
        fall, rise = self._fall, self._rise
        return [
            self._signal("sudden_fall", fall, judged, "fall_since_s"),
            self._signal("sudden_rise", rise, judged, "rise_since_s"),
        ]

    def levels(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Strength of fall and of rise per meter, whatever the warm-up (0 where nothing is known)."""
        p, days = self._params, self._days
        observed = np.nan_to_num(days["recent_kwh"].astype(np.float64))
        expected = np.nan_to_num(days["recent_expected_kwh"].astype(np.float64))
        ratio = observed / np.maximum(expected, 1e-9)
        matters = np.abs(expected - observed) >= p.least_kwh_per_day
        fallen = np.clip((p.fall_ratio + 0.2 - ratio) / 0.2, 0, 1) * (matters & ~days["common_fall"])
        risen = np.clip((ratio - 0.75 * p.rise_ratio) / (0.25 * p.rise_ratio), 0, 1) * (matters & ~days["common_rise"])
        fall = np.minimum(days["fall"] / p.fall_threshold, 1.0) * fallen
        rise = np.minimum(days["rise"] / p.rise_threshold, 1.0) * risen
        # A climbing CUSUM stays at or below RECOVER until it is nearly there: half a case is no case.
        if self._refuted is not None:
            fall = np.where(self._refuted(), 0.0, fall)
        return _late(fall), _late(rise)

    def ask_balance(self, refuted: Callable[[], NDArray[np.bool_]]) -> None:
        """Let the area's balance have a say: a fall that it refutes (nothing went missing) is a home left empty."""
        self._refuted = refuted

    def _signal(self, code: str, level: NDArray[np.float64], judged: NDArray[np.bool_], since: str) -> Signal:
        if not np.count_nonzero(level):
            return nothing_found(self.name, code, judged, "kWh/d")
        days = self._days
        return Signal(
            self.name,
            code,
            np.where(judged, level, np.nan).astype(_F32),
            np.where(judged, days["recent_kwh"], np.nan).astype(np.float64),
            np.where(judged, days["recent_expected_kwh"], np.nan).astype(np.float64),
            "kWh/d",
            days[since].copy(),
        )

    # --- learning

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        day, slot = self._place(frame.interval_start_s)
        clock, now = self._now["clock"], self._now
        if clock[0] != day:
            self._close_day()
            clock[0], clock[2] = day, 0
        elif clock[1] != slot:
            self._close_slot()
        clock[1] = slot
        clock[2] += 1
        usual_kwh, energy = self._kwh[slot], frame.energy_kwh
        both = energy + usual_kwh
        known = both == both
        if np.count_nonzero(known) == len(known):
            now["day_kwh"] += energy
            now["day_expected_kwh"] += usual_kwh
        else:
            now["day_kwh"] += np.where(known, energy, 0)
            now["day_expected_kwh"] += np.where(known, usual_kwh, 0)
        now["day_count"] += known
        if np.count_nonzero(trusted) == len(trusted):
            learns = energy == energy
        else:
            now["distrusted"] |= ~trusted
            learns = trusted & (energy == energy)
        now["slot_kwh"] += np.where(learns, energy, 0)
        now["slot_count"] += learns
        self._pages.touch("now")
        # What ends with this interval closes with it: a day's judgement must not wait for the next reading.
        next_day, next_slot = self._place(frame.interval_end_s)
        if next_day != day:
            self._close_day()
            clock[0] = clock[1] = -1
        elif next_slot != slot:
            self._close_slot()
            clock[1] = -1

    def _place(self, epoch_s: int) -> tuple[int, int]:
        """(local day ordinal, slot of the profile); the end of one interval is the start of the next."""
        if self._last_place[0] == epoch_s:
            return self._last_place[1]
        local = self._context.calendar.local(epoch_s)
        weekday = local.weekday()
        day_type = 2 if weekday == 6 or local.date() in self._context.holidays else int(weekday == 5)
        place = (local.toordinal(), day_type * self._slots + (60 * local.hour + local.minute) // self._slot_minutes)
        self._last_place = (epoch_s, place)
        return place

    def _close_slot(self) -> None:
        now = self._now
        slot = int(now["clock"][1])
        if slot < 0:
            return
        counted = now["slot_count"] > 0
        if counted.any():
            page = f"slot-{slot:03d}"
            usual, visits = self._kwh[slot], self._pages.array(page, "visits")
            learns = counted & ~self._suspected()
            memory = _MEMORY_VISITS[slot // self._slots]
            visits[learns & (visits < memory)] += 1
            mean = now["slot_kwh"] / np.maximum(now["slot_count"], 1)
            moved = np.where(usual == usual, usual + (mean - usual) / np.maximum(visits, 1), mean)
            np.copyto(usual, moved, where=learns, casting="same_kind")
            self._pages.touch(page)
        now["slot_kwh"][:] = 0
        now["slot_count"][:] = 0

    def _suspected(self) -> NDArray[np.bool_]:
        fall, rise = self._days["fall"], self._days["rise"]
        ratio = self._days["recent_kwh"] / np.maximum(self._days["recent_expected_kwh"], 1e-9)
        p, days = self._params, self._days
        falling = (fall > 0.2 * p.fall_threshold) & (ratio < p.fall_ratio + 0.1) & ~days["common_fall"]
        rising = (rise > 0.2 * p.rise_threshold) & (ratio > 0.75 * p.rise_ratio) & ~days["common_rise"]
        return np.asarray(falling | rising, dtype=np.bool_)

    def _close_day(self) -> None:
        now, days, p = self._now, self._days, self._params
        day, intervals = int(now["clock"][0]), int(now["clock"][2])
        if day < 0 or intervals <= 0:
            return
        self._close_slot()
        full = (now["day_count"] >= 0.6 * intervals) & (now["day_count"] > 0) & self._customer
        observed, expected = now["day_kwh"].astype(np.float64), now["day_expected_kwh"].astype(np.float64)
        floor = np.maximum(0.05 * expected, 0.1)
        log_ratio = np.where(full, np.log((observed + floor) / (expected + floor)), np.nan)
        movement = self._peers.median(log_ratio)
        deviation = np.nan_to_num(log_ratio - movement - days["level"])
        scale = days["scale"]
        first = full & (scale != scale)
        scale[first] = 0.3
        score = np.clip(deviation / np.maximum(scale, 0.12), -3, 3)
        # An empty home falls this deep, too: let it take its time.
        score = np.where(deviation < np.log(max(p.vacancy_ratio, 1e-3)), np.maximum(score, -p.slack - 0.7), score)
        warm = full & (days["judged"] >= p.warm_up_days / 2)
        self._climb("fall", -score, warm, day, p.fall_threshold)
        self._climb("rise", score, warm, day, p.rise_threshold)
        self._average("recent_kwh", observed, full, 0.3)
        usual_kwh = expected * np.exp(np.nan_to_num(movement) + days["level"])
        self._average("recent_expected_kwh", usual_kwh, full, 0.3)
        self._find_common()
        usual_day = full & ~self._suspected()
        fallen, risen = self.levels()
        drifts = full & ~now["distrusted"] & (fallen < SET_STRENGTH) & (risen < SET_STRENGTH)
        drift = np.clip(0.1 * deviation, -p.drift_per_day, p.drift_per_day)
        np.add(days["level"], drift, out=days["level"], where=drifts, casting="same_kind")
        magnitude = 1.25 * np.minimum(np.abs(deviation), 3 * np.maximum(scale, 0.12))
        np.copyto(scale, scale + (magnitude - scale) / 30, where=usual_day, casting="same_kind")
        moved = full & (movement == movement)
        np.copyto(
            days["movement"], days["movement"] + 0.4 * (movement - days["movement"]), where=moved, casting="same_kind"
        )
        days["judged"] += full
        for name in ("day_kwh", "day_expected_kwh", "day_count", "distrusted"):
            now[name][:] = 0
        self._pages.touch("days")
        self._remember()

    def _remember(self) -> None:
        """What follows from the day's state and is asked in every interval."""
        self._fall, self._rise = self.levels()
        self._factor = np.exp(self._days["movement"].astype(np.float64) + self._days["level"])

    def _find_common(self) -> None:
        """Marks whose level began to move when that of several others did: weather, season, a festival, not theft."""
        p, days = self._params, self._days
        enough = max(3.0, p.together_share * np.count_nonzero(self._customer))
        for name, threshold in (("fall", p.fall_threshold), ("rise", p.rise_threshold)):
            moving = np.flatnonzero(days[name] > 0.15 * threshold)
            since = days[f"{name}_since_s"][moving]
            apart = np.abs(since[:, None] - since[None, :])
            others = np.count_nonzero(apart <= p.together_days * _DAY_S, axis=1) - 1
            common = days[f"common_{name}"]
            # Once common, a climb stays common: it ends together with the climb.
            common &= days[name] > 0
            common[moving] |= others >= enough

    def _climb(
        self, name: str, score: NDArray[np.float64], judged: NDArray[np.bool_], day: int, threshold: float
    ) -> None:
        level, since = self._days[name], self._days[f"{name}_since_s"]
        raised = np.clip(level + score - self._params.slack, 0, 1.3 * threshold)
        # Days back at the usual level undo it faster than slack alone would.
        raised = np.where(score < 0.3, 0.7 * raised, raised)
        begins = judged & (level <= 0) & (raised > 0)
        since[begins] = self._day_start_s(day)
        np.copyto(level, raised, where=judged, casting="same_kind")

    def _day_start_s(self, day: int) -> int:
        return self._context.calendar.day_start(date.fromordinal(day))

    def _average(self, name: str, value: NDArray[np.float64], counted: NDArray[np.bool_], rate: float) -> None:
        mean = self._days[name]
        moved = np.where(mean == mean, mean + rate * (value - mean), value)
        np.copyto(mean, moved, where=counted, casting="same_kind")

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._remember()


def slot_minutes(interval_minutes: int) -> int:
    """The shortest slot of at least 30 minutes that holds whole intervals and divides a day.

    >>> [slot_minutes(i) for i in (1, 15, 20, 30, 45, 60, 1440)]
    [30, 30, 40, 30, 45, 60, 1440]
    """
    return next(m for m in range(interval_minutes, 1441, interval_minutes) if m >= 30 and 1440 % m == 0)


def _late(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(level >= 0.8, level, 0.5 * level)
