"""The small parts every page is made of: chips, facts, tables, the header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote

from desk.figures import moment
from desk.markup import Child, Markup, el, joined
from desk.selection import Page, Selection, lane_of
from desk.visit import Visit
from metering.alert import Alert, AlertState
from metering.inspection import InspectionTask, TaskFinding
from metering.times import LocalCalendar

Row = TypeVar("Row")
GRADE_MARKS = {"high": "▲", "medium": "◆", "low": "●"}


def grade_chip(visit: Visit, grade: str) -> Markup:
    """The grade by shape, word and colour: colour alone says nothing to one man in twelve."""
    mark = el("span", GRADE_MARKS[grade], aria_hidden="true")
    return el("span", mark, " ", visit.say(f"grade.{grade}"), class_=f"chip grade-{grade}")


def hazard_chip(visit: Visit) -> Markup:
    return el("span", el("span", "⚠", aria_hidden="true"), " ", visit.say("hazard"), class_="chip hazard")


def state_chip(visit: Visit, kind: str, state: str) -> Markup:
    return el("span", visit.say(f"{kind}_state.{state}"), class_=f"chip state-{state}")


def claim(visit: Visit, alert: Alert) -> str:
    """The alert in a few words: suspected, until a finding says otherwise."""
    what = visit.say.abnormality(alert.abnormality)
    if alert.state is AlertState.CONFIRMED:
        return visit.say("claim.confirmed", what=what)
    if alert.state is AlertState.WITHDRAWN:
        return visit.say("claim.not_confirmed", what=what)
    return visit.say("claim.suspected", what=what)


def task_claim(visit: Visit, task: InspectionTask, alerts: Sequence[Alert]) -> str:
    """The task in a few words: its finding where there is one, else what is suspected."""
    return claim_of_kinds(visit, [a.abnormality for a in alerts], task.finding)


def claim_of_kinds(visit: Visit, kinds: Sequence[str], finding: TaskFinding | None) -> str:
    """A task about alerts of these abnormalities in a few words."""
    names = list(dict.fromkeys(map(visit.say.abnormality, kinds)))
    what = "、".join(names) if visit.language == "zh" else ", ".join(names)
    if finding is None:
        return visit.say("claim.suspected", what=what) if names else visit.say("claim.of_rank")
    if not finding.confirmed:
        return visit.say("claim.not_confirmed", what=what)
    return visit.say("claim.confirmed", what=visit.say.abnormality(finding.abnormality or ""))


def is_hazard(alert: Alert) -> bool:
    return lane_of(alert) == "hazard"


def alert_address(alert: Alert) -> str:
    return f"/alerts/{quote(alert.alert_id, safe='')}"


def task_address(task_id: str) -> str:
    return f"/tasks/{quote(task_id, safe='')}"


def area_address(area: str) -> str:
    return Selection(area=area, state="raised").address("/alerts")


def time_text(epoch_s: int | None, calendar: LocalCalendar) -> Markup:
    return el("time", moment(epoch_s, calendar))


def day_text(epoch_s: int, calendar: LocalCalendar) -> Markup:
    """The local day."""
    return el("time", calendar.day_of(epoch_s).isoformat())


def fact(label: str, *value: Child, note: Child = None, class_: str = "") -> Markup:
    noted = el("span", note, class_="note") if note is not None else None
    return el("div", el("dt", label), el("dd", *value, noted), class_=f"fact {class_}".strip())


def section(title: str, *content: Child, class_: str = "", more: Child = None) -> Markup:
    return el("section", el("header", el("h2", title), more), *content, class_=f"card {class_}".strip())


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column of a table. `sort` is the order's name where the column can be sorted by."""

    title: str
    cell: Callable[[Row], Child]
    sort: str = ""
    class_: str = ""


def table(
    columns: Sequence[Column[Row]],
    rows: Sequence[Row],
    *,
    caption: str,
    selection: Selection | None = None,
    path: str = "",
    visit: Visit | None = None,
    row_class: Callable[[Row], str] = lambda _row: "",
) -> Markup:
    """A table that becomes a list of cards on a phone: each cell carries its column's title."""
    heads = [_head(column, selection, path, visit) for column in columns]
    body = [
        el(
            "tr",
            *(el("td", column.cell(row), class_=column.class_ or None, data_label=column.title) for column in columns),
            class_=row_class(row) or None,
        )
        for row in rows
    ]
    return el(
        "table",
        el("caption", caption, class_="unseen"),
        el("thead", el("tr", *heads)),
        el("tbody", *body),
        class_="list",
    )


def _head(column: Column[Row], selection: Selection | None, path: str, visit: Visit | None) -> Markup:
    if not column.sort or selection is None or visit is None:
        return el("th", column.title, scope="col", class_=column.class_ or None)
    here = selection.sort_column == column.sort
    turned = column.sort if here and selection.descending else f"-{column.sort}" if here else column.sort
    mark = el("span", " ▼" if selection.descending else " ▲", aria_hidden="true") if here else None
    return el(
        "th",
        el(
            "a",
            column.title,
            mark,
            href=selection.address(path, sort=turned, page=1, cursor=""),
            title=visit.say("list.sort", column=column.title),
        ),
        scope="col",
        class_=column.class_ or None,
        aria_sort=("descending" if selection.descending else "ascending") if here else None,
    )


def pager(visit: Visit, page: Page[Row], selection: Selection, path: str) -> Markup:
    if page.pages == 1:
        return Markup()
    say = visit.say

    def step(number: int, key: str, rel: str) -> Markup:
        if not 1 <= number <= page.pages:
            return el("span", say(key), class_="button off", aria_disabled="true")
        return el("a", say(key), href=selection.address(path, page=number), class_="button", rel=rel)

    return el(
        "nav",
        step(page.page - 1, "list.previous", "prev"),
        el("span", say("list.page", page=page.page, pages=page.pages)),
        step(page.page + 1, "list.next", "next"),
        class_="pager",
    )


def option(value: str, text: str, chosen: str) -> Markup:
    return el("option", text, value=value, selected=value == chosen)


def choice(label: str, name: str, options: Sequence[Markup]) -> Markup:
    return el("label", el("span", label), el("select", *options, name=name, onchange="this.form.requestSubmit()"))


def header(visit: Visit, here: str, clock_s: int, calendar: LocalCalendar) -> Markup:
    """The bar above every page: where one is, up to when readings are judged, language and light."""
    say = visit.say
    links = [
        el("a", say(f"nav.{name}"), href=address, aria_current="page" if name == here else None)
        for name, address in (
            ("overview", "/"),
            ("alerts", "/alerts"),
            ("tasks", "/tasks"),
            ("findings", "/findings"),
            ("told", "/notifications"),
            ("quality", "/quality"),
        )
    ]
    back = quote(visit.path, safe="")
    other_language = "en" if visit.language == "zh" else "zh"
    other_theme = "light" if visit.theme == "dark" else "dark"
    return joined(
        el("a", say("nav.skip"), href="#content", class_="skip"),
        el(
            "div",
            el("a", _mark(), el("span", say("brand")), href="/", class_="brand"),
            el("nav", *links, aria_label=say("nav.label")),
            el(
                "div",
                el("span", clock_text(visit, clock_s, calendar), class_="clock", id="clock"),
                el(
                    "a",
                    say("language.other"),
                    href=f"/language/{other_language}?back={back}",
                    class_="switch",
                    lang="zh-CN" if other_language == "zh" else "en",
                ),
                el(
                    "a",
                    el("span", "☀" if other_theme == "light" else "☾", aria_hidden="true"),
                    el("span", say(f"theme.{other_theme}"), class_="unseen"),
                    href=f"/theme/{other_theme}?back={back}",
                    class_="switch",
                    title=say(f"theme.{other_theme}"),
                ),
                class_="aside",
            ),
            class_="bar",
        ),
    )


def clock_text(visit: Visit, clock_s: int, calendar: LocalCalendar) -> Markup:
    if clock_s <= 0:
        return joined(visit.say("clock.none"))
    return joined(el("span", visit.say("clock.label"), class_="label"), " ", time_text(clock_s, calendar))


def _mark() -> Markup:
    """A pulse over a dial: a meter that is being listened to."""
    return el(
        "svg",
        el("circle", cx="12", cy="12", r="10", fill="none", stroke="currentColor", stroke_width="1.6", opacity="0.5"),
        el(
            "path",
            d="M3.5 13h4l2-5.5 3.6 9.5 2.4-6 1.2 2h3.8",
            fill="none",
            stroke="currentColor",
            stroke_width="1.8",
            stroke_linejoin="round",
            stroke_linecap="round",
        ),
        viewBox="0 0 24 24",
        width="22",
        height="22",
        aria_hidden="true",
    )


def footer(visit: Visit) -> Markup:
    return el("div", visit.say("footer.note"), class_="foot")
