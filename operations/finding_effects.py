"""What each finding changed, for people who read it: of the ranking, of an area's own loss, or nothing, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from inspection.track_record import Precision
from metering.archive import Archive
from metering.inspection import AuditEntry
from metering.messages import Finding
from metering.ports import StateStore
from operations.learn_findings import Learner
from operations.undo_finding import undone_by

#: A weight that moved by less is not told.
_WORTH_TELLING = 0.005
_MOST_TOLD = 6

Kind = Literal["taught", "expected", "of_area", "undone", "contradicted", "not_described"]


@dataclass(frozen=True, slots=True)
class Effect:
    """One finding and what became of it.

    `kind` is `taught` (it moved the ranking by `moved`: (feature, log-odds at full strength), the largest first), `expected` (by next to
    nothing), `of_area` (it is about a whole area: it settles the area's alert, and where nothing was found the area's loss is
    learnt anew), `undone` (by the person in `undo`), `contradicted` (a later finding there says otherwise) or
    `not_described` (the meter was of no interest on the day before, so that nothing can be learnt from it).
    """

    finding: Finding
    kind: Kind
    moved: tuple[tuple[str, float], ...] = field(default=())
    undo: AuditEntry | None = None


def finding_effects(
    store: StateStore, archive: Archive, findings: Sequence[Finding]
) -> tuple[list[Effect], list[Precision]]:
    """(what each of `findings` changed, in their order; the detectors' track records), those that a person took back left out of both."""
    learner = Learner(store.load_model_pages(), seed=1)
    undone = {f.finding_id: undo for f in findings if (undo := undone_by(store, f.finding_id)) is not None}
    for finding_id in undone:
        learner.undo(finding_id)
    moved = learner.ranker.effects()
    told = [_effect(f, archive, learner, moved.get(f.finding_id), undone.get(f.finding_id)) for f in findings]
    return told, learner.record.precisions()


def _effect(
    finding: Finding, archive: Archive, learner: Learner, moved: dict[str, float] | None, undo: AuditEntry | None
) -> Effect:
    if undo is not None:
        return Effect(finding, "undone", undo=undo)
    meter = archive.meter(finding.meter_id)
    if meter is not None and meter.role == "supply":
        return Effect(finding, "of_area")
    if moved is None:
        return Effect(finding, "contradicted" if learner.ranker.was_undone(finding.finding_id) else "not_described")
    told = tuple(largest(moved))
    return Effect(finding, "taught" if told else "expected", told)


def largest(moved: Mapping[str, float], least: float = _WORTH_TELLING) -> Iterator[tuple[str, float]]:
    """(feature, log-odds) that moved by `least` or more, the largest first, as many as a person reads."""
    ranked = sorted(moved.items(), key=lambda item: (-abs(item[1]), item[0]))
    yield from [(name, by) for name, by in ranked if abs(by) >= least][:_MOST_TOLD]
