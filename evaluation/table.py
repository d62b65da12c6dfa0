"""A score as tables for a terminal: the run as a whole, by abnormality, false cases, visits by week, what was missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from evaluation.detection import WITHIN_DAYS, GroupFigures
from evaluation.score import Score
from evaluation.words import DASH, energy, number, overall_lines, percent

#: Where the output is no terminal there is nobody to fold lines for.
PLAIN_WIDTH = 120
MISSED_SHOWN = 20
#: Right-aligned columns start with this sign.
RIGHT = ">"


def print_score(score: Score, name: str, out: TextIO) -> None:
    """Write the tables to `out`: in colour on a terminal, plain elsewhere."""
    console = Console(file=out, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(file=out, highlight=False, width=PLAIN_WIDTH, no_color=True)
    for part in tables(score, name):
        console.print(part)


def tables(score: Score, name: str) -> Iterator[RenderableType]:
    yield _heading(score, name)
    yield _grid(overall_lines(score))
    kinds = score.detection.by_abnormality()
    if kinds:
        yield _groups("by abnormality", kinds, score)
    scenarios = score.detection.by_scenario()
    if scenarios:
        yield _groups("by scenario", scenarios, None)
    if score.false_cases.cases:
        yield _false_cases(score)
    if score.inspections is not None and score.inspections.weeks:
        yield _weeks(score)
    if score.missed:
        yield _missed(score)


def _heading(score: Score, name: str) -> Text:
    first, last = (score.span.calendar.day_of(s) for s in (score.span.start_s, score.span.end_s - 1))
    return Text.assemble(
        (f"{name}", "bold"),
        f" · feed {score.archive.name}, {score.false_cases.meters:,} meters · judged {first} to {last} "
        f"({score.span.weeks:.1f} weeks after {score.span.warm_up_days} days of warm-up)",
    )


def _grid(lines: Sequence[tuple[str, str]]) -> Table:
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for what, said in lines:
        grid.add_row(what, said)
    return grid


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        right = column.startswith(RIGHT)
        words = column.removeprefix(RIGHT)
        table.add_column(words, justify="right" if right else "left", no_wrap=not right, min_width=5 if right else None)
    return table


def _groups(title: str, groups: Mapping[str, GroupFigures], score: Score | None) -> Table:
    """The groups that were detected least come first: that is where work lies."""
    with_energy = score is not None and score.value.unmetered_kwh is not None
    columns = ["", ">detected", ">rate", ">right kind", ">median days"]
    columns += [f">≤ {days} d" for days in WITHIN_DAYS] + ([">unmetered kWh", ">of detected"] if with_energy else [])
    table = _table(title, columns)
    for name, group in sorted(groups.items(), key=lambda item: (item[1].detection_rate or 0.0, item[0])):
        row = [
            name,
            f"{group.detected}/{group.cases}",
            percent(group.detection_rate),
            percent(group.right_kind_share),
            number(group.median_days_to_detection),
            *(percent(group.within_days[days]) for days in WITHIN_DAYS),
        ]
        if with_energy and score is not None:
            row += [energy(kwh) for kwh in score.energy_of_kind(name) or (None, None)]
        table.add_row(*row)
    return table


def _false_cases(score: Score) -> Table:
    found = score.false_cases
    side_by_side = []
    for title, counts in (("false cases by kind", found.by_abnormality()), ("false cases near", found.by_life())):
        table = _table(title, ["", ">cases", ">share"])
        for word, count in counts.items():
            table.add_row(word, str(count), percent(count / len(found.cases)))
        side_by_side.append(table)
    both = Table.grid(padding=(0, 4, 0, 0))
    both.add_row(*side_by_side)
    return both


def _weeks(score: Score) -> Table:
    inspections = score.inspections
    table = _table("inspections by week", [">week", ">visits", ">hits", ">hits per visit", ">all cases found so far"])
    for week in inspections.weeks if inspections is not None else ():
        so_far = percent(inspections.share_after(week)) if inspections is not None else DASH
        hits = number(week.hits_per_inspection)
        table.add_row(str(week.week), str(week.visits), str(week.hits), hits, f"{week.found_so_far} ({so_far})")
    return table


def _missed(score: Score) -> Table:
    """What was missed, the costliest first."""
    missed = score.missed
    more = f" (the first {MISSED_SHOWN} of {len(missed)})" if len(missed) > MISSED_SHOWN else ""
    with_scenario = any(o.scenario for o in missed)
    columns = [
        "meter",
        "abnormality",
        *(["scenario"] if with_scenario else []),
        "from",
        ">unmetered kWh",
        ">rank by risk",
    ]
    table = _table(f"missed{more}", columns)
    for outcome in missed[:MISSED_SHOWN]:
        of_case, rank = score.value.of(outcome), score.ranking.rank_of(outcome.case.meter_id)
        table.add_row(
            outcome.case.meter_id,
            outcome.case.abnormality,
            *([outcome.scenario or DASH] if with_scenario else []),
            f"{score.span.calendar.local(outcome.case.start_s):%Y-%m-%d %H:%M}",
            energy(None if of_case is None else of_case.total_kwh),
            DASH if rank is None else str(rank),
        )
    return table
