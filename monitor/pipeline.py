"""The monitor about itself: `pipeline` points, stamped by wall clock, one per partition this worker holds."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metering.points import Point
from metering.readings import SetAside
from metering.watch import PartitionPulse
from monitor.heart import Heart
from monitor.process import peak_rss_bytes
from operations.archive_stage import ArchiveStage
from operations.judge_stage import JudgeStage

EVERY_S = 10.0


@dataclass(slots=True)
class PipelineReport:
    """What each partition brought since the last report, how far its clock is behind, what this process takes."""

    stages: Sequence[JudgeStage | ArchiveStage]
    owner: str
    heart: Heart | None = None
    now: Callable[[], float] = time.time
    _before: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    _due_s: float = 0.0

    def points(self) -> list[Point]:
        """Nothing until ten seconds have passed since the last report."""
        now_s = self.now()
        if now_s < self._due_s:
            return []
        self._due_s = now_s + EVERY_S
        usage = resource.getrusage(resource.RUSAGE_SELF)
        own = {"cpu_s": round(usage.ru_utime + usage.ru_stime, 3), "rss_bytes": float(peak_rss_bytes())}
        pulses = {} if self.heart is None else {(p.role, p.partition): p for p in self.heart.pulse().partitions}
        return [
            Point(
                "pipeline",
                {"worker": self.owner, "role": stage.role, "partition": str(partition)},
                int(now_s),
                self._since(stage.role, partition, totals)
                | {"lag_s": max(0.0, round(now_s - clock_s, 3))}
                | _felt(pulses.get((stage.role, partition)))
                | own,
            )
            for stage in self.stages
            for partition, (clock_s, totals) in sorted(stage.standing().items())
        ] + self._watch_points(int(now_s))

    def _watch_points(self, now_s: int) -> list[Point]:
        """Where the rules of the watch stand, by whoever judged them."""
        watch = None if self.heart is None else self.heart.watch
        return [
            Point(
                "watch",
                {"rule": s.rule, "subject": s.subject or "-"},
                now_s,
                ({} if s.value is None else {"value": s.value})
                | {"set": watch.rules[s.rule].set, "open": float(s.open), "judged": float(s.value is not None)},
            )
            for s in (() if watch is None else watch.judged)
            if watch is not None
        ]

    def _since(self, role: str, partition: int, totals: dict[str, int]) -> dict[str, float]:
        before = self._before.get((role, partition), {})
        self._before[role, partition] = totals
        grown = {name: n - before.get(name, 0) for name, n in totals.items()}
        aside = sum(grown.get(f"set_aside.{reason}", 0) for reason in SetAside)
        late, dead = grown.get("readings_late", 0), grown.get("readings_dead_lettered", 0)
        accepted = grown.get("readings_accepted", 0)
        return {
            "readings": float(accepted + aside + late + dead),
            "set_aside": float(aside),
            "late": float(late),
            "dead_lettered": float(dead),
            "data_quality": float(sum(n for name, n in grown.items() if name.startswith("data_quality."))),
            "points_refused": float(grown.get("points_refused", 0)),
        }


def _felt(pulse: PartitionPulse | None) -> dict[str, float]:
    if pulse is None:
        return {}
    felt = {"unsaved_s": pulse.unsaved_s, "areas_silent": float(len(pulse.silent))}
    return felt if pulse.waiting is None else felt | {"waiting": float(pulse.waiting)}
