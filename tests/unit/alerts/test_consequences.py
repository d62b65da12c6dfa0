"""One cause, one alert: its consequences are hidden with a name that is counted, and come back when it is gone."""

from __future__ import annotations

import numpy as np

from alerts.consequences import CAUSES, Consequences
from alerts.life import CODE_INDEX, AlertBank
from metering.alert import Alert, AlertState
from metering.archive import Area, Meter
from metering.catalogue import CATALOGUE
from metering.evidence import Signal
from metering.messages import Finding
from metering.times import LocalCalendar

STEP_S = 900
SUPPLY, ONE, TWO = 0, 1, 2
AREA = Area(
    "A1",
    (
        Meter("S1", "SP-S", "grid", "A1", "supply"),
        Meter("M1", "SP-1", "C1", "A1", "customer"),
        Meter("M2", "SP-2", "C2", "A1", "customer"),
    ),
)


class Life:
    """An area's bank and consequences; `see` gives it one interval of evidence {(code, row): strength}."""

    def __init__(self) -> None:
        self.bank, self.consequences = AlertBank(AREA, LocalCalendar("UTC")), Consequences(AREA)
        self.now_s = 0
        self.suppressed: dict[str, int] = {}

    def see(self, **rows_of: tuple[int, ...]) -> tuple[Alert, ...]:
        """Each code is judged at every meter: it holds in the rows that are named, and is gone in the others."""
        self.now_s += STEP_S
        signals = []
        for code, rows in rows_of.items():
            strength = np.zeros(3, dtype=np.float32)
            strength[list(rows)] = 1
            signals.append(Signal("rule", code, strength, np.full(3, 280.0), np.full(3, 230.0), "V"))
        told, hidden = self.consequences.hide(signals, self.bank)
        none = np.zeros(3)
        step = self.bank.step(told, end_s=self.now_s, interval_s=STEP_S, energy_kwh=none, expected_kwh=none)
        ended, gave_way = self.consequences.give_way(told, self.bank, self.now_s)
        for name, n in (*hidden.counts.items(), *gave_way.items()):
            self.suppressed[name] = self.suppressed.get(name, 0) + n
        return (*step.changed, *ended)


def codes(alerts: tuple[Alert, ...]) -> set[tuple[str, str | None, AlertState]]:
    return {(a.abnormality, a.meter_id, a.state) for a in alerts}


def test_the_voltages_of_an_area_without_neutral_are_one_alert() -> None:
    life = Life()
    changed = life.see(neutral_lost=(SUPPLY,), overvoltage=(ONE, TWO))
    assert codes(changed) == {("neutral_lost", None, AlertState.RAISED)}
    assert life.suppressed == {"neutral_lost": 2}
    assert life.see(neutral_lost=(), overvoltage=(ONE,)) == (), "the area's alert is still open"


def test_an_alert_from_before_the_cause_was_known_gives_way_and_says_why() -> None:
    life = Life()
    assert codes(life.see(neutral_lost=(), overvoltage=(ONE,))) == {("overvoltage", "M1", AlertState.RAISED)}
    changed = life.see(neutral_lost=(SUPPLY,), overvoltage=(ONE,))
    assert ("overvoltage", "M1", AlertState.CLEARED) in codes(changed)
    (ended,) = [a for a in changed if a.abnormality == "overvoltage"]
    assert ended.reasons[-1].text == CAUSES["neutral_lost"].text
    assert ended.reasons[-1].text_zh == CAUSES["neutral_lost"].text_zh
    assert ended.reasons[-1].against


def test_what_is_still_there_when_the_neutral_is_back_is_its_own() -> None:
    life = Life()
    life.see(neutral_lost=(SUPPLY,), overvoltage=(ONE,))
    for _ in range(CATALOGUE["neutral_lost"].clear_after_minutes // 15 - 1):
        assert life.see(neutral_lost=(), overvoltage=(ONE,)) == ()
    life.see(neutral_lost=(), overvoltage=(ONE,))
    assert codes(life.see(neutral_lost=(), overvoltage=(ONE,))) == {("overvoltage", "M1", AlertState.RAISED)}


def test_a_neutral_that_an_inspection_found_whole_explains_nothing() -> None:
    life = Life()
    life.see(neutral_lost=(SUPPLY,))
    life.bank.found(Finding("F1", "A1", "S1", life.now_s + 60, False, None), SUPPLY)
    assert not life.consequences.explained("neutral_lost", life.bank, ()).any()


def test_a_register_is_not_said_to_run_away_while_its_meter_lacks_a_phase() -> None:
    life = Life()
    changed = life.see(voltage_loss=(ONE,), register_runaway=(ONE, TWO))
    assert codes(changed) == {("register_runaway", "M2", AlertState.RAISED)}
    assert life.suppressed == {"phase_lost": 1}


def test_a_runaway_that_was_told_before_stays() -> None:
    life = Life()
    life.see(register_runaway=(ONE,))
    life.see(register_runaway=(ONE,), voltage_loss=(ONE,))
    assert life.bank.is_open("register_runaway")[ONE]


def test_hidden_rows_teach_nobody_and_events_of_them_are_not_heard() -> None:
    life = Life()
    strength = np.array([0, 1, 0], dtype=np.float32)
    life.see(neutral_lost=(SUPPLY,))
    _, hidden = life.consequences.hide(
        [Signal("rule", "overvoltage", strength, np.zeros(3), np.zeros(3), "V")], life.bank
    )
    assert hidden.rows(3).tolist() == [False, True, False]
    assert life.consequences.why_hidden("overvoltage", TWO, life.bank) == "neutral_lost"
    assert life.consequences.why_hidden("cover_open", TWO, life.bank) is None


def test_every_cause_can_be_said_and_explains_something() -> None:
    for name, cause in CAUSES.items():
        assert set(cause.codes) <= set(CODE_INDEX)
        assert any(name in row.suppressed_by for row in CATALOGUE.values())
