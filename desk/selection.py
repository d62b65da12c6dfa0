"""Filters, order and pages of the two lists, from the query of their address: every view can be sent as a link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from desk.records import ENDED, Snapshot, next_first
from metering.alert import Alert
from metering.catalogue import CATALOGUE
from metering.inspection import InspectionTask

PAGE_LENGTH = 50
GRADE_ORDER: Mapping[str, int] = {"high": 0, "medium": 1, "low": 2}
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Selection:
    """What one list shows. Empty text is no filter; `sort` with a leading hyphen is descending."""

    grade: str = ""
    family: str = ""
    lane: str = ""
    abnormality: str = ""
    area: str = ""
    state: str = ""
    search: str = ""
    sort: str = ""
    urgency: str = ""
    owner: str = ""
    cursor: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str], *, state: str, sort: str) -> Selection:
        """From an address; a page that is no number is the first one."""
        known = {f.name for f in fields(cls)} - {"page"}
        page = query.get("page", "")
        asked = {"state": state, "sort": sort} | {k: v.strip() for k, v in query.items() if k in known}
        return cls(**asked, page=max(1, int(page)) if page.isdecimal() and len(page) < 7 else 1)

    def address(self, path: str, **changed: str | int) -> str:
        """The address of this list with something changed."""
        asked = replace(self, **changed)  # type: ignore[arg-type]
        query = {f.name: getattr(asked, f.name) for f in fields(asked)}
        return f"{path}?{urlencode({k: v for k, v in query.items() if v not in ('', 1) or k == 'state'})}"

    @property
    def sort_column(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: tuple[Row, ...]
    count: int
    page: int
    pages: int


def _page(rows: Sequence[Row], wanted: int) -> Page[Row]:
    pages = max(1, -(-len(rows) // PAGE_LENGTH))
    page = min(wanted, pages)
    return Page(tuple(rows[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH]), len(rows), page, pages)


def lane_of(alert: Alert) -> str:
    """The catalogue's lane of an alert; a kind that the catalogue does not know is a suspicion."""
    kind = CATALOGUE.get(alert.abnormality)
    return "suspicion" if kind is None else kind.lane


TASK_ORDERS: Mapping[str, Callable[[InspectionTask], Any]] = {
    "next": next_first,
    "grade": lambda t: (GRADE_ORDER[t.grade], -t.risk),
    "service_point": lambda t: t.service_point,
    "area": lambda t: t.transformer_area,
    "state": lambda t: t.state,
    "assignee": lambda t: t.assignee or "",
    "opened": lambda t: (t.opened_at_s, t.priority),
    "due": lambda t: t.due_at_s,
    "risk": lambda t: t.risk,
}
OPEN_ONES = "unfinished"


def select_tasks(snapshot: Snapshot, wanted: Selection) -> Page[InspectionTask]:
    """The tasks that match, in order. A task has the families and abnormalities of its alerts."""
    search = wanted.search.casefold()

    def matches(task: InspectionTask) -> bool:
        alerts = snapshot.alerts_of(task)
        return (
            (wanted.state in ("", task.state) or (wanted.state == OPEN_ONES and task.state not in ENDED))
            and wanted.grade in ("", task.grade)
            and wanted.area in ("", task.transformer_area)
            and (wanted.lane != "hazard" or task.hazard)
            and (not wanted.family or any(a.family == wanted.family for a in alerts))
            and (not wanted.abnormality or any(a.abnormality == wanted.abnormality for a in alerts))
            and (
                not search
                or search in task.service_point.casefold()
                or search in (task.assignee or "").casefold()
                or any(search in (a.meter_id or "").casefold() for a in alerts)
            )
        )

    order = TASK_ORDERS.get(wanted.sort_column, TASK_ORDERS["next"])
    return _page(sorted(filter(matches, snapshot.tasks), key=order, reverse=wanted.descending), wanted.page)
