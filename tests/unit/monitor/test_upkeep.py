"""Upkeep: where one store is away the rest goes on, and nothing undelivered is dropped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

from grafana.annotate import AlertAnnotations
from grafana.client import GrafanaRefused
from metering.archive import Archive, Meter
from metering.errors import StoreUnavailable
from metering.inspection import AuditEntry
from metering.notification import Delivery
from metering.points import Point
from metering.ports import Checkpoint, PartitionChange
from metering.times import DAY_S
from monitor.upkeep import Upkeep, UpkeepThread
from operations import close_day, deliver_points
from storage.memory import MemoryStore
from storage.memory_series import MemoryTimeSeries
from tests.unit.notify.made_notifications import notification

ARCHIVE = Archive("small", 15, "UTC", (Meter("M1", "SP1", "C1", "A1", "customer"),))
POINT = Point("area_balance", {"transformer_area": "A1"}, 900, {"metered_kwh": 1.0})


class _AwaySeries(MemoryTimeSeries):
    away = True

    def write_points(self, points: Sequence[Point]) -> int:
        if self.away:
            raise StoreUnavailable("InfluxDB cannot be reached")
        return super().write_points(points)


def _store_with_a_point() -> MemoryStore:
    store = MemoryStore()
    mark = store.begin_partition("judge", 0, "w")
    checkpoint = Checkpoint("judge", {0: PartitionChange(mark.epoch, 1, 900, points=[POINT])})
    assert store.save(checkpoint) == frozenset()
    return store


def test_points_wait_for_a_series_that_is_away_and_moves_are_relayed_meanwhile() -> None:
    store, series, relayed = _store_with_a_point(), _AwaySeries(), []
    store.record_decision("A1", AuditEntry("a-1", 900, "Li Na", "alert.comment", "", "seen"), b"wire")
    upkeep = Upkeep(store, ARCHIVE, 1, "w", series, relay=lambda area, wire: relayed.append((area, wire)))
    upkeep.round()
    assert "cannot be reached" in upkeep.failing["points"]
    assert relayed == [("A1", b"wire")]
    assert len(store.point_batches(10)) == 1
    series.away = False
    upkeep.deliver()
    assert series.count("area_balance") == 1
    assert store.point_batches(10) == []


def test_a_move_is_relayed_once() -> None:
    store, relayed = MemoryStore(), []
    store.record_decision("A1", AuditEntry("a-1", 900, "Li Na", "alert.comment", "", "seen"), b"wire")
    upkeep = Upkeep(store, ARCHIVE, 1, "w", relay=lambda _, wire: relayed.append(wire))
    upkeep.round()
    upkeep.round()
    assert relayed == [b"wire"]


class _Refusing:
    """Grafana with a wrong token."""

    refuses = True

    def bring_up_to_date(self) -> int:
        if self.refuses:
            raise GrafanaRefused("the token is wrong")
        return 0


def test_a_part_that_fails_says_for_how_long_until_it_works_and_a_part_that_waits_its_turn_still_fails() -> None:
    grafana = _Refusing()
    upkeep = Upkeep(MemoryStore(), ARCHIVE, 1, "w", annotations=cast(AlertAnnotations, grafana))
    upkeep.round()
    upkeep.round()
    seconds, why = upkeep.troubles()["annotations"]
    assert why == "the token is wrong"
    assert seconds > 0
    grafana.refuses = False
    upkeep.round()
    assert "annotations" in upkeep.troubles(), "it was not tried again yet"
    upkeep._annotate_at = 0.0
    upkeep.round()
    assert upkeep.troubles() == {}


def test_an_upkeep_that_ends_leaves_its_leases_to_the_next_owner() -> None:
    store = _store_with_a_point()
    series = MemoryTimeSeries()
    thread = UpkeepThread(Upkeep(store, ARCHIVE, 1, "w", series), every_s=0.01)
    thread.start()
    while series.count("area_balance") == 0:
        assert thread.failure is None
    thread.stop()
    for lease in (close_day.LEASE, deliver_points.LEASE):
        assert store.take_lease(lease, "another", 30.0)


def test_what_arrived_long_ago_is_removed_at_most_once_an_hour() -> None:
    store = MemoryStore()
    now_s = time.time()
    old, recent = (
        Delivery(notification(n), "delivered", 1, 0.0, now_s - days * DAY_S) for n, days in ((1, 401), (2, 399))
    )
    upkeep = Upkeep(store, ARCHIVE, 1, "w")
    store.save_deliveries([old, recent])
    upkeep.round()
    assert list(store.deliveries()) == [recent]
    store.save_deliveries([old])
    upkeep.round()
    assert len(store.deliveries()) == 2
    other = Upkeep(store, ARCHIVE, 1, "another")
    other.round()
    assert len(store.deliveries()) == 2, "another process holds the lease"
