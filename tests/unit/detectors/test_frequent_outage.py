"""Outages that come again and again, by the records known at the day's close."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.area.frequent_outage import FrequentOutage, FrequentOutageParams
from detectors.examples import MONDAY_S, context
from metering.archive import Outage
from metering.errors import SettingsError
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH
from metering.times import DAY_S

AREA = context(meters=3, supply=True)
NOW_S = MONDAY_S + 100 * DAY_S


def outage(days_ago: float, *, planned: bool = False) -> Outage:
    start_s = NOW_S - round(days_ago * DAY_S)
    return Outage("TA", start_s, start_s + 1800, planned=planned)


def strength(*outages: Outage) -> float:
    signal = FrequentOutage(AREA).signal(outages, NOW_S)
    assert np.isnan(signal.strength[:-1]).all()
    return float(signal.strength[-1])


def test_more_than_three_in_sixty_days_are_frequent() -> None:
    assert strength(*(outage(d) for d in (1, 9, 20, 50))) >= SET_STRENGTH
    assert strength(*(outage(d) for d in (1, 9, 20))) <= RECOVER_STRENGTH


def test_old_planned_and_coming_outages_do_not_count() -> None:
    usual = [outage(d) for d in (1, 9, 20)]
    for other in (outage(61), outage(5, planned=True), outage(-2)):
        assert strength(*usual, other) <= RECOVER_STRENGTH


def test_since_the_first_of_them() -> None:
    outages = [outage(d) for d in (40, 9, 20, 1)]
    signal = FrequentOutage(AREA).signal(outages, NOW_S)
    assert signal.since_s is not None
    assert signal.since_s[-1] == outages[0].start_s
    assert (signal.observed[-1], signal.expected[-1]) == (4.0, 3.0)


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="window_days"):
        FrequentOutageParams(window_days=1)
