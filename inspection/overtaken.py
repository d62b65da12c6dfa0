"""Tasks that nobody took up and that time has overtaken: what they were opened for is over, or was never so.

A hazard that the readings show to be over needs no visit once it stayed away. A suspicion that is over is no less true: who steals
stops before inspectors come. Its task stays, says so, and ends only after many quiet days. Nothing is learnt from either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from inspection import lifecycle
from inspection.opening import MACHINE, Candidate, Worklist
from metering.alert import AlertState, EndedAlert
from metering.catalogue import CATALOGUE
from metering.errors import SettingsError
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.times import DAY_S

PAGE = "overtaken_tasks"
#: So far back an area tells of alerts that are over.
ENDED_KEPT_DAYS = 62


@dataclass(frozen=True, slots=True)
class QuietParams:
    """`days`: quiet days (1 to 60) after which the task of a suspicion is withdrawn. `hazard_days`: so long a hazard must have stayed
    away. `least_risk`: a meter less likely to have a case is quiet."""

    days: int = 30
    hazard_days: int = 3
    least_risk: float = 0.3

    def __post_init__(self) -> None:
        if not 1 <= self.hazard_days <= self.days <= 60:
            raise SettingsError(
                "tasks are withdrawn after 1 to 60 quiet days, those of suspicions not before those of hazards"
            )


@dataclass(frozen=True, slots=True)
class Standing:
    """How the alerts stand at a day's close. `risk_of` is the day's risk at a service point, None where it was not judged."""

    open_ids: Collection[str]
    ended: Mapping[str, EndedAlert]
    risk_of: Callable[[str], float | None]


class Overtaken:
    """Remembers since when each task is quiet, and for how many judged days."""

    def __init__(self) -> None:
        self._quiet: dict[str, tuple[int, int]] = {}

    def close_day(
        self,
        tasks: Sequence[InspectionTask],
        standing: Standing,
        params: QuietParams,
        *,
        at_s: int,
        untouched: Callable[[InspectionTask], bool],
        local: Callable[[int], str],
    ) -> Worklist:
        """Withdraw what is overtaken among the open `tasks`, each with its reason; `untouched` is asked only of those. That a
        task's alerts are over, or stand again, is one line in its history. `local` writes a time."""
        moved: list[InspectionTask] = []
        audit: list[AuditEntry] = []
        self._quiet = {t.task_id: self._quiet[t.task_id] for t in tasks if t.task_id in self._quiet}
        for task in tasks:
            if task.state is not TaskState.OPEN:
                self._quiet.pop(task.task_id, None)
                continue
            why = self._why_overtaken(task, standing, params, at_s, local, audit)
            if why is not None and untouched(task):
                withdrawn, line = lifecycle.withdraw(task, actor=MACHINE, at_s=at_s, reason=why)
                self._quiet.pop(task.task_id, None)
                moved.append(withdrawn)
                audit.append(line)
        return Worklist(tuple(moved), tuple(audit))

    def _why_overtaken(
        self,
        task: InspectionTask,
        standing: Standing,
        params: QuietParams,
        at_s: int,
        local: Callable[[int], str],
        audit: list[AuditEntry],
    ) -> str | None:
        ended = [standing.ended[a] for a in task.alert_ids if a in standing.ended and a not in standing.open_ids]
        over = len(ended) == len(task.alert_ids)
        risk = standing.risk_of(task.service_point)
        calm = risk is None or risk < params.least_risk
        if over and ended:
            last_s = max(e.ended_at_s for e in ended)
            cleared = [e for e in ended if e.state is not AlertState.WITHDRAWN]
            if not cleared and calm:
                return "every alert of it was withdrawn: corrected readings, an inspection, or a person's word"
            if cleared and all(CATALOGUE[e.abnormality].lane == "hazard" for e in cleared):
                stayed_away = at_s - last_s >= params.hazard_days * DAY_S
                return f"the readings show it is over since {local(last_s)}" if stayed_away else None
        days = self._quiet_days(task, at_s, risk, quiet=over and calm, audit=audit, local=local, ended=ended)
        if days < params.days:
            return None
        since_s = max((e.ended_at_s for e in ended), default=0)
        began = f"over since {local(since_s)}; " if since_s else ""
        return f"{began}readings normal for {days} days, nobody was sent, nothing is learnt from it"

    def _quiet_days(
        self,
        task: InspectionTask,
        at_s: int,
        risk: float | None,
        *,
        quiet: bool,
        audit: list[AuditEntry],
        local: Callable[[int], str],
        ended: Sequence[EndedAlert],
    ) -> int:
        since_s, days = self._quiet.get(task.task_id, (at_s, 0))
        if not quiet:
            if self._quiet.pop(task.task_id, None) is not None:
                audit.append(_line(task, at_s, "stands_again", "what it was opened for is there again, or its risk"))
            return 0
        if risk is None:
            return days
        if not days:
            over = f"over since {local(max(e.ended_at_s for e in ended))}" if ended else "no longer at risk"
            audit.append(_line(task, at_s, "over", f"{over}, readings normal since; who stops may begin again"))
        self._quiet[task.task_id] = (since_s, days + 1)
        return days + 1

    # --- state, as it is saved

    def dump(self) -> bytes:
        return json.dumps(self._quiet, sort_keys=True).encode()

    def load(self, page: bytes) -> None:
        self._quiet = {task_id: (since_s, days) for task_id, (since_s, days) in json.loads(page).items()}


def risk_at(newest: Mapping[str, Candidate]) -> Callable[[str], float | None]:
    """The day's risk by service point, as it was weighed for proposals."""
    return lambda point: None if point not in newest else newest[point].risk


def _line(task: InspectionTask, at_s: int, move: str, words: str) -> AuditEntry:
    return AuditEntry(task.task_id, at_s, MACHINE, move, task.state, task.state, words)
