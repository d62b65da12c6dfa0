"""Which hours of the day have changed against a meter's longstanding habits, and for how many nights (EN-10)."""

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
    moved,
    whole,
)
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.peers import peer_groups
from metering.evidence import AreaContext, AreaCurves

_F16, _F32 = np.float16, np.float32
BLOCK_H = 6
_NIGHT_HOURS = [23, 0, 1, 2, 3, 4]
#: So many of the night's hours must be measured.
_ENOUGH_OF_NIGHT = 4
_STANDBY_KWH = 0.1
_LEAST_SCALE = 0.12
_MOST_DEVIATION = 0.9
_SD_OVER_MAGNITUDE = 1.25

_FIGURES = Figures(
    {
        "lowest_block": Figure("log of recent over longstanding energy in the six hours that fell most, less the class's median of it", -8, 8),
        "highest_block": Figure("log of recent over longstanding energy in the six hours that rose most, less the class's median of it", -8, 8),
        "lowest_beside_day": Figure("log of recent over longstanding energy in the six hours that fell most, less that of the whole day", -8, 0),
        "highest_beside_day": Figure("log of recent over longstanding energy in the six hours that rose most, less that of the whole day", 0, 8),
        "lowest_block_h": Figure("hour at which the six hours begin that fell most", 0, 23),
        "peak_change": Figure("log of the highest hour of the recent curve over that of the longstanding one", -8, 8),
        "nothing_share": Figure("share of hours with exactly nothing, recently", 0, 1),
        "night_fall_cusum": Figure("accumulated nights (23 to 5 h) below usual, less the class, in robust sigma beyond the slack", 0, 60),
        "night_rise_cusum": Figure("accumulated nights (23 to 5 h) above usual, less the class, in robust sigma beyond the slack", 0, 60),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayBlocksParams:
    warm_up_days: float = parameter(
        10.0, meaning="learnt days before a meter's hours are described", unit="d", low=3, high=90, source="proposed"
    )
    recent_rate: float = parameter(
        0.25, meaning="weight of today in the recent curve", unit="1/d", low=0.05, high=1, source="as the shape's"
    )
    longstanding_rate: float = parameter(
        0.012,
        meaning="weight of a day in the longstanding curve, once a plain mean has come down to it",
        unit="1/d",
        low=0.004,
        high=0.2,
        source="replay: a slow ramp must not become usual; less is lost in half precision",
    )
    slack: float = parameter(
        0.7, meaning="deviation of a night that costs nothing", unit="robust sigma", low=0.1, high=3, source="CUSUM k"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class DayBlocks:
    """The recent curve of the day against a longstanding one, in all blocks of six hours around the clock; a CUSUM over nights.

    A bypass that is switched on for some hours leaves the rest of the day as it was, and so does what is drawn or resold in some hours
    only. What a meter gets used to within weeks stays visible here for months. Figures are NaN for supply meters, for a meter's first
    ten learnt days, and where intervals are longer than an hour.
    Reference: Page (1954), Continuous inspection schemes.

    >>> from detectors.examples import context, day
    >>> blocks = DayBlocks(context(meters=6), DayBlocksParams())
    >>> kwh = np.full((24, 6), 0.5)
    >>> for number in range(30):
    ...     blocks.learn(day(kwh, number=number), np.ones(6, bool))
    >>> kwh[13:19, 0] = 0.1
    >>> for number in range(30, 40):
    ...     blocks.learn(day(kwh, number=number), np.arange(6) > 0)
    >>> figures = blocks.describe(day(kwh, number=40))
    >>> [round(float(figures[name][0]), 2) for name in ("lowest_block", "lowest_beside_day", "lowest_block_h")]
    [-1.35, -1.14, 13.0]
    """

    name = "day_blocks"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(self, context: AreaContext, params: DayBlocksParams | None = None) -> None:
        self._params = params or DayBlocksParams()
        self._context = context
        self._peers = peer_groups(context)
        self._has_curves = context.interval_minutes <= 60
        count = len(context.area)
        curve = Slab((HOURS, count), _F16, np.nan)
        number = Slab((count,), _F32)
        layout = {
            "days": {
                "longstanding": curve,
                "recent": curve,
                "usual_night_kwh": Slab((count,), _F32, np.nan),
                "nothing_share": Slab((count,), _F32, np.nan),
                "night_fall_cusum": number,
                "night_rise_cusum": number,
                "night_scale": Slab((count,), _F32, 0.3),
                "learnt": Slab((count,), np.uint8),
            }
        }
        self._pages = StatePages("day_blocks/1", layout)
        self._days: dict[str, NDArray[Any]] = {name: self._pages.array("days", name) for name in layout["days"]}
        self._now = OfTheDay(self._recently)

    # --- reading

    def describe(self, day: AreaCurves) -> dict[str, F64]:
        known = self._known()
        if not self._has_curves:
            return _FIGURES.bounded({}, known)
        now = self._now(day)
        recent, longstanding = whole(now["recent"]), whole(self._days["longstanding"].astype(np.float64))
        change = np.log((_blocks(recent) + _STANDBY_KWH) / (_blocks(longstanding) + _STANDBY_KWH))
        of_the_day = np.log((recent.sum(axis=0) + _STANDBY_KWH) / (longstanding.sum(axis=0) + _STANDBY_KWH))
        lowest, highest = change.min(axis=0), change.max(axis=0)
        at = np.where(lowest == lowest, change, 0.0).argmin(axis=0)
        peak = np.log((recent.max(axis=0) + _STANDBY_KWH) / (longstanding.max(axis=0) + _STANDBY_KWH))
        figures = {
            "lowest_block": lowest - self._peers.median(lowest),
            "highest_block": highest - self._peers.median(highest),
            "lowest_beside_day": lowest - of_the_day,
            "highest_beside_day": highest - of_the_day,
            "lowest_block_h": np.where(lowest == lowest, at.astype(np.float64), np.nan),
            "peak_change": peak,
        }
        for name in ("nothing_share", "night_fall_cusum", "night_rise_cusum"):
            figures[name] = now[name]
        return _FIGURES.bounded(figures, known)

    def _known(self) -> NDArray[np.bool_]:
        return np.asarray(self._days["learnt"] >= self._params.warm_up_days)

    def _recently(self, day: AreaCurves) -> dict[str, F64]:
        """What is remembered of recent days, with this day taken in; the night's own figures beside it."""
        p, days, enough = self._params, self._days, DayEnergy.of(day, self._context).enough
        kwh = np.where(enough, day.hourly["energy_kwh"], np.nan)
        measured = np.count_nonzero(kwh == kwh, axis=0)
        nothing = np.where(measured > 0, np.count_nonzero(kwh == 0, axis=0) / np.maximum(measured, 1), np.nan)
        night_kwh = _night(kwh)
        usual_kwh = np.where(self._known(), days["usual_night_kwh"], np.nan).astype(np.float64)
        ratio = np.log((night_kwh + _STANDBY_KWH / 2) / (usual_kwh + _STANDBY_KWH / 2))
        deviation = ratio - self._peers.median(ratio)
        score = np.clip(deviation / np.maximum(days["night_scale"], _LEAST_SCALE), -3, 3)
        judged = score == score
        fall, rise = days["night_fall_cusum"].astype(np.float64), days["night_rise_cusum"].astype(np.float64)
        return {
            "today": kwh,
            "night_kwh": night_kwh,
            "night_deviation": deviation,
            "recent": moved(days["recent"], kwh, p.recent_rate, enough),
            "nothing_share": moved(days["nothing_share"], nothing, 0.3, enough),
            "night_fall_cusum": np.where(judged, np.clip(fall - score - p.slack, 0, 60), fall),
            "night_rise_cusum": np.where(judged, np.clip(rise + score - p.slack, 0, 60), rise),
        }

    # --- learning

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:
        days = self._days
        usual_day = DayEnergy.of(day, self._context).enough & trusted
        if self._has_curves:
            now = self._now(day)
            for name in ("recent", "nothing_share", "night_fall_cusum", "night_rise_cusum"):
                keep(days[name], now[name])
            magnitude = _SD_OVER_MAGNITUDE * np.minimum(np.abs(now["night_deviation"]), _MOST_DEVIATION)
            keep(days["night_scale"], moved(days["night_scale"], magnitude, 0.05, usual_day))
            rate = learning_rate(days["learnt"], 0.08, 0.03, 28)
            keep(days["usual_night_kwh"], moved(days["usual_night_kwh"], now["night_kwh"], rate, usual_day))
            rate = np.maximum(self._params.longstanding_rate, 1.0 / (days["learnt"] + 1.0))
            keep(days["longstanding"], moved(days["longstanding"], now["today"], rate, usual_day))
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


def _blocks(curve: F64) -> F64:
    """kWh of the six hours that begin with each hour, around the clock, (24, meters).

    >>> _blocks(np.arange(24.0)[:, None])[[0, 18, 22], 0].tolist()
    [15.0, 123.0, 51.0]
    """
    around = np.concatenate([np.zeros((1, curve.shape[1])), curve, curve[: BLOCK_H - 1]]).cumsum(axis=0)
    return np.asarray(np.maximum(around[BLOCK_H:] - around[:-BLOCK_H], 0.0))


def _night(kwh: F64) -> F64:
    """kWh of the day's night hours, scaled up to all six; NaN where fewer than four were measured."""
    night = kwh[_NIGHT_HOURS]
    known = night == night
    count = known.sum(axis=0)
    total = np.where(known, night, 0.0).sum(axis=0)
    return np.where(count >= _ENOUGH_OF_NIGHT, total * (len(_NIGHT_HOURS) / np.maximum(count, 1)), np.nan)
