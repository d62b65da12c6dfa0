"""The gallery has a card for everything there is, and a card shows what it is about; the packs have a picture each."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from simulator.gallery.benign import NAMES_ZH, life_card
from simulator.gallery.cards import BENIGN, Card, scenario_card, typical_case, typical_place
from simulator.gallery.changes import changed_most, most_changed_voltage
from simulator.gallery.figure import Scene, shown_days
from simulator.gallery.pack_pictures import draw_pack, live_pack
from simulator.gallery.packs_page import ABOUT, OPTIONS, PAGE, packs_page
from simulator.gallery.page import FAMILY_NAMES, page
from simulator.gallery.stage import PER_DAY, Lived, Stage, daily_loss, daily_sum
from simulator.gallery.svg import png, svg
from simulator.gallery.works import outage_cards, work_cards
from simulator.life import KINDS
from simulator.life.vacancy import Vacancy
from simulator.packs import PACKS
from simulator.recipe import Recipe
from simulator.scenarios import SCENARIOS
from simulator.scenarios.bypass import Bypass
from simulator.scenarios.case import Case
from simulator.scenarios.split_current import SplitCurrent
from simulator.scenarios.voltage_loss import VoltageLoss

DAYS, ONSET_DAY = 8, 4


@pytest.fixture(scope="module")
def stage() -> Stage:
    """As the gallery's, but a few days long, with an area of every settlement."""
    return Stage(days=DAYS, onset_day=ONSET_DAY, customers=60)


def lived(stage: Stage, scenario: type[Case]) -> tuple[Case, Lived, Lived]:
    number, place = typical_place(stage, scenario.scenario, scenario)
    case = typical_case(scenario.scenario, scenario, place, stage)
    return case, stage.with_cases(number, case), stage.without(number)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_every_scenario_finds_a_typical_place_and_case(scenario: type[Case], stage: Stage) -> None:
    number, place = typical_place(stage, scenario.scenario, scenario)
    assert scenario.suits(place)
    assert place.meter.transformer_area == stage.worlds[number].name
    case = typical_case(scenario.scenario, scenario, place, stage)
    assert case.start_s == stage.onset_s
    assert case == typical_case(scenario.scenario, scenario, place, stage), "the same each time"


def test_a_card_tells_its_definition_what_was_drawn_and_where(stage: Stage) -> None:
    card = scenario_card(stage, "scaled_by_constant", SCENARIOS["scaled_by_constant"])
    assert card.definition.startswith("Scaled by a constant")
    assert "with probability 0.6 the currents are altered" in card.definition, "what it shares with its like, too"
    assert card.code == "altered_readings"
    assert card.name_zh
    assert {"severity", "drawn and not metered", "where"} <= {what for what, _ in card.facts}
    assert card.figure.count("<svg") == 1
    assert "-0 kWh" not in str(card.facts)


def test_benign_life_has_a_chinese_name_and_a_card_shows_it(stage: Stage) -> None:
    words = {kind.kind for kind in KINDS}
    assert words <= set(NAMES_ZH)
    card = life_card(stage, Vacancy)
    assert card.family == BENIGN
    assert "nobody is there" in card.story


def test_what_the_utility_and_the_weather_do_is_shown_too() -> None:
    stage = Stage()
    assert {card.key for card in work_cards(stage)} == {
        "outage",
        "planned_outage",
        "storm",
        "meter_exchange",
        "topology_change",
        "archive_error",
    }
    assert {card.key for card in outage_cards(stage)} <= set(NAMES_ZH)


def test_the_page_holds_a_card_a_link_and_a_family_of_each(stage: Stage) -> None:
    cards = [scenario_card(stage, "bypass", Bypass), life_card(stage, Vacancy)]
    text = page(cards)
    assert re.findall(r'<article id="(\w+)"', text) == ["bypass", "vacancy"]
    assert text.count('href="#bypass"') == 1
    assert FAMILY_NAMES["theft"][1] in text
    assert FAMILY_NAMES[BENIGN][1] in text
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", text), "nothing to load"


def test_the_same_card_has_the_same_bytes(stage: Stage) -> None:
    def draw() -> Card:
        return scenario_card(stage, "bypass", Bypass)

    assert draw().figure == draw().figure


def test_the_weeks_with_and_without_a_case_are_the_same_before_it(stage: Stage) -> None:
    _, with_it, without = lived(stage, Bypass)
    before, after = slice(0, ONSET_DAY * PER_DAY), slice(ONSET_DAY * PER_DAY, None)
    for name, values in with_it.columns.items():
        assert np.array_equal(values[:, before], without.columns[name][:, before], equal_nan=True), name
    assert with_it.case_kwh[:ONSET_DAY].sum() == 0
    loss, usual = (daily_loss(life.net_kwh[0], life.sold_kwh) for life in (with_it, without))
    assert np.all(loss[ONSET_DAY:] > usual[ONSET_DAY:])
    assert np.nansum(with_it.net_kwh[0][after]) == pytest.approx(np.nansum(without.net_kwh[0][after]), rel=1e-3)


def test_the_panels_show_what_changed_most(stage: Stage) -> None:
    after = slice(ONSET_DAY * PER_DAY, None)
    case, with_it, without = lived(stage, VoltageLoss)
    assert isinstance(case, VoltageLoss)
    voltage = most_changed_voltage(with_it, without, case.place.row, after)
    assert voltage.title == f"Voltage of phase {'abc'[case.phase]}, V"
    first, _ = changed_most(with_it, without, case.place.row + 1, after)
    assert first.title == f"Current of phase {'abc'[case.phase]}, A", "what flows on gives it away"
    case, with_it, without = lived(stage, SplitCurrent)
    first, second = changed_most(with_it, without, case.place.row + 1, after)
    assert first.title == "Line current, A"
    assert second.title == "Neutral current, A"


def test_the_days_shown_lie_on_both_sides_of_the_onset_and_are_the_same_weekdays() -> None:
    stage = Stage(days=21, onset_day=10)
    case, with_it, without = lived(stage, Bypass)
    scene = Scene("bypass", stage, case.place.row, with_it, without, with_it.drawn_by(case.place.row), (), 10)
    before, after = shown_days(scene)
    assert before + 1 < 10 <= after
    assert (after - before) % 7 == 0


def test_a_day_of_which_most_is_missing_is_missing() -> None:
    values = np.ones(2 * PER_DAY)
    values[: PER_DAY // 2 + 1] = np.nan
    assert np.isnan(daily_sum(values)[0])
    assert daily_sum(values)[1] == PER_DAY


def test_loss_is_taken_over_what_is_known_on_both_sides() -> None:
    supplied, sold = np.full(PER_DAY, 10.0), np.full(PER_DAY, 9.0)
    sold[:20] = np.nan
    assert daily_loss(supplied, sold) == pytest.approx([10.0])


def test_a_drawing_takes_its_colours_from_the_page_and_words_are_left_alone() -> None:
    def draw(figure: Figure) -> None:
        figure.text(0, 0, "3.14159 <b>")

    text = svg("words", (2, 1), draw, "a & b")
    assert "var(--text)" in text
    assert "3.14159 &lt;b&gt;" in text, "numbers in words are not cut"
    assert 'aria-label="a &amp; b"' in text


@pytest.mark.parametrize("name", PACKS)
def test_every_pack_has_a_section_and_a_picture(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert PACKS[name].about in section
    assert ABOUT[name] in section
    assert f"--pack {name} {OPTIONS[name]}" in section
    assert f"(packs/{name}.png)" in section
    picture = PAGE.parent / "packs" / f"{name}.png"
    assert picture.stat().st_size < 80_000
    with Image.open(picture) as image:
        assert image.size == (1000, 450)


def test_no_pack_is_described_that_there_is_not() -> None:
    assert re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE) == list(PACKS)
    assert {path.stem for path in (PAGE.parent / "packs").glob("*.png")} == set(PACKS)


def test_a_packs_picture_is_drawn_from_its_days(tmp_path: Path) -> None:
    recipe = Recipe(areas=4, meters_per_area=20, days=12, seed=2, interval_minutes=60, packs=("storm",))
    days = live_pack(recipe)
    assert days.without_supply.max() > 0.05, "the storm"
    assert np.all(days.demand_kw[:, 0] <= days.demand_kw[:, 1])
    assert np.nanmedian(days.loss_percent) == pytest.approx(3, abs=2)
    for name in ("one", "two"):
        draw_pack(tmp_path / f"{name}.png", days)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    text = packs_page(dict.fromkeys(PACKS, days))
    assert "bypass 1" in text


def test_a_picture_is_small_and_the_same_each_time(tmp_path: Path) -> None:
    def draw(figure: Figure) -> None:
        figure.subplots().plot([1, 2])

    for name in ("one", "two"):
        png(tmp_path / f"{name}.png", (2, 1), draw)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
