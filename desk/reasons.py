"""Detectors' reasons as a person reads them: in their language, in local time, and with what they are worth."""

from __future__ import annotations

import math
import re

from desk.figures import moment
from desk.texts import Words
from metering.alert import Reason
from metering.times import LocalCalendar, parse_iso

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
#: Odds that move by less are not worth a word.
_LEAST_TIMES = 1.05


def reason_words(reason: Reason, say: Words, calendar: LocalCalendar) -> tuple[str, str]:
    """(the reason, the language it is in). What nobody said in Chinese stays in English.

    >>> utc = LocalCalendar("UTC")
    >>> told = Reason("d", "bypass since 2026-01-01T00:00:00Z", text_zh="绕越计量，自 2026-01-01T00:00:00Z 起")
    >>> reason_words(told, Words("en"), utc), reason_words(told, Words("zh"), utc)
    (('bypass since 2026-01-01 00:00', 'en'), ('绕越计量，自 2026-01-01 00:00 起', 'zh-CN'))
    """
    chinese = say.language == "zh" and reason.text_zh != ""
    text = reason.text_zh if chinese else reason.text
    return _TIME.sub(lambda found: moment(parse_iso(found[0]), calendar), text), "zh-CN" if chinese else "en"


def worth_words(reason: Reason, say: Words) -> str:
    """By how much a reason moves the odds of a case; empty where it was not weighed.

    >>> worth_words(Reason("d", "it fell", weight=1.6), Words("en")), worth_words(Reason("d", "so did all", weight=-0.7), Words("en"))
    ('odds × 5', 'odds ÷ 2')
    >>> worth_words(Reason("d", "a cover was opened", weight=4.8), Words("en"))
    'odds × 122'
    """
    times = math.exp(min(abs(reason.weight), 7.0))
    if times < _LEAST_TIMES:
        return ""
    return say(
        "reason.odds_up" if reason.weight > 0 else "reason.odds_down",
        times=f"{times:.2g}" if times < 10 else f"{times:.0f}",
    )
