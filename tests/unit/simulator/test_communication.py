"""How readings arrive: rates as stated, whole blocks and single readings, concentrators that come back after an outage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metering.archive import Outage
from metering.times import DAY_S
from simulator.arrival_order import ArrivalOrder
from simulator.communication import BLOCK_FACTORS, NO_TROUBLE, Arrivals, Communication, Reliability
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.stream import ProvinceStream

T0 = 1_767_225_600
STEP_S = 900
METERS = 12
NO_TROUBLE_BUT_RESTARTS = replace(NO_TROUBLE, restart_min=Reliability().restart_min)


def lived(
    reliability: Reliability, days: int = 1, outages: tuple[Outage, ...] = (), meters: int = METERS, seed: int = 1
) -> Arrivals:
    """A number of days, each one window, side by side."""
    communication = Communication(meters, reliability, [seed])
    communication.plan(T0, T0 + days * DAY_S, outages)
    of_days = [
        communication.window(
            np.arange(T0 + n * DAY_S, T0 + (n + 1) * DAY_S, STEP_S), STEP_S, np.random.default_rng([seed, n])
        )
        for n in range(days)
    ]
    names = ("delay_s", "repeat_delay_s", "wrong_factor")
    return Arrivals(*(np.concatenate([getattr(part, name) for part in of_days], axis=1) for name in names))


def outage(from_min: float, until_min: float) -> Outage:
    return Outage("A0001", T0 + int(60 * from_min), T0 + int(60 * until_min), planned=False)


def whole_blocks(of_readings: np.ndarray) -> np.ndarray:
    """Numbers of the intervals in which every meter's reading is marked; a marked reading elsewhere fails."""
    assert (of_readings.all(axis=0) == of_readings.any(axis=0)).all()
    return np.flatnonzero(of_readings.all(axis=0))


def test_without_troubles_everything_comes_once_and_in_time() -> None:
    arrivals = lived(NO_TROUBLE, days=3)
    assert not arrivals.delay_s.any()
    assert (arrivals.repeat_delay_s < 0).all()
    assert (arrivals.wrong_factor == 1).all()


def test_a_late_block_comes_one_to_twelve_hours_late_with_all_its_readings() -> None:
    arrivals = lived(replace(NO_TROUBLE, late_blocks_per_day=0.5), days=400)
    late = whole_blocks(arrivals.delay_s > 0)
    assert 200 - 3 * 200**0.5 < len(late) < 200 + 3 * 200**0.5
    assert (np.ptp(arrivals.delay_s, axis=0) == 0).all()
    assert arrivals.delay_s[0, late].min() == 3600
    assert arrivals.delay_s[0, late].max() == 12 * 3600


def test_a_block_uploaded_twice_brings_every_reading_again() -> None:
    arrivals = lived(replace(NO_TROUBLE, repeated_blocks_per_day=0.5), days=400)
    again = whole_blocks(arrivals.repeat_delay_s >= 0)
    assert 200 - 3 * 200**0.5 < len(again) < 200 + 3 * 200**0.5
    after_s = arrivals.repeat_delay_s[0, again]
    assert 0.55 < (after_s == 0).mean() < 0.8, "two in three within the interval"
    assert 0 < after_s.max() <= 4 * 3600
    assert (arrivals.wrong_factor == 1).all()


def test_a_corrected_block_is_wrong_by_one_multiplier_and_comes_again() -> None:
    arrivals = lived(replace(NO_TROUBLE, corrected_blocks_per_day=0.5), days=400)
    wrong = whole_blocks(arrivals.wrong_factor != 1)
    assert wrong.tolist() == whole_blocks(arrivals.repeat_delay_s >= 0).tolist()
    assert 200 - 3 * 200**0.5 < len(wrong) < 200 + 3 * 200**0.5
    assert (np.ptp(arrivals.wrong_factor, axis=0) == 0).all()
    assert set(arrivals.wrong_factor[0, wrong].tolist()) == set(BLOCK_FACTORS)


def test_rates_of_blocks_do_not_depend_on_the_interval() -> None:
    communication = Communication(1, replace(NO_TROUBLE, late_blocks_per_day=0.5), [1])
    communication.plan(T0, T0 + 400 * DAY_S, ())
    arrivals = communication.window(np.arange(T0, T0 + 400 * DAY_S, 3600), 3600, np.random.default_rng(1))
    assert 200 - 3 * 200**0.5 < (arrivals.delay_s[0] > 0).sum() < 200 + 3 * 200**0.5


def test_after_an_outage_the_concentrator_is_back_late_and_delivers_what_was_stored() -> None:
    """Power is away from 10:07 to 11:50, the concentrator until 12:20: what ends in between comes then."""
    arrivals = lived(replace(NO_TROUBLE, restart_min=(30, 30)), outages=(outage(607, 710),))
    held = whole_blocks(arrivals.delay_s > 0)
    ends_min = 15 * (held + 1)
    assert ends_min.tolist() == list(range(615, 736, 15))
    assert (ends_min + arrivals.delay_s[0, held] / 60 == 740).all()
    assert not (arrivals.delay_s < 0).any()


def test_what_was_stored_comes_oldest_first_and_before_the_next_interval() -> None:
    order = ArrivalOrder(["energy_kwh"], STEP_S)
    arrivals = lived(replace(NO_TROUBLE, restart_min=(30, 30)), outages=(outage(607, 710),), meters=2)
    start_s = np.arange(T0, T0 + DAY_S, STEP_S)
    energy = np.ones((96, 2))
    energy[41:47] = np.nan  # without power
    codes = np.tile(np.arange(2), (96, 1))
    order.add(
        start_s, codes, {"energy_kwh": energy}, arrivals.delay_s.T, arrivals.repeat_delay_s.T, arrivals.wrong_factor.T
    )
    arrived = order.due(None)[0]
    assert (np.diff(arrived) >= 0).all(), "nothing else is on its way: the clock moves on by itself"
    assert order.late == 4, "of 10:00 and 11:45; that of 12:00 comes before 12:15 is over"
    assert order.written == 96 * 2 - 12


def test_concentrators_are_back_ten_minutes_to_an_hour_after_power() -> None:
    back_min = []
    for seed in range(300):
        arrivals = lived(NO_TROUBLE_BUT_RESTARTS, outages=(outage(600, 660),), meters=1, seed=seed)
        held = np.flatnonzero(arrivals.delay_s[0] > 0)
        back_min.append(15 * (held[-1] + 1) + arrivals.delay_s[0, held[-1]] / 60 - 660)
    assert 10 <= min(back_min) < 12
    assert 58 < max(back_min) < 60
    assert 32 < np.mean(back_min) < 38


def test_what_the_meters_hold_late_waits_for_the_concentrator_too() -> None:
    """A block that would come during an outage comes after it."""
    reliability = replace(NO_TROUBLE, late_blocks_per_day=96.0)
    arrivals = lived(reliability, days=2, outages=(outage(6 * 60, 18 * 60),))
    moment_min = 15 * (np.arange(192) + 1) + arrivals.delay_s[0] / 60
    assert not ((moment_min > 360) & (moment_min < 1080)).any()
    assert (arrivals.delay_s[0] >= 3600).all()


def test_a_failed_concentrator_delivers_afterwards_or_never() -> None:
    reliability = replace(NO_TROUBLE, concentrator_failures_per_day=0.3)
    kept = lost = 0
    for seed in range(60):
        arrivals = lived(reliability, days=10, seed=seed)
        late, never = whole_blocks(arrivals.delay_s > 0), whole_blocks(arrivals.delay_s < 0)
        kept, lost = kept + len(late), lost + len(never)
        assert arrivals.delay_s.max() <= 8 * 3600
    assert 0.2 < lost / (kept + lost) < 0.47, "one in three loses what it stored"


def test_plans_of_later_days_follow_earlier_ones() -> None:
    """Planned in two stretches, a province is as good as in one: silences and restarts of the first go on."""
    communication = Communication(400, replace(NO_TROUBLE, mute_meter_share=0.5, restart_min=(60, 60)), [3])
    communication.plan(T0, T0 + 5 * DAY_S, (outage(23 * 60 + 30, 24 * 60),))
    quarters = np.arange(T0, T0 + 5 * DAY_S, STEP_S)
    first = communication.window(quarters, STEP_S, np.random.default_rng(1))
    silent_at_the_end = first.delay_s[:, -1] < 0
    assert silent_at_the_end.sum() > 40
    assert not silent_at_the_end[0], "the supply meter sits beside the concentrator"
    communication.plan(T0 + 5 * DAY_S, T0 + 10 * DAY_S, ())
    second = communication.window(quarters + 5 * DAY_S, STEP_S, np.random.default_rng(2))
    assert (second.delay_s[silent_at_the_end, 0] < 0).mean() > 0.95
    assert (second.delay_s[~silent_at_the_end] < 0).any()


@pytest.mark.parametrize("interval_minutes", [15, 60])
def test_readings_are_conserved_through_all_troubles(interval_minutes: int) -> None:
    """Written = kept + repeated + corrected; measured = kept + lost."""
    often = Reliability(late_blocks_per_day=2, repeated_blocks_per_day=2, corrected_blocks_per_day=2)
    recipe = Recipe(areas=4, meters_per_area=12, days=6, seed=2, interval_minutes=interval_minutes, packs=("storm",))
    province = Province(recipe, reliability=often)
    assert any(province.outages)
    stream, honest_stream = ProvinceStream(province), ProvinceStream(Province(recipe, reliability=NO_TROUBLE))
    seen, honest = came_in(stream), came_in(honest_stream)
    order = stream.order
    assert max(map(len, seen.values())) == 2
    assert order.written == len(seen) + order.repeated + order.corrected
    twice = [values for values in seen.values() if len(values) == 2]
    assert sum(first == then for first, then in twice) == order.repeated > 100
    assert sum(first != then for first, then in twice) == order.corrected > 100
    assert honest_stream.order.written == len(honest) == len(seen) + order.lost
    assert all(values[-1] == honest[key][-1] for key, values in seen.items()), "what comes last is right"


def came_in(stream: ProvinceStream) -> dict[tuple[int, int], list[tuple[float, float]]]:
    """By interval and meter the energies (kWh, taken and fed in) in order of arrival."""
    seen: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for arrived in stream.arrivals():
        energies = (arrived.columns[name].tolist() for name in ("energy_kwh", "export_kwh"))
        for start_s, code, taken, fed_in in zip(
            arrived.start_s.tolist(), arrived.codes.tolist(), *energies, strict=True
        ):
            seen.setdefault((start_s, code), []).append((taken, fed_in))
    return seen


def test_a_wrong_value_that_happens_to_be_right_is_a_repeat() -> None:
    order = ArrivalOrder(["energy_kwh"], STEP_S)
    energy = np.array([[0.0, 2.0]])
    codes, now, again = np.array([[0, 1]]), np.zeros((1, 2), np.int64), np.zeros((1, 2), np.int64)
    order.add(np.array([T0]), codes, {"energy_kwh": energy}, now, again, np.full((1, 2), 0.1))
    assert order.due(None)[2]["energy_kwh"].tolist() == [0.0, 0.2, 0.0, 2.0]
    assert (order.repeated, order.corrected) == (1, 1)
