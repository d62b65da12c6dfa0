"""Crews' room adds up to a week and no further; hazards use it up too."""

from __future__ import annotations

from typing import Any

import pytest

from inspection.capacity import Capacity, Room
from metering.errors import SettingsError


def test_the_default_grows_with_the_meters_but_never_below_a_crews_week() -> None:
    assert [Capacity().week(n) for n in (50, 4_000, 8_000)] == [5.0, 20.0, 40.0]
    assert Capacity(per_week=3).week(8_000) == 3


@pytest.mark.parametrize("wrong", [{"per_week": -1.0}, {"least_risk": 1.2}, {"exploration_share": -0.1}])
def test_what_is_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Capacity(**wrong)


def test_what_is_not_used_adds_up_to_one_week() -> None:
    room = Room()
    for _ in range(30):
        room.add_day(7.0, exploration_share=0.0)
    assert room.visits == 7


def test_over_the_weeks_no_visit_is_lost_nor_won() -> None:
    room, used = Room(), 0
    for _ in range(70):
        room.add_day(20.0, exploration_share=0.05)
        used += room.visits + room.explorations
        room.use(room.visits, room.explorations)
    assert 199 <= used <= 200


def test_hazards_take_room_down_to_a_week_owed() -> None:
    room = Room()
    room.add_day(7.0, exploration_share=0.0)
    room.use(50)
    for day in range(8):
        assert room.visits == 0, day
        room.add_day(7.0, exploration_share=0.0)
    assert room.visits == 1


def test_room_survives_a_restart() -> None:
    room, again = Room(), Room()
    room.add_day(20.0, exploration_share=0.1)
    again.load(room.dump())
    for each in (room, again):
        each.add_day(20.0, exploration_share=0.1)
    assert again.dump() == room.dump()
