"""Real workers on Kafka and PostgreSQL tell real receivers: what a worker that dies leaves behind, the next one tells."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from operations.failpoints import VARIABLE
from storage.sql import SqlStore
from streams.publisher import KafkaPublisher
from streams.topics import AREAS, ensure_topics
from tests.replay.killed import Site, site
from tests.replay.paging_process import PLAN, archive, messages
from tests.system.servers import KafkaServer, wait_until
from tests.system.whole_path import ROOT, environment, run_settings

pytestmark = pytest.mark.system
PATIENCE_S = 180.0
DEATHS = ("after_commit_before_dispatch:2", "after_dispatch_commit", "after_send_before_mark:2")


def worker(settings: dict[str, object], log: Path, failpoint: str = "") -> subprocess.Popen[bytes]:
    armed = {VARIABLE: failpoint} if failpoint else {}
    with log.open("ab") as written:
        return subprocess.Popen(
            [sys.executable, "-m", "monitor.command_line", "worker", "--role", "judge"],
            cwd=ROOT,
            env=environment(settings) | armed,
            stdout=written,
            stderr=subprocess.STDOUT,
        )


def publish(settings: dict[str, object]) -> int:
    """The whole small log onto its one partition; how many messages."""
    topic = str(settings["topic_prefix"]) + AREAS.name
    bootstrap = str(settings["kafka_url"])
    ensure_topics(bootstrap, 1, prefix=str(settings["topic_prefix"]))
    log = list(messages())
    publisher = KafkaPublisher(bootstrap, "json", topic=topic)
    publisher.publish((getattr(message, "transformer_area", None), message, 0.0) for message in log)
    publisher.close()
    return len(log)


def test_what_a_dead_worker_leaves_behind_the_next_one_tells(
    kafka_server: KafkaServer, topic_prefix: str, fresh_database: str, tmp_path: Path
) -> None:
    with site(tmp_path / "undisturbed") as undisturbed, site(tmp_path / "killed", fresh_database) as killed:
        undisturbed.lives()
        settings = run_settings(kafka_server.bootstrap, topic_prefix, fresh_database) | {
            "partitions": 1,
            "instance_id": "w",
            "duckdb_path": tmp_path / "series.duckdb",
            "notify": killed.folder / PLAN,
        }
        with closing(SqlStore(fresh_database)) as store:
            store.save_archive(archive())
            count = publish(settings)
            for failpoint in DEATHS:
                dying = worker(settings, tmp_path / "worker.log", failpoint)
                assert dying.wait(PATIENCE_S) == -signal.SIGKILL, (tmp_path / "worker.log").read_text()
            last = worker(settings, tmp_path / "worker.log")
            try:
                wait_until(lambda: _handled(store) == count, "everything is judged", PATIENCE_S)
                wait_until(lambda: _told(killed, undisturbed), "everything is told", PATIENCE_S)
            finally:
                last.send_signal(signal.SIGTERM)
                assert last.wait(PATIENCE_S) == 0
        assert len(killed.hook.taken) <= len(killed.hook.seen) + len(DEATHS)


def _handled(store: SqlStore) -> int:
    return sum(mark.next_offset for mark in store.marks("judge"))


def _told(killed: Site, undisturbed: Site) -> bool:
    """The monitor may tell of itself beside what is to be told."""
    return undisturbed.hook.seen <= killed.hook.seen and undisturbed.mail.seen <= killed.mail.seen
