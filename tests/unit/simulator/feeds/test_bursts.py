"""Bursts change when messages leave and the order between areas; what an area's log holds, and where its ticks stand, stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.messages import ArrivedFrame, MeterEvent, MeterEvents, Tick
from simulator.feeds.bursts import BurstTimes, in_bursts
from simulator.feeds.feed import Feed
from simulator.feeds.publication import Sent, publication
from simulator.recipe import Recipe
from simulator.simulate import simulate

T0 = 1_767_225_600
AREAS = tuple(f"A{number:04d}" for number in range(1, 41))


def frame(area: str, start_s: int) -> ArrivedFrame:
    return ArrivedFrame(area, start_s, 15, ("m",), {"energy_kwh": np.array([0.5])}, reading_count=1)


def interval(number: int, areas: Iterable[str], step_s: int = 900) -> list[Sent]:
    start_s = T0 + step_s * number
    sent = [Sent(area, frame(area, start_s), start_s + step_s) for area in areas]
    return [*sent, Sent(None, Tick(start_s + step_s), start_s + step_s)]


def seen_by(area: str, sent: Iterable[Sent]) -> list[int]:
    """An area's log: its messages and all ticks, in order."""
    return [id(one.message) for one in sent if one.transformer_area in (area, None)]


@st.composite
def publications(draw: st.DrawFn) -> tuple[list[Sent], int]:
    """Ticks with any messages between them: on time, late, events, several of an area; perhaps cut off before a tick."""
    step_s = draw(st.sampled_from([60, 300, 900, 3600]))
    sent = [Sent(None, Tick(T0), T0)]
    clock_s = T0
    for _ in range(draw(st.integers(0, 6))):
        ahead_s = step_s * draw(st.integers(1, 3))
        for area in draw(st.lists(st.sampled_from(AREAS[:5]), max_size=8)):
            late = draw(st.booleans())
            of = clock_s - step_s * 20 if late else clock_s
            event = MeterEvents(area, (MeterEvent("m", clock_s, "cover_open"),))
            sent.append(
                Sent(area, event if draw(st.booleans()) else frame(area, of), clock_s if late else clock_s + step_s)
            )
        clock_s += ahead_s
        sent.append(Sent(None, Tick(clock_s), clock_s))
    if draw(st.booleans()):
        sent.append(Sent(None, Tick(clock_s, final=True), clock_s))
    return sent[: draw(st.integers(1, len(sent)))], step_s


@given(publications(), st.integers(0, 3))
def test_each_areas_log_stays_as_it_was_and_time_never_goes_back(given_: tuple[list[Sent], int], seed: int) -> None:
    sent, step_s = given_
    bursts = list(in_bursts(sent, BurstTimes(step_s, seed)))
    assert Counter(id(one.message) for one in bursts) == Counter(id(one.message) for one in sent)
    for area in AREAS[:5]:
        assert seen_by(area, bursts) == seen_by(area, sent)
    times_s = [one.event_time_s for one in bursts]
    assert times_s == sorted(times_s)


@given(publications())
def test_nothing_leaves_before_its_interval_is_over_or_after_the_next_one_is(given_: tuple[list[Sent], int]) -> None:
    sent, step_s = given_
    was = {id(one.message): one.event_time_s for one in sent}
    for one in in_bursts(sent, BurstTimes(step_s)):
        assert one.event_time_s >= was[id(one.message)]
        if isinstance(one.message, Tick):
            assert one.event_time_s - one.message.time_s <= min(240, 0.8 * step_s)


def test_most_concentrators_come_within_a_minute_and_a_half_and_the_slowest_after_four() -> None:
    after_s = np.array([[BurstTimes(900).after_end_s(a, T0 + 900 * k) for k in range(50)] for a in AREAS])
    assert after_s.min() >= 5
    assert after_s.max() <= 240
    assert 0.7 < (after_s <= 90).mean() < 0.95
    assert (after_s > 120).any()
    # each has its own moment, and strays from it by seconds
    of_area = np.median(after_s, axis=1)
    assert of_area.std() > 25
    assert 2 < np.median(np.abs(after_s - of_area[:, None])) < 6


def test_the_same_seed_gives_the_same_moments_and_another_one_others() -> None:
    sent = interval(0, AREAS)
    one, same, other = ([b.event_time_s for b in in_bursts(sent, BurstTimes(900, seed))] for seed in (1, 1, 2))
    assert one == same != other


def test_areas_leave_one_after_the_other_and_the_tick_with_the_last() -> None:
    bursts = list(in_bursts([*interval(0, AREAS), *interval(1, AREAS)], BurstTimes(900)))
    first, second = bursts[:41], bursts[41:]
    assert len({one.event_time_s for one in first}) > 20
    assert [one.transformer_area for one in first] != [*AREAS, None]
    for part, end_s in ((first, T0 + 900), (second, T0 + 1800)):
        assert part[-1].message == Tick(end_s)
        assert part[-1].event_time_s == part[-2].event_time_s == max(one.event_time_s for one in part)
        assert all(end_s + 5 <= one.event_time_s <= end_s + 240 for one in part)


@pytest.mark.parametrize(("step_s", "latest_s"), [(60, 48), (300, 240), (3600, 240)])
def test_short_intervals_are_through_before_the_next_ones_first(step_s: int, latest_s: int) -> None:
    after_s = [BurstTimes(step_s).after_end_s(area, T0) for area in AREAS]
    assert min(after_s) >= 1
    assert max(after_s) <= latest_s < step_s + min(after_s)


def test_a_whole_feed_in_bursts_holds_every_message_of_the_feed(tmp_path: Path) -> None:
    simulate(tmp_path / "feed", Recipe(areas=3, meters_per_area=10, days=2, seed=5))
    sent = list(publication(Feed.open(tmp_path / "feed")))
    bursts = list(in_bursts(sent, BurstTimes(900)))
    assert Counter(id(one.message) for one in bursts) == Counter(id(one.message) for one in sent)
    for area in ("A0001", "A0002", "A0003"):
        assert seen_by(area, bursts) == seen_by(area, sent)
    assert [id(one.message) for one in bursts] != [id(one.message) for one in sent]
