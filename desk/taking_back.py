"""Taking a finding back from the findings page: a name and a reason, through the same use case as the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import ui

from desk.markup import el
from desk.moves import remember_name
from desk.records import Records
from desk.visit import NAME_LENGTH, Visit
from metering.errors import MeterwatchError, StoreUnavailable
from operations.undo_finding import undo_finding


class TakeBack:
    """One dialog for all findings of the page. `done` is awaited after every try that may have changed what is stored."""

    def __init__(self, records: Records, visit: Visit, done: Callable[[], Awaitable[None]]) -> None:
        self._records, self._visit, self._done = records, visit, done
        self._finding_id, self._busy = "", False
        say = visit.say
        with ui.dialog() as self._dialog, ui.element("div").classes("card moves take-back"):
            self._title = ui.html("", sanitize=False)
            self._name = ui.input(say("do.your_name"), value=visit.name)
            self._name.props(f"outlined dense stack-label maxlength={NAME_LENGTH} autocomplete=name").classes(
                "field"
            ).mark("your-name")
            self._reason = (
                ui.input(say("do.reason"))
                .props("outlined dense stack-label maxlength=500")
                .classes("field")
                .mark("reason")
            )
            ui.html(str(el("p", say("undo.note"), class_="note")), sanitize=False)
            with ui.element("div").classes("take-back-row"):
                self._button("undo.cancel", self._dialog.close, primary=False)
                self._button("undo.do", self._take_back, primary=True)

    def _button(self, key: str, handler: Callable[[], object], *, primary: bool) -> None:
        # no Quasar colour: its classes are !important and would win over the desk's own
        button = ui.button(self._visit.say(key), on_click=handler, color=None).props("no-caps unelevated")
        button.classes("action primary" if primary else "action").mark(key)

    def ask(self, finding_id: str, meter_id: str) -> None:
        """Open the dialog for one finding."""
        self._finding_id = finding_id
        self._title.content = str(el("h2", self._visit.say("undo.title", meter=meter_id)))
        self._reason.value = ""
        self._dialog.open()

    async def _take_back(self) -> None:
        say, name, reason = self._visit.say, (self._name.value or "").strip(), (self._reason.value or "").strip()
        if not name or not reason:
            self._tell(say("do.needs_reason" if name else "do.needs_name"))
            return
        if self._busy:
            return
        self._busy = True
        try:
            await asyncio.to_thread(self._undo, self._finding_id, name, reason)
        except StoreUnavailable:
            self._tell(say("do.unavailable"))
            return
        except MeterwatchError as refusal:
            self._tell(say("do.illegal", why=refusal))
        else:
            ui.notify(say("undo.done"), type="positive", position="bottom", timeout=4000)
            remember_name(name)
        finally:
            self._busy = False
        self._dialog.close()
        await self._done()

    def _undo(self, finding_id: str, name: str, reason: str) -> None:
        r = self._records
        undo_finding(r.store, finding_id, by=name, reason=reason, now_s=r.now_s(), encode=r.encode)

    def _tell(self, text: str) -> None:
        ui.notify(text, type="warning", position="bottom", timeout=6000, multi_line=True)
