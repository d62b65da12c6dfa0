"""What is suspected and no alert yet: a calm list of its own, reached from the alert list."""

from __future__ import annotations

from desk.api.suspected import SuspectedLine, SuspectedList
from desk.figures import count, measured
from desk.lists import rows_card
from desk.markup import Child, Markup, el, joined
from desk.pieces import Column, hazard_chip, table, time_text
from desk.selection import Selection
from desk.visit import Visit
from metering.archive import Archive
from metering.times import to_epoch_s

STATE = "suspected"
IN_HOURS_FROM_MINUTES = 120


def suspected_list(visit: Visit, archive: Archive, wanted: Selection, found: SuspectedList) -> Markup:
    say, calendar = visit.say, archive.calendar

    def what(line: SuspectedLine) -> Child:
        chip = hazard_chip(visit) if line.lane == "hazard" else None
        return joined(say("claim.suspected", what=say.abnormality(line.abnormality)), " ", chip)

    def held(line: SuspectedLine) -> Child:
        if line.must_minutes < IN_HOURS_FROM_MINUTES:
            return say("suspected.minutes", held=line.held_minutes, must=line.must_minutes)
        return say("suspected.hours", held=line.held_minutes // 60, must=line.must_minutes // 60)

    def figures(line: SuspectedLine) -> Child:
        observed = measured(line.observed, line.unit, say)
        return observed if line.expected is None else f"{observed} / {measured(line.expected, line.unit, say)}"

    columns: list[Column[SuspectedLine]] = [
        Column(say("column.abnormality"), what, class_="name"),
        Column(say("column.meter"), lambda s: s.meter_id or say("claim.area"), class_="mono plain"),
        Column(say("column.area"), lambda s: s.transformer_area, class_="mono plain"),
        Column(say("suspected.since"), lambda s: time_text(to_epoch_s(s.since), calendar), class_="time"),
        Column(say("suspected.progress"), held, class_="plain"),
        Column(say("suspected.figures"), figures, class_="figure end"),
    ]
    rows = table(
        columns, found.suspected, caption=say("suspected.title"), selection=wanted, path="/alerts", visit=visit
    )
    return joined(
        el("h1", say("suspected.title"), " ", el("span", count(found.count), class_="note")),
        el("p", say("suspected.note"), " ", el("a", say("suspected.back"), href="/alerts"), class_="note lead"),
        rows_card(visit, rows, found.count),
    )


def suspected_link(visit: Visit, found: SuspectedList) -> Markup | None:
    """On the alert list: how many conditions are on their way to an alert; nothing where there are none."""
    if not found.count:
        return None
    words = visit.say("suspected.link", count=count(found.count))
    return el("p", el("a", words, href=f"/alerts?state={STATE}"), class_="note lead")
