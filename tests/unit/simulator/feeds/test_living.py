"""A feed that is lived through gives what its folder holds, until something is changed; and it goes on beyond its end."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from metering.errors import FeedError
from metering.messages import ArrivedFrame, Tick
from metering.times import DAY_S
from simulator.feeds.feed import Feed
from simulator.feeds.living import LivingFeed
from simulator.feeds.publication import Sent, publication
from simulator.recipe import RECIPE_FILE, Recipe
from simulator.simulate import simulate


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Feed:
    folder = tmp_path_factory.mktemp("living") / "feed"
    simulate(folder, Recipe(areas=2, meters_per_area=30, days=6, seed=9, prevalence=0.2))
    return Feed.open(folder)


def same(one: Sent, other: Sent) -> bool:
    if not isinstance(one.message, ArrivedFrame) or not isinstance(other.message, ArrivedFrame):
        return one == other or (one.transformer_area, one.message) == (other.transformer_area, other.message)
    a, b = one.message, other.message
    return (a.transformer_area, a.interval_start_s, a.meter_ids) == (
        b.transformer_area,
        b.interval_start_s,
        b.meter_ids,
    ) and all(np.array_equal(a.columns[name], b.columns[name], equal_nan=True) for name in a.columns)


def test_lived_and_read_are_one(feed: Feed) -> None:
    read, lived = list(publication(feed)), list(publication(LivingFeed(feed)))
    assert len(read) == len(lived)
    assert all(same(a, b) for a, b in zip(read, lived, strict=True))


def test_a_case_that_is_mended_is_gone_from_the_readings_and_nothing_else_is(feed: Feed) -> None:
    living = LivingFeed(feed)
    case = next(c for c in living.province.cases if c.scenario == "bypass")
    mended_s = living.province.calendar.day_start(living.province.calendar.day_of(case.start_s)) + 2 * DAY_S
    living.province.interrupt(case, mended_s, 2**62)
    changed: set[tuple[str, bool]] = set()
    for read, lived in zip(publication(feed), publication(living), strict=True):
        if isinstance(read.message, ArrivedFrame) and isinstance(lived.message, ArrivedFrame):
            energy, now = read.message.columns["energy_kwh"], lived.message.columns["energy_kwh"]
            for row in np.flatnonzero(~np.isclose(energy, now, equal_nan=True)):
                changed.add((read.message.meter_ids[row], read.message.interval_start_s >= mended_s - 900))
    assert changed == {(case.place.meter.meter_id, True)}


def test_an_endless_feed_goes_on_with_new_cases(feed: Feed) -> None:
    living = LivingFeed(feed, endless=True)
    first = len(living.province.cases)
    end_s = feed.archive.calendar.day_start(living.province.first_day) + 9 * DAY_S
    for sent in publication(living):
        assert not (isinstance(sent.message, Tick) and sent.message.final)
        if sent.event_time_s >= end_s:
            break
    assert living.province.days >= 12
    assert len(living.province.cases) > first
    assert all(case.start_s > end_s - 3 * DAY_S for case in living.province.cases[first:])


def test_a_feed_without_its_recipe_cannot_be_lived_on(feed: Feed, tmp_path: Path) -> None:
    folder = tmp_path / "foreign"
    folder.mkdir()
    for path in feed.folder.iterdir():
        if path.name != RECIPE_FILE:
            (folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(FeedError, match="only a feed made by `simulate`"):
        LivingFeed(Feed.open(folder))


def test_readings_come_lazily(feed: Feed) -> None:
    assert len(list(islice(publication(LivingFeed(feed)), 10))) == 10
