"""Backup and restore on a real PostgreSQL, and from one kind of database to the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.backup import backup, restore
from tests.contracts.backup_contract import BackupContract, NewUrl, everything, fill
from tests.system.servers import PostgresServer

pytestmark = pytest.mark.system


class TestPostgresBackup(BackupContract):
    @pytest.fixture
    def new_url(self, postgres_server: PostgresServer) -> NewUrl:
        return postgres_server.new_database


def test_a_laptops_store_moves_to_a_server_and_back(postgres_server: PostgresServer, tmp_path: Path) -> None:
    laptop, server, back = (
        f"sqlite:///{tmp_path / 'laptop.db'}",
        postgres_server.new_database(),
        f"sqlite:///{tmp_path / 'back.db'}",
    )
    fill(laptop)
    backup(laptop, tmp_path / "there.zip")
    restore(server, tmp_path / "there.zip")
    assert everything(server) == everything(laptop)
    backup(server, tmp_path / "back.zip")
    restore(back, tmp_path / "back.zip")
    assert everything(back) == everything(laptop)
