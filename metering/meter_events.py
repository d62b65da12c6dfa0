"""A meter's own events in the codes of DLMS/IDIS, DL/T 698.45, Q/GDW 376.1 and IS 15959, as words of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from metering.archive import Meter
from metering.catalogue import CATALOGUE

#: Schemes of other people's codes, with what their numbers are; 698.45 object ids are hexadecimal.
SCHEMES: Mapping[str, str] = {
    "698": "DL/T 698.45 object id, hexadecimal",
    "erc": "Q/GDW 376.1 event record code",
    "dlms": "DLMS/IDIS event number",
    "is15959": "IS 15959 event id",
}
_CODE = re.compile(r"(?P<scheme>[a-z0-9]+):(?P<number>[0-9a-f]+)")
#: A meter that says the same within a minute says it once.
REPEATED_WITHIN_S = 60
#: Clocks of meters run ahead of the platform's by so much at most.
AHEAD_S = 3600


@dataclass(frozen=True, slots=True)
class EventWord:
    """What an event says: that a catalogue's abnormality begins (or happened), or that it is over."""

    code: str
    is_over: bool = False


def event_word(code: str) -> EventWord | None:
    """The catalogue's word for an event's code; None for a code that nobody maps.

    >>> event_word("cover_open"), event_word("dlms:44") == event_word("cover_open"), event_word("698:301b").code
    (EventWord(code='cover_open', is_over=False), True, 'cover_open')
    >>> event_word("power_on"), event_word("dlms:9999")
    (EventWord(code='power_off', is_over=True), None)
    """
    known = _words().get(code)
    return known if known is not None else _words().get(normal_code(code))


def normal_code(code: str) -> str:
    """One spelling for each code: scheme in small letters, numbers without leading zeros, hexadecimal in capitals.

    >>> normal_code(" DLMS:044 "), normal_code("698:301b"), normal_code("ERC:09"), normal_code("cover_open")
    ('dlms:44', '698:301B', 'erc:9', 'cover_open')
    """
    stripped = code.strip().lower().replace("0x", "")
    found = _CODE.fullmatch(stripped)
    if found is None or found["scheme"] not in SCHEMES:
        return stripped
    number = found["number"].upper() if found["scheme"] == "698" else found["number"].lstrip("0") or "0"
    return f"{found['scheme']}:{number}"


@cache
def _words() -> Mapping[str, EventWord]:
    words = {code: EventWord(code) for code, row in CATALOGUE.items() if row.own_event is not None}
    for code, row in CATALOGUE.items():
        words |= {theirs: EventWord(code) for theirs in row.events}
        words |= {theirs: EventWord(code, is_over=True) for theirs in row.ends}
    return words


def why_impossible(event_time_s: int, meter: Meter, clock_s: int) -> str | None:
    """Why an event cannot be what it says, in one word; None where it can. `clock_s` is the log's clock, 0 = not begun.

    >>> meter = Meter("M", "P", "C", "TA", "customer", valid_from_s=1000, valid_to_s=9000)
    >>> [why_impossible(at, meter, 5000) for at in (2000, 500, 9500, 8900)]
    [None, 'before_installation', 'after_removal', 'in_the_future']
    """
    if event_time_s <= 0:
        return "malformed"
    if meter.valid_from_s is not None and event_time_s < meter.valid_from_s:
        return "before_installation"
    if meter.valid_to_s is not None and event_time_s >= meter.valid_to_s:
        return "after_removal"
    if clock_s and event_time_s > clock_s + AHEAD_S:
        return "in_the_future"
    return None
