"""Feeds the log in lockstep with the simulated inspectors: a run never overtakes its own findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from metering.archive import Archive
from metering.inspection import InspectionTask
from metering.messages import ArrivedFrame, Finding, Tick
from metering.ports import StateStore
from simulator.feeds.publication import Sent
from simulator.people.department import InspectionDepartment


@dataclass(slots=True)
class Sending:
    """Counts what goes onto the log, independently of what comes out at the other end."""

    readings: int = 0
    frames: int = 0
    messages: int = 0

    def count(self, sent: Sent) -> Sent:
        self.messages += 1
        if isinstance(sent.message, ArrivedFrame):
            self.frames += 1
            self.readings += sent.message.reading_count
        return sent


@dataclass(slots=True)
class Pacing:
    """Feeds the log, in chunks. With an inspection department a chunk ends where a day closes: the day's tasks are assigned,
    and the findings enter the log at their own time. Without one, all is one chunk.
    """

    archive: Archive
    store: StateStore
    department: InspectionDepartment | None
    sending: Sending = field(default_factory=Sending)
    injected: list[Finding] = field(default_factory=list)
    clock_s: int = 0
    """The last tick that was sent."""
    _next_day_close_s: int | None = None

    def chunks(self, messages: Iterator[Sent]) -> Iterator[Iterator[Sent]]:
        """Each chunk must be handled, saved and its days closed before the next is asked for."""
        over = False

        def chunk() -> Iterator[Sent]:
            nonlocal over
            for sent in messages:
                message = sent.message
                if isinstance(message, Tick):
                    for finding in self._due(message):
                        yield self.sending.count(Sent(finding.transformer_area, finding, message.time_s))
                elif self.department is not None and isinstance(message, ArrivedFrame):
                    self.department.saw(message)
                yield self.sending.count(sent)
                if isinstance(message, Tick) and self._closes_a_day(message):
                    return
            over = True

        while not over:
            yield chunk()
            self._assign()

    def _due(self, tick: Tick) -> list[Finding]:
        due = [] if self.department is None else self.department.due(tick.time_s)
        self.injected += due
        return due

    def _closes_a_day(self, tick: Tick) -> bool:
        self.clock_s = tick.time_s
        if self.department is None:
            return False
        calendar = self.archive.calendar
        if self._next_day_close_s is None:
            self._next_day_close_s = calendar.day_close(calendar.day_of(tick.time_s - 1))
        return tick.time_s >= self._next_day_close_s

    def _assign(self) -> None:
        if self.department is None or self._next_day_close_s is None:
            return
        calendar = self.archive.calendar
        while self._next_day_close_s <= self.clock_s:
            close_s = self._next_day_close_s
            self.department.work(self.store.tasks(only_open=True), close_s, self._claim_of)
            self._next_day_close_s = calendar.day_close(calendar.day_of(close_s))

    def _claim_of(self, task: InspectionTask) -> str | None:
        alert = self.store.alert(task.alert_ids[0]) if task.alert_ids else None
        return None if alert is None else alert.abnormality
