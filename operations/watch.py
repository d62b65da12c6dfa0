"""The watcher watched: measure the monitor from its own store, judge its rules, and say what opens and ends.

Every process measures; one at a time (by lease) judges. So a heartbeat that stops is seen by the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from alerts.watch import KIND, RULES, WHY_NOT, Measured, WatchRule, judge, urgency_of
from metering.announcement import Announcement, Turn
from metering.archive import Archive
from metering.inspection import AuditEntry
from metering.ports import PartitionMark, Role, StateStore
from metering.times import DAY_S
from metering.watch import Heartbeat, PartitionPulse, Pulse, Waiting, WatchStanding
from operations.dispatch import clock_of

LEASE = "watch"
LEASE_S = 30.0
#: The audit trail's subject: every alert of the watch opens and ends on it.
SUBJECT = "watch"
ACTOR = "meterwatch"
#: Where the monitor's own alerts are, in place of a transformer area.
PLACE = "meterwatch"
#: A process that was not heard of for so long (seconds) counts for nothing that is judged of living ones.
ALIVE_S = 60.0
#: From here on somebody may stand in for it (seconds).
LATE_S = 30.0
#: A log further behind the wall clock than its own retention carries a recorded feed, not the present.
PRESENT_S = 7 * DAY_S
#: A pulse whose work others do is forgotten after this (seconds).
FORGET_S = 600.0
#: How many areas, partitions or workers an alert names.
NAMED = 20


@dataclass(frozen=True, slots=True)
class Survey:
    """The monitor at one time, as the store has it. `now_s` is wall clock; `marks` are of both roles."""

    now_s: float
    beats: Sequence[Heartbeat]
    marks: Sequence[PartitionMark]
    outboxes: Sequence[Waiting]
    partitions: int
    model_age_s: float | None
    recorded: bool = False
    """The log is known to carry a feed of other days."""

    def alive(self, role: str) -> list[Pulse]:
        """Pulses of living workers of one role."""
        kinds = (role, "both")
        return [b.pulse for b in self.beats if b.pulse.kind in kinds and age_of(b) <= ALIVE_S]

    def held(self, role: str) -> list[tuple[Pulse, PartitionPulse]]:
        """The partitions that living workers hold in one role."""
        return [(pulse, p) for pulse in self.alive(role) for p in pulse.partitions if p.role == role]

    @property
    def roles(self) -> list[Role]:
        """Judging always; archiving where somebody has ever done it."""
        archives = any(m.role == "archive" for m in self.marks) or bool(self.alive("archive"))
        return ["judge", "archive"] if archives else ["judge"]

    @property
    def clock_s(self) -> int:
        """The log's time at which what is said now is taken up at once, though a partition stands still; 0 before the first
        tick."""
        return clock_of([m for m in self.marks if m.role == "judge"], self.partitions) or 0


def age_of(beat: Heartbeat) -> float:
    """How long ago the process was last seen at work, not merely alive."""
    return beat.age_s + beat.pulse.loop_age_s


def survey(store: StateStore, archive: Archive, partitions: int, now_s: float) -> Survey:
    """Read everything that is judged. Raises `StoreUnavailable`."""
    marks = [*store.marks("judge"), *store.marks("archive")]
    return Survey(now_s, store.heartbeats(), marks, store.outboxes(), partitions, _model_age_s(store, archive, marks))


def _model_age_s(store: StateStore, archive: Archive, marks: Sequence[PartitionMark]) -> float | None:
    """Event time since the end of the last closed day, or since the first waiting one began; None without either."""
    clock_s = max((m.clock_s for m in marks if m.role == "judge"), default=0)
    closed, waiting = store.last_closed_day(), store.days_waiting()
    calendar = archive.calendar
    if closed is not None:
        ended_s = calendar.day_end(date.fromordinal(closed))
    elif waiting:
        ended_s = calendar.day_start(date.fromordinal(waiting[0]))
    else:
        return None
    return float(max(0, clock_s - ended_s))


def measure(at: Survey, before: Iterable[WatchStanding] = ()) -> Iterator[Measured]:
    """Every rule's value; `before` are the standings so far: what nothing is heard of any more is measured as such."""
    for role in at.roles:
        yield _unheld(at, role)
        yield from _of_role(at, role)
    yield _clock_behind(at)
    yield from _silent_areas(at)
    yield from _of_processes(at, before)
    for waiting in at.outboxes:
        value = waiting.oldest_s if waiting.entries else 0.0
        yield Measured(
            f"{waiting.outbox}_waiting",
            "",
            value,
            (f"{waiting.entries} waiting",) if waiting.entries else (),
            "unknown_age",
        )
    yield from _of_the_last_quarter(at)
    yield Measured("model_old", "", at.model_age_s, (), "no_day")


def _unheld(at: Survey, role: Role) -> Measured:
    held = {p.partition for _, p in at.held(role)}
    free = [p for p in range(at.partitions) if p not in held]
    return Measured("judging_stopped", role, float(len(free)), tuple(f"{p}" for p in free[:NAMED]))


def _of_role(at: Survey, role: Role) -> Iterator[Measured]:
    held = at.held(role)
    no_worker = "" if held else "no_worker"
    paused = [f"{p.partition}" for _, p in held if p.paused]
    yield Measured("partition_paused", role, float(len(paused)) if held else None, tuple(paused[:NAMED]), no_worker)
    known = [(p.waiting, p.partition) for _, p in held if p.waiting is not None]
    worst = tuple(f"{p}: {n}" for n, p in sorted(known, reverse=True)[:NAMED] if n)
    yield Measured(
        "log_behind", role, float(sum(n for n, _ in known)) if known else None, worst, no_worker or "log_silent"
    )
    oldest = max(((p.unsaved_s, pulse.owner) for pulse, p in held), default=None)
    yield Measured(
        "checkpoint_old",
        role,
        None if oldest is None else oldest[0],
        () if oldest is None or not oldest[0] else (oldest[1],),
        no_worker,
    )


def _clock_behind(at: Survey) -> Measured:
    behind = [(at.now_s - m.clock_s, m.partition) for m in at.marks if m.role == "judge" and m.clock_s]
    if not behind:
        return Measured("clock_behind", "judge", None, (), "no_worker")
    if at.recorded or min(behind)[0] > PRESENT_S:
        return Measured("clock_behind", "judge", None, (), "old_days")
    worst = sorted(behind, reverse=True)
    return Measured("clock_behind", "judge", max(0.0, worst[0][0]), tuple(f"{p}" for _, p in worst[:NAMED]))


def _silent_areas(at: Survey) -> Iterator[Measured]:
    held = [p for _, p in at.held("judge")]
    silent = sorted(area for p in held for area in p.silent)
    areas = sum(p.areas for p in held)
    if not areas:
        yield Measured("areas_silent", "", None, (), "no_worker")
        yield Measured("many_areas_silent", "", None, (), "no_worker")
        return
    named = tuple(silent[:NAMED])
    yield Measured("areas_silent", "", float(len(silent)), named)
    yield Measured("many_areas_silent", "", len(silent) / areas, named)


def _of_processes(at: Survey, before: Iterable[WatchStanding]) -> Iterator[Measured]:
    seen: set[tuple[str, str]] = set()
    for beat in at.beats:
        pulse, age_s = beat.pulse, age_of(beat)
        silent = age_s > ALIVE_S
        found = [Measured("worker_silent", pulse.owner, 0.0 if age_s > LATE_S and is_relieved(beat, at) else age_s)]
        if pulse.upkeep_age_s is not None:
            found.append(
                Measured(
                    "upkeep_stuck", pulse.owner, None if silent else pulse.upkeep_age_s, (), "gone" if silent else ""
                )
            )
        for part, (seconds, why) in pulse.failing.items():
            found.append(
                Measured(
                    "part_failing", f"{pulse.owner}/{part}", None if silent else max(seconds, 1e-3), (why,), "gone"
                )
            )
        seen |= {(m.rule, m.subject) for m in found}
        yield from found
    owners_silent = {b.pulse.owner for b in at.beats if age_of(b) > ALIVE_S}
    for standing in before:
        if standing.rule not in ("worker_silent", "upkeep_stuck", "part_failing"):
            continue
        if (standing.rule, standing.subject) not in seen:
            # it ended in order, or the part works again; what a silent worker would say nobody knows
            unknown = standing.subject.partition("/")[0] in owners_silent
            yield Measured(standing.rule, standing.subject, None if unknown else 0.0, (), "gone" if unknown else "")


def is_relieved(beat: Heartbeat, at: Survey) -> bool:
    """Whether others do what the silent process did: its partitions are held, or another desk is there."""
    pulse = beat.pulse
    if pulse.kind == "desk":
        return any(b.pulse.kind == "desk" and b is not beat and age_of(b) <= ALIVE_S for b in at.beats)
    held = {
        (role, p.partition) for role in ("judge", "archive") for other, p in at.held(role) if other.owner != pulse.owner
    }
    return all((p.role, p.partition) in held for p in pulse.partitions)


def _of_the_last_quarter(at: Survey) -> Iterator[Measured]:
    alive = [b.pulse for b in at.beats if age_of(b) <= ALIVE_S and b.pulse.kind != "desk"]
    judging = [p for p in alive if p.kind in ("judge", "both")]
    handled = sum(p.handled for p in judging)
    letters = sum(p.dead_letters for p in judging)
    yield Measured(
        "dead_letters",
        "",
        letters / handled if handled else None,
        (f"{letters} of {handled}",) if letters else (),
        "nothing_handled" if judging else "no_worker",
    )
    refused = sum(p.points_refused for p in alive)
    yield Measured("points_refused", "", float(refused) if alive else None, (), "no_worker")


@dataclass(slots=True)
class Watch:
    """Judges the rules, one owner at a time. `recorded`: the log carries a feed of other days, whatever the clock says."""

    store: StateStore
    archive: Archive
    partitions: int
    owner: str
    rules: Mapping[str, WatchRule] = field(default_factory=lambda: RULES)
    recorded: bool = False
    last: Survey | None = None
    """The last survey of this process: what its metrics show."""
    standings: Sequence[WatchStanding] = ()
    judged: Sequence[WatchStanding] = ()
    """What this process itself judged in its last round; empty where another holds the lease."""
    _oldest: dict[str, tuple[str, float]] = field(default_factory=dict)

    def round(self, now_s: float) -> Sequence[WatchStanding]:
        """Survey, and judge if it is this process's turn; the alerts that opened or ended here. Raises `StoreUnavailable`."""
        at = survey(self.store, self.archive, self.partitions, now_s)
        outboxes = [self._aged(waiting, now_s) for waiting in at.outboxes]
        at = replace(at, outboxes=outboxes, recorded=self.recorded)
        before = self.store.watch_standings()
        self.last, self.standings = at, before
        if not self.store.take_lease(LEASE, self.owner, LEASE_S):
            self.judged = ()
            return ()
        known = {(s.rule, s.subject): s for s in before}
        after = [
            judge(self.rules[m.rule], known.get((m.rule, m.subject)), m, now_s)
            for m in measure(at, before)
            if self.rules[m.rule].enabled
        ]
        moved = [s for s in after if s.open != _was_open(known.get((s.rule, s.subject)))]
        audit = [_audit_line(self.rules[s.rule], s) for s in moved]
        told = [self._announcement(s, at) for s in moved]
        self.store.save_watch(after, audit, told)
        self._forget(at, after)
        self.standings = self.judged = after
        return moved

    def _aged(self, waiting: Waiting, now_s: float) -> Waiting:
        """Where the store keeps no age: since when this process has seen the same entry be the oldest."""
        if not waiting.entries or waiting.outbox != "notifications":
            return waiting
        oldest, since_s = self._oldest.get(waiting.outbox, ("", now_s))
        if oldest != waiting.oldest:
            since_s = now_s
        self._oldest[waiting.outbox] = (waiting.oldest, since_s)
        return replace(waiting, oldest_s=max(0.0, now_s - since_s))

    def _announcement(self, standing: WatchStanding, at: Survey) -> Announcement:
        """Stamped with the log's own time, as everything else that is said: a clock that stands still must not hold it back."""
        rule = self.rules[standing.rule]
        turn = Turn.CLEARED if not standing.open else Turn.RAISED if standing.episode == 1 else Turn.RETURNED
        urgency = urgency_of(rule, standing.subject)
        return Announcement(
            standing.alert_id,
            PLACE,
            None,
            KIND + rule.code,
            "high" if urgency == "page" else "medium",
            urgency,
            turn,
            at.clock_s,
            standing.episode,
            title=" ".join(filter(None, (rule.name_en, standing.subject))),
        )

    def _forget(self, at: Survey, after: Sequence[WatchStanding]) -> None:
        """Processes that are gone for good, and what was judged of them."""
        open_subjects = {s.subject.partition("/")[0] for s in after if s.open}
        gone = [
            b.pulse.owner
            for b in at.beats
            if b.age_s > FORGET_S and is_relieved(b, at) and b.pulse.owner not in open_subjects
        ]
        if gone:
            self.store.end_beats(gone)
        owners = {b.pulse.owner for b in at.beats} - set(gone)
        over = [
            (s.rule, s.subject)
            for s in after
            if self.rules[s.rule].subject.startswith("worker")
            and not s.open
            and s.crossed_at_s is None
            and s.subject.partition("/")[0] not in owners
            and (s.ended_at_s is None or at.now_s - s.ended_at_s > FORGET_S)
        ]
        if over:
            self.store.forget_watch(over)


def _was_open(standing: WatchStanding | None) -> bool:
    return standing is not None and standing.open


def _audit_line(rule: WatchRule, standing: WatchStanding) -> AuditEntry:
    value = "" if standing.value is None else f"{standing.value:g} {rule.unit}"
    named = ", ".join(standing.which)
    return AuditEntry(
        SUBJECT,
        int(standing.judged_at_s),
        ACTOR,
        "open" if standing.open else "end",
        "normal" if standing.open else "abnormal",
        "abnormal" if standing.open else "normal",
        " · ".join(filter(None, (rule.code, standing.subject, value, named))),
    )


def why_not(standing: WatchStanding, *, zh: bool = False) -> str:
    """Why a rule could not be judged, in words; empty where it was."""
    words = WHY_NOT.get(standing.why_not) if standing.value is None else None
    return "" if words is None else words[int(zh)]
