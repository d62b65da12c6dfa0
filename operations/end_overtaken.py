"""As a day closes: tasks that nobody took up end where what they were opened for is over, or was never so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inspection.capacity import Capacity
from inspection.opening import MACHINE, Candidate, Worklist
from inspection.overtaken import Overtaken, QuietParams, Standing
from metering.inspection import InspectionTask
from metering.ports import StateStore
from operations.learn_findings import Learner
from operations.propose_visits import Day


def end_overtaken(
    store: StateStore,
    day: Day,
    open_now: Sequence[InspectionTask],
    newest: Mapping[str, Candidate],
    overtaken: Overtaken,
    learner: Learner,
    capacity: Capacity,
) -> Worklist:
    """Areas whose day is not here yet say nothing of their tasks; what was opened to learn from waits for its visit. `newest` is what
    is known of service points today."""
    here = {c.day.transformer_area for c in day.closed}
    tasks = [t for t in open_now if t.transformer_area in here and not learner.record.explores(t.task_id)]

    def risk_of(service_point: str) -> float | None:
        if (candidate := newest.get(service_point)) is not None:
            return candidate.risk
        meter = day.archive.meter_at(service_point)
        # of an area's own alert no meter's readings say more than its end does
        return 0.0 if meter is not None and meter.role == "supply" else None

    return overtaken.close_day(
        tasks,
        Standing(
            {a.alert_id for c in day.closed for a in c.open_alerts},
            {e.alert_id: e for c in day.closed for e in c.ended},
            risk_of,
        ),
        QuietParams(days=capacity.quiet_days, least_risk=capacity.least_risk),
        at_s=day.at_s,
        untouched=lambda task: _untouched(store, task),
        local=day.archive.calendar.text,
    )


def _untouched(store: StateStore, task: InspectionTask) -> bool:
    """Whether no person did anything with the task, or with an alert of it."""
    if any(line.actor != MACHINE for line in store.audit(task.task_id)):
        return False
    return not any(store.handling(alert_id).version for alert_id in task.alert_ids)
