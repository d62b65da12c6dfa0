"""`findings list | undo`: what inspections found, what each finding taught, and taking one back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from metering.messages import Finding
from metering.times import iso
from monitor.silences import log_clock_s
from monitor.state import settings_of
from monitor.stores import open_store
from monitor.wire import relay_bytes
from operations.learn_findings import Learner
from operations.undo_finding import undo_finding

#: A weight that moved by less is not told.
_WORTH_TELLING = 0.005


def list_findings(run: Path | None, limit: int) -> Iterator[str]:
    """The newest findings, each with what it changed of the ranking, and the detectors' track record."""
    store = open_store(settings_of(run))
    try:
        found = list(store.findings())[-limit:]
        if not found:
            yield "no inspection has found anything yet, nor nothing"
        learner = Learner(store.load_model_pages(), seed=1)
        for finding in found:
            yield _line(finding)
            yield f"    {effect_line(learner, finding.finding_id)}"
        yield from record_lines(learner)
    finally:
        store.close()


def undo(finding_id: str, by: str, reason: str) -> str:
    store = open_store(settings_of(None))
    try:
        found = undo_finding(store, finding_id, by=by, reason=reason, now_s=log_clock_s(store), encode=relay_bytes)
        return f"{_line(found)}\n    is undone when the next day closes: the ranking is learnt anew without it"
    finally:
        store.close()


def effect_line(learner: Learner, finding_id: str) -> str:
    """What a finding changed of the ranker's weights, the largest change first."""
    effect = learner.ranker.effect_of(finding_id)
    if effect is None:
        return "teaches nothing: undone, or nothing was known of the meter before the visit"
    told = sorted(effect.items(), key=lambda item: (-abs(item[1]), item[0]))
    words = [f"{name} {by:+.3f}" for name, by in told if abs(by) >= _WORTH_TELLING]
    return f"taught: {', '.join(words[:6]) or 'next to nothing: it was expected'}"


def record_lines(learner: Learner) -> Iterator[str]:
    """What visits made of each detector's word."""
    for p in learner.record.precisions():
        low, high = p.interval
        yield (
            f"{p.detector} {p.abnormality}: {p.confirmed} of {p.visited} visits found something "
            f"({low:.0%} to {high:.0%}), {p.right_kind} of that kind"
        )


def learnt_by(run: Path, meter_id: str) -> list[str]:
    """For `explain`: the findings at a meter, and what each taught."""
    store = open_store(settings_of(run))
    try:
        learner = Learner(store.load_model_pages(), seed=1)
        at_meter = [f for f in store.findings() if f.meter_id == meter_id]
        return [f"{_line(f)}; {effect_line(learner, f.finding_id)}" for f in at_meter]
    finally:
        store.close()


def _line(finding: Finding) -> str:
    what = f"confirmed {finding.abnormality}" if finding.confirmed else "nothing found"
    return f"{finding.finding_id}  {iso(finding.found_at_s)}  {finding.meter_id}  {what}  by {finding.found_by or '-'}"
