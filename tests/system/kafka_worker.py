"""A worker process for the tests: a stage over SQLite whose content shows any message lost, doubled or out of order.

Run as ``python -m tests.system.kafka_worker KAFKA_URL PREFIX DATABASE [INSTANCE_ID]``.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from metering.errors import StoreUnavailable
from metering.messages import Message
from metering.ports import Role
from streams.app import create_app
from streams.codecs import encode
from streams.run import run_worker
from streams.topics import AREAS, DEAD_LETTERS

SESSION_TIMEOUT_S = 6.0
PARTITIONS = 4


def link(chain: str, message: Message | None) -> str:
    """The chain grown by one message (None: one that was refused): equal chains mean equal messages in equal order."""
    content = b"refused" if message is None else encode(message)[0]
    return hashlib.blake2b(chain.encode() + content, digest_size=16).hexdigest()


def make_tables(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS place (partition INTEGER PRIMARY KEY, epoch INTEGER, next_offset INTEGER, chain TEXT)"
        )


def places(database: Path) -> dict[int, tuple[int, int, str]]:
    """By partition: epoch, next offset, chain."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        rows = connection.execute("SELECT partition, epoch, next_offset, chain FROM place").fetchall()
    return {partition: (epoch, next_offset, chain) for partition, epoch, next_offset, chain in rows}


@dataclass
class SqliteStage:
    """Follows `operations.stage.Stage`: conditional on epochs, one transaction per save."""

    database: Path
    slow_s: float = 0.0
    role: Role = "judge"
    _held: dict[int, list[object]] = field(default_factory=dict)

    def begin(self, partition: int) -> int:
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT epoch, next_offset, chain FROM place WHERE partition = ?", (partition,)
            ).fetchone()
            epoch, next_offset, chain = row or (0, 0, "")
            connection.execute(
                "INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?)", (partition, epoch + 1, next_offset, chain)
            )
        self._held[partition] = [epoch + 1, next_offset, chain]
        return int(next_offset)

    def handle(self, partition: int, offset: int, message: Message) -> None:
        time.sleep(self.slow_s)
        self._enter(partition, offset, message)

    def refuse(self, partition: int, offset: int, reading_count: int) -> None:
        self._enter(partition, offset, None)

    def _enter(self, partition: int, offset: int, message: Message | None) -> None:
        held = self._held[partition]
        if held[1] != offset:
            raise AssertionError(f"partition {partition}: offset {offset} where {held[1]} comes next")
        held[1:] = [offset + 1, link(str(held[2]), message)]

    def save(self) -> frozenset[int]:
        lost = set()
        with self._transaction() as connection:
            for partition, (epoch, next_offset, chain) in self._held.items():
                saved = connection.execute(
                    "UPDATE place SET next_offset = ?, chain = ? WHERE partition = ? AND epoch = ?",
                    (next_offset, chain, partition, epoch),
                )
                if saved.rowcount == 0:
                    lost.add(partition)
        for partition in lost:
            del self._held[partition]
        return frozenset(lost)

    def drop(self, partition: int) -> None:
        self._held.pop(partition, None)

    def _transaction(self) -> _Transaction:
        return _Transaction(self.database)


@dataclass
class _Transaction:
    database: Path
    _connection: sqlite3.Connection | None = None

    def __enter__(self) -> sqlite3.Connection:
        self._connection = sqlite3.connect(self.database, timeout=5, isolation_level=None)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise StoreUnavailable(f"{self.database}: {error}") from error
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._connection is not None:
            self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
            self._connection.close()


def main() -> int:
    kafka_url, prefix, database, *instance = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    app = create_app(
        SqliteStage(Path(database), slow_s=0.001),
        broker_url=kafka_url,
        group=f"{prefix}judge",
        partitions=PARTITIONS,
        topic=prefix + AREAS.name,
        dead_letter_topic=prefix + DEAD_LETTERS.name,
        instance_id=instance[0] if instance else None,
        checkpoint_every_s=0.3,
        checkpoint_every_messages=100,
        session_timeout_s=SESSION_TIMEOUT_S,
    )
    return run_worker(app)


if __name__ == "__main__":
    sys.exit(main())
