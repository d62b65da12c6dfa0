"""The findings page: what visits made of each detector's word, and what each finding taught."""

from __future__ import annotations

from collections.abc import Sequence

from desk.figures import count, share
from desk.markup import Markup, el
from desk.pieces import Column, section, table, time_text
from desk.texts import TEXTS
from desk.visit import Visit
from inspection.track_record import NO_KIND, Precision
from metering.archive import Archive
from operations.finding_effects import Effect

FINDINGS_SHOWN = 50
_EVIDENCE = "evidence/"


def record_card(visit: Visit, record: Sequence[Precision]) -> Markup:
    """Precision by kind and detector, the kinds visited most first."""
    say = visit.say
    visits = {p.abnormality: max(q.visited for q in record if q.abnormality == p.abnormality) for p in record}
    lines = sorted(record, key=lambda p: (-visits[p.abnormality], p.abnormality, -p.visited, p.detector))
    columns: list[Column[Precision]] = [
        Column(say("column.abnormality"), lambda p: kind_word(visit, p.abnormality), class_="name"),
        Column(say("column.detector"), lambda p: source_word(visit, p.detector), class_="plain"),
        Column(say("column.visits"), lambda p: count(p.visited), class_="figure"),
        Column(say("column.confirmed"), lambda p: count(p.confirmed), class_="figure"),
        Column(say("column.right_kind"), lambda p: count(p.right_kind), class_="figure"),
        Column(say("column.precision"), _precision, class_="loss"),
        Column(
            say("column.interval"), lambda p: f"{share(p.interval[0], 0)} … {share(p.interval[1], 0)}", class_="figure"
        ),
    ]
    title = say("learning.record")
    content = table(columns, lines, caption=title) if lines else el("p", say("learning.record_none"), class_="calm")
    return section(title, el("p", say("learning.record_note"), class_="note"), content)


def _precision(p: Precision) -> Markup:
    bar = el("span", el("span", style=f"width:{100 * p.share:.1f}%"), class_="meter-bar usual", aria_hidden="true")
    return el("span", bar, el("span", share(p.share, 0), class_="value"), class_="loss-cell")


def kind_word(visit: Visit, abnormality: str) -> str:
    return visit.say("learning.by_rank") if abnormality == NO_KIND else visit.say.abnormality(abnormality)


def source_word(visit: Visit, name: str) -> str:
    """What a detector, an expert or a feature of the ranking is called; its own name where it has no word."""
    if name.startswith(_EVIDENCE):
        return visit.say("learning.evidence", family=visit.say(f"family.{name.removeprefix(_EVIDENCE)}"))
    key = f"source.{name}"
    return visit.say(key) if key in TEXTS else name


def finding_entry(visit: Visit, effect: Effect, archive: Archive) -> Markup:
    """One finding, who made it, and what it changed."""
    say, found = visit.say, effect.finding
    words = (
        say("finding.confirmed", what=say.abnormality(found.abnormality or ""))
        if found.confirmed
        else say("finding.not_confirmed")
    )
    return el(
        "div",
        el(
            "p",
            el("strong", words, class_=f"finding {'yes' if found.confirmed else 'no'}"),
            el("span", f" {found.meter_id} · {found.transformer_area}", class_="mono"),
        ),
        el(
            "p",
            f"{found.found_by} · " if found.found_by else None,
            time_text(found.found_at_s, archive.calendar),
            class_="note",
        ),
        el("p", found.note, class_="quote") if found.note else None,
        el("p", effect_words(visit, effect), class_="effect"),
        class_="finding-entry",
    )


def moved_words(visit: Visit, moved: Sequence[tuple[str, float]], digits: int = 3) -> str:
    """By how much each weight of the ranking moved."""
    between = "、" if visit.language == "zh" else ", "
    return between.join(f"{source_word(visit, name)} {by:+.{digits}f}" for name, by in moved)


def effect_words(visit: Visit, effect: Effect) -> str:
    """What the finding changed, the largest change first."""
    say = visit.say
    if effect.kind == "taught":
        return say("effect.taught", moved=moved_words(visit, effect.moved))
    if effect.kind == "undone" and effect.undo is not None:
        return say("effect.undone", by=effect.undo.actor, reason=effect.undo.reason)
    if effect.kind == "of_area":
        return say("effect.of_area_confirmed" if effect.finding.confirmed else "effect.of_area_nothing")
    return say(f"effect.{effect.kind}")
