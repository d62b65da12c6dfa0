"""What the machine writes beside a task that time has overtaken, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Mapping

from desk.visit import Visit

#: As `inspection/overtaken.py` writes it -> the text that says it.
_SAID: Mapping[re.Pattern[str], str] = {
    re.compile(pattern): key
    for pattern, key in (
        (r"over since (?P<since>.+), readings normal since; who stops may begin again", "trail.over"),
        (r"no longer at risk, readings normal since; who stops may begin again", "trail.calm"),
        (r"what it was opened for is there again, or its risk", "trail.stands_again"),
        (r"the readings show it is over since (?P<since>.+)", "trail.hazard_over"),
        (r"every alert of it was withdrawn: .+", "trail.all_withdrawn"),
        (
            r"over since (?P<since>.+); readings normal for (?P<days>\d+) days, nobody was sent, nothing is learnt from it",
            "trail.overtaken",
        ),
        (r"readings normal for (?P<days>\d+) days, nobody was sent, nothing is learnt from it", "trail.quiet"),
    )
}


def overtaken_words(visit: Visit, written: str) -> str | None:
    """None where it says something else."""
    for pattern, key in _SAID.items():
        if (found := pattern.fullmatch(written)) is not None:
            return visit.say(key, **found.groupdict())
    return None
