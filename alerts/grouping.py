"""From announcements to notifications: what pages is grouped by cause and place, told once, and held back where it would flood.

The reference is Alertmanager's dispatcher; event time takes the place of its timers, so that the same announcements give the same
notifications however they are cut into rounds. Only what is urgent passes here: suspicions wait for the morning's list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from alerts.routes import Routes
from metering.announcement import Announcement, Turn
from metering.notification import Kind, Line, Notification

#: A group that grows is told of again after so long, then after twice as long each time, up to the longest.
GROUP_INTERVAL_S, LONGEST_INTERVAL_S = 900, 4 * 3600
#: Who believes that all is over hears soon that it is not.
LONGEST_AFTER_END_S = 1800
#: What comes back so soon after its group was over is more of the same, no new page.
LINGER_S = 3600
#: What a limit held back is told together, at most so often.
DIGEST_INTERVAL_S = 900
HOUR_S = 3600

#: Which of these alerts (by id) a person has acknowledged.
Acknowledged = Callable[[Collection[str]], Collection[str]]


@dataclass(slots=True)
class Group:
    """Alerts of one cause in one place, from the first until all are over. `told` are the turns that were sent."""

    key: str
    began_at_s: int
    channels: tuple[str, ...]
    lines: dict[str, Line] = field(default_factory=dict)
    told: dict[str, Turn] = field(default_factory=dict)
    serial: int = 0
    sent_at_s: int = 0
    moved_at_s: int = 0
    escalated: bool = False

    @property
    def is_over(self) -> bool:
        return all(line.is_over for line in self.lines.values())

    @property
    def news(self) -> list[str]:
        """Alerts that began or came back since the group was told of; that one is over is news when all are."""
        moved = [number for number, line in self.lines.items() if self.told.get(number) is not line.turn]
        if self.is_over:
            return moved
        return [number for number in moved if number not in self.told or not self.lines[number].is_over]

    @property
    def next_at_s(self) -> int:
        """When it may be told of again: sooner at first, less and less often while it goes on."""
        if self.serial == 0 or self.is_over:
            return self.moved_at_s
        believed_over = all(turn.is_end for turn in self.told.values())
        longest_s = LONGEST_AFTER_END_S if believed_over else LONGEST_INTERVAL_S
        wait_s = min(GROUP_INTERVAL_S << (self.serial - 1), longest_s)
        return max(self.sent_at_s + wait_s, self.moved_at_s)

    @property
    def name(self) -> str:
        """Of this group among those of the same cause and place before and after it."""
        return f"{self.key}#{self.began_at_s}"


@dataclass(slots=True)
class HeldBack:
    """Of one channel: when it was sent something within the last hour, and the lines that a limit held back since `since_s`."""

    sent_at_s: list[int] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    since_s: int = 0
    digests: int = 0


class Grouping:
    """Everything is said at a time that follows from the announcements; `local` gives the utility's local time of an epoch second."""

    def __init__(self, routes: Routes, local: Callable[[int], datetime]) -> None:
        self._routes = routes
        self._local = local
        self._groups: dict[str, Group] = {}
        self._channels: dict[str, HeldBack] = {}
        self._clock_s = 0

    @property
    def is_busy(self) -> bool:
        """Whether something goes on that the next round must know of."""
        return any(not group.is_over or group.news for group in self._groups.values()) or any(
            held.lines for held in self._channels.values()
        )

    def run(
        self, announcements: Sequence[Announcement], until_s: int, acknowledged: Acknowledged
    ) -> list[Notification]:
        """What is to be sent of these announcements (in their order) and of what comes due until `until_s`."""
        sent: list[Notification] = []
        for each in announcements:
            if each.urgency != "page":
                continue
            at_s = max(each.at_s, self._clock_s)
            if at_s > self._clock_s:
                sent += self._all_due_before(at_s, acknowledged)
            self._take(each, at_s)
        sent += self._all_due_before(max(until_s, self._clock_s) + 1, acknowledged)
        return sent

    def _take(self, said: Announcement, at_s: int) -> None:
        key = f"{said.abnormality or said.title}@{said.feeder or said.transformer_area}"
        group = self._groups.get(key)
        if group is not None and group.is_over and not group.news and at_s >= group.moved_at_s + LINGER_S:
            group = None
        if said.turn.is_end and (group is None or said.alert_id not in group.lines):
            return  # its beginning was told by a group that is over
        if group is None:
            group = self._groups[key] = Group(key, at_s, self._routes.on_call_channels(self._local(at_s)))
        group.lines[said.alert_id] = Line(
            said.alert_id,
            said.abnormality,
            said.transformer_area,
            said.grade,
            said.turn,
            said.at_s,
            said.title,
            since_s=_since_s(group.lines.get(said.alert_id), said.turn),
        )
        group.moved_at_s = at_s

    # --- what is due

    def _all_due_before(self, until_s: int, acknowledged: Acknowledged) -> list[Notification]:
        sent: list[Notification] = []
        while (due_s := self._next_due_s()) < until_s:
            self._hand_over(int(due_s), sent)
            self._clock_s = max(self._clock_s, int(due_s))
            self._send_due(acknowledged, sent)
        self._hand_over(until_s - 1, sent)
        self._clock_s = max(self._clock_s, until_s - 1)
        return sent

    def _next_due_s(self) -> float:
        dues = [self._due_of(group) for group in self._groups.values()]
        dues += [self._room_at_s(held) for held in self._channels.values() if held.lines]
        return max(min(dues, default=float("inf")), self._clock_s)

    def _due_of(self, group: Group) -> float:
        due = group.next_at_s if group.news else float("inf")
        escalation = self._routes.escalation
        if escalation is not None and not group.escalated and not group.is_over:
            due = min(due, group.began_at_s + 60 * escalation.after_minutes)
        return due

    @staticmethod
    def _room_at_s(held: HeldBack) -> int:
        return held.since_s + DIGEST_INTERVAL_S

    def _send_due(self, acknowledged: Acknowledged, sent: list[Notification]) -> None:
        for key, group in sorted(self._groups.items()):
            if group.news and group.next_at_s <= self._clock_s:
                self._send_group(group, sent)
            self._escalate(group, acknowledged, sent)
            if group.is_over and not group.news and self._clock_s >= group.moved_at_s + LINGER_S:
                del self._groups[key]
        for channel, held in sorted(self._channels.items()):
            if held.lines and self._room_at_s(held) <= self._clock_s:
                self._send_digest(channel, held, sent)

    def _send_group(self, group: Group, sent: list[Notification]) -> None:
        kind: Kind = "ended" if group.is_over else "update" if group.serial else "page"
        lines = tuple(line for n, line in group.lines.items() if kind != "update" or group.told.get(n) is not line.turn)
        unchanged = len(group.lines) - len(lines)
        group.serial += 1
        group.sent_at_s = self._clock_s
        group.told = {number: line.turn for number, line in group.lines.items() if line.turn is not None}
        left_out = (("unchanged", unchanged),) if unchanged else ()
        for channel in group.channels:
            self._within_limit(self._notification(channel, kind, group, lines, left_out), sent)

    def _escalate(self, group: Group, acknowledged: Acknowledged, sent: list[Notification]) -> None:
        """One step, once: somebody else is told where nobody answered in time."""
        escalation = self._routes.escalation
        if escalation is None or group.escalated or group.is_over or group.serial == 0:
            return
        if self._clock_s < group.began_at_s + 60 * escalation.after_minutes:
            return
        group.escalated = True
        open_now = [number for number, line in group.lines.items() if not line.is_over]
        unanswered = set(open_now) - set(acknowledged(open_now))
        if unanswered:
            group.serial += 1
            lines = tuple(group.lines[number] for number in open_now if number in unanswered)
            told = ", ".join(group.channels)
            sent.append(replace(self._notification(escalation.channel, "escalation", group, lines, ()), note=told))

    def _hand_over(self, until_s: int, sent: list[Notification]) -> None:
        """Who comes on duty gets what is open, and is told from then on."""
        if until_s <= self._clock_s or self._clock_s == 0:
            return
        since, until = self._local(self._clock_s), self._local(until_s)
        for at, channel in self._routes.handovers(since, until):
            at_s = int(at.timestamp())
            groups = [g for _, g in sorted(self._groups.items()) if not g.is_over and g.serial]
            for group in groups:
                group.channels = tuple(dict.fromkeys((*self._routes.on_call_channels(at), channel)))
            lines = [line for g in groups for line in g.lines.values() if not line.is_over]
            if lines:
                group_name = f"handover@{channel}#{at_s}"
                sent.append(Notification(channel, "handover", "page", group_name, 1, at_s, tuple(lines)))

    # --- limits

    def _within_limit(self, notification: Notification, sent: list[Notification]) -> None:
        limit = self._routes.limit_of(notification.channel)
        held = self._channels.setdefault(notification.channel, HeldBack())
        held.sent_at_s = [at_s for at_s in held.sent_at_s if at_s > self._clock_s - HOUR_S]
        if limit is None or (len(held.sent_at_s) < limit and not held.lines):
            held.sent_at_s.append(self._clock_s)
            sent.append(notification)
            return
        if not held.lines:
            held.since_s = self._clock_s
        held.lines |= {line.number: line for line in notification.lines}

    def _send_digest(self, channel: str, held: HeldBack, sent: list[Notification]) -> None:
        held.digests += 1
        held.sent_at_s.append(self._clock_s)
        group = f"digest@{channel}"
        sent.append(
            Notification(channel, "digest", "page", group, held.digests, self._clock_s, tuple(held.lines.values()))
        )
        held.lines = {}

    def _notification(
        self, channel: str, kind: Kind, group: Group, lines: tuple[Line, ...], left_out: tuple[tuple[str, int], ...]
    ) -> Notification:
        return Notification(channel, kind, "page", group.name, group.serial, self._clock_s, lines, left_out)

    # --- state, as it is saved

    def dump(self) -> bytes:
        story = {
            "clock_s": self._clock_s,
            "groups": [asdict(group) for _, group in sorted(self._groups.items())],
            "channels": {channel: asdict(held) for channel, held in sorted(self._channels.items())},
        }
        return json.dumps(story).encode()

    def load(self, page: bytes) -> None:
        story = json.loads(page)
        self._clock_s = story["clock_s"]
        self._groups = {row["key"]: _group_of(row) for row in story["groups"]}
        self._channels = {
            channel: HeldBack(**{**row, "lines": _lines_of(row["lines"])}) for channel, row in story["channels"].items()
        }


def _since_s(before: Line | None, turn: Turn) -> int | None:
    """When what is over now had begun."""
    if before is None or not turn.is_end:
        return None
    return before.since_s if before.is_over else before.at_s


def _group_of(row: dict[str, Any]) -> Group:
    told = {number: Turn(turn) for number, turn in row["told"].items()}
    return Group(**{**row, "channels": tuple(row["channels"]), "lines": _lines_of(row["lines"]), "told": told})


def _lines_of(rows: dict[str, dict[str, Any]]) -> dict[str, Line]:
    return {
        number: Line(**{**row, "turn": None if row["turn"] is None else Turn(row["turn"])})
        for number, row in rows.items()
    }
