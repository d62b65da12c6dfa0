"""The outbox beside a worker: every channel is served at once, against real HTTP receivers, and trouble is named by channel."""

from __future__ import annotations

import time
from collections.abc import Callable

from metering.archive import Archive, Meter
from metering.errors import StoreUnavailable
from metering.notification import DESK, Delivery, DeliveryState, Notification
from metering.ports import Dispatch
from monitor.delivery import Deliveries
from monitor.notify_plan import Desk
from monitor.upkeep import Upkeep
from notify.webhook import Webhook
from operations.deliver_notifications import LEASE, Channel
from storage.memory import MemoryStore
from tests.unit.notify.made_notifications import WRITER, notification
from tests.unit.notify.receivers import Answer, HttpReceiver, http_receiver

ARCHIVE = Archive("small", 15, "UTC", (Meter("M1", "SP1", "C1", "A1", "customer"),))
PATIENCE_S = 20.0


def store_with(*made: Notification) -> MemoryStore:
    store = MemoryStore()
    store.dispatch(Dispatch((), made, {}))
    return store


def until(holds: Callable[[], bool], act: Callable[[], None]) -> None:
    """Act again and again until it holds."""
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, "it never came to hold"
        act()
        time.sleep(0.01)


def webhook(name: str, receiver: HttpReceiver, answer_s: float = 5.0) -> Channel:
    return Channel(name, Webhook(receiver.url, WRITER, answer_s=answer_s))


def test_a_receiver_that_never_answers_holds_no_other_channel_up() -> None:
    with http_receiver() as mute, http_receiver() as ready:
        mute.always = Answer(hold=True)
        store = store_with(notification(1, channel="mute"), notification(2, channel="ready"))
        deliveries = Deliveries(store, [webhook("mute", mute), webhook("ready", ready)], "w")
        until(lambda: len(ready.taken) == 1, deliveries.round)
        assert mute.requests
        assert not mute.taken
        mute.closing.set()
        deliveries.end()


def test_trouble_is_named_by_channel_and_gone_when_it_works_again() -> None:
    with http_receiver() as receiver:
        receiver.answers.append(Answer(503, body=b"in the repair shop"))
        store = store_with(notification(1))
        upkeep = Upkeep(store, ARCHIVE, 1, "w", channels=(webhook("phone", receiver),))
        until(lambda: "notify phone" in upkeep.failing, upkeep.notify)
        assert upkeep.failing["notify phone"] == "answered 503 Service Unavailable"
        until(lambda: len(receiver.taken) == 1, upkeep.notify)
        until(lambda: "notify phone" not in upkeep.failing, upkeep.notify)
        upkeep.end()


def test_the_desk_needs_no_thread_and_no_second_round() -> None:
    store = store_with(notification(1, channel=DESK))
    Upkeep(store, ARCHIVE, 1, "w").notify()
    assert [each.state for each in store.deliveries()] == ["delivered"]


def test_what_waits_for_a_channel_that_the_plan_lacks_is_said_and_kept() -> None:
    store = store_with(notification(1, channel="forgotten"), notification(2, channel="forgotten"))
    upkeep = Upkeep(store, ARCHIVE, 1, "w")
    upkeep.notify()
    assert upkeep.failing == {"notify forgotten": "2 wait for it, and the notify plan has no such channel"}
    assert len(store.deliveries(state="waiting")) == 2


def test_the_leases_are_given_back_at_the_end() -> None:
    with http_receiver() as receiver:
        store = store_with(notification(1))
        deliveries = Deliveries(store, [webhook("phone", receiver)], "w1")
        until(lambda: len(receiver.taken) == 1, deliveries.round)
        deliveries.end()
        assert store.take_lease(LEASE + "phone", "w2", 30.0)


class _AwayOutbox(MemoryStore):
    def deliveries(
        self, *, state: DeliveryState | None = None, channel: str | None = None, limit: int = 1000
    ) -> list[Delivery]:
        raise StoreUnavailable("the database cannot be reached")


def test_an_outbox_that_is_away_is_trouble_of_its_own_and_ends_nothing() -> None:
    with http_receiver() as receiver:
        channels = (Channel(DESK, Desk()), webhook("phone", receiver))
        upkeep = Upkeep(_AwayOutbox(), ARCHIVE, 1, "w", channels=channels)
        upkeep.round()
        assert upkeep.failing["notifications"] == "the database cannot be reached"
        upkeep.end()
