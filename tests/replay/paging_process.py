"""A worker in one process for tests that kill it: judges three days of a small place, and tells who is on call, over SQLite.

FOLDER holds `notify.toml` and keeps `state.sqlite`, unless a database is named. It ends with 0 once everything is told. Voltages
rise too high here and there, at two feeders, and fall again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from metering.archive import Archive, Meter
from metering.messages import ArrivedFrame, Message, Tick
from metering.times import parse_iso
from monitor.notify_plan import load_plan
from monitor.upkeep import Upkeep
from operations.failpoints import arm
from operations.judge_stage import JudgeStage
from storage.sql import SqlStore

START_S = parse_iso("2026-03-02T00:00:00+08:00")
HOURS, AREAS, METERS = 60, 4, 3
HIGH_V, USUAL_V = 270.0, 231.0
PLAN, STATE = "notify.toml", "state.sqlite"
LONGEST_S = 120.0


def archive() -> Archive:
    meters: list[Meter] = []
    for a in range(AREAS):
        feeder = f"F{a // 2}"
        meters.append(Meter(f"S{a}", f"SP-S{a}", "grid", f"A{a}", "supply", rated_kva=100.0, feeder=feeder))
        meters += [
            Meter(f"M{a}{i}", f"SP-{a}{i}", f"C{a}{i}", f"A{a}", "customer", "residential", feeder=feeder)
            for i in range(METERS)
        ]
    return Archive("high voltages", 60, "Asia/Shanghai", tuple(meters))


def messages() -> Iterator[Message]:
    """In the order of the log. In area `a` the first meter's voltage is too high in every sixth hour and the one after, the
    second's in every ninth."""
    yield Tick(START_S)
    for hour in range(HOURS):
        start_s = START_S + 3600 * hour
        for a in range(AREAS):
            volts = np.full(METERS + 1, USUAL_V)
            volts[1] = HIGH_V if (hour + 2 * a) % 6 < 2 else USUAL_V
            volts[2] = HIGH_V if (hour + a) % 9 == 0 else USUAL_V
            kwh = np.array([1.6, 0.4, 0.5, 0.6])
            ids = (f"S{a}", *(f"M{a}{i}" for i in range(METERS)))
            yield ArrivedFrame(
                f"A{a}", start_s, 60, ids, {"energy_kwh": kwh, "voltage_v": volts}, reading_count=len(ids)
            )
        yield Tick(start_s + 3600)
    yield Tick(START_S + 3600 * HOURS, final=True)


def run(folder: Path, failpoint: str = "", database_url: str = "", *, only_deliver: bool = False) -> None:
    """Judge and tell, or only tell what waits; die at `failpoint`, where one is named."""
    if failpoint:
        arm(failpoint)
    store = SqlStore(database_url or f"sqlite:///{folder / STATE}")
    place, plan = archive(), load_plan(folder / PLAN)
    store.save_archive(place)
    upkeep = Upkeep(store, place, 1, "w", routes=plan.routes, channels=plan.channels(place.calendar))
    if not only_deliver:
        judge(store, place, upkeep)
    ends = time.monotonic() + LONGEST_S
    while store.deliveries(state="waiting", limit=1):
        upkeep.round()
        time.sleep(0.01)
        if time.monotonic() > ends:
            sys.exit(f"not told within {LONGEST_S:g} s: {upkeep.failing}")
    upkeep.end()
    store.close()


def judge(store: SqlStore, place: Archive, upkeep: Upkeep) -> None:
    """From where it was saved to the end of the log."""
    stage = JudgeStage(place, store, lambda _area: 0, owner="w")
    saved = stage.begin(0)
    for offset, message in enumerate(messages()):
        if offset < saved:
            continue
        stage.handle(0, offset, message)
        if isinstance(message, Tick):
            stage.save()
            upkeep.round()
