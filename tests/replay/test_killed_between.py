"""Kill -9 at every named place between decision, commit and delivery, and at random moments: a receiver that deduplicates by the
key sees every notification once. The receivers are a real HTTP and a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from metering.notification import Delivery
from operations.deliver_notifications import LONG_AWAY_FAILURES, MOST_WAITING
from operations.failpoints import FAILPOINTS
from storage.sql import SqlStore
from tests.replay.killed import Site, assert_told_once_each, site
from tests.replay.paging_process import STATE
from tests.unit.notify.made_notifications import calm, notification

OF_FOLDING = ("before_fold_commit", "after_fold_commit")
RANDOM_DEATHS = 6


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("undisturbed")) as opened:
        opened.lives()
        assert len(opened.keys("hook")) > 2 * len(FAILPOINTS)
        yield opened


def test_a_death_at_every_named_place_loses_nothing_and_doubles_no_key(undisturbed: Site, tmp_path: Path) -> None:
    with site(tmp_path / "killed") as killed:
        for number, failpoint in enumerate(name for name in FAILPOINTS if name not in OF_FOLDING):
            killed.dies_at(f"{failpoint}:{number % 3 + 2}")
        killed.lives()
        assert_told_once_each(killed, undisturbed)


def test_deaths_at_random_moments_lose_nothing_and_double_no_key(undisturbed: Site, tmp_path: Path) -> None:
    with site(tmp_path / "killed") as killed:
        for _ in range(RANDOM_DEATHS):
            killed.dies_within(0.6)
        killed.lives()
        assert killed.deaths
        assert_told_once_each(killed, undisturbed)


def test_a_death_while_a_digest_is_made_tells_all_by_one_digest(tmp_path: Path) -> None:
    waiting = [calm(n, "hook") for n in range(3 * MOST_WAITING)]
    page = notification(99, channel="hook")
    with site(tmp_path / "killed") as killed:
        killed.only_deliver = True
        with closing(SqlStore(f"sqlite:///{killed.folder / STATE}")) as store:
            store.save_deliveries([Delivery(each, attempts=LONG_AWAY_FAILURES) for each in [*waiting, page]])
        for failpoint in (*OF_FOLDING, "before_send", "after_send_before_mark:2"):
            killed.dies_at(failpoint)
        killed.lives()
        (digest,) = [d for d in killed.outbox() if d.notification.kind == "digest"]
        assert {d.folded_into for d in killed.outbox() if d.state == "folded"} == {digest.notification.notification_id}
        assert killed.hook.seen == {page.notification_id, digest.notification.notification_id}
        assert {line.number for line in digest.notification.lines} == {w.lines[0].number for w in waiting}
