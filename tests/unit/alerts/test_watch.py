"""The watch's rules open and end with hysteresis, in three states; what cannot be judged is never taken for recovery."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.watch import LONGEST_GAP_S, RELAPSE_S, RULES, WHY_NOT, Measured, WatchRule, judge
from metering.watch import WatchStanding

RULE = replace(RULES["log_behind"], set=10.0, recover=2.0, set_after_s=30.0, clear_after_s=20.0)
STEP_S = 10.0


def course(*values: float | None, rule: WatchRule = RULE, step_s: float = STEP_S) -> list[WatchStanding]:
    """The standing after each value, one every `step_s` seconds."""
    found: list[WatchStanding] = []
    for n, value in enumerate(values):
        measured = Measured(rule.code, "judge", value, why_not="no_worker")
        found.append(judge(rule, found[-1] if found else None, measured, n * step_s))
    return found


def opens(*values: float | None) -> list[bool]:
    return [standing.open for standing in course(*values)]


def test_a_condition_must_hold_before_it_opens_and_be_gone_before_it_ends() -> None:
    assert opens(12, 12, 12, 12, 1, 1, 1, 1) == [False, False, False, True, True, True, False, False]


def test_between_recover_and_set_everything_stays_as_it_is() -> None:
    assert opens(5, 5, 5, 5) == [False] * 4
    assert opens(12, 12, 12, 12, 5, 5, 5, 5)[3:] == [True] * 5


def test_what_cannot_be_judged_neither_opens_nor_ends_and_is_called_so() -> None:
    after = course(12, 12, 12, 12, None, None, None, None)
    assert after[-1].open
    assert (after[-1].state, after[-1].why_not) == ("not_judged", "no_worker")
    assert after[3].state == "abnormal"
    assert course(None)[0].state == "not_judged"
    assert opens(12, 12, None, 12, 12) == [False] * 5, "the condition was not seen to hold throughout"


def test_a_long_silence_of_the_watch_itself_begins_the_count_anew() -> None:
    waits = course(12, 12, step_s=LONGEST_GAP_S + 1)
    assert [s.open for s in waits] == [False, False]
    assert waits[1].crossed_at_s == waits[1].judged_at_s


def test_soon_after_its_end_it_is_the_same_alerts_next_episode_and_later_another() -> None:
    before = course(12, 12, 12, 12, 1, 1, 1)[-1]
    ended_s = before.ended_at_s
    assert ended_s is not None
    rule, high = replace(RULE, set_after_s=0.0), Measured(RULE.code, "judge", 99.0)
    soon, later = (judge(rule, before, high, ended_s + after_s) for after_s in (RELAPSE_S, RELAPSE_S + 1))
    assert (soon.alert_id, soon.episode) == (before.alert_id, 2)
    assert later.alert_id != before.alert_id
    assert later.episode == 1


VALUES = st.lists(st.sampled_from([None, 0.0, 2.0, 5.0, 10.0, 50.0]), min_size=1, max_size=60)


@given(VALUES)
def test_an_alert_opens_only_after_set_held_and_ends_only_after_recover_held(values: list[float | None]) -> None:
    after = course(*values)
    for n, standing in enumerate(after):
        was_open = n > 0 and after[n - 1].open
        if standing.open == was_open:
            continue
        hold_s = RULE.set_after_s if standing.open else RULE.clear_after_s
        lately = values[n - int(hold_s / STEP_S) : n + 1]
        assert len(lately) == int(hold_s / STEP_S) + 1
        if standing.open:
            assert all(v is not None and v >= RULE.set for v in lately)
        else:
            assert all(v is not None and v <= RULE.recover for v in lately)


@given(VALUES)
def test_what_held_long_enough_is_never_overlooked(values: list[float | None]) -> None:
    after = course(*values)
    for n in range(3, len(values)):
        if all(v is not None and v >= RULE.set for v in values[n - 3 : n + 1]):
            assert after[n].open
        if all(v is not None and v <= RULE.recover for v in values[n - 2 : n + 1]):
            assert not after[n].open


@given(VALUES)
def test_the_number_of_episodes_is_the_number_of_openings(values: list[float | None]) -> None:
    after = course(*values)
    openings = sum(s.open and not (n and after[n - 1].open) for n, s in enumerate(after))
    assert after[-1].episode == openings, "all within an hour: one alert, relapses counted"
    assert len({s.alert_id for s in after if s.alert_id}) <= 1


@pytest.mark.parametrize("rule", RULES.values(), ids=str)
def test_every_rule_leaves_room_between_opening_and_ending_and_says_what_to_do(rule: WatchRule) -> None:
    assert rule.recover < rule.set
    assert min(rule.set_after_s, rule.clear_after_s) >= 0
    assert all((rule.name_en, rule.name_zh, rule.do_en, rule.do_zh))
    assert any("一" <= letter <= "鿿" for letter in rule.name_zh + rule.do_zh)


def test_every_reason_for_not_judging_has_its_words() -> None:
    assert all(en and zh for en, zh in WHY_NOT.values())
