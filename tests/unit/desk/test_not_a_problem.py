"""The form "not a problem, because ...": which reasons it offers, what it tells, in both languages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from desk import not_a_problem as panel
from desk.app import build_desk
from desk.records import Records
from desk.visit import Visit
from metering.alert import Alert, AlertState
from metering.archive import Archive
from metering.dismissal import BENIGN_REASONS, Dismissal
from metering.inspection import AuditEntry
from metering.ports import Checkpoint, PartitionChange
from operations.dismissal_effects import DismissalEffect, Kind
from operations.not_a_problem import not_a_problem, take_back
from storage.memory import MemoryStore
from storage.memory_series import MemoryTimeSeries

NOW_S = 1_772_323_200
SAID = Dismissal("d-1", "a-0001", "TA-1", "M-1", "bypass", NOW_S, "Li Na", "new_tenant", "<b>moved in</b>")
MakeAlert = Callable[..., Alert]


def effect(kind: Kind, **more: object) -> DismissalEffect:
    undo = AuditEntry("a-0001", NOW_S, "Wang", "undo", "", "", "wrong meter") if kind == "undone" else None
    return replace(DismissalEffect(SAID, kind, undo=undo), **more)  # type: ignore[arg-type]


def test_every_reason_is_offered_and_for_a_hazard_those_that_settle_it(
    visit: Visit, visit_zh: Visit, make_alert: MakeAlert
) -> None:
    assert list(panel.reason_choices(visit, make_alert())) == list(BENIGN_REASONS)
    hazard = make_alert(abnormality="phase_break", family="electrical")
    offered = panel.reason_choices(visit_zh, hazard)
    assert offered == {c: r.name_zh for c, r in BENIGN_REASONS.items() if r.settles_hazards}
    assert 0 < len(offered) < len(BENIGN_REASONS)


@pytest.mark.parametrize(
    ("told", "english", "chinese"),
    [
        (
            effect("taught", moved=(("bias", -0.0054),), before=0.9, after=0.5, others=12, most=0.0031),
            "the meter itself from 0.90 to 0.50; 12 other meters, by 0.003 at most. Weights: cases in general -0.0054.",
            "已作为弱结论学习：本表概率由 0.90 变为 0.50；另有 12 块表变化，最多 0.003。权重：总体查实水平 -0.0054。",
        ),
        (effect("expected", waiting=True), "When the day closes: 0 other meters", "当日结算后：另有 0 块表"),
        (effect("no_lesson"), "the evidence was right", "证据属实"),
        (effect("of_area"), "whole area", "整个台区"),
        (effect("outranked"), "an inspection found something", "现场检查已"),
        (effect("not_described"), "Lowers the meter's own odds", "仅降低本表"),
        (effect("undone"), "Taken back by Wang: wrong meter", "已由 Wang 撤回：wrong meter"),
    ],
)
def test_what_a_word_changed_is_told(
    told: DismissalEffect, english: str, chinese: str, visit: Visit, visit_zh: Visit
) -> None:
    assert english in panel.effect_words(visit, told)
    assert chinese in panel.effect_words(visit_zh, told)


def test_who_said_so_and_why_is_shown_with_the_note_escaped(visit: Visit, visit_zh: Visit, archive: Archive) -> None:
    shown = panel.said_words(visit, effect("expected"), archive)
    assert "Not a problem: a new tenant or owner lives otherwise" in shown
    assert "Li Na · " in shown
    assert "<b>moved" not in shown
    assert BENIGN_REASONS["new_tenant"].name_zh in panel.said_words(visit_zh, effect("expected"), archive)


def records_of(alert: Alert, archive: Archive) -> Records:
    store = MemoryStore()
    store.save_archive(archive)
    change = PartitionChange(store.begin_partition("judge", 0, "test").epoch, 1, NOW_S, alerts={alert.alert_id: alert})
    store.save(Checkpoint("judge", {0: change}))
    return Records(store, MemoryTimeSeries(), archive, lambda _message: b"")


@asynccontextmanager
async def browsing(records: Records) -> AsyncIterator[httpx.AsyncClient]:
    desk = build_desk(records.store, records.series, records.archive, encode=records.encode)
    async with (
        desk.router.lifespan_context(desk),
        httpx.AsyncClient(transport=httpx.ASGITransport(desk), base_url="http://127.0.0.1") as client,
    ):
        yield client


@pytest.mark.usefixtures("one_more_desk")
async def test_the_alerts_page_asks_then_tells_then_asks_again(archive: Archive, make_alert: MakeAlert) -> None:
    records, person = records_of(make_alert(), archive), {"now_s": NOW_S, "encode": lambda _message: b""}
    async with browsing(records) as client:
        asked = (await client.get("/alerts/a-0001")).text
        assert "It is not a problem" in asked
        not_a_problem(records.store, "a-0001", because="new_tenant", by="Li Na", **person)  # type: ignore[arg-type]
        told = (await client.get("/alerts/a-0001")).text
        assert "It is not a problem" not in told
        assert "Not a problem: a new tenant" in told
        assert "It may be a problem after all" in told
        take_back(records.store, "a-0001", by="Wang", reason="wrong meter", **person)  # type: ignore[arg-type]
        again = (await client.get("/alerts/a-0001")).text
        assert "Taken back by Wang: wrong meter" in again
        assert "It is not a problem" in again


@pytest.mark.usefixtures("one_more_desk")
async def test_of_what_is_over_nothing_is_asked(archive: Archive, make_alert: MakeAlert) -> None:
    over = make_alert(state=AlertState.CLEARED, cleared_at_s=NOW_S)
    async with browsing(records_of(over, archive)) as client:
        assert "It is not a problem" not in (await client.get("/alerts/a-0001")).text
