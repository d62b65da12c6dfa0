"""The end of one area's local day inside the area stage: what the day stage needs of it becomes one row of SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.life import CODES
from detectors.area.area_verdict import AreaVerdict
from detectors.case.case_probability import Verdict
from detectors.case.downstream_prices import CODE as RESALE
from detectors.case.lost_voltage import CODE as VOLTAGE_LOSS
from detectors.case.lost_voltage import LostVoltage
from detectors.case.measures import Measured, daily_energy
from detectors.case.risk import family_strengths
from detectors.day.balance import HourlyBalance
from detectors.day.features import day_features
from detectors.pages import pack_arrays, unpack_arrays
from inspection.overtaken import ENDED_KEPT_DAYS
from metering.alert import Alert, AlertState, EndedAlert, Worth
from metering.archive import Archive, Meter
from metering.dismissal import Dismissal, dismissal_of
from metering.evidence import AreaCurves, AreaDay, Signal
from metering.messages import Finding
from metering.place import Place, place_of
from metering.ports import AreaDayRow
from metering.silence import covered_by
from metering.times import DAY_S
from operations.announce import alerts_changed
from operations.area import AreaInProgress, DayInProgress, Outcome, Trace, alert_of, alerts_json
from operations.declared_resale import declared_worth, resale_signals
from operations.derived_points import evidence_points, meter_error_points
from operations.validation import validate_day
from operations.worth import worth_of, worth_of_energy

INACTIVE_USE = "inactive_use"
#: Kinds of which the alert bank adds up what they stand for by themselves, not by what was expected of the meter.
CLAIMED = frozenset({VOLTAGE_LOSS, INACTIVE_USE})
SCHEMA = "area_day/4"
#: So long nobody is sent for its rank alone to a meter that a person called no problem: an alert that is raised anew is news.
WORD_HOLDS_S = 30 * DAY_S
#: By then what a person said has faded.
FORGOTTEN_AFTER_S = 366 * DAY_S


def close_area_day(
    area: AreaInProgress, ordinal: int, partition: int, outcome: Outcome, trace: Trace | None = None
) -> None:
    """Weigh the closed day, then pack its features, evidence, open alerts and findings; forget what the day stage now knows."""
    day, closes_on = area.forget_day(ordinal), date.fromordinal(ordinal)
    curves = day.curves.close(ordinal, area.context.day_type(closes_on))
    features = day_features(area.context, curves, area.profile.expected_day(curves.day_type))
    day_starts_s = np.full(len(area.area), area.archive.calendar.day_start(closes_on), dtype=np.int64)
    signals = [replace(s, since_s=day_starts_s) for s in validate_day(area, day, curves, outcome)]
    outcome.count({f"suppressed.meter_days.{cause}": int(rows.sum()) for cause, rows in day.explained.items()})
    verdict = _weigh(area, day, curves, signals, outcome)
    if trace is not None:
        trace.day_closed(area, ordinal, signals, verdict)
    at_s = area.archive.calendar.day_close(closes_on)
    open_alerts, changed = area.bank.at_day_close(_worth(area, closes_on), since_s=at_s - DAY_S)
    alerts_changed(area, changed, at_s, outcome)
    area.silences = {i: s for i, s in area.silences.items() if at_s < s.until_s}
    heard = tuple(a for a in open_alerts if covered_by(area.silences.values(), a, place_of(a, area.area), at_s) is None)
    if len(heard) < len(open_alerts):
        outcome.count({"alerts_silenced": len(open_alerts) - len(heard)})
    silenced = _silenced(area, open_alerts, heard, at_s)
    closed = ClosedAreaDay(
        _area_day(area, day, curves, features, verdict),
        heard,
        tuple(area.findings),
        silenced,
        tuple(area.undone),
        tuple(area.dismissed),
        area.bank.ended_since(at_s - ENDED_KEPT_DAYS * DAY_S),
    )
    area.findings, area.undone, area.dismissed = [], [], []
    area.dismissals = {i: d for i, d in area.dismissals.items() if at_s - d.said_at_s < FORGOTTEN_AFTER_S}
    outcome.area_days.append(AreaDayRow(area.name, ordinal, partition, pack_area_day(closed)))


def _silenced(area: AreaInProgress, open_alerts: Sequence[Alert], heard: Sequence[Alert], at_s: int) -> tuple[str, ...]:
    """Meters that nobody is to be sent to for their rank: silenced as a whole, or with an alert that is, or lately called no problem."""
    told = {a.alert_id for a in heard}
    found = {a.meter_id for a in open_alerts if a.alert_id not in told and a.meter_id is not None}
    found |= {d.meter_id for d in area.dismissals.values() if d.meter_id is not None and _holds(d, at_s)}
    whole = [s for s in area.silences.values() if s.of_every_kind and s.in_force(at_s)]
    if whole:
        found |= {m.meter_id for m in area.area.meters if any(s.concerns(Place.of(m)) for s in whole)}
    return tuple(sorted(found))


def _holds(said: Dismissal, at_s: int) -> bool:
    return said.teaches and at_s - said.said_at_s < WORD_HOLDS_S


def _weigh(
    area: AreaInProgress, day: DayInProgress, curves: AreaCurves, validated: list[Signal], outcome: Outcome
) -> Verdict:
    """The day experts describe the day, the prior weighs it, alerts follow, and only then the day is learnt.

    Meters whose day their area's own alert explains are weighed and learnt as if nothing had been measured at them.
    """
    closes_on = date.fromordinal(curves.day_ordinal)
    measured, curves = curves, curves.unheard(day.unweighed)
    figures = area.day_bank.figures(curves)
    area.hear_people(area.archive.calendar.day_start(closes_on) + DAY_S)
    verdict = area.case_probability.judge(figures, closes_on)
    area.recoverable.learn(
        curves.day_ordinal, figures, today=_probability(verdict.today), smoothed=_probability(verdict.odds)
    )
    signals = [*area.case_probability.signals(verdict, figures, _since_s(area)), *validated]
    energy = daily_energy(figures)
    balance = area.day_bank.balance(curves) if len(area.area.supply_rows) else None
    of_area = None
    if balance is not None:
        unbilled_kwh = day.readings.rows["inactive_kwh"].astype(np.float64)
        of_area = _weigh_area(area, curves, balance, verdict, energy, unbilled_kwh)
        signals += [*area.day_area.signals(of_area), area.meter_errors.signal(energy.observed)]
    end_s = area.archive.calendar.day_close(closes_on)
    signals += resale_signals(area, measured)
    signals.append(area.frequent_outage.signal(area.archive.outages_by_area.get(area.name, ()), end_s))
    load = area.load_forecast.judge(measured)
    signals += area.load_forecast.signals(load)
    signals, hidden = area.consequences.hide(signals, area.bank)
    outcome.count({f"suppressed.evidence.{name}": n for name, n in hidden.counts.items()})
    nothing = np.zeros(len(area.area))
    step = area.bank.step(
        signals,
        end_s=end_s,
        interval_s=DAY_S,
        energy_kwh=nothing,
        expected_kwh=nothing,
        of_day=True,
        claimed_kwh={INACTIVE_USE: day.readings.rows["inactive_kwh"].astype(np.float64)},
    )
    area.touch("bank")
    alerts_changed(area, step.changed, end_s, outcome)
    outcome.points += evidence_points(step.evidence, signals, area.area, area.archive.calendar.day_start(closes_on))
    if balance is not None and of_area is not None:
        _learn_balance(area, curves, balance, of_area, outcome)
    suspected = area.case_probability.suspected(verdict)
    area.day_bank.learn(curves, suspected)
    area.profile.learn(curves, ~(suspected | day.suspected | area.day_bank.in_doubt()))
    area.case_probability.learn(verdict)
    area.load_forecast.learn(load)
    return verdict


def _weigh_area(
    area: AreaInProgress,
    curves: AreaCurves,
    balance: HourlyBalance,
    verdict: Verdict,
    energy: Measured,
    unbilled_kwh: NDArray[np.float64],
) -> AreaVerdict:
    """The area's balance less what its meters are suspected of, and what they used out of service (`unbilled_kwh`); who hangs
    elsewhere is no part of it."""
    suspects = area.day_area.suspects(
        verdict.probability,
        area.case_probability.prior.kinds,
        verdict.kind,
        energy.observed,
        energy.expected,
        np.nansum(curves.hourly["export_kwh"], axis=0),
        area.bank.suspected(),
    ).with_unbilled(unbilled_kwh)
    start_s = area.archive.calendar.day_start(date.fromordinal(curves.day_ordinal))
    in_service = area.area.valid_at(start_s) & area.area.valid_at(start_s + DAY_S - 1)
    hangs_here = in_service & ~area.meter_errors.elsewhere
    return area.day_area.judge(curves, balance.net, hangs_here, suspects, area.day_bank.explained(curves))


def _learn_balance(
    area: AreaInProgress, curves: AreaCurves, balance: HourlyBalance, of_area: AreaVerdict, outcome: Outcome
) -> None:
    """The area and its meters' errors learn the day; who is found to hang elsewhere changes what is balanced from now on."""
    area.day_area.learn(of_area)
    before = area.meter_errors.elsewhere
    if not area.meter_errors.learn(curves, balance, of_area.suspects.probability):
        return
    day_start_s = area.archive.calendar.day_start(date.fromordinal(curves.day_ordinal))
    outcome.points += meter_error_points(area.meter_errors.estimates(), area.name, day_start_s)
    changed = area.meter_errors.elsewhere != before
    if changed.any():
        area.day_area.balance_changed(float(np.abs(balance.net[:, :, changed].sum(axis=(0, 1))).sum()))


def _probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def _since_s(area: AreaInProgress) -> NDArray[np.int64]:
    """When the doubt of each meter began, (meters,) epoch seconds, 0 where there is none."""
    since_s = np.zeros(len(area.area), dtype=np.int64)
    for row in np.flatnonzero(area.recoverable.since).tolist():
        began_on = date.fromordinal(int(area.recoverable.since[row]))
        since_s[row] = area.archive.calendar.day_start(began_on)
    return since_s


def _worth(area: AreaInProgress, day: date) -> Callable[[str, int], Worth | None]:
    """What a claim of a kind is worth at the meter of a row, by this day's prices."""

    def worth(abnormality: str, row: int) -> Worth | None:
        declared = declared_worth(area, row, day) if abnormality == RESALE else None
        if declared is not None:
            return declared
        claimed_kwh = area.bank.stands_for_kwh(abnormality, row) if abnormality in CLAIMED else 0.0
        if claimed_kwh > 0:
            return _worth_claimed(abnormality, claimed_kwh, area.area.meters[row], area.archive, day)
        estimate = area.recoverable.estimate(row)
        if estimate is None:
            return None
        return worth_of(abnormality, estimate, area.area.meters[row], area.area, area.archive, day)

    return worth


def _worth_claimed(abnormality: str, kwh: float, meter: Meter, archive: Archive, day: date) -> Worth:
    """The worth of what was added up while the claim stood (kWh)."""
    if abnormality == INACTIVE_USE:
        used_kwh = round(kwh, 1)
        return worth_of_energy((used_kwh, used_kwh, used_kwh), meter, archive, day, "unbilled")
    low, middle, high = (round(each, 1) for each in LostVoltage.interval(kwh))
    return worth_of_energy((low, middle, high), meter, archive, day)


@dataclass(frozen=True, slots=True, eq=False)
class ClosedAreaDay:
    """What crosses from the area stage to the day stage; `open_alerts` are those that no silence covers, hazards that come and go among them, `silenced` the
    meters that one does, `undone` what a person took back of findings and dismissals, `dismissals` what people called no problem."""

    day: AreaDay
    open_alerts: tuple[Alert, ...]
    findings: tuple[Finding, ...]
    silenced: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    dismissals: tuple[Dismissal, ...] = ()
    ended: tuple[EndedAlert, ...] = ()
    """What is over, of late."""


#: Half precision holds no more.
_MOST_FIGURE = 60_000.0


def _area_day(
    area: AreaInProgress,
    day: DayInProgress,
    curves: AreaCurves,
    features: dict[str, NDArray[np.float64]],
    verdict: Verdict,
) -> AreaDay:
    hourly_kwh = curves.hourly["energy_kwh"]
    known = hourly_kwh == hourly_kwh
    energy_kwh = np.where(known.any(axis=0), np.where(known, hourly_kwh, 0.0).sum(axis=0), np.nan)
    return AreaDay(
        area.name,
        curves.day_ordinal,
        area.area.meter_ids,
        energy_kwh,
        features["missing_share"],
        features,
        family_strengths(day.strength, CODES),
        np.isfinite(energy_kwh) & ~(day.suspected | day.unweighed | area.area.is_supply),
        verdict.probability,
        np.clip(verdict.table, -_MOST_FIGURE, _MOST_FIGURE).astype(np.float16),
    )


def pack_area_day(closed: ClosedAreaDay) -> bytes:
    day = closed.day
    arrays: dict[str, NDArray[Any]] = {
        "energy_kwh": day.energy_kwh,
        "missing_share": day.missing_share,
        "trusted": day.trusted,
        "probability": day.probability,
        "figures": day.figures,
    }
    arrays |= {f"feature/{name}": values for name, values in day.features.items()}
    arrays |= {f"family/{name}": values for name, values in day.family_strength.items()}
    story = {
        "transformer_area": day.transformer_area,
        "day_ordinal": day.day_ordinal,
        "meter_ids": list(day.meter_ids),
        "findings": [asdict(f) for f in closed.findings],
        "silenced": list(closed.silenced),
        "undone": list(closed.undone),
        "dismissals": [asdict(d) for d in closed.dismissals],
        "ended": [[e.alert_id, e.abnormality, e.state, e.ended_at_s] for e in closed.ended],
    }
    told = f'{json.dumps(story)[:-1]}, "open_alerts": {alerts_json(closed.open_alerts)}}}'
    arrays["story"] = np.frombuffer(told.encode(), dtype=np.uint8)
    return pack_arrays(SCHEMA, arrays)


def unpack_area_day(payload: bytes) -> ClosedAreaDay:
    arrays = unpack_arrays(SCHEMA, payload)
    story = json.loads(arrays.pop("story").tobytes())
    return ClosedAreaDay(
        AreaDay(
            story["transformer_area"],
            story["day_ordinal"],
            tuple(story["meter_ids"]),
            arrays["energy_kwh"],
            arrays["missing_share"],
            _under("feature/", arrays),
            _under("family/", arrays),
            arrays["trusted"],
            arrays["probability"],
            arrays["figures"],
        ),
        tuple(alert_of(row) for row in story["open_alerts"]),
        tuple(Finding(**row) for row in story["findings"]),
        tuple(story["silenced"]),
        tuple(story["undone"]),
        tuple(dismissal_of(row) for row in story.get("dismissals", ())),
        tuple(EndedAlert(i, kind, AlertState(state), at_s) for i, kind, state, at_s in story.get("ended", ())),
    )


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
