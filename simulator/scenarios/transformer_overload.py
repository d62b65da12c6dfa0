"""Transformer overload: the area's demand has outgrown its transformer, which runs beyond its rating for hours each evening.

On 60 to 100 % of the days the whole area draws 1.05 to 1.45 times the rated power (hard: to 1.18 times), Beta(2, 1.5)
between them, for two to six hours from 16 to 19 h, rising and falling over an hour and a half around them: people heat
with electricity as they did not before, each by what the contract leaves free. It comes to 30 % at once and fully
within 0 to 14 days. All of it is metered and nobody passes 90 % of the contract because of it: where contracts are
small the ratio is at most what they carry. Truth names the supply meter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.added_load import wandering
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw

#: Active power at the customers for one kVA at the transformer: losses and reactive power take the rest.
KW_PER_KVA = 0.85


@dataclass(frozen=True)
class TransformerOverload(Case):
    ratio: float
    from_hour: float
    spell_h: float
    days_share: float
    grows_days: float
    salt: int

    scenario = "transformer_overload"
    abnormality = "transformer_overload"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0 and place.meter.rated_kva is not None and _most(place) > 1.15

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        ratio, from_hour, spell_h = (
            min(chance.severity(1.05, 1.45), _most(place)),
            chance.between(16, 19),
            chance.between(2, 6),
        )
        days_share, grows_days = chance.between(0.6, 1.0), chance.between(0, 14)
        return cls(place, start_s, None, ratio, from_hour, spell_h, days_share, grows_days, chance.salt())

    @property
    def severity(self) -> float:
        return min(0.2 + (self.ratio - 1) / 0.5, 1.0)

    @property
    def story(self) -> str:
        return (
            f"{self.ratio:.2f} times the rated {self.place.meter.rated_kva:.0f} kVA for {self.spell_h:.1f} h "
            f"from {self.from_hour:.1f} h on {self.days_share:.0%} of the days"
        )

    def change_area_demand(self, demand_kw: Rows, contracted_kw: Rows, hours: Hours, active: Active) -> None:
        since_h = (hours.local_hour - self.from_hour + 6) % 24 - 6
        # an hour and a half to come and as much to go, around the spell
        lifted = np.clip(np.minimum(since_h + 1.5, self.spell_h + 1.5 - since_h) / 1.5, 0, 1)
        day = hours.local_day(turns_at=12)
        overloaded = (spell_draw(day, self.salt) < self.days_share) & active
        # from the onset at its rating, and beyond it as people get used to it
        ratio = 1 + (self.ratio - 1) * (0.3 + 0.7 * hours.ramp(self.start_s, self.grows_days))
        noise = wandering(hours, self.salt + 1, 0.05, 1.0) + 0.01 * hours.rng.standard_normal(len(hours))
        total_kw = demand_kw.sum(axis=0)
        wanted_kw = ratio * (self.place.meter.rated_kva or 0.0) * KW_PER_KVA * noise
        missing_kw = np.clip(wanted_kw - total_kw, 0, None) * lifted * overloaded
        room_kw = (0.9 * contracted_kw)[:, None] - demand_kw
        room_kw = np.where(np.isfinite(room_kw), np.clip(room_kw, 0, None), 0.0)
        demand_kw += room_kw * np.minimum(missing_kw / np.maximum(room_kw.sum(axis=0), 1e-9), 1.0)


def _most(place: Place) -> float:
    """The ratio at which customers draw four fifths of their contracts."""
    return 0.8 * place.contracts_kw / (KW_PER_KVA * (place.meter.rated_kva or np.inf))
