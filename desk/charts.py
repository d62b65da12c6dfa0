"""The charts of one service point on a page: load curve, voltage, current and the area's balance, window by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from nicegui import ui

from desk.api.client import ApiClient
from desk.curves import (
    WINDOWS,
    Episode,
    Options,
    Window,
    balance_options,
    episode_of,
    load_options,
    phase_options,
    window_of,
)
from desk.markup import el
from desk.visit import Visit
from metering.alert import Alert
from metering.archive import Meter
from metering.curves import Curves
from metering.errors import NotFound, StoreUnavailable
from metering.times import LocalCalendar


@dataclass(frozen=True)
class CurveSubject:
    """Whose curves are shown, and for which purpose (a task's or an alert's number)."""

    transformer_area: str
    meter: Meter | None
    alerts: Sequence[Alert]
    purpose: str
    begins_s: int = 0
    """Where the curves are centred if there is no alert."""


class CurveCards:
    """The chart cards of a page. Load curves reveal when people are at home: each window that is read leaves a line in
    the audit trail."""

    def __init__(
        self, api: ApiClient, visit: Visit, calendar: LocalCalendar, subject: CurveSubject, clock_s: int
    ) -> None:
        self._api, self._calendar = api, calendar
        self._visit = visit
        self._subject = subject
        self._clock_s = clock_s
        self._episode: Episode = episode_of(subject.alerts, subject.begins_s)

    async def show(self) -> None:
        """Build the cards into the current slot, with the window around the onset."""
        say = self._visit.say
        with ui.element("section").classes("card curve"):
            with ui.element("header"):
                ui.html(str(el("h2", say("section.curve"))), sanitize=False)
                toggle = ui.toggle({w: say(f"chart.window.{w}") for w in WINDOWS}, value="onset")
                toggle.props(
                    f'no-caps unelevated dense toggle-color=desk toggle-text-color=desk aria-label="{say("chart.window")}"'
                ).classes("windows")
            self._load = ui.element("div").classes("chart-slot")
            ui.html(str(el("p", say("footer.curves"), class_="note")), sanitize=False)
        self._electrical = ui.element("div").classes("chart-cards")

        async def change() -> None:
            await self._fill(cast(Window, toggle.value))

        toggle.on_value_change(change)
        await self._fill("onset")

    async def _fill(self, window: Window) -> None:
        span = window_of(self._episode, window, self._clock_s)
        subject = self._subject
        place = ("areas", subject.transformer_area) if subject.meter is None else ("meters", subject.meter.meter_id)
        try:
            curves = await self._api.curves(
                self._visit.name, *place, span, by_day=window == "days", purpose=subject.purpose
            )
        except (StoreUnavailable, NotFound):
            self._load.clear()
            self._electrical.clear()
            with self._load:
                ui.html(str(el("p", self._visit.say("trouble.no_curve"), class_="calm")), sanitize=False)
            return
        self._draw(curves)

    def _draw(self, curves: Curves) -> None:
        say, calendar, theme = self._visit.say, self._calendar, self._visit.theme
        self._load.clear()
        with self._load:
            if curves.read:
                label = say("chart.load_alt", meter=self._subject.meter.meter_id if self._subject.meter else "-")
                _chart(load_options(curves, self._episode, calendar, say, theme), label, "chart tall")
                if not curves.expected:
                    ui.html(str(el("p", say("chart.no_expected"), class_="note")), sanitize=False)
            else:
                ui.html(str(el("p", say("chart.no_curve"), class_="calm")), sanitize=False)
        self._electrical.clear()
        with self._electrical:
            for key, named, unit in (("voltage", curves.voltages, "V"), ("current", curves.currents, "A")):
                if named:
                    options = phase_options(named, unit, curves, self._episode, calendar, say, theme)
                    self._card(say(f"section.{key}"), options)
            if curves.supplied:
                self._card(say("section.balance"), balance_options(curves, self._episode, calendar, say, theme))

    def _card(self, title: str, options: Options) -> None:
        with ui.element("section").classes("card"):
            ui.html(str(el("header", el("h2", title))), sanitize=False)
            _chart(options, title, "chart")


def _chart(options: Options, label: str, classes: str) -> None:
    ui.echart(options).classes(classes).props(f'role=img aria-label="{label}"')
