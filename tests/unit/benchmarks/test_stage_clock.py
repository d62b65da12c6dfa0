"""The benchmark's accounting: CPU goes to the stage that spent it, once, and every timed function exists."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.child import account_of
from benchmarks.stage_clock import STAGES, StageClock, StagePoint, place_of, stage_points, stages_timed
from benchmarks.through_kafka import family_cpu_s
from metering.errors import MeterwatchError
from operations import admission
from operations.judge_stage import JudgeStage


def spend(cpu_s: float) -> None:
    """Work, not sleep, for so much of this thread's CPU time."""
    until = time.thread_time() + cpu_s
    while time.thread_time() < until:
        pass


def test_what_a_stage_calls_is_taken_out_of_it() -> None:
    clock = StageClock()
    inner = clock.timed("score", lambda: spend(0.04))

    def judge() -> None:
        spend(0.01)
        inner()
        spend(0.01)

    clock.timed("judge, the rest", judge)()
    seconds = clock.seconds()
    assert seconds["score"] >= 0.04
    assert 0.02 <= seconds["judge, the rest"] < seconds["score"]
    assert list(seconds) == ["score", "judge, the rest"]
    assert clock.calls == 2


def test_waiting_costs_nothing_and_other_threads_are_accounts_of_their_own() -> None:
    clock = StageClock()
    write = clock.timed("write SQL", lambda: spend(0.02))
    thread = threading.Thread(target=write)

    def wait() -> None:
        thread.start()
        thread.join()

    clock.timed("decode", wait)()
    seconds = clock.seconds()
    assert seconds["write SQL"] >= 0.02
    assert seconds["decode"] < seconds["write SQL"]


def test_a_stage_that_raises_is_left() -> None:
    clock = StageClock()

    def fail() -> None:
        spend(0.005)
        raise LookupError

    with pytest.raises(LookupError):
        clock.timed("decode", fail)()
    clock.timed("admit", lambda: None)()
    seconds = clock.seconds()
    assert seconds["decode"] >= 0.005
    assert seconds["admit"] < 0.005


def test_an_iterator_is_timed_item_by_item() -> None:
    clock = StageClock()

    def items() -> Iterator[int]:
        for number in range(3):
            spend(0.01)
            yield number

    assert list(clock.timed_iterator("read feed", items)()) == [0, 1, 2]
    assert clock.seconds()["read feed"] >= 0.03


def test_the_account_is_of_the_time_between_first_and_last_message() -> None:
    clock = StageClock()
    decode = clock.timed("decode", lambda: spend(0.02), "begin")
    save = clock.timed("write SQL", lambda: spend(0.01), "end")
    with pytest.raises(MeterwatchError, match="handled nothing"):
        account_of("judge", clock, {}, 0.0)
    save()  # before the first message: closes nothing
    assert clock.last is None
    decode()
    spend(0.01)
    save()
    spend(0.1)  # after the last one
    account = account_of("judge", clock, {"readings": 7}, 0.001)
    assert clock.first is not None
    assert 0.04 <= account.cpu_s < 0.1
    assert account.wall_s >= account.cpu_s * 0.9
    assert account.timing_s == pytest.approx(0.003)
    assert 0.01 <= account.stages["write SQL"] < 0.02  # not what was saved before the first message
    assert account.stages["rest"] >= 0.009
    assert sum(account.stages.values()) == pytest.approx(account.cpu_s, abs=0.011)  # a tick of the kernel's
    assert account.told == {"readings": 7}


def test_every_timed_function_is_where_the_clock_looks_for_it() -> None:
    points = stage_points()
    for point in points:
        place_of(point)
        assert point.stage in STAGES
    assert {p.stage for p in points} == set(STAGES)
    assert {p.mark for p in points} == {"", "begin", "end"}
    assert len({p.place for p in points}) == len(points)


def test_a_function_that_is_gone_is_named() -> None:
    with pytest.raises(LookupError, match=r"operations\.admission:screened_by_hand is gone"):
        place_of(StagePoint("operations.admission:screened_by_hand", "admit"))


def test_the_clock_reaches_names_that_other_modules_imported_and_is_taken_away_again() -> None:
    before, handle = admission.screen, JudgeStage.handle
    importer = sys.modules["operations.judge_stage"]
    with stages_timed(StageClock()):
        assert vars(importer)["screen"] is admission.screen
        assert admission.screen is not before
        assert JudgeStage.handle is not handle
    assert admission.screen is before
    assert vars(importer)["screen"] is before
    assert JudgeStage.handle is handle


def test_a_process_s_cpu_is_read_from_the_kernel() -> None:
    import os

    began = family_cpu_s(os.getpid())
    spend(0.1)
    assert family_cpu_s(os.getpid()) >= began + 0.05
