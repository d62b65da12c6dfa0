"""The feed that goes the whole path, and its undisturbed run, once per session."""

from __future__ import annotations

import pytest

from tests.replay.poisoned_feed import PoisonedFeed, poisoned_feed
from tests.system.whole_path import Undisturbed, undisturbed


@pytest.fixture(scope="session")
def feed(tmp_path_factory: pytest.TempPathFactory) -> PoisonedFeed:
    """Five areas, six days by half hours, findings, one row in a hundred poisoned."""
    return poisoned_feed(
        tmp_path_factory.mktemp("feed"), areas=5, meters_per_area=12, days=6, interval_minutes=30, seed=3
    )


@pytest.fixture(scope="session")
def direct(feed: PoisonedFeed, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(feed.folder, tmp_path_factory.mktemp("direct") / "run")
