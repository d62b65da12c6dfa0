"""Fields of thresholds files that were a detector's once and are the catalogue's now: files that name them go on working."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detectors.limits import SECTION

#: (section, field) -> (code or detector, field, factor) of each value that it sets.
_MOVED: Mapping[tuple[str, str], tuple[tuple[str, str, float], ...]] = {
    ("over_capacity", "set_ratio"): (("over_capacity", "set", 1), ("transformer_overload", "set", 1)),
    ("over_capacity", "recover_ratio"): (("over_capacity", "recover", 1), ("transformer_overload", "recover", 1)),
    ("voltage_rules", "loss_set"): (("voltage_loss", "set", 1),),
    ("voltage_rules", "loss_recover"): (("voltage_loss", "recover", 1),),
    ("voltage_rules", "break_set"): (("phase_break", "set", 1),),
    ("voltage_rules", "break_recover"): (("phase_break", "recover", 1),),
    ("voltage_rules", "over_set"): (("overvoltage", "set", 1),),
    ("voltage_rules", "over_recover"): (("overvoltage", "recover", 1),),
    ("voltage_rules", "under_set"): (("undervoltage", "set", 1),),
    ("voltage_rules", "under_recover"): (("undervoltage", "recover", 1),),
    ("current_rules", "neutral_set"): (("neutral_line_difference", "set", 1),),
    ("current_rules", "neutral_recover"): (("neutral_line_difference", "recover", 1),),
    ("current_rules", "unbalance_set"): (("current_unbalance", "set", 1),),
    ("current_rules", "unbalance_recover"): (("current_unbalance", "recover", 1),),
    ("current_rules", "reverse_share"): (
        ("power_reversed", "set", 1),
        ("power_reversed", "recover", 0.5),
        ("reverse_energy", "set", 1),
        ("reverse_energy", "recover", 0.2),
    ),
    ("current_rules", "neutral_least_a"): (("catalogue_rules", "neutral_least_a", 1),),
}
_SECTIONS_OF_OLD = frozenset(section for section, _ in _MOVED)


def as_they_are_now(thresholds: Mapping[str, Any]) -> dict[str, Any]:
    """The same thresholds in today's sections. What today's section says itself counts more.

    >>> as_they_are_now({"over_capacity": {"set_ratio": 1.5}})["abnormality"]["over_capacity"]
    {'set': 1.5}
    """
    now: dict[str, Any] = {SECTION: {}}
    for section, values in thresholds.items():
        if section not in _SECTIONS_OF_OLD or not isinstance(values, Mapping):
            continue
        for name, value in values.items():
            for target, field, factor in _MOVED.get((section, name), ()):
                into = now if target == "catalogue_rules" else now[SECTION]
                is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
                into.setdefault(target, {})[field] = value * factor if is_number and factor != 1 else value
    for section, values in thresholds.items():
        if section == SECTION and isinstance(values, Mapping):
            for code, own in values.items():
                now[SECTION][code] = {**now[SECTION].get(code, {}), **own} if isinstance(own, Mapping) else own
        elif not isinstance(values, Mapping):
            now[section] = values
        else:
            left = {name: value for name, value in values.items() if (section, name) not in _MOVED}
            if left or section != "over_capacity":
                now[section] = {**now.get(section, {}), **left}
    return now
