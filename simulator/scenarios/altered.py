"""Readings that were altered in the meter or on the way: what all such cases share.

The energy of every interval is replaced by another one; with probability 0.6 the currents are altered in the same proportion (a clever
firmware: voltage, current and energy agree), else they tell the truth. The register counts what is reported. A meter that repeats old
energy can know yesterday only. Nothing changes on the line: all that is drawn flows through the transformer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from metering.archive import Meter
from simulator.scenarios.case import Active, Case, Chance, Hours, Place, Rows

CLEVER_SHARE = 0.6
CURRENTS = ("current_a", "current_a_a", "current_b_a", "current_c_a", "neutral_current_a")


def show_energy(meter: Meter, reported: Mapping[str, Rows], energy_kwh: Rows, where: Active) -> None:
    """Report `energy_kwh` (intervals,) where it says so, rounded as the meter does, and let the register count it."""
    ratio = meter.ct_ratio or 1.0
    shown_kwh = np.round(np.round(energy_kwh[where] / ratio, 4) * ratio, 4)
    reported["energy_kwh"][where] = shown_kwh
    reported["register_step_kwh"][where] = shown_kwh


def scale_currents(
    meter: Meter, reported: Mapping[str, Rows], factor: Rows, where: Active, columns: tuple[str, ...] = CURRENTS
) -> None:
    """Report the currents times `factor` (intervals,), rounded as the meter does; a missing one stays missing."""
    ratio = meter.ct_ratio or 1.0
    for column in columns:
        amperes = reported[column]
        amperes[where] = np.round(amperes[where] * factor[where] / ratio, 3) * ratio


def mean_of_yesterday_kwh(energy_kwh: Rows, hours: Hours) -> Rows:
    """The mean interval of the local day before, as the meter measured it: the same for all of a day, (intervals,)."""
    back = hours.since_midnight() + np.arange(1, hours.per_day + 1)[:, None]
    return np.asarray(hours.earlier("energy_kwh", energy_kwh, back).mean(axis=0))


@dataclass(frozen=True)
class AlteredReadings(Case):
    """A case whose meter reports `altered_kwh` instead of what it measured."""

    clever: bool
    """Whether the currents are altered too."""

    abnormality = "altered_readings"

    @classmethod
    def suits(cls, place: Place) -> bool:
        return place.row >= 0 and place.mean_kw > 0.25 and not place.meter.has_generation

    @staticmethod
    def is_clever(chance: Chance) -> bool:
        return chance.happens(CLEVER_SHARE)

    @property
    def what_is_altered(self) -> str:
        return "energy and currents" if self.clever else "energy alone"

    def altered_kwh(self, energy_kwh: Rows, hours: Hours) -> Rows:
        """What is reported instead of the measured energy, both (intervals,)."""
        raise NotImplementedError

    def report(self, reported: Mapping[str, Rows], hours: Hours, active: Active) -> None:
        measured_kwh = reported["energy_kwh"].copy()
        altered_kwh = self.altered_kwh(measured_kwh, hours)
        show_energy(self.place.meter, reported, altered_kwh, active)
        if self.clever:
            # where nothing was measured there is no current to alter
            factor = np.divide(altered_kwh, measured_kwh, out=np.ones(len(hours)), where=measured_kwh > 0)
            scale_currents(self.place.meter, reported, factor, active)
