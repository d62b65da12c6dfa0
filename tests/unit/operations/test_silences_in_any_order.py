"""Silences along the log: no order of making, changing and ending them, late readings, late events and restarts lets a silenced
alert be said, or loses one that is not."""

from __future__ import annotations

import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from metering.alert import Alert
from metering.announcement import Announcement, Turn
from metering.archive import Archive, Meter, WorkOrder
from metering.catalogue import CATALOGUE
from metering.errors import MeterwatchError
from metering.messages import ArrivedFrame, Message, MeterEvent, MeterEvents, Tick
from metering.place import Place, place_of
from metering.silence import Silence, covered_by, in_work_window
from metering.times import parse_iso
from monitor.wire import from_relay, relay_bytes
from operations.judge_stage import JudgeStage
from operations.silence import Scope, add_silence, change_silence, end_silence, silences
from storage.memory import MemoryStore
from streams.codecs import decode

START_S, HOUR_S = parse_iso("2026-03-02T00:00:00+01:00"), 3600
AREAS, CUSTOMERS = ("A0", "A1"), (0, 1)
BEGINS = (Turn.RAISED, Turn.RETURNED, Turn.FLAPPING)
#: A suspicion by readings after three hours; by a meter's own report a suspicion, a hazard, and the end of it.
EVENTS = ("cover_open", "phase_break", "overvoltage", "dlms:45")


def archive() -> Archive:
    meters = []
    for number, area in enumerate(AREAS):
        meters.append(Meter(f"S{number}", f"SP-S{number}", "", area, "supply", feeder="F1"))
        meters += [
            Meter(
                f"M{number}{n}", f"SP-{number}{n}", "C" if n else f"C{number}", area, "customer", "residential",
                contracted_kw=4.0, rated_current_a=60.0, feeder="F1" if n else f"F-{area}",
            )
            for n in CUSTOMERS
        ]  # fmt: skip
    work = WorkOrder("meter_exchange", START_S + 9 * HOUR_S, START_S + 12 * HOUR_S, meter_id="M00")
    return Archive("small", 60, "Europe/Berlin", tuple(meters), works=(work,))


SCOPES = (
    Scope(meter_id="M00"),
    Scope(customer_id="C"),
    Scope(transformer_area="A0"),
    Scope(feeder="F1"),
    Scope(feeder="F1", abnormality="over_capacity"),
    Scope(transformer_area="A1", family="theft"),
)
WHITELISTS = (Scope(abnormality="over_capacity"), Scope(family="theft"))


class Watch:
    """A judge stage over one log; a restart goes back to what was saved and reads on from there."""

    def __init__(self) -> None:
        self.archive, self.store, self.log = archive(), MemoryStore(), list[Message]()
        self.now_s, self.said = START_S, dict[str, Announcement]()
        self.stopped = list[Announcement]()
        self._seen: set[str] = set()
        self.begin()
        self.put(Tick(START_S))
        self.save()

    def begin(self) -> None:
        self.stage = JudgeStage(self.archive, self.store, lambda _: 0, owner="w")
        for offset in range(self.stage.begin(0), len(self.log)):
            self.stage.handle(0, offset, self.log[offset])

    def put(self, message: Message) -> None:
        self.log.append(message)
        self.stage.handle(0, len(self.log) - 1, message)

    def save(self) -> list[Announcement]:
        """What is new in the store since the last time, in the order it was saved."""
        self.stage.save()
        every = [a for alert in self.store.alerts() for a in self.store.announcements(alert.alert_id)]
        new = [a for a in every if a.announcement_id not in self._seen]
        self._seen |= {a.announcement_id for a in new}
        return new

    def relay(self) -> None:
        for number, _, blob in self.store.relay_batch(100):
            self.put(decode(*from_relay(blob)))
            self.store.relayed([number])

    def hour(self, over: frozenset[tuple[int, int]], silent: int | None) -> None:
        for number in range(len(AREAS)):
            if number != silent:
                self.put(self.frame(number, self.now_s, over))
        self.now_s += HOUR_S
        self.put(Tick(self.now_s))

    def frame(self, number: int, start_s: int, over: frozenset[tuple[int, int]]) -> ArrivedFrame:
        kwh = [7.5 if (number, n) in over else 0.3 for n in CUSTOMERS]
        ids = (f"S{number}", *(f"M{number}{n}" for n in CUSTOMERS))
        energy = np.array([round(sum(kwh) * 1.03, 4), *kwh])
        return ArrivedFrame(AREAS[number], start_s, 60, ids, {"energy_kwh": energy}, reading_count=len(ids))


class SilencesInAnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.watch, self.twin = Watch(), Watch()
        self.standing: list[Silence] = []
        self.believed: dict[str, Turn] = {}

    @property
    def both(self) -> tuple[Watch, Watch]:
        return self.watch, self.twin

    @property
    def now_s(self) -> int:
        return self.watch.now_s

    @rule(
        over=st.frozensets(st.tuples(st.sampled_from((0, 1)), st.sampled_from(CUSTOMERS))),
        silent=st.sampled_from((None, None, None, 0, 1)),
        hours=st.sampled_from((1, 1, 3, 4)),
    )
    def readings(self, over: frozenset[tuple[int, int]], silent: int | None, hours: int) -> None:
        for _ in range(hours):
            for each in self.both:
                each.hour(over, silent)
            self.look(asked=True)

    @rule(number=st.sampled_from((0, 1)), back=st.integers(1, 9))
    def late_readings(self, number: int, back: int) -> None:
        for each in self.both:
            each.put(each.frame(number, each.now_s - back * HOUR_S, frozenset({(number, 0)})))
        self.look()

    @rule(
        number=st.sampled_from((0, 1)), n=st.sampled_from(CUSTOMERS), code=st.sampled_from(EVENTS),
        late_s=st.sampled_from((0, 60, HOUR_S, 7 * HOUR_S)),
    )  # fmt: skip
    def meter_event(self, number: int, n: int, code: str, late_s: int) -> None:
        for each in self.both:
            each.put(MeterEvents(AREAS[number], (MeterEvent(f"M{number}{n}", each.now_s - late_s, code),)))
        self.look()

    @rule(
        scope=st.sampled_from((*SCOPES, *WHITELISTS)), begins=st.integers(0, 6), lasts=st.integers(1, 9),
        even_hazards=st.booleans(),
    )  # fmt: skip
    def silence(self, scope: Scope, begins: int, lasts: int, even_hazards: bool) -> None:
        start_s = self.now_s + begins * HOUR_S
        for each in self.both:
            add_silence(
                each.store, each.archive, scope, start_s=start_s, until_s=start_s + lasts * HOUR_S, by="Li Na",
                reason="harvest", now_s=self.now_s, encode=relay_bytes, even_hazards=even_hazards,
                kind="whitelist" if scope in WHITELISTS else "silence",
            )  # fmt: skip
        self.relayed()

    @precondition(lambda self: self.standing)
    @rule(data=st.data(), lasts=st.integers(1, 9), even_hazards=st.booleans())
    def change(self, data: st.DataObject, lasts: int, even_hazards: bool) -> None:
        chosen = data.draw(st.sampled_from(self.standing))
        for each in self.both:
            try:
                change_silence(
                    each.store, each.archive, chosen.silence_id, until_s=max(self.now_s, chosen.start_s) + lasts * HOUR_S,
                    even_hazards=even_hazards, by="Wang", reason="rain", now_s=self.now_s, encode=relay_bytes,
                )  # fmt: skip
            except MeterwatchError:
                assert self.now_s >= chosen.until_s
        self.relayed()

    @precondition(lambda self: self.standing)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self.standing))
        for each in self.both:
            end_silence(each.store, chosen.silence_id, by="Wang", reason="done", now_s=self.now_s, encode=relay_bytes)
        self.relayed()

    def relayed(self) -> None:
        for each in self.both:
            each.relay()
        self.look()

    @rule(lose=st.booleans())
    def restart(self, lose: bool) -> None:
        """With what was handled since the last save lost, and handled again."""
        if lose:
            self.watch.hour(frozenset({(0, 0)}), None)
            self.twin.hour(frozenset({(0, 0)}), None)
        self.watch.begin()
        self.look()

    def look(self, *, asked: bool = False) -> None:
        """Save, and hold what was announced against the silences of that moment; `asked`: an interval was closed just now."""
        self.standing = list(silences(self.watch.store, self.now_s, also_ahead=True))
        new = self.watch.save()
        assert new == self.twin.save(), "a restart says nothing more and nothing less"
        for each in new:
            self.hold(each)
        if asked:
            self.nothing_is_lost()

    def hold(self, each: Announcement) -> None:
        alert = self.watch.store.alert(each.alert_id)
        assert alert is not None
        if each.stopped is None:
            self.believed[each.alert_id] = each.turn
            covering = covered_by(self.standing, alert, self.place(alert), self.now_s)
            assert covering is None or each.turn not in BEGINS, f"said although {covering} covers it"
        elif each.stopped.stage == "silence":
            named = next(s for s in self.standing if s.silence_id == each.stopped.detail)
            assert named.covers(alert, self.place(alert), self.now_s)

    def nothing_is_lost(self) -> None:
        for alert in self.watch.store.alerts():
            if not alert.is_open or CATALOGUE[alert.abnormality].urgency == "none":
                continue
            if self.believed.get(alert.alert_id) in BEGINS:
                continue
            stopped = self.watch.store.announcements(alert.alert_id)[-1].stopped
            assert stopped is not None, f"{alert.abnormality} of {alert.meter_id} is lost"
            if stopped.stage == "silence":
                assert covered_by(self.standing, alert, self.place(alert), self.now_s)
            elif stopped.stage == "planned_work":
                assert in_work_window(self.watch.archive.works, alert, self.place(alert), self.now_s)

    def place(self, alert: Alert) -> Place:
        return place_of(alert, self.watch.archive.areas[alert.transformer_area])

    def teardown(self) -> None:
        """When every silence is over, whatever still holds has been said."""
        for _ in range(20):
            for each in self.both:
                each.hour(frozenset({(0, 0), (1, 1)}), None)
            self.look(asked=True)
        assert not self.standing


SilencesInAnyOrder.TestCase.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, phases=[Phase.generate]
)
TestSilencesInAnyOrder = SilencesInAnyOrder.TestCase
