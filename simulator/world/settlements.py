"""Where people live and work: the kinds of settlement that transformer areas lie in, and who is connected there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.archive import CustomerClass

#: The order of the classes as numbers: `kinds` of a world are positions here.
CLASSES: tuple[CustomerClass, ...] = ("residential", "commercial", "industrial", "agricultural", "public", "temporary")
SETTLEMENT_STREAM = 31
RESIDENTIAL, COMMERCIAL, INDUSTRIAL, AGRICULTURAL, PUBLIC, TEMPORARY = range(len(CLASSES))


@dataclass(frozen=True, slots=True)
class Settlement:
    """Shares of customers by class, what homes are like, and how long the lines are."""

    name: str
    mix: Mapping[CustomerClass, float]
    home_size: float = 1.0
    """Of a home's consumption, against the average."""
    works_size: float = 1.0
    solar_share: float = 0.04
    charger_share: float = 0.05
    long_lines: float = 1.0
    """Of the voltage lost along the line, against the average."""


SETTLEMENTS: Mapping[str, Settlement] = {
    settlement.name: settlement
    for settlement in (
        Settlement(
            "town_block",
            {"residential": 0.905, "commercial": 0.07, "public": 0.02, "temporary": 0.005},
            solar_share=0.01,
            charger_share=0.05,
            long_lines=0.8,
        ),
        Settlement(
            "suburb",
            {"residential": 0.925, "commercial": 0.04, "industrial": 0.005, "public": 0.02, "temporary": 0.01},
            home_size=1.35,
            solar_share=0.1,
            charger_share=0.12,
        ),
        Settlement(
            "village",
            {
                "residential": 0.83,
                "commercial": 0.06,
                "industrial": 0.015,
                "agricultural": 0.06,
                "public": 0.03,
                "temporary": 0.005,
            },
            home_size=0.85,
            works_size=0.6,
            solar_share=0.07,
            charger_share=0.02,
            long_lines=1.3,
        ),
        Settlement(
            "high_street",
            {"residential": 0.53, "commercial": 0.42, "industrial": 0.005, "public": 0.03, "temporary": 0.015},
            solar_share=0.01,
            charger_share=0.03,
            long_lines=0.8,
        ),
        Settlement(
            "industrial_estate",
            {"residential": 0.38, "commercial": 0.25, "industrial": 0.30, "public": 0.03, "temporary": 0.04},
            home_size=0.8,
            works_size=1.3,
            solar_share=0.02,
        ),
        Settlement(
            "farmland",
            {
                "residential": 0.6,
                "commercial": 0.05,
                "industrial": 0.02,
                "agricultural": 0.29,
                "public": 0.03,
                "temporary": 0.01,
            },
            home_size=0.95,
            works_size=0.6,
            solar_share=0.08,
            charger_share=0.02,
            long_lines=1.5,
        ),
    )
}
#: Of twenty areas in a row, so many lie in each.
_OF_TWENTY: Mapping[str, int] = {
    "town_block": 8,
    "suburb": 4,
    "village": 4,
    "high_street": 2,
    "industrial_estate": 1,
    "farmland": 1,
}


def settlement_of(number: int, seed: int) -> Settlement:
    """The settlement of an area: twenty in a row are a whole province; the first area is always a block in town.

    >>> sorted(settlement_of(n, 1).name for n in range(20)).count("village"), settlement_of(0, 7).name
    (4, 'town_block')
    """
    names = [name for name, count in _OF_TWENTY.items() for _ in range(count)]
    block, place = divmod(number, len(names))
    order = np.random.default_rng([seed, SETTLEMENT_STREAM, block]).permutation(len(names))
    if block == 0:
        first = int(np.flatnonzero(order == 0)[0])
        order[[0, first]] = order[[first, 0]]
    return SETTLEMENTS[names[int(order[place])]]


def draw_kinds(settlement: Settlement, customers: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """The class of each customer as a position in `CLASSES`, (customers,); ten or more have a shop among them."""
    shares = np.array([settlement.mix.get(name, 0.0) for name in CLASSES])
    kinds = rng.choice(len(CLASSES), size=customers, p=shares / shares.sum())
    if not (kinds == COMMERCIAL).any() and customers >= 10:
        kinds[int(rng.integers(customers))] = COMMERCIAL
    return kinds
