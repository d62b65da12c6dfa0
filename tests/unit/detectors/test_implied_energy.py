"""Only a register that counts the same multiple of what its meter measures, for hours, runs away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from detectors.examples import MONDAY_S, Values, context, frame
from detectors.interval.implied_energy import ImpliedEnergy, ImpliedEnergyParams
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, Signal
from metering.frame import ReadingFrame

PER_DAY, VOLTS, FACTOR = 96, 230.0, 0.95
EVENT = 5 * PER_DAY
Life = Callable[[int, float, float], tuple[float | None, float | None]]
"""(interval, current A, true energy kWh) -> what the meter reports of them."""


def kwh(amperes: float, phases: int = 1) -> float:
    return phases * VOLTS * amperes * FACTOR * 0.25 / 1000


def load_a(i: int, rng: np.random.Generator) -> float:
    return float((1.5 + np.sin(i / PER_DAY * 2 * np.pi)) * np.exp(0.3 * rng.standard_normal()))


def lived(life: Life, days: float = 7, *, scatter: float = 0.01, supply: bool = False) -> list[Signal]:
    """What is said of one single-phase meter interval by interval, from the event on."""
    rng = np.random.default_rng(5)
    fields: dict[str, list[object]] = {"phases": [1], "role": ["supply" if supply else "customer"]}
    rule = ImpliedEnergy(context(meters=1, fields=fields), ImpliedEnergyParams())
    said = []
    for i in range(int(days * PER_DAY)):
        amperes = load_a(i, rng)
        energy, current = life(i, amperes, kwh(amperes) * float(np.exp(scatter * rng.standard_normal())))
        reading = single(i, energy, current)
        said += rule.score(reading)
        rule.learn(reading, np.array([energy is not None]))
    return said[EVENT:]


def single(i: int, energy: float | None, current: float | None) -> ReadingFrame:
    return frame(
        start_s=MONDAY_S + 900 * i, energy_kwh=[energy], current_a=[current], voltage_v=[VOLTS], power_factor=[FACTOR]
    )


def strongest(said: list[Signal]) -> float:
    return float(np.nanmax([s.strength[0] for s in said]))


def runs_away(factor: float, first: int = EVENT, intervals: int = 8) -> Life:
    return lambda i, amperes, energy: (energy * (factor if first <= i < first + intervals else 1.0), amperes)


@pytest.mark.parametrize("factor", [2.0, 3.5, 8.0])
def test_a_spell_of_two_hours_is_enough(factor: float) -> None:
    said = lived(runs_away(factor))
    first = next(n for n, s in enumerate(said) if s.strength[0] >= SET_STRENGTH)
    assert first == 5, "after an hour and a half"
    signal = said[first]
    assert signal.observed[0] == pytest.approx(factor * signal.expected[0], rel=0.05)
    assert signal.since_s is not None
    assert signal.since_s[0] == MONDAY_S + 900 * EVENT


def test_after_the_spell_it_is_gone() -> None:
    assert lived(runs_away(3.0))[12].strength[0] <= RECOVER_STRENGTH


def nothing(_i: int, amperes: float, energy: float) -> tuple[float | None, float | None]:
    return energy, amperes


def spike(i: int, amperes: float, energy: float) -> tuple[float | None, float | None]:
    return energy * (20 if i % 40 == 0 and i >= EVENT else 1), amperes


def day_reversed(i: int, amperes: float, energy: float) -> tuple[float | None, float | None]:
    mirrored = i - i % PER_DAY + PER_DAY - 1 - i % PER_DAY
    return (kwh(load_a(mirrored, np.random.default_rng(mirrored))) if i >= EVENT else energy), amperes


def flat(i: int, amperes: float, energy: float) -> tuple[float | None, float | None]:
    return (kwh(1.5) if i >= EVENT else energy), amperes


def bypassed_and_mended(i: int, amperes: float, energy: float) -> tuple[float | None, float | None]:
    return energy * (0.4 if i < EVENT else 1.0), amperes


def no_load(i: int, amperes: float, energy: float) -> tuple[float | None, float | None]:
    return (0.01, 0.005) if i >= EVENT else (energy, amperes)


def no_current(i: int, amperes: float, energy: float) -> tuple[float | None, float | None]:
    return energy * (3 if i >= EVENT else 1), None if i >= EVENT else amperes


def estimated(i: int, amperes: float, energy: float) -> tuple[float | None, float | None]:
    return (None if i >= EVENT and i % 3 else energy), amperes


def half_more(i: int, amperes: float, energy: float) -> tuple[float | None, float | None]:
    return energy * (1.5 if i >= EVENT else 1), amperes


@pytest.mark.parametrize(
    "life",
    [nothing, spike, day_reversed, flat, bypassed_and_mended, no_load, no_current, estimated, half_more],
    ids=lambda life: str(life.__name__),
)
def test_what_resembles_it_says_nothing(life: Life) -> None:
    said = lived(life)
    assert not any(s.strength[0] >= SET_STRENGTH for s in said)


def test_a_meter_whose_snapshots_scatter_needs_a_larger_multiple() -> None:
    assert strongest(lived(runs_away(2.0, intervals=96), scatter=0.4)) < SET_STRENGTH
    assert strongest(lived(runs_away(2.0, intervals=96), scatter=0.01)) >= SET_STRENGTH


def test_a_supply_meter_is_the_balances_to_judge() -> None:
    assert all(np.isnan(s.strength[0]) for s in lived(runs_away(3.0), supply=True))


def test_energies_that_validation_doubts_count() -> None:
    """A register that counts eightfold is far above what its meter ever showed: each reading alone would be doubted."""
    rule = ImpliedEnergy(context(meters=1, fields={"phases": [1]}), ImpliedEnergyParams())
    rng, said = np.random.default_rng(5), []
    for i in range(EVENT + 8):
        amperes = load_a(i, rng)
        reading = single(i, kwh(amperes) if i < EVENT else None, amperes)
        if i >= EVENT:
            reading.shared["received_kwh"] = np.array([8 * kwh(amperes)])
        said = rule.score(reading)
        rule.learn(reading, np.array([i < EVENT]))
    assert said[0].strength[0] >= SET_STRENGTH


def test_what_many_meters_of_the_area_show_at_once_is_no_register() -> None:
    meters = 6
    rule = ImpliedEnergy(context(meters=meters, fields={"phases": [1] * meters}), ImpliedEnergyParams())
    for away in (meters, 1):
        rng = np.random.default_rng(5)
        for i in range(EVENT + 8):
            amperes = [load_a(i, rng) for _ in range(meters)]
            times = [10.0 if i >= EVENT and row < away else 1.0 for row in range(meters)]
            reading = frame(
                start_s=MONDAY_S + 900 * i,
                energy_kwh=[kwh(a) * t for a, t in zip(amperes, times, strict=True)],
                current_a=list(amperes),
                power_factor=[FACTOR] * meters,
            )
            (signal,) = rule.score(reading)
            rule.learn(reading, np.ones(meters, dtype=np.bool_))
        assert np.count_nonzero(signal.strength >= SET_STRENGTH) == (0 if away == meters else 1)


def of_phases(currents: Values, phases: int | None, wiring: str | None = None) -> float:
    """What is said when the energy of three phases of 4 A was counted, of which these currents are reported."""
    fields: dict[str, list[object]] = {"phases": [phases], "wiring": [wiring]}
    rule = ImpliedEnergy(context(meters=1, fields=fields), ImpliedEnergyParams())
    said: list[Signal] = []
    for i in range(EVENT + 8):
        amperes = 4.0 + 0.1 * (i % 7)
        shown = [None if a is None else a * amperes for a in (currents if i >= EVENT else [1, 1, 1])]
        columns: dict[str, Any] = {f"current_{p}_a": [a] for p, a in zip("abc", shown, strict=True)}
        columns |= {f"voltage_{p}_v": [VOLTS] for p in "abc"}
        reading = frame(start_s=MONDAY_S + 900 * i, energy_kwh=[kwh(amperes, 3)], power_factor=[FACTOR], **columns)
        said = rule.score(reading)
        rule.learn(reading, np.array([True]))
    return float(said[0].strength[0])


@pytest.mark.parametrize("phases", [3, None])
def test_a_phase_that_is_not_reported_leaves_the_meter_unjudged(phases: int | None) -> None:
    assert of_phases([1, 1, 1], phases) == 0
    assert np.isnan(of_phases([1, None, None], phases))
    assert np.isnan(of_phases([1, 1, None], phases))


def test_a_three_wire_meter_has_two_currents() -> None:
    assert of_phases([1, None, 1], 3, "three_wire") <= RECOVER_STRENGTH


def test_a_feed_without_currents_gets_no_signal() -> None:
    rule = ImpliedEnergy(context(meters=1), ImpliedEnergyParams())
    assert rule.score(frame(energy_kwh=[1.0], voltage_v=[230.0])) == []
