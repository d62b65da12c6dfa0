"""The control room: what came in, what is open, where; hazards in a lane of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.watch import RULES, WatchRule, urgency_of
from desk.figures import UNKNOWN, count, day_name, distance, figure, share
from desk.markup import Child, Markup, el, joined
from desk.pieces import (
    Column,
    alert_address,
    area_address,
    claim,
    grade_chip,
    hazard_chip,
    is_hazard,
    section,
    state_chip,
    table,
    task_address,
    task_claim,
    time_text,
)
from desk.records import TASKS_ON_SHOW, Snapshot, next_first
from desk.selection import OPEN_ONES, Selection
from desk.visit import Visit
from metering.alert import Alert
from metering.archive import Archive
from metering.inspection import InspectionTask
from metering.ports import SeriesRow
from metering.watch import WatchStanding
from operations.watch import why_not

AREAS_SHOWN = 24
NEWEST_SHOWN = 8
HAZARDS_SHOWN = 6
#: How many areas, partitions or workers a line about the monitor itself names.
WATCH_NAMED = 5
LOSS_ALARMING = 0.10


@dataclass(frozen=True, slots=True)
class Intake:
    """How many readings came in, and what became of them."""

    accepted: int
    set_aside: Mapping[str, int]
    late: int
    dead_lettered: int

    @property
    def readings_in(self) -> int:
        return self.accepted + sum(self.set_aside.values()) + self.late + self.dead_lettered


def intake_of(counters: Mapping[str, int]) -> Intake:
    """
    >>> intake_of({"readings_accepted": 8, "set_aside.negative": 2, "frames": 1}).readings_in
    10
    """
    prefix = "set_aside."
    set_aside = {name.removeprefix(prefix): n for name, n in counters.items() if name.startswith(prefix) and n}
    return Intake(
        counters.get("readings_accepted", 0),
        dict(sorted(set_aside.items(), key=lambda item: (-item[1], item[0]))),
        counters.get("readings_late", 0),
        counters.get("readings_dead_lettered", 0),
    )


@dataclass(frozen=True, slots=True)
class AreaLine:
    """One transformer area as the control room lists it. `loss_share` is None where it cannot be computed."""

    transformer_area: str
    meters: int
    open_alerts: int
    hazards: int
    open_tasks: int
    loss_share: float | None
    course: tuple[float | None, ...]


def ranked_areas(snapshot: Snapshot, archive: Archive) -> list[str]:
    """All areas, those with hazards first, then by open alerts, then by name."""
    alerts = Counter(a.transformer_area for a in snapshot.open_alerts)
    hazards = Counter(a.transformer_area for a in snapshot.open_alerts if is_hazard(a))
    return sorted(archive.areas, key=lambda name: (-hazards[name], -alerts[name], name))


def area_lines(
    names: Sequence[str], snapshot: Snapshot, archive: Archive, balances: Mapping[str, Sequence[SeriesRow]]
) -> list[AreaLine]:
    alerts = Counter(a.transformer_area for a in snapshot.open_alerts)
    hazards = Counter(a.transformer_area for a in snapshot.open_alerts if is_hazard(a))
    tasks = Counter(t.transformer_area for t in snapshot.open_tasks)
    return [
        AreaLine(
            name,
            int((~archive.areas[name].is_supply).sum()),
            alerts[name],
            hazards[name],
            tasks[name],
            *loss_of(balances.get(name, ())),
        )
        for name in names
    ]


def loss_of(rows: Sequence[SeriesRow]) -> tuple[float | None, tuple[float | None, ...]]:
    """(loss over supplied energy, its course by hour) of the intervals that could be balanced."""
    supplied: dict[int, float] = {}
    lost: dict[int, float] = {}
    for row in rows:
        hour = row.time_s // 3600
        supplied.setdefault(hour, 0.0)
        lost.setdefault(hour, 0.0)
        if "loss_kwh" in row.fields and "supplied_kwh" in row.fields:
            supplied[hour] += row.fields["supplied_kwh"]
            lost[hour] += row.fields["loss_kwh"]
    whole = sum(supplied.values())
    course = tuple(lost[h] / supplied[h] if supplied[h] > 0 else None for h in sorted(supplied))
    return (sum(lost.values()) / whole if whole > 0 else None), course


# --- rendering


def tiles(visit: Visit, snapshot: Snapshot, archive: Archive) -> Markup:
    say, intake = visit.say, intake_of(snapshot.counters)
    grades = Counter(a.grade for a in snapshot.open_alerts)
    hazards = sum(map(is_hazard, snapshot.open_alerts))
    overdue = sum(t.due_at_s <= snapshot.now_s for t in snapshot.open_tasks)
    whole = intake.readings_in
    meters = sum(m.role == "customer" for m in archive.meters)
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
            count(len(snapshot.open_alerts)),
            say("tile.alerts_note", high=grades["high"], medium=grades["medium"], low=grades["low"]),
            href="/alerts?state=raised",
        ),
        _tile(
            say("tile.tasks"),
            count(len(snapshot.open_tasks)),
            say("tile.tasks_note", overdue=overdue),
            class_="warn" if overdue else "",
            href=f"/tasks?state={OPEN_ONES}",
        ),
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
        _tile(say("tile.areas"), count(len(archive.areas)), say("tile.areas_note", meters=count(meters))),
        _tile(
            say("tile.day"),
            day_name(snapshot.last_closed_day) or say("tile.day_none"),
            archive.timezone,
            class_="wide-figure",
        ),
        class_="tiles",
    )


def _reason_words(visit: Visit, intake: Intake) -> str:
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


def watch_lane(visit: Visit, snapshot: Snapshot) -> Markup:
    """What is wrong with the monitor itself: the rules of the watch that are open, what to do, and what could not be judged."""
    say, zh = visit.say, visit.language == "zh"
    shown = [(RULES[s.rule], s) for s in snapshot.watch if s.rule in RULES and s.open]
    if not shown:
        return Markup()
    shown.sort(key=lambda found: (urgency_of(found[0], found[1].subject) != "page", found[0].code, found[1].subject))
    entries = [
        el(
            "li",
            el("strong", " ".join(filter(None, (rule.name_zh if zh else rule.name_en, standing.subject)))),
            el("span", _watch_note(visit, rule, standing), class_="note"),
            el("span", rule.do_zh if zh else rule.do_en, class_="note"),
        )
        for rule, standing in shown
    ]
    more = el("span", count(len(shown)), class_="badge")
    return section(say("overview.watch"), el("ul", *entries), class_="lane alarm", more=more)


def _watch_note(visit: Visit, rule: WatchRule, standing: WatchStanding) -> str:
    value = why_not(standing, zh=visit.language == "zh")
    if standing.value is not None:
        value = figure(standing.value, rule.unit)
    return " · ".join((f"{value} ({rule.metric})", *standing.which[:WATCH_NAMED]))


def hazard_lane(visit: Visit, snapshot: Snapshot) -> Markup:
    """Dangerous conditions apart from everything else, the gravest first."""
    say = visit.say
    hazards = sorted(filter(is_hazard, snapshot.open_alerts), key=lambda a: (-a.risk, a.raised_at_s, a.alert_id))
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
                    f"{a.meter_id or say('claim.area')} · {a.transformer_area} · "
                    f"{distance(a.raised_at_s, snapshot.now_s, say)}",
                    class_="note",
                ),
                href=alert_address(a),
            ),
        )
        for a in hazards[:HAZARDS_SHOWN]
    ]
    more = el("span", f"{count(len(hazards))}", class_="badge")
    return section(say("overview.hazards"), el("ul", *entries), class_="lane alarm", more=more)


def areas_table(visit: Visit, lines: Sequence[AreaLine], all_areas: int) -> Markup:
    say = visit.say
    columns: list[Column[AreaLine]] = [
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
        Column(say("area.loss_course"), lambda a: sparkline(a.course), class_="spark minor"),
        Column(
            say("column.alerts"),
            lambda a: _figure_or_dot(a.open_alerts),
            class_="figure",
        ),
        Column(say("column.tasks"), lambda a: _figure_or_dot(a.open_tasks), class_="figure"),
    ]
    more = el("span", say("overview.areas_shown", shown=len(lines), all=count(all_areas)), class_="note")
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


def newest(visit: Visit, snapshot: Snapshot, archive: Archive) -> Markup:
    say = visit.say
    alerts = sorted(snapshot.open_alerts, key=lambda a: (-a.raised_at_s, a.alert_id))[:NEWEST_SHOWN]
    more = el("a", say("overview.all"), href="/alerts?state=raised", class_="more")
    if not alerts:
        return section(say("overview.newest"), el("p", say("overview.newest_none"), class_="calm"), more=more)
    entries = [_alert_entry(visit, a, snapshot, archive) for a in alerts]
    return section(say("overview.newest"), el("ul", *entries, class_="entries"), more=more)


def _alert_entry(visit: Visit, alert: Alert, snapshot: Snapshot, archive: Archive) -> Markup:
    return el(
        "li",
        el(
            "a",
            hazard_chip(visit) if is_hazard(alert) else grade_chip(visit, alert.grade),
            el("strong", claim(visit, alert)),
            el(
                "span",
                f"{alert.meter_id or visit.say('claim.area')} · {alert.transformer_area} · ",
                time_text(alert.raised_at_s, archive.calendar),
                class_="note",
            ),
            el("span", distance(alert.raised_at_s, snapshot.now_s, visit.say), class_="ago"),
            href=alert_address(alert),
        ),
    )


def next_tasks(visit: Visit, snapshot: Snapshot) -> Markup:
    say = visit.say
    tasks: list[InspectionTask] = sorted(snapshot.open_tasks, key=next_first)[:TASKS_ON_SHOW]
    more = el("a", say("overview.all"), href=f"/tasks?state={OPEN_ONES}", class_="more")
    if not tasks:
        return section(say("overview.next_tasks"), el("p", say("overview.next_tasks_none"), class_="calm"), more=more)
    entries = [
        el(
            "li",
            el(
                "a",
                hazard_chip(visit) if t.hazard else grade_chip(visit, t.grade),
                el("strong", task_claim(visit, t, snapshot.alerts_of(t))),
                el("span", f"{t.service_point} · {t.transformer_area} · {t.assignee or '–'}", class_="note"),
                el(
                    "span",
                    state_chip(visit, "task", t.state),
                    " ",
                    due_text(visit, t, snapshot.now_s),
                    class_="ago",
                ),
                href=task_address(t.task_id),
            ),
        )
        for t in tasks
    ]
    return section(say("overview.next_tasks"), el("ul", *entries, class_="entries"), more=more)


def due_text(visit: Visit, task: InspectionTask, now_s: int) -> Markup:
    late = task.due_at_s <= now_s
    text = visit.say("task.overdue") if late else distance(task.due_at_s, now_s, visit.say)
    return el("span", text, class_="late" if late else None)


def families(visit: Visit, snapshot: Snapshot) -> Markup:
    """Open alerts by family, as bars that lead to their list."""
    say = visit.say
    found = Counter(a.family for a in snapshot.open_alerts)
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


def set_aside_bars(visit: Visit, snapshot: Snapshot) -> Markup:
    say, intake = visit.say, intake_of(snapshot.counters)
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
