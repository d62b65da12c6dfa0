"""Backup and restore on SQLite."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from tests.contracts.backup_contract import BackupContract, NewUrl


class TestSqliteBackup(BackupContract):
    @pytest.fixture
    def new_url(self, tmp_path: Path) -> NewUrl:
        numbers = count(1)
        return lambda: f"sqlite:///{tmp_path / f'state{next(numbers)}.db'}"
