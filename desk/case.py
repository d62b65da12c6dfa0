"""What the alert page and the task page say about one service point: claim, reasons, what speaks against it, checks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from desk.api.schemas import TaskRef
from desk.figures import count, distance, figure, measured, moment, share
from desk.learning import source_word
from desk.markup import Child, Markup, el, joined
from desk.overtaken_words import overtaken_words
from desk.pieces import (
    alert_address,
    claim,
    fact,
    grade_chip,
    hazard_chip,
    is_hazard,
    section,
    state_chip,
    task_address,
    time_text,
)
from desk.reasons import reason_words, worth_words
from desk.texts import Words
from desk.visit import Visit
from desk.worth import worth_facts
from inspection.opening import MACHINE
from metering.alert import NAMING, Alert, AlertState, Reason
from metering.archive import Archive, Meter
from metering.catalogue import INFORMATION_FAMILIES
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.times import DAY_S
from metering.units import figure_names
from operations.why_ranked import RankedCase

_REGRADED = re.compile(r"(high|medium|low) to (high|medium|low): risk ([\d.]+) to ([\d.]+)")
_OPENED = re.compile(
    r"risk (?P<risk>[\d.]+)"
    r"(; no alert, ranked; most probable (?P<ranked>\w+ [\d.]+(, \w+ [\d.]+)*)"
    r"|; exploration: drawn among meters of middling risk; most probable (?P<explored>\w+), .*)?"
)
YOUNG_METER_S = 30 * DAY_S
STEPS = (TaskState.OPEN, TaskState.ASSIGNED, TaskState.ON_SITE, TaskState.FOUND, TaskState.CLOSED)


def reason_lines(visit: Visit, reasons: Sequence[Reason], archive: Archive, *, against: bool) -> list[Markup]:
    """The detectors' own words for or against the suspicion, each with what it is worth."""
    return [
        el(
            "li",
            el("span", text, lang=lang),
            el("span", worth_words(r, visit.say) or source_word(visit, r.detector), class_="source", title=r.detector),
        )
        for r in reasons
        if r.against == against and r.detector != NAMING
        for text, lang in [reason_words(r, visit.say, archive.calendar)]
    ]


def why_and_against(
    visit: Visit, reasons: Sequence[Reason], archive: Archive, known: Sequence[str] = ()
) -> tuple[Markup, Markup | None]:
    """(what speaks for and against the suspicion side by side, `known` of that time beside the latter; why this kind)."""
    say = visit.say
    why = reason_lines(visit, reasons, archive, against=False)
    contrary = reason_lines(visit, reasons, archive, against=True)
    contrary += [el("li", text) for text in known]
    two = el(
        "div",
        el("div", el("h3", say("section.reasons")), el("ul", *why, class_="reasons")),
        el(
            "div",
            el("h3", say("section.against")),
            el("ul", *contrary, class_="reasons") if contrary else el("p", say("section.against_none"), class_="calm"),
        ),
        class_="two",
    )
    named = next((r for r in reasons if r.detector == NAMING), None)
    if named is None:
        return two, None
    text, lang = reason_words(named, say, archive.calendar)
    return two, el("div", el("h3", say("section.kind")), el("p", text, lang=lang), class_="kind-named")


def known_of_that_time(visit: Visit, alert: Alert, archive: Archive, meter: Meter | None, now_s: int) -> list[str]:
    """What the archive and the alert's own life know that speaks against the suspicion."""
    say, calendar = visit.say, archive.calendar
    start_s, end_s = alert.since_s or alert.raised_at_s, alert.cleared_at_s or now_s
    said = [
        say("against.outage", start=moment(outage.start_s, calendar), end=moment(outage.end_s, calendar))
        for outage in archive.outages_by_area.get(alert.transformer_area, ())
        if outage.start_s < end_s and start_s < outage.end_s
    ]
    for work in archive.works:
        here = work.meter_id == alert.meter_id if work.meter_id else work.transformer_area == alert.transformer_area
        if here and work.start_s < end_s and start_s < work.end_s:
            said.append(
                say(
                    "against.work",
                    kind=work.kind,
                    start=moment(work.start_s, calendar),
                    end=moment(work.end_s, calendar),
                )
            )
    if alert.unjudged:
        said.append(say("against.unread", count=count(len(alert.unjudged))))
    if alert.state is AlertState.CLEARED:
        said.append(say("against.cleared", time=moment(alert.cleared_at_s, calendar)))
    if meter is not None and meter.valid_from_s is not None and start_s - meter.valid_from_s < YOUNG_METER_S:
        said.append(say("against.meter_new", time=moment(meter.valid_from_s, calendar)))
    return said


def _figures(alert: Alert, say: Words) -> list[tuple[str, float]]:
    """What was seen and what it is held against, by name."""
    names = figure_names(alert.abnormality, alert.unit)
    return [
        (words[1] if say.language == "zh" else words[0].capitalize(), value)
        for words, value in ((names.observed, alert.observed), (names.expected, alert.expected))
    ]


def claim_card(
    visit: Visit, alert: Alert, archive: Archive, meter: Meter | None, now_s: int, *, linked: bool
) -> Markup:
    """One alert: observed, expected, since when, what it stands for, why, and what speaks against it."""
    say, calendar = visit.say, archive.calendar
    figures = el(
        "dl",
        *(fact(name, measured(value, alert.unit, say), class_="big") for name, value in _figures(alert, say)),
        *worth_facts(visit, alert),
        class_="facts",
    )
    since_s = alert.since_s or alert.raised_at_s
    times = el(
        "dl",
        fact(say("fact.since"), time_text(since_s, calendar), note=distance(since_s, now_s, say)),
        fact(say("fact.raised"), time_text(alert.raised_at_s, calendar)),
        fact(say("fact.cleared"), time_text(alert.cleared_at_s, calendar)) if alert.cleared_at_s else None,
        fact(say("fact.alert_risk"), f"{alert.risk:.2f}", note=say("fact.alert_risk_note")),
        class_="facts times",
    )
    known = known_of_that_time(visit, alert, archive, meter, now_s)
    two, named = why_and_against(visit, alert.reasons, archive, known)
    title: Child = claim(visit, alert)
    if linked:
        title = el("a", title, href=alert_address(alert))
    notes = [say("alert.episodes", count=alert.episodes)] if alert.episodes > 1 else []
    if alert.late_readings:
        notes.append(say("fact.late", count=count(alert.late_readings)))
    return el(
        "section",
        el(
            "header",
            el("h2", title),
            el("span", hazard_chip(visit) if is_hazard(alert) else None, state_chip(visit, "alert", alert.state)),
        ),
        figures,
        times,
        el("p", " · ".join(notes), class_="note episodes") if notes else None,
        two,
        named,
        class_="card claim",
    )


def ranked_card(visit: Visit, ranked: RankedCase, task: InspectionTask, archive: Archive) -> Markup:
    """What the day's weighing said of a meter that no alert is about: how probable a case is, of which kinds, and why."""
    say = visit.say
    two, named = why_and_against(visit, ranked.reasons, archive)
    likely = [fact(say.abnormality(kind), share(of, 0)) for kind, of in ranked.kinds]
    return el(
        "section",
        el("header", el("h2", say("ranked.title"))),
        el("p", say("ranked.note"), class_="note"),
        el(
            "dl",
            fact(say("ranked.probability"), share(ranked.probability, 0), class_="big"),
            fact(say("ranked.risk"), share(task.risk, 0), class_="big"),
            class_="facts",
        ),
        el("h3", say("ranked.kinds")),
        el("dl", *likely, class_="facts times"),
        two,
        named,
        class_="card claim",
    )


def check_card(visit: Visit, alerts: Sequence[Alert], kinds: Sequence[str] = ()) -> Markup:
    """What to check on site, from the catalogue, for the alerts' and other likely `kinds`; safety before everything where there
    is a hazard."""
    say = visit.say
    checks = dict.fromkeys(say.check_on_site(kind) for kind in (*(a.abnormality for a in alerts), *kinds))
    return section(
        say("section.check"),
        el("p", say("safety.first"), class_="safety") if any(map(is_hazard, alerts)) else None,
        el("ul", *(el("li", text) for text in checks), class_="checks"),
    )


def meter_facts(visit: Visit, service_point: str, transformer_area: str, meter: Meter | None) -> list[Markup]:
    """What the archive says of the place, without any name."""
    say = visit.say
    facts = [fact(say("column.service_point"), service_point), fact(say("column.area"), transformer_area)]
    if meter is None:
        return facts
    facts.append(fact(say("fact.meter"), meter.meter_id))
    if meter.role == "supply":
        facts.append(fact(say("fact.customer_class"), say("role.supply")))
    elif meter.customer_class is not None:
        facts.append(fact(say("fact.customer_class"), say(f"class.{meter.customer_class}")))
    if meter.contracted_kw is not None:
        facts.append(fact(say("fact.contract"), figure(meter.contracted_kw, "kW")))
    if meter.rated_current_a is not None:
        facts.append(fact(say("fact.rated_current"), figure(meter.rated_current_a, "A")))
    if meter.phases is not None:
        facts.append(fact(say("fact.phases"), str(meter.phases)))
    return facts


def task_head(
    visit: Visit, task: InspectionTask, title: str, archive: Archive, meter: Meter | None, now_s: int
) -> Markup:
    say, calendar = visit.say, archive.calendar
    overdue = task.closed_at_s is None and task.due_at_s <= now_s
    due_note = say("task.overdue") if overdue else distance(task.due_at_s, now_s, say)
    risk_note = say("fact.task_risk_hazard") if task.hazard else say("fact.task_risk_note")
    return el(
        "div",
        el(
            "div",
            el("span", say("task.title"), class_="kicker"),
            el("span", task.task_id, class_="mono note"),
            grade_chip(visit, task.grade),
            hazard_chip(visit) if task.hazard else None,
            class_="kickers",
        ),
        el("h1", title),
        steps(visit, task),
        el(
            "dl",
            *meter_facts(visit, task.service_point, task.transformer_area, meter),
            fact(say("column.assignee"), task.assignee or "–"),
            fact(say("column.opened"), time_text(task.opened_at_s, calendar)),
            fact(
                say("column.due"),
                time_text(task.due_at_s, calendar),
                note=None if task.closed_at_s is not None else due_note,
                class_="late" if overdue else "",
            ),
            fact(say("fact.task_risk"), f"{task.risk:.2f}", note=risk_note),
            class_="facts place",
        ),
        class_="case-head",
    )


def steps(visit: Visit, task: InspectionTask) -> Markup:
    """How far the task is, as a line of steps."""
    say = visit.say
    shown: tuple[TaskState, ...] = STEPS
    if task.state is TaskState.WITHDRAWN:
        shown = (TaskState.OPEN, TaskState.WITHDRAWN)
    here = shown.index(task.state)
    entries = [
        el(
            "li",
            say(f"task_state.{state}"),
            class_="done" if i < here or i == here == len(shown) - 1 else "here" if i == here else None,
            aria_current="step" if i == here else None,
        )
        for i, state in enumerate(shown)
    ]
    return el("ol", *entries, class_="steps", aria_label=say("task.steps"))


def alert_head(visit: Visit, alert: Alert, meter: Meter | None, tasks: Sequence[TaskRef]) -> Markup:
    say = visit.say
    return el(
        "div",
        el(
            "div",
            el("span", say("alert.title"), class_="kicker"),
            el("span", alert.alert_id, class_="mono note"),
            grade_chip(visit, alert.grade),
            hazard_chip(visit) if is_hazard(alert) else None,
            el("span", say(f"family.{alert.family}"), class_="chip"),
            class_="kickers",
        ),
        el("h1", claim(visit, alert)),
        el("dl", *meter_facts(visit, alert.service_point, alert.transformer_area, meter), class_="facts place"),
        _tasks_of_alert(visit, alert, tasks),
        class_="case-head",
    )


def _tasks_of_alert(visit: Visit, alert: Alert, tasks: Sequence[TaskRef]) -> Markup:
    say = visit.say
    if tasks:
        links = [
            joined(
                el("a", say("task.title"), " ", t.task_id, href=task_address(t.task_id), class_="button primary"),
                " ",
                state_chip(visit, "task", t.state),
            )
            for t in tasks
        ]
        return el("p", *links, class_="tasks-of")
    key = "alert.information" if alert.family in INFORMATION_FAMILIES else "alert.no_task"
    return el("p", say(key), class_="note")


def finding_card(visit: Visit, task: InspectionTask, trail: Sequence[AuditEntry], archive: Archive) -> Markup | None:
    """The finding, who made it and what they saw; None before there is one."""
    if task.finding is None:
        return None
    say, finding = visit.say, task.finding
    words = (
        say("finding.confirmed", what=say.abnormality(finding.abnormality or ""))
        if finding.confirmed
        else say("finding.not_confirmed")
    )
    line = next((a for a in reversed(trail) if a.move == "record_finding"), None)
    return section(
        say("section.finding"),
        el("p", words, class_=f"finding {'yes' if finding.confirmed else 'no'}"),
        el("p", line.reason, class_="quote") if line is not None and line.reason else None,
        el(
            "p",
            f"{line.actor} · " if line is not None else None,
            time_text(finding.found_at_s, archive.calendar),
            class_="note",
        ),
    )


def history_card(visit: Visit, trail: Sequence[AuditEntry], archive: Archive) -> Markup:
    """The audit trail, the newest first."""
    say = visit.say
    entries = [
        el(
            "li",
            el("span", time_text(a.at_s, archive.calendar), class_="note"),
            el("strong", _move_words(visit, a)),
            el("span", a.actor, class_="actor"),
            el("span", trail_words(visit, a), class_="quote") if a.reason else None,
        )
        for a in reversed(trail)
    ]
    return section(say("section.history"), el("ol", *entries, class_="history"))


def trail_words(visit: Visit, entry: AuditEntry) -> str:
    """What was written beside a move: a person's words as they are, the machine's in the reader's language."""
    if entry.actor != MACHINE:
        return entry.reason
    say = visit.say
    if (overtaken := overtaken_words(visit, entry.reason)) is not None:
        return overtaken
    if (moved := _REGRADED.fullmatch(entry.reason)) is not None:
        before, after, risk, now = moved.groups()
        return say("trail.regraded", before=say(f"grade.{before}"), after=say(f"grade.{after}"), risk=risk, now=now)
    if (opened := _OPENED.fullmatch(entry.reason)) is not None:
        risk, ranked, explored = opened["risk"], opened["ranked"], opened["explored"]
        if ranked is not None:
            kinds = [f"{say.abnormality(code)} {of}" for code, of in (each.split(" ") for each in ranked.split(", "))]
            return say("trail.ranked", risk=risk, kinds=("、" if visit.language == "zh" else ", ").join(kinds))
        if explored is not None:
            return say("trail.explored", risk=risk, kind=say.abnormality(explored))
        return say("trail.opened", risk=risk)
    return entry.reason


def _move_words(visit: Visit, entry: AuditEntry) -> str:
    known = {
        "open",
        "add_alert",
        "regrade",
        "over",
        "stands_again",
        "assign",
        "start_visit",
        "leave_site",
        "record_finding",
        "close",
        "withdraw",
    }
    return visit.say(f"move.{entry.move}") if entry.move in known else entry.move
