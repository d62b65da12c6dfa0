"""Announcements and notifications as plain dictionaries: the part of `MemoryStore` that is about what people are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from metering.announcement import Announcement
from metering.notification import Delivery, DeliveryState
from metering.ports import Dispatch
from storage.notification_rows import announcement_of, announcement_row, delivery_of, delivery_row


@dataclass(slots=True)
class MemoryNotifications:
    """Not thread-safe by itself: `MemoryStore` holds its lock around every call."""

    told: dict[str, Announcement] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    outbox: dict[str, Delivery] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)

    def announce(self, announcements: Sequence[Announcement]) -> None:
        for each in announcements:
            if each.announcement_id not in self.told:
                self.told[each.announcement_id] = announcement_of(announcement_row(each))
                if each.stopped is None:
                    self.waiting.add(each.announcement_id)

    def of_alert(self, alert_id: str) -> list[Announcement]:
        return sorted((a for a in self.told.values() if a.alert_id == alert_id), key=lambda a: a.order)

    def alerts_stopped(self, stage: str) -> dict[str, int]:
        every = {(a.stopped.detail, a.alert_id) for a in self.told.values() if a.stopped and a.stopped.stage == stage}
        return dict(sorted(Counter(detail for detail, _ in every).items()))

    def announcements_waiting(self, until_s: int, limit: int) -> list[Announcement]:
        due = (self.told[each] for each in self.waiting if self.told[each].at_s <= until_s)
        return sorted(due, key=lambda a: a.order)[:limit]

    def dispatch(self, done: Dispatch) -> None:
        self.waiting -= set(done.taken)
        for each in done.notifications:
            self.outbox.setdefault(each.notification_id, _as_stored(Delivery(each)))
        self.pages |= {page: bytes(content) for page, content in done.pages.items()}

    def deliveries(self, state: DeliveryState | None, channel: str | None, limit: int) -> list[Delivery]:
        chosen = [
            d for d in self.outbox.values() if state in (None, d.state) and channel in (None, d.notification.channel)
        ]
        chosen.sort(key=lambda d: (d.notification.made_at_s, d.notification.notification_id), reverse=state is None)
        return chosen[:limit]

    def save_deliveries(self, moved: Sequence[Delivery]) -> None:
        self.outbox |= {d.notification.notification_id: _as_stored(d) for d in moved}

    def forget_deliveries(self, before_s: float) -> int:
        held = len(self.outbox)
        kept = {i: d for i, d in self.outbox.items() if d.state != "delivered" or (d.delivered_at_s or 0.0) >= before_s}
        self.outbox = {i: d for i, d in kept.items() if d.state != "folded" or d.folded_into in kept}
        return held - len(self.outbox)


def _as_stored(delivery: Delivery) -> Delivery:
    return delivery_of(delivery_row(delivery))
