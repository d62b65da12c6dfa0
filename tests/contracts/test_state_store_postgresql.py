"""The state store's contract on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from metering.ports import StateStore
from storage.sql import SqlStore
from tests.contracts.state_store_contract import StateStoreContract


@pytest.mark.system
class TestPostgresStore(StateStoreContract):
    @pytest.fixture
    def store(self, fresh_database: str) -> Iterator[StateStore]:
        store = SqlStore(fresh_database)
        yield store
        store.close()

    @pytest.fixture
    def again(self, store: StateStore, fresh_database: str) -> Iterator[StateStore]:
        again = SqlStore(fresh_database, create=False)
        yield again
        again.close()
