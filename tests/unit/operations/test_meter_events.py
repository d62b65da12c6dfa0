"""Meters' own events on their way: spurious ones are set aside and counted, the others are judged by the catalogue's one rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from metering.archive import Archive, Meter, WorkOrder
from metering.messages import Message, MeterEvent, MeterEvents, Tick
from operations.judge_stage import JudgeStage
from storage.memory import MemoryStore
from tests.unit.operations.small_world import START_S, archive

NOW_S = START_S + 10 * 3600


def judged(events: Sequence[MeterEvent], given: Archive | None = None, *, twice: bool = False) -> MemoryStore:
    """The events through the area stage at ten o'clock of the first day; with `twice`, a restart lies between them."""
    store, world = MemoryStore(), given or archive()
    store.save_archive(world)
    stage = JudgeStage(world, store, lambda _: 0, owner="first")
    offset = stage.begin(0)
    messages: list[Message] = [Tick(START_S), Tick(NOW_S), *(MeterEvents("A1", (event,)) for event in events)]
    for message in messages:
        if twice and isinstance(message, MeterEvents):
            stage.save()
            stage = JudgeStage(world, store, lambda _: 0, owner="first")
            offset = stage.begin(0)
        stage.handle(0, offset, message)
        offset += 1
    stage.save()
    return store


def set_aside(store: MemoryStore) -> dict[str, int]:
    prefix = "events_set_aside."
    return {name.removeprefix(prefix): n for name, n in store.counters().items() if name.startswith(prefix)}


def at(minutes: float, code: str, meter_id: str = "M13") -> MeterEvent:
    return MeterEvent(meter_id, NOW_S + int(60 * minutes), code)


@pytest.mark.parametrize(
    ("code", "abnormality"),
    [
        ("dlms:44", "cover_open"),
        ("698:301B", "cover_open"),
        ("is15959:251", "cover_open"),
        ("erc:37", "cover_open"),
        ("erc:9", "ct_circuit_fault"),
        ("dlms:255", "records_cleared"),
        ("dlms:48", "meter_programmed"),
        ("698:3101", "firmware_changed"),
        ("is15959:125", "ratio_changed"),
        ("698:3030", "module_changed"),
        ("698:3000", "voltage_loss"),
        ("698:3003", "phase_break"),
        ("698:300D", "total_voltage_loss"),
    ],
)
def test_a_meters_own_event_in_any_code_raises_what_it_means(code: str, abnormality: str) -> None:
    store = judged([at(-5, code)])
    assert [(a.meter_id, a.abnormality) for a in store.alerts()] == [("M13", abnormality)]
    assert store.counters()["events_accepted"] == 1


@pytest.mark.parametrize("code", ["power_off", "power_on", "dlms:76", "698:3005", "erc:30", "698:300F"])
def test_what_only_informs_or_only_weighs_raises_nothing(code: str) -> None:
    store = judged([at(-5, code)])
    assert store.counters()["events_accepted"] == 1
    assert list(store.alerts()) == []


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (at(-5, "cover_open", "nobody"), "unknown_meter"),
        (at(-5, "dlms:7777"), "unknown_code"),
        (MeterEvent("M13", -5, "cover_open"), "malformed"),
        (at(24 * 60, "cover_open"), "in_the_future"),
        (at(-9 * 60, "cover_open", "M14"), "before_installation"),
        (at(-1, "cover_open", "M15"), "after_removal"),
    ],
)
def test_what_cannot_be_true_is_set_aside_by_its_reason(event: MeterEvent, why: str) -> None:
    stays = {"M14": {"valid_from_s": NOW_S - 3600}, "M15": {"valid_to_s": NOW_S - 3600}}
    world = archive()
    world = replace(world, meters=tuple(_staying(m, stays.get(m.meter_id, {})) for m in world.meters), _by_area={})
    store = judged([event], world)
    assert set_aside(store) == {why: 1}
    assert list(store.alerts()) == []
    assert "events_accepted" not in store.counters()


def _staying(meter: Meter, times: dict[str, int]) -> Meter:
    return replace(meter, valid_from_s=times.get("valid_from_s"), valid_to_s=times.get("valid_to_s"))


@pytest.mark.parametrize("twice", [False, True])
def test_the_same_within_a_minute_is_said_once_also_over_a_restart(twice: bool) -> None:
    store = judged([at(-5, "cover_open"), at(-5, "dlms:44"), at(-4.5, "cover_open"), at(-2, "cover_open")], twice=twice)
    assert set_aside(store) == {"repeated": 2}
    assert store.counters()["events_accepted"] == 2
    assert len(list(store.alerts())) == 1


def test_inside_a_work_order_an_event_says_nothing() -> None:
    world = archive()
    works = (WorkOrder("meter exchange", NOW_S - 3600, NOW_S, meter_id="M13"),)
    store = judged(
        [at(-5, "698:3012"), at(-5, "cover_open"), at(5, "dlms:255")], replace(world, works=works, _by_area={})
    )
    assert store.counters()["events_in_work_order"] == 2
    assert [a.abnormality for a in store.alerts()] == ["records_cleared"]


def test_that_a_danger_is_over_ends_its_alert_and_a_suspicion_stays() -> None:
    store = judged([at(-9, "dlms:79"), at(-9, "cover_open"), at(-5, "is15959:8"), at(-5, "dlms:45")])
    assert {a.abnormality: a.state for a in store.alerts()} == {"overvoltage": "cleared", "cover_open": "raised"}
