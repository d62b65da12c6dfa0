"""People's moves as use cases: conditional on the version they saw, audited, and relayed to the area's log."""

from __future__ import annotations

from typing import cast

import orjson
import pytest

from metering.archive import Archive, Meter
from metering.errors import IllegalMove, StaleVersion
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.messages import Decision, Finding, Message
from metering.ports import StateStore
from operations.assign_task import assign_task
from operations.close_task import close_task, withdraw_task
from operations.record_finding import record_finding
from operations.start_visit import leave_site, start_visit

OPENED_S = 1_767_225_600
NOW_S = OPENED_S + 3600


class TaskShelf:
    """The part of a state store that a move needs."""

    def __init__(self, task: InspectionTask) -> None:
        self.stored = task
        self.trail: list[AuditEntry] = []
        self.log: list[bytes] = []

    def task(self, task_id: str) -> InspectionTask | None:
        return self.stored if task_id == self.stored.task_id else None

    def move_task(self, task: InspectionTask, expected_version: int, audit: AuditEntry, relay: list[bytes]) -> None:
        if self.stored.version != expected_version:
            raise StaleVersion("somebody was first")
        self.stored = task
        self.trail.append(audit)
        self.log += relay


def encode(message: Message) -> bytes:
    assert isinstance(message, Finding | Decision)
    return orjson.dumps({"type": type(message).__name__, "message": message})


def stored_task(state: TaskState, *, service_point: str = "SP-1") -> InspectionTask:
    return InspectionTask(
        "t-1", ("a-1",), service_point, "TA-1", state, "high", 0.9, 1, OPENED_S, OPENED_S + 86_400, version=3
    )


@pytest.fixture
def archive() -> Archive:
    old = Meter("M-OLD", "SP-1", "C-1", "TA-1", "customer", valid_to_s=OPENED_S)
    new = Meter("M-NEW", "SP-1", "C-1", "TA-1", "customer", valid_from_s=OPENED_S)
    supply = Meter("M-SUP", "TA-1", "-", "TA-1", "supply")
    return Archive("example", 15, "UTC", (old, new, supply))


def relayed(shelf: TaskShelf) -> list[tuple[str, dict[str, object]]]:
    return [(m["type"], m["message"]) for m in map(orjson.loads, shelf.log)]


def test_every_move_is_saved_audited_and_relayed_as_a_decision(archive: Archive) -> None:
    shelf = TaskShelf(stored_task(TaskState.OPEN))
    store = cast(StateStore, shelf)
    assign_task(store, "t-1", 3, assignee="Wang Fang", actor="Li Na", now_s=NOW_S, encode=encode)
    start_visit(store, "t-1", 4, actor="Wang Fang", now_s=NOW_S, encode=encode)
    leave_site(store, "t-1", 5, actor="Wang Fang", reason="locked", now_s=NOW_S, encode=encode)
    start_visit(store, "t-1", 6, actor="Wang Fang", now_s=NOW_S, encode=encode)
    record_finding(
        store,
        archive,
        "t-1",
        7,
        confirmed=False,
        abnormality=None,
        note="family abroad since May",
        actor="Wang Fang",
        now_s=NOW_S,
        encode=encode,
    )
    closed = close_task(store, "t-1", 8, actor="Li Na", now_s=NOW_S, encode=encode)
    assert closed == shelf.stored
    assert closed.state is TaskState.CLOSED
    moves = ["assign", "start_visit", "leave_site", "start_visit", "record_finding", "close"]
    assert [a.move for a in shelf.trail] == moves
    decisions = [m for kind, m in relayed(shelf) if kind == "Decision"]
    assert [d["kind"] for d in decisions] == [f"task.{m}" for m in moves]
    assert len({d["decision_id"] for d in decisions}) == len(decisions)
    assert {d["transformer_area"] for d in decisions} == {"TA-1"}


def test_a_finding_is_relayed_once_about_the_meter_that_is_there_now(archive: Archive) -> None:
    shelf = TaskShelf(stored_task(TaskState.ON_SITE))
    record_finding(
        cast(StateStore, shelf),
        archive,
        "t-1",
        3,
        confirmed=True,
        abnormality="bypass",
        note="a second cable",
        actor="Wang Fang",
        now_s=NOW_S,
        encode=encode,
    )
    findings = [m for kind, m in relayed(shelf) if kind == "Finding"]
    assert [
        {k: f[k] for k in ("meter_id", "confirmed", "abnormality", "found_by", "note", "found_at_s")} for f in findings
    ] == [
        {
            "meter_id": "M-NEW",
            "confirmed": True,
            "abnormality": "bypass",
            "found_by": "Wang Fang",
            "note": "a second cable",
            "found_at_s": NOW_S,
        }
    ]


def test_a_finding_about_a_whole_area_names_its_supply_meter(archive: Archive) -> None:
    shelf = TaskShelf(stored_task(TaskState.ON_SITE, service_point="TA-1"))
    record_finding(
        cast(StateStore, shelf),
        archive,
        "t-1",
        3,
        confirmed=True,
        abnormality="high_loss",
        note="a tap behind the transformer",
        actor="Wang Fang",
        now_s=NOW_S,
        encode=encode,
    )
    assert [m["meter_id"] for kind, m in relayed(shelf) if kind == "Finding"] == ["M-SUP"]


def test_whoever_saw_an_older_version_is_told_so_and_nothing_moves() -> None:
    shelf = TaskShelf(stored_task(TaskState.CLOSED))
    with pytest.raises(StaleVersion, match="read it again"):
        assign_task(cast(StateStore, shelf), "t-1", 2, assignee="Wang Fang", actor="Li Na", now_s=NOW_S, encode=encode)
    assert (shelf.trail, shelf.log) == ([], [])


def test_an_illegal_move_saves_nothing() -> None:
    shelf = TaskShelf(stored_task(TaskState.OPEN))
    with pytest.raises(IllegalMove):
        close_task(cast(StateStore, shelf), "t-1", 3, actor="Li Na", now_s=NOW_S, encode=encode)
    assert (shelf.trail, shelf.log) == ([], [])


def test_a_task_that_needs_no_visit_is_withdrawn_with_a_reason() -> None:
    shelf = TaskShelf(stored_task(TaskState.OPEN))
    withdraw_task(cast(StateStore, shelf), "t-1", 3, actor="Li Na", reason="exchanged", now_s=NOW_S, encode=encode)
    assert shelf.stored.state is TaskState.WITHDRAWN


def test_an_unknown_task_is_named() -> None:
    shelf = TaskShelf(stored_task(TaskState.OPEN))
    with pytest.raises(IllegalMove, match="no task t-9"):
        start_visit(cast(StateStore, shelf), "t-9", 1, actor="Li Na", now_s=NOW_S, encode=encode)


def test_a_service_point_that_the_archive_does_not_know_is_refused_with_what_to_do(archive: Archive) -> None:
    shelf = TaskShelf(stored_task(TaskState.ON_SITE, service_point="SP-404"))
    with pytest.raises(IllegalMove, match="bring the archive up to date"):
        record_finding(
            cast(StateStore, shelf),
            archive,
            "t-1",
            3,
            confirmed=False,
            abnormality=None,
            note="nothing there",
            actor="Wang Fang",
            now_s=NOW_S,
            encode=encode,
        )
    assert shelf.trail == []
