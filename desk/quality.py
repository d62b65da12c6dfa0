"""The data-quality page: what came in, what validation found of it, by rule and by meter, and which meters to calibrate."""

from __future__ import annotations

from desk.api.quality_schemas import CandidateOut, MeterFound, Quality, RuleFound
from desk.figures import count, share
from desk.markup import Markup, el, joined
from desk.pieces import Column, day_text, section, table
from desk.visit import Visit
from metering.times import LocalCalendar, to_epoch_s

# --- rendering


def rules_card(visit: Visit, told: Quality) -> Markup:
    say, lines = visit.say, told.rules
    columns: list[Column[RuleFound]] = [
        Column(say("column.rule"), lambda r: say.abnormality(r.rule), class_="name"),
        Column(say("column.meter_days"), lambda r: count(r.meter_days), class_="figure"),
        Column(say("column.recent", days=told.days), lambda r: count(r.recent), class_="figure"),
        Column(say("column.meters"), lambda r: count(r.meters), class_="figure"),
    ]
    title = say("quality.rules")
    content = table(columns, lines, caption=title) if lines else el("p", say("quality.nothing"), class_="calm")
    return section(title, el("p", say("quality.rules_note"), class_="note"), content)


def meters_card(visit: Visit, told: Quality, calendar: LocalCalendar) -> Markup:
    say, lines = visit.say, told.meters
    columns: list[Column[MeterFound]] = [
        Column(say("column.meter"), lambda m: m.meter_id, class_="mono name"),
        Column(say("column.area"), lambda m: m.transformer_area, class_="mono plain"),
        Column(say("column.rule"), lambda m: _rules(visit, m), class_="plain"),
        Column(say("column.newest"), lambda m: day_text(to_epoch_s(m.last), calendar), class_="time"),
    ]
    title = say("quality.meters", days=told.days)
    content = table(columns, lines, caption=title) if lines else el("p", say("quality.nothing_recent"), class_="calm")
    more = el("span", say("overview.areas_shown_of", shown=len(lines), all=count(told.meters_count)), class_="note")
    return section(title, content, more=more if lines else None)


def _rules(visit: Visit, line: MeterFound) -> Markup:
    chips = [el("span", f"{visit.say.abnormality(rule)} × {n}", class_="chip") for rule, n in line.rules.items()]
    return joined(*(part for chip in chips for part in (chip, " ")))


def candidates_card(visit: Visit, told: Quality, calendar: LocalCalendar) -> Markup:
    say, found = visit.say, told.candidates
    columns: list[Column[CandidateOut]] = [
        Column(say("column.meter"), lambda c: c.meter_id, class_="mono name"),
        Column(say("column.area"), lambda c: c.transformer_area, class_="mono plain"),
        Column(say("column.error"), lambda c: signed_share(c.share), class_="figure"),
        Column(say("column.interval"), lambda c: f"{signed_share(c.low)} … {signed_share(c.high)}", class_="figure"),
        Column(
            say("column.direction"),
            lambda c: say("quality.fast" if c.share > 0 else "quality.slow"),
            class_="plain minor",
        ),
        Column(say("column.estimated"), lambda c: day_text(to_epoch_s(c.estimated_at), calendar), class_="time minor"),
    ]
    title = say("quality.candidates")
    content = table(columns, found, caption=title) if found else el("p", say("quality.candidates_none"), class_="calm")
    more = el("span", say("overview.areas_shown_of", shown=len(found), all=count(told.candidates_count)), class_="note")
    return section(title, el("p", say("quality.candidates_note"), class_="note"), content, more=more if found else None)


def signed_share(value: float) -> str:
    """
    >>> signed_share(0.0321), signed_share(-0.004)
    ('+3.2 %', '-0.4 %')
    """
    return f"{'+' if value > 0 else ''}{share(value)}"
