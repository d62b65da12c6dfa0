"""What a person's word on an alert changed, for people who read it: of its own meter, of others that look alike, or nothing, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np

from detectors.case.case_probability import CaseProbabilityParams
from detectors.case.prior import F64
from detectors.case.ranker import Ranker
from metering.archive import Archive
from metering.dismissal import Dismissal
from metering.inspection import AuditEntry
from metering.ports import StateStore
from metering.times import DAY_S
from operations.finding_effects import largest
from operations.learn_findings import Learner
from operations.not_a_problem import DismissalLife

#: A weak finding moves less than what is told of findings.
_WORTH_TELLING = 0.0005
#: A probability that moved by less is not counted.
_MOVED = 0.0005

Kind = Literal["taught", "expected", "no_lesson", "of_area", "outranked", "not_described", "undone"]


@dataclass(frozen=True, slots=True)
class DismissalEffect:
    """One word and what became of it.

    `kind` is `taught` (it moved the ranking by `moved`: (feature, log-odds at full strength), the largest first), `expected` (by next to
    nothing), `no_lesson` (its reason says that the evidence was right), `of_area` (it is about a whole area), `outranked` (an
    inspection found something there), `not_described` (the meter was of no interest the day before: only its own odds are lower) or
    `undone` (by the person in `undo`). `waiting`: the next day that closes learns it; what is told is what it will change.

    `before` and `after` are the meter's own probability that a visit finds something, without the word and with it, as of the
    last closed day, None where it was not described; `others` is how many other meters moved with it, `most` by how much at most.
    """

    dismissal: Dismissal
    kind: Kind
    waiting: bool = False
    moved: tuple[tuple[str, float], ...] = field(default=())
    before: float | None = None
    after: float | None = None
    others: int = 0
    most: float = 0.0
    undo: AuditEntry | None = None


def dismissal_effects(store: StateStore, archive: Archive, lives: Sequence[DismissalLife]) -> list[DismissalEffect]:
    """What each of `lives` changed, in their order."""
    ranker = Learner(store.load_model_pages(), seed=1).ranker
    last = store.last_closed_day()
    closed_s = 0 if last is None else archive.calendar.day_close(date.fromordinal(last))
    learnt = {e.finding_id for e in ranker.examples}
    waiting = {
        life.dismissal.dismissal_id
        for life in lives
        if life.undo is None and life.dismissal.dismissal_id not in learnt and life.dismissal.said_at_s >= closed_s
    }
    for life in lives:
        if life.dismissal.dismissal_id in waiting:
            ranker.hear(life.dismissal)
        elif life.undo is not None:
            ranker.undo(life.dismissal.dismissal_id)
    by_id = ranker.effects()
    return [
        _effect(life, ranker, by_id.get(life.dismissal.dismissal_id), closed_s, life.dismissal.dismissal_id in waiting)
        for life in lives
    ]


def _effect(
    life: DismissalLife, ranker: Ranker, moved: Mapping[str, float] | None, closed_s: int, waiting: bool
) -> DismissalEffect:
    said = life.dismissal
    if life.undo is not None:
        return DismissalEffect(said, "undone", undo=life.undo)
    if not said.teaches:
        return DismissalEffect(said, "of_area" if said.meter_id is None else "no_lesson", waiting)
    if ranker.was_undone(said.dismissal_id):
        return DismissalEffect(said, "outranked")
    if moved is None:
        return DismissalEffect(said, "not_described", waiting)
    told = tuple(largest(moved, _WORTH_TELLING))
    with_it = np.array([ranker.weights.get(name, 0.0) for name in ranker.features])
    without = with_it - np.array([moved[name] for name in ranker.features])
    before, after = _own(said, ranker, without, with_it, closed_s, waiting=waiting)
    shifts = [
        abs(_probability(odds, values, with_it) - _probability(odds, values, without))
        for meter_id, (odds, values) in ranker.yesterday.items()
        if meter_id != said.meter_id
    ]
    return DismissalEffect(
        said,
        "taught" if told else "expected",
        waiting,
        told,
        before,
        after,
        sum(shift >= _MOVED for shift in shifts),
        max(shifts, default=0.0),
    )


def _own(
    said: Dismissal, ranker: Ranker, without: F64, with_it: F64, closed_s: int, *, waiting: bool
) -> tuple[float | None, float | None]:
    """The meter's own probability without the word and with it; the last closed day has heard it already unless it waits."""
    known = ranker.yesterday.get(said.meter_id or "")
    if known is None:
        return None, None
    p = CaseProbabilityParams()
    lowered = p.said_benign * p.nothing_found_keeps ** (max(closed_s - said.said_at_s, 0) / DAY_S)
    odds, values = known
    return (
        _probability(odds + (0.0 if waiting else lowered), values, without),
        _probability(odds - (lowered if waiting else 0.0), values, with_it),
    )


def _probability(log_odds: float, values: Sequence[float], weights: F64) -> float:
    return 1 / (1 + math.exp(-(log_odds + float(np.dot(values, weights)))))
