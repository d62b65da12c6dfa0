"""`publish --follow` on real Kafka: bursts and ticks as they should lie in each partition, beyond the feed's end, until SIGTERM."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from metering.messages import ArrivedFrame, Message, Tick
from simulator.recipe import Recipe
from simulator.simulate import simulate
from streams.codecs import decode
from streams.topics import AREAS
from tests.system.servers import KafkaServer, wait_until

pytestmark = pytest.mark.system

STEP_S = 900
DAY_S = 86_400
ENTRY = "from monitor.command_line import main; main()"


class Log:
    """All of the topic, read as it comes: (Kafka's time in ms, message) by partition."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
        )
        self.read: dict[int, list[tuple[int, Message]]] = {}

    def grows(self) -> bool:
        if not self.read:
            partitions = self._consumer.partitions_for_topic(AREAS.name) or ()
            self.read = {partition: [] for partition in partitions}
            self._consumer.assign([TopicPartition(AREAS.name, partition) for partition in partitions])
            return False
        found = self._consumer.poll(timeout_ms=500)
        for place, records in found.items():
            self.read[place.partition] += [(r.timestamp, decode(r.value, r.headers)) for r in records]
        return bool(found)

    def clock_s(self) -> int:
        return max((m.time_s for records in self.read.values() for _, m in records if isinstance(m, Tick)), default=0)

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def kafka() -> Iterator[KafkaServer]:
    with KafkaServer() as server:
        yield server


def test_a_feed_is_followed_until_sigterm(kafka: KafkaServer, tmp_path: Path) -> None:
    recipe = Recipe(areas=6, meters_per_area=8, days=1, seed=4)
    simulate(tmp_path / "feed", recipe)
    command = [sys.executable, "-c", ENTRY, "publish", str(tmp_path / "feed"), "--follow", "--speed", "14400"]
    environment = os.environ | {"METERWATCH_KAFKA_URL": kafka.bootstrap, "METERWATCH_PARTITIONS": "3"}
    log = Log(kafka.bootstrap)
    publishing = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        beyond_s = 0

        def is_beyond_its_end() -> bool:
            nonlocal beyond_s
            assert publishing.poll() is None, "publish ended before it was told to"
            log.grows()
            if not beyond_s and log.clock_s():
                beyond_s = log.clock_s() // DAY_S * DAY_S + 2 * DAY_S
            return bool(beyond_s) and log.clock_s() > beyond_s

        wait_until(is_beyond_its_end, "the feed goes on after its day", 120.0)
        publishing.send_signal(signal.SIGTERM)
        said = publishing.communicate(timeout=60)[0]
        assert publishing.returncode == 0
        while log.grows():
            pass
    finally:
        publishing.kill()
        publishing.communicate()
        log.close()

    frames = [m for records in log.read.values() for _, m in records if isinstance(m, ArrivedFrame)]
    messages = sum(map(len, log.read.values()))
    readings = sum(frame.reading_count for frame in frames)
    assert re.match(f"{readings:,} readings in {len(frames):,} frames, {messages:,} messages, ", said)
    late = 0
    for records in log.read.values():
        clock_s = 0
        for _, message in records:
            if isinstance(message, Tick):
                assert not message.final
                assert message.time_s >= clock_s
                clock_s = message.time_s
            elif isinstance(message, ArrivedFrame):
                late += message.interval_start_s + STEP_S <= clock_s
    assert late < 0.05 * len(frames), "but for late readings every frame lies before the tick that closes its interval"
    sent_ms = {
        (m.transformer_area, m.interval_start_s): time_ms
        for records in log.read.values()
        for time_ms, m in records
        if isinstance(m, ArrivedFrame)
    }
    starts_s = sorted({start_s for _, start_s in sent_ms})[10:-10]
    apart = [
        len({sent_ms[key] for key in sent_ms if key[1] == start_s}) for start_s in starts_s
    ]  # at this speed a burst of 85 seconds takes 6 ms
    assert sum(apart) / len(apart) > 2, "frames of an interval leave one after another"
