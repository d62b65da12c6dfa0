"""Each class of customer does what it is known for, in the season and the climate it does it in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.area_day import Window
from simulator.world.climates import CLIMATES, COLD_PLATEAU, Climate
from simulator.world.demand import AreaDemand
from simulator.world.equipment import efficiency
from simulator.world.load_profiles import HABITS
from simulator.world.settlements import CLASSES, SETTLEMENTS, settlement_of
from simulator.world.weather import Weather
from simulator.world.world import World, build_area, kind_of_day, public_holidays, tariffs

Curves = NDArray[np.float64]

QUARTERS = np.arange(96)
SEED = 4


@dataclass(frozen=True, eq=False)
class Lived:
    """Demands (customers, days, quarter hours) of some areas, with who they are of."""

    worlds: Sequence[World]
    demand_kw: Curves
    days: Sequence[date]

    def column(self, name: str, equipment: bool = False) -> Curves:
        loads = [world.customers.load for world in self.worlds]
        return np.concatenate([getattr(load.equipment if equipment else load, name) for load in loads])

    @property
    def classes(self) -> NDArray[np.str_]:
        return np.array([m.customer_class for world in self.worlds for m in world.customers.meters])

    def habit(self, name: str) -> NDArray[np.bool_]:
        return np.asarray(self.column("habit") == HABITS.index(name))

    def on(self, *days: date) -> Curves:
        return self.demand_kw[:, [self.days.index(day) for day in days]]


def lived(climate: Climate, start: date, days: int, areas: Sequence[int] = range(10), customers: int = 60) -> Lived:
    worlds = [build_area(number, 20, customers, SEED, climate=climate) for number in areas]
    demands = [AreaDemand(world, SEED, np.random.default_rng([SEED, world.number])) for world in worlds]
    weather = Weather(climate, SEED, start, days, climate.timezone)
    days_off = public_holidays(climate.country, start, days)
    dates = [start + timedelta(days=number) for number in range(days)]
    by_day = []
    for number, day in enumerate(dates):
        midnight_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        hours = (QUARTERS + 0.5) / 4
        window = Window(
            day=day,
            day_number=number,
            kind_of_day=kind_of_day(day, days_off),
            start_s=midnight_s + 900 * QUARTERS,
            interval_h=0.25,
            local_hour=hours,
            temperature_c=weather.temperature_c(day, hours),
            sunshine=weather.sunshine(day, hours),
            clearness=weather.clearness(day),
            mean_c=weather.mean_c(day),
        )
        rngs = (np.random.default_rng([SEED, world.number, number]) for world in worlds)
        by_day.append(np.concatenate([d.window_kw(window, rng) for d, rng in zip(demands, rngs, strict=True)]))
    return Lived(worlds, np.stack(by_day, axis=1), dates)


@pytest.fixture(scope="module")
def spring() -> Lived:
    """The plateau in March to May: the season of irrigation begins."""
    return lived(COLD_PLATEAU, date(2026, 3, 1), 90, range(20))


@pytest.fixture(scope="module")
def new_year() -> Lived:
    return lived(COLD_PLATEAU, date(2026, 1, 5), 70, range(20))


def test_a_province_has_every_class_in_its_share() -> None:
    worlds = [build_area(number, 40, 100, 1) for number in range(40)]
    counts = Counter(meter.customer_class for world in worlds for meter in world.customers.meters)
    share = {name: count / 4000 for name, count in counts.items()}
    assert 0.76 < share["residential"] < 0.86
    assert 0.08 < share["commercial"] < 0.14
    assert 0.012 < share["industrial"] < 0.035
    assert 0.015 < share["agricultural"] < 0.04
    assert 0.015 < share["public"] < 0.04
    assert 0.003 < share["temporary"] < 0.02
    solar = np.mean(np.concatenate([world.customers.pv_kwp > 0 for world in worlds]))
    chargers = np.mean(np.concatenate([world.customers.load.equipment.charger_kw > 0 for world in worlds]))
    assert 0.02 < solar < 0.07
    assert 0.02 < chargers < 0.08


def test_areas_differ_by_settlement() -> None:
    for seed in (1, 2):
        names = [settlement_of(number, seed).name for number in range(20)]
        assert set(names) == set(SETTLEMENTS)
        assert names[0] == "town_block"
    assert [settlement_of(n, 1).name for n in range(20)] != [settlement_of(n, 2).name for n in range(20)]
    by_settlement = {world.settlement: world for world in (build_area(n, 20, 200, 1) for n in range(20))}

    def share(settlement: str, customer_class: str) -> float:
        return float(np.mean([m.customer_class == customer_class for m in by_settlement[settlement].customers.meters]))

    assert share("farmland", "agricultural") > 0.2
    assert share("industrial_estate", "industrial") > 0.2
    assert share("high_street", "commercial") > 0.3
    assert share("suburb", "residential") > 0.85


def test_the_page_names_every_settlement_class_habit_and_climate() -> None:
    page = (Path(__file__).parents[4] / "docs" / "world.md").read_text(encoding="utf-8")
    missing = [name for name in (*SETTLEMENTS, *CLASSES, *HABITS, *CLIMATES) if f"`{name}`" not in page]
    assert not missing


@pytest.mark.parametrize("climate", CLIMATES)
@pytest.mark.parametrize("customers", [1, 2, 3, 7, 19, 20, 500])
def test_areas_of_any_size_can_be_built(climate: str, customers: int) -> None:
    for number in (0, 3, 8):
        world = build_area(number, 20, customers, 2, climate=CLIMATES[climate])
        assert len(world.customers) == customers
        assert np.all(np.isfinite(world.network.segment_ohm))
        assert abs(world.supply.latitude or 0) == pytest.approx(abs(CLIMATES[climate].latitude), abs=0.5)
        peak_kw = world.customers.load.typical_peak_kw(CLIMATES[climate].coldest_c, CLIMATES[climate].hottest_c)
        contracted_kw = np.array([meter.contracted_kw for meter in world.customers.meters])
        assert np.all(contracted_kw > 0.7 * peak_kw), "a connection carries what is expected"


def test_every_tariff_category_has_a_price_at_every_hour() -> None:
    prices = tariffs(date(2026, 1, 1))
    worlds = [build_area(number, 20, 100, 1) for number in range(20)]
    wanted = {meter.tariff_category for world in worlds for meter in world.customers.meters}
    assert len(wanted) == 6
    for category in wanted:
        hours = [
            (p.from_hour + h) % 24
            for p in prices
            if p.tariff_category == category
            for h in range((p.to_hour - p.from_hour) % 24 or 24)
        ]
        assert sorted(hours) == list(range(24)), category


def test_street_lamps_follow_the_sun() -> None:
    december = lived(COLD_PLATEAU, date(2026, 12, 14), 7, range(20))
    june = lived(COLD_PLATEAU, date(2026, 6, 14), 7, range(20))
    burning_h = []
    for found in (december, june):
        lamps = found.habit("street_lighting")
        assert lamps.sum() >= 5
        lit = found.demand_kw[lamps] > 0.3 * found.column("lamps_kw", equipment=True)[lamps, None, None]
        assert lit[:, :, 4 * 4].all(), "at four in the morning"
        assert lit[:, :, 13 * 4].mean() < 0.05, "at one in the afternoon only a control box draws"
        burning_h.append(lit.mean() * 24)
    assert 13.0 < burning_h[0] < 15.5
    assert 8.5 < burning_h[1] < 11.0


def test_irrigation_pumps_run_long_spells_in_their_season_only(spring: Lived) -> None:
    pumps = np.flatnonzero(spring.column("pump_kw", equipment=True) > 0)
    assert len(pumps) >= 8
    power_kw = spring.column("pump_kw", equipment=True)[pumps]
    on = spring.demand_kw[pumps] > 0.7 * power_kw[:, None, None]
    first = spring.days.index(date(2026, 4, 2))
    assert not on[:, :first].any(), "frost"
    share = on[:, first + 30 :].mean()
    assert 0.1 < share < 0.5
    row = on.reshape(len(pumps), -1).astype(int)
    starts = (np.diff(row, axis=1) == 1).sum()
    assert row.sum() / starts / 4 > 5, "hours of a spell"
    assert (on[:, :, 0] & on[:, :, 1]).any(), "some run past midnight"


def test_pumps_rest_under_clouds_and_turn_with_the_hemisphere() -> None:
    south = lived(CLIMATES["southern_temperate"], date(2026, 1, 1), 20, range(20))
    winter = lived(CLIMATES["southern_temperate"], date(2026, 7, 1), 20, range(20))
    pumps = np.flatnonzero(south.column("pump_kw", equipment=True) > 0)
    power_kw = south.column("pump_kw", equipment=True)[pumps, None, None]
    assert (south.demand_kw[pumps] > 0.7 * power_kw).mean() > 0.1
    assert not (winter.demand_kw[pumps] > 0.7 * power_kw).any()
    weather = Weather(CLIMATES["southern_temperate"], SEED, date(2026, 1, 1), 20, "Australia/Melbourne")
    clear = np.array([weather.clearness(day) for day in south.days])
    running = (south.demand_kw[pumps][:, :, 48] > 0.7 * power_kw[:, :, 0]).mean(axis=0)
    assert running[clear > np.median(clear)].mean() > running[clear <= np.median(clear)].mean()


def test_schools_rest_at_weekends_and_in_vacations(spring: Lived, new_year: Lived) -> None:
    schools = spring.habit("school")
    assert schools.sum() >= 3
    by_day = spring.demand_kw[schools][:, :, 32:64].mean(axis=2)
    weekend = np.array([day.weekday() >= 5 for day in spring.days])
    assert by_day[:, ~weekend].mean() > 2.0 * by_day[:, weekend].mean()
    vacation = [date(2026, 1, 28), date(2026, 1, 29), date(2026, 1, 30)]
    term = [date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6)]
    at_work = new_year.on(*term)[schools][:, :, 32:64].mean()
    assert at_work > 1.6 * new_year.on(*vacation)[schools][:, :, 32:64].mean()


def test_works_stand_still_around_chinese_new_year(new_year: Lived) -> None:
    works = new_year.classes == "industrial"
    closes = works & (new_year.column("closed_before") > 0)
    assert closes.sum() > 0.6 * works.sum()
    still = new_year.on(date(2026, 2, 16), date(2026, 2, 17), date(2026, 2, 18))[closes]
    before = new_year.on(date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 14))[closes]
    assert still.mean() < 0.5 * before.mean()
    # two days before the eve it is no holiday yet, but some have gone home
    eve = new_year.on(date(2026, 2, 12))[closes].mean(axis=(1, 2)) / before.mean(axis=(1, 2))
    assert (eve < 0.6).any()
    assert (eve > 0.8).any()


def test_a_building_site_works_by_day_in_bursts(spring: Lived) -> None:
    sites = spring.classes == "temporary"
    assert sites.sum() >= 3
    workdays = np.array([day.weekday() < 5 for day in spring.days])
    demand_kw = spring.demand_kw[sites][:, workdays]
    assert demand_kw[:, :, 32:68].mean() > 3 * demand_kw[:, :, :20].mean()
    by_day = demand_kw[:, :, 34:44]
    steps = np.abs(np.diff(by_day, axis=2)).mean() / by_day.mean()
    assert steps > 0.2, "cranes and welders come and go"


def test_a_heat_pump_loses_with_the_cold() -> None:
    winter = lived(CLIMATES["oceanic"], date(2026, 1, 1), 40, range(20))
    summer = lived(CLIMATES["oceanic"], date(2026, 7, 1), 20, range(20))
    pumps = (winter.column("heat_pump_thermal_kw_per_k", equipment=True) > 0) & (winter.classes == "residential")
    others = ~pumps & (winter.column("heating_kw_per_k") == 0) & (winter.classes == "residential")
    assert pumps.sum() >= 20
    more = winter.demand_kw.mean(axis=(1, 2)) / summer.demand_kw.mean(axis=(1, 2))
    assert np.median(more[pumps]) > 1.5 * np.median(more[others])
    assert efficiency(-15.0) < 0.65 * efficiency(7.0)


def test_summers_are_cooled_where_they_are_hot() -> None:
    growth = {}
    for name in ("hot_summer_cold_winter", "cold_plateau"):
        july, april = (lived(CLIMATES[name], date(2026, month, 10), 14) for month in (7, 4))
        homes = july.classes == "residential"
        growth[name] = july.demand_kw[homes].mean() / april.demand_kw[homes].mean()
    assert growth["hot_summer_cold_winter"] > 1.3
    assert growth["cold_plateau"] < 1.0


def test_vehicles_charge_in_the_evening_and_past_midnight(spring: Lived) -> None:
    owners = spring.column("charger_kw", equipment=True) > 0
    timers = owners & (spring.column("charging_from_h", equipment=True) > 23)
    homes = (spring.classes == "residential") & ~owners
    assert owners.sum() >= 20
    assert timers.sum() >= 4

    def by_hour(rows: NDArray[np.bool_]) -> Curves:
        return np.asarray(spring.demand_kw[rows].mean(axis=(0, 1)).reshape(24, 4).mean(axis=1))

    added = by_hour(owners) - by_hour(homes)
    assert added[19:23].mean() > added[8:16].mean() + 0.3
    night = by_hour(timers) - by_hour(homes)
    assert night[[0, 1]].mean() > night[8:16].mean() + 0.5
    charged_kwh = 24 * (spring.demand_kw[owners].mean() - spring.demand_kw[homes].mean())
    assert 1 < charged_kwh < 9


def test_germans_close_their_shops_on_sundays() -> None:
    found = lived(CLIMATES["oceanic"], date(2026, 3, 2), 14)
    shops = found.habit("shop")
    sunday, saturday = (found.on(*(d for d in found.days if d.weekday() == n))[shops].mean() for n in (6, 5))
    assert sunday < 0.85 * saturday


def test_nobody_draws_more_than_the_switch_lets_through(spring: Lived) -> None:
    assert np.all(spring.demand_kw >= 0)
    assert np.all(spring.demand_kw <= spring.column("ceiling_kw")[:, None, None])
    at_limit = spring.demand_kw >= spring.column("ceiling_kw")[:, None, None]
    assert at_limit.mean() < 0.002, "switches are laid out for what is usual"
