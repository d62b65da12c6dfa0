"""Scenario packs: mixtures of abnormalities, benign life and weather that answer one question each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from metering.errors import FeedError


@dataclass(frozen=True, slots=True)
class Pack:
    """A mixture of scenarios.

    `weights` share the labelled customers among scenarios, `area_weights` the labelled areas; empty = none at all.
    `areas_with_a_case` is the share of areas with a case of the whole area, per unit of prevalence.
    `one_of_each` places every scenario that finds a place once or twice, whatever the prevalence.
    """

    about: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    area_weights: Mapping[str, float] = field(default_factory=dict)
    areas_with_a_case: float = 0.0
    spurious_events_per_1000_meter_weeks: float = 0.0
    hard: bool = False
    storm: bool = False
    one_of_each: bool = False


#: Thefts are common, faults rarer; each kind often enough that a feed of 4,000 meters at 8 % has several of it.
MIXED_WEIGHTS: Mapping[str, float] = {
    "bypass": 0.10,
    "register_stopped": 0.06,
    "voltage_loss": 0.06,
    "over_capacity": 0.06,
    "power_reversed": 0.05,
}
MIXED_AREA_WEIGHTS: Mapping[str, float] = {"line_tap": 0.4}

PACKS: Mapping[str, Pack] = {
    "clean": Pack("Nobody steals, nothing is broken; benign life goes on: the false alarms of a monitor."),
    "mixed": Pack(
        "Every abnormality there is, beside benign life: how much is found, and at what price.",
        MIXED_WEIGHTS,
        MIXED_AREA_WEIGHTS,
        areas_with_a_case=2.0,
        spurious_events_per_1000_meter_weeks=0.3,
    ),
    "hard": Pack(
        "As mixed, but small and hidden cases, noisy voltages, wrong topology and a master meter that is off.",
        MIXED_WEIGHTS,
        MIXED_AREA_WEIGHTS,
        areas_with_a_case=2.0,
        spurious_events_per_1000_meter_weeks=0.6,
        hard=True,
    ),
    "storm": Pack(
        "A storm takes the supply from most areas for hours; they come back in steps. One bypass begins in it.",
        spurious_events_per_1000_meter_weeks=0.3,
        storm=True,
    ),
    "new-year": Pack(
        "Chinese New Year: towns empty, works stand still, villages fill up; nobody steals.",
        spurious_events_per_1000_meter_weeks=0.3,
    ),
    "training": Pack(
        "One or two cases of every kind, with an exercise and its answer sheet, for new inspectors.",
        MIXED_WEIGHTS,
        MIXED_AREA_WEIGHTS,
        areas_with_a_case=2.0,
        spurious_events_per_1000_meter_weeks=0.3,
        one_of_each=True,
    ),
    "province": Pack(
        "As mixed at one customer in sixty: for load, where there are very many meters.",
        MIXED_WEIGHTS,
        MIXED_AREA_WEIGHTS,
        areas_with_a_case=2.0,
        spurious_events_per_1000_meter_weeks=0.3,
    ),
}


def choose_packs(names: Sequence[str]) -> Pack:
    """The packs' sum; `FeedError` names the packs there are."""
    unknown = [name for name in names if name not in PACKS]
    if unknown or not names:
        raise FeedError(f"no pack {', '.join(map(repr, unknown)) or 'named'}: choose from {', '.join(PACKS)}")
    chosen = PACKS[names[0]]
    for other in (PACKS[name] for name in names[1:]):
        chosen = replace(
            chosen,
            about=f"{chosen.about} {other.about}",
            weights=_sum(chosen.weights, other.weights),
            area_weights=_sum(chosen.area_weights, other.area_weights),
            areas_with_a_case=max(chosen.areas_with_a_case, other.areas_with_a_case),
            spurious_events_per_1000_meter_weeks=max(
                chosen.spurious_events_per_1000_meter_weeks, other.spurious_events_per_1000_meter_weeks
            ),
            hard=chosen.hard or other.hard,
            storm=chosen.storm or other.storm,
            one_of_each=chosen.one_of_each or other.one_of_each,
        )
    return chosen


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}
