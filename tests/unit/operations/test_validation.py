"""What is doubted, refused or estimated on the way of a reading, and where a person sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.run_folder import report
from metering.archive import Archive, Meter
from metering.messages import ArrivedFrame, Finding, Message, Tick
from metering.points import SCHEMA, Point
from operations.judge_stage import JudgeStage
from storage.memory import MemoryStore
from tests.unit.operations.small_world import INTERVAL_S, START_S

DAYS = 24
METERS = 12
SPIKE_AT = 24 * 20 + 4
Change = Mapping[tuple[int, int], float]


def archive(*, valid_to_s: int | None = None) -> Archive:
    """One area of twelve homes; M05 is in service until then."""
    supply = Meter("S0", "SP-S0", "grid", "A0", "supply", rated_kva=100.0)
    homes = [
        Meter(f"M{i:02d}", f"SP-{i}", f"C{i}", "A0", "customer", "residential", contracted_kw=4.0, rated_current_a=60.0)
        for i in range(METERS)
    ]
    homes[5] = replace(homes[5], valid_to_s=valid_to_s)
    return Archive("small", 60, "Europe/Berlin", (supply, *homes))


def log(change: Change, days: int = DAYS) -> Iterator[Message]:
    """One area's quiet weeks, hour by hour; `change` sets the energy of (hour, customer)."""
    rng = np.random.default_rng(5)
    ids = ("S0", *(f"M{i:02d}" for i in range(METERS)))
    yield Tick(START_S)
    for k in range(24 * days):
        kwh: NDArray[np.float64] = np.round(0.3 * rng.gamma(20.0, 1 / 20, METERS) * (1.5 if k % 24 > 16 else 1.0), 4)
        energy = np.append(round(1.03 * float(kwh.sum()), 4), kwh)
        for (hour, customer), value in change.items():
            if hour == k:
                energy[1 + customer] = value
        yield ArrivedFrame("A0", START_S + k * INTERVAL_S, 60, ids, {"energy_kwh": energy}, reading_count=len(ids))
        yield Tick(START_S + (k + 1) * INTERVAL_S)
    yield Tick(START_S + 24 * days * INTERVAL_S, final=True)


def lived(told: Iterator[Message], known: Archive | None = None) -> MemoryStore:
    store = MemoryStore()
    store.save_archive(known or archive())
    stage = JudgeStage(known or archive(), store, lambda _: 0, owner="test")
    stage.begin(0)
    for offset, message in enumerate(told):
        stage.handle(0, offset, message)
    stage.save()
    return store


def points(store: MemoryStore) -> list[Point]:
    return [point for batch in store.point_batches(1_000_000) for point in batch.points]


def at(found: list[Point], measurement: str, hour: int) -> list[Point]:
    return [p for p in found if p.measurement == measurement and p.time_s == START_S + hour * INTERVAL_S]


def test_a_spike_is_kept_out_of_balance_and_profile_and_is_seen_in_evidence_and_counts() -> None:
    with_spike, without = lived(log({(SPIKE_AT, 2): 9.0})), lived(log({}))
    assert with_spike.counters()["data_quality.spike"] == 1
    assert "data_quality.spike" not in without.counters()
    found = points(with_spike)
    (evidence,) = [
        p
        for p in found
        if p.measurement == "evidence" and p.tags["abnormality"] == "spike" and p.fields["strength"] == 1
    ]
    assert evidence.tags["meter_id"] == "M02"
    assert evidence.fields["observed"] == 9.0
    (balanced,) = at(found, "area_balance", SPIKE_AT)
    (usual,) = at(points(without), "area_balance", SPIKE_AT)
    assert balanced.fields["meters_estimated"] == 1
    assert abs(balanced.fields["loss_kwh"] - usual.fields["loss_kwh"]) < 0.3
    (estimate,) = at(found, "reading", SPIKE_AT)
    assert estimate.fields == {"estimated_kwh": pytest.approx(balanced.fields["estimated_kwh"])}
    assert without.alerts() == []
    (told,) = with_spike.alerts()
    assert (told.abnormality, told.meter_id, told.family) == ("spike", "M02", "data_quality")


def test_what_is_expected_after_a_spike_is_what_it_was() -> None:
    hour_next_day = SPIKE_AT + 24
    missing = {(hour_next_day, 2): np.nan}
    estimates = [
        at(points(lived(log({**missing, **spike}))), "reading", hour_next_day)[0].fields["estimated_kwh"]
        for spike in ({}, {(SPIKE_AT, 2): 9.0})
    ]
    assert estimates[0] == pytest.approx(estimates[1], rel=0.05)


def test_a_missing_reading_is_estimated_and_flagged_and_never_zero() -> None:
    store = lived(log({(SPIKE_AT, 1): np.nan}))
    found = points(store)
    (estimate,) = at(found, "reading", SPIKE_AT)
    assert estimate.tags["meter_id"] == "M01"
    assert set(estimate.fields) == {"estimated_kwh"}
    assert 0.1 < estimate.fields["estimated_kwh"] < 0.6
    (balanced,) = at(found, "area_balance", SPIKE_AT)
    assert balanced.fields["meters_measured"] == METERS - 1
    assert balanced.fields["meters_estimated"] == 1


def test_refused_and_repeated_readings_are_remembered_by_meter() -> None:
    told = list(log({(24 * 20 + 1, 3): -1.0, **{(24 * 21 + h, 4): 1e6 for h in range(5)}}))
    again = [
        m
        for m in told
        for _ in range(2 if isinstance(m, ArrivedFrame) and m.interval_start_s >= START_S + 24 * 22 * INTERVAL_S else 1)
    ]
    store = lived(iter(again))
    counted = store.counters()
    assert counted["set_aside.negative"] == 1
    assert counted["set_aside.impossible"] == 5
    assert counted["data_quality.refused_readings"] == 2
    assert counted["data_quality.missing_intervals"] == 1
    assert counted["data_quality.repeated_readings"] == 2 * (METERS + 1)


def test_a_meter_out_of_service_that_shows_energy_is_inactive_use() -> None:
    gone_s = START_S + 24 * 20 * INTERVAL_S
    known = archive(valid_to_s=gone_s)
    store = lived(log({}), known)
    assert store.counters()["data_quality.inactive_use"] == DAYS - 20
    assert "data_quality.missing_intervals" not in store.counters()


@pytest.mark.parametrize(("days", "grade"), [(3, "low"), (5, "medium"), (30, "high")])
def test_use_after_the_accounts_end_is_worth_all_of_it_and_graded_by_that(days: int, grade: str) -> None:
    gone_s = START_S + 24 * 4 * INTERVAL_S
    told = list(log({}, days=4 + days))
    store = lived(iter(told), archive(valid_to_s=gone_s))
    (alert,) = [a for a in store.alerts() if a.abnormality == "inactive_use"]
    used = [m.columns["energy_kwh"][6] for m in told if isinstance(m, ArrivedFrame) and m.interval_start_s >= gone_s]
    assert alert.worth is not None
    assert alert.worth.basis == "unbilled"
    assert alert.worth.kwh == alert.worth.kwh_low == alert.worth.kwh_high == pytest.approx(sum(used), abs=0.1)
    assert alert.energy_at_stake_kwh == alert.worth.kwh
    assert alert.grade == grade


def test_the_report_names_what_was_found_wanting() -> None:
    told = report({"readings_accepted": 3, "data_quality.spike": 2, "data_quality.sum_check": 1}, readings_in=3)
    assert told["data_quality"] == {"spike": 2, "sum_check": 1}
    assert report({"readings_accepted": 3}, readings_in=3)["data_quality"] == {}


def test_fields_of_estimates_are_in_the_schema() -> None:
    store = lived(log({(SPIKE_AT, 1): np.nan}))
    for point in points(store):
        assert set(point.fields) <= set(SCHEMA[point.measurement].fields), point.measurement


def test_a_finding_of_unknown_kind_or_meter_is_counted_and_teaches_nobody() -> None:
    told = list(log({}, days=2))
    at_s = START_S + 24 * INTERVAL_S
    wrong = [
        Finding("f-1", "A0", "M01", at_s, True, "witchcraft", "Li"),
        Finding("f-2", "A0", "M99", at_s, True, "bypass", "Li"),
    ]
    right = Finding("f-3", "A0", "M02", at_s, True, "bypass", "Li")
    counted = lived(iter([*told[:-1], *wrong, right, told[-1]])).counters()
    assert counted["findings_set_aside.unknown_kind"] == 1
    assert counted["findings_set_aside.unknown_meter"] == 1
    assert counted["findings_accepted"] == 1
