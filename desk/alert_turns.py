"""On an alert's page: which of its turns were announced, and which were held back, by what and by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from desk.figures import moment
from desk.markup import Markup, el
from desk.pieces import section, time_text
from desk.records import Records
from desk.visit import Visit
from metering.announcement import Announcement, Stopped
from metering.archive import Archive
from metering.silence import Silence
from operations.silence import silence_history

TURNS_SHOWN = 12

Turns = tuple[Sequence[Announcement], Mapping[str, Silence]]


def read_turns(records: Records, alert_id: str) -> Turns:
    """(the alert's turns, oldest first; the silences that held any of them back, by id)."""
    turns = records.store.announcements(alert_id)
    silencing = {t.stopped.detail for t in turns if t.stopped is not None and t.stopped.stage == "silence"}
    if not silencing:
        return turns, {}
    lives = (life.silence for life in silence_history(records.store))
    return turns, {s.silence_id: s for s in lives if s.silence_id in silencing}


def turns_card(visit: Visit, read: Turns, archive: Archive) -> Markup | None:
    """The newest turns first; None for what is only shown and never announced."""
    turns, silences = read
    if not turns:
        return None
    lines = [
        el(
            "li",
            el("span", time_text(turn.at_s, archive.calendar), class_="note"),
            el("strong", visit.say(f"told.turn.{turn.turn.value}")),
            el("span", _how(visit, turn, silences, archive), class_="quote"),
        )
        for turn in list(reversed(turns))[:TURNS_SHOWN]
    ]
    return section(visit.say("turns.title"), el("ol", *lines, class_="history"))


def _how(visit: Visit, turn: Announcement, silences: Mapping[str, Silence], archive: Archive) -> str:
    if turn.stopped is None:
        return visit.say("turns.said" if turn.urgency == "page" else "turns.listed")
    return stopped_words(visit, turn.stopped, silences.get(turn.stopped.detail), archive)


def stopped_words(visit: Visit, stopped: Stopped, silence: Silence | None, archive: Archive) -> str:
    """Why nobody was told."""
    say = visit.say
    match stopped.stage:
        case "silence" if silence is not None:
            until = moment(silence.until_s, archive.calendar)
            return say("turns.silence", by=silence.by, until=until, reason=silence.reason)
        case "electrical":
            return say("turns.electrical", what=say.abnormality(stopped.detail))
        case "area":
            return say("turns.area", what=say.abnormality(stopped.reason))
        case "planned_work":
            return say("turns.planned_work", kind=stopped.detail)
        case "flapping":
            return say("turns.flapping")
        case "life":
            return say("turns.life")
        case _:
            return say("turns.other", stage=stopped.stage, reason=stopped.reason)
