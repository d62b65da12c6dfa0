"""What the monitor says of itself: each process's pulse, and where each rule of the watch stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: What a process is: a worker's role, or the desk.
ProcessKind = Literal["judge", "archive", "both", "desk"]
Outbox = Literal["points", "relay", "notifications"]


@dataclass(frozen=True, slots=True)
class PartitionPulse:
    """One partition in a worker's hands.

    `clock_s` is the event time it is handled up to (0 = no tick yet), `waiting` the messages in the log that are not
    handled (None: the log did not say), `unsaved_s` how long the oldest handled message waits for its save (seconds),
    `silent` the areas from which nothing usable has come for long. Counts are since the process began.
    """

    role: str
    partition: int
    clock_s: int
    waiting: int | None = None
    unsaved_s: float = 0.0
    paused: bool = False
    areas: int = 0
    silent: tuple[str, ...] = ()
    counted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pulse:
    """One process, as it sees itself. Ages in seconds.

    `loop_age_s` is how long ago its event loop was last seen at work, `upkeep_age_s` when the last round of what goes on
    beside the log ended (None where it has none). `failing` gives, by part, for how long it has failed and why.
    `handled`, `dead_letters` and `points_refused` count the last quarter of an hour.
    """

    owner: str
    kind: ProcessKind
    loop_age_s: float = 0.0
    upkeep_age_s: float | None = None
    partitions: tuple[PartitionPulse, ...] = ()
    failing: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    handled: int = 0
    dead_letters: int = 0
    points_refused: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A pulse as the store has it, and how long ago it came, by the store's own clock (seconds)."""

    pulse: Pulse
    age_s: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """One outbox: how much waits in it, which entry is the oldest, and for how long it has waited (seconds; None where the
    store does not keep that)."""

    outbox: Outbox
    entries: int
    oldest: str = ""
    oldest_s: float | None = None


@dataclass(frozen=True, slots=True)
class WatchStanding:
    """Where one rule of the watch stands for one subject (a worker, a role; "" = the whole monitor).

    `value` is what was last judged, None = it could not be judged, and `why_not` says why. `crossed_at_s` is since when the
    value has stood, without a break, on the side that would open or end the alert. Times are wall clock, epoch seconds.
    `alert_id` stays over episodes that follow each other closely.
    """

    rule: str
    subject: str
    value: float | None
    judged_at_s: float
    open: bool = False
    crossed_at_s: float | None = None
    opened_at_s: float | None = None
    ended_at_s: float | None = None
    episode: int = 0
    alert_id: str = ""
    which: tuple[str, ...] = ()
    why_not: str = ""

    @property
    def state(self) -> Literal["abnormal", "normal", "not_judged"]:
        """What cannot be judged is not normal; an alert that is open stays open meanwhile."""
        if self.value is None:
            return "not_judged"
        return "abnormal" if self.open else "normal"
