"""Regions follow the alerts of the store, over outages of Grafana, restarts of the writer, deletions and a Grafana that forgot all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grafana import annotate
from grafana.annotate import RECENT_S, RECONCILE_EVERY_S, WRITES_AT_ONCE, AlertAnnotations
from grafana.client import AnnotationClient, Drawn, GrafanaUnavailable
from grafana.regions import EPISODES_KEPT, STEPS, UNTOLD, Region, reach_s, regions_of, watch_region
from metering.alert import Alert, AlertState
from metering.announcement import Announcement, Stopped, Turn
from metering.ports import Checkpoint, PartitionChange
from metering.times import DAY_S
from metering.watch import WatchStanding
from storage.memory import MemoryStore
from tests.unit.grafana.fake_grafana import CLEARED, RAISED, FakeGrafana

START_S = RAISED.raised_at_s


def raised(number: int, **changed: Any) -> Alert:
    return replace(RAISED, alert_id=f"a-{number}", **changed)


class Bench:
    """A store whose clock the test moves, and a writer to a Grafana that can be away."""

    def __init__(self, canvas: Any) -> None:
        self.canvas = canvas
        self.store = MemoryStore()
        self.epoch = self.store.begin_partition("judge", 0, "w").epoch
        self.monotonic_s = 0.0
        self.offset = 0
        self.revision = 1
        self.start_again()

    def start_again(self) -> None:
        self.writer = AlertAnnotations(
            self.store,
            self.canvas,
            desk_url="http://desk.example/",
            monotonic=lambda: self.monotonic_s,
            now=lambda: 5_000.0,
        )

    def save(self, *alerts: Alert, clock_s: int = START_S, said: Sequence[Announcement] = ()) -> None:
        self.offset, self.revision = self.offset + 1, self.revision + 1
        change = PartitionChange(
            self.epoch,
            self.offset,
            clock_s,
            alerts={a.alert_id: replace(a, revision=self.revision) for a in alerts},
            announcements=list(said),
        )
        self.store.save(Checkpoint("judge", {0: change}))

    def rounds(self, number: int = 1) -> int:
        written = 0
        for _ in range(number):
            self.monotonic_s += 10.0
            written += self.writer.bring_up_to_date()
        return written


@pytest.fixture
def bench(client: AnnotationClient) -> Bench:
    return Bench(client)


def ends(server: FakeGrafana) -> dict[str, int]:
    """Alert and episode -> end of its region (s)."""
    found: dict[str, int] = {}
    for annotation in server.annotations.values():
        tags = dict(tag.split(":", 1) for tag in annotation["tags"] if ":" in tag)
        key = f"{tags['alert']}/{tags['episode']}"
        assert key not in found, "an episode has one region"
        found[key] = annotation["timeEnd"] // 1000
    return found


def test_an_open_alert_is_a_region_that_follows_the_clock_and_ends_with_the_alert(
    server: FakeGrafana, bench: Bench
) -> None:
    bench.save(RAISED)
    assert bench.rounds() == 1
    assert ends(server) == {"a-1/1": START_S}
    assert bench.rounds(3) == 0
    bench.save(clock_s=START_S + 3_700)
    assert bench.rounds() == 1
    assert ends(server) == {"a-1/1": START_S + 3_600}
    bench.save(replace(CLEARED, cleared_at_s=START_S + 3_900), clock_s=START_S + 4_500)
    assert bench.rounds(2) == 1
    assert ends(server) == {"a-1/1": START_S + 3_900}
    assert "over" in server.annotations[1]["text"]
    assert "state:cleared" in server.annotations[1]["tags"]


def test_the_text_says_suspected_and_gives_no_meter_and_no_markup_of_the_feed(
    server: FakeGrafana, bench: Bench
) -> None:
    bench.save(RAISED)
    bench.rounds()
    text = server.annotations[1]["text"]
    assert text.startswith("suspected: demand over contracted capacity in TA &lt;1&gt; &amp; co (high)")
    assert 'href="http://desk.example/alerts/a-1"' in text
    assert "M-1" not in text
    assert "SP-1" not in text


def test_every_episode_has_its_region_and_says_which_it_is(server: FakeGrafana, bench: Bench) -> None:
    bench.save(CLEARED, clock_s=START_S + 3_600)
    bench.rounds()
    again = replace(RAISED, relapses=((4_600, 9_000),), episodes=2)
    bench.save(again, clock_s=9_900)
    assert bench.rounds() == 1
    assert ends(server) == {"a-1/1": 4_600, "a-1/2": 9_900}
    texts = [server.annotations[n]["text"] for n in (1, 2)]
    assert texts[0].partition("\n")[0].endswith("(high, over)")
    assert texts[1].partition("\n")[0].endswith("(high, relapse 1)")


def test_of_an_alert_that_comes_and_goes_the_newest_episodes_are_kept_up() -> None:
    relapses = tuple((START_S + 100 * n, START_S + 100 * n + 50) for n in range(1, 100))
    regions = list(regions_of(replace(RAISED, relapses=relapses, episodes=400), START_S + 20_000))
    assert [r.episode for r in regions] == list(range(400 - EPISODES_KEPT + 1, 401))
    assert regions[-1].begins_s == relapses[-1][1]
    assert [r.ends_s for r in regions[:-1]] == [end for end, _ in relapses[-EPISODES_KEPT + 1 :]]


@pytest.mark.parametrize(("state", "words"), [(AlertState.WITHDRAWN, "withdrawn"), (AlertState.CONFIRMED, "confirmed")])
def test_what_an_inspection_said_is_shown(server: FakeGrafana, bench: Bench, state: AlertState, words: str) -> None:
    bench.save(RAISED)
    bench.rounds()
    bench.save(replace(CLEARED, state=state), clock_s=START_S + 7_200)
    bench.rounds()
    assert words in server.annotations[1]["text"]
    assert f"state:{state.value}" in server.annotations[1]["tags"]
    assert server.annotations[1]["text"].startswith("suspected") == (state is AlertState.WITHDRAWN)


def test_a_confirmed_alert_goes_on_until_its_condition_is_gone(server: FakeGrafana, bench: Bench) -> None:
    bench.save(RAISED)
    bench.rounds()
    confirmed = replace(RAISED, state=AlertState.CONFIRMED)
    bench.save(confirmed, clock_s=START_S + 3_600)
    bench.rounds()
    bench.save(clock_s=START_S + 7_200)
    bench.rounds()
    assert ends(server) == {"a-1/1": START_S + 7_200}
    bench.save(replace(confirmed, cleared_at_s=START_S + 8_000), clock_s=START_S + 9_000)
    bench.rounds()
    assert ends(server) == {"a-1/1": START_S + 8_000}
    assert server.annotations[1]["text"].startswith("demand over contracted capacity")


def test_that_nobody_is_told_is_shown_with_the_reason_until_somebody_is(server: FakeGrafana, bench: Bench) -> None:
    stopped = Announcement(
        "a-1", RAISED.transformer_area, "M-1", "over_capacity", "high", "morning", Turn.RAISED, START_S,
        stopped=Stopped("silence", "silenced", "s-1"),
    )  # fmt: skip
    bench.save(RAISED, said=[stopped])
    bench.rounds()
    assert "nobody told: silenced" in server.annotations[1]["text"]
    assert UNTOLD in server.annotations[1]["tags"]
    bench.save(clock_s=START_S + 900, said=[replace(stopped, at_s=START_S + 900, stopped=None)])
    bench.rounds()
    assert "nobody told" not in server.annotations[1]["text"]
    assert UNTOLD not in server.annotations[1]["tags"]


def test_an_alert_that_came_and_went_while_nobody_looked_is_drawn_all_the_same(
    server: FakeGrafana, bench: Bench
) -> None:
    bench.rounds()
    bench.save(CLEARED, clock_s=START_S + 7_200)
    bench.rounds()
    assert ends(server) == {}, "it is not open, and nobody looks back yet"
    bench.monotonic_s += RECONCILE_EVERY_S
    bench.rounds()
    assert ends(server) == {"a-1/1": 4_600}


def test_after_an_hour_without_grafana_nothing_is_lost_and_nothing_floods_it(server: FakeGrafana, bench: Bench) -> None:
    bench.save(*(raised(n) for n in range(20)))
    bench.rounds()
    server.fail_with = (503, '{"message": "starting"}')
    for n in range(360):
        bench.save(raised(100 + n, raised_at_s=START_S + 10 * n), clock_s=START_S + 10 * n)
        server.requests.clear()
        with pytest.raises(GrafanaUnavailable):
            bench.rounds()
        assert len(server.requests) <= 1, "one try a round"
    bench.save(*(replace(CLEARED, alert_id=f"a-{n}") for n in range(10)), clock_s=START_S + 3_600)
    server.fail_with = None
    server.requests.clear()
    first = bench.rounds()
    assert first == WRITES_AT_ONCE
    assert len(server.requests) <= WRITES_AT_ONCE + 2
    assert {f"a-{n}/1" for n in range(10)} <= {key for key, end in ends(server).items() if end == 4_600}, "ends first"
    assert bench.rounds(10) + first == 10 + 10 + 360, "ended, extended, new"
    assert len(ends(server)) == 20 + 360
    assert bench.writer.behind == 0


def test_a_failure_in_the_middle_of_a_round_doubles_nothing(server: FakeGrafana, bench: Bench) -> None:
    bench.save(*(raised(n) for n in range(10)))
    server.fail_after(5, 500)
    with pytest.raises(GrafanaUnavailable):
        bench.rounds()
    bench.rounds(2)
    assert len(ends(server)) == 10


def test_a_region_that_grafana_drew_but_did_not_answer_for_is_found_again(server: FakeGrafana, bench: Bench) -> None:
    bench.save(RAISED)
    server.swallow_answers = 1
    with pytest.raises(GrafanaUnavailable):
        bench.rounds()
    assert len(server.annotations) == 1
    assert bench.rounds() == 0
    assert ends(server) == {"a-1/1": START_S}


def test_a_restart_draws_nothing_twice_and_ends_what_ended_meanwhile(server: FakeGrafana, bench: Bench) -> None:
    bench.save(RAISED, raised(2))
    bench.rounds()
    bench.save(CLEARED, clock_s=START_S + 30 * DAY_S)
    bench.start_again()
    bench.rounds(2)
    assert ends(server)["a-1/1"] == 4_600, "though it ended long ago: Grafana still showed it open"
    assert ends(server)["a-2/1"] > START_S + 27 * DAY_S


def test_what_somebody_deleted_and_what_grafana_forgot_is_drawn_again(server: FakeGrafana, bench: Bench) -> None:
    bench.save(*(raised(n) for n in range(5)), raised(9, raised_at_s=START_S - 30 * DAY_S))
    bench.rounds()
    before = ends(server)
    del server.annotations[2]
    bench.monotonic_s += RECONCILE_EVERY_S
    bench.rounds()
    assert ends(server) == before
    server.annotations.clear()
    bench.monotonic_s += RECONCILE_EVERY_S
    bench.rounds()
    assert ends(server) == before


def test_a_region_that_was_deleted_is_drawn_again_when_it_ends(server: FakeGrafana, bench: Bench) -> None:
    bench.save(RAISED)
    bench.rounds()
    server.annotations.clear()
    bench.save(CLEARED, clock_s=START_S + 7_200)
    bench.rounds()
    assert ends(server) == {"a-1/1": 4_600}


def test_doubles_of_two_writers_are_made_one(server: FakeGrafana, bench: Bench) -> None:
    bench.save(RAISED)
    bench.rounds()
    server.add(dict(server.annotations[1]))
    bench.monotonic_s += RECONCILE_EVERY_S
    bench.rounds()
    assert list(server.annotations) == [1]


def test_a_start_leaves_the_long_past_alone_but_never_an_open_alert(server: FakeGrafana, bench: Bench) -> None:
    clock_s = START_S + 10 * RECENT_S
    bench.save(CLEARED, raised(2), raised(3, raised_at_s=clock_s), clock_s=clock_s)
    bench.rounds()
    assert set(ends(server)) == {"a-2/1", "a-3/1"}


def test_more_than_grafana_lists_are_looked_up_one_by_one_instead_of_drawn_twice(
    server: FakeGrafana, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.save(*(raised(n) for n in range(8)))
    bench.rounds()
    monkeypatch.setattr(annotate, "MOST_LISTED", 5)
    monkeypatch.setattr("grafana.client.MOST_LISTED", 5)
    monkeypatch.setattr("grafana.client.PAGE", 5)
    bench.start_again()
    bench.rounds()
    assert len(ends(server)) == 8


def test_the_writer_keeps_up_the_newest_of_very_many(
    server: FakeGrafana, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotate, "OPEN_AT_MOST", 20)
    monkeypatch.setattr(annotate, "_PAGE", 7)
    bench.save(*(raised(n, raised_at_s=START_S + n) for n in range(50)), clock_s=START_S + 60)
    bench.rounds(3)
    numbers = {int(key.split("/")[0][2:]) for key in ends(server)}
    assert set(range(30, 50)) <= numbers
    assert len(numbers) <= 21


def test_another_process_that_wrote_meanwhile_is_believed(server: FakeGrafana, bench: Bench) -> None:
    bench.save(RAISED)
    bench.rounds()
    first = bench.writer
    bench.start_again()
    bench.save(raised(2))
    bench.rounds()
    first.forget()
    assert first.bring_up_to_date() == 0
    assert len(ends(server)) == 2


def test_an_alarm_of_the_monitor_itself_is_a_region_too(server: FakeGrafana, bench: Bench) -> None:
    standing = WatchStanding("model_old", "", 1.0, 4_000.0, True, None, 3_000.0, None, 1, "w-1")
    bench.store.save_watch([standing], [], [])
    bench.rounds()
    assert server.annotations[1]["text"].startswith("the monitor itself: Days do not close")
    assert ends(server) == {"w-1/1": 4_800}
    bench.store.save_watch([replace(standing, open=False, ended_at_s=4_900.0)], [], [])
    bench.rounds()
    assert ends(server) == {"w-1/1": 4_900}
    assert watch_region(replace(standing, opened_at_s=None), 0.0) is None


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**6))
def test_an_open_region_never_passes_the_clock_never_goes_back_and_stays_close(begins_s: int, a: int, b: int) -> None:
    early, late = sorted((begins_s + 40 * a, begins_s + 40 * a + b))
    assert begins_s <= reach_s(begins_s, early) <= reach_s(begins_s, late) <= max(begins_s, late)
    assert late - reach_s(begins_s, late) < max(900, (late - begins_s) / STEPS + 1)


def test_an_open_region_is_moved_seldom() -> None:
    moves = {reach_s(0, clock_s) for clock_s in range(0, 180 * DAY_S, 900)}
    assert len(moves) < 250, "of 17,280 quarters of an hour"


class Canvas:
    """Grafana in memory, which fails where it is told to; an answer that is lost is a write that was done."""

    def __init__(self) -> None:
        self.drawings: dict[int, Region] = {}
        self.number = 0
        self.fails: list[str] = []

    def _may_fail(self, when: str) -> None:
        if self.fails and self.fails[0] == when:
            self.fails.pop(0)
            raise GrafanaUnavailable("away")

    def drawn(self, *tags: str, since_s: int = 0) -> list[Drawn]:
        self._may_fail("before")
        return [
            Drawn(n, r.key, r.begins_s, r.ends_s, frozenset(r.tags))
            for n, r in self.drawings.items()
            if set(tags) <= set(r.tags) and r.ends_s >= since_s
        ]

    def draw(self, region: Region) -> int:
        self._may_fail("before")
        self.number += 1
        self.drawings[self.number] = region
        self._may_fail("after")
        return self.number

    def move(self, annotation_id: int, region: Region) -> bool:
        self._may_fail("before")
        if annotation_id not in self.drawings:
            return False
        self.drawings[annotation_id] = region
        self._may_fail("after")
        return True

    def remove(self, annotation_id: int) -> bool:
        return self.drawings.pop(annotation_id, None) is not None


STEPS_OF_LIFE = st.lists(
    st.tuples(
        st.sampled_from(["raise", "clear", "confirm", "delete", "restart", "away", "lost answer", "tick", "reconcile"]),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(STEPS_OF_LIFE)
@settings(max_examples=150, deadline=None)
def test_whatever_happens_the_regions_become_what_the_alerts_are(steps: list[tuple[str, int]]) -> None:
    canvas = Canvas()
    bench = Bench(canvas)
    clock_s, alerts = START_S, dict[int, Alert]()
    for what, number in steps:
        clock_s += 600
        known = alerts.get(number)
        if what == "raise" and (known is None or known.state is AlertState.CLEARED):
            alerts[number] = (
                raised(number, raised_at_s=clock_s)
                if known is None or known.cleared_at_s is None
                else replace(
                    known,
                    state=AlertState.RAISED,
                    cleared_at_s=None,
                    relapses=(*known.relapses, (known.cleared_at_s, clock_s)),
                    episodes=known.episodes + 1,
                )
            )
        elif what in ("clear", "confirm") and known is not None and known.is_open:
            state = AlertState.CLEARED if what == "clear" else AlertState.CONFIRMED
            alerts[number] = replace(known, state=state, cleared_at_s=clock_s)
        elif what == "delete" and canvas.drawings:
            del canvas.drawings[sorted(canvas.drawings)[number % len(canvas.drawings)]]
        elif what == "restart":
            bench.start_again()
        elif what == "reconcile":
            bench.monotonic_s += RECONCILE_EVERY_S
        else:
            canvas.fails += {"away": ["before"], "lost answer": ["after"]}.get(what, [])
        bench.save(*alerts.values(), clock_s=clock_s)
        try:
            bench.rounds()
        except GrafanaUnavailable:
            continue
    canvas.fails.clear()
    bench.monotonic_s += RECONCILE_EVERY_S
    bench.rounds(2)
    wanted = {r.key: r for alert in alerts.values() for r in regions_of(alert, clock_s)}
    shown = {r.key: r for r in canvas.drawings.values()}
    assert len(shown) == len(canvas.drawings), "no episode twice"
    assert {k: (r.begins_s, r.ends_s, r.tags) for k, r in shown.items()} == {
        k: (r.begins_s, r.ends_s, r.tags) for k, r in wanted.items()
    }
