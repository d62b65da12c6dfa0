"""A meter's own event before it counts: what it says in the catalogue's words, or why it is set aside."""

from __future__ import annotations

from enum import StrEnum

from metering.catalogue import CATALOGUE
from metering.messages import MeterEvent
from metering.meter_events import REPEATED_WITHIN_S, EventWord, event_word, why_impossible
from metering.times import DAY_S
from operations.area import AreaInProgress

_REMEMBERED_S = 2 * DAY_S


class EventSetAside(StrEnum):
    """Why an event says nothing; counted as `events_set_aside.<reason>`. A code that nobody maps is counted, never an error."""

    UNKNOWN_METER = "unknown_meter"
    UNKNOWN_CODE = "unknown_code"
    MALFORMED = "malformed"
    BEFORE_INSTALLATION = "before_installation"
    AFTER_REMOVAL = "after_removal"
    IN_THE_FUTURE = "in_the_future"
    REPEATED = "repeated"


def screen_event(
    area: AreaInProgress, event: MeterEvent, row: int, clock_s: int
) -> tuple[EventWord | None, EventSetAside | None]:
    """(what the event says, None), or (None, why it is set aside). `clock_s` is the log's clock.

    What counts is remembered for two days, so that the same again within a minute is told from the second time it happens.
    """
    word = event_word(event.code)
    if word is None:
        return None, EventSetAside.UNKNOWN_CODE
    at_s = event.event_time_s
    impossible = why_impossible(at_s, area.area.meters[row], clock_s)
    if impossible is not None:
        return None, EventSetAside(impossible)
    if CATALOGUE[word.code].own_event == "note":
        return word, None
    key = (row, word.code, word.is_over)
    before_s = area.last_events.get(key)
    if before_s is not None and abs(at_s - before_s) < REPEATED_WITHIN_S:
        return None, EventSetAside.REPEATED
    area.last_events = {k: s for k, s in area.last_events.items() if s > at_s - _REMEMBERED_S}
    area.last_events[key] = at_s
    area.touch("progress")
    return word, None
