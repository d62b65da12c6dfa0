"""How much each meter uses by the day against what is usual for it, and for how long it has been more or less (EN-08)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64, DayEnergy, Figure, Figures, OfTheDay, count_up, keep, learning_rate, moved
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.peers import peer_groups
from metering.evidence import AreaContext, AreaCurves

_F32 = np.float32
#: So much is added before a logarithm is taken, so that an empty home's few watts do not look like a multiple.
_STANDBY_KWH = 0.3
_LEAST_SCALE = 0.12
#: For so many learnt days the usual level is found rather than kept.
_EARLY_DAYS = 28
_MOST_DEVIATION = 0.9
#: A normal deviation's standard deviation over its mean magnitude.
_SD_OVER_MAGNITUDE = 1.25
#: How fast the farthest level that a meter was at is forgotten, per day.
_FARTHEST_FADES = 0.97

_FIGURES = Figures(
    {
        "log_level": Figure("log of recent (some three days) over usual daily energy, less the class's movement", -8, 8),
        "slow_level": Figure("log of recent energy over that of a memory of some three months, less the class's movement", -8, 8),
        "class_movement": Figure("median of log(recent over usual) in the meter's class: weather, season, holidays", -8, 8),
        "fall_cusum": Figure("accumulated days below usual, in robust sigma beyond the slack", 0, 60),
        "rise_cusum": Figure("accumulated days above usual, in robust sigma beyond the slack", 0, 60),
        "fall_kwh": Figure("kWh a day by which recent use stays behind usual use as the class moves", -1e5, 1e5),
        "log_usual": Figure("log of the usual daily energy in kWh, plus 0.1", -2.5, 15),
        "log_today": Figure("log of today's over usual energy, less the class's movement today; unknown on a day with gaps", -8, 8),
        "lowest_3d": Figure("lowest log_today of the last three measured days", -8, 8),
        "highest_3d": Figure("highest log_today of the last three measured days: low when all three fell", -8, 8),
        "regained": Figure("how far log_level is above the lowest it was, which is forgotten by 3 % a day", 0, 16),
        "subsided": Figure("how far log_level is below the highest it was, which is forgotten by 3 % a day", 0, 16),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayLevelParams:
    warm_up_days: float = parameter(
        10.0, meaning="learnt days before a meter's level is described", unit="d", low=3, high=90, source="proposed"
    )
    recent_rate: float = parameter(
        0.3, meaning="weight of today in the recent level", unit="1/d", low=0.05, high=1, source="prototype"
    )
    early_rate: float = parameter(
        0.08, meaning="weight of a day in the usual level at first", unit="1/d", low=0.01, high=0.5, source="prototype"
    )
    late_rate: float = parameter(
        0.03,
        meaning="weight of a day in the usual level after four weeks",
        unit="1/d",
        low=0.002,
        high=0.5,
        source="prototype",
    )
    longstanding_rate: float = parameter(
        0.012,
        meaning="weight of a day in the longstanding level, once a plain mean has come down to it",
        unit="1/d",
        low=0.004,
        high=0.2,
        source="replay: a slow ramp must not become usual",
    )
    slack: float = parameter(
        0.7, meaning="daily deviation that costs nothing", unit="robust sigma", low=0.1, high=3, source="CUSUM k"
    )
    suspected_fall: float = parameter(
        15.0,
        meaning="accumulated fall above which a meter's days are not learnt as usual",
        unit="robust sigma",
        low=3,
        high=60,
        source="prototype",
    )
    suspected_rise: float = parameter(
        20.0,
        meaning="accumulated rise above which a meter's days are not learnt as usual",
        unit="robust sigma",
        low=3,
        high=60,
        source="prototype",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class DayLevel:
    """The level of daily energy, as logarithms less what the meter's class in this area does; a two-sided CUSUM over days.

    A day moves the CUSUMs by at most 3 robust sigma less the slack, so that no single day makes a case; they are bounded at 60, so that
    what is over is over within weeks. Suspected meters' days are learnt as recent, not as usual, trusted or not. Works alike on
    intervals and on daily energies. Figures are NaN for supply meters and for a meter's first ten learnt days.
    Reference: Page (1954), Continuous inspection schemes.

    >>> from detectors.examples import context, day
    >>> level = DayLevel(context(meters=6), DayLevelParams())
    >>> for number in range(40):
    ...     kwh = np.full((24, 6), 0.4)
    ...     kwh[:, 0] *= 0.5 if number >= 30 else 1.0
    ...     level.learn(day(kwh, number=number), np.ones(6, bool))
    >>> figures = level.describe(day(kwh, number=40))
    >>> [round(float(figures[name][0]), 2) for name in ("log_level", "fall_cusum", "fall_kwh")], level.suspected().tolist()
    ([-0.6, 19.33, 4.3], [True, False, False, False, False, False])
    """

    name = "day_level"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(self, context: AreaContext, params: DayLevelParams | None = None) -> None:
        self._params = params or DayLevelParams()
        self._context = context
        self._peers = peer_groups(context)
        count = len(context.area)
        unknown = Slab((count,), _F32, np.nan)
        nothing = Slab((count,), _F32)
        layout = {
            "days": {
                "usual_kwh": unknown,
                "longstanding_kwh": unknown,
                "recent_kwh": unknown,
                "before_1": unknown,
                "before_2": unknown,
                "fall_cusum": nothing,
                "rise_cusum": nothing,
                "lowest": nothing,
                "highest": nothing,
                "scale": Slab((count,), _F32, 0.3),
                "learnt": Slab((count,), np.uint8),
            }
        }
        self._pages = StatePages("day_level/1", layout)
        self._days: dict[str, NDArray[Any]] = {name: self._pages.array("days", name) for name in layout["days"]}
        self._after_it = OfTheDay(self._after)

    # --- reading

    def describe(self, day: AreaCurves) -> dict[str, F64]:
        return _FIGURES.bounded(self._after_it(day), self._known())

    @property
    def learnt_days(self) -> NDArray[np.int64]:
        """(meters,): days that were learnt as usual, 255 at most."""
        return np.asarray(self._days["learnt"], dtype=np.int64)

    def suspected(self) -> NDArray[np.bool_]:
        """Whose use has left its usual level, as of the last day learnt, (meters,): let their days not be learnt as usual.

        Ask after this expert has learnt the day and before the others do.
        """
        return self._suspected(self._days["fall_cusum"], self._days["rise_cusum"])

    def _suspected(self, fall: NDArray[Any], rise: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray((fall > self._params.suspected_fall) | (rise > self._params.suspected_rise))

    def _known(self) -> NDArray[np.bool_]:
        return np.asarray(self._days["learnt"] >= self._params.warm_up_days)

    def _after(self, day: AreaCurves) -> dict[str, F64]:
        """The figures, and what is remembered, as they are with this day taken in; what is usual stays."""
        p, days = self._params, self._days
        energy = DayEnergy.of(day, self._context)
        known = self._known()
        usual = np.where(known, days["usual_kwh"], np.nan).astype(np.float64)
        today = np.where(energy.enough, energy.kwh, np.nan)
        recent = moved(days["recent_kwh"], today, p.recent_rate, energy.enough)
        level, movement = self._less_the_class(recent, usual)
        deviation, _ = self._less_the_class(today, usual)
        score = np.clip(deviation / np.maximum(days["scale"], _LEAST_SCALE), -3, 3)
        score = np.where(score == score, score, 0.0)
        judged = deviation == deviation
        fall = np.where(judged, np.clip(days["fall_cusum"] - score - p.slack, 0, 60), days["fall_cusum"])
        rise = np.where(judged, np.clip(days["rise_cusum"] + score - p.slack, 0, 60), days["rise_cusum"])
        slow_level, _ = self._less_the_class(recent, np.where(known, days["longstanding_kwh"], np.nan))
        lowest = np.fmin(_FARTHEST_FADES * days["lowest"].astype(np.float64), level)
        highest = np.fmax(_FARTHEST_FADES * days["highest"].astype(np.float64), level)
        last_three = np.stack([deviation, days["before_1"], days["before_2"]])
        return {
            "log_level": level,
            "slow_level": slow_level,
            "class_movement": movement,
            "fall_cusum": fall,
            "rise_cusum": rise,
            "fall_kwh": usual * np.exp(np.clip(movement, -8, 8)) - recent,
            "log_usual": np.log(usual + 0.1),
            "log_today": deviation,
            "lowest_3d": np.fmin.reduce(last_three),
            "highest_3d": np.fmax.reduce(last_three),
            "regained": level - lowest,
            "subsided": highest - level,
            "recent_kwh": recent,
            "today_kwh": today,
            "lowest": lowest,
            "highest": highest,
        }

    def _less_the_class(self, kwh: F64, usual: F64) -> tuple[F64, F64]:
        """(log of energy over usual less its median in the class, that median)."""
        ratio = np.log((kwh + _STANDBY_KWH) / (usual + _STANDBY_KWH))
        movement = self._peers.median(ratio)
        return ratio - movement, movement

    # --- learning

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:
        p, days = self._params, self._days
        after = self._after_it(day)
        deviation, today = after["log_today"], after["today_kwh"]
        for name in ("recent_kwh", "fall_cusum", "rise_cusum", "lowest", "highest"):
            keep(days[name], after[name])
        judged = deviation == deviation
        days["before_2"][judged] = days["before_1"][judged]
        keep(days["before_1"], np.where(judged, deviation, days["before_1"]))
        usual_day = trusted & (today == today) & ~self.suspected()
        scale = days["scale"]
        magnitude = _SD_OVER_MAGNITUDE * np.minimum(np.abs(deviation), _MOST_DEVIATION)
        keep(scale, moved(scale, magnitude, 0.05, usual_day))
        # A fall in doubt is learnt the less, so that it has not become usual by the time it is suspected; not in the first weeks,
        # when it may be the usual level that is wrong, and no rise: an empty home seems to rise while its class falls.
        doubt = np.where(days["learnt"] < _EARLY_DAYS, 0.0, days["fall_cusum"] / p.suspected_fall)
        rate = learning_rate(days["learnt"], p.early_rate, p.late_rate, _EARLY_DAYS) * np.clip(1 - doubt, 0, 1)
        keep(days["usual_kwh"], moved(days["usual_kwh"], today, rate, usual_day))
        rate = np.maximum(p.longstanding_rate, 1.0 / (days["learnt"] + 1.0))
        keep(days["longstanding_kwh"], moved(days["longstanding_kwh"], today, rate, usual_day))
        count_up(days["learnt"], usual_day)
        self._after_it.forget()
        self._pages.touch("days")

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._after_it.forget()
