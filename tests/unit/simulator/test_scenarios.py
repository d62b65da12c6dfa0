"""Every scenario does what its definition says, from its onset on, at its own place and nowhere else."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import simulator.scenarios
from metering.catalogue import CATALOGUE
from simulator.area_day import AreaSimulation, AreaWindow
from simulator.plan import area_place
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.scenarios import SCENARIOS
from simulator.scenarios.bypass import Bypass
from simulator.scenarios.case import Case, Chance, Place
from simulator.scenarios.high_loss import HighLoss
from simulator.scenarios.over_capacity import OverCapacity
from simulator.scenarios.power_reversed import PowerReversed
from simulator.scenarios.register_stopped import RegisterStopped
from simulator.scenarios.voltage_loss import VoltageLoss
from simulator.simulate import prepare

Rows = NDArray[np.float64]
DAYS, ONSET_DAY = 6, 3
#: What changes readings of customers in a whole area, by its definition.
OF_ALL_CUSTOMERS = frozenset({"transformer_overload", "concentrator_loss", "frequent_outage"})
#: What the archive could say of somebody in so small an area, for scenarios that need a rare kind of customer.
COULD_BE: tuple[Mapping[str, Any], ...] = ({}, {"ct_ratio": 30.0}, {"customer_class": "temporary"})


@pytest.fixture(scope="module")
def province() -> Province:
    return prepare(areas=1, meters_per_area=60, days=DAYS, seed=11, packs=("clean",))


@dataclass(frozen=True)
class Lived:
    """All windows of the one area, joined."""

    columns: dict[str, Rows]
    drawn_kw: Rows
    past_meter_kw: Rows
    supplied_kwh: Rows

    @property
    def before(self) -> slice:
        return slice(0, ONSET_DAY * 96)

    @property
    def after(self) -> slice:
        return slice(ONSET_DAY * 96, None)

    @property
    def settled(self) -> slice:
        """After the onset but for its first interval, which a clock that runs ahead shares with the one before."""
        return slice(ONSET_DAY * 96 + 1, None)


Live = Callable[[tuple[Case, ...]], Lived]


@pytest.fixture(scope="module")
def live(province: Province) -> Live:
    def run(cases: tuple[Case, ...]) -> Lived:
        simulation = AreaSimulation(province.worlds[0], seed=province.seed, cases=cases)
        windows: list[AreaWindow] = [simulation.window(window) for window in province.windows()]
        return Lived(
            {name: np.concatenate([w.columns[name] for w in windows], axis=1) for name in windows[0].columns},
            np.concatenate([w.drawn_kw for w in windows], axis=1),
            np.concatenate([w.past_meter_kw for w in windows], axis=1),
            np.concatenate([w.flow.supplied_kw.sum(axis=0) for w in windows]) / 4,
        )

    return run


@pytest.fixture(scope="module")
def without(live: Live) -> Lived:
    return live(())


@pytest.fixture(scope="module")
def onset_s(province: Province) -> int:
    return int(list(province.windows())[ONSET_DAY].start_s[0])


def place(province: Province, scenario: type[Case], phases: int | None = None) -> Place:
    world = province.worlds[0]
    mean_kw = world.customers.load.mean_kw(-8.0)
    if scenario.of_area:
        return area_place(world, -8.0)
    for could_be, (row, meter) in itertools.product(COULD_BE, enumerate(world.customers.meters)):
        candidate = Place(replace(meter, **could_be), row, world.network, float(mean_kw[row]))
        if scenario.suits(candidate) and (phases is None or meter.phases == phases):
            return candidate
    raise AssertionError(f"no customer of this area suits {scenario.abnormality}")


def own(case: Case, lived: Lived, column: str) -> Rows:
    values: Rows = lived.columns[column][case.place.row + 1]
    return values


def draw(scenario: type[Case], at: Place, onset_s: int, seed: int = 0) -> Case:
    return scenario.draw(at, onset_s, Chance(np.random.default_rng(seed), onset_s + 40 * 86_400))


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_changes_before_the_onset_nor_in_any_other_customers_energy(
    scenario: type[Case], seed: int, province: Province, live: Live, without: Lived, onset_s: int
) -> None:
    case = draw(scenario, place(province, scenario), onset_s, seed)
    lived = live((case,))
    for name, values in lived.columns.items():
        assert np.array_equal(values[:, lived.before], without.columns[name][:, lived.before], equal_nan=True), name
    others = np.arange(1, len(province.worlds[0].meters)) != case.place.row + 1
    changed = lived.columns["energy_kwh"][1:][others] != without.columns["energy_kwh"][1:][others]
    assert not changed.any() or scenario.scenario in OF_ALL_CUSTOMERS
    differs = [
        not np.array_equal(values, without.columns[name], equal_nan=True) for name, values in lived.columns.items()
    ]
    assert any(differs) or case.events(), "and something does change, if only what the meter says of itself"


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_case_that_ends_leaves_everything_as_it_was(
    scenario: type[Case], province: Province, live: Live, without: Lived, onset_s: int
) -> None:
    lived = live((replace(draw(scenario, place(province, scenario), onset_s), end_s=onset_s + 86_400),))
    # a clock that runs ahead shares the first interval with the one before
    gone = slice((ONSET_DAY + 1) * 96 + 1, None)
    for name, values in lived.columns.items():
        assert np.array_equal(values[:, gone], without.columns[name][:, gone], equal_nan=True), name


@pytest.mark.parametrize("code", SCENARIOS)
def test_the_truth_uses_a_word_of_the_catalogue(code: str, province: Province, onset_s: int) -> None:
    case = draw(SCENARIOS[code], place(province, SCENARIOS[code]), onset_s)
    assert case.abnormality in CATALOGUE
    assert case.truth.abnormality == case.abnormality
    assert case.truth.start_s == onset_s
    assert case.truth.meter_id == case.place.meter.meter_id


def test_a_bypass_hides_its_share_and_still_loads_the_network(
    province: Province, live: Live, without: Lived, onset_s: int
) -> None:
    case = Bypass(place(province, Bypass, phases=1), onset_s, None, share=0.7, cover=None)
    lived = live((case,))
    ratio = own(case, lived, "energy_kwh")[lived.after].sum() / own(case, without, "energy_kwh")[lived.after].sum()
    assert ratio == pytest.approx(0.3, abs=0.02)
    assert np.array_equal(lived.drawn_kw, without.drawn_kw)
    np.testing.assert_allclose(lived.supplied_kwh, without.supplied_kwh, rtol=1e-9)
    assert np.array_equal(own(case, lived, "voltage_v"), own(case, without, "voltage_v")), (
        "the cable is loaded as before"
    )
    less_current = own(case, lived, "current_a")[lived.after].sum() / own(case, without, "current_a")[lived.after].sum()
    assert less_current == pytest.approx(0.3, abs=0.02)


def test_some_bypasses_open_the_cover_when_they_begin(province: Province, onset_s: int) -> None:
    cases = [draw(Bypass, place(province, Bypass), onset_s, seed) for seed in range(60)]
    events = [event for case in cases for event in case.events()]
    assert 8 <= len(events) <= 35
    assert {event.code for event in events} == {"cover_open", "terminal_cover_open"}
    assert all(onset_s <= event.event_time_s < onset_s + 900 for event in events)


def test_a_stopped_register_counts_nothing_while_current_flows(
    province: Province, live: Live, without: Lived, onset_s: int
) -> None:
    case = RegisterStopped(place(province, RegisterStopped), onset_s, None, runs_share=0.0, salt=1)
    lived = live((case,))
    assert np.all(own(case, lived, "energy_kwh")[lived.settled] == 0)
    assert np.all(own(case, lived, "export_kwh")[lived.settled] == 0)
    for name in ("current_a", "voltage_v", "power_factor"):
        assert np.array_equal(own(case, lived, name), own(case, without, name), equal_nan=True)
    np.testing.assert_allclose(lived.supplied_kwh, without.supplied_kwh, rtol=1e-9)


def test_an_intermittent_register_runs_now_and_then(province: Province, live: Live, onset_s: int) -> None:
    case = RegisterStopped(place(province, RegisterStopped), onset_s, None, runs_share=0.5, salt=1)
    stopped = own(case, live((case,)), "energy_kwh")[ONSET_DAY * 96 + 1 :] == 0
    assert stopped[:23].all(), "the truth's first hours are stopped"
    assert 0.2 < stopped.mean() < 0.9


def test_a_lost_phase_voltage_takes_its_energy_along(
    province: Province, live: Live, without: Lived, onset_s: int
) -> None:
    case = VoltageLoss(place(province, VoltageLoss), onset_s, None, phase=1, remaining=0.4, present_share=1.0, salt=1)
    lived = live((case,))
    lost = own(case, lived, "voltage_b_v")[lived.after]
    assert np.all(lost < 0.78 * 230)
    assert np.all(np.abs(own(case, lived, "current_b_a")[lived.after]) > 0), "its current flows on"
    assert np.array_equal(own(case, lived, "current_b_a"), own(case, without, "current_b_a"))
    assert np.array_equal(own(case, lived, "voltage_a_v"), own(case, without, "voltage_a_v"))
    ratio = own(case, lived, "energy_kwh")[lived.after].sum() / own(case, without, "energy_kwh")[lived.after].sum()
    assert ratio == pytest.approx(1 - 0.6 / 3, abs=0.07), "the phase's share of the energy, less what remains"


def test_over_capacity_draws_beyond_the_contract_for_long_spells(
    province: Province, live: Live, without: Lived, onset_s: int
) -> None:
    at = place(province, OverCapacity)
    case = OverCapacity(at, onset_s, None, ratio=1.4, from_hour=17.0, spell_h=6.0, days_share=1.0, salt=1)
    lived = live((case,))
    assert at.meter.contracted_kw is not None
    demand = own(case, lived, "energy_kwh") * 4 / at.meter.contracted_kw
    over = demand[lived.after].reshape(-1, 96) > 1.2
    assert np.all(over.sum(axis=1) == 24), "six hours of quarter hours on every day"
    assert np.all(np.flatnonzero(over[0]) == np.arange(68, 92)), "in one spell from five in the afternoon"
    assert (demand[lived.before] > 1.2).sum() == 0
    assert lived.supplied_kwh[lived.after].sum() > without.supplied_kwh[lived.after].sum(), "and is metered as drawn"


def test_a_tap_shows_in_the_balance_alone(province: Province, live: Live, without: Lived, onset_s: int) -> None:
    at = place(province, HighLoss)
    case = HighLoss(at, onset_s, None, share=0.15, segment=1, phases=(2,), night_share=0.3)
    lived = live((case,))
    assert np.array_equal(lived.columns["energy_kwh"][1:], without.columns["energy_kwh"][1:])
    more_kw = (lived.supplied_kwh - without.supplied_kwh)[lived.after].mean() * 4
    assert more_kw == pytest.approx(0.15 * at.mean_kw, rel=0.1)
    supply = lived.columns["energy_kwh"][0] - without.columns["energy_kwh"][0]
    assert np.all(supply[lived.after] > 0)
    assert np.nanmean((lived.columns["voltage_v"] - without.columns["voltage_v"])[:, lived.after]) < 0


@pytest.mark.parametrize("phases", [1, 3])
def test_a_reversed_phase_counts_backwards(
    phases: int, province: Province, live: Live, without: Lived, onset_s: int
) -> None:
    case = PowerReversed(place(province, PowerReversed, phases), onset_s, None, phase=0)
    lived = live((case,))
    current = "current_a" if phases == 1 else "current_a_a"
    assert np.array_equal(own(case, lived, current)[lived.after], -own(case, without, current)[lived.after])
    energy, normal = (own(case, of, "energy_kwh")[lived.settled] for of in (lived, without))
    if phases == 1:
        assert np.all(energy == 0)
        np.testing.assert_allclose(own(case, lived, "export_kwh")[lived.settled], normal, atol=0.002)
    else:
        assert energy.sum() == pytest.approx(normal.sum() / 3, rel=0.35), "the total loses the phase twice"
        assert np.array_equal(own(case, lived, "current_b_a"), own(case, without, "current_b_a"))


def test_severity_is_drawn_within_the_stated_ranges(province: Province, onset_s: int) -> None:
    end_s = onset_s + 60 * 86_400
    chance = Chance(np.random.default_rng(3), end_s)
    for _ in range(200):
        bypass = Bypass.draw(place(province, Bypass), onset_s, chance)
        loss = VoltageLoss.draw(place(province, VoltageLoss), onset_s, chance)
        over = OverCapacity.draw(place(province, OverCapacity), onset_s, chance)
        assert 0.35 <= bypass.share <= 0.95
        assert 0 <= loss.remaining <= 0.7
        assert 1.25 <= over.ratio <= 1.8
        assert 4 <= over.spell_h <= 11
        for case in (bypass, loss, over):
            assert case.end_s is None or onset_s + 14 * 86_400 <= case.end_s < end_s


def test_scenarios_know_nothing_of_who_looks_for_them() -> None:
    for file in Path(simulator.scenarios.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert all(name.split(".")[0] not in ("detectors", "alerts", "operations") for name in names), file.name


@pytest.mark.parametrize("name", ["bypass", "line_tap"])
def test_a_scenario_is_a_pack_of_its_own(name: str) -> None:
    province = Province(Recipe(areas=2, meters_per_area=30, days=30, seed=3, packs=(name,), interval_minutes=60))
    assert {case.scenario for case in province.cases} == {name}
