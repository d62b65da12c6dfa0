"""`explain`: one reading through admission, every score, the alert stages and the day's decisions.

Nothing is stored for it: one area's judging is a function of that area's messages, so its part of the feed is simply
judged again, with the same thresholds and findings, while a trace looks on. What the run decided is read from its folder.
A feed that the run lived through is lived through again, with what the run's inspections changed of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from alerts.consequences import CAUSES
from alerts.life import CODES
from detectors.case.case_probability import Verdict
from evaluation.run_folder import ALERTS, FINDINGS, SCORES, TASKS, read_lines, read_scores
from metering.catalogue import CATALOGUE
from metering.errors import MeterwatchError
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, Signal
from metering.frame import ReadingFrame
from metering.messages import Finding, Tick
from metering.times import IntervalGrid, LocalCalendar, iso, parse_iso, to_epoch_s
from metering.units import unit_words
from monitor.inspected import relive
from monitor.replay import RUN_FILE, STATE_FILE
from monitor.scoring import feed_of
from monitor.thresholds import load_thresholds
from operations.area import AreaInProgress
from operations.judge_stage import JudgeStage
from simulator.feeds.feed_tables import read_findings
from simulator.feeds.publication import FeedSource, publication
from simulator.people.cases import INTERRUPTIONS_FILE
from storage.memory import MemoryStore

#: Of the kinds a suspicion may be of so many are named.
_KINDS_SHOWN = 3


class _Onlooker:
    """Keeps what was seen of one meter's interval."""

    def __init__(self, meter_id: str, start_s: int, day_ordinal: int) -> None:
        self.meter_id = meter_id
        self.start_s = start_s
        self.day_ordinal = day_ordinal
        self.fates: list[str] = []
        self.lines: list[str] = []

    def admitted(
        self, area: AreaInProgress, interval_start_s: int, fate: Mapping[str, str], late: list[tuple[int, float]]
    ) -> None:
        if interval_start_s != self.start_s:
            return
        if any(area.area.meter_ids[row] == self.meter_id for row, _ in late):
            self.fates.append("late: stored and flagged, never learnt")
        elif self.meter_id in fate:
            self.fates.append(fate[self.meter_id])

    def interval(self, area: AreaInProgress, frame: ReadingFrame, seen: Mapping[str, Any]) -> None:
        if frame.interval_start_s != self.start_s:
            return
        row = area.area.row_of[self.meter_id]
        measured = [f"{n} {v[row]:.4g}" for n, v in frame.columns.items() if np.isfinite(v[row])]
        self.lines.append(f"judged:    {', '.join(measured) or 'no reading: not judged'}")
        if row in seen["doubted"]:
            self.lines.append(
                "validated: doubted: far above what this meter shows, and nothing else measured explains it; kept as it came, "
                "neither judged nor learnt"
            )
        expected = seen["expected_kwh"][row]
        self.lines.append(
            f"expected:  {'nothing learnt yet' if np.isnan(expected) else f'{expected:.4g} kWh by its own profile'}"
        )
        self.lines += [f"score:     {line}" for line in _scores(seen["signals"], row)]
        self.lines += [
            f"hidden:    {code}: {CAUSES[name].text}" for (of, code), name in seen["hidden"].by_row.items() if of == row
        ]
        self.lines.append(
            f"learnt:    {'yes' if seen['trusted'][row] else 'no: not measured, or something speaks against it'}"
        )
        for code, state in area.bank.state_of(row).items():
            kind = CATALOGUE[code]
            self.lines.append(
                f"stage:     {code}: held {state['held_minutes']} of {kind.set_after_minutes} min to raise, "
                f"gone {state['gone_minutes']} of {kind.clear_after_minutes} min to clear, "
                f"{'open' if state['open'] else 'not open'}{', muted by a finding' if state['muted'] else ''}"
            )
        for alert in seen["changed"]:
            if alert.meter_id == self.meter_id or alert.service_point == area.area.meters[row].service_point:
                self.lines.append(f"decision:  alert {alert.alert_id} {alert.abnormality} is now {alert.state}")

    def day_closed(self, area: AreaInProgress, ordinal: int, signals: Sequence[Signal], verdict: Verdict) -> None:
        """What validation said of the local day that holds the interval, and which kinds its weighing holds for likely."""
        if ordinal != self.day_ordinal:
            return
        row = area.area.row_of[self.meter_id]
        wanting = [s for s in signals if s.strength[row] >= SET_STRENGTH]
        self.lines += [
            f"validated: {CATALOGUE[s.abnormality].name_en} on this day ({s.abnormality}){_figures(s, row)}"
            for s in wanting
        ] or ["validated: nothing wrong with the readings of this day"]
        kinds = area.case_probability.prior.kinds
        likeliest = [
            f"{kinds[n]} {share:.0%}" for n, share in area.case_probability.likeliest(verdict, row)[:_KINDS_SHOWN]
        ]
        if likeliest:
            named = int(verdict.kind[row])
            self.lines.append(
                f"kinds:     if there is a case: {', '.join(likeliest)}; named {kinds[named] if named >= 0 else 'nothing yet'}"
            )


def _scores(signals: Sequence[Signal], row: int) -> Iterator[str]:
    """One line a condition that is not at rest, one for all the others."""
    speaking = [s for s in signals if s.strength[row] > RECOVER_STRENGTH]
    for signal in speaking:
        word = "holds" if signal.strength[row] >= SET_STRENGTH else "between set and recover"
        yield f"{signal.detector}: {signal.abnormality} {signal.strength[row]:.3f} ({word}){_figures(signal, row)}"
    judged = sum(bool(s.strength[row] == s.strength[row]) for s in signals)
    at_rest, not_judged = judged - len(speaking), len(signals) - judged
    yield f"{at_rest}{' other' if speaking else ''} conditions at rest, {not_judged} not judged at this meter"


def _figures(signal: Signal, row: int) -> str:
    """What was observed and expected, as far as the signal says."""
    unit, told = unit_words(signal.unit), ""
    for word, value in (("observed", signal.observed[row]), ("expected", signal.expected[row])):
        if np.isfinite(value):
            told += f", {word} {unit.shown(f'{value:.4g}', chinese=False)}"
    return told


def explain_reading(run: Path, meter_id: str, at: str) -> Iterator[str]:
    """Lines of explanation. Raises `MeterwatchError` for an unknown meter, an unreadable time, or one outside the run."""
    feed = feed_of(run)
    archive = feed.archive
    start_s = IntervalGrid(archive.calendar, archive.interval_minutes).floor(moment(at, "--at"))
    meter, area_name = archive.meter(meter_id), archive.area_of(meter_id, start_s)
    if meter is None or area_name is None:
        raise MeterwatchError(f"no meter {meter_id!r} in the archive of {feed.folder}")
    day = archive.calendar.day_of(start_s)
    onlooker = _Onlooker(meter_id, start_s, day.toordinal())
    story = tomllib.loads((run / RUN_FILE).read_text(encoding="utf-8"))
    thresholds = load_thresholds(Path(story["thresholds"]) if "thresholds" in story else None)
    store = MemoryStore()
    store.save_archive(archive.only(area_name))
    stage = JudgeStage(
        archive.only(area_name), store, lambda _: 0, owner="explain", thresholds=thresholds, trace=onlooker
    )
    stage.begin(0)
    source: FeedSource = relive(feed, run / INTERRUPTIONS_FILE) if story.get("inspected_feed") == "lived" else feed
    findings = [f for f in _injected(run, area_name) if archive.area_of(f.meter_id, f.found_at_s) == area_name]
    for offset, sent in enumerate(publication(source, only_area=area_name)):
        if isinstance(sent.message, Tick):
            for finding in [f for f in findings if f.found_at_s <= sent.message.time_s]:
                findings.remove(finding)
                stage.handle(0, offset, finding)
        stage.handle(0, offset, sent.message)
        if offset % 2000 == 0:
            stage.save()
        if onlooker.lines and isinstance(sent.message, Tick) and sent.message.time_s > archive.calendar.day_close(day):
            break
    if not onlooker.lines and not onlooker.fates:
        raise MeterwatchError(f"{iso(start_s)} lies outside the run of {run}")
    local = archive.calendar.text(start_s)
    yield f"meter {meter_id}, service point {meter.service_point}, area {area_name}, interval {local} ({iso(start_s)})"
    yield f"admission: {'; '.join(onlooker.fates) or 'accepted' if onlooker.lines else 'nothing arrived'}"
    yield from onlooker.lines
    yield from _decisions(run, meter_id, meter.service_point, start_s, archive.calendar)
    from monitor.findings import learnt_by  # which asks `monitor.silences`, which asks here how a time is written

    if (run / STATE_FILE).exists():
        yield from (f"finding:   {line}" for line in learnt_by(run, meter_id))


def moment(at: str, option: str) -> int:
    """Epoch seconds of an option's ISO 8601 time with an offset; `MeterwatchError` says how to write it."""
    try:
        found = datetime.fromisoformat(at)
    except ValueError as error:
        raise MeterwatchError(f"{option} {at!r}: write a time such as 2026-02-01T18:30:00Z") from error
    if found.tzinfo is None:
        raise MeterwatchError(f"{option} {at!r} has no offset: add Z for UTC, or +08:00")
    return to_epoch_s(found)


def _injected(run: Path, area: str) -> list[Finding]:
    """What the simulated inspector found during the run, in order."""
    path = run / FINDINGS
    if not path.exists():
        return []
    return [
        Finding("", area, f.meter_id, f.found_at_s, f.confirmed, f.abnormality, "simulated inspector")
        for f in read_findings(path)
    ]


def _decisions(run: Path, meter_id: str, service_point: str, start_s: int, calendar: LocalCalendar) -> Iterator[str]:
    day = calendar.day_of(start_s)
    scores = read_scores(run / SCORES).to_pylist() if (run / SCORES).exists() else []
    for row in scores:
        if row["meter_id"] == meter_id and row["date"] == day:
            families = {k: round(v, 3) for k, v in row.items() if k not in ("meter_id", "date", "risk") and v}
            yield f"day:       {day} risk {row['risk']:.3f} {families or ''}"
    at = iso(start_s)
    alerts = [a for a in read_lines(run / ALERTS) if a["service_point"] == service_point]
    for alert in alerts:
        over = alert["cleared_at"] is not None and alert["cleared_at"] <= at
        when = "later" if alert["raised_at"] > at else "over by then" if over else "open then"
        yield (
            f"alert:     {alert['id']} {alert['abnormality']} ({alert['grade']}, risk {alert['risk']:.2f}) raised "
            f"{calendar.text(parse_iso(alert['raised_at']))}, {when}, now {alert['state']}"
        )
        for reason in alert["reasons"]:
            yield f"             {reason}"
    for task in read_lines(run / TASKS):
        if task["service_point"] == service_point:
            opened, found = calendar.text(parse_iso(task["opened_at"])), task["finding"]
            yield (
                f"task:      {task['id']} priority {task['priority']} opened {opened}, {task['state']}, "
                f"{_found(found, calendar)}"
            )
    if not alerts:
        yield f"alert:     none at service point {service_point} ({len(CODES)} kinds are watched)"


def _found(finding: dict[str, Any] | None, calendar: LocalCalendar) -> str:
    if finding is None:
        return "no finding yet"
    what = f"confirmed {finding['abnormality']}" if finding["confirmed"] else "nothing found"
    return f"{what} on {calendar.text(parse_iso(finding['found_at']))}"
