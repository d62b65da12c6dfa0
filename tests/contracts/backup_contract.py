"""What backup and restore promise on every kind of database."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from metering.archive import Archive, Meter
from metering.errors import StoreError
from metering.inspection import AuditEntry
from metering.points import Point
from metering.ports import Checkpoint, PartitionChange
from storage.backup import backup, look_into, restore
from storage.sql import SqlStore
from tests.contracts.state_store_contract import (
    ALERT,
    ASSIGNED,
    ASSIGNED_TASK,
    FINDING,
    OPENED,
    TASK,
    area_day,
    closing,
)

NewUrl = Callable[[], str]


def fill(url: str) -> None:
    store = SqlStore(url)
    store.save_archive(Archive("one", 15, "UTC", (Meter("M1", "SP1", "C1", "TA1", "customer", contracted_kw=8.5),)))
    store.fix_partitions("areas", 3)
    epoch = store.begin_partition("judge", 0, "w1").epoch
    points = [Point("area_balance", {"transformer_area": "TA1"}, i, {"loss_kwh": 1 / 3}) for i in range(3)]
    change = PartitionChange(
        epoch,
        77,
        900,
        pages={("TA1", f"p{i:04}"): bytes([i % 256]) * 100 for i in range(2100)},
        alerts={"a-1": ALERT, "a-2": replace(ALERT, alert_id="a-2", meter_id=None, observed=float("nan"))},
        findings={"f-1": FINDING},
        area_days=[area_day("TA1", 7), area_day("TA1", 8)],
        points=points,
        counters={"readings_accepted": 9},
    )
    assert store.save(Checkpoint("judge", {0: change})) == frozenset()
    assert store.close_day(closing(7, tasks=[TASK], audit=[OPENED], scores={"TA1": b"s"}, model_pages={"r": b"m"}))
    store.move_task(ASSIGNED_TASK, 1, ASSIGNED, [b"relay"])
    assert store.take_lease("day", "w1", 600)
    store.close()


def everything(url: str) -> dict[str, object]:
    store = SqlStore(url, create=False)
    try:
        return {
            "archive": store.load_archive(),
            "partitions": store.partitions("areas"),
            "marks": store.marks("judge"),
            "pages": store.load_pages("TA1"),
            "days": (store.days_waiting(), store.last_closed_day(), list(store.area_days(8))),
            "models": store.load_model_pages(),
            "scores": list(store.scores()),
            "alerts": repr(store.alerts()),
            "tasks": store.tasks(),
            "audit": store.audit("t-1"),
            "broken": store.broken_audit_trails(),
            "findings": store.findings(),
            "points": store.point_batches(10),
            "relay": store.relay_batch(10),
            "counters": store.counters(),
        }
    finally:
        store.close()


class BackupContract:
    """Subclasses give a fixture `new_url`: a function that gives the URL of an empty database."""

    def test_a_restored_store_is_the_store_that_was_backed_up(self, new_url: NewUrl, tmp_path: Path) -> None:
        source, target = new_url(), new_url()
        fill(source)
        before = everything(source)
        written = backup(source, tmp_path / "backup.zip")
        assert written.rows["state_page"] == 2100
        assert look_into(tmp_path / "backup.zip") == written
        assert restore(target, tmp_path / "backup.zip") == written
        assert everything(target) == before
        assert everything(source) == before

    def test_a_restored_store_goes_on(self, new_url: NewUrl, tmp_path: Path) -> None:
        source, target = new_url(), new_url()
        fill(source)
        backup(source, tmp_path / "backup.zip")
        restore(target, tmp_path / "backup.zip")
        store = SqlStore(target)
        mark = store.begin_partition("judge", 0, "w2")
        assert (mark.epoch, mark.next_offset) == (2, 77)
        last = store.point_batches(10)[-1].batch_id
        points = [Point("area_balance", {"transformer_area": "TA1"}, 9, {"loss_kwh": 1.0})]
        store.save(
            Checkpoint("judge", {0: PartitionChange(2, 78, 900, points=points, counters={"readings_accepted": 1})})
        )
        assert store.point_batches(10)[-1].batch_id > last
        assert store.counters() == {"readings_accepted": 10}
        assert store.take_lease("day", "w2", 60), "leases are not restored"
        line = AuditEntry("t-1", 9, "li.na", "visit", "assigned", "on_site")
        store.move_task(replace(ASSIGNED_TASK, version=3), 2, line, [b"next"])
        assert store.broken_audit_trails() == []
        assert [payload for _, _, payload in store.relay_batch(10)] == [b"relay", b"next"]
        store.close()

    def test_a_store_that_holds_something_is_replaced_only_when_told(self, new_url: NewUrl, tmp_path: Path) -> None:
        source, target = new_url(), new_url()
        fill(source)
        backup(source, tmp_path / "backup.zip")
        other = SqlStore(target)
        other.move_task(replace(TASK, task_id="t-9"), 0, replace(OPENED, subject_id="t-9"), [])
        other.close()
        with pytest.raises(StoreError, match="not empty"):
            restore(target, tmp_path / "backup.zip")
        kept = SqlStore(target)
        assert [task.task_id for task in kept.tasks()] == ["t-9"]
        kept.close()
        restore(target, tmp_path / "backup.zip", replace=True)
        assert everything(target) == everything(source)
        store = SqlStore(target)
        assert store.audit("t-9") == []
        store.close()

    def test_a_backup_never_overwrites_a_file_and_leaves_none_behind(self, new_url: NewUrl, tmp_path: Path) -> None:
        source = new_url()
        with pytest.raises(StoreError, match="provision"):
            backup(source, tmp_path / "backup.zip")
        fill(source)
        (tmp_path / "backup.zip").write_text("precious")
        with pytest.raises(StoreError, match="exists already"):
            backup(source, tmp_path / "backup.zip")
        assert (tmp_path / "backup.zip").read_text() == "precious"
        assert not list(tmp_path.glob(".backup-*"))

    def test_a_damaged_backup_changes_nothing(self, new_url: NewUrl, tmp_path: Path) -> None:
        source, target = new_url(), new_url()
        fill(source)
        backup(source, tmp_path / "backup.zip")
        with (
            zipfile.ZipFile(tmp_path / "backup.zip") as whole,
            zipfile.ZipFile(tmp_path / "damaged.zip", "w") as damaged,
        ):
            for name in whole.namelist():
                content = whole.read(name)
                damaged.writestr(name, content[:-9] + b"?" * 9 if name == "alert.parquet" else content)
        with pytest.raises(StoreError, match="damaged: table alert"):
            restore(target, tmp_path / "damaged.zip", replace=True)
        (tmp_path / "other.zip").write_bytes(b"PK no zip at all")
        with pytest.raises(StoreError, match="no backup"):
            restore(target, tmp_path / "other.zip")
        with pytest.raises(StoreError, match="does not exist"):
            restore(target, tmp_path / "nowhere.zip")
        with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as foreign:
            foreign.writestr("letter.txt", "hello")
        with pytest.raises(StoreError, match="no backup"):
            restore(target, tmp_path / "foreign.zip")
        store = SqlStore(target)
        assert store.alerts() == []
        store.close()
