"""Figures and times as people read them: few digits, the utility's local time, and how long ago."""

from __future__ import annotations

import math
from datetime import date

from desk.texts import Words
from metering.times import DAY_S, LocalCalendar
from metering.units import unit_words

UNKNOWN = "–"


def figure(value: float | None, unit: str = "") -> str:
    """Three significant digits, thousands apart.

    >>> figure(1234.56, "kWh"), figure(0.01234), figure(float("nan")), figure(0.7, "1")
    ('1,235 kWh', '0.0123', '–', '0.7')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        text = "0"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}" if abs(value) >= 0.001 else "< 0.001" if value > 0 else "> -0.001"
    return f"{text} {'' if unit == '1' else unit}".strip()


def measured(value: float | None, unit: str, say: Words) -> str:
    """A figure with its unit's words.

    >>> measured(7.51, "kWh/d", Words("en")), measured(7.51, "kWh/d", Words("zh")), measured(None, "V", Words("en"))
    ('7.51 kWh a day', '7.51 kWh/日', '–')
    """
    shown = figure(value)
    return shown if shown == UNKNOWN else unit_words(unit).shown(shown, chinese=say.language == "zh")


def count(value: int) -> str:
    """
    >>> count(1234567)
    '1,234,567'
    """
    return f"{value:,}"


def share(value: float | None, digits: int = 1) -> str:
    """
    >>> share(0.0834)
    '8.3 %'
    """
    return UNKNOWN if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f} %"


def moment(epoch_s: int | None, calendar: LocalCalendar) -> str:
    """Local date and minute.

    >>> moment(1767225600, LocalCalendar("Asia/Shanghai"))
    '2026-01-01 08:00'
    """
    return UNKNOWN if epoch_s is None else calendar.local(epoch_s).strftime("%Y-%m-%d %H:%M")


def day_name(ordinal: int | None) -> str | None:
    return None if ordinal is None else date.fromordinal(ordinal).isoformat()


def distance(epoch_s: int, now_s: int, say: Words) -> str:
    """How long ago, or in how long.

    >>> distance(0, 7200, Words("en")), distance(86400 * 3, 0, Words("en"))
    ('2 h ago', 'in 3 d')
    """
    gap_s = abs(now_s - epoch_s)
    way = "in" if epoch_s > now_s else "ago"
    if gap_s < 3600:
        return say(f"{way}.minutes", count=gap_s // 60)
    if gap_s < 2 * DAY_S:
        return say(f"{way}.hours", count=gap_s // 3600)
    return say(f"{way}.days", count=gap_s // DAY_S)
