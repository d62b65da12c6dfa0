"""How much a department can do, and how late its findings come, as the command line writes them."""

from __future__ import annotations

import re

from metering.errors import SettingsError
from metering.times import DAY_S

_CAPACITY = re.compile(r"(\d+)/(day|week)")
_DELAY = re.compile(r"(\d+)([hd])")


def visits_per_day(capacity: str) -> float:
    """``20/week`` -> visits a calendar day.

    >>> round(visits_per_day("20/week"), 3)
    2.857
    """
    match = _CAPACITY.fullmatch(capacity.strip())
    if match is None:
        raise SettingsError(f"--inspect {capacity!r}: write a number per day or week, e.g. 20/week")
    return int(match[1]) / (7 if match[2] == "week" else 1)


def delay_s(delay: str) -> int:
    """``7d`` or ``12h`` -> seconds.

    >>> delay_s("7d"), delay_s("12h")
    (604800, 43200)
    """
    match = _DELAY.fullmatch(delay.strip())
    if match is None:
        raise SettingsError(f"--finding-delay {delay!r}: write hours or days, e.g. 12h or 7d")
    return int(match[1]) * (DAY_S if match[2] == "d" else 3600)
