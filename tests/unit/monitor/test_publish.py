"""How `publish` plays a feed: at once, in bursts at a pace, by the wall clock, and on beyond its last day until it is stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from metering.errors import FeedError, SettingsError
from metering.messages import ArrivedFrame, Tick
from metering.times import DAY_S
from monitor.publish import Playing, counted, publish_feed, stopped_by_signal
from monitor.settings import Settings
from simulator.feeds.feed import Feed
from simulator.feeds.publication import Sent, publication
from simulator.recipe import Recipe
from simulator.simulate import simulate
from streams.memory_transport import MemoryBroker
from streams.publisher import MemoryPublisher, Pace

DAYS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "feed"
    simulate(out, Recipe(areas=3, meters_per_area=6, days=DAYS, seed=2))
    return out


@pytest.fixture
def feed(folder: Path) -> Feed:
    return Feed.open(folder)


def told(sent: Iterator[Sent]) -> list[tuple[object, ...]]:
    """Messages without their values, with their times."""
    return [
        (
            one.transformer_area,
            type(one.message).__name__,
            getattr(one.message, "interval_start_s", None),
            one.event_time_s,
        )
        for one in sent
    ]


def test_at_full_speed_a_feed_goes_out_as_replay_reads_it(feed: Feed) -> None:
    assert told(Playing().messages(feed)) == told(publication(feed))


@pytest.mark.parametrize("playing", [Playing(900.0), Playing.asked(None, follow=False, catch_up=True, final=True)])
def test_at_a_pace_an_intervals_frames_leave_one_after_another_and_then_its_tick(feed: Feed, playing: Playing) -> None:
    sent = [one for one in playing.messages(feed) if isinstance(one.message, ArrivedFrame | Tick)]
    ticks = [n for n, one in enumerate(sent) if isinstance(one.message, Tick)]
    between = sent[ticks[5] + 1 : ticks[6] + 1]
    assert [one.transformer_area for one in between[:-1]] != ["A0001", "A0002", "A0003"]
    times_s = [one.event_time_s for one in between]
    assert len(set(times_s)) == 3, "the tick leaves with the last"
    assert times_s == sorted(times_s)


def test_what_is_followed_goes_on_after_its_days_and_never_ends_them(feed: Feed) -> None:
    first_s = feed.archive.calendar.day_start(Recipe().start)
    playing = Playing.asked("max", follow=True, catch_up=False, final=True)
    sent = list(islice(playing.messages(feed), 6_000))
    assert sent[-1].event_time_s > first_s + 3 * DAYS * DAY_S
    assert not any(isinstance(one.message, Tick) and one.message.final for one in sent)
    of_days = [one for one in sent if one.event_time_s <= first_s + DAYS * DAY_S - 900]
    assert told(iter(of_days)) == told(iter(list(publication(feed))[: len(of_days)])), (
        "the feed's days come first, as they are"
    )


def test_only_a_simulated_feed_can_be_followed(feed: Feed, tmp_path: Path) -> None:
    for name in ("feed.toml", "meters.csv", "readings.parquet"):
        (tmp_path / name).write_bytes((feed.folder / name).read_bytes())
    foreign = Feed.open(tmp_path)
    assert list(islice(Playing(900.0).messages(foreign), 3))
    with pytest.raises(FeedError, match=r"leave out --follow, or make one with `meterwatch simulate"):
        Playing(follow=True).messages(foreign)


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"--catch-up plays by the wall clock and --speed 900 does not"):
        Playing.asked("900", follow=True, catch_up=True, final=True)
    with pytest.raises(SettingsError, match="leave out one of the two"):
        Playing.asked("max", follow=False, catch_up=True, final=True)
    assert Playing.asked("1", follow=True, catch_up=True, final=True) == Playing(1.0, True, True, False)
    assert Playing.asked(None, follow=False, catch_up=False, final=False) == Playing(final=False)
    with pytest.raises(SettingsError, match="give a number above 0"):
        Playing.asked("fast", follow=False, catch_up=False, final=True)


def test_without_kafka_publish_says_what_it_needs(folder: Path) -> None:
    with pytest.raises(SettingsError, match="--kafka HOST:PORT"):
        publish_feed(folder, Settings(kafka_url=None), None, Playing())


def test_what_is_older_than_the_clock_is_due_at_once_and_the_rest_in_real_time() -> None:
    pace = Pace.since(event_time_s=1_000_000.0, now_s=50.0)
    assert [pace.due_in_s(t, now_s=50.0) for t in (0.0, 999_999.0, 1_000_000.0, 1_000_060.0)] == [0, 0, 0, 60]
    assert pace.due_in_s(1_000_060.0, now_s=100.0) == 10.0


def test_a_followed_feed_that_is_stopped_has_sent_what_it_counts(feed: Feed) -> None:
    url = "memory://followed"
    logs = MemoryBroker.at(url).declare("areas", 2)
    with stopped_by_signal(wanted=True) as stop:

        def advance(done: int, total: int) -> None:
            if done > 1_000 and not total:
                os.kill(os.getpid(), signal.SIGTERM)

        messages = counted(Playing(follow=True).messages(feed), advance)
        done = MemoryPublisher(url, topic="areas").publish(messages, stop=stop)
    assert stop.is_set()
    assert done.readings > 1_000
    assert done.messages == sum(log.end for log in logs)
    MemoryBroker.discard(url)


def test_signals_are_as_usual_after_the_first_and_where_nothing_is_followed() -> None:
    usual = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with stopped_by_signal(wanted=False) as stop:
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == usual
    with stopped_by_signal(wanted=True) as stop:
        assert signal.getsignal(signal.SIGINT) != usual[1]
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(5)
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == usual
