"""The control room: what came in, what is open, where; hazards in a lane of their own."""

from __future__ import annotations

from collections.abc import Sequence

from desk.api.client import alert_of, task_of
from desk.api.overview_schemas import AreaOut, IntakeOut, NextTask, Overview, WatchOut
from desk.api.place_schemas import Places
from desk.figures import UNKNOWN, count, distance, figure, share
from desk.markup import Child, Markup, el, joined
from desk.pieces import (
    Column,
    alert_address,
    area_address,
    claim,
    claim_of_kinds,
    grade_chip,
    hazard_chip,
    is_hazard,
    section,
    state_chip,
    table,
    task_address,
    time_text,
)
from desk.selection import OPEN_ONES, Selection
from desk.visit import Visit
from metering.alert import Alert
from metering.inspection import InspectionTask
from metering.times import LocalCalendar, to_epoch_s

NEWEST_SHOWN = 8
HAZARDS_SHOWN = TASKS_SHOWN = 6
#: How many areas, partitions or workers a line about the monitor itself names.
WATCH_NAMED = 5
LOSS_ALARMING = 0.10


def parts(visit: Visit, told: Overview, places: Places) -> dict[str, Markup]:
    """Everything on the control room's screen, by part."""
    calendar = places.calendar
    return {
        "tiles": tiles(visit, told, places),
        "watch": watch_lane(visit, told),
        "hazards": hazard_lane(visit, told),
        "areas": areas_table(visit, told),
        "newest": newest(visit, told, calendar),
        "tasks": next_tasks(visit, told),
        "families": families(visit, told),
        "aside": set_aside_bars(visit, told.intake),
    }


def tiles(visit: Visit, told: Overview, places: Places) -> Markup:
    say, intake = visit.say, told.intake
    grades = {grade: told.alerts.by_grade.get(grade, 0) for grade in ("high", "medium", "low")}
    hazards = told.alerts.by_lane.get("hazard", 0)
    whole = intake.readings_in
    aside = sum(intake.set_aside.values())
    first_reason = next(iter(intake.set_aside), None)
    return el(
        "div",
        _tile(
            say("tile.hazards"),
            count(hazards),
            say("tile.hazards_note"),
            class_="alarm" if hazards else "",
            href="/alerts?state=raised&lane=hazard" if hazards else None,
        ),
        _tile(
            say("tile.alerts"),
            count(told.alerts.count),
            say("tile.alerts_note", **grades),
            href="/alerts?state=raised",
        ),
        _tasks_tile(visit, told),
        _tile(
            say("tile.readings_in"),
            large_count(whole),
            say("tile.accepted", share=share(intake.accepted / whole, 2) if whole else UNKNOWN),
        ),
        _tile(
            say("tile.set_aside"),
            count(aside),
            say("tile.set_aside_none") if first_reason is None else _reason_words(visit, intake),
        ),
        _tile(say("tile.late"), count(intake.late), say("tile.late_note")),
        _tile(
            say("tile.dead"),
            count(intake.dead_lettered),
            say("tile.dead_note"),
            class_="warn" if intake.dead_lettered else "",
        ),
        _tile(say("tile.areas"), count(told.areas.count), say("tile.areas_note", meters=count(told.areas.meters))),
        _tile(
            say("tile.day"),
            say("tile.day_none") if told.last_closed_day is None else told.last_closed_day.isoformat(),
            places.timezone,
            class_="wide-figure",
        ),
        class_="tiles",
    )


def _tasks_tile(visit: Visit, told: Overview) -> Markup | None:
    """None for who may not see tasks."""
    if told.tasks is None:
        return None
    say, overdue = visit.say, told.tasks.overdue
    return _tile(
        say("tile.tasks"),
        count(told.tasks.count),
        say("tile.tasks_note", overdue=overdue),
        class_="warn" if overdue else "",
        href=f"/tasks?state={OPEN_ONES}",
    )


def _reason_words(visit: Visit, intake: IntakeOut) -> str:
    shown = [f"{visit.say(f'reason.{r}')} {count(n)}" for r, n in list(intake.set_aside.items())[:2]]
    return " · ".join(shown)


def large_count(value: int) -> str:
    """Ten million and more in millions: a tile is narrow.

    >>> large_count(4_847_479), large_count(48_474_790)
    ('4,847,479', '48.5 M')
    """
    return f"{value / 1e6:,.1f} M" if value >= 10_000_000 else count(value)


def _tile(label: str, value: str, note: Child, *, class_: str = "", href: str | None = None) -> Markup:
    return el(
        "a" if href else "div",
        el("span", label, class_="label"),
        el("strong", value),
        el("span", note, class_="note"),
        class_=f"tile {class_}".strip(),
        href=href,
    )


def watch_lane(visit: Visit, told: Overview) -> Markup:
    """What is wrong with the monitor itself: the rules of the watch that are open, what to do, and what could not be judged."""
    zh = visit.language == "zh"
    if not told.watch:
        return Markup()
    entries = [
        el(
            "li",
            el("strong", " ".join(filter(None, (stands.name_zh if zh else stands.name_en, stands.subject)))),
            el("span", _watch_note(visit, stands), class_="note"),
            el("span", stands.do_zh if zh else stands.do_en, class_="note"),
        )
        for stands in told.watch
    ]
    more = el("span", count(len(told.watch)), class_="badge")
    return section(visit.say("overview.watch"), el("ul", *entries), class_="lane alarm", more=more)


def _watch_note(visit: Visit, stands: WatchOut) -> str:
    value = stands.why_not_zh if visit.language == "zh" else stands.why_not_en
    if stands.value is not None:
        value = figure(stands.value, stands.unit)
    return " · ".join((f"{value} ({stands.metric})", *stands.which[:WATCH_NAMED]))


def hazard_lane(visit: Visit, told: Overview) -> Markup:
    """Dangerous conditions apart from everything else, the gravest first."""
    say, now_s = visit.say, to_epoch_s(told.now)
    hazards = [alert_of(line) for line in told.alerts.hazards[:HAZARDS_SHOWN]]
    if not hazards:
        return section(
            say("overview.hazards"), el("p", say("overview.hazards_none"), class_="calm"), class_="lane calm"
        )
    entries = [
        el(
            "li",
            el(
                "a",
                hazard_chip(visit),
                el("strong", claim(visit, a)),
                el(
                    "span",
                    f"{a.meter_id or say('claim.area')} · {a.transformer_area} · {distance(a.raised_at_s, now_s, say)}",
                    class_="note",
                ),
                href=alert_address(a),
            ),
        )
        for a in hazards
    ]
    more = el("span", count(told.alerts.by_lane.get("hazard", 0)), class_="badge")
    return section(say("overview.hazards"), el("ul", *entries), class_="lane alarm", more=more)


def areas_table(visit: Visit, told: Overview) -> Markup:
    say, lines = visit.say, told.areas.ranked
    columns: list[Column[AreaOut]] = [
        Column(
            say("column.area"),
            lambda a: joined(
                el("a", a.transformer_area, href=area_address(a.transformer_area), class_="whole-row"),
                " ",
                hazard_chip(visit) if a.hazards else None,
            ),
            class_="name",
        ),
        Column(say("column.meters"), lambda a: count(a.meters), class_="figure minor"),
        Column(say("area.loss"), lambda a: _loss_bar(visit, a.loss_share), class_="loss"),
        Column(say("area.loss_course"), lambda a: sparkline(a.loss_course), class_="spark minor"),
        Column(
            say("column.alerts"),
            lambda a: _figure_or_dot(a.open_alerts),
            class_="figure",
        ),
        Column(say("column.tasks"), lambda a: _figure_or_dot(a.open_tasks or 0), class_="figure"),
    ]
    more = el("span", say("overview.areas_shown", shown=len(lines), all=count(told.areas.count)), class_="note")
    return section(
        say("overview.areas"), table(columns, lines, caption=say("overview.areas")), class_="areas", more=more
    )


def _figure_or_dot(value: int) -> Markup:
    return el("span", count(value) if value else "·", class_=None if value else "nothing")


def _loss_bar(visit: Visit, loss_share: float | None) -> Markup:
    if loss_share is None:
        return el("span", visit.say("area.unknown_loss"), class_="nothing")
    width = min(100.0, max(0.0, 100 * loss_share / 0.25))
    state = "high" if loss_share >= LOSS_ALARMING else "negative" if loss_share < 0 else "usual"
    return el(
        "span",
        el("span", el("span", style=f"width:{width:.1f}%"), class_=f"meter-bar {state}", aria_hidden="true"),
        el("span", share(loss_share), class_="value"),
        class_="loss-cell",
    )


def sparkline(course: Sequence[float | None], width: int = 112, height: int = 22) -> Markup:
    """The course of the loss as a small line; a gap where nothing could be balanced. Its scale reaches to 12 % at least."""
    known = [v for v in course if v is not None]
    if len(known) < 2:
        return Markup()
    top = max(0.12, *known)
    bottom = min(0.0, *known)
    step = width / max(1, len(course) - 1)
    path, pen = "", "M"
    for i, value in enumerate(course):
        if value is None:
            pen = "M"
            continue
        y = 1 + (height - 2) * (1 - (value - bottom) / (top - bottom))
        path += f"{pen}{i * step:.1f} {y:.1f}"
        pen = "L"
    return el(
        "svg",
        el("path", d=path, fill="none", stroke="currentColor", stroke_width="1.4", stroke_linejoin="round"),
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        class_="sparkline",
        aria_hidden="true",
    )


def newest(visit: Visit, told: Overview, calendar: LocalCalendar) -> Markup:
    say, now_s = visit.say, to_epoch_s(told.now)
    alerts = [alert_of(line) for line in told.alerts.newest[:NEWEST_SHOWN]]
    more = el("a", say("overview.all"), href="/alerts?state=raised", class_="more")
    if not alerts:
        return section(say("overview.newest"), el("p", say("overview.newest_none"), class_="calm"), more=more)
    entries = [_alert_entry(visit, a, now_s, calendar) for a in alerts]
    return section(say("overview.newest"), el("ul", *entries, class_="entries"), more=more)


def _alert_entry(visit: Visit, alert: Alert, now_s: int, calendar: LocalCalendar) -> Markup:
    return el(
        "li",
        el(
            "a",
            hazard_chip(visit) if is_hazard(alert) else grade_chip(visit, alert.grade),
            el("strong", claim(visit, alert)),
            el(
                "span",
                f"{alert.meter_id or visit.say('claim.area')} · {alert.transformer_area} · ",
                time_text(alert.raised_at_s, calendar),
                class_="note",
            ),
            el("span", distance(alert.raised_at_s, now_s, visit.say), class_="ago"),
            href=alert_address(alert),
        ),
    )


def next_tasks(visit: Visit, told: Overview) -> Markup:
    say, now_s = visit.say, to_epoch_s(told.now)
    tasks = () if told.tasks is None else told.tasks.next[:TASKS_SHOWN]
    more = el("a", say("overview.all"), href=f"/tasks?state={OPEN_ONES}", class_="more")
    if not tasks:
        return section(say("overview.next_tasks"), el("p", say("overview.next_tasks_none"), class_="calm"), more=more)
    entries = [_task_entry(visit, t, now_s) for t in tasks]
    return section(say("overview.next_tasks"), el("ul", *entries, class_="entries"), more=more)


def _task_entry(visit: Visit, told: NextTask, now_s: int) -> Markup:
    task = task_of(told)
    return el(
        "li",
        el(
            "a",
            hazard_chip(visit) if task.hazard else grade_chip(visit, task.grade),
            el("strong", claim_of_kinds(visit, told.abnormalities, task.finding)),
            el("span", f"{task.service_point} · {task.transformer_area} · {task.assignee or '–'}", class_="note"),
            el(
                "span",
                state_chip(visit, "task", task.state),
                " ",
                due_text(visit, task, now_s),
                class_="ago",
            ),
            href=task_address(task.task_id),
        ),
    )


def due_text(visit: Visit, task: InspectionTask, now_s: int) -> Markup:
    late = task.due_at_s <= now_s
    text = visit.say("task.overdue") if late else distance(task.due_at_s, now_s, visit.say)
    return el("span", text, class_="late" if late else None)


def families(visit: Visit, told: Overview) -> Markup:
    """Open alerts by family, as bars that lead to their list."""
    say = visit.say
    found = told.alerts.by_family
    most = max(found.values(), default=1)
    bars = [
        el(
            "li",
            el(
                "a",
                el("span", say(f"family.{family}"), class_="label"),
                el("span", el("span", style=f"width:{100 * n / most:.1f}%"), class_="meter-bar usual"),
                el("span", count(n), class_="value"),
                href=Selection(family=family, state="raised").address("/alerts"),
            ),
        )
        for family, n in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    content = el("ul", *bars, class_="bars") if bars else el("p", say("overview.newest_none"), class_="calm")
    return section(say("overview.families"), content)


def set_aside_bars(visit: Visit, intake: IntakeOut) -> Markup:
    say = visit.say
    most = max(intake.set_aside.values(), default=1)
    bars = [
        el(
            "li",
            el(
                "div",
                el("span", say(f"reason.{reason}"), class_="label"),
                el("span", el("span", style=f"width:{100 * n / most:.1f}%"), class_="meter-bar muted"),
                el("span", count(n), class_="value"),
            ),
        )
        for reason, n in intake.set_aside.items()
    ]
    content = el("ul", *bars, class_="bars") if bars else el("p", say("tile.set_aside_none"), class_="calm")
    return section(say("overview.set_aside"), content)


def energy_text(alert: Alert) -> str:
    return figure(alert.energy_at_stake_kwh, "kWh") if alert.energy_at_stake_kwh > 0 else UNKNOWN
