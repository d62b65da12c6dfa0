"""The monitor's own figures for Prometheus: one table of metrics, one collector, one small server on a worker.

Every process shows the whole monitor as it sees it: itself as it is now, the others by their last pulse, the stores as they
were last surveyed. What is not known is not shown: a figure that is missing is not a figure that is well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from alerts.watch import RULES
from metering.errors import SettingsError
from metering.readings import SetAside
from metering.watch import Heartbeat, PartitionPulse, Pulse
from monitor.heart import Heart
from monitor.process import cpu_seconds, peak_rss_bytes
from operations.watch import ALIVE_S, Survey, age_of

PREFIX = "meterwatch_"
#: A survey older than this says nothing of now (seconds).
SURVEY_HOLDS_S = 60.0


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: its name without the prefix (a counter's without `_total`), its labels, and what it says."""

    name: str
    labels: tuple[str, ...]
    help: str
    kind: Literal["gauge", "counter"] = "gauge"

    @property
    def shown(self) -> str:
        return f"{PREFIX}{self.name}" + ("_total" if self.kind == "counter" else "")


METRICS: tuple[MetricRow, ...] = (
    MetricRow("heartbeat_age_seconds", ("worker", "kind"), "Since the process was last seen at work, by its event loop."),
    MetricRow("partitions_held", ("worker", "role"), "Partitions in the worker's hands."),
    MetricRow("partitions_unheld", ("role",), "Partitions that no living worker holds."),
    MetricRow("partitions_paused", ("role",), "Partitions that too many dead letters have paused."),
    MetricRow("lag_messages", ("worker", "role", "partition"), "Messages in the log that are not handled yet."),
    MetricRow(
        "lag_event_seconds",
        ("role", "partition"),
        "How far the event time that is handled and saved is behind the wall clock; in a recorded feed its age.",
    ),
    MetricRow("checkpoint_age_seconds", ("worker", "role"), "How long the oldest handled message has waited for its save."),
    MetricRow("upkeep_age_seconds", ("worker",), "Since the last round of what goes on beside the log ended."),
    MetricRow("part_failing_seconds", ("worker", "part"), "For how long a part of the upkeep has failed; only while it fails."),
    MetricRow("areas", (), "Transformer areas that living workers judge."),
    MetricRow("areas_silent", (), "Areas from which nothing usable has come for two hours and four intervals, in event time."),
    MetricRow("areas_silent_ratio", (), "Share of the areas that are silent."),
    MetricRow("area_silent", ("transformer_area",), "1 for each silent area; a hundred at most."),
    MetricRow("outbox_entries", ("outbox",), "What waits in the outbox: points (batches), relay, notifications."),
    MetricRow("outbox_age_seconds", ("outbox",), "How long the oldest entry of the outbox has waited; 0 for an empty one."),
    MetricRow("dead_letter_ratio", (), "Share of the last quarter of an hour's messages that could not be read."),
    MetricRow("points_refused", (), "Points that the time-series store refused for good in the last quarter of an hour."),
    MetricRow("model_age_seconds", (), "Event time since the end of the last closed day; six to thirty hours are usual."),
    MetricRow("readings", ("worker", "outcome"), "Readings since the process began, by what became of them.", "counter"),
    MetricRow("watch_open", ("rule", "subject"), "1 while the rule's alert is open, else 0."),
    MetricRow("watch_judged", ("rule", "subject"), "1 where the rule could be judged at last, 0 where not: not judged is not normal."),
    MetricRow("watch_age_seconds", (), "Since any process last judged the rules of the watch."),
    MetricRow("survey_age_seconds", (), "Since this process last read the stores; its figures of them are shown for a minute."),
    MetricRow("process_cpu_seconds", (), "CPU time of this process and its children.", "counter"),
    MetricRow("process_peak_rss_bytes", (), "Most memory that this process has held."),
)  # fmt: skip
_ROWS = {row.name: row for row in METRICS}
AREAS_NAMED = 100

Sample = tuple[str, tuple[str, ...], float]


class WatchCollector(Collector):
    """Gathers the figures when it is asked."""

    def __init__(self, heart: Heart, now: Callable[[], float] = time.time) -> None:
        self._heart, self._now = heart, now

    def describe(self) -> Iterable[Metric]:
        return [_family(row) for row in METRICS]

    def collect(self) -> Iterator[Metric]:
        families = {row.name: _family(row) for row in METRICS}
        for name, labels, value in self._samples():
            families[name].add_metric(labels, value)
        yield from families.values()

    def _samples(self) -> Iterator[Sample]:
        now_s = self._now()
        own, at = self._heart.pulse(), self._heart.watch.last
        yield "process_cpu_seconds", (), cpu_seconds()
        yield "process_peak_rss_bytes", (), float(peak_rss_bytes())
        fresh = at is not None and now_s - at.now_s <= SURVEY_HOLDS_S
        beats = _with_own(at.beats if at is not None and fresh else (), own)
        yield from _of_processes(beats)
        if at is None:
            return
        yield "survey_age_seconds", (), max(0.0, now_s - at.now_s)
        if fresh:
            yield from _of_survey(at, now_s)
            yield from self._standings(now_s)

    def _standings(self, now_s: float) -> Iterator[Sample]:
        standings = self._heart.watch.standings
        for standing in standings:
            key = (standing.rule, standing.subject)
            yield "watch_open", key, float(standing.open)
            yield "watch_judged", key, float(standing.value is not None)
        judged_s = max((s.judged_at_s for s in standings), default=None)
        if judged_s is not None:
            yield "watch_age_seconds", (), max(0.0, now_s - judged_s)


def _with_own(beats: Sequence[Heartbeat], own: Pulse) -> list[Heartbeat]:
    return [*(b for b in beats if b.pulse.owner != own.owner), Heartbeat(own, 0.0)]


def _of_processes(beats: Sequence[Heartbeat]) -> Iterator[Sample]:
    for beat in beats:
        pulse = beat.pulse
        yield "heartbeat_age_seconds", (pulse.owner, pulse.kind), age_of(beat)
        if age_of(beat) > ALIVE_S:
            continue
        if pulse.upkeep_age_s is not None:
            yield "upkeep_age_seconds", (pulse.owner,), pulse.upkeep_age_s
        for part, (seconds, _) in pulse.failing.items():
            yield "part_failing_seconds", (pulse.owner, part), seconds
        for outcome, n in _readings(pulse.partitions).items():
            yield "readings", (pulse.owner, outcome), float(n)
        for role in sorted({p.role for p in pulse.partitions}):
            held = [p for p in pulse.partitions if p.role == role]
            yield "partitions_held", (pulse.owner, role), float(len(held))
            yield "checkpoint_age_seconds", (pulse.owner, role), max(p.unsaved_s for p in held)
            for p in held:
                if p.waiting is not None:
                    yield "lag_messages", (pulse.owner, role, str(p.partition)), float(p.waiting)


def _readings(partitions: Sequence[PartitionPulse]) -> dict[str, int]:
    outcomes = {"accepted": 0, "set_aside": 0, "late": 0, "dead_lettered": 0}
    judging = [p.counted for p in partitions if p.role == "judge"]
    if not judging:
        return {}
    for counted in judging:
        for outcome in ("accepted", "late", "dead_lettered"):
            outcomes[outcome] += counted.get(f"readings_{outcome}", 0)
        outcomes["set_aside"] += sum(counted.get(f"set_aside.{reason}", 0) for reason in SetAside)
    return outcomes


def _of_survey(at: Survey, now_s: float) -> Iterator[Sample]:
    for role in at.roles:
        held = at.held(role)
        yield "partitions_unheld", (role,), float(at.partitions - len({p.partition for _, p in held}))
        if held:
            yield "partitions_paused", (role,), float(sum(p.paused for _, p in held))
    for mark in at.marks:
        if mark.clock_s:
            yield "lag_event_seconds", (mark.role, str(mark.partition)), max(0.0, now_s - mark.clock_s)
    judged = [p for _, p in at.held("judge")]
    areas, silent = sum(p.areas for p in judged), sorted(a for p in judged for a in p.silent)
    if areas:
        yield "areas", (), float(areas)
        yield "areas_silent", (), float(len(silent))
        yield "areas_silent_ratio", (), len(silent) / areas
        for area in silent[:AREAS_NAMED]:
            yield "area_silent", (area,), 1.0
    for waiting in at.outboxes:
        yield "outbox_entries", (waiting.outbox,), float(waiting.entries)
        if waiting.oldest_s is not None or not waiting.entries:
            yield "outbox_age_seconds", (waiting.outbox,), waiting.oldest_s or 0.0
    if at.model_age_s is not None:
        yield "model_age_seconds", (), at.model_age_s
    alive = [b.pulse for b in at.beats if age_of(b) <= ALIVE_S and b.pulse.kind != "desk"]
    judging = [p for p in alive if p.kind in ("judge", "both")]
    if handled := sum(p.handled for p in judging):
        yield "dead_letter_ratio", (), sum(p.dead_letters for p in judging) / handled
    if alive:
        yield "points_refused", (), float(sum(p.points_refused for p in alive))


def _family(row: MetricRow) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    return kind(f"{PREFIX}{row.name}", row.help, labels=row.labels)


def registry_of(heart: Heart, now: Callable[[], float] = time.time) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(WatchCollector(heart, now))
    return registry


def exposition(heart: Heart, now: Callable[[], float] = time.time) -> Callable[[], bytes]:
    """All figures as Prometheus reads them (text format), gathered at each call."""
    registry = registry_of(heart, now)
    return lambda: generate_latest(registry)


class MetricsServer:
    """`/metrics` of a worker, in threads of its own. Raises `SettingsError` where the address cannot be listened on."""

    def __init__(self, heart: Heart, host: str, port: int, now: Callable[[], float] = time.time) -> None:
        try:
            self._server, self._thread = start_http_server(port, host, registry_of(heart, now))
        except OSError as error:
            raise SettingsError(
                f"/metrics cannot listen on {host}:{port} ({error.strerror or error}): choose another "
                "METERWATCH_METRICS_PORT"
            ) from error

    @property
    def port(self) -> int:
        return self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def metrics_table() -> str:
    """The metrics as rows of Markdown, each with the rules that judge it."""
    lines = ["| metric | labels | what it says | judged by |", "| --- | --- | --- | --- |"]
    for row in METRICS:
        rules = ", ".join(f"`{code}`" for code, rule in RULES.items() if rule.metric == row.shown)
        labels = ", ".join(f"`{label}`" for label in row.labels)
        lines.append(f"| `{row.shown}` | {labels} | {row.help} | {rules} |")
    return "\n".join(lines)


def rules_table() -> str:
    """The rules of the watch with their limits, as rows of Markdown."""
    lines = [
        "| rule | alarm | 告警 | opens at | for | ends at | for | told |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for rule in RULES.values():
        unit = "" if rule.unit == "1" else f" {rule.unit}"
        lines.append(
            f"| `{rule.code}` | {rule.name_en} | {rule.name_zh} | {rule.set:,g}{unit} | {rule.set_after_s:g} s | "
            f"{rule.recover:,g}{unit} | {rule.clear_after_s:g} s | {'at once' if rule.urgency == 'page' else 'in the morning'} |"
        )
    return "\n".join(lines)
