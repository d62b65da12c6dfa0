"""Kill -9 between decision and delivery, wider than `make test` does it: on PostgreSQL, at every named place early and late, and at
random moments beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.failpoints import FAILPOINTS
from tests.replay.killed import Site, assert_told_once_each, site

pytestmark = pytest.mark.system

OF_FOLDING = ("before_fold_commit", "after_fold_commit")
RANDOM_DEATHS = 25


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("undisturbed")) as opened:
        opened.lives()
        yield opened


@pytest.mark.parametrize("times", [1, 4])
def test_a_death_at_every_named_place_early_and_late(
    times: int, undisturbed: Site, fresh_database: str, tmp_path: Path
) -> None:
    with site(tmp_path / "killed", fresh_database) as killed:
        for failpoint in (name for name in FAILPOINTS if name not in OF_FOLDING):
            killed.dies_at(f"{failpoint}:{times}")
        killed.lives()
        assert_told_once_each(killed, undisturbed)


def test_deaths_at_random_moments(undisturbed: Site, fresh_database: str, tmp_path: Path) -> None:
    with site(tmp_path / "killed", fresh_database) as killed:
        for _ in range(RANDOM_DEATHS):
            killed.dies_within(1.0)
        killed.lives()
        assert killed.deaths > 1
        assert_told_once_each(killed, undisturbed)
