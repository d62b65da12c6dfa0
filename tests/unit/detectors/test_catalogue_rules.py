"""One rule serves every row of the catalogue that is a measured quantity: set, recover, what is judged and what is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from detectors.bank import interval_detectors
from detectors.examples import MONDAY_S, Values, context, frame
from detectors.interval.catalogue_rules import RULES, CatalogueRules, CatalogueRulesParams
from detectors.steps import STAYS
from metering.catalogue import CATALOGUE
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

Fields = dict[str, Sequence[object]]
HOME: Fields = {
    "phases": [1, 1],
    "rated_current_a": [60.0, 60.0],
    "has_generation": [False, False],
    "customer_class": ["residential", "industrial"],
}
WORKS: Fields = {**HOME, "phases": [3, 3]}
GOOD = frame(energy_kwh=[1, 1], voltage_a_v=[230, 230], voltage_b_v=[230, 230], voltage_c_v=[230, 230])


def say(place: AreaContext, told: ReadingFrame) -> dict[str, Signal]:
    """What the bank says of a frame after it saw good voltages once."""
    bank = [d for d in interval_detectors(place) if d.name in ("voltage_rules", "catalogue_rules")]
    for detector in bank:
        detector.learn(GOOD, np.array([True, True]))
    return {s.abnormality: s for detector in bank for s in detector.score(told)}


def place(fields: Fields) -> AreaContext:
    return context(contracted_kw=[10.0, 10.0], fields=fields)


@pytest.mark.parametrize(
    ("abnormality", "fields", "columns", "expected"),
    [
        ("overvoltage", WORKS, {"voltage_a_v": [270, 250], "voltage_b_v": [230, 230]}, [1, STAYS]),
        ("undervoltage", WORKS, {"voltage_a_v": [180, 200], "voltage_b_v": [230, 230]}, [1, STAYS]),
        ("voltage_over_limit", WORKS, {"voltage_a_v": [248, 240]}, [1, 0]),
        ("voltage_under_limit", WORKS, {"voltage_a_v": [206, 210]}, [1, STAYS]),
        ("voltage_unbalance", WORKS, {"voltage_a_v": [240, 240], "voltage_b_v": [160, 180]}, [1, STAYS]),
        ("neutral_current", WORKS, {"neutral_current_a": [35, 26]}, [1, STAYS]),
        ("neutral_line_difference", HOME, {"current_a": [2, 9], "neutral_current_a": [9, 6.5]}, [1, STAYS]),
        ("over_current", HOME, {"current_a": [75, -66]}, [1, STAYS]),
        ("demand_over", HOME, {"energy_kwh": [4.3, 3.8]}, [1, STAYS]),
        ("over_capacity", HOME, {"energy_kwh": [3.1, 2.8]}, [1, STAYS]),
        ("low_power_factor", HOME, {"energy_kwh": [2, 2], "power_factor": [0.29, -0.82]}, [1, STAYS]),
        ("reverse_energy", HOME, {"export_kwh": [0.1, 0.01]}, [1, STAYS]),
        ("power_reversed", HOME, {"current_a": [-1.0, 3.0]}, [1, 0]),
    ],
)
def test_set_stays_and_recover(
    abnormality: str, fields: Fields, columns: dict[str, Values], expected: list[float]
) -> None:
    given = {"energy_kwh": [1.0, 1.0], **columns}
    said = say(place(fields), frame(**given))[abnormality]  # type: ignore[arg-type]
    assert said.strength.tolist() == pytest.approx(expected)
    assert said.detector == "catalogue_rules"
    assert not said.quiet


def test_what_a_supply_meter_alone_is_judged_by() -> None:
    fields: Fields = {"phases": [3, 3], "rated_kva": [None, 100.0]}
    where = context(meters=2, supply=True, fields=fields)
    told = frame(
        energy_kwh=[1, 25], power_factor=[0.9, 0.8], current_a_a=[9, 160], current_b_a=[1, 60], current_c_a=[1, 150]
    )
    said = {s.abnormality: s for s in CatalogueRules(where, CatalogueRulesParams()).score(told)}
    assert said["transformer_overload"].strength.tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    assert said["transformer_overload"].observed[1] == pytest.approx(125.0)
    assert said["load_unbalance"].strength.tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    assert said["load_unbalance"].observed[1] == pytest.approx(100 / 160)


def test_an_unloaded_meter_is_not_judged_by_its_power_factor_or_sign() -> None:
    told = frame(energy_kwh=[0.1, 0.1], power_factor=[0.1, 0.1], current_a=[-0.05, 0.1], neutral_current_a=[0.0, 0.4])
    said = say(place(HOME), told)
    for code in ("low_power_factor", "power_reversed", "neutral_line_difference"):
        assert np.isnan(said[code].strength).all(), code


def test_a_dead_phase_is_no_undervoltage_and_all_phases_gone_are_an_outage() -> None:
    dead = say(place(WORKS), frame(energy_kwh=[1, 1], voltage_a_v=[230, 0], voltage_b_v=[0, 0], voltage_c_v=[230, 0]))
    for code in ("undervoltage", "voltage_under_limit", "voltage_unbalance"):
        assert dead[code].strength.tolist() == pytest.approx([0, np.nan], nan_ok=True), code
    assert not (dead["voltage_loss"].strength > 0.5).any()


def test_three_wire_meters_have_no_phase_b() -> None:
    told = frame(
        energy_kwh=[1, 1], voltage_a_v=[230, 230], voltage_b_v=[170, 170], voltage_c_v=[230, 230], current_b_a=[9, 9]
    )
    said = say(place({**WORKS, "wiring": ["three_wire", "four_wire"]}), told)
    for code in ("undervoltage", "voltage_unbalance", "voltage_loss"):
        assert (said[code].strength > 0.4).tolist() == [False, True], code


def test_generation_that_is_declared_or_may_be_there_by_day_explains_a_reversed_current() -> None:
    back = {"energy_kwh": [0, 0], "current_a": [-9, -9], "export_kwh": [1, 1]}
    noon, night = (frame(start_s=MONDAY_S + 3600 * hour, **back) for hour in (12, 0))  # type: ignore[arg-type]
    where = place({**HOME, "has_generation": [True, None]})
    assert np.isnan(say(where, noon)["power_reversed"].strength).all()
    assert say(where, night)["power_reversed"].strength.tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    assert "reverse_energy" not in say(where, night), "nobody here is known to have no generation"


def test_figures_are_of_the_trades_units() -> None:
    said = say(place(HOME), frame(energy_kwh=[3.1, 1], voltage_v=[290, 230], current_a=[-80, 4], export_kwh=[0.5, 0]))
    units = {
        code: said[code].unit
        for code in ("over_capacity", "overvoltage", "over_current", "power_reversed", "reverse_energy")
    }
    assert units == {
        "over_capacity": "kW",
        "overvoltage": "V",
        "over_current": "A",
        "power_reversed": "A",
        "reverse_energy": "kWh",
    }
    assert (said["overvoltage"].observed[0], said["overvoltage"].expected[0]) == (pytest.approx(290), 230)
    assert (said["over_current"].observed[0], said["over_current"].expected[0]) == (pytest.approx(80), 60)
    assert said["power_reversed"].observed[0] == pytest.approx(-80)


def test_a_feed_of_energy_alone_is_judged_by_energy_alone() -> None:
    assert {s.abnormality for s in CatalogueRules(place(HOME), CatalogueRulesParams()).score(frame(energy_kwh=[1, 1]))} == {
        "over_capacity", "demand_over",
    }  # fmt: skip


def test_a_quiet_answer_does_not_change_when_the_next_one_is_made() -> None:
    rules = CatalogueRules(place(HOME), CatalogueRulesParams())
    first = rules.score(frame(energy_kwh=[1, None]))
    rules.score(frame(energy_kwh=[None, 1]))
    assert [s.strength.tolist() for s in first if s.abnormality == "over_capacity"] == [
        pytest.approx([0, np.nan], nan_ok=True)
    ]


def test_every_quantity_of_the_catalogue_is_one_that_the_rule_measures() -> None:
    fields: Fields = {
        "phases": [1, 3, 3], "rated_current_a": [60, 60, None], "has_generation": [False, False, None], "rated_kva": [None, None, 100]
    }  # fmt: skip
    everything = context(contracted_kw=[8.0, 8.0, None], supply=True, fields=fields)
    rules = CatalogueRules(everything, CatalogueRulesParams())
    told = frame(
        energy_kwh=[1, 1, 2], export_kwh=[0, 0, 0], voltage_a_v=[230] * 3, current_a_a=[1, 1, 1], neutral_current_a=[1, 1, 1], power_factor=[1, 1, 1]
    )  # fmt: skip
    assert {s.abnormality for s in rules.score(told)} == set(RULES)
    assert {CATALOGUE[code].limit is not None for code in RULES} == {True}
