"""The state store's contract on memory."""

from __future__ import annotations

import pytest

from metering.ports import StateStore
from storage.memory import MemoryStore
from tests.contracts.state_store_contract import StateStoreContract


class TestMemoryStore(StateStoreContract):
    @pytest.fixture
    def store(self) -> StateStore:
        return MemoryStore()

    @pytest.fixture
    def again(self, store: StateStore) -> StateStore:
        return store
