"""What people are sent, in English and Chinese, short enough for a phone: number, kind, place code, urgency, state, time, link.

Never a name, an address or a curve: what lies on a lock screen is public. *Suspected* until a finding confirms it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from alerts.routes import MOST_LINES
from alerts.watch import rule_of
from metering.announcement import Turn
from metering.catalogue import CATALOGUE
from metering.notification import SILENCE, Line, Notification
from metering.times import LocalCalendar

Language = Literal["en", "zh"]
TITLE_LENGTH, LINE_LENGTH, PLACE_LENGTH, NOTE_LENGTH = 60, 96, 24, 160
LEAST_CLAIM, BETWEEN = 12, " · "
#: WeCom refuses more than 2,048 bytes of title and body together; Apprise counts characters, and one of Chinese has three bytes.
MOST_BYTES = 2000


class Text(NamedTuple):
    en: str
    zh: str


TEXTS: Mapping[str, Text] = {
    # --- titles, by kind
    "page.page": Text("URGENT: {what}", "【紧急】{what}"),
    "page": Text("Alert: {what}", "【告警】{what}"),
    "update": Text("More: {what}", "【追加】{what}"),
    "ended": Text("Over: {what}", "【恢复】{what}"),
    "digest.page": Text("URGENT, digest: {what}", "【紧急汇总】{what}"),
    "digest": Text("Digest: {what}", "【汇总】{what}"),
    "escalation": Text("NOBODY ANSWERED: {what}", "【升级·无人确认】{what}"),
    "handover": Text("Your shift begins: {what}", "【交接班】{what}"),
    "morning": Text("Today: {what}", "【今日任务】{what}"),
    "notice": Text("Notice: {what}", "【提醒】{what}"),
    "notice.page": Text("URGENT notice: {what}", "【紧急提醒】{what}"),
    # --- what it is about
    "suspected": Text("suspected {name}", "疑似{name}"),
    "at": Text("{place}, {name}", "{place}，{name}"),
    "several": Text("{count} places, {name}", "{count}处，{name}"),
    "alerts": Text("{place}, {count} alerts", "{place}，{count}条告警"),
    "alerts_over": Text("{count} alerts", "{count}条告警"),
    "alerts_open": Text("{count} alerts, {open} still open", "{count}条告警，{open}条未恢复"),
    "shift": Text("{open} still open", "{open}条未恢复"),
    "shift_quiet": Text("nothing is open", "无未恢复告警"),
    "visits": Text("{count} visits", "{count}处待检查"),
    "visits_one": Text("1 visit", "1处待检查"),
    "visits_none": Text("no visits", "无待检查"),
    "test": Text("test of this channel", "渠道测试"),
    # --- a line
    "grade.high": Text("high", "高"),
    "grade.medium": Text("medium", "中"),
    "grade.low": Text("low", "低"),
    "turn.raised": Text("since {at}", "{at}起"),
    "turn.returned": Text("again since {at}", "{at}再次出现"),
    "turn.flapping": Text("comes and goes, {at}", "{at}起时有时无"),
    "turn.cleared": Text("over {at}", "{at}恢复"),
    "turn.confirmed": Text("confirmed {at}", "{at}查实"),
    "turn.withdrawn": Text("not confirmed {at}", "{at}未查实"),
    "task.due": Text("due {at}", "{at}前"),
    "task": Text("proposed {at}", "{at}提出"),
    "silence": Text("a silence ends", "静默即将到期"),
    "silence.until": Text("in force until {at}", "有效至{at}"),
    "check": Text("check visit, nothing is suspected", "抽查（无疑点）"),
    # --- the end
    "more": Text("and {count} more", "另有{count}条"),
    "left_out": Text("not listed: {count} {why}", "未列入：{why}{count}条"),
    # --- why something is not listed
    "why.unchanged": Text("unchanged", "无变化"),
    "why.no_room": Text("beyond today's visits", "超出当日检查能力"),
    "why.no_room_although_due": Text("due today and beyond today's visits", "今日到期但超出检查能力"),
    "why.not_listed": Text("more in the digest", "汇总未列"),
    # --- notes
    "told": Text("was told: {note}", "已通知：{note}"),
}


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    body: str

    def __str__(self) -> str:
        return f"{self.title}\n{self.body}"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes a channel's messages: its language, the utility's local time, the desk's address ("" = no links), lines at most."""

    calendar: LocalCalendar
    language: Language = "en"
    desk_url: str = ""
    most_lines: int = MOST_LINES

    def say(self, key: str, **values: object) -> str:
        text: str = getattr(TEXTS[key], self.language)
        return text.format(**values)

    def write(self, notification: Notification, *, most_bytes: int = MOST_BYTES) -> Message:
        """The whole message within `most_bytes` of UTF-8: lines are left out from the end, and counted, until it fits."""
        title = self.title(notification)
        listed = min(len(notification.lines), self.most_lines)
        while True:
            message = Message(title, self._body(notification, listed))
            if not listed or len(str(message).encode()) <= most_bytes:
                return message
            listed -= 1

    def title(self, notification: Notification) -> str:
        key = f"{notification.kind}.{notification.urgency}"
        return clip(self.say(key if key in TEXTS else notification.kind, what=self._what(notification)), TITLE_LENGTH)

    def line(self, line: Line, seen_at_s: int) -> str:
        """One alert or task in one line; times of another local day than `seen_at_s` carry their date."""
        grade = f"grade.{line.grade}"
        before = [place_of(line)]
        after = [self.say(grade) if grade in TEXTS else line.grade, self._state(line, seen_at_s), line.number]
        room = LINE_LENGTH - len(_row([*before, "", *after])) - len(BETWEEN)
        return _row([*before, clip(self.claim(line), max(room, LEAST_CLAIM)), *after])

    def claim(self, line: Line) -> str:
        """What is said to be wrong: suspected, unless a finding confirmed it or nobody doubts it (the monitor's own alerts)."""
        name = self.name(line)
        known = line.abnormality in CATALOGUE and line.turn not in (Turn.CONFIRMED, Turn.WITHDRAWN)
        return self.say("suspected", name=name) if known and not line.title else name

    def name(self, line: Line) -> str:
        if line.title:
            return self._own(line)
        if line.abnormality in ("", SILENCE):
            return self.say(line.abnormality or "check")
        known = CATALOGUE.get(line.abnormality)
        if known is None:
            return line.abnormality.replace("_", " ")
        return known.name_zh if self.language == "zh" else known.name_en

    def _own(self, line: Line) -> str:
        """A title as it was given; of the monitor's own alerts in the language of whoever reads."""
        title, rule = " ".join(line.title.split()), rule_of(line.abnormality)
        if rule is None or self.language != "zh":
            return title
        return title.replace(rule.name_en, rule.name_zh, 1)

    def link(self, notification: Notification) -> str:
        """The alert or task itself where there is one, else the list; "" where the desk's address is not known."""
        if len(notification.lines) == 1:
            return self.link_of(notification.lines[0])
        if not self.desk_url or (notification.kind == "notice" and not notification.lines):
            return ""
        return f"{self.desk_url}/{'tasks' if notification.kind == 'morning' else 'alerts'}"

    def link_of(self, line: Line) -> str:
        if not self.desk_url or line.abnormality == SILENCE or rule_of(line.abnormality) is not None:
            return self.desk_url  # the control room shows what is wrong with the monitor itself
        if not line.place:
            return f"{self.desk_url}/notifications"  # another system's alert has no page of its own
        return f"{self.desk_url}/{'tasks' if line.turn is None else 'alerts'}/{line.number}"

    def moment(self, at_s: int, seen_at_s: int) -> str:
        local = self.calendar.local(at_s)
        same_day = local.date() == self.calendar.day_of(seen_at_s)
        return f"{local:%H:%M}" if same_day else f"{local:%m-%d %H:%M}"

    def _what(self, notification: Notification) -> str:
        lines, count = notification.lines, len(notification.lines)
        still_open = sum(not line.is_over for line in lines)
        if notification.kind == "morning":
            visits = {0: "visits_none", 1: "visits_one"}.get(count, "visits")
            return self.say(visits, count=count)
        if notification.kind == "handover":
            return self.say("shift", open=still_open) if still_open else self.say("shift_quiet")
        if not lines:
            return clip(" ".join(notification.note.split()), TITLE_LENGTH) or self.say("test")
        if notification.kind == "digest":
            return self.say("alerts_open", count=count, open=still_open)
        return self._claims(lines)

    def _claims(self, lines: tuple[Line, ...]) -> str:
        claims = list(dict.fromkeys(self.claim(line) for line in lines))
        places = list(dict.fromkeys(place_of(line) for line in lines))
        if len(claims) == 1 and places == [""]:
            return claims[0]
        if len(claims) == 1:
            name = claims[0]
            return (
                self.say("at", name=name, place=places[0])
                if len(places) == 1
                else self.say("several", name=name, count=len(places))
            )
        if len(places) == 1:
            return self.say("alerts", count=len(lines), place=places[0])
        return self.say("alerts_over", count=len(lines))

    def _state(self, line: Line, seen_at_s: int) -> str:
        if line.turn is not None:
            return self.say(f"turn.{line.turn.value}", at=self.moment(line.at_s, seen_at_s))
        if line.abnormality == SILENCE:
            return self.say("silence.until", at=self.moment(line.at_s, seen_at_s))
        if line.due_at_s is not None:
            return self.say("task.due", at=self.moment(line.due_at_s, seen_at_s))
        return self.say("task", at=self.moment(line.at_s, seen_at_s))

    def _body(self, notification: Notification, listed: int) -> str:
        rows = [self.line(line, notification.made_at_s) for line in notification.lines[:listed]]
        if (more := len(notification.lines) - listed) > 0:
            rows.append(self.say("more", count=more))
        rows += [
            self.say("left_out", count=count, why=self._why(reason)) for reason, count in notification.left_out if count
        ]
        if notification.note and (notification.lines or notification.kind in ("handover", "morning")):
            rows.append(self._note(notification))
        rows.append(self.link(notification) or self.calendar.text(notification.made_at_s))
        return "\n".join(rows)

    def _note(self, notification: Notification) -> str:
        note = clip(" ".join(notification.note.split()), NOTE_LENGTH)
        return self.say("told", note=note) if notification.kind == "escalation" else note

    def _why(self, reason: str) -> str:
        return self.say(f"why.{reason}") if f"why.{reason}" in TEXTS else reason.replace("_", " ")


def _row(parts: Sequence[str]) -> str:
    return BETWEEN.join(filter(None, parts))


def place_of(line: Line) -> str:
    return clip(" ".join(line.place.split()), PLACE_LENGTH)


def clip(text: str, length: int) -> str:
    """
    >>> clip("suspected demand over contracted capacity", 20)
    'suspected demand ov…'
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
