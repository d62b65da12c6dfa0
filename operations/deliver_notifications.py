"""Bring what waits in the outbox to one channel: in order, at least once, each with its key; what waited long as one digest.

Every channel is served by itself, so that one that is away never holds another up. Its next try comes later and later, and not
before the receiver allows it. A notification that is refused for good is kept as failed, for a person to look at and retry.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from alerts.digest import URGENCY_ORDER, digest_of, still_open
from metering.errors import IllegalMove, NotSent
from metering.inspection import AuditEntry
from metering.notification import DESK, Delivery, Notification
from metering.ports import Sender, StateStore
from operations.failpoints import failpoint

LEASE = "deliver_notifications."
#: Held anew before a sending once a third of it is over: what is left is as long as the slowest sender waits.
LEASE_S = 45.0
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 30.0
HOUR_S = 3600.0
#: More than so many, waiting for a channel that failed so often since it last worked, are told as one digest.
MOST_WAITING, LONG_AWAY_FAILURES = 5, 5
READ_AT_ONCE, SENT_AT_ONCE = 1000, 50

Clock = Callable[[], float]


@dataclass(slots=True)
class Channel:
    """A channel and what its process knows of it: why it fails, when it is tried again, when it was sent something.

    All of this is about pace; what must survive is in the outbox. `per_hour` None = no limit.
    """

    name: str
    sender: Sender
    per_hour: int | None = None
    failures: int = 0
    retry_at_s: float = 0.0
    trouble: str = ""
    """Why the last try failed; empty while it works."""
    back: bool = False
    """It works again after failures: what still waits for its next try need not."""
    _sent_at_s: deque[float] | None = field(default=None, repr=False)

    def allowed(self, store: StateStore, now_s: float) -> int | None:
        """How many more may be sent within this hour; None = any number."""
        if self.per_hour is None:
            return None
        if self._sent_at_s is None:
            newest = store.deliveries(channel=self.name, limit=READ_AT_ONCE)
            self._sent_at_s = deque(sorted(d.delivered_at_s for d in newest if d.delivered_at_s is not None))
        while self._sent_at_s and self._sent_at_s[0] <= now_s - HOUR_S:
            self._sent_at_s.popleft()
        return max(self.per_hour - len(self._sent_at_s), 0)

    def worked(self, now_s: float) -> None:
        self.back = self.back or self.failures > 0
        self.failures, self.retry_at_s, self.trouble = 0, 0.0, ""
        if self._sent_at_s is not None:
            self._sent_at_s.append(now_s)

    def failed(self, notification: Notification, error: NotSent, now_s: float) -> float:
        """When the notification itself may be tried again: later than the channel, for its own content may be what fails."""
        self.trouble = str(error)
        if not error.recoverable:
            return 0.0
        self.failures += 1
        wait_s = max(retry_s(self.failures, notification.notification_id), error.after_s or 0.0)
        self.retry_at_s = now_s + wait_s
        return now_s + 2 * wait_s


@dataclass(slots=True)
class Delivered:
    """What one go did; `held_back` by the hourly limit."""

    delivered: int = 0
    failed: int = 0
    folded: int = 0
    held_back: int = 0


def retry_s(failures: int, key: str) -> float:
    """Seconds to wait after so many failures in a row: doubled up to half a minute, half of it spread by the notification's key.

    >>> [round(retry_s(n, "n-1"), 1) for n in (1, 2, 3, 4, 7, 20)]
    [0.7, 1.8, 3.3, 6.9, 22.0, 28.5]
    """
    longest = min(FIRST_RETRY_S * 2.0 ** (failures - 1), LAST_RETRY_S)
    spread = int.from_bytes(blake2b(f"{key} {failures}".encode(), digest_size=4).digest(), "big") / 2**32
    return longest * (0.5 + 0.5 * spread)


def deliver_notifications(store: StateStore, channel: Channel, owner: str, clock: Clock) -> Delivered:
    """Send what is due on `channel`; `clock` is wall time, in seconds. Raises `StoreUnavailable` where the outbox is away."""
    if clock() < channel.retry_at_s or not store.deliveries(state="waiting", channel=channel.name, limit=1):
        return Delivered()
    if not store.take_lease(LEASE + channel.name, owner, LEASE_S):
        return Delivered()
    at_once, channel.back = channel.back, False
    waiting = _waiting(store, channel.name, at_once=at_once)
    if channel.name == DESK:
        return _show(store, waiting, clock())
    folding = to_fold(waiting, _due(waiting, clock()), channel.allowed(store, clock()))
    if folding:
        _fold(store, folding)
        waiting = _waiting(store, channel.name, at_once=at_once)
    done = _Going(store, channel, owner, clock).send(_due(waiting, clock()))
    done.folded = len(folding)
    return done


def to_fold(waiting: Sequence[Delivery], due: Sequence[Delivery], allowed: int | None) -> list[Delivery]:
    """What is told as one digest: what waits for a channel that was long away, or what the hour's last notification must tell.

    A crew's list stays by itself; so do pages that are still open, as long as they are few.
    """
    long_away = sum(each.attempts for each in waiting) >= LONG_AWAY_FAILURES
    begun = any(each.notification.kind == "digest" for each in waiting)
    chosen: list[Delivery] = []
    if long_away and (begun or len(waiting) > MOST_WAITING):
        chosen = [each for each in waiting if each.notification.kind != "morning"]
        pages = still_open([each.notification for each in chosen])
        if len(pages) <= MOST_WAITING:
            apart = {page.notification_id for page in pages}
            chosen = [each for each in chosen if each.notification.notification_id not in apart]
    elif allowed:
        calm = [each for each in due if not _never_held_back(each.notification)]
        chosen = calm[allowed - 1 :] if len(calm) > allowed else []
    return chosen if len(chosen) > 1 else []


def retry(store: StateStore, notification_id: str, *, by: str, now_s: int) -> Delivery:
    """Let a notification that failed wait again; `now_s` is the log's clock. Raises `IllegalMove` where there is none, or nothing
    to retry."""
    if not by.strip():
        raise IllegalMove("say who retries it: a name is part of the audit trail")
    found = store.delivery(notification_id)
    if found is None:
        raise IllegalMove(f"there is no notification {notification_id}: see `meterwatch notifications list`")
    if found.state != "failed":
        raise IllegalMove(f"notification {notification_id} is {found.state}: only a failed one can be retried")
    again = replace(found, state="waiting", attempts=0, next_try_s=0.0)
    store.append_audit(AuditEntry(notification_id, now_s, by, "retry", found.state, again.state, found.last_error))
    store.save_deliveries([again])
    return again


def _waiting(store: StateStore, channel: str, *, at_once: bool) -> list[Delivery]:
    found = store.deliveries(state="waiting", channel=channel, limit=READ_AT_ONCE)
    return [replace(each, next_try_s=0.0) if at_once else each for each in found]


def _never_held_back(notification: Notification) -> bool:
    return notification.urgency == "page" or notification.kind == "morning"


def _due(waiting: Sequence[Delivery], now_s: float) -> list[Delivery]:
    """Urgent groups first, then by time; within a group in order, none before one that must still wait."""
    urgency: dict[str, int] = {}
    for each in waiting:
        group, rank = each.notification.group, URGENCY_ORDER[each.notification.urgency]
        urgency[group] = min(rank, urgency.get(group, rank))
    due, later = [], set[str]()
    for each in sorted(waiting, key=lambda d: (urgency[d.notification.group], *_order(d.notification))):
        if each.next_try_s > now_s or each.notification.group in later:
            later.add(each.notification.group)
        else:
            due.append(each)
    return due


def _order(notification: Notification) -> tuple[int, int, str]:
    return (notification.made_at_s, notification.serial, notification.notification_id)


def _fold(store: StateStore, folding: Sequence[Delivery]) -> None:
    digest = digest_of([each.notification for each in folding])
    failpoint("before_fold_commit")
    folded = [replace(each, state="folded", folded_into=digest.notification_id) for each in folding]
    store.save_deliveries([Delivery(digest, attempts=sum(each.attempts for each in folding)), *folded])
    failpoint("after_fold_commit")


def _show(store: StateStore, waiting: Sequence[Delivery], now_s: float) -> Delivered:
    """The desk reads the outbox itself: there is nothing to send."""
    store.save_deliveries([replace(each, state="delivered", delivered_at_s=now_s) for each in waiting])
    return Delivered(delivered=len(waiting))


@dataclass(slots=True)
class _Going:
    """One go through what is due."""

    store: StateStore
    channel: Channel
    owner: str
    clock: Clock
    done: Delivered = field(default_factory=Delivered)

    def send(self, due: Sequence[Delivery]) -> Delivered:
        for each in self._held(due[:SENT_AT_ONCE]):
            if self.channel.allowed(self.store, self.clock()) == 0 and not _never_held_back(each.notification):
                self.done.held_back += 1
            elif not self._send(each):
                break
        return self.done

    def _held(self, due: Sequence[Delivery]) -> Iterator[Delivery]:
        """While the lease is ours."""
        held_at_s = self.clock()
        for each in due:
            if self.clock() > held_at_s + LEASE_S / 3:
                if not self.store.take_lease(LEASE + self.channel.name, self.owner, LEASE_S):
                    return
                held_at_s = self.clock()
            yield each

    def _send(self, waiting: Delivery) -> bool:
        """Whether to go on: not after a failure that may pass, for then the whole channel may be away."""
        failpoint("before_send")
        try:
            self.channel.sender.send(waiting.notification)
        except NotSent as error:
            next_try_s = self.channel.failed(waiting.notification, error, self.clock())
            self.store.save_deliveries([self._not_sent(waiting, error, next_try_s)])
            return not error.recoverable
        failpoint("after_send_before_mark")
        now_s = self.clock()
        sent = replace(waiting, state="delivered", attempts=waiting.attempts + 1, delivered_at_s=now_s, last_error="")
        self.store.save_deliveries([sent])
        failpoint("after_mark")
        self.channel.worked(now_s)
        self.done.delivered += 1
        return True

    def _not_sent(self, waiting: Delivery, error: NotSent, next_try_s: float) -> Delivery:
        tried = replace(waiting, attempts=waiting.attempts + 1, last_error=str(error))
        if error.recoverable:
            return replace(tried, next_try_s=next_try_s)
        self.done.failed += 1
        return replace(tried, state="failed")
