"""On an alert's page: "not a problem, because ..." with a reason of the list, what it changed, and taking it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nicegui import ui

from desk.api.client import ApiClient, alert_of
from desk.learning import moved_words
from desk.markup import Markup, el
from desk.moves import remember_name
from desk.pieces import time_text
from desk.visit import NAME_LENGTH, Visit
from metering.alert import Alert
from metering.archive import Archive
from metering.catalogue import CATALOGUE
from metering.dismissal import BENIGN_REASONS, OTHER, BenignReason
from metering.errors import MeterwatchError, StaleVersion, StoreUnavailable
from operations.dismissal_effects import DismissalEffect


@dataclass(frozen=True)
class SeenDismissal:
    """An alert, and what was said of it, as the API told it; `effect` is None where nothing was ever said."""

    alert: Alert
    effect: DismissalEffect | None

    @property
    def stands(self) -> bool:
        return self.effect is not None and self.effect.kind != "undone"


def reason_choices(visit: Visit, alert: Alert) -> dict[str, str]:
    """The reasons that can be given for this alert, in the reader's language: a hazard is settled by some only."""
    is_hazard = CATALOGUE[alert.abnormality].lane == "hazard"
    return {
        code: _name(visit, reason) for code, reason in BENIGN_REASONS.items() if reason.settles_hazards or not is_hazard
    }


def said_words(visit: Visit, effect: DismissalEffect, archive: Archive) -> Markup:
    """Who said so, why, and what it changed."""
    said = effect.dismissal
    return el(
        "div",
        el("p", el("strong", visit.say("benign.said", reason=_name(visit, said.why)), class_="finding no")),
        el("p", f"{said.by} · ", time_text(said.said_at_s, archive.calendar), class_="note"),
        el("p", said.note, class_="quote") if said.note else None,
        el("p", effect_words(visit, effect), class_="effect"),
    )


def effect_words(visit: Visit, effect: DismissalEffect) -> str:
    """What a word changed: of the meter itself, of the ranking and of others; or why nothing."""
    say = visit.say
    if effect.kind == "undone" and effect.undo is not None:
        return say("benign.undone", by=effect.undo.actor, reason=effect.undo.reason)
    if effect.kind not in ("taught", "expected"):
        return say(f"benign.{effect.kind}")
    words = [say("benign.will" if effect.waiting else "benign.did")]
    if effect.before is not None and effect.after is not None:
        words.append(say("benign.own", before=f"{effect.before:.2f}", after=f"{effect.after:.2f}"))
    words.append(say("benign.others", count=effect.others, most=f"{effect.most:.3f}"))
    if effect.moved:
        words.append(say("benign.moved", moved=moved_words(visit, effect.moved, digits=4)))
    return ("" if visit.language == "zh" else " ").join(words)


def _name(visit: Visit, reason: BenignReason) -> str:
    return reason.name_zh if visit.language == "zh" else reason.name_en


class DismissalPanel:
    """The form while the alert is open, else what was said of it; shown anew after every try."""

    def __init__(self, api: ApiClient, archive: Archive, visit: Visit) -> None:
        self._api, self._archive, self._visit = api, archive, visit
        self._busy, self._name = False, visit.name

    async def show(self, alert_id: str) -> None:
        """Build the panel into the current slot; nothing where there is nothing to say."""
        self._alert_id = alert_id
        self._place = ui.element("section").classes("card moves not-a-problem")
        await self._again()

    async def _again(self) -> None:
        try:
            alert = alert_of(await self._api.alert(self._alert_id))
            seen = SeenDismissal(alert, await self._api.said_of(self._alert_id))
        except StoreUnavailable:
            self._tell(self._visit.say("do.unavailable"))
            return
        self._place.clear()
        offers = seen.effect is not None or seen.alert.is_open
        self._place.set_visibility(offers)
        if not offers:
            return
        with self._place:
            self._html(el("h2", self._visit.say("benign.title")))
            if seen.effect is not None:
                self._html(said_words(self._visit, seen.effect, self._archive))
            if seen.stands:
                self._take_back_form()
            elif seen.alert.is_open:
                self._form(seen.alert)

    def _form(self, alert: Alert) -> None:
        say = self._visit.say
        because = ui.select(reason_choices(self._visit, alert), label=say("benign.because"))
        because.props("outlined dense").classes("field").mark("because")
        note = self._input("do.note", "note", 500)
        name = self._input("do.your_name", "benign-name", NAME_LENGTH, self._name)
        self._html(el("p", say("benign.note"), class_="note"))

        async def go() -> None:
            if not because.value:
                self._tell(say("benign.needs_reason"))
            elif because.value == OTHER and not (note.value or "").strip():
                self._tell(say("do.needs_reason"))
            else:
                said = {"because": because.value, "note": note.value or ""}
                await self._make(name.value, "not-a-problem", said)

        self._button("benign.do", go)

    def _take_back_form(self) -> None:
        say = self._visit.say
        with ui.expansion(say("benign.take_back")).classes("more-moves"):
            reason = self._input("do.reason", "reason", 500)
            name = self._input("do.your_name", "benign-name", NAME_LENGTH, self._name)

            async def go() -> None:
                if not (reason.value or "").strip():
                    self._tell(say("do.needs_reason"))
                else:
                    await self._make(name.value, "not-a-problem/undo", {"reason": reason.value})

            self._button("benign.take_back_do", go)

    async def _make(self, name: str | None, act: str, body: Mapping[str, object]) -> None:
        say = self._visit.say
        if not (name or "").strip():
            self._tell(say("do.needs_name"))
            return
        if self._busy:
            return
        self._busy = True
        try:
            await self._api.act((name or "").strip(), self._alert_id, act, body)
        except StoreUnavailable:
            self._tell(say("do.unavailable"))
            return
        except StaleVersion:
            self._tell(say("do.stale"))
        except MeterwatchError as refusal:
            self._tell(say("do.illegal", why=refusal))
        else:
            ui.notify(say("benign.done"), type="positive", position="bottom", timeout=4000)
            self._name = (name or "").strip()
            remember_name(self._name)
        finally:
            self._busy = False
        await self._again()

    # --- small things

    def _input(self, key: str, mark: str, length: int, value: str = "") -> ui.input:
        field = ui.input(self._visit.say(key), value=value).props(f"outlined dense stack-label maxlength={length}")
        return field.classes("field").mark(mark)

    def _button(self, key: str, handler: Callable[[], object]) -> None:
        # no Quasar colour: its classes are !important and would win over the desk's own
        button = ui.button(self._visit.say(key), on_click=handler, color=None).props("no-caps unelevated")
        button.classes("action").mark(key)

    def _html(self, markup: Markup) -> None:
        ui.html(str(markup), sanitize=False)

    def _tell(self, text: str) -> None:
        ui.notify(text, type="warning", position="bottom", timeout=6000, multi_line=True)
