"""Other people's event codes are understood, and what cannot be true is told by a word."""

from __future__ import annotations

import pytest

from metering.archive import Meter
from metering.meter_events import AHEAD_S, EventWord, event_word, why_impossible


@pytest.mark.parametrize(
    ("code", "means"),
    [
        ("dlms:40", "terminal_cover_open"),
        ("dlms:42", "magnetic_field"),
        ("dlms:44", "cover_open"),
        ("dlms:255", "records_cleared"),
        ("698:3000", "voltage_loss"),
        ("698:301B", "cover_open"),
        ("698:0x301c", "terminal_cover_open"),
        ("698:302A", "magnetic_field"),
        ("698:3119", "ct_circuit_fault"),
        ("erc:9", "ct_circuit_fault"),
        ("ERC:037", "cover_open"),
        ("is15959:251", "cover_open"),
        ("is15959:201", "magnetic_field"),
        ("is15959:125", "ratio_changed"),
        ("clock_fault", "clock_fault"),
    ],
)
def test_a_code_of_others_is_a_word_of_the_catalogue(code: str, means: str) -> None:
    assert event_word(code) == EventWord(means)


@pytest.mark.parametrize(
    ("code", "ends"), [("power_on", "power_off"), ("dlms:45", "cover_open"), ("is15959:2", "voltage_loss")]
)
def test_an_event_may_say_that_it_is_over(code: str, ends: str) -> None:
    assert event_word(code) == EventWord(ends, is_over=True)


@pytest.mark.parametrize("code", ["dlms:7777", "e2:0010", "", "cover", "698:", "high_loss"])
def test_what_nobody_maps_is_no_word(code: str) -> None:
    assert event_word(code) is None


def test_an_event_a_little_ahead_of_the_clock_is_believed_and_one_before_time_began_is_not() -> None:
    meter = Meter("M", "P", "C", "TA", "customer")
    assert why_impossible(1_800_000_000 + AHEAD_S, meter, 1_800_000_000) is None
    assert why_impossible(1_800_000_000 + AHEAD_S + 1, meter, 1_800_000_000) == "in_the_future"
    assert why_impossible(1_900_000_000, meter, 0) is None
    assert why_impossible(0, meter, 0) == "malformed"
