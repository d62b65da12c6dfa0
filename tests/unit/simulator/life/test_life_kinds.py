"""Every kind of benign life changes what its definition says, by the numbers of its definition."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from metering.archive import Meter
from metering.times import DAY_S
from simulator.life.air_conditioner import AirConditioner
from simulator.life.appliance_broken import ApplianceBroken
from simulator.life.closure import Closure
from simulator.life.crane import Crane
from simulator.life.electric_vehicle import ElectricVehicle
from simulator.life.event import Customer, FeedDays
from simulator.life.growth import Growth
from simulator.life.guests import Guests
from simulator.life.habits import Habit
from simulator.life.heat_pump import HeatPump
from simulator.life.holiday_absence import HolidayAbsence
from simulator.life.new_tenant import NewTenant
from simulator.life.new_year_absence import NewYearAbsence
from simulator.life.new_year_return import NewYearReturn
from simulator.life.night_care import NightCare
from simulator.life.party import Party
from simulator.life.power_saving import PowerSaving
from simulator.life.renovated import Renovated
from simulator.life.renovation import Renovation
from simulator.life.retrofit import Retrofit
from simulator.life.seasonal_business import SeasonalBusiness
from simulator.life.shift_change import ShiftChange
from simulator.life.solar import Solar
from simulator.life.vacancy import Vacancy
from simulator.life.working_from_home import WorkingFromHome
from simulator.world.load_profiles import HABITS, SHAPES
from tests.unit.simulator.life.lived_days import CHINA, FIRST_DAY, Days

TWO_WEEKS = Days()
HOURLY = Days(interval_minutes=60)
FEED = FeedDays(CHINA, FIRST_DAY, 100)


def customer(customer_class: str = "residential", habit: str = "worker", contracted_kw: float = 8.0) -> Customer:
    meter = Meter("M1", "P1", "C1", "A1", "customer", customer_class, contracted_kw=contracted_kw)  # type: ignore[arg-type]
    return Customer(3, meter, HABITS.index(habit), 0.0, 0.07, 0.24, False, False, False, False, (7, 14))


def test_a_vacant_home_leaves_a_fridge() -> None:
    demand_kw = TWO_WEEKS.demand(Vacancy(0, TWO_WEEKS.at(3), TWO_WEEKS.at(10), 0.08, 1))
    assert TWO_WEEKS.by_day(demand_kw).sum(axis=1) / 4 == pytest.approx([24] * 3 + [1.92] * 7 + [24] * 4, rel=0.2)
    empty_kw = TWO_WEEKS.by_day(demand_kw)[3:10]
    assert empty_kw.mean() == pytest.approx(0.08, rel=0.05)
    assert 0.4 * 0.08 <= empty_kw.min() < empty_kw.max() <= 1.6 * 0.08


def test_an_empty_place_draws_no_more_than_it_would_otherwise() -> None:
    asleep = Days(demand_kw=0.05)
    assert asleep.demand(Vacancy(0, asleep.at(0), None, 0.08, 1)).max() == 0.05


def test_what_is_left_is_a_share_of_the_use_without_heating() -> None:
    rng = np.random.default_rng(2)
    left_kw = [Vacancy.spanning(customer(), 0, 1, rng).left_kw for _ in range(1000)]
    assert 0.03 * 0.31 <= min(left_kw) < 0.01
    assert 0.04 < max(left_kw) <= 0.13 * 0.31


def shape(habit: str, hour: float) -> float:
    """On workdays, 1 in the mean."""
    return float(SHAPES[HABITS.index(habit), 0, int(4 * hour)])


def test_new_tenants_live_by_another_clock() -> None:
    event = NewTenant(0, HOURLY.at(7), None, 0.8, Habit(HABITS.index("worker")), Habit(HABITS.index("late")), 0.3)
    day = HOURLY.by_day(HOURLY.demand(event))[8]
    # who is up late draws more than twice as much at half past midnight, and little at half past seven: less than the limit
    assert day[0] == pytest.approx(0.8 * (0.3 + shape("late", 0.5)) / (0.3 + shape("worker", 0.5)))
    assert day[0] > 1.6
    assert day[7] == pytest.approx(0.8 * 0.4)


def test_a_new_tenant_comes_after_a_vacancy() -> None:
    vacancy, tenant = NewTenant.draw(customer(), 20.0, FEED, np.random.default_rng(1))
    assert (vacancy.kind, tenant.kind, tenant.end_s) == ("vacancy", "new_tenant", None)
    assert vacancy.end_s == tenant.start_s
    assert 3 - 1 <= (tenant.start_s - vacancy.start_s) / DAY_S <= 45 + 1


def test_others_live_by_another_habit_of_the_class() -> None:
    assert {HABITS[n] for n in Habit(HABITS.index("shop")).others()} == {"office", "restaurant", "hotel"}


def test_a_closed_shop_leaves_its_alarm() -> None:
    demand_kw = TWO_WEEKS.demand(Closure(0, TWO_WEEKS.at(7), None, 0.05, 1))
    assert TWO_WEEKS.by_day(demand_kw).mean(axis=1) == pytest.approx([1.0] * 7 + [0.05] * 7, rel=0.2)


def test_three_closures_in_ten_are_for_good() -> None:
    rng = np.random.default_rng(3)
    drawn = [Closure.draw(customer("commercial", "shop"), 5.0, FEED, rng)[0] for _ in range(1000)]
    assert 0.25 < np.mean([event.end_s is None for event in drawn]) < 0.35


def test_a_renovation_is_tools_by_day_and_nobody_in_the_evening() -> None:
    days = Days(count=56, days_off=frozenset({date(2026, 3, 4)}))
    demand_kw = days.by_day(days.demand(Renovation(0, days.at(0), days.at(56), 0.05, 2.0, 7)))
    at_work, evening = demand_kw[:, 32:72], demand_kw[:, 72:]
    assert evening.mean() == pytest.approx(0.05, rel=0.05)
    assert evening.max() <= 1.6 * 0.05
    workday = days.by_day(days.weekday.astype(float))[:, 0] < 5
    # 90 % of the days, 45 % of the half hours, 65 % of the tool's power
    assert at_work[workday].mean() - 0.05 == pytest.approx(2.0 * 0.9 * 0.45 * 0.65, rel=0.1)
    assert at_work.max() <= 1.6 * 0.05 + 2.0
    assert at_work[2].max() <= 1.6 * 0.05  # a holiday
    assert 4 <= (at_work[~workday].max(axis=1) > 0.5).sum() <= 12  # half of sixteen days at weekends


def test_a_renovated_home_has_another_level() -> None:
    demand_kw = TWO_WEEKS.demand(Renovated(0, TWO_WEEKS.at(7), None, 1.3))
    assert TWO_WEEKS.by_day(demand_kw).mean(axis=1) == pytest.approx([1.0] * 7 + [1.3] * 7)


def test_sixty_in_a_hundred_renovations_lead_to_another_level() -> None:
    rng = np.random.default_rng(4)
    drawn = [Renovation.draw(customer(), 5.0, FEED, rng) for _ in range(1000)]
    assert 0.55 < np.mean([len(events) == 2 for events in drawn]) < 0.65
    assert all(len(events) == 1 or events[1].start_s == events[0].end_s for events in drawn)


def test_a_retrofit_goes_lamp_by_lamp() -> None:
    demand_kw = TWO_WEEKS.demand(Retrofit(0, TWO_WEEKS.at(2), None, 0.6, 10.0))
    at_noon = TWO_WEEKS.by_day(demand_kw)[:, 0]
    assert at_noon[[0, 2, 7, 12, 13]] == pytest.approx([1.0, 1.0, 0.8, 0.6, 0.6])


def test_growth_is_even_in_the_logarithm() -> None:
    days = Days(count=100, interval_minutes=60)
    at_midnight = days.by_day(days.demand(Growth(0, days.at(10), None, 1.44, 60.0)))[:, 0]
    assert at_midnight[[9, 10, 40, 70, 99]] == pytest.approx([1.0, 1.0, 1.2, 1.44, 1.44])


def test_a_vehicle_charges_on_half_of_the_evenings() -> None:
    days = Days(count=400)
    charging_kw = days.demand(ElectricVehicle(0, days.at(0), None, 7.0, 11)) - 1.0
    assert charging_kw.max() == pytest.approx(7.0)
    assert charging_kw[(days.hour > 9) & (days.hour < 15)].max() == 0.0
    by_evening = charging_kw[48:-48].reshape(399, 96)  # from noon to noon
    charged = by_evening.sum(axis=1) > 0
    assert charged.mean() == pytest.approx(0.5, abs=0.08)
    # 1.5 to 5 hours of 7 kW
    kwh = by_evening[charged].sum(axis=1) / 4
    assert kwh.mean() == pytest.approx(3.25 * 7, rel=0.05)
    assert kwh.min() >= 1.5 * 7 - 1e-9
    assert kwh.max() <= 5 * 7 + 1e-9
    begins_h = 12 + np.argmax(by_evening[charged] > 0, axis=1) / 4
    assert np.mean(begins_h) == pytest.approx(21, abs=0.4)


@pytest.mark.parametrize(("contracted_kw", "charger_kw"), [(6.0, 3.6), (10.0, 6.0), (12.0, 7.0)])
def test_a_charger_fits_the_contract(contracted_kw: float, charger_kw: float) -> None:
    [event] = ElectricVehicle.draw(customer(contracted_kw=contracted_kw), 5.0, FEED, np.random.default_rng(1))
    assert isinstance(event, ElectricVehicle)
    assert event.charger_kw == pytest.approx(charger_kw)
    assert not ElectricVehicle.suits(customer(contracted_kw=4.0))


def test_panels_generate_by_the_sun_on_all_phases_alike() -> None:
    event = Solar(0, TWO_WEEKS.at(7), None, 5.0, 3)
    generation_kw = TWO_WEEKS.generation(event, phases=3)
    assert not generation_kw[:, : 7 * 96].any()
    after = generation_kw[:, 7 * 96 :].sum(axis=0)
    # half of the full sun, 82 %, 15 % lost to clouds on average and 30 at most
    assert after.mean() == pytest.approx(5.0 * 0.5 * 0.82 * 0.85, rel=0.02)
    assert after.max() <= 5.0 * 0.5 * 0.82
    assert after.min() >= 5.0 * 0.5 * 0.82 * 0.7
    np.testing.assert_allclose(generation_kw[0], generation_kw[2])
    assert not Days(sunshine=0.0).generation(event).any()
    assert Solar.declares_generation
    assert TWO_WEEKS.demand(event) == pytest.approx(1.0)


@pytest.mark.parametrize(("temperature_c", "share"), [(20.0, 0.0), (5.0, 0.4), (-30.0, 0.9625), (33.0, 0.08)])
def test_a_heat_pump_follows_the_cold(temperature_c: float, share: float) -> None:
    days = Days(temperature_c=temperature_c)
    demand_kw = days.demand(HeatPump(0, days.at(0), None, 2.5, 0.04, 15.0, 5))
    # the machine is full at -10 °C; its cycles waver by 15 % and never exceed its power
    assert demand_kw.mean() - 1.0 == pytest.approx(2.5 * share, rel=0.02)
    assert demand_kw.max() <= 1.0 + 2.5 + 1e-9


def test_an_air_conditioner_cools_homes_at_night_and_shops_by_day() -> None:
    days = Days(count=200, temperature_c=30.0)
    at_home = days.by_day(days.demand(AirConditioner(0, days.at(0), None, 2.0, 0.2, 26.0, True, 5))) - 1.0
    shop = days.by_day(days.demand(AirConditioner(0, days.at(0), None, 2.0, 0.2, 26.0, False, 5))) - 1.0
    # four degrees of 20 % each; cycles waver by 20 %
    assert at_home[:, 72:].mean() == pytest.approx(2.0 * 0.79, rel=0.02)
    assert (at_home[:, 48] > 0).mean() == pytest.approx(0.3, abs=0.1)
    assert (shop[:, 48] > 0).all()
    assert not shop[:, :32].any()
    assert not shop[:, 84:].any()
    cool = Days(temperature_c=25.0)
    assert cool.demand(AirConditioner(0, cool.at(0), None, 2.0, 0.2, 26.0, True, 5)) == pytest.approx(1.0)


def test_working_from_home_shows_on_workdays() -> None:
    days = Days(count=140)
    more_kw = days.by_day(days.demand(WorkingFromHome(0, days.at(0), days.at(140), 0.6, 0.2, 0.5, 9))) - 1.0
    workday = days.by_day(days.weekday.astype(float))[:, 0] < 5
    assert not more_kw[~workday].any()
    at_home = more_kw[workday, 40] > 0
    assert at_home.mean() == pytest.approx(0.6, abs=0.12)
    day = more_kw[workday][at_home][0]
    assert (day[33], day[34], day[48], day[69], day[70]) == pytest.approx((0.0, 0.2, 0.7, 0.2, 0.0))


def test_night_care_shows_by_night() -> None:
    days = Days(count=60)
    more_kw = days.by_day(days.demand(NightCare(0, days.at(0), None, 0.2, 9))) - 1.0
    assert more_kw[:, 24:88] == pytest.approx(0.05)
    night = np.concatenate([more_kw[:, :24], more_kw[:, 88:]], axis=1)
    assert set(np.unique(night.round(6))) == {0.0, 0.2}
    assert night.mean() == pytest.approx(0.2 * 0.8, rel=0.05)


def test_a_broken_fridge_draws_more_and_more_until_it_is_replaced() -> None:
    days = Days(count=50)
    more_kw = days.by_day(days.demand(ApplianceBroken(0, days.at(5), days.at(45, 14), 0.4, 30.0, 9))).mean(axis=1) - 1.0
    assert not more_kw[:5].any()
    assert more_kw[[20, 35, 40]] == pytest.approx([0.4 * 15.5 / 30, 0.4, 0.4], rel=0.05)
    assert more_kw[45] == pytest.approx(0.4 * 14 / 24, rel=0.1)
    assert not more_kw[46:].any()


def test_a_second_shift_fills_the_evening_and_leaves_the_morning() -> None:
    event = ShiftChange(0, HOURLY.at(7), None, Habit(HABITS.index("one_shift")), Habit(HABITS.index("two_shift")))
    day = HOURLY.by_day(HOURLY.demand(event))[8]
    # half past ten: full on both; half past eight in the evening: the second shift is at full work
    assert day[10] == pytest.approx(1.0)
    before, now = (shape(habit, 20.5) / SHAPES[HABITS.index(habit), 0].max() for habit in ("one_shift", "two_shift"))
    assert day[20] == pytest.approx(now / before)
    assert day[20] > 5


def test_half_of_the_works_go_back_to_their_shifts() -> None:
    rng = np.random.default_rng(5)
    drawn = [ShiftChange.draw(customer("industrial", "two_shift"), 5.0, FEED, rng)[0] for _ in range(1000)]
    assert 0.45 < np.mean([event.end_s is not None for event in drawn]) < 0.55
    assert all(60 - 1 <= (e.end_s - e.start_s) / DAY_S <= 200 + 1 for e in drawn if e.end_s is not None)


def test_a_seasonal_business_runs_down_and_opens_again() -> None:
    demand_kw = TWO_WEEKS.by_day(TWO_WEEKS.demand(SeasonalBusiness(0, TWO_WEEKS.at(2), TWO_WEEKS.at(12), 0.05, 1)))
    assert demand_kw[[1, 12]] == pytest.approx(1.0)
    assert demand_kw[[2, 4, 7, 11]].mean(axis=1) == pytest.approx([1 - 0.1 * 0.95, 1 - 0.5 * 0.95, 0.05, 0.05], rel=0.2)


def test_summer_businesses_close_from_october_to_april() -> None:
    feed, rng = FeedDays(CHINA, date(2026, 1, 1), 365), np.random.default_rng(2)
    seasons = [SeasonalBusiness.draw_standing(customer("commercial", "hotel"), feed, rng) for _ in range(1000)]
    months = [
        (CHINA.local(e.start_s).month, CHINA.local(e.end_s or 0).month)
        for of_one in seasons
        for e in of_one
        if CHINA.local(e.start_s).year == 2025
    ]
    summer = [closed for closed, _ in months if closed in (9, 10)]
    assert len(months) == 1000  # each closes once in 2025
    assert 0.65 < len(summer) / 1000 < 0.75
    assert {opened for closed, opened in months if closed in (9, 10)} == {3, 4, 5}
    assert {closed for closed, _ in months if closed not in (9, 10)} == {2, 3, 4}


def test_growth_is_never_too_small_to_see() -> None:
    rng = np.random.default_rng(5)
    events = [Growth.draw(customer("commercial", "shop"), 5.0, FEED, rng)[0] for _ in range(1000)]
    levels = np.array([e.level for e in events if isinstance(e, Growth)])
    assert 0.45 < np.mean(levels > 1) < 0.55
    assert 0.6 <= levels.min() < levels[levels < 1].max() <= 0.85
    assert 1.15 <= levels[levels > 1].min() < levels.max() <= 1.45


def test_a_crane_lifts_in_working_hours() -> None:
    days = Days(count=70, days_off=frozenset({date(2026, 3, 4)}))
    spikes_kw = days.by_day(days.demand(Crane(0, days.at(0), days.at(70), 20.0, 9))) - 1.0
    assert not spikes_kw[:, :28].any()
    assert not spikes_kw[:, 72:].any()
    assert not spikes_kw[2].any()  # a holiday
    working = spikes_kw[:, 28:72]
    workday = days.by_day(days.weekday.astype(float))[:, 0] < 5
    assert (working[workday] > 0).mean() == pytest.approx(0.95 * 0.5, abs=0.04)
    lifts_kw = working[working > 0]
    assert 2.0 <= lifts_kw.min() < lifts_kw.max() <= 10.0
    assert lifts_kw.mean() == pytest.approx(6.0, rel=0.05)


def test_weekends_away_are_from_friday_to_sunday() -> None:
    rng = np.random.default_rng(6)
    drawn = [HolidayAbsence.draw(customer(), rng.uniform(0, 50), FEED, rng)[0] for _ in range(1000)]
    weekends = [
        e for e in drawn if (CHINA.local(e.start_s).weekday(), CHINA.local(e.start_s).hour) == (4, 18) and e.end_s
    ]
    assert 0.65 < len(weekends) / 1000 < 0.75
    assert all(e.end_s is not None and e.end_s - e.start_s == 50 * 3600 for e in weekends)
    demand_kw = TWO_WEEKS.demand(HolidayAbsence(0, TWO_WEEKS.at(4, 18), TWO_WEEKS.at(6, 20), 0.15, 1))
    assert demand_kw.sum() / 4 == pytest.approx(14 * 24 - 50 * 0.85, abs=1)


def test_over_a_long_holiday_a_home_is_left_before_and_after_it() -> None:
    rng = np.random.default_rng(6)
    holiday = date(2026, 10, 1), date(2026, 10, 7)
    drawn = [HolidayAbsence.over(customer(), holiday, FEED, rng) for _ in range(200)]
    assert {CHINA.local(e.start_s).strftime("%m-%d %H") for e in drawn} == {
        f"{day} 10" for day in ("09-28", "09-29", "09-30", "10-01")
    }
    assert {CHINA.local(e.end_s or 0).strftime("%m-%d %H") for e in drawn} == {
        f"10-{day:02d} 17" for day in range(7, 12)
    }


def test_guests_use_more() -> None:
    demand_kw = TWO_WEEKS.demand(Guests(0, TWO_WEEKS.at(2, 15), TWO_WEEKS.at(9, 12), 1.5))
    assert demand_kw.sum() / 4 == pytest.approx(14 * 24 + 0.5 * (6 * 24 + 21))


def test_a_party_is_one_evening() -> None:
    demand_kw = TWO_WEEKS.demand(Party(0, TWO_WEEKS.at(3, 17), TWO_WEEKS.at(4, 0.5), 3.0, 8))
    more_kwh = TWO_WEEKS.by_day(demand_kw).sum(axis=1) / 4 - 24
    assert more_kwh[3] == pytest.approx(7 * 3.0, rel=0.15)
    assert more_kwh[4] == pytest.approx(0.5 * 3.0, rel=0.3)
    assert more_kwh[[2, 5]] == pytest.approx(0.0)
    assert demand_kw.max() <= 1 + 1.3 * 3.0


def test_a_whole_area_saves_at_the_peak() -> None:
    demand_kw = TWO_WEEKS.demand(PowerSaving(-1, TWO_WEEKS.at(7), TWO_WEEKS.at(10), (0.06, 0.3)), customers=2)
    homes, works = demand_kw.reshape(2, 14, 96)
    assert homes[8, [70, 40]] == pytest.approx([0.94, 0.98])
    assert works[8, [70, 40, 88]] == pytest.approx([0.7, 0.9, 0.9])
    assert works[[6, 10]] == pytest.approx(1.0)


def test_homes_in_town_are_left_until_about_the_lantern_festival() -> None:
    rng, new_year = np.random.default_rng(6), date(2026, 2, 17)
    drawn = [NewYearAbsence.of_home(customer(), new_year, FEED, rng) for _ in range(500)]
    left = [(CHINA.local(e.start_s).date() - new_year).days for e in drawn]
    back = [(CHINA.local(e.end_s or 0).date() - new_year).days for e in drawn]
    assert (min(left), max(left), min(back), max(back)) == (-9, -2, 5, 16)
    event = NewYearAbsence(0, TWO_WEEKS.at(2), TWO_WEEKS.at(12), 0.1, 1)
    assert TWO_WEEKS.by_day(TWO_WEEKS.demand(event)).mean(axis=1) == pytest.approx(
        [1] * 2 + [0.1] * 10 + [1] * 2, rel=0.2
    )


def test_works_close_on_the_days_that_their_demand_does() -> None:
    works = customer("industrial", "one_shift")
    event = NewYearAbsence.of_business(works, date(2026, 2, 17), FEED, np.random.default_rng(6))
    assert CHINA.local(event.start_s).date() == date(2026, 2, 10)
    assert event.end_s is not None
    assert CHINA.local(event.end_s).date() == date(2026, 3, 3)
    assert 0.06 * 0.31 <= event.left_kw <= 0.18 * 0.31


def test_a_village_home_fills_up() -> None:
    rng, new_year = np.random.default_rng(6), date(2026, 2, 17)
    drawn = [NewYearReturn.around(3, new_year, FEED, rng) for _ in range(500)]
    left = [(CHINA.local(e.start_s).date() - new_year).days for e in drawn]
    assert (min(left), max(left)) == (-14, -2)
    assert 1.2 <= min(e.level for e in drawn) < 1.25 < 1.75 < max(e.level for e in drawn) <= 1.8
    demand_kw = TWO_WEEKS.demand(NewYearReturn(0, TWO_WEEKS.at(2), TWO_WEEKS.at(12), 1.5))
    assert TWO_WEEKS.by_day(demand_kw).mean(axis=1) == pytest.approx([1] * 2 + [1.5] * 10 + [1] * 2)
