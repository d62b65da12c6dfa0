"""The page of one alert: the claim, its curves, what people did and can do with it, and its whole history; from the API alone."""

from __future__ import annotations

from nicegui import ui

from desk import case
from desk.alert_panel import AlertPanel
from desk.alert_turns import turns_card
from desk.api.client import ApiClient, alert_of
from desk.api.schemas import AlertDetail, HistoryLine
from desk.charts import CurveCards, CurveSubject
from desk.figures import moment
from desk.markup import Markup, el
from desk.not_a_problem import DismissalPanel
from desk.pieces import fact, section, state_chip, time_text
from desk.texts import TEXTS
from desk.visit import Visit
from metering.alert import Alert
from metering.archive import Archive, Meter
from metering.errors import MeterwatchError, StoreUnavailable
from metering.times import to_epoch_s

NEWS_SECONDS = 5.0
MACHINE = "machine"


class AlertScreen:
    """One alert in one browser; `archive` is of its area. After an act everything but the charts is shown anew."""

    def __init__(self, api: ApiClient, archive: Archive, visit: Visit, told: AlertDetail) -> None:
        self._api, self._archive, self._visit, self._told = api, archive, visit, told
        self._panel = AlertPanel(api, visit, self._again)

    async def show(self) -> None:
        visit, archive = self._visit, self._archive
        alert = alert_of(self._told)
        meter = meter_of(archive, alert)
        self._news = ui.element("div").classes("news").props("role=status")
        self._head = _html(self._head_markup())
        with ui.element("div").classes("case"):
            with ui.element("div").classes("case-main"):
                self._claim = _html(self._claim_markup())
                subject = CurveSubject(alert.transformer_area, meter, (alert,), alert.alert_id)
                await CurveCards(
                    self._api, visit, archive.calendar, subject, to_epoch_s(self._told.judged_until)
                ).show()
            with ui.element("div").classes("case-side"):
                self._standing = _html(self._standing_markup()).classes("part-standing")
                self._acts = ui.element("section").classes("card moves part-moves")
                _html(case.check_card(visit, [alert])).classes("part-check")
                await DismissalPanel(self._api, archive, visit).show(alert.alert_id)
                self._turns = _html(self._turns_markup()).classes("part-turns")
                self._history = _html(self._history_markup()).classes("part-history")
        with self._acts:
            self._panel.show(self._told)
        ui.timer(NEWS_SECONDS, self._look_for_news, immediate=False)

    async def _again(self) -> None:
        self._told = await self._api.alert(self._told.alert_id)
        self._news.clear()
        self._head.content = self._head_markup()
        self._claim.content = self._claim_markup()
        self._standing.content = self._standing_markup()
        self._turns.content = self._turns_markup()
        self._history.content = self._history_markup()
        self._acts.clear()
        with self._acts:
            self._panel.show(self._told)

    async def _look_for_news(self) -> None:
        """Say it when the alert or its handling moved on, without taking away what is being typed."""
        try:
            now = await self._api.alert(self._told.alert_id)
        except (StoreUnavailable, MeterwatchError):
            return  # the page keeps what it last knew
        moved = (now.revision, now.handling.version) != (self._told.revision, self._told.handling.version)
        if not moved or self._news.default_slot.children:
            return
        with self._news:
            _html(el("span", self._visit.say("do.alert_changed")))
            ui.button(self._visit.say("do.reload"), on_click=self._again).props("no-caps flat dense")

    def _head_markup(self) -> Markup:
        alert = alert_of(self._told)
        return case.alert_head(self._visit, alert, meter_of(self._archive, alert), self._told.tasks)

    def _claim_markup(self) -> Markup:
        alert, archive = alert_of(self._told), self._archive
        now_s = to_epoch_s(self._told.now)
        return case.claim_card(self._visit, alert, archive, meter_of(archive, alert), now_s, linked=False)

    def _standing_markup(self) -> Markup:
        return standing_card(self._visit, self._told, self._archive)

    def _turns_markup(self) -> Markup:
        return turns_card(self._visit, self._told.history, self._archive) or Markup()

    def _history_markup(self) -> Markup:
        return history_card(self._visit, self._told.history, self._archive)


def standing_card(visit: Visit, told: AlertDetail, archive: Archive) -> Markup:
    """Where the alert stands, whose it is, who has seen it and which episode of it."""
    say, handling = visit.say, told.handling
    seen = "–"
    if handling.acknowledged_by is not None and handling.acknowledged_at is not None:
        seen = f"{handling.acknowledged_by}, {moment(to_epoch_s(handling.acknowledged_at), archive.calendar)}"
    older = handling.acknowledged_by is not None and not handling.acknowledged
    return section(
        say("section.standing"),
        el(
            "dl",
            fact(say("column.state"), state_chip(visit, "shown", told.shown_state)),
            fact(say("filter.urgency"), say(f"urgency.{told.urgency}")),
            fact(say("column.owner"), handling.owner or "–"),
            fact(say("fact.acknowledged"), seen, note=say("fact.acknowledged_before") if older else None),
            class_="facts place",
        ),
    )


def history_card(visit: Visit, history: tuple[HistoryLine, ...], archive: Archive) -> Markup:
    """Everything that happened to the alert, the newest first."""
    entries = [
        el(
            "li",
            el("span", time_text(to_epoch_s(line.at), archive.calendar), class_="note"),
            el("strong", _what(visit, line)),
            el("span", visit.say("history.machine") if line.by == MACHINE else line.by or "–", class_="actor"),
            el("span", line.words, class_="quote") if line.words else None,
        )
        for line in reversed(history)
    ]
    return section(visit.say("section.history"), el("ol", *entries, class_="history"))


def _what(visit: Visit, line: HistoryLine) -> str:
    key = f"history.{line.what}"
    words = visit.say(key) if key in TEXTS else line.what
    given = line.what in ("assign", "hand_over") and line.to_state
    return f"{words}: {line.to_state}" if given else words


def meter_of(archive: Archive, alert: Alert) -> Meter | None:
    """The alert's meter; for a whole area its supply meter."""
    area = archive.areas.get(alert.transformer_area)
    members = () if area is None else area.meters
    wanted = alert.meter_id
    if wanted is None:
        return next((m for m in members if m.service_point == alert.service_point), None)
    return next((m for m in members if m.meter_id == wanted), None)


def _html(markup: Markup) -> ui.html:
    return ui.html(markup, sanitize=False, tag="div")
