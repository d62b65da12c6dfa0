"""From announcements to notifications: grouped, told once, held back where it would flood, and the same however rounds are cut."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.grouping import (
    DIGEST_INTERVAL_S,
    GROUP_INTERVAL_S,
    HOUR_S,
    LONGEST_AFTER_END_S,
    LONGEST_INTERVAL_S,
    Grouping,
)
from alerts.routes import Escalation, Routes, Shift
from metering.announcement import Announcement, Turn
from metering.notification import Notification

T0 = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
PHONE = Routes(on_call=(Shift("phone"),))


def local(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def nobody(_alert_ids: Collection[str]) -> Collection[str]:
    return ()


def say(
    number: str,
    turn: Turn = Turn.RAISED,
    after_s: int = 0,
    area: str = "A1",
    feeder: str = "F1",
    code: str = "overvoltage",
) -> Announcement:
    return Announcement(number, area, None, code, "high", "page", turn, T0 + after_s, feeder=feeder)


def run(announcements: Sequence[Announcement], until_s: int = 86_400, routes: Routes = PHONE) -> list[Notification]:
    return Grouping(routes, local).run(announcements, T0 + until_s, nobody)


def told(sent: Sequence[Notification]) -> list[tuple[str, int, int]]:
    return [(n.kind, n.made_at_s - T0, len(n.lines)) for n in sent]


def test_alerts_of_one_cause_and_feeder_at_one_moment_are_one_page() -> None:
    storm = [say(f"a-{i}", area=f"A{i}", feeder=f"F{i % 3}") for i in range(50)]
    sent = run(storm)
    assert [(n.kind, n.group.partition("#")[0], len(n.lines)) for n in sent] == [
        ("page", "overvoltage@F0", 17),
        ("page", "overvoltage@F1", 17),
        ("page", "overvoltage@F2", 16),
    ]
    assert len({n.notification_id for n in sent}) == 3


def test_what_joins_is_told_after_an_interval_that_grows_and_the_end_at_once() -> None:
    joins = [say(f"a-{i}", after_s=60 * i, area=f"A{i}") for i in range(60)]
    ends = [say(f"a-{i}", Turn.CLEARED, 5 * HOUR_S, f"A{i}") for i in range(60)]
    assert told(run([*joins, *ends])) == [
        ("page", 0, 1),
        ("update", GROUP_INTERVAL_S, 15),
        ("update", 3 * GROUP_INTERVAL_S, 30),
        ("update", 7 * GROUP_INTERVAL_S, 14),
        ("ended", 5 * HOUR_S, 60),
    ]


def test_that_some_are_over_is_told_with_what_is_news_not_by_itself() -> None:
    sent = run([say("a-1"), say("a-2"), say("a-1", Turn.CLEARED, 1200), say("a-3", after_s=7200)])
    assert told(sent) == [("page", 0, 2), ("update", 7200, 2)]
    assert sent[1].left_out == (("unchanged", 1),)


def test_a_group_that_is_over_is_followed_by_another_with_keys_of_its_own() -> None:
    sent = run([say("a-1"), say("a-1", Turn.CLEARED, 60), say("a-1", Turn.RETURNED, 7200)])
    assert [n.kind for n in sent] == ["page", "ended", "page"]
    assert len({n.notification_id for n in sent}) == 3


def test_what_comes_back_soon_is_more_of_the_same_told_less_and_less_often() -> None:
    moves = [say("a-1", Turn.RETURNED if i % 2 == 0 else Turn.CLEARED, 600 * i) for i in range(12)]
    sent = run(moves)
    assert told(sent) == [
        ("page", 0, 1),
        ("ended", 600, 1),
        ("update", 600 + LONGEST_AFTER_END_S, 1),
        ("ended", 3000, 1),
        ("update", 3000 + LONGEST_AFTER_END_S, 1),
        ("ended", 5400, 1),
    ]
    assert len({n.group for n in sent}) == 1


def test_what_is_over_before_anybody_could_be_told_is_told_as_over() -> None:
    late = Grouping(PHONE, local)
    late.run([], T0 + 7200, nobody)
    sent = late.run([say("a-1"), say("a-1", Turn.CLEARED, 600)], T0 + 7200, nobody)
    assert [n.kind for n in sent] == ["ended"]


def test_suspicions_wake_nobody() -> None:
    waits = Announcement("a-1", "A1", "M1", "bypass", "high", "morning", Turn.RAISED, T0)
    assert run([waits]) == []


def test_an_end_whose_beginning_was_told_long_ago_is_no_new_group() -> None:
    assert run([say("a-9", Turn.CLEARED)]) == []


def test_beyond_its_limit_a_channel_gets_one_digest_that_has_all() -> None:
    routes = Routes(on_call=(Shift("phone"),), per_hour={"phone": 3})
    sent = run([say(f"a-{i}", after_s=i, feeder=f"F{i}") for i in range(40)], routes=routes)
    assert told(sent) == [("page", 0, 1), ("page", 1, 1), ("page", 2, 1), ("digest", 3 + DIGEST_INTERVAL_S, 37)]
    assert {line.number for n in sent for line in n.lines} == {f"a-{i}" for i in range(40)}


def test_nobody_answered_in_time_so_somebody_else_is_told_once() -> None:
    routes = Routes(on_call=(Shift("phone"),), escalation=Escalation(15, "chief"))
    sent = run([say("a-1"), say("a-2", feeder="F2"), say("a-2", Turn.CLEARED, 600, feeder="F2")], routes=routes)
    assert [(n.kind, n.channel, n.made_at_s - T0, n.note) for n in sent if n.channel == "chief"] == [
        ("escalation", "chief", 900, "phone")
    ]
    answered = Grouping(routes, local).run([say("a-1")], T0 + 86_400, lambda ids: ids)
    assert [n.kind for n in answered] == ["page"]


def test_who_comes_on_duty_gets_what_is_open_and_hears_of_it_from_then_on() -> None:
    routes = Routes(on_call=(Shift("night", time(0), time(8)), Shift("day", time(8), time(0))))
    end_s = 9 * HOUR_S
    sent = run(
        [say("a-1"), say("a-2", feeder="F2"), say("a-1", Turn.CLEARED, end_s)], until_s=12 * HOUR_S, routes=routes
    )
    assert [(n.kind, n.channel, n.made_at_s - T0, len(n.lines)) for n in sent] == [
        ("page", "night", 0, 1),
        ("page", "night", 0, 1),
        ("handover", "day", 8 * HOUR_S, 2),
        ("ended", "day", end_s, 1),
    ]


TURNS = (Turn.RAISED, Turn.RETURNED, Turn.FLAPPING, Turn.CLEARED, Turn.WITHDRAWN, Turn.CONFIRMED)
announcements = st.lists(
    st.builds(
        say,
        st.sampled_from([f"a-{i}" for i in range(8)]),
        st.sampled_from(TURNS),
        st.integers(0, 30 * HOUR_S),
        feeder=st.sampled_from(["F1", "F2"]),
    ),
    max_size=40,
).map(lambda said: sorted(said, key=lambda a: a.order))
plans = st.sampled_from(
    [
        PHONE,
        Routes(on_call=(Shift("phone"),), per_hour={"phone": 2}, escalation=Escalation(20, "chief")),
        Routes(
            on_call=(Shift("night", time(0), time(8)), Shift("day", time(8), time(0))), escalation=Escalation(5, "day")
        ),
    ]
)


@settings(max_examples=200, deadline=None)
@given(announcements, plans, st.lists(st.integers(0, 31 * HOUR_S), max_size=12))
def test_how_rounds_are_cut_and_restarts_change_nothing(
    said: list[Announcement], routes: Routes, cuts: list[int]
) -> None:
    until_s = 40 * HOUR_S
    whole = run(said, until_s, routes)
    pieces: list[Notification] = []
    grouping, begin_s = Grouping(routes, local), -1
    for cut_s in [*sorted(set(cuts)), until_s]:
        part = [a for a in said if begin_s < a.at_s - T0 <= cut_s]
        pieces += grouping.run(part, T0 + cut_s, nobody)
        page, grouping, begin_s = grouping.dump(), Grouping(routes, local), cut_s
        grouping.load(page)
    assert pieces == whole
    assert len({n.notification_id for n in whole}) == len(whole)


@settings(max_examples=200, deadline=None)
@given(announcements, plans)
def test_nobody_is_left_believing_what_is_no_longer_so(said: list[Announcement], routes: Routes) -> None:
    """Every alert that was told of is told of as it stands in the end, and every beginning is told."""
    sent = run(said, 31 * HOUR_S + LONGEST_INTERVAL_S + DIGEST_INTERVAL_S, routes)
    at_last = {a.alert_id + a.feeder: a.turn for a in said}
    believed: dict[str, Turn | None] = {}
    began: set[str] = set()
    for each in sent:
        for line in each.lines:
            feeder = each.group.partition("@")[2].partition("#")[0]
            if each.kind in ("page", "update", "ended"):
                believed[line.number + feeder] = line.turn
                began.add(line.number)
            elif each.kind == "digest":
                began.add(line.number)
    for a in said:
        assert a.turn.is_end or a.alert_id in began
    if not routes.per_hour:
        groups_over = {k for k, turn in at_last.items() if turn.is_end}
        for key, turn in believed.items():
            if key not in groups_over:
                assert turn is not None
                assert not turn.is_end


@settings(max_examples=100, deadline=None)
@given(announcements, st.integers(1, 5))
def test_a_channel_is_never_sent_more_than_its_limit_and_a_digest_each_quarter_of_an_hour(
    said: list[Announcement], limit: int
) -> None:
    sent = run(said, 40 * HOUR_S, Routes(on_call=(Shift("phone"),), per_hour={"phone": limit}))
    for each in sent:
        within = [n for n in sent if each.made_at_s <= n.made_at_s < each.made_at_s + HOUR_S]
        assert len([n for n in within if n.kind != "digest"]) <= limit
        assert len([n for n in within if n.kind == "digest"]) <= HOUR_S // DIGEST_INTERVAL_S
