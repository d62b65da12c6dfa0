"""What a person can do with an alert, every act through the API and conditional on the version that the person saw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from nicegui import ui

from desk.api.client import ApiClient
from desk.api.schemas import AlertDetail
from desk.markup import el
from desk.moves import remember_name
from desk.visit import NAME_LENGTH, Visit
from metering.errors import MeterwatchError, StaleVersion, StoreUnavailable

#: For how many days an alert's kind can be silenced at its place from here.
SILENCE_DAYS = (1, 7, 30)


class AlertPanel:
    """Shows what can be done with the alert as the person sees it, and does it.

    `acted` is awaited after every try that may have changed what is stored.
    """

    def __init__(self, api: ApiClient, visit: Visit, acted: Callable[[], Awaitable[None]]) -> None:
        self._api, self._visit, self._acted = api, visit, acted
        self._name, self._busy = visit.name, False

    def show(self, alert: AlertDetail) -> None:
        """Build the panel into the current slot."""
        say = self._visit.say
        ui.html(str(el("h2", say("section.handling"))), sanitize=False)
        name = self._field("do.your_name", "your-name", value=self._name, longest=NAME_LENGTH)
        name.on_value_change(lambda e: self._take_name(e.value))
        if "acknowledge" in alert.possible_acts:
            self._button("do.acknowledge", "acknowledge", lambda: self._acknowledge(alert), primary=True)
        note = self._field("do.words", "note", longest=2000)
        with ui.element("div").classes("acts"):
            self._button("do.comment", "comment", lambda: self._worded(alert, "comments", note.value))
        with ui.expansion(say("do.owner_moves")).classes("more-moves").mark("owner-moves"):
            self._owner_moves(alert)
        with ui.expansion(say("do.hold_back")).classes("more-moves").mark("hold-back"):
            self._hold_back(alert)

    def _owner_moves(self, alert: AlertDetail) -> None:
        owner = self._field("do.owner", "owner", longest=NAME_LENGTH)
        why = self._field("do.words", "owner-words", longest=2000)
        with ui.element("div").classes("acts"):
            if "assign" in alert.possible_acts:
                self._button("do.assign_alert", "assign", lambda: self._give(alert, "assign", owner.value, why.value))
            self._button("do.hand_over", "hand_over", lambda: self._give(alert, "hand-over", owner.value, why.value))
            if "unassign" in alert.possible_acts:
                self._button("do.unassign", "unassign", lambda: self._worded(alert, "unassign", why.value))

    def _hold_back(self, alert: AlertDetail) -> None:
        """Silence its kind at its place for a while."""
        say = self._visit.say
        reason = self._field("do.reason", "silence-reason", longest=2000)
        days = ui.select({n: say("do.days", count=n) for n in SILENCE_DAYS}, value=SILENCE_DAYS[0])
        days.props("outlined dense").classes("field").mark("silence-days")
        self._button("do.silence", "silence", lambda: self._silence(alert, int(days.value or 1), reason.value))

    def _field(self, key: str, mark: str, *, value: str = "", longest: int) -> ui.input:
        field = ui.input(self._visit.say(key), value=value)
        field.props(f"outlined dense maxlength={longest} autocomplete=off").classes("field").mark(mark)
        return field

    def _button(self, key: str, mark: str, act: Callable[[], Awaitable[None]], *, primary: bool = False) -> None:
        # no Quasar colour: its classes are !important and would win over the desk's own
        button = ui.button(self._visit.say(key), on_click=act, color=None).props("no-caps unelevated")
        button.classes("action primary" if primary else "action").mark(mark)

    # --- acts

    async def _acknowledge(self, alert: AlertDetail) -> None:
        await self._act(alert, "acknowledge", {"version": alert.handling.version})

    async def _worded(self, alert: AlertDetail, act: str, words: str | None) -> None:
        if not (words or "").strip():
            self._tell(self._visit.say("do.needs_words"))
            return
        await self._act(alert, act, {"version": alert.handling.version, "note": words})

    async def _give(self, alert: AlertDetail, act: str, owner: str | None, words: str | None) -> None:
        if not (owner or "").strip():
            self._tell(self._visit.say("do.needs_owner"))
            return
        if act == "hand-over" and not (words or "").strip():
            self._tell(self._visit.say("do.needs_words"))
            return
        await self._act(alert, act, {"version": alert.handling.version, "owner": owner, "note": words or ""})

    async def _silence(self, alert: AlertDetail, days: int, reason: str | None) -> None:
        if not (reason or "").strip():
            self._tell(self._visit.say("do.needs_reason"))
            return
        place = {"transformer_area": alert.transformer_area} if alert.meter_id is None else {"meter_id": alert.meter_id}
        until = (alert.now + timedelta(days=days)).isoformat()
        body = {"abnormality": alert.abnormality, "ends_at": until, "reason": reason, **place}
        await self._do(lambda: self._api.silence(self._name, body))

    async def _act(self, alert: AlertDetail, act: str, body: Mapping[str, Any]) -> None:
        await self._do(lambda: self._api.act(self._name, alert.alert_id, act, body))

    async def _do(self, call: Callable[[], Awaitable[None]]) -> None:
        say = self._visit.say
        if not self._name:
            self._tell(say("do.needs_name"))
            return
        if self._busy:
            return
        self._busy = True
        try:
            await call()
        except StaleVersion:
            self._tell(say("do.stale_alert"))
        except StoreUnavailable:
            self._tell(say("do.unavailable"))
            return
        except MeterwatchError as refusal:
            self._tell(say("do.illegal", why=refusal))
        else:
            ui.notify(say("do.saved"), type="positive", position="bottom", timeout=2500)
            remember_name(self._name)
        finally:
            self._busy = False
        await self._acted()

    def _tell(self, text: str) -> None:
        ui.notify(text, type="warning", position="bottom", timeout=6000, multi_line=True)

    def _take_name(self, name: str | None) -> None:
        self._name = (name or "").strip()
