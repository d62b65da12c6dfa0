"""An area's line loss against its own forecast: more lost than its load explains, or less than nothing (LL-01, LL-02)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN
from river.linear_model import BayesianLinearRegression

from detectors.pages import pack_model, unpack_model
from detectors.parameters import check_ranges, parameter
from metering.evidence import AreaContext, AreaHour, Signal

_SCHEMA = "line_loss/1"
_PAGE = "model"
#: An hour's evidence is shown and raises nothing: a customer's theft raises the loss too, and the day's weighing (`day_area`) tells.
_MOST_STRENGTH = 0.75
#: Hours without sun all year round: where plants feed in, only these tell a missing export from a negative loss.
_DARK_HOURS = frozenset({22, 23, 0, 1, 2, 3})


@dataclass(frozen=True, slots=True)
class LineLossParams:
    warm_up_hours: float = parameter(
        240.0, meaning="balanced hours learnt before anything is judged", unit="h", low=48, high=2000, source="replay"
    )
    average_hours: float = parameter(
        48.0, meaning="over how long unexplained loss is averaged", unit="h", low=12, high=336, source="LL-01: days"
    )
    least_coverage: float = parameter(
        0.75, meaning="share of the hour that must be balanced", unit="1", low=0.25, high=1, source="LL-03, proposed"
    )
    set_share: float = parameter(
        0.015,
        meaning="unexplained loss over supplied energy at which the loss is high",
        unit="1",
        low=0.002,
        high=0.2,
        source="replay",
    )
    set_kw: float = parameter(
        0.15, meaning="smallest unexplained loss that matters", unit="kW", low=0.01, high=100, source="proposed"
    )
    over_usual: float = parameter(
        5.0,
        meaning="how far above its usual wandering the averaged unexplained loss must be",
        unit="mean absolute values",
        low=2,
        high=20,
        source="replay",
    )
    absolute_share: float = parameter(
        0.12,
        meaning="loss over supplied energy that is high whatever was learnt",
        unit="1",
        low=0.03,
        high=0.5,
        source="LL-01: 8-10 %, plus the no-load loss of small areas",
    )
    negative_share: float = parameter(
        0.02,
        meaning="metered beyond supplied energy over supplied",
        unit="1",
        low=0.002,
        high=0.2,
        source="LL-02, replay",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(slots=True)
class _Balance:
    """What is remembered between two hours. Energies in kWh per hour of the feed's step; NaN = nothing yet."""

    learnt: int = 0
    reference_kwh: float = math.nan
    supplied_kwh: float = math.nan
    loss_kwh: float = math.nan
    unexplained_kwh: float = math.nan
    usual_kwh: float = math.nan
    dark_loss_kwh: float = math.nan
    dark_supplied_kwh: float = math.nan
    dark_hours: int = 0
    raised: bool = False
    raised_since_s: int = 0
    quiet_hours: int = 0


class LineLoss:
    """Bayesian regression of the loss on the load and its square (copper) and a constant (iron), per area.

    ADWIN watches what it does not explain. Once ADWIN sees a change upwards that matters, the baseline of before is
    frozen and holds the evidence: `high_loss` stays as long as the averaged unexplained loss does, and goes with it. It is shown, and raises
    no alert: what of it is a customer's theft and what the area's own case is weighed when the day closes (`day_area`).
    A loss beyond `absolute_share` is high whatever was learnt. `negative_loss`: customers metered more than was
    supplied. `observed` and `expected` are the averaged and the explained loss in kWh per hour, on the supply meters'
    rows (NaN on all others). Hours that are not trusted, badly covered or outliers are not learnt.
    References: Bishop (2006), section 3.3; Bifet and Gavalda (2007), ADWIN.

    >>> from detectors.examples import context
    >>> loss = LineLoss(context(meters=3, supply=True), LineLossParams())
    >>> for i in range(600):
    ...     load = 20 + 10 * math.sin(i / 24 * 2 * math.pi)
    ...     lost = 0.2 + 0.001 * load**2 + (1.5 if i >= 500 else 0)
    ...     hour = AreaHour("TA", 3600 * i, load + lost, load, 1.0)
    ...     high, negative = loss.score(hour)
    ...     loss.learn(hour, trusted=True)
    >>> high.strength.tolist(), round(float(high.observed[2] - high.expected[2]), 1), float(negative.strength[2])
    ([nan, nan, 0.75], 1.3, 0.0)
    """

    name = "line_loss"
    abnormalities: tuple[str, ...] = ("high_loss", "negative_loss")

    def __init__(self, context: AreaContext, params: LineLossParams) -> None:
        self._params = params
        self._context = context
        self._rows = context.area.is_supply
        self._step_hours = max(1.0, context.interval_minutes / 60)
        self._rate = min(0.5, self._step_hours / params.average_hours)
        self._warm_up = max(10.0, params.warm_up_hours / self._step_hours)
        self._sun = bool(context.area.has_generation.any()) and context.interval_minutes <= 60
        rated = sum(m.rated_kva or 0.0 for m in context.area.meters if m.role == "supply")
        # No-load loss of a distribution transformer: 0.2-0.4 % of its rating.
        self._iron_kwh = 0.004 * rated * self._step_hours
        self._begin()
        self._dirty = False

    def _begin(self) -> None:
        self._model: Any = BayesianLinearRegression(alpha=1000.0, smoothing=0.999)
        self._drift = self._fresh_drift()
        self._now = _Balance()

    def _fresh_drift(self) -> Any:
        watcher: Any = ADWIN  # River's signatures carry no types
        return watcher(delta=0.002, clock=max(1, int(8 / self._step_hours)))

    # --- judging

    def score(self, hour: AreaHour) -> list[Signal]:
        now = self._now
        if not self._usable(hour) or now.learnt < self._warm_up:
            unknown = math.nan
            return [
                self._signal("high_loss", unknown, unknown, unknown),
                self._signal("negative_loss", unknown, unknown, unknown),
            ]
        above = now.unexplained_kwh / self._threshold_kwh()
        high = 0.8 * above if now.raised else min(0.4 * above, 0.4)
        high = max(high, self._absolute())
        explained = now.loss_kwh - now.unexplained_kwh
        return [
            self._signal("high_loss", high, now.loss_kwh, explained),
            self._signal("negative_loss", self._negative(), now.loss_kwh, explained),
        ]

    def _threshold_kwh(self) -> float:
        """The averaged unexplained loss at which it is high."""
        p, now = self._params, self._now
        usual = now.usual_kwh if now.usual_kwh == now.usual_kwh else 0.0
        return max(p.set_share * now.supplied_kwh, p.set_kw * self._step_hours, p.over_usual * usual)

    def _absolute(self) -> float:
        now = self._now
        if self._iron_kwh <= 0 or now.supplied_kwh <= self._iron_kwh:
            return 0.0
        share = (now.loss_kwh - self._iron_kwh) / now.supplied_kwh / self._params.absolute_share
        return min(share, 1.0) if share >= 0.8 else 0.0

    def _negative(self) -> float:
        now = self._now
        if now.dark_hours * self._step_hours < self._params.average_hours:
            return 0.0
        least = max(self._params.negative_share * now.dark_supplied_kwh, self._params.set_kw * self._step_hours)
        return 0.8 * -now.dark_loss_kwh / least

    def _signal(self, code: str, strength: float, observed: float, expected: float) -> Signal:
        def on_supply(value: float) -> NDArray[np.float64]:
            return np.where(self._rows, value, np.nan)

        bounded = on_supply(min(max(strength, 0.0), _MOST_STRENGTH) if strength == strength else strength)
        since = np.where(self._rows, self._now.raised_since_s if code == "high_loss" else 0, 0)
        per_hour = 1 / self._step_hours
        return Signal(
            self.name,
            code,
            bounded.astype(np.float32),
            on_supply(observed * per_hour),
            on_supply(expected * per_hour),
            "kWh",
            since,
        )

    # --- learning

    def _usable(self, hour: AreaHour) -> bool:
        return (
            math.isfinite(hour.supplied_kwh)
            and math.isfinite(hour.metered_kwh)
            and hour.coverage >= self._params.least_coverage
        )

    def learn(self, hour: AreaHour, trusted: bool) -> None:
        if not self._usable(hour):
            return
        self._dirty = True
        now = self._now
        # A partly balanced hour is scaled to a whole one.
        supplied, loss = hour.supplied_kwh / hour.coverage, hour.loss_kwh / hour.coverage
        if now.reference_kwh != now.reference_kwh:
            now.reference_kwh = max(abs(supplied), 0.1)
        load = supplied / now.reference_kwh
        features = {"iron": 1.0, "load": load, "copper": load * load}
        explained = (
            now.reference_kwh * float(self._model.predict_one(features))
            if now.learnt >= 24 / self._step_hours
            else loss
        )
        unexplained = loss - explained
        now.supplied_kwh = _average(now.supplied_kwh, abs(supplied), self._rate)
        now.loss_kwh = _average(now.loss_kwh, loss, self._rate)
        now.unexplained_kwh = _average(now.unexplained_kwh, unexplained, self._rate)
        if not self._sun or self._is_dark(hour.hour_start_s):
            now.dark_hours += 1
            now.dark_loss_kwh = _average(now.dark_loss_kwh, loss, self._rate)
            now.dark_supplied_kwh = _average(now.dark_supplied_kwh, abs(supplied), self._rate)
        warm = now.learnt >= self._warm_up
        if warm:
            self._watch(hour, unexplained)
        threshold = self._threshold_kwh()
        calm = now.unexplained_kwh < 0.5 * threshold and unexplained < 4 * threshold
        if trusted and not now.raised and (calm or not warm):
            self._model.learn_one(features, loss / now.reference_kwh)
            now.learnt += 1
            if now.learnt > self._warm_up / 2:
                now.usual_kwh = _average(now.usual_kwh, abs(now.unexplained_kwh), self._rate / 5)

    def _watch(self, hour: AreaHour, unexplained: float) -> None:
        now = self._now
        threshold = self._threshold_kwh()
        # One wild hour must not look like a change: ADWIN sees bounded values.
        self._drift.update(max(-1.0, min(1.0, unexplained / (4 * threshold))))
        above = now.unexplained_kwh / threshold
        if not now.raised and above >= 1 and (self._drift.drift_detected or self._drift.estimation * 4 >= 1):
            now.raised, now.raised_since_s, now.quiet_hours = True, hour.hour_start_s, 0
        elif now.raised:
            now.quiet_hours = now.quiet_hours + 1 if above < 0.4 else 0
            if now.quiet_hours * self._step_hours >= self._params.average_hours:
                now.raised, now.raised_since_s = False, 0
                self._drift = self._fresh_drift()

    def _is_dark(self, epoch_s: int) -> bool:
        moment: datetime = self._context.calendar.local(epoch_s)
        return moment.hour in _DARK_HOURS

    # --- state

    def dump(self) -> dict[str, bytes]:
        if math.isnan(self._now.reference_kwh):
            return {}
        state = {each.name: getattr(self._now, each.name) for each in fields(self._now)}
        return {_PAGE: pack_model(_SCHEMA, (state, self._model, self._drift))}

    def dump_dirty(self) -> dict[str, bytes]:
        dirty, self._dirty = self._dirty, False
        return self.dump() if dirty else {}

    def load(self, pages: dict[str, bytes]) -> None:
        self._begin()
        self._dirty = False
        if _PAGE in pages:
            state, self._model, self._drift = unpack_model(_SCHEMA, pages[_PAGE])
            self._now = _Balance(**state)


def _average(mean: float, value: float, rate: float) -> float:
    return value if mean != mean else mean + rate * (value - mean)
