"""The world's physics agrees with itself: power balance, voltages, losses, and plausible customers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from metering.archive import Archive
from simulator.area_day import AreaWindow, Window
from simulator.province import Province
from simulator.simulate import prepare
from simulator.world.network import NOMINAL_V, Network, neutral_current_a, transformer_for
from simulator.world.world import build_area

HOURS = 0.25


@pytest.fixture(scope="module")
def province() -> Province:
    return prepare(areas=3, meters_per_area=60, days=6, seed=5, prevalence=0.1)


@pytest.fixture(scope="module")
def measured(province: Province) -> list[tuple[Window, list[AreaWindow]]]:
    return [(w, [s.window(w) for s in province.simulations]) for w in province.windows()]


def area_windows(measured: list[tuple[Window, list[AreaWindow]]]) -> Iterator[AreaWindow]:
    for _, of_areas in measured:
        yield from of_areas


def line_of(customers: int, segments: int, phases: list[int], segment: list[int]) -> Network:
    """One line of equal segments with single-phase customers."""
    return Network(
        transformer=transformer_for(100),
        lines=1,
        segment_ohm=np.full(segments, 0.05),
        conductor_customer=np.arange(customers),
        conductor_phase=np.array(phases),
        conductor_segment=np.array(segment),
        service_ohm=np.full(customers, 0.02),
    )


def source() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.full((3, 1), NOMINAL_V)


def test_supply_is_what_is_drawn_plus_technical_loss_in_every_interval(
    measured: list[tuple[Window, list[AreaWindow]]],
) -> None:
    for area in area_windows(measured):
        drawn_kw = area.drawn_kw.sum(axis=0) + area.tapped_kw.sum(axis=0)
        np.testing.assert_allclose(
            area.flow.supplied_kw.sum(axis=0), drawn_kw + area.flow.loss_kw.sum(axis=0), rtol=1e-9
        )


def test_metered_energy_balances_but_for_what_passes_no_meter(province: Province) -> None:
    """On healthy meters: supply meter = customers' meters + bypassed + tapped + technical loss, within meter classes."""
    balanced = 0
    clean = prepare(areas=3, meters_per_area=60, days=3, seed=5, packs=("clean",))
    for window in clean.windows():
        for simulation in clean.simulations:
            area = simulation.window(window)
            supply_kwh = area.columns["energy_kwh"][0]
            customers_kwh = (area.columns["energy_kwh"][1:] - area.columns["export_kwh"][1:]).sum(axis=0)
            gap_kwh = supply_kwh - customers_kwh - area.flow.loss_kw.sum(axis=0) * HOURS
            on = ~np.isnan(supply_kwh)
            assert np.all(np.abs(gap_kwh[on]) < 0.01 * supply_kwh[on] + 0.02)
            balanced += int(on.sum())
    assert balanced > 3 * 3 * 90


def test_what_is_hidden_is_supplied_all_the_same(measured: list[tuple[Window, list[AreaWindow]]]) -> None:
    hidden = sum(float(area.past_meter_kw.sum()) for area in area_windows(measured))
    assert hidden > 0
    for area in area_windows(measured):
        hides = area.past_meter_kw != 0
        assert np.all(area.past_meter_kw[hides] > 0)
        assert np.all(area.past_meter_kw[hides] <= area.drawn_kw[hides] + 1e-9)


def test_power_into_the_busbar_is_voltage_times_current(province: Province) -> None:
    """The loss formula and the voltage drop come from one network: V x I at the busbar = loads + losses behind it."""
    network = province.worlds[0].network
    rng = np.random.default_rng(0)
    net_kw = rng.uniform(0.2, 1.5, (len(network.conductor_phase), 4))
    tapped = np.zeros((network.segments * 3, 4))
    flow = network.flow(net_kw, np.zeros_like(net_kw), tapped, np.full((3, 4), 235.0))
    current_a = np.zeros((3, 4))
    np.add.at(current_a, network.conductor_phase, net_kw * 1000 / flow.conductor_v)
    copper_w = network.transformer.resistance_ohm * current_a**2
    behind_kw = flow.supplied_kw - network.transformer.no_load_kw / 3 - copper_w / 1000
    np.testing.assert_allclose((flow.bus_v * current_a).sum(axis=0) / 1000, behind_kw.sum(axis=0), rtol=0.004)


def test_voltage_falls_along_the_line_and_with_load_behind_it() -> None:
    network = line_of(3, 3, [0, 0, 0], [0, 1, 2])
    light = network.flow(np.full((3, 1), 0.1), np.zeros((3, 1)), np.zeros((9, 1)), source())
    loaded = network.flow(np.array([[0.1], [0.1], [4.0]]), np.zeros((3, 1)), np.zeros((9, 1)), source())
    assert loaded.conductor_v[0, 0] > loaded.conductor_v[1, 0] > loaded.conductor_v[2, 0]
    assert loaded.conductor_v[0, 0] < light.conductor_v[0, 0] - 0.5, (
        "a neighbour's load behind the same segment is felt"
    )


def test_load_on_one_phase_lifts_the_others() -> None:
    network = line_of(3, 1, [0, 1, 2], [0, 0, 0])
    even = network.flow(np.full((3, 1), 0.5), np.zeros((3, 1)), np.zeros((3, 1)), source())
    skewed = network.flow(np.array([[5.0], [0.5], [0.5]]), np.zeros((3, 1)), np.zeros((3, 1)), source())
    assert skewed.conductor_v[0, 0] < even.conductor_v[0, 0]
    assert skewed.conductor_v[1, 0] > even.conductor_v[1, 0]


def test_loss_is_no_load_loss_plus_a_square_of_the_load() -> None:
    network = line_of(1, 1, [0], [0])

    def loss_kw(load_kw: float) -> float:
        load = np.array([[load_kw]])
        return float(network.flow(load, 0 * load, np.zeros((3, 1)), source()).loss_kw.sum())

    idle = loss_kw(0.0)
    assert idle == pytest.approx(network.transformer.no_load_kw)
    assert (loss_kw(2.0) - idle) / (loss_kw(1.0) - idle) == pytest.approx(4, rel=0.05)


def test_balanced_phases_leave_only_harmonics_in_the_neutral() -> None:
    balanced = neutral_current_a(np.full((3, 1), 10.0))
    single = neutral_current_a(np.array([[10.0], [0.0], [0.0]]))
    assert balanced[0] == pytest.approx(1.5)
    assert single[0] == pytest.approx(10.0, rel=0.01)


def test_a_meters_voltage_current_and_factor_give_its_energy(measured: list[tuple[Window, list[AreaWindow]]]) -> None:
    area = measured[0][1][0].columns  # the first day lies before every onset
    power_kw = area["voltage_v"] * area["current_a"] * area["power_factor"] / 1000
    single = ~np.isnan(power_kw) & (area["energy_kwh"] > 0.02)
    assert single.sum() > 1000
    np.testing.assert_allclose(power_kw[single] * HOURS, area["energy_kwh"][single], rtol=0.08)


def test_every_phase_is_reported_where_the_connection_has_it(
    province: Province, measured: list[tuple[Window, list[AreaWindow]]]
) -> None:
    for world, area in zip(province.worlds, measured[0][1], strict=True):
        three = np.array([meter.phases == 3 for meter in world.meters])
        assert three[0]
        on = ~np.isnan(area.columns["energy_kwh"])
        assert np.array_equal(~np.isnan(area.columns["voltage_v"]), on & ~three[:, None])
        assert np.array_equal(~np.isnan(area.columns["current_c_a"]), on & three[:, None])


def test_an_area_is_the_same_whatever_else_is_built() -> None:
    first, again = build_area(2, 5, 40, 9), build_area(2, 800, 40, 9)
    assert first.meters == again.meters
    assert np.array_equal(first.customers.load.scale_kw, again.customers.load.scale_kw)
    assert build_area(2, 5, 40, 10).meters != first.meters


def test_the_archive_is_complete_enough_for_every_rule(province: Province) -> None:
    archive: Archive = province.archive
    assert len(archive.areas) == 3
    for area in archive.areas.values():
        assert area.is_supply.sum() == 1
        assert area.meters[0].role == "supply"
        assert area.meters[0].rated_kva
        for meter in area.meters[1:]:
            assert meter.contracted_kw
            assert meter.rated_kw
            assert meter.segment
            assert meter.phase in ("a", "b", "c", "abc")
            assert archive.price_per_kwh(meter.tariff_category, province.archive.calendar.day_start(province.first_day))
    assert {m.customer_class for m in archive.meters} >= {None, "residential", "commercial"}


def test_no_reading_lies_beyond_what_the_connection_can_carry(
    province: Province, measured: list[tuple[Window, list[AreaWindow]]]
) -> None:
    for _, of_areas in measured:
        for world, area in zip(province.worlds, of_areas, strict=True):
            limit_kw = np.array([meter.impossible_above_kw for meter in world.meters])
            assert np.nanmax(area.columns["energy_kwh"] / HOURS / limit_kw[:, None]) < 0.9


def test_households_look_like_households() -> None:
    """Ranges from published load research: noisy quarter hours, memory, an evening peak, a daily rhythm."""
    clean = prepare(areas=3, meters_per_area=80, days=14, seed=2, packs=("clean",))
    drawn = [[s.window(w).columns["energy_kwh"] for s in clean.simulations] for w in clean.windows()]
    demand_kw = np.concatenate([np.concatenate(areas) for areas in drawn], axis=1) / HOURS
    household = np.array([m.customer_class == "residential" for w in clean.worlds for m in w.meters])
    household &= ~np.isnan(demand_kw).any(axis=1)
    demand_kw = demand_kw[household]
    assert len(demand_kw) > 60
    mean_kw = demand_kw.mean(axis=1)
    assert 0.3 < np.median(mean_kw) < 1.0
    assert 0.08 < np.median(mean_kw / demand_kw.max(axis=1)) < 0.3
    standard = (demand_kw - mean_kw[:, None]) / demand_kw.std(axis=1)[:, None]
    lag = [float(np.median((standard[:, k:] * standard[:, : -k or None]).mean(axis=1))) for k in (1, 4, 96)]
    assert 0.5 < lag[0] < 0.9
    assert lag[0] > lag[1] > 0.1
    assert lag[2] > 0.1, "the same hour of the day before tells something"
    by_hour = demand_kw.mean(axis=0).reshape(-1, 24, 4).mean(axis=(0, 2))
    assert 18 <= int(np.argmax(by_hour)) <= 21
    assert by_hour.max() > 1.6 * by_hour.min()
