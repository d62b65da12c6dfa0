"""What is folded into a digest: each alert once, as it stands last, and urgent while something urgent goes on."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from alerts.digest import KEPT_LINES, digest_of, still_open
from metering.announcement import Turn
from metering.notification import Notification
from tests.unit.notify.made_notifications import START_S, calm, line, notification

KINDS = st.tuples(st.integers(0, 6), st.sampled_from(["page", "ended", "update"]))


def made(told: list[tuple[int, str]]) -> list[Notification]:
    return [
        notification(number, kind, serial=i, made_at_s=START_S + 60 * i)  # type: ignore[arg-type]
        for i, (number, kind) in enumerate(told)
    ]


@given(st.lists(KINDS, min_size=1, max_size=30), st.randoms())
def test_each_alert_is_told_once_as_it_stands_last_in_whatever_order(told: list[tuple[int, str]], draw: object) -> None:
    folded = made(told)
    digest = digest_of(folded)
    last = dict(told)
    assert {each.number: each.is_over for each in digest.lines} == {
        line(number).number: kind == "ended" for number, kind in last.items()
    }
    shuffled = folded.copy()
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest_of(shuffled) == digest


@given(st.lists(KINDS, min_size=1, max_size=30))
def test_it_is_urgent_while_something_urgent_goes_on(told: list[tuple[int, str]]) -> None:
    goes_on = any(kind != "ended" for kind in dict(told).values())
    assert digest_of(made(told)).urgency == ("page" if goes_on else "morning")


@given(st.lists(KINDS, min_size=1, max_size=10), st.lists(KINDS, min_size=1, max_size=10))
def test_a_digest_folded_again_is_as_urgent_as_what_it_tells(
    first: list[tuple[int, str]], later: list[tuple[int, str]]
) -> None:
    whole = made([*first, *later])
    again = digest_of([digest_of(whole[: len(first)]), *whole[len(first) :]])
    at_once = digest_of(whole)
    assert (again.lines, again.urgency) == (at_once.lines, at_once.urgency)


def test_what_wakes_nobody_stays_so_folded() -> None:
    assert digest_of([calm(1), calm(2)]).urgency == "morning"
    assert digest_of([replace(calm(1), urgency="none")]).urgency == "none"
    assert digest_of([notification(1, "handover")]).urgency == "morning"


def test_open_ones_come_first_then_the_graver_then_the_older() -> None:
    told = [
        line(1, Turn.CLEARED),
        line(2, grade="low"),
        line(3, at_s=START_S + 60),
        line(4, at_s=START_S),
    ]
    digest = digest_of([notification(1, lines=told)])
    assert [each.place for each in digest.lines] == ["TA-0004", "TA-0003", "TA-0002", "TA-0001"]


def test_what_is_too_much_is_counted_with_what_was_left_out_before() -> None:
    many = replace(
        notification(1, lines=[line(n) for n in range(KEPT_LINES + 7)]), left_out=(("unchanged", 2), ("not_listed", 1))
    )
    digest = digest_of([many, replace(calm(999), note="a note", left_out=(("unchanged", 1),))])
    assert len(digest.lines) == KEPT_LINES
    assert digest.left_out == (("not_listed", 9), ("unchanged", 3))
    assert digest.note == "a note"


def test_the_same_notifications_make_the_same_digest_and_others_another() -> None:
    one, other = [calm(1), calm(2)], [calm(1), calm(3)]
    assert digest_of(one).notification_id == digest_of(one[::-1]).notification_id
    assert digest_of(one).notification_id != digest_of(other).notification_id


def test_a_page_is_still_open_unless_what_waits_behind_it_ends_all_of_it() -> None:
    both = notification(1, lines=[line(1), line(2)])
    half = notification(1, "ended", serial=2, lines=[line(1, Turn.CLEARED, START_S + 60)])
    assert still_open([both, half]) == [both]
    rest = notification(1, "ended", serial=3, lines=[line(2, Turn.CLEARED, START_S + 90)])
    assert still_open([both, half, rest]) == []
    assert still_open([calm(1)]) == []
