"""A real HTTP receiver is down for an hour: on recovery nothing is lost, and there is a digest instead of a flood. The clock is
turned by hand, the outbox is SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from metering.ports import Dispatch
from notify.webhook import Webhook
from operations.deliver_notifications import HOUR_S, Channel, deliver_notifications
from storage.sql import SqlStore
from tests.unit.notify.made_notifications import START_S, WRITER, calm, notification
from tests.unit.notify.receivers import HttpReceiver

MINUTES = 60


class Site:
    def __init__(self, store: SqlStore) -> None:
        self.store, self.now_s = store, float(START_S)
        self.receiver: HttpReceiver | None = HttpReceiver()
        self.port = self.receiver.port
        self.channel = Channel("phone", Webhook(self.receiver.url, WRITER))

    def minute(self) -> None:
        for _ in range(12):
            deliver_notifications(self.store, self.channel, "w", lambda: self.now_s)
            self.now_s += 5.0

    def close(self) -> None:
        if self.receiver is not None:
            self.receiver.close()
            self.receiver = None

    def open(self) -> HttpReceiver:
        self.receiver = HttpReceiver(self.port)
        return self.receiver


@pytest.fixture
def down(tmp_path: Path) -> Iterator[Site]:
    """A receiver that took one page and went away."""
    with closing(SqlStore(f"sqlite:///{tmp_path}/state.sqlite")) as store:
        site = Site(store)
        store.dispatch(Dispatch((), [notification(0)], {}))
        site.minute()
        assert site.receiver is not None
        assert len(site.receiver.taken) == 1
        site.close()
        yield site
        site.close()


def test_an_hour_away_ends_in_one_digest_beside_the_pages_that_are_still_open(down: Site) -> None:
    still_open = notification(30)
    over = [notification(10), notification(10, "ended", serial=2, made_at_s=START_S + 1500)]
    calms = [calm(n) for n in range(1, MINUTES) if n not in (10, 30)]
    made = sorted([still_open, *over, *calms], key=lambda n: n.made_at_s)
    for each in made:
        down.store.dispatch(Dispatch((), [each], {}))
        down.minute()
    assert down.now_s >= START_S + HOUR_S
    assert down.channel.trouble == "cannot be reached (Connection refused)"

    back = down.open()
    for _ in range(3):
        down.minute()

    digest, page = sorted((r.json() for r in back.taken), key=lambda told: str(told["commonAnnotations"]["kind"]))
    assert digest["commonAnnotations"]["kind"] == "digest"
    assert page["alerts"][0]["labels"]["number"] == still_open.lines[0].number
    told = {alert["labels"]["number"] for alert in digest["alerts"]}
    kept = [d for d in down.store.deliveries() if d.notification.kind == "digest" and d.state == "delivered"]
    assert {line.number for d in kept for line in d.notification.lines} == {
        line.number for n in made if n is not still_open for line in n.lines
    }
    assert len(told) + digest["truncatedAlerts"] == len({line.number for line in kept[0].notification.lines})
    assert not down.store.deliveries(state="waiting")
    assert down.channel.trouble == ""


def test_a_minute_away_ends_in_the_notifications_themselves(down: Site) -> None:
    made = [calm(n) for n in (1, 2)]
    down.store.dispatch(Dispatch((), made, {}))
    down.now_s += 5.0
    deliver_notifications(down.store, down.channel, "w", lambda: down.now_s)
    back = down.open()
    down.minute()
    assert back.seen == {each.notification_id for each in made}
