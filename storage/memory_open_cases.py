"""What is open, counted in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from metering.alert import Alert
from metering.handling import HandledAlert
from metering.inspection import InspectionTask
from metering.open_cases import OpenCases, OpenKind, gravest_first, newest_first, next_open


def open_cases(
    alerts: Mapping[str, Alert],
    raised: Sequence[HandledAlert],
    unfinished: Sequence[InspectionTask],
    *,
    now_s: int,
    marked: Sequence[str],
    rows: int,
) -> OpenCases:
    kinds = Counter((row.alert.abnormality, row.alert.family, row.alert.grade) for row in raised)
    grave = [row for row in raised if row.alert.abnormality in marked]
    foremost = tuple(sorted(unfinished, key=next_open)[:rows])
    return OpenCases(
        kinds=tuple(OpenKind(*kind, number) for kind, number in sorted(kinds.items())),
        alerts_by_area=Counter(row.alert.transformer_area for row in raised),
        marked_by_area=Counter(row.alert.transformer_area for row in grave),
        gravest=tuple(sorted(grave, key=lambda row: gravest_first(row.alert))[:rows]),
        newest=tuple(sorted(raised, key=lambda row: newest_first(row.alert))[:rows]),
        tasks_by_area=Counter(t.transformer_area for t in unfinished),
        tasks_by_state=Counter(t.state for t in unfinished),
        tasks_overdue=sum(t.due_at_s <= now_s for t in unfinished),
        tasks=foremost,
        claims={t.task_id: tuple(alerts[a].abnormality for a in t.alert_ids if a in alerts) for t in foremost},
    )
