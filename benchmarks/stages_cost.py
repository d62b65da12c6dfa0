"""What the stages between an alert and the outbox cost: CPU per alert that changed, all of them together."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np

from alerts.grouping import Grouping
from alerts.life import AlertBank
from alerts.routes import Escalation, Routes, Shift
from benchmarks.plan import Plan
from benchmarks.report import table
from metering.alert import Alert
from metering.announcement import Announcement
from metering.archive import Archive, Meter, WorkOrder
from metering.catalogue import CATALOGUE
from metering.evidence import Signal
from metering.silence import Silence
from operations.announce import alerts_changed, ask_again
from operations.area import AreaInProgress, Outcome

METERS, STEP_S, ROUNDS = 200, 900, 40
#: Each is one alert a meter; hazards page, the rest waits for the morning.
KINDS = ("overvoltage", "voltage_loss", "reverse_energy", "register_runaway")
LIMIT_US = 50.0
ZONE = ZoneInfo("Asia/Shanghai")


def run(plan: Plan) -> list[str]:
    """All meters of an area raise, keep and clear four kinds, again and again, beside silences, works and an outage."""
    rounds = 4 if plan.quick else ROUNDS
    area = _area()
    outcome, moved = Outcome(), 0
    announcing_s = 0.0
    for number in range(2 * rounds):
        changed, at_s = _changed(area.bank, float(number % 2 == 0), number)
        moved += len(changed)
        announcing_s += _cpu_s(partial(_announce, area, changed, at_s, outcome))
    said = [a for a in outcome.announcements if a.stopped is None]
    grouping_s = _cpu_s(lambda: _grouped(said))
    total_us = 1e6 * (announcing_s + grouping_s) / moved
    rows = [
        ["decided by the stages, with points and counts", f"{1e6 * announcing_s / moved:.1f}"],
        ["grouped, limited, made notifications", f"{1e6 * grouping_s / moved:.1f}"],
        [f"**all** (limit {LIMIT_US:g})", f"{total_us:.1f}"],
    ]
    return [
        (
            f"{moved:,} changes of alerts at {METERS} meters of one area: {len(said):,} turns said, "
            f"{len(outcome.announcements) - len(said):,} stopped."
        ),
        "",
        *table(["stage", "µs of CPU per alert that changed"], rows),
        (
            "**What bounds it:** half is the point and the count that every change leaves and the line it becomes; silences and works "
            "are looked through one by one."
        ),
    ]


def _area() -> AreaInProgress:
    meters = [Meter("S", "SP-S", "grid", "A1", "supply", feeder="F1")]
    meters += [Meter(f"M{i}", f"SP-{i}", f"C{i}", "A1", "customer", feeder="F1") for i in range(METERS)]
    works = tuple(WorkOrder("meter_exchange", 0, 40 * STEP_S * ROUNDS, f"M{i}", None) for i in range(0, METERS, 20))
    archive = Archive("bench", 15, ZONE.key, tuple(meters), works=works)
    area = AreaInProgress(archive, archive.areas["A1"], {})
    for i in range(10):
        silence = Silence(f"s-{i}", "A1", f"M{i}", None, 10**9, "bench", "known")
        area.silences[silence.silence_id] = silence
    return area


def _changed(bank: AlertBank, strength: float, number: int) -> tuple[list[Alert], int]:
    """The alerts that half a day of this evidence changes."""
    known, at_s = np.ones(METERS + 1), 0
    changed: list[Alert] = []
    strengths = np.full(METERS + 1, strength, dtype=np.float32)
    strengths[0] = np.nan
    signals = [Signal("bench", kind, strengths, known, known, "kW") for kind in KINDS]
    steps = 1 + max(60 * max(CATALOGUE[k].set_after_minutes, CATALOGUE[k].clear_after_minutes) for k in KINDS) // STEP_S
    for step in range(steps):
        at_s = (number * steps + step + 1) * STEP_S
        changed += bank.step(signals, end_s=at_s, interval_s=STEP_S, energy_kwh=known, expected_kwh=known).changed
    return changed, at_s


def _announce(area: AreaInProgress, changed: list[Alert], at_s: int, outcome: Outcome) -> None:
    alerts_changed(area, changed, at_s, outcome)
    ask_again(area, at_s, outcome)


def _grouped(said: list[Announcement]) -> None:
    routes = Routes((Shift("phone"),), Escalation(15, "chief"), per_hour={"phone": 20})
    Grouping(routes, lambda at_s: datetime.fromtimestamp(at_s, ZONE)).run(said, said[-1].at_s + 86_400, lambda _: ())


def _cpu_s(act: Callable[[], None]) -> float:
    began_s = time.thread_time()
    act()
    return time.thread_time() - began_s
