"""The area's own case: what is lost beyond technical loss and suspected meters, once it lasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from alerts.life import grade_of
from detectors.area.area_verdict import AreaVerdict
from detectors.area.day_area import DayArea, DayAreaParams
from detectors.area.suspects import Suspects
from detectors.day.balance import DayBalance
from detectors.day.voltage import DayVoltage
from detectors.examples import MONDAY_ORDINAL, context, day
from metering.errors import SettingsError, StoreError
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, AreaContext, AreaCurves, Signal
from tests.unit.detectors import electric_days

HOMES = 12
SUPPLY = HOMES
F64 = NDArray[np.float64]
#: The first day on which something happens, long after the warm-up.
EVENT = 30


@dataclass
class Told:
    """A day before the area sees it; a change may alter all of it."""

    number: int
    metered_kwh: F64
    supplied_kwh: F64
    probability: F64 = field(default_factory=lambda: np.zeros(HOMES + 1))
    missing_kwh: F64 = field(default_factory=lambda: np.zeros(HOMES + 1))


Change = Callable[[Told], None]


def area(**fields: object) -> AreaContext:
    told = context(meters=HOMES + 1, supply=True)
    meters = tuple(replace(m, **fields) for m in told.area.meters)  # type: ignore[arg-type]
    return replace(told, area=replace(told.area, meters=meters))


def told(count: int, change: Change | None = None) -> list[tuple[AreaCurves, F64, Suspects]]:
    """Days of homes on three phases, whose lines lose a little always, a share, and with the square of the load."""
    rng = np.random.default_rng(4)
    phase = np.arange(HOMES + 1) % 3 == np.arange(3)[:, None]
    days = []
    for number in range(count):
        kwh = rng.uniform(0.3, 1.5, (24, HOMES))
        load = kwh.sum(axis=1)
        lost = 0.1 + 0.01 * load + 0.0006 * load**2 + rng.normal(0, 0.02, 24)
        today = Told(number, kwh, load + lost)
        if change is not None:
            change(today)
        energy = np.column_stack([today.metered_kwh, today.supplied_kwh])
        metered = np.where(energy == energy, energy, 0.8)[:, None] * phase
        metered[:, :, SUPPLY] = 0.0
        suspects = Suspects(today.probability, today.missing_kwh, 0.1 * np.abs(today.missing_kwh))
        days.append((day(energy, number=number), metered, suspects))
    return days


def live(judge: DayArea, days: list[tuple[AreaCurves, F64, Suspects]]) -> list[AreaVerdict]:
    verdicts = []
    for curves, metered, suspects in days:
        verdicts.append(judge.judge(curves, metered, np.ones(HOMES + 1, dtype=np.bool_), suspects))
        judge.learn(verdicts[-1])
    return verdicts


def said(change: Change | None, count: int = 50) -> dict[str, list[float]]:
    """Strengths on the supply meter's row, day by day; 0 where nothing is judged."""
    judge = DayArea(area())
    strengths: dict[str, list[float]] = {"high_loss": [], "negative_loss": []}
    for verdict in live(judge, told(count, change)):
        for signal in judge.signals(verdict):
            strengths[signal.abnormality].append(float(np.nan_to_num(signal.strength[SUPPLY])))
    return strengths


def tap(kwh: float, until: int = 1000) -> Change:
    """So much an hour leaves a line where no meter is."""

    def tapped(today: Told) -> None:
        if EVENT <= today.number < until:
            today.supplied_kwh += kwh

    return tapped


def test_a_quiet_area_is_quiet() -> None:
    strengths = said(None)
    assert max(strengths["high_loss"] + strengths["negative_loss"]) <= RECOVER_STRENGTH


def test_a_tap_is_the_areas_case_once_it_lasted() -> None:
    high = said(tap(0.6))["high_loss"]
    assert max(high[: EVENT + 4]) <= RECOVER_STRENGTH
    assert min(high[EVENT + 8 :]) >= SET_STRENGTH


def test_a_huge_loss_does_not_wait_so_long() -> None:
    assert max(said(tap(4.0))["high_loss"][: EVENT + 4]) >= SET_STRENGTH


def test_a_loss_of_three_days_is_nobodys_case() -> None:
    assert max(said(tap(0.6, until=EVENT + 3))["high_loss"]) <= RECOVER_STRENGTH


def test_what_was_mended_is_over() -> None:
    high = said(tap(0.8, until=EVENT + 14), 60)["high_loss"]
    assert min(high[EVENT + 8 : EVENT + 14]) >= SET_STRENGTH
    assert max(high[EVENT + 22 :]) <= RECOVER_STRENGTH


def test_a_loss_is_high_for_as_long_as_it_lasts() -> None:
    """It must not become usual."""
    assert min(said(tap(0.8), 150)["high_loss"][EVENT + 8 :]) >= SET_STRENGTH


def theft(suspected_from: int, probability: float = 1.0) -> Change:
    """Home 0 hides all it draws; suspicion of it comes some days later."""

    def stolen(today: Told) -> None:
        if today.number >= EVENT:
            hidden = today.metered_kwh[:, 0].sum()
            today.metered_kwh[:, 0] = 0.0
            if today.number >= suspected_from:
                today.probability[0], today.missing_kwh[0] = probability, hidden

    return stolen


def test_a_customers_theft_is_not_the_areas_case() -> None:
    high = said(theft(EVENT + 3))["high_loss"]
    assert max(high) <= RECOVER_STRENGTH


def test_a_theft_of_which_nobody_is_suspected_is_the_areas_case() -> None:
    high = said(theft(1000))["high_loss"]
    assert min(high[EVENT + 8 :]) >= SET_STRENGTH


def test_a_suspicion_that_comes_late_takes_the_case_from_the_area() -> None:
    high = said(theft(EVENT + 12), 60)["high_loss"]
    assert min(high[EVENT + 8 : EVENT + 12]) >= SET_STRENGTH
    assert max(high[EVENT + 16 :]) <= RECOVER_STRENGTH


def test_a_tap_beside_a_suspected_theft_is_still_found() -> None:
    def both(today: Told) -> None:
        theft(EVENT + 2)(today)
        tap(0.8)(today)

    assert min(said(both)["high_loss"][EVENT + 9 :]) >= SET_STRENGTH


def test_a_suspicion_without_a_loss_makes_no_negative_loss() -> None:
    def wrongly(today: Told) -> None:
        if today.number >= EVENT:
            today.probability[0], today.missing_kwh[0] = 0.9, 20.0

    assert max(said(wrongly)["negative_loss"]) <= RECOVER_STRENGTH


def test_a_supply_meter_that_reads_too_little_is_a_negative_loss() -> None:
    def low(today: Told) -> None:
        if today.number >= EVENT:
            today.supplied_kwh *= 0.85

    strengths = said(low)
    assert min(strengths["negative_loss"][EVENT + 8 :]) >= SET_STRENGTH
    assert max(strengths["high_loss"]) <= RECOVER_STRENGTH


def test_a_meter_that_counts_too_much_explains_a_negative_loss() -> None:
    def runaway(today: Told) -> None:
        if today.number >= EVENT:
            drawn = today.metered_kwh[:, 0].sum()
            today.metered_kwh[:, 0] *= 3
            if today.number >= EVENT + 2:
                today.probability[0], today.missing_kwh[0] = 1.0, -2 * drawn

    assert max(said(runaway)["negative_loss"]) <= RECOVER_STRENGTH


def test_customers_measured_beyond_what_is_supplied_from_the_first_day_on() -> None:
    def wrong(today: Told) -> None:
        today.supplied_kwh *= 0.9

    assert max(said(wrong)["negative_loss"]) >= SET_STRENGTH


def test_a_day_with_too_little_measured_is_not_judged() -> None:
    def dark(today: Told) -> None:
        if today.number == EVENT:
            today.metered_kwh[:, : HOMES // 2] = np.nan

    judge = DayArea(area())
    verdicts = live(judge, told(EVENT + 1, dark))
    assert all(np.isnan(s.strength).all() for s in judge.signals(verdicts[EVENT]))
    assert not any(np.isnan(s.strength[SUPPLY]) for s in judge.signals(verdicts[EVENT - 1]))


def test_a_meter_that_left_the_area_is_no_longer_counted() -> None:
    """Its usual energy stands in for it, and it is not there any more."""
    judge = DayArea(area())
    present = np.ones(HOMES + 1, dtype=np.bool_)
    for curves, metered, suspects in told(EVENT + 15, lambda d: _gone(d, 3)):
        present[3] = curves.day_ordinal < MONDAY_ORDINAL + EVENT
        verdict = judge.judge(curves, metered, present, suspects)
        judge.learn(verdict)
    assert abs(verdict.rest_kwh) < 2.0


def _gone(today: Told, home: int) -> None:
    if today.number >= EVENT:
        today.supplied_kwh -= 1.02 * today.metered_kwh[:, home]
        today.metered_kwh[:, home] = np.nan


def only_said(signals: list[Signal], code: str) -> Signal:
    return next(s for s in signals if s.abnormality == code)


def test_an_alert_says_how_much_since_when_and_who_explains_what() -> None:
    def both(today: Told) -> None:
        theft(EVENT)(today)
        tap(0.8)(today)

    judge = DayArea(area())
    verdict = live(judge, told(EVENT + 12, both))[-1]
    signal = only_said(judge.signals(verdict), "high_loss")
    assert signal.reasons is not None
    texts = [reason.text for reason in signal.reasons(SUPPLY)]
    assert any("kWh a day lost of" in t and "since 2026-02-0" in t for t in texts)
    assert any("suspected meters explain" in t and "M0 (1.00" in t for t in texts)
    assert all(reason.text_zh for reason in signal.reasons(SUPPLY))
    assert signal.observed[SUPPLY] - signal.expected[SUPPLY] == pytest.approx(verdict.rest_kwh)
    assert np.isnan(signal.observed[:SUPPLY]).all()


def test_suspects_explain_by_kind() -> None:
    """Who registers all that is drawn explains nothing, whoever sends energy backwards is missed twice."""
    judge = DayArea(area())
    nothing, one = np.zeros(HOMES + 1), np.ones(HOMES + 1)
    kinds = ("bypass", "tariff_misuse", "register_runaway", "power_reversed")
    kind = np.array([0, 1, 2, 3, 0, *[-1] * (HOMES - 4)])
    energy, export, probability = 4 * one, nothing.copy(), 0.5 * one
    energy[2], energy[4], export[3] = 30.0, 30.0, 6.0
    probability[5] = np.nan
    certain = np.arange(HOMES + 1) == 5
    found = judge.suspects(probability, kinds, kind, energy, 10 * one, export, certain)
    assert found.missing_kwh[:5].tolist() == [6.0, 0.0, -20.0, 12.0, 0.0]
    assert found.probability[[5, SUPPLY]].tolist() == [0.9, 0.0]
    assert np.isfinite(found.error_kwh).all()


def test_what_is_used_after_service_ended_explains_as_much_of_a_loss() -> None:
    nothing = np.zeros(3)
    found = Suspects(np.array([0.5, 0.0, 0.0]), np.array([4.0, 0.0, 0.0]), nothing).with_unbilled(
        np.array([0.0, 7.0, np.nan])
    )
    assert found.explained_kwh == 2.0 + 7.0
    assert found.explained_error_kwh == pytest.approx(np.hypot(0.5 * 4.0, 0.25 * 7.0))


def test_a_loss_that_a_visit_did_not_find_becomes_usual() -> None:
    judge = DayArea(area())
    days = told(EVENT + 40, tap(0.8))
    assert live(judge, days[: EVENT + 10])[-1].strength >= SET_STRENGTH
    judge.found(confirmed=False)
    after = live(judge, days[EVENT + 10 :])
    assert max(np.nan_to_num([v.strength for v in after])) <= RECOVER_STRENGTH
    assert after[-1].strength == after[-1].strength


def test_a_confirmed_loss_goes_on_until_it_is_mended() -> None:
    judge = DayArea(area())
    days = told(EVENT + 30, tap(0.8, until=EVENT + 15))
    live(judge, days[: EVENT + 10])
    judge.found(confirmed=True)
    after = [v.strength for v in live(judge, days[EVENT + 10 :])]
    assert after[0] >= SET_STRENGTH
    assert max(after[12:]) <= RECOVER_STRENGTH


def test_judging_changes_nothing() -> None:
    judge = DayArea(area())
    days = told(EVENT + 5, tap(0.8))
    live(judge, days[:-1])
    before = judge.dump()
    curves, metered, suspects = days[-1]
    first, again = (judge.judge(curves, metered, np.ones(HOMES + 1, dtype=np.bool_), suspects) for _ in range(2))
    assert judge.dump() == before
    assert first.strength == again.strength


def test_what_is_saved_goes_on_as_if_nothing_had_happened() -> None:
    judge, days = DayArea(area()), told(EVENT + 12, tap(0.8))
    live(judge, days[: EVENT + 4])
    pages = judge.dump()
    assert set(judge.dump_dirty()) == {"area"}  # no voltages were told
    assert judge.dump_dirty() == {}
    other = DayArea(area())
    other.load(pages)
    for mine, theirs in zip(live(judge, days[EVENT + 4 :]), live(other, days[EVENT + 4 :]), strict=True):
        assert (mine.strength, mine.rest_kwh) == (theirs.strength, theirs.rest_kwh)
    other.load({})
    assert np.isnan(live(other, days[:1])[0].strength)
    with pytest.raises(StoreError, match="of another"):
        other.load({"area": b"{}"})


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="set_share"):
        DayAreaParams(set_share=0.9)


def with_drops(alter: electric_days.Change, count: int = 50) -> list[AreaVerdict]:
    """Days of an area whose lines and voltages are known."""
    told_area = electric_days.area()
    judge, balance, voltage = DayArea(told_area), DayBalance(told_area), DayVoltage(told_area)
    everyone, nothing = np.ones(electric_days.HOMES + 1, dtype=np.bool_), np.zeros(electric_days.HOMES + 1)
    verdicts = []
    for curves in electric_days.days(count, alter=electric_days.from_day(EVENT, alter)):
        hourly = balance.balance(curves)
        verdict = judge.judge(
            curves, hourly.net, everyone, Suspects(nothing, nothing, nothing), voltage.explained(curves)
        )
        verdicts.append(verdict)
        judge.learn(verdict)
        balance.learn(curves, everyone)
        voltage.learn(curves, everyone)
    assert judge.dump()["lines"]
    return verdicts


def test_a_supply_meter_that_is_wrong_moves_with_the_load() -> None:
    def low(load: electric_days.Load) -> None:
        load.hourly["energy_kwh"][:, electric_days.SUPPLY] *= 0.85

    last = with_drops(low)[-1]
    assert last.side == -1
    assert "the supply meter's ratio" in last.form.en
    assert "-15" in last.form.en


def test_a_lost_phase_of_the_supply_meter_is_named() -> None:
    def open_circuit(load: electric_days.Load) -> None:
        load.hourly["current_b"][:, electric_days.SUPPLY] = 0.0
        load.hourly["energy_kwh"][:, electric_days.SUPPLY] *= 0.67

    last = with_drops(open_circuit)[-1]
    assert last.side == -1
    assert "no current on phase b" in last.form.en


def test_an_unmetered_load_has_a_rhythm_of_its_own_and_a_place() -> None:
    def tap(load: electric_days.Load) -> None:
        load.hourly["energy_kwh"][:, electric_days.SUPPLY] += 3.0
        behind = (electric_days.LINE == 0) & (electric_days.PHASE == 1)
        for letter in "abc":
            load.hourly[f"voltage_{letter}"][:, :-1] -= 1.5 * behind

    last = with_drops(tap)[-1]
    assert last.side == 1
    assert "a load without a meter" in last.form.en
    assert last.place is not None
    assert (last.place.segment, last.place.phases) == ("TA-L1-1", "b")


def test_a_line_whose_voltages_fell_far_is_a_case_though_little_is_lost() -> None:
    def joint(load: electric_days.Load) -> None:
        for letter in "abc":
            load.hourly[f"voltage_{letter}"][:, :-1] -= 6.0 * (electric_days.LINE == 1)

    verdicts = with_drops(joint)
    assert max(v.fallen_strength for v in verdicts[: EVENT + 3]) == 0.0
    assert min(v.fallen_strength for v in verdicts[EVENT + 8 :]) >= SET_STRENGTH
    judge = DayArea(electric_days.area())
    signal = only_said(judge.signals(verdicts[-1]), "high_loss")
    assert signal.strength[electric_days.SUPPLY] >= SET_STRENGTH
    assert signal.reasons is not None
    assert any("at segment TA-L2-1" in reason.text for reason in signal.reasons(electric_days.SUPPLY))
    assert signal.risk is not None
    assert grade_of(float(signal.risk[electric_days.SUPPLY])) == "low", "next to nothing is lost"


@pytest.mark.parametrize(("kwh", "grade"), [(0.35, "medium"), (3.0, "high")])
def test_the_risk_of_a_loss_grows_with_what_it_is_worth(kwh: float, grade: str) -> None:
    judge = DayArea(area())
    last = live(judge, told(50, tap(kwh)))[-1]
    high, negative = judge.signals(last)
    assert high.strength[SUPPLY] >= SET_STRENGTH
    assert high.risk is not None
    assert negative.risk is not None
    assert grade_of(float(high.risk[SUPPLY])) == grade
    assert np.isnan(high.risk[:SUPPLY]).all()
    assert np.isnan(negative.risk).all()


def test_a_small_share_of_much_is_worth_as_much_as_a_large_share_of_little() -> None:
    judge = DayArea(area())
    last = live(judge, told(50, tap(0.6)))[-1]

    def risk(rest_kwh: float, supplied_kwh: float) -> float:
        high = judge.signals(replace(last, rest_kwh=rest_kwh, now=replace(last.now, supplied_kwh=supplied_kwh)))[0]
        assert high.risk is not None
        return float(high.risk[SUPPLY])

    assert risk(40.0, 4000.0) == risk(5.0, 100.0) == pytest.approx(0.8)
    assert risk(5.0, 4000.0) < 0.5


def test_what_is_metered_beyond_what_is_supplied_is_told_though_the_area_had_to_learn_anew() -> None:
    def low(today: Told) -> None:
        if today.number >= EVENT + 14:
            today.supplied_kwh *= 0.9

    judge, days = DayArea(area()), told(80, low)
    live(judge, days[: EVENT + 12])
    judge.balance_changed(by_kwh=100.0)
    verdicts = live(judge, days[EVENT + 12 :])
    assert verdicts[-1].side == -1
    assert verdicts[-1].strength >= SET_STRENGTH


def test_a_small_meter_that_hangs_elsewhere_leaves_what_is_usual() -> None:
    judge, days = DayArea(area()), told(EVENT)
    live(judge, days)
    judge.balance_changed(by_kwh=0.1)
    assert live(judge, days[-1:])[0].now.learnt > EVENT / 2
    judge.balance_changed(by_kwh=100.0)
    assert live(judge, days[-1:])[0].now.learnt == 0


def test_a_loss_on_the_first_judged_day_is_not_taken_for_what_is_usual() -> None:
    first_judged = 13

    def low(today: Told) -> None:
        if today.number >= first_judged:
            today.supplied_kwh *= 0.85

    last = live(DayArea(area()), told(first_judged + 14, low))[-1]
    assert last.side == -1
    assert last.strength >= SET_STRENGTH
