"""A tiny feed through the whole pipeline, no server: the same bytes each time, poison counted, findings answered."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from metering.readings import SetAside
from monitor.command_line import main
from monitor.inspected import Inspection
from monitor.replay import SERIES_FILE, STATE_FILE, ReplayPlan, replay
from monitor.settings import load_settings
from simulator.people.capacity import delay_s, visits_per_day
from storage.duckdb_series import DuckDbTimeSeries
from tests.replay.poisoned_feed import PoisonedFeed, poisoned_feed

RESULTS = ("alerts.jsonl", "tasks.jsonl")
COMPARED = ("reading", "area_balance", "evidence", "alert", "task")


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> PoisonedFeed:
    return poisoned_feed(tmp_path_factory.mktemp("feed"), areas=3, meters_per_area=14, days=6, seed=8)


def run(plan: ReplayPlan) -> dict[str, Any]:
    return replay(plan, load_settings({}), lambda _done, _of: None)


@pytest.fixture(scope="module")
def direct(feed: PoisonedFeed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("direct")
    run(ReplayPlan(feed.folder, out))
    return out


def report(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "report.json").read_text())
    return found


def lines(out: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / name).read_text().splitlines()]


def same_results(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in RESULTS)


def points(out: Path) -> dict[str, list[Any]]:
    series = DuckDbTimeSeries(out / SERIES_FILE)
    try:
        return {m: series.read(m, start_s=0, end_s=2**40) for m in COMPARED}  # type: ignore[arg-type]
    finally:
        series.close()


def test_the_feed_exercises_what_is_compared(direct: Path) -> None:
    found = report(direct)
    assert found["alerts"] >= 4
    assert found["tasks"] >= 3
    assert found["findings"] == 9
    assert any(task["finding"] for task in lines(direct, "tasks.jsonl"))


def test_a_second_replay_gives_the_same_bytes(feed: PoisonedFeed, direct: Path, tmp_path: Path) -> None:
    run(ReplayPlan(feed.folder, tmp_path / "again", keep_series=False))
    assert same_results(direct, tmp_path / "again")
    assert (direct / "scores.parquet").read_bytes() == (tmp_path / "again" / "scores.parquet").read_bytes()


def test_through_the_log_in_memory_the_same_bytes_points_and_counts(
    feed: PoisonedFeed, direct: Path, tmp_path: Path
) -> None:
    out = tmp_path / "memory"
    found = run(ReplayPlan(feed.folder, out, "memory"))
    assert same_results(direct, out)
    assert points(out) == points(direct)
    same = ("readings_in", "readings_accepted", "readings_corrected", "set_aside", "readings_late", "findings")
    assert {k: found[k] for k in same} == {k: report(direct)[k] for k in same}


def test_poison_is_set_aside_by_its_reason_and_changes_nothing_else(
    feed: PoisonedFeed, direct: Path, tmp_path: Path
) -> None:
    clean = run(ReplayPlan(feed.clean, tmp_path / "clean", keep_series=False))
    poisoned = report(direct)
    assert same_results(direct, tmp_path / "clean")
    assert set(feed.added) == set(SetAside)
    assert poisoned["readings_in"] == feed.readings
    added = {reason.value: poisoned["set_aside"][reason] - clean["set_aside"][reason] for reason in SetAside}
    assert added == {reason.value: count for reason, count in feed.added.items()}
    for name in ("readings_accepted", "readings_corrected", "readings_late", "readings_dead_lettered"):
        assert poisoned[name] == clean[name], name
    assert feed.delayed > 0
    assert poisoned["readings_late"] >= feed.delayed
    assert poisoned["readings_in"] == (
        poisoned["readings_accepted"]
        + sum(poisoned["set_aside"].values())
        + poisoned["readings_late"]
        + poisoned["readings_dead_lettered"]
    )


def test_the_inspector_closes_tasks_with_what_is_true(feed: PoisonedFeed, tmp_path: Path) -> None:
    inspection = Inspection(visits_per_day("20/week"), delay_s("12h"), practice="perfect")
    found = run(ReplayPlan(feed.folder, tmp_path / "one", inspection=inspection, keep_series=False))
    closed = [task for task in lines(tmp_path / "one", "tasks.jsonl") if task["closed_at"] is not None]
    assert closed
    assert all(task["finding"] is not None and task["finding"]["found_at"] <= task["closed_at"] for task in closed)
    assert found["findings"] > 9, "the visits' findings join those of the feed"
    run(ReplayPlan(feed.folder, tmp_path / "two", "memory", inspection=inspection, keep_series=False))
    assert same_results(tmp_path / "one", tmp_path / "two")


# --- the command itself


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def meterwatch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the command as its entry point does; exit code and what it printed."""

    def call(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["meterwatch", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


def test_explain_tells_one_reading_from_admission_to_alert(direct: Path, meterwatch: Callable[..., Said]) -> None:
    alert = next(a for a in lines(direct, "alerts.jsonl") if a["meter_id"] is not None)
    said = meterwatch("explain", direct, "--meter", alert["meter_id"], "--at", alert["raised_at"])
    assert said.code == 0, said.err
    for word in ("admission:", "judged:", "expected:", "score:", "stage:", "day:", alert["id"], alert["abnormality"]):
        assert word in said.out, said.out


def test_explain_names_what_is_wrong(direct: Path, meterwatch: Callable[..., Said]) -> None:
    said = meterwatch("explain", direct, "--meter", "NOBODY", "--at", "2026-01-02T00:00:00Z")
    assert (said.code, said.out) == (1, "")
    assert "NOBODY" in said.err
    assert said.err.count("\n") == 1
    said = meterwatch("explain", direct, "--meter", "M00010001", "--at", "yesterday")
    assert said.code == 1
    assert "2026-02-01T18:30:00Z" in said.err, "it shows what to write"


def test_state_show_tells_pages_and_progress(direct: Path, meterwatch: Callable[..., Said]) -> None:
    assert (direct / STATE_FILE).exists()
    said = meterwatch("state", "show", "A0001", "--run", direct, "--pages")
    assert said.code == 0, said.err
    shown = json.loads(said.out)
    assert shown["meters"] == 15
    assert shown["learnt_days"]["most"] > 0
    assert shown["loss"]["supplied_kwh_a_day"] > shown["loss"]["loss_kwh_a_day"] > 0
    assert shown["model"]["last_day_ranked"] == shown["model"]["last_day_learnt"]
    assert shown["bytes"] == sum(shown["pages"].values()) > 0
    assert shown["judged_until"].startswith("2026-01-07 00:00")
    unknown = meterwatch("state", "show", "Z9", "--run", direct)
    assert unknown.code == 1
    assert "no area 'Z9'" in unknown.err


def test_efficiency_holds_who_uses_much_against_the_others(direct: Path, meterwatch: Callable[..., Said]) -> None:
    said = meterwatch("efficiency", "--run", direct, "--least", "1", "--most", "3")
    assert said.code == 0, said.err
    advised = json.loads(said.out)
    assert 0 < len(advised) <= 3
    for customer in advised:
        assert customer["peers"] >= 8
        assert customer["below_peers"][0]["value"] < customer["below_peers"][0]["peers_median"]
    assert json.loads(meterwatch("efficiency", "--run", direct, "--least", "100000").out) == []


def test_evaluate_and_diff_read_the_folder(feed: PoisonedFeed, direct: Path, meterwatch: Callable[..., Said]) -> None:
    said = meterwatch("evaluate", direct, "--truth", feed.folder, "--json", "-")
    assert said.code == 0, said.err
    assert json.loads(said.out)["meters"] == 45
    said = meterwatch("evaluate", direct, "--truth", feed.folder)
    assert said.code == 0, said.err
    assert "days to detection" in said.out
    said = meterwatch("diff", direct, direct)
    assert said.code == 0, said.err
    assert said.out.splitlines()[0] == "would open 0, close 0, rename 0, miss 0"


def test_a_run_never_overwrites_another(feed: PoisonedFeed, direct: Path, meterwatch: Callable[..., Said]) -> None:
    before = (direct / "report.json").read_bytes()
    said = meterwatch("replay", feed.folder, "--out", direct)
    assert said.code == 1
    assert "is not empty" in said.err.splitlines()[-1]
    assert "Traceback" not in said.err
    assert (direct / "report.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("replay", "FEED"), "--out"),
        (("replay", "FEED", "--out", "x", "--through", "carrier-pigeon"), "carrier-pigeon"),
        (("simulate", "--out", "x", "--areas", "many"), "--areas"),
        (("no-such-command",), "no-such-command"),
        (("demo", "--days", "0"), "--days"),
    ],
)
def test_wrong_use_ends_with_two(
    arguments: tuple[str, ...], told: str, meterwatch: Callable[..., Said], tmp_path: Path
) -> None:
    said = meterwatch(*arguments)
    assert said.code == 2
    assert told in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("replay", "{feed}", "--out", "{new}", "--through", "kafka"), "--kafka HOST:PORT"),
        (("replay", "{feed}", "--out", "{new}", "--inspect", "some"), "20/week"),
        (("replay", "{feed}", "--out", "{new}", "--inspect", "20/week", "--finding-delay", "soon"), "7d"),
        (("replay", "{new}/nothing", "--out", "{new}"), "nothing"),
        (("replay", "{feed}", "--out", "{new}", "--thresholds", "{new}/none.toml"), "none.toml"),
        (("explain", "{new}", "--meter", "M1", "--at", "2026-01-02T00:00:00Z"), "RUN folder"),
        (("evaluate", "{new}", "--truth", "{feed}"), "{new}"),
        (("worker",), "METERWATCH_KAFKA_URL is missing"),
        (("dead-letters", "list"), "METERWATCH_KAFKA_URL is missing"),
        (("publish", "{feed}"), "--kafka HOST:PORT"),
        (("restore", "{new}/backup"), "does not exist"),
    ],
)
def test_what_fails_says_so_in_one_line(
    arguments: tuple[str, ...],
    told: str,
    feed: PoisonedFeed,
    meterwatch: Callable[..., Said],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"feed": str(feed.folder), "new": str(tmp_path / "new")}
    said = meterwatch(*(a.format(**names) for a in arguments))
    assert said.code == 1, said
    errors = [line for line in said.err.splitlines() if not line.startswith("replaying")]
    assert len(errors) == 1, said.err
    assert errors[0].startswith("meterwatch: ")
    assert told.format(**names) in errors[0]


def test_a_setting_that_is_none_is_refused_by_name(
    feed: PoisonedFeed, meterwatch: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("METERWATCH_PARTITION", "7")
    said = meterwatch("replay", feed.folder, "--out", tmp_path / "x")
    assert said.code == 1
    assert said.err.startswith("meterwatch: METERWATCH_PARTITION is not a setting")


def test_a_feed_that_moved_is_named(direct: Path, meterwatch: Callable[..., Said], tmp_path: Path) -> None:
    shutil.copytree(direct, tmp_path / "copy")
    told = tmp_path / "copy" / "run.toml"
    told.write_text(told.read_text().replace("poisoned", "gone"))
    said = meterwatch("explain", tmp_path / "copy", "--meter", "M00010001", "--at", "2026-01-02T00:00:00Z")
    assert said.code == 1
    assert "not there any more" in said.err
