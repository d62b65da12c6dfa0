"""An alert: the machine's claim about one service point and one abnormality."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

#: Who gives the reasons that are no detector's: an inspection, why a kind was named, a person from the office, a corrected reading.
FINDING, NAMING, PERSON, CORRECTION = "finding", "kind", "person", "correction"

Grade = Literal["high", "medium", "low"]


class AlertState(StrEnum):
    RAISED = "raised"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of why: a detector's words with its figures; `against` marks what speaks against the suspicion.

    Times in a text are the utility's local time. `text_zh` says the same in Chinese, empty where nobody did. `weight` is by how much the line moved the log-odds of a case, 0 = not weighed.
    """

    detector: str
    text: str
    against: bool = False
    text_zh: str = ""
    weight: float = 0.0

    @property
    def supports(self) -> bool:
        """Whether a detector says this for the suspicion."""
        return not self.against and self.detector not in (FINDING, NAMING, PERSON, CORRECTION)


@dataclass(frozen=True, slots=True)
class Worth:
    """What a claim stands for since its onset, each with an interval that holds the truth in four of five cases.

    `basis` says what is counted: "energy" that was not registered (kWh; money at the mean price of the meter's tariff), a
    "price_difference" of energy that was registered, "unbilled" energy that was registered after the account's end (kWh, exact), or
    "nothing_lost". Money is None where no tariff says a price.
    """

    basis: Literal["energy", "price_difference", "unbilled", "nothing_lost"]
    kwh_low: float = 0.0
    kwh: float = 0.0
    kwh_high: float = 0.0
    money_low: float | None = None
    money: float | None = None
    money_high: float | None = None
    currency: str = ""

    @property
    def is_energy(self) -> bool:
        """Whether kWh are what it counts."""
        return self.basis in ("energy", "unbilled")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Times are epoch seconds of event time; `meter_id` is None for an area's own alert.

    `observed` and `expected` share `unit`. `missing_kwh` is the energy the claim stands for so far (expected minus
    observed while raised), `unjudged` the intervals of the episode without a reading and what was expected in them:
    a late reading amends the alert from these inputs. `relapses` are (end of an episode, start of the next), oldest first:
    the first episode began at `raised_at_s`, the last ends at `cleared_at_s`. `worth` is what
    is recoverable since `since_s`, renewed at every day's close, None where nobody can tell. `revision` grows with every change.
    """

    alert_id: str
    transformer_area: str
    meter_id: str | None
    service_point: str
    abnormality: str
    family: str
    grade: Grade
    risk: float
    raised_at_s: int
    cleared_at_s: int | None
    state: AlertState
    observed: float
    expected: float
    unit: str
    reasons: tuple[Reason, ...]
    since_s: int
    episodes: int = 1
    relapses: tuple[tuple[int, int], ...] = ()
    missing_kwh: float = 0.0
    unjudged: tuple[tuple[int, float], ...] = ()
    late_readings: int = 0
    revision: int = 1
    worth: Worth | None = None

    @property
    def energy_at_stake_kwh(self) -> float:
        """Not registered since the onset where that is known, else what the claim stands for since it was raised."""
        return self.missing_kwh if self.worth is None else self.worth.kwh

    @property
    def is_open(self) -> bool:
        return self.state is AlertState.RAISED


@dataclass(frozen=True, slots=True)
class EndedAlert:
    """What a day's close tells of an alert that is over: `state` says how it ended."""

    alert_id: str
    abnormality: str
    state: AlertState
    ended_at_s: int
