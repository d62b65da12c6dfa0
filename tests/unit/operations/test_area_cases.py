"""An area's own case and its meters' errors, from readings to alerts and points."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from detectors.examples import MONDAY_ORDINAL
from metering.alert import Alert
from metering.archive import Archive, Outage
from metering.evidence import AreaCurves
from metering.frame import ReadingFrame
from metering.points import SCHEMA
from metering.readings import PHASES
from metering.times import DAY_S
from operations.area import AreaInProgress, Outcome
from operations.close_area_day import close_area_day
from operations.judge_frame import judge_frame
from tests.unit.detectors import electric_days
from tests.unit.detectors.electric_days import HOMES, SUPPLY, WORKSHOP, Change, Load, days, from_day

EVENT, DAYS = 26, 36
START_S = (MONDAY_ORDINAL - date(1970, 1, 1).toordinal()) * DAY_S


def frame(curves: AreaCurves, hour: int, meter_ids: tuple[str, ...]) -> ReadingFrame:
    at = {name: values[hour] for name, values in curves.hourly.items()}
    single = np.array([phase >= 0 for phase in electric_days.PHASE] + [False])
    columns = {"energy_kwh": at["energy_kwh"], "export_kwh": at["export_kwh"]}
    columns["voltage_v"] = np.where(single, at["voltage_a"], np.nan)
    columns["current_a"] = np.where(single, at["current_a"], np.nan)
    for phase in PHASES:
        columns[f"voltage_{phase}_v"] = np.where(single, np.nan, at[f"voltage_{phase}"])
        columns[f"current_{phase}_a"] = np.where(single, np.nan, at[f"current_{phase}"])
    start_s = START_S + (curves.day_ordinal - MONDAY_ORDINAL) * DAY_S + 3600 * hour
    return ReadingFrame(curves.transformer_area, start_s, 60, meter_ids, columns)


def lived(
    alter: Change | None, outages: tuple[Outage, ...] = (), thresholds: dict[str, dict[str, float]] | None = None
) -> tuple[list[Alert], Outcome]:
    told = electric_days.area(interval_minutes=60).area
    archive = Archive("lines", 60, "UTC", told.meters, outages=outages)
    area = AreaInProgress(archive, archive.areas["TA"], thresholds or {})
    outcome = Outcome()
    for curves in days(DAYS, alter=alter, interval_minutes=60):
        for hour in range(24):
            judge_frame(area, frame(curves, hour, told.meter_ids), np.ones(HOMES + 1, dtype=np.bool_), outcome)
        close_area_day(area, curves.day_ordinal, 0, outcome)
    return sorted(outcome.alerts.values(), key=lambda a: a.alert_id), outcome


def tapped(load: Load) -> None:
    load.hourly["energy_kwh"][:, SUPPLY] += 4.0


def belongs_elsewhere(load: Load) -> None:
    rng = np.random.default_rng([load.number, 7])
    load.hourly["energy_kwh"][:, SUPPLY] -= 1.02 * load.drawn[:, 18]
    for phase in PHASES:
        load.hourly[f"voltage_{phase}"][:, 18] = 233 + rng.normal(0, 1.5, 24)


def test_quiet_days_raise_nothing_of_the_area() -> None:
    alerts, _ = lived(None)
    assert not [a for a in alerts if a.meter_id is None]


def test_a_tap_raises_one_alert_of_the_area_at_a_days_close() -> None:
    alerts, outcome = lived(from_day(EVENT, tapped))
    of_area = [a for a in alerts if a.meter_id is None]
    assert [a.abnormality for a in of_area] == ["high_loss"]
    raised_day = (of_area[0].raised_at_s - START_S) / DAY_S
    assert EVENT + 2 < raised_day < EVENT + 8
    assert raised_day % 1 == pytest.approx(0.25)  # a day closes at six the next morning
    assert of_area[0].observed - of_area[0].expected == pytest.approx(75, abs=25)
    assert any("load without a meter" in reason.text for reason in of_area[0].reasons)
    assert of_area[0].alert_id in outcome.alerts


def test_a_meter_of_another_transformer_is_a_wrong_area_and_no_negative_loss() -> None:
    alerts, _ = lived(belongs_elsewhere)
    assert [(a.abnormality, a.meter_id) for a in alerts if a.family in ("archive", "line_loss")] == [
        ("wrong_area", "M18")
    ]


def test_meters_errors_are_points_of_the_documented_measurement() -> None:
    _, outcome = lived(None)
    points = [point for point in outcome.points if point.measurement == "meter_error"]
    assert points
    for point in points:
        assert set(point.tags) == set(SCHEMA["meter_error"].tags)
        assert set(point.fields) == set(SCHEMA["meter_error"].fields)
        assert point.fields["low"] < point.fields["share"] < point.fields["high"]


def test_outages_again_and_again_are_said_of_the_area() -> None:
    outages = tuple(
        Outage("TA", START_S + day * DAY_S, START_S + day * DAY_S + 60, planned=False) for day in (20, 23, 26, 29)
    )
    alerts, _ = lived(None, outages)
    (alert,) = [a for a in alerts if a.abnormality == "frequent_outage"]
    assert alert.meter_id is None
    assert alert.observed == 4.0


def without_neutral(load: Load) -> None:
    """Two phases rise and one sinks; homes 4 and 7 register nothing."""
    for phase, swing in zip(PHASES, (0.75, 1.17, 1.15), strict=True):
        load.hourly[f"voltage_{phase}"][:, WORKSHOP] *= swing
    for home in range(WORKSHOP):
        load.hourly["voltage_a"][:, home] *= (0.75, 1.17, 1.15)[home % 3]
    load.hourly["energy_kwh"][:, [4, 7]] = 0.0


def test_a_day_under_a_lost_neutral_blames_no_customer_and_is_counted() -> None:
    def lost_for_seven_days(load: Load) -> None:
        if EVENT <= load.number < EVENT + 7:
            without_neutral(load)

    alerts, outcome = lived(lost_for_seven_days, thresholds={"neutral_rules": {"fewest": 1}})
    of_a_days_close = [a for a in alerts if (a.raised_at_s - START_S) % DAY_S == DAY_S // 4]
    assert [a for a in of_a_days_close if a.family != "data_quality"] == []
    assert "neutral_lost" in {a.abnormality for a in alerts}
    # it is over a day after it was last seen
    assert outcome.counters["suppressed.meter_days.neutral_lost"] == 8 * HOMES


def test_what_a_lost_neutral_moved_is_not_learnt_and_a_theft_after_it_is_seen_as_without_it() -> None:
    def lost_then_stolen(load: Load) -> None:
        if load.number in (EVENT - 3, EVENT - 2):
            without_neutral(load)
        if load.number >= EVENT:
            load.hourly["energy_kwh"][:, 10] *= 0.1
            load.hourly["current_a"][:, 10] *= 0.1

    alerts, _ = lived(lost_then_stolen, thresholds={"neutral_rules": {"fewest": 1}})
    assert "M10" in {a.meter_id for a in alerts if a.family == "theft"}
    assert {a.meter_id for a in alerts if a.family == "theft"} == {"M10"}


def test_whose_day_is_explained_survives_a_restart() -> None:
    told = electric_days.area(interval_minutes=60).area
    archive = Archive("lines", 60, "UTC", told.meters)
    area = AreaInProgress(archive, archive.areas["TA"], {})
    customers = ~told.is_supply
    area.next_day = MONDAY_ORDINAL
    area.day(MONDAY_ORDINAL).explain({"neutral_lost": customers})
    again = AreaInProgress(archive, archive.areas["TA"], {})
    again.restore(area.dirty_pages())
    assert again.day(MONDAY_ORDINAL).unweighed.tolist() == customers.tolist()


def test_a_lost_voltage_is_worth_what_its_current_would_have_counted() -> None:
    unregistered_kwh = 0.0

    def lost(load: Load) -> None:
        nonlocal unregistered_kwh
        true_kwh = load.hourly["energy_kwh"][:, WORKSHOP].copy()
        load.hourly["voltage_b"][:, WORKSHOP] *= 0.3
        load.hourly["energy_kwh"][:, WORKSHOP] *= 1 - 0.7 / 3
        unregistered_kwh += float((true_kwh - load.hourly["energy_kwh"][:, WORKSHOP]).sum())

    alerts, _ = lived(from_day(EVENT, lost))
    (alert,) = [a for a in alerts if a.abnormality == "voltage_loss"]
    assert alert.worth is not None
    assert alert.worth.basis == "energy"
    assert alert.worth.kwh_low < unregistered_kwh < alert.worth.kwh_high
    assert alert.worth.kwh == pytest.approx(unregistered_kwh, rel=0.1)
    assert alert.energy_at_stake_kwh == alert.worth.kwh
    assert alert.episodes == 1
