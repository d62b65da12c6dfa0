"""Customers that live by a real feed's curves: its own days, in order, of the season and of the kind, at each one's scale."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from metering.archive import Archive, CustomerClass, Meter
from metering.errors import FeedError
from metering.truth import TruthCase
from simulator.area_day import Window
from simulator.feeds.feed_writer import FeedWriter
from simulator.world.climates import COLD_PLATEAU, climate_of
from simulator.world.demand import AreaDemand
from simulator.world.load_profiles import HOLIDAY, WEEKEND, WORKDAY
from simulator.world.resampled_shapes import MOST_DONORS, ResampledShapes
from simulator.world.settlements import CLASSES
from simulator.world.world import build_area

HOURS = np.arange(0.125, 24, 0.25)
DAY_S = 86_400


def start_s(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def meter(number: int, customer_class: CustomerClass | None = "residential", **given: object) -> Meter:
    return Meter(f"M{number}", f"P{number}", f"C{number}", "A", "customer", customer_class=customer_class, **given)  # type: ignore[arg-type]


def feed(
    folder: Path,
    meters: list[Meter],
    power_kw: np.ndarray,
    *,
    minutes: int = 15,
    first: date = date(2025, 1, 1),
    holidays: frozenset[date] = frozenset(),
    truth: tuple[TruthCase, ...] = (),
) -> Path:
    """A feed of powers (meters, intervals) from midnight of `first`, with a supply meter; NaN is not sent."""
    supply = Meter("S", "S", "", "A", "supply")
    archive = Archive("real ones", minutes, "UTC", (*meters, supply), holidays, licence="CC0-1.0")
    with FeedWriter(folder, archive, reading_columns=("energy_kwh",)) as writer:
        for number, column in enumerate(power_kw.T):
            sent = np.flatnonzero(~np.isnan(column))
            ids = [meters[row].meter_id for row in sent]
            energy_kwh = np.append(column[sent], np.nansum(column)) * minutes / 60
            times = np.full(len(ids) + 1, start_s(first) + 60 * minutes * number, dtype=np.int64)
            writer.write_readings(times, [*ids, "S"], {"energy_kwh": energy_kwh})
        writer.write_truth(truth)
    return folder


def numbered(
    days: int, *, kinds: list[int] | None = None, first: date = date(2025, 1, 1), donors: int = 3
) -> ResampledShapes:
    """Curves that are flat and say which day of the feed they are, from 1."""
    curves = np.broadcast_to(np.arange(1.0, days + 1)[None, :, None], (donors, days, 96)).astype(np.float32)
    dates = [first + timedelta(days=number) for number in range(days)]
    usual = [WEEKEND if day.weekday() >= 5 else WORKDAY for day in dates]
    return ResampledShapes(curves, dates, kinds or usual, ["residential"] * donors)


def drawn(shapes: ResampledShapes, day: date, kind: int, customers: int = 60) -> np.ndarray:
    donors = np.arange(customers) % len(shapes.classes)
    return shapes.source_days(day, np.full(customers, kind), donors, [1, 2])


def test_curves_are_the_feeds_own_with_mean_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    power_kw = rng.uniform(0.1, 2.0, (2, 3 * 96)) * np.array([[1.0], [7.0]])
    shapes = ResampledShapes.read(feed(tmp_path / "feed", [meter(1), meter(2, "commercial")], power_kw))
    assert shapes.classes == ("residential", "commercial")
    expected = power_kw / power_kw.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(shapes.curves.reshape(2, -1), expected, rtol=1e-3)


@pytest.mark.parametrize("minutes", [5, 20, 30, 60])
def test_other_intervals_become_quarter_hours(tmp_path: Path, minutes: int) -> None:
    per_day = 1440 // minutes
    hours = (np.arange(2 * per_day) + 0.5) * minutes / 60 % 24
    power_kw = 1 + np.sin(2 * np.pi * hours / 24)[None, :]
    shapes = ResampledShapes.read(feed(tmp_path / "feed", [meter(1)], power_kw, minutes=minutes))
    assert shapes.curves.shape == (1, 2, 96)
    np.testing.assert_allclose(shapes.curves[0, 1], 1 + np.sin(2 * np.pi * HOURS / 24), atol=0.15)


def test_small_gaps_are_bridged_and_days_with_large_ones_left_out(tmp_path: Path) -> None:
    power_kw = np.ones((2, 3 * 96))
    power_kw[0, 30:34] = np.nan
    power_kw[0, 96:150] = np.nan
    shapes = ResampledShapes.read(feed(tmp_path / "feed", [meter(1), meter(2)], power_kw))
    assert np.isnan(shapes.curves[0]).all(axis=1).tolist() == [False, True, False]
    np.testing.assert_allclose(shapes.curves[0, 0], 1.0)
    assert not np.isnan(shapes.curves[1]).any()
    for number in range(14):
        assert set(drawn(shapes, date(2026, 1, 1) + timedelta(days=number), WORKDAY, 2)[:1]) <= {0, 2}


def test_generators_abnormal_and_silent_meters_give_no_curves(tmp_path: Path) -> None:
    meters = [meter(1), meter(2, has_generation=True), meter(3), meter(4)]
    power_kw = np.ones((4, 96))
    power_kw[3] = 0.0
    stolen = TruthCase("M3", "bypass", start_s(date(2025, 1, 1)), None)
    shapes = ResampledShapes.read(feed(tmp_path / "feed", meters, power_kw, truth=(stolen,)))
    assert shapes.curves.shape == (1, 1, 96)


def test_a_large_feed_is_kept_small_with_every_class_in_it(tmp_path: Path) -> None:
    meters = [meter(number, "commercial" if number % 20 == 0 else "residential") for number in range(300)]
    shapes = ResampledShapes.read(feed(tmp_path / "feed", meters, np.ones((300, 96))))
    assert len(shapes.classes) == MOST_DONORS
    assert shapes.classes.count("commercial") == 15


def test_what_cannot_be_shapes_is_refused(tmp_path: Path) -> None:
    daily = feed(tmp_path / "daily", [meter(1)], np.ones((1, 3)), minutes=1440)
    with pytest.raises(FeedError, match=r"1440 minutes have no shape.*60 minutes or less"):
        ResampledShapes.read(daily)
    short = feed(tmp_path / "short", [meter(1)], np.ones((1, 50)))
    with pytest.raises(FeedError, match="no customer has a whole day"):
        ResampledShapes.read(short)


def test_a_customer_gets_a_donor_of_its_class_or_else_any() -> None:
    shapes = numbered(1, donors=4)
    shapes.classes = ("residential", "commercial", "residential", None)
    donors = shapes.assign(["commercial", "residential", "public"] * 30, np.random.default_rng(0))
    assert set(donors[0::3]) == {1}
    assert set(donors[1::3]) == {0, 2}
    assert set(donors[2::3]) == {0, 1, 2, 3}


def test_the_days_of_a_week_keep_their_order() -> None:
    shapes = numbered(360)
    monday = date(2026, 5, 4)
    week = [drawn(shapes, monday + timedelta(days=n), WORKDAY if n < 5 else WEEKEND) for n in range(7)]
    assert all(np.array_equal(week[n] - week[0], np.full(60, n)) for n in range(7))
    following = drawn(shapes, monday + timedelta(days=7), WORKDAY)
    assert (following - week[0] != 7).mean() > 0.7, "weeks are drawn anew"
    assert len(set(week[0])) > 4


def test_days_come_from_the_season_and_are_of_the_kind() -> None:
    first = date(2025, 1, 1)
    kinds = [WEEKEND if (first + timedelta(days=n)).weekday() >= 5 else WORKDAY for n in range(365)]
    for holiday in (0, 120, 121, 274, 275, 276):
        kinds[holiday] = HOLIDAY
    shapes = numbered(365, kinds=kinds)
    for day, kind in ((date(2026, 7, 14), WORKDAY), (date(2026, 7, 18), WEEKEND), (date(2027, 1, 2), WEEKEND)):
        found = drawn(shapes, day, kind)
        assert {kinds[n] for n in found} == {kind}
        apart = np.abs(found + 1 - day.timetuple().tm_yday)
        assert np.minimum(apart, 365 - apart).max() <= 36
    assert {kinds[n] for n in drawn(shapes, date(2026, 5, 1), HOLIDAY)} == {HOLIDAY}


def test_the_other_half_of_the_earth_lives_half_a_year_apart() -> None:
    shapes = ResampledShapes(
        np.ones((1, 365, 96), np.float32),
        [date(2025, 1, 1) + timedelta(days=n) for n in range(365)],
        [WORKDAY] * 365,
        ["residential"],
        southern=False,
    )
    south = shapes.source_days(date(2026, 1, 14), np.zeros(40, np.intp), np.zeros(40, np.intp), [1], southern=True)
    assert np.abs(south - 195).max() < 40


def test_in_a_feed_of_one_day_donors_alike_stand_in_for_each_other() -> None:
    curves = np.ones((40, 1, 96), np.float32)
    curves[:, 0, 7] += np.arange(40)  # ever higher peaks
    classes: list[CustomerClass] = ["commercial" if row % 2 else "residential" for row in range(40)]
    shapes = ResampledShapes(curves, [date(2025, 1, 1)], [WORKDAY], classes)
    donors = np.array([0, 7, 20, 39])
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(60)]
    found = np.array([shapes.donors_on(day, donors, [1]) for day in days])
    assert [len(set(of_one)) for of_one in found.T] == [6, 6, 6, 6]
    assert np.all(found % 2 == donors % 2), "of the same class"
    assert np.abs(found - donors).max() <= 10
    several = real(20)
    assert np.array_equal(several.donors_on(days[0], donors, [1]), donors), "with days of its own a donor stays"


def test_a_few_days_are_lived_through_again_and_again() -> None:
    shapes = numbered(3, first=date(2025, 6, 6))  # Friday to Sunday
    for number in range(20):
        day = date(2026, 1, 1) + timedelta(days=number)
        kind = WEEKEND if day.weekday() >= 5 else WORKDAY
        assert set(drawn(shapes, day, kind)) <= ({1, 2} if kind == WEEKEND else {0})
    assert set(drawn(shapes, date(2026, 2, 17), HOLIDAY)) <= {0, 1, 2}


def window(day: date, number: int, part: np.ndarray, hours: float = 0.25) -> Window:
    local_hour = (part + 0.5) * hours
    return Window(
        day, number, WORKDAY, start_s(day) + np.asarray(part * 3600 * hours, np.int64), hours, local_hour,
        np.full(len(part), 4.0), np.zeros(len(part)), 0.5, 4.0,
    )  # fmt: skip


def lived(shapes: ResampledShapes, cuts: int, days: int = 4) -> np.ndarray:
    world = build_area(0, 1, 40, 5, shapes=shapes)
    demand = AreaDemand(world, 5, np.random.default_rng(3))
    parts = []
    for number in range(days):
        day = date(2026, 3, 2) + timedelta(days=number)
        for part in np.array_split(np.arange(96), cuts):
            at = window(day, number, part)
            parts.append(demand.window_kw(at, np.random.default_rng([5, int(at.start_s[0])])))
    return np.concatenate(parts, axis=1)


def real(days: int) -> ResampledShapes:
    rng = np.random.default_rng(8)
    curves = np.exp(rng.normal(0, 0.8, (30, days, 96)))
    curves /= curves.mean(axis=(1, 2), keepdims=True)
    dates = [date(2025, 1, 1) + timedelta(days=n) for n in range(days)]
    kinds = [WEEKEND if day.weekday() >= 5 else WORKDAY for day in dates]
    classes: list[CustomerClass] = ["commercial" if n % 3 else "residential" for n in range(30)]
    return ResampledShapes(curves.astype(np.float32), dates, kinds, classes)


@pytest.mark.parametrize("days", [1, 365])
def test_demand_does_not_depend_on_how_a_day_is_cut_into_windows(days: int) -> None:
    whole, cut = lived(real(days), 1), lived(real(days), 5)
    assert np.array_equal(whole, cut)


def test_every_customer_keeps_its_own_scale_below_its_switch() -> None:
    shapes = real(365)
    world, drawn_ones = build_area(0, 1, 40, 5, shapes=shapes), build_area(0, 1, 40, 5)
    demand_kw = lived(shapes, 1, days=20)
    classes = np.array([CLASSES.index(m.customer_class or "residential") for m in world.customers.meters])
    assert [m.customer_class for m in drawn_ones.customers.meters] == [m.customer_class for m in world.customers.meters]
    load = world.customers.load
    assert np.all(demand_kw <= load.ceiling_kw[:, None])
    home = (classes == 0) & (load.equipment.charger_kw == 0)
    ratio = demand_kw.mean(axis=1)[home] / load.scale_kw[home]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.15)
    assert np.all(np.abs(ratio - 1) < 0.6)
    assert np.median(load.scale_kw[home]) == pytest.approx(
        np.median(drawn_ones.customers.load.mean_kw(COLD_PLATEAU.mean_c)[home]), rel=0.4
    )


def test_only_curves_of_a_single_day_get_weather_on_top() -> None:
    hot = climate_of("hot_summer_cold_winter")
    one, year = (build_area(0, 1, 60, 5, climate=hot, shapes=real(days)) for days in (1, 365))
    assert one.customers.load.equipment.cooling_kw_per_k.max() > 0
    assert one.customers.load.heating_kw_per_k.max() > 0
    assert year.customers.load.equipment.cooling_kw_per_k.max() == 0
    assert year.customers.load.heating_kw_per_k.max() == 0
