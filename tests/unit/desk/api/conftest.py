"""An API over a store in memory with a few alerts and one task, and callers with tokens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from desk.api.access import Parts
from desk.api.app import build_api
from desk.records import Records
from metering.alert import Alert, AlertState, Reason
from metering.archive import Archive, Meter
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.messages import Finding, Message
from metering.ports import Checkpoint, PartitionChange
from metering.times import DAY_S
from operations.api_tokens import add_token
from storage.memory import MemoryStore
from storage.memory_series import MemoryTimeSeries

NOW_S = 1_772_323_200
WALL_S = 1_800_000_000
ALERT = Alert(
    "a-1", "TA-1", "M-1", "SP-1", "bypass", "theft", "high", 0.9, NOW_S - DAY_S, None, AlertState.RAISED, 0.2,
    float("nan"), "kWh", (Reason("use_drop_with_loss", "use fell by 86 %", text_zh="用电下降 86%"),), NOW_S - 2 * DAY_S,
)  # fmt: skip
ALERTS = (
    ALERT,
    replace(ALERT, alert_id="a-2", abnormality="overvoltage", family="electrical", raised_at_s=NOW_S - 7200, risk=0.95),
    replace(
        ALERT, alert_id="a-3", transformer_area="TA-2", meter_id="M-3", service_point="SP-3", risk=0.6, grade="medium",
        raised_at_s=NOW_S - 3600, episodes=2, relapses=((NOW_S - 3000, NOW_S - 2000),),
    ),
    replace(ALERT, alert_id="a-4", state=AlertState.CLEARED, cleared_at_s=NOW_S - 60, raised_at_s=NOW_S - 5 * DAY_S),
)  # fmt: skip
TASK = InspectionTask(
    "t-1", ("a-1",), "SP-1", "TA-1", TaskState.ASSIGNED, "high", 0.9, 1, NOW_S - 7200, NOW_S + DAY_S, assignee="Wang",
)  # fmt: skip
FINDING = Finding("f-1", "TA-1", "M-2", NOW_S - 60, True, "bypass", "Wang Fang", "a second cable behind the board")


@dataclass
class World:
    """The API, its store, and a client for every role."""

    store: MemoryStore
    api: FastAPI
    relayed: list[Message]
    archive: Archive
    wall_s: int = WALL_S
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, role: str, *scopes: str, person: str = "Li Na", days: int | None = None) -> str:
        _, shown = add_token(
            self.store, person=person, role=role, scopes=scopes, days=days, by="root", now_s=self.wall_s
        )
        return shown

    async def call(
        self, method: str, path: str, role: str | None = "operator", *, shown: str | None = None, **more: Any
    ) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if shown is None and role is not None:
            shown = self.tokens.get(role) or self.tokens.setdefault(role, self.token(role))
        if shown is not None:
            headers["Authorization"] = f"Bearer {shown}"
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.api), base_url="http://api") as client:
            return await client.request(method, path, headers=headers, **more)

    async def get(self, path: str, role: str | None = "operator", **more: Any) -> httpx.Response:
        return await self.call("GET", path, role, **more)

    async def post(self, path: str, body: Any, role: str | None = "operator", **more: Any) -> httpx.Response:
        return await self.call("POST", path, role, json=body, **more)


@pytest.fixture
def world() -> World:
    store, relayed = MemoryStore(), list[Message]()
    archive = Archive(
        "example",
        60,
        "Asia/Shanghai",
        (
            Meter("M-1", "SP-1", "CUSTOMER-77", "TA-1", "customer", feeder="F-1"),
            Meter("M-2", "SP-2", "CUSTOMER-78", "TA-1", "customer", feeder="F-1"),
            Meter("S-1", "SP-S1", "-", "TA-1", "supply", feeder="F-1"),
            Meter("M-3", "SP-3", "CUSTOMER-79", "TA-2", "customer", feeder="F-2"),
        ),
    )
    store.save_archive(archive)
    mark = store.begin_partition("judge", 0, "test")
    change = PartitionChange(mark.epoch, 1, NOW_S, alerts={a.alert_id: a for a in ALERTS}, findings={"f-1": FINDING})
    store.save(Checkpoint("judge", {0: change}))
    opened = AuditEntry("t-1", NOW_S - 7200, "Li Na", "assign", "open", "assigned", "assigned to Wang")
    store.move_task(TASK, 0, opened, [])

    def encode(message: Message) -> bytes:
        relayed.append(message)
        return b"wire"

    records = Records(store, MemoryTimeSeries(), archive, encode)
    made = World(store, build_api(Parts(records, wall=lambda: made.wall_s)), relayed, archive)
    return made
