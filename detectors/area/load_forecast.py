"""What an area will draw tomorrow, by a River model of its own, and what a day was against that (LL-04, LD-04 and its early warning)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN
from river.linear_model import BayesianLinearRegression

from detectors.pages import only_page, pack_model, unpack_model
from detectors.parameters import check_ranges, parameter
from detectors.steps import nothing_found_of_all, step_strength
from metering.evidence import AreaContext, AreaCurves, Signal

JUMP, EXPECTED_OVERLOAD, OVERLOAD = "supply_jump", "overload_expected", "transformer_overload"
_SCHEMA, _PAGE = "load_forecast/2", "model"
_WEEK = 7
#: A load over the rating on one day of a week may be a feast.
_DAYS_HELD = 2
_DAY_TYPES = 3
#: Hours of a day that must be measured for its energy to count; the rest is scaled up.
_FEWEST_HOURS = 18
#: How fast the peak over the mean of a day's type is forgotten, per day of the type, and how the error's size is.
_PEAK_RATE, _ERROR_RATE = 0.2, 0.1
#: One-sided 90 % of a normal error.
_SIGMAS = 1.28
#: Standard deviation of a day's logarithm before anything is known.
_FIRST_ERROR = 0.15


@dataclass(frozen=True, slots=True)
class LoadForecastParams:
    warm_up_days: float = parameter(
        21.0, meaning="learnt days before anything is judged", unit="d", low=8, high=120, source="three weeks: proposed"
    )
    jump_share: float = parameter(
        0.3,
        meaning="departure of the day's supplied energy from its forecast at which it is a jump",
        unit="1",
        low=0.1,
        high=2,
        source="LL-04: 30 % (proposed there)",
    )
    recover_share: float = parameter(
        0.15, meaning="departure under which it is none", unit="1", low=0.02, high=1, source="proposed"
    )
    over_usual: float = parameter(
        3.0, meaning="departure over the forecast's usual error", unit="sigma", low=1, high=10, source="proposed"
    )
    set_load: float = parameter(
        1.0,
        meaning="tomorrow's highest hour (exceeded once in ten) over the transformer's rating at which it is warned of",
        unit="1",
        low=0.5,
        high=2,
        source="before LD-04's 1.2 is reached: proposed",
    )
    recover_load: float = parameter(0.9, meaning="below which it is not", unit="1", low=0.3, high=2, source="proposed")
    lasting_load: float = parameter(
        1.0,
        meaning="load over the transformer's rating, held for two hours on two days of a week, that is an overload",
        unit="1",
        low=0.5,
        high=3,
        source="State Grid: overload is more than 100 % for two hours",
    )
    lasting_recover: float = parameter(
        0.95, meaning="below which it is none", unit="1", low=0.3, high=3, source="proposed"
    )
    power_factor: float = parameter(
        0.95, meaning="of the area's load where none is measured, to compare kW with kVA", unit="1", low=0.5, high=1, source="proposed"
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(slots=True)
class _Known:
    """What is remembered: the last week's daily energies (kWh), peaks over means by type of day, the error's variance."""

    week_kwh: list[float] = field(default_factory=list)
    week_load: list[float] = field(default_factory=list)
    """The last week's loads over the rating that were held for two hours."""
    peak_over_mean: list[float] = field(default_factory=lambda: [math.nan] * _DAY_TYPES)
    variance: float = _FIRST_ERROR**2
    learnt: int = 0
    drifted_on: int = 0
    """Ordinal of the day on which the model last was seen to have drifted; 0 = never."""


@dataclass(frozen=True, slots=True)
class Load:
    """An area's closed day and its forecasts: kWh of the day, kW of tomorrow's highest hour; NaN = not known."""

    day_ordinal: int
    day_type: int
    supplied_kwh: float
    forecast_kwh: float
    peak_over_mean: float
    tomorrow_peak_kw: float
    held_load: float
    """Over the rating, the most that was held for two hours; NaN = not known."""


class LoadForecast:
    """Daily energy of an area, from its own days, for the next day; and the highest hour that goes with it.

    A Bayesian regression (River) of the logarithm of a day's energy over the last week's mean on yesterday, the same weekday a week
    ago and the type of day; ADWIN watches its error. `supply_jump`: the day was far from its forecast. `overload_expected`: tomorrow's
    highest hour, exceeded once in ten days, reaches the transformer's rating: so the control room hears of an overload the evening before.
    `transformer_overload`: more than the rating was held for two hours, on two days of a week; what is far beyond it in an interval is another rule's.
    Evidence stands in the supply meters' rows; an area without a supply meter or a day with gaps is not judged.
    References: Bishop (2006), section 3.3; Bifet and Gavalda (2007), ADWIN.

    >>> from detectors.examples import context, day
    >>> forecast = LoadForecast(context(meters=2, supply=True, fields={"rated_kva": [None, 10.0]}), LoadForecastParams())
    >>> for number in range(40):
    ...     load = forecast.judge(day(np.full((24, 2), 6.0 + 0.1 * (number % 7)), number=number))
    ...     forecast.learn(load)
    >>> round(load.forecast_kwh), round(load.supplied_kwh)
    (149, 154)
    >>> jump, expected, overload = forecast.signals(forecast.judge(day(np.full((24, 2), 12.0), number=40)))
    >>> jump.strength.tolist(), expected.strength.tolist(), overload.strength.tolist()
    ([nan, 1.0], [nan, 0.0], [nan, 0.0])
    """

    name = "load_forecast"
    abnormalities: tuple[str, ...] = (JUMP, EXPECTED_OVERLOAD, OVERLOAD)

    def __init__(self, context: AreaContext, params: LoadForecastParams) -> None:
        self._params = params
        self._context = context
        self._supply = context.area.is_supply
        ratings = [m.rated_kva for m in context.area.meters if m.role == "supply"]
        self._rated_kva = math.nan
        if ratings and all(rating is not None for rating in ratings):
            self._rated_kva = sum(rating or 0.0 for rating in ratings)
        self._rated_kw = params.power_factor * self._rated_kva
        self._dirty = False
        self._begin()

    def _begin(self) -> None:
        self._known = _Known()
        self._model: Any = BayesianLinearRegression(alpha=1.0, beta=400.0, smoothing=0.99)
        self._drift: Any = ADWIN(delta=0.002)  # type: ignore[no-untyped-call]

    # --- judging

    def judge(self, day: AreaCurves) -> Load:
        """The day against what was forecast for it, and tomorrow's forecast; changes nothing."""
        hourly = np.asarray(day.hourly["energy_kwh"][:, self._supply].sum(axis=1))
        measured = hourly[hourly == hourly]
        supplied_kwh = peak_over_mean = math.nan
        if self._supply.any() and len(measured) >= _FEWEST_HOURS and measured.mean() > 0:
            supplied_kwh = float(measured.mean() * len(hourly))
            peak_over_mean = float(measured.max() / measured.mean())
        forecast_kwh = self._forecast(self._known.week_kwh, day.day_type)
        return Load(
            day.day_ordinal,
            day.day_type,
            supplied_kwh,
            forecast_kwh,
            peak_over_mean,
            self._tomorrow(day, supplied_kwh),
            self._held_load(day),
        )

    def _held_load(self, day: AreaCurves) -> float:
        """Over the rating, the most apparent power that two hours on end did not go below; NaN where nothing is known of it."""
        energy, factor = (day.hourly[name][:, self._supply] for name in ("energy_kwh", "power_factor"))
        measured = np.count_nonzero((energy == energy).all(axis=1))
        if not energy.size or math.isnan(self._rated_kva) or measured < _FEWEST_HOURS:
            return math.nan
        factor = np.where(factor == factor, np.clip(np.abs(factor), 0.5, 1.0), self._params.power_factor)
        load = (energy / factor).sum(axis=1) / self._rated_kva
        held = np.minimum(load[:-1], load[1:])
        known = held == held
        return float(held[known].max()) if known.any() else math.nan

    def _forecast(self, week_kwh: list[float], day_type: int) -> float:
        """kWh of the day that follows `week_kwh`; NaN while too little is known."""
        if self._known.learnt < self._params.warm_up_days or len(week_kwh) < _WEEK:
            return math.nan
        return float(np.mean(week_kwh) * math.exp(self._model.predict_one(_features(week_kwh, day_type))))

    def _tomorrow(self, day: AreaCurves, supplied_kwh: float) -> float:
        """kW of tomorrow's highest hour that is exceeded once in ten; NaN while too little is known."""
        if math.isnan(supplied_kwh):
            return math.nan
        day_type = self._context.day_type(date.fromordinal(day.day_ordinal + 1))
        expected_kwh = self._forecast([*self._known.week_kwh, supplied_kwh][-_WEEK:], day_type)
        margin = math.exp(_SIGMAS * math.sqrt(self._known.variance))
        return expected_kwh / 24 * self._known.peak_over_mean[day_type] * margin

    def signals(self, load: Load) -> list[Signal]:
        """Evidence of each on the supply meters' rows, (meters,); observed and expected in kWh a day, in kW, and in kVA."""
        found = nothing_found_of_all(
            self.name, np.zeros(len(self._supply), dtype=np.bool_), "kWh/d", *self.abnormalities
        )
        judged = math.isfinite(load.supplied_kwh) and math.isfinite(load.forecast_kwh)
        if judged:
            found[0] = self._jump(load)
        if math.isfinite(load.tomorrow_peak_kw) and math.isfinite(self._rated_kw):
            ratio = self._on_supply(load.tomorrow_peak_kw / self._rated_kw)
            found[1] = Signal(
                self.name,
                EXPECTED_OVERLOAD,
                step_strength(ratio, self._params.recover_load, self._params.set_load),
                self._on_supply(load.tomorrow_peak_kw),
                self._on_supply(self._rated_kw),
                "kW",
            )
        week = sorted([*self._known.week_load, load.held_load][-_WEEK:])
        if math.isfinite(load.held_load) and len(week) >= _DAYS_HELD:
            found[2] = self._overload(week[-_DAYS_HELD])
        return found

    def _overload(self, held: float) -> Signal:
        """Of a load over the rating that was held on days enough."""
        load = self._on_supply(held)
        strength = step_strength(load, self._params.lasting_recover, self._params.lasting_load)
        rated_kva = self._on_supply(self._rated_kva)
        return Signal(self.name, OVERLOAD, strength, load * self._rated_kva, rated_kva, "kVA")

    def _jump(self, load: Load) -> Signal:
        departure = abs(math.log(load.supplied_kwh / load.forecast_kwh))
        p, usual = self._params, math.sqrt(self._known.variance)
        # as a share of where it counts: beyond the share asked for, and beyond what the forecast usually misses
        counts_from = max(math.log1p(p.jump_share), p.over_usual * usual)
        recover = math.log1p(p.recover_share) / math.log1p(p.jump_share)
        return Signal(
            self.name,
            JUMP,
            step_strength(self._on_supply(departure / counts_from), recover, 1.0),
            self._on_supply(load.supplied_kwh),
            self._on_supply(load.forecast_kwh),
            "kWh/d",
        )

    def _on_supply(self, value: float) -> NDArray[np.float64]:
        return np.where(self._supply, value, np.nan)

    # --- learning

    @property
    def drifted_on(self) -> int:
        """Ordinal of the day on which the area's load was last seen to follow other rules than before; 0 = never."""
        return self._known.drifted_on

    def learn(self, load: Load) -> None:
        """Take the day in; a day with gaps, or a jump of many times, moves nothing but the week."""
        known = self._known
        if math.isfinite(load.held_load):
            known.week_load, self._dirty = [*known.week_load, load.held_load][-_WEEK:], True
        if math.isnan(load.supplied_kwh):
            return
        self._dirty = True
        if len(known.week_kwh) == _WEEK:
            target = math.log(load.supplied_kwh / float(np.mean(known.week_kwh)))
            features = _features(known.week_kwh, load.day_type)
            error = target - self._model.predict_one(features)
            self._model.learn_one(features, max(-1.0, min(1.0, target)))
            # River works its mean out when it is next asked; now, so that judging changes nothing
            self._model.predict_one(features)
            known.variance += _ERROR_RATE * (min(error * error, 9 * known.variance) - known.variance)
            self._drift.update(abs(error))
            if self._drift.drift_detected:
                known.drifted_on = load.day_ordinal
            known.learnt += 1
        usual = known.peak_over_mean[load.day_type]
        known.peak_over_mean[load.day_type] = (
            load.peak_over_mean if math.isnan(usual) else usual + _PEAK_RATE * (load.peak_over_mean - usual)
        )
        known.week_kwh = [*known.week_kwh, load.supplied_kwh][-_WEEK:]

    # --- state

    def dump(self) -> dict[str, bytes]:
        if not self._known.week_kwh and not self._known.week_load:
            return {}
        return {_PAGE: pack_model(_SCHEMA, (self._known, self._model, self._drift))}

    def dump_dirty(self) -> dict[str, bytes]:
        dirty, self._dirty = self._dirty, False
        return self.dump() if dirty else {}

    def load(self, pages: dict[str, bytes]) -> None:
        self._dirty = False
        self._begin()
        page = only_page(_SCHEMA, _PAGE, pages)
        if page is not None:
            self._known, self._model, self._drift = unpack_model(_SCHEMA, page)


def _features(week_kwh: list[float], day_type: int) -> dict[str, float]:
    mean = float(np.mean(week_kwh))
    return {
        "always": 1.0,
        "yesterday": math.log(week_kwh[-1] / mean),
        "week_ago": math.log(week_kwh[0] / mean),
        "saturday": float(day_type == 1),
        "sunday": float(day_type == 2),
    }
