"""How well the daily risk ranks meters: AUC, average precision and precision at k, over windows of matched length.

An abnormal meter is scored by its highest risk from its onset to its case's end. A normal meter has no onset, and its
highest risk over the whole feed would be compared with a shorter time: it gets a pseudo-onset, one of the abnormal
meters' windows, drawn by a hash of its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from evaluation.answers import Answers, family_of, is_information
from evaluation.detection import Detection
from evaluation.run_rows import DailyRisk
from evaluation.span import Span
from metering.archive import Archive, Meter
from metering.truth import TruthCase

PRECISION_AT = (10, 20, 50, 100, 200, 500)
#: First and last local day (ordinals) of what counts of a meter.
Window = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Ranked meters: ids, highest risk within the window, and whether truly abnormal; each (meters,), in order of ids.

    A meter that was never scored within its window has risk 0.
    """

    meter_ids: tuple[str, ...]
    risk: NDArray[np.float64]
    abnormal: NDArray[np.bool_]

    @property
    def auc(self) -> float | None:
        return auc(self.risk, self.abnormal)

    @property
    def average_precision(self) -> float | None:
        return average_precision(self.risk, self.abnormal)

    def precision_at(self, k: int) -> float | None:
        return precision_at(self.risk, self.abnormal, k)

    def rank_of(self, meter_id: str) -> int | None:
        """1 for the highest risk; of equals the best rank. None for a meter that is not ranked."""
        if meter_id not in self.meter_ids:
            return None
        return 1 + int(np.sum(self.risk > self.risk[self.meter_ids.index(meter_id)]))


def rank_meters(
    scores: DailyRisk,
    detection: Detection,
    answers: Answers,
    archive: Archive,
    span: Span,
    first_findings: Mapping[str, int],
    *,
    seed: int = 1,
) -> Ranking:
    """Rank every meter that is normal by the truth or has a judged case.

    Left out: meters whose cases all lie outside what is judged, or are of the families communication and data quality
    (no suspicion), meters out of service in their window, and supply meters where the run scores none of them.
    """
    last_known = {m: _last_day_before(found_s, span) for m, found_s in first_findings.items()}
    windows = _abnormal_windows(detection, span, last_known)
    supply_scored = _scores_any_supply(scores, archive)
    meters = {m.meter_id: m for m in archive.meters if supply_scored or m.role != "supply"}
    windows = {m: w for m, w in windows.items() if m in meters or archive.meter(m) is None}
    abnormal = set(windows)
    drawn = sorted(windows.values())
    for meter_id in sorted(meters.keys() - {case.meter_id for case in answers.cases}):
        window = _pseudo_window(meter_id, drawn, last_known.get(meter_id), seed)
        if window is not None and any(_in_service(m, window, span) for m in archive.areas_of_meter[meter_id]):
            windows[meter_id] = window
    ids = tuple(sorted(windows))
    return Ranking(ids, highest_risk(scores, windows, ids), np.array([m in abnormal for m in ids], dtype=np.bool_))


def _abnormal_windows(detection: Detection, span: Span, last_known: Mapping[str, int]) -> dict[str, Window]:
    """From the first judged onset of a meter to the last end of its cases, within the span and before its finding."""
    windows: dict[str, Window] = {}
    for outcome in detection.outcomes:
        case = outcome.case
        if is_information(family_of(case.abnormality)):
            continue
        first, last = _days_of(case, span)
        if case.meter_id in windows:
            first, last = min(first, windows[case.meter_id][0]), max(last, windows[case.meter_id][1])
        windows[case.meter_id] = first, min(last, last_known.get(case.meter_id, last))
    return {meter: (first, last) for meter, (first, last) in windows.items() if first <= last}


def _days_of(case: TruthCase, span: Span) -> Window:
    end_s = span.end_s if case.end_s is None else min(case.end_s, span.end_s)
    return span.day(max(case.start_s, span.start_s)), span.day(end_s - 1)


def _last_day_before(found_s: int, span: Span) -> int:
    """The last local day whose score was made before the finding: it had closed by then."""
    ordinal = span.day(found_s)
    while span.calendar.day_close(date.fromordinal(ordinal)) > found_s:
        ordinal -= 1
    return ordinal


def _pseudo_window(meter_id: str, drawn: list[Window], last_known: int | None, seed: int) -> Window | None:
    """One of the true windows; of those that begin before the meter was visited, where it was."""
    if last_known is not None:
        drawn = [(first, min(last, last_known)) for first, last in drawn if first <= last_known]
    if not drawn:
        return None
    digest = blake2b(f"{seed}/{meter_id}".encode(), digest_size=8).digest()
    return drawn[int.from_bytes(digest) % len(drawn)]


def _in_service(meter: Meter, window: Window, span: Span) -> bool:
    first_s = span.calendar.day_start(date.fromordinal(window[0]))
    end_s = span.calendar.day_end(date.fromordinal(window[1]))
    return (meter.valid_from_s is None or meter.valid_from_s < end_s) and (
        meter.valid_to_s is None or meter.valid_to_s > first_s
    )


def _scores_any_supply(scores: DailyRisk, archive: Archive) -> bool:
    scored = set(scores.meter_ids)
    return any(m.meter_id in scored for m in archive.meters if m.role == "supply")


def highest_risk(scores: DailyRisk, windows: Mapping[str, Window], ids: tuple[str, ...]) -> NDArray[np.float64]:
    """Highest daily risk of each meter within its window, (meters,); 0 where it has no score there."""
    place = {meter: i for i, meter in enumerate(ids)}
    rows = np.array([place.get(meter, -1) for meter in scores.meter_ids], dtype=np.int64)
    bounds = np.array([windows[meter] for meter in ids], dtype=np.int64).reshape(-1, 2)
    found = np.zeros(len(ids))
    if not len(scores.codes) or not len(ids):
        return found
    row = rows[scores.codes]
    first, last = bounds[row, 0], bounds[row, 1]
    inside = (row >= 0) & (first <= scores.days) & (scores.days <= last)
    found[:] = -np.inf
    np.maximum.at(found, row[inside], scores.risk[inside])
    return np.where(np.isneginf(found), 0.0, found)


def auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Chance that a positive outranks a negative, a tie counting half (mid-ranks). None without one of either.

    >>> auc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]))
    0.875
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    mid_rank = np.cumsum(counts) - (counts - 1) / 2
    surplus = float(mid_rank[inverse][positive].sum()) - positives * (positives + 1) / 2
    return round(surplus / (positives * negatives), 4)


def average_precision(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Area under precision over recall; ties share their mean precision. None without a positive or a score.

    >>> average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
    0.8333
    """
    if not positive.any():
        return None
    hits, seen = _hits_by_threshold(score, positive)
    gained = np.diff(hits, prepend=0.0) / hits[-1]
    return round(float((gained * hits / seen).sum()), 4)


def precision_at(score: NDArray[np.float64], positive: NDArray[np.bool_], k: int) -> float | None:
    """Share of positives among the k highest, or among all where there are fewer; equals at the edge count by their share.

    >>> precision_at(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]), 2)
    0.75
    """
    k = min(k, len(score))
    if not k:
        return None
    hits, seen = _hits_by_threshold(score, positive)
    return round(float(np.interp(k, [0.0, *seen], [0.0, *hits])) / k, 4)


def precision_recall(
    score: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(recall, precision) at every distinct score, highest first. Both empty without a positive."""
    if not positive.any():
        return np.empty(0), np.empty(0)
    hits, seen = _hits_by_threshold(score, positive)
    recall, precision = hits / hits[-1], hits / seen
    return recall, precision


def _hits_by_threshold(
    score: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(positives, meters) at or above every distinct score, highest first."""
    order = np.argsort(-score, kind="stable")
    ranked, hit = score[order], positive[order].astype(np.float64)
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    return np.cumsum(hit)[ends], ends.astype(np.float64) + 1.0
