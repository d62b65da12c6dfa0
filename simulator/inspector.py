"""A simulated inspector without errors: visits open tasks in their order, finds what is true, reports after a delay."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metering.archive import Archive
from metering.errors import SettingsError
from metering.identity import identity
from metering.inspection import InspectionTask, TaskState
from metering.messages import Finding
from metering.times import DAY_S
from metering.truth import TruthCase

_CAPACITY = re.compile(r"(\d+)/(day|week)")
_DELAY = re.compile(r"(\d+)([hd])")


def visits_per_day(capacity: str) -> float:
    """``20/week`` -> visits a day.

    >>> round(visits_per_day("20/week"), 3)
    2.857
    """
    match = _CAPACITY.fullmatch(capacity.strip())
    if match is None:
        raise SettingsError(f"--inspect {capacity!r}: write a number per day or week, e.g. 20/week")
    return int(match[1]) / (7 if match[2] == "week" else 1)


def delay_s(delay: str) -> int:
    """``7d`` or ``12h`` -> seconds.

    >>> delay_s("7d"), delay_s("12h")
    (604800, 43200)
    """
    match = _DELAY.fullmatch(delay.strip())
    if match is None:
        raise SettingsError(f"--finding-delay {delay!r}: write hours or days, e.g. 12h or 7d")
    return int(match[1]) * (DAY_S if match[2] == "d" else 3600)


class Inspector:
    """Works down the open tasks day by day; what was not reached today comes first tomorrow only if it ranks first."""

    def __init__(self, archive: Archive, truth: Sequence[TruthCase], *, per_day: float, finding_delay_s: int) -> None:
        self._archive = archive
        self._per_day = per_day
        self._delay_s = finding_delay_s
        self._capacity = 0.0
        self._visited: set[str] = set()
        self._cases: dict[str, list[TruthCase]] = {}
        for case in truth:
            self._cases.setdefault(case.meter_id, []).append(case)

    def work(self, open_tasks: Sequence[InspectionTask], day_close_s: int) -> list[Finding]:
        """The findings of the visits made on the day whose close has just been ranked, in the order they will arrive."""
        self._capacity += self._per_day
        waiting = sorted(
            (t for t in open_tasks if t.task_id not in self._visited and t.state is TaskState.OPEN),
            key=lambda t: (not t.hazard, -t.risk, t.opened_at_s, t.priority, t.task_id),
        )
        visits = min(int(self._capacity), len(waiting))
        self._capacity = min(self._capacity - visits, max(self._per_day * 7, 1.0))
        findings = []
        for nth, task in enumerate(waiting[:visits]):
            self._visited.add(task.task_id)
            findings.append(self._visit(task, day_close_s + 1800 * (nth + 1)))
        return sorted(findings, key=lambda f: (f.found_at_s, f.finding_id))

    def _visit(self, task: InspectionTask, visited_at_s: int) -> Finding:
        meter = self._archive.meter_at(task.service_point)
        if meter is None:
            raise LookupError(
                f"task {task.task_id} names service point {task.service_point}, which the archive does not know"
            )
        case = next((c for c in self._cases.get(meter.meter_id, ()) if _active(c, visited_at_s)), None)
        found_at_s = visited_at_s + self._delay_s
        return Finding(
            identity("finding", meter.meter_id, found_at_s),
            task.transformer_area,
            meter.meter_id,
            found_at_s,
            case is not None,
            None if case is None else case.abnormality,
            "simulated inspector",
            f"visit of task {task.task_id}",
        )


def _active(case: TruthCase, at_s: int) -> bool:
    return case.start_s <= at_s and (case.end_s is None or at_s < case.end_s)
