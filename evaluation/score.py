"""A run against its truth: detection rate, false cases, average precision. No look-ahead, nothing fitted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metering.archive import Archive
from metering.catalogue import INFORMATION_FAMILIES
from metering.times import DAY_S, iso, parse_iso
from metering.truth import TruthCase

WARM_UP_S = 28 * DAY_S
SAME_CASE_WITHIN_S = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class Span:
    """Event time that is judged: from the end of the warm-up to the end of the feed, epoch seconds."""

    start_s: int
    end_s: int

    @property
    def weeks(self) -> float:
        return max(self.end_s - self.start_s, 1) / (7 * DAY_S)


def evaluate(
    alerts: Sequence[Mapping[str, Any]],
    scores: pa.Table,
    truth: Sequence[TruthCase],
    archive: Archive,
    *,
    warm_up_s: int = WARM_UP_S,
) -> dict[str, Any]:
    """Score a run. `alerts` are rows of alerts.jsonl, `scores` is scores.parquet.

    A case counts as detected when an alert names its meter (or, for a supply meter, its area with meter_id null)
    between its start and its end; a false case is an alert on a meter that is normal by the truth (repeats within
    seven days are one). Data quality, communication and outages count neither way. A feed shorter than the warm-up
    plus a week is judged from a third of its days on.
    """
    span = _span(scores, archive, warm_up_s)
    supply_of = {
        a.transformer_area: a.meter_ids[int(a.supply_rows[0])] for a in archive.areas.values() if len(a.supply_rows)
    }
    counted = [_Claim.of(row, supply_of) for row in alerts if row["family"] not in INFORMATION_FAMILIES]
    judged = [c for c in truth if c.end_s is None or c.end_s > span.start_s]
    by_meter: dict[str, list[_Claim]] = defaultdict(list)
    for claim in sorted(counted, key=lambda c: c.raised_s):
        by_meter[claim.meter_id].append(claim)
    cases = [_detect(case, by_meter.get(case.meter_id, []), span) for case in judged]
    false_cases = _false_cases(by_meter, truth, span)
    abnormal = {c.meter_id for c in judged}
    return {
        "judged_from": iso(span.start_s),
        "judged_until": iso(span.end_s),
        "cases": len(cases),
        "detected": sum(c["detected"] for c in cases),
        "detection_rate": _share([c["detected"] for c in cases]),
        "macro_detection_rate": _macro(cases),
        "right_kind_share": _share([c["right_kind"] for c in cases if c["detected"]]),
        "false_cases": false_cases,
        "false_cases_per_1000_meters_per_week": round(1000 * false_cases / max(len(archive.meters), 1) / span.weeks, 4),
        "average_precision": average_precision(*_ranking(scores, abnormal, span, archive)),
        "by_abnormality": _by_abnormality(cases),
        "missed": [
            {"meter_id": c["meter_id"], "abnormality": c["abnormality"], "start": c["start"]}
            for c in cases
            if not c["detected"]
        ],
    }


@dataclass(frozen=True, slots=True)
class _Claim:
    meter_id: str
    abnormality: str
    raised_s: int
    ended_s: int | None

    @classmethod
    def of(cls, row: Mapping[str, Any], supply_of: Mapping[str, str]) -> _Claim:
        meter_id = row["meter_id"] or supply_of.get(row["transformer_area"], "")
        cleared = row["cleared_at"]
        return cls(meter_id, row["abnormality"], parse_iso(row["raised_at"]), cleared and parse_iso(cleared))


def _span(scores: pa.Table, archive: Archive, warm_up_s: int) -> Span:
    days: list[date] = scores.column("date").unique().to_pylist()
    if not days:
        now_s = int(datetime(1970, 1, 1, tzinfo=UTC).timestamp())
        return Span(now_s, now_s + 1)
    zone = ZoneInfo(archive.timezone)
    first_s = int(datetime.combine(min(days), time(), zone).timestamp())
    end_s = archive.calendar.day_end(max(days))
    if end_s - first_s < warm_up_s + 7 * DAY_S:
        warm_up_s = (end_s - first_s) // 3
    return Span(first_s + warm_up_s, end_s)


def _detect(case: TruthCase, claims: Sequence[_Claim], span: Span) -> dict[str, Any]:
    start_s, end_s = case.start_s, span.end_s if case.end_s is None else case.end_s
    hits = [
        c
        for c in claims
        if c.raised_s < end_s + DAY_S and (c.ended_s is None or c.ended_s > start_s) and c.raised_s >= start_s
    ]
    first = hits[0] if hits else None
    return {
        "meter_id": case.meter_id,
        "abnormality": case.abnormality,
        "start": iso(case.start_s),
        "detected": first is not None,
        "right_kind": any(c.abnormality == case.abnormality for c in hits),
        "days_to_detection": None if first is None else round((first.raised_s - start_s) / DAY_S, 3),
    }


def _false_cases(by_meter: Mapping[str, Sequence[_Claim]], truth: Sequence[TruthCase], span: Span) -> int:
    abnormal = {c.meter_id for c in truth}
    false = 0
    for meter_id, claims in by_meter.items():
        if meter_id in abnormal:
            continue
        last_s = -(2**62)
        for claim in claims:
            if span.start_s <= claim.raised_s < span.end_s:
                false += claim.raised_s - last_s > SAME_CASE_WITHIN_S
                last_s = claim.raised_s
    return false


def _by_abnormality(cases: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    kinds: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for case in cases:
        kinds[case["abnormality"]].append(case)
    return {
        kind: {
            "cases": len(found),
            "detection_rate": _share([c["detected"] for c in found]),
            "right_kind_share": _share([c["right_kind"] for c in found if c["detected"]]),
            "median_days_to_detection": _median([c["days_to_detection"] for c in found if c["detected"]]),
        }
        for kind, found in sorted(kinds.items())
    }


def _macro(cases: Sequence[Mapping[str, Any]]) -> float | None:
    rates = [row["detection_rate"] for row in _by_abnormality(cases).values()]
    return round(float(np.mean(rates)), 4) if rates else None


def _share(flags: Sequence[bool]) -> float | None:
    return round(sum(flags) / len(flags), 4) if flags else None


def _median(values: Sequence[float]) -> float | None:
    return round(float(np.median(values)), 3) if values else None


def _ranking(
    scores: pa.Table, abnormal: set[str], span: Span, archive: Archive
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(highest risk after the warm-up, whether truly abnormal) per meter."""
    first_day = archive.calendar.day_of(span.start_s)
    late = scores.filter(pc.greater_equal(scores.column("date"), pa.scalar(first_day, pa.date32())))
    best = late.group_by("meter_id").aggregate([("risk", "max")]).sort_by("meter_id")
    risk = np.asarray(best.column("risk_max").to_numpy(zero_copy_only=False), dtype=np.float64)
    return risk, np.array([m in abnormal for m in best.column("meter_id").to_pylist()], dtype=np.bool_)


def average_precision(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Area under precision over recall; ties share their mean precision. None without a positive or a score.

    >>> average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
    0.8333
    """
    if not positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    ranked, hit = score[order], positive[order].astype(np.float64)
    ends = np.flatnonzero(np.diff(ranked, append=-np.inf))
    hits, seen = np.cumsum(hit)[ends], ends + 1.0
    gained = np.diff(hits, prepend=0.0) / hit.sum()
    return round(float((gained * hits / seen).sum()), 4)
