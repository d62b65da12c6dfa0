"""Who is told: the plan's shifts, crews and limits in local time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from alerts.routes import EVERY_DAY, Crew, Routes, Shift
from metering.notification import DESK

WEEKDAYS = frozenset(range(5))
MOMENTS = st.builds(datetime.combine, st.dates(date(2025, 1, 1), date(2026, 12, 31)), st.times())
TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))
SHIFTS = st.builds(Shift, st.sampled_from(["a", "b"]), TIMES, TIMES, st.frozensets(st.integers(0, 6)))


def jan(day: int, hour: int = 0) -> datetime:
    return datetime.combine(date(2026, 1, day), time(hour))


def test_without_a_plan_the_desk_is_told_day_and_night_and_one_crew_visits() -> None:
    routes = Routes()
    assert routes.on_call_channels(jan(1, 3)) == (DESK,)
    assert routes.crew_of("TA-1", "") == Crew("all")
    assert routes.uncovered() == ()
    assert routes.handovers(jan(1), jan(9)) == ()


def test_two_shifts_hand_over_at_their_hours() -> None:
    routes = Routes((Shift("day", time(8), time(20)), Shift("night", time(20), time(8))))
    assert [routes.on_call_channels(jan(1, hour))[0] for hour in (0, 7, 8, 19, 20)] == [
        "night",
        "night",
        "day",
        "day",
        "night",
    ]
    begun = routes.handovers(jan(1, 8), jan(2, 8))
    assert begun == ((jan(1, 20), "night"), (jan(2, 8), "day"))


def test_nobody_hands_over_to_who_is_on_call_already() -> None:
    assert Routes((Shift("phone"), Shift("wall"))).handovers(jan(1), jan(9)) == ()
    joined = Routes((Shift("phone"), Shift("wall", time(8), time(17))))
    assert joined.handovers(jan(1), jan(2)) == ((jan(1, 8), "wall"),)


def test_who_is_named_by_two_shifts_at_once_is_told_once() -> None:
    routes = Routes((Shift("phone"), Shift("phone", time(8), time(9)), Shift("wall")))
    assert routes.on_call_channels(jan(1, 8)) == ("phone", "wall")


def test_a_week_with_a_gap_says_where_it_begins() -> None:
    office = Shift("office", time(8), time(17), WEEKDAYS)
    assert Routes((office,)).uncovered() == tuple((day, time(17)) for day in range(5))
    assert Routes((office, Shift("night", time(17), time(8)))).uncovered() == (  # weekend days are nobody's
        (5, time(8)),
        (6, time(8)),
    )


def test_the_first_crew_that_matches_takes_a_place_by_area_or_feeder() -> None:
    routes = Routes(crews=(Crew("north", areas=("TA-1*",)), Crew("south", areas=("TA-9",), feeders=("F-2",))))
    assert [
        crew and crew.name
        for crew in (routes.crew_of("TA-12", "F-2"), routes.crew_of("TA-5", "F-2"), routes.crew_of("TA-5", ""))
    ] == ["north", "south", None]


def test_every_channel_of_the_plan_is_listed_once() -> None:
    assert Routes((Shift("b"), Shift("a")), crews=(Crew("x", "a"),)).channels() == ("a", "b", DESK)


def test_local_times_with_a_zone_are_taken_as_they_stand() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    shift = Shift("day", time(8), time(9))
    assert shift.holds(datetime(2026, 1, 1, 0, 30, tzinfo=UTC).astimezone(zone))
    begun = list(shift.beginnings(datetime(2026, 1, 1, tzinfo=zone), datetime(2026, 1, 2, tzinfo=zone)))
    assert begun == [datetime(2026, 1, 1, 8, tzinfo=zone)]


@given(SHIFTS, MOMENTS)
def test_a_shift_holds_from_its_beginning_on(shift: Shift, after: datetime) -> None:
    for begins in shift.beginnings(after, after.replace(year=after.year + 1)):
        assert shift.holds(begins)
        break


@given(st.lists(SHIFTS, min_size=1, max_size=4).map(tuple), MOMENTS)
def test_somebody_answers_at_any_time_and_only_in_a_gap_it_is_the_desk_alone(
    shifts: tuple[Shift, ...], at: datetime
) -> None:
    routes = Routes(shifts)
    told = routes.on_call_channels(at)
    assert told
    if told == (DESK,):
        assert routes.uncovered() or not any(shift.days for shift in shifts)


@given(TIMES, TIMES, MOMENTS)
def test_every_day_and_its_complement_leave_no_gap(begins: time, ends: time, at: datetime) -> None:
    one, other = Shift("a", begins, ends, EVERY_DAY), Shift("b", ends, begins, EVERY_DAY)
    assert Routes((one, other)).uncovered() == ()
    assert one.holds(at) or other.holds(at)
