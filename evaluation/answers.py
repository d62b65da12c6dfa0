"""What is truly so in a feed: its cases, and where a simulation says more, their energy and the benign life around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES
from metering.truth import TruthCase

CaseKey = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """A line of `cases.csv`: the simulator's own finer word for a case, and how hard it is. `severity` 0..1."""

    scenario: str
    severity: float | None = None
    hidden: bool | None = None
    story: str = ""


@dataclass(frozen=True, slots=True)
class BenignLife:
    """A line of `life.csv`: what happened at a meter, or (supply meter) in a whole area, that is no abnormality."""

    meter_id: str
    kind: str
    start_s: int
    end_s: int | None


@dataclass(frozen=True, slots=True)
class Answers:
    """The truth of a feed, read by evaluation only.

    `facts` are by (meter, abnormality, start) and empty without `cases.csv`; `unmetered_kwh` is energy truly drawn and
    not registered, by meter and local day (ordinal), None without `unmetered.csv`; `life` is None without `life.csv`.
    """

    cases: Sequence[TruthCase]
    facts: Mapping[CaseKey, CaseFacts] = field(default_factory=dict)
    unmetered_kwh: Mapping[str, Mapping[int, float]] | None = None
    life: Sequence[BenignLife] | None = None

    def facts_of(self, case: TruthCase) -> CaseFacts | None:
        return self.facts.get((case.meter_id, case.abnormality, case.start_s))


def family_of(abnormality: str) -> str | None:
    """The family of a catalogue code; None for a word of somebody else's."""
    known = CATALOGUE.get(abnormality)
    return None if known is None else known.family


def is_information(family: str | None) -> bool:
    """Data quality and communication: their alerts count neither way, and their cases are no suspicion to rank by."""
    return family in INFORMATION_FAMILIES
