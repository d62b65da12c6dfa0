"""What is only the consequence of another condition is not said beside it: a lost neutral is one alert, not one of every home."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alerts.life import AlertBank
from metering.alert import Alert, Reason
from metering.archive import Area
from metering.catalogue import CATALOGUE
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, Signal

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cause:
    """Conditions of which any explains others.

    The area's own (`of_area`) explain what its customers' meters show as long as their alert is open, and end alerts that were raised before
    it was known. A meter's own explain what the same meter shows in the same interval.
    """

    codes: tuple[str, ...]
    of_area: bool
    text: str
    text_zh: str


#: By the catalogue's word for what suppresses a row.
CAUSES: Mapping[str, Cause] = {
    "neutral_lost": Cause(
        ("neutral_lost",),
        of_area=True,
        text="the area's neutral is lost and moves all of its voltages: the area has the alert",
        text_zh="本台区中性线断线，各户电压随之偏移：以台区告警为准",
    ),
    "phase_lost": Cause(
        ("voltage_loss", "phase_break", "current_loss"),
        of_area=False,
        text="the meter lacks a phase's voltage or current: what flowed is not what it measured",
        text_zh="电能表缺失一相电压或电流，实际电量与所测不符",
    ),
}
_EFFECTS: Mapping[str, tuple[str, ...]] = {
    name: tuple(code for code, row in CATALOGUE.items() if name in row.suppressed_by) for name in CAUSES
}
_EXPLAINED_BY: Mapping[str, str] = {code: name for name, codes in _EFFECTS.items() for code in codes}


@dataclass(frozen=True, slots=True)
class Hidden:
    """What was not said: `counts` of strong evidence and `by_row` (row, code) -> the name of its cause."""

    counts: Counter[str]
    by_row: Mapping[tuple[int, str], str]

    def rows(self, meters: int) -> Mask:
        """(meters,) that have a consequence, and teach nobody what is normal."""
        found = np.zeros(meters, dtype=np.bool_)
        found[[row for row, _ in self.by_row]] = True
        return found


class Consequences:
    """Of one area: hides evidence that another condition explains, and lets alerts give way to their cause's.

    Stateless: what holds and what is open is asked of the evidence and of the alert bank. Hidden evidence is not judged (NaN).
    """

    def __init__(self, area: Area) -> None:
        self._supply = area.is_supply

    def hide(self, signals: Sequence[Signal], bank: AlertBank) -> tuple[list[Signal], Hidden]:
        """(the same evidence without what is explained, what was hidden)."""
        counts: Counter[str] = Counter()
        by_row: dict[tuple[int, str], str] = {}
        told: list[Signal] = []
        for signal in signals:
            name = None if signal.quiet else _EXPLAINED_BY.get(signal.abnormality)
            if name is not None:
                explained = self.explained(name, bank, signals) & (signal.strength > RECOVER_STRENGTH)
                if np.count_nonzero(explained):
                    counts[name] += int(np.count_nonzero(explained & (signal.strength >= SET_STRENGTH)))
                    by_row |= {(row, signal.abnormality): name for row in np.flatnonzero(explained).tolist()}
                    signal = replace(signal, strength=np.where(explained, np.float32(np.nan), signal.strength))  # noqa: PLW2901
            told.append(signal)
        return told, Hidden(+counts, by_row)

    def give_way(
        self, signals: Sequence[Signal], bank: AlertBank, end_s: int
    ) -> tuple[tuple[Alert, ...], Counter[str]]:
        """(alerts that were raised before their cause was known and end for it, how many by the name of the cause)."""
        ended: list[Alert] = []
        counts: Counter[str] = Counter()
        for name, cause in CAUSES.items():
            if not cause.of_area or not np.count_nonzero(self.explained(name, bank, signals)):
                continue
            why = Reason(name, cause.text, True, cause.text_zh)
            for code in _EFFECTS[name]:
                rows = np.flatnonzero(bank.is_open(code) & ~self._supply).tolist()
                alerts = [bank.give_way(code, row, end_s, why) for row in rows]
                own = [alert for alert in alerts if alert is not None]
                ended += own
                counts[name] += len(own)
        return tuple(ended), +counts

    def of_area(self, bank: AlertBank) -> dict[str, Mask]:
        """By the name of each cause of the whole area that is open: the meters (meters,) whose day it explains."""
        causes = (name for name, cause in CAUSES.items() if cause.of_area)
        explained = {name: self.explained(name, bank, ()) for name in causes}
        return {name: rows for name, rows in explained.items() if np.count_nonzero(rows)}

    def why_hidden(self, code: str, row: int, bank: AlertBank) -> str | None:
        """The name of the cause that explains what a meter's own event of this kind says; None where nothing does."""
        name = _EXPLAINED_BY.get(code)
        return name if name is not None and self.explained(name, bank, ())[row] else None

    def explained(self, name: str, bank: AlertBank, signals: Sequence[Signal]) -> Mask:
        """(meters,) whose consequences are not said."""
        cause = CAUSES[name]
        holds = np.zeros(len(self._supply), dtype=np.bool_)
        for signal in signals:
            if signal.abnormality in cause.codes and not signal.quiet:
                holds |= signal.strength >= SET_STRENGTH
        if not cause.of_area:
            return holds
        for code in cause.codes:
            holds |= bank.is_open(code)
        return ~self._supply if np.count_nonzero(holds & self._supply) else np.zeros_like(holds)
