"""A person at three in the morning reads sentences: every figure has words in both languages, numbers are in units, three reasons are three things."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.case.case_probability import CaseProbability, CaseProbabilityParams
from detectors.case.explanation import MOST_AGAINST, MOST_REASONS, explanation, naming
from detectors.case.figure_words import FORMS, Both, figure_words
from detectors.case.prior import shipped_prior
from detectors.day.bank import DayBank
from detectors.examples import context
from metering.alert import NAMING, Reason

DAY = date(2026, 3, 2)
FIGURES = DayBank(context(meters=3, supply=True)).features
CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: The jargon of those who wrote the experts.
JARGON = re.compile(r"\blog\b|sigma|cusum|\bnan\b|\bz\b|_|对数|\{|\}|  ", re.IGNORECASE)
#: Values of every figure between its bounds, and beyond what is usual.
VALUES = (-60.0, -8.0, -1.7, -0.478, -0.12, -0.0031, 0.0, 0.0031, 0.05, 0.478, 1.0, 1.7, 8.0, 14.0, 60.0)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_words_in_both_languages(name: str) -> None:
    words = figure_words().get(name)
    assert words is not None, f"give {name} its sentences in detectors/case/figure_words.toml"
    for told in (words.says, words.calm):
        assert told.en
        assert not CHINESE.search(told.en), name
        assert CHINESE.search(told.zh), name


def test_there_are_words_for_no_figure_that_is_gone() -> None:
    assert set(figure_words()) == set(FIGURES)


def test_figures_stand_under_the_expert_that_gives_them() -> None:
    of_expert = {name: e.name for e in DayBank(context(meters=3, supply=True)).experts for name in e.features}
    assert {name: words.expert for name, words in figure_words().items()} == of_expert


@pytest.mark.parametrize("name", FIGURES)
def test_no_sentence_is_jargon_or_without_its_value(name: str) -> None:
    words = figure_words()[name]
    for value in VALUES:
        said = words.sentence(value)
        for text in said:
            assert not JARGON.search(text), text
            assert text == text.strip()
        if words.is_notable(value) and words.form != "flag":
            assert re.search(r"\d", said.en), said.en
            assert re.search(r"\d", said.zh), said.zh


@pytest.mark.parametrize(
    ("form", "value", "en", "zh"),
    [
        ("ratio", np.log(0.62), "38 % below", "低 38 %"),
        ("ratio", np.log(1.4), "40 % above", "高 40 %"),
        ("ratio", np.log(4.5), "4.5 times", "高，为其 4.5 倍"),
        ("ratio", 60.0, "100 times", "高，为其 100 倍"),
        ("share", 0.034, "3 %", "3 %"),
        ("points", -0.12, "12 percentage points less", "低 12 个百分点"),
        ("more_or_less", 0.07, "7 % more", "多 7 %"),
        ("kwh", -4.26, "4.3 kWh a day", "4.3 kWh"),
        ("kwh_of_log", np.log(7.1), "7 kWh a day", "每日 7 kWh"),
        ("nominal", 0.5, "115 V (50 % of nominal)", "115 V（额定的 50 %）"),
        ("volts", 2.34, "2.3 V", "2.3 V"),
        ("lag", -3.0, "3 h earlier", "早 3 小时"),
        ("days", 1.0, "1 day", "1 天"),
        ("six_hours", 22.0, "22:00 to 04:00", "22:00–04:00"),
        ("times", 0.21, "21 % of", " 21 %"),
        ("times", 1.36, "1.4 times", " 1.4 倍"),
        ("difference", -0.12, "0.12 lower", "低 0.12"),
        ("errors", 8.13, "8.1 standard errors", "8.1 倍标准误"),
    ],
)
def test_values_are_shown_in_the_units_of_the_trade(form: str, value: float, en: str, zh: str) -> None:
    assert FORMS[form](value) == Both(en, zh)


def test_which_way_a_value_goes_is_said() -> None:
    words = figure_words()
    assert "less than expected" in words["fall_kwh"].sentence(5.0).en
    assert "more than expected" in words["fall_kwh"].sentence(-5.0).en
    assert words["fall_kwh"].sentence(5.0).zh == "近日每日比应有电量少 5 kWh"
    assert words["register_gap_kwh"].sentence(-2.0).zh.endswith("少 2 kWh")
    assert "later" in words["lag_h"].sentence(2.0).en


def test_what_is_summed_up_over_days_is_told_with_how_much_it_is_lately() -> None:
    words = figure_words()
    assert "lately 38 % below it" in words["fall_cusum"].sentence(21.0, VALUED).en
    assert "近日低 38 %" in words["fall_cusum"].sentence(21.0, VALUED).zh
    assert "lately" not in words["fall_cusum"].sentence(21.0, {"log_level": 0.4}).en, "the other way is another story"
    assert "lately by 1.4 V" in words["unseen_cusum"].sentence(12.0, {"unseen_drop_v": 1.4}).en
    assert "lately" not in words["unseen_cusum"].sentence(12.0, {"unseen_drop_v": -0.2}).en
    assert words["fall_cusum"].sentence(0.0, VALUED).en == "no run of days below usual"
    for name, told in words.items():
        assert (told.beside != "") == (told.says_beside is not None), name
        assert not told.beside or told.beside in words


def test_which_hours_fell_is_said_before_that_nights_fell() -> None:
    night = {"night_fall_cusum": 15.0, "night_level": -0.7, "lowest_block": -1.1, "lowest_block_h": 22.0}
    told = explanation(
        [("night_fall_cusum", 1.5), ("lowest_block", 0.4), ("log_level", 0.5)], night | {"log_level": -0.3}
    )
    assert [r.text for r in told] == [
        "from 22:00 to 04:00 use is 67 % below the meter's habit, beyond what similar customers did",
        "recent days are 26 % below the meter's usual energy, beyond what similar customers did",
    ]
    assert told[0].text_zh == "22:00–04:00 用电比该户长期习惯低 67 %（已扣除同类用户变化）"
    assert told[0].weight == 1.9, "all that says so counts together"
    (no_hours,) = explanation([("night_fall_cusum", 1.5)], night | {"lowest_block": -0.1})
    assert no_hours.text.startswith("nights (23 to 5 h) are 50 % below usual, night after night")
    assert figure_words()["night_level"].spoken(0.7, night)[1] == 0.7, "what rose is not told by what fell"


@pytest.mark.parametrize(
    ("residential", "kind", "told"), [(1.0, "tariff_misuse", 1), (1.0, "bypass", 0), (0.0, "tariff_misuse", 0)]
)
def test_like_a_business_is_said_of_homes_and_of_their_tariff(residential: float, kind: str, told: int) -> None:
    figures = {"business_hours": 0.7, "residential": residential}
    assert len(explanation([("business_hours", 1.0)], figures, kind=kind)) == told


def test_why_a_kind_was_named_is_what_tells_it_from_the_next() -> None:
    figures = {"lag_h": 3.0, "log_level": -2.5, "event_days": 0.0}
    apart = [("lag_h", 1.4), ("log_level", -0.9), ("event_days", 0.5)]
    told = naming(("clock_error", 0.61), ("bypass", 0.2), apart, figures)
    assert (told.detector, told.against, told.supports) == (NAMING, False, False)
    assert told.text.endswith(
        "rather than current past the meter (bypass) (20 %): the day's curve comes 3 h later than usual"
    )
    assert told.text_zh.endswith("（20 %）：日负荷曲线比平日晚 3 小时")
    kept = naming(("clock_error", 0.2), ("bypass", 0.61), apart, figures)
    assert "by now current past the meter (bypass) is likelier (61 %): recent days are 92 % below" in kept.text
    business = {"business_hours": 0.7, "residential": 1.0}
    use = [("business_hours", 2.0)]
    assert "like a business's" in naming(("tariff_misuse", 0.6), ("bypass", 0.2), use, business).text
    assert "like a business's" not in naming(("bypass", 0.6), ("tariff_misuse", 0.2), use, business).text
    nothing = naming(("clock_error", 0.61), ("bypass", 0.2), [("lag_h", 0.1)], figures)
    assert nothing.text.endswith("no single figure tells them apart")


def test_what_is_as_it_should_be_names_a_kind_only_where_nothing_else_does() -> None:
    kinds = ("bypass", 0.6), ("altered_readings", 0.3)
    calm = [("unseen_drop_v", 1.0), ("event_days", 0.5)]
    figures = {"unseen_drop_v": 0.1, "unseen_cusum": 40.0, "event_days": 0.0}
    assert naming(*kinds, calm, figures).text.endswith(": no suspicious event in the last 30 days"), (
        "not what another figure denies"
    )
    figures["log_level"] = -0.5
    assert "recent days are 39 % below" in naming(*kinds, [*calm, ("log_level", 0.3)], figures).text


def test_told_apart_adds_up_to_the_odds_of_one_kind_over_another() -> None:
    prior = shipped_prior()
    row = np.random.default_rng(1).normal(0, 1, len(prior.features)).astype(np.float32)
    shares = prior.probable_kinds(row[None])[0]
    apart = sum(by for _, by in prior.told_apart(row, 1, 2)) + prior.kind_weight[1, -1] - prior.kind_weight[2, -1]
    assert np.log(shares[1] / shares[2]) == pytest.approx(apart)


#: Symbols of units and phases are the same in both languages; all other words are to be translated.
SYMBOLS = re.compile(r"\b(kWh|kW|kVA|V|A|h)\b")


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_english_is_left_in_a_chinese_sentence(name: str) -> None:
    words = figure_words()[name]
    for value in VALUES:
        for told in (words.sentence(value), *(words.sentence(value, {words.beside: of}) for of in (-0.5, 0.5))):
            assert not re.search("[A-Za-z]", SYMBOLS.sub("", told.zh)), told.zh


CONTRIBUTIONS = [
    ("balance_fallen_z", 1.5),
    ("log_level", 1.1),
    ("balance_fallen_share", 0.9),
    ("fall_cusum", 0.8),
    ("unseen_with_missed_z", 0.7),
    ("residential", 0.6),
    ("power_factor_change", 0.3),
    ("event_days", -0.5),
    ("implied_gap_size", -0.4),
    ("likeness", -0.3),
    ("reversed_share", -0.1),
]
VALUED = {
    "balance_fallen_z": 8.1,
    "log_level": -0.478,
    "balance_fallen_share": 0.92,
    "fall_cusum": 21.0,
    "unseen_with_missed_z": 5.0,
    "residential": 1.0,
    "power_factor_change": -0.06,
    "event_days": 0.0,
    "implied_gap_size": 0.01,
    "likeness": 0.97,
    "reversed_share": 0.0,
}


def test_three_reasons_are_three_things_the_strongest_together_first() -> None:
    told = explanation(CONTRIBUTIONS, VALUED)
    why = [r for r in told if not r.against]
    assert [r.detector for r in why] == ["day_level", "day_balance", "day_voltage"], "what fell, then what bears it out"
    assert [r.weight for r in why] == [1.9, 2.4, 0.7]
    assert "8.1 standard errors" in why[1].text
    assert "38 % below" in why[0].text
    assert "低 38 %" in why[0].text_zh
    assert not any("a home, by" in r.text for r in told), "what is no reason by itself is none"


def test_what_speaks_against_is_what_is_as_it_should_be() -> None:
    told = [r for r in explanation(CONTRIBUTIONS, VALUED) if r.against]
    assert [r.weight for r in told] == [-0.5, -0.4, -0.3]
    assert told[0].text == "no suspicious event in the last 30 days"
    assert told[2].text_zh == "日负荷曲线形状如常（相似度 0.97，满分 1）"


def test_what_is_said_for_a_suspicion_is_not_said_against_it_as_well() -> None:
    both = [("unseen_cusum", 2.0), ("unseen_drop_v", -0.6), ("event_days", -0.5)]
    told = explanation(both, {"unseen_cusum": 25.0, "unseen_drop_v": 0.1, "event_days": 0.0})
    assert [(r.against, r.detector) for r in told] == [(False, "day_voltage"), (True, "day_events")]


def test_a_benign_explanation_comes_before_other_reasons_against() -> None:
    vacancy = Reason("vacancy", "the home stands empty", True, "房屋空置", -1.0)
    told = [r for r in explanation(CONTRIBUTIONS, VALUED, [vacancy]) if r.against]
    assert told[0] == vacancy
    assert len(told) == MOST_AGAINST


def test_a_value_that_is_no_reason_is_not_given_as_one() -> None:
    assert explanation([("log_level", 2.0)], {"log_level": 0.01}) == ()
    assert explanation([("balance_fallen_z", -2.0)], {"balance_fallen_z": 9.0}) == ()
    assert explanation([("log_level", 2.0)], {"log_level": float("nan")}) == ()


@given(st.lists(st.sampled_from(VALUES) | st.just(float("nan")), min_size=130, max_size=130))
def test_whatever_the_figures_no_more_than_three_of_each_and_no_topic_twice(values: list[float]) -> None:
    prior = shipped_prior()
    row = np.resize(np.array(values, dtype=np.float32), len(prior.features))
    told = explanation(prior.reasons(row), dict(zip(prior.features, row.tolist(), strict=True)))
    for against in (False, True):
        same_side = [r for r in told if r.against == against]
        assert len(same_side) <= (MOST_AGAINST if against else MOST_REASONS)
        assert len({r.text for r in same_side}) == len(same_side)
        assert all((r.weight < 0) == against for r in same_side)
        weights = [abs(r.weight) for r in same_side]
        assert not against or weights == sorted(weights, reverse=True)


ENERGY = {"log_usual": np.full(2, 2.3), "class_movement": np.zeros(2), "fall_kwh": np.full(2, 4.0)}


def test_a_suspicion_brings_its_reasons() -> None:
    weigher = CaseProbability(context(meters=2), CaseProbabilityParams(warm_up_days=5))
    names = shipped_prior().features
    figures = {name: np.full(2, VALUED.get(name, np.nan)) for name in names}
    for _ in range(6):
        verdict = weigher.judge(figures, DAY)
        weigher.learn(verdict)
    speaking = [s for s in weigher.signals(verdict, ENERGY, np.zeros(2, dtype=np.int64)) if s.reasons is not None]
    assert all(s.reasons is not None and s.reasons(0) == weigher.reasons(verdict, 0) for s in speaking)
    told = weigher.reasons(verdict, 1)
    assert any(not r.against for r in told)
    assert all(CHINESE.search(r.text_zh) for r in told)
