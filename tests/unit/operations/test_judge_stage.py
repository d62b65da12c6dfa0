"""The area stage's output is a function of the log: saves, restarts and the number of partitions change nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from metering.archive import Outage
from metering.errors import StoreError
from metering.messages import ArrivedFrame, Message, Tick
from metering.ports import Checkpoint
from metering.times import DAY_S
from operations.close_day import close_ready_days, unpack_scores
from operations.judge_stage import JudgeStage
from storage.memory import MemoryStore
from tests.unit.operations.small_world import METERS, START_S, archive, messages

READINGS_PER_FRAME = METERS + 1


def by_partition(partitions: int, days: int = 12) -> list[list[Message]]:
    logs: list[list[Message]] = [[] for _ in range(partitions)]
    for area, message in messages(days):
        for partition in range(partitions) if area is None else [keyed(partitions)(area)]:
            logs[partition].append(message)
    return logs


def readings_sent(log: Iterable[tuple[str | None, Message]]) -> int:
    return sum(m.reading_count for _, m in log if isinstance(m, ArrivedFrame))


def keyed(partitions: int) -> Callable[[str], int]:
    return lambda area: int(area[1:]) % partitions


def run(partitions: int = 1, *, save_every: int = 50, crash_every: int | None = None, days: int = 12) -> MemoryStore:
    """The whole log through the stage; a crash drops the stage without saving and begins anew from the store."""
    store, chance = MemoryStore(), random.Random(save_every)
    store.save_archive(archive())
    logs = by_partition(partitions, days)
    crashes = 0
    while True:
        stage = JudgeStage(archive(), store, keyed(partitions), owner=f"worker-{crashes}")
        next_offset = [stage.begin(p) for p in range(partitions)]
        handled = 0
        crashed = False
        while any(next_offset[p] < len(logs[p]) for p in range(partitions)):
            partition = chance.choice([p for p in range(partitions) if next_offset[p] < len(logs[p])])
            stage.handle(partition, next_offset[partition], logs[partition][next_offset[partition]])
            next_offset[partition] += 1
            handled += 1
            if handled % save_every == 0:
                stage.save()
                close_ready_days(store, archive(), partitions, "day")
            if crash_every is not None and handled % crash_every == crash_every - 1 and crashes < 10:
                crashes, crashed = crashes + 1, True
                break
        if not crashed:
            stage.save()
            close_ready_days(store, archive(), partitions, "day")
            return store


def outcome(store: MemoryStore) -> tuple[object, ...]:
    scores = [(day, area, unpack_scores(page)) for day, area, page in store.scores()]
    points = sorted(
        (p.measurement, p.time_s, *sorted(p.tags.items()), *sorted(p.fields.items()))
        for batch in store.point_batches(10**9)
        for p in batch.points
    )
    return (
        list(store.alerts()),
        list(store.tasks()),
        store.counters(),
        [(d, a, s.meter_ids, s.risk.tolist(), {k: v.tolist() for k, v in s.families.items()}) for d, a, s in scores],
        list(dict.fromkeys(points)),
    )


@pytest.fixture(scope="module")
def undisturbed() -> tuple[object, ...]:
    return outcome(run())


def test_readings_become_alerts_and_one_ranked_task_for_each_service_point() -> None:
    store = run()
    raised = {(a.meter_id, a.abnormality): a for a in store.alerts()}
    assert ("M02", "over_capacity") in raised
    assert raised["M13", "cover_open"].state == "confirmed"
    tasks = store.tasks()
    assert {t.service_point for t in tasks} >= {"SP-02", "SP-13"}
    assert len({t.service_point for t in tasks if t.state == "open"}) == sum(t.state == "open" for t in tasks)
    closed = next(t for t in tasks if t.service_point == "SP-13")
    assert closed.state == "closed"
    assert closed.finding is not None
    assert closed.finding.confirmed


def test_every_reading_has_exactly_one_fate() -> None:
    counted = run().counters()
    sent = readings_sent(messages())
    fates = sum(
        n
        for name, n in counted.items()
        if name.startswith("set_aside.") or name in ("readings_accepted", "readings_late")
    )
    assert fates == sent
    poisoned = counted["set_aside.unknown_meter"]
    for reason in ("negative", "impossible", "not_a_number", "type"):
        assert counted[f"set_aside.{reason}"] == poisoned > 0
    assert counted["set_aside.repeated"] % READINGS_PER_FRAME == 0
    assert counted["readings_late"] > 0


@pytest.mark.parametrize("save_every", [3, 1000])
def test_where_a_save_falls_changes_nothing(save_every: int, undisturbed: tuple[object, ...]) -> None:
    assert outcome(run(save_every=save_every)) == undisturbed


@pytest.mark.parametrize("save_every", [13])
def test_ten_crashes_change_nothing(save_every: int, undisturbed: tuple[object, ...]) -> None:
    assert outcome(run(save_every=save_every, crash_every=97)) == undisturbed


def test_the_number_of_partitions_changes_nothing(undisturbed: tuple[object, ...]) -> None:
    # a tick is one message in each partition, everything else is the same
    assert outcome(run(partitions=2)) == undisturbed


def test_a_stage_whose_partition_was_taken_over_saves_nothing() -> None:
    store = MemoryStore()
    first = JudgeStage(archive(), store, keyed(1), owner="first")
    second = JudgeStage(archive(), store, keyed(1), owner="second")
    log = by_partition(1, days=2)[0]
    first.begin(0)
    for offset in range(40):
        first.handle(0, offset, log[offset])
    assert second.begin(0) == 0
    assert first.save() == frozenset({0})
    assert store.counters() == {}


def test_an_area_is_silent_after_hours_without_anything_usable_and_no_longer_when_it_speaks() -> None:
    store = MemoryStore()
    stage = JudgeStage(archive(), store, keyed(1), owner="w1")
    stage.begin(0)
    offset = 0
    silent: list[tuple[str, ...]] = []
    for _, message in messages(days=2):
        hour = (message.interval_start_s - START_S) // 3600 if isinstance(message, ArrivedFrame) else 0
        if isinstance(message, ArrivedFrame) and message.transformer_area == "A1" and 12 <= hour < 24:
            continue  # A1 is not heard of for half a day
        stage.handle(0, offset, message)
        offset += 1
        if isinstance(message, Tick):
            silent.append(stage.silent_areas(0))
    assert stage.areas_of(0) == 2
    assert silent[:16] == [()] * 16, "four intervals are nothing yet"
    assert silent[16:25] == [("A1",)] * 9
    assert set(silent[25:]) == {()}, "nor is anybody silent after the last tick, which says that the feed is over"
    assert stage.silent_areas(7) == (), "what others hold they know"


def test_a_recorded_outage_is_no_silence() -> None:
    known = replace(archive(), outages=(Outage("A0", START_S, START_S + 5 * 3600, planned=True),))
    stage = JudgeStage(known, MemoryStore(), keyed(1), owner="w1")
    stage.begin(0)
    for offset, hours in enumerate((0, 6)):
        stage.handle(0, offset, Tick(START_S + hours * 3600))
    assert stage.silent_areas(0) == ("A1",)
    stage.handle(0, 2, Tick(START_S + 10 * 3600))
    assert stage.silent_areas(0) == ("A0", "A1"), "it ended four intervals ago"


def test_after_a_take_over_everybody_has_time_to_speak() -> None:
    store = MemoryStore()
    first = JudgeStage(archive(), store, keyed(1), owner="first")
    first.begin(0)
    first.handle(0, 0, Tick(START_S))
    first.handle(0, 1, Tick(START_S + 6 * 3600))
    assert first.silent_areas(0) == ("A0", "A1")
    first.save()
    second = JudgeStage(archive(), store, keyed(1), owner="second")
    second.begin(0)
    assert second.silent_areas(0) == ()
    second.handle(0, 2, Tick(START_S + 11 * 3600))
    assert second.silent_areas(0) == ("A0", "A1")


class _FailingOnce(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.failures = 1

    def save(self, checkpoint: Checkpoint) -> frozenset[int]:
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        return super().save(checkpoint)


def test_a_save_that_failed_is_repeated_in_full() -> None:
    store = _FailingOnce()
    stage = JudgeStage(archive(), store, keyed(1), owner="w")
    log = by_partition(1, days=3)[0]
    stage.begin(0)
    for offset, message in enumerate(log):
        stage.handle(0, offset, message)
    with pytest.raises(ConnectionError):
        stage.save()
    stage.save()
    sent = readings_sent(messages(3))
    assert (
        sum(
            n
            for name, n in store.counters().items()
            if name not in ("events_accepted", "readings_corrected") and not name.startswith("data_quality.")
        )
        == sent
    )
    again = JudgeStage(archive(), store, keyed(1), owner="w2")
    assert again.begin(0) == len(log)


def test_pages_of_other_meters_are_refused_by_name() -> None:
    store = run(days=2)
    grown = archive(areas=2)
    fewer = type(grown)(grown.name, grown.interval_minutes, grown.timezone, grown.meters[:-1])
    with pytest.raises(StoreError, match="reset A1"):
        JudgeStage(fewer, store, keyed(1), owner="w").begin(0)


def test_a_gap_of_weeks_is_stepped_over_without_judging_it() -> None:
    store = MemoryStore()
    stage = JudgeStage(archive(), store, keyed(1), owner="w")
    stage.begin(0)
    log = [m for _, m in messages(2)][:-1]
    for offset, message in enumerate([*log, Tick(START_S + 60 * DAY_S)]):
        stage.handle(0, offset, message)
    stage.save()
    assert not [a for a in store.alerts() if a.raised_at_s > START_S + 3 * DAY_S and a.family != "communication"]
    assert store.counters()["readings_accepted"] > 0
    assert len(store.days_waiting()) == 59, "days of the gap close as not judged, so that none is waited for"
