"""On an alert's page: which of its turns were announced, and which were held back, by what and by whom."""

from __future__ import annotations

from collections.abc import Sequence

from desk.api.schemas import HistoryLine, StoppedOut
from desk.figures import moment
from desk.markup import Markup, el
from desk.pieces import section, time_text
from desk.visit import Visit
from metering.archive import Archive
from metering.times import to_epoch_s

TURNS_SHOWN = 12


def turns_card(visit: Visit, history: Sequence[HistoryLine], archive: Archive) -> Markup | None:
    """The newest turns first; None for what is only shown and never announced."""
    turns = [line for line in history if line.urgency is not None]
    if not turns:
        return None
    lines = [
        el(
            "li",
            el("span", time_text(to_epoch_s(turn.at), archive.calendar), class_="note"),
            el("strong", visit.say(f"told.turn.{turn.what}")),
            el("span", _how(visit, turn, archive), class_="quote"),
        )
        for turn in list(reversed(turns))[:TURNS_SHOWN]
    ]
    return section(visit.say("turns.title"), el("ol", *lines, class_="history"))


def _how(visit: Visit, turn: HistoryLine, archive: Archive) -> str:
    if turn.stopped is None:
        return visit.say("turns.said" if turn.urgency == "page" else "turns.listed")
    return stopped_words(visit, turn.stopped, archive)


def stopped_words(visit: Visit, stopped: StoppedOut, archive: Archive) -> str:
    """Why nobody was told."""
    say = visit.say
    match stopped.stage:
        case "silence" if stopped.silenced_until is not None:
            until = moment(to_epoch_s(stopped.silenced_until), archive.calendar)
            return say("turns.silence", by=stopped.silenced_by, until=until, reason=stopped.silenced_because)
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
