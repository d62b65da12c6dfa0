"""Benign life in an area's physics: what it changes is drawn, flows and is metered, and the archive knows what is declared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.area_day import AreaSimulation
from simulator.life import LifeEvent
from simulator.life.guests import Guests
from simulator.life.power_saving import PowerSaving
from simulator.life.solar import Solar
from simulator.life.vacancy import Vacancy
from simulator.province import Province
from simulator.simulate import prepare

Rows = NDArray[np.float64]
DAYS = 4


@pytest.fixture(scope="module")
def province() -> Province:
    return prepare(areas=1, meters_per_area=40, days=DAYS, seed=11, packs=("clean",))


def energy_kwh(province: Province, *life: LifeEvent) -> tuple[Rows, Rows]:
    """Drawn and fed in by every meter, the supply meter first, (meters, days)."""
    simulation = AreaSimulation(province.worlds[0], seed=1, life=life)
    columns = [simulation.window(window).columns for window in province.windows()]
    drawn, fed_in = (
        np.array([c[name].sum(axis=1) for c in columns]).T.reshape(-1, DAYS) for name in ("energy_kwh", "export_kwh")
    )
    return drawn, fed_in


def a_home(province: Province) -> int:
    meters = province.worlds[0].customers.meters
    pv_kwp = province.worlds[0].customers.pv_kwp
    return next(n for n, m in enumerate(meters) if m.customer_class == "residential" and pv_kwp[n] == 0)


def second_day_s(province: Province) -> int:
    return int(list(province.windows())[1].start_s[0])


def test_an_empty_home_shows_at_its_own_meter_and_at_the_supply(province: Province) -> None:
    row, start_s = a_home(province), second_day_s(province)
    before, _ = energy_kwh(province)
    after, _ = energy_kwh(province, Vacancy(row, start_s, None, 0.02, 1))
    np.testing.assert_allclose(after[row + 1, 1:], 0.02 * 24, rtol=0.2)
    changed = np.abs(after - before).max(axis=1) > 0.1
    assert set(np.flatnonzero(changed)) == {0, row + 1}
    assert after[:, 0] == pytest.approx(before[:, 0])
    # what is missed at the home is missed at the transformer, and a little loss with it
    saved, at_supply = (before - after)[row + 1, 1:].sum(), (before - after)[0, 1:].sum()
    assert saved < at_supply < 1.15 * saved


def test_new_panels_feed_in(province: Province) -> None:
    row, start_s = a_home(province), second_day_s(province)
    drawn, fed_in = energy_kwh(province, Solar(row, start_s, None, 8.0, 3))
    without, none = energy_kwh(province)
    assert fed_in[row + 1, 0] == 0.0
    assert fed_in[row + 1, 1:].min() > 1.0
    assert not none[row + 1].any()
    assert (drawn[row + 1, 1:] < without[row + 1, 1:]).all()


def test_an_area_saves_together(province: Province) -> None:
    start_s = second_day_s(province)
    before, _ = energy_kwh(province)
    after, _ = energy_kwh(province, PowerSaving(-1, start_s, None, (0.3,) * 40))
    # 30 % at the peak, a third of it at other hours
    share = after[1:, 1:].sum() / before[1:, 1:].sum()
    assert 1 - 0.3 < share < 1 - 0.1
    assert after[1:, 0] == pytest.approx(before[1:, 0])


def test_who_gets_a_new_load_keeps_to_the_contract(province: Province) -> None:
    row = a_home(province)
    contracted_kw = province.worlds[0].customers.meters[row].contracted_kw
    assert contracted_kw is not None
    crowd = Guests(row, second_day_s(province), None, 1000.0)
    simulation = AreaSimulation(province.worlds[0], seed=1)
    simulation.add_life([crowd], ())
    highest = [simulation.window(w).columns["energy_kwh"][row + 1].max() * 4 for w in province.windows()]
    assert highest[2] == pytest.approx(contracted_kw, rel=0.02)
    alike = AreaSimulation(province.worlds[0], seed=1, life=[crowd])
    assert [alike.window(w).columns["energy_kwh"][row + 1].max() * 4 for w in province.windows()] == highest


def test_the_archive_knows_panels_that_are_declared() -> None:
    province = prepare(areas=12, meters_per_area=100, days=120, seed=4, packs=("clean",))
    built = {
        (world.customers.meters[event.row].service_point)
        for world, events in zip(province.worlds, province.life, strict=True)
        for event in events
        if event.declares_generation
    }
    assert len(built) >= 2
    generating = {meter.service_point for meter in province.archive.meters if meter.has_generation}
    assert built < generating
    before = {m.service_point for w in province.worlds for m in w.customers.meters if m.has_generation}
    assert generating == built | before


def test_a_province_that_is_lived_on_gets_more_life_but_no_undeclared_panels() -> None:
    province = prepare(areas=12, meters_per_area=100, days=120, seed=4, packs=("clean",))
    first = [tuple(events) for events in province.life]
    end_s = province.end_s
    province.extend()
    later = [events[len(known) :] for events, known in zip(province.life, first, strict=True)]
    assert sum(len(events) for events in later) > 500
    assert all(event.start_s >= end_s for events in later for event in events)
    assert not any(event.declares_generation for events in later for event in events)


def test_an_event_that_ended_changes_nothing_any_more(province: Province) -> None:
    row, start_s = a_home(province), second_day_s(province)
    over = replace(Vacancy(row, start_s, None, 0.02, 1), start_s=start_s - 9 * 86_400, end_s=start_s)
    before, _ = energy_kwh(province)
    after, _ = energy_kwh(province, over)
    assert after[row + 1, 0] < 0.7
    np.testing.assert_allclose(after[:, 1:], before[:, 1:], atol=0.02)  # a meter carries the rest of a pulse on
