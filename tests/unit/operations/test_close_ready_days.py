"""Days close while people go on working: a move made in between costs a round, never the worker."""

from __future__ import annotations

from dataclasses import replace

from metering.inspection import AuditEntry
from metering.ports import DayClose
from operations.close_day import close_ready_days
from operations.judge_stage import JudgeStage
from storage.memory import MemoryStore
from tests.unit.operations.small_world import archive, messages


class SomebodyWasFaster(MemoryStore):
    """A person moves a task just before the first close that would change it."""

    moved: str | None = None

    def close_day(self, closed: DayClose) -> bool:
        changed = [task for task in closed.tasks if task.version > 1]
        if changed and self.moved is None:
            task = self.task(changed[0].task_id)
            assert task is not None
            self.moved = task.task_id
            line = AuditEntry(task.task_id, 0, "li.na", "assign", task.state, task.state, "takes it")
            self.move_task(replace(task, assignee="li.na", version=task.version + 1), task.version, line, [])
        return super().close_day(closed)


def test_a_task_moved_while_its_day_closes_keeps_the_move_and_the_day_closes_in_the_next_round() -> None:
    store = SomebodyWasFaster()
    store.save_archive(archive())
    stage = JudgeStage(archive(), store, lambda _: 0, owner="worker")
    stage.begin(0)
    for offset, (_, message) in enumerate(messages()):
        stage.handle(0, offset, message)
    stage.save()
    waiting = list(store.days_waiting())
    first = close_ready_days(store, archive(), 1, "day")
    assert store.moved is not None, "this world no longer changes a task at a day's close: the test says nothing"
    assert first == waiting[: len(first)]
    assert len(first) < len(waiting)
    assert first + close_ready_days(store, archive(), 1, "day") == waiting
    task = store.task(store.moved)
    assert task is not None
    assert task.assignee == "li.na"
    assert task.version == 3


def judged(store: MemoryStore, partitions: int, until: dict[int, int]) -> None:
    """Each partition handles its share of the log, but no more than its number of messages."""
    stage = JudgeStage(archive(), store, lambda area: int(area[1:]) % partitions, owner="worker")
    for partition in range(partitions):
        stage.begin(partition)
        log = [m for area, m in messages(4) if area is None or int(area[1:]) % partitions == partition]
        for offset, message in enumerate(log[: until.get(partition, len(log))]):
            stage.handle(partition, offset, message)
    stage.save()


def test_a_partition_that_stands_still_is_waited_for_or_passed_over_at_the_deadline() -> None:
    store = MemoryStore()
    judged(store, 2, {1: 30})
    waiting = list(store.days_waiting())
    assert close_ready_days(store, archive(), 2, "day") == []
    assert close_ready_days(store, archive(), 2, "day", deadline_s=10 * 86_400) == []
    closed = close_ready_days(store, archive(), 2, "day", deadline_s=86_400)
    assert closed == waiting[: len(closed)]
    assert closed
    assert {area for _, area, _ in store.scores()} == {"A0"}
