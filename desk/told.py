"""The page of what people were told: every notification of the outbox, to which channel, and whether it arrived."""

from __future__ import annotations

from collections.abc import Sequence

from desk.markup import Markup, el, joined
from desk.pieces import Column, section, table, time_text
from desk.visit import Visit
from metering.archive import Archive
from metering.notification import SILENCE, Delivery, Line

SHOWN, LINES_SHOWN = 100, 6


def told_card(visit: Visit, deliveries: Sequence[Delivery], archive: Archive) -> Markup:
    """The newest notifications, newest first."""
    say = visit.say
    columns: list[Column[Delivery]] = [
        Column(say("told.made"), lambda d: time_text(d.notification.made_at_s, archive.calendar), class_="time"),
        Column(say("told.kind"), lambda d: say(f"told.kind.{d.notification.kind}"), class_="name"),
        Column(say("told.channel"), lambda d: d.notification.channel, class_="mono plain"),
        Column(say("told.lines"), lambda d: _lines(visit, d), class_="plain"),
        Column(say("told.state"), lambda d: _state(visit, d), class_="plain"),
    ]
    title = say("nav.told")
    content = table(columns, deliveries, caption=title) if deliveries else el("p", say("told.nothing"), class_="calm")
    return section(title, el("p", say("told.note"), class_="note"), content)


def _lines(visit: Visit, delivery: Delivery) -> Markup:
    lines = delivery.notification.lines
    parts = [el("div", _line(visit, line)) for line in lines[:LINES_SHOWN]]
    if len(lines) > LINES_SHOWN:
        parts.append(el("div", visit.say("told.more", count=len(lines) - LINES_SHOWN), class_="note"))
    for why, count in delivery.notification.left_out:
        parts.append(
            el("div", visit.say("told.left_out", count=count, why=visit.say(f"told.why.{why}")), class_="note")
        )
    if delivery.notification.note:
        parts.append(el("div", delivery.notification.note, class_="note"))
    return joined(*parts)


def _line(visit: Visit, line: Line) -> Markup:
    name = line.title or (visit.say.abnormality(line.abnormality) if line.abnormality else visit.say("told.check"))
    if line.abnormality == SILENCE:
        return joined(el("span", line.place, class_="mono"), " ", visit.say("told.silence"))
    turn = "" if line.turn is None else f", {visit.say(f'told.turn.{line.turn.value}')}"
    address = f"/tasks/{line.number}" if line.turn is None else f"/alerts/{line.number}"
    return joined(el("span", line.place, class_="mono"), " ", el("a", name, href=address), turn)


def _state(visit: Visit, delivery: Delivery) -> Markup:
    parts = [el("span", visit.say(f"told.state.{delivery.state}"), class_="chip")]
    if delivery.last_error and delivery.state in ("waiting", "failed"):
        parts.append(el("div", delivery.last_error, class_="note"))
    return joined(*parts)
