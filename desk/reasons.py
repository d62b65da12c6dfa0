"""Detectors' reasons as a person reads them: in local time, and in Chinese where the sentence is of the common form."""

from __future__ import annotations

import re

from desk.figures import moment
from desk.texts import Words
from metering.catalogue import CATALOGUE
from metering.times import LocalCalendar, parse_iso

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_COMMON = re.compile(
    r"(?P<name>.+) since (?P<since>\S+Z)(?:: observed (?P<observed>[^,]+)(?:, expected (?P<expected>.+))?)?"
)
_NAME_ZH = {kind.name_en: kind.name_zh for kind in CATALOGUE.values()}


def reason_words(text: str, say: Words, calendar: LocalCalendar) -> tuple[str, str]:
    """(the reason, the language it is in). A sentence of another form stays in English.

    >>> utc = LocalCalendar("UTC")
    >>> reason_words("bypass since 2026-01-01T00:00:00Z: observed 1 kWh, expected 2 kWh", Words("en"), utc)
    ('bypass since 2026-01-01 00:00: observed 1 kWh, expected 2 kWh', 'en')
    """
    common = _COMMON.fullmatch(text)
    if say.language == "zh" and common is not None and common["name"] in _NAME_ZH:
        since = moment(parse_iso(common["since"]), calendar)
        parts = [say("reason_of.since", what=_NAME_ZH[common["name"]], time=since)]
        if common["observed"] is not None:
            parts.append(f"{say('fact.observed')} {common['observed']}")
        if common["expected"] is not None:
            parts.append(f"{say('fact.expected')} {common['expected']}")
        return "，".join(parts), "zh-CN"
    return _TIME.sub(lambda found: moment(parse_iso(found[0]), calendar), text), "en"
