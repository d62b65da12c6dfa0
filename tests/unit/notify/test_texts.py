"""What reaches a phone: short, in both languages, with number, place and state, and nothing about people."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.announcement import Turn
from metering.catalogue import CATALOGUE
from metering.notification import Kind, Line, Notification
from metering.times import DAY_S
from notify.examples import EXAMPLES, NIGHT_S
from notify.texts import LINE_LENGTH, MOST_BYTES, TEXTS, TITLE_LENGTH, Language, Writer, clip
from tests.unit.notify.made_notifications import CALENDAR, START_S, line, notification

LANGUAGES: tuple[Language, ...] = get_args(Language)
DESK = "https://desk.example.org"

LINES = st.builds(
    Line,
    number=st.from_regex(r"[at]-[0-9a-f]{16}", fullmatch=True),
    abnormality=st.sampled_from(sorted(CATALOGUE)),
    place=st.text(min_size=1, max_size=40),
    grade=st.sampled_from(["high", "medium", "low"]),
    turn=st.none() | st.sampled_from(Turn),
    at_s=st.integers(START_S - DAY_S, START_S),
    title=st.sampled_from(["", "no readings\nfor 2 hours", "x" * 300]),
    due_at_s=st.none() | st.integers(START_S, START_S + DAY_S),
)
NOTIFICATIONS = st.builds(
    Notification,
    st.just("phone"),
    st.sampled_from(get_args(Kind)),
    st.sampled_from(["page", "morning", "none"]),
    st.text(max_size=40),
    st.integers(1, 9),
    st.just(START_S),
    st.lists(LINES, max_size=60).map(tuple),
    st.just((("no_room", 3), ("a_new_reason", 1))),
    st.sampled_from(["", "n" * 500]),
)


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_exists_in_both_languages_with_the_same_places_to_fill(key: str) -> None:
    from string import Formatter

    named = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in TEXTS[key]]
    assert all(TEXTS[key])
    assert named[0] == named[1]


def test_there_is_an_example_of_every_kind() -> None:
    assert {each.kind for each in EXAMPLES} == set(get_args(Kind))


@given(NOTIFICATIONS, st.sampled_from(LANGUAGES), st.integers(1, 25))
def test_every_message_fits_a_phone(notification: Notification, language: Language, most_lines: int) -> None:
    message = Writer(CALENDAR, language, DESK, most_lines).write(notification)
    assert len(message.title.splitlines()) == 1
    assert len(message.title) <= TITLE_LENGTH
    assert len(message.body.splitlines()) <= most_lines + 5
    assert len(str(message).encode()) <= MOST_BYTES


@given(NOTIFICATIONS, st.sampled_from(LANGUAGES))
def test_nothing_is_left_out_without_being_counted(notification: Notification, language: Language) -> None:
    writer = Writer(CALENDAR, language, DESK, most_lines=25)
    rows = writer.write(notification).body.splitlines()
    shown = sum(row.endswith(each.number) for row, each in zip(rows, notification.lines, strict=False))
    more = len(notification.lines) - shown
    assert (writer.say("more", count=more) in rows) is (more > 0)


@given(LINES, st.sampled_from(LANGUAGES))
def test_a_line_is_one_line_of_bounded_length(told: Line, language: Language) -> None:
    text = Writer(CALENDAR, language).line(told, START_S)
    assert len(text.splitlines()) == 1
    assert len(text) <= LINE_LENGTH + 12
    assert told.number in text


@pytest.mark.parametrize("turn", [t for t in Turn if t not in (Turn.CONFIRMED, Turn.WITHDRAWN)])
def test_it_is_suspected_until_a_finding_says_otherwise(turn: Turn) -> None:
    assert "suspected" in Writer(CALENDAR).line(line(1, turn), START_S)
    assert "疑似" in Writer(CALENDAR, "zh").line(line(1, turn), START_S)


@pytest.mark.parametrize("turn", [Turn.CONFIRMED, Turn.WITHDRAWN])
def test_a_finding_ends_the_suspicion(turn: Turn) -> None:
    assert "suspected" not in Writer(CALENDAR).line(line(1, turn), START_S)


def test_times_are_local_and_carry_the_date_when_it_is_another_day() -> None:
    writer = Writer(CALENDAR)
    assert "since 20:00" in writer.line(line(1), START_S)
    assert "since 01-12 20:00" in writer.line(line(1), START_S + 5 * 3600)


def test_one_alert_is_linked_itself_and_several_by_their_list() -> None:
    writer = Writer(CALENDAR, "en", DESK)
    assert writer.link(notification(1)) == f"{DESK}/alerts/a-0000000000000001"
    assert writer.link(notification(1, lines=[line(1), line(2)])) == f"{DESK}/alerts"
    assert writer.link(notification(1, "morning", lines=[line(1, None)])) == f"{DESK}/tasks/a-0000000000000001"
    assert Writer(CALENDAR).link(notification(1)) == ""


def test_a_line_has_no_field_for_a_name_an_address_or_a_curve() -> None:
    assert {each.name for each in fields(Line)} == {
        "number", "abnormality", "place", "grade", "turn", "at_s", "title", "due_at_s", "since_s",
    }  # fmt: skip


def test_the_monitors_own_alert_is_told_in_the_readers_language_and_leads_to_the_control_room() -> None:
    own = replace(line(1), abnormality="watch:model_old", place="meterwatch", title="Days do not close judge")
    told = notification(1, lines=[own])
    assert "Days do not close judge" in str(Writer(CALENDAR).write(told))
    assert Writer(CALENDAR, "zh").claim(told.lines[0]) == "日结停滞 judge"
    assert Writer(CALENDAR, "en", desk_url=DESK).claim(told.lines[0]) == "Days do not close judge"
    assert Writer(CALENDAR, "en", desk_url=DESK).link(told) == DESK


def test_a_title_of_another_systems_alert_is_one_line() -> None:
    foreign = Line("a-1", "disk_full", "server", "high", Turn.RAISED, NIGHT_S, "disk\n full\tnow")
    assert "disk full now" in Writer(CALENDAR).title(notification(1, lines=[foreign]))
    unknown = replace(foreign, title="")
    assert "disk full" in Writer(CALENDAR).title(notification(1, lines=[unknown]))


@given(st.text(max_size=30), st.integers(1, 30))
def test_a_text_is_clipped_to_its_length(text: str, length: int) -> None:
    assert len(clip(text, length)) <= length
