"""What is suspected follows the condition: from half of the time it must hold on, until it is an alert, gone, or known to be wrong."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alerts.life import CODES, AlertBank
from alerts.shown_life import reachable, shown_state
from alerts.suspicions import nearest_first, suspicions_in
from metering.alert import Alert
from metering.archive import Area, Meter
from metering.catalogue import CATALOGUE
from metering.evidence import Signal
from metering.handling import ShownState
from metering.messages import Finding
from metering.suspicion import Suspicion
from metering.times import LocalCalendar

STEP_S, CODE = 900, "over_capacity"
AREA = Area("A1", (Meter("S1", "SP-S", "grid", "A1", "supply"), Meter("M1", "SP-1", "C1", "A1", "customer")))
MUST_S = 60 * CATALOGUE[CODE].set_after_minutes


def bank() -> AlertBank:
    return AlertBank(AREA, LocalCalendar("Asia/Shanghai"))


class Nearing(RuleBasedStateMachine):
    """One condition of one meter in any order of evidence, silence, findings, corrections and restarts, against what is plain."""

    @initialize()
    def nothing_yet(self) -> None:
        self.bank = bank()
        self.now_s = 0
        self.held: list[int] = []
        self.alert: Alert | None = None
        self.before = ShownState.SUSPECTED

    def see(self, strength: float) -> None:
        before = self.suspected()
        self.now_s += STEP_S
        at = np.array([np.nan, strength], dtype=np.float32)
        step = self.bank.step(
            [Signal("catalogue_rules", CODE, at, np.full(2, 12.0), np.full(2, 8.0), "kW")],
            end_s=self.now_s,
            interval_s=STEP_S,
            energy_kwh=np.full(2, 3.0),
            expected_kwh=np.full(2, 2.0),
        )
        for alert in step.changed:
            if alert.is_open and alert.episodes == 1 and (self.alert is None or self.alert.alert_id != alert.alert_id):
                assert before is not None
                assert before.since_s == alert.since_s
                assert shown_state(alert, None, ()) in reachable(shown_state(None, None, ()))
            self.alert = alert

    def suspected(self) -> Suspicion | None:
        found = self.bank.suspicions.all()
        assert len(found) <= 1
        return found[0] if found else None

    @property
    def is_open(self) -> bool:
        return bool(self.bank.state_of(1).get(CODE, {}).get("open", False))

    @rule(intervals=st.integers(1, 8))
    def it_holds(self, intervals: int) -> None:
        for _ in range(intervals):
            self.see(1.0)
            self.held.append(self.now_s - STEP_S)

    @rule(intervals=st.integers(1, 8))
    def it_is_gone(self, intervals: int) -> None:
        for _ in range(intervals):
            self.see(0.0)
            self.held.clear()

    @rule()
    def nobody_judges(self) -> None:
        self.see(np.nan)

    @rule(confirmed=st.booleans())
    def an_inspection_says_something(self, confirmed: bool) -> None:
        changed = self.bank.found(Finding("f", "A1", "M1", self.now_s, confirmed, CODE if confirmed else None), 1)
        self.alert = changed[0] if changed else self.alert

    @precondition(lambda self: self.suspected() is not None and len(self.held) <= 8)
    @rule()
    def all_that_it_rests_on_is_corrected(self) -> None:
        for start_s in self.held:
            self.bank.amend(1, start_s, 0.5, self.now_s)
        self.held.clear()

    @rule()
    def a_restart(self) -> None:
        again = bank()
        again.restore(self.bank.arrays(), self.bank.alerts())
        page = self.bank.suspicions.dump()
        again.suspicions.load(page)
        assert again.suspicions.dump() == page
        assert suspicions_in(page) == self.bank.suspicions.all()
        self.bank = again

    @invariant()
    def what_is_suspected_is_what_has_held_for_half_and_is_no_alert(self) -> None:
        suspicion = self.suspected()
        held_s = STEP_S * len(self.held)
        assert (suspicion is not None) == (held_s >= MUST_S / 2 and not self.is_open)
        if suspicion is not None:
            assert suspicion.since_s >= self.held[0]
            assert (suspicion.must_s, suspicion.abnormality, suspicion.meter_id) == (MUST_S, CODE, "M1")
            assert (suspicion.observed, suspicion.expected, suspicion.unit) == (12.0, 8.0, "kW")


TestNearing = Nearing.TestCase
TestNearing.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_hazards_come_first_then_what_is_next() -> None:
    def made(code: str, since_s: int) -> Suspicion:
        return Suspicion("A1", "M1", "SP-1", code, since_s, 3600, 1.0, 0.0, "V")

    late, soon, hazard = made("reverse_energy", 1800), made("reverse_energy", 0), made("transformer_overload", 3000)
    assert nearest_first([late, soon, hazard], 3300) == [hazard, soon, late]
    assert (soon.held_s(9000), late.held_s(0)) == (3600, 0)


def test_what_is_raised_at_once_or_is_information_is_never_suspected() -> None:
    shown = set()
    for code in CODES:
        seen = bank()
        at = np.array([np.nan, 1.0], dtype=np.float32)
        for n in range(1, 200):
            figures = np.full(2, 1.0)
            seen.step(
                [Signal("d", code, at, figures, figures, "V")],
                end_s=STEP_S * n,
                interval_s=STEP_S,
                energy_kwh=figures,
                expected_kwh=figures,
            )
            shown |= {s.abnormality for s in seen.suspicions.all()}
    kinds = {code for code in CODES if CATALOGUE[code].set_after_minutes >= 30}
    assert shown == {code for code in kinds if CATALOGUE[code].lane != "information"}
