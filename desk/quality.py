"""The data-quality page: what came in, what validation found of it, by rule and by meter, and which meters to calibrate."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from desk.figures import count, share
from desk.markup import Markup, el, joined
from desk.pieces import Column, day_text, section, table
from desk.records import rules_counted
from desk.visit import Visit
from metering.archive import Archive
from metering.ports import SeriesRow

METERS_SHOWN = CANDIDATES_SHOWN = 40


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule of validation: meter-days it found since the beginning, and within the last days, at so many meters."""

    rule: str
    meter_days: int
    recent: int
    meters: int


@dataclass(frozen=True, slots=True)
class MeterLine:
    """One meter of which something was wrong lately; `rules` are (rule, days), the most frequent first, `last` the newest word."""

    transformer_area: str
    meter_id: str
    rules: tuple[tuple[str, int], ...]
    last: SeriesRow


@dataclass(frozen=True, slots=True)
class Candidate:
    """A meter whose error, a share of what it shows, is surely not nothing: `low` to `high` holds it in nineteen cases of twenty."""

    transformer_area: str
    meter_id: str
    share: float
    low: float
    high: float
    estimated_s: int

    @property
    def surely(self) -> float:
        """How large the error is at least; 0 where it may be none."""
        return max(self.low, -self.high, 0.0)


def rule_lines(counters: Mapping[str, int], found: Sequence[SeriesRow]) -> list[RuleLine]:
    recent = Counter(row.tags["abnormality"] for row in found)
    meters: dict[str, set[str]] = defaultdict(set)
    for row in found:
        meters[row.tags["abnormality"]].add(row.tags["meter_id"])
    return [RuleLine(rule, n, recent[rule], len(meters[rule])) for rule, n in rules_counted(counters).items()]


def meter_lines(found: Iterable[SeriesRow]) -> list[MeterLine]:
    """The meters with most to say, then by area and meter."""
    by_meter: dict[tuple[str, str], list[SeriesRow]] = defaultdict(list)
    for row in found:
        by_meter[row.tags["transformer_area"], row.tags["meter_id"]].append(row)
    lines = [
        MeterLine(*place, tuple(_most(rows)), max(rows, key=lambda r: (r.time_s, r.tags["abnormality"])))
        for place, rows in by_meter.items()
    ]
    return sorted(lines, key=lambda m: (-sum(n for _, n in m.rules), m.transformer_area, m.meter_id))


def _most(rows: Sequence[SeriesRow]) -> list[tuple[str, int]]:
    return sorted(Counter(r.tags["abnormality"] for r in rows).items(), key=lambda item: (-item[1], item[0]))


def candidates(estimates: Iterable[SeriesRow]) -> list[Candidate]:
    """By the newest estimate of each meter: whose error is surely largest comes first, who may be right is left out."""
    newest: dict[str, Candidate] = {}
    for row in sorted(estimates, key=lambda r: r.time_s):
        f, meter_id = row.fields, row.tags["meter_id"]
        newest[meter_id] = Candidate(
            row.tags["transformer_area"], meter_id, f["share"], f["low"], f["high"], row.time_s
        )
    return sorted((c for c in newest.values() if c.surely > 0), key=lambda c: (-c.surely, c.meter_id))


# --- rendering


def rules_card(visit: Visit, lines: Sequence[RuleLine], days: int) -> Markup:
    say = visit.say
    columns: list[Column[RuleLine]] = [
        Column(say("column.rule"), lambda r: say.abnormality(r.rule), class_="name"),
        Column(say("column.meter_days"), lambda r: count(r.meter_days), class_="figure"),
        Column(say("column.recent", days=days), lambda r: count(r.recent), class_="figure"),
        Column(say("column.meters"), lambda r: count(r.meters), class_="figure"),
    ]
    title = say("quality.rules")
    content = table(columns, lines, caption=title) if lines else el("p", say("quality.nothing"), class_="calm")
    return section(title, el("p", say("quality.rules_note"), class_="note"), content)


def meters_card(visit: Visit, lines: Sequence[MeterLine], archive: Archive, days: int) -> Markup:
    say = visit.say
    columns: list[Column[MeterLine]] = [
        Column(say("column.meter"), lambda m: m.meter_id, class_="mono name"),
        Column(say("column.area"), lambda m: m.transformer_area, class_="mono plain"),
        Column(say("column.rule"), lambda m: _rules(visit, m), class_="plain"),
        Column(say("column.newest"), lambda m: day_text(m.last.time_s, archive.calendar), class_="time"),
    ]
    title = say("quality.meters", days=days)
    shown = lines[:METERS_SHOWN]
    content = table(columns, shown, caption=title) if lines else el("p", say("quality.nothing_recent"), class_="calm")
    more = el("span", say("overview.areas_shown_of", shown=len(shown), all=count(len(lines))), class_="note")
    return section(title, content, more=more if lines else None)


def _rules(visit: Visit, line: MeterLine) -> Markup:
    chips = [el("span", f"{visit.say.abnormality(rule)} × {n}", class_="chip") for rule, n in line.rules]
    return joined(*(part for chip in chips for part in (chip, " ")))


def candidates_card(visit: Visit, found: Sequence[Candidate], archive: Archive) -> Markup:
    say = visit.say
    columns: list[Column[Candidate]] = [
        Column(say("column.meter"), lambda c: c.meter_id, class_="mono name"),
        Column(say("column.area"), lambda c: c.transformer_area, class_="mono plain"),
        Column(say("column.error"), lambda c: signed_share(c.share), class_="figure"),
        Column(say("column.interval"), lambda c: f"{signed_share(c.low)} … {signed_share(c.high)}", class_="figure"),
        Column(
            say("column.direction"),
            lambda c: say("quality.fast" if c.share > 0 else "quality.slow"),
            class_="plain minor",
        ),
        Column(say("column.estimated"), lambda c: day_text(c.estimated_s, archive.calendar), class_="time minor"),
    ]
    title, shown = say("quality.candidates"), found[:CANDIDATES_SHOWN]
    content = table(columns, shown, caption=title) if found else el("p", say("quality.candidates_none"), class_="calm")
    more = el("span", say("overview.areas_shown_of", shown=len(shown), all=count(len(found))), class_="note")
    return section(title, el("p", say("quality.candidates_note"), class_="note"), content, more=more if found else None)


def signed_share(value: float) -> str:
    """
    >>> signed_share(0.0321), signed_share(-0.004)
    ('+3.2 %', '-0.4 %')
    """
    return f"{'+' if value > 0 else ''}{share(value)}"
