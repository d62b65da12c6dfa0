"""`detection.md`: what was measured of each world, against the floor and the goal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.detection.worlds import DEVELOPMENT_SEEDS, REPORT_SEEDS, SOON_DAYS, World
from benchmarks.report import ABLATIONS, count, mebibytes, table

Figures = Mapping[str, Any]
BUDGET, REALISED = 1.0, 1.5
#: What must be found within a day nearly always, and within ten days mostly; by scenario.
WITHIN_A_DAY: Mapping[str, tuple[str, ...]] = {
    "stuck": ("register_stopped",),
    "runaway": ("register_runaway",),
    "reversed": ("power_reversed",),
    "phase loss": ("voltage_loss", "phase_break"),
    "open cover": ("cover_opened", "terminal_cover_opened"),
}
WITHIN_TEN_DAYS: Mapping[str, tuple[str, ...]] = {"night bypass": ("night_bypass",), "tapping": ("tap_before_meter",)}
LEAST_WITHIN_A_DAY, LEAST_WITHIN_TEN_DAYS = 0.97, 0.70
#: An area's loss is not known to less from one week to the next.
LEAST_TAKEN_KWH = 4.0
TABLE_WORLDS = ("mixed", "hard", "rare")


@dataclass(frozen=True, slots=True)
class Demand:
    """A row of the demanded table: floor and goal per world of `TABLE_WORLDS`."""

    title: str
    bounds: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    reached: Callable[[Figures], float | None]


def _rate(found: Figures) -> float | None:
    return _number(found["score"]["macro_detection_rate"])


def _weakest(found: Figures) -> float | None:
    rates = [k["detection_rate"] for k in found["score"]["by_abnormality"].values() if k["detection_rate"] is not None]
    return min(rates, default=None)


def _hits(found: Figures) -> float | None:
    visits = found.get("visits")
    return visits["hits"] / visits["visits"] if visits and visits["visits"] else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


DEMANDS = (
    Demand("macro detection rate", ((0.72, 0.90), (0.47, 0.80), (0.72, 0.88)), _rate),
    Demand(
        "average precision",
        ((0.85, 0.96), (0.62, 0.88), (0.75, 0.92)),
        lambda f: _number(f["score"]["average_precision"]),
    ),
    Demand("P@50", ((0.96, 1.0), (0.94, 1.0), (0.90, 1.0)), lambda f: _number(f["score"]["precision_at_50"])),
    Demand("hits per inspection", ((0.80, 0.95), (0.70, 0.90), (0.25, 0.30)), _hits),
    Demand("the weakest kind's detection rate", ((0.20, 0.60), (0.05, 0.40), (0.20, 0.60)), _weakest),
)


def rate(value: float | None) -> str:
    """Two digits without the zero before the point; a dash where there is nothing to take a share of.

    >>> rate(0.724), rate(1.0), rate(None)
    ('.72', '1.00', '-')
    """
    return "-" if value is None else f"{value:.2f}".removeprefix("0")


def page(figures: Mapping[str, Figures], worlds: Sequence[World]) -> str:
    """The whole page, of the worlds that have figures."""
    known = [w for w in worlds if w.name in figures]
    sections = (
        _top(known, figures),
        _demanded(figures),
        _delays(figures),
        _kinds(figures, "by_abnormality", "Kinds"),
        _kinds(figures, "by_scenario", "Scenarios"),
        _false_cases(known, figures),
        _visits(known, figures),
        _less([w for w in known if w.group == "less"], figures),
        _benign([w for w in known if w.group == "benign"], figures),
        _ablations([w for w in known if w.group == "ablation"], figures),
        _costs(known, figures),
        _seeds(known, figures),
    )
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _top(known: Sequence[World], figures: Mapping[str, Figures]) -> list[str]:
    versions = sorted({figures[w.name]["version"] for w in known})
    return [
        "# Detection quality",
        "",
        (
            "Written by `make bench-detection`. Simulated provinces of 98 days and 15 minutes (where nothing else is said) go through "
            "the product's own stages, with the thresholds as shipped; alerts, tasks and scores are scored as `meterwatch evaluate` "
            "does ([docs/evaluate.md](../docs/evaluate.md)): judged after 28 days; macro = mean over the kinds of abnormality; what a "
            "finding taught about its own meter does not count for it; every episode of an alert counts by itself. "
            "Simulated figures are not field figures."
        ),
        "",
        f"Monitor version{'s' if len(versions) > 1 else ''} {', '.join(f'`{v}`' for v in versions)}.",
        "",
    ]


def _demanded(figures: Mapping[str, Figures]) -> list[str]:
    lines = [
        "## Demanded and reached",
        "",
        (
            f"At most {BUDGET:g} false case per 1,000 meters per week is the budget, {REALISED:g} the most that may come of it. Cells: "
            "floor → goal: **reached without visits** / **reached while visits teach**; ✗ is below the floor, ★ at the goal."
        ),
        "",
    ]
    rows = []
    for demand in DEMANDS:
        row = [demand.title]
        for place, name in enumerate(TABLE_WORLDS):
            floor, goal = demand.bounds[place]
            told = [
                _judged(demand.reached(figures[n]), floor, goal)
                for n in (name, f"{name}-visited")
                if n in figures and not (demand.reached is _hits and n == name)
            ]
            row.append(f"{rate(floor)} → {rate(goal)}: {' / '.join(told) or 'not measured'}")
        rows.append(row)
    rows.append(["false cases per 1,000 meters per week", *(_realised(figures, name) for name in TABLE_WORLDS)])
    rows.append(
        [
            "macro over scenarios instead of kinds",
            *(_each(figures, name, lambda f: rate(f["macro_by_scenario"])) for name in TABLE_WORLDS),
        ]
    )
    rows.append(["AUC", *(_each(figures, name, lambda f: rate(f["score"]["auc"])) for name in TABLE_WORLDS)])
    head = ["98 days, 15 min", "mixed, 8 %, 4,000 meters", "hard, 8 %, 4,000 meters", "mixed, 1.6 %, 8,000 meters"]
    return [*lines, *table(head, rows), *_weakest_kinds(figures)]


def _weakest_kinds(figures: Mapping[str, Figures]) -> list[str]:
    lines = []
    for place, name in enumerate(TABLE_WORLDS):
        floor = DEMANDS[-1].bounds[place][0]
        for n in (name, f"{name}-visited"):
            kinds = figures[n]["score"]["by_abnormality"] if n in figures else {}
            low = {k: g for k, g in kinds.items() if g["detection_rate"] is not None and g["detection_rate"] < floor}
            told = ", ".join(f"`{k}` {rate(g['detection_rate'])} of {g['cases']}" for k, g in low.items())
            lines += [f"- Kinds below {rate(floor)} in {n}: {told or 'none'}"] if kinds else []
    return [*lines, ""] if lines else []


def _judged(reached: float | None, floor: float, goal: float) -> str:
    if reached is None:
        return "**-**"
    mark = " ★" if reached >= goal else "" if reached >= floor else " ✗"
    return f"**{rate(reached)}**{mark}"


def _realised(figures: Mapping[str, Figures], name: str) -> str:
    def told(found: Figures) -> str:
        realised = found["score"]["false_cases_per_1000_meters_per_week"]
        return f"**{realised:.2f}**{' ✗' if realised > REALISED else ''}"

    return f"≤ {REALISED:g}: {_each(figures, name, told)}"


def _each(figures: Mapping[str, Figures], name: str, tell: Callable[[Figures], str]) -> str:
    return " / ".join(tell(figures[n]) for n in (name, f"{name}-visited") if n in figures) or "not measured"


def _delays(figures: Mapping[str, Figures]) -> list[str]:
    """Certain kinds within a day, night bypass and tapping within ten."""
    lines = [
        "## How soon",
        "",
        (
            f"Demanded: certain kinds within a day at a detection rate of {LEAST_WITHIN_A_DAY} at least, night bypass and tapping "
            f"{LEAST_WITHIN_TEN_DAYS:.2f} at least within ten days. Cells: share found within the time (cases), without visits."
        ),
        "",
    ]
    known = [name for name in TABLE_WORLDS if name in figures]
    rows = [
        [f"{words}, within {days} day{'s' * (days > 1)}", *(_within(figures[n], scenarios, days, least) for n in known)]
        for days, least, groups in (
            (1, LEAST_WITHIN_A_DAY, WITHIN_A_DAY),
            (SOON_DAYS, LEAST_WITHIN_TEN_DAYS, WITHIN_TEN_DAYS),
        )
        for words, scenarios in groups.items()
    ]
    rows += [
        [
            f"{words} of {LEAST_TAKEN_KWH:g} kWh a day or more, watched for ten days",
            *(_of_those_that_take(figures[n], scenarios) for n in known),
        ]
        for words, scenarios in WITHIN_TEN_DAYS.items()
    ]
    return [*lines, *table(["", *known], rows)] if known else []


def _of_those_that_take(found: Figures, scenarios: Sequence[str]) -> str:
    """Found within ten days, of the cases in which something was taken: nobody steals in an empty home."""
    days = [
        days
        for s in scenarios
        for days, kwh in found.get("soon", {}).get(s, ())
        if kwh is not None and kwh >= LEAST_TAKEN_KWH
    ]
    soon = sum(d is not None and d <= SOON_DAYS for d in days)
    return f"{rate(soon / len(days))} ({len(days)})" if days else "no case"


def _within(found: Figures, scenarios: Sequence[str], days: int, least: float) -> str:
    groups = [g for s in scenarios if (g := found["score"]["by_scenario"].get(s)) is not None]
    cases = sum(g["cases"] for g in groups)
    if not cases:
        return "no case"
    share = sum(g["cases"] * g["within_days"][str(days)] for g in groups) / cases
    return f"{rate(share)}{' ✗' if share < least else ''} ({cases})"


def _kinds(figures: Mapping[str, Figures], by: str, title: str) -> list[str]:
    known = [n for name in TABLE_WORLDS for n in (name, f"{name}-visited") if n in figures]
    if not known:
        return []
    names = sorted({kind for n in known for kind in figures[n]["score"][by]})
    rows = []
    for kind in names:
        row = [f"`{kind}`"]
        for n in known:
            group = figures[n]["score"][by].get(kind)
            row.append("" if group is None else _group(group))
        rows.append(row)
    note = (
        "Detection rate of cases, share named rightly among the detected; median days to detection and share within 10 days."
        if by == "by_abnormality"
        else "The same by what the simulator made of it."
    )
    return [f"## {title}", "", note, "", *table(["", *known], rows)]


def _group(group: Figures) -> str:
    if group["median_days_to_detection"] is None:
        return f"{rate(group['detection_rate'])} of {group['cases']}"
    named = "" if group["right_kind_share"] is None else f", named {rate(group['right_kind_share'])}"
    days = f"{group['median_days_to_detection']:.1f} d, ≤10 d {rate(group['within_days']['10'])}"
    return f"{rate(group['detection_rate'])} of {group['cases']}{named}; {days}"


def _false_cases(known: Sequence[World], figures: Mapping[str, Figures]) -> list[str]:
    shown = [w for w in known if w.group in ("table", "visited", "benign") and w.name in figures]
    if not shown:
        return []
    kinds = sorted({k for w in shown for k in figures[w.name]["score"]["false_cases_by_abnormality"]})
    rows = [
        [
            f"`{kind}`",
            *(str(figures[w.name]["score"]["false_cases_by_abnormality"].get(kind, "")) for w in shown),
        ]
        for kind in kinds
    ]
    rows.append(["**all**", *(f"**{figures[w.name]['score']['false_cases']}**" for w in shown)])
    again = [figures[w.name]["score"].get("false_cases_of_relapses") for w in shown]
    rows.append(["of them relapses of an earlier alert", *("-" if n is None else str(n) for n in again)])
    rows.append(
        [
            "per 1,000 meters per week",
            *(f"{figures[w.name]['score']['false_cases_per_1000_meters_per_week']:.2f}" for w in shown),
        ]
    )
    near = sorted({k for w in shown for k in figures[w.name]["score"]["false_cases_near"]})
    life = [
        [f"`{kind}`", *(str(figures[w.name]["score"]["false_cases_near"].get(kind, "")) for w in shown)]
        for kind in near
    ]
    names = [w.name for w in shown]
    return [
        "## False cases by kind",
        "",
        *table(["", *names], rows),
        "By the benign life around them:",
        "",
        *table(["", *names], life),
    ]


def _visits(known: Sequence[World], figures: Mapping[str, Figures]) -> list[str]:
    shown = [w for w in known if w.visits_per_week and w.group == "visited"]
    if not shown:
        return []
    weeks = max(len(figures[w.name]["visits"]["by_week"]) for w in shown)
    rows = []
    for week in range(weeks):
        row = [str(week + 1)]
        for w in shown:
            by_week = figures[w.name]["visits"]["by_week"]
            row.append(f"{by_week[week][1]} of {by_week[week][0]}" if week < len(by_week) else "")
        rows.append(row)
    for title, key in (("all", "visits"), ("in the warm-up", "in_warm_up")):
        row = [title]
        for w in shown:
            visits = figures[w.name]["visits"]
            row.append(f"**{visits['hits']} of {visits['visits']}**" if key == "visits" else str(visits[key]))
        rows.append(row)
    rows.append(
        [
            "most hits there could be",
            *(rate(min(1.0, figures[w.name]["cases"] / max(figures[w.name]["visits"]["visits"], 1))) for w in shown),
        ]
    )
    found = ["share of all cases that visits found"]
    for w in shown:
        inspections = figures[w.name]["score"]["inspections"]
        found.append("-" if inspections is None else rate(inspections["share_of_cases_found"]))
    rows.append(found)
    return [
        "## Visits by week",
        "",
        (
            "Hits of visits, by the week of the visit. Inspectors find what is true (`--inspector perfect`), findings arrive seven days "
            "later, what is found is mended. Visits of the warm-up, before any case began, count nowhere."
        ),
        "",
        *table(["week", *(w.name for w in shown)], rows),
    ]


def _less(shown: Sequence[World], figures: Mapping[str, Figures]) -> list[str]:
    if not shown:
        return []
    rows = []
    for w in shown:
        f, score = figures[w.name], figures[w.name]["score"]
        rows.append(
            [
                w.title,
                str(f["recipe"]["customers"]),
                rate(score["macro_detection_rate"]),
                rate(score["auc"]),
                rate(score["average_precision"]),
                rate(score["precision_at_50"]),
                rate(score["ranked_abnormal_meters"] / max(score["ranked_meters"], 1)),
                f"{score['false_cases_per_1000_meters_per_week']:.2f}",
            ]
        )
    head = ["feed", "customers", "macro DR", "AUC", "AP", "P@50", "AP of chance", "false cases"]
    told = []
    for w in shown:
        said = figures[w.name]["switched_off"]
        told += [f"- {w.title}: {'; '.join(said) if said else 'nothing is switched off'}"]
    return [
        "## Feeds with less",
        "",
        "Mixed, 8 %. Everything runs; what cannot be judged is said:",
        "",
        *told,
        "",
        *table(head, rows),
    ]


def _benign(shown: Sequence[World], figures: Mapping[str, Figures]) -> list[str]:
    if not shown:
        return []
    rows = []
    for w in shown:
        f, score = figures[w.name], figures[w.name]["score"]
        realised = score["false_cases_per_1000_meters_per_week"]
        rows.append(
            [
                w.title,
                str(f["recipe"]["customers"]),
                f"{score['weeks']:.0f}",
                str(score["false_cases"]),
                f"{realised:.2f}{' ✗' if realised > BUDGET else ''}",
                str(sum(f["alerts_by_kind"].values())),
            ]
        )
    lines = [
        "## Clean feeds",
        "",
        f"Nobody steals, nothing is broken: at most {BUDGET:g} false case per 1,000 meters per week.",
        "",
        *table(["feed", "meters", "weeks", "false cases", "per 1,000 meters per week", "alerts of any kind"], rows),
    ]
    for w in shown:
        storm = figures[w.name].get("storm")
        if storm is not None:
            kinds = ", ".join(f"`{kind}` {n}" for kind, n in storm["by_kind"].items()) or "none"
            lines += [
                (
                    f"The storm took {storm['areas_hit']} of {figures[w.name]['areas']} areas. In its two days "
                    f"{storm['of_areas']} alerts of areas and {storm['of_meters']} of meters were raised: {kinds}."
                ),
                "",
            ]
    return lines


def _ablations(shown: Sequence[World], figures: Mapping[str, Figures]) -> list[str]:
    if not shown:
        return [f"## {ABLATIONS}", "", "Not measured yet.", ""]
    rows = []
    for w in shown:
        base = figures.get("everything-visited" if w.visits_per_week else "everything")
        own = figures[w.name]
        rows.append(
            [
                w.title,
                *(
                    _against(reached(own), None if base is None or base is own else reached(base))
                    for reached in (
                        _rate,
                        lambda f: _number(f["score"]["average_precision"]),
                        lambda f: _number(f["score"]["precision_at_50"]),
                        lambda f: _number(f["score"]["auc"]),
                        _hits,
                    )
                ),
                f"{own['score']['false_cases_per_1000_meters_per_week']:.2f}",
            ]
        )
    head = ["", "macro DR", "AP", "P@50", "AUC", "hits per inspection", "false cases"]
    recipe = figures[shown[0].name]["recipe"]
    return [
        f"## {ABLATIONS}",
        "",
        (
            f"Mixed, 8 %, {recipe['customers']:,} meters, seed {recipe['seed']}. One thing is taken away at a time, thresholds stay as "
            "they are; in brackets what its absence changes. A detector kept silent goes on learning."
        ),
        "",
        *table(head, rows),
    ]


def _against(own: float | None, base: float | None) -> str:
    if own is None or base is None:
        return rate(own)
    return f"{rate(own)} ({own - base:+.2f})"


def _costs(known: Sequence[World], figures: Mapping[str, Figures]) -> list[str]:
    rows = []
    for w in known:
        if w.group == "ablation":
            continue
        costs = figures[w.name]["costs"]
        rows.append(
            [
                w.name,
                f"{costs['readings']:,}",
                count(costs["interval_us"]),
                count(costs["daily_us"]),
                count(costs["state_bytes"]),
                f"{costs['wall_s']:.0f}",
                mebibytes(costs["peak_rss_bytes"]),
            ]
        )
    head = [
        "world",
        "readings",
        "interval path, µs CPU per reading",
        "day path, µs CPU per meter",
        "state, bytes per meter",
        "wall, s",
        "peak RSS",
    ]
    return [
        "## Cost",
        "",
        (
            "CPU of the judging thread: the interval path takes a reading in, judges and learns it; the day path closes a meter's day and "
            "ranks it. State is what is saved. Wall time includes simulating, on a machine that others share."
        ),
        "",
        *table(head, rows),
    ]


def _seeds(known: Sequence[World], figures: Mapping[str, Figures]) -> list[str]:
    rows = []
    for w in known:
        f = figures[w.name]
        rows.append([w.name, str(f["recipe"].get("seed", "-")), f"`{f['version']}`", f["measured"]])
    return [
        "## Seeds",
        "",
        (
            f"Development used seeds {DEVELOPMENT_SEEDS.start} to {DEVELOPMENT_SEEDS[-1]} and nothing is reported of them; these are "
            f"reported and nothing was fitted on them: {', '.join(f'{seed} ({what})' for seed, what in REPORT_SEEDS.items())}."
        ),
        "",
        *table(["world", "seed", "version", "measured"], rows),
    ]
