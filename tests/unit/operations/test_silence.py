"""A silence keeps tasks from opening, hides no alert, and rides in the log like every other decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from metering.archive import Archive, Meter
from metering.errors import MeterwatchError
from metering.messages import Decision, Message, MeterEvent, MeterEvents, Tick
from metering.silence import Silence
from metering.times import DAY_S
from operations.close_day import close_ready_days
from operations.judge_stage import JudgeStage
from operations.silence import Scope, add_silence, change_silence, end_silence, say_again, silence_history, silences
from storage.memory import MemoryStore
from tests.unit.operations.small_world import START_S, archive, messages


def as_bytes(message: Message) -> bytes:
    assert isinstance(message, Decision)
    return orjson.dumps([message.transformer_area, message.kind, dict(message.detail)])


def relayed(store: MemoryStore) -> list[Decision]:
    found = []
    for number, area, blob in store.relay_batch(10):
        _, kind, detail = orjson.loads(blob)
        found.append(Decision(f"d-{number}", area, START_S, kind, "Li Na", detail["silence_id"], detail))
    return found


def silence_meter(store: MemoryStore, until_s: int) -> Silence:
    return add_silence(
        store,
        archive(),
        Scope(meter_id="M02"),
        until_s=until_s,
        by="Li Na",
        reason="temporary supply agreed until the harvest is in",
        now_s=START_S,
        encode=as_bytes,
    )


def add(store: MemoryStore, scope: Scope, **more: Any) -> Silence:
    given: dict[str, Any] = {
        "until_s": START_S + 5 * DAY_S,
        "by": "Li Na",
        "reason": "because",
        "now_s": START_S,
        "encode": as_bytes,
    }
    return add_silence(store, more.pop("archive", archive()), scope, **(given | more))


def run(store: MemoryStore, decisions: list[Decision]) -> None:
    stage = JudgeStage(archive(), store, lambda _: 0, owner="w")
    stage.begin(0)
    log: list[Message] = []
    for _, message in messages(12):
        log.append(message)
        if isinstance(message, Tick) and len(log) == 1:
            log.extend(decisions)
    for offset, message in enumerate(log):
        stage.handle(0, offset, message)
        if offset % 100 == 0:
            stage.save()
    stage.save()
    close_ready_days(store, archive(), 1, "day")


def over_capacity_tasks(store: MemoryStore) -> list[str]:
    return [t.task_id for t in store.tasks() if t.service_point == "SP-02"]


def test_a_silenced_alert_is_raised_and_shown_but_opens_no_task() -> None:
    store = MemoryStore()
    silence_meter(store, START_S + 30 * DAY_S)
    run(store, relayed(store))
    assert [a.meter_id for a in store.alerts() if a.abnormality == "over_capacity"] == ["M02"]
    assert over_capacity_tasks(store) == []
    assert store.counters()["alerts_silenced"] > 0


def test_a_silence_that_has_ended_no_longer_keeps_tasks_from_opening() -> None:
    store = MemoryStore()
    silence_meter(store, START_S + 2 * DAY_S)
    run(store, relayed(store))
    assert len(over_capacity_tasks(store)) == 1


def test_ending_a_silence_early_rides_in_the_log_too() -> None:
    store = MemoryStore()
    silence = silence_meter(store, START_S + 30 * DAY_S)
    assert [s.silence_id for s in silences(store, START_S)] == [silence.silence_id]
    end_silence(store, silence.silence_id, by="Li Na", reason="harvest is in", now_s=START_S, encode=as_bytes)
    assert silences(store, START_S) == []
    run(store, relayed(store))
    assert len(over_capacity_tasks(store)) == 1


def test_a_feeders_silence_rides_in_the_log_of_every_area_it_supplies_under_one_id() -> None:
    meters = tuple(replace(m, feeder="F1" if m.transformer_area != "A2" else "F2") for m in archive(3).meters)
    store = MemoryStore()
    silence = add(store, Scope(feeder="F1"), archive=Archive("small", 60, "Europe/Berlin", meters))
    assert silence.areas == ("A0", "A1")
    assert [(d.transformer_area, d.detail["silence_id"]) for d in relayed(store)] == [
        ("A0", silence.silence_id),
        ("A1", silence.silence_id),
    ]


def test_a_whitelist_may_name_a_kind_alone_and_then_rides_everywhere() -> None:
    store = MemoryStore()
    add(store, Scope(abnormality="over_capacity"), kind="whitelist", until_s=START_S + 300 * DAY_S)
    assert [d.transformer_area for d in relayed(store)] == ["A0", "A1"]
    run(store, relayed(store))
    (alert,) = [a for a in store.alerts() if a.abnormality == "over_capacity"]
    assert not any(alert.alert_id in task.alert_ids for task in store.tasks())


def test_a_customers_silence_rides_where_the_customer_stays_while_it_lasts() -> None:
    moves = START_S + 10 * DAY_S
    here = Meter("X1", "SP-X", "CX", "A0", "customer", valid_to_s=moves)
    there = Meter("X1", "SP-Y", "CX", "A1", "customer", valid_from_s=moves)
    known = Archive("small", 60, "Europe/Berlin", (*archive().meters, here, there))
    store = MemoryStore()
    assert add(store, Scope(customer_id="CX"), archive=known).areas == ("A0",)
    assert add(store, Scope(customer_id="CX"), archive=known, until_s=moves + DAY_S).areas == ("A0", "A1")


def test_a_work_window_ahead_is_not_in_force_before_it_begins() -> None:
    store = MemoryStore()
    ahead = add(store, Scope(meter_id="M02"), kind="work", start_s=START_S + DAY_S, until_s=START_S + 2 * DAY_S)
    assert silences(store, START_S) == []
    assert silences(store, START_S, also_ahead=True) == [ahead]
    assert silences(store, START_S + DAY_S) == [ahead]
    run(store, relayed(store))
    assert len(over_capacity_tasks(store)) == 1, "it was over before the alert was raised"


def test_a_silence_is_moved_and_everything_done_with_it_is_kept() -> None:
    store = MemoryStore()
    silence = silence_meter(store, START_S + 2 * DAY_S)
    change_silence(
        store, archive(), silence.silence_id, until_s=START_S + 30 * DAY_S, by="Wang", reason="rain", now_s=START_S,
        encode=as_bytes,
    )  # fmt: skip
    (life,) = silence_history(store)
    assert life.silence.until_s == START_S + 30 * DAY_S
    assert [(a.move, a.actor, a.reason) for a in life.acts] == [
        ("silence", "Li Na", "temporary supply agreed until the harvest is in"),
        ("silence.change", "Wang", "rain"),
    ]
    run(store, relayed(store))
    assert over_capacity_tasks(store) == []


def test_a_silence_that_is_over_can_be_neither_changed_nor_ended() -> None:
    store = MemoryStore()
    silence = silence_meter(store, START_S + DAY_S)
    later = START_S + DAY_S
    with pytest.raises(MeterwatchError, match="is in force or ahead"):
        end_silence(store, silence.silence_id, by="Li Na", reason="harvest is in", now_s=later, encode=as_bytes)
    with pytest.raises(MeterwatchError, match="is in force or ahead"):
        change_silence(
            store,
            archive(),
            silence.silence_id,
            even_hazards=True,
            by="Li Na",
            reason="x",
            now_s=later,
            encode=as_bytes,
        )
    assert [life.in_force(later) for life in silence_history(store)] == [False]


def test_a_restart_keeps_the_silences_of_an_area() -> None:
    store = MemoryStore()
    silence_meter(store, START_S + 30 * DAY_S)
    decisions = relayed(store)
    stage = JudgeStage(archive(), store, lambda _: 0, owner="w")
    stage.begin(0)
    for offset, message in enumerate(decisions):
        stage.handle(0, offset, message)
    stage.save()
    run(store, [])
    assert over_capacity_tasks(store) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"by": " "}, "name and a reason"),
        ({"until_s": START_S}, "before it begins"),
        ({"scope": Scope(meter_id="nobody")}, "no meter 'nobody'"),
        ({"scope": Scope(customer_id="nobody")}, "no customer 'nobody'"),
        ({"scope": Scope(feeder="F9")}, "no feeder 'F9'"),
        ({"scope": Scope(transformer_area="A9")}, "no area 'A9'"),
        ({"scope": Scope(customer_id="grid")}, "no customer 'grid'"),
        ({"scope": Scope(meter_id="S0")}, "name the area"),
        ({"scope": Scope(meter_id="M02", transformer_area="A1")}, "belong together"),
        ({"scope": Scope("M02", abnormality="bad_mood")}, "not in the catalogue"),
        ({"scope": Scope("M02", family="moods")}, "no family"),
        ({"scope": Scope("M02", abnormality="bypass", family="electrical")}, "of family theft"),
        ({"scope": Scope()}, "only a whitelist"),
        ({"scope": Scope(abnormality="bypass")}, "only a whitelist"),
        ({"scope": Scope(), "kind": "whitelist"}, "names an abnormality or a family"),
        ({"scope": Scope("M02", abnormality="phase_break")}, "--even-hazards"),
        ({"until_s": START_S + 93 * DAY_S}, "92 days at most"),
        ({"until_s": START_S + 32 * DAY_S, "kind": "work"}, "31 days at most"),
        ({"until_s": START_S + 367 * DAY_S, "kind": "whitelist"}, "366 days at most"),
        ({"start_s": START_S + 2 * DAY_S}, "before it begins"),
    ],
)
def test_what_is_wrong_with_a_silence_is_said(change: dict[str, object], word: str) -> None:
    given: dict[str, object] = {
        "scope": Scope("M02"),
        "until_s": START_S + DAY_S,
        "by": "Li Na",
        "reason": "because",
        "now_s": START_S,
        "encode": as_bytes,
    }
    with pytest.raises(MeterwatchError, match=word):
        add_silence(MemoryStore(), archive(), **(given | change))  # type: ignore[arg-type]


def test_an_area_that_forgets_its_state_hears_of_its_silences_again() -> None:
    store = MemoryStore()
    silence_meter(store, START_S + 30 * DAY_S)
    add(store, Scope(transformer_area="A1"))
    for number, _, _ in store.relay_batch(9):
        store.relayed([number])
    assert say_again(store, "A0", START_S, as_bytes) == 1
    again = relayed(store)
    assert [(d.transformer_area, d.kind) for d in again] == [("A0", "silence.change")]
    run(store, again)
    assert over_capacity_tasks(store) == []


def test_the_same_silence_made_again_after_its_early_end_is_another_one() -> None:
    store = MemoryStore()
    first = silence_meter(store, START_S + 30 * DAY_S)
    end_silence(store, first.silence_id, by="Li Na", reason="too early", now_s=START_S, encode=as_bytes)
    second = silence_meter(store, START_S + 30 * DAY_S)
    assert second.silence_id != first.silence_id
    assert [s.silence_id for s in silences(store, START_S)] == [second.silence_id]


def test_an_event_that_comes_late_is_not_said_in_a_silence_that_began_after_it() -> None:
    store = MemoryStore()
    add(store, Scope(meter_id="M02"), start_s=START_S + DAY_S)
    stage = JudgeStage(archive(), store, lambda _: 0, owner="w")
    stage.begin(0)
    late = MeterEvents("A0", (MeterEvent("M02", START_S + DAY_S - 60, "cover_open"),))
    log: list[Message] = [Tick(START_S), *relayed(store)[:1], Tick(START_S + DAY_S), late]
    for offset, message in enumerate(log):
        stage.handle(0, offset, message)
    stage.save()
    (alert,) = store.alerts()
    (told,) = store.announcements(alert.alert_id)
    assert told.stopped is not None
    assert told.stopped.stage == "silence"
