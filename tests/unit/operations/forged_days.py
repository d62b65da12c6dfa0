"""Days of one forged area, closed one after the other: what the day stage makes of probabilities, alerts and findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from detectors.case.prior import shipped_prior
from inspection.capacity import Capacity
from metering.alert import Alert, AlertState, Reason
from metering.archive import Archive, Meter
from metering.evidence import AreaDay
from metering.inspection import InspectionTask
from metering.messages import Finding
from metering.ports import AreaDayRow, Checkpoint, PartitionChange
from operations.close_area_day import ClosedAreaDay, pack_area_day
from operations.close_day import close_ready_days, unpack_scores
from operations.learn_findings import Learner
from storage.memory import MemoryStore

FIRST = date(2026, 3, 2).toordinal()
METERS = 40
ALL_BY_RANK = Capacity(per_week=7, least_risk=0.3, exploration_share=0.0)


def archive() -> Archive:
    meters = tuple(Meter(f"M{n:02}", f"P{n:02}", f"C{n:02}", "A0", "customer", "residential") for n in range(METERS))
    return Archive("forged", 60, "Europe/Berlin", meters)


def alert(
    meter: int, abnormality: str = "bypass", family: str = "theft", risk: float = 0.9, day: int = FIRST - 1
) -> Alert:
    raised_at_s = archive().calendar.day_start(date.fromordinal(day))
    return Alert(
        f"a-{meter}-{abnormality}", "A0", f"M{meter:02}", f"P{meter:02}", abnormality, family, "high", risk, raised_at_s,
        None, AlertState.RAISED, 1.0, 2.0, "kWh", (Reason("rules", "so it is"),), raised_at_s,
    )  # fmt: skip


class Days:
    """Closes one forged day after the other."""

    def __init__(self, capacity: Capacity = ALL_BY_RANK, seed: int = 1) -> None:
        self.archive, self.store, self.capacity, self.seed = archive(), MemoryStore(), capacity, seed
        self.store.save_archive(self.archive)
        self.epoch = self.store.begin_partition("judge", 0, "w").epoch
        self.ordinal = FIRST

    def close(
        self,
        probability: Mapping[int, float],
        findings: Sequence[Finding] = (),
        alerts: Sequence[Alert] = (),
        **more: Any,
    ) -> list[InspectionTask]:
        """The tasks this day opened."""
        told = np.full(METERS, 0.01)
        told[list(probability)] = list(probability.values())
        figures = np.full((METERS, len(shipped_prior().features)), 0.5, dtype=np.float16)
        nothing = np.zeros(METERS)
        ids = tuple(m.meter_id for m in self.archive.meters)
        day = AreaDay("A0", self.ordinal, ids, nothing, nothing, {}, {}, nothing == 0, told, figures)
        packed = pack_area_day(ClosedAreaDay(day, tuple(alerts), tuple(findings), **more))
        clock_s = self.archive.calendar.day_close(date.fromordinal(self.ordinal))
        change = PartitionChange(self.epoch, self.ordinal, clock_s)
        change.area_days.append(AreaDayRow("A0", self.ordinal, 0, packed))
        change.alerts = {a.alert_id: a for a in alerts}
        change.findings = {f.finding_id: f for f in findings}
        self.store.save(Checkpoint("judge", {0: change}))
        before = {t.task_id for t in self.store.tasks()}
        closed = close_ready_days(self.store, self.archive, 1, "day", capacity=self.capacity, seed=self.seed)
        assert closed == [self.ordinal]
        self.ordinal += 1
        return [t for t in self.store.tasks() if t.task_id not in before]

    def finding(self, meter: int, *, confirmed: bool, number: int = 0) -> Finding:
        at_s = self.archive.calendar.day_start(date.fromordinal(self.ordinal)) + 36_000
        return Finding(
            f"f-{meter}-{number}", "A0", f"M{meter:02}", at_s, confirmed, "bypass" if confirmed else None, "Wang"
        )

    @property
    def learner(self) -> Learner:
        return Learner(self.store.load_model_pages(), self.seed)

    def risk(self, meter: int) -> float:
        """Of the last closed day."""
        (*_, (_, _, payload)) = self.store.scores()
        return float(unpack_scores(payload).risk[meter])
