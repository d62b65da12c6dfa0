"""Workers on real Kafka, killed and frozen: nothing lost, nothing doubled, everything in its order."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from metering.errors import StoreError
from metering.messages import ArrivedFrame, Message, Tick
from streams.dead_letter_log import accept_dead_letters, list_dead_letters
from streams.partitioning import partition_of
from streams.publisher import KafkaPublisher, Sent
from streams.topics import AREAS, DEAD_LETTERS, ensure_topics
from tests.system.kafka_worker import PARTITIONS, SESSION_TIMEOUT_S, link, make_tables, places
from tests.system.servers import KafkaServer, wait_until

pytestmark = [
    pytest.mark.system,
    # kafka-python leaves the socket of a connection that failed to the collector
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]

ROOT = Path(__file__).parents[2]
AREA_NAMES = [f"area-{i}" for i in range(9)]
PATIENCE_S = 150.0


def frame(transformer_area: str, interval_start_s: int) -> ArrivedFrame:
    energy_kwh = np.array([0.25, float("nan"), interval_start_s / 1000])
    return ArrivedFrame(
        transformer_area, interval_start_s, 15, ("m1", "m2", "m3"), {"energy_kwh": energy_kwh}, reading_count=2
    )


def feed(intervals: int) -> Iterator[Sent]:
    for i in range(intervals):
        for area in AREA_NAMES:
            yield area, frame(area, 900 * i), 900.0 * (i + 1)
        yield None, Tick(900 * (i + 1)), 900.0 * (i + 1)


def expected_chains(sent: Iterator[Sent]) -> dict[int, tuple[int, str]]:
    """By partition: number of messages and the chain that an undisturbed worker ends with."""
    ends = dict.fromkeys(range(PARTITIONS), (0, ""))

    def grow(partition: int, message: Message) -> None:
        count, chain = ends[partition]
        ends[partition] = count + 1, link(chain, message)

    for area, message, _ in sent:
        for partition in range(PARTITIONS) if area is None else (partition_of(area, PARTITIONS),):
            grow(partition, message)
    return ends


class Workers:
    """Worker processes on one group and one database; only these are ever signalled."""

    def __init__(self, kafka_url: str, prefix: str, folder: Path) -> None:
        self.kafka_url, self.prefix, self.folder = kafka_url, prefix, folder
        self.database = folder / "places.sqlite"
        make_tables(self.database)
        self.running: list[subprocess.Popen[bytes]] = []
        self._started = 0

    def start(self, instance_id: str | None = None) -> subprocess.Popen[bytes]:
        self._started += 1
        command = [sys.executable, "-m", "tests.system.kafka_worker", self.kafka_url, self.prefix, str(self.database)]
        with (self.folder / f"worker-{self._started}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, *([instance_id] if instance_id else [])], cwd=ROOT, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    def kill9(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait(30)
        self.running.remove(process)

    def saved(self) -> int:
        return sum(next_offset for _, next_offset, _ in places(self.database).values())

    def wait_until_saved(self, count: int) -> None:
        def done() -> bool:
            for process in self.running:
                assert process.poll() is None, f"a worker ended with {process.returncode}:\n{self.logs()}"
            return self.saved() >= count

        try:
            wait_until(done, f"{count} messages saved", PATIENCE_S)
        except TimeoutError as error:
            raise AssertionError(f"{self.saved()} of {count} saved\n{self.logs()}") from error

    def ended_well(self) -> bool:
        """Ask all to stop: they end with 0."""
        for process in self.running:
            process.terminate()
        return [process.wait(60) for process in self.running] == [0] * len(self.running)

    def chains(self) -> dict[int, tuple[int, str]]:
        return {partition: (end, chain) for partition, (_, end, chain) in places(self.database).items()}

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:])
            for path in sorted(self.folder.glob("worker-*.log"))
        )

    def destroy(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(30)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Let what kafka-python leaves behind be collected here, where its warning is let through."""
    yield
    gc.collect()


@pytest.fixture
def workers(kafka_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Workers]:
    ensure_topics(kafka_url, PARTITIONS, prefix=topic_prefix)
    started = Workers(kafka_url, topic_prefix, tmp_path)
    yield started
    started.destroy()


@contextmanager
def publishing(workers: Workers, intervals: int, speed: float) -> Iterator[threading.Thread]:
    """A feed that is published beside the test, in compressed time."""
    failures: list[BaseException] = []

    def publish() -> None:
        try:
            with KafkaPublisher(workers.kafka_url, topic=workers.prefix + AREAS.name) as publisher:
                publisher.publish(feed(intervals), speed)
        except BaseException as error:  # noqa: BLE001  (handed to the test below)
            failures.append(error)

    thread = threading.Thread(target=publish)
    thread.start()
    yield thread
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert not failures, failures


def total(ends: dict[int, tuple[int, str]]) -> int:
    return sum(count for count, _ in ends.values())


def test_workers_killed_and_frozen_end_as_if_nothing_had_happened(workers: Workers) -> None:
    intervals = 400
    expected = expected_chains(feed(intervals))
    dice = random.Random(7)
    with publishing(workers, intervals, speed=900 * 12):
        pair = [workers.start(), workers.start()]
        for step in range(4):
            workers.wait_until_saved(total(expected) * (step + 1) // 8)
            victim = dice.randrange(2)
            if step % 2 == 0:
                workers.kill9(pair[victim])
                pair[victim] = workers.start()
            else:
                frozen = pair[victim]
                os.kill(frozen.pid, signal.SIGSTOP)
                before = {partition: epoch for partition, (epoch, _, _) in places(workers.database).items()}

                def taken_over(before: dict[int, int] = before) -> bool:
                    now = places(workers.database)
                    return all(now[p][0] > epoch for p, epoch in before.items())

                wait_until(taken_over, f"takeover after {SESSION_TIMEOUT_S} s of silence", PATIENCE_S)
                os.kill(frozen.pid, signal.SIGCONT)
    workers.wait_until_saved(total(expected))
    assert workers.chains() == expected
    assert workers.ended_well(), workers.logs()


def test_a_static_member_killed_and_started_again_goes_on_with_its_partitions(workers: Workers) -> None:
    expected = expected_chains(feed(200))
    with publishing(workers, 200, speed=900 * 20):
        worker = workers.start("worker-a")
        for share in (4, 2):
            workers.wait_until_saved(total(expected) // share)
            workers.kill9(worker)
            worker = workers.start("worker-a")
    workers.wait_until_saved(total(expected))
    assert workers.chains() == expected
    assert workers.ended_well(), workers.logs()


def test_kafka_away_for_a_while_loses_doubles_and_reorders_nothing(tmp_path: Path) -> None:
    with KafkaServer() as server:
        ensure_topics(server.url, PARTITIONS)
        workers = Workers(server.url, "", tmp_path)
        expected = expected_chains(feed(300))
        try:
            with publishing(workers, 300, speed=900 * 12):
                workers.start()
                workers.wait_until_saved(total(expected) // 4)
                server.stop()
                gone = threading.Event()
                gone.wait(20)
                server.start()
            workers.wait_until_saved(total(expected))
            assert workers.chains() == expected
            assert workers.ended_well(), workers.logs()
        finally:
            workers.destroy()


def test_poison_goes_to_the_dead_letters_and_too_much_of_it_waits_for_a_person(workers: Workers) -> None:
    topic, letters = workers.prefix + AREAS.name, workers.prefix + DEAD_LETTERS.name
    headers = [("kind", b"frame"), ("schema", b"1"), ("codec", b"json"), ("count", b"5")]
    chain = link("", Tick(0))
    with KafkaPublisher(workers.kafka_url, topic=topic) as publisher:
        publisher.send("area-0", Tick(0))
        for _ in range(60):
            publisher._put_encoded(partition_of("area-0", PARTITIONS), b"area-0", b"{poison", headers)
            chain = link(chain, None)
        publisher.send("area-0", Tick(1))
    workers.start()
    # 51 letters are more than 5 % of 1,000 messages: the partition stops behind the 51st
    workers.wait_until_saved(52)
    place = partition_of("area-0", PARTITIONS)
    assert places(workers.database)[place][1] == 52
    assert accept_dead_letters(workers.kafka_url, "Li Wei", areas=topic, dead_letters=letters) == {place: 51}
    workers.wait_until_saved(62)
    assert workers.chains()[place] == (62, link(chain, Tick(1)))
    book = list_dead_letters(workers.kafka_url, dead_letters=letters)
    assert sorted(book.letters) == [(place, offset) for offset in range(1, 61)]
    assert {letter.reading_count for letter in book.letters.values()} == {5}
    assert workers.ended_well(), workers.logs()


def test_topics_are_made_once_and_a_changed_partition_count_is_refused(kafka_url: str, topic_prefix: str) -> None:
    made = ensure_topics(kafka_url, 3, prefix=topic_prefix)
    assert made == {topic_prefix + AREAS.name: 3, topic_prefix + DEAD_LETTERS.name: 1}
    assert ensure_topics(kafka_url, 3, prefix=topic_prefix) == made
    assert ensure_topics(kafka_url, 3, prefix=topic_prefix, create=False) == made
    with pytest.raises(StoreError, match="has 3 partitions, but 5 are asked for"):
        ensure_topics(kafka_url, 5, prefix=topic_prefix, create=False)
    with pytest.raises(StoreError, match=r"has 3 partitions, but 5 are asked for.*Set partitions to 3"):
        ensure_topics(kafka_url, 5, prefix=topic_prefix)


def test_who_only_looks_makes_no_topic(kafka_url: str, topic_prefix: str) -> None:
    for _ in range(2):
        with pytest.raises(StoreError, match="is not there yet: run `meterwatch provision`"):
            ensure_topics(kafka_url, 3, prefix=topic_prefix, create=False)


def test_publishing_to_a_topic_that_is_not_there_says_what_to_do(kafka_url: str, topic_prefix: str) -> None:
    with pytest.raises(StoreError, match="create the topics first"):
        KafkaPublisher(kafka_url, topic=topic_prefix + "nowhere")
