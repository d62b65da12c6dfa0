"""Lost neutral: the neutral of a line is broken behind the transformer, and each phase's voltage goes where the loads pull it.

Behind the break only the earth carries the unbalance back, with 4 to 60 ohm (hard: to 23), Beta(2, 1.5) between them.
The phase with the least load rises towards the voltage between phases, the most loaded one sinks: 140 to 330 V. Three
in ten touch now and then (three-hour spells, broken 40 to 80 % of the time). Six in ten are mended after 1 to 20 days.
Appliances are taken to draw on as before. Truth names the supply meter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows, spell_draw
from simulator.scenarios.line_section import conductors_behind, segments_with
from simulator.world.network import NOMINAL_V, PHASE_COUNT

SPELL_H = 3
LOWEST_V, HIGHEST_V = 140.0, 330.0
_DIRECTION = np.exp(-2j * np.pi / 3 * np.arange(PHASE_COUNT))[:, None]


@dataclass(frozen=True)
class LostNeutral(Case):
    earth_ohm: float
    segment: int
    present_share: float
    salt: int

    scenario = "lost_neutral"
    abnormality = "neutral_lost"
    of_area = True

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row < 0 and len(segments_with(place.network, 6)) > 0

    @classmethod
    def draw(cls, place: Place, start_s: int, chance: Chance) -> Self:
        able = segments_with(place.network, 6)
        segment, earth_ohm = able[chance.one_of(len(able))], chance.severity(4, 60)
        present_share = chance.between(0.4, 0.8) if chance.happens(0.3) else 1.0
        return cls(
            place, start_s, chance.end_s(start_s, 0.6, (1.0, 20.0)), earth_ohm, segment, present_share, chance.salt()
        )

    @property
    def severity(self) -> float:
        return min(0.3 + self.earth_ohm / 60, 1.0)

    @property
    def story(self) -> str:
        return (
            f"no neutral from segment {self.segment + 1} on, {self.earth_ohm:.0f} ohm to earth instead, "
            f"{self.present_share:.0%} of the time"
        )

    def disturb(self, conductor_v: Rows, drawn_kw: Rows, hours: Hours, active: Active) -> None:
        network = self.place.network
        behind = np.flatnonzero(conductors_behind(network, self.segment))
        phase = network.conductor_phase[behind]
        load_kw = np.array([np.clip(drawn_kw[behind[phase == p]], 0.01, None).sum(axis=0) for p in range(PHASE_COUNT)])
        siemens = load_kw * 1000 / NOMINAL_V**2
        # where the three loads and the earth hold the point that was the neutral, as a share of the phase voltage
        star = (siemens * _DIRECTION).sum(axis=0) / (siemens.sum(axis=0) + 1 / self.earth_ohm)
        swing = np.abs(_DIRECTION - star)
        spell = hours.spell(self.start_s, SPELL_H)
        broken = active & ((spell_draw(spell, self.salt) < self.present_share) | (spell == 0))
        swung_v = np.clip(conductor_v[behind] * swing[phase], LOWEST_V, HIGHEST_V)
        conductor_v[np.ix_(behind, broken)] = swung_v[:, broken]
