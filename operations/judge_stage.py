"""The area stage along the log: frames are admitted, ticks close intervals and days, events and findings move alerts.

It reads nothing that other areas changed, so its output is a function of each area's messages and the ticks alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from metering.archive import Archive
from metering.catalogue import CATALOGUE
from metering.frame import ReadingFrame
from metering.messages import ArrivedFrame, Decision, Finding, Message, MeterEvents, Tick
from metering.points import Point
from metering.ports import Checkpoint, PartitionChange, PartitionMark, Role, StateStore
from metering.times import IntervalGrid
from operations.admission import Admission, OpenInterval, counters, late_rows, screen, take_in
from operations.announce import alerts_changed
from operations.area import AreaInProgress, Outcome, Thresholds, Trace, day_ordinal
from operations.close_area_day import close_area_day
from operations.derived_points import acknowledged_point, verdict_points
from operations.failpoints import failpoint
from operations.handle_alert import ACKNOWLEDGED
from operations.hear_dismissal import KINDS as DISMISSALS
from operations.hear_dismissal import hear_dismissal, outrank_dismissals
from operations.judge_frame import judge_frame
from operations.outage import POWER_OFF, tell_day
from operations.screen_event import screen_event
from operations.silence import KIND_END, KINDS, silence_in
from operations.undo_finding import KIND as UNDO
from operations.validation import count_refused

#: A gap in the ticks longer than this is not walked interval by interval: nothing was measured and nobody judged.
LONGEST_WALK_S = 14 * 86_400
#: An area is silent when nothing usable has come from it for so many intervals, and for so long (event time).
SILENT_INTERVALS, SILENT_S = 4, 7_200


class JudgeStage:
    """Drives the areas of the partitions it holds. `partition_of` is the log's own keying (area -> partition)."""

    role: Role = "judge"

    def __init__(
        self,
        archive: Archive,
        store: StateStore,
        partition_of: Callable[[str], int],
        *,
        owner: str,
        thresholds: Thresholds | None = None,
        trace: Trace | None = None,
    ) -> None:
        self._archive = archive
        self._store = store
        self._owner = owner
        self._thresholds = thresholds or {}
        self._trace = trace
        self._grid = IntervalGrid(archive.calendar, archive.interval_minutes)
        self._areas_of: dict[int, list[str]] = {}
        for name in archive.areas:
            self._areas_of.setdefault(partition_of(name), []).append(name)
        self._areas: dict[str, AreaInProgress] = {}
        self._marks: dict[int, PartitionMark] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._unsaved_pages: dict[int, dict[tuple[str, str], bytes]] = {}
        self._totals: dict[int, dict[str, int]] = {}
        #: area -> the log's time at which something usable last came from it, or since when it is listened to
        self._heard: dict[str, int] = {}

    def areas_of(self, partition: int) -> int:
        """How many areas a partition holds."""
        return len(self._areas_of.get(partition, ()))

    def silent_areas(self, partition: int) -> tuple[str, ...]:
        """Areas of a partition held here from which nothing usable has come for long, by name, unless a recorded outage says
        why. For whoever watches, from any thread."""
        mark = self._marks.get(partition)
        if mark is None:
            return ()
        longest_s = max(SILENT_S, SILENT_INTERVALS * self._archive.interval_s)
        names = self._areas_of.get(partition, ())
        now_s = mark.clock_s
        quiet = [name for name in sorted(names) if now_s - self._heard.get(name, now_s) > longest_s]
        return tuple(name for name in quiet if not self._archive.in_outage(name, now_s - longest_s, now_s + 1))

    def standing(self) -> dict[int, tuple[int, dict[str, int]]]:
        """By partition held: its clock (epoch seconds) and what this worker has counted in it so far, saved only."""
        return {p: (mark.clock_s, dict(self._totals.get(p, {}))) for p, mark in list(self._marks.items())}

    # --- Stage

    def begin(self, partition: int) -> int:
        self.drop(partition)
        mark = self._store.begin_partition(self.role, partition, self._owner)
        for name in self._areas_of.get(partition, ()):
            area = AreaInProgress(self._archive, self._archive.areas[name], self._thresholds)
            area.restore(self._store.load_pages(name))
            self._areas[name] = area
            self._listen(name, mark.clock_s)
        self._marks[partition] = mark
        self._outcomes[partition] = Outcome()
        return mark.next_offset

    def _listen(self, name: str, clock_s: int) -> None:
        """From now on the area is expected to speak, where the log has a time already."""
        if clock_s:
            self._heard[name] = clock_s
        else:
            self._heard.pop(name, None)

    def handle(self, partition: int, offset: int, message: Message) -> None:
        outcome = self._outcomes[partition]
        match message:
            case ArrivedFrame():
                self._receive(partition, message, outcome)
            case Tick():
                self._advance(partition, message, outcome)
            case MeterEvents():
                self._report(partition, message, outcome)
            case Finding():
                self._found(message, outcome)
            case Decision():
                self._decided(message, outcome)
        self._marks[partition] = replace(self._marks[partition], next_offset=offset + 1)

    def refuse(self, partition: int, offset: int, reading_count: int) -> None:
        self._outcomes[partition].count({"readings_dead_lettered": reading_count, "frames_dead_lettered": 1})
        self._marks[partition] = replace(self._marks[partition], next_offset=offset + 1)

    def save(self) -> frozenset[int]:
        checkpoint = Checkpoint(self.role)
        for partition, mark in self._marks.items():
            outcome = self._outcomes[partition]
            checkpoint.partitions[partition] = PartitionChange(
                epoch=mark.epoch,
                next_offset=mark.next_offset,
                clock_s=mark.clock_s,
                pages=self._pending_pages(partition),
                alerts=outcome.alerts,
                announcements=outcome.announcements,
                findings=outcome.findings,
                area_days=outcome.area_days,
                points=outcome.points,
                counters=outcome.counters,
            )
        failpoint("after_decision_before_commit")
        lost = self._store.save(checkpoint)
        failpoint("after_commit_before_dispatch")
        for partition, outcome in self._outcomes.items():
            totals = self._totals.setdefault(partition, {})
            for name, n in outcome.counters.items():
                totals[name] = totals.get(name, 0) + n
        self._unsaved_pages.clear()
        self._outcomes = {p: Outcome() for p in self._marks}
        for partition in lost:
            self.drop(partition)
        return lost

    def drop(self, partition: int) -> None:
        for name in self._areas_of.get(partition, ()):
            self._areas.pop(name, None)
        self._marks.pop(partition, None)
        self._outcomes.pop(partition, None)
        self._unsaved_pages.pop(partition, None)

    def _pending_pages(self, partition: int) -> dict[tuple[str, str], bytes]:
        """Dirty pages, together with those of a save that did not go through."""
        pending = self._unsaved_pages.setdefault(partition, {})
        for name in self._areas_of.get(partition, ()):
            for page, content in self._areas[name].dirty_pages().items():
                pending[name, page] = content
        return pending

    # --- messages

    def _receive(self, partition: int, frame: ArrivedFrame, outcome: Outcome) -> None:
        area = self._areas.get(frame.transformer_area)
        admission = Admission()
        clock_s = self._marks[partition].clock_s
        screened = screen(frame, None if area is None else area.area, self._grid, clock_s, admission)
        if area is not None and len(screened.rows):
            self._listen(area.name, clock_s)
            start_s = frame.interval_start_s
            if start_s < area.closed_until_s:
                admission.late = late_rows(frame, screened)
                self._amend(area, start_s, admission, outcome)
            else:
                interval = area.open.get(start_s)
                if interval is None:
                    interval = area.open[start_s] = OpenInterval.empty(len(area.area))
                take_in(frame, screened, interval, admission)
                area.touch("progress")
        if area is not None:
            count_refused(area, frame, admission)
        outcome.count(counters(admission))
        if self._trace is not None and area is not None:
            self._trace.admitted(area, frame.interval_start_s, admission.fate, admission.late)

    def _amend(self, area: AreaInProgress, start_s: int, admission: Admission, outcome: Outcome) -> None:
        """Late readings are flagged and stored, never learnt; they amend an alert that had to do without them."""
        for row, energy_kwh in admission.late:
            amended = area.bank.amend(row, start_s, energy_kwh, area.closed_until_s)
            alerts_changed(area, amended, area.closed_until_s, outcome)
            outcome.points.append(
                Point(
                    "reading",
                    {"transformer_area": area.name, "meter_id": area.area.meter_ids[row]},
                    start_s,
                    {"late": 1.0},
                )
            )

    def _advance(self, partition: int, tick: Tick, outcome: Outcome) -> None:
        clock_s = max(self._marks[partition].clock_s, tick.time_s)
        calendar = self._archive.calendar
        until = day_ordinal(calendar.day_of(tick.time_s - 1))
        for name in self._areas_of.get(partition, ()):
            area = self._areas[name]
            self._close_intervals(area, tick.time_s, outcome)
            while (
                area.next_day is not None
                and area.next_day <= until
                and (tick.final or calendar.day_close(date.fromordinal(area.next_day)) <= tick.time_s)
            ):
                close_area_day(area, area.next_day, partition, outcome, self._trace)
                area.next_day += 1
                area.touch("progress")
        if tick.final:
            # the feed is over: what was begun counts as closed, so that the day stage need not wait for its hour
            clock_s = max(clock_s, calendar.day_close(calendar.day_of(tick.time_s - 1)))
        if tick.final or not self._marks[partition].clock_s:
            # nobody is expected to have spoken before the log's time began, or to speak after its end
            for name in self._areas_of.get(partition, ()):
                self._listen(name, clock_s)
        self._marks[partition] = replace(self._marks[partition], clock_s=clock_s)

    def _close_intervals(self, area: AreaInProgress, tick_s: int, outcome: Outcome) -> None:
        until_s = self._grid.floor(tick_s)
        if area.closed_until_s == 0:
            first_s = min(area.open, default=until_s)
            area.closed_until_s = min(first_s, until_s)
            area.next_day = day_ordinal(self._archive.calendar.day_of(area.closed_until_s))
            area.touch("progress")
        start_s = area.closed_until_s
        if until_s - start_s > LONGEST_WALK_S:
            start_s = self._skip_gap(area, start_s, until_s)
        while start_s < until_s:
            end_s = self._grid.next(start_s)
            interval = area.open.pop(start_s, None) or OpenInterval.empty(len(area.area))
            area.closed_until_s = end_s
            area.touch("progress")
            frame = ReadingFrame(
                area.name, start_s, self._archive.interval_minutes, area.area.meter_ids, interval.columns
            )
            judge_frame(area, frame, interval.received, outcome, self._trace)
            start_s = end_s

    def _skip_gap(self, area: AreaInProgress, start_s: int, until_s: int) -> int:
        """Where closing goes on after a gap of weeks: at the first open interval, or at the tick."""
        area.closed_until_s = min((s for s in area.open if start_s <= s < until_s), default=until_s)
        return area.closed_until_s

    def _report(self, partition: int, message: MeterEvents, outcome: Outcome) -> None:
        area = self._areas.get(message.transformer_area)
        for event in message.events:
            row = None if area is None else area.area.row_of.get(event.meter_id)
            if area is None or row is None:
                outcome.count({"events_set_aside.unknown_meter": 1})
                continue
            word, why_not = screen_event(area, event, row, self._marks[partition].clock_s)
            if word is None:
                outcome.count({f"events_set_aside.{why_not}": 1})
                continue
            outcome.count({"events_accepted": 1})
            worked_on = any(True for _ in self._archive.works_at(area.area.meters[row], event.event_time_s))
            why_hidden = None if word.is_over else area.consequences.why_hidden(word.code, row, area.bank)
            if why_hidden is not None:
                outcome.count({f"suppressed.events.{why_hidden}": 1})
                continue
            if worked_on:
                outcome.count({"events_in_work_order": 1})
            elif word.code != POWER_OFF and not word.is_over:
                tell_day(area, row, word.code, event.event_time_s)
            if word.code == POWER_OFF and (word.is_over or not worked_on):
                area.area_outage.hear(row, event.event_time_s, is_over=word.is_over)
            alert = area.bank.report(event, row, in_work_order=worked_on)
            if alert is not None:
                area.touch("bank")
                alerts_changed(area, (alert,), event.event_time_s, outcome)

    def _found(self, finding: Finding, outcome: Outcome) -> None:
        outcome.findings[finding.finding_id] = finding
        area = self._areas.get(finding.transformer_area)
        row = None if area is None else area.area.row_of.get(finding.meter_id)
        if area is None or row is None:
            outcome.count({"findings_set_aside.unknown_meter": 1})
            return
        if finding.abnormality is not None and finding.abnormality not in CATALOGUE:
            outcome.count({"findings_set_aside.unknown_kind": 1})
            return
        outcome.count({"findings_accepted": 1})
        area.findings.append(finding)
        area.touch("bank")
        area.touch("progress")
        area.case_probability.found(row, confirmed=finding.confirmed)
        if area.area.is_supply[row]:
            area.day_area.found(confirmed=finding.confirmed)
        changed = {a.alert_id: a for a in outrank_dismissals(area, finding, row)}
        changed |= {a.alert_id: a for a in area.bank.found(finding, row)}
        alerts_changed(area, changed.values(), finding.found_at_s, outcome)
        outcome.points += verdict_points(changed.values(), finding.found_at_s)

    def _decided(self, decision: Decision, outcome: Outcome) -> None:
        outcome.count({f"decisions.{decision.kind}": 1})
        area = self._areas.get(decision.transformer_area)
        if area is not None and decision.kind == UNDO:
            self._undone(area, decision)
            return
        if area is not None and decision.kind in DISMISSALS:
            hear_dismissal(area, decision, outcome)
            return
        if area is not None and decision.kind == ACKNOWLEDGED:
            seen = next((a for a in area.bank.alerts() if a.alert_id == decision.subject_id), None)
            if seen is not None:
                episode = int(str(decision.detail["episode"]))
                outcome.points.append(acknowledged_point(seen, episode, decision.decided_at_s))
            return
        if area is None or decision.kind not in KINDS:
            return  # what people did with a task or an alert: the store has it already, the log only keeps its place in the area's order
        area.touch("progress")
        silence = silence_in(decision)
        if decision.kind == KIND_END:
            area.silences.pop(silence.silence_id, None)
        else:
            area.silences[silence.silence_id] = silence

    def _undone(self, area: AreaInProgress, decision: Decision) -> None:
        """The day stage unlearns the finding; that nothing was found no longer speaks for the meter."""
        area.undone.append(str(decision.detail["finding_id"]))
        row = area.area.row_of.get(str(decision.detail["meter_id"]))
        if row is not None and not decision.detail["confirmed"]:
            area.case_probability.found(row, confirmed=True)
        area.touch("progress")
