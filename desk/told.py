"""The page of what people were told: every notification of the outbox, to which channel, and whether it arrived."""

from __future__ import annotations

from collections.abc import Sequence

from desk.api.schemas import NotificationLineOut, NotificationOut
from desk.markup import Markup, el, joined
from desk.pieces import Column, section, table, time_text
from desk.visit import Visit
from metering.notification import SILENCE
from metering.times import LocalCalendar, to_epoch_s

SHOWN, LINES_SHOWN = 100, 6


def told_card(visit: Visit, sent: Sequence[NotificationOut], calendar: LocalCalendar) -> Markup:
    """The newest notifications, newest first."""
    say = visit.say
    columns: list[Column[NotificationOut]] = [
        Column(say("told.made"), lambda d: time_text(to_epoch_s(d.made_at), calendar), class_="time"),
        Column(say("told.kind"), lambda d: say(f"told.kind.{d.kind}"), class_="name"),
        Column(say("told.channel"), lambda d: d.channel, class_="mono plain"),
        Column(say("told.lines"), lambda d: _lines(visit, d), class_="plain"),
        Column(say("told.state"), lambda d: _state(visit, d), class_="plain"),
    ]
    title = say("nav.told")
    content = table(columns, sent, caption=title) if sent else el("p", say("told.nothing"), class_="calm")
    return section(title, el("p", say("told.note"), class_="note"), content)


def _lines(visit: Visit, sent: NotificationOut) -> Markup:
    lines = sent.lines
    parts = [el("div", _line(visit, line)) for line in lines[:LINES_SHOWN]]
    if len(lines) > LINES_SHOWN:
        parts.append(el("div", visit.say("told.more", count=len(lines) - LINES_SHOWN), class_="note"))
    for why, count in sent.left_out.items():
        parts.append(
            el("div", visit.say("told.left_out", count=count, why=visit.say(f"told.why.{why}")), class_="note")
        )
    if sent.note:
        parts.append(el("div", sent.note, class_="note"))
    return joined(*parts)


def _line(visit: Visit, line: NotificationLineOut) -> Markup:
    name = line.title or (visit.say.abnormality(line.abnormality) if line.abnormality else visit.say("told.check"))
    if line.abnormality == SILENCE:
        return joined(el("span", line.place, class_="mono"), " ", visit.say("told.silence"))
    turn = "" if line.turn is None else f", {visit.say(f'told.turn.{line.turn}')}"
    address = f"/tasks/{line.number}" if line.turn is None else f"/alerts/{line.number}"
    return joined(el("span", line.place, class_="mono"), " ", el("a", name, href=address), turn)


def _state(visit: Visit, sent: NotificationOut) -> Markup:
    parts = [el("span", visit.say(f"told.state.{sent.state}"), class_="chip")]
    if sent.last_error and sent.state in ("waiting", "failed"):
        parts.append(el("div", sent.last_error, class_="note"))
    return joined(*parts)
