"""The cards of benign life: what customers, the utility and the weather do, each at a typical place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np

from metering.times import DAY_S
from simulator.gallery.cards import BENIGN, Card, definition_of, middle_third, place_facts, seeded
from simulator.gallery.figure import Scene, figure_of
from simulator.gallery.stage import INTERVAL_H, Lived, Rows, Stage
from simulator.life import KINDS
from simulator.life.air_conditioner import AirConditioner
from simulator.life.event import Customer, FeedDays, LifeEvent
from simulator.life.new_year import draw_new_year, new_year
from simulator.life.new_year_absence import NewYearAbsence
from simulator.life.new_year_return import NewYearReturn
from simulator.life.power_saving import PowerSaving
from simulator.life.renovated import Renovated
from simulator.life.seasonal_business import SeasonalBusiness
from simulator.world.world import World

NAMES_ZH: dict[str, str] = {
    "vacancy": "房屋空置",
    "new_tenant": "更换住户或商户",
    "closure": "停业关闭",
    "seasonal_business": "季节性经营",
    "renovation": "装修施工",
    "renovated": "装修后用电变化",
    "retrofit": "节能改造",
    "growth": "用电缓慢增减",
    "shift_change": "生产班次调整",
    "electric_vehicle": "电动汽车充电",
    "solar": "屋顶光伏（已报装）",
    "heat_pump": "热泵采暖",
    "air_conditioner": "新装空调",
    "working_from_home": "居家办公",
    "night_care": "夜间照护",
    "appliance_broken": "电器故障后更换",
    "crane": "塔吊作业",
    "holiday_absence": "外出度假",
    "guests": "亲友来访",
    "party": "家庭聚会",
    "new_year_absence": "春节离家返乡",
    "new_year_return": "春节返村团聚",
    "power_saving": "节约用电倡议",
    "meter_exchange": "电能表轮换",
    "topology_change": "台区割接",
    "archive_error": "台户关系错误",
    "outage": "故障停电",
    "planned_outage": "计划停电",
    "storm": "风灾大面积停电",
}
#: Two weeks before New Year's Day of 2026 are over on the ninth of February; August is the hottest the Yangtze has.
NEW_YEAR_START, SUMMER_START, SUMMER_CLIMATE = date(2026, 1, 26), date(2026, 7, 13), "hot_summer_cold_winter"
#: Of so many draws the one that changes the energy second most is shown: a small one would not be seen.
DRAWS = 5
SOON_DAYS = 6.0


def life_cards(stage: Stage) -> Iterator[Card]:
    """All kinds of benign life of customers and areas."""
    new_year_stage = Stage(start=NEW_YEAR_START)
    for kind in KINDS:
        if kind in (NewYearAbsence, NewYearReturn):
            yield new_year_card(new_year_stage, kind)
        elif kind is PowerSaving:
            yield power_saving_card(stage)
        elif kind is AirConditioner:
            yield life_card(Stage(start=SUMMER_START, climate=SUMMER_CLIMATE), kind)
        else:
            yield life_card(stage, kind)


def life_card(stage: Stage, kind: type[LifeEvent]) -> Card:
    """A kind that comes to one customer."""
    places = []
    for number, place in stage.places(of_area=False):
        world = stage.worlds[number]
        usual = world.settlement != "industrial_estate" or place.meter.customer_class in ("industrial", "temporary")
        if usual and place.mean_kw > 0.2 and _can_come(kind, world, place.row):
            places.append((number, place))
    number, place = middle_third(places, kind.kind)
    without = stage.without(number)
    lives = [stage.with_life(number, *events) for events in _draws(kind, stage, stage.worlds[number], place.row)]
    # what is drawn is drawn again: the events themselves are needed for the story
    drawn = list(_draws(kind, stage, stage.worlds[number], place.row))
    own = without.net_kwh[place.row + 1]
    change = [float(np.nansum(np.abs(lived.net_kwh[place.row + 1] - own))) for lived in lives]
    chosen = int(np.argsort(change, kind="stable")[max(len(change) - 2, 0)])
    story = "; then ".join(event.story for event in drawn[chosen])
    return _card(
        kind.kind, definition_of(kind), story, stage, place.row, lives[chosen], without, drawn[chosen][0].start_s
    )


def _can_come(kind: type[LifeEvent], world: World, row: int) -> bool:
    customer = Customer.at(world.customers, row)
    classes = {*kind.per_year, *kind.standing} or {"residential"}
    return customer.meter.customer_class in classes and kind.suits(customer)


def _draws(kind: type[LifeEvent], stage: Stage, world: World, row: int) -> Iterator[tuple[LifeEvent, ...]]:
    """Some draws that begin at the onset, and whose own kind begins soon after it."""
    rng, feed = seeded(kind.kind), feed_days(stage)
    customer = Customer.at(world.customers, row)
    found = 0
    for _ in range(60):
        events = _draw(kind, customer, stage, feed, rng)
        own = next((event for event in events if isinstance(event, kind)), None)
        if own is not None and stage.onset_s - DAY_S <= own.start_s <= stage.onset_s + SOON_DAYS * DAY_S:
            yield events
            found += 1
            if found == DRAWS:
                return


def _draw(
    kind: type[LifeEvent], customer: Customer, stage: Stage, feed: FeedDays, rng: np.random.Generator
) -> tuple[LifeEvent, ...]:
    if kind is Renovated:
        return (Renovated.after(customer.row, stage.onset_s, rng),)
    if kind is SeasonalBusiness:
        seasons = kind.draw_standing(customer, feed, rng)
        return (replace(seasons[0], start_s=stage.onset_s, end_s=None),)
    return kind.draw(customer, float(stage.onset_day), feed, rng)


def power_saving_card(stage: Stage) -> Card:
    number = stage.an_area("industrial_estate", "high_street")
    saving = PowerSaving.in_area(
        stage.worlds[number].customers, float(stage.onset_day), feed_days(stage), seeded(PowerSaving.kind)
    )
    with_it, without = stage.with_life(number, saving), stage.without(number)
    return _card(saving.kind, definition_of(PowerSaving), saving.story, stage, -1, with_it, without, saving.start_s)


def new_year_card(stage: Stage, kind: type[LifeEvent]) -> Card:
    """A whole area over Chinese New Year: a block in town, or a village."""
    number = stage.an_area("town_block" if kind is NewYearAbsence else "farmland")
    day = new_year(stage.start.year)
    festivals = () if day is None else (day,)
    events = draw_new_year(stage.worlds[number].customers, festivals, feed_days(stage), seeded(kind.kind))
    own = [event for event in events if isinstance(event, kind)]
    with_it, without = stage.with_life(number, *own), stage.without(number)
    story = f"New Year's Day is {day}; {len(own)} of {len(stage.worlds[number].customers)} customers; the first: {own[0].story}"
    first_s = min(event.start_s for event in own)
    return _card(kind.kind, definition_of(kind), story, stage, -1, with_it, without, first_s)


def feed_days(stage: Stage) -> FeedDays:
    return FeedDays(stage.province.calendar, stage.start, stage.days)


def _card(
    key: str, definition: str, story: str, stage: Stage, row: int, with_it: Lived, without: Lived, start_s: int
) -> Card:
    drawn_kw: Rows = with_it.drawn_by(row) if row >= 0 else with_it.net_kwh[0] / INTERVAL_H
    scene = Scene(key, stage, row, with_it, without, drawn_kw, (), stage.day_of(start_s))
    facts = place_facts(without, row)
    return Card(key, BENIGN, "", "", NAMES_ZH[key], definition, story, facts, figure_of(scene))
