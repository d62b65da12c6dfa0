"""Points that the judging itself gives: balances, evidence, alerts and tasks, as `metering.points.SCHEMA` has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.area.meter_errors import MeterError
from inspection.track_record import Precision
from metering.alert import Alert, AlertState
from metering.archive import Archive, Area
from metering.catalogue import CATALOGUE
from metering.evidence import Signal
from metering.frame import ReadingFrame
from metering.inspection import InspectionTask, TaskState
from metering.points import Point
from operations.balance import Balance, net_energy_kwh

NO_METER = "-"
#: What an inspection or a person said of an alert.
VERDICTS = {AlertState.CONFIRMED: 1.0, AlertState.WITHDRAWN: -1.0}


def balance_point(area: Area, frame: ReadingFrame, balanced: Balance | None) -> Point | None:
    """Supplied and metered energy of one interval; the loss where the balance is computable. None for an empty interval."""
    if balanced is not None and balanced.stand_ins == 0 and area.is_steady:
        customers = float(len(area.customer_rows))
        fields = {
            "metered_kwh": balanced.metered_kwh,
            "meters_measured": customers,
            "meters_expected": customers,
            "supplied_kwh": balanced.supplied_kwh,
        }
    else:
        fields = _sums_of_measured(area, frame)
        if not fields:
            return None
    if balanced is not None:
        fields["loss_kwh"] = balanced.loss_kwh
        if balanced.stand_ins:
            fields |= {"meters_estimated": float(balanced.stand_ins), "estimated_kwh": balanced.estimated_kwh}
        if balanced.supplied_kwh > 0:
            fields["loss_share"] = balanced.loss_kwh / balanced.supplied_kwh
    return Point(
        "area_balance",
        {"transformer_area": area.transformer_area},
        frame.interval_start_s,
        {name: round(value, 6) for name, value in fields.items()},
    )


def estimate_points(area: Area, frame: ReadingFrame, expected_kwh: NDArray[np.float64]) -> Iterator[Point]:
    """What stood in for each customer's missing or doubted reading: a field of its own beside the reading as it came."""
    missing = ~area.is_supply & area.valid_at(frame.interval_start_s) & ~frame.measured & np.isfinite(expected_kwh)
    for row in np.flatnonzero(missing).tolist():
        yield Point(
            "reading",
            {"transformer_area": area.transformer_area, "meter_id": area.meter_ids[row]},
            frame.interval_start_s,
            {"estimated_kwh": round(float(expected_kwh[row]), 6)},
        )


def _sums_of_measured(area: Area, frame: ReadingFrame) -> dict[str, float]:
    net_kwh = net_energy_kwh(frame)
    in_service = area.valid_at(frame.interval_start_s)
    measured = in_service & ~np.isnan(net_kwh)
    if not measured.any():
        return {}
    fields = {
        "metered_kwh": float(net_kwh[measured & ~area.is_supply].sum()),
        "meters_measured": float((measured & ~area.is_supply).sum()),
        "meters_expected": float((in_service & ~area.is_supply).sum()),
    }
    if (measured & area.is_supply).any():
        fields["supplied_kwh"] = float(net_kwh[measured & area.is_supply].sum())
    return fields


def evidence_points(
    shown: Sequence[tuple[str, int]], signals: Sequence[Signal], area: Area, at_s: int
) -> Iterable[Point]:
    """One point per detector for each (code, row) that the alert bank found worth showing."""
    if not shown:
        return
    by_code: dict[str, list[Signal]] = {}
    for signal in signals:
        by_code.setdefault(signal.abnormality, []).append(signal)
    for code, row in shown:
        for signal in by_code.get(code, ()):
            if np.isnan(signal.strength[row]):
                continue
            fields = {"strength": round(float(signal.strength[row]), 4)}
            for name, values in (("observed", signal.observed), ("expected", signal.expected)):
                if np.isfinite(values[row]):
                    fields[name] = round(float(values[row]), 6)
            yield Point(
                "evidence",
                {
                    "transformer_area": area.transformer_area,
                    "meter_id": area.meter_ids[row],
                    "abnormality": code,
                    "family": CATALOGUE[code].family,
                    "detector": signal.detector,
                },
                at_s,
                fields,
            )


def meter_error_points(errors: Iterable[MeterError], transformer_area: str, at_s: int) -> Iterable[Point]:
    """Each meter's error as its area's balance has it, at the start of the day that brought the estimate."""
    for error in errors:
        yield Point(
            "meter_error",
            {"transformer_area": transformer_area, "meter_id": error.meter_id},
            at_s,
            {"share": round(error.share, 5), "low": round(error.low, 5), "high": round(error.high, 5)},
        )


def alert_points(alerts: Iterable[Alert], archive: Archive) -> Iterable[Point]:
    """An alert at the time its newest episode began, and at the time that ended with `raised` 0."""
    for alert in alerts:
        measured = {"observed": alert.observed, "expected": alert.expected}
        fields = {
            "risk": alert.risk,
            "missing_kwh": alert.missing_kwh,
            "episode": float(alert.episodes),
            "verdict": VERDICTS.get(alert.state, 0.0),
        }
        fields |= {name: value for name, value in measured.items() if np.isfinite(value)}
        if alert.worth is not None and alert.worth.is_energy:
            low, high = alert.worth.kwh_low, alert.worth.kwh_high
            fields |= {"worth_kwh": alert.worth.kwh, "worth_kwh_low": low, "worth_kwh_high": high}
        meter = archive.meter_at(alert.service_point)
        if meter is not None and meter.latitude is not None and meter.longitude is not None:
            fields |= {"latitude": meter.latitude, "longitude": meter.longitude}
        if alert.is_open or alert.cleared_at_s is None:
            began_s = alert.relapses[-1][1] if alert.relapses else alert.raised_at_s
            yield Point("alert", _tags_of(alert), began_s, fields | {"raised": 1.0})
        else:
            yield Point("alert", _tags_of(alert), alert.cleared_at_s, fields | {"raised": 0.0})


def verdict_points(alerts: Iterable[Alert], at_s: int) -> Iterable[Point]:
    """What an inspection said of alerts, at the time it was found: a confirmed alert goes on until its condition is gone."""
    for alert in alerts:
        if alert.state in VERDICTS:
            yield Point("alert", _tags_of(alert), at_s, {"verdict": VERDICTS[alert.state]})


def acknowledged_point(alert: Alert, episode: int, at_s: int) -> Point:
    """That a person has seen an alert, at that time."""
    return Point("alert", _tags_of(alert), at_s, {"acknowledged": 1.0, "episode": float(episode)})


def _tags_of(alert: Alert) -> dict[str, str]:
    return {
        "transformer_area": alert.transformer_area,
        "meter_id": alert.meter_id or NO_METER,
        "abnormality": alert.abnormality,
        "family": alert.family,
        "alert_id": alert.alert_id,
    }


def task_points(tasks: Iterable[InspectionTask]) -> Iterable[Point]:
    """A task at the time it was opened, and at the time it was closed with `open` 0."""
    for task in tasks:
        tags = {
            "transformer_area": task.transformer_area,
            "service_point": task.service_point,
            "grade": task.grade,
            "task_id": task.task_id,
        }
        over = task.state in (TaskState.CLOSED, TaskState.WITHDRAWN)
        at_s = task.closed_at_s if over and task.closed_at_s is not None else task.opened_at_s
        yield Point(
            "task", tags, at_s, {"priority": float(task.priority), "risk": task.risk, "open": 0.0 if over else 1.0}
        )


def precision_points(records: Iterable[Precision], at_s: int) -> Iterable[Point]:
    """What visits made of each detector's word on each kind so far, with its 95 % interval."""
    for record in records:
        low, high = record.interval
        yield Point(
            "precision",
            {"detector": record.detector, "abnormality": record.abnormality},
            at_s,
            {
                "visited": float(record.visited),
                "confirmed": float(record.confirmed),
                "right_kind": float(record.right_kind),
                "precision": round(record.share, 4),
                "low": round(low, 4),
                "high": round(high, 4),
            },
        )
