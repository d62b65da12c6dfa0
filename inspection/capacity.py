"""How much inspectors can do: so that a day proposes what crews can visit, and a share of it to learn from."""

from __future__ import annotations

import json
from dataclasses import dataclass

from metering.errors import SettingsError

DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is proposed is cut to this; hazards never are.

    `per_week` visits of all crews; None: `per_thousand_week` for every 1,000 meters, and for the first thousand at any rate. `least_risk`: a meter less likely to
    have a case is not worth a visit, even where crews have room. `exploration_share` (0..1) of the visits goes to meters
    that the ranking would not have chosen, so that it learns where it is wrong. After `quiet_days` (3 to 60) the task of a suspicion that is over, and that
    nobody took up, is withdrawn.
    """

    per_week: float | None = None
    per_thousand_week: float = 5.0
    least_risk: float = 0.3
    exploration_share: float = 0.05
    quiet_days: int = 30

    def __post_init__(self) -> None:
        if min(self.per_week or 0.0, self.per_thousand_week) < 0:
            raise SettingsError("give a capacity of 0 or more visits a week")
        if not 0 <= self.least_risk <= 1 or not 0 <= self.exploration_share <= 1:
            raise SettingsError("least_risk and exploration_share lie from 0 to 1")

    def week(self, meters: int) -> float:
        """Visits a week of a utility of so many meters.

        >>> Capacity().week(4000), Capacity(per_week=12).week(4000)
        (20.0, 12)
        """
        return self.per_thousand_week * max(meters, 1000) / 1000 if self.per_week is None else self.per_week


class Room:
    """Visits that crews still have room for; what is not used adds up to one week. Hazards use it up too, down to a week owed.

    >>> room = Room()
    >>> room.add_day(14.0, exploration_share=0.5)
    >>> room.visits, room.explorations
    (1, 1)
    >>> room.use(1); room.visits
    0
    """

    def __init__(self) -> None:
        self._ranked = 0.0
        self._explored = 0.0
        self._week = 0.0

    def add_day(self, week: float, *, exploration_share: float) -> None:
        self._week = week
        self._ranked = min(self._ranked + (1 - exploration_share) * week / DAYS_A_WEEK, max(week, 1.0))
        self._explored = min(
            self._explored + exploration_share * week / DAYS_A_WEEK, max(exploration_share * week, 1.0)
        )

    @property
    def visits(self) -> int:
        """By rank; whole ones, a rounding error is no visit less."""
        return max(int(self._ranked + 1e-9), 0)

    @property
    def explorations(self) -> int:
        return max(int(self._explored + 1e-9), 0)

    def use(self, visits: int, explorations: int = 0) -> None:
        self._ranked = max(self._ranked - visits, -self._week)
        self._explored -= explorations

    def dump(self) -> bytes:
        return json.dumps([self._ranked, self._explored, self._week]).encode()

    def load(self, page: bytes) -> None:
        self._ranked, self._explored, self._week = json.loads(page)
