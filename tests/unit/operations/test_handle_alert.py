"""People's acts on alerts: conditional on the version they saw, audited, and passed over by the area stage, counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from metering.alert import Alert, AlertState
from metering.errors import IllegalMove, NotFound, StaleVersion
from metering.handling import AlertHandling
from metering.messages import Decision, Message, Tick
from metering.ports import Checkpoint, PartitionChange, StateStore
from monitor.wire import relay_bytes
from operations.handle_alert import acknowledge_alert, assign_alert, comment_alert, hand_over_alert, unassign_alert
from operations.judge_stage import JudgeStage
from storage.memory import MemoryStore
from storage.sql import SqlStore
from tests.unit.operations.small_world import START_S, archive

ALERT = Alert(
    "a-1", "A0", "M02", "SP-02", "bypass", "theft", "high", 0.9, START_S, None, AlertState.RAISED, 1.0, 2.0, "kWh", (),
    START_S,
)  # fmt: skip
NOW_S = START_S + 3600


def filled(store: StateStore) -> None:
    epoch = store.begin_partition("judge", 0, "w").epoch
    store.save(Checkpoint("judge", {0: PartitionChange(epoch, 1, NOW_S, alerts={"a-1": ALERT})}))


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    filled(store)
    return store


class Relayed:
    """Keeps what is encoded for the log."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []

    def __call__(self, message: Message) -> bytes:
        assert isinstance(message, Decision)
        self.decisions.append(message)
        return message.decision_id.encode()


def test_every_act_is_saved_audited_and_relayed_as_a_decision(store: MemoryStore) -> None:
    log = Relayed()
    acknowledge_alert(store, "a-1", 0, actor="Li Na", now_s=NOW_S, encode=log, note="looking")
    assign_alert(store, "a-1", 1, owner="Wang", actor="Li Na", now_s=NOW_S + 1, encode=log)
    hand_over_alert(store, "a-1", 2, owner="Zhao", actor="Wang", now_s=NOW_S + 2, encode=log, note="crew sent")
    unassign_alert(store, "a-1", 3, actor="Zhao", now_s=NOW_S + 3, encode=log, note="not my district")
    handled = comment_alert(store, "a-1", None, actor="Li Na", now_s=NOW_S + 4, encode=log, note="called the customer")
    assert handled == store.handling("a-1") == AlertHandling("a-1", "Li Na", NOW_S, 1, None, 5)
    assert [(line.move, line.actor, line.reason) for line in store.audit("a-1")] == [
        ("acknowledge", "Li Na", "looking"),
        ("assign", "Li Na", ""),
        ("hand_over", "Wang", "crew sent"),
        ("unassign", "Zhao", "not my district"),
        ("comment", "Li Na", "called the customer"),
    ]
    assert [d.kind for d in log.decisions] == [
        "alert.acknowledge", "alert.assign", "alert.hand_over", "alert.unassign", "alert.comment",
    ]  # fmt: skip
    assert [payload for _, _, payload in store.relay_batch(9)] == [b"a-1.1", b"a-1.2", b"a-1.3", b"a-1.4", b"a-1.5"]
    assert {d.transformer_area for d in log.decisions} == {"A0"}
    assert store.alert("a-1") == ALERT, "an act never changes the machine's alert"


def test_who_comes_second_is_told_so_and_nothing_is_kept(store: MemoryStore) -> None:
    log = Relayed()
    acknowledge_alert(store, "a-1", 0, actor="Li Na", now_s=NOW_S, encode=log)
    with pytest.raises(StaleVersion, match="version 1, you saw 0"):
        acknowledge_alert(store, "a-1", 0, actor="Wang", now_s=NOW_S, encode=log)
    assert store.handling("a-1").acknowledged_by == "Li Na"
    assert len(store.audit("a-1")) == len(log.decisions) == 1


def test_an_alert_that_is_not_there_is_no_stale_page(store: MemoryStore) -> None:
    with pytest.raises(NotFound, match="no alert a-9"):
        acknowledge_alert(store, "a-9", 0, actor="Li Na", now_s=NOW_S, encode=Relayed())


def test_an_act_that_is_not_possible_leaves_no_trace(store: MemoryStore) -> None:
    with pytest.raises(IllegalMove, match="needs words"):
        comment_alert(store, "a-1", 0, actor="Li Na", now_s=NOW_S, encode=Relayed(), note=" ")
    assert not store.audit("a-1")
    assert not store.relay_batch(9)


def test_the_machine_goes_on_with_an_alert_that_people_handle(store: MemoryStore) -> None:
    acknowledge_alert(store, "a-1", 0, actor="Li Na", now_s=NOW_S, encode=Relayed())
    relapsed = replace(ALERT, episodes=2, relapses=((NOW_S, NOW_S + 9),), revision=3)
    epoch = store.begin_partition("judge", 0, "w").epoch
    store.save(Checkpoint("judge", {0: PartitionChange(epoch, 2, NOW_S, alerts={"a-1": relapsed})}))
    assert store.handling("a-1").acknowledged_by == "Li Na", "the machine clears no acknowledgement"
    assert not store.handling("a-1").acknowledges(relapsed)
    again = acknowledge_alert(store, "a-1", 1, actor="Wang", now_s=NOW_S + 20, encode=Relayed())
    assert again.acknowledged_episode == 2


def test_the_area_stage_passes_over_acts_and_counts_them() -> None:
    store, log = MemoryStore(), Relayed()
    filled(store)
    acknowledge_alert(store, "a-1", 0, actor="Li Na", now_s=NOW_S, encode=log)
    stage = JudgeStage(archive(), store, lambda _: 0, owner="w")
    stage.begin(0)
    stage.handle(0, 1, Tick(START_S + 7200))
    stage.handle(0, 2, log.decisions[0])
    stage.save()
    assert store.counters()["decisions.alert.acknowledge"] == 1
    assert store.alert("a-1") == ALERT


def test_what_people_did_can_be_put_onto_the_log_and_its_trail_holds(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'state.db'}")
    filled(store)
    acknowledge_alert(store, "a-1", 0, actor="李娜", now_s=NOW_S, encode=relay_bytes, note="已查看")
    comment_alert(store, "a-1", 1, actor="Li Na", now_s=NOW_S, encode=relay_bytes, note="seals whole")
    assert store.broken_audit_trails() == []
    assert len(store.relay_batch(9)) == 2
    store.close()
