"""The monitor's own figures over real HTTP: a worker on `memory://` runs, its `/metrics` is scraped and read as Prometheus does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from alerts.watch import RULES
from metering.errors import SettingsError, StoreUnavailable
from metering.messages import Message, Tick
from metering.ports import Checkpoint
from monitor.heart import Heart, PulseTaker, at_work
from monitor.metrics import METRICS, MetricsServer, exposition
from monitor.settings import Settings
from monitor.upkeep import Upkeep
from monitor.worker import keying, make_app
from operations.judge_stage import JudgeStage
from operations.watch import Watch
from storage.memory import MemoryStore
from streams.driver import Standing
from streams.embedded import EmbeddedRun
from tests.unit.operations.small_world import archive, messages

ARCHIVE = archive()
PARTITIONS = 2
Figures = dict[tuple[str, tuple[str, ...]], float]


def scraped(port: int) -> Figures:
    """(metric, label values in the table's order) -> value, as Prometheus reads it."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        return read(answer.read().decode())


def read(text: str) -> Figures:
    labels = {row.shown: row.labels for row in METRICS}
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            if sample.name in labels:
                key = (
                    sample.name.removeprefix("meterwatch_"),
                    tuple(sample.labels[name] for name in labels[sample.name]),
                )
                assert key not in found, "a figure is shown once"
                found[key] = sample.value
    return found


class Store(MemoryStore):
    """A store on the test's clock that can be away, or slow to save."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(clock=lambda: bench.now_s)
        self.saves = self.is_there = True

    def save(self, checkpoint: Checkpoint) -> frozenset[int]:
        if not self.saves:
            raise StoreUnavailable("the database cannot be reached")
        return super().save(checkpoint)

    def watch_standings(self) -> Any:
        if not self.is_there:
            raise StoreUnavailable("the database cannot be reached")
        return super().watch_standings()


class Bench:
    """A worker on `memory://` with its heart, whose clock the test moves, and somebody else who watches."""

    def __init__(self) -> None:
        self.now_s = 1_775_000_000.0
        self.store = Store(self)
        self.url = f"memory://{uuid4().hex}"
        settings = Settings(partitions=PARTITIONS, checkpoint_seconds=0.05)
        stage = JudgeStage(ARCHIVE, self.store, keying(PARTITIONS), owner="w1")
        self.app = make_app(stage, settings, self.url)
        self.upkeep = Upkeep(self.store, ARCHIVE, PARTITIONS, "w1")
        taker = PulseTaker("w1", "judge", at_work([stage], [self.app.driver]), self.upkeep)
        self.heart = self._heart(taker)
        self.other = self._heart(PulseTaker("desk", "desk"))
        self.embedded = EmbeddedRun(self.app, broker_url=self.url, partitions=PARTITIONS)

    def _heart(self, taker: PulseTaker) -> Heart:
        watch = Watch(self.store, ARCHIVE, PARTITIONS, taker.owner)
        return Heart(taker, watch, now=lambda: self.now_s)

    @contextmanager
    def server(self) -> Iterator[MetricsServer]:
        server = MetricsServer(self.heart, "127.0.0.1", 0, lambda: self.now_s)
        try:
            yield server
        finally:
            server.close()

    def feed(self, *sent: tuple[str | None, Message]) -> Any:
        return self.embedded.feed((area, message, 0.0) for area, message in sent)

    async def until(self, condition: Callable[[Standing], bool]) -> None:
        """Until every partition stands so."""
        async with asyncio.timeout(30):
            while not all(map(condition, self.app.driver.standing().values())):  # noqa: ASYNC110  (what threads change)
                await asyncio.sleep(0.02)


async def test_a_workers_figures_are_scraped_over_http() -> None:
    bench = Bench()
    with bench.server() as server:
        async with bench.embedded:
            await bench.feed(*messages(days=2))
            await bench.embedded.settle()
            await bench.until(lambda s: s.waiting is not None)
            bench.upkeep.round()
            bench.heart.beat()
            figures = await asyncio.to_thread(scraped, server.port)
    accepted = bench.store.counters()["readings_accepted"]
    assert figures["readings_total", ("w1", "accepted")] == accepted > 500
    assert figures["readings_total", ("w1", "set_aside")] > 0
    assert figures["partitions_held", ("w1", "judge")] == PARTITIONS
    assert figures["partitions_unheld", ("judge",)] == 0
    assert figures["lag_messages", ("w1", "judge", "0")] == 0
    assert figures["areas", ()] == 2
    assert figures["areas_silent", ()] == 0
    assert figures["checkpoint_age_seconds", ("w1", "judge")] == 0
    assert figures["heartbeat_age_seconds", ("w1", "judge")] < 60
    assert figures["dead_letter_ratio", ()] == 0
    assert figures["outbox_entries", ("points",)] > 0
    assert figures["model_age_seconds", ()] == 6 * 3600, "the feed is over: its last day closed at once"
    assert figures["watch_judged", ("clock_behind", "judge")] == 0, "the feed is of days long past"
    assert figures["watch_open", ("judging_stopped", "judge")] == 0


async def test_a_heartbeat_that_stops_is_raised_by_another_process_and_ends_with_the_next_beat() -> None:
    bench = Bench()
    async with bench.embedded:
        await bench.feed((None, Tick(int(bench.now_s) - 300)))
        await bench.embedded.settle()
        shown = exposition(bench.other, now=lambda: bench.now_s)

        def seen_after(seconds: float, *hearts: Heart) -> Figures:
            bench.now_s += seconds
            for heart in hearts:
                heart.beat()
            return read(shown().decode())

        silent = ("watch_open", ("worker_silent", "w1"))
        assert seen_after(10, bench.heart, bench.other)[silent] == 0
        for _ in range(6):
            figures = seen_after(10, bench.other)
        assert figures[silent] == 1
        assert figures["heartbeat_age_seconds", ("w1", "judge")] >= 60
        assert ("lag_messages", ("w1", "judge", "0")) not in figures, "what a dead worker last said is not shown as now"
        for _ in range(5):
            figures = seen_after(10, bench.heart, bench.other)
        assert figures[silent] == 0


async def test_a_store_that_does_not_save_shows_in_the_age_of_the_checkpoint() -> None:
    bench = Bench()
    async with bench.embedded:
        await bench.feed((None, Tick(int(bench.now_s) - 300)))
        await bench.embedded.settle()
        bench.store.saves = False
        bench.embedded.publisher.send(None, Tick(int(bench.now_s)))
        await bench.until(lambda s: s.unsaved_s >= 0.2)
        assert min(p.unsaved_s for p in bench.heart.pulse().partitions) >= 0.2
        bench.store.saves = True


def test_figures_of_a_store_that_is_away_are_left_out_and_the_workers_own_stay() -> None:
    bench = Bench()
    bench.heart.beat()
    shown = exposition(bench.heart, now=lambda: bench.now_s)
    assert read(shown().decode())["outbox_entries", ("relay",)] == 0
    bench.store.is_there = False
    bench.now_s += 61
    bench.heart.beat()
    figures = read(shown().decode())
    assert bench.heart.trouble is not None
    assert ("outbox_entries", ("relay",)) not in figures
    assert figures["survey_age_seconds", ()] == 61
    assert figures["heartbeat_age_seconds", ("w1", "judge")] < 60


def test_a_heart_that_stops_in_order_is_not_missed() -> None:
    bench = Bench()
    bench.heart.start()
    bench.heart.stop()
    assert bench.store.heartbeats() == []
    bench.other.beat()
    assert [b.pulse.owner for b in bench.store.heartbeats()] == ["desk"]


def test_a_port_that_is_taken_is_told() -> None:
    bench = Bench()
    with bench.server() as server, pytest.raises(SettingsError, match="METERWATCH_METRICS_PORT"):
        MetricsServer(bench.heart, "127.0.0.1", server.port)


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row.name)
def test_a_metric_has_a_stable_name_and_a_help_text(row: Any) -> None:
    assert row.shown.startswith("meterwatch_")
    assert row.help.endswith(".")


@pytest.mark.parametrize("code", RULES)
def test_every_rule_judges_a_metric_that_is_shown(code: str) -> None:
    assert RULES[code].metric in {row.shown for row in METRICS}
