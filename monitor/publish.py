"""`publish`: a feed folder onto Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from metering.errors import SettingsError
from monitor.progress import progress
from monitor.settings import Settings
from simulator.feed import Feed
from simulator.publication import publication
from streams.publisher import KafkaPublisher, Published, Sent, Speed
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


def publish_feed(path: Path, settings: Settings, kafka_url: str | None, speed: str, *, final: bool) -> Published:
    """Publish the whole feed; returns once the broker has everything."""
    url = kafka_url or settings.kafka_url
    if url is None:
        raise SettingsError("publish needs --kafka HOST:PORT (or METERWATCH_KAFKA_URL)")
    feed, pace = Feed.open(path), speed_of(speed)
    ensure_topics(url, settings.partitions, prefix=settings.topic_prefix)
    with (
        KafkaPublisher(url, settings.codec, topic=settings.topic_prefix + AREAS.name) as publisher,
        progress("publishing") as advance,
    ):
        readings = 0

        def counted() -> Iterator[Sent]:
            nonlocal readings
            for number, sent in enumerate(publication(feed, final=final)):
                readings += getattr(sent.message, "reading_count", 0)
                if number % 500 == 0:
                    advance(readings, 0)
                yield sent.transformer_area, sent.message, float(sent.event_time_s)

        return publisher.publish(counted(), pace)
