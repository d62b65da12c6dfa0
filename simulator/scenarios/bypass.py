"""Bypass: from a day on, a share of the load no longer passes the meter.

The whole current still flows through the transformer, the line and the service cable, so the voltage falls as before.
Share 0.35 to 0.95 (Beta(2, 1.5) between them); about a third open the meter's cover to do it; one in ten ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from metering.messages import MeterEvent
from simulator.scenarios.case import Active, Case, Hours, Place, Rows, sometimes_ends


@dataclass(frozen=True)
class Bypass(Case):
    share: float
    cover_opened: str | None

    abnormality = "bypass"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.25 and not place.meter.has_generation

    @classmethod
    def draw(cls, place: Place, start_s: int, feed_end_s: int, rng: np.random.Generator) -> Self:
        share = 0.35 + 0.6 * float(rng.beta(2, 1.5))
        opened = rng.random()
        code = "cover_open" if opened < 0.22 else "terminal_cover_open" if opened < 0.35 else None
        return cls(place, start_s, sometimes_ends(start_s, feed_end_s, 0.1, rng), share, code)

    def divert(self, drawn_kw: Rows, past_meter_kw: Rows, hours: Hours, active: Active) -> None:
        # clamps and second cables do not take the same share all day
        wobble = 1 + 0.04 * hours.rng.standard_normal(drawn_kw.shape[1])
        past_meter_kw[:, active] = (np.clip(self.share * wobble, 0, 1) * drawn_kw)[:, active]

    def events(self) -> tuple[MeterEvent, ...]:
        if self.cover_opened is None:
            return ()
        return (MeterEvent(self.place.meter.meter_id, self.start_s + 240, self.cover_opened),)
