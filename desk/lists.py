"""The task list: filtered, sorted and paged by its address, fit for thousands of rows; and what it shares with the alert list."""

from __future__ import annotations

from collections.abc import Iterable

from desk.figures import count, moment
from desk.markup import Child, Markup, el, joined
from desk.overview import due_text
from desk.pieces import (
    Column,
    choice,
    grade_chip,
    hazard_chip,
    option,
    pager,
    state_chip,
    table,
    task_address,
    task_claim,
    time_text,
)
from desk.records import Snapshot
from desk.selection import GRADE_ORDER, OPEN_ONES, Page, Selection
from desk.visit import Visit
from metering.archive import Archive
from metering.catalogue import FAMILIES
from metering.inspection import InspectionTask, TaskState

AREAS_OFFERED = 500


def task_list(
    visit: Visit, snapshot: Snapshot, archive: Archive, wanted: Selection, page: Page[InspectionTask]
) -> Markup:
    say, calendar = visit.say, archive.calendar

    def what(task: InspectionTask) -> Markup:
        return joined(
            el(
                "a",
                task_claim(visit, task, snapshot.alerts_of(task)),
                href=task_address(task.task_id),
                class_="whole-row",
            ),
            " ",
            hazard_chip(visit) if task.hazard else None,
        )

    def due(task: InspectionTask) -> Child:
        if task.closed_at_s is not None:
            return el("span", "·", class_="nothing")
        return el("span", due_text(visit, task, snapshot.now_s), title=moment(task.due_at_s, calendar))

    columns: list[Column[InspectionTask]] = [
        Column(say("column.grade"), lambda t: grade_chip(visit, t.grade), "grade", "plain"),
        Column(say("column.abnormality"), what, class_="name"),
        Column(say("column.service_point"), lambda t: t.service_point, "service_point", "mono plain"),
        Column(say("column.area"), lambda t: t.transformer_area, "area", "mono plain"),
        Column(say("column.state"), lambda t: state_chip(visit, "task", t.state), "state", "plain end"),
        Column(say("column.assignee"), lambda t: t.assignee or "–", "assignee"),
        Column(say("column.opened"), lambda t: time_text(t.opened_at_s, calendar), "opened", "time minor"),
        Column(say("column.due"), due, "due"),
        Column(say("column.risk"), lambda t: f"{t.risk:.2f}", "risk", "figure minor"),
    ]
    states = [(OPEN_ONES, say("filter.open_only")), *((s.value, say(f"task_state.{s}")) for s in TaskState)]
    return joined(
        el("h1", say("nav.tasks"), " ", el("span", say("list.count_tasks", count=count(page.count)), class_="note")),
        _filters(visit, wanted, states, snapshot, archive),
        rows_card(visit, table(
            columns, page.rows, caption=say("nav.tasks"), selection=wanted, path="/tasks", visit=visit
        ), page.count),
        pager(visit, page, wanted, "/tasks"),
    )  # fmt: skip


def rows_card(visit: Visit, rows: Markup, found: int) -> Markup:
    return el("div", rows if found else el("p", visit.say("list.empty"), class_="calm"), class_="card list-card")


def what_choices(visit: Visit, wanted: Selection, kinds: Iterable[str]) -> tuple[Markup, ...]:
    """The filters that every list of claims has: grade, family, and which abnormality of `kinds` (codes, in their order)."""
    say = visit.say
    return (
        choice(
            say("column.grade"), "grade", offer(visit, wanted.grade, *((g, say(f"grade.{g}")) for g in GRADE_ORDER))
        ),
        choice(
            say("column.family"), "family", offer(visit, wanted.family, *((f, say(f"family.{f}")) for f in FAMILIES))
        ),
        choice(
            say("column.abnormality"),
            "abnormality",
            offer(visit, wanted.abnormality, *((k, say.abnormality(k)) for k in kinds)),
        ),
    )


def _filters(
    visit: Visit, wanted: Selection, states: list[tuple[str, str]], snapshot: Snapshot, archive: Archive
) -> Markup:
    say = visit.say
    kinds = sorted({a.abnormality for a in snapshot.alerts})
    return filter_form(
        visit,
        "/tasks",
        wanted,
        archive.areas,
        choice(say("column.state"), "state", offer(visit, wanted.state, *states)),
        *what_choices(visit, wanted, kinds),
    )


def offer(visit: Visit, chosen: str, *options: tuple[str, str]) -> list[Markup]:
    """The options of a filter, the first of which is none."""
    return [option(value, text, chosen) for value, text in (("", visit.say("filter.any")), *options)]


def filter_form(visit: Visit, path: str, wanted: Selection, areas: Iterable[str], *choices: Markup) -> Markup:
    """A plain form: it works from the keyboard, and the address it leads to can be sent to a colleague."""
    say = visit.say
    offered = sorted({wanted.area, *areas} - {""})[:AREAS_OFFERED]
    form = el(
        "form",
        *choices,
        choice(say("column.area"), "area", offer(visit, wanted.area, *((a, a) for a in offered))),
        choice(say("filter.lane"), "lane", offer(visit, wanted.lane, ("hazard", say("lane.hazard")))),
        el(
            "label",
            el("span", say("filter.search")),
            el("input", type="search", name="search", value=wanted.search, autocomplete="off"),
            class_="search",
        ),
        el("input", type="hidden", name="sort", value=wanted.sort),
        el("button", say("filter.apply"), type="submit", class_="button primary"),
        el("a", say("filter.reset"), href=path, class_="button"),
        method="get",
        action=path,
        class_="filters",
    )
    # on a phone the form is folded away behind this box; on a wide screen the box is not shown
    fold = joined(
        el("input", type="checkbox", id="fold", class_="fold"),
        el("label", say("filter.show"), for_="fold", class_="button fold-label"),
    )
    return joined(fold, form)
