"""What the SQL store adds to the contract: one worker on SQLite, honest errors, an audit trail that shows tampering."""

from __future__ import annotations

import fcntl
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from metering.errors import StaleVersion, StoreError, StoreUnavailable
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.ports import Checkpoint, PartitionChange
from storage import database as database_module
from storage import schema
from storage.audit_chain import chained_row, entry_hash
from storage.database import Database, in_slices
from storage.sql import SqlStore
from storage.sql_log import PartitionLog

TASK = InspectionTask("t-1", ("a-1",), "SP1", "TA1", TaskState.OPEN, "high", 0.7, 1, 100, 900)
LINES = [AuditEntry("t-1", 100 + i, "li.na", f"move {i}", "open", "open", "因为") for i in range(3)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    store = SqlStore(f"sqlite:///{path}")
    yield store
    store.close()


def judged(epoch: int, **parts: object) -> Checkpoint:
    return Checkpoint("judge", {0: PartitionChange(epoch, 1, 0, **parts)})  # type: ignore[arg-type]


# --- one worker on SQLite
SECOND_PROCESS = """
import sys
from metering.errors import StoreError
from storage.sql import SqlStore
store = SqlStore(sys.argv[1], create=False)
print("reads", store.counters())
try:
    print("epoch", store.begin_partition("judge", 0, "other").epoch)
except StoreError as error:
    print("refused", error)
"""


def second_process(path: Path) -> list[str]:
    arguments = [sys.executable, "-c", SECOND_PROCESS, f"sqlite:///{path}"]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_second_worker_process_is_refused_while_it_may_read(store: SqlStore, path: Path) -> None:
    store.begin_partition("judge", 0, "w1")
    reads, refused = second_process(path)
    assert reads == "reads {}"
    assert refused.startswith("refused SQLite file")
    assert "PostgreSQL" in refused


def try_lock(path: Path) -> None:
    """As another process would; the lock belongs to the opened file, not to the process."""
    with path.with_name("state.db.worker-lock").open() as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_worker_lock_ends_with_its_store_and_not_before_the_last_one(store: SqlStore, path: Path) -> None:
    also = SqlStore(f"sqlite:///{path}")
    store.begin_partition("judge", 0, "w1")
    also.begin_partition("archive", 0, "w1")
    store.close()
    with pytest.raises(BlockingIOError):
        try_lock(path)
    also.close()
    also.close()
    try_lock(path)


# --- errors
def test_a_locked_database_is_unavailable_and_then_works(
    path: Path, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "SQLITE_BUSY_TIMEOUT_S", 0.05)
    impatient = SqlStore(f"sqlite:///{path}")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        impatient.fix_partitions("areas", 4)
    assert impatient.partitions("areas") is None, "reading goes on"
    holder.execute("ROLLBACK")
    holder.close()
    impatient.fix_partitions("areas", 4)
    assert store.partitions("areas") == 4
    impatient.close()


def test_a_damaged_file_is_an_error_for_good(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        SqlStore(f"sqlite:///{damaged}")


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        SqlStore("postgresql+psycopg://watch:secret@127.0.0.1:9/watch")


# --- counters
class LosesOneAnswer(Database):
    """Commits, and then loses the connection before the answer, as a server that falls at the wrong moment does."""

    lose_next = False

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        with super().writing() as connection:
            yield connection
        if self.lose_next:
            self.lose_next = False
            raise StoreUnavailable("server closed the connection unexpectedly")


def test_a_commit_whose_answer_was_lost_counts_once_when_it_is_repeated_with_more_in_it(path: Path) -> None:
    database = LosesOneAnswer(f"sqlite:///{path}")
    schema.prepare(database, create=True)
    log = PartitionLog(database)
    epoch = log.begin("judge", 0, "w1").epoch
    log.save(judged(epoch, counters={"readings_accepted": 4}))
    database.lose_next = True
    with pytest.raises(StoreUnavailable):
        log.save(judged(epoch, counters={"readings_accepted": 5}))
    log.save(judged(epoch, counters={"readings_accepted": 6, "readings_late": 1}))
    assert log.counters() == {"readings_accepted": 10, "readings_late": 1}


def test_a_checkpoint_of_a_store_that_did_not_begin_the_partition_counts_on(store: SqlStore, path: Path) -> None:
    epoch = store.begin_partition("judge", 0, "w1").epoch
    store.save(judged(epoch, counters={"readings_accepted": 4}))
    also = SqlStore(f"sqlite:///{path}")
    also.save(judged(epoch, counters={"readings_accepted": 5}))
    assert also.counters() == {"readings_accepted": 9}
    also.close()


# --- one transaction
def test_a_checkpoint_that_fails_in_the_middle_saves_nothing(store: SqlStore) -> None:
    epoch = store.begin_partition("judge", 0, "w1").epoch
    half = judged(epoch, pages={("TA", "bank"): b"1"}, findings={"f-1": None})
    with pytest.raises(AttributeError):
        store.save(half)
    assert store.load_pages("TA") == {}
    assert store.marks("judge")[0].next_offset == 0
    store.save(judged(epoch, pages={("TA", "bank"): b"2"}))
    assert store.load_pages("TA") == {"bank": b"2"}


def test_a_page_of_a_newer_program_is_refused(store: SqlStore, path: Path) -> None:
    epoch = store.begin_partition("judge", 0, "w1").epoch
    store.save(judged(epoch, pages={("TA", "bank"): b"1"}))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE state_page SET page_schema = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer Meterwatch"):
        store.load_pages("TA")


def test_of_many_people_who_move_a_task_at_once_exactly_one_succeeds(store: SqlStore) -> None:
    store.move_task(TASK, 0, LINES[0], [])
    start = threading.Barrier(6)
    outcomes: list[str] = []

    def assign(person: str) -> None:
        start.wait()
        try:
            moved = replace(TASK, state=TaskState.ASSIGNED, assignee=person, version=2)
            store.move_task(moved, 1, replace(LINES[1], actor=person), [person.encode()])
            outcomes.append(person)
        except StaleVersion:
            outcomes.append("stale")

    people = [threading.Thread(target=assign, args=(f"p{i}",)) for i in range(6)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    (winner,) = [outcome for outcome in outcomes if outcome != "stale"]
    task = store.task("t-1")
    assert task is not None
    assert task.assignee == winner
    assert [line.actor for line in store.audit("t-1")] == ["li.na", winner]
    assert [payload for _, _, payload in store.relay_batch(10)] == [winner.encode()]


# --- the audit trail
def trail(store: SqlStore) -> None:
    for version, line in enumerate(LINES):
        store.move_task(replace(TASK, version=version + 1), version, line, [])


def test_the_audit_trail_cannot_be_changed_or_shortened_through_sql(store: SqlStore, path: Path) -> None:
    trail(store)
    with sqlite3.connect(path) as connection:
        for statement in ("UPDATE audit_entry SET reason = 'another'", "DELETE FROM audit_entry"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)
    connection.close()
    assert list(store.audit("t-1")) == LINES


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_entry SET reason = 'another' WHERE sequence = 1",
        "UPDATE audit_entry SET actor = 'nobody' WHERE sequence = 3",
        "DELETE FROM audit_entry WHERE sequence = 2",
        "UPDATE audit_entry SET sequence = sequence + 10",
    ],
)
def test_tampering_behind_the_stores_back_shows(store: SqlStore, path: Path, tampering: str) -> None:
    trail(store)
    store.move_task(replace(TASK, task_id="t-2"), 0, replace(LINES[0], subject_id="t-2"), [])
    assert store.broken_audit_trails() == []
    with sqlite3.connect(path) as connection:
        for verb in ("UPDATE", "DELETE"):
            connection.execute(f"DROP TRIGGER audit_entry_no_{verb}")
        connection.execute(tampering)
    connection.close()
    assert "t-1" in store.broken_audit_trails()


def test_the_hash_of_a_line_is_pinned() -> None:
    line = AuditEntry("t-1", 0, "ranker", "open", "", "open")
    assert entry_hash("", 1, line) == "7ee8cce6a229dcdc50d420a392bce4d7"
    second = chained_row(chained_row(None, line), line)
    assert second["previous_hash"] == "7ee8cce6a229dcdc50d420a392bce4d7"
    assert second["sequence"] == 2


def test_slices_cover_everything_once() -> None:
    assert [list(part) for part in in_slices(range(5), 2)] == [[0, 1], [2, 3], [4]]
