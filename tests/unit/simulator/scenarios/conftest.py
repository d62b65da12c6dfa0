from __future__ import annotations

import pytest

from tests.unit.simulator.scenarios.small_area import SmallArea


@pytest.fixture(scope="session")
def area() -> SmallArea:
    return SmallArea()
