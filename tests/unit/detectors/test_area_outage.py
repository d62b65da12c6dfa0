"""An area without supply: who must say so besides silence, since when, and what ends it."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.area.area_outage import AreaOutage, AreaOutageParams, OutageVerdict
from detectors.bank import area_outage, interval_detectors
from detectors.examples import MONDAY_S, Values, context, frame
from metering.archive import Outage
from metering.errors import SettingsError
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH

HOMES, SUPPLY = 20, 20
STEP_S = 900
SILENT: Values = [None] * (HOMES + 1)
USED: Values = [0.2] * HOMES + [4.1]


class Watched:
    """An area of twenty homes and its supply meter, interval by interval."""

    def __init__(self, *records: Outage, supply: bool = True) -> None:
        self.context = context(meters=HOMES + supply, supply=supply)
        detectors = interval_detectors(self.context)
        self.outage = area_outage(self.context, detectors)
        self.records, self.start_s = records, MONDAY_S

    def report(self, *rows: int, after_s: int = 60, is_over: bool = False) -> None:
        for row in rows:
            self.outage.hear(row, self.start_s + after_s, is_over=is_over)

    def see(self, energy_kwh: Values, voltage_v: Values | None = None) -> OutageVerdict:
        count = len(self.context.area)
        volts = [None] * count if voltage_v is None else voltage_v[:count]
        told = frame(start_s=self.start_s, energy_kwh=energy_kwh[:count], voltage_v=volts)
        verdict = self.outage.judge(told, self.records)
        self.outage.learn(verdict)
        self.start_s += STEP_S
        return verdict


def strength(verdict: OutageVerdict) -> float:
    assert np.isnan(np.delete(verdict.signal.strength, SUPPLY)).all()
    return float(verdict.signal.strength[SUPPLY])


def said(verdict: OutageVerdict) -> str:
    assert verdict.signal.reasons is not None
    return "; ".join(reason.text for reason in verdict.signal.reasons(SUPPLY))


def test_silence_alone_is_a_concentrators_and_no_outage() -> None:
    area = Watched()
    verdict = area.see(SILENT)
    assert strength(verdict) <= RECOVER_STRENGTH
    assert not verdict.touched


def test_the_supply_meters_report_makes_silence_an_outage_since_the_report() -> None:
    area = Watched()
    area.report(SUPPLY)
    verdict = area.see(SILENT)
    assert strength(verdict) >= SET_STRENGTH
    assert verdict.dark_since_s == MONDAY_S + 60
    assert (verdict.signal.observed[SUPPLY], verdict.signal.expected[SUPPLY]) == (HOMES, 0)
    assert "20 send nothing; the supply meter reported power off at 2026-01-05 00:01" in said(verdict)


def test_where_customers_still_show_supply_a_report_waits_for_their_silence() -> None:
    area = Watched()
    area.report(SUPPLY)
    assert strength(area.see(USED)) <= RECOVER_STRENGTH
    agreed = Watched()
    agreed.report(SUPPLY, 1, 2, 3)
    verdict = agreed.see(USED)
    assert strength(verdict) >= SET_STRENGTH, (
        "what customers and the supply meter report outweighs what was used before"
    )
    assert verdict.signal.observed[SUPPLY] == HOMES
    other = Watched()
    other.report(SUPPLY, after_s=600)
    other.see([*USED[:HOMES], None])
    verdict = other.see(SILENT)
    assert strength(verdict) >= SET_STRENGTH
    assert verdict.dark_since_s == MONDAY_S + 600


def test_a_tenth_of_the_customers_is_witness_enough_and_two_are_not() -> None:
    area = Watched(supply=False)
    area.report(1, 2)
    assert not area.see(SILENT).touched
    area.report(3)
    verdict = area.see(SILENT)
    assert verdict.touched
    assert verdict.alone == ()
    assert np.isnan(verdict.signal.strength).all(), "without a supply meter there is nobody's row to say it of"


def test_dead_voltages_are_witnesses_and_low_ones_are_not() -> None:
    zeros: Values = [0.0] * (HOMES + 1)
    low, dead = Watched(), Watched()
    assert strength(low.see(zeros, [150.0] * (HOMES + 1))) <= RECOVER_STRENGTH
    verdict = dead.see(zeros, [0.0] * (HOMES + 1))
    assert strength(verdict) >= SET_STRENGTH
    assert "20 read a dead voltage" in said(verdict)
    assert "the supply meter reads a dead voltage" in said(verdict)
    assert strength(dead.see(zeros, [150.0] * (HOMES + 1))) >= SET_STRENGTH, "back is only from the recover value on"
    assert strength(dead.see(zeros, [229.0] * (HOMES + 1))) <= RECOVER_STRENGTH


def test_a_lines_outage_leaves_the_supply_meter_alive_and_is_not_the_areas() -> None:
    area = Watched()
    area.report(*range(10))
    half: Values = [None] * 19 + [0.2, 0.4]
    assert strength(area.see(half)) <= RECOVER_STRENGTH


def test_an_unplanned_record_is_an_outage_from_its_start_to_its_end() -> None:
    area = Watched(Outage("TA", MONDAY_S + 1000, MONDAY_S + 3 * STEP_S, planned=False))
    strengths = [strength(area.see(SILENT)) for _ in range(4)]
    assert strengths == [0.0, 1.0, 0.0, 0.0]


def test_planned_work_is_no_alert_and_its_intervals_are_not_judged() -> None:
    area = Watched(Outage("TA", MONDAY_S, MONDAY_S + 2 * STEP_S, planned=True))
    area.report(SUPPLY)
    verdicts = [area.see(SILENT) for _ in range(5)]
    assert [v.touched for v in verdicts[:2]] == [True, True]
    assert [strength(v) for v in verdicts[:3]] == [0.0, 0.0, 0.0]
    assert strength(verdicts[3]) >= SET_STRENGTH, "work that lasts beyond its margin is an outage"


def test_it_lasts_through_silence_and_ends_with_the_supply_meters_power_on() -> None:
    area = Watched()
    area.report(SUPPLY)
    assert [strength(area.see(SILENT)) for _ in range(300)] == [1.0] * 300
    area.report(SUPPLY, is_over=True)
    verdict = area.see(SILENT)  # its concentrator has not started yet
    assert strength(verdict) <= RECOVER_STRENGTH
    assert verdict.touched, "it began in the dark"
    assert not area.see(SILENT).touched


def test_it_ends_with_readings_where_nobody_reports_power_on() -> None:
    area = Watched()
    area.report(SUPPLY, *range(5))
    area.see(SILENT)
    verdict = area.see(USED)
    assert strength(verdict) <= RECOVER_STRENGTH
    assert verdict.touched
    assert not area.see(SILENT).touched, "reports that readings have overtaken are witnesses no more"


def test_a_report_that_comes_after_a_newer_one_changes_nothing() -> None:
    area = Watched()
    area.report(SUPPLY, after_s=600, is_over=True)
    area.report(SUPPLY, after_s=60)
    assert not area.see(SILENT).dark_since_s


def test_a_meter_that_alone_reports_power_off_is_told_once() -> None:
    area = Watched()
    area.report(4)
    assert area.see(USED).alone == ((4, MONDAY_S + 60),)
    assert area.see(USED).alone == ()


def test_an_outage_within_an_interval_is_no_news_at_its_end_and_its_reports_are_nobodys_own() -> None:
    area = Watched()
    area.report(SUPPLY, 4, 7)
    area.report(SUPPLY, 4, 7, after_s=300, is_over=True)
    verdict = area.see(USED)
    assert (verdict.alone, verdict.touched) == ((), True)
    assert strength(verdict) <= RECOVER_STRENGTH


def test_judging_changes_nothing_and_what_is_restored_goes_on_alike() -> None:
    area, other = Watched(), Watched()
    area.report(SUPPLY, 3)
    before = area.outage.dump()
    area.outage.judge(frame(energy_kwh=SILENT), ())
    assert area.outage.dump() == before
    area.see(SILENT)
    other.outage.load(area.outage.dump_dirty())
    other.start_s = area.start_s
    mine, its = area.see(SILENT), other.see(SILENT)
    assert (mine.dark_since_s, said(mine)) == (its.dark_since_s, said(its))
    assert mine.dark_since_s == MONDAY_S + 60


def test_only_the_first_of_two_supply_meters_speaks() -> None:
    told = context(meters=4, supply=True, fields={"role": ["supply", "customer", "customer", "supply"]})
    outage = AreaOutage(told)
    outage.hear(0, MONDAY_S, is_over=False)
    spoken = outage.judge(frame(energy_kwh=[None] * 4), ()).signal.strength
    assert np.flatnonzero(spoken == 1).tolist() == [0]


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="silent_share"):
        AreaOutageParams(silent_share=0.1)
