"""Whether each meter's circuits agree with each other and with its register: energy, currents, neutral, phases, voltages (EN-01, CU-*, VO-*)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import (
    F64,
    DayEnergy,
    Figure,
    Figures,
    OfTheDay,
    count_up,
    keep,
    mean_of_known,
    moved,
    share_of,
)
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.peers import peer_groups
from detectors.witness import NOISE_CURRENT_A
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext, AreaCurves
from metering.readings import PHASES

_F32 = np.float32
#: Shares of a day's energy are taken of so much at least, and of so much current: an empty home's few watts do not count.
_LEAST_KWH = 0.3
_LEAST_A = 0.5
#: A current flows above this while the register counts less than a twentieth of what it implies.
_FLOWING_A = 0.3
_UNCOUNTED_SHARE = 0.05
#: A phase below this share of nominal is lost, whatever the load.
_LOST_BELOW = 0.6
#: Added to shares of phases before a logarithm is taken.
_LEAST_SHARE = 0.02
_SMALL_KWH, _SMALL_A = 0.02, 0.1
#: Figures of a single day, all remembered as they were recently; those of the second line also as they usually are.
_RECENT_ONLY = ("lowest_voltage", "highest_voltage", "export", "reversed", "uncounted", "lost")
_COMPARED = ("gap", "apart", "neutral", "factor", "spread", "share_a", "share_b", "share_c", "current", "energy")
_REMEMBERED = (*_RECENT_ONLY, *_COMPARED)

_FIGURES = Figures(
    {
        "implied_gap": Figure("share by which voltage x current x power factor exceeds the registered energy, recently (some two days)", -1, 1),
        "implied_gap_size": Figure("size of implied_gap, whichever way", 0, 1),
        "implied_gap_change": Figure("implied_gap less what is usual", -2, 2),
        "implied_apart": Figure("sum of the hours' differences between implied and registered energy over the larger of both, recently less usual", -2, 2),
        "neutral_excess": Figure("share by which the neutral's current exceeds the line's, recently; single phase only", -1, 1),
        "neutral_difference_size": Figure("size of neutral_excess, whichever way", 0, 1),
        "neutral_change": Figure("neutral_excess less what is usual", -2, 2),
        "undeclared_export": Figure("export over (export + energy), recently; 0 where generation is declared, unknown where the archive does not say", 0, 1),
        "reversed_share": Figure("share of hours in which a current runs backwards, recently; 0 where generation is declared, unknown where the archive does not say", 0, 1),
        "power_factor_recent": Figure("mean power factor, recently", 0, 1),
        "power_factor_change": Figure("power_factor_recent less what is usual", -1, 1),
        "phase_share_fall": Figure("log of recent over usual share of the current, of the phase that lost most; three-phase only", -4, 0),
        "phase_share_rise": Figure("log of recent over usual share of the current, of the phase that gained most; three-phase only", 0, 4),
        "lowest_phase_voltage": Figure("day's mean voltage of the lowest phase over nominal, recently", 0, 2),
        "highest_phase_voltage": Figure("day's mean voltage of the highest phase over nominal, recently", 0, 2),
        "phase_voltage_spread": Figure("highest less lowest phase's voltage over nominal, recently less usual; three-phase only", -1, 1),
        "phase_lost": Figure("share of hours with a phase below 60 % of nominal, recently", 0, 1),
        "current_level": Figure("log of recent over usual current, less the class's median of it", -8, 8),
        "current_beside_energy": Figure("log of recent over usual current less that of energy: current stays where energy alone fell", -8, 8),
        "uncounted_current": Figure("share of hours in which current flows and next to nothing is registered, recently", 0, 1),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayCircuitsParams:
    warm_up_days: float = parameter(
        10.0, meaning="learnt days before a meter's circuits are described", unit="d", low=3, high=90, source="proposed"
    )
    recent_rate: float = parameter(
        0.4, meaning="weight of today in a recent figure", unit="1/d", low=0.05, high=1, source="prototype"
    )
    usual_rate: float = parameter(
        0.05, meaning="weight of today in a usual figure", unit="1/d", low=0.005, high=0.5, source="prototype"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class DayCircuits:
    """A meter measures the same load several times over: by its register, its voltages and currents, its neutral, its three phases.

    Whoever leads current around one element, shorts a transformer, loses a fuse or alters energies in firmware makes them disagree.
    Each figure is that of some two or three days; against the archive (generation), against nominal, or against what is
    usual for the meter, learnt from trusted days. What a feed does not carry is NaN; of intervals longer than an hour the shares of
    hours are, too. Figures are NaN for supply meters and for a meter's first ten learnt days.

    >>> from detectors.examples import context, day
    >>> circuits = DayCircuits(context(meters=2, fields={"phases": [1, 1]}), DayCircuitsParams())
    >>> load = np.full((24, 2), 0.46)
    >>> for number in range(20):
    ...     registered = load * ([0.5, 1.0] if number >= 12 else [1.0, 1.0])
    ...     today = day(registered, number=number, implied_kwh=load, current_a=load * 1000 / 230, neutral_a=load * 1000 / 230)
    ...     circuits.learn(today, np.array([number < 12, True]))
    >>> figures = circuits.describe(today)
    >>> [figures[name].round(2).tolist() for name in ("implied_gap", "current_beside_energy")]
    [[0.49, 0.0], [0.64, 0.0]]
    """

    name = "day_circuits"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(self, context: AreaContext, params: DayCircuitsParams | None = None) -> None:
        self._params = params or DayCircuitsParams()
        self._context = context
        self._peers = peer_groups(context)
        area = context.area
        self._three = (area.phases == 3) | np.array([m.phase == "abc" for m in area.meters], dtype=np.bool_)
        #: What a meter gives back says something only where the archive knows whether it generates.
        self._given_back = np.where(area.generation_known, np.where(area.has_generation, 0.0, 1.0), np.nan)
        self._by_the_hour = context.interval_minutes <= 60
        count = len(area)
        unknown = Slab((count,), _F32, np.nan)
        layout = {
            "days": {f"recent_{name}": unknown for name in _REMEMBERED}
            | {f"usual_{name}": unknown for name in _COMPARED}
            | {"learnt": Slab((count,), np.uint8)}
        }
        self._pages = StatePages("day_circuits/1", layout)
        self._days: dict[str, NDArray[Any]] = {name: self._pages.array("days", name) for name in layout["days"]}
        self._recent_values = self._pages.block("days", f"recent_{_REMEMBERED[0]}", f"recent_{_REMEMBERED[-1]}")
        self._usual_values = self._pages.block("days", f"usual_{_COMPARED[0]}", f"usual_{_COMPARED[-1]}")
        self._today, self._recent = OfTheDay(self._look_at), OfTheDay(self._recently)

    # --- reading

    def describe(self, day: AreaCurves) -> dict[str, F64]:
        days = self._days
        recent = dict(zip(_REMEMBERED, self._recent(day), strict=True))
        change = {
            name: recent[name] - days[f"usual_{name}"] for name in ("gap", "apart", "neutral", "factor", "spread")
        }
        fall, rise = self._phases_apart(recent)
        current = _log_ratio(recent["current"], days["usual_current"], _SMALL_A)
        figures = {
            "implied_gap": recent["gap"],
            "implied_gap_size": np.abs(recent["gap"]),
            "implied_gap_change": change["gap"],
            "implied_apart": change["apart"],
            "neutral_excess": recent["neutral"],
            "neutral_difference_size": np.abs(recent["neutral"]),
            "neutral_change": change["neutral"],
            "undeclared_export": recent["export"],
            "reversed_share": recent["reversed"],
            "power_factor_recent": recent["factor"],
            "power_factor_change": change["factor"],
            "phase_share_fall": fall,
            "phase_share_rise": rise,
            "lowest_phase_voltage": recent["lowest_voltage"],
            "highest_phase_voltage": recent["highest_voltage"],
            "phase_voltage_spread": change["spread"],
            "phase_lost": recent["lost"],
            "current_level": current - self._peers.median(current),
            "current_beside_energy": current - _log_ratio(recent["energy"], days["usual_energy"], _SMALL_KWH),
            "uncounted_current": recent["uncounted"],
        }
        customer = ~self._context.area.is_supply
        return _FIGURES.bounded(figures, customer & (days["learnt"] >= self._params.warm_up_days))

    @property
    def usual_power_factor(self) -> F64:
        """(meters,): the mean power factor of trusted days, NaN where none was measured."""
        return self._days["usual_factor"].astype(np.float64)

    def _phases_apart(self, recent: Mapping[str, F64]) -> tuple[F64, F64]:
        """(smallest, largest) log of recent over usual share of a phase, NaN for single-phase meters."""
        moves = [
            np.log((recent[f"share_{p}"] + _LEAST_SHARE) / (self._days[f"usual_share_{p}"] + _LEAST_SHARE))
            for p in PHASES
        ]
        return np.minimum(np.fmin.reduce(moves), 0.0), np.maximum(np.fmax.reduce(moves), 0.0)

    def _look_at(self, day: AreaCurves) -> F64:
        """The day's own figures, (figures, meters), NaN where nothing says so."""
        hourly = day.hourly
        energy, export = hourly["energy_kwh"], hourly["export_kwh"]
        signed_a = np.stack([hourly[f"current_{p}"] for p in PHASES])
        nominal = np.stack([hourly[f"voltage_{p}"] for p in PHASES]) / NOMINAL_VOLTAGE_V
        amperes = np.abs(signed_a)
        backwards = _any_phase(signed_a < -NOISE_CURRENT_A / 2, signed_a)
        lost = _any_phase(nominal < _LOST_BELOW, nominal)
        means = mean_of_known(
            np.concatenate([amperes, nominal, np.stack([np.abs(hourly["power_factor"]), energy, export, backwards, lost])])
            .swapaxes(0, 1)
        )  # fmt: skip
        by_phase, volts, (factor, energy_kwh, export_kwh, backwards, lost) = means[:3], means[3:6], means[6:]
        total_a = by_phase.sum(axis=0)
        shares = np.where(
            self._three & (total_a > NOISE_CURRENT_A), by_phase / np.maximum(total_a, NOISE_CURRENT_A), np.nan
        )
        lowest, highest = np.fmin.reduce(volts), np.fmax.reduce(volts)
        # a phase without voltage may report no current at all
        figures = {
            "export": self._beside_declared(share_of(export_kwh, export_kwh + energy_kwh)),
            "reversed": self._beside_declared(backwards),
            "neutral": np.where(self._three, np.nan, _excess(hourly["neutral_a"], amperes[0], _LEAST_A)),
            "factor": factor,
            "current": np.where(self._three, np.where(by_phase == by_phase, by_phase, 0.0).sum(axis=0), by_phase[0]),
            "energy": energy_kwh,
            "lowest_voltage": lowest,
            "highest_voltage": highest,
            "spread": np.where(self._three, highest - lowest, np.nan),
            "lost": lost,
        }
        figures["current"] = np.where((by_phase == by_phase).any(axis=0), figures["current"], np.nan)
        figures |= {f"share_{p}": share for p, share in zip(PHASES, shares, strict=True)}
        figures |= self._of_energy(energy, export, hourly["implied_kwh"], amperes)
        if not self._by_the_hour:
            for name in ("apart", "reversed", "uncounted", "lost"):
                figures[name] = np.full(len(self._context.area), np.nan)
        return np.stack([figures[name] for name in _REMEMBERED])

    def _beside_declared(self, share: F64) -> F64:
        """A share of what flows backwards: 0 where generation is declared, NaN where the archive does not say."""
        return np.asarray(np.where(self._given_back == 0, 0.0, share * self._given_back))

    def _of_energy(self, energy: F64, export: F64, implied: F64, amperes: F64) -> dict[str, F64]:
        """Hours in which either is missing count on neither side."""
        passed = energy + np.where(export == export, export, 0.0)
        apart = implied - passed
        both = apart == apart
        sums = np.where(both, np.stack([passed, implied, apart, np.abs(apart)]), 0.0).sum(axis=1)
        registered, carried, difference, distance = np.where(both.any(axis=0), sums, np.nan)
        larger = np.maximum(np.maximum(registered, carried), _LEAST_KWH)
        uncounted = (np.fmax.reduce(amperes) > _FLOWING_A) & (passed <= _UNCOUNTED_SHARE * implied)
        return {
            "gap": difference / larger,
            "apart": distance / larger,
            "uncounted": mean_of_known(np.where(both, uncounted, np.nan)),
        }

    def _recently(self, day: AreaCurves) -> F64:
        """What is remembered as recent, (figures, meters), with this day taken in."""
        enough = DayEnergy.of(day, self._context).enough
        return moved(self._recent_values, self._today(day), self._params.recent_rate, enough)

    # --- learning

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:
        days = self._days
        today, enough = self._today(day), DayEnergy.of(day, self._context).enough
        keep(self._recent_values, self._recent(day))
        usual_day = enough & trusted
        rate = np.maximum(self._params.usual_rate, 1.0 / (days["learnt"] + 1.0))
        keep(self._usual_values, moved(self._usual_values, today[len(_RECENT_ONLY) :], rate, usual_day))
        count_up(days["learnt"], usual_day)
        self._today.forget()
        self._recent.forget()
        self._pages.touch("days")

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._recent.forget()


def _any_phase(holds: NDArray[np.bool_], values: F64) -> F64:
    """1 where it holds for any phase of which a value is known, NaN where none is; (3, 24, meters) -> (24, meters)."""
    known = values == values
    return np.where(known.any(axis=0), (holds & known).any(axis=0), np.nan)


def _excess(one: F64, other: F64, least: float) -> F64:
    """By what share of the larger one the sum of `one` exceeds that of `other`, over hours where both are known; -1..1."""
    both = (one == one) & (other == other)
    first, second = np.where(both, one, 0.0).sum(axis=0), np.where(both, other, 0.0).sum(axis=0)
    return np.where(both.any(axis=0), (first - second) / np.maximum(np.maximum(first, second), least), np.nan)


def _log_ratio(recent: F64, usual: NDArray[Any], small: float) -> F64:
    return np.asarray(np.log((np.maximum(recent, 0.0) + small) / (np.maximum(usual, 0.0) + small)))
