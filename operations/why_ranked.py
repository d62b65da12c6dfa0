"""Why a meter without an alert was proposed for a visit: the day's weighing of it, in the words of an alert."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from detectors.case.explanation import explanation, naming
from detectors.case.prior import Prior, shipped_prior
from metering.alert import Reason
from metering.archive import Archive, Meter
from metering.inspection import InspectionTask
from metering.ports import StateStore
from metering.times import DAY_CLOSE_AFTER_MIDNIGHT_S, DAY_S
from operations.close_area_day import unpack_area_day


@dataclass(frozen=True, slots=True)
class RankedCase:
    """What the day before the task's opening said of the meter: `probability` of a case, `kinds` (code, share), the likeliest first."""

    probability: float
    kinds: tuple[tuple[str, float], ...]
    reasons: tuple[Reason, ...]


def why_ranked(store: StateStore, archive: Archive, task: InspectionTask, meter: Meter | None) -> RankedCase | None:
    """The case of a task that no alert explains; None where it has alerts, or the day is kept no longer or did not judge the meter."""
    if task.alert_ids or meter is None:
        return None
    # a task is opened when a day closes, six hours after its end
    day = archive.calendar.day_of(task.opened_at_s - DAY_CLOSE_AFTER_MIDNIGHT_S - DAY_S // 2)
    row = store.area_day(day.toordinal(), task.transformer_area)
    closed = None if row is None else unpack_area_day(row.payload).day
    if closed is None or meter.meter_id not in closed.meter_ids:
        return None
    at = closed.meter_ids.index(meter.meter_id)
    probability = float(closed.probability[at])
    if math.isnan(probability):
        return None
    return _case(shipped_prior(), probability, closed.figures[at].astype(np.float32))


def _case(prior: Prior, probability: float, row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> RankedCase:
    shares = prior.probable_kinds(row[None])[0]
    order = np.argsort(-shares, kind="stable")[:2].tolist()
    first, second = ((prior.kinds[n], float(shares[n])) for n in order)
    figures = dict(zip(prior.features, row.tolist(), strict=True))
    told = explanation(prior.reasons(row), figures, kind=first[0])
    named = naming(first, second, prior.told_apart(row, *order), figures)
    return RankedCase(probability, (first, second), (*told, named))
