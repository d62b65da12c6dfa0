"""The heart of the area stage: one closed interval of one transformer area is scored, then learnt from.

Order matters and is always this: evidence from what was known before, alerts from the evidence, and only then learning,
from the rows that nothing speaks against. Suspected theft is never learnt as normal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alerts.life import CODE_INDEX
from detectors.case.lost_voltage import CODE as VOLTAGE_LOSS
from metering.evidence import AreaHour, Signal
from metering.frame import ReadingFrame
from operations.announce import alerts_changed, ask_again
from operations.area import AreaInProgress, HourInProgress, Outcome, Trace, day_ordinal
from operations.balance import Balance, balance
from operations.derived_points import balance_point, estimate_points, evidence_points
from operations.outage import weigh_outage
from operations.validation import believed_frame

HOUR_S = 3600


def judge_frame(
    area: AreaInProgress, frame: ReadingFrame, measured: NDArray[np.bool_], outcome: Outcome, trace: Trace | None = None
) -> None:
    """Judge one closed interval. `measured` (meters,) is where an energy was received; `outcome` takes what came of it.

    An energy that validation doubts is not judged, nor learnt, and the balance takes what was expected instead. In an interval that an outage
    of the area touches nothing is judged but the outage itself.
    """
    received = frame
    frame, measured, outage = weigh_outage(area, frame, measured)
    frame, doubted = believed_frame(area, frame)
    expected_kwh = area.expected_kwh(frame)
    signals = area.siblings.hide([s for detector in area.interval_detectors for s in detector.score(frame)])
    signals += [outage, *_close_hour(area, frame)]
    signals, hidden = area.consequences.hide(signals, area.bank)
    step = area.bank.step(
        signals,
        end_s=frame.interval_end_s,
        interval_s=60 * frame.interval_minutes,
        energy_kwh=frame.energy_kwh,
        expected_kwh=expected_kwh,
        claimed_kwh=_claimed_kwh(area, frame, signals),
    )
    ended, gave_way = area.consequences.give_way(signals, area.bank, frame.interval_end_s)
    outcome.count({f"suppressed.evidence.{name}": n for name, n in hidden.counts.items()})
    outcome.count({f"suppressed.alerts.{name}": n for name, n in gave_way.items()})
    changed = (*step.changed, *ended)
    suspected = area.bank.suspected()
    if hidden.by_row:
        suspected = suspected | hidden.rows(len(frame))
    trusted = measured & ~suspected
    trusted[doubted] = False
    if trace is not None:
        trace.interval(
            area,
            received,
            {
                "expected_kwh": expected_kwh,
                "doubted": doubted,
                "signals": signals,
                "trusted": trusted,
                "changed": changed,
                "hidden": hidden,
            },
        )
    for detector in area.interval_detectors:
        detector.learn(frame, trusted)
    area.siblings.learn(frame, expected_kwh)
    balanced = balance(area.area, frame, expected_kwh)
    _add_to_hour(area, frame, balanced, bool(np.count_nonzero(suspected > area.area.is_supply)))
    _add_to_day(area, frame, signals, suspected)
    area.touch("bank")
    alerts_changed(area, changed, frame.interval_end_s, outcome)
    ask_again(area, frame.interval_end_s, outcome)
    if step.evidence:
        outcome.points += evidence_points(step.evidence, signals, area.area, frame.interval_start_s)
    point = balance_point(area.area, frame, balanced)
    if point is not None:
        outcome.points.append(point)
    if balanced is not None and balanced.stand_ins:
        outcome.points += estimate_points(area.area, frame, expected_kwh)


def _claimed_kwh(
    area: AreaInProgress, frame: ReadingFrame, signals: Sequence[Signal]
) -> dict[str, NDArray[np.float64]]:
    """What open claims of some kinds stand for in this interval, by code; empty where there are none."""
    claimed = any(s.abnormality == VOLTAGE_LOSS and not s.quiet for s in signals)
    if not claimed and not np.count_nonzero(area.bank.is_open(VOLTAGE_LOSS)):
        return {}
    return {VOLTAGE_LOSS: area.lost_voltage.kwh(frame)}


def _close_hour(area: AreaInProgress, frame: ReadingFrame) -> list[Signal]:
    """Score and learn the hour that this interval leaves behind, if it does; its signals count from here on."""
    hour, start_s = area.hour, frame.interval_start_s - frame.interval_start_s % HOUR_S
    if hour.start_s == start_s or hour.intervals == 0:
        return []
    area.hour = HourInProgress()
    closed = AreaHour(area.name, hour.start_s, hour.supplied_kwh, hour.metered_kwh, hour.balanced / hour.intervals)
    signals: list[Signal] = []
    for detector in area.hour_detectors:
        signals += detector.score(closed)
        detector.learn(closed, trusted=not hour.suspected)
    return signals


def _add_to_hour(area: AreaInProgress, frame: ReadingFrame, balanced: Balance | None, suspected: bool) -> None:
    hour = area.hour
    if hour.intervals == 0:
        hour.start_s = frame.interval_start_s - frame.interval_start_s % HOUR_S
    hour.intervals += 1
    hour.suspected |= suspected
    if balanced is not None:
        hour.supplied_kwh += balanced.supplied_kwh
        hour.metered_kwh += balanced.metered_kwh
        hour.balanced += 1
    area.touch("progress")


def _add_to_day(area: AreaInProgress, frame: ReadingFrame, signals: list[Signal], suspected: NDArray[np.bool_]) -> None:
    day = area.day(day_ordinal(area.archive.calendar.local(frame.interval_start_s)))
    day.curves.add(frame)
    day.suspected |= suspected
    day.explain(area.consequences.of_area(area.bank))
    for signal in signals:
        if signal.quiet:
            continue  # adds nothing to a day's strongest evidence
        row = day.strength[CODE_INDEX[signal.abnormality]]
        np.fmax(row, signal.strength, out=row)
