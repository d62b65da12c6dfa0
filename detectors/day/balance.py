"""Each area's energy balance of the day: how much more is lost than usual, and which meter what is lost follows (EN-05, LL-01)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.loss_blocks import Follows, LossBlocks
from detectors.day.memory import F64, HOURS, DayEnergy, Figure, Figures, OfTheDay, count_up, keep, mean_of_known, moved
from detectors.day.wiring import Index, Wiring
from detectors.normal_equations import coefficients, fitted, learnt, packed_size
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.evidence import AreaContext, AreaCurves
from metering.readings import PHASES

_F16, _F32 = np.float16, np.float32
#: What technical loss is made of on each phase: what is always lost (and a master's offset), a share (its gain), copper losses.
_TERMS = 3
_LOAD_KW = 100.0
_PRIOR = np.array([0.0, 2.0, 0.5])
_PRIOR_WEIGHT = np.full(_TERMS, 0.1)
#: Meters that are told apart together by their days, a phase in as many blocks as it takes; and by their hours, by line and phase.
_BLOCK, _LINE_BLOCK = 60, 8
#: An hour in which more of the load than this was not measured is left out; less of it widens the hour's error.
_MOST_UNMEASURED = 0.1
_UNMEASURED_ERROR = 0.3
_FEWEST_HOURS = 12
_LEAST_KW = 0.02
_MOST_SIGMA, _LEARNT_SIGMA = 5.0, 2.5
#: How far the phase's common movement against its usual curve is followed.
_LEAST_MOVEMENT, _MOST_MOVEMENT = 0.4, 2.5
_SETTLING_DAYS = 5

_FIGURES = Figures(
    {
        "balance_fallen_z": Figure("how surely the unexplained loss follows the fall of the meter's days, beside the area's other meters, in standard errors", -60, 60),
        "balance_fallen_share": Figure("kWh of unexplained loss per kWh by which the meter's days fell, beside the other meters: 1 where all of the fall is lost", -3, 3),
        "balance_fallen_change": Figure("balance_fallen_z less what is usual for the meter", -60, 60),
        "balance_fallen_alone_z": Figure("as balance_fallen_z, of the meter by itself", -60, 60),
        "balance_missed_z": Figure("how surely the unexplained loss follows, hour by hour, what is missed of the meter's usual energy, beside its line's others", -60, 60),
        "balance_missed_alone_z": Figure("as balance_missed_z, of the meter by itself", -60, 60),
        "balance_missed_alone_share": Figure("kWh of unexplained loss per kWh missed, of the meter by itself", -3, 3),
        "balance_own_alone_z": Figure("how surely the unexplained loss follows the meter's own energy, by itself, in standard errors", -60, 60),
        "balance_unseen_z": Figure("how surely the unexplained loss follows what the meter's voltage says nobody saw, in standard errors", -60, 60),
        "area_loss_rise_kwh": Figure("kWh a day of the area's loss beyond its forecast from the load, recently", -1e5, 1e5),
        "area_loss_rise_z": Figure("the same in standard deviations of the area's days", -60, 60),
        "area_loss_share": Figure("loss over supplied energy, recently", -1, 1),
        "phase_loss_rise_kwh": Figure("kWh a day of its phase's loss beyond its forecast, recently", -1e5, 1e5),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayBalanceParams:
    warm_up_days: float = parameter(
        20.0, meaning="learnt days before the balance is described", unit="d", low=7, high=90, source="prototype"
    )
    recent_rate: float = parameter(
        0.3, meaning="weight of today in a recent figure", unit="1/d", low=0.05, high=1, source="prototype"
    )
    kept_per_day: float = parameter(
        0.95, meaning="how much of what the loss follows is kept from day to day", unit="1/d", low=0.7, high=0.995, source="replay"
    )  # fmt: skip
    forecast_kept_per_day: float = parameter(
        0.985, meaning="how much of what technical loss is made of is kept from day to day", unit="1/d", low=0.9, high=1, source="replay"
    )  # fmt: skip
    ridge: float = parameter(
        0.15, meaning="shrinkage of the meters' shares in the loss, of a meter's variance", unit="1", low=0.01, high=2, source="prototype"
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


#: Sums of a meter's own products over recent hours: what it missed, used, and its voltage saw (u), with the loss e of its phases.
_ALONE = (
    "missed_e",
    "missed_missed",
    "fallen_e",
    "fallen_fallen",
    "own_e",
    "own_own",
    "unseen_e",
    "unseen_unseen",
    "e_e",
    "hours",
)


@dataclass(frozen=True, slots=True, eq=False)
class HourlyBalance:
    """A day's balance by the hour and phase, kWh an hour; (24, 3, meters) or (24, 3)."""

    net: F64
    """What each meter registered, less export, on each phase; the usual where it was not measured."""
    missed: F64
    """What each used less than usual, as its phase moved; 0 where unknown."""
    fallen: F64
    """The same of the whole day, spread over its hours as is usual."""
    design: F64
    """(24, 3, terms) of what technical loss is made of; zeros in hours that cannot be balanced."""
    explained: F64
    loss: F64
    """Beyond what is explained; NaN in hours that cannot be balanced."""
    weight: F64
    """0 to 1: less where part of the load was not measured."""
    told_apart: bool
    """Whether phases were told apart; else each phase has all of the area's loss."""
    area_kwh: tuple[float, float]
    """(lost, supplied) in the hours that were balanced."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A day's balance, and what is remembered with it taken in."""

    balance: HourlyBalance
    counted: NDArray[np.bool_]
    """(3,): phases with hours enough."""
    by_day: Follows
    by_hour: Follows
    alone: F64
    recent: dict[str, F64]
    today: dict[str, F64]


class DayBalance:
    """What the supply meter delivers and no meter registered, beyond what lines and transformer lose; and whom it follows.

    Per phase where the supply meter's currents tell them apart, else for the area: loss by the hour against its forecast from the load
    (what is always lost, a share, its square), learnt with hours cut to what is usual. The rest is explained by what every meter of a
    phase used less than usual, all beside each other (ridge least squares that forget) and each alone: an empty home misses
    energy and nothing is lost, a bypass's is. Meters of very large areas stand in blocks of at most sixty. Figures are NaN
    where the area has no supply meter, for supply meters, and in the first three weeks.

    `unseen_kwh` gives what each meter's voltage says nobody saw, by the hour (`DayVoltage.unseen_kwh`): two witnesses that agree. It is
    asked as it was before the day was learnt, so let this expert learn first.
    Reference: Yip, Wong, Hew, Gan, Phan, Tan (2017), Detection of energy theft and defective smart meters using linear regression.

    >>> from detectors.examples import context, day
    >>> balance, rng = DayBalance(context(meters=6, supply=True)), np.random.default_rng(1)
    >>> for number in range(45):
    ...     kwh = rng.uniform(0.2, 1.0, (24, 6))
    ...     kwh[:, 5] = kwh[:, :5].sum(axis=1) + 0.2
    ...     kwh[:, 0] *= 0.4 if number >= 35 else 1.0
    ...     balance.learn(day(kwh, number=number), np.arange(6) >= (number >= 35))
    >>> figures = balance.describe(day(kwh, number=45))
    >>> figures["balance_fallen_z"].round(-1).tolist()[:2], figures["area_loss_rise_kwh"].round(1).tolist()[:2]
    ([40.0, -10.0], [8.7, 8.7])
    """

    name = "day_balance"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(
        self,
        context: AreaContext,
        params: DayBalanceParams | None = None,
        unseen_kwh: Callable[[AreaCurves], F64] | None = None,
    ) -> None:
        self._params = params or DayBalanceParams()
        self._context = context
        self._unseen_kwh = unseen_kwh
        self._wiring = Wiring(context.area)
        self._on = self._wiring.share > 0
        self._supply = context.area.supply_rows
        self._hours_a_day = HOURS * 60 // min(max(context.interval_minutes, 60), 1440)
        self._by_day = LossBlocks(self._wiring, _BLOCK, by_line=False)
        self._by_hour = LossBlocks(self._wiring, _LINE_BLOCK, by_line=True)
        count, phases = len(context.area), (len(PHASES),)
        layout = {
            "area": {
                "forecast_squares": Slab((packed_size(_TERMS), *phases), _F32),
                "forecast_products": Slab((_TERMS, *phases), _F32),
                "variance": Slab(phases, _F32, np.nan),
                "recent_rise_kwh": Slab(phases, _F32),
                "recent_share": Slab((1,), _F32, np.nan),
                "recent_area_kwh": Slab((1,), _F32, np.nan),
                "daily_kwh": Slab((1,), _F32, np.nan),
                "days": Slab(phases, np.uint8),
            },
            "meters": {
                **self._by_day.layout("by_day"),
                **self._by_hour.layout("by_hour"),
                "usual_kwh": Slab((HOURS, count), _F16, np.nan),
                "alone": Slab((len(_ALONE), count), _F32),
                "usual_z": Slab((count,), _F32, np.nan),
                "learnt": Slab((count,), np.uint8),
            },
        }
        self._pages = StatePages("day_balance/1", layout)
        self._area: dict[str, NDArray[Any]] = {name: self._pages.array("area", name) for name in layout["area"]}
        self._meters: dict[str, NDArray[Any]] = {name: self._pages.array("meters", name) for name in layout["meters"]}
        self._seen = OfTheDay(self._look_at)

    # --- reading

    def describe(self, day: AreaCurves) -> dict[str, F64]:
        nothing = np.zeros(len(self._context.area), dtype=np.bool_)
        if not len(self._supply):
            return _FIGURES.bounded({}, nothing)
        seen = self._seen(day)
        alone = self._by_themselves(seen)
        rise_kwh = seen.recent["rise_kwh"]
        own_rise = np.where(self._on, rise_kwh[:, None], 0.0).sum(axis=0) / (
            1 if seen.balance.told_apart else self._on_phases
        )
        everywhere = np.ones(len(nothing))
        figures = alone | {
            "balance_fallen_z": seen.by_day.sure,
            "balance_fallen_share": seen.by_day.share,
            "balance_fallen_change": seen.by_day.sure - self._meters["usual_z"],
            "balance_missed_z": seen.by_hour.sure,
            "area_loss_rise_kwh": everywhere * seen.recent["area_kwh"],
            "area_loss_rise_z": everywhere * (seen.recent["area_kwh"] / np.maximum(self._area["daily_kwh"], 0.1)),
            "area_loss_share": everywhere * seen.recent["share"],
            "phase_loss_rise_kwh": own_rise,
        }
        known = self._wiring.customer & (self._meters["learnt"] >= self._params.warm_up_days)
        known &= self._enough_said()
        return _FIGURES.bounded(figures, known)

    @property
    def _on_phases(self) -> Index:
        return np.asarray(np.maximum(self._on.sum(axis=0), 1))

    def _enough_said(self) -> NDArray[np.bool_]:
        """(meters,): whose phases have been balanced on days enough."""
        said = self._area["days"] >= self._params.warm_up_days
        return np.asarray((self._on <= said[:, None]).all(axis=0))

    def _by_themselves(self, seen: _Seen) -> dict[str, F64]:
        s = dict(zip(_ALONE, seen.alone, strict=True))
        noise = s["e_e"] / np.maximum(s["hours"], 1.0)

        def sure(product: str, square: str) -> F64:
            return np.asarray(s[product] / np.sqrt(s[square] * noise + 1e-9))

        return {
            "balance_fallen_alone_z": sure("fallen_e", "fallen_fallen"),
            "balance_missed_alone_z": sure("missed_e", "missed_missed"),
            "balance_missed_alone_share": s["missed_e"] / (s["missed_missed"] + 1.0),
            "balance_own_alone_z": sure("own_e", "own_own"),
            "balance_unseen_z": sure("unseen_e", "unseen_unseen") if self._unseen_kwh else np.full(len(noise), np.nan),
        }

    def balance(self, day: AreaCurves) -> HourlyBalance:
        """The day's balance against what was learnt before it: asked before the day is learnt."""
        return self._seen(day).balance

    # --- a day's balance

    def _balance(self, day: AreaCurves) -> HourlyBalance:
        wiring, hourly = self._wiring, day.hourly
        export = hourly["export_kwh"]
        net = hourly["energy_kwh"] - np.where(export == export, export, 0.0)
        supplied = net[:, self._supply].sum(axis=1)
        usual = self._meters["usual_kwh"].astype(np.float64)
        measured = net == net
        expected = np.where(usual == usual, usual, 0.0)
        filled = np.where(measured, net, expected) * wiring.customer
        share = self._phase_share(hourly)
        by_phase = filled[:, None] * share
        load = by_phase.sum(axis=2)
        unmeasured = np.where(measured, 0.0, np.abs(expected) * wiring.customer)[:, None] * share
        unmeasured_kwh = unmeasured.sum(axis=2)
        split = self._supply_share(hourly)
        told_apart = bool(2 * np.isfinite(split).all(axis=1).sum() > np.isfinite(supplied).sum() > 0)
        if not told_apart:
            load, unmeasured_kwh = (
                np.repeat(x.sum(axis=1, keepdims=True), len(PHASES), axis=1) for x in (load, unmeasured_kwh)
            )
            split = np.ones(load.shape)
        design = np.stack([np.ones(load.shape), load / _LOAD_KW, (load / _LOAD_KW) ** 2], axis=2)
        found = coefficients(self._area["forecast_squares"], self._area["forecast_products"], _PRIOR_WEIGHT, _PRIOR)
        explained = fitted(design, found)
        balanced = unmeasured_kwh < _MOST_UNMEASURED * np.maximum(load, 1.0)
        loss = np.where(balanced, supplied[:, None] * split - load - explained, np.nan)
        design[loss != loss] = 0.0
        deviation = np.sqrt(np.where(np.isfinite(self._area["variance"]), self._area["variance"], 1.0))
        weight = 1 / np.sqrt(1 + (_UNMEASURED_ERROR * unmeasured_kwh / np.maximum(deviation, _LEAST_KW)) ** 2)
        missed, fallen = self._missed(np.where(measured, net, np.nan), usual, share)
        whole = np.isfinite(supplied) & balanced.all(axis=1)
        lost, given = ((supplied - filled.sum(axis=1))[whole].sum(), supplied[whole].sum())
        return HourlyBalance(
            by_phase, missed, fallen, design, explained, loss, weight, told_apart, (float(lost), float(given))
        )

    def _phase_share(self, hourly: Mapping[str, F64]) -> F64:
        """How a meter's energy is spread over the phases, (24, 3, meters)."""
        wiring = self._wiring
        if not wiring.three_phase.any():
            return np.broadcast_to(wiring.share, (HOURS, *wiring.share.shape))
        amperes = np.abs(np.stack([hourly[f"current_{p}"] for p in PHASES], axis=1))
        total = amperes.sum(axis=1, keepdims=True)
        by_current = wiring.three_phase & (total > 0.01)
        return np.asarray(np.where(by_current, amperes / np.where(by_current, total, 1.0), wiring.share))

    def _supply_share(self, hourly: Mapping[str, F64]) -> F64:
        """How what is supplied is spread over the phases, (24, 3), NaN where the supply meter does not say."""
        rows = self._supply
        volts = np.stack([hourly[f"voltage_{p}"][:, rows] for p in PHASES], axis=1)
        amperes = np.abs(np.stack([hourly[f"current_{p}"][:, rows] for p in PHASES], axis=1))
        apparent = (amperes * np.where(volts == volts, volts, 1.0)).sum(axis=2)
        total = apparent.sum(axis=1, keepdims=True)
        return np.where(total > 0, apparent / np.where(total > 0, total, 1.0), np.nan)

    def _missed(self, net: F64, usual: F64, share: F64) -> tuple[F64, F64]:
        """(what each meter used less than usual, the same of its whole day), with the usual as its phase as a whole moved; 0 where unknown."""
        known = (net == net) & (usual == usual) & self._wiring.customer
        now = np.where(known, net, 0.0)[:, None] * share
        before = np.where(known, usual, 0.0)[:, None] * share
        movement = now.sum(axis=2) / np.maximum(before.sum(axis=2), 0.1)
        before = before * np.clip(movement, _LEAST_MOVEMENT, _MOST_MOVEMENT)[:, :, None]
        missed = before - now
        return missed, before * (missed.sum(axis=0) / np.maximum(before.sum(axis=0), 0.05))

    # --- what is remembered with a day taken in

    def _look_at(self, day: AreaCurves) -> _Seen:
        balance = self._balance(day)
        area, rate = self._area, self._params.recent_rate
        known = balance.loss == balance.loss
        counted = known.sum(axis=0) >= max(self._hours_a_day // 2, 1)
        settled = counted & (area["days"] >= _SETTLING_DAYS) & np.isfinite(area["variance"])
        limit = _MOST_SIGMA * np.sqrt(np.where(settled, area["variance"], 1.0))
        weight = np.where(known & settled, balance.weight, 0.0)
        e = np.where(known & settled, np.clip(balance.loss, -limit, limit), 0.0) * weight
        variance = np.where(np.isfinite(area["variance"]), area["variance"], _LEAST_KW**2).astype(np.float64)
        kept = np.where(settled, self._params.kept_per_day, 1.0)
        by_day, by_hour = (
            blocks.follows(self._meters, name, regressors, e, weight, kept, variance, self._params.ridge)
            for name, blocks, regressors in (
                ("by_day", self._by_day, balance.fallen),
                ("by_hour", self._by_hour, balance.missed),
            )
        )
        rise_kwh = np.where(settled, mean_of_known(balance.loss) * self._hours_a_day, np.nan)
        lost, given = balance.area_kwh
        area_kwh = rise_kwh.sum() if balance.told_apart else rise_kwh.mean()
        today = {
            "rise_kwh": rise_kwh,
            "area_kwh": np.array([area_kwh]),
            "share": np.array([lost / given if given > 0 else np.nan]),
        }
        recent = {
            name: moved(area[f"recent_{name}"], value, rate, np.ones(len(value), dtype=np.bool_))
            for name, value in today.items()
        }
        alone = self._alone(balance, day, e, weight, settled)
        return _Seen(balance, counted, by_day, by_hour, alone, recent, today)

    def _alone(self, balance: HourlyBalance, day: AreaCurves, e: F64, weight: F64, settled: NDArray[np.bool_]) -> F64:
        """Each meter's own sums with the loss of its phases, (sums, meters)."""
        phases = 1 if balance.told_apart else self._on_phases
        felt = e @ self._on / phases
        heard = weight @ self._on / self._on_phases
        missed, fallen, own = (x.sum(axis=1) * heard for x in (balance.missed, balance.fallen, balance.net))
        unseen = np.zeros(felt.shape)
        if self._unseen_kwh is not None:
            seen = self._unseen_kwh(day)
            unseen = np.where(seen == seen, seen, 0.0) * heard
        pairs = (
            (missed, felt),
            (missed, missed),
            (fallen, felt),
            (fallen, fallen),
            (own, felt),
            (own, own),
            (unseen, felt),
            (unseen, unseen),
            (felt, felt),
        )
        added = np.stack([*((x * y).sum(axis=0) for x, y in pairs), (heard * heard).sum(axis=0)])
        kept = np.where(settled @ self._on > 0, self._params.kept_per_day, 1.0)
        return np.asarray(kept * self._meters["alone"] + added)

    # --- learning

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:
        if not len(self._supply):
            return
        seen, area, meters = self._seen(day), self._area, self._meters
        self._learn_usual(day, seen, trusted)
        self._learn_forecast(seen)
        for name, value in seen.recent.items():
            keep(area[f"recent_{name}"], value)
        self._by_day.keep(meters, "by_day", seen.by_day)
        self._by_hour.keep(meters, "by_hour", seen.by_hour)
        keep(meters["alone"], seen.alone)
        count_up(area["days"], seen.counted)
        self._seen.forget()
        self._pages.touch("area")
        self._pages.touch("meters")

    def _learn_forecast(self, seen: _Seen) -> None:
        """What technical loss is made of, from hours whose loss is cut to what is usual, so that a lasting theft becomes usual slowly."""
        area, balance = self._area, seen.balance
        known = (balance.loss == balance.loss) & seen.counted
        variance = area["variance"].astype(np.float64)
        settled = (area["days"] >= 2 * _SETTLING_DAYS) & np.isfinite(variance)
        limit = np.where(settled, _LEARNT_SIGMA * np.sqrt(np.where(settled, variance, 1.0)), np.inf)
        target = np.where(known, balance.explained + np.clip(balance.loss, -limit, limit), 0.0)
        kept = np.where(seen.counted, self._params.forecast_kept_per_day, 1.0)
        learnt(
            area["forecast_squares"], area["forecast_products"], balance.design * seen.counted[:, None], target, kept
        )
        square = mean_of_known(balance.loss**2)
        square = np.where(np.isfinite(variance), np.minimum(square, 4 * variance), square)
        measured = seen.counted & (area["days"] >= _SETTLING_DAYS)
        keep(area["variance"], moved(variance, square, 0.08, measured))
        usual_kwh = area["daily_kwh"].astype(np.float64)
        size = 1.25 * np.abs(seen.today["area_kwh"])
        size = np.where(np.isfinite(usual_kwh), np.minimum(size, 4 * usual_kwh), size)
        keep(area["daily_kwh"], moved(usual_kwh, size, 0.05, np.isfinite(size)))

    def _learn_usual(self, day: AreaCurves, seen: _Seen, trusted: NDArray[np.bool_]) -> None:
        meters = self._meters
        export = day.hourly["export_kwh"]
        net = day.hourly["energy_kwh"] - np.where(export == export, export, 0.0)
        usual_day = DayEnergy.of(day, self._context).enough & trusted
        age = meters["learnt"].astype(np.float64)
        rate = np.where(age < 28, np.maximum(0.1, 1.0 / (age + 1.0)), 0.035)
        keep(meters["usual_z"], moved(meters["usual_z"], seen.by_day.sure, 0.04, usual_day & self._enough_said()))
        keep(meters["usual_kwh"], moved(meters["usual_kwh"], net, rate, usual_day))
        count_up(meters["learnt"], usual_day)

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._seen.forget()
