"""The pulse of one process: taken every ten seconds, saved for the others to see, and with it the watch's turn.

It has a thread of its own: neither a day that takes long to close nor a store that is slow may stop it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from metering.errors import MeterwatchError
from metering.watch import PartitionPulse, ProcessKind, Pulse
from monitor.dead_man import DeadMansSwitch
from operations.archive_stage import ArchiveStage
from operations.judge_stage import JudgeStage
from operations.watch import LEASE, Watch
from streams.driver import StageDriver, Standing

log = logging.getLogger("meterwatch.watch")
EVERY_S = 10.0
QUARTER_S = 900.0
STOP_WITHIN_S = 5.0


class Driver(Protocol):
    """What a pulse needs of `streams.driver.StageDriver`; all of it may be asked from another thread."""

    @property
    def loop_age_s(self) -> float: ...
    @property
    def counters(self) -> Mapping[str, int]: ...
    def standing(self) -> Mapping[int, Standing]: ...


class Beside(Protocol):
    """What a pulse needs of `monitor.upkeep.Upkeep`; all of it may be asked from another thread."""

    round_ended: float
    points_refused: int

    def troubles(self) -> dict[str, tuple[float, str]]: ...


@dataclass(slots=True)
class PulseTaker:
    """Takes the pulse of this process, for any thread that asks. `at_work` are its stages, each with its driver."""

    owner: str
    kind: ProcessKind
    at_work: Sequence[tuple[JudgeStage | ArchiveStage, Driver]] = ()
    upkeep: Beside | None = None
    monotonic: Callable[[], float] = time.monotonic
    _course: deque[tuple[float, Mapping[str, int]]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pulse(self) -> Pulse:
        with self._lock:
            grown = self._grown()
        return Pulse(
            self.owner,
            self.kind,
            max((driver.loop_age_s for _, driver in self.at_work), default=0.0),
            None if self.upkeep is None else self.monotonic() - self.upkeep.round_ended,
            tuple(p for stage, driver in self.at_work for p in _partitions(stage, driver)),
            {} if self.upkeep is None else self.upkeep.troubles(),
            grown["handled"],
            grown["dead_letters"],
            grown["points_refused"],
        )

    def _grown(self) -> dict[str, int]:
        """What was counted in the last quarter of an hour."""
        now, total = self.monotonic(), self._totals()
        if not self._course:
            self._course.append((now, dict.fromkeys(total, 0)))
        self._course.append((now, total))
        while len(self._course) > 1 and now - self._course[0][0] > QUARTER_S:
            self._course.popleft()
        first = self._course[0][1]
        return {name: n - first[name] for name, n in total.items()}

    def _totals(self) -> dict[str, int]:
        judging = [driver for stage, driver in self.at_work if stage.role == "judge"]
        refused = sum(
            counted.get("points_refused", 0) for stage, _ in self.at_work for _, counted in stage.standing().values()
        )
        return {
            "handled": sum(driver.counters.get("handled", 0) for driver in judging),
            "dead_letters": sum(driver.counters.get("dead_letters", 0) for driver in judging),
            "points_refused": refused + (0 if self.upkeep is None else self.upkeep.points_refused),
        }


def _partitions(stage: JudgeStage | ArchiveStage, driver: Driver) -> list[PartitionPulse]:
    stands, found = driver.standing(), []
    for partition, (clock_s, counted) in sorted(stage.standing().items()):
        at = stands.get(partition, Standing(None, 0.0, False))
        areas, silent = (
            (stage.areas_of(partition), stage.silent_areas(partition)) if isinstance(stage, JudgeStage) else (0, ())
        )
        found.append(
            PartitionPulse(
                stage.role, partition, clock_s, at.waiting, round(at.unsaved_s, 3), at.paused, areas, silent, counted
            )
        )
    return found


class Heart:
    """Beats until it is stopped. A store that is away is said once, and tried again at the next beat."""

    def __init__(
        self,
        taker: PulseTaker,
        watch: Watch,
        *,
        switch: DeadMansSwitch | None = None,
        every_s: float = EVERY_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._taker, self._watch, self._switch = taker, watch, switch
        self._every_s, self._now = every_s, now
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
        self.trouble: str | None = None

    @property
    def watch(self) -> Watch:
        return self._watch

    @property
    def owner(self) -> str:
        return self._taker.owner

    def pulse(self) -> Pulse:
        """As it is now. May be asked from any thread."""
        return self._taker.pulse()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End in order: nobody need wonder where this process is."""
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN_S)
        if self._thread.is_alive() or self.trouble is not None:
            log.warning("the store is away: the others will miss this process until its partitions are taken over")
            return
        try:
            self._watch.store.end_beats([self.owner])
            self._watch.store.release_lease(LEASE, self.owner)
        except MeterwatchError as error:
            log.warning("the others will miss this process: %s", error)

    def beat(self) -> None:
        """One beat: the pulse saved, the monitor surveyed, its rules judged if it is this process's turn."""
        try:
            self._watch.store.beat(self._taker.pulse())
            for standing in self._watch.round(self._now()):
                rule = self._watch.rules[standing.rule]
                said = log.warning if standing.open else log.info
                said("%s %s: %s", rule.code, standing.subject, rule.name_en if standing.open else "over")
        except MeterwatchError as error:
            if self.trouble is None:
                log.warning("the watch waits: %s", error)
            self.trouble = str(error)
            return
        if self.trouble is not None:
            log.info("the watch goes on")
        self.trouble = None
        if self._switch is not None and self._watch.judged:
            self._switch.hold()

    def _run(self) -> None:
        while not self._asked.is_set():
            self.beat()
            self._asked.wait(self._every_s)


def at_work(
    stages: Sequence[JudgeStage | ArchiveStage], drivers: Sequence[StageDriver]
) -> list[tuple[JudgeStage | ArchiveStage, Driver]]:
    return list(zip(stages, drivers, strict=True))
