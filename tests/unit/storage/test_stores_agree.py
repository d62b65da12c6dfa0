"""Whatever is done to them, in whatever order, the SQL store and its reference in memory say the same."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from metering.alert import Alert, AlertState
from metering.errors import StaleVersion, StoreError
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.messages import Finding
from metering.points import Point
from metering.ports import AreaDayRow, Checkpoint, DayClose, PartitionChange, StateStore
from storage.memory import MemoryStore
from storage.sql import SqlStore

AREAS = st.sampled_from(["TA", "Ta", "台区"])
NUMBERS = st.integers(0, 1)
DAYS = st.integers(5, 7)
TASK = InspectionTask("t-0", ("a-0",), "SP", "TA", TaskState.OPEN, "low", 0.25, 1, 100, 200)
ALERT = Alert(
    "a-0", "TA", "M1", "SP", "stuck", "meter", "low", 0.5, 100, None, AlertState.RAISED, 0.0, 1.0, "kWh", (), 90
)  # fmt: skip


class StoresAgree(RuleBasedStateMachine):
    empty: Path | None = None

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="stores-agree-"))
        if StoresAgree.empty is None:
            template = tempfile.mkdtemp(prefix="stores-agree-")
            atexit.register(shutil.rmtree, template)
            StoresAgree.empty = Path(template) / "empty.db"
            SqlStore(f"sqlite:///{StoresAgree.empty}").close()
        shutil.copy(StoresAgree.empty, self.folder / "state.db")
        self.sql = SqlStore(f"sqlite:///{self.folder / 'state.db'}")
        self.memory = MemoryStore()
        self.epochs = {0: 0, 1: 0}
        self.offset = 0
        self.take_over(0)

    def both(self, act: Callable[[StateStore], Any]) -> Any:
        """Do the same to both stores; they answer, or refuse, alike."""
        answers = []
        for store in (self.sql, self.memory):
            try:
                answers.append(act(store))
            except (StaleVersion, StoreError) as error:
                answers.append(type(error))
        assert answers[0] == answers[1]
        return answers[0]

    @rule(partition=st.integers(0, 1))
    def taken_over(self, partition: int) -> None:
        self.take_over(partition)

    def take_over(self, partition: int) -> None:
        self.epochs[partition] = self.both(lambda s: s.begin_partition("judge", partition, "w")).epoch

    @rule(
        partition=st.integers(0, 1),
        behind=st.sampled_from([0, 0, 0, 1]),
        area=AREAS,
        number=NUMBERS,
        day=DAYS,
        revision=st.integers(1, 4),
        state=st.sampled_from(AlertState),
    )
    def save(
        self, partition: int, behind: int, area: str, number: int, day: int, revision: int, state: AlertState
    ) -> None:
        self.offset += 1
        at = self.offset
        alert = replace(ALERT, alert_id=f"a-{number}", revision=revision, state=state, raised_at_s=number, observed=at)
        finding = Finding(f"f-{number}", area, "M1", at % 5, bool(at % 2), None)
        change = PartitionChange(
            self.epochs[partition] - behind,
            at,
            at * 900,
            pages={(area, f"p{number}"): b"%d" % at},
            alerts={alert.alert_id: alert},
            findings={finding.finding_id: finding},
            area_days=[AreaDayRow(area, day, partition, b"%d" % at)],
            points=[Point("area_balance", {"transformer_area": area}, at, {"loss_kwh": at / 3})],
            counters={f"set_aside.{number}": at, "readings_accepted": 1},
        )
        self.both(lambda s: s.save(Checkpoint("judge", {partition: change})))

    @rule(area=AREAS)
    def reset(self, area: str) -> None:
        self.both(lambda s: s.reset_area(area))

    @rule(day=DAYS, number=NUMBERS, version=st.integers(1, 3), area=AREAS)
    def close_day(self, day: int, number: int, version: int, area: str) -> None:
        task = replace(TASK, task_id=f"t-{number}", version=version, priority=day)
        line = AuditEntry(task.task_id, day, "meterwatch", "open", "", "open")
        closed = DayClose(
            day_ordinal=day,
            model_pages={f"m{number}": b"%d" % day},
            tasks=[task],
            audit=[line],
            scores={area: b"%d" % day},
            absent_areas=[],
            points=[Point("area_balance", {"transformer_area": area}, day, {"loss_kwh": 1.0})],
        )
        self.both(lambda s: s.close_day(closed))

    @rule(number=NUMBERS, version=st.integers(0, 3), state=st.sampled_from(TaskState))
    def move(self, number: int, version: int, state: TaskState) -> None:
        moved = replace(TASK, task_id=f"t-{number}", state=state, version=version + 1)
        line = AuditEntry(moved.task_id, version, "li.na", "move", "", state)
        self.both(lambda s: s.move_task(moved, version, line, [b"%d" % version]))

    @rule(limit=st.integers(1, 3))
    def deliver(self, limit: int) -> None:
        self.both(lambda s: s.points_delivered([batch.batch_id for batch in s.point_batches(limit)]))
        self.both(lambda s: s.relayed([number for number, _, _ in s.relay_batch(limit)]))

    def they_say_the_same(self) -> None:
        for question in (
            lambda s: s.marks("judge"),
            lambda s: [s.load_pages(area) for area in ("TA", "Ta", "台区")],
            lambda s: (s.days_waiting(), s.last_closed_day()),
            lambda s: [list(s.area_days(day)) for day in range(5, 8)],
            lambda s: (s.load_model_pages(), list(s.scores())),
            lambda s: (s.alerts(), s.alerts(only_open=True), s.alerts(transformer_area="TA")),
            lambda s: (s.tasks(), s.tasks(only_open=True)),
            lambda s: [s.audit(f"t-{number}") for number in range(2)],
            lambda s: (s.findings(), s.findings(from_s=1, to_s=3)),
            lambda s: (s.point_batches(5), s.relay_batch(5)),
            lambda s: s.counters(),
        ):
            self.both(question)

    def teardown(self) -> None:
        if hasattr(self, "sql"):
            self.they_say_the_same()
            assert self.sql.broken_audit_trails() == []
            self.sql.close()
            shutil.rmtree(self.folder)


TestStoresAgree = StoresAgree.TestCase
TestStoresAgree.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    # A failing run is short enough to be read; shrinking it would make files for minutes.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
