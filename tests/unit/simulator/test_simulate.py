"""`simulate` writes a whole feed: reproducible, readable, labelled, and in memory that does not grow with its days."""

from __future__ import annotations

import re
import tracemalloc
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from metering.archive import Outage
from metering.errors import FeedError
from metering.messages import ArrivedFrame
from metering.times import DAY_S
from simulator.area_day import AreaSimulation
from simulator.arrival_order import ArrivalOrder
from simulator.communication import Reliability
from simulator.feeds.feed import Feed
from simulator.feeds.publication import publication
from simulator.life import LifeEvent
from simulator.packs import MIXED_WEIGHTS, PACKS
from simulator.recipe import Recipe
from simulator.scenarios import SCENARIOS
from simulator.simulate import SimulationSummary, prepare, simulate


def small(out: Path, seed: int = 1, packs: tuple[str, ...] = ("mixed",)) -> SimulationSummary:
    return simulate(out, Recipe(areas=2, meters_per_area=25, days=4, seed=seed, packs=packs))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    out = tmp_path_factory.mktemp("simulated") / "feed"
    return simulate(out, Recipe(areas=3, meters_per_area=40, days=6, seed=4, prevalence=0.15, registers="every"))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        small(tmp_path / folder, seed=3)
    small(tmp_path / "other", seed=4)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    assert {"feed.toml", "meters.csv", "readings.parquet", "truth.csv", "cases.csv", "life.csv"} <= set(names)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert (tmp_path / "one" / "readings.parquet").read_bytes() != (
        tmp_path / "other" / "readings.parquet"
    ).read_bytes()


def test_the_feed_reads_back_whole(mixed: SimulationSummary) -> None:
    feed = Feed.open(mixed.folder)
    assert feed.archive.interval_minutes == 15
    assert feed.archive.timezone == "Asia/Shanghai"
    assert len({m.service_point for m in feed.archive.meters}) == 3 * 41
    assert sum(1 for _ in feed.events()) == mixed.events
    assert [note for note in feed.notes() if "outages.csv is missing" not in note] == []
    rows = pq.ParquetFile(mixed.folder / "readings.parquet").metadata.num_rows
    assert rows == mixed.readings


def test_every_reading_goes_onto_the_log_in_the_feeds_order(mixed: SimulationSummary) -> None:
    sent = Counter[str]()
    for one in publication(Feed.open(mixed.folder)):
        if isinstance(one.message, ArrivedFrame):
            assert not one.message.faults
            sent[one.message.transformer_area] += one.message.reading_count
    assert sum(sent.values()) == mixed.readings
    assert set(sent) == {"A0001", "A0002", "A0003"}


def test_readings_are_conserved(mixed: SimulationSummary) -> None:
    """What was measured is written, late or on time, or lost; repeats and corrections come on top."""
    table = pq.read_table(mixed.folder / "readings.parquet", columns=["interval_start", "meter_id"])
    keys = Counter(zip(table["interval_start"].cast("int64").to_pylist(), table["meter_id"].to_pylist(), strict=True))
    assert max(keys.values()) == 2
    assert sum(1 for count in keys.values() if count == 2) == mixed.repeated + mixed.corrected
    assert len(keys) + mixed.lost <= 3 * 41 * 6 * 96
    assert mixed.readings == len(keys) + mixed.repeated + mixed.corrected
    assert mixed.lost > 0
    assert mixed.late > 0


def test_registers_count_what_the_intervals_say(mixed: SimulationSummary) -> None:
    feed = Feed.open(mixed.folder)
    meter = feed.archive.meters[5].meter_id
    table = pq.read_table(mixed.folder / "readings.parquet", filters=[("meter_id", "=", meter)]).sort_by(
        "interval_start"
    )
    start_s = np.array(table["interval_start"].cast("int64")) // 1000
    energy, register = (np.array(table[name]) for name in ("energy_kwh", "register_kwh"))
    follows = np.diff(start_s) == 900
    assert follows.sum() > 500
    np.testing.assert_allclose(np.diff(register)[follows], energy[1:][follows], atol=2e-4)


def test_truth_names_known_meters_and_begins_after_the_warm_up(mixed: SimulationSummary) -> None:
    feed = Feed.open(mixed.folder)
    truth = feed.truth()
    start_s = feed.archive.calendar.day_start(date(2026, 1, 1))
    assert Counter(case.abnormality for case in truth) == Counter(
        SCENARIOS[name].abnormality for name, count in mixed.cases.items() for _ in range(count)
    )
    assert sum(count for name, count in mixed.cases.items() if not SCENARIOS[name].of_area) == round(0.15 * 120)
    for case in truth:
        meter = feed.archive.meter(case.meter_id)
        assert meter is not None
        assert start_s + 2 * DAY_S <= case.start_s < start_s + 6 * DAY_S
        assert case.start_s % 900 == 0
    customers = [case.meter_id for case in truth]
    assert len(set(customers)) == len(customers), "one case at a place"


@pytest.mark.parametrize(("days", "first_onset_day"), [(9, 3), (60, 20), (98, 28)])
def test_onsets_spread_over_the_days_after_the_warm_up(days: int, first_onset_day: int) -> None:
    province = prepare(areas=4, meters_per_area=100, days=days, seed=1, prevalence=0.2)
    start_s = province.archive.calendar.day_start(province.first_day)
    onset_days = [(case.start_s - start_s) / DAY_S for case in province.cases]
    assert first_onset_day <= min(onset_days) < first_onset_day + 0.15 * days
    assert 0.75 * days < max(onset_days) < days


def test_customers_without_a_case_are_untouched() -> None:
    """Cases change what happens at their own place: other customers' energy is the same to the last digit."""
    with_cases, without = (prepare(areas=2, meters_per_area=40, days=5, seed=6, prevalence=p) for p in (0.2, 0.0))
    assert with_cases.cases
    assert not without.cases
    marked = {case.place.meter.meter_id for case in with_cases.cases}
    for window in with_cases.windows():
        for one, other in zip(with_cases.simulations, without.simulations, strict=True):
            quiet = [row for row, m in enumerate(one.world.meters) if row > 0 and m.meter_id not in marked]
            assert len(quiet) > 25
            energy, same = (s.window(window).columns["energy_kwh"][quiet] for s in (one, other))
            assert np.array_equal(energy, same, equal_nan=True)


def test_no_energy_is_written_as_minus_zero(tmp_path: Path) -> None:
    simulate(tmp_path, Recipe(areas=3, meters_per_area=40, days=10, seed=7, interval_minutes=60, packs=("training",)))
    for name in ("cases.csv", "unmetered.csv"):
        assert not re.search(r",-0\.0(,|$)", (tmp_path / name).read_text(), re.MULTILINE), name


def test_the_clean_pack_holds_nothing_abnormal(tmp_path: Path) -> None:
    summary = small(tmp_path / "clean", packs=("clean",))
    feed = Feed.open(summary.folder)
    assert feed.has_truth
    assert feed.truth() == []
    assert summary.cases == {}
    works = {work.meter_id for work in feed.archive.works}
    assert all(event.code in ("power_off", "power_on") or event.meter_id in works for event in feed.events())


def test_an_unknown_pack_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"'hrad'.*clean, mixed"):
        simulate(tmp_path / "feed", Recipe(packs=("hrad",)))
    assert not (tmp_path / "feed").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"areas": 0},
        {"days": 0},
        {"interval_minutes": 45},
        {"interval_minutes": 1440},
        {"prevalence": 1.5},
        {"seed": -1},
        {"start": date(1970, 1, 1)},
        {"start": date(9999, 12, 30)},
        {"start": date(2199, 12, 31), "days": 2},
        {"timezone": "Mars/Phobos"},
        {"timezone": "../../etc/passwd"},
    ],
)
def test_what_is_out_of_range_is_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"give|makes"):
        simulate(tmp_path / "feed", Recipe(**wrong))


@pytest.mark.parametrize(("start", "days"), [(date(1971, 1, 1), 3), (date(2199, 12, 30), 2)])
def test_the_first_and_the_last_days_there_are_can_be_simulated(start: date, days: int, tmp_path: Path) -> None:
    assert simulate(tmp_path / "feed", Recipe(areas=2, meters_per_area=10, days=days, start=start)).readings > 0


@pytest.mark.parametrize(
    "wrong",
    [
        'start = "soon"',
        'areas = "two"',
        "hard = 1",
        "seed = 1.5",
        "prevalence = true",
        "sead = 1",
        "registers = 5",
        None,
    ],
)
def test_a_recipe_that_was_edited_is_refused_with_its_name(wrong: str | None, tmp_path: Path) -> None:
    lines = Recipe(days=3).text().splitlines()
    key = "days" if wrong is None else wrong.partition(" ")[0]
    kept = [line for line in lines if not line.startswith(f"{key} =")]
    (tmp_path / "simulation.toml").write_text("\n".join([*kept, wrong or ""]))
    with pytest.raises(FeedError, match=rf"simulation.toml: .*{key}.*make the feed again"):
        Recipe.read(tmp_path)


def test_a_feed_is_never_overwritten_by_accident(tmp_path: Path) -> None:
    simulate(tmp_path / "feed", Recipe(areas=1, meters_per_area=5, days=1))
    with pytest.raises(FeedError, match="holds a feed already"):
        simulate(tmp_path / "feed", Recipe(areas=1, meters_per_area=5, days=1))


def test_a_folder_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "feed").mkdir()
    (tmp_path / "feed" / "notes.txt").write_text("mine")
    with pytest.raises(FeedError, match="not empty"):
        simulate(tmp_path / "feed", Recipe(areas=1, meters_per_area=5, days=1))
    assert [path.name for path in (tmp_path / "feed").iterdir()] == ["notes.txt"]


def test_progress_counts_what_is_drawn_and_then_intervals(tmp_path: Path) -> None:
    drawn: list[tuple[int, int]] = []
    lived: list[tuple[int, int]] = []
    simulate(
        tmp_path / "feed",
        Recipe(areas=2, meters_per_area=5, days=3),
        drawing=lambda done, areas: drawn.append((done, areas)),
        progress=lambda done, intervals: lived.append((done, intervals)),
    )
    assert drawn == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert lived == [(96, 288), (192, 288), (288, 288)]


@pytest.mark.parametrize(
    ("timezone", "start", "hours"), [("Europe/Berlin", date(2026, 3, 28), 47), ("Asia/Kathmandu", date(2026, 1, 1), 48)]
)
@pytest.mark.parametrize("interval_minutes", [15, 60])
def test_days_follow_the_local_clock(
    timezone: str, start: date, hours: int, interval_minutes: int, tmp_path: Path
) -> None:
    """Two days that hold a change to summer time have 47 hours; a quarter-hour offset moves the grid."""
    summary = simulate(
        tmp_path / "feed",
        Recipe(areas=1, meters_per_area=8, days=2, timezone=timezone, start=start, interval_minutes=interval_minutes),
    )
    assert summary.intervals == hours * 60 // interval_minutes
    sent = sum(
        one.message.reading_count
        for one in publication(Feed.open(summary.folder))
        if isinstance(one.message, ArrivedFrame)
    )
    assert sent == summary.readings


def test_large_days_are_made_in_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("simulator.province.READINGS_PER_WINDOW", 600)
    summary = simulate(tmp_path / "feed", Recipe(areas=1, meters_per_area=20, days=2))
    assert summary.intervals == 192
    assert sum(1 for _ in prepare(areas=1, meters_per_area=20, days=2).windows()) == 8


def test_memory_does_not_grow_with_the_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.feeds.feed_writer.ROW_GROUP_ROWS", 10_000)  # so that the buffer is full within days

    def peak_bytes(days: int) -> int:
        tracemalloc.start()
        simulate(tmp_path / str(days), Recipe(areas=1, meters_per_area=100, days=days, prevalence=0.05))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(2)  # what is made once and kept
    assert peak_bytes(24) < 1.15 * peak_bytes(6)


def test_benign_life_happens_by_name_and_without_a_label() -> None:
    province = prepare(areas=6, meters_per_area=150, days=60, seed=2)
    life: list[LifeEvent] = [event for s in province.simulations for event in s.life]
    kinds = Counter(event.kind for event in life)
    assert {"vacancy", "new_tenant", "closure", "renovation", "growth", "holiday_absence", "new_year_absence"} <= set(
        kinds
    )
    assert any(world.customers.pv_kwp.any() for world in province.worlds)
    hidden = {(s.world.name, e.row) for s in province.simulations for e in s.life if e.conflicts}
    assert not hidden & {(c.place.meter.transformer_area, c.place.row) for c in province.cases}


def test_outages_leave_no_readings_and_say_so() -> None:
    province = prepare(areas=4, meters_per_area=20, days=30, seed=8, packs=("clean",), reliability=Reliability())
    assert province.archive.outages
    outage = next(o for o in province.archive.outages if o.end_s - o.start_s > 3600)
    number = int(outage.transformer_area[1:]) - 1
    told = [e for e in province.events if e.event_time_s in (outage.start_s, outage.end_s)]
    assert {e.code for e in told} == {"power_off", "power_on"}
    seen = 0
    for window in province.windows():
        energy = province.simulations[number].window(window).columns["energy_kwh"]
        inside = (window.start_s >= outage.start_s) & (window.start_s + 900 <= outage.end_s)
        seen += int(inside.sum())
        assert np.isnan(energy[:, inside]).all()
    assert seen >= 3


def test_after_a_long_outage_everything_runs_at_once_for_a_while() -> None:
    def energy_kwh(outage: Outage | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        province = prepare(areas=1, meters_per_area=40, days=1, seed=8, packs=("clean",))
        simulation = AreaSimulation(province.worlds[0], seed=8, outages=() if outage is None else (outage,))
        columns = [simulation.window(window).columns["energy_kwh"] for window in province.windows()]
        return np.asarray(np.nansum(np.concatenate(columns, axis=1)[1:], axis=0))

    day_s = prepare(areas=1, meters_per_area=40, days=1, seed=8, packs=("clean",)).archive.calendar.day_start(
        date(2026, 1, 1)
    )
    usual = energy_kwh(None)
    after = energy_kwh(Outage("A0001", day_s + 4 * 3600, day_s + 8 * 3600, planned=False))
    assert np.all(after[16:32] == 0)
    ratio = after[32:] / usual[32:]
    assert 1.3 < ratio[0] < 2.0
    assert ratio[4] < ratio[0]
    assert np.all(ratio[25:] == pytest.approx(1.0, abs=0.02))


def test_a_storm_takes_most_areas_and_brings_them_back_in_steps() -> None:
    province = prepare(areas=12, meters_per_area=30, days=30, seed=3, packs=("storm",))
    calendar = province.archive.calendar
    storm = [o for o in province.archive.outages if calendar.day_of(o.start_s) == date(2026, 1, 21) and not o.planned]
    assert len(storm) >= 9
    assert len({o.end_s for o in storm}) > 6
    assert max(o.start_s for o in storm) - min(o.start_s for o in storm) <= 90 * 60
    (case,) = province.cases
    assert case.scenario == "bypass"
    (dark,) = [o for o in storm if o.transformer_area == case.place.meter.transformer_area]
    assert dark.start_s < case.start_s <= dark.start_s + 2 * 3600


def test_in_the_pack_new_year_about_twice_as_many_homes_are_left_as_usual() -> None:
    def left(pack: str) -> int:
        province = prepare(areas=12, meters_per_area=60, days=60, seed=3, packs=(pack,))
        return sum(event.kind == "new_year_absence" for events in province.life for event in events)

    assert 1.5 < left("new-year") / left("clean") < 2.2


def test_the_storms_own_case_stands_at_a_meter_without_another() -> None:
    for seed in range(6):
        cases = prepare(areas=2, meters_per_area=15, days=6, seed=seed, packs=("storm", "training")).cases
        assert max(Counter(case.place.meter.meter_id for case in cases).values()) == 1


def test_only_the_meter_that_stands_there_reports_and_is_worked_on() -> None:
    """After an exchange it is the new meter."""
    province = prepare(areas=4, meters_per_area=40, days=365, seed=2, packs=("training",))
    stays: dict[str, list[tuple[int, int]]] = {}
    for meter in province.archive.meters:
        stays.setdefault(meter.meter_id, []).append((meter.valid_from_s or 0, meter.valid_to_s or 2**62))
    assert len(stays) > len({m.service_point for m in province.archive.meters})
    for event in province.events:
        assert any(begins <= event.event_time_s < ends for begins, ends in stays[event.meter_id]), event
    for work in province.archive.works:
        if work.meter_id is not None and work.kind != "meter_exchange":
            assert any(begins <= work.start_s < ends for begins, ends in stays[work.meter_id]), work


def test_covers_opened_by_work_lie_within_their_work_order() -> None:
    province = prepare(areas=4, meters_per_area=100, days=60, seed=8, packs=("clean",))
    opened = [event for event in province.events if event.code in ("cover_open", "terminal_cover_open")]
    assert len(opened) >= 5
    for event in opened:
        meter = province.archive.meter(event.meter_id)
        assert meter is not None
        assert any(work.meter_id == event.meter_id for work in province.archive.works_at(meter, event.event_time_s))


def test_what_comes_late_stands_where_it_arrives() -> None:
    """Arrival order: on time first, then what was held back until this interval; the wrong value before the right one."""
    order = ArrivalOrder(["energy_kwh"], 900)
    start_s = np.array([0, 900, 1800])
    codes = np.array([[0, 1]] * 3)
    energy = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, np.nan]])
    delay_s = np.array([[900, 0], [0, -1], [0, 0]])
    repeat_s = np.array([[-1, 0], [900, 0], [-1, -1]])
    wrong = np.array([[1.0, 1.0], [0.5, 1.0], [1.0, 1.0]])
    order.add(start_s, codes, {"energy_kwh": energy}, delay_s, repeat_s, wrong)
    first = order.due(1800)
    rest = order.due(None)
    assert list(zip(first[0].tolist(), first[1].tolist(), first[2]["energy_kwh"].tolist(), strict=True)) == [
        (0, 1, 2.0),
        (0, 1, 2.0),
        (900, 0, 1.5),
        (0, 0, 1.0),
    ]
    assert list(zip(rest[0].tolist(), rest[1].tolist(), rest[2]["energy_kwh"].tolist(), strict=True)) == [
        (1800, 0, 5.0),
        (900, 0, 3.0),
    ]
    assert (order.written, order.lost, order.late, order.repeated, order.corrected) == (6, 1, 1, 1, 1)


def test_packs_share_out_known_scenarios() -> None:
    for pack in PACKS.values():
        assert set(pack.weights) <= {name for name, kind in SCENARIOS.items() if not kind.of_area}
        assert set(pack.area_weights) <= {name for name, kind in SCENARIOS.items() if kind.of_area}


def test_a_quota_that_finds_no_place_goes_to_the_commonest_scenario() -> None:
    """Half of a few households: there are not enough three-phase customers for the phase scenarios' share."""
    province = prepare(areas=1, meters_per_area=12, days=9, seed=1, prevalence=0.5)
    kinds = Counter(case.scenario for case in province.cases if not case.of_area)
    assert kinds[max(MIXED_WEIGHTS, key=lambda n: MIXED_WEIGHTS[n])] >= 1
    assert 5 <= sum(kinds.values()) <= 6


def test_a_summary_reads_as_a_sentence(mixed: SimulationSummary) -> None:
    assert "readings of 120 customers in 3 transformer areas over 6 days" in str(mixed)
    assert f"abnormal: {next(iter(mixed.cases))} {next(iter(mixed.cases.values()))}" in str(mixed)


@pytest.mark.parametrize(
    ("areas", "meters", "days", "minutes"), [(1, 1, 1, 15), (1, 500, 1, 15), (2, 3, 2, 1), (12, 2, 1, 30)]
)
def test_any_size_is_possible(areas: int, meters: int, days: int, minutes: int, tmp_path: Path) -> None:
    summary = simulate(
        tmp_path / "feed",
        Recipe(areas=areas, meters_per_area=meters, days=days, interval_minutes=minutes, prevalence=0.5),
    )
    assert summary.readings > 0.9 * areas * (meters + 1) * days * 1440 / minutes
    assert not any("supply" in note for note in Feed.open(summary.folder).notes())
