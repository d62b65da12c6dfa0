"""Since when a meter has been in doubt, and how much energy it did not register since then, with an interval (80 %).

Energy not registered is what is usual, as the meter's class moves, less what was registered, summed up from the estimated onset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.evidence import AreaContext

F64 = NDArray[np.float64]
#: What an experts' logarithms of energy have added to them (kWh).
_ADDED_TO_USUAL_KWH = 0.1
_STANDBY_KWH = 0.3
_MOST_DEVIATION = 0.9
#: A normal deviation's standard deviation over its mean magnitude.
_SD_OVER_MAGNITUDE = 1.25
#: So many standard deviations on either side hold four fifths of a normal distribution.
_FOUR_FIFTHS = 1.28
#: Kinds that leave every kWh registered: what they cost is of another sort, or nothing.
NOTHING_LOST = frozenset(
    {
        "clock_error",
        "low_power_factor",
        "over_capacity",
        "phase_break",
        "register_runaway",
        "resale",
        "reverse_energy",
        "tariff_misuse",
        "temporary_supply_misuse",
    }
)


@dataclass(frozen=True, slots=True)
class RecoverableParams:
    doubt: float = parameter(
        0.288,
        meaning="probability of a case, of one day or smoothed, from which a meter is in doubt",
        unit="probability",
        low=0.02,
        high=0.9,
        source="replay: with it the onset is within three days of the true one in 84 % of the found cases",
    )
    usual_error: float = parameter(
        1.0,
        meaning="error of what is usual, of a single day's scatter: it does not average out",
        unit="1",
        low=0.0,
        high=3,
        source="replay: the interval then holds the true energy in four of five cases",
    )
    onset_error: float = parameter(
        0.3, meaning="error of the estimated onset", unit="d of usual energy", low=0.0, high=5, source="replay"
    )
    scatter_rate: float = parameter(
        0.05, meaning="weight of an undoubted day in a meter's scatter", unit="1/d", low=0.01, high=0.5, source="replay"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Energy (kWh) since the onset: `lost`, not registered, with its interval (80 %) and never below nothing; `used`, registered; `expected`."""

    lost_low: float
    lost: float
    lost_high: float
    used: float
    expected: float


class Recoverable:
    """The estimated onset of each meter's doubt and the energy not registered since.

    A meter is in doubt from the first day on whose own odds say so, for as long as the smoothed odds do; the run of days that
    led to a suspicion began there. A day without readings adds nothing. The interval has a part that averages out over the days and
    two that do not: what is usual may be wrong by `usual_error` of a day's scatter, and the onset by some of a day.

    >>> from detectors.examples import context
    >>> meter = Recoverable(context(meters=1))
    >>> day = {"log_usual": np.log([10.1]), "class_movement": np.zeros(1), "log_today": np.log([0.5])}
    >>> for ordinal in range(100, 104):
    ...     meter.learn(ordinal, day, today=np.array([0.9 if ordinal > 100 else 0.1]), smoothed=np.array([0.2]))
    >>> meter.since.tolist(), meter.estimate(0)
    ([101], Estimate(lost_low=0.0, lost=15.4, lost_high=31.0, used=15.4, expected=30.9))
    """

    name = "recoverable"

    def __init__(self, context: AreaContext, params: RecoverableParams | None = None) -> None:
        self._params = params or RecoverableParams()
        count = len(context.area)
        number = Slab((count,), np.float32)
        layout = {
            "days": {
                "since": Slab((count,), np.int32),
                "lost_kwh": number,
                "expected_kwh": number,
                "expected_squares": number,
                "onset_kwh": number,
                "scatter": Slab((count,), np.float32, 0.3),
            }
        }
        self._pages = StatePages("recoverable/1", layout)
        self._days = {name: self._pages.array("days", name) for name in layout["days"]}

    def learn(self, ordinal: int, figures: Mapping[str, F64], *, today: F64, smoothed: F64) -> None:
        """Take a closed day in: `figures` of the day level, and the probability of a case by the `today` alone and `smoothed`."""
        p, days = self._params, self._days
        usual_kwh = np.exp(figures["log_usual"]) - _ADDED_TO_USUAL_KWH
        expected = (usual_kwh + _STANDBY_KWH) * np.exp(figures["class_movement"])
        deviation = figures["log_today"]
        doubted = (today > p.doubt) | (smoothed > p.doubt)
        magnitude = _SD_OVER_MAGNITUDE * np.minimum(np.abs(deviation), _MOST_DEVIATION)
        days["scatter"] += p.scatter_rate * np.where(doubted, 0.0, np.nan_to_num(magnitude - days["scatter"]))
        begins = doubted & (days["since"] == 0)
        known = (deviation == deviation) & (expected == expected)
        expected = np.where(known, expected, 0.0)
        lost = expected * (1 - np.exp(np.where(known, deviation, 0.0)))
        sums = {"lost_kwh": lost, "expected_kwh": expected, "expected_squares": expected * expected}
        for name, value in sums.items():
            days[name][...] = np.where(doubted, np.where(begins, 0.0, days[name]) + value, 0.0)
        days["onset_kwh"][begins] = expected[begins]
        days["since"][...] = np.where(doubted, np.where(begins, ordinal, days["since"]), 0)
        self._pages.touch("days")

    @property
    def since(self) -> NDArray[np.int32]:
        """The local day's ordinal on which the doubt of each meter began, 0 where there is none."""
        return self._days["since"]

    def estimate(self, row: int) -> Estimate | None:
        """What this row did not register since its doubt began, as of the last day learnt; None where there is none."""
        if not self._days["since"][row]:
            return None
        p, days = self._params, self._days
        lost, expected = float(days["lost_kwh"][row]), float(days["expected_kwh"][row])
        scatter = float(days["scatter"][row])
        variance = scatter**2 * float(days["expected_squares"][row])
        variance += (p.usual_error * scatter * expected) ** 2 + (p.onset_error * float(days["onset_kwh"][row])) ** 2
        reach = _FOUR_FIFTHS * variance**0.5
        low, middle, high = (round(max(kwh, 0.0), 1) for kwh in (lost - reach, lost, lost + reach))
        return Estimate(low, middle, high, round(max(expected - lost, 0.0), 1), round(expected, 1))

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
