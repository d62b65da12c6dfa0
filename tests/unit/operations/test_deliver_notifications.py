"""The outbox towards one channel: in order, at least once, never a flood, and one channel's trouble is its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.announcement import Turn
from metering.errors import IllegalMove, NotSent
from metering.notification import DESK, Delivery, Notification
from metering.ports import Dispatch
from operations.deliver_notifications import (
    HOUR_S,
    LAST_RETRY_S,
    MOST_WAITING,
    SENT_AT_ONCE,
    Channel,
    deliver_notifications,
    retry,
    retry_s,
)
from storage.memory import MemoryStore
from tests.unit.notify.made_notifications import START_S, calm, line, notification

DOWN = NotSent("cannot be reached", recoverable=True)


@dataclass
class Receiver:
    """Takes everything while `trouble` is None; `poison` is what it never takes."""

    trouble: NotSent | None = None
    poison: set[str] = field(default_factory=set)
    asked: list[Notification] = field(default_factory=list)
    taken: list[Notification] = field(default_factory=list)

    def send(self, notification: Notification) -> None:
        self.asked.append(notification)
        if self.trouble is not None:
            raise self.trouble
        if notification.notification_id in self.poison:
            raise NotSent("answered 500", recoverable=True)
        self.taken.append(notification)


class Outbox:
    """A store with notifications in it, a channel to a receiver, and a clock that tests turn."""

    def __init__(self, *made: Notification, per_hour: int | None = None) -> None:
        self.store, self.receiver, self.now_s = MemoryStore(), Receiver(), 1_000_000.0
        self.channel = Channel("phone", self.receiver, per_hour)
        self.put(*made)

    def put(self, *made: Notification) -> None:
        self.store.dispatch(Dispatch((), made, {}))

    def go(self, owner: str = "w1", channel: Channel | None = None) -> None:
        deliver_notifications(self.store, channel or self.channel, owner, lambda: self.now_s)

    def live(self, seconds: float, step_s: float = 1.0) -> None:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.go()
            self.now_s += step_s

    def state(self, made: Notification) -> Delivery:
        found = self.store.delivery(made.notification_id)
        assert found is not None
        return found

    def waiting(self) -> list[Notification]:
        return [d.notification for d in self.store.deliveries(state="waiting")]


def told(notifications: Iterable[Notification]) -> set[str]:
    return {each.number for n in notifications for each in n.lines}


def test_what_waits_is_sent_in_order_and_marked() -> None:
    made = [notification(n) for n in (1, 2, 3)]
    outbox = Outbox(*made)
    outbox.go()
    outbox.go()
    assert outbox.receiver.asked == made
    assert outbox.state(made[0]) == Delivery(made[0], "delivered", 1, 0.0, outbox.now_s)


def test_the_desk_is_told_at_once_and_nothing_is_sent() -> None:
    outbox = Outbox(notification(1, channel=DESK))
    outbox.go(channel=Channel(DESK, outbox.receiver))
    assert not outbox.receiver.asked
    assert outbox.state(notification(1, channel=DESK)).state == "delivered"


def test_what_wakes_people_goes_before_what_does_not() -> None:
    outbox = Outbox(calm(1), notification(2), calm(3), notification(4))
    outbox.go()
    assert [each.lines[0].place for each in outbox.receiver.taken] == ["TA-0002", "TA-0004", "TA-0001", "TA-0003"]


def test_within_a_group_the_order_stays_whatever_is_urgent() -> None:
    group = [
        notification(1, serial=1, made_at_s=START_S),
        notification(1, "ended", urgency="none", serial=2, made_at_s=START_S + 60),
        notification(1, serial=3, made_at_s=START_S + 120),
    ]
    outbox = Outbox(*group)
    outbox.go()
    assert outbox.receiver.taken == group


def test_a_second_worker_sends_nothing_while_the_first_holds_the_lease() -> None:
    outbox = Outbox(notification(1))
    outbox.go("w1")
    outbox.put(notification(2))
    outbox.go("w2", Channel("phone", outbox.receiver))
    assert len(outbox.receiver.asked) == 1


def test_a_channel_that_is_away_is_asked_ever_more_rarely_and_then_gets_everything() -> None:
    made = [notification(n) for n in (1, 2, 3)]
    outbox = Outbox(*made)
    outbox.receiver.trouble = DOWN
    outbox.live(600)
    assert len(outbox.receiver.asked) < 600 / (LAST_RETRY_S / 2) + 6
    assert outbox.channel.trouble == "cannot be reached"
    outbox.receiver.trouble = None
    outbox.live(2 * LAST_RETRY_S)
    assert sorted(outbox.receiver.taken, key=lambda n: n.made_at_s) == made
    assert outbox.channel.trouble == ""


def test_once_it_works_again_nothing_waits_for_its_own_next_try() -> None:
    outbox = Outbox(*(notification(n) for n in range(3)))
    outbox.receiver.trouble = DOWN
    outbox.live(100)
    outbox.receiver.trouble = None
    outbox.now_s = outbox.channel.retry_at_s
    outbox.go()
    assert outbox.receiver.taken
    outbox.go()
    assert len(outbox.receiver.taken) == 3


def test_another_channel_does_not_wait_for_one_that_is_away() -> None:
    outbox = Outbox(notification(1), notification(2, channel="wall"))
    outbox.receiver.trouble = DOWN
    other = Receiver()
    outbox.go()
    outbox.go(channel=Channel("wall", other))
    assert other.taken == [notification(2, channel="wall")]


def test_one_notification_that_never_goes_through_does_not_hold_the_others_up() -> None:
    poisoned, others = notification(1), [notification(n) for n in (2, 3, 4)]
    outbox = Outbox(poisoned, *others)
    outbox.receiver.poison = {poisoned.notification_id}
    outbox.live(10)
    assert outbox.receiver.taken == others
    assert outbox.waiting() == [poisoned]


def test_what_follows_in_the_group_waits_for_the_one_before() -> None:
    first, end = notification(1), notification(1, "ended", serial=2, made_at_s=START_S + 600)
    outbox = Outbox(first, end)
    outbox.receiver.poison = {first.notification_id}
    outbox.live(20)
    assert not outbox.receiver.taken
    outbox.receiver.poison = set()
    outbox.live(120)
    assert outbox.receiver.taken == [first, end]


def test_the_receivers_own_word_when_to_come_again_is_kept() -> None:
    outbox = Outbox(notification(1))
    outbox.receiver.trouble = NotSent("answered 429", recoverable=True, after_s=300.0)
    outbox.go()
    outbox.receiver.trouble = None
    outbox.live(299)
    assert not outbox.receiver.taken
    outbox.live(400)
    assert len(outbox.receiver.taken) == 1


def test_what_is_refused_for_good_is_kept_with_its_reason_and_the_rest_goes_on() -> None:
    outbox = Outbox(notification(1))
    outbox.receiver.trouble = NotSent("answered 404 no such hook", recoverable=False)
    outbox.go()
    outbox.receiver.trouble = None
    outbox.put(notification(2))
    outbox.go()
    assert outbox.receiver.taken == [notification(2)]
    kept = outbox.state(notification(1))
    assert (kept.state, kept.attempts, kept.last_error) == ("failed", 1, "answered 404 no such hook")


def test_a_person_lets_what_failed_wait_again() -> None:
    outbox = Outbox(notification(1))
    outbox.receiver.trouble = NotSent("answered 401", recoverable=False)
    outbox.go()
    outbox.receiver.trouble = None
    failed = notification(1).notification_id
    retry(outbox.store, failed, by="Li Na", now_s=START_S)
    outbox.go()
    assert outbox.receiver.taken == [notification(1)]
    assert [(act.actor, act.move, act.reason) for act in outbox.store.audit(failed)] == [
        ("Li Na", "retry", "answered 401")
    ]
    with pytest.raises(IllegalMove, match="is delivered"):
        retry(outbox.store, failed, by="Li Na", now_s=START_S)
    with pytest.raises(IllegalMove, match="there is no notification"):
        retry(outbox.store, "n-nobody", by="Li Na", now_s=START_S)
    with pytest.raises(IllegalMove, match="say who"):
        retry(outbox.store, failed, by=" ", now_s=START_S)


def test_a_long_queue_goes_in_portions_so_that_a_worker_can_end_between_them() -> None:
    outbox = Outbox(*(notification(n) for n in range(SENT_AT_ONCE + 1)))
    outbox.go()
    assert len(outbox.receiver.taken) == SENT_AT_ONCE
    outbox.go()
    assert len(outbox.receiver.taken) == SENT_AT_ONCE + 1


# --- an hour away


def an_hour_away(outbox: Outbox, made: Sequence[Notification]) -> None:
    """The receiver is down for an hour; a notification is made every minute meanwhile."""
    outbox.receiver.trouble = DOWN
    for each in made:
        outbox.put(each)
        outbox.live(HOUR_S / len(made))
    outbox.receiver.trouble = None
    outbox.receiver.asked.clear()
    outbox.live(3 * LAST_RETRY_S)


def test_after_an_hour_away_there_is_a_digest_and_no_flood_and_nothing_is_lost() -> None:
    made = [calm(n) for n in range(60)]
    outbox = Outbox()
    an_hour_away(outbox, made)
    assert len(outbox.receiver.asked) == 1
    (digest,) = outbox.receiver.taken
    assert digest.kind == "digest"
    assert told([digest]) == told(made)
    states = {outbox.state(each).state for each in made}
    assert states == {"folded"}
    assert not outbox.waiting()


def test_pages_that_are_still_open_stay_by_themselves_and_come_with_the_digest() -> None:
    open_pages = [notification(n) for n in (0, 30)]
    over = [notification(10), notification(10, "ended", serial=2, made_at_s=START_S + 900)]
    made = sorted([*open_pages, *over, *(calm(n) for n in range(40, 60))], key=lambda n: n.made_at_s)
    outbox = Outbox()
    an_hour_away(outbox, made)
    assert [each for each in outbox.receiver.taken if each.kind == "page"] == open_pages
    digests = [each for each in outbox.receiver.taken if each.kind == "digest"]
    assert told(digests) == told(made) - told(open_pages)
    assert {each.urgency for each in digests} == {"morning"}
    assert len(outbox.receiver.asked) == 3


def test_many_open_pages_are_one_urgent_digest() -> None:
    made = [notification(n) for n in range(MOST_WAITING + 4)]
    outbox = Outbox()
    an_hour_away(outbox, made)
    digests = [each for each in outbox.receiver.taken if each.kind == "digest"]
    assert told(outbox.receiver.taken) == told(made)
    assert digests
    assert digests[-1].urgency == "page"
    assert len(outbox.receiver.taken) <= MOST_WAITING + 1


def test_a_crews_list_is_never_folded() -> None:
    morning = notification(5, "morning", urgency="morning", lines=[line(5, None)])
    outbox = Outbox()
    an_hour_away(outbox, [morning, *(calm(n) for n in range(10, 30))])
    assert morning in outbox.receiver.taken


def test_a_digest_tells_of_each_alert_once_as_it_stands_last() -> None:
    outbox = Outbox()
    made = [
        notification(1, serial=1, made_at_s=START_S),
        *(calm(n) for n in range(10, 20)),
        notification(1, "ended", urgency="page", serial=2, made_at_s=START_S + 3000),
    ]
    an_hour_away(outbox, made)
    lines = [each for n in outbox.receiver.taken for each in n.lines if each.place == "TA-0001"]
    assert [each.turn for each in lines] == [Turn.CLEARED]


def test_a_short_trouble_makes_no_digest() -> None:
    made = [calm(n) for n in range(20)]
    outbox = Outbox(*made)
    outbox.receiver.trouble = DOWN
    outbox.live(2)
    outbox.receiver.trouble = None
    outbox.live(10)
    assert sorted(outbox.receiver.taken, key=lambda n: n.made_at_s) == made


# --- the hourly limit


def test_the_hours_last_notification_tells_the_rest() -> None:
    made = [calm(n) for n in range(10)]
    outbox = Outbox(*made, per_hour=4)
    outbox.go()
    assert [each.kind for each in outbox.receiver.taken] == ["update"] * 3 + ["digest"]
    assert told(outbox.receiver.taken) == told(made)


def test_beyond_the_limit_the_rest_waits_for_the_next_hour_but_a_page_does_not() -> None:
    outbox = Outbox(calm(1), per_hour=1)
    outbox.go()
    outbox.put(calm(2), calm(3), notification(4))
    outbox.live(HOUR_S - 10)
    assert outbox.receiver.taken == [calm(1), notification(4)]
    outbox.live(HOUR_S)
    assert told(outbox.receiver.taken) == told([calm(1), calm(2), calm(3), notification(4)])


def test_a_worker_that_begins_anew_knows_what_was_sent_within_the_hour() -> None:
    outbox = Outbox(calm(1), per_hour=1)
    outbox.go()
    outbox.put(calm(2))
    outbox.go(channel=Channel("phone", outbox.receiver, 1))
    assert outbox.receiver.taken == [calm(1)]


# --- in general


@given(st.integers(1, 200), st.text(max_size=20))
def test_a_wait_is_never_longer_than_the_longest_nor_shorter_than_half_of_the_first(failures: int, key: str) -> None:
    assert 0.5 <= retry_s(failures, key) <= LAST_RETRY_S


@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["page", "ended", "update"])), max_size=25),
    st.lists(st.integers(0, 3), min_size=1, max_size=60),
    st.sampled_from([None, 1, 3]),
)
def test_nothing_is_lost_and_each_key_is_taken_once_whatever_the_receiver_does(
    made: list[tuple[int, str]], moods: list[int], per_hour: int | None
) -> None:
    outbox = Outbox(per_hour=per_hour)
    notifications = [
        notification(number, kind, serial=i, made_at_s=START_S + i)  # type: ignore[arg-type]
        for i, (number, kind) in enumerate(made)
    ]
    for i, each in enumerate(notifications):
        outbox.put(each)
        mood = moods[i % len(moods)]
        outbox.receiver.trouble = DOWN if mood == 0 else None
        outbox.live(mood * 5 + 1)
    outbox.receiver.trouble = None
    outbox.live(4 * HOUR_S, step_s=60.0)
    assert not outbox.waiting()
    keys = [each.notification_id for each in outbox.receiver.taken]
    assert len(keys) == len(set(keys))
    assert told(outbox.receiver.taken) == told(notifications)
    for each in notifications:
        state = outbox.state(each)
        assert state.state in ("delivered", "folded")
        if state.state == "folded":
            assert outbox.store.delivery(state.folded_into) is not None
