"""Days of one small area with all that the judges of the day and of the area are told, worked out once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from detectors.area.suspects import Suspects
from detectors.case.case_probability import CaseProbability, Verdict
from detectors.case.downstream_prices import Declared
from detectors.day.balance import HourlyBalance
from detectors.day.bank import DayBank
from detectors.day.features import day_features
from detectors.day.service_drops import Explained
from detectors.examples import MONDAY_ORDINAL, MONDAY_S
from detectors.interval.seasonal_profile import SeasonalProfile
from detectors.validation.day_readings import DayReadings
from metering.archive import Outage
from metering.evidence import AreaContext, AreaCurves, AreaDay
from metering.frame import ReadingFrame
from metering.messages import Finding
from metering.readings import PHASES
from metering.times import DAY_S
from tests.unit.detectors.electric_days import HOMES, SUPPLY, WORKSHOP, Load, area, days

F64 = NDArray[np.float64]
COUNT, EVENTS_FROM = 62, 40
HOUR_S = 3600
RATED_KVA = 80.0
#: Rows of an area whose meters are listed in another way.
SHUFFLED = (7, 19, 2, 15, 0, 11, 18, 4, 9, 13, 1, 16, 6, 3, 17, 10, 5, 14, 8, 12)

STOPPED, COVER, REGISTER_OFF, SILENT, SPIKE = 2, 4, 6, 7, 9
DECLARES_MUCH, DECLARES_LITTLE, DECLARED_ONCE = 1, 3, 5
DARK_HOURS = (10, 11, 12)
#: Beyond what the meter ever shows, and within twice its contract: it takes a history to doubt it.
SPIKE_HOUR, SPIKE_KWH = 5, 12.0


@dataclass(frozen=True, eq=False)
class JudgedDay:
    """A closed day as `operations/close_area_day.py` has it before anything is said: curves, what the day experts make of them, the
    intervals, and what was reported, recorded, declared and found. Rows are in the order of `context`."""

    number: int
    context: AreaContext
    curves: AreaCurves
    figures: Mapping[str, F64]
    verdict: Verdict
    balance: HourlyBalance
    explained: Explained
    suspects: Suspects
    frames: Sequence[ReadingFrame]
    readings: DayReadings
    reports: Sequence[tuple[int, int, bool]]
    """(row, epoch seconds, whether power is on again), as meters reported it."""
    outages: Sequence[Outage]
    declared: Declared
    area_day: AreaDay
    findings: Sequence[Finding]

    @property
    def end_s(self) -> int:
        return MONDAY_S + (self.number + 1) * DAY_S

    @property
    def closes_on(self) -> date:
        return _date(self.curves)


@dataclass(frozen=True)
class Life:
    """What happens: nothing at all, or from day `events_from` on much at once."""

    count: int = COUNT
    events_from: int | None = None
    order: tuple[int, ...] = tuple(range(HOMES + 1))
    blank: frozenset[int] = frozenset()
    """Days of which nothing was heard."""


QUIET, EVENTFUL = Life(), Life(events_from=EVENTS_FROM)
ELSEWHERE = replace(EVENTFUL, order=SHUFFLED)
#: The first days of an area, and at once everything goes wrong.
WILD = Life(count=20, events_from=0)
#: The quiet life with a day of nothing.
GAP_AT = 44
WITH_A_GAP = Life(count=GAP_AT + 2, blank=frozenset({GAP_AT}))


def context_of(order: Iterable[int]) -> AreaContext:
    """The area with its lines; its transformer's rating is known."""
    told = area(order, interval_minutes=60)
    meters = tuple(replace(m, rated_kva=RATED_KVA) if m.role == "supply" else m for m in told.area.meters)
    return replace(told, area=replace(told.area, meters=meters))


@cache
def lived(life: Life) -> tuple[JudgedDay, ...]:
    """The days of a life, as its area's day experts and profile describe them."""
    context = context_of(life.order)
    bank, profile, weighing = DayBank(context), SeasonalProfile(context), CaseProbability(context)
    told = []
    for curves in _curves(life):
        number = curves.day_ordinal - MONDAY_ORDINAL
        figures, balance, explained = bank.figures(curves), bank.balance(curves), bank.explained(curves)
        assert balance is not None
        assert explained is not None
        if number in life.blank:  # the experts' own tests say what they remember on such a day
            figures = {name: np.full(HOMES + 1, np.nan) for name in figures}
        verdict = weighing.judge(figures, _date(curves))
        trusted = ~weighing.suspected(verdict) & ~context.area.is_supply
        features = day_features(context, curves, profile.expected_day(curves.day_type))
        frames = _frames(life, context, curves)
        told.append(
            JudgedDay(
                number,
                context,
                curves,
                figures,
                verdict,
                balance,
                explained,
                _suspects(context, verdict, curves),
                frames,
                _readings(life, number, frames),
                _reports(life, number),
                _outages(life, number),
                _declared(life, number, curves),
                _area_day(context, curves, features, verdict, trusted),
                _findings(life, number, context),
            )
        )
        weighing.learn(verdict)
        bank.learn(curves, ~trusted & ~context.area.is_supply)
        profile.learn(curves, trusted)
    return tuple(told)


def _date(curves: AreaCurves) -> date:
    return date.fromordinal(curves.day_ordinal)


def _happens(life: Life, number: int, after: int = 0, until: int = COUNT) -> bool:
    """Whether a day lies in so many days after the events' beginning."""
    return life.events_from is not None and life.events_from + after <= number < life.events_from + until


def _curves(life: Life) -> Iterable[AreaCurves]:
    """What the meters registered, with their registers; then the rows in the life's order."""
    drawn = days(life.count, _draws(life), _shows(life), interval_minutes=60)
    registers_kwh = 1000.0 + 100 * np.arange(HOMES + 1)
    for curves in drawn:
        number = curves.day_ordinal - MONDAY_ORDINAL
        registered = curves.hourly["energy_kwh"].sum(axis=0)
        if _happens(life, number):
            registered[REGISTER_OFF] *= 1.5
        registers_kwh = registers_kwh + registered
        shown = np.round(registers_kwh, 2)
        events = np.zeros(HOMES + 1)
        hourly = {name: values.copy() for name, values in curves.hourly.items()}
        if _happens(life, number):
            events[COVER] = 0.9
            _hide(hourly, number)
        if _happens(life, number, 3, 4):
            for values in hourly.values():
                values[list(DARK_HOURS)] = np.nan
        if number in life.blank:
            shown, events = np.full(HOMES + 1, np.nan), np.zeros(HOMES + 1)
            hourly = {name: np.full(values.shape, np.nan) for name, values in hourly.items()}
        rows = list(life.order)
        yield replace(
            curves,
            hourly={name: values[:, rows] for name, values in hourly.items()},
            register_kwh=shown[rows],
            event_strength=events[rows],
        )


def _draws(life: Life) -> Callable[[Load], None]:
    def change(load: Load) -> None:
        if _happens(life, load.number):
            load.share_registered[:, STOPPED] = 0.15
        if _happens(life, load.number, 15, 18):
            load.drawn *= 2.5

    return change


def _shows(life: Life) -> Callable[[Load], None]:
    """The workshop hangs on another transformer all along; from the events on a line is tapped."""

    def alter(load: Load) -> None:
        if life.events_from is None:
            return
        rng = np.random.default_rng([load.number, 7])
        load.hourly["energy_kwh"][:, SUPPLY] -= 1.02 * load.drawn[:, WORKSHOP]
        for phase in PHASES:
            load.hourly[f"voltage_{phase}"][:, WORKSHOP] = 233 + rng.normal(0, 1.5, 24)
        if _happens(life, load.number):
            load.hourly["energy_kwh"][:, SUPPLY] += 4.0

    return alter


def _hide(hourly: Mapping[str, F64], number: int) -> None:
    """Readings that do not come, by chance and of one meter for good."""
    gone = np.random.default_rng([number, 11]).random((24, HOMES)) < 0.03
    gone[:, SILENT] = True
    for values in hourly.values():
        values[:, :HOMES][gone] = np.nan


def _frames(life: Life, context: AreaContext, curves: AreaCurves) -> list[ReadingFrame]:
    """The intervals as they came: a reading that nobody believes is in them, and not in the curves."""
    hourly, start_s = curves.hourly, context.calendar.day_start(_date(curves))
    of_phases = {"energy_kwh": "energy_kwh", "power_factor": "power_factor"}
    of_phases |= {f"voltage_{p}_v": f"voltage_{p}" for p in PHASES} | {f"current_{p}_a": f"current_{p}" for p in PHASES}
    of_phases |= {"voltage_v": "voltage_a", "current_a": "current_a"}
    came = {column: hourly[name].copy() for column, name in of_phases.items()}
    if _happens(life, curves.day_ordinal - MONDAY_ORDINAL):
        came["energy_kwh"][SPIKE_HOUR, life.order.index(SPIKE)] = SPIKE_KWH
    return [
        ReadingFrame(
            context.area.transformer_area,
            start_s + HOUR_S * hour,
            60,
            context.area.meter_ids,
            {column: values[hour] for column, values in came.items()},
        )
        for hour in range(24)
    ]


def _readings(life: Life, number: int, frames: Sequence[ReadingFrame]) -> DayReadings:
    readings = DayReadings(HOMES + 1)
    for frame in frames:
        readings.add(frame)
    if _happens(life, number):
        row = life.order.index(SPIKE)
        readings.doubt(np.array([row]), np.array([SPIKE_KWH]))
        for _ in range(5):
            readings.refuse(row, repeated=True)
        readings.refuse(row)
        readings.use_out_of_service(row, 2.0)
    return readings


def _reports(life: Life, number: int) -> list[tuple[int, int, bool]]:
    """On one day the area loses its supply, as the supply meter and some homes report."""
    if not _happens(life, number, 3, 4):
        return []
    start_s = MONDAY_S + number * DAY_S
    rows = [life.order.index(meter) for meter in (0, SUPPLY)]
    off = [(row, start_s + HOUR_S * DARK_HOURS[0] + 60, False) for row in rows]
    return off + [(row, start_s + HOUR_S * (DARK_HOURS[-1] + 1) - 60, True) for row in rows]


def _outages(life: Life, number: int) -> list[Outage]:
    """Five short outages before the events, of which a quiet life has one that was planned."""
    at_s = MONDAY_S + HOUR_S // 2
    if life.events_from is None:
        return [Outage("TA", at_s, at_s + 600, planned=True)] if number == 0 else []
    every = [at_s + day * DAY_S for day in range(life.events_from, life.events_from + 5)]
    return [Outage("TA", start_s, start_s + 600, planned=False) for start_s in every]


def _declared(life: Life, number: int, curves: AreaCurves) -> Declared:
    nothing = np.full(HOMES + 1, np.nan)
    price, since_s = nothing.copy(), np.zeros(HOMES + 1, dtype=np.int64)
    price[DECLARES_LITTLE], since_s[[DECLARES_LITTLE, DECLARED_ONCE]] = 0.43, MONDAY_S
    if _happens(life, number):
        price[DECLARES_MUCH], since_s[DECLARES_MUCH] = 0.7, MONDAY_S + number * DAY_S
    rows = list(life.order)
    paid = nothing if number in life.blank else np.full(HOMES + 1, 0.4)
    kwh = curves.hourly["energy_kwh"].sum(axis=0)
    return Declared(price[rows], paid, kwh, np.zeros(HOMES + 1), since_s[rows], "CNY")


def _suspects(context: AreaContext, verdict: Verdict, curves: AreaCurves) -> Suspects:
    """Whose verdict is bad hides half of what it shows."""
    probability = np.where(context.area.is_supply, 0.0, np.nan_to_num(verdict.probability))
    shown_kwh = np.nan_to_num(curves.hourly["energy_kwh"]).sum(axis=0)
    missing_kwh = np.where(probability > 0.5, 0.5 * shown_kwh, 0.0)
    return Suspects(probability, missing_kwh, 0.1 * missing_kwh)


def _area_day(
    context: AreaContext, curves: AreaCurves, features: dict[str, F64], verdict: Verdict, trusted: NDArray[np.bool_]
) -> AreaDay:
    known_kwh = curves.hourly["energy_kwh"]
    energy_kwh = np.where(np.isfinite(known_kwh).any(axis=0), np.nan_to_num(known_kwh).sum(axis=0), np.nan)
    return AreaDay(
        context.area.transformer_area,
        curves.day_ordinal,
        context.area.meter_ids,
        energy_kwh,
        features["missing_share"],
        features,
        {},
        trusted & np.isfinite(energy_kwh),
        verdict.probability,
        np.clip(verdict.table, -60_000, 60_000).astype(np.float16),
    )


def _findings(life: Life, number: int, context: AreaContext) -> list[Finding]:
    """Visits to the meter that was bypassed, and to one with an open cover and nothing else."""
    if not _happens(life, number, 10):
        return []
    visited, confirmed = ((STOPPED, True), (COVER, False))[number % 2]
    meter_id, found_at_s = f"M{visited}", MONDAY_S + (number + 1) * DAY_S
    return [Finding(f"f-{number}", "TA", meter_id, found_at_s, confirmed, "bypass" if confirmed else None)]
