"""The pages themselves: control room, alert list, alert, task list, task (which on a phone is the field page)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from nicegui import ui
from starlette.requests import Request

from desk import case, learning, lists, overview, quality, told
from desk.alert_list import alert_list, query_of
from desk.alert_page import AlertScreen
from desk.api.client import ApiClient, alert_of
from desk.api.place_schemas import Places
from desk.charts import CurveCards, CurveSubject
from desk.markup import Markup, el
from desk.moves import MovePanel
from desk.pieces import claim, footer, header, task_claim
from desk.records import Records
from desk.selection import OPEN_ONES, Selection, select_tasks
from desk.suspected_list import STATE as SUSPECTED
from desk.suspected_list import suspected_link, suspected_list
from desk.taking_back import TakeBack
from desk.texts import Language
from desk.visit import Visit, visit_of
from inspection.track_record import Precision
from metering.alert import Alert, AlertState
from metering.archive import Meter
from metering.errors import IllegalMove, NotFound, StoreUnavailable
from metering.inspection import AuditEntry, InspectionTask
from metering.times import to_epoch_s
from operations.finding_effects import Effect
from operations.record_finding import meter_of_task
from operations.why_ranked import RankedCase, why_ranked

REFRESH_SECONDS = 3.0
NEWS_SECONDS = 5.0
BUILD_SECONDS = 20.0
#: A short list of areas leaves room below it for the newest alerts.
FEW_AREAS = 9
BUSY_COLUMNS: tuple[tuple[str, ...], ...] = (("areas", "families", "aside"), ("tasks", "newest"))
STYLE = Path(__file__).parent / "static" / "desk.css"


def register(records: Records, api: ApiClient, language: Language) -> None:
    """Register every page with NiceGUI, over these records."""
    style_version = blake2b(STYLE.read_bytes(), digest_size=6).hexdigest()

    async def screen(request: Request) -> Screen:
        return Screen(records, api, await api.places(), visit_of(request, language), style_version)

    @ui.page("/", response_timeout=BUILD_SECONDS)
    async def control_room(request: Request) -> None:
        await (await screen(request)).control_room()

    @ui.page("/alerts", response_timeout=BUILD_SECONDS)
    async def alert_list(request: Request) -> None:
        wanted = Selection.of(request.query_params, state=AlertState.RAISED, sort="-raised")
        await (await screen(request)).alert_list(wanted)

    @ui.page("/tasks", response_timeout=BUILD_SECONDS)
    async def task_list(request: Request) -> None:
        await (await screen(request)).task_list(Selection.of(request.query_params, state=OPEN_ONES, sort="next"))

    @ui.page("/findings", response_timeout=BUILD_SECONDS)
    async def findings_page(request: Request) -> None:
        await (await screen(request)).findings()

    @ui.page("/notifications", response_timeout=BUILD_SECONDS)
    async def told_page(request: Request) -> None:
        await (await screen(request)).told()

    @ui.page("/quality", response_timeout=BUILD_SECONDS)
    async def quality_page(request: Request) -> None:
        await (await screen(request)).quality()

    @ui.page("/alerts/{alert_id}", response_timeout=BUILD_SECONDS)
    async def alert_page(request: Request, alert_id: str) -> None:
        await (await screen(request)).alert(alert_id)

    @ui.page("/tasks/{task_id}", response_timeout=BUILD_SECONDS)
    async def task_page(request: Request, task_id: str) -> None:
        await (await screen(request)).task(task_id)


class Screen:
    """One page for one browser: read first, then build."""

    def __init__(self, records: Records, api: ApiClient, places: Places, visit: Visit, style_version: str) -> None:
        self._records = records
        self._api = api
        self._places = places
        self._visit = visit
        self._style_version = style_version

    async def control_room(self) -> None:
        """The overview; it keeps itself up to date."""
        visit, calendar = self._visit, self._places.calendar
        try:
            told = await self._api.overview()
        except StoreUnavailable:
            self._unavailable("overview")
            return
        shown = await asyncio.to_thread(overview.parts, visit, told, self._places)
        with self._shell("overview", visit.say("overview.title"), to_epoch_s(told.judged_until)) as bar:
            parts = {name: _html(shown[name]).classes(f"part-{name}") for name in ("tiles", "watch", "hazards")}
            few = told.areas.count <= FEW_AREAS
            columns: tuple[tuple[str, ...], ...] = (
                (("areas", "newest"), ("tasks", "families", "aside")) if few else BUSY_COLUMNS
            )
            for column, width in zip(columns, ("wide", "narrow"), strict=True):
                with ui.element("div").classes(f"column-of-cards {width}"):
                    parts |= {name: _html(shown[name]).classes(f"part-{name}") for name in column}

        async def refresh() -> None:
            try:
                told = await self._api.overview()
            except StoreUnavailable:
                return  # the screen keeps what it last knew; its clock stands still and says so
            fresh = await asyncio.to_thread(overview.parts, visit, told, self._places)
            for name, part in parts.items():
                if part.content != fresh[name]:
                    part.content = fresh[name]
            top = header(visit, "overview", to_epoch_s(told.judged_until), calendar)
            if bar.content != top:
                bar.content = top

        ui.timer(REFRESH_SECONDS, refresh, immediate=False)

    async def alert_list(self, wanted: Selection) -> None:
        visit = self._visit
        if wanted.state == SUSPECTED:
            await self._suspected(wanted)
            return
        try:
            found = await self._api.alerts(query_of(wanted))
            nearing = await self._api.suspected({})
        except StoreUnavailable:
            self._unavailable("alerts")
            return
        except IllegalMove as refusal:
            self._refused("alerts", str(refusal))
            return
        shown = await asyncio.to_thread(alert_list, visit, self._places, wanted, found)
        with self._shell("alerts", visit.say("nav.alerts"), to_epoch_s(found.judged_until)):
            if link := suspected_link(visit, nearing):
                _html(link)
            _html(shown)

    async def _suspected(self, wanted: Selection) -> None:
        visit = self._visit
        try:
            found = await self._api.suspected({k: v for k in ("area", "lane", "family") if (v := getattr(wanted, k))})
        except StoreUnavailable:
            self._unavailable("alerts")
            return
        except IllegalMove as refusal:
            self._refused("alerts", str(refusal))
            return
        shown = await asyncio.to_thread(suspected_list, visit, self._records.archive, wanted, found)
        with self._shell("alerts", visit.say("suspected.title"), to_epoch_s(found.judged_until)):
            _html(shown)

    async def task_list(self, wanted: Selection) -> None:
        visit = self._visit
        try:
            snapshot = await self._records.snapshot(fresh=True)
        except StoreUnavailable:
            self._unavailable("tasks")
            return

        def render() -> Markup:
            page = select_tasks(snapshot, wanted)
            return lists.task_list(visit, snapshot, self._records.archive, wanted, page)

        shown = await asyncio.to_thread(render)
        with self._shell("tasks", visit.say("nav.tasks"), snapshot.clock_s):
            _html(shown)

    async def findings(self) -> None:
        """The detectors' track record, and what each finding taught; each can be taken back."""
        records, visit = self._records, self._visit
        try:
            clock_s = await asyncio.to_thread(records.log_clock_s)
            effects, record = await records.findings(learning.FINDINGS_SHOWN)
        except StoreUnavailable:
            self._unavailable("findings")
            return
        with self._shell("findings", visit.say("nav.findings"), clock_s):
            FindingsScreen(records, visit).show(effects, record)

    async def told(self) -> None:
        """What people were told, and whether it arrived."""
        visit = self._visit
        try:
            sent = await self._api.notifications({"limit": told.SHOWN})
        except StoreUnavailable:
            self._unavailable("told")
            return
        with self._shell("told", visit.say("nav.told"), to_epoch_s(sent.judged_until)):
            _html(told.told_card(visit, sent.notifications, self._places.calendar))

    async def quality(self) -> None:
        """What validation found, and which meters to calibrate."""
        visit, calendar = self._visit, self._places.calendar
        try:
            found = await self._api.quality()
        except StoreUnavailable:
            self._unavailable("quality")
            return

        def render() -> list[Markup]:
            return [
                quality.rules_card(visit, found),
                overview.set_aside_bars(visit, found.intake),
                quality.candidates_card(visit, found, calendar),
                quality.meters_card(visit, found, calendar),
            ]

        cards = await asyncio.to_thread(render)
        with self._shell("quality", visit.say("nav.quality"), to_epoch_s(found.judged_until)):
            _html(el("h1", visit.say("nav.quality")))
            for card, name in zip(cards, ("rules", "aside", "candidates", "meters"), strict=True):
                _html(card).classes(f"part-{name}")

    async def alert(self, alert_id: str) -> None:
        visit = self._visit
        try:
            told = await self._api.alert(alert_id)
            archive = await self._api.place(told.transformer_area, told.service_point, told.meter_id)
        except StoreUnavailable:
            self._unavailable("alerts")
            return
        except NotFound:
            self._missing("alerts", 0)
            return
        with self._shell("alerts", claim(visit, alert_of(told)), to_epoch_s(told.judged_until)):
            await AlertScreen(self._api, archive, visit, told).show()

    async def task(self, task_id: str) -> None:
        records, visit = self._records, self._visit
        try:
            seen = await asyncio.to_thread(_read_task, records, task_id)
            clock_s = await asyncio.to_thread(records.log_clock_s)
        except StoreUnavailable:
            self._unavailable("tasks")
            return
        if seen is None:
            self._missing("tasks", clock_s)
            return
        with self._shell("tasks", task_claim(visit, seen.task, seen.alerts), clock_s):
            await TaskScreen(records, self._api, visit, seen).show()

    @contextlib.contextmanager
    def _shell(self, here: str, title: str, clock_s: int) -> Iterator[ui.html]:
        """Header, content, footer; gives the header, so that a live page can move its clock."""
        _prepare(self._visit, title, self._style_version)
        bar = _html(header(self._visit, here, clock_s, self._places.calendar)).classes("top")
        with ui.element("main").props('id=content tabindex="-1"').classes(f"page page-{here}"):
            yield bar
        _html(footer(self._visit), "footer")

    def _unavailable(self, here: str) -> None:
        say = self._visit.say
        ui.context.client.status_code = 503
        with self._shell(here, say("trouble.unavailable"), 0):
            _notice(say("trouble.unavailable"), say("trouble.unavailable_do"))
            ui.timer(10.0, ui.navigate.reload, once=True)

    def _refused(self, here: str, why: str) -> None:
        """An address with a filter or a place that there is none of."""
        say = self._visit.say
        ui.context.client.status_code = 422
        with self._shell(here, say("trouble.refused"), 0):
            _notice(say("trouble.refused"), why)

    def _missing(self, here: str, clock_s: int) -> None:
        say = self._visit.say
        ui.context.client.status_code = 404
        with self._shell(here, say("trouble.missing"), clock_s):
            _notice(say("trouble.missing"), say("trouble.missing_do"))


class FindingsScreen:
    """The findings page in one browser; after one was taken back it is shown anew."""

    def __init__(self, records: Records, visit: Visit) -> None:
        self._records, self._visit = records, visit

    def show(self, effects: Sequence[Effect], record: Sequence[Precision]) -> None:
        _html(el("h1", self._visit.say("nav.findings")))
        self._take_back = TakeBack(self._records, self._visit, self._again)
        self._record = _html(learning.record_card(self._visit, record)).classes("part-record")
        self._entries = ui.element("section").classes("card part-entries")
        self._show_entries(effects)

    def _show_entries(self, effects: Sequence[Effect]) -> None:
        say = self._visit.say
        with self._entries:
            _html(
                el(
                    "header",
                    el("h2", say("learning.findings")),
                    el("span", say("learning.findings_note"), class_="note"),
                )
            )
            if not effects:
                _html(el("p", say("learning.findings_none"), class_="calm"))
            for effect in effects:
                with ui.element("div").classes("finding-row"):
                    _html(learning.finding_entry(self._visit, effect, self._records.archive))
                    if effect.kind != "undone":
                        self._button(effect)

    def _button(self, effect: Effect) -> None:
        found = effect.finding
        button = ui.button(
            self._visit.say("undo.button"),
            on_click=lambda: self._take_back.ask(found.finding_id, found.meter_id),
            color=None,
        )
        button.props("no-caps unelevated").classes("action").mark("undo")

    async def _again(self) -> None:
        effects, record = await self._records.findings(learning.FINDINGS_SHOWN)
        self._record.content = learning.record_card(self._visit, record)
        self._entries.clear()
        self._show_entries(effects)


@dataclass(frozen=True)
class SeenTask:
    """A task as one reading of the store showed it."""

    task: InspectionTask
    alerts: tuple[Alert, ...]
    trail: tuple[AuditEntry, ...]
    meter: Meter | None
    now_s: int
    clock_s: int
    ranked: RankedCase | None


def _read_task(records: Records, task_id: str) -> SeenTask | None:
    task = records.store.task(task_id)
    if task is None:
        return None
    now_s = records.now_s()
    alerts = tuple(a for a in map(records.store.alert, task.alert_ids) if a is not None)
    meter = meter_of_task(records.archive, task, now_s)
    return SeenTask(
        task,
        alerts,
        tuple(records.store.audit(task_id)),
        meter,
        now_s,
        records.log_clock_s(),
        why_ranked(records.store, records.archive, task, meter),
    )


class TaskScreen:
    """The task page in one browser. After a move everything but the charts is shown anew."""

    def __init__(self, records: Records, api: ApiClient, visit: Visit, seen: SeenTask) -> None:
        self._records = records
        self._api = api
        self._visit = visit
        self._seen = seen
        self._panel = MovePanel(records, visit, self._again)

    async def show(self) -> None:
        visit, seen = self._visit, self._seen
        self._news = ui.element("div").classes("news").props("role=status")
        self._head = _html(self._head_markup())
        with ui.element("div").classes("case"):
            with ui.element("div").classes("case-main"):
                self._claims = _html(self._claims_markup()).classes("part-claims")
                if seen.alerts or seen.meter is not None:
                    task = seen.task
                    subject = CurveSubject(
                        task.transformer_area, seen.meter, seen.alerts, task.task_id, task.opened_at_s
                    )
                    with ui.element("div").classes("part-curves"):
                        await CurveCards(self._api, visit, self._records.archive.calendar, subject, seen.clock_s).show()
            with ui.element("div").classes("case-side"):
                self._finding = _html(self._finding_markup()).classes("part-finding")
                self._moves = ui.element("section").classes("card moves part-moves")
                likely = () if seen.ranked is None else tuple(kind for kind, _ in seen.ranked.kinds)
                _html(case.check_card(visit, seen.alerts, likely)).classes("part-check")
                self._history = _html(self._history_markup()).classes("part-history")
        with self._moves:
            self._panel.show(seen.task, seen.alerts)
        ui.timer(NEWS_SECONDS, self._look_for_news, immediate=False)

    async def _again(self) -> None:
        fresh = await asyncio.to_thread(_read_task, self._records, self._seen.task.task_id)
        if fresh is None:
            ui.navigate.to("/tasks")
            return
        self._seen = fresh
        self._news.clear()
        self._head.content = self._head_markup()
        self._claims.content = self._claims_markup()
        self._finding.content = self._finding_markup()
        self._history.content = self._history_markup()
        self._moves.clear()
        with self._moves:
            self._panel.show(fresh.task, fresh.alerts)

    async def _look_for_news(self) -> None:
        """Say it when somebody else moved the task, without taking away what is being typed."""
        try:
            stored = await asyncio.to_thread(self._records.store.task, self._seen.task.task_id)
        except StoreUnavailable:
            return
        if stored is None or stored.version == self._seen.task.version or self._news.default_slot.children:
            return
        with self._news:
            _html(el("span", self._visit.say("do.changed")))
            ui.button(self._visit.say("do.reload"), on_click=self._again).props("no-caps flat dense")

    def _head_markup(self) -> Markup:
        seen = self._seen
        title = task_claim(self._visit, seen.task, seen.alerts)
        if seen.ranked is not None and seen.task.finding is None:
            title = self._visit.say("claim.ranked", what=self._visit.say.abnormality(seen.ranked.kinds[0][0]))
        return case.task_head(self._visit, seen.task, title, self._records.archive, seen.meter, seen.now_s)

    def _claims_markup(self) -> Markup:
        seen, archive = self._seen, self._records.archive
        if seen.ranked is not None:
            return case.ranked_card(self._visit, seen.ranked, seen.task, archive)
        return Markup(
            "".join(case.claim_card(self._visit, a, archive, seen.meter, seen.now_s, linked=True) for a in seen.alerts)
        )

    def _finding_markup(self) -> Markup:
        card = case.finding_card(self._visit, self._seen.task, self._seen.trail, self._records.archive)
        return Markup() if card is None else card

    def _history_markup(self) -> Markup:
        return case.history_card(self._visit, self._seen.trail, self._records.archive)


def _prepare(visit: Visit, title: str, style_version: str) -> None:
    lang = "zh-CN" if visit.language == "zh" else "en"
    ui.page_title(f"{title} · {visit.say('brand')}")
    ui.dark_mode(value=visit.theme == "dark")
    ui.add_head_html(
        f'<script>document.documentElement.dataset.theme="{visit.theme}";document.documentElement.lang="{lang}"</script>'
        f'<link rel="stylesheet" href="/static/desk.css?v={style_version}">'
    )


def _html(markup: Markup, tag: str = "div") -> ui.html:
    return ui.html(markup, sanitize=False, tag=tag)


def _notice(title: str, what_to_do: str) -> None:
    _html(el("section", el("h1", title), el("p", what_to_do), class_="card notice"))
