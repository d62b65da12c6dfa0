"""`findings list | undo`: what inspections found, what each finding taught, and taking one back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from inspection.track_record import Precision
from metering.messages import Finding
from metering.times import LocalCalendar
from monitor.silences import log_clock_s
from monitor.state import settings_of
from monitor.stores import open_existing_store
from monitor.wire import relay_bytes
from operations.finding_effects import Effect, finding_effects
from operations.undo_finding import undo_finding


def list_findings(run: Path | None, limit: int) -> Iterator[str]:
    """The newest findings, each with what it changed of the ranking, and the detectors' track record."""
    store = open_existing_store(settings_of(run))
    try:
        archive = store.load_archive()
        found = list(store.findings())[-limit:]
        if not found:
            yield "no inspection has found anything yet, nor nothing"
        effects, record = finding_effects(store, archive, found)
        for effect in effects:
            yield _line(effect.finding, archive.calendar)
            yield f"    {effect_line(effect)}"
        yield from record_lines(record)
    finally:
        store.close()


def undo(finding_id: str, by: str, reason: str, run: Path | None = None) -> str:
    store = open_existing_store(settings_of(run))
    try:
        found = undo_finding(store, finding_id, by=by, reason=reason, now_s=log_clock_s(store), encode=relay_bytes)
        line = _line(found, store.load_archive().calendar)
    finally:
        store.close()
    if run is None:
        return f"{line}\n    is undone when the next day closes: the ranking is learnt anew without it"
    return (
        f"{line}\n    is taken back; the run is over, so its alerts, tasks and scores stay as they were, "
        "and `findings list` shows what is learnt without it"
    )


def effect_line(effect: Effect) -> str:
    """What a finding changed, in words; the largest change of the ranker's weights first."""
    found = effect.finding
    match effect.kind:
        case "taught":
            return "taught: " + ", ".join(f"{name} {by:+.3f}" for name, by in effect.moved)
        case "expected":
            return "taught: next to nothing: it was expected"
        case "of_area" if found.confirmed:
            return f"about the whole area {found.transformer_area}: its alert is settled; the ranking of meters learns nothing"
        case "of_area":
            return (
                f"about the whole area {found.transformer_area}: its alert is withdrawn and its usual loss learnt anew; "
                "the ranking of meters learns nothing"
            )
        case "contradicted":
            return "teaches nothing: a later finding at the meter says otherwise and stands in its place"
        case "undone" if effect.undo is not None:
            return f"teaches nothing: taken back by {effect.undo.actor}: {effect.undo.reason}"
        case _:
            return "teaches nothing: nobody thought of a case at the meter before the visit, so nothing was kept of how it looked"


def record_lines(record: Sequence[Precision]) -> Iterator[str]:
    """What visits made of each detector's word."""
    for p in record:
        low, high = p.interval
        yield (
            f"{p.detector} {p.abnormality}: {p.confirmed} of {p.visited} visits found something "
            f"({low:.0%} to {high:.0%}), {p.right_kind} of that kind"
        )


def learnt_by(run: Path, meter_id: str) -> list[str]:
    """For `explain`: the findings at a meter, and what each taught."""
    store = open_existing_store(settings_of(run))
    try:
        archive = store.load_archive()
        at_meter = [f for f in store.findings() if f.meter_id == meter_id]
        effects, _ = finding_effects(store, archive, at_meter)
        return [f"{_line(e.finding, archive.calendar)}; {effect_line(e)}" for e in effects]
    finally:
        store.close()


def _line(finding: Finding, calendar: LocalCalendar) -> str:
    what = f"confirmed {finding.abnormality}" if finding.confirmed else "nothing found"
    at = calendar.text(finding.found_at_s)
    return f"{finding.finding_id}  {at}  {finding.meter_id}  {what}  by {finding.found_by or '-'}"
