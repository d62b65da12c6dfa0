"""The life of an inspection task: which moves people may make from where, each with its line in the audit trail.

    open -> assigned -> on_site -> found -> closed
      \\________\\__ withdrawn   (with a reason; the machine may withdraw only what nobody has taken up)

A person decides: every move names who made it, and a finding says why. Functions are pure: they return the moved task
(version + 1) and its audit line, and leave saving to the use cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from inspection.opening import MACHINE
from metering.catalogue import CATALOGUE
from metering.errors import IllegalMove
from metering.inspection import AuditEntry, InspectionTask, TaskFinding, TaskState

Moved = tuple[InspectionTask, AuditEntry]


@dataclass(frozen=True, slots=True)
class MoveRule:
    """From which states a move is possible, where it leads, and whether it must say why."""

    sources: tuple[TaskState, ...]
    target: TaskState
    needs_reason: bool = False


MOVES: Mapping[str, MoveRule] = {
    "assign": MoveRule((TaskState.OPEN, TaskState.ASSIGNED), TaskState.ASSIGNED),
    "start_visit": MoveRule((TaskState.ASSIGNED,), TaskState.ON_SITE),
    "leave_site": MoveRule((TaskState.ON_SITE,), TaskState.ASSIGNED, needs_reason=True),
    "record_finding": MoveRule((TaskState.ON_SITE,), TaskState.FOUND, needs_reason=True),
    "close": MoveRule((TaskState.FOUND,), TaskState.CLOSED),
    "withdraw": MoveRule((TaskState.OPEN, TaskState.ASSIGNED), TaskState.WITHDRAWN, needs_reason=True),
}


def possible_moves(state: TaskState) -> tuple[str, ...]:
    """The moves a person can make from `state`, in the order of a task's life.

    >>> possible_moves(TaskState.ON_SITE)
    ('leave_site', 'record_finding')
    """
    return tuple(name for name, rule in MOVES.items() if state in rule.sources)


def assign(task: InspectionTask, *, assignee: str, actor: str, at_s: int) -> Moved:
    """Give the task to `assignee`, or to somebody else than before."""
    assignee = assignee.strip()
    if not assignee:
        raise IllegalMove(f"task {task.task_id} needs the name of the inspector who takes it")
    task, audit = _move(task, "assign", actor, at_s, f"assigned to {assignee}")
    return replace(task, assignee=assignee), audit


def start_visit(task: InspectionTask, *, actor: str, at_s: int) -> Moved:
    """The inspector stands at the service point."""
    return _move(task, "start_visit", actor, at_s)


def leave_site(task: InspectionTask, *, actor: str, at_s: int, reason: str) -> Moved:
    """The visit ended without a finding (no access, unsafe): the task waits for another visit."""
    return _move(task, "leave_site", actor, at_s, reason)


def record_finding(
    task: InspectionTask, *, confirmed: bool, abnormality: str | None, note: str, actor: str, at_s: int
) -> Moved:
    """What was found on site. `abnormality` is a catalogue code where `confirmed`, else None; `note` says what was seen."""
    if confirmed and abnormality not in CATALOGUE:
        raise IllegalMove(
            f"a confirmed finding names what was found: {abnormality!r} is not in the catalogue ({', '.join(CATALOGUE)})"
        )
    if not confirmed and abnormality is not None:
        raise IllegalMove(f"a finding that does not confirm names no abnormality, but {abnormality!r} was given")
    task, audit = _move(task, "record_finding", actor, at_s, note)
    return replace(task, finding=TaskFinding(at_s, confirmed, abnormality)), audit


def close(task: InspectionTask, *, actor: str, at_s: int, reason: str = "") -> Moved:
    """The work is done: a task closes with its finding, never without one."""
    task, audit = _move(task, "close", actor, at_s, reason)
    return replace(task, closed_at_s=at_s), audit


def withdraw(task: InspectionTask, *, actor: str, at_s: int, reason: str) -> Moved:
    """End a task that needs no visit. `meterwatch` itself withdraws only a task that nobody has taken up."""
    if actor == MACHINE and task.state is not TaskState.OPEN:
        raise IllegalMove(f"task {task.task_id} is {task.state}: a person works on it, so a person withdraws it")
    task, audit = _move(task, "withdraw", actor, at_s, reason, by_machine=actor == MACHINE)
    return replace(task, closed_at_s=at_s), audit


def _move(
    task: InspectionTask, move: str, actor: str, at_s: int, reason: str = "", *, by_machine: bool = False
) -> Moved:
    rule = MOVES[move]
    actor, reason = actor.strip(), reason.strip()
    if task.state not in rule.sources:
        possible = ", ".join(possible_moves(task.state)) or "nothing: its life is over"
        raise IllegalMove(f"task {task.task_id} is {task.state}, so {move} is not possible; possible is {possible}")
    if not actor or (actor == MACHINE and not by_machine):
        raise IllegalMove(f"{move} of task {task.task_id} needs the name of the person who decides it")
    if rule.needs_reason and not reason:
        raise IllegalMove(f"{move} of task {task.task_id} needs a reason in words: what was seen, or why")
    if at_s < task.opened_at_s:
        raise IllegalMove(
            f"{move} is dated {(task.opened_at_s - at_s + 59) // 60} min before task {task.task_id} was opened: check the clock"
        )
    audit = AuditEntry(task.task_id, at_s, actor, move, task.state, rule.target, reason)
    return replace(task, state=rule.target, version=task.version + 1), audit
