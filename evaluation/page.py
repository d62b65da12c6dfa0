"""A score as one HTML page without anything to load: figures, charts, tables, and the missed cases' load curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.answers import CaseKey, family_of
from evaluation.charts import detection_curves, precision_recall_curve, risk_distribution, spark, visits_by_week
from evaluation.detection import WITHIN_DAYS, CaseOutcome, GroupFigures
from evaluation.score import Score
from evaluation.svg import ACCENT, BAD, GOOD, LINE, MUTED, SERIES, TEXT, WARN, legend
from evaluation.words import kind_name, kwh, number, percent
from metering.times import DAY_S

STYLE = Path(__file__).with_name("page.css")
#: Missed cases that are drawn; the others are in the JSON.
CASES_DRAWN = 40
LONGEST_DAYS_DRAWN = 30
LOW_RATE = 0.5
FAMILIES_DRAWN = len(SERIES)


def page(score: Score, name: str, curves: Mapping[CaseKey, str]) -> str:
    """The page of a score. `curves` are drawings (SVG) of missed cases by (meter, abnormality, start)."""
    body = "\n".join(_body(score, name, curves))
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}: evaluation</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(score: Score, name: str, curves: Mapping[CaseKey, str]) -> Iterator[str]:
    span = score.span
    first, last = (span.calendar.day_of(s) for s in (span.start_s, span.end_s - 1))
    yield (
        f"<h1>{escape(name)}, scored against the truth</h1>\n"
        f'<p class="muted">Feed <b>{escape(score.archive.name)}</b>, {score.false_cases.meters:,} meters in '
        f"{len(score.archive.areas):,} transformer areas. Judged from {first} to {last} ({span.weeks:.1f} weeks, after "
        f"{span.warm_up_days} days of warm-up); days are local ({escape(score.archive.timezone)}).</p>"
    )
    yield f'<div class="tiles">{"".join(_tile(*t) for t in _tiles(score))}</div>'
    yield f'<h2>How soon, how surely</h2>\n<div class="pair">{"".join(_charts(score))}</div>'
    yield "<h2>By abnormality</h2>\n" + _groups_table(score, score.detection.by_abnormality(), by_kind=True)
    scenarios = score.detection.by_scenario()
    if scenarios:
        yield "<h2>By scenario</h2>\n" + _groups_table(score, scenarios, by_kind=False)
    yield from _false_cases(score)
    if score.inspections is not None and score.inspections.weeks:
        yield from _inspections(score)
    yield from _missed(score, curves)
    yield _notes(score)


# --- tiles and charts


def _tile(title: str, figure: str, said: str) -> str:
    return f'<div class="tile"><span>{title}</span><b>{figure}</b><span>{said}</span></div>'


def _tiles(score: Score) -> Iterator[tuple[str, str, str]]:
    overall, ranking, value = score.detection.overall, score.ranking, score.value
    macro = percent(score.detection.macro_detection_rate, 1)
    yield "Detection rate, mean over kinds", macro, f"{overall.detected} of {overall.cases} cases"
    yield "Right kind", percent(overall.right_kind_share, 1), "of the detected"
    within = ", ".join(
        f"{days} d {percent(found)}".replace(" ", "&nbsp;") for days, found in overall.within_days.items()
    )
    yield "Days to detection, median", number(overall.median_days_to_detection), f"within {within}"
    rate = number(score.false_cases.per_1000_meters_per_week)
    yield "False cases per 1,000 meters a week", rate, f"{len(score.false_cases.cases)} in {score.span.weeks:.1f} weeks"
    yield "Average precision", number(ranking.average_precision, 3), f"AUC {number(ranking.auc, 3)}"
    among = f"{int(ranking.abnormal.sum())} abnormal of {len(ranking.meter_ids):,} ranked"
    yield "Precision at 50 / 100", f"{number(ranking.precision_at(50))} / {number(ranking.precision_at(100))}", among
    visits = score.inspections
    if visits is not None:
        said = f"{visits.hits} of {visits.visits} visits; {percent(visits.share_of_cases_found)} of all cases found"
        yield "Hits per inspection", number(visits.hits_per_inspection), said
    if value.unmetered_kwh is not None:
        said = f"{kwh(value.recoverable_kwh)} before detection, {kwh(value.preventable_kwh)} after"
        yield "Unmetered energy of detected cases", percent(value.share_found), f"of {kwh(value.unmetered_kwh)}; {said}"
    else:
        yield "Missing energy", kwh(value.estimated_kwh), "by the run's own estimate"


def _figure(title: str, svg: str, said: str, keys: Sequence[tuple[str, str]] = ()) -> str:
    return (
        f"<figure><h3>{title}</h3>{svg}{legend(keys) if keys else ''}<figcaption>{escape(said)}</figcaption></figure>"
    )


def _days(outcomes: Sequence[CaseOutcome]) -> NDArray[np.float64]:
    return np.array([o.days_to_detection for o in outcomes], dtype=np.float64)


def _charts(score: Score) -> Iterator[str]:
    outcomes = score.detection.outcomes
    families: dict[str, list[CaseOutcome]] = {}
    for outcome in outcomes:
        families.setdefault(family_of(outcome.case.abnormality) or "no catalogue word", []).append(outcome)
    largest = sorted(families.items(), key=lambda item: (-len(item[1]), item[0]))[:FAMILIES_DRAWN]
    groups = {f"all {len(outcomes)} cases": _days(outcomes)}
    groups |= {f"{family.replace('_', ' ')} ({len(found)})": _days(found) for family, found in largest}
    yield _figure(
        "Detected over the days since onset",
        detection_curves(groups, LONGEST_DAYS_DRAWN),
        "Cases that began near the end of the feed count with the days they had.",
        list(zip((TEXT, *SERIES), groups, strict=False)),
    )
    if score.ranking.abnormal.any():
        yield _figure(
            "Precision over recall, by meter",
            precision_recall_curve(score.ranking),
            "Meters by their highest risk from (pseudo-)onset to end.",
        )
    yield _figure(
        "Risk of normal and abnormal meters",
        risk_distribution(score.ranking),
        "Normal meters got windows like those of the abnormal ones.",
        [(BAD, "abnormal (upwards)"), (MUTED, "normal (downwards)")],
    )
    if score.inspections is not None and score.inspections.weeks:
        yield _figure(
            "Visits by week",
            visits_by_week(score.inspections),
            "A visit counts in the week its finding came.",
            [(GOOD, "hits"), (LINE, "visits"), (TEXT, "share of all cases found so far")],
        )


# --- tables


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", *, narrow: bool = False) -> str:
    """Columns that start with > are numbers. A cell is HTML; one that begins with <td is taken as it stands."""
    right = [column.startswith(">") for column in columns]
    head = "".join(
        f"<th{' class=n' if number_ else ''}>{column.removeprefix('>')}</th>"
        for column, number_ in zip(columns, right, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            cell if cell.startswith("<td") else f"<td{' class=n' if number_ else ''}>{cell}</td>"
            for cell, number_ in zip(row, right, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    said = f"<caption>{caption}</caption>" if caption else ""
    return f'<div class="box"><table{" class=narrow" if narrow else ""}>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _groups_table(score: Score, groups: Mapping[str, GroupFigures], *, by_kind: bool) -> str:
    """Least detected first."""
    if not groups:
        return '<p class="muted">The truth holds no case that lasts into the judged time.</p>'
    with_energy = by_kind and score.value.unmetered_kwh is not None
    columns = ["", ">cases", ">detected", ">right kind", ">median days"]
    columns += [f">≤ {days} d" for days in WITHIN_DAYS] + [f"over {LONGEST_DAYS_DRAWN} days"]
    columns += [">unmetered", ">of detected"] if with_energy else []
    rows = []
    for name, group in sorted(groups.items(), key=lambda item: (item[1].detection_rate or 0.0, item[0])):
        of_group = [o for o in score.detection.outcomes if (o.case.abnormality if by_kind else o.scenario) == name]
        low = " low" if group.detection_rate is not None and group.detection_rate < LOW_RATE else ""
        row = [
            _kind_cell(name) if by_kind else escape(name),
            str(group.cases),
            f'<td class="n{low}">{percent(group.detection_rate)}</td>',
            percent(group.right_kind_share),
            number(group.median_days_to_detection),
            *(percent(group.within_days[days]) for days in WITHIN_DAYS),
            f'<td class="spark">{spark(name, _days(of_group), LONGEST_DAYS_DRAWN)}</td>',
        ]
        if with_energy:
            row += [kwh(energy) for energy in score.energy_of_kind(name) or (None, None)]
        rows.append(row)
    return _table(columns, rows)


def _kind_cell(code: str) -> str:
    name = kind_name(code)
    return escape(name) + (f"<small>{escape(code)}</small>" if name != code else "")


def _false_cases(score: Score) -> Iterator[str]:
    found = score.false_cases
    yield "<h2>False cases</h2>"
    neither = ", ".join(f"{count} {escape(why.replace('_', ' '))}" for why, count in found.neither_way.items())
    yield (
        f"<p>{len(found.cases)} alerts on meters that are normal by the truth (repeats within seven days are one): "
        f"{number(found.per_1000_meters_per_week)} per 1,000 meters per week."
        + (f" Counted neither way: {neither}." if neither else "")
        + "</p>"
    )
    if found.cases:
        tables = (("by kind of alert", found.by_abnormality()), ("by the benign life around them", found.by_life()))
        yield f'<div class="pair">{"".join(_bars(caption, counts) for caption, counts in tables)}</div>'


def _bars(caption: str, counts: Mapping[str, int]) -> str:
    most = max(counts.values())
    rows = [
        [escape(word.replace("_", " ")), str(n), f'<td class="bar"><i style="width:{100 * n / most:.1f}%"></i></td>']
        for word, n in counts.items()
    ]
    return _table(["", ">cases", ""], rows, caption)


def _inspections(score: Score) -> Iterator[str]:
    inspections = score.inspections
    if inspections is None:
        return
    yield "<h2>Inspections by week</h2>"
    rows = [
        [
            str(week.week),
            str(week.visits),
            str(week.hits),
            number(week.hits_per_inspection),
            f"{week.found_so_far} ({percent(inspections.share_after(week))})",
        ]
        for week in inspections.weeks
    ]
    yield _table([">week", ">visits", ">hits", ">hits per visit", ">all cases found so far"], rows, narrow=True)
    if inspections.in_warm_up:
        yield f'<p class="muted">{inspections.in_warm_up} more visits fell into the warm-up.</p>'


# --- what was missed


def _missed(score: Score, curves: Mapping[CaseKey, str]) -> Iterator[str]:
    missed = score.missed
    yield "<h2>Missed cases</h2>"
    if not missed:
        yield '<p class="muted">None.</p>'
        return
    order = "those with the most unmetered energy first" if score.value.unmetered_kwh is not None else "in time order"
    shown = [o for o in missed if _key(o) in curves]
    yield f"<p>{len(missed)} of {score.detection.overall.cases} cases, {order}; {len(shown)} are drawn.</p>"
    if shown:
        keys = [(ACCENT, "registered, and since the onset"), (MUTED, "before the onset"), (WARN, "daily risk")]
        keys.append((BAD, "the case; where known, what was drawn and not registered"))
        yield legend(keys)
    for outcome in shown:
        yield _case(score, outcome, curves[_key(outcome)])


def _key(outcome: CaseOutcome) -> CaseKey:
    return outcome.case.meter_id, outcome.case.abnormality, outcome.case.start_s


def _case(score: Score, outcome: CaseOutcome, svg: str) -> str:
    case, facts, energy = outcome.case, outcome.facts, score.value.of(outcome)
    meter, rank = score.archive.meter(case.meter_id), score.ranking.rank_of(case.meter_id)
    calendar = score.span.calendar
    said = [f"from {calendar.local(case.start_s):%Y-%m-%d %H:%M}"]
    if case.end_s is not None:
        said.append(f"to {calendar.local(case.end_s):%Y-%m-%d %H:%M}")
    else:
        said.append(f"to the end ({(score.span.end_s - case.start_s) / DAY_S:.0f} days)")
    if meter is not None:
        said.append(
            " ".join(filter(None, [meter.customer_class, meter.role if meter.role == "supply" else "customer"]))
        )
        said.append(f"area {meter.transformer_area}")
    if energy is not None:
        too_much = energy.total_kwh <= -0.05
        said.append(f"{kwh(abs(energy.total_kwh))} {'registered too much' if too_much else 'unmetered'}")
    said.append(f"rank {rank:,} of {len(score.ranking.meter_ids):,}" if rank is not None else "not ranked")
    title = f"{kind_name(case.abnormality)} at {case.meter_id}"
    if facts is not None and facts.scenario != case.abnormality:
        said.insert(0, f"scenario {facts.scenario}")
    if facts is not None and facts.severity is not None:
        said.append(f"severity {facts.severity:.2f}{', hidden' if facts.hidden else ''}")
    words = " · ".join(escape(word) for word in said)
    story = f"<p>{escape(facts.story)}</p>" if facts is not None and facts.story else ""
    return f"<article><header><h3>{escape(title)}</h3><span class=muted>{words}</span></header>{story}{svg}</article>"


def _notes(score: Score) -> str:
    notes = [
        ("Detected", "an alert names the meter (or, for a supply meter, its area) between the case's start and a day after its end."),
        ("False case", "an alert on a meter that is normal by the truth; data quality and communication count neither way."),
        ("Ranking", "a meter counts with its highest daily risk from its onset to its end; a normal meter over a window like that of an abnormal one."),
        ("Findings", "of a meter only what was said before its first finding counts, for what came after had been taught."),
        ("Energy", "before detection: what could be billed back; after it: what mending at once would have saved, to the end of the feed."),
    ]  # fmt: skip
    if score.detection.taught:
        count = len(score.detection.taught)
        notes.append(("Not judged", f"{count} cases whose meter had a finding before they or the judged time began."))
    listed = "".join(f"<dt>{term}</dt><dd>{escape(said)}</dd>" for term, said in notes)
    return f"<h2>How it was counted</h2>\n<dl>{listed}</dl>"
