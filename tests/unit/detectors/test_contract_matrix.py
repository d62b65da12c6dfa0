"""Every detector x every clause of its contract (metering/evidence.py): generated, so that a new one cannot escape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.bank import ALL_DETECTORS, hour_detectors, interval_detectors
from detectors.interval.catalogue_rules import RULES
from metering.catalogue import CATALOGUE
from metering.errors import SettingsError, StoreError
from metering.evidence import RECOVER_STRENGTH, AreaContext, AreaHour, HourDetector, IntervalDetector, Signal
from metering.frame import Column, ReadingFrame
from metering.units import UNITS
from tests.unit.detectors.worlds import area_context, frames, hours_of

CONTEXT = area_context()
PER_DAY = 12
EVENTS_FROM = 24 * PER_DAY
INTERVAL_NAMES = [d.name for d in interval_detectors(CONTEXT)]
HOUR_NAMES = [d.name for d in hour_detectors(CONTEXT)]
NAMES = INTERVAL_NAMES + HOUR_NAMES


def _eventful(i: int, columns: dict[str, Column]) -> None:
    """From day 24 on much goes wrong, so that states are not all at their start."""
    rng = np.random.default_rng(i)
    columns["energy_kwh"][rng.random(len(columns["energy_kwh"])) < 0.03] = np.nan
    for name in ("current_a_a", "current_b_a", "current_c_a"):
        columns[name][3] *= 8
    if i < EVENTS_FROM:
        return
    columns["energy_kwh"][0] *= 0.3
    columns["energy_kwh"][2] = 0.0
    columns["voltage_b_v"][1] = 80.0
    columns["current_a_a"][3] = 0.0
    columns["current_b_a"][5] *= -1
    columns["neutral_current_a"][4] *= 3
    columns["energy_kwh"][-1] += 1.5 * columns["energy_kwh"][6]
    columns["energy_kwh"][6] *= 2.5
    if i % 40 == 0:
        columns["voltage_v"][[0, 2]], columns["voltage_v"][[4, 6]] = 262.0, 195.0


QUIET = list(frames(CONTEXT, 45))
EVENTFUL = list(frames(CONTEXT, 45, change=_eventful))


class Subject:
    """One detector seen alike, whether it judges intervals or hours: feed it, ask it, save it."""

    def __init__(self, name: str, context: AreaContext) -> None:
        self.name, self.context = name, context
        # some rules ask the voltage rules of their bank; the others stand alone
        needed = {name, "voltage_rules"} if name in ("catalogue_rules", "neutral_rules") else {name}
        self.bank: list[IntervalDetector] = [d for d in interval_detectors(context) if d.name in needed]
        hours = {d.name: d for d in hour_detectors(context)}
        self.hour: HourDetector | None = hours.get(name)
        self.detector: IntervalDetector | HourDetector = self.hour or next(d for d in self.bank if d.name == name)

    def run(
        self, told: Sequence[ReadingFrame], *, trusted: Callable[[ReadingFrame], NDArray[np.bool_]] | None = None
    ) -> list[list[Signal]]:
        said: list[list[Signal]] = []
        if self.hour is not None:
            for hour in hours_of(self.context, told):
                said.append(self.hour.score(hour))
                self.hour.learn(hour, trusted is None)
            return said
        for frame in told:
            said.append(self._own().score(frame))
            rows = np.isfinite(frame.energy_kwh) if trusted is None else trusted(frame)
            for detector in self.bank:
                detector.learn(frame, rows)
        return said

    def _own(self) -> IntervalDetector:
        return next(d for d in self.bank if d.name == self.name)

    def say(self, frame: ReadingFrame) -> list[Signal]:
        return self.hour.score(next(hours_of(self.context, [frame]))) if self.hour else self._own().score(frame)

    def everyone(self) -> list[IntervalDetector | HourDetector]:
        return [*self.bank] if self.hour is None else [*self.bank, self.hour]

    def pages(self) -> dict[str, dict[str, bytes]]:
        return {d.name: d.dump() for d in self.everyone()}

    def dirty(self) -> dict[str, dict[str, bytes]]:
        return {d.name: d.dump_dirty() for d in self.everyone()}

    def restore(self, pages: dict[str, dict[str, bytes]]) -> None:
        for detector in self.everyone():
            detector.load(pages[detector.name])


def same(left: Sequence[Signal], right: Sequence[Signal], rows: Sequence[int] | None = None) -> None:
    assert [s.abnormality for s in left] == [s.abnormality for s in right]
    for a, b in zip(left, right, strict=True):
        for mine, other in ((a.strength, b.strength), (a.observed, b.observed), (a.expected, b.expected)):
            np.testing.assert_allclose(mine if rows is None else mine[list(rows)], other, rtol=1e-4, atol=1e-5)


@cache
def eventful(name: str) -> list[list[Signal]]:
    return Subject(name, CONTEXT).run(EVENTFUL)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_names_and_codes_are_known(name: str) -> None:
    detector = Subject(name, CONTEXT).detector
    assert detector.abnormalities
    assert set(detector.abnormalities) <= set(CATALOGUE)


def test_score_changes_nothing(name: str) -> None:
    subject = Subject(name, CONTEXT)
    subject.run(EVENTFUL[: EVENTS_FROM + 40])
    subject.dirty()
    before, first = subject.pages(), subject.say(EVENTFUL[EVENTS_FROM + 40])
    again = subject.say(EVENTFUL[EVENTS_FROM + 40])
    same(first, again)
    assert subject.pages() == before
    assert not any(subject.dirty().values())


def test_strengths_and_shapes(name: str) -> None:
    subject = Subject(name, CONTEXT)
    heard = 0
    for signals in eventful(name):
        for signal in signals:
            heard += 1
            assert signal.abnormality in subject.detector.abnormalities
            assert signal.detector == name
            assert signal.strength.shape == signal.observed.shape == signal.expected.shape == (len(CONTEXT.area),)
            assert signal.strength.dtype == np.float32
            assert signal.observed.dtype == signal.expected.dtype == np.float64
            known = signal.strength[~np.isnan(signal.strength)]
            assert ((known >= 0) & (known <= 1)).all()
            assert signal.unit in UNITS, "give the unit its words in metering/units.py"
    assert heard


def test_the_eventful_life_is_noticed(name: str) -> None:
    strongest = [
        float(np.nanmax(s.strength)) for signals in eventful(name) for s in signals if not np.isnan(s.strength).all()
    ]
    # an hour's evidence is shown, and weighed with the day's
    assert max(strongest) >= (0.7 if name in HOUR_NAMES else 0.8)


def test_a_quiet_life_is_silent(name: str) -> None:
    for signals in Subject(name, CONTEXT).run(QUIET):
        for signal in signals:
            assert not (signal.strength > RECOVER_STRENGTH).any(), signal.abnormality


def test_silent_in_warm_up(name: str) -> None:
    """On the first day nothing that has to be learnt first may speak; rules of the moment may."""
    moment = {"voltage_loss", "phase_break", *RULES}

    def wildly(i: int, columns: dict[str, Column]) -> None:
        columns["energy_kwh"] *= 0.0 if i % 3 else 3.0

    wild = list(frames(CONTEXT, 1, seed=9, change=wildly))
    for signals in Subject(name, CONTEXT).run(wild):
        for signal in signals:
            if signal.abnormality not in moment:
                assert not (signal.strength > RECOVER_STRENGTH).any(), signal.abnormality


def test_order_of_meters_does_not_matter(name: str) -> None:
    order = [3, 8, 0, 5, 1, 7, 2, 6, 4]
    shuffled = area_context(order=order)
    left = eventful(name)
    right = Subject(name, shuffled).run(list(frames(shuffled, 45, change=_eventful)))
    for mine, theirs in zip(left[-30:], right[-30:], strict=True):
        same(mine, theirs, rows=order)


def test_missing_is_not_judged_and_teaches_nothing(name: str) -> None:
    subject = Subject(name, CONTEXT)
    subject.run(EVENTFUL[: 20 * PER_DAY])
    blank = ReadingFrame(
        "TA", EVENTFUL[20 * PER_DAY].interval_start_s, 120, CONTEXT.area.meter_ids,
        {c: np.full(len(CONTEXT.area), np.nan) for c in EVENTFUL[0].columns},
    )  # fmt: skip
    if subject.hour is not None:
        hour = AreaHour("TA", blank.interval_start_s, float("nan"), float("nan"), 0.0)
        before = subject.pages()
        signals = subject.hour.score(hour)
        subject.hour.learn(hour, trusted=False)
        assert subject.pages() == before
    else:
        signals = subject.say(blank)
    for signal in signals:
        assert np.isnan(signal.strength).all()


def test_restored_behaves_the_same(name: str) -> None:
    subject, restored = Subject(name, CONTEXT), Subject(name, CONTEXT)
    begun = subject.run(EVENTFUL[: EVENTS_FROM + 29])
    restored.run(QUIET[:50])
    restored.restore(subject.pages())
    subject.run(EVENTFUL[EVENTS_FROM + 29 :])
    for mine, theirs in zip(eventful(name)[len(begun) :], restored.run(EVENTFUL[EVENTS_FROM + 29 :]), strict=True):
        same(mine, theirs)
    assert subject.pages() == restored.pages() or name in HOUR_NAMES
    assert {n: set(p) for n, p in subject.pages().items()} == {n: set(p) for n, p in restored.pages().items()}


def test_dirty_pages_add_up_to_all_pages(name: str) -> None:
    subject = Subject(name, CONTEXT)
    kept: dict[str, bytes] = {}
    for part in range(8):
        subject.run(EVENTFUL[part * 13 : part * 13 + 13])
        kept |= subject.detector.dump_dirty()
    assert subject.detector.dump() == kept
    assert subject.detector.dump_dirty() == {}


def test_one_interval_dirties_few_pages(name: str) -> None:
    subject = Subject(name, CONTEXT)
    subject.run(EVENTFUL[:100])
    subject.dirty()
    subject.run(EVENTFUL[100:101])
    assert len(subject.detector.dump_dirty()) <= 2


def test_two_runs_are_the_same_bytes(name: str) -> None:
    first, second = Subject(name, CONTEXT), Subject(name, CONTEXT)
    first.run(EVENTFUL[::2])
    second.run(EVENTFUL[::2])
    assert first.pages() == second.pages()


def test_a_foreign_page_is_refused(name: str) -> None:
    subject = Subject(name, CONTEXT)
    subject.run(EVENTFUL[:100])
    pages = subject.detector.dump()
    for page in pages:
        with pytest.raises(StoreError, match="state reset"):
            Subject(name, CONTEXT).detector.load({page: b"\x04\x00\x00\x00null"})
    larger = area_context(customers=9)
    if pages and name in INTERVAL_NAMES:
        with pytest.raises(StoreError, match="meters"):
            Subject(name, larger).detector.load(pages)


@pytest.mark.parametrize("interval_minutes", [1, 15, 30, 1440])
@pytest.mark.parametrize("rich", [True, False])
def test_any_interval_and_any_columns(name: str, interval_minutes: int, rich: bool) -> None:
    context = area_context(interval_minutes)
    count = min(200, 40 * 1440 // interval_minutes)
    told = list(frames(context, count * interval_minutes / 1440, rich=rich))
    for signals in Subject(name, context).run(told):
        for signal in signals:
            assert not (signal.strength > RECOVER_STRENGTH).any(), signal.abnormality


@pytest.mark.parametrize(("kind", "params"), ALL_DETECTORS)
def test_params_are_documented_and_checked(kind: type, params: type) -> None:
    for each in fields(params):
        assert each.metadata["meaning"]
        assert each.metadata["source"]
        assert each.metadata["unit"]
        assert each.metadata["low"] <= each.default <= each.metadata["high"]
        for outside in (each.metadata["high"] * 2 + 1, each.metadata["low"] - 1, True):
            with pytest.raises(SettingsError, match=each.name):
                params(**{each.name: outside})
    assert params.__doc__ != kind.__doc__
