"""What the SQL store does when the real PostgreSQL is away, restarted or frozen, and when workers meet in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from metering.errors import StoreError, StoreUnavailable
from metering.ports import Checkpoint, PartitionChange
from storage import database as database_module
from storage.database import Database
from storage.sql import SqlStore
from tests.system.servers import PostgresServer, wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this module's own: it is stopped and killed here."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> str:
    server.start()
    return server.new_database()


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url)
    yield store
    store.close()


def judged(epoch: int, next_offset: int = 1, partition: int = 0, **parts: object) -> Checkpoint:
    return Checkpoint("judge", {partition: PartitionChange(epoch, next_offset, 0, **parts)})  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["stop", "kill9"])
def test_a_server_that_went_away_is_unavailable_and_its_return_needs_nothing(
    server: PostgresServer, store: SqlStore, way: str
) -> None:
    epoch = store.begin_partition("judge", 0, "w1").epoch
    store.save(judged(epoch, 1, counters={"readings_accepted": 1}))
    getattr(server, way)()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            store.save(judged(epoch, 2, counters={"readings_accepted": 2}))
    with pytest.raises(StoreUnavailable):
        store.alerts()
    server.start()
    assert store.save(judged(epoch, 2, counters={"readings_accepted": 2})) == frozenset()
    assert store.counters() == {"readings_accepted": 3}
    assert store.marks("judge")[0].next_offset == 2


def test_a_restart_between_two_saves_is_not_noticed(server: PostgresServer, store: SqlStore) -> None:
    epoch = store.begin_partition("judge", 0, "w1").epoch
    store.save(judged(epoch, 1))
    server.restart()
    assert store.save(judged(epoch, 2)) == frozenset()


def test_a_session_ended_by_the_server_in_mid_transaction_is_unavailable(server: PostgresServer, url: str) -> None:
    database = Database(url)

    def end_own_session() -> None:
        with database.writing() as connection:
            connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreUnavailable):
        end_own_session()
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    database.close()


def test_a_worker_frozen_in_mid_transaction_holds_its_partition_only_for_a_while(
    url: str, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.begin_partition("judge", 0, "frozen")
    quick = database_module.POSTGRES_OPTIONS.replace("8000", "300")
    assert quick != database_module.POSTGRES_OPTIONS
    monkeypatch.setattr(database_module, "POSTGRES_OPTIONS", quick)
    frozen = Database(url)
    taken_over = threading.Event()

    def freeze() -> None:
        with frozen.writing() as connection:
            connection.execute(sa.text("UPDATE log_partition SET next_offset = 99"))
            holding.set()
            taken_over.wait(60)

    holding = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        freezing = thread.submit(freeze)
        assert holding.wait(30)
        mark = store.begin_partition("judge", 0, "heir")
        taken_over.set()
        assert isinstance(freezing.exception(), StoreUnavailable)
    assert (mark.epoch, mark.next_offset) == (2, 0)
    frozen.close()


def test_workers_that_start_together_do_not_race(url: str) -> None:
    start = threading.Barrier(4)

    def open_store(_: int) -> dict[str, int]:
        start.wait()
        store = SqlStore(url)
        try:
            return store.counters()
        finally:
            store.close()

    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(open_store, range(4))) == [{}] * 4


def test_two_workers_that_save_at_once_lose_nothing(url: str, store: SqlStore) -> None:
    also = SqlStore(url)
    stores = (store, also)
    epochs = [stores[p].begin_partition("judge", p, f"w{p}").epoch for p in (0, 1)]

    def save(partition: int) -> None:
        for offset in range(1, 31):
            pages = {(f"TA{partition}-{i}", "bank"): b"%d" % offset for i in range(20)}
            change = judged(epochs[partition], offset, partition, pages=pages, counters={"readings_accepted": 1})
            assert stores[partition].save(change) == frozenset()

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(save, (0, 1)))
    assert store.counters() == {"readings_accepted": 60}
    assert [mark.next_offset for mark in store.marks("judge")] == [30, 30]
    also.close()


def test_of_a_frozen_owner_and_its_heir_only_the_heir_saves(url: str, store: SqlStore) -> None:
    frozen_epoch = store.begin_partition("judge", 0, "frozen").epoch
    heir = SqlStore(url)
    epoch = heir.begin_partition("judge", 0, "heir").epoch
    outcomes = {"frozen": frozenset[int](), "heir": frozenset[int]()}

    def save(who: str, on: SqlStore, with_epoch: int) -> None:
        outcomes[who] = on.save(judged(with_epoch, 5, pages={("TA", "bank"): who.encode()}))

    with ThreadPoolExecutor(2) as workers:
        workers.submit(save, "frozen", store, frozen_epoch).result()
        workers.submit(save, "heir", heir, epoch).result()
    assert outcomes == {"frozen": frozenset({0}), "heir": frozenset()}
    assert heir.load_pages("TA") == {"bank": b"heir"}
    heir.close()


def test_a_wrong_password_or_database_is_refused_for_good(url: str) -> None:
    right = sa.make_url(url)
    for wrong, words in (
        (right.set(password="wrong"), "password"),  # noqa: S106
        (right.set(database="nowhere"), "does not exist"),
        (right.set(username="nobody"), "password"),
    ):
        with pytest.raises(StoreError, match=words):
            SqlStore(wrong.render_as_string(hide_password=False))


def test_the_audit_trail_cannot_be_changed_or_shortened(url: str, store: SqlStore) -> None:
    store.counters()
    database = Database(url)
    for statement in ("UPDATE audit_entry SET reason = ''", "DELETE FROM audit_entry", "TRUNCATE audit_entry"):

        def tamper(text: str = statement) -> None:
            with database.writing() as connection:
                connection.execute(sa.text(text))

        with pytest.raises(StoreError, match="append-only"):
            tamper()
    database.close()


def test_a_lease_goes_by_the_servers_clock(store: SqlStore) -> None:
    assert store.take_lease("day", "w1", 0.2)
    assert not store.take_lease("day", "w2", 0.2)
    wait_until(lambda: store.take_lease("day", "w2", 60), "the lease of w1 runs out", 30)
    assert not store.take_lease("day", "w1", 60)
