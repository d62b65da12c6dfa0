"""How figures read to a person: shares in per cent, what is not known as a dash. For the table and the page alike."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.inspections import Inspections
from evaluation.score import Score
from metering.catalogue import CATALOGUE

DASH = "–"


def percent(part: float | None, digits: int = 0) -> str:
    """
    >>> percent(0.6923), percent(0.6923, 1), percent(None)
    ('69 %', '69.2 %', '–')
    """
    return DASH if part is None else f"{100 * part:.{digits}f} %"


def number(value: float | None, digits: int = 2) -> str:
    return DASH if value is None else f"{value:,.{digits}f}"


def kwh(value: float | None) -> str:
    """
    >>> kwh(12345.6), kwh(3.21)
    ('12,346 kWh', '3.2 kWh')
    """
    return DASH if value is None else f"{energy(value)} kWh"


def energy(value: float | None) -> str:
    """kWh without the unit; what rounds to nothing has no sign.

    >>> energy(-0.04), energy(-12.34)
    ('0.0', '-12.3')
    """
    if value is None:
        return DASH
    digits = 0 if abs(value) >= 100 else 1
    return f"{round(value, digits) + 0.0:,.{digits}f}"


def kind_name(code: str) -> str:
    """The catalogue's English name, or the word itself where it is somebody else's."""
    known = CATALOGUE.get(code)
    return code if known is None else known.name_en


def within_words(score: Score) -> str:
    shares = score.detection.overall.within_days
    return "within " + ", ".join(f"{days} d {percent(found)}" for days, found in shares.items())


def overall_lines(score: Score) -> Sequence[tuple[str, str]]:
    """(what, how much) of the run as a whole; what the run or its truth does not tell is left out."""
    overall, false_cases = score.detection.overall, score.false_cases
    cases = f"{overall.detected} of {overall.cases} detected ({percent(overall.detection_rate, 1)})"
    macro = percent(score.detection.macro_detection_rate, 1)
    rate = number(false_cases.per_1000_meters_per_week)
    lines = [
        ("cases", f"{cases}; mean over kinds {macro}"),
        ("right kind", f"{percent(overall.right_kind_share, 1)} of those detected"),
        ("days to detection", f"median {number(overall.median_days_to_detection)}; {within_words(score)}"),
        ("false cases", f"{len(false_cases.cases)}: {rate} per 1,000 meters per week"),
        ("ranking by meter", ranking_words(score)),
    ]
    if score.inspections is not None:
        lines.append(("inspections", inspection_words(score.inspections)))
    lines.append(("value", value_words(score)))
    if score.detection.taught:
        lines.append(("not judged", f"{len(score.detection.taught)} cases whose meter had a finding before"))
    return lines


def ranking_words(score: Score) -> str:
    ranking = score.ranking
    return (
        f"AUC {number(ranking.auc, 3)}, average precision {number(ranking.average_precision, 3)}, "
        f"P@50 {number(ranking.precision_at(50))}, P@100 {number(ranking.precision_at(100))} "
        f"({int(ranking.abnormal.sum())} abnormal among {len(ranking.meter_ids):,})"
    )


def inspection_words(inspections: Inspections) -> str:
    return (
        f"{inspections.visits} visits, {inspections.hits} hits ({number(inspections.hits_per_inspection)} per "
        f"inspection); they found {inspections.found} of {inspections.cases} cases "
        f"({percent(inspections.share_of_cases_found)})"
    )


def value_words(score: Score) -> str:
    value = score.value
    if value.unmetered_kwh is None:
        return f"{kwh(value.estimated_kwh)} missing by the run's own estimate (no unmetered.csv beside the truth)"
    fast = (value.overmetered_found_kwh or 0.0) + (value.overmetered_missed_kwh or 0.0)
    said = (
        f"{percent(value.share_found)} of {kwh(value.unmetered_kwh)} unmetered belongs to detected cases: "
        f"{kwh(value.recoverable_kwh)} before detection, {kwh(value.preventable_kwh)} after it"
    )
    return said + (
        f"; {kwh(fast)} registered too much, of which {kwh(value.overmetered_found_kwh)} found" if fast >= 1 else ""
    )
