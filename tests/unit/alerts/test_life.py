"""The life of an alert: set and cleared with hysteresis in event time, never by silence, one per service point and kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.life import CODES, AlertBank, Step, grade_of
from metering.alert import Alert, AlertState, Worth
from metering.archive import Area, Meter
from metering.catalogue import CATALOGUE
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
    (amended,) = line.bank.amend(1, unread_s, 0.5)
    assert expected == 3.0
    assert amended.missing_kwh == pytest.approx(6.5)
    assert amended.late_readings == 1
    assert line.bank.amend(1, unread_s, 0.5) == ()


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
