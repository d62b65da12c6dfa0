"""The life of an alert: set and cleared with hysteresis in event time, never by silence, one per service point and kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.life import CODES, AlertBank, Step, grade_of
from metering.alert import PERSON, Alert, AlertState, Worth
from metering.archive import Area, Meter
from metering.catalogue import CATALOGUE
from metering.dismissal import Dismissal
from metering.evidence import Signal
from metering.messages import Finding, MeterEvent
from metering.times import DAY_S, LocalCalendar

STEP_S = 900
AREA = Area(
    "A1",
    (
        Meter("S1", "SP-S", "grid", "A1", "supply"),
        Meter("M1", "SP-1", "C1", "A1", "customer"),
        Meter("M2", "SP-2", "C2", "A1", "customer"),
    ),
)


class Line:
    """A bank and its clock: `see` gives it one interval of one condition at meter M1 (None = not judged)."""

    def __init__(self) -> None:
        self.bank = AlertBank(AREA, LocalCalendar("Asia/Shanghai"))
        self.now_s = 0
        self.changed: list[Alert] = []

    def see(self, strength: float | None, code: str = "reverse_energy", *, kwh: float = 1.0, row: int = 1) -> Step:
        strengths = np.full(3, np.nan, dtype=np.float32)
        strengths[row] = np.nan if strength is None else strength
        observed, expected = np.full(3, 12.0), np.full(3, 8.0)
        self.now_s += STEP_S
        energy = np.full(3, kwh)
        step = self.bank.step(
            [Signal("detector", code, strengths, observed, expected, "kW")],
            end_s=self.now_s,
            interval_s=STEP_S,
            energy_kwh=energy,
            expected_kwh=np.full(3, 3.0),
        )
        self.changed += step.changed
        return step

    def close_day(self, strength: float | None, code: str = "reverse_energy", *, row: int = 1) -> Step:
        """A day's evidence of the same condition."""
        strengths = np.full(3, np.nan, dtype=np.float32)
        strengths[row] = np.nan if strength is None else strength
        nothing = np.zeros(3)
        signal = Signal("days", code, strengths, np.full(3, np.nan), np.full(3, np.nan), "kWh/d")
        step = self.bank.step(
            [signal], end_s=self.now_s, interval_s=DAY_S, energy_kwh=nothing, expected_kwh=nothing, of_day=True
        )
        self.changed += step.changed
        return step

    def states(self) -> list[AlertState]:
        return [a.state for a in self.changed]


def test_an_alert_is_raised_only_after_the_condition_held_for_its_time() -> None:
    line = Line()
    for _ in range(3):
        assert line.see(1.0).changed == ()
    (raised,) = line.see(1.0).changed
    assert (raised.meter_id, raised.state, raised.raised_at_s, raised.since_s) == (
        "M1",
        AlertState.RAISED,
        4 * STEP_S,
        0,
    )
    assert (raised.observed, raised.expected, raised.unit) == (12.0, 8.0, "kW")


def test_a_dip_between_set_and_recover_neither_raises_nor_clears() -> None:
    line = Line()
    for strength in (1.0, 1.0, 0.6, 0.6, 0.6, 1.0, 1.0):
        line.see(strength)
    assert line.states() == [AlertState.RAISED]
    for _ in range(200):
        line.see(0.6)
    assert line.states() == [AlertState.RAISED]


def test_silence_never_resolves() -> None:
    line = Line()
    for _ in range(4):
        line.see(1.0)
    for _ in range(1000):
        line.see(None)
    assert line.states() == [AlertState.RAISED]


def test_an_alert_clears_after_the_condition_was_gone_for_its_time_and_a_relapse_keeps_its_id() -> None:
    line = Line()
    for _ in range(4):
        line.see(1.0)
    for _ in range(CATALOGUE["reverse_energy"].clear_after_minutes // 15):
        line.see(0.0)
    for _ in range(4):
        line.see(1.0)
    raised, cleared, again = line.changed
    assert cleared.state is AlertState.CLEARED
    assert cleared.cleared_at_s == raised.raised_at_s + DAY_S
    assert (again.alert_id, again.episodes, again.state) == (raised.alert_id, 2, AlertState.RAISED)
    assert again.raised_at_s == raised.raised_at_s
    assert again.relapses == ((cleared.cleared_at_s, cleared.cleared_at_s + 3600),)


def test_an_areas_own_alert_names_no_meter() -> None:
    line = Line()
    line.see(1.0, "high_loss", row=0)
    (alert,) = line.changed
    assert alert.meter_id is None
    assert alert.service_point == "SP-S"


def test_the_energy_a_claim_stands_for_grows_and_a_late_reading_amends_it() -> None:
    line = Line()
    for _ in range(4):
        line.see(1.0, kwh=1.0)
    line.see(1.0, kwh=1.0)
    line.see(1.0, kwh=float("nan"))
    worth = Worth("energy", 1.0, 4.0, 9.0)
    opened, changed = line.bank.at_day_close(
        lambda abnormality, row: worth if (abnormality, row) == ("reverse_energy", 1) else None
    )
    assert opened == changed
    assert opened[0].worth == worth
    assert line.bank.at_day_close() == (opened, ()), "where nothing new is known, what was said stands"
    assert opened[0].missing_kwh == pytest.approx(4.0)  # 3 expected - 1 observed, from the interval that raised it on
    ((unread_s, expected),) = opened[0].unjudged
    (amended,) = line.bank.amend(1, unread_s, 0.5, line.now_s)
    assert expected == 3.0
    assert amended.missing_kwh == pytest.approx(6.5)
    assert amended.late_readings == 1
    assert line.bank.amend(1, unread_s, 0.5, line.now_s) == ()


def test_a_finding_settles_the_alerts_of_its_meter_and_mutes_what_was_not_confirmed() -> None:
    line = Line()
    for _ in range(4):
        line.see(1.0)
    (withdrawn,) = line.bank.found(Finding("f", "A1", "M1", line.now_s, False, None), 1)
    assert withdrawn.state is AlertState.WITHDRAWN
    for _ in range(10):
        line.see(1.0)
    assert line.states() == [AlertState.RAISED]


def test_an_opened_cover_is_certain_by_itself_unless_work_was_ordered() -> None:
    bank = AlertBank(AREA, LocalCalendar("Asia/Shanghai"))
    event = MeterEvent("M2", 5000, "cover_open")
    assert bank.report(event, 2, in_work_order=True) is None
    alert = bank.report(event, 2, in_work_order=False)
    assert alert is not None
    assert (alert.raised_at_s, alert.grade) == (5000, "high")
    assert bank.report(MeterEvent("M2", 6000, "cover_open"), 2, in_work_order=False) is None, "a repeat merges"


def test_what_only_informs_is_never_announced() -> None:
    line = Line()
    for _ in range(500):
        line.see(1.0, "sudden_rise")
    assert line.changed == []


def test_a_suspected_meter_teaches_nothing_and_the_others_do() -> None:
    line = Line()
    line.see(1.0, "register_stopped")
    assert line.bank.suspected().tolist() == [False, True, False]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([None, 0.0, 0.6, 1.0]), min_size=1, max_size=60), st.integers(0, 59))
def test_a_bank_restored_from_its_arrays_goes_on_as_if_nothing_had_happened(
    strengths: Sequence[float | None], cut: int
) -> None:
    whole, first = Line(), Line()
    for strength in strengths:
        whole.see(strength, "voltage_loss")
    for strength in strengths[:cut]:
        first.see(strength, "voltage_loss")
    second = Line()
    second.now_s = first.now_s
    second.bank.restore({k: v.copy() for k, v in first.bank.arrays().items()}, first.bank.alerts())
    for strength in strengths[cut:]:
        second.see(strength, "voltage_loss")
    assert second.bank.alerts() == whole.bank.alerts()
    assert first.changed + second.changed == whole.changed


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from([None, 0.0, 0.6, 1.0])), max_size=80))
def test_never_two_alerts_of_one_kind_at_one_service_point(history: Sequence[tuple[str, float | None]]) -> None:
    line = Line()
    for code, strength in history:
        line.see(strength, code)
    kinds = [(a.service_point, a.abnormality) for a in line.bank.alerts()]
    assert len(kinds) == len(set(kinds))
    revisions: dict[str, int] = {}
    for alert in line.changed:
        assert alert.revision > revisions.get(alert.alert_id, 0)
        revisions[alert.alert_id] = alert.revision


@pytest.mark.parametrize(("risk", "grade"), [(0.8, "high"), (0.799, "medium"), (0.5, "medium"), (0.0, "low")])
def test_grades(risk: float, grade: str) -> None:
    assert grade_of(risk) == grade


@pytest.mark.parametrize(
    ("unit", "observed", "expected", "en", "zh"),
    [
        ("intervals", 40.0, 96.0, "observed 40 intervals, expected 96 intervals", "实测 40 个时段，应有 96 个时段"),
        ("d", 1.0, 0.0, "observed 1 day", "实测 1 天"),
        ("1", 0.41, 0.9, "observed 0.41, expected 0.9", "实测 0.41，应有 0.9"),
        ("furlongs", 2.0, np.nan, "observed 2 furlongs", "实测 2 furlongs"),
        ("kWh/d", 0.0, 6.892, "observed 0 kWh a day, expected 6.892 kWh a day", "实测 0 kWh/日，应有 6.892 kWh/日"),
    ],
)
def test_what_was_observed_is_said_in_words_and_in_local_time(
    unit: str, observed: float, expected: float, en: str, zh: str
) -> None:
    bank = AlertBank(AREA, LocalCalendar("Asia/Shanghai"))
    strength, nowhere = np.array([np.nan, 1, np.nan], dtype=np.float32), np.full(3, np.nan)
    signal = Signal("rules", "zero_use", strength, np.full(3, observed), np.full(3, expected), unit)
    (alert,) = bank.step([signal], end_s=50 * DAY_S, interval_s=DAY_S, energy_kwh=nowhere, expected_kwh=nowhere).changed
    assert alert.reasons[0].text == f"no energy for days on a live supply since 1970-02-19 08:00: {en}"
    assert alert.reasons[0].text_zh == f"连续零电量，自 1970-02-19 08:00 起，{zh}"


def test_a_relapse_is_told_in_the_unit_of_its_own_evidence() -> None:
    bank = AlertBank(AREA, LocalCalendar("Asia/Shanghai"))
    bank.report(MeterEvent("M1", 5000, "terminal_cover_open"), 1, in_work_order=False)
    bank.found(Finding("f-1", "A1", "M1", 6000, False, None), 1)
    strength, nowhere = np.array([np.nan, 1, np.nan], dtype=np.float32), np.full(3, np.nan)
    signal = Signal("case", "terminal_cover_open", strength, np.full(3, 8.3), np.full(3, 18.9), "kWh/d")
    (alert,) = bank.step([signal], end_s=DAY_S, interval_s=DAY_S, energy_kwh=nowhere, expected_kwh=nowhere).changed
    assert (alert.observed, alert.unit, alert.episodes) == (8.3, "kWh/d", 2)


def test_a_hazard_that_comes_and_goes_is_handed_over_though_it_is_gone_at_the_days_close() -> None:
    line, code = Line(), "neutral_lost"
    kind = CATALOGUE[code]

    def spell() -> None:
        for strength, minutes in ((1.0, kind.set_after_minutes + 15), (0.0, kind.clear_after_minutes + 15)):
            for _ in range(minutes // 15):
                line.see(strength, code)

    spell()
    assert line.states()[-1] is AlertState.CLEARED
    assert line.bank.at_day_close(since_s=0)[0] == (), "once may have been a switch"
    spell()
    assert line.states()[-1] is AlertState.CLEARED
    assert [a.episodes for a in line.bank.at_day_close(since_s=line.now_s - DAY_S)[0]] == [2]
    assert line.bank.at_day_close(since_s=line.now_s)[0] == ()
    assert line.bank.at_day_close()[0] == ()


def dismissal(alert: Alert, at_s: int) -> Dismissal:
    return Dismissal("d-1", alert.alert_id, "A1", alert.meter_id, alert.abnormality, at_s, "Li Na", "new_tenant")


def raised_line() -> tuple[Line, Alert]:
    line = Line()
    for _ in range(4):
        line.see(1.0)
    (alert,) = line.changed
    return line, alert


def test_who_says_that_it_is_no_problem_withdraws_it_until_the_condition_is_gone() -> None:
    line, alert = raised_line()
    said = line.bank.dismiss(dismissal(alert, line.now_s))
    assert said is not None
    assert (said.state, said.cleared_at_s, said.revision) == (AlertState.WITHDRAWN, line.now_s, alert.revision + 1)
    assert said.reasons[:-1] == alert.reasons
    assert (said.reasons[-1].detector, said.reasons[-1].supports) == (PERSON, False)
    assert "Li Na" in said.reasons[-1].text
    assert "Li Na" in said.reasons[-1].text_zh
    for _ in range(200):
        assert line.see(1.0).changed == (), "muted while it lasts"
    for _ in range(200):
        assert line.see(0.0).changed == (), "withdrawn is no clearing"
    for _ in range(4):
        line.see(1.0)
    assert line.states() == [AlertState.RAISED, AlertState.RAISED], "what begins anew is said anew"
    assert PERSON in {r.detector for r in line.changed[-1].reasons}, "and shows what was said before"


def test_only_what_is_open_can_be_called_no_problem() -> None:
    line, alert = raised_line()
    for _ in range(200):
        line.see(0.0)
    assert line.bank.dismiss(dismissal(alert, line.now_s)) is None
    assert line.bank.dismiss(replace(dismissal(alert, line.now_s), alert_id="a-9")) is None


def test_a_word_taken_back_lets_the_alert_stand_again_while_its_condition_lasts() -> None:
    line, alert = raised_line()
    word = dismissal(alert, line.now_s)
    line.bank.dismiss(word)
    line.see(1.0)
    again = line.bank.reinstate(word, line.now_s, "Wang")
    assert again is not None
    assert (again.state, again.cleared_at_s, again.episodes) == (AlertState.RAISED, None, 1)
    assert "Wang" in again.reasons[-1].text
    for _ in range(200):
        line.see(0.0)
    assert line.states()[-1] is AlertState.CLEARED, "it ends like any other"


def test_a_word_taken_back_after_the_condition_has_gone_leaves_it_cleared() -> None:
    line, alert = raised_line()
    word = dismissal(alert, line.now_s)
    line.bank.dismiss(word)
    for _ in range(200):
        line.see(0.0)
    over = line.bank.reinstate(word, line.now_s, "Wang")
    assert over is not None
    assert (over.state, over.cleared_at_s) == (AlertState.CLEARED, word.said_at_s)
    assert line.bank.reinstate(word, line.now_s, "Wang") is None, "once"


def test_what_a_meter_reported_itself_is_called_no_problem_and_stands_again() -> None:
    bank = AlertBank(AREA, LocalCalendar("Asia/Shanghai"))
    alert = bank.report(MeterEvent("M1", 5000, "cover_open"), 1, in_work_order=False)
    assert alert is not None
    word = dismissal(alert, 6000)
    assert bank.dismiss(word) is not None
    assert bank.report(MeterEvent("M1", 5500, "cover_open"), 1, in_work_order=False) is None, "a repeat of before"
    again = bank.reinstate(word, 7000, "Wang")
    assert again is not None
    assert again.is_open
    assert bank.report(MeterEvent("M1", 7500, "cover_open"), 1, in_work_order=False) is None, "merges again"


@given(
    st.lists(st.sampled_from([1.0, 0.6, 0.0, None]), max_size=40),
    st.lists(st.sampled_from([1.0, 0.6, None]), max_size=10),
    st.lists(st.sampled_from([1.0, 0.6, 0.0, None]), max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_a_word_said_and_taken_back_leaves_the_alert_as_if_nothing_was_said(
    before: list[float | None], between: list[float | None], after: list[float | None]
) -> None:
    """While the condition lasts; but for the trace that it leaves, and the energy at stake, which is renewed as the day closes."""
    spoken, silent = Line(), Line()
    for line in (spoken, silent):
        for strength in (*before, 1.0, 1.0, 1.0, 1.0):
            line.see(strength)
    (alert,) = [a for a in spoken.bank.alerts() if a.is_open]
    word = dismissal(alert, spoken.now_s)
    spoken.bank.dismiss(word)
    for strength in between:
        spoken.see(strength)
        silent.see(strength)
    spoken.bank.reinstate(word, spoken.now_s, "Wang")
    for strength in after:
        spoken.see(strength)
        silent.see(strength)

    def bare(bank: AlertBank) -> list[Alert]:
        return [
            replace(a, revision=0, missing_kwh=0.0, reasons=tuple(r for r in a.reasons if r.detector != PERSON))
            for a in bank.alerts()
        ]

    assert bare(spoken.bank) == bare(silent.bank)
    for name, array in silent.bank.arrays().items():
        np.testing.assert_array_equal(spoken.bank.arrays()[name], array, err_msg=name)


def test_a_day_that_finds_nothing_does_not_end_what_intervals_or_events_say() -> None:
    line = Line()
    line.see(1.0, "voltage_loss")
    line.see(1.0, "voltage_loss")
    line.bank.report(MeterEvent("M1", line.now_s, "cover_open"), 1, in_work_order=False)
    for code in ("voltage_loss", "cover_open"):
        assert line.close_day(0.0, code).changed == (), code
        assert line.bank.is_open(code)[1], code
    for _ in range(CATALOGUE["voltage_loss"].clear_after_minutes // 15):
        line.see(0.0, "voltage_loss")
    assert line.states() == [AlertState.RAISED, AlertState.CLEARED]
    for strength in (1.0, 0.0, 0.0, 0.0):
        assert line.close_day(strength, "cover_open").changed == (), "nor what a day bore out for a while"
    assert line.bank.is_open("cover_open")[1], "a cover that was opened stays until somebody looked"
    (settled,) = line.bank.found(Finding("F1", "A1", "M1", line.now_s, True, "cover_open"), 1)
    assert settled.state is AlertState.CONFIRMED
    assert not line.bank.is_open("cover_open")[1]


def test_what_came_back_says_since_when_it_is_and_when_it_came_back() -> None:
    line = Line()
    for strength in (1.0, 1.0, *[0.0] * (CATALOGUE["voltage_loss"].clear_after_minutes // 15), 0.0, 1.0, 1.0):
        line.see(strength, "voltage_loss")
    first, _, again = line.changed
    assert again.since_s == first.since_s == 0
    assert "since 1970-01-01 08:00: observed" in first.reasons[0].text
    assert "since 1970-01-01 08:00, back since 1970-01-01 09:45: observed" in again.reasons[0].text
    assert "自 1970-01-01 08:00 起，1970-01-01 09:45 再次出现，实测" in again.reasons[0].text_zh


def test_a_demand_is_held_against_its_contract_in_words() -> None:
    line = Line()
    for _ in range(CATALOGUE["over_capacity"].set_after_minutes // 15):
        line.see(1.0, "over_capacity")
    (raised,) = line.changed
    assert "observed 12 kW, contracted 8 kW" in raised.reasons[0].text
    assert "实测 12 kW，合同容量 8 kW" in raised.reasons[0].text_zh


def test_a_day_ends_what_days_said_once_no_interval_shows_it_any_more() -> None:
    line = Line()
    line.close_day(1.0, "voltage_loss")
    line.see(1.0, "voltage_loss")
    assert line.close_day(0.0, "voltage_loss").changed == ()
    line.see(0.0, "voltage_loss")
    line.close_day(0.0, "voltage_loss")
    assert line.states() == [AlertState.RAISED, AlertState.CLEARED]
    line.bank.report(MeterEvent("M1", line.now_s + 60, "dlms:82"), 1, in_work_order=False)
    line.close_day(0.0, "voltage_loss")
    assert line.bank.is_open("voltage_loss")[1], "the next episode is no day's"


def test_what_is_known_of_a_kind_is_what_its_claim_stands_for() -> None:
    line = Line()
    strength, volts = np.array([np.nan, 1, np.nan], np.float32), np.full(3, 30.0)
    signal = Signal("rule", "voltage_loss", strength, volts, volts, "V")
    for claimed in (None, {"voltage_loss": np.array([np.nan, 0.25, np.nan])}):
        for _ in range(4):
            line.now_s += STEP_S
            line.bank.step(
                [signal], end_s=line.now_s, interval_s=STEP_S, energy_kwh=np.full(3, 1.0),
                expected_kwh=np.full(3, 3.0), claimed_kwh=claimed,
            )  # fmt: skip
    # three open intervals of 2 kWh, then four of 0.25
    assert line.bank.stands_for_kwh("voltage_loss", 1) == 7.0


def test_an_alert_that_came_and_went_within_a_day_is_told_its_worth() -> None:
    line = Line()
    for strength in (1.0, 1.0, *[0.0] * (CATALOGUE["voltage_loss"].clear_after_minutes // 15)):
        line.see(strength, "voltage_loss")
    open_alerts, changed = line.bank.at_day_close(lambda _code, _row: Worth("energy", 1.0, 2.0, 3.0), since_s=0)
    assert open_alerts == ()
    assert [(a.worth.kwh if a.worth else None, a.revision) for a in changed] == [(2.0, 3)]
    assert line.bank.at_day_close(lambda _code, _row: Worth("energy", 1.0, 2.0, 3.0), since_s=0)[1] == ()


def test_a_correction_of_the_one_reading_an_alert_rests_on_withdraws_it_and_says_so() -> None:
    line = Line()
    (raised,) = line.see(1.0, "register_runaway", kwh=12.0).changed
    line.see(None, "register_runaway")
    (withdrawn,) = line.bank.amend(1, 0, 1.0, line.now_s)
    assert (withdrawn.state, withdrawn.cleared_at_s) == (AlertState.WITHDRAWN, line.now_s)
    assert "from 12 to 1 kWh" in withdrawn.reasons[-1].text
    assert withdrawn.reasons[-1].against
    (back,) = line.see(1.0, "register_runaway", kwh=12.0).changed
    assert (back.alert_id, back.state, back.episodes) == (raised.alert_id, AlertState.RAISED, 2)


def test_a_correction_that_is_abnormal_all_the_same_changes_what_was_observed() -> None:
    line = Line()
    line.see(1.0, "register_runaway", kwh=12.0)
    (amended,) = line.bank.amend(1, 0, 11.0, line.now_s)
    assert (amended.state, amended.observed, amended.late_readings) == (AlertState.RAISED, 11.0, 1)
    assert line.bank.amend(1, 0, 11.05, line.now_s) == ()


def test_an_alert_is_withdrawn_only_when_nothing_of_what_it_rests_on_is_left() -> None:
    line = Line()
    for _ in range(4):
        line.see(1.0, kwh=12.0)
    states = [line.bank.amend(1, i * STEP_S, 0.1, line.now_s)[0].state for i in range(4)]
    assert states == [AlertState.RAISED] * 3 + [AlertState.WITHDRAWN]


def test_what_held_for_hours_does_not_rest_on_single_readings() -> None:
    line = Line()
    for _ in range(12):
        line.see(1.0, kwh=12.0)
    changed = [alert for i in range(12) for alert in line.bank.amend(1, i * STEP_S, 0.1, line.now_s)]
    assert {alert.state for alert in changed} == {AlertState.RAISED}


def test_what_an_alert_rests_on_survives_a_restart() -> None:
    line = Line()
    line.see(1.0, "register_runaway", kwh=12.0)
    again = AlertBank(AREA, LocalCalendar("Asia/Shanghai"))
    again.restore(line.bank.arrays(), line.bank.alerts())
    assert again.amend(1, 0, 1.0, line.now_s) == line.bank.amend(1, 0, 1.0, line.now_s) != ()
