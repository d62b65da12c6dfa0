"""The measurements that Meterwatch writes to its time-series store: one table here, one page in the docs, one test that they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Measurement = Literal[
    "reading", "area_balance", "meter_error", "evidence", "alert", "task", "precision", "pipeline", "watch"
]


@dataclass(frozen=True, slots=True)
class MeasurementSchema:
    """Tags identify a series; fields are always floats; a point's time is whole seconds UTC, the interval's own start."""

    tags: tuple[str, ...]
    fields: Mapping[str, str]
    meaning: str


SCHEMA: Mapping[Measurement, MeasurementSchema] = {
    "reading": MeasurementSchema(
        ("transformer_area", "meter_id"),
        {
            "energy_kwh": "kWh",
            "export_kwh": "kWh",
            "register_kwh": "kWh",
            "voltage_v": "V",
            "voltage_a_v": "V",
            "voltage_b_v": "V",
            "voltage_c_v": "V",
            "neutral_current_a": "A",
            "current_a": "A",
            "current_a_a": "A",
            "current_b_a": "A",
            "current_c_a": "A",
            "power_factor": "1",
            "temperature_c": "°C",
            "expected_kwh": "kWh",
            "late": "1 = after the close",
            "estimated_kwh": "kWh",
        },
        "One meter's interval as it came in; expected_kwh where a profile is learnt and an alert is open, estimated_kwh where an estimate stood in for a missing or doubted energy in the balance.",
    ),
    "area_balance": MeasurementSchema(
        ("transformer_area",),
        {
            "supplied_kwh": "kWh",
            "metered_kwh": "kWh",
            "loss_kwh": "kWh",
            "loss_share": "1",
            "meters_measured": "meters",
            "meters_expected": "meters",
            "meters_estimated": "meters",
            "estimated_kwh": "kWh",
        },
        "Energy balance of a transformer area, per interval.",
    ),
    "meter_error": MeasurementSchema(
        ("transformer_area", "meter_id"),
        {"share": "1 = all of it too much", "low": "1", "high": "1"},
        "A meter's error as its area's balance has it, once a week, with an interval of 95 %; only where its load is enough.",
    ),
    "evidence": MeasurementSchema(
        ("transformer_area", "meter_id", "abnormality", "family", "detector"),
        {"strength": "0..1", "observed": "the abnormality's unit", "expected": "the abnormality's unit"},
        "A detector's evidence while it is above the recover value.",
    ),
    "alert": MeasurementSchema(
        ("transformer_area", "meter_id", "abnormality", "family", "alert_id"),
        {
            "risk": "0..1",
            "raised": "1 raised, 0 over",
            "episode": "1 = the first",
            "verdict": "1 confirmed, -1 withdrawn, 0 neither",
            "acknowledged": "1 = a person has seen it",
            "observed": "the abnormality's unit",
            "expected": "the abnormality's unit",
            "missing_kwh": "kWh",
            "worth_kwh": "kWh",
            "worth_kwh_low": "kWh",
            "worth_kwh_high": "kWh",
            "latitude": "degrees",
            "longitude": "degrees",
        },
        "An alert, at the time each episode began and again at the time it ended; verdict and acknowledged alone at the time of either. meter_id is '-' for an area's own. worth_kwh is what was not registered since the onset, with its 80 % interval.",
    ),
    "task": MeasurementSchema(
        ("transformer_area", "service_point", "grade", "task_id"),
        {"priority": "rank of its day", "risk": "0..1", "open": "1 open, 0 closed"},
        "An inspection task, at the time it was opened and again when it was closed.",
    ),
    "precision": MeasurementSchema(
        ("detector", "abnormality"),
        {
            "visited": "visits",
            "confirmed": "visits",
            "right_kind": "visits",
            "precision": "0..1",
            "low": "0..1",
            "high": "0..1",
        },
        "What visits made of a detector's word on a kind so far, at the day's close when it changed; low to high is "
        "Wilson's 95 % interval.",
    ),
    "pipeline": MeasurementSchema(
        ("worker", "role", "partition"),
        {
            "readings": "readings since the last point",
            "lag_s": "s",
            "set_aside": "readings",
            "late": "readings",
            "dead_lettered": "readings",
            "data_quality": "meter-days found wanting since the last point",
            "cpu_s": "CPU seconds since start",
            "rss_bytes": "bytes",
            "points_refused": "points",
            "waiting": "messages",
            "unsaved_s": "s",
            "areas_silent": "areas",
        },
        "The monitor itself, stamped by wall clock; left out of every comparison of runs.",
    ),
    "watch": MeasurementSchema(
        ("rule", "subject"),
        {
            "value": "the rule's unit",
            "set": "the rule's unit",
            "open": "1 open, 0 not",
            "judged": "1 judged, 0 not judged",
        },
        "Where each rule of the watch over the monitor itself stands (runbook.md), stamped by wall clock; subject is '-' for the "
        "whole monitor. value is left out where it could not be judged.",
    ),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One point: `time_s` whole seconds UTC, float fields without NaN (leave a missing field out)."""

    measurement: Measurement
    tags: Mapping[str, str]
    time_s: int
    fields: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PointBatch:
    """Points of one checkpoint waiting to be delivered: `batch_id` grows in the order they were saved."""

    batch_id: int
    points: tuple[Point, ...]
