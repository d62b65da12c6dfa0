"""What people are sent: a few lines about a group of alerts or a day's work, to one channel, with a key that makes it unique."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from metering.announcement import Turn, Urgency
from metering.identity import identity

#: "page": a group of alerts began; "update": more of it; "ended": all of it is over; "digest": what a limit held back;
#: "escalation": nobody acknowledged in time; "handover": what is open when a shift begins; "morning": a crew's list of the day;
#: "notice": something ends soon.
Kind = Literal["page", "update", "ended", "digest", "escalation", "handover", "morning", "notice"]
#: The desk shows every notification; this channel is the desk alone.
DESK = "desk"
#: In the place of an abnormality: the line is about a silence, `at_s` is its end.
SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Line:
    """One alert or task: its number, kind (catalogue code, or `title`), place code, and where it stands. No name, address or curve.

    `at_s` is when it came to stand so, `since_s` when the alert was raised where that is another time.
    """

    number: str
    abnormality: str
    place: str
    grade: str
    turn: Turn | None
    at_s: int
    title: str = ""
    due_at_s: int | None = None
    since_s: int | None = None

    @property
    def is_over(self) -> bool:
        return self.turn is not None and self.turn.is_end


@dataclass(frozen=True, slots=True)
class Notification:
    """`group` says what its lines have in common (`abnormality@place`, a crew and a day ...), `serial` counts the group's
    notifications from 1. `left_out` are (reason, count) of what is not listed. Times are event time."""

    channel: str
    kind: Kind
    urgency: Urgency
    group: str
    serial: int
    made_at_s: int
    lines: tuple[Line, ...]
    left_out: tuple[tuple[str, int], ...] = ()
    note: str = ""

    @property
    def notification_id(self) -> str:
        """The idempotency key: the same group's same notification to the same channel is the same thing, however often it is sent."""
        return identity("notification", self.channel, self.group, self.kind, self.serial)


DeliveryState = Literal["waiting", "delivered", "failed", "folded"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a notification has come. `next_try_s` and `delivered_at_s` are wall-clock epoch seconds, for they are the network's
    business; `folded_into` is the digest that told it instead; `acknowledged` whether a person answered."""

    notification: Notification
    state: DeliveryState = "waiting"
    attempts: int = 0
    next_try_s: float = 0.0
    delivered_at_s: float | None = None
    last_error: str = ""
    folded_into: str = ""
