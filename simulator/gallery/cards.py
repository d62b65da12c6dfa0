"""The cards of the gallery: for every scenario a typical case at a typical place."""

from __future__ import annotations

import inspect
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metering.catalogue import CATALOGUE
from metering.times import DAY_S
from simulator.gallery.figure import Scene, figure_of
from simulator.gallery.stage import INTERVAL_H, Lived, Rows, Stage
from simulator.scenarios import SCENARIOS
from simulator.scenarios.case import Case, Chance, Place

BENIGN = "benign"
#: Of so many draws the one of middle severity is shown.
DRAWS = 9


@dataclass(frozen=True, eq=False)
class Card:
    """One entry. `family` is the catalogue's, or `benign`; `facts` are (what, value) pairs under the definition."""

    key: str
    family: str
    code: str
    """The catalogue's code, empty for benign life."""
    name_en: str
    name_zh: str
    definition: str
    story: str
    facts: Sequence[tuple[str, str]]
    figure: str
    """SVG."""


def definition_of(thing: type) -> str:
    """The docstring of the file that defines it, and what it shares with its like: its definition."""
    modules = [thing.__module__]
    modules += [base.__module__ for base in thing.__mro__[1:] if base.__module__.startswith("simulator.scenarios.")]
    kept = [name for name in dict.fromkeys(modules) if name != Case.__module__]
    return " ".join(inspect.cleandoc(sys.modules[name].__doc__ or "") for name in kept)


def seeded(name: str) -> np.random.Generator:
    """Chance for one card, whatever other cards there are."""
    return np.random.default_rng([7, zlib.crc32(name.encode())])


def scenario_cards(stage: Stage) -> Iterator[Card]:
    """All labelled scenarios."""
    for name, scenario in SCENARIOS.items():
        yield scenario_card(stage, name, scenario)


def scenario_card(stage: Stage, name: str, scenario: type[Case]) -> Card:
    number, place = typical_place(stage, name, scenario)
    case = typical_case(name, scenario, place, stage)
    with_it, without = stage.with_cases(number, case), stage.without(number)
    found = CATALOGUE[case.abnormality]
    drawn_kw = _truly_drawn_kw(place.row, with_it, without)
    events = [((event.event_time_s - stage.onset_s) / DAY_S, event.code) for event in case.events()]
    scene = Scene(name, stage, place.row, with_it, without, drawn_kw, events, stage.onset_day)
    facts = [
        ("severity", f"{case.severity:.2f}"),
        ("hidden from a visit", "yes" if case.hidden else "no"),
        (
            "drawn and not metered",
            f"{with_it.case_kwh.sum() + 0.0:,.0f} kWh in {stage.days - stage.onset_day} days".replace("-0 ", "0 "),
        ),
        *place_facts(without, place.row),
    ]
    return Card(
        name,
        found.family,
        found.code,
        found.name_en,
        found.name_zh,
        definition_of(scenario),
        case.story,
        facts,
        figure_of(scene),
    )


def typical_place(stage: Stage, name: str, scenario: type[Case]) -> tuple[int, Place]:
    """A place in the middle third, by demand, of all those that suit.

    An estate as large as twenty areas, or a farm whose pumps rest, is chosen only where nothing else suits.
    """
    suited = [(number, place) for number, place in stage.places(scenario.of_area) if scenario.suits(place)]
    if not suited:
        raise ValueError(f"no place in {len(stage.worlds)} areas suits {name}")
    usual = [
        (number, place)
        for number, place in suited
        if stage.worlds[number].settlement != "industrial_estate" and place.meter.customer_class != "agricultural"
    ]
    return middle_third(usual or suited, name)


def middle_third(places: list[tuple[int, Place]], name: str) -> tuple[int, Place]:
    places = sorted(places, key=lambda at: (at[1].mean_kw, at[0], at[1].row))
    third = places[len(places) // 3 : max(2 * len(places) // 3, len(places) // 3 + 1)]
    return third[int(seeded(name).integers(len(third)))]


def typical_case(name: str, scenario: type[Case], place: Place, stage: Stage) -> Case:
    """The draw of middle severity."""
    rng = seeded(name)
    drawn = [scenario.draw(place, stage.onset_s, Chance(rng, stage.end_s)) for _ in range(DRAWS)]
    drawn.sort(key=lambda case: case.severity)
    return drawn[DRAWS // 2]


def place_facts(without: Lived, row: int) -> list[tuple[str, str]]:
    """What the archive says of a customer's or an area's (-1) place, and what it draws."""
    world = without.world
    area = f"{world.settlement.replace('_', ' ')}, {len(world.customers)} customers, {world.supply.rated_kva:.0f} kVA"
    mean_kw = float(np.nanmean(without.net_kwh[row + 1])) / INTERVAL_H
    if row < 0:
        return [("where", f"the whole area ({area})"), ("mean demand", f"{mean_kw:.0f} kW")]
    meter = world.customers.meters[row]
    phases = "three phases" if meter.phases == 3 else f"phase {meter.phase}"
    behind = "" if meter.ct_ratio is None else f", current transformers {5 * meter.ct_ratio:.0f}/5 A"
    return [
        ("where", f"{meter.customer_class}, {meter.contracted_kw:.0f} kW on {phases}{behind}, mean {mean_kw:.2f} kW"),
        ("area", area),
    ]


def _truly_drawn_kw(row: int, with_it: Lived, without: Lived) -> Rows:
    """What a customer draws through its connection and through its case's tap; of an area what is supplied."""
    if row < 0:
        return np.asarray(with_it.net_kwh[0] / INTERVAL_H)
    return np.asarray(with_it.drawn_by(row) + with_it.tapped_kw - without.tapped_kw)
