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
    prevalence: float = 0.08
    """Share of the customers with a case, where nobody asks for another."""
    hard: bool = False
    storm: bool = False
    one_of_each: bool = False
    exodus: float = 1.0
    """How many times more homes than usual are left, or fill up, at Chinese New Year."""


#: Shares among the labelled customers. Thefts are commoner than faults; each kind is often enough that a feed of 4,000 meters
#: at 8 % has several of it.
MIXED_WEIGHTS: Mapping[str, float] = {
    "bypass": 0.060,
    "night_bypass": 0.050,
    "intermittent_bypass": 0.040,
    "ramped_bypass": 0.040,
    "tap_before_meter": 0.050,
    "scaled_by_constant": 0.030,
    "nothing_for_hours": 0.025,
    "scaled_at_random": 0.025,
    "mean_scaled_at_random": 0.025,
    "mean_flat": 0.025,
    "day_reversed": 0.020,
    "magnet": 0.030,
    "cover_opened": 0.030,
    "terminal_cover_opened": 0.020,
    "neutral_by_earth": 0.025,
    "split_current": 0.030,
    "current_while_off": 0.015,
    "register_stopped": 0.040,
    "register_runaway": 0.020,
    "register_falls": 0.015,
    "register_reset": 0.015,
    "voltage_loss": 0.035,
    "phase_break": 0.020,
    "ct_shorted": 0.025,
    "ct_open": 0.015,
    "ct_ratio_changed": 0.020,
    "ratio_error": 0.015,
    "power_reversed": 0.030,
    "phase_swap": 0.020,
    "undeclared_generation": 0.020,
    "over_capacity": 0.035,
    "low_power_factor": 0.015,
    "tariff_misuse": 0.025,
    "mining": 0.015,
    "resale": 0.020,
    "temporary_supply_misuse": 0.010,
    "clock_shifted": 0.020,
    "clock_drifts": 0.015,
    "communication_loss": 0.015,
    "spikes": 0.010,
    "registers_disagree": 0.010,
}
#: Shares among the areas that have a case of the whole area.
MIXED_AREA_WEIGHTS: Mapping[str, float] = {
    "line_tap": 0.30,
    "bad_joint": 0.15,
    "transformer_overload": 0.14,
    "supply_meter_low": 0.10,
    "lost_neutral": 0.08,
    "supply_phase_lost": 0.06,
    "supply_meter_high": 0.05,
    "weak_line_end": 0.05,
    "frequent_outage": 0.04,
    "concentrator_loss": 0.03,
}

#: Scenarios that no mixture has; each is a pack by its own name.
ALONE: tuple[str, ...] = ("use_after_closure",)

PACKS: Mapping[str, Pack] = {
    "clean": Pack("Nobody steals, nothing is broken; benign life goes on: the false alarms of a monitor."),
    "mixed": Pack(
        "Every abnormality there is, beside benign life: how much is found, and at what price.",
        MIXED_WEIGHTS,
        MIXED_AREA_WEIGHTS,
        areas_with_a_case=3.0,
        spurious_events_per_1000_meter_weeks=0.3,
    ),
    "hard": Pack(
        "As mixed, but small and hidden cases, noisy voltages, wrong topology and a master meter that is off.",
        MIXED_WEIGHTS,
        MIXED_AREA_WEIGHTS,
        areas_with_a_case=3.0,
        spurious_events_per_1000_meter_weeks=0.6,
        hard=True,
    ),
    "storm": Pack(
        "A storm takes the supply from most areas for hours; they come back in steps. One bypass begins in it.",
        spurious_events_per_1000_meter_weeks=0.3,
        storm=True,
    ),
    "new-year": Pack(
        "Chinese New Year: towns empty twice as much as usual, works stand still, villages fill up; nobody steals.",
        spurious_events_per_1000_meter_weeks=0.3,
        exodus=2.0,
    ),
    "training": Pack(
        "One or two cases of every kind, with an exercise and its answer sheet, for new inspectors.",
        MIXED_WEIGHTS,
        MIXED_AREA_WEIGHTS,
        areas_with_a_case=3.0,
        spurious_events_per_1000_meter_weeks=0.3,
        one_of_each=True,
    ),
    "province": Pack(
        "As mixed at one customer in sixty: for load, where there are very many meters.",
        MIXED_WEIGHTS,
        MIXED_AREA_WEIGHTS,
        areas_with_a_case=3.0,
        spurious_events_per_1000_meter_weeks=0.3,
        prevalence=0.016,
    ),
}


def choose_packs(names: Sequence[str]) -> Pack:
    """The packs' sum; a scenario's name stands for a pack of it alone. `FeedError` names the packs there are."""
    found = [_pack(name) for name in names]
    unknown = [name for name, pack in zip(names, found, strict=True) if pack is None]
    packs = [pack for pack in found if pack is not None]
    if unknown or not packs:
        raise FeedError(
            f"no pack {', '.join(map(repr, unknown)) or 'named'}: choose from {', '.join(PACKS)}, or a scenario alone, "
            f"such as {next(iter(MIXED_WEIGHTS))} or {next(iter(MIXED_AREA_WEIGHTS))}"
        )
    chosen = packs[0]
    for other in packs[1:]:
        chosen = replace(
            chosen,
            about=f"{chosen.about} {other.about}",
            weights=_sum(chosen.weights, other.weights),
            area_weights=_sum(chosen.area_weights, other.area_weights),
            areas_with_a_case=max(chosen.areas_with_a_case, other.areas_with_a_case),
            spurious_events_per_1000_meter_weeks=max(
                chosen.spurious_events_per_1000_meter_weeks, other.spurious_events_per_1000_meter_weeks
            ),
            prevalence=max(chosen.prevalence, other.prevalence),
            hard=chosen.hard or other.hard,
            storm=chosen.storm or other.storm,
            one_of_each=chosen.one_of_each or other.one_of_each,
            exodus=max(chosen.exodus, other.exodus),
        )
    return chosen


def _pack(name: str) -> Pack | None:
    if name in MIXED_WEIGHTS or name in ALONE:
        return Pack(f"Only {name}, beside benign life.", {name: 1.0})
    if name in MIXED_AREA_WEIGHTS:
        return Pack(f"Only {name}, beside benign life.", area_weights={name: 1.0}, areas_with_a_case=3.0)
    return PACKS.get(name)


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}
