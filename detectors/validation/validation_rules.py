"""Validation before anything is concluded: which readings are doubted at once, and what is wrong with a day's (DQ-01 to DQ-09)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64, DayEnergy, count_up, keep, moved, share_of
from detectors.day.registers import register_step
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.peers import peer_groups
from detectors.validation.day_readings import DayReadings
from detectors.witness import expected_from_current_kwh
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext, AreaCurves, Signal
from metering.frame import ReadingFrame
from metering.readings import PHASES

_F32, _F64 = np.float32, np.float64
_NO_ROWS: NDArray[np.intp] = np.empty(0, dtype=np.intp)
_LEAST_KWH = 0.3
#: Below this share of nominal a supply is not alive.
_DEAD_VOLTAGE = 0.2
#: Voltage times current stands for the energy where the two agree within this, by and large.
_AGREE_FROM, _AGREE_TO = 0.7, 1.4
#: Fewer meters at once are each their own; a demand below this (kW) says nothing of a fault that they share.
_FEWEST_SHARED, _LOADED_KW = 3, 0.1
#: A register is compared with at least this share of its days measured.
_SUM_MEASURED = 0.9
#: What a missing interval may have carried, over the mean.
_PEAK_OVER_MEAN = 4.0


@dataclass(frozen=True, slots=True)
class ValidationRulesParams:
    missing_share: float = parameter(
        0.1, meaning="share of a day's intervals without a reading", unit="1", low=0.01, high=1, source="DQ-01"
    )
    repeated_share: float = parameter(
        0.1, meaning="share of a day's intervals that came again", unit="1", low=0.01, high=1, source="DQ-02"
    )
    spike_ratio: float = parameter(
        1.8,
        meaning="how far the highest reading of a day lies above its third-highest, over that",
        unit="1",
        low=0.2,
        high=20,
        source="DQ-03, California VEE: 180 %",
    )
    doubtful_ratio: float = parameter(
        1.2,
        meaning="reading over the meter's own usual third-highest that is doubted where voltage and current do not explain it",
        unit="1",
        low=1,
        high=10,
        source="proposed, simulated areas",
    )
    doubtful_ratio_alone: float = parameter(
        2.5,
        meaning="the same where nothing else is measured, and the reading before was not as high",
        unit="1",
        low=1,
        high=20,
        source="proposed, simulated areas",
    )
    contract_ratio: float = parameter(
        2.0,
        meaning="demand over contract that is doubted while the meter's own highest readings are not known",
        unit="1",
        low=1,
        high=10,
        source="proposed",
    )
    unexplained_share: float = parameter(
        0.5,
        meaning="share of a reading that voltage and current must leave unexplained",
        unit="1",
        low=0.1,
        high=1,
        source="proposed",
    )
    least_kw: float = parameter(
        1.0, meaning="mean demand below which no reading is doubted", unit="kW", low=0, high=100, source="proposed"
    )
    shared_share: float = parameter(
        0.3,
        meaning="share of the area's loaded meters (at least three) whose voltage and current leave their readings unexplained at once, "
        "which is a fault of the interval: all of them are doubted",
        unit="1",
        low=0.05,
        high=1,
        source="proposed, as implied_energy",
    )
    sum_steps: float = parameter(
        2.0,
        meaning="tolerance of the sum check in steps of the register, over the multiplier",
        unit="steps",
        low=1,
        high=20,
        source="DQ-04: multiplier-based tolerance",
    )
    sum_share: float = parameter(
        0.02, meaning="tolerance of the sum check besides", unit="1", low=0.001, high=0.5, source="proposed"
    )
    high_low_ratio: float = parameter(
        3.0,
        meaning="day's energy over the meter's own usual, or under it",
        unit="1",
        low=1.2,
        high=50,
        source="DQ-05, proposed",
    )
    high_low_spreads: float = parameter(
        4.0,
        meaning="the same in the meter's own usual deviations",
        unit="mean deviations",
        low=1,
        high=20,
        source="proposed",
    )
    warm_up_days: float = parameter(
        14.0, meaning="measured days before a meter's own history counts", unit="d", low=3, high=90, source="proposed"
    )
    outage_share: float = parameter(
        0.5,
        meaning="share of the area's customers that used nothing all day, from which it was an outage nobody recorded",
        unit="1",
        low=0.1,
        high=1,
        source="proposed",
    )
    estimated_days: float = parameter(
        3.0,
        meaning="days in a row of which more than half had to be estimated",
        unit="d",
        low=1,
        high=90,
        source="DQ-09",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class ValidationRules:
    """Rules of validation per interval (`doubtful`) and per closed day (`judge`). Information: no task comes of them.

    A doubted reading stays as it came. It is left out of the day's curves, so that it teaches nobody and looks like no case, and the
    balance takes what was expected in its place. It is one far above what the meter ever shows and that its own voltage and current do
    not explain; where they are not measured, one much further above, that stands alone: a load that stays is doubted once. Where some
    are so high, or many are nothing, and a good part of the area is unexplained at once, the interval is at fault: all of those are doubted.

    `judge` gives a signal per code, strength 1 where the rule is broken, 0 where it is kept, NaN where it cannot be told.
    A day of recorded outage is missing, not zero; so is one on which half of the area used nothing, or whose voltage was gone.

    >>> from detectors.examples import context, day, frame
    >>> rules, kwh = ValidationRules(context(meters=2)), np.full((24, 2), 0.4)
    >>> for number in range(4):
    ...     told = day(kwh, number=number, register_kwh=[100 + 9.6 * number, 50 + 4.8 * number])
    ...     readings = DayReadings(2)
    ...     for hour in range(24):
    ...         readings.add(frame(energy_kwh=kwh[hour]))
    ...     signals = {s.abnormality: s for s in rules.judge(told, readings)}
    ...     rules.learn(told, readings)
    >>> signals["sum_check"].strength.tolist(), signals["sum_check"].expected.round(1).tolist()
    ([0.0, 1.0], [9.6, 9.6])
    """

    name = "validation_rules"
    abnormalities: tuple[str, ...] = (
        "reading_failed",
        "missing_intervals",
        "repeated_readings",
        "spike",
        "sum_check",
        "high_low_use",
        "zero_without_outage",
        "inactive_use",
        "refused_readings",
        "multiplier_mismatch",
        "prolonged_estimation",
    )

    def __init__(self, context: AreaContext, params: ValidationRulesParams | None = None) -> None:
        self._params = params or ValidationRulesParams()
        self._context = context
        area = context.area
        count = len(area)
        self._customer = ~area.is_supply
        self._customers = np.count_nonzero(self._customer)
        self._peers = peer_groups(context)
        self._hours = context.interval_minutes / 60
        self._phases = np.where(np.isfinite(area.phases), area.phases, 1.0)
        self._multiplier = np.maximum(np.array([m.ct_ratio or 1.0 for m in area.meters]), 1.0)
        row = Slab((count,), _F32, np.nan)
        self._pages = StatePages(
            "validation_rules/1",
            {
                "now": {"above": Slab((count,), np.bool_)},
                "days": {
                    "highest_kwh": row,
                    "implied_share": row,
                    "usual": row,
                    "spread": row,
                    "register_kwh": Slab((count,), _F64, np.nan),
                    "since_kwh": Slab((count,), _F32),
                    "measured_days": Slab((count,), _F32),
                    "missing_days": Slab((count,), _F32),
                    "passed_days": Slab((count,), _F32),
                    "estimated_days": Slab((count,), np.uint8),
                    "learnt": Slab((count,), np.uint8),
                },
            },
        )
        self._above = self._pages.array("now", "above")
        self._remember()

    def _days(self, name: str) -> NDArray[Any]:
        return self._pages.array("days", name)

    def _remember(self) -> None:
        """What follows from the state and is asked in every interval."""
        p, known = self._params, self._days("learnt") >= self._params.warm_up_days
        highest = np.where(known, self._days("highest_kwh"), np.nan).astype(_F64)
        by_contract = p.contract_ratio * self._context.area.contracted_kw * self._hours
        agrees = (self._days("implied_share") >= _AGREE_FROM) & (self._days("implied_share") <= _AGREE_TO)
        self._explained_by_current = agrees
        alone = np.where(highest == highest, p.doubtful_ratio_alone * highest, by_contract)
        low = np.where((highest == highest) & agrees, p.doubtful_ratio * highest, alone)
        least = p.least_kw * self._hours
        #: limits that nothing exceeds where nothing is known
        self._high_kwh, self._low_kwh = (
            np.where((limit == limit) & self._customer, np.maximum(limit, least), np.inf) for limit in (alone, low)
        )
        self._any_above = bool(self._above.any())

    # --- intervals

    def doubtful(self, frame: ReadingFrame) -> NDArray[np.intp]:
        """The rows whose reading of this interval is doubted; mostly none."""
        rows, zeros = self._doubtful_alone(frame), len(frame) - np.count_nonzero(frame.energy_kwh)
        if len(rows) < _FEWEST_SHARED and zeros < max(_FEWEST_SHARED, self._params.shared_share * self._customers):
            return rows
        return np.union1d(rows, self._doubtful_together(frame, high=len(rows) >= _FEWEST_SHARED))

    def _doubtful_together(self, frame: ReadingFrame, *, high: bool) -> NDArray[np.intp]:
        """Rows whose readings voltage and current leave unexplained, where so many are that the interval itself is at fault.

        Unless some are far too `high`, only readings of nothing count: currents that are snapshots explain single readings badly.
        """
        implied = expected_from_current_kwh(frame, self._phases)
        if implied is None:
            return _NO_ROWS
        energy, implied = frame.energy_kwh, np.abs(implied)
        larger = np.maximum(energy, implied)
        loaded = self._explained_by_current & self._customer & (larger >= _LOADED_KW * self._hours)
        apart = loaded & (np.abs(energy - implied) >= self._params.unexplained_share * larger)
        if not high:
            apart &= energy == 0
        least = max(_FEWEST_SHARED, self._params.shared_share * np.count_nonzero(loaded))
        return np.flatnonzero(apart) if np.count_nonzero(apart) >= least else _NO_ROWS

    def _doubtful_alone(self, frame: ReadingFrame) -> NDArray[np.intp]:
        over = frame.energy_kwh > self._low_kwh
        if not np.count_nonzero(over):
            return _NO_ROWS
        rows = np.flatnonzero(over)
        energy = frame.energy_kwh[rows]
        implied = expected_from_current_kwh(frame, self._phases, rows)
        alone = (energy > self._high_kwh[rows]) & ~self._above[rows]
        if implied is None:
            return np.asarray(rows[alone])
        told = self._explained_by_current[rows] & (implied == implied)
        unexplained = energy - np.abs(implied) >= self._params.unexplained_share * energy
        doubted: NDArray[np.intp] = rows[np.where(told, unexplained, alone)]
        return doubted

    def see(self, frame: ReadingFrame) -> None:
        """Take one interval in: who was above the limit, so that a load that stays is doubted once."""
        above = frame.energy_kwh > self._high_kwh
        if np.count_nonzero(above) or self._any_above:
            self._above[...] = above
            self._any_above = bool(np.count_nonzero(above))
            self._pages.touch("now")

    # --- days

    def judge(
        self, day: AreaCurves, readings: DayReadings, in_service: NDArray[np.bool_] | None = None
    ) -> list[Signal]:
        """What is wrong with the day's readings; changes nothing. What is out of service (`in_service`, all where not given) misses nothing."""
        p, energy = self._params, DayEnergy.of(day, self._context)
        intervals = readings.intervals
        counts = readings.rows
        missing, heard = readings.missing_share(), np.full(len(self._customer), intervals > 0)
        if in_service is not None:
            heard &= in_service
        of_day = float(intervals) if intervals else np.nan
        expected = np.full(len(heard), of_day)
        sums = self._sums(day, energy, readings)
        spike_kwh, third_kwh = counts["doubtful_kwh"].astype(_F64), readings.highest_kwh[2].astype(_F64)
        usual_kwh = np.exp(self._days("usual").astype(_F64)) - _LEAST_KWH
        estimated = self._estimated(missing)
        nothing = np.zeros(len(heard))
        return [
            _signal("reading_failed", heard, counts["measured"] == 0, counts["measured"], expected, "intervals"),
            _signal("missing_intervals", heard, missing >= p.missing_share, counts["measured"], expected, "intervals"),
            _signal("repeated_readings", heard, counts["repeated"] >= np.fmax(p.repeated_share * of_day, 2), counts["repeated"], nothing, "readings"),
            _signal("spike", heard & (counts["measured"] > 0), spike_kwh > (1 + p.spike_ratio) * third_kwh, spike_kwh, third_kwh, "kWh"),
            _signal("sum_check", sums.compared, sums.disagrees, sums.step_kwh, sums.sum_kwh, "kWh"),
            self._high_low(energy, usual_kwh),
            self._zero(day, energy, usual_kwh),
            _signal("inactive_use", np.ones_like(heard), counts["inactive_kwh"] > 0, counts["inactive_kwh"], nothing, "kWh"),
            _signal("refused_readings", np.ones_like(heard), counts["refused"] > 0, counts["refused"], nothing, "readings"),
            _signal("multiplier_mismatch", sums.compared, sums.disagrees & self._by_a_factor(sums), sums.step_kwh, sums.sum_kwh, "kWh"),
            _signal("prolonged_estimation", heard, estimated >= p.estimated_days, estimated, nothing, "d"),
        ]  # fmt: skip

    def _estimated(self, missing: F64) -> F64:
        """Days in a row, this one included, of which most was missing; an area's silent day counts for nobody."""
        before = self._days("estimated_days").astype(_F64)
        return np.where(missing == missing, np.where(missing > 0.5, before + 1, 0.0), before)

    def _high_low(self, energy: DayEnergy, usual_kwh: F64) -> Signal:
        p, spread = self._params, self._days("spread")
        known = energy.enough & (self._days("learnt") >= p.warm_up_days)
        deviation = np.log(energy.kwh + _LEAST_KWH) - self._days("usual").astype(_F64)
        common = self._peers.median(np.where(known, deviation, np.nan))
        # what weather, a holiday or an outage did to all is nobody's own
        apart = np.fmin(np.abs(deviation), np.abs(deviation - common))
        far = apart > np.fmax(np.log(p.high_low_ratio), p.high_low_spreads * spread)
        return _signal("high_low_use", known, far, energy.kwh, usual_kwh, "kWh")

    def _zero(self, day: AreaCurves, energy: DayEnergy, usual_kwh: F64) -> Signal:
        """Exactly nothing all day where the meter usually uses something, on a live supply."""
        p = self._params
        complete = energy.measured >= _SUM_MEASURED
        zero = complete & (energy.kwh == 0) & ~(day.hourly["export_kwh"] > 0).any(axis=0)
        customers = np.count_nonzero(complete & self._customer)
        together = customers > 2 and np.count_nonzero(zero & self._customer) >= p.outage_share * customers
        volts = np.fmax.reduce(np.concatenate([day.hourly[f"voltage_{phase}"] for phase in PHASES]))
        dead = volts < _DEAD_VOLTAGE * NOMINAL_VOLTAGE_V
        known = complete & self._customer & (self._days("learnt") >= p.warm_up_days)
        return _signal(
            "zero_without_outage", known, zero & ~dead & (not together) & (usual_kwh >= _LEAST_KWH), energy.kwh, usual_kwh, "kWh"
        )  # fmt: skip

    def _sums(self, day: AreaCurves, energy: DayEnergy, readings: DayReadings) -> _Sums:
        """The register's way since the one before, against the energies in between."""
        p, hourly = self._params, day.hourly["energy_kwh"]
        since_kwh = self._days("since_kwh") + np.where(hourly == hourly, hourly, 0.0).sum(axis=0)
        measured_days = self._days("measured_days") + energy.measured
        missing_days = self._days("missing_days") + readings.unsure_share()
        passed_days = self._days("passed_days") + 1.0
        before = self._days("register_kwh")
        step, fell = register_step(before, day.register_kwh, since_kwh)
        coverage = measured_days / passed_days
        compared = self._customer & (step == step) & ~fell & (coverage >= _SUM_MEASURED)
        sum_kwh = since_kwh / np.maximum(coverage, _SUM_MEASURED)
        tolerance = p.sum_steps * self._multiplier * np.fmax(
            _resolution(before / self._multiplier), _resolution(day.register_kwh / self._multiplier)
        ) + (p.sum_share + _PEAK_OVER_MEAN * missing_days / passed_days) * np.fmax(step, sum_kwh)  # fmt: skip
        disagrees = np.abs(step - sum_kwh) > tolerance
        since = {
            "since_kwh": since_kwh, "measured_days": measured_days, "missing_days": missing_days, "passed_days": passed_days,
        }  # fmt: skip
        return _Sums(compared, disagrees, step, sum_kwh, since)

    def _by_a_factor(self, sums: _Sums) -> NDArray[np.bool_]:
        """Whether register and intervals differ by a power of ten or by the multiplier: unit or constant, not energy."""
        both = (sums.step_kwh > 0) & (sums.sum_kwh > 0)
        factor = np.abs(np.log(np.where(both, sums.step_kwh, 1.0) / np.where(both, sums.sum_kwh, 1.0)))
        tens = np.log(10.0) * np.maximum(np.round(factor / np.log(10.0)), 1.0)
        multiplied = np.log(np.where(self._multiplier >= 2, self._multiplier, np.nan))
        near = (np.abs(factor - tens) < 0.05) | (np.abs(factor - multiplied) < 0.05)
        return np.asarray(both & near)

    def learn(self, day: AreaCurves, readings: DayReadings) -> None:
        """Take the day in, whatever was said of it: what changes for good is unusual for some weeks only."""
        energy, days = DayEnergy.of(day, self._context), self._days
        enough, learnt = energy.enough, days("learnt")
        third_kwh = readings.highest_kwh[2].astype(_F64)
        highest = days("highest_kwh").astype(_F64)
        faded = np.where(highest == highest, highest + 0.03 * (third_kwh - highest), third_kwh)
        keep(
            days("highest_kwh"), np.where(enough & (readings.rows["measured"] > 2), np.fmax(third_kwh, faded), highest)
        )
        rate = np.maximum(1 / (learnt + 1.0), 1 / 14)
        log_kwh = np.log(energy.kwh + _LEAST_KWH)
        spread = np.minimum(np.abs(log_kwh - days("usual")), 1.0)
        keep(days("spread"), moved(days("spread"), spread, rate, enough & (learnt > 0)))
        keep(days("usual"), moved(days("usual"), log_kwh, rate, enough))
        self._learn_agreement(day, enough)
        sums = self._sums(day, energy, readings)
        read = day.register_kwh == day.register_kwh
        for name, value in sums.since.items():
            keep(days(name), np.where(read, 0.0, value))
        np.copyto(days("register_kwh"), day.register_kwh, where=read)
        days("estimated_days")[...] = np.minimum(self._estimated(readings.missing_share()), 255)
        count_up(learnt, enough)
        self._pages.touch("days")
        self._remember()

    def _learn_agreement(self, day: AreaCurves, enough: NDArray[np.bool_]) -> None:
        """How well voltage and current explain the energy of this meter."""
        kwh, implied = day.hourly["energy_kwh"], day.hourly["implied_kwh"]
        both = (kwh == kwh) & (implied == implied)
        total, told = (np.where(both, each, 0.0).sum(axis=0) for each in (kwh, implied))
        share = share_of(told, np.where(total > _LEAST_KWH, total, 0.0))
        keep(self._days("implied_share"), moved(self._days("implied_share"), share, 0.1, enough))

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._remember()


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """A register against the intervals, all (meters,) in kWh; `compared` where the two can be held against each other, `since` what is
    remembered until the next register."""

    compared: NDArray[np.bool_]
    disagrees: NDArray[np.bool_]
    step_kwh: F64
    sum_kwh: F64
    since: dict[str, F64]


def _resolution(shown: F64) -> F64:
    """The step of a display that shows these figures: whole kWh, tenths, or finer.

    >>> _resolution(np.array([120.0, 120.4, 120.47, np.nan])).tolist()
    [1.0, 0.1, 0.01, 0.01]
    """
    whole, tenths = np.abs(shown - np.round(shown)) < 1e-6, np.abs(10 * shown - np.round(10 * shown)) < 1e-5
    return np.where(whole, 1.0, np.where(tenths, 0.1, 0.01))


def _signal(
    code: str,
    known: NDArray[np.bool_],
    broken: NDArray[np.bool_],
    observed: NDArray[Any],
    expected: NDArray[Any],
    unit: str,
) -> Signal:
    strength = np.where(known, broken, _F32(np.nan))
    seen, usual = (np.where(known, each, np.nan).astype(_F64, copy=False) for each in (observed, expected))
    return Signal(ValidationRules.name, code, strength, seen, usual, unit, quiet=not (known & broken).any())
