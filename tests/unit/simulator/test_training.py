"""The training pack's exercise asks about abnormal and harmless service points alike, tells nothing beforehand, and answers all."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from metering.catalogue import CATALOGUE
from simulator.feeds.feed import Feed
from simulator.life import KINDS
from simulator.province import Province
from simulator.recipe import Recipe
from simulator.scenarios import SCENARIOS
from simulator.scenarios.case import Case
from simulator.simulate import simulate
from simulator.training import ANSWERS, EXERCISE, TRAINING_FILES, write_training
from simulator.training.figure import Seen
from simulator.training.points import (
    AREA_CASES,
    CUSTOMER_CASES,
    LOOK_ALIKES,
    NOTHING,
    ORDINARY,
    ORDINARY_KIND,
    PASSING,
    WORK_ORDER,
    Point,
    choose_points,
)
from simulator.training.recorded import Recorded, read_back
from simulator.training.words import BENIGN_ZH, HINT_KEYS, both, check_on_site, event_words, hints

BOOKED = {"meter_exchange", "topology_change", "archive_error"}


def recipe(**more: object) -> Recipe:
    asked = {"areas": 3, "meters_per_area": 14, "days": 42, "seed": 5, "interval_minutes": 60, "packs": ("training",)}
    return Recipe(**(asked | more))  # type: ignore[arg-type]  # checked by the recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feeds") / "training"
    simulate(folder, recipe())
    return folder


@pytest.fixture(scope="module")
def province() -> Province:
    return Province(recipe())


@pytest.fixture(scope="module")
def points(province: Province) -> tuple[Point, ...]:
    return choose_points(province)


@pytest.fixture(scope="module")
def recorded(folder: Path, province: Province, points: tuple[Point, ...]) -> Recorded:
    return read_back(Feed.open(folder), province, points)


def page(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def test_everything_that_can_be_asked_about_has_its_hints_in_both_languages() -> None:
    wanted = {*SCENARIOS, *(kind.kind for kind in KINDS), *BOOKED, WORK_ORDER, NOTHING, ORDINARY_KIND}
    assert set(hints()) == wanted
    for kind, said in hints().items():
        assert tuple(said) == HINT_KEYS, kind
        for key, words in said.items():
            assert bool(re.search("[\u4e00-\u9fff]", words)) == key.endswith("_zh"), (kind, key)
    assert set(BENIGN_ZH) >= wanted - set(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_every_scenario_says_what_to_check_on_site(scenario: type[Case]) -> None:
    english, chinese = check_on_site(scenario.abnormality)
    assert english.endswith(".")
    assert chinese.endswith("。")


def test_abnormal_and_harmless_points_are_mixed(province: Province) -> None:
    points = choose_points(Province(recipe(areas=20, meters_per_area=60, days=98, interval_minutes=15)))
    cases = [point for point in points if point.case is not None]
    assert len(points) == CUSTOMER_CASES + AREA_CASES + LOOK_ALIKES + ORDINARY == 40
    assert Counter(point.of_area for point in cases) == {False: CUSTOMER_CASES, True: AREA_CASES}
    codes = Counter((point.of_area, point.case.abnormality) for point in points if point.case is not None)
    assert set(codes.values()) == {1}, "no abnormality twice"
    assert len({point.kind for point in points if point.change is not None}) == LOOK_ALIKES
    assert len({point.meter.service_point for point in points}) == 40
    order = [point.case is None for point in points]
    assert True in order[:8]
    assert False in order[:8]


def test_the_same_province_asks_the_same_and_another_asks_something_else(province: Province) -> None:
    first, again = (choose_points(p) for p in (province, Province(recipe())))
    assert [(p.meter_ids, p.kind) for p in first] == [(p.meter_ids, p.kind) for p in again]
    other = choose_points(Province(recipe(seed=6)))
    assert [p.kind for p in other] != [p.kind for p in first]


def test_harmless_points_have_no_case_and_cases_are_the_truth(province: Province, points: tuple[Point, ...]) -> None:
    labelled = {case.place.meter.meter_id for case in province.cases}
    changed = {change.meter_id for change in province.changes() if change.kind not in PASSING}
    for point in points:
        assert (point.case is not None) == bool(labelled & set(point.meter_ids))
        if point.kind == ORDINARY_KIND:
            assert not changed & set(point.meter_ids)
            assert point.since_s is None


def test_a_training_feed_has_its_two_pages_and_is_a_feed_like_any_other(folder: Path) -> None:
    assert {path.name for path in folder.glob("*.html")} == set(TRAINING_FILES)
    assert Feed.open(folder).has_truth


def test_another_pack_has_no_exercise_and_leaves_none_of_an_earlier_one(folder: Path, tmp_path: Path) -> None:
    for name in TRAINING_FILES:
        (tmp_path / name).write_text("old", encoding="utf-8")
    simulate(tmp_path, recipe(packs=("clean",), areas=1, days=2), overwrite=True)
    assert not list(tmp_path.glob("*.html"))


def test_the_same_feed_gives_the_same_pages(folder: Path, province: Province) -> None:
    before = {name: (folder / name).read_bytes() for name in TRAINING_FILES}
    told: list[tuple[int, int]] = []
    write_training(folder, province, progress=lambda done, count: told.append((done, count)))
    assert {name: (folder / name).read_bytes() for name in TRAINING_FILES} == before
    assert told[-1] == (len(told), len(told))


def test_the_exercise_tells_nothing_of_who_or_what_it_is(
    folder: Path, province: Province, points: tuple[Point, ...]
) -> None:
    text = page(folder, EXERCISE)
    assert re.findall(r'<article id="p(\d+)"', text) == [str(n) for n in range(1, len(points) + 1)]
    for point in points:
        assert point.meter.service_point not in text
        assert not any(meter_id in text for meter_id in point.meter_ids)
        assert point.case is None or point.case.story not in text
        for where in (point.meter.latitude, point.meter.longitude):
            assert f"{where}" not in text
    assert not re.search(r"[MSPTC]\d{6,}", re.sub(r'(xlink:href|id)="[^"]*"|url\([^)]*\)', "", text))
    assert "src=" not in text.replace("<image", "")
    assert "<script" not in text


def test_a_question_weighs_little(folder: Path, points: tuple[Point, ...]) -> None:
    assert (folder / EXERCISE).stat().st_size / len(points) < 150_000, "forty of them and the answers are below 6 MB"


def test_every_number_is_answered(folder: Path, points: tuple[Point, ...]) -> None:
    text = page(folder, ANSWERS)
    answers = re.findall(r'<article id="p(\d+)">(.*?)</article>', text, re.DOTALL)
    assert [int(number) for number, _ in answers] == list(range(1, len(points) + 1))
    for point, (_, answer) in zip(points, answers, strict=True):
        assert point.meter_ids[0] in answer
        assert hints()[point.kind]["told_zh"] in answer
        if point.case is not None:
            found = CATALOGUE[point.case.abnormality]
            assert found.name_zh in answer
            assert f"{found.name_en}".partition("'")[0] in answer
        else:
            assert BENIGN_ZH[point.kind] in answer


def test_the_answer_counts_what_no_meter_showed(folder: Path, points: tuple[Point, ...]) -> None:
    text = page(folder, ANSWERS)
    lines = (folder / "unmetered.csv").read_text(encoding="utf-8").splitlines()[1:]
    by_meter: dict[str, float] = {}
    for line in lines:
        meter_id, _, unmetered = line.split(",")
        by_meter[meter_id] = by_meter.get(meter_id, 0.0) + float(unmetered)
    rows = re.findall(r'<td class="n">([^<]*)</td>', text)
    for point, shown in zip(points, rows, strict=True):
        kwh = by_meter.get(point.meter_ids[0], 0.0) if point.case is not None else 0.0
        assert float(shown.replace(",", "")) == pytest.approx(kwh, abs=0.51)


def test_what_is_shown_is_what_was_written(folder: Path, recorded: Recorded, points: tuple[Point, ...]) -> None:
    point = next(point for point in points if not point.of_area and len(point.meters) == 1)
    last: dict[int, float] = {}
    for batch in Feed.open(folder).readings_file.batches(frozenset(point.meter_ids)):
        last |= dict(zip(batch.times_s.tolist(), batch.columns["energy_kwh"].tolist(), strict=True))
    shown = recorded.readings[point.meter.service_point]["energy_kwh"]
    written = np.array([last.get(int(s), np.nan) for s in recorded.start_s])
    np.testing.assert_allclose(shown, written, rtol=1e-6)


def test_a_healthy_area_loses_a_few_per_cent(recorded: Recorded) -> None:
    first_week = np.array([loss[:7] for loss in recorded.loss_percent.values()])
    assert np.all((first_week > 0) & (first_week < 12)), "before anything begins"
    for area, low in recorded.lowest_v.items():
        assert np.nanmax(low - recorded.highest_v[area]) < 0


def test_a_day_with_gaps_counts_as_its_known_part_and_one_without_readings_is_missing(recorded: Recorded) -> None:
    per_day = round(24 / recorded.interval_h)
    values = np.ones(len(recorded.start_s))
    values[: per_day // 2] = np.nan
    values[per_day : 2 * per_day - 1] = np.nan
    daily = recorded.daily(values)
    assert daily[0] == per_day
    assert np.isnan(daily[1])
    assert recorded.by_day(values.astype(np.float32)).shape == (recorded.days, per_day)


def test_a_meter_exchange_is_one_point_with_both_meters() -> None:
    found = [
        point
        for seed in range(1, 7)
        for point in choose_points(Province(recipe(areas=8, meters_per_area=40, days=98, seed=seed)))
        if point.kind == "meter_exchange"
    ]
    assert found, "in half of all exercises"
    for point in found:
        old, new = point.meter_ids
        assert new == f"{old}N"
        assert point.meter.valid_from_s is not None, "the new one is the last"


def test_export_is_taken_off_what_a_customer_is_shown_to_use(
    recorded: Recorded, province: Province, points: tuple[Point, ...]
) -> None:
    for point in points:
        seen = Seen(point, recorded, province, (), (), (), ())
        energy, export = seen.column("energy_kwh"), seen.column("export_kwh")
        assert energy is not None
        assert export is not None
        np.testing.assert_allclose(seen.net_kwh, energy - np.nan_to_num(export))


def test_words_are_escaped_and_events_named() -> None:
    assert both("a < b", "甲") == '<span lang="en">a &lt; b</span><span lang="zh-CN">甲</span>'
    assert event_words("cover_open") == (CATALOGUE["cover_open"].name_en, CATALOGUE["cover_open"].name_zh)
    assert event_words("power_off") == ("power off", "停电")
