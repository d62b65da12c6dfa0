"""What a closed day makes of an area's balance, and what of it is remembered."""

from __future__ import annotations

import math
from dataclasses import dataclass

from detectors.area.area_words import NOTHING_SAID, Said
from detectors.area.line_drops import DropsSeen, Place
from detectors.area.suspects import Suspects
from detectors.day.memory import F64


@dataclass(slots=True)
class LossNow:
    """What is remembered from day to day; kWh a day, NaN = nothing yet. Days are ordinals, 0 = none; sides 1 = lost, -1 = gained."""

    learnt: float = 0.0
    sigma_kwh: float = math.nan
    recent_kwh: float = math.nan
    loss_kwh: float = math.nan
    supplied_kwh: float = math.nan
    rise: float = 0.0
    fall: float = 0.0
    since_day: float = 0.0
    beyond_days: float = 0.0
    raised: float = 0.0
    calm_days: float = 0.0
    fallen_days: float = 0.0
    watched: float = 0.0
    """Days balanced since the area is known; learning anew does not begin them again."""


@dataclass(frozen=True, slots=True, eq=False)
class AreaVerdict:
    """What a closed day makes of an area's balance; kWh a day. `strength` is of a high (1) or negative (-1) loss, by `side`."""

    balanced: bool
    """Whether enough of the day was measured for it to be learnt."""
    suspects: Suspects
    sums: F64
    now: LossNow
    side: int = 0
    strength: float = math.nan
    excess_kwh: float = math.nan
    """Of this day alone."""
    rest_kwh: float = math.nan
    need_kwh: float = math.nan
    drops: DropsSeen | None = None
    place: Place | None = None
    fallen_strength: float = 0.0
    """Of a high loss, by how far the voltages at `place` fell."""
    form: Said = NOTHING_SAID
    """How the loss moves with the load."""

    @property
    def loss_kwh(self) -> float:
        return self.now.loss_kwh

    @property
    def supplied_kwh(self) -> float:
        return self.now.supplied_kwh
