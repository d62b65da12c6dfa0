"""The shape of each meter's day against its usual shape: hours missing, clocks shifted, curves made up instead of measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import (
    F64,
    HOURS,
    DayEnergy,
    Figure,
    Figures,
    OfTheDay,
    count_up,
    keep,
    learning_rate,
    likeness,
    moved,
    one_shape,
    whole,
)
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.peers import peer_groups
from metering.evidence import AreaContext, AreaCurves

_F16, _F32 = np.float16, np.float32
_NIGHT_HOURS = [23, 0, 1, 2, 3, 4]
#: Shifts of a clock that are looked for, and for each of them which hour then stands at which.
_LAGS_H = np.arange(-9, 10)
_SHIFTED = (np.arange(HOURS)[None, :] - _LAGS_H[:, None]) % HOURS
_NO_SHIFT = 9
#: A lag that makes a curve more alike by less is chance.
_LEAST_LAG_GAIN = 0.03
#: An hour counts as unused below this share of its usual energy, if that is enough to miss.
_UNUSED_BELOW = 0.05
_MISSED_FROM_KWH = 0.05
#: An hour within this share of a mean counts as equal to it.
_EQUAL_WITHIN = 0.05
_SAME_WITHIN = 0.01
#: A meter that draws less has no shape of the day.
_LEAST_MEAN_KWH = 0.005
#: How fast the most suspicious day is forgotten, per day.
_FADES = 0.97
#: Figures of a single day, remembered as they were recently and as they usually are.
_OF_A_DAY = ("steps", "spread", "unused", "flat", "continuity", "repeated")
_CURVES = ("usual", "recent", "yesterday", "unused_often")
_DAY_TYPES = ("working", "off")

_FIGURES = Figures(
    {
        "likeness": Figure("correlation of the recent (some four days) with the usual curve of the day", -1, 1),
        "likeness_reversed": Figure("how much more the recent curve is like the usual one when it is reversed", -2, 2),
        "lag_h": Figure("hours by which the recent curve comes later than the usual one, where it is most like it; 0 where that makes little difference", -9, 9),
        "lag_gain": Figure("how much more like the usual curve the recent one is at that lag", 0, 2),
        "night_shift": Figure("log of recent over usual at night (23 to 5 h) less that by day", -8, 8),
        "night_level": Figure("log of recent over usual energy from 23 to 5 h, less the class's median of it", -8, 8),
        "daytime_level": Figure("log of recent over usual energy from 5 to 23 h, less the class's median of it", -8, 8),
        "steps_change": Figure("log of recent over usual steps between intervals, as a share of the energy", -4, 4),
        "spread": Figure("standard deviation of a day's hours over their mean, recently", 0, 5),
        "spread_change": Figure("log of recent over usual spread", -4, 4),
        "unused_share": Figure("share of hours with nearly nothing that usually have some, recently", 0, 1),
        "unused_change": Figure("unused_share less what is usual", -1, 1),
        "unused_block": Figure("how often the most often unused hour was unused recently", 0, 1),
        "flat_share": Figure("share of hours within 5 % of their day's mean, recently", 0, 1),
        "flat_change": Figure("flat_share less what is usual", -1, 1),
        "continuity": Figure("correlation of an hour with the next one in the same day, recently: none in drawn numbers", -1, 1),
        "continuity_change": Figure("continuity less what is usual", -2, 2),
        "repeated_share": Figure("share of hours within 1 % of yesterday's same hour, recently", 0, 1),
        "repeated_change": Figure("repeated_share less what is usual", -1, 1),
        "reversed_yesterday": Figure("how much more a day was like yesterday reversed than like yesterday, at most (3 % forgotten a day)", 0, 2),
        "mean_of_yesterday": Figure("share of a day's hours within 1 % of yesterday's mean, at most (3 % forgotten a day)", 0, 1),
        "weekend_change": Figure("log of days off over working days, recent less usual, less the class's median of it", -4, 4),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayShapeParams:
    warm_up_days: float = parameter(
        10.0, meaning="learnt days before a meter's shape is described", unit="d", low=3, high=90, source="proposed"
    )
    recent_rate: float = parameter(
        0.25, meaning="weight of today in the recent curve", unit="1/d", low=0.05, high=1, source="prototype"
    )
    early_rate: float = parameter(
        0.1, meaning="weight of a day in the usual curve at first", unit="1/d", low=0.01, high=0.5, source="prototype"
    )
    late_rate: float = parameter(
        0.035,
        meaning="weight of a day in the usual curve after four weeks",
        unit="1/d",
        low=0.005,
        high=0.5,
        source="prototype; less is lost in half precision",
    )
    figure_rate: float = parameter(
        0.3, meaning="weight of today in a recent figure of the day", unit="1/d", low=0.05, high=1, source="prototype"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class DayShape:
    """Two curves of 24 hours per meter, the usual one and the recent one, and what sets them and single days apart.

    A curve reported instead of the measured one gives itself away: it is late or early (a shifted clock), like yesterday's in the
    opposite order or like yesterday's mean (Jokar et al. 2016), flat, without the hour-to-hour continuity of appliances, or with
    hours of nothing. Figures are NaN for supply meters and for a meter's first ten learnt days; where intervals are longer than an
    hour, only `weekend_change` is known.

    >>> from detectors.examples import context, day
    >>> shape = DayShape(context(meters=6), DayShapeParams())
    >>> evening = np.full((24, 6), 0.2)
    >>> evening[18:22] = 1.5
    >>> for number in range(20):
    ...     shape.learn(day(evening, number=number), np.ones(6, bool))
    >>> late = evening.copy()
    >>> late[:, 0] = np.roll(evening[:, 0], 3)
    >>> for number in range(20, 28):
    ...     shape.learn(day(late, number=number), np.arange(6) > 0)
    >>> figures = shape.describe(day(late, number=28))
    >>> figures["lag_h"].tolist(), round(float(figures["lag_gain"][0]), 2)
    ([3.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0.82)
    """

    name = "day_shape"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(self, context: AreaContext, params: DayShapeParams | None = None) -> None:
        self._params = params or DayShapeParams()
        self._context = context
        self._peers = peer_groups(context)
        self._has_curves = context.interval_minutes <= 60
        count = len(context.area)
        curve = Slab((HOURS, count), _F16, np.nan)
        unknown = Slab((count,), _F32, np.nan)
        nothing = Slab((count,), _F32)
        layout = {
            "days": {name: curve if name != "unused_often" else Slab((HOURS, count), _F16) for name in _CURVES}
            | {f"recent_{name}": unknown for name in _OF_A_DAY}
            | {f"usual_{name}": unknown for name in _OF_A_DAY}
            | {f"{when}_{kind}_kwh": unknown for when in ("recent", "usual") for kind in _DAY_TYPES}
            | {"reversed_yesterday": nothing, "mean_of_yesterday": nothing, "learnt": Slab((count,), np.uint8)}
        }
        self._pages = StatePages("day_shape/1", layout)
        self._days: dict[str, NDArray[Any]] = {name: self._pages.array("days", name) for name in layout["days"]}
        self._recent_values, self._usual_values = (
            self._pages.block("days", f"{when}_{_OF_A_DAY[0]}", f"{when}_{_OF_A_DAY[-1]}")
            for when in ("recent", "usual")
        )
        self._now = OfTheDay(self._recently)

    # --- reading

    def describe(self, day: AreaCurves) -> dict[str, F64]:
        days = self._days
        energy = DayEnergy.of(day, self._context)
        figures = {"weekend_change": self._weekend_change(self._by_day_type(day, energy, "recent"))}
        if self._has_curves:
            usual = days["usual"].astype(np.float64)
            now = self._now(day)
            figures |= self._of_the_curves(now["recent"], usual)
            figures |= self._of_the_days(now)
        return _FIGURES.bounded(figures, np.asarray(days["learnt"] >= self._params.warm_up_days))

    def _recently(self, day: AreaCurves) -> dict[str, F64]:
        """What is remembered of recent days, with this day taken in; `today` and `recent_figures` are (figures, meters)."""
        p, days, enough = self._params, self._days, DayEnergy.of(day, self._context).enough
        usual = days["usual"].astype(np.float64)
        kwh = np.where(enough, day.hourly["energy_kwh"], np.nan)
        unused = (kwh < _UNUSED_BELOW * np.maximum(usual, 0.02)) & (usual > _MISSED_FROM_KWH)
        now = {
            "recent": moved(days["recent"], kwh, p.recent_rate, enough),
            "yesterday": np.where(enough, kwh, np.nan),
            "unused_often": moved(days["unused_often"], np.where(kwh == kwh, unused, np.nan), p.recent_rate, enough),
        }
        today = _figures_of_a_day(kwh, day.hourly["step_kwh"], unused, days["yesterday"].astype(np.float64))
        now["today"] = np.stack([today[name] for name in _OF_A_DAY])
        now["recent_figures"] = moved(self._recent_values, now["today"], p.figure_rate, enough)
        for name in ("reversed_yesterday", "mean_of_yesterday"):
            now[name] = np.fmax(_FADES * days[name].astype(np.float64), today[name])
        return now

    def _of_the_curves(self, recent: F64, usual: F64) -> dict[str, F64]:
        recent_shape, usual_shape = one_shape(recent), one_shape(usual)
        # (lags, meters): the usual curve as many hours later, against the recent one
        lagged = np.einsum("lhm,hm->lm", usual_shape[_SHIFTED], recent_shape)
        alike = lagged[_NO_SHIFT]
        best = np.where(alike == alike, lagged, -2.0).argmax(axis=0)
        night_kwh, day_kwh = _night_and_day(recent)
        usual_night_kwh, usual_day_kwh = _night_and_day(usual)
        night = np.log((night_kwh + 0.1) / (usual_night_kwh + 0.1))
        daytime = np.log((day_kwh + 0.1) / (usual_day_kwh + 0.1))
        gain = lagged.max(axis=0) - alike
        late = np.where(gain >= _LEAST_LAG_GAIN, _LAGS_H[best].astype(np.float64), 0.0)
        return {
            "likeness": alike,
            "likeness_reversed": likeness(recent_shape[::-1], usual_shape) - alike,
            "lag_h": np.where(alike == alike, late, np.nan),
            "lag_gain": gain,
            "night_shift": night - daytime,
            "night_level": night - self._peers.median(night),
            "daytime_level": daytime - self._peers.median(daytime),
        }

    def _of_the_days(self, now: Mapping[str, F64]) -> dict[str, F64]:
        recent = dict(zip(_OF_A_DAY, now["recent_figures"], strict=True))
        usual = dict(zip(_OF_A_DAY, self._usual_values.astype(np.float64), strict=True))
        return {
            "steps_change": np.log((recent["steps"] + 0.05) / (usual["steps"] + 0.05)),
            "spread": recent["spread"],
            "spread_change": np.log((recent["spread"] + 0.05) / (usual["spread"] + 0.05)),
            "unused_share": recent["unused"],
            "unused_change": recent["unused"] - usual["unused"],
            "unused_block": now["unused_often"].max(axis=0),
            "flat_share": recent["flat"],
            "flat_change": recent["flat"] - usual["flat"],
            "continuity": recent["continuity"],
            "continuity_change": recent["continuity"] - usual["continuity"],
            "repeated_share": recent["repeated"],
            "repeated_change": recent["repeated"] - usual["repeated"],
            "reversed_yesterday": now["reversed_yesterday"],
            "mean_of_yesterday": now["mean_of_yesterday"],
        }

    def _by_day_type(
        self, day: AreaCurves, energy: DayEnergy, when: str, trusted: NDArray[np.bool_] | None = None
    ) -> dict[str, F64]:
        """Daily energy on working days and on days off, with this day taken in."""
        rate = 0.4 if when == "recent" else 0.12
        where = energy.enough if trusted is None else energy.enough & trusted
        kinds = {kind: self._days[f"{when}_{kind}_kwh"].astype(np.float64) for kind in _DAY_TYPES}
        kind = _DAY_TYPES[day.day_type > 0]
        # Saturdays and Sundays are few: they are learnt faster
        kinds[kind] = moved(kinds[kind], energy.kwh, rate if kind == "off" else rate / 2, where)
        return kinds

    def _weekend_change(self, recent: Mapping[str, F64]) -> F64:
        days = self._days
        usual = np.log((days["usual_off_kwh"] + 0.3) / (days["usual_working_kwh"] + 0.3)).astype(np.float64)
        change = np.log((recent["off"] + 0.3) / (recent["working"] + 0.3)) - usual
        return change - self._peers.median(change)

    # --- learning

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:
        p, days = self._params, self._days
        energy = DayEnergy.of(day, self._context)
        for kind, kwh in self._by_day_type(day, energy, "recent").items():
            keep(days[f"recent_{kind}_kwh"], kwh)
        for kind, kwh in self._by_day_type(day, energy, "usual", trusted).items():
            keep(days[f"usual_{kind}_kwh"], kwh)
        usual_day = energy.enough & trusted
        if self._has_curves:
            usual = days["usual"].astype(np.float64)
            now = self._now(day)
            for name in ("recent", "yesterday", "unused_often", "reversed_yesterday", "mean_of_yesterday"):
                keep(days[name], now[name])
            keep(self._recent_values, now["recent_figures"])
            rate = learning_rate(days["learnt"], 0.05, 0.05, 28)
            keep(self._usual_values, moved(self._usual_values, now["today"], rate, usual_day))
            rate = learning_rate(days["learnt"], p.early_rate, p.late_rate, 28)
            keep(days["usual"], moved(usual, now["yesterday"], rate, usual_day))
        count_up(days["learnt"], usual_day)
        self._now.forget()
        self._pages.touch("days")

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._now.forget()


def _night_and_day(curve: F64) -> tuple[F64, F64]:
    """kWh of a curve at night and by day; an hour never measured counts as the curve's mean."""
    hours = whole(curve)
    night = hours[_NIGHT_HOURS].sum(axis=0)
    return night, hours.sum(axis=0) - night


def _figures_of_a_day(kwh: F64, steps_kwh: F64, unused: NDArray[np.bool_], yesterday: F64) -> dict[str, F64]:
    """What one day's curve looks like by itself and beside yesterday's, (meters,); NaN where it has no shape."""
    known = kwh == kwh
    count = np.maximum(known.sum(axis=0), 1)
    total = np.where(known, kwh, 0.0).sum(axis=0)
    mean = total / count
    measured = known.any(axis=0)
    draws = measured & (mean > _LEAST_MEAN_KWH)
    swing = np.where(known, kwh - mean, 0.0)
    spread = np.sqrt((swing * swing).sum(axis=0) / count)
    counted_steps = steps_kwh == steps_kwh
    steps = np.where(counted_steps, steps_kwh, 0.0).sum(axis=0) / np.maximum(total, 0.05)
    shape = one_shape(kwh)
    before = one_shape(yesterday)
    before_mean = np.where(yesterday == yesterday, yesterday, 0.0).sum(axis=0) / np.maximum(
        (yesterday == yesterday).sum(axis=0), 1
    )
    beside = np.count_nonzero(known & (yesterday == yesterday), axis=0)
    same = np.count_nonzero(np.abs(kwh - yesterday) <= _SAME_WITHIN * yesterday, axis=0)
    flat = np.count_nonzero(np.abs(swing) <= _EQUAL_WITHIN * mean, axis=0) - (HOURS - known.sum(axis=0))
    as_mean = np.count_nonzero(np.abs(kwh - before_mean) <= _SAME_WITHIN * before_mean, axis=0)
    nan = np.nan
    return {
        "steps": np.where(measured & counted_steps.any(axis=0), steps, nan),
        "spread": np.where(measured, spread / np.maximum(mean, 0.02), nan),
        "unused": np.where(measured, (unused & known).sum(axis=0) / count, nan),
        "flat": np.where(draws, flat / count, nan),
        "continuity": np.where(draws, (shape[1:] * shape[:-1]).sum(axis=0), nan),
        "repeated": np.where(draws & (beside > 0), same / np.maximum(beside, 1), nan),
        "reversed_yesterday": np.where(draws, likeness(shape, before[::-1]) - likeness(shape, before), nan),
        "mean_of_yesterday": np.where(draws & (before_mean > _LEAST_MEAN_KWH), as_mean / count, nan),
    }
