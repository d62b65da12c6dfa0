"""Every word on a screen exists in both languages, says the same things, and is used."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

import desk.texts
from alerts.handling import ACTS
from desk.pieces import GRADE_MARKS
from desk.selection import GRADE_ORDER
from desk.texts import LANGUAGES, TEXTS, Words, language_of
from inspection.lifecycle import MOVES
from metering.alert import AlertState
from metering.announcement import Turn, Urgency
from metering.catalogue import CATALOGUE, FAMILIES
from metering.handling import ShownState
from metering.inspection import TaskState
from metering.notification import DeliveryState, Kind
from metering.readings import SetAside

SOURCES = {p.name: p.read_text() for p in Path(desk.texts.__file__).parent.glob("*.py") if p.name != "texts.py"}
LITERAL = re.compile(r"""["']((?:[a-z_]+\.)*[a-z_]+)["']""")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", list(TEXTS))
def test_every_text_stands_in_both_languages_with_the_same_figures(key: str) -> None:
    text = TEXTS[key]
    assert text.en.strip()
    assert text.zh.strip()
    assert placeholders(text.en) == placeholders(text.zh)


@pytest.mark.parametrize("key", [k for k in TEXTS if k not in ("brand", "language.other")])
def test_chinese_is_chinese(key: str) -> None:
    words = re.sub(r"\{\w+\}|kWh", "", TEXTS[key].zh)
    assert re.search(r"[\u4e00-\u9fff]", words) or not re.search(r"[a-z]", words)
    assert not re.search(r"[\u4e00-\u9fff]", TEXTS[key].en)


def test_every_state_grade_family_reason_and_move_has_its_word() -> None:
    wanted = {f"alert_state.{s}" for s in AlertState} | {f"task_state.{s}" for s in TaskState}
    wanted |= {f"grade.{g}" for g in GRADE_ORDER} | {f"family.{f}" for f in FAMILIES}
    wanted |= {f"reason.{r}" for r in SetAside} | {f"move.{m}" for m in (*MOVES, "open", "add_alert")}
    wanted |= {f"told.kind.{k}" for k in get_args(Kind)} | {f"told.turn.{t}" for t in Turn}
    wanted |= {f"told.state.{s}" for s in get_args(DeliveryState)}
    wanted |= {f"do.{m}" for m in MOVES} | {f"shown_state.{s}" for s in ShownState}
    wanted |= {f"history.{what}" for what in (*Turn, *ACTS, "not_a_problem", "undo_not_a_problem")}
    wanted |= {f"urgency.{u}" for u in get_args(Urgency)}
    assert wanted <= TEXTS.keys()
    assert GRADE_MARKS.keys() == GRADE_ORDER.keys()


def test_every_text_is_used_by_some_page() -> None:
    literal = {found for source in SOURCES.values() for found in LITERAL.findall(source)} | {"check.default"}
    built = ("alert_state.", "task_state.", "grade.", "family.", "reason.", "move.", "class.", "ago.", "in.", "nav.")
    built_too = (
        "theme.",
        "chart.phase_",
        "chart.mean",
        "chart.neutral",
        "chart.window.",
        "section.voltage",
        "section.current",
        "source.",
        "effect.",
        "benign.",
        "told.kind.",
        "told.turn.",
        "told.state.",
        "told.why.",
        "shown_state.",
        "urgency.",
        "history.",
    )
    unused = {key for key in TEXTS if key not in literal and not key.startswith((*built, *built_too))}
    assert unused - {"do.leave_site", "do.withdraw"} == set()


def test_every_word_a_page_asks_for_exists() -> None:
    asked = {
        key
        for source in SOURCES.values()
        for key in re.findall(r"""\bsay\(\s*["']([a-z_]+\.[a-z_.]+|[a-z]+)["']""", source)
    }
    assert len(asked) > 100
    assert asked <= TEXTS.keys()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", list(CATALOGUE))
def test_every_abnormality_has_a_name_and_something_to_check(language: str, code: str) -> None:
    known = language_of(language)
    assert known is not None
    assert Words(known).abnormality(code)
    assert Words(known).check_on_site(code)


def test_nothing_is_called_theft_before_somebody_has_been_there() -> None:
    assert "Suspected" in Words("en")("claim.suspected", what="bypass")
    assert "疑似" in Words("zh")("claim.suspected", what="绕越计量")


def test_an_alert_is_never_called_a_task() -> None:
    for key, text in TEXTS.items():
        if key.startswith(("alert_state.", "column.alerts", "overview.newest")):
            assert "task" not in text.en
            assert "任务" not in text.zh


@pytest.mark.parametrize(
    ("word", "language"), [("zh-CN,zh;q=0.9", "zh"), ("EN-us", "en"), ("de", None), ("", None), (None, None)]
)
def test_a_browser_s_language_is_understood(word: str | None, language: str | None) -> None:
    assert language_of(word) == language
