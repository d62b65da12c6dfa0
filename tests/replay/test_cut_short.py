"""A replay that was cut short goes on where it was saved, and ends with the bytes of the undisturbed run."""

from __future__ import annotations

from pathlib import Path

import pytest

from metering.errors import MeterwatchError
from monitor.inspected import Inspection
from monitor.replay import ReplayPlan, Through, replay
from monitor.settings import load_settings
from tests.replay.poisoned_feed import PoisonedFeed, poisoned_feed

SETTINGS = load_settings({"METERWATCH_CHECKPOINT_MESSAGES": "20", "METERWATCH_CHECKPOINT_SECONDS": "0.05"})


class PowerCut(Exception):
    """Stands for whatever ends a process between two saves."""


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> PoisonedFeed:
    return poisoned_feed(tmp_path_factory.mktemp("feed"), areas=2, meters_per_area=6, days=4)


@pytest.fixture(scope="module")
def undisturbed(feed: PoisonedFeed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    replay(ReplayPlan(feed.folder, out), SETTINGS, lambda _done, _of: None)
    return out


def cut_short(plan: ReplayPlan, after_readings: int) -> None:
    def advance(done: int, total: int) -> None:
        assert total >= 0
        if done > after_readings:
            raise PowerCut

    with pytest.raises(PowerCut):
        replay(plan, SETTINGS, advance)
    assert not (plan.out / "report.json").exists()


@pytest.mark.parametrize("through", ["direct", "memory"])
def test_it_goes_on_with_the_same_outcome(
    through: Through, feed: PoisonedFeed, undisturbed: Path, tmp_path: Path
) -> None:
    plan = ReplayPlan(feed.folder, tmp_path / "run", through)
    cut_short(plan, 400)
    cut_short(plan, 900)
    report = replay(plan, SETTINGS, lambda _done, _of: None)
    assert (
        report["readings_in"]
        == report["readings_accepted"] + sum(report["set_aside"].values()) + report["readings_late"]
    )
    for name in ("alerts.jsonl", "tasks.jsonl"):
        assert (plan.out / name).read_bytes() == (undisturbed / name).read_bytes()


def test_another_plan_or_a_finished_run_is_never_continued(
    feed: PoisonedFeed, undisturbed: Path, tmp_path: Path
) -> None:
    with pytest.raises(MeterwatchError, match="is not empty"):
        replay(ReplayPlan(feed.folder, undisturbed), SETTINGS, lambda _done, _of: None)
    plan = ReplayPlan(feed.folder, tmp_path / "run")
    cut_short(plan, 400)
    with pytest.raises(MeterwatchError, match="is not empty"):
        replay(ReplayPlan(feed.folder, plan.out, "memory"), SETTINGS, lambda _done, _of: None)
    with pytest.raises(MeterwatchError, match="is not empty"):
        replay(ReplayPlan(feed.folder, plan.out, inspection=Inspection(1.0, 0)), SETTINGS, lambda _done, _of: None)
