"""Benign life comes as often as it says, to whom it says, and changes nothing before, after or beside itself."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import simulator.life
from metering.archive import CustomerClass
from metering.times import DAY_S
from simulator.life import KINDS, LASTING, PASSING, STAYING, LifeEvent, draw_life
from simulator.life.closure import Closure
from simulator.life.event import Customer
from simulator.life.holiday_absence import HolidayAbsence
from simulator.life.new_tenant import NewTenant
from simulator.life.new_year_absence import NewYearAbsence
from simulator.life.new_year_return import NewYearReturn
from simulator.life.power_saving import PER_AREA_YEAR, PowerSaving
from simulator.life.renovated import Renovated
from simulator.life.seasonal_business import SeasonalBusiness
from simulator.life.solar import Solar
from simulator.life.vacancy import Vacancy
from simulator.world.days import new_year, public_holidays
from simulator.world.world import Customers, World, build_area
from tests.unit.simulator.life.lived_days import CHINA, Days

AREAS, METERS, DAYS, TIMES = 20, 150, 120, 12
FIRST_DAY = date(2026, 4, 1)
YEARS = DAYS / 365.25


@pytest.fixture(scope="module")
def worlds() -> tuple[World, ...]:
    """A whole province: twenty areas in all kinds of settlements."""
    return tuple(build_area(number, AREAS, METERS, 3) for number in range(AREAS))


@dataclass(frozen=True)
class Drawn:
    customers: Customers
    events: tuple[LifeEvent, ...]


def drawn(world: World, seed: int = 1, first_day: date = FIRST_DAY, days: int = DAYS, **asked: object) -> Drawn:
    rng = np.random.default_rng([seed, world.number])
    return Drawn(world.customers, draw_life(world.customers, CHINA, first_day, days, frozenset(), rng, **asked))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def spring(worlds: Sequence[World]) -> list[Drawn]:
    """120 days without New Year and holidays, drawn again and again: 36,000 customers."""
    return [drawn(world, seed) for seed in range(TIMES) for world in worlds]


@pytest.fixture(scope="module")
def examples(worlds: Sequence[World]) -> Mapping[str, LifeEvent]:
    """One event of each kind, out of a province's year."""
    found: dict[str, LifeEvent] = {}
    for world in worlds:
        for event in drawn(world, 5, date(2026, 1, 1), 365).events:
            found.setdefault(event.kind, event)
    return found


NAMES = [kind.kind for kind in KINDS]


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(simulator.life.__path__):
        yield importlib.import_module(f"simulator.life.{found.name}")


def test_every_kind_in_the_package_is_drawn_and_named_once() -> None:
    kinds = {
        kind
        for module in modules()
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, LifeEvent) and kind is not LifeEvent
    }
    assert kinds == set(KINDS)
    assert len(set(NAMES)) == len(KINDS) >= 20


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_kind_says_what_it_changes_what_it_resembles_and_how_often_it_comes(kind: type[LifeEvent]) -> None:
    assert kind.changes
    assert kind.resembles
    assert kind.per_year or kind.standing or kind.often
    assert kind.longest_days >= 0


def constants(module: ModuleType) -> dict[str, object]:
    """What a module itself assigns in capitals."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    targets = [t for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign)) for t in ast.walk(node)]
    names = {t.id for t in targets if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)}
    return {name: getattr(module, name) for name in sorted(names) if name.isupper()}


def numbers_said(name: str, value: object) -> list[str]:
    """How a definition may write a constant: each number as it is or in per cent, a day of the year by its month."""
    numbers = value if isinstance(value, tuple) else (value,)
    if name.endswith(("OPENS", "CLOSES")):
        return [f"{numbers[1]} {date(2000, numbers[0], 1):%B}"]
    return ["|".join(sorted({f"{n:g}", f"{100 * n:g}"})) for n in numbers if isinstance(n, (int, float))]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_the_definition_states_every_number_that_the_code_draws_with(kind: type[LifeEvent]) -> None:
    module = importlib.import_module(kind.__module__)
    definition = " ".join((module.__doc__ or "").split())
    wanted = [form for name, value in constants(module).items() for form in numbers_said(name, value)]
    wanted += [f"{100 * rate:g}" for rate in (*kind.per_year.values(), *kind.standing.values())]
    said = {*re.findall(r"\d+(?:\.\d+)?", definition), *re.findall(r"\d+ [A-Z][a-z]+", definition)}
    missing = [form for form in wanted if not said & set(form.split("|"))]
    assert wanted
    assert not missing, f"{module.__name__} draws with {missing}: its docstring does not say so"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_changes_while_it_is_not_there(name: str, examples: Mapping[str, LifeEvent]) -> None:
    days = Days(count=8)
    event = replace(examples[name], start_s=days.at(2, 15), end_s=days.at(5, 9.5))
    customers = len(event.saved) if isinstance(event, PowerSaving) else 1
    for temperature_c in (-5.0, 32.0):
        days = replace(days, temperature_c=temperature_c)
        demand_kw, generation_kw = days.demand(event, customers), days.generation(event, 3)
        there = event.active(days.start_s)
        assert there.sum() == 2 * 96 + 74
        np.testing.assert_array_equal(demand_kw[..., ~there], 1.0)
        np.testing.assert_array_equal(generation_kw[:, ~there], 0.0)
        assert (demand_kw >= 0).all()
        assert (generation_kw >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_something_changes_while_it_is_there(name: str, examples: Mapping[str, LifeEvent]) -> None:
    days = Days(count=40, interval_minutes=60)
    event = replace(examples[name], start_s=days.at(2, 15), end_s=None)
    customers = len(event.saved) if isinstance(event, PowerSaving) else 1
    changed = 0.0
    for temperature_c in (-5.0, 32.0):
        days = replace(days, temperature_c=temperature_c)
        changed += np.abs(days.demand(event, customers) - 1).sum() + days.generation(event).sum()
    assert changed > 1.0


@pytest.mark.parametrize("name", NAMES)
def test_where_windows_are_cut_changes_nothing(name: str, examples: Mapping[str, LifeEvent]) -> None:
    days = Days(count=10, temperature_c=2.0)
    event = replace(examples[name], start_s=days.at(1, 15), end_s=days.at(9, 9.5))
    customers = len(event.saved) if isinstance(event, PowerSaving) else 1
    cut = replace(days, per_window=7)
    np.testing.assert_array_equal(days.demand(event, customers), cut.demand(event, customers))
    np.testing.assert_array_equal(days.generation(event, 3), cut.generation(event, 3))


@pytest.mark.parametrize("name", NAMES)
def test_an_event_tells_its_story_in_a_line(name: str, examples: Mapping[str, LifeEvent]) -> None:
    story = examples[name].story
    assert 8 < len(story) < 100
    assert "\n" not in story


def test_the_same_draw_gives_the_same_life(worlds: Sequence[World]) -> None:
    assert drawn(worlds[2], 7) == drawn(worlds[2], 7)
    assert drawn(worlds[2], 7) != drawn(worlds[2], 8)


def test_events_lie_in_the_feed_and_in_order(spring: Sequence[Drawn]) -> None:
    start_s, end_s = CHINA.day_start(FIRST_DAY), CHINA.day_start(FIRST_DAY + timedelta(days=DAYS))
    for one in spring:
        assert all(e.start_s < end_s and (e.end_s is None or e.end_s > max(start_s, e.start_s)) for e in one.events)
        keys = [(e.row < 0, e.row, e.start_s, e.kind) for e in one.events]
        assert keys == sorted(keys)


def test_a_customer_has_one_lasting_event(spring: Sequence[Drawn]) -> None:
    goes_with = {("new_tenant", "vacancy"), ("renovated", "renovation")}
    for one in spring:
        by_row: dict[int, list[LifeEvent]] = defaultdict(list)
        for event in one.events:
            if isinstance(event, STAYING):
                by_row[event.row].append(event)
        for events in by_row.values():
            kinds = tuple(sorted(e.kind for e in events))
            assert (
                len(kinds) == 1
                or kinds in {tuple(sorted(pair)) for pair in goes_with}
                or set(kinds) == {"seasonal_business"}
            )


def test_nobody_comes_or_goes_where_nobody_is(spring: Sequence[Drawn]) -> None:
    passing = 0
    for one in spring:
        by_row: dict[int, list[LifeEvent]] = defaultdict(list)
        for event in one.events:
            by_row[event.row].append(event)
        for events in by_row.values():
            short = [e for e in events if isinstance(e, PASSING)]
            passing += len(short)
            for number, event in enumerate(short):
                others = [*short[:number], *(e for e in events if e.empties)]
                for other in others:
                    assert other.end_s is not None
                    assert event.end_s is not None
                    assert event.start_s >= other.end_s or other.start_s >= event.end_s
    assert passing > 1000


def begun(spring: Sequence[Drawn], kind: type[LifeEvent]) -> Counter[CustomerClass]:
    """How many of a kind began in the days, by class; vacancies before a new tenant belong to the tenant."""
    start_s = CHINA.day_start(FIRST_DAY)
    counts: Counter[CustomerClass] = Counter()
    for one in spring:
        moved_in = {(e.row, e.start_s) for e in one.events if isinstance(e, NewTenant)}
        for event in one.events:
            if type(event) is kind and event.start_s > start_s and (event.row, event.end_s) not in moved_in:
                counts[one.customers.meters[event.row].customer_class or "residential"] += 1
    return counts


@pytest.fixture(scope="module")
def suited(worlds: Sequence[World]) -> Mapping[type[LifeEvent], Counter[str]]:
    """To how many customers of a class each kind can come."""
    counts: dict[type[LifeEvent], Counter[str]] = {kind: Counter() for kind in KINDS}
    for world in worlds:
        for row, meter in enumerate(world.customers.meters):
            customer = Customer.at(world.customers, row)
            for kind in KINDS:
                if kind.suits(customer):
                    counts[kind][meter.customer_class or ""] += TIMES
    return counts


RATES = [(kind, each) for kind in (*LASTING, *PASSING) for each in kind.per_year]


@pytest.mark.parametrize(("kind", "customer_class"), RATES, ids=[f"{kind.kind}-{each}" for kind, each in RATES])
def test_kinds_come_at_their_rates(
    kind: type[LifeEvent],
    customer_class: CustomerClass,
    spring: Sequence[Drawn],
    suited: Mapping[type[LifeEvent], Counter[str]],
) -> None:
    expected = suited[kind][customer_class] * kind.per_year[customer_class] * YEARS
    if (
        kind is Vacancy
    ):  # after which a new tenant comes when the days are over: homes stand empty for 24 days until then
        expected += suited[kind][customer_class] * NewTenant.per_year[customer_class] * 24 / 365.25
    seen = begun(spring, kind)[customer_class]
    assert expected > 3
    # what would meet another event that passes, or come to an empty house, is left out
    least = 0.85 if kind in PASSING else 1.0
    assert least * expected - 4 * np.sqrt(expected) <= seen <= expected + 4 * np.sqrt(expected)
    if expected > 100:
        assert seen == pytest.approx((1 + least) / 2 * expected, rel=0.25)


def test_what_stands_is_there_from_the_start(
    spring: Sequence[Drawn], suited: Mapping[type[LifeEvent], Counter[str]]
) -> None:
    start_s = CHINA.day_start(FIRST_DAY)
    for kind in (Vacancy, Closure):
        for customer_class, share in kind.standing.items():
            seen = sum(
                type(e) is kind
                and (e.start_s, e.end_s) == (start_s, None)
                and one.customers.meters[e.row].customer_class == customer_class
                for one in spring
                for e in one.events
            )
            expected = share * suited[kind][customer_class]
            assert abs(seen - expected) < 4 * np.sqrt(expected), (kind, customer_class)


def test_as_many_homes_are_empty_on_the_first_day_as_on_any_other(
    spring: Sequence[Drawn], suited: Mapping[type[LifeEvent], Counter[str]]
) -> None:
    homes = suited[Vacancy]["residential"]
    for day in (0, 60, 119):
        noon_s = CHINA.day_start(FIRST_DAY + timedelta(days=day)) + DAY_S // 2
        empty = sum(
            isinstance(e, Vacancy)
            and bool(e.active(np.array([noon_s]))[0])
            and one.customers.meters[e.row].customer_class == "residential"
            for one in spring
            for e in one.events
        )
        # 2 % throughout, 6 % a year for 88 days in the mean, 6 % a year before a new tenant for 24
        assert empty / homes == pytest.approx(0.02 + 0.06 * (88.5 + 24) / 365, abs=0.004)


def test_one_shop_in_twenty_five_is_seasonal(
    spring: Sequence[Drawn], suited: Mapping[type[LifeEvent], Counter[str]]
) -> None:
    seasonal = sum(len({e.row for e in one.events if isinstance(e, SeasonalBusiness)}) for one in spring)
    assert seasonal / suited[SeasonalBusiness]["commercial"] == pytest.approx(0.04, abs=0.012)


def test_areas_save_as_often_as_they_are_asked_to(spring: Sequence[Drawn]) -> None:
    begun_at = [e.start_s for one in spring for e in one.events if isinstance(e, PowerSaving)]
    expected = AREAS * TIMES * YEARS * PER_AREA_YEAR
    seen = sum(s > CHINA.day_start(FIRST_DAY) for s in begun_at)
    assert abs(seen - expected) < 4 * np.sqrt(expected)
    assert len(begun_at) > seen  # some had begun before


def test_half_as_many_days_hold_half_as_much(worlds: Sequence[World]) -> None:
    def changes(days: int) -> int:
        return sum(
            e.start_s > CHINA.day_start(FIRST_DAY) and isinstance(e, LASTING)
            for seed in range(6)
            for world in worlds
            for e in drawn(world, seed, days=days).events
        )

    assert changes(60) / changes(120) == pytest.approx(0.5, abs=0.08)


def test_in_very_long_feeds_a_customer_still_has_one_lasting_event(worlds: Sequence[World]) -> None:
    events = drawn(worlds[0], days=4 * 365).events
    rows = Counter(e.row for e in events if isinstance(e, LASTING) and not isinstance(e, (Vacancy, SeasonalBusiness)))
    assert max(rows.values()) == 1
    assert len(rows) > METERS / 2


def test_panels_are_built_where_there_are_none(spring: Sequence[Drawn]) -> None:
    built = [(one.customers, e.row) for one in spring for e in one.events if isinstance(e, Solar)]
    assert len(built) > 50
    assert not any(customers.pv_kwp[row] > 0 for customers, row in built)


def test_after_a_renovation_the_level_lasts(spring: Sequence[Drawn]) -> None:
    levels = [e.level for one in spring for e in one.events if isinstance(e, Renovated)]
    assert len(levels) > 50
    assert all(0.5 <= level <= 2.0 for level in levels)
    assert 0.9 < np.median(levels) < 1.2


# Chinese New Year


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        (2023, 1, 22),
        (2024, 2, 10),
        (2025, 1, 29),
        (2026, 2, 17),
        (2027, 2, 6),
        (2028, 1, 26),
        (2030, 2, 3),
        (2033, 1, 31),
    ],
)
def test_new_year_is_when_the_calendar_says(year: int, month: int, day: int) -> None:
    assert new_year(year) == date(year, month, day)


def test_new_year_is_a_new_moon_between_21_january_and_21_february() -> None:
    days = [new_year(year) for year in range(1950, 2100)]
    assert all(day is not None and (1, 20) < (day.month, day.day) < (2, 22) for day in days)
    found = [day for day in days if day is not None]
    months = [(later - day).days / 29.530588 for day, later in pairwise(found)]
    assert all(abs(count - round(count)) < 0.05 for count in months)
    assert {round(count) for count in months} == {12, 13}


def test_a_year_without_a_calendar_has_no_new_year() -> None:
    assert new_year(1900) is None


def is_village(world: World) -> bool:
    return any(meter.customer_class == "agricultural" for meter in world.customers.meters)


def test_towns_empty_and_villages_fill_up(worlds: Sequence[World]) -> None:
    left: list[float] = []
    filled: list[float] = []
    for world in worlds:
        one = drawn(world, first_day=date(2026, 1, 20), days=60)
        homes = [row for row, m in enumerate(world.customers.meters) if m.customer_class == "residential"]
        away = {e.row for e in one.events if isinstance(e, NewYearAbsence)} & set(homes)
        full = {e.row for e in one.events if isinstance(e, NewYearReturn)}
        assert not (away if is_village(world) else full)
        (filled if is_village(world) else left).append(len(full | away) / len(homes))
    assert len(left) > 10
    assert len(filled) >= 4
    assert np.mean(left) == pytest.approx(0.225, abs=0.06)
    assert 0.02 < min(left) < max(left) < 0.45
    assert np.mean(filled) == pytest.approx(0.68, abs=0.06)


def test_businesses_that_close_say_so_by_name(worlds: Sequence[World]) -> None:
    closed = 0
    for world in worlds:
        one = drawn(world, first_day=date(2026, 1, 20), days=60)
        empty = {e.row for e in one.events if e.empties}
        away = {e.row: e for e in one.events if isinstance(e, NewYearAbsence)}
        before, after = world.customers.load.closed_before, world.customers.load.closed_after
        for row in np.flatnonzero(before > 0).tolist():
            if row not in empty:
                event = away[row]
                assert event.start_s == CHINA.day_start(date(2026, 2, 17) - timedelta(days=int(before[row])))
                assert event.end_s == CHINA.day_start(date(2026, 2, 17) + timedelta(days=int(after[row])))
                assert (2 <= before[row] <= 10, 4 <= after[row] <= 17) == (True, True)
                closed += 1
    assert closed > 40


def test_who_keeps_no_new_year_is_away_over_the_other_holidays(worlds: Sequence[World]) -> None:
    first_day, days = date(2026, 1, 20), 60
    days_off = public_holidays("CN", first_day, days)
    world = worlds[0]

    def kinds(*, new_year: bool) -> Counter[str]:
        rng = np.random.default_rng(1)
        events = draw_life(world.customers, CHINA, first_day, days, days_off, rng, new_year=new_year)
        february = (CHINA.day_start(date(2026, 2, 12)), CHINA.day_start(date(2026, 2, 21)))
        return Counter(
            e.kind
            for e in events
            if february[0] < e.start_s < february[1] and isinstance(e, (NewYearAbsence, NewYearReturn, HolidayAbsence))
        )

    kept, not_kept = kinds(new_year=True), kinds(new_year=False)
    homes = sum(meter.customer_class == "residential" for meter in world.customers.meters)
    assert kept["new_year_absence"] > 10
    assert kept["holiday_absence"] < 0.1 * homes
    assert set(not_kept) == {"holiday_absence"}
    assert not_kept["holiday_absence"] / homes == pytest.approx(0.15 + 2 * 9 / 365, abs=0.08)


# days that follow others


def test_days_that_follow_begin_nothing_before_them_and_nothing_twice(worlds: Sequence[World]) -> None:
    known = changed = 0
    for world in worlds:
        first = drawn(world, 1, days=60).events
        then = FIRST_DAY + timedelta(days=60)
        start_s = CHINA.day_start(then)
        second = drawn(world, 2, then, 60, before=first).events
        assert all(e.start_s >= start_s for e in second)
        going_on = {e.row for e in first if isinstance(e, STAYING) and (e.end_s is None or e.end_s > start_s)}
        known += len(going_on)
        lasting = {e.row for e in second if isinstance(e, STAYING)}
        changed += len(lasting)
        assert not going_on & lasting
        empty = [e for e in first if e.empties and (e.end_s is None or e.end_s > start_s)]
        for event in second:
            if isinstance(event, PASSING):
                assert not any(e.row == event.row and (e.end_s is None or e.end_s > event.start_s) for e in empty)
    assert known > 100
    assert changed > 100
