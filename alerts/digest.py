"""Many notifications folded into one: what a channel that was away, or an hourly limit, kept from being said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from metering.announcement import Urgency
from metering.identity import identity
from metering.notification import Line, Notification

#: So many lines are kept with a digest; the rest is counted.
KEPT_LINES = 200
#: Urgent first.
URGENCY_ORDER: Mapping[str, int] = {"page": 0, "morning": 1, "none": 2}
_GRADE = {"high": 0, "medium": 1, "low": 2}


def still_open(waiting: Sequence[Notification]) -> list[Notification]:
    """The pages among what waits whose alerts are not all over by what waits behind them, in their order."""
    last = _last_lines(waiting)
    return [each for each in waiting if each.kind in ("page", "escalation") and _is_open(each, last)]


def _is_open(notification: Notification, last: Mapping[str, Line]) -> bool:
    return not notification.lines or any(not last[line.number].is_over for line in notification.lines)


def digest_of(folded: Sequence[Notification]) -> Notification:
    """One notification that tells all of `folded` (of one channel, at least one): each alert once, as it stands last, open and
    urgent ones first. It is urgent while something urgent of it goes on, and made when the newest was."""
    last = _last_lines(folded)
    lines = sorted(last.values(), key=_order)
    return Notification(
        folded[0].channel,
        "digest",
        _urgency(folded, last),
        "digest-" + identity("digest", *sorted(each.notification_id for each in folded)),
        1,
        max(each.made_at_s for each in folded),
        tuple(lines[:KEPT_LINES]),
        _left_out(folded, len(lines) - KEPT_LINES),
        " ".join(dict.fromkeys(each.note for each in folded if each.note)),
    )


def _urgency(folded: Sequence[Notification], last: Mapping[str, Line]) -> Urgency:
    """Urgent where something urgent of it still goes on; who begins a shift is not woken by what was open then."""
    if any(each.urgency == "page" and each.kind != "handover" and _is_open(each, last) for each in folded):
        return "page"
    return "morning" if any(each.urgency != "none" for each in folded) else "none"


def _last_lines(notifications: Iterable[Notification]) -> dict[str, Line]:
    """By number, as the newest notification has it."""
    last: dict[str, Line] = {}
    for each in sorted(notifications, key=lambda n: (n.made_at_s, n.serial, n.notification_id)):
        for line in each.lines:
            before = last.get(line.number)
            if before is None or line.at_s >= before.at_s:
                last[line.number] = line
    return last


def _order(line: Line) -> tuple[bool, int, int, str]:
    return (line.is_over, _GRADE.get(line.grade, len(_GRADE)), line.at_s, line.number)


def _left_out(folded: Iterable[Notification], too_many: int) -> tuple[tuple[str, int], ...]:
    counts: Counter[str] = Counter()
    for each in folded:
        counts.update(dict(each.left_out))
    if too_many > 0:
        counts["not_listed"] += too_many
    return tuple(sorted(counts.items()))
