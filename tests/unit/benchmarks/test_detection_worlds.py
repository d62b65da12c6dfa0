"""Detection is measured of the real thing: the outcome is a replay's, on seeds of the report, and the page says what was reached."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.detection import __main__ as command
from benchmarks.detection.child import measure, version
from benchmarks.detection.lesser_feeds import DAILY_MISSING, lesser
from benchmarks.detection.muting import muted, voices
from benchmarks.detection.page import page, rate
from benchmarks.detection.worlds import DEVELOPMENT_SEEDS, GROUPS, REPORT_SEEDS, Less, World, chosen, worlds
from detectors.interval.stuck_counter import StuckCounter
from evaluation.run_folder import ALERTS, SCORES, TASKS
from metering.errors import MeterwatchError
from monitor.replay import ReplayPlan, replay
from monitor.scoring import evaluate_run
from monitor.settings import Settings
from simulator.feeds.living import LivingProvince
from simulator.recipe import Recipe
from simulator.simulate import simulate

RECIPE = Recipe(areas=1, meters_per_area=24, days=12, seed=201, prevalence=0.3)
WORLD = World("small", "table", "small", RECIPE)
ALL = worlds(voices())


def unwatched(done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("detection") / "run"
    return folder, {"version": version(), "measured": "just now"} | measure(WORLD, folder)


def test_the_outcome_is_that_of_a_replay(figures: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """What is measured without feed folder, log and SQL must be what a user gets with them."""
    straight, found = figures
    feed, run = tmp_path / "feed", tmp_path / "run"
    simulate(feed, RECIPE)
    replay(ReplayPlan(feed, run, keep_series=False), Settings(), unwatched)
    for name in (ALERTS, TASKS, SCORES):
        assert (straight / name).read_bytes() == (run / name).read_bytes(), name
    scored = json.loads(json.dumps(evaluate_run(run, feed).score.as_json()))
    del scored["missed"]
    assert json.loads(json.dumps(found["score"])) == scored


def test_costs_and_cases_are_told(figures: tuple[Path, dict[str, Any]]) -> None:
    found = figures[1]
    assert found["costs"]["readings"] > 24 * 96 * 11
    assert min(found["costs"][name] for name in ("interval_us", "daily_us", "state_bytes")) > 0
    assert found["cases"] >= 7
    assert found["switched_off"] == []


def test_no_development_seed_is_reported() -> None:
    seeds = {w.recipe.seed for w in ALL if w.recipe is not None}
    assert seeds == set(REPORT_SEEDS)
    assert not seeds & set(DEVELOPMENT_SEEDS)
    assert all(w.quick().recipe is None or w.quick().recipe.seed in DEVELOPMENT_SEEDS for w in ALL)  # type: ignore[union-attr]


def test_worlds_are_chosen_by_name_or_group() -> None:
    assert [w.name for w in chosen(["table", "storm"], ALL)] == ["mixed", "hard", "rare", "storm"]
    assert chosen([], ALL) == list(ALL)
    with pytest.raises(MeterwatchError, match=r"no world easy; there are the groups table, .* and bare-archive"):
        chosen(["easy"], ALL)
    assert len({w.name for w in ALL}.union(GROUPS)) == len(ALL) + len(GROUPS), "a world has no group's name"


def test_every_detector_can_be_done_without_and_speaks_again_afterwards() -> None:
    own = StuckCounter.score
    with muted("stuck_counter"):
        assert StuckCounter.score(None, None) == []  # type: ignore[arg-type]
    assert StuckCounter.score is own
    for name in voices():
        with muted(name):
            pass
    with pytest.raises(MeterwatchError, match="no detector tea_leaves"), muted("tea_leaves"):
        pass


@pytest.mark.parametrize(
    ("less", "column", "supply"),
    [("kwh_only", False, True), ("no_voltage", False, True), ("no_supply", True, False), ("bare_archive", True, True)],
)
def test_a_lesser_feed_carries_less(less: Less, column: bool, supply: bool) -> None:
    source = lesser(LivingProvince(replace(RECIPE, days=1)), less, 1)
    batch = next(iter(source.readings()))
    assert ("voltage_v" in batch.columns) == column
    assert any(m.role == "supply" for m in source.archive.meters) == supply
    assert {batch.meter_names[c] for c in np.unique(batch.meter_codes)} <= set(source.archive.areas_of_meter)
    if less == "bare_archive":
        assert all(m.contracted_kw is None and m.valid_from_s is None for m in source.archive.meters)
    if less == "kwh_only":
        assert list(source.later_events()) == []


def test_daily_sums_are_those_of_the_readings_and_a_quarter_is_missing() -> None:
    recipe = replace(RECIPE, interval_minutes=60)
    province = LivingProvince(recipe)
    daily = lesser(province, "daily_kwh", 1)
    sent = {
        (batch.meter_names[code], time_s): kwh
        for batch in daily.readings()
        for code, time_s, kwh in zip(
            batch.meter_codes.tolist(), batch.times_s.tolist(), batch.columns["energy_kwh"].tolist(), strict=True
        )
    }
    meters = [m.meter_id for m in daily.archive.meters]
    assert 1 - DAILY_MISSING - 0.15 < len(sent) / (len(set(meters)) * recipe.days) < 1 - DAILY_MISSING + 0.1
    calendar = daily.archive.calendar
    own: dict[tuple[str, int], dict[int, float]] = {}
    for batch in chain(LivingProvince(recipe).readings()):
        for code, time_s, kwh in zip(
            batch.meter_codes.tolist(), batch.times_s.tolist(), batch.columns["energy_kwh"].tolist(), strict=True
        ):
            day_s = calendar.day_start(calendar.day_of(time_s))
            own.setdefault((batch.meter_names[code], day_s), {})[time_s] = kwh
    whole = {key: sum(hours.values()) for key, hours in own.items() if len(hours) == 24}
    both = sorted(set(whole) & set(sent))
    assert len(both) > 100
    assert np.allclose([whole[k] for k in both], [sent[k] for k in both])


def test_the_page_marks_what_is_below_its_floor_or_at_its_goal(figures: tuple[Path, dict[str, Any]]) -> None:
    low = json.loads(json.dumps(figures[1]))
    low["score"] |= {"macro_detection_rate": 0.5, "average_precision": 0.9, "precision_at_50": 1.0}
    text = page({"mixed": low}, ALL)
    assert ".72 → .90: **.50** ✗" in text
    assert ".85 → .96: **.90** |" in text
    assert ".96 → 1.00: **1.00** ★" in text
    assert "not measured" in text
    assert "301 (mixed, 8 %" in text
    assert rate(0.0) == ".00"


def test_a_run_replaces_its_own_figures_and_keeps_the_others(
    figures: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    def measured(world: World, place: Path, asked: Namespace) -> dict[str, Any] | None:
        return dict(figures[1]) if world.name == "mixed" else None

    path = tmp_path / "detection.md"
    path.with_suffix(".json").write_text(json.dumps({"hard": figures[1], "gone": {}}))
    assert command.main(["--worlds", "mixed", "--page", str(path)], measured) == 0
    assert set(json.loads(path.with_suffix(".json").read_text())) == {"mixed", "hard"}
    assert "| mixed | 201 |" in path.read_text()
    assert command.main(["--worlds", "rare", "--page", str(path)], measured) == 1
    assert command.main(["--worlds", "nowhere", "--page", str(path)], measured) == 2


def test_two_runs_at_once_keep_each_others_worlds(figures: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "detection.md"

    def measured(world: World, place: Path, asked: Namespace) -> dict[str, Any]:
        if world.name == "mixed":  # another run finishes while this world is lived through
            path.with_suffix(".json").write_text(json.dumps({"hard": figures[1]}))
        return dict(figures[1])

    assert command.main(["--worlds", "mixed", "--page", str(path)], measured) == 0
    assert set(json.loads(path.with_suffix(".json").read_text())) == {"mixed", "hard"}
