"""A small world for the desk's unit tests: two areas, a few alerts, one task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from nicegui import background_tasks, binding, core, run
from nicegui.client import Client

from desk.api.overview_schemas import AreasOut, Overview
from desk.records import Snapshot
from desk.texts import Words
from desk.visit import Visit
from metering.alert import Alert, AlertState, Reason
from metering.archive import Archive, Meter, Outage, WorkOrder
from metering.handling import AlertHandling, HandledAlert
from metering.inspection import InspectionTask, TaskState
from metering.times import DAY_S
from metering.watch import WatchStanding
from operations.control_room import HAZARDS, Standing, intake_of
from storage.memory_open_cases import open_cases

NOW_S = 1_772_323_200


def example_alert(number: int = 1, **changed: object) -> Alert:
    alert = Alert(
        alert_id=f"a-{number:04d}",
        transformer_area="TA-1",
        meter_id="M-1",
        service_point="SP-1",
        abnormality="bypass",
        family="theft",
        grade="high",
        risk=0.9,
        raised_at_s=NOW_S - DAY_S + number,
        cleared_at_s=None,
        state=AlertState.RAISED,
        observed=0.2,
        expected=1.4,
        unit="kWh",
        reasons=(Reason("use_drop_with_loss", "use fell by 86 %"),),
        since_s=NOW_S - 2 * DAY_S,
    )
    return replace(alert, **changed)  # type: ignore[arg-type]


def example_task(number: int = 1, **changed: object) -> InspectionTask:
    task = InspectionTask(
        task_id=f"t-{number:04d}",
        alert_ids=("a-0001",),
        service_point="SP-1",
        transformer_area="TA-1",
        state=TaskState.OPEN,
        grade="high",
        risk=0.9,
        priority=number,
        opened_at_s=NOW_S - 3600,
        due_at_s=NOW_S + DAY_S,
    )
    return replace(task, **changed)  # type: ignore[arg-type]


def snapshot_of(alerts: list[Alert], tasks: list[InspectionTask] | None = None) -> Snapshot:
    return Snapshot(NOW_S, NOW_S, tuple(alerts), tuple(tasks or []), {}, None)


def overview_of(
    alerts: Sequence[Alert] = (),
    tasks: Sequence[InspectionTask] = (),
    watch: Sequence[WatchStanding] = (),
    counters: Mapping[str, int] | None = None,
) -> Overview:
    """How all stands, as the API tells it."""
    kept = {a.alert_id: a for a in alerts}
    raised = [HandledAlert(a, AlertHandling(a.alert_id)) for a in alerts if a.is_open]
    cases = open_cases(kept, raised, tasks, now_s=NOW_S, marked=HAZARDS, rows=8)
    now = Standing(NOW_S, NOW_S, cases, intake_of(counters or {}), None, tuple(watch))
    return Overview.of(now, AreasOut(count=2, meters=3, ranked=()), names=True, tasks=True)


@pytest.fixture
def archive() -> Archive:
    return Archive(
        "example",
        60,
        "Asia/Shanghai",
        (
            Meter("M-1", "SP-1", "CUSTOMER-77", "TA-1", "customer", "residential", contracted_kw=8.0, phases=1),
            Meter("M-2", "SP-2", "CUSTOMER-78", "TA-1", "customer"),
            Meter("S-1", "SP-S1", "-", "TA-1", "supply"),
            Meter("M-3", "SP-3", "CUSTOMER-79", "TA-2", "customer"),
        ),
        outages=(Outage("TA-1", NOW_S - DAY_S, NOW_S - DAY_S + 3600, planned=False),),
        works=(WorkOrder("meter exchange", NOW_S - DAY_S, NOW_S - DAY_S + 3600, meter_id="M-2"),),
    )


@pytest.fixture
def visit() -> Visit:
    return Visit(Words("en"), "dark", "", "/")


@pytest.fixture
def visit_zh() -> Visit:
    return Visit(Words("zh"), "dark", "", "/")


@pytest.fixture
def make_alert() -> Callable[..., Alert]:
    return example_alert


@pytest.fixture
def make_task() -> Callable[..., InspectionTask]:
    return example_task


@pytest.fixture
def make_overview() -> Callable[..., Overview]:
    return overview_of


@pytest.fixture
def make_snapshot() -> Callable[..., Snapshot]:
    return snapshot_of


@pytest.fixture
def one_more_desk() -> Iterator[None]:
    """A process has one desk; a test process builds several, one after the other."""

    def forget() -> None:
        core.reset()
        core.app.reset()
        core.app.middleware_stack = None
        core.app.user_middleware.clear()
        Client.instances.clear()

    forget()
    yield
    background_tasks.reset()
    binding.reset()
    run.reset()
    forget()
