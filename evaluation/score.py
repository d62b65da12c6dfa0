"""A run against its truth: detection, false cases, ranking, inspections, value. No look-ahead, nothing fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from evaluation.answers import Answers, family_of
from evaluation.detection import CaseOutcome, Detection, GroupFigures, detect
from evaluation.false_cases import FalseCases, find_false_cases
from evaluation.inspections import Inspections, count_inspections
from evaluation.ranking import PRECISION_AT, Ranking, average_precision, rank_meters
from evaluation.run_folder import ALERTS, TASKS
from evaluation.run_rows import DailyRisk, RaisedAlert, Visit, alerts_of, daily_risk, supply_meters, visits_of
from evaluation.span import WARM_UP_DAYS, Span, first_findings, span_of
from evaluation.value import Value, value_found
from metering.archive import Archive
from metering.times import iso
from metering.truth import TruthCase

__all__ = ["Score", "ScoredRun", "average_precision", "evaluate", "score_run"]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRun:
    """What a RUN folder says. `findings` are those that are known beside the run's own visits: of the feed, of
    `findings.csv`; they teach, so they close their meters' windows, but are no inspections of this run."""

    alerts: tuple[RaisedAlert, ...]
    visits: tuple[Visit, ...]
    scores: DailyRisk
    findings: tuple[Visit, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """A run, scored. `archive` and `scores` are what it was scored with, for those who draw it."""

    span: Span
    detection: Detection
    false_cases: FalseCases
    ranking: Ranking
    inspections: Inspections | None
    value: Value
    archive: Archive
    scores: DailyRisk

    @property
    def missed(self) -> list[CaseOutcome]:
        """Missed cases, those with the most unmetered energy first, then by start."""

        def order(outcome: CaseOutcome) -> tuple[float, int, str]:
            energy = self.value.of(outcome)
            return -abs(energy.total_kwh) if energy else 0.0, outcome.case.start_s, outcome.case.meter_id

        return sorted(self.detection.missed, key=order)

    def energy_of_kind(self, kind: str) -> tuple[float, float] | None:
        """(unmetered energy of the kind's cases, of those detected), kWh of whichever sign; None if not known."""
        if self.value.unmetered_kwh is None:
            return None
        of_kind = [o for o in self.detection.outcomes if o.case.abnormality == kind]
        total = [(o, e.total_kwh) for o in of_kind if (e := self.value.of(o)) is not None]
        return sum(kwh for _, kwh in total), sum(kwh for o, kwh in total if o.detected)

    def as_json(self) -> dict[str, Any]:
        """The figures as one JSON object; keys are described in docs/evaluate.md."""
        overall = self.detection.overall
        return {
            "judged_from": iso(self.span.start_s),
            "judged_until": iso(self.span.end_s),
            "weeks": round(self.span.weeks, 3),
            "meters": self.false_cases.meters,
            **_group_json(overall),
            "macro_detection_rate": self.detection.macro_detection_rate,
            "cases_not_judged": len(self.detection.taught),
            **self._false_cases_json(),
            **self._ranking_json(),
            "inspections": None if self.inspections is None else _inspections_json(self.inspections),
            "value": self._value_json(),
            "by_abnormality": {
                kind: {"family": family_of(kind), **_group_json(group), **self._kind_energy_json(kind)}
                for kind, group in self.detection.by_abnormality().items()
            },
            "by_scenario": {name: _group_json(group) for name, group in self.detection.by_scenario().items()},
            "missed": [self._missed_json(outcome) for outcome in self.missed],
        }

    def _false_cases_json(self) -> dict[str, Any]:
        return {
            "false_cases": len(self.false_cases.cases),
            "false_cases_of_relapses": self.false_cases.of_relapses,
            "false_cases_per_1000_meters_per_week": self.false_cases.per_1000_meters_per_week,
            "false_cases_by_abnormality": self.false_cases.by_abnormality(),
            "false_cases_near": self.false_cases.by_life(),
            "alerts_counted_neither_way": dict(self.false_cases.neither_way),
        }

    def _ranking_json(self) -> dict[str, Any]:
        ranking = self.ranking
        return {
            "auc": ranking.auc,
            "average_precision": ranking.average_precision,
            "precision_at_50": ranking.precision_at(50),
            "precision_at_100": ranking.precision_at(100),
            "precision_at": {str(k): ranking.precision_at(k) for k in PRECISION_AT if k <= len(ranking.meter_ids)},
            "ranked_meters": len(ranking.meter_ids),
            "ranked_abnormal_meters": int(ranking.abnormal.sum()),
        }

    def _value_json(self) -> dict[str, Any]:
        value = self.value
        if value.unmetered_kwh is None:
            return {"source": "the run's own estimate", "estimated_kwh": value.estimated_kwh}
        return {
            "source": "unmetered.csv",
            "unmetered_kwh": round(value.unmetered_kwh, 3),
            "recoverable_kwh": value.recoverable_kwh,
            "preventable_kwh": value.preventable_kwh,
            "missed_kwh": value.missed_kwh,
            "share_found": value.share_found,
            "overmetered_found_kwh": value.overmetered_found_kwh,
            "overmetered_missed_kwh": value.overmetered_missed_kwh,
            "estimated_kwh": value.estimated_kwh,
        }

    def _kind_energy_json(self, kind: str) -> dict[str, Any]:
        energy = self.energy_of_kind(kind)
        return {} if energy is None else {"unmetered_kwh": round(energy[0], 3), "found_kwh": round(energy[1], 3)}

    def _missed_json(self, outcome: CaseOutcome) -> dict[str, Any]:
        case, facts, energy = outcome.case, outcome.facts, self.value.of(outcome)
        return {
            "meter_id": case.meter_id,
            "abnormality": case.abnormality,
            "start": iso(case.start_s),
            "end": None if case.end_s is None else iso(case.end_s),
            "rank": self.ranking.rank_of(case.meter_id),
            **({} if facts is None else {"scenario": facts.scenario, "severity": facts.severity}),
            **({} if energy is None else {"unmetered_kwh": round(energy.total_kwh, 3)}),
        }


def _group_json(group: GroupFigures) -> dict[str, Any]:
    return {**asdict(group), "within_days": {str(days): found for days, found in group.within_days.items()}}


def _inspections_json(inspections: Inspections) -> dict[str, Any]:
    return {
        "visits": inspections.visits,
        "hits": inspections.hits,
        "hits_per_inspection": inspections.hits_per_inspection,
        "cases": inspections.cases,
        "cases_found": inspections.found,
        "share_of_cases_found": inspections.share_of_cases_found,
        "in_warm_up": inspections.in_warm_up,
        "after_end": inspections.after_end,
        "by_week": [
            {
                "week": week.week,
                "visits": week.visits,
                "hits": week.hits,
                "hits_per_inspection": week.hits_per_inspection,
                "cases_found_so_far": week.found_so_far,
                "share_of_cases_found_so_far": inspections.share_after(week),
            }
            for week in inspections.weeks
        ],
    }


def score_run(
    run: ScoredRun,
    answers: Answers,
    archive: Archive,
    *,
    first_day: date | None = None,
    warm_up_days: int = WARM_UP_DAYS,
    seed: int = 1,
) -> Score:
    """Score a run against its answers. `first_day` is the feed's first local day; without it, the first that was scored."""
    span = span_of(archive, run.scores.days, run.alerts, answers.cases, first_day=first_day, warm_up_days=warm_up_days)
    taught = first_findings([*run.visits, *run.findings])
    areas = {supply: area for area, supply in supply_meters(archive).items()}
    detection = detect(run.alerts, answers, span, taught, areas)
    return Score(
        span=span,
        detection=detection,
        false_cases=find_false_cases(run.alerts, answers, archive, span),
        ranking=rank_meters(run.scores, detection, answers, archive, span, taught, seed=seed),
        inspections=count_inspections(run.visits, answers.cases, span),
        value=value_found(detection, answers, span),
        archive=archive,
        scores=run.scores,
    )


def evaluate(
    alerts: Sequence[Mapping[str, Any]],
    scores: pa.Table,
    truth: Sequence[TruthCase],
    archive: Archive,
    *,
    tasks: Sequence[Mapping[str, Any]] = (),
    warm_up_days: int = WARM_UP_DAYS,
) -> dict[str, Any]:
    """The figures of a run by its rows: of alerts.jsonl, of scores.parquet and, where there were visits, of tasks.jsonl."""
    raised = alerts_of(((f"{ALERTS}, row {n}", row) for n, row in enumerate(alerts, start=1)), archive)
    visits = visits_of(((f"{TASKS}, row {n}", row) for n, row in enumerate(tasks, start=1)), raised, archive)
    run = ScoredRun(raised, visits, daily_risk(scores, archive))
    return score_run(run, Answers(truth), archive, warm_up_days=warm_up_days).as_json()
