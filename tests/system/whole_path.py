"""What the tests of the whole path share: settings of one run, its worker processes, its replay, and what is compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.run_folder import ALERTS, TASKS, alert_row, task_row, write_lines
from metering.errors import StoreUnavailable
from metering.points import Measurement
from metering.ports import Role, SeriesRow, TimeSeries
from metering.times import DAY_S
from monitor.replay import SERIES_FILE
from simulator.feeds.feed import Feed
from simulator.feeds.publication import publication
from storage.duckdb_series import DuckDbTimeSeries
from storage.influx_series import InfluxTimeSeries
from storage.sql import SqlStore
from streams.publisher import KafkaPublisher
from streams.topics import AREAS
from tests.system.servers import InfluxAccess, wait_until

ROOT = Path(__file__).parents[2]
PARTITIONS = 12
#: The least that a broker with default settings allows.
SESSION_TIMEOUT_S = 6
PATIENCE_S = 240.0
RESULTS = (ALERTS, TASKS)
#: `pipeline` is stamped by wall clock and left out.
COMPARED: tuple[Measurement, ...] = ("reading", "area_balance", "evidence", "alert", "task")
COUNTED = ("readings_in", "readings_accepted", "readings_corrected", "set_aside", "readings_late", "findings")


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This process's environment with no settings but `settings` (names in lower case, without the prefix)."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("METERWATCH_") or k == "METERWATCH_CACHE"}
    plain |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return plain | {f"METERWATCH_{name.upper()}": str(value) for name, value in settings.items()}


def run_settings(
    kafka_bootstrap: str, topic_prefix: str, database_url: str, influx: InfluxAccess | None = None
) -> dict[str, object]:
    """Settings of one run on real servers, quick to save and quick to notice a silent worker."""
    settings: dict[str, object] = {
        "kafka_url": kafka_bootstrap,
        "topic_prefix": topic_prefix,
        "consumer_group": f"{topic_prefix}meterwatch",
        "database_url": database_url,
        "partitions": PARTITIONS,
        "checkpoint_seconds": 0.2,
        "session_timeout_seconds": SESSION_TIMEOUT_S,
    }
    if influx is not None:
        settings |= {
            "influx_url": influx.url,
            "influx_token": influx.token,
            "influx_org": influx.org,
            "influx_bucket": influx.bucket,
        }
    return settings


def meterwatch(settings: Mapping[str, object], *arguments: object) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "monitor.command_line", *map(str, arguments)],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )


def done(settings: Mapping[str, object], *arguments: object) -> str:
    """One command that must end with 0; what it printed."""
    ended = meterwatch(settings, *arguments)
    assert ended.returncode == 0, f"{arguments} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@dataclass
class Fleet:
    """Worker processes of one run, restarted by nobody but the test; only these are ever signalled."""

    settings: Mapping[str, object]
    folder: Path
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)
    _starts: int = 0

    def start(self, number: int, role: str = "both") -> None:
        self._starts += 1
        with (self.folder / f"worker-{number}.{self._starts}.log").open("wb") as log:
            self.processes[number] = subprocess.Popen(
                [sys.executable, "-m", "monitor.command_line", "worker", "--role", role],
                cwd=ROOT,
                env=environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.roles[number] = role

    def kill9(self, number: int) -> None:
        process = self.processes.pop(number)
        process.kill()
        process.wait(30)

    def freeze(self, number: int) -> None:
        os.kill(self.processes[number].pid, signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        os.kill(self.processes[number].pid, signal.SIGCONT)

    def check(self) -> None:
        """Every worker still runs."""
        for number, process in self.processes.items():
            assert process.poll() is None, f"worker {number} ended with {process.returncode}:\n{self.logs()}"

    def stop(self) -> list[int]:
        """SIGTERM to all, together; their exit codes."""
        for process in self.processes.values():
            process.terminate()
        return [process.wait(60) for process in self.processes.values()]

    def logs(self, lines: int = 30) -> str:
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            for path in sorted(self.folder.glob("worker-*.log"), key=lambda p: p.stat().st_mtime)[-6:]
        )

    def destroy(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(30)


@contextmanager
def fleet(settings: Mapping[str, object], folder: Path, *roles: str) -> Iterator[Fleet]:
    """Workers for the test; whatever happens, none outlives it."""
    folder.mkdir(exist_ok=True)
    workers = Fleet(settings, folder)
    try:
        for number, role in enumerate(roles):
            workers.start(number, role)
        yield workers
    finally:
        workers.destroy()


@dataclass
class Replay:
    """``replay --through kafka --workers 0`` as a process of its own, and how far the workers have come."""

    process: subprocess.Popen[str]
    store: SqlStore
    out: Path
    workers: Fleet
    messages: int

    def handled(self, role: Role = "judge") -> int:
        """Messages that workers have saved; what was known last where the database is away."""
        try:
            return sum(mark.next_offset for mark in self.store.marks(role))
        except StoreUnavailable:
            return -1

    def until_handled(self, share: float, role: Role = "judge") -> None:
        """Wait until workers have saved this share of all messages of the feed."""
        wanted = int(share * self.messages)

        def reached() -> bool:
            self.check()
            return self.handled(role) >= wanted

        try:
            wait_until(reached, f"{wanted} of {self.messages} messages handled", PATIENCE_S)
        except TimeoutError as error:
            raise AssertionError(f"{error}; {self.handled(role)} are\n{self.workers.logs()}") from error

    def check(self) -> None:
        self.workers.check()
        code = self.process.poll()
        assert code in (None, 0), f"the replay ended with {code}:\n{self.told()}\n{self.workers.logs()}"

    def until_done(self) -> dict[str, Any]:
        """The report, once the replay has ended well."""

        def ended() -> bool:
            self.check()
            return self.process.poll() is not None

        try:
            wait_until(ended, "the replay is done", PATIENCE_S)
        except TimeoutError as error:
            raise AssertionError(f"{error}: {self.told()}\n{self.workers.logs()}") from error
        report: dict[str, Any] = json.loads((self.out / "report.json").read_text())
        return report

    def told(self) -> str:
        return (self.out.parent / f"{self.out.name}.log").read_text(errors="replace")[-2000:]


@contextmanager
def replaying(workers: Fleet, feed: Path, out: Path) -> Iterator[Replay]:
    """Start the replay on the fleet's settings; kill it if the test leaves before its end."""
    store = SqlStore(str(workers.settings["database_url"]))
    with (out.parent / f"{out.name}.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "monitor.command_line", "replay", str(feed)),
                *("--out", str(out), "--through", "kafka", "--workers", "0"),
            ],
            cwd=ROOT,
            env=environment(workers.settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
    try:
        yield Replay(process, store, out, workers, message_count(feed))
    finally:
        store.close()
        if process.poll() is None:
            process.kill()
            process.wait(30)


def message_count(feed: Path) -> int:
    """Messages on the log for one feed: a tick goes to every partition."""
    return sum(PARTITIONS if sent.transformer_area is None else 1 for sent in publication(Feed.open(feed)))


def results(run: Path) -> dict[str, bytes]:
    """The bytes that must not depend on how the feed went through."""
    return {name: (run / name).read_bytes() for name in RESULTS}


def counts(report: Mapping[str, Any]) -> dict[str, Any]:
    return {name: report[name] for name in COUNTED}


def span(feed: Path) -> tuple[int, int]:
    """[start, end) that holds everything a run of this feed may write, without scanning all of time."""
    times = [sent.event_time_s for sent in publication(Feed.open(feed))]
    return min(times) - 60 * DAY_S, max(times) + 60 * DAY_S


def rows(series: TimeSeries, of: tuple[int, int]) -> dict[str, list[SeriesRow]]:
    """All points of all compared measurements."""
    return {name: series.read(name, start_s=of[0], end_s=of[1]) for name in COMPARED}


def assert_same_points(found: Mapping[str, list[SeriesRow]], expected: Mapping[str, list[SeriesRow]]) -> None:
    """Row by row, with the first differences told."""
    for name in COMPARED:
        if found[name] == expected[name]:
            continue
        there = {(r.time_s, tuple(sorted(r.tags.items()))): r.fields for r in found[name]}
        wanted = {(r.time_s, tuple(sorted(r.tags.items()))): r.fields for r in expected[name]}
        lost = [key for key in wanted if key not in there]
        extra = [key for key in there if key not in wanted]
        other = [(key, there[key], wanted[key]) for key in wanted if key in there and there[key] != wanted[key]]
        raise AssertionError(
            f"{name}: {len(found[name])} points, {len(expected[name])} expected; lost {len(lost)} {lost[:3]}, "
            f"extra {len(extra)} {extra[:3]}, other values {len(other)} {other[:3]}"
        )


@dataclass(frozen=True)
class Undisturbed:
    """The direct run: no log, no server."""

    out: Path
    results: dict[str, bytes]
    report: dict[str, Any]
    rows: dict[str, list[SeriesRow]]
    span: tuple[int, int]


def undisturbed(feed: Path, out: Path) -> Undisturbed:
    report = json.loads(done({}, "replay", feed, "--out", out))
    when = span(feed)
    return Undisturbed(out, results(out), report, duckdb_rows(out, when), when)


def duckdb_rows(out: Path, when: tuple[int, int]) -> dict[str, list[SeriesRow]]:
    series = DuckDbTimeSeries(out / SERIES_FILE)
    try:
        return rows(series, when)
    finally:
        series.close()


def influx_rows(access: InfluxAccess, when: tuple[int, int]) -> dict[str, list[SeriesRow]]:
    series = InfluxTimeSeries(access.url, access.token, access.org, access.bucket)
    try:
        return rows(series, when)
    finally:
        series.close()


@contextmanager
def on_servers(settings: Mapping[str, object], feed: Path, folder: Path, *roles: str) -> Iterator[tuple[Replay, Fleet]]:
    """Provisioned, with these workers running and the replay under way."""
    done(settings, "provision", "--archive", feed)
    with fleet(settings, folder, *roles) as workers, replaying(workers, feed, folder / "run") as replay:
        yield replay, workers


def assert_as_undisturbed(replay: Replay, direct: Undisturbed, access: InfluxAccess) -> None:
    """The replay ends; bytes, counts and points are those of the direct run, and every worker stops with 0."""
    report = replay.until_done()
    assert replay.workers.stop() == [0] * len(replay.workers.processes), replay.workers.logs()
    assert results(replay.out) == direct.results
    assert counts(report) == counts(direct.report)
    assert_same_points(influx_rows(access, direct.span), direct.rows)


def publish(settings: Mapping[str, object], feed: Path) -> tuple[int, dict[int, int]]:
    """The whole feed onto the log at once; (readings in it, next offset by partition)."""
    topic = f"{settings['topic_prefix']}{AREAS.name}"
    with KafkaPublisher(str(settings["kafka_url"]), topic=topic) as publisher:
        published = publisher.publish(
            (sent.transformer_area, sent.message, float(sent.event_time_s)) for sent in publication(Feed.open(feed))
        )
    return published.readings, published.next_offsets


@contextmanager
def publishing(settings: Mapping[str, object], feed: Path, speed: int) -> Iterator[subprocess.Popen[bytes]]:
    """``publish --speed`` as a process of its own, ended with the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "monitor.command_line", "publish", str(feed), "--speed", str(speed)],
        cwd=ROOT,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)


def until_handled(workers: Fleet, store: SqlStore, messages: int) -> None:
    """Wait until both stages have saved so many messages."""

    def reached() -> bool:
        workers.check()
        roles: tuple[Role, ...] = ("judge", "archive")
        return all(sum(mark.next_offset for mark in store.marks(role)) >= messages for role in roles)

    try:
        wait_until(reached, f"{messages} messages handled", PATIENCE_S)
    except TimeoutError as error:
        raise AssertionError(f"{error}\n{workers.logs()}") from error


def until_settled(workers: Fleet, store: SqlStore, ends: Mapping[int, int]) -> None:
    """Wait until both stages have saved all messages up to `ends`, days are closed and points delivered."""

    def settled() -> bool:
        workers.check()
        roles: tuple[Role, ...] = ("judge", "archive")
        for role in roles:
            offsets = {mark.partition: mark.next_offset for mark in store.marks(role)}
            if any(offsets.get(partition, 0) < end for partition, end in ends.items()):
                return False
        return not store.days_waiting() and not store.point_batches(1)

    try:
        wait_until(settled, "everything judged, archived, closed and delivered", PATIENCE_S)
    except TimeoutError as error:
        raise AssertionError(f"{error}\n{workers.logs()}") from error


def results_of(store: SqlStore, folder: Path) -> dict[str, bytes]:
    """What a replay would write of this store."""
    write_lines(folder / ALERTS, map(alert_row, store.alerts()), time="raised_at")
    write_lines(folder / TASKS, map(task_row, store.tasks()), time="opened_at")
    return results(folder)
