"""The alert list: what the API found, filtered, ordered and paged by the page's address; fit for a hundred thousand alerts."""

from __future__ import annotations

from collections.abc import Mapping

from desk.api.client import alert_of
from desk.api.place_schemas import Places
from desk.api.schemas import AlertLine, AlertList
from desk.figures import count, distance
from desk.lists import filter_form, offer, rows_card, what_choices
from desk.markup import Child, Markup, el, joined
from desk.overview import energy_text
from desk.pieces import Column, alert_address, choice, claim, grade_chip, hazard_chip, state_chip, table, time_text
from desk.selection import Selection
from desk.suspected_list import STATE as SUSPECTED
from desk.visit import Visit
from metering.catalogue import CATALOGUE
from metering.times import to_epoch_s

#: What the page's filter "state" asks the API for; `raised` are all that the machine holds open.
STATES: Mapping[str, Mapping[str, str]] = {
    "raised": {"state": "raised"},
    "waiting": {"shown": "raised"},
    "acknowledged": {"shown": "acknowledged"},
    "in_inspection": {"shown": "in_inspection"},
    "cleared": {"state": "cleared"},
    "confirmed": {"state": "confirmed"},
    "withdrawn": {"state": "withdrawn"},
}
#: The columns by which the API orders; a grade is the order of risk, the highest first.
SORTS: Mapping[str, str] = {
    **{name: name for name in ("raised", "risk", "energy", "abnormality", "family", "meter", "area", "state")},
    "grade": "-risk",
}


def query_of(wanted: Selection) -> dict[str, str]:
    """What the API is asked for a page at this address; a filter that no API knows is left out."""
    query = dict(STATES.get(wanted.state, {}))
    for name in ("grade", "family", "lane", "abnormality", "area", "search", "urgency", "owner", "cursor"):
        if value := getattr(wanted, name):
            query[name] = value
    sort = SORTS.get(wanted.sort_column, "raised")
    turned = wanted.descending or wanted.sort_column not in SORTS
    query["sort"] = f"-{sort}".removeprefix("--") if turned else sort
    return query


def alert_list(visit: Visit, places: Places, wanted: Selection, found: AlertList) -> Markup:
    say, calendar, now_s = visit.say, places.calendar, to_epoch_s(found.now)

    def what(line: AlertLine) -> Markup:
        alert = alert_of(line)
        return joined(
            el("a", claim(visit, alert), href=alert_address(alert), class_="whole-row"),
            " ",
            hazard_chip(visit) if line.lane == "hazard" else None,
        )

    def raised(line: AlertLine) -> Child:
        at_s = to_epoch_s(line.raised_at)
        return el("span", time_text(at_s, calendar), title=distance(at_s, now_s, say))

    columns: list[Column[AlertLine]] = [
        Column(say("column.grade"), lambda a: grade_chip(visit, a.grade), "grade", "plain"),
        Column(say("column.abnormality"), what, "abnormality", "name"),
        Column(say("column.family"), lambda a: say(f"family.{a.family}"), "family", "minor"),
        Column(say("column.meter"), lambda a: a.meter_id or say("claim.area"), "meter", "mono plain"),
        Column(say("column.area"), lambda a: a.transformer_area, "area", "mono plain"),
        Column(say("column.raised"), raised, "raised", "time"),
        Column(say("column.energy"), lambda a: energy_text(alert_of(a)), "energy", "figure"),
        Column(say("column.risk"), lambda a: "–" if a.risk is None else f"{a.risk:.2f}", "risk", "figure minor"),
        Column(say("column.owner"), lambda a: a.handling.owner or "–", class_="minor"),
        Column(say("column.state"), lambda a: state_chip(visit, "shown", a.shown_state), "state", "plain end"),
    ]
    more = say("list.more_than") if found.count_is_more else ""
    counted = say("list.count", count=f"{more}{count(found.count)}")
    rows = table(columns, found.alerts, caption=say("nav.alerts"), selection=wanted, path="/alerts", visit=visit)
    return joined(
        el("h1", say("nav.alerts"), " ", el("span", counted, class_="note")),
        _filters(visit, wanted, places),
        rows_card(visit, rows, len(found.alerts)),
        _pager(visit, wanted, found),
    )


def _filters(visit: Visit, wanted: Selection, places: Places) -> Markup:
    say = visit.say
    states = [("raised", say("alert_state.raised"))]
    states += [
        ("waiting" if word == "raised" else word, say(f"shown_state.{word}"))
        for word in ("raised", "acknowledged", "in_inspection", "cleared", "confirmed", "withdrawn")
    ]
    states.append((SUSPECTED, say("shown_state.suspected")))
    kinds = sorted((code for code, row in CATALOGUE.items() if row.is_evidence), key=say.abnormality)
    return filter_form(
        visit,
        "/alerts",
        wanted,
        places.areas,
        choice(say("column.state"), "state", offer(visit, wanted.state, *states)),
        *what_choices(visit, wanted, kinds),
        choice(
            say("filter.urgency"),
            "urgency",
            offer(visit, wanted.urgency, *((u, say(f"urgency.{u}")) for u in ("page", "morning", "none"))),
        ),
    )


def _pager(visit: Visit, wanted: Selection, found: AlertList) -> Markup:
    """Forwards and back from where one is: a list that grows has no page numbers that stay true."""
    if found.next is None and found.previous is None:
        return Markup()
    say = visit.say

    def step(cursor: str | None, key: str, rel: str) -> Markup:
        if cursor is None:
            return el("span", say(key), class_="button off", aria_disabled="true")
        return el("a", say(key), href=wanted.address("/alerts", cursor=cursor), class_="button", rel=rel)

    return el(
        "nav",
        step(found.previous, "list.previous", "prev"),
        step(found.next, "list.next", "next"),
        class_="pager",
    )
