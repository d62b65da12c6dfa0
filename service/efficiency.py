"""How efficiently those who use much electricity use it, beside their peers: advice to give, never an alert and no ground for a visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Fewer customers of a class who use as much say nothing of how one of them should.
FEWEST_PEERS = 8
#: From so many spreads beside the peers' median on a figure is worth a word.
LEAST_SPREADS = 2.0
#: Makes a median deviation a standard deviation where values are normal (Rousseeuw and Croux 1993).
_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class Use:
    """How a customer uses electricity in a usual week, as learnt of its meter. NaN = not known.

    `kwh_a_day` is the week's mean. `full_load_hours` (h/d) is that over the contracted kW: how long a day the contract would have to be
    drawn in full. `load_factor` (0..1) is the mean hour over the highest usual one, `night_share` (0..1) what falls between 23 and 7 h
    local time, `power_factor` (0..1) the usual one.
    """

    meter_id: str
    transformer_area: str
    customer_class: str
    kwh_a_day: float
    full_load_hours: float
    load_factor: float
    night_share: float
    power_factor: float


@dataclass(frozen=True, slots=True)
class Figure:
    """What a low value of a figure suggests; spreads below `least_spread`, in the figure's unit, are taken for that."""

    unit: str
    least_spread: float
    advice_en: str
    advice_zh: str


FIGURES: Mapping[str, Figure] = {
    "full_load_hours": Figure(
        "h/d",
        0.3,
        "the contract is larger than the use needs: a smaller one may cost less",
        "合同容量大于实际需要，可申请减容以降低基本电费",
    ),
    "load_factor": Figure(
        "1",
        0.03,
        "the use comes in peaks: spread it over the day, or store it",
        "负荷集中于尖峰，建议错峰用电或配置储能",
    ),
    "night_share": Figure(
        "1",
        0.02,
        "little is used at night: where the tariff is cheaper then, move what can wait",
        "夜间用电少，若夜间电价较低，可将可转移负荷移至夜间",
    ),
    "power_factor": Figure(
        "1",
        0.01,
        "much reactive power is drawn: compensate it",
        "无功偏大，建议加装无功补偿",
    ),
}


@dataclass(frozen=True, slots=True)
class BesidePeers:
    """A figure below that of the peers by so many of their spreads."""

    figure: str
    value: float
    peers_median: float
    spreads_below: float
    unit: str
    advice_en: str
    advice_zh: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A customer who uses much and does so worse than peers, the worst figure first; `peers` are those it was held against."""

    use: Use
    peers: int
    figures: tuple[BesidePeers, ...]


def advise(uses: Sequence[Use], *, least_kwh_a_day: float) -> list[Advice]:
    """Whom to advise of what, the farthest from their peers first: customers of one class who all use `least_kwh_a_day` or more.

    The spread of the peers is their median absolute deviation, so that one odd customer does not excuse another.

    >>> steady = [Use(f"M{n}", "TA", "industrial", 500.0, 9.0, 0.6 + 0.01 * n, 0.3, 0.95) for n in range(9)]
    >>> peaky = Use("M9", "TA", "industrial", 800.0, 9.0, 0.3, 0.3, 0.95)
    >>> (advice,) = advise([*steady, peaky], least_kwh_a_day=100)
    >>> advice.use.meter_id, advice.peers, [(f.figure, round(f.spreads_below, 1)) for f in advice.figures]
    ('M9', 10, [('load_factor', 9.0)])
    """
    found: list[Advice] = []
    large = [use for use in uses if use.kwh_a_day >= least_kwh_a_day]
    for customer_class in sorted({use.customer_class for use in large}):
        peers = [use for use in large if use.customer_class == customer_class]
        columns = {name: np.array([getattr(use, name) for use in peers], dtype=np.float64) for name in FIGURES}
        below = {name: _spreads_below(values, FIGURES[name].least_spread) for name, values in columns.items()}
        for place, use in enumerate(peers):
            worse = [
                _beside_peers(name, columns[name], float(below[name][place]), place)
                for name in FIGURES
                if below[name][place] >= LEAST_SPREADS
            ]
            if worse:
                worse.sort(key=lambda figure: -figure.spreads_below)
                found.append(Advice(use, len(peers), tuple(worse)))
    return sorted(found, key=lambda advice: (-advice.figures[0].spreads_below, advice.use.meter_id))


def _spreads_below(values: NDArray[np.float64], least_spread: float) -> NDArray[np.float64]:
    """By how many spreads each value lies below the median; NaN where it, or too many peers, are not known."""
    known = values[values == values]
    if len(known) < FEWEST_PEERS:
        return np.full(values.shape, np.nan)
    median = float(np.median(known))
    spread = max(_TO_SIGMA * float(np.median(np.abs(known - median))), least_spread)
    return np.asarray((median - values) / spread)


def _beside_peers(name: str, values: NDArray[np.float64], spreads_below: float, place: int) -> BesidePeers:
    figure = FIGURES[name]
    return BesidePeers(
        name,
        float(values[place]),
        float(np.nanmedian(values)),
        spreads_below,
        figure.unit,
        figure.advice_en,
        figure.advice_zh,
    )
