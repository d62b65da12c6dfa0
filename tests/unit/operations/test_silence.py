"""A silence keeps tasks from opening, hides no alert, and rides in the log like every other decision."""

from __future__ import annotations

import orjson
import pytest

from metering.errors import MeterwatchError
from metering.messages import Decision, Message, Tick
from metering.times import DAY_S
from operations.close_day import close_ready_days
from operations.judge_stage import JudgeStage
from operations.silence import Silence, add_silence, end_silence, silences
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
        meter_id="M02",
        transformer_area=None,
        abnormality=None,
        until_s=until_s,
        by="Li Na",
        reason="temporary supply agreed until the harvest is in",
        now_s=START_S,
        encode=as_bytes,
    )


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


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"by": " "}, "name and a reason"),
        ({"until_s": START_S}, "before it begins"),
        ({"meter_id": "nobody"}, "no meter 'nobody'"),
        ({"abnormality": "bad_mood"}, "not in the catalogue"),
        ({"transformer_area": "A0"}, "either a meter or"),
    ],
)
def test_what_is_wrong_with_a_silence_is_said(change: dict[str, object], word: str) -> None:
    given: dict[str, object] = {
        "meter_id": "M02",
        "transformer_area": None,
        "abnormality": None,
        "until_s": START_S + DAY_S,
        "by": "Li Na",
        "reason": "because",
        "now_s": START_S,
        "encode": as_bytes,
    }
    with pytest.raises(MeterwatchError, match=word):
        add_silence(MemoryStore(), archive(), **(given | change))  # type: ignore[arg-type]
