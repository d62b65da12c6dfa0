"""`provision` sets up what a worker needs; `doctor` says what can be reached, and what to do about what cannot."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alerts.watch import RULES
from grafana.client import AnnotationClient
from metering.errors import FeedError, MeterwatchError
from metering.times import LocalCalendar
from monitor.notify_plan import load_plan, remarks
from monitor.replay import ROWS_TOLD
from monitor.settings import Settings
from monitor.stores import influx_token, open_existing_store, open_series, open_store
from monitor.thresholds import load_thresholds
from monitor.watch_rules import load_watch_rules
from operations.watch import why_not
from simulator.feeds.feed import Feed
from storage.influx_series import ensure_bucket
from streams.topics import AREAS, ensure_topics

#: Somebody judges the watch's rules every ten seconds while anything runs; older knowledge is itself an alarm.
WATCH_HOLDS_S = 60.0


def provision(settings: Settings, archive: Path | None) -> Iterator[str]:
    """Make or check schema, archive, topics and bucket; a line for each thing done. Running it again changes nothing."""
    store = open_store(settings)
    try:
        yield f"database: schema is current ({_without_password(settings.database_url)})"
        if archive is not None:
            feed = Feed.open(archive)
            store.save_archive(feed.archive)
            yield f"archive: {len(feed.archive.meters)} meters in {len(feed.archive.areas)} areas from {archive}"
        if settings.kafka_url is not None:
            made = ensure_topics(settings.kafka_url, settings.partitions, prefix=settings.topic_prefix)
            store.fix_partitions(settings.topic_prefix + AREAS.name, settings.partitions)
            yield "kafka: " + ", ".join(f"{topic} with {n} partitions" for topic, n in made.items())
        if settings.influx_url is not None:
            yield "influxdb: " + ensure_bucket(
                settings.influx_url,
                influx_token(settings),
                settings.influx_org,
                settings.influx_bucket,
                retention_s=settings.influx_retention_days * 86_400,
            )
    finally:
        store.close()


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`."""

    part: str
    state: Literal["ok", "off", "ALARM", "FAILED"]
    text: str

    def line(self) -> str:
        return f"{self.state:<7}{self.part:<12}{self.text}"


def doctor(settings: Settings, feed: Path | None) -> Iterator[Finding]:
    """What this installation can reach. `off` is a choice; `FAILED` is set but does not work, and says what to do; `ALARM` is
    what the monitor last found wrong with itself."""
    yield Finding("python", "ok", f"{platform.python_version()} on {sys.platform}")
    if settings.thresholds is not None:
        yield _probe("thresholds", lambda: _thresholds(settings.thresholds), "check METERWATCH_THRESHOLDS")
    if settings.watch_rules is not None:
        yield _probe("watch rules", lambda: _watch_rules(settings.watch_rules), "check METERWATCH_WATCH_RULES")
    yield _probe("database", lambda: _database(settings), "check METERWATCH_DATABASE_URL, then `meterwatch provision`")
    yield from _watch(settings)
    yield _notify(settings)
    yield from _failed_notifications(settings)
    if settings.kafka_url is None:
        yield Finding("kafka", "off", "in-process memory://; set METERWATCH_KAFKA_URL for a log that survives a crash")
    else:
        yield _probe(
            "kafka", lambda: _kafka(settings), "start Kafka, check METERWATCH_KAFKA_URL and METERWATCH_PARTITIONS"
        )
    if settings.influx_url is None:
        yield Finding(
            "influxdb",
            "off",
            f"points go to the DuckDB file {settings.duckdb_path}; set METERWATCH_INFLUX_URL for InfluxDB",
        )
    else:
        yield _probe(
            "influxdb",
            lambda: _series(settings),
            "start InfluxDB, check METERWATCH_INFLUX_URL, _TOKEN, _ORG and _BUCKET",
        )
    if settings.grafana_url is None:
        yield Finding("grafana", "off", "no annotations; set METERWATCH_GRAFANA_URL and METERWATCH_GRAFANA_TOKEN")
    else:
        yield _probe("grafana", lambda: _grafana(settings), "start Grafana, check METERWATCH_GRAFANA_URL and its token")
    extra = importlib.util.find_spec("simbench") is not None
    yield Finding(
        "simbench", "ok" if extra else "off", "installed" if extra else "`import simbench` needs `make simbench`"
    )
    if feed is not None:
        yield from _feed(feed)


def _probe(part: str, reach: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(part, "ok", reach())
    except MeterwatchError as error:
        return Finding(part, "FAILED", f"{error} -> {remedy}")


def _thresholds(path: Path | None) -> str:
    found = load_thresholds(path)
    return f"{path}: {', '.join(found) or 'nothing set'}"


def _watch_rules(path: Path | None) -> str:
    changed = [code for code, rule in load_watch_rules(path).items() if rule != RULES[code]]
    return f"{path}: {', '.join(changed) or 'nothing changed'}"


def _notify(settings: Settings) -> Finding:
    """The plan is read and its addresses and secrets are; nothing is sent."""
    if settings.notify is None:
        return Finding("notify", "off", "alerts reach people by the desk alone; set METERWATCH_NOTIFY to a notify plan")
    try:
        plan = load_plan(settings.notify)
        channels = plan.channels(LocalCalendar("UTC"))
    except MeterwatchError as error:
        return Finding("notify", "FAILED", f"{error} -> docs/notifications.md")
    notes = [f"{settings.notify}: {', '.join(channel.name for channel in channels)}", *remarks(plan)]
    return Finding("notify", "ok", "; ".join([*notes, "try one: `meterwatch notifications test CHANNEL`"]))


def _failed_notifications(settings: Settings) -> Iterator[Finding]:
    """What people were never told; a database that cannot be read has a line of its own."""
    with contextlib.suppress(MeterwatchError):
        store = open_existing_store(settings)
        try:
            failed = len(store.deliveries(state="failed"))
        finally:
            store.close()
        if failed:
            text = f"{failed} notifications were refused for good: `meterwatch notifications list --state failed`"
            yield Finding("outbox", "ok", text)


def _database(settings: Settings) -> str:
    file = settings.database_url.removeprefix("sqlite:///")
    if file != settings.database_url and not Path(file).exists():
        return f"{settings.database_url}, no file yet: `meterwatch provision --archive FEED`"
    store = open_store(settings)
    try:
        url = _without_password(settings.database_url)
        try:
            archive = store.load_archive()
        except MeterwatchError:
            return f"{url}, no archive yet: `meterwatch provision --archive FEED`"
        return f"{url}, archive {archive.name} with {len(archive.meters)} meters"
    finally:
        store.close()


def _watch(settings: Settings) -> Iterator[Finding]:
    """The alarms of the monitor itself that are open, and how old that knowledge is."""
    try:
        store = open_existing_store(settings)
    except MeterwatchError:
        return  # the line about the database says why
    try:
        standings = store.watch_standings()
    except MeterwatchError as error:
        yield Finding("watch", "FAILED", str(error))
        return
    finally:
        store.close()
    if not standings:
        yield Finding("watch", "off", "nobody has watched this monitor yet: a worker or the desk does while it runs")
        return
    age_s = max(0.0, time.time() - max(s.judged_at_s for s in standings))
    unjudged = [f"{s.rule} {s.subject}".strip() for s in standings if s.value is None]
    yield Finding(
        "watch",
        "ok" if age_s <= WATCH_HOLDS_S else "ALARM",
        f"{len(standings)} judged {age_s:,.0f} s ago" + (f"; not judged: {', '.join(unjudged)}" if unjudged else ""),
    )
    for standing in standings:
        rule = RULES.get(standing.rule)
        if standing.open and rule is not None:
            value = why_not(standing) if standing.value is None else f"{standing.value:g} {rule.unit}"
            named = ", ".join((standing.subject, value, *standing.which[:5])).strip(", ")
            yield Finding("watch", "ALARM", f"{rule.name_en} ({named}) -> {rule.do_en}")


def _kafka(settings: Settings) -> str:
    # a doctor only looks: topics made by the way would fix their number of partitions for good
    there = ensure_topics(settings.kafka_url or "", settings.partitions, prefix=settings.topic_prefix, create=False)
    return ", ".join(f"{topic} ({n} partitions)" for topic, n in there.items())


def _series(settings: Settings) -> str:
    series = open_series(settings, patience_s=5.0)
    try:
        return series.ping()
    finally:
        series.close()


def _grafana(settings: Settings) -> str:
    token = "" if settings.grafana_token is None else settings.grafana_token.get_secret_value()
    return AnnotationClient(settings.grafana_url or "", token).ping()


def _feed(path: Path) -> Iterator[Finding]:
    try:
        feed = Feed.open(path)
    except MeterwatchError as error:
        yield Finding("feed", "FAILED", str(error))
        return
    archive = feed.archive
    yield Finding(
        "feed",
        "ok",
        f"{archive.name}: {len(archive.meters)} meters in {len(archive.areas)} areas, every {archive.interval_minutes} min",
    )
    try:
        feed.require_readings()
    except FeedError as error:
        yield Finding("feed", "FAILED", str(error))
    for told in (told for rows in feed.set_aside.values() for told in rows[:ROWS_TOLD]):
        yield Finding("feed", "off", f"row set aside: {told}")
    for note in feed.notes():
        yield Finding("feed", "off", note)
