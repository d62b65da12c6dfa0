"""The day stage: once every partition has passed a day's closing tick, one lease-holder ranks it and opens its tasks.

The shared models of the day before score the whole day in (area, meter) order and then learn it; findings of the day
settle the tasks they answer and teach the ranker; then all meters are ranked, and what crews have room for is opened in one
transaction. Nothing flows back into open frames.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.bank import day_models
from detectors.pages import pack_arrays, unpack_arrays
from inspection.capacity import Capacity
from inspection.opening import open_tasks, settle
from inspection.overtaken import PAGE, Overtaken
from metering.archive import Archive
from metering.dismissal import Dismissal
from metering.errors import StaleVersion
from metering.evidence import AreaDay, DayModel
from metering.messages import Finding
from metering.ports import DayClose, StateStore
from metering.times import DAY_S
from operations.close_area_day import ClosedAreaDay, unpack_area_day
from operations.derived_points import precision_points, task_points
from operations.end_overtaken import end_overtaken
from operations.learn_findings import Learner, RankedArea
from operations.not_a_problem import dismissals
from operations.propose_visits import Day, propose

SCORES_SCHEMA = "day_scores/1"
#: So far back it is looked for what people said in an area that was absent when its day closed.
LATELY_S = 7 * DAY_S
LEASE = "close_day"
LEASE_S = 30.0


def close_ready_days(
    store: StateStore,
    archive: Archive,
    partitions: int,
    owner: str,
    *,
    deadline_s: float | None = None,
    seed: int = 1,
    capacity: Capacity | None = None,
) -> list[int]:
    """Close, oldest first, every waiting day that all `partitions` have passed; the ordinals of those closed here.

    With a `deadline_s` a day goes on without partitions that stand still, once the furthest one is that much event time
    past the day's close; the areas that were absent are recorded. Without one every partition is waited for (barrier).
    """
    if not store.take_lease(LEASE, owner, LEASE_S):
        return []
    closed: list[int] = []
    for ordinal in store.days_waiting():
        marks = store.marks("judge")
        closes_at_s = archive.calendar.day_close(date.fromordinal(ordinal))
        all_passed = len(marks) >= partitions and all(m.clock_s >= closes_at_s for m in marks)
        furthest_s = max((m.clock_s for m in marks), default=0)
        if not all_passed and (deadline_s is None or furthest_s < closes_at_s + deadline_s):
            break
        try:
            if not close_day(store, archive, ordinal, barrier=deadline_s is None, seed=seed, capacity=capacity):
                break
        except StaleVersion:
            # A person moved one of its tasks while the day was ranked: nothing was saved, the next round reads it again.
            break
        closed.append(ordinal)
        store.take_lease(LEASE, owner, LEASE_S)
    return closed


def close_day(
    store: StateStore,
    archive: Archive,
    ordinal: int,
    *,
    barrier: bool = True,
    seed: int = 1,
    capacity: Capacity | None = None,
) -> bool:
    """Close one local day in one transaction. False where another owner closed it first: nothing was done here.

    Without `barrier` an earlier day may have closed before some area's row came: findings are then also taken as they
    were recorded, so that none of them is missed.
    """
    at_s = archive.calendar.day_close(date.fromordinal(ordinal))
    closed = [unpack_area_day(row.payload) for row in store.area_days(ordinal)]
    pages = store.load_model_pages()
    models, learner = _models(pages, seed), Learner(pages, seed)
    novelty = _score_then_learn(models, [c.day for c in closed])
    at_hand = list(store.tasks(only_open=True))
    found = {f.finding_id: f for c in closed for f in c.findings}
    if not barrier and at_hand:
        since_s = min(t.opened_at_s for t in at_hand)
        found |= {f.finding_id: f for f in store.findings(from_s=since_s, to_s=at_s)}
    findings = [(_service_point(archive, f), f) for f in found.values()]
    findings.sort(key=lambda pair: (pair[1].found_at_s, pair[1].finding_id))
    settled = settle(at_hand, findings)
    undone = [finding_id for c in closed for finding_id in c.undone]
    said = _said(store, closed, at_s, barrier=barrier)
    borne_out = learner.learn([f for _, f in findings], store, undone, said)
    ranked = [learner.rank(c.day, unusual, at_s=at_s) for c, unusual in zip(closed, novelty, strict=True)]

    answered = {s.task_id for s in settled.tasks}
    open_now = [t for t in at_hand if t.task_id not in answered]
    day, capacity = Day(ordinal, at_s, archive, closed, ranked), capacity or Capacity()
    proposed = propose(day, open_now, learner, capacity, seed=seed)
    overtaken = Overtaken()
    if PAGE in pages:
        overtaken.load(pages[PAGE])
    ended = end_overtaken(store, day, open_now, proposed.newest, overtaken, learner, capacity)
    gone = {t.task_id for t in ended.tasks}
    open_now = [t for t in open_now if t.task_id not in gone]
    opened = open_tasks(proposed.chosen, open_now, at_s=at_s, newest=proposed.newest)
    learner.remember(ranked, opened.tasks, proposed.places)
    tasks = (*settled.tasks, *ended.tasks, *opened.tasks)
    return store.close_day(
        DayClose(
            day_ordinal=ordinal,
            model_pages={m.name: m.dump() for m in models} | learner.dump() | {PAGE: overtaken.dump()},
            tasks=tasks,
            audit=(*settled.audit, *ended.audit, *opened.audit),
            scores=_scores(closed, ranked, novelty),
            absent_areas=[a for a in archive.areas if a not in {c.day.transformer_area for c in closed}],
            points=(*task_points(tasks), *precision_points(borne_out, at_s)),
        )
    )


def _said(store: StateStore, closed: Sequence[ClosedAreaDay], at_s: int, *, barrier: bool) -> list[Dismissal]:
    """What people called no problem, in order. Without `barrier` as findings are: also as it was recorded lately."""
    said = {d.dismissal_id: d for c in closed for d in c.dismissals}
    if not barrier:
        lately = (life.dismissal for life in dismissals(store) if life.undo is None)
        said |= {d.dismissal_id: d for d in lately if at_s - LATELY_S <= d.said_at_s < at_s}
    return sorted(said.values(), key=lambda d: (d.said_at_s, d.dismissal_id))


def _models(pages: Mapping[str, bytes], seed: int) -> list[DayModel]:
    models = day_models(seed)
    for model in models:
        if model.name in pages:
            model.load(pages[model.name])
    return models


def _score_then_learn(models: Sequence[DayModel], days: Sequence[AreaDay]) -> list[NDArray[np.float64]]:
    """Highest novelty of each meter by the models of the day before, NaN where none could judge; then the day is learnt."""
    novelty = []
    for day in days:
        score = np.full(len(day.meter_ids), np.nan)
        for model in models:
            np.fmax(score, model.score(day), out=score)
        novelty.append(score)
    for model in models:
        for day in days:
            model.learn(day)
    return novelty


def _scores(
    closed: Sequence[ClosedAreaDay], ranked: Sequence[RankedArea], novelty: Sequence[NDArray[np.float64]]
) -> dict[str, bytes]:
    return {
        c.day.transformer_area: pack_scores(
            DayScores(c.day.meter_ids, of_area.risk, {**c.day.family_strength, "novelty": np.nan_to_num(unusual)})
        )
        for c, of_area, unusual in zip(closed, ranked, novelty, strict=True)
    }


def _service_point(archive: Archive, finding: Finding) -> str:
    meter = archive.meter(finding.meter_id)
    return "" if meter is None else meter.service_point


@dataclass(frozen=True, slots=True, eq=False)
class DayScores:
    """One area's rows of `scores.parquet` for one day: risk 0..1 and the strength per family, each (meters,)."""

    meter_ids: tuple[str, ...]
    risk: NDArray[np.float64]
    families: dict[str, NDArray[np.float64]]


def pack_scores(scores: DayScores) -> bytes:
    arrays: dict[str, NDArray[Any]] = {"risk": scores.risk.astype(np.float32)}
    arrays |= {f"family/{name}": values.astype(np.float32) for name, values in scores.families.items()}
    arrays["meters"] = np.frombuffer(json.dumps(list(scores.meter_ids)).encode(), dtype=np.uint8)
    return pack_arrays(SCORES_SCHEMA, arrays)


def unpack_scores(payload: bytes) -> DayScores:
    arrays = unpack_arrays(SCORES_SCHEMA, payload)
    meters = tuple(json.loads(arrays.pop("meters").tobytes()))
    families = {n.removeprefix("family/"): v for n, v in arrays.items() if n.startswith("family/")}
    return DayScores(meters, arrays["risk"], families)
