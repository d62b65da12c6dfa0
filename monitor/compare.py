"""`diff`: two RUN folders of the same feed, against the truth or what inspections found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.comparison import Comparison, compare, known_cases
from evaluation.run_folder import REPORT, TASKS, read_lines, read_report
from evaluation.run_rows import RaisedAlert, read_alerts, read_visits
from metering.errors import MeterwatchError
from metering.times import LocalCalendar
from metering.truth import TruthCase
from monitor.answer_sheet import read_answers
from monitor.scoring import feed_of


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """`by` says what is taken for true; `tasks` are (visits only the second run proposes, only the first)."""

    comparison: Comparison
    by: str
    tasks: tuple[int, int]
    calendar: LocalCalendar

    def lines(self) -> Iterator[str]:
        found = self.comparison
        yield found.sentence
        for move, alerts in (("open", found.opened), ("close", found.closed)):
            yield from (f"  {move}: {_alert(a, self.calendar)}" for a in alerts)
        yield from (
            f"  rename: {_alert(before, self.calendar)}, now {after.abnormality} raised {self.calendar.text(after.raised_s)}"
            for before, after in found.renamed
        )
        for move, cases in (("miss", found.missed), ("find", found.gained)):
            yield from (f"  {move}: {_case(c, self.calendar)}" for c in cases)
        yield f"inspection tasks: {self.tasks[0]} more, {self.tasks[1]} no longer; what is true is taken from {self.by}"


def compare_runs(before: Path, after: Path, truth: Path | None = None) -> ComparedRuns:
    """`truth` None: the feed's own, where it has one, else the findings of the first run. Raises `MeterwatchError` for a
    folder that is no finished run, for runs of different feeds, or whose feed has moved."""
    same_feed(before, after)
    feed = feed_of(before)
    first, second = (read_alerts(run, feed.archive) for run in (before, after))
    cases: Sequence[TruthCase] | None = None
    if truth is not None:
        cases, by = read_answers(truth).cases, str(truth)
    elif feed.has_truth:
        cases, by = feed.truth(), f"{feed.archive.name}'s truth"
    else:
        by = f"what inspections of {before.name} confirmed"
    visits = [] if cases is not None else read_visits(before, first, feed.archive)
    points = [{str(t["service_point"]) for t in read_lines(run / TASKS)} for run in (before, after)]
    tasks = len(points[1] - points[0]), len(points[0] - points[1])
    return ComparedRuns(compare(first, second, known_cases(cases, visits)), by, tasks, feed.archive.calendar)


def same_feed(before: Path, after: Path) -> None:
    """Raises `MeterwatchError` where the two runs are not of one and the same feed, by the identity in their reports: what one
    raised and the other did not would then say nothing of what changed."""
    first, second = (read_report(run).get("feed", {}) for run in (before, after))
    for run, of in ((before, first), (after, second)):
        if not of.get("identity"):
            raise MeterwatchError(
                f"{run / REPORT} does not say which feed the run was made of (an older version wrote it): replay the feed anew"
            )
    if first["identity"] != second["identity"]:
        raise MeterwatchError(
            f"{before} was made of the feed {first['name']!r} ({first['identity']}), {after} of {second['name']!r} "
            f"({second['identity']}): compare runs of the same feed, with the same meters and readings"
        )


def _alert(alert: RaisedAlert, calendar: LocalCalendar) -> str:
    where = alert.transformer_area if alert.of_area else alert.meter_id
    return f"{where} {alert.abnormality} raised {calendar.text(alert.raised_s)}"


def _case(case: TruthCase, calendar: LocalCalendar) -> str:
    until = "" if case.end_s is None else f" until {calendar.text(case.end_s)}"
    since = f" since {calendar.text(case.start_s)}" if case.start_s else ""
    return f"{case.meter_id} {case.abnormality}{since}{until}"
