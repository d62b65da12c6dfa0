"""What holds for all scenarios: they cover the catalogue, read like their definitions, and do not care how a day is cut."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from metering.catalogue import CATALOGUE, FAMILIES
from simulator.hours import Hours
from simulator.metering_chain import REGISTER_STEP, REMEMBERED
from simulator.scenarios import SCENARIOS
from simulator.scenarios.case import Case, Place, Registration
from tests.unit.simulator.scenarios.small_area import PER_DAY, SmallArea

Rows = NDArray[np.float64]
#: Families of what a detector concludes, which nobody can go and find.
NOT_IN_A_FEED = frozenset({"novelty"})
MOST_LINES = 90
NUMBERS = re.compile(
    r"\d+(?:\.\d+)?|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|half|third|quarter|tenth)\b", re.IGNORECASE
)
COULD_BE: tuple[dict[str, Any], ...] = ({"ct_ratio": 30.0}, {"customer_class": "temporary"})


def test_there_are_thirty_scenarios_and_every_family_of_the_catalogue_has_one() -> None:
    assert len(SCENARIOS) >= 30
    families = {CATALOGUE[scenario.abnormality].family for scenario in SCENARIOS.values()}
    assert families == set(FAMILIES) - NOT_IN_A_FEED


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_scenario_is_one_short_file_whose_docstring_states_its_distributions(scenario: type[Case]) -> None:
    text = Path(inspect.getfile(scenario)).read_text(encoding="utf-8")
    assert len(text.splitlines()) < MOST_LINES
    definition = _definition(scenario)
    assert definition.splitlines()[0].endswith(".")
    assert ":" in definition.splitlines()[0], "a name and what it is"
    shared = [_definition(base) for base in scenario.__mro__[1:] if issubclass(base, Case) and base is not Case]
    assert len(NUMBERS.findall(" ".join([definition, *shared]))) >= 3, "ranges and shares as numbers"
    assert scenario.abnormality in CATALOGUE


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_severity_is_a_share_and_the_story_is_one_line_about_this_case(scenario: type[Case], area: SmallArea) -> None:
    at = _somewhere(area, scenario)
    drawn = [scenario.draw(at, area.onset_s, area.chance(seed, hard=seed % 2 == 1)) for seed in range(24)]
    assert all(0 <= case.severity <= 1 for case in drawn)
    assert all(case.story and "\n" not in case.story for case in drawn)
    assert all(case.end_s is None or case.end_s > case.start_s for case in drawn)
    assert all(event.meter_id == at.meter.meter_id for case in drawn for event in case.events())


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
@pytest.mark.parametrize("cut", [1, 37])
def test_it_does_not_matter_how_a_day_is_cut_into_windows(scenario: type[Case], cut: int, area: SmallArea) -> None:
    begins_s = area.onset_s + 6 * 900
    for seed in range(3):
        case = scenario.draw(_somewhere(area, scenario), begins_s, area.chance(seed))
        whole = _day_of_steps(case, area, slice(0, PER_DAY))
        parts = [_day_of_steps(case, area, slice(0, cut)), _day_of_steps(case, area, slice(cut, PER_DAY))]
        for step, values in whole.items():
            joined = np.concatenate([part[step] for part in parts], axis=-1)
            np.testing.assert_allclose(joined, values, rtol=1e-9, atol=1e-12, err_msg=step)
        untouched = _untouched(case, area, slice(0, PER_DAY))
        for step, values in whole.items():
            np.testing.assert_array_equal(values[..., :6], untouched[step][..., :6], err_msg=f"{step} before the onset")


def _definition(scenario: type[Case]) -> str:
    module = inspect.getmodule(scenario)
    assert module is not None
    return module.__doc__ or ""


class Still(np.random.Generator):
    """Draws no noise at all, so that what is left is the case itself."""

    def standard_normal(self, size: Any = None, *_: Any, **__: Any) -> Any:
        return np.zeros(size if size is not None else ())

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        return np.full(size if size is not None else (), loc)


def _somewhere(area: SmallArea, scenario: type[Case]) -> Place:
    """A place for the scenario, if need be at a customer who is of a rarer kind in the archive."""
    for could_be in COULD_BE:
        try:
            return area.place(scenario)
        except AssertionError:
            try:
                return area.as_if(scenario, **could_be)
            except AssertionError:
                continue
    raise AssertionError(f"{scenario.scenario} finds no place")


def _untouched(case: Case, area: SmallArea, part: slice) -> dict[str, Rows]:
    """What every step is given of a day, by the step's name; the values depend on the time of day alone."""
    index = np.arange(PER_DAY)[part]
    network, customers = case.place.network, len(area.province.worlds[0].customers)
    phases = case.place.meter.phases or 1

    def rows(count: int, low: float, high: float) -> Rows:
        spread = np.linspace(0.9, 1.1, count)[:, None]
        return np.asarray(spread * (low + (high - low) * (1 + np.sin(index / 7.0)) / 2))

    given = {
        "change_demand": rows(1, 0.2, 1.5)[0],
        "change_area_demand": rows(customers, 0.2, 1.5),
        "change_phases": rows(phases, 0.2, 1.5),
        "divert": np.zeros((phases, len(index))),
        "change_lag": rows(phases, 0.2, 0.3),
        "generate": np.zeros((phases, len(index))),
        "tap": np.zeros((network.segments * 3, len(index))),
        "add_resistance": np.zeros((network.segments * 3, len(index))),
        "disturb": rows(len(network.conductor_phase), 228.0, 236.0),
    }
    for name, (low, high) in {
        "voltage_v": (228.0, 236.0),
        "current_a": (2.0, 9.0),
        "power_kw": (0.4, 2.0),
        "reactive_kvar": (0.1, 0.5),
        "energy_kwh": (0.1, 0.5),
    }.items():
        given[f"register {name}"] = rows(phases, low, high)
    letters = [f"{kind}_{letter}_{unit}" for kind, unit in (("voltage", "v"), ("current", "a")) for letter in "abc"]
    for name in ("export_kwh", REGISTER_STEP, "voltage_v", *letters, *REMEMBERED):
        given[f"report {name}"] = rows(1, *((228.0, 236.0) if "voltage" in name else (0.1, 0.5)))[0]
        given[f"report_area {name}"] = rows(customers + 1, 0.1, 0.5)
    return given


def _day_of_steps(case: Case, area: SmallArea, part: slice) -> dict[str, Rows]:
    """What every step of the case makes of its part of a day."""
    index = np.arange(PER_DAY)[part]
    hours = Hours(
        area.onset_s + 900 * index,
        (index + 0.5) / 4,
        0.25,
        Still(np.random.PCG64(0)),
        temperature_c=np.zeros(len(index)),
        sunshine=np.clip(np.sin((index - 28) / 12), 0, None),
    )
    active = case.active(hours.start_s)
    made = _untouched(case, area, part)
    customers_kw = np.full((len(case.place.network.conductor_phase), len(index)), 0.6)
    case.change_demand(made["change_demand"], hours, active)
    contracted_kw = np.full(len(made["change_area_demand"]), 8.0)
    case.change_area_demand(made["change_area_demand"], contracted_kw, hours, active)
    case.change_phases(made["change_phases"], hours, active)
    case.divert(np.full_like(made["divert"], 0.8), made["divert"], hours, active)
    for step in ("change_lag", "generate", "tap", "add_resistance"):
        getattr(case, step)(made[step], hours, active)
    case.disturb(made["disturb"], customers_kw, hours, active)
    names = ("voltage_v", "current_a", "power_kw", "reactive_kvar", "energy_kwh")
    case.register(Registration(*(made[f"register {name}"] for name in names)), hours, active)
    if not case.remembers:
        reported = {key.removeprefix("report "): rows for key, rows in made.items() if key.startswith("report ")}
        case.report(reported, hours, active)
    of_all = {key.removeprefix("report_area "): rows for key, rows in made.items() if key.startswith("report_area ")}
    case.report_area(of_all, hours, active)
    return made
