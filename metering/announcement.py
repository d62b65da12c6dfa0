"""What is said of an alert, or why it is not said: one line for every turn of its life that somebody might be told of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from metering.alert import Grade
from metering.identity import identity

#: Who is told when: "page" at once, day and night; "morning" with the crew's list of the day; "none" is only shown.
Urgency = Literal["page", "morning", "none"]


class Turn(StrEnum):
    """A turn of an alert's life. `FLAPPING`: it comes and goes, and is not said again until it has settled."""

    RAISED = "raised"
    RETURNED = "returned"
    FLAPPING = "flapping"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"

    @property
    def is_end(self) -> bool:
        return self in (Turn.CLEARED, Turn.CONFIRMED, Turn.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why nobody is told just now: the stage that stopped it, its reason (a word), and what it refers to (a silence, an
    alert, a work order). It is asked again when it may have ended."""

    stage: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One turn of one alert, said (`stopped` is None) or not. `at_s` is event time; `feeder` is "" where nobody knows it.

    What has no row in the catalogue (the monitor's own alerts, another system's) says what it is in `title`.
    """

    alert_id: str
    transformer_area: str
    meter_id: str | None
    abnormality: str
    grade: Grade
    urgency: Urgency
    turn: Turn
    at_s: int
    episode: int = 1
    feeder: str = ""
    title: str = ""
    stopped: Stopped | None = None

    @property
    def announcement_id(self) -> str:
        """The same turn has the same id, however often it is decided; one that was stopped and is said later has another."""
        how = "" if self.stopped is None else self.stopped.stage
        return identity("said", self.alert_id, self.turn, self.episode, self.at_s, how)

    @property
    def order(self) -> tuple[int, str, str]:
        """In which announcements are taken: by time, then area, then id."""
        return (self.at_s, self.transformer_area, self.announcement_id)
