"""The day experts of one area, together: what they say of a closed day, and how they learn it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.day.balance import DayBalance, HourlyBalance
from detectors.day.blocks import DayBlocks
from detectors.day.circuits import DayCircuits
from detectors.day.contract import DayContract
from detectors.day.events import DayEvents
from detectors.day.level import DayLevel
from detectors.day.registers import DayRegisters
from detectors.day.service_drops import Explained
from detectors.day.shape import DayShape
from detectors.day.voltage import DayVoltage
from metering.catalogue import CATALOGUE
from metering.evidence import AreaContext, AreaCurves, DayExpert
from metering.meter_events import event_word
from metering.times import LONGEST_WITH_A_SHAPE_MINUTES

#: The figures of each expert, by its name.
EXPERTS: Mapping[str, frozenset[str]] = {
    expert.name: frozenset(expert.features)
    for expert in (
        DayLevel,
        DayShape,
        DayBlocks,
        DayContract,
        DayEvents,
        DayRegisters,
        DayCircuits,
        DayBalance,
        DayVoltage,
    )
}
#: What a single meter's power-off says where its area has power.
_POWER_OFF_ALONE = 0.5


class DayBank:
    """All day experts of an area. `figures` are by name, (meters,), NaN = not known."""

    name = "day_bank"

    def __init__(self, context: AreaContext) -> None:
        self._meters = len(context.area)
        self._level = DayLevel(context)
        self._balance: DayBalance | None = None
        self._voltage: DayVoltage | None = None
        others: tuple[DayExpert, ...] = (DayContract(context), DayEvents(context), DayRegisters(context))
        if context.interval_minutes <= LONGEST_WITH_A_SHAPE_MINUTES:
            self._voltage = voltage = DayVoltage(context)
            # learns before the voltage does, which it asks
            self._balance = DayBalance(context, unseen_kwh=voltage.unseen_kwh)
            others = (
                DayShape(context),
                DayBlocks(context),
                *others,
                DayCircuits(context),
                self._balance,
                voltage,
            )
        self._circuits = next((expert for expert in others if isinstance(expert, DayCircuits)), None)
        self._others = others

    @property
    def experts(self) -> tuple[DayExpert, ...]:
        return (self._level, *self._others)

    @property
    def features(self) -> dict[str, str]:
        """Every figure's name and meaning."""
        return {name: meaning for expert in self.experts for name, meaning in expert.features.items()}

    def figures(self, day: AreaCurves) -> dict[str, NDArray[np.float64]]:
        found: dict[str, NDArray[np.float64]] = {}
        for expert in self.experts:
            found |= expert.describe(day)
        return found

    def balance(self, day: AreaCurves) -> HourlyBalance | None:
        """The area's balance by hour and phase, asked before the day is learnt; None where days have no shape."""
        return None if self._balance is None else self._balance.balance(day)

    def explained(self, day: AreaCurves) -> Explained | None:
        """The day's voltages by what was learnt before it, asked before the day is learnt; None where days have no shape."""
        return None if self._voltage is None else self._voltage.explained(day)

    def learn(self, day: AreaCurves, distrusted: NDArray[np.bool_] | None = None) -> None:
        """Take the day in. Rows whose level the day itself puts in doubt, or that are `distrusted`, do not change what is usual."""
        trusted = np.ones(len(day.event_strength), dtype=np.bool_) if distrusted is None else ~distrusted
        self._level.learn(day, trusted)
        trusted = trusted & ~self._level.suspected()
        for expert in self._others:
            expert.learn(day, trusted)

    def power_factor(self) -> NDArray[np.float64]:
        """(meters,): the usual power factor, NaN where none was learnt."""
        known = None if self._circuits is None else self._circuits.usual_power_factor
        return np.full(self._meters, np.nan) if known is None else known

    @property
    def learnt_days(self) -> NDArray[np.int64]:
        """(meters,): days that were learnt as usual for each meter, 255 at most; 0 for supply meters."""
        return self._level.learnt_days

    def in_doubt(self) -> NDArray[np.bool_]:
        """(meters,) whose level the days learnt so far put in doubt: what they use now is not what is usual."""
        return self._level.suspected()

    def dump(self) -> dict[str, bytes]:
        return {f"{e.name}/{page}": content for e in self.experts for page, content in e.dump().items()}

    def dump_dirty(self) -> dict[str, bytes]:
        return {f"{e.name}/{page}": content for e in self.experts for page, content in e.dump_dirty().items()}

    def load(self, pages: Mapping[str, bytes]) -> None:
        for expert in self.experts:
            own = {p.removeprefix(f"{expert.name}/"): c for p, c in pages.items() if p.startswith(f"{expert.name}/")}
            if own:
                expert.load(own)


def event_says(code: str) -> float:
    """How much a meter's own event outside a work order says of a case, 0..1, by any code that the catalogue maps.

    >>> event_says("cover_open"), event_says("dlms:44"), event_says("power_on")
    (0.9, 0.9, 0.0)
    """
    word = event_word(code)
    if word is None or word.is_over:
        return 0.0
    if word.code == "power_off":
        return _POWER_OFF_ALONE
    kind = CATALOGUE[word.code]
    return kind.weight if kind.own_event in ("alert", "evidence") else 0.0
