"""A province that is lived on for years: about as many cases as at first, and memory that does not grow with its days."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

from metering.times import DAY_S
from simulator.area_day import AreaWindow, Window
from simulator.feeds.feed import Feed
from simulator.feeds.living import LivingFeed
from simulator.feeds.publication import publication
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.simulate import simulate
from simulator.stream import ProvinceStream

DAYS = 12


def test_customers_whose_case_is_over_may_have_one_again() -> None:
    province = Province(Recipe(areas=3, meters_per_area=60, days=DAYS, seed=3, prevalence=0.2))
    at_first = len(province.cases)
    for _ in range(7):
        known, first_s = len(province.cases), province.end_s
        province.simulated_until_s = first_s
        province.extend()
        assert abs(len(province.cases) - known - at_first) <= 3
        assert all(case.start_s >= first_s for case in province.cases[known:])
    places = Counter(case.place.meter.meter_id for case in province.cases)
    assert max(places.values()) >= 3


def test_cases_of_the_days_before_end_one_after_another() -> None:
    province = Province(
        Recipe(areas=2, meters_per_area=40, days=DAYS, seed=3, prevalence=0.3, interval_minutes=60, packs=("mixed",))
    )
    stream = ProvinceStream(province, endless=True)
    start_s = province.calendar.day_start(province.first_day)
    present: Counter[tuple[int, int]] = Counter()

    def lived(area: int, window: Window, found: AreaWindow) -> None:
        for case, kwh in zip(province.simulations[area].cases, found.unmetered_kwh, strict=False):
            begun_in_block = (case.start_s - start_s) // (DAYS * DAY_S)
            present[begun_in_block, window.day_number] += kwh != 0

    stream.lived = lived
    for arrived in stream.arrivals():
        if len(arrived.start_s) and arrived.start_s[-1] >= start_s + 3 * DAYS * DAY_S:
            break
    of_first = [present[0, day] for day in range(3 * DAYS)]
    assert of_first[DAYS - 1] > 8
    assert of_first[DAYS - 1] > of_first[DAYS + DAYS // 2] > of_first[2 * DAYS - 1]
    assert sum(of_first[2 * DAYS :]) == 0
    assert present[2, 3 * DAYS - 1] > 8


def test_memory_does_not_grow_with_the_days_that_are_followed(tmp_path: Path) -> None:
    simulate(tmp_path / "feed", Recipe(areas=2, meters_per_area=8, days=5, interval_minutes=60))
    feed = Feed.open(tmp_path / "feed")
    start_s = feed.archive.calendar.day_start(Recipe().start)
    tracemalloc.start()
    for moment_s in range(5_000):  # the calendar remembers some thousand moments, and no more
        feed.archive.calendar.local(moment_s)
    living = LivingFeed(feed, endless=True)
    held: list[int] = []
    for sent in publication(living, final=False):
        day = (sent.event_time_s - start_s) // DAY_S
        if day >= 15 * (len(held) + 1):
            held.append(tracemalloc.get_traced_memory()[0])
        if day >= 45:
            break
    tracemalloc.stop()
    assert len(held) == 3
    assert held[-1] < 1.2 * held[0]
