"""Harmless explanations of what a meter's day looks like, by name: how well each fits, and what would then be true.

An explanation never clears a meter: where the area's loss or the meter's voltage says that energy still flows, it does not fit. It is shown
beside the suspicion, so that who drives there knows what to ask first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detectors.case.figure_words import Both, percent
from metering.alert import Reason
from metering.evidence import AreaContext
from metering.times import DAY_S

F64 = NDArray[np.float64]
#: What fits less well is not shown.
SHOWN_FROM = 0.35
#: The figures that any explanation looks at.
LOOKED_AT = frozenset(
    {
        "balance_fallen_z",
        "business_change",
        "class_movement",
        "event_strength",
        "fall_cusum",
        "highest_beside_day",
        "implied_gap_size",
        "likeness",
        "log_level",
        "lowest_beside_day",
        "lowest_block_h",
        "neutral_difference_size",
        "night_level",
        "peak_change",
        "peak_over_contract",
        "phase_loss_rise_kwh",
        "register_gap_size",
        "reversed_share",
        "spread_change",
        "steps_change",
        "undeclared_export",
        "unseen_cusum",
        "unseen_with_missed_z",
        "weekend_change",
    }
)
#: By how much an explanation that helps lowers the log-odds where it fits fully: fitted on development worlds 244 and 245.
LOWERS = 0.7
#: An archive change, or hours without readings, so long ago may be a new tenant's.
_RECENT_S = 45 * DAY_S
#: How well "no energy is lost" fits where nothing measures it.
_LOSS_UNKNOWN = 0.7
#: A car's charger (kW).
_CHARGER_KW = (2.5, 11.5)


@dataclass(frozen=True)
class Day:
    """What the explanations look at: the day's figures by name, (meters,) each, and what the archive says."""

    figures: Mapping[str, F64]
    is_business: NDArray[np.bool_]
    contracted_kw: F64
    generates: NDArray[np.bool_]
    changed_lately: NDArray[np.bool_]

    def of(self, name: str) -> F64:
        """A figure, NaN where the feed cannot give it."""
        if name not in LOOKED_AT:
            raise KeyError(name)
        values = self.figures.get(name)
        return np.full(len(self.is_business), np.nan) if values is None else values

    def rises(self, name: str, low: float, high: float, *, unknown: float = 0.0) -> F64:
        """0 up to `low`, 1 from `high` on, linear between; `high` below `low` means the smaller the better."""
        fit = np.clip((self.of(name) - low) / (high - low), 0.0, 1.0)
        return np.where(fit == fit, fit, unknown)

    def size(self, name: str, low: float, high: float) -> F64:
        """As `rises`, of the figure's size, whichever way."""
        fit = np.clip((np.abs(self.of(name)) - low) / (high - low), 0.0, 1.0)
        return np.where(fit == fit, fit, 0.0)

    @cached_property
    def nothing_lost(self) -> F64:
        """How well it fits that what is no longer registered no longer flows."""
        return (
            self.rises("balance_fallen_z", 5, 2, unknown=_LOSS_UNKNOWN)
            * self.rises("unseen_with_missed_z", 6, 3, unknown=_LOSS_UNKNOWN)
            * self.rises("unseen_cusum", 15, 5, unknown=1.0)
            * self.rises("phase_loss_rise_kwh", 6, 2, unknown=1.0)
        )

    @cached_property
    def sound_meter(self) -> F64:
        """How well it fits that the meter itself is in order: no event, and its registers and its current agree with its energy."""
        return (
            self.rises("event_strength", 0.6, 0.2, unknown=1.0)
            * self.rises("implied_gap_size", 0.15, 0.06, unknown=1.0)
            * self.rises("register_gap_size", 0.1, 0.02, unknown=1.0)
            * self.rises("neutral_difference_size", 0.2, 0.08, unknown=1.0)
            * self.rises("reversed_share", 0.3, 0.1, unknown=1.0)
        )


def vacancy(day: Day) -> F64:
    """Nobody is there: what is left is small and as good as constant, all hours fell alike, and nothing is lost."""
    return _stands_still(day) * ~day.is_business


def closure(day: Day) -> F64:
    """A business stands still: as a vacancy, at a business."""
    return _stands_still(day) * day.is_business


def _stands_still(day: Day) -> F64:
    return (
        day.rises("log_level", -0.5, -1.2)
        * day.rises("peak_change", -0.3, -0.8)
        * day.rises("lowest_beside_day", -0.5, -0.2)
        * day.nothing_lost
        * day.sound_meter
    )


def new_tenant(day: Day) -> F64:
    """Other people live there: level and shape of the day changed at once; a change of the archive makes it likelier."""
    told = np.where(day.changed_lately, 1.0, 0.6)
    return day.size("log_level", 0.2, 0.6) * day.rises("likeness", 0.8, 0.5) * told * day.nothing_lost * day.sound_meter


def holiday(day: Day) -> F64:
    """The whole class moves: what looks like this meter's change is a holiday's or a season's."""
    return day.size("class_movement", 0.15, 0.4) * day.rises("fall_cusum", 20, 8, unknown=0.5) * day.sound_meter


def solar_panels(day: Day) -> F64:
    """Panels on the roof: only the hours around noon fell, nights are as before, perhaps some energy flows back."""
    hour = day.of("lowest_block_h")
    around_noon = np.where((hour >= 7) & (hour <= 13), 1.0, 0.0)
    shown = np.where(day.generates | (day.rises("undeclared_export", 0.0, 0.02) > 0), 1.0, 0.5)
    return (
        around_noon
        * day.rises("lowest_beside_day", -0.2, -0.5)
        * day.rises("night_level", -0.6, -0.3, unknown=0.5)
        * shown
        * day.rises("event_strength", 0.6, 0.2, unknown=1.0)
    )


def electric_vehicle(day: Day) -> F64:
    """A car is charged: some evening or night hours rose by the power of a charger."""
    peak_kw = day.of("peak_over_contract") * day.contracted_kw
    added_kw = peak_kw * (1 - np.exp(-day.of("peak_change")))
    fits = np.where((added_kw >= _CHARGER_KW[0]) & (added_kw <= _CHARGER_KW[1]), 1.0, 0.0)
    return fits * day.rises("highest_beside_day", 0.15, 0.4) * day.rises("night_level", 0.0, 0.4) * day.sound_meter


def shift_change(day: Day) -> F64:
    """A business works other hours or other days."""
    hours = np.maximum(day.size("business_change", 0.25, 0.6), day.size("weekend_change", 0.25, 0.6))
    return day.is_business * hours * day.nothing_lost * day.sound_meter


def heating_or_cooling(day: Day) -> F64:
    """A heat pump or an air conditioner: more energy in a smoother day, most at night or as the class moves with the weather."""
    smoother = np.maximum(day.rises("steps_change", -0.1, -0.35), day.rises("spread_change", -0.1, -0.35))
    weather = np.maximum(day.size("class_movement", 0.05, 0.2), day.rises("night_level", 0.2, 0.6))
    return day.rises("log_level", 0.2, 0.6) * smoother * weather * day.sound_meter


@dataclass(frozen=True, slots=True)
class Explanation:
    """One harmless explanation: its name, how well it fits (meters,) in 0..1, and what a person is told.

    `lowers` is by how much it lowers a suspicion's log-odds where it fits fully. The prior has weighed most of it already: on
    development worlds only those that stand here with more than 0 made its ranking better.
    """

    name: str
    fits: Callable[[Day], F64]
    says: Both
    lowers: float = 0.0


EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        "vacancy",
        vacancy,
        Both(
            "perhaps nobody lives there now: all hours fell alike to very little, and no energy is lost",
            "可能无人居住：各时段同步降至极低，且没有电量损失",
        ),
    ),
    Explanation(
        "closure",
        closure,
        Both(
            "perhaps the business stands still: all hours fell alike to very little, and no energy is lost",
            "可能停业停产：各时段同步降至极低，且没有电量损失",
        ),
    ),
    Explanation(
        "new_tenant",
        new_tenant,
        Both(
            "perhaps other people moved in: level and shape of the day changed at once, and no energy is lost",
            "可能更换住户：用电水平与日曲线同时改变，且没有电量损失",
        ),
    ),
    Explanation(
        "holiday",
        holiday,
        Both(
            "perhaps a holiday or the season: similar customers of the area changed as well",
            "可能为节假日或季节影响：本台区同类用户同样变化",
        ),
        lowers=LOWERS,
    ),
    Explanation(
        "solar_panels",
        solar_panels,
        Both(
            "perhaps solar panels: only the hours around noon fell, nights are as before",
            "可能安装了光伏：仅中午前后下降，夜间如常",
        ),
        lowers=LOWERS,
    ),
    Explanation(
        "electric_vehicle",
        electric_vehicle,
        Both(
            "perhaps a car is charged: night hours rose by the power of a charger",
            "可能为电动汽车充电：夜间上升的功率与充电桩相当",
        ),
    ),
    Explanation(
        "shift_change",
        shift_change,
        Both(
            "perhaps the business changed its hours or its days off, and no energy is lost",
            "可能调整了营业或班次时间，且没有电量损失",
        ),
    ),
    Explanation(
        "heating_or_cooling",
        heating_or_cooling,
        Both(
            "perhaps a heat pump or an air conditioner: more energy in a smoother day",
            "可能使用热泵或空调：用电增加而日曲线更平缓",
        ),
        lowers=LOWERS,
    ),
)


class Benign:
    """All harmless explanations of one area's meters.

    >>> from detectors.examples import context
    >>> empty = {"log_level": [-1.6], "peak_change": [-1.2], "lowest_beside_day": [-0.1], "balance_fallen_z": [0.3]}
    >>> benign = Benign(context(meters=1))
    >>> fits = benign.weigh({name: np.array(value) for name, value in empty.items()}, date(2026, 3, 2))
    >>> fits["vacancy"].round(2).tolist(), fits["closure"].tolist()
    ([0.7], [0.0])
    """

    def __init__(self, context: AreaContext) -> None:
        meters = context.area.meters
        self._context = context
        self._is_business = np.array([m.customer_class not in (None, "residential") for m in meters], dtype=np.bool_)
        self._valid_from_s = np.array([m.valid_from_s or -(2**62) for m in meters], dtype=np.int64)

    def weigh(self, figures: Mapping[str, F64], day: date, rows: NDArray[np.intp] | None = None) -> dict[str, F64]:
        """How well each explanation fits, by name, (meters,) in 0..1; asked for `rows` only it is 0 elsewhere."""
        area, now_s = self._context.area, self._context.calendar.day_end(day)
        asked: NDArray[np.intp] = np.arange(len(area)) if rows is None else rows
        since_s = self._valid_from_s[asked]
        seen = Day(
            {name: values[asked] for name, values in figures.items() if name in LOOKED_AT},
            self._is_business[asked],
            area.contracted_kw[asked],
            area.has_generation[asked],
            (since_s > now_s - _RECENT_S) & (since_s <= now_s),
        )
        fits = {e.name: np.zeros(len(area)) for e in EXPLANATIONS}
        if len(asked):
            for each in EXPLANATIONS:
                fits[each.name][asked] = each.fits(seen)
        return fits


def lowered(fits: Mapping[str, F64]) -> F64:
    """By how much the best of the explanations lowers each meter's log-odds, (meters,).

    >>> lowered({"solar_panels": np.array([1.0, 0.5]), "holiday": np.array([0.0, 0.8]), "vacancy": np.array([0.0, 1.0])}).round(2).tolist()
    [0.7, 0.56]
    """
    return np.asarray(np.max([e.lowers * fits[e.name] for e in EXPLANATIONS if e.name in fits], axis=0))


def benign_reasons(fits: Mapping[str, F64], row: int) -> tuple[Reason, ...]:
    """The explanations that fit the meter of this row, the best first."""
    own = {e: float(fits[e.name][row]) for e in EXPLANATIONS}
    return tuple(_reason(e, own[e]) for e in sorted(own, key=lambda e: -own[e]) if own[e] >= SHOWN_FROM)


def _reason(explanation: Explanation, fit: float) -> Reason:
    shown = percent(fit)
    return Reason(
        explanation.name,
        f"{explanation.says.en} (fits to {shown})",
        against=True,
        text_zh=f"{explanation.says.zh}（吻合度 {shown}）",
        weight=round(-explanation.lowers * fit, 2),
    )
