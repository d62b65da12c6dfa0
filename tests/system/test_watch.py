"""The watcher watched on real servers: a worker's figures over HTTP, and what others say when every worker is killed."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from alerts.watch import RULES
from metering.announcement import Turn
from monitor.heart import Heart, PulseTaker
from monitor.watch_rules import load_watch_rules
from operations.watch import SUBJECT, Watch
from storage.sql import SqlStore
from tests.replay.poisoned_feed import PoisonedFeed
from tests.system.servers import KafkaServer, wait_until
from tests.system.whole_path import PARTITIONS, PATIENCE_S, done, fleet, meterwatch, run_settings

pytestmark = pytest.mark.system

QUICK = """
[judging_stopped]
set_after_seconds = 0
clear_after_seconds = 0
[worker_silent]
clear_after_seconds = 0
"""


def scraped(port: int) -> dict[str, float]:
    """Metric -> the sum over its labels, as Prometheus reads it; empty while nobody answers."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except URLError:
        return {}
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_worker_shows_its_figures_and_when_it_is_killed_others_say_so_until_it_is_back(
    feed: PoisonedFeed, kafka_server: KafkaServer, fresh_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    port, rules = free_port(), tmp_path / "watch.toml"
    rules.write_text(QUICK, encoding="utf-8")
    settings = run_settings(kafka_server.bootstrap, topic_prefix, fresh_database)
    settings |= {"metrics_port": port, "watch_rules": rules, "duckdb_path": tmp_path / "series.duckdb"}
    done(settings, "provision", "--archive", feed.folder)
    done(settings, "publish", feed.folder)
    with fleet(settings, tmp_path / "workers", "judge") as workers, closing(SqlStore(fresh_database)) as store:
        watch = Watch(store, store.load_archive(), PARTITIONS, "desk", load_watch_rules(rules))
        desk = Heart(PulseTaker("desk", "desk"), watch)

        def until(what: str, condition: Callable[[], bool]) -> None:
            def reached() -> bool:
                workers.check()
                desk.beat()
                return condition()

            wait_until(reached, what, PATIENCE_S)

        def open_now() -> set[str]:
            return {s.rule for s in store.watch_standings() if s.open} & {"judging_stopped", "worker_silent"}

        def caught_up() -> bool:
            figures = scraped(port)
            return (
                figures.get("meterwatch_partitions_held") == PARTITIONS
                and figures.get("meterwatch_lag_messages") == 0
                and figures.get("meterwatch_readings_total", 0) > 0
            )

        until("the worker holds every partition and nothing waits", caught_up)
        figures = scraped(port)
        counters = store.counters()
        assert figures["meterwatch_readings_total"] >= counters["readings_accepted"]
        assert figures["meterwatch_heartbeat_age_seconds"] < 120
        until("all is well", lambda: not open_now() and bool(store.watch_standings()))
        workers.kill9(0)
        until("others say that nobody judges", lambda: open_now() == {"judging_stopped", "worker_silent"})
        assert "ALARM" in meterwatch(settings, "doctor").stdout
        workers.start(0, "judge")
        until("it is over when a worker is back", lambda: not open_now())
        said = store.audit(SUBJECT)
        assert {e.move for e in said} == {"open", "end"}
        alerts = {s.alert_id for s in store.watch_standings() if s.rule == "judging_stopped" and s.alert_id}
        (alert_id,) = alerts
        # at the start nobody held anything either: the second time it is the same alert's next episode, or its first
        assert {a.turn for a in store.announcements(alert_id)} >= {Turn.RAISED, Turn.CLEARED}
        assert workers.stop() == [0]
        assert [b.pulse.owner for b in store.heartbeats() if b.pulse.kind == "judge" and b.age_s < 30] == []
    assert set(RULES) >= {e.reason.split(" ")[0] for e in said}
