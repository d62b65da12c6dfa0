"""The panel with the next step of a task: every move through a use case, conditional on what the person saw."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui

from desk.markup import el
from desk.records import Records
from desk.visit import COOKIE_SECONDS, NAME_COOKIE, NAME_LENGTH, Visit
from inspection.lifecycle import possible_moves
from metering.alert import Alert
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES
from metering.errors import IllegalMove, StaleVersion, StoreUnavailable
from metering.inspection import InspectionTask
from operations.assign_task import assign_task
from operations.close_task import close_task, withdraw_task
from operations.record_finding import record_finding
from operations.start_visit import leave_site, start_visit

Move = Callable[[], InspectionTask]


class MovePanel:
    """Shows what can be done with the task as the person sees it, and does it.

    `moved` is awaited after every try that may have changed what is stored.
    """

    def __init__(self, records: Records, visit: Visit, moved: Callable[[], Awaitable[None]]) -> None:
        self._records = records
        self._visit = visit
        self._moved = moved
        self._name = visit.name
        self._busy = False

    def show(self, task: InspectionTask, alerts: Sequence[Alert]) -> None:
        """Build the panel into the current slot."""
        say = self._visit.say
        ui.html(str(el("h2", say("section.next_step"))), sanitize=False)
        possible = possible_moves(task.state)
        if not possible:
            ui.html(str(el("p", say("do.ended"), class_="calm")), sanitize=False)
            return
        name = ui.input(say("do.your_name"), value=self._name, on_change=lambda e: self._take_name(e.value))
        name.props(f"outlined dense maxlength={NAME_LENGTH} autocomplete=name").classes("field").mark("your-name")
        ui.html(str(el("p", say("do.your_name_note"), class_="note")), sanitize=False)
        if "assign" in possible and task.assignee is None:
            self._assign_form(task)
        if "start_visit" in possible:
            self._button("do.start_visit", "start_visit", lambda: self._start_visit(task), primary=True)
        if "record_finding" in possible:
            self._finding_form(task, alerts)
        if "close" in possible:
            self._button("do.close", "close", lambda: self._close(task), primary=True)
        self._other_moves(task, possible)

    # --- forms

    def _assign_form(self, task: InspectionTask, *, primary: bool = True) -> None:
        say = self._visit.say
        inspector = ui.input(say("do.inspector"), value=task.assignee or "").props(
            f"outlined dense maxlength={NAME_LENGTH} autocomplete=off"
        )
        inspector.classes("field").mark("inspector")

        async def give() -> None:
            if not (inspector.value or "").strip():
                self._tell(say("do.needs_inspector"))
                return
            await self._make("assign", lambda: self._assign(task, inspector.value or ""))

        self._action("do.assign" if task.assignee is None else "do.reassign", give, primary=primary)

    def _finding_form(self, task: InspectionTask, alerts: Sequence[Alert]) -> None:
        say = self._visit.say
        ui.html(str(el("p", say("do.finding_question"), class_="question")), sanitize=False)
        answer = ui.toggle({True: say("do.confirmed"), False: say("do.not_confirmed")}).props(
            "unelevated spread no-caps toggle-color=desk toggle-text-color=desk"
        )
        answer.classes("answer").mark("answer")
        kinds = {
            code: say.abnormality(code) for code, kind in CATALOGUE.items() if kind.family not in INFORMATION_FAMILIES
        }
        claimed = next((a.abnormality for a in alerts if a.abnormality in kinds), None)
        found = ui.select(kinds, label=say("do.abnormality"), value=claimed, with_input=True)
        found.props("outlined dense").classes("field").mark("abnormality")
        found.bind_visibility_from(answer, "value", backward=lambda v: v is True)
        note = (
            ui.textarea(say("do.note"))
            .props("outlined dense autogrow stack-label maxlength=2000")
            .classes("field")
            .mark("note")
        )

        async def record() -> None:
            if answer.value is None:
                self._tell(say("do.needs_answer"))
                return
            if not (note.value or "").strip():
                self._tell(say("do.needs_reason"))
                return
            confirmed, kind = bool(answer.value), found.value if answer.value else None
            await self._make("record_finding", lambda: self._record(task, confirmed, kind, note.value or ""))

        self._action("do.record_finding", record, primary=True)

    def _other_moves(self, task: InspectionTask, possible: Sequence[str]) -> None:
        say = self._visit.say
        reasoned = [m for m in ("leave_site", "withdraw") if m in possible]
        reassign = "assign" in possible and task.assignee is not None
        if not reasoned and not reassign:
            return
        with ui.expansion(say("do.more")).classes("more-moves"):
            if reassign:
                self._assign_form(task, primary=False)
            if reasoned:
                reason = (
                    ui.input(say("do.reason")).props("outlined dense maxlength=500").classes("field").mark("reason")
                )
            for move in reasoned:

                async def go(move: str = move) -> None:
                    if not (reason.value or "").strip():
                        self._tell(say("do.needs_reason"))
                        return
                    await self._make(move, lambda: self._with_reason(task, move, reason.value or ""))

                self._action(f"do.{move}", go, primary=False)

    def _button(self, key: str, move: str, call: Move, *, primary: bool) -> None:
        async def go() -> None:
            await self._make(move, call)

        self._action(key, go, primary=primary)

    def _action(self, key: str, handler: Callable[[], Awaitable[None]], *, primary: bool) -> None:
        # no Quasar colour: its classes are !important and would win over the desk's own
        button = ui.button(self._visit.say(key), on_click=handler, color=None).props("no-caps unelevated")
        button.classes("action primary" if primary else "action").mark(key.removeprefix("do."))

    # --- moves

    async def _make(self, move: str, call: Move) -> None:
        say = self._visit.say
        if not self._name.strip():
            self._tell(say("do.needs_name"))
            return
        if self._busy:
            return
        self._busy = True
        try:
            await asyncio.to_thread(call)
        except StaleVersion:
            self._tell(say("do.stale"))
        except IllegalMove as refusal:
            self._tell(say("do.illegal", why=refusal))
        except StoreUnavailable:
            self._tell(say("do.unavailable"))
            return
        else:
            ui.notify(say("do.done", move=say(f"move.{move}")), type="positive", position="bottom", timeout=2500)
            remember_name(self._name)
        finally:
            self._busy = False
        await self._moved()

    def _assign(self, task: InspectionTask, assignee: str) -> InspectionTask:
        r = self._records
        return assign_task(
            r.store, task.task_id, task.version, assignee=assignee, actor=self._name, now_s=r.now_s(), encode=r.encode
        )

    def _start_visit(self, task: InspectionTask) -> InspectionTask:
        r = self._records
        return start_visit(r.store, task.task_id, task.version, actor=self._name, now_s=r.now_s(), encode=r.encode)

    def _record(self, task: InspectionTask, confirmed: bool, abnormality: str | None, note: str) -> InspectionTask:
        r = self._records
        return record_finding(
            r.store,
            r.archive,
            task.task_id,
            task.version,
            confirmed=confirmed,
            abnormality=abnormality,
            note=note,
            actor=self._name,
            now_s=r.now_s(),
            encode=r.encode,
        )

    def _close(self, task: InspectionTask) -> InspectionTask:
        r = self._records
        return close_task(r.store, task.task_id, task.version, actor=self._name, now_s=r.now_s(), encode=r.encode)

    def _with_reason(self, task: InspectionTask, move: str, reason: str) -> InspectionTask:
        r = self._records
        operation = leave_site if move == "leave_site" else withdraw_task
        return operation(
            r.store, task.task_id, task.version, actor=self._name, reason=reason, now_s=r.now_s(), encode=r.encode
        )

    # --- small things

    def _tell(self, text: str) -> None:
        ui.notify(text, type="warning", position="bottom", timeout=6000, multi_line=True)

    def _take_name(self, name: str | None) -> None:
        self._name = (name or "").strip()


def remember_name(name: str) -> None:
    """Keep the name in the browser, for the next move."""
    ui.run_javascript(
        f"document.cookie = '{NAME_COOKIE}=' + encodeURIComponent({json.dumps(name)})"
        f" + '; path=/; max-age={COOKIE_SECONDS}; SameSite=Lax'"
    )
