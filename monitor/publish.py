"""`publish`: a feed folder onto Kafka, once or for as long as it is wanted, at full speed, in compressed time or by the wall clock."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import FrameType

from metering.errors import FeedError, SettingsError
from monitor.progress import Advance, progress, tell_set_aside
from monitor.settings import Settings
from simulator.feeds.bursts import BurstTimes, in_bursts
from simulator.feeds.feed import Feed
from simulator.feeds.living import LivingFeed
from simulator.feeds.publication import FeedSource, publication
from simulator.feeds.publication import Sent as SentOfFeed
from simulator.recipe import Recipe
from streams.publisher import KafkaPublisher, Pace, Published, Sent, Speed
from streams.topics import AREAS, ensure_topics


def speed_of(text: str) -> Speed:
    """``max`` or a positive factor of real time.

    >>> speed_of("900")
    900.0
    """
    if text == "max":
        return "max"
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise SettingsError(
            f"--speed {text!r}: give a number above 0 (900 plays a quarter of an hour per second) or max"
        )
    return speed


@dataclass(frozen=True, slots=True)
class Playing:
    """How a feed is played.

    `follow` goes on after the last day with days that are simulated as they come. `catch_up` sends at once what is older than
    the wall clock, and the rest by the wall clock. `final` ends the feed with a final tick, unless it is followed.
    """

    speed: Speed = "max"
    follow: bool = False
    catch_up: bool = False
    final: bool = True

    @classmethod
    def asked(cls, speed: str | None, *, follow: bool, catch_up: bool, final: bool) -> Playing:
        """From the command's options. Raises `SettingsError` where they contradict each other."""
        if not catch_up:
            return cls("max" if speed is None else speed_of(speed), follow, final=final and not follow)
        if speed is not None and speed_of(speed) != 1:
            raise SettingsError(
                f"--catch-up plays by the wall clock and --speed {speed} does not: leave out one of the two"
            )
        return cls(1.0, follow, catch_up=True, final=final and not follow)

    def pace(self) -> Pace:
        """From now on."""
        return Pace.since(time.time(), time.monotonic()) if self.catch_up else Pace(self.speed)

    def messages(self, feed: Feed) -> Iterator[SentOfFeed]:
        """The feed's messages: in bursts where time has a say, without end where it is followed."""
        source: FeedSource = _living(feed) if self.follow else feed
        sent = publication(source, final=self.final)
        if self.speed == "max":
            return sent
        return in_bursts(sent, BurstTimes(60 * feed.archive.interval_minutes))


def _living(feed: Feed) -> LivingFeed:
    if Recipe.read(feed.folder) is None:
        raise FeedError(
            f"{feed.folder} was not made by `simulate` of this version, and only such a feed can go on after its last day: "
            "leave out --follow, or make one with `meterwatch simulate --out FEED`"
        )
    return LivingFeed(feed, endless=True)


def publish_feed(path: Path, settings: Settings, kafka_url: str | None, playing: Playing) -> Published:
    """Publish the feed; returns once the broker has everything. What is followed ends well with SIGTERM or Ctrl-C."""
    url = kafka_url or settings.kafka_url
    if url is None:
        raise SettingsError("publish needs --kafka HOST:PORT (or METERWATCH_KAFKA_URL)")
    feed = Feed.open(path)
    feed.require_readings()
    messages = playing.messages(feed)
    tell_set_aside(feed.set_aside)
    ensure_topics(url, settings.partitions, prefix=settings.topic_prefix)
    with (
        KafkaPublisher(url, settings.codec, topic=settings.topic_prefix + AREAS.name) as publisher,
        progress("publishing") as advance,
        stopped_by_signal(playing.follow) as stop,
    ):
        return publisher.publish(counted(messages, advance), playing.pace(), stop=stop)


def counted(messages: Iterator[SentOfFeed], advance: Advance) -> Iterator[Sent]:
    """As the publisher takes them; `advance` hears how many readings went out."""
    readings = 0
    for number, sent in enumerate(messages):
        readings += getattr(sent.message, "reading_count", 0)
        if number % 500 == 0:
            advance(readings, 0)
        yield sent.transformer_area, sent.message, float(sent.event_time_s)


@contextmanager
def stopped_by_signal(wanted: bool) -> Iterator[Event]:
    """An event that SIGTERM or Ctrl-C sets, if `wanted`; a second one ends the program as usual."""
    asked = Event()
    if not wanted:
        yield asked
        return
    usual = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        restore()

    for number in usual:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        restore()
