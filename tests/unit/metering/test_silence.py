"""What a silence covers, when people hear that it ends, and which recorded work explains an alert."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.alert import Alert, AlertState
from metering.archive import Area, Meter, WorkOrder
from metering.place import Place, place_of
from metering.silence import LONGEST_S, Silence, covered_by, ending_soon, in_work_window, silence_of
from metering.times import DAY_S

START_S, UNTIL_S = 100 * DAY_S, 110 * DAY_S
METERS = (
    Meter("S1", "SP-S", "", "A1", "supply", feeder="F1"),
    Meter("M1", "SP-1", "C1", "A1", "customer", feeder="F1"),
    Meter("M2", "SP-2", "C2", "A1", "customer"),
)
AREA = Area("A1", METERS)


def alert(abnormality: str = "bypass", family: str = "theft", meter: Meter = METERS[1]) -> Alert:
    return Alert(
        "a-1", "A1", None if meter.role == "supply" else meter.meter_id, meter.service_point, abnormality, family, "high",
        0.9, START_S, None, AlertState.RAISED, 1.0, 2.0, "kWh", (), START_S,
    )  # fmt: skip


def silence(**scope: object) -> Silence:
    given: dict[str, object] = {
        "silence_id": "s-1", "transformer_area": None, "meter_id": None, "abnormality": None, "start_s": START_S,
        "until_s": UNTIL_S, "by": "Li Na", "reason": "harvest", "areas": ("A1",),
    }  # fmt: skip
    return Silence(**(given | scope))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scope", "of_first", "of_second", "of_area"),
    [
        ({"meter_id": "M1"}, True, False, False),
        ({"customer_id": "C2"}, False, True, False),
        ({"customer_id": ""}, False, False, False),
        ({"transformer_area": "A1"}, True, True, True),
        ({"transformer_area": "A2"}, False, False, False),
        ({"feeder": "F1"}, True, False, True),
        ({"feeder": "F1", "customer_id": "C2"}, False, False, False),
        ({"abnormality": "bypass"}, True, True, True),
        ({"abnormality": "bypass", "meter_id": "M2"}, False, True, False),
        ({"family": "theft"}, True, True, True),
        ({"family": "load", "meter_id": "M1"}, False, False, False),
    ],
)
def test_all_that_is_named_must_match(scope: dict[str, str], of_first: bool, of_second: bool, of_area: bool) -> None:
    covers = [
        silence(**scope).covers(a, place_of(a, AREA), START_S)
        for a in (alert(), alert(meter=METERS[2]), alert(meter=METERS[0]))
    ]
    assert covers == [of_first, of_second, of_area]


@pytest.mark.parametrize(
    ("at_s", "covered"), [(START_S - 1, False), (START_S, True), (UNTIL_S - 1, True), (UNTIL_S, False)]
)
def test_it_is_in_force_from_its_start_until_before_its_end(at_s: int, covered: bool) -> None:
    assert silence(meter_id="M1").covers(alert(), place_of(alert(), AREA), at_s) is covered


def test_a_hazard_goes_through_unless_that_was_said() -> None:
    hazard = alert("phase_break", "electrical")
    place = place_of(hazard, AREA)
    assert not silence(meter_id="M1").covers(hazard, place, START_S)
    assert not silence(meter_id="M1", family="electrical").covers(hazard, place, START_S)
    assert silence(meter_id="M1", even_hazards=True).covers(hazard, place, START_S)


def test_a_meter_that_the_archive_no_longer_has_stands_in_its_area_only() -> None:
    gone = alert(meter=Meter("M9", "SP-9", "C9", "A1", "customer"))
    assert place_of(gone, AREA) == Place("M9", None, "A1", None)


def test_of_several_silences_the_one_that_ends_last_is_named() -> None:
    several = [
        silence(silence_id="s-1", until_s=UNTIL_S - 5),
        silence(silence_id="s-2"),
        silence(silence_id="s-3", meter_id="M2"),
    ]
    found = covered_by(several, alert(), place_of(alert(), AREA), START_S)
    assert found is not None
    assert found.silence_id == "s-2"
    assert covered_by(several[2:], alert(), place_of(alert(), AREA), START_S) is None


def test_notice_is_given_a_day_before_the_end_or_half_way_through_a_short_one() -> None:
    long, short = silence(silence_id="s-1"), silence(silence_id="s-2", start_s=UNTIL_S - 3600)
    assert ending_soon([long, short], UNTIL_S - DAY_S - 1) == ()
    assert ending_soon([long, short], UNTIL_S - DAY_S) == (long,)
    assert ending_soon([short, long], UNTIL_S - 1800) == (long, short)
    assert ending_soon([short, long], UNTIL_S) == (), "it is over: there is nothing to renew"


def test_notice_is_given_once_for_each_end() -> None:
    first, moved = silence(), silence(until_s=UNTIL_S + 5)
    assert ending_soon([first], UNTIL_S - 5, {first.notice_id}) == ()
    assert ending_soon([moved], UNTIL_S - 5, {first.notice_id}) == (moved,)


@given(start=st.integers(0, 10**6), lasts=st.integers(1, max(LONGEST_S.values())))
def test_notice_comes_while_the_silence_is_in_force(start: int, lasts: int) -> None:
    one = silence(start_s=start, until_s=start + lasts)
    assert one.in_force(one.notice_from_s)


def test_what_was_written_before_silences_had_a_start_is_read_as_it_was_meant() -> None:
    told = {
        "silence_id": "s-1", "transformer_area": "A1", "meter_id": "M1", "abnormality": None, "until_s": UNTIL_S,
        "by": "Li Na", "reason": "harvest",
    }  # fmt: skip
    old = silence_of(told)
    assert old.areas == ("A1",)
    assert old.covers(alert(), place_of(alert(), AREA), START_S)
    assert not old.covers(alert(meter=METERS[2]), place_of(alert(meter=METERS[2]), AREA), START_S)


@pytest.mark.parametrize(
    ("work", "is_named"),
    [
        (lambda: WorkOrder("meter_exchange", START_S - 5, START_S + 5, meter_id="M1"), True),
        (lambda: WorkOrder("meter_exchange", START_S - 5, START_S, meter_id="M1"), False),
        (lambda: WorkOrder("meter_exchange", START_S, START_S + 5, meter_id="M2"), False),
        (lambda: WorkOrder("line_maintenance", START_S, START_S + 5, transformer_area="A1"), True),
        (lambda: WorkOrder("line_maintenance", START_S, START_S + 5, transformer_area="A2"), False),
    ],
)
def test_recorded_work_explains_what_is_claimed_where_and_while_it_goes_on(
    work: Callable[[], WorkOrder], is_named: bool
) -> None:
    found = in_work_window([work()], alert(), place_of(alert(), AREA), START_S)
    assert (found is not None) is is_named


def test_no_work_explains_a_hazard() -> None:
    work, hazard = WorkOrder("line_maintenance", 0, UNTIL_S, transformer_area="A1"), alert("phase_break", "electrical")
    assert in_work_window([work], hazard, place_of(hazard, AREA), START_S) is None
