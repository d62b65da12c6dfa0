"""How often a visit errs. Nobody publishes how much of what is there a crew overlooks: these are stated assumptions.

What inspectors bring home is known to be imperfect (hidden installations, offenders who know of the visit, wrong sheets), and
studies of theft detection take it as truth for want of anything better. The numbers here are set so that a trainee and a
model meet each kind of error often enough to reckon with it. They are easy to find and to change, and each has its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from metering.catalogue import CATALOGUE
from metering.errors import SettingsError
from metering.truth import TruthCase

THEFT = "theft"


def family_of(abnormality: str) -> str:
    """The catalogue's family; empty for a word of somebody else's."""
    row = CATALOGUE.get(abnormality)
    return "" if row is None else row.family


def is_hazard(abnormality: str) -> bool:
    row = CATALOGUE.get(abnormality)
    return row is not None and row.lane == "hazard"


@dataclass(frozen=True, slots=True)
class InspectionErrors:
    """Probabilities (0..1) of what goes wrong at one visit, and for how long a warned thief lies low."""

    hidden_overlooked: float = 0.40
    """What is built out of sight (cables in the wall, a switch that is off by day) needs luck or tools: two in five are missed."""
    overlooked: float = 0.04
    """Anything else: a crew under time pressure, no access to one box, a fault that comes and goes."""
    hazard_overlooked: float = 0.02
    """Hazards and electrical faults show on the instruments of a routine check, so hardly any are missed."""
    confirmed_in_vain: float = 0.01
    """Where nothing is, the crew confirms what it was sent for: an old seal taken for a broken one, a wrong connection read."""
    wrong_kind: float = 0.05
    """The case is found, but written down as another kind of the same family."""
    stopped_before: float = 0.10
    """A thief hears of the visit, which then comes two or three working days after it was assigned, and finds nothing."""
    lies_low_days: tuple[int, int] = (7, 30)
    """For how many days from the midnight before the visit."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, float) and not 0 <= value <= 1:
                raise SettingsError(f"{item.name} = {value}: give a probability from 0 to 1")
        if not 0 < self.lies_low_days[0] <= self.lies_low_days[1]:
            raise SettingsError(f"lies_low_days = {self.lies_low_days}: give the fewest and the most days")

    def of_overlooking(self, case: TruthCase, *, hidden: bool) -> float:
        """The probability that a visit overlooks the case.

        >>> InspectionErrors().of_overlooking(TruthCase("M1", "bypass", 0, None), hidden=True)
        0.4
        >>> InspectionErrors().of_overlooking(TruthCase("M1", "voltage_loss", 0, None), hidden=False)
        0.02
        """
        if hidden:
            return self.hidden_overlooked
        if is_hazard(case.abnormality) or family_of(case.abnormality) == "electrical":
            return self.hazard_overlooked
        return self.overlooked


NO_ERRORS = InspectionErrors(
    hidden_overlooked=0.0,
    overlooked=0.0,
    hazard_overlooked=0.0,
    confirmed_in_vain=0.0,
    wrong_kind=0.0,
    stopped_before=0.0,
)


def siblings(abnormality: str) -> tuple[str, ...]:
    """The other kinds of the same family that a crew could write down instead, in the catalogue's order.

    >>> siblings("over_capacity")
    ('transformer_overload',)
    """
    family = family_of(abnormality)
    return tuple(
        code
        for code, row in CATALOGUE.items()
        if row.family == family and code != abnormality and row.lane != "information"
    )
