"""What is said of alerts: each turn once, nothing lost, nothing twice, whatever stops it meanwhile and however often we restart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alerts.announcing import NEVER_SAID, Announcer
from alerts.life import AlertBank
from alerts.stages import FLAPS, SETTLED_AFTER_S, Circumstances
from metering.alert import Alert, AlertState
from metering.announcement import Announcement, Stopped, Turn
from metering.archive import Area, Meter
from metering.catalogue import CATALOGUE
from metering.evidence import Signal
from metering.messages import Finding
from metering.times import DAY_S, LocalCalendar

STEP_S = 900
AREA = Area(
    "A1",
    (
        Meter("S1", "SP-S", "grid", "A1", "supply", feeder="F1"),
        Meter("M1", "SP-1", "C1", "A1", "customer"),
        Meter("M2", "SP-2", "C2", "A1", "customer"),
    ),
)
HAZARD, SUSPICION, PHASE_LOST, CONSEQUENCE, OUTAGE = (
    "overvoltage",
    "reverse_energy",
    "voltage_loss",
    "register_runaway",
    "area_outage",
)


class Told:
    """A bank, its announcer and a clock; `work`, `silence` are what covers every meter just now."""

    def __init__(self) -> None:
        self.bank = AlertBank(AREA, LocalCalendar("Asia/Shanghai"))
        self.announcer = Announcer()
        self.now_s = 0
        self.work: str | None = None
        self.silence: str | None = None
        self.heard: list[Announcement] = []
        self.changes: list[Alert] = []

    @property
    def around(self) -> Circumstances:
        return Circumstances(
            self.now_s,
            AREA,
            self.bank,
            lambda alert: self.work if CATALOGUE[alert.abnormality].lane != "hazard" else None,
            lambda _alert: self.silence,
        )

    def see(self, code: str, strength: float | None, row: int = 1, intervals: int = 1) -> list[Announcement]:
        """`intervals` with one condition at one meter; what was announced then."""
        heard_before = len(self.heard)
        for _ in range(intervals):
            self.now_s += STEP_S
            strengths = np.full(3, np.nan, dtype=np.float32)
            strengths[row] = np.nan if strength is None else strength
            known = np.ones(3)
            step = self.bank.step(
                [Signal("detector", code, strengths, known, known, "kW")],
                end_s=self.now_s,
                interval_s=STEP_S,
                energy_kwh=known,
                expected_kwh=known,
            )
            self.tell(step.changed)
            self.heard += self.announcer.again({a.alert_id: a for a in self.bank.alerts()}, self.around)
        return self.heard[heard_before:]

    def tell(self, changed: Sequence[Alert]) -> None:
        self.changes += changed
        self.heard += self.announcer.take(changed, self.around)

    def find(self, *, confirmed: bool, row: int = 1) -> None:
        finding = Finding(f"f-{self.now_s}", "A1", AREA.meter_ids[row], self.now_s, confirmed, None)
        self.tell(self.bank.found(finding, row))

    def begin(self, code: str, row: int = 1) -> list[Announcement]:
        minutes = CATALOGUE[code].set_after_minutes
        return self.see(code, 1.0, row, intervals=max(1, -(-60 * minutes // STEP_S)))

    def end(self, code: str, row: int = 1) -> list[Announcement]:
        minutes = CATALOGUE[code].clear_after_minutes
        return self.see(code, 0.0, row, intervals=max(1, -(-60 * minutes // STEP_S)))

    def restart(self) -> None:
        arrays = {name: values.copy() for name, values in self.bank.arrays().items()}
        alerts, page = self.bank.alerts(), self.announcer.dump()
        self.bank, self.announcer = AlertBank(AREA, LocalCalendar("Asia/Shanghai")), Announcer()
        self.bank.restore(arrays, alerts)
        self.announcer.load(page)


def said(announcements: Sequence[Announcement]) -> list[Turn]:
    return [a.turn for a in announcements if a.stopped is None]


def stopped(announcements: Sequence[Announcement]) -> list[tuple[str, str]]:
    return [(a.stopped.stage, a.stopped.reason) for a in announcements if a.stopped is not None]


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_beginning_an_end_and_a_return_are_each_said_once(told: Told) -> None:
    assert said(told.begin(HAZARD)) == [Turn.RAISED]
    assert told.see(HAZARD, 1.0, intervals=50) == []
    assert said(told.end(HAZARD)) == [Turn.CLEARED]
    (back,) = told.begin(HAZARD)
    assert (back.turn, back.episode, back.feeder, back.urgency) == (Turn.RETURNED, 2, "F1", "page")


def test_information_is_never_said(told: Told) -> None:
    assert told.begin("power_off") == []
    assert not told.announcer.holds


def test_a_silence_stops_the_beginning_and_its_end_lets_it_through(told: Told) -> None:
    told.silence = "s-1"
    assert stopped(told.begin(SUSPICION)) == [("silence", "silenced")]
    assert told.see(SUSPICION, 1.0, intervals=20) == []
    told.restart()
    told.silence = None
    assert said(told.see(SUSPICION, 1.0)) == [Turn.RAISED]


def test_an_end_is_said_through_a_silence_to_those_who_know_of_the_beginning(told: Told) -> None:
    told.begin(HAZARD)
    told.silence = "s-1"
    assert said(told.end(HAZARD)) == [Turn.CLEARED]


def test_what_ended_before_it_was_said_is_never_said(told: Told) -> None:
    told.silence = "s-1"
    told.begin(HAZARD)
    assert [a.stopped for a in told.end(HAZARD)] == [NEVER_SAID]
    told.silence = None
    assert told.see(HAZARD, 0.0, intervals=5) == []
    assert not told.announcer.holds


def test_the_area_s_outage_stops_its_meters_alerts_but_not_hazards(told: Told) -> None:
    assert said(told.begin(OUTAGE, row=0)) == [Turn.RAISED]
    assert stopped(told.begin(SUSPICION)) == [("area", "area_outage")]
    assert said(told.begin(HAZARD, row=2)) == [Turn.RAISED]
    assert said(told.end(OUTAGE, row=0)) == [Turn.CLEARED, Turn.RAISED]


def test_a_lost_phase_stops_what_the_meter_then_fails_to_register(told: Told) -> None:
    told.begin(PHASE_LOST)
    assert stopped(told.begin(CONSEQUENCE)) == [("electrical", "phase_lost")]
    assert said(told.begin(CONSEQUENCE, row=2)) == [Turn.RAISED]


def test_a_work_order_stops_suspicion_as_long_as_it_lasts(told: Told) -> None:
    told.work = "meter_exchange"
    (held,) = told.begin(SUSPICION)
    assert held.stopped == Stopped("planned_work", "work_order", "meter_exchange")
    told.work = None
    assert said(told.see(SUSPICION, 1.0)) == [Turn.RAISED]


def test_the_reason_that_is_told_is_the_one_that_holds_now(told: Told) -> None:
    told.work, told.silence = "meter_exchange", "s-1"
    told.begin(SUSPICION)
    told.work = None
    assert stopped(told.see(SUSPICION, 1.0, intervals=3)) == [("silence", "silenced")]


def test_what_comes_and_goes_is_said_once_and_how_it_stands_when_it_has_settled(told: Told) -> None:
    for _ in range(FLAPS):
        told.begin(HAZARD)
        told.end(HAZARD)
    assert said(told.begin(HAZARD)) == [Turn.FLAPPING]
    for _ in range(5):
        assert said(told.end(HAZARD)) == said(told.begin(HAZARD)) == []
    assert said(told.end(HAZARD)) == []
    told.restart()
    assert said(told.see(HAZARD, 0.0, intervals=SETTLED_AFTER_S // STEP_S + 1)) == [Turn.CLEARED]
    assert said(told.begin(HAZARD)) == [Turn.RETURNED]


def test_what_came_and_went_and_then_stays_is_said_to_be_back(told: Told) -> None:
    for _ in range(FLAPS + 1):
        told.begin(HAZARD)
        told.end(HAZARD)
    assert said(told.begin(HAZARD)) == []
    assert said(told.see(HAZARD, 1.0, intervals=SETTLED_AFTER_S // STEP_S + 1)) == [Turn.RETURNED]


def test_what_a_person_found_is_said_although_it_comes_and_goes(told: Told) -> None:
    for _ in range(FLAPS + 1):
        told.begin(HAZARD)
        told.end(HAZARD)
    told.begin(HAZARD)
    before = len(told.heard)
    told.find(confirmed=True)
    assert said(told.heard[before:]) == [Turn.CONFIRMED]


def test_a_confirmed_condition_that_ends_is_said_to_be_over(told: Told) -> None:
    told.begin(HAZARD)
    told.find(confirmed=True)
    assert said(told.end(HAZARD)) == [Turn.CLEARED]


def test_the_same_turn_has_the_same_id_and_another_moment_another(told: Told) -> None:
    first, other = told.begin(HAZARD)[0], Told().begin(HAZARD)[0]
    assert first.announcement_id == other.announcement_id
    told.silence = "s-1"
    told.end(HAZARD)
    held = told.begin(HAZARD)[0]
    told.silence = None
    again = told.see(HAZARD, 1.0)[0]
    assert len({first.announcement_id, held.announcement_id, again.announcement_id}) == 3


#: From which state an alert may come to which; None: it was not there.
LEGAL = {
    None: {AlertState.RAISED},
    AlertState.RAISED: {AlertState.RAISED, AlertState.CLEARED, AlertState.CONFIRMED, AlertState.WITHDRAWN},
    AlertState.CLEARED: {AlertState.CLEARED, AlertState.RAISED},
    AlertState.CONFIRMED: {AlertState.CONFIRMED, AlertState.RAISED},
    AlertState.WITHDRAWN: {AlertState.WITHDRAWN, AlertState.RAISED},
}
CODES = (HAZARD, SUSPICION, PHASE_LOST, CONSEQUENCE)


class AlertsLife(RuleBasedStateMachine):
    """Frames that are abnormal, normal or not judged, late readings, findings, outages, works, silences and restarts in any order.

    A twin lives through the same without a restart: both must have said the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.both = (Told(), Told())
        self.restarted = self.both[0]

    @rule(
        code=st.sampled_from(CODES),
        strength=st.sampled_from((1.0, 1.0, 0.6, 0.0, 0.0, None)),
        row=st.sampled_from((1, 2)),
        intervals=st.sampled_from((1, 2, 4, 100)),
    )
    def frames(self, code: str, strength: float | None, row: int, intervals: int) -> None:
        for each in self.both:
            each.see(code, strength, row, intervals)

    @rule(strength=st.sampled_from((1.0, 0.0)))
    def outage(self, strength: float) -> None:
        for each in self.both:
            each.see(OUTAGE, strength, row=0)

    @rule(row=st.sampled_from((1, 2)), back=st.integers(1, 200), kwh=st.floats(0, 5))
    def late_reading(self, row: int, back: int, kwh: float) -> None:
        for each in self.both:
            each.tell(each.bank.amend(row, each.now_s - back * STEP_S, kwh, each.now_s))

    @rule(row=st.sampled_from((1, 2)), confirmed=st.booleans())
    def finding(self, row: int, confirmed: bool) -> None:
        for each in self.both:
            each.find(confirmed=confirmed, row=row)

    @rule(silence=st.sampled_from((None, "s-1", "s-2")), work=st.sampled_from((None, "meter_exchange")))
    def people(self, silence: str | None, work: str | None) -> None:
        for each in self.both:
            each.silence, each.work = silence, work

    @rule()
    def restart(self) -> None:
        self.restarted.restart()

    @precondition(lambda self: self.restarted.heard)
    @rule()
    def the_same_again(self) -> None:
        """A change of which nothing is new (redelivered, amended) is no turn."""
        for each in self.both:
            each.see(OUTAGE, None, row=0)
        latest = {a.alert_id: a for a in self.restarted.bank.alerts()}
        for each in self.both:
            before = len(each.heard)
            each.tell(list(latest.values()))
            assert said(each.heard[before:]) == []
            del each.changes[-len(latest) :]

    @invariant()
    def a_restart_changes_nothing(self) -> None:
        with_restarts, without = self.both
        assert with_restarts.heard == without.heard

    @invariant()
    def every_move_is_legal_and_nothing_is_said_twice(self) -> None:
        states: dict[str, AlertState] = {}
        for alert in self.restarted.changes:
            assert alert.state in LEGAL[states.get(alert.alert_id)]
            states[alert.alert_id] = alert.state
        heard = [a for a in self.restarted.heard if a.stopped is None]
        assert len({a.announcement_id for a in heard}) == len(heard)
        believed: dict[str, Turn] = {}
        for each in heard:
            before = believed.get(each.alert_id)
            begins = each.turn in (Turn.RAISED, Turn.RETURNED, Turn.FLAPPING)
            assert begins or before is not None, "an end that nobody heard the beginning of"
            assert each.turn is not before or each.turn is Turn.RETURNED
            believed[each.alert_id] = each.turn

    def teardown(self) -> None:
        """When nothing stops anything any more, people know of every alert how it stands: none is lost."""
        told = self.restarted
        told.silence = told.work = None
        told.see(OUTAGE, 0.0, row=0, intervals=4)
        told.see(OUTAGE, None, row=0, intervals=2 * DAY_S // STEP_S)
        believed = {a.alert_id: a.turn for a in told.heard if a.stopped is None}
        for alert in told.bank.alerts():
            if CATALOGUE[alert.abnormality].urgency == "none":
                continue
            turn = believed.get(alert.alert_id)
            if alert.is_open and not _is_explained(alert, told.bank):
                assert turn in (Turn.RAISED, Turn.RETURNED, Turn.FLAPPING), json.dumps(asdict(alert))
            elif not alert.is_open:
                assert turn is None or turn.is_end, json.dumps(asdict(alert))


def _is_explained(alert: Alert, bank: AlertBank) -> bool:
    row = AREA.row_of[alert.meter_id] if alert.meter_id is not None else 0
    return alert.abnormality == CONSEQUENCE and bool(bank.is_open(PHASE_LOST)[row])


AlertsLife.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAlertsLife = AlertsLife.TestCase
