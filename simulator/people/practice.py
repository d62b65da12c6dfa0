"""How a department works, in one word: `perfect` or `human`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from simulator.people.aftermath import ALWAYS_MENDED, NO_APPEALS, Appeals, Rectification
from simulator.people.crew import EVERY_DAY, Roster
from simulator.people.errors import NO_ERRORS, InspectionErrors

PracticeName = Literal["perfect", "human"]


@dataclass(frozen=True, slots=True)
class Practice:
    """Roster, errors, rectification and appeals of a department; by default those of people."""

    roster: Roster = field(default_factory=Roster)
    errors: InspectionErrors = field(default_factory=InspectionErrors)
    rectification: Rectification = field(default_factory=Rectification)
    appeals: Appeals = field(default_factory=Appeals)


#: `perfect` visits on the day of assignment, every day, and finds what is true; every order ends its case and nobody appeals.
PRACTICES: Mapping[PracticeName, Practice] = {
    "perfect": Practice(EVERY_DAY, NO_ERRORS, ALWAYS_MENDED, NO_APPEALS),
    "human": Practice(),
}
