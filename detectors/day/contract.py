"""How each meter uses what was agreed: its contracted capacity, and the tariff of its class (LD-01, AR-05)."""

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
    share_of,
    whole,
)
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.peers import peer_groups
from metering.evidence import AreaContext, AreaCurves

_F16, _F32 = np.float16, np.float32
_BUSINESS_HOURS = slice(9, 18)
_EVENING_HOURS = slice(18, 23)
_LEAST_KW = 0.05
#: So much is added to shares of the day before their logarithm is taken.
_LEAST_SHARE = 0.02
_NUMBERS = ("over", "recent_business", "usual_business", "usual_minimum_kw", "usual_kwh", "recent_kwh")

_FIGURES = Figures(
    {
        "over_contract": Figure("share of hours with a mean demand above the contract by a tenth or more, recently", 0, 1),
        "peak_over_contract": Figure("highest hour of the recent curve of the day over the contract", 0, 20),
        "load_over_contract": Figure("mean recent demand over the contract", 0, 10),
        "minimum_over_contract": Figure("lowest hour of the recent curve over the contract: high where something draws day and night", 0, 10),
        "minimum_over_mean": Figure("lowest hour of the recent curve over its mean", 0, 1),
        "minimum_beside_peers": Figure("log of the recent curve's lowest hour, less the class's median of it", -8, 8),
        "minimum_change": Figure("log of recent over usual lowest hour", -8, 8),
        "growth_over_contract": Figure("recent less usual mean demand over the contract", -10, 10),
        "business_hours": Figure("share of the recent curve's energy from 9 to 18 h", 0, 1),
        "evening_hours": Figure("share of the recent curve's energy from 18 to 23 h", 0, 1),
        "business_beside_homes": Figure("log of energy from 9 to 18 h over that from 18 to 23 h on working days, less the area's homes' median; homes only", -8, 8),
        "business_change": Figure("log of energy from 9 to 18 h over that from 18 to 23 h on working days, recent less usual", -8, 8),
        "missing_hours": Figure("share of the day that was not measured", 0, 1),
        "residential": Figure("1 for a home by the archive, else 0; unknown where the archive does not say", 0, 1),
        "three_phase": Figure("1 for a three-phase connection, else 0; unknown where the archive does not say", 0, 1),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayContractParams:
    warm_up_days: float = parameter(
        10.0, meaning="learnt days before a meter's use is described", unit="d", low=3, high=90, source="proposed"
    )
    recent_rate: float = parameter(
        0.25, meaning="weight of today in the recent curve", unit="1/d", low=0.05, high=1, source="prototype"
    )
    over_ratio: float = parameter(
        1.1,
        meaning="an hour's mean demand over the contract that counts as over it",
        unit="1",
        low=1,
        high=3,
        source="LD-01: 1.2 -> 1.05 by the interval",
    )
    over_rate: float = parameter(
        0.2, meaning="weight of today in the recent share over contract", unit="1/d", low=0.02, high=1, source="prototype"
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


class DayContract:
    """Recent use held against the contracted capacity, and against what a home's day looks like.

    A shop on a household's tariff is busy by day and dark in the evening; computing machines lift the lowest hour, day and night.
    Both are metered in full, so nothing is missing from the balance. Without a contract in the archive the figures over contract are
    NaN; of a feed of daily energies only those of the mean are known. NaN for supply meters and for the first ten learnt days.

    >>> from detectors.examples import context, day
    >>> contract = DayContract(context(contracted_kw=[8.0] * 6), DayContractParams())
    >>> kwh = np.full((24, 6), 0.4)
    >>> for number in range(20):
    ...     contract.learn(day(kwh, number=number), np.ones(6, bool))
    >>> kwh[9:18, 0] = 10.0
    >>> figures = contract.describe(day(kwh, number=21))
    >>> [round(float(figures[name][0]), 3) for name in ("over_contract", "peak_over_contract", "business_beside_homes")]
    [0.075, 0.35, 0.652]
    """

    name = "day_contract"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(self, context: AreaContext, params: DayContractParams | None = None) -> None:
        self._params = params or DayContractParams()
        self._context = context
        area = context.area
        self._peers = peer_groups(context)
        self._has_curves = context.interval_minutes <= 60
        self._contracted_kw = np.where(area.contracted_kw > 0, area.contracted_kw, np.nan)
        classes = [meter.customer_class for meter in area.meters]
        self._residential = np.array([np.nan if c is None else float(c == "residential") for c in classes])
        self._three_phase = np.where(area.phases > 0, area.phases == 3, np.nan)
        count = len(area)
        layout = {
            "days": {"recent": Slab((HOURS, count), _F16, np.nan)}
            | dict.fromkeys(_NUMBERS, Slab((count,), _F32, np.nan))
            | {"learnt": Slab((count,), np.uint8)}
        }
        self._pages = StatePages("day_contract/1", layout)
        self._days: dict[str, NDArray[Any]] = {name: self._pages.array("days", name) for name in layout["days"]}
        self._now = OfTheDay(self._recently)

    # --- reading

    def describe(self, day: AreaCurves) -> dict[str, F64]:
        days, contracted_kw = self._days, self._contracted_kw
        energy = DayEnergy.of(day, self._context)
        now = self._now(day)
        figures = {
            "load_over_contract": now["recent_kwh"] / HOURS / contracted_kw,
            "growth_over_contract": (now["recent_kwh"] - days["usual_kwh"]) / HOURS / contracted_kw,
            "missing_hours": 1 - energy.measured,
            "residential": self._residential,
            "three_phase": self._three_phase,
        }
        if self._has_curves:
            figures |= self._of_the_curve(now)
        return _FIGURES.bounded(figures, np.asarray(days["learnt"] >= self._params.warm_up_days))

    def _recently(self, day: AreaCurves) -> dict[str, F64]:
        """What is remembered of recent days, with this day taken in."""
        p, days, energy = self._params, self._days, DayEnergy.of(day, self._context)
        enough = energy.enough
        now = {"recent_kwh": moved(days["recent_kwh"], energy.kwh, p.recent_rate, enough)}
        if not self._has_curves:
            return now
        kwh = np.where(enough, day.hourly["energy_kwh"], np.nan)
        known = kwh == kwh
        over = np.count_nonzero(kwh > p.over_ratio * self._contracted_kw, axis=0) / np.maximum(known.sum(axis=0), 1)
        over = np.where(self._contracted_kw > 0, over, np.nan)
        now["recent"] = moved(days["recent"], kwh, p.recent_rate, enough)
        now["over"] = moved(days["over"], over, p.over_rate, enough)
        now["today_business"] = _business(kwh) if day.day_type == 0 else np.full(len(enough), np.nan)
        now["recent_business"] = moved(days["recent_business"], now["today_business"], p.recent_rate, enough)
        return now

    def _of_the_curve(self, now: Mapping[str, F64]) -> dict[str, F64]:
        days, contracted_kw, recent = self._days, self._contracted_kw, now["recent"]
        drawn = whole(recent)
        total = drawn.sum(axis=0)
        minimum = _lowest(recent)
        low = np.log(minimum + _LEAST_KW)
        business = now["recent_business"]
        homes = np.where(self._residential == 1, business, np.nan)
        return {
            "over_contract": now["over"],
            "peak_over_contract": np.fmax.reduce(recent) / contracted_kw,
            "minimum_over_contract": minimum / contracted_kw,
            "minimum_over_mean": share_of(HOURS * minimum, total),
            "minimum_beside_peers": low - self._peers.median(low),
            "minimum_change": low - np.log(days["usual_minimum_kw"] + _LEAST_KW),
            "business_hours": share_of(drawn[_BUSINESS_HOURS].sum(axis=0), total),
            "evening_hours": share_of(drawn[_EVENING_HOURS].sum(axis=0), total),
            "business_beside_homes": homes - self._peers.median(homes),
            "business_change": business - days["usual_business"],
        }

    # --- learning

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:
        days = self._days
        energy = DayEnergy.of(day, self._context)
        now = self._now(day)
        usual_day = energy.enough & trusted
        rate = learning_rate(days["learnt"], 0.08, 0.03, 28)
        keep(days["usual_kwh"], moved(days["usual_kwh"], energy.kwh, rate, usual_day))
        keep(days["recent_kwh"], now["recent_kwh"])
        if self._has_curves:
            for name in ("recent", "over", "recent_business"):
                keep(days[name], now[name])
            usual = moved(days["usual_business"], now["today_business"], 0.05, usual_day)
            keep(days["usual_business"], usual)
            minimum_kw = _lowest(now["recent"])
            keep(days["usual_minimum_kw"], moved(days["usual_minimum_kw"], minimum_kw, 0.05, usual_day))
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


def _business(kwh: F64) -> F64:
    """Log of the energy in business hours over that of the evening, as shares of the day."""
    drawn = whole(kwh)
    total = drawn.sum(axis=0)
    by_day = share_of(drawn[_BUSINESS_HOURS].sum(axis=0), total)
    evening = share_of(drawn[_EVENING_HOURS].sum(axis=0), total)
    return np.log((by_day + _LEAST_SHARE) / (evening + _LEAST_SHARE))


def _lowest(curve: F64) -> F64:
    """The lowest known hour, NaN where none is."""
    return np.asarray(np.fmin.reduce(curve))
