"""The state store's contract on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from metering.ports import StateStore
from storage.sql import SqlStore
from tests.contracts.state_store_contract import StateStoreContract


class TestSqliteStore(StateStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[StateStore]:
        store = SqlStore(f"sqlite:///{tmp_path / 'state.db'}")
        yield store
        store.close()

    @pytest.fixture
    def again(self, store: StateStore, tmp_path: Path) -> Iterator[StateStore]:
        again = SqlStore(f"sqlite:///{tmp_path / 'state.db'}", create=False)
        yield again
        again.close()
