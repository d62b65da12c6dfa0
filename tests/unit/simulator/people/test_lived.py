"""A feed that is lived through answers to what a department does: in its readings, its events and what a crew reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from metering.errors import FeedError
from metering.messages import ArrivedFrame, MeterEvent, MeterEvents, Tick
from metering.times import DAY_S
from metering.truth import TruthCase
from simulator.feeds.feed import Feed
from simulator.feeds.living import LivingFeed
from simulator.feeds.publication import publication
from simulator.people.cases import Interruption, read_interruptions, write_interruptions
from simulator.people.site import SiteReading
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.scenarios.case import Case
from simulator.simulate import simulate

DAYS = 16


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Feed:
    folder = tmp_path_factory.mktemp("lived") / "feed"
    simulate(folder, Recipe(areas=2, meters_per_area=100, days=DAYS, seed=4, interval_minutes=60, prevalence=0.5))
    return Feed.open(folder)


def key(case: Case) -> TruthCase:
    """A case as an interruption of it is read from a file."""
    return replace(case.truth, end_s=None)


def lasting(province: Province, scenario: str) -> Case:
    """A case of the scenario that begins early enough to be changed and lasts."""
    start_s = province.calendar.day_start(province.first_day)
    return next(
        c for c in province.cases if c.scenario == scenario and c.end_s is None and c.start_s < start_s + 10 * DAY_S
    )


def energy_kwh(feed: LivingFeed, meter_id: str) -> dict[int, float]:
    found: dict[int, float] = {}
    for batch in feed.readings():
        names = np.array(list(batch.meter_names))
        rows = np.flatnonzero(names[batch.meter_codes] == meter_id)
        found |= dict(zip(batch.times_s[rows].tolist(), batch.columns["energy_kwh"][rows].tolist(), strict=True))
    return found


def events(feed: LivingFeed) -> list[MeterEvent]:
    sent = [s.message for s in publication(feed) if isinstance(s.message, MeterEvents)]
    return [event for message in sent for event in message.events]


# --- what can be changed


def test_what_is_simulated_already_cannot_be_changed_and_the_day_after_tomorrow_can(feed: Feed) -> None:
    living = LivingFeed(feed)
    case = living.province.cases[0]
    calendar = living.province.calendar
    checked = 0
    for sent in publication(living):
        if isinstance(sent.message, Tick) and calendar.local(sent.message.time_s).hour == 6:
            day = calendar.day_of(sent.message.time_s)
            midnight_s = calendar.day_start(day)
            assert living.open_from_s == midnight_s + 2 * DAY_S or (day - living.province.first_day).days >= DAYS - 2
            with pytest.raises(FeedError, match="simulated already"):
                living.interrupt(Interruption(key(case), living.open_from_s - 1, None, "rectified"))
            checked += 1
    assert checked >= DAYS - 1


def test_an_unknown_case_is_named(feed: Feed) -> None:
    with pytest.raises(FeedError, match="no bypass at M9"):
        LivingFeed(feed).interrupt(Interruption(TruthCase("M9", "bypass", 0, None), 2**40, None, "rectified"))


# --- readings


def test_a_case_that_rests_and_comes_back_is_gone_in_between_only(feed: Feed) -> None:
    untouched, living = LivingFeed(feed), LivingFeed(feed)
    case = lasting(living.province, "scaled_by_constant")
    from_s, until_s = case.start_s + 2 * DAY_S, case.start_s + 4 * DAY_S
    living.interrupt(Interruption(key(case), from_s, until_s, "lies_low"))
    meter_id = case.place.meter.meter_id
    before, now = energy_kwh(untouched, meter_id), energy_kwh(living, meter_id)
    changed = {at for at, kwh in now.items() if abs(before.get(at, kwh) - kwh) > 1e-3}
    # the meter's clock shares the interval after each change
    assert changed
    assert min(changed) >= from_s - 3600
    assert max(changed) < until_s + 3600
    assert sum(now[at] for at in changed) > 1.2 * sum(before[at] for at in changed)


# --- events


def test_a_case_that_is_not_there_reports_nothing(feed: Feed) -> None:
    living = LivingFeed(feed)
    case = next(c for c in living.province.cases if c.events())
    living.interrupt(Interruption(key(case), case.start_s, None, "lies_low"))
    told, untouched = events(living), events(LivingFeed(feed))
    assert set(untouched) - set(told) == set(case.events())
    assert [e for e in untouched if e not in case.events()] == told


def test_a_relapse_reports_what_the_onset_reported(feed: Feed) -> None:
    living = LivingFeed(feed)
    case = next(c for c in living.province.cases if len(c.events()) == 1)
    onset = case.events()[0]
    back_s = case.start_s + 3 * DAY_S
    living.interrupt(Interruption(key(case), case.start_s + DAY_S, back_s, "rectified"))
    again = MeterEvent(onset.meter_id, back_s + onset.event_time_s - case.start_s, onset.code)
    told = events(living)
    assert told.count(onset) == 1
    assert told.count(again) == 1
    rests = LivingFeed(feed)
    rests.interrupt(Interruption(key(case), case.start_s + DAY_S, back_s, "lies_low"))
    assert again not in events(rests), "who only lay low opens nothing again"


# --- what a crew reads


def visited(living: LivingFeed, case: Case, after_days: float) -> SiteReading:
    """The reading at eleven o'clock so many days after the onset."""
    calendar = living.province.calendar
    at_s = calendar.day_start(calendar.day_of(case.start_s + int(after_days * DAY_S))) + 11 * 3600
    living.watch_sites()
    for sent in publication(living):
        if isinstance(sent.message, Tick) and sent.message.time_s >= at_s:
            found = living.site(case.place.meter.meter_id, at_s)
            assert found is not None
            return found
    raise AssertionError("the feed is over")


def test_a_clamp_shows_what_flows_past_the_meter(feed: Feed) -> None:
    living = LivingFeed(feed)
    case = lasting(living.province, "bypass")
    found = visited(living, case, 2)
    assert found.error_percent == pytest.approx(-100 * case.severity, abs=15)
    assert found.line_current_a is not None
    assert found.meter_current_a is not None
    assert found.meter_current_a / found.line_current_a == pytest.approx(1 - case.severity, abs=0.15)
    assert found.line_voltage_v == pytest.approx(found.meter_voltage_v, abs=2)


def test_a_sound_meter_agrees_with_the_instruments(feed: Feed) -> None:
    living = LivingFeed(feed)
    case = lasting(living.province, "bypass")
    touched = {c.place.meter.meter_id for c in living.province.cases}
    meters = [m for m in living.province.worlds[0].customers.meters if m.meter_id not in touched]
    sound = replace(case, place=replace(case.place, meter=meters[3]))
    found = visited(living, sound, 2)
    assert found.error_percent is not None
    assert abs(found.error_percent) < 3
    assert found.meter_current_a == pytest.approx(found.line_current_a, rel=0.03, abs=0.02)


def test_a_supply_meter_is_read_too(feed: Feed) -> None:
    living = LivingFeed(feed)
    case = lasting(living.province, "bypass")
    found = visited(living, replace(case, place=replace(case.place, meter=living.province.worlds[1].supply)), 2)
    assert found.phase in "abc"
    assert found.error_percent == pytest.approx(0, abs=2)
    assert found.meter_current_a == pytest.approx(found.line_current_a, rel=0.02)


# --- whether a folder is what its recipe gives


def test_a_folder_as_it_was_written_is_like_its_recipe(feed: Feed) -> None:
    living = LivingFeed(feed)
    assert living.unlike_its_folder() is None
    untouched = LivingFeed(feed)
    meter_id = feed.archive.meters[5].meter_id
    assert energy_kwh(living, meter_id) == energy_kwh(untouched, meter_id), "looking ahead loses nothing"


def test_other_readings_are_unlike_the_recipe(feed: Feed, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    folder.mkdir()
    for path in feed.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    table = pq.read_table(folder / "readings.parquet")
    kwh = table["energy_kwh"].to_pylist()
    kwh[40] = (kwh[40] or 0.0) + 1.0
    index = table.column_names.index("energy_kwh")
    pq.write_table(table.set_column(index, "energy_kwh", [kwh]), folder / "readings.parquet")
    told = LivingFeed(Feed.open(folder)).unlike_its_folder()
    assert told is not None
    assert "not those of its recipe" in told


def test_what_a_run_changed_is_kept_in_a_file(tmp_path: Path) -> None:
    case = TruthCase("M1", "bypass", 1_767_225_600, None)
    kept = [
        Interruption(case, case.start_s + DAY_S, None, "rectified"),
        Interruption(case, case.start_s + DAY_S, case.start_s + 9 * DAY_S, "lies_low"),
    ]
    later = [
        Interruption(case, case.start_s + 20 * DAY_S, None, "rectified"),
        Interruption(case, case.start_s + 2 * DAY_S, case.start_s + 20 * DAY_S, "lies_low"),
    ]
    write_interruptions(tmp_path / "interruptions.csv", [*kept, *later], case.start_s + 10 * DAY_S)
    begun = Interruption(case, case.start_s + 2 * DAY_S, None, "lies_low")
    assert list(read_interruptions(tmp_path / "interruptions.csv")) == [*kept, begun], (
        "what comes later has not happened"
    )
    wrong = (tmp_path / "interruptions.csv").read_text().replace("lies_low", "asleep")
    (tmp_path / "interruptions.csv").write_text(wrong)
    with pytest.raises(FeedError, match=r"line 3, column why: 'asleep'"):
        list(read_interruptions(tmp_path / "interruptions.csv"))


def test_frames_of_a_lived_feed_keep_coming_in_order(feed: Feed) -> None:
    living = LivingFeed(feed)
    living.watch_sites()
    starts = [s.message.interval_start_s for s in publication(living) if isinstance(s.message, ArrivedFrame)]
    assert len(starts) > 700
    read = [s.message.interval_start_s for s in publication(feed) if isinstance(s.message, ArrivedFrame)]
    assert starts == read
