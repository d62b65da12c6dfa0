"""Which cases a run detected, when, and whether it named the right kind; by abnormality, by scenario and overall."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.answers import Answers, CaseFacts, family_of, is_information
from evaluation.run_rows import RaisedAlert
from evaluation.span import Span
from metering.catalogue import CATALOGUE
from metering.times import DAY_S
from metering.truth import TruthCase

WITHIN_DAYS = (1, 10, 30)
#: Faults of a whole area that its customers' meters feel.
AREA_FAULT_FAMILY = "electrical"


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """A judged case and the alerts that name its meter while it lasts, in the order in which they were raised."""

    case: TruthCase
    facts: CaseFacts | None
    hits: tuple[RaisedAlert, ...]

    @property
    def detected(self) -> bool:
        return bool(self.hits)

    @property
    def detected_s(self) -> int | None:
        return self.hits[0].raised_s if self.hits else None

    @property
    def days_to_detection(self) -> float:
        """Days from onset to the first alert; infinite for a missed case."""
        return (self.hits[0].raised_s - self.case.start_s) / DAY_S if self.hits else math.inf

    @property
    def right_kind(self) -> bool | None:
        """Whether any of its alerts names its kind; None where it was missed, or where the kind is no catalogue code."""
        if not self.hits or self.case.abnormality not in CATALOGUE:
            return None
        return any(alert.abnormality == self.case.abnormality for alert in self.hits)

    @property
    def scenario(self) -> str | None:
        return None if self.facts is None else self.facts.scenario


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """Detection among some cases. Shares are None where there is nothing to take a share of.

    `within_days`: share of all these cases that an alert named within so many days of the onset.
    """

    cases: int
    detected: int
    detection_rate: float | None
    right_kind_share: float | None
    median_days_to_detection: float | None
    within_days: Mapping[int, float | None]


@dataclass(frozen=True, slots=True)
class Detection:
    """`outcomes` are the judged cases in the order of the truth. `taught` are not judged: their meter had its first
    finding before they began or before the span does, so that all that was said of them since had been taught."""

    outcomes: tuple[CaseOutcome, ...]
    taught: tuple[TruthCase, ...]

    @property
    def missed(self) -> list[CaseOutcome]:
        return [o for o in self.outcomes if not o.detected]

    @property
    def overall(self) -> GroupFigures:
        return group_figures(self.outcomes)

    def by_abnormality(self) -> dict[str, GroupFigures]:
        return _grouped(self.outcomes, lambda o: o.case.abnormality)

    def by_scenario(self) -> dict[str, GroupFigures]:
        return _grouped([o for o in self.outcomes if o.scenario is not None], lambda o: str(o.scenario))

    @property
    def macro_detection_rate(self) -> float | None:
        """Mean of the kinds' detection rates: a rare kind counts as much as a frequent one."""
        rates = [g.detection_rate for g in self.by_abnormality().values() if g.detection_rate is not None]
        return round(float(np.mean(rates)), 4) if rates else None


def detect(
    alerts: Sequence[RaisedAlert],
    answers: Answers,
    span: Span,
    first_findings: Mapping[str, int],
    area_of_supply: Mapping[str, str] | None = None,
) -> Detection:
    """Judge every case that lasts into the span.

    A case is detected by an alert that names its meter (for a supply meter: its area), is raised between the case's
    start and one day after its end, is not over before the span begins, and is raised before the meter's first finding.
    Alerts of data quality and communication detect only cases of these families. An electrical fault of a whole area (a
    lost neutral) shows at its customers' meters: their electrical alerts detect it too; `area_of_supply` says whose they are.
    """
    by_meter: dict[str, list[RaisedAlert]] = defaultdict(list)
    electrical: dict[str, list[RaisedAlert]] = defaultdict(list)
    for alert in alerts:
        by_meter[alert.meter_id].append(alert)
        if alert.family == AREA_FAULT_FAMILY and not alert.of_area:
            electrical[alert.transformer_area].append(alert)
    outcomes, taught = [], []
    for case in answers.cases:
        if case.start_s >= span.end_s or (case.end_s is not None and case.end_s <= span.start_s):
            continue
        taught_s = first_findings.get(case.meter_id)
        if taught_s is not None and taught_s <= max(case.start_s, span.start_s):
            taught.append(case)
            continue
        about = list(by_meter.get(case.meter_id, ()))
        area = (area_of_supply or {}).get(case.meter_id)
        if area is not None and family_of(case.abnormality) == AREA_FAULT_FAMILY:
            about += electrical.get(area, ())
            about.sort(key=lambda a: (a.raised_s, a.abnormality, a.alert_id))
        hits = tuple(a for a in about if _names(a, case, span, taught_s))
        outcomes.append(CaseOutcome(case, answers.facts_of(case), hits))
    return Detection(tuple(outcomes), tuple(taught))


def _names(alert: RaisedAlert, case: TruthCase, span: Span, taught_s: int | None) -> bool:
    if is_information(alert.family) and not is_information(family_of(case.abnormality)):
        return False
    end_s = span.end_s if case.end_s is None else case.end_s
    if not case.start_s <= alert.raised_s < end_s + DAY_S or (taught_s is not None and alert.raised_s >= taught_s):
        return False
    return alert.cleared_s is None or alert.cleared_s > max(case.start_s, span.start_s)


def group_figures(outcomes: Sequence[CaseOutcome]) -> GroupFigures:
    days = np.array([o.days_to_detection for o in outcomes])
    found = days[np.isfinite(days)]
    return GroupFigures(
        cases=len(outcomes),
        detected=len(found),
        detection_rate=share(len(found), len(outcomes)),
        right_kind_share=share_of(o.right_kind for o in outcomes if o.right_kind is not None),
        median_days_to_detection=round(float(np.median(found)), 3) if len(found) else None,
        within_days={limit: share(int(np.sum(days <= limit)), len(outcomes)) for limit in WITHIN_DAYS},
    )


def _grouped(outcomes: Sequence[CaseOutcome], name: Callable[[CaseOutcome], str]) -> dict[str, GroupFigures]:
    groups: dict[str, list[CaseOutcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[name(outcome)].append(outcome)
    return {key: group_figures(found) for key, found in sorted(groups.items())}


def share(part: float, whole: float) -> float | None:
    """Four digits; None of nothing.

    >>> share(1, 3), share(0, 0)
    (0.3333, None)
    """
    return round(part / whole, 4) if whole else None


def share_of(flags: Iterable[bool]) -> float | None:
    found = list(flags)
    return share(sum(found), len(found))
