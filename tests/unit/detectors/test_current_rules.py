"""A small current that runs backwards for hours is reversed too; one that turns, or may be generation, is not."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.examples import MONDAY_S, context, frame
from detectors.interval.current_rules import CurrentRules, CurrentRulesParams
from metering.evidence import SET_STRENGTH

SIX_HOURS = 24


def reversed_strength(amperes: list[float], **archive: object) -> float:
    fields: dict[str, list[object]] = {
        "phases": [1],
        "has_generation": [False],
        **{name: [value] for name, value in archive.items()},
    }
    rules = CurrentRules(context(meters=1, fields=fields), CurrentRulesParams())
    strength = float("nan")
    for i, current in enumerate(amperes):
        reading = frame(start_s=MONDAY_S + 900 * i, energy_kwh=[0.0], current_a=[current])
        said = {s.abnormality: s for s in rules.score(reading)}
        rules.learn(reading, np.array([True]))
        strength = float(said["power_reversed"].strength[0])
    return strength


def test_the_standby_of_an_absent_home_that_runs_backwards_for_six_hours() -> None:
    assert reversed_strength([-0.08] * SIX_HOURS) >= SET_STRENGTH
    assert reversed_strength([-0.08] * (SIX_HOURS - 1)) < SET_STRENGTH


def test_what_is_too_small_to_have_a_direction_neither_counts_nor_ends() -> None:
    assert reversed_strength([-0.08, -0.01] * SIX_HOURS + [-0.08]) >= SET_STRENGTH
    assert np.isnan(reversed_strength([-0.02] * 3 * SIX_HOURS))


def test_a_current_that_turns_begins_anew() -> None:
    assert reversed_strength(([-0.08] * 20 + [0.08]) * 4) < SET_STRENGTH


@pytest.mark.parametrize("archive", [{"has_generation": True}, {"has_generation": None}, {"ct_ratio": 20.0}])
def test_generation_and_current_transformers_may_show_small_reversed_currents(archive: dict[str, object]) -> None:
    assert np.isnan(reversed_strength([-0.08] * 2 * SIX_HOURS, **archive))
