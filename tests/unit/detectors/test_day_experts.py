"""Every day expert x every clause of its contract (`metering.evidence.DayExpert`)."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from detectors.day.blocks import DayBlocks
from detectors.day.contract import DayContract
from detectors.day.events import DayEvents
from detectors.day.features import FEATURES
from detectors.day.level import DayLevel
from detectors.day.memory import ENOUGH_MEASURED
from detectors.day.registers import DayRegisters
from detectors.day.shape import DayShape
from metering.errors import StoreError
from metering.evidence import AreaContext, DayExpert
from tests.unit.detectors.days import HOMES, SUPPLY, Day, Figures, days, homes, live

EXPERTS: dict[str, Callable[[AreaContext], DayExpert]] = {
    "day_level": DayLevel,
    "day_shape": DayShape,
    "day_contract": DayContract,
    "day_blocks": DayBlocks,
    "day_events": DayEvents,
    "day_registers": DayRegisters,
}
BOUNDS = re.compile(r"\((-?[\de.+]+) to (-?[\de.+]+)\)$")
EVERYONE = np.ones(HOMES + 1, dtype=np.bool_)


def _eventful(day: Day) -> None:
    """Hours are missing now and then; from day 25 on something happens to several homes."""
    rng = np.random.default_rng(day.number)
    day.register_kwh[:] = 99_000 + 900 * np.arange(HOMES + 1) + 14.0 * day.number
    if day.number >= 25:
        day.kwh[:, 0] *= 0.3
        day.kwh[:, 1] = np.roll(day.kwh[:, 1], 4)
        day.kwh[8:18, 2] += 9.0
        day.kwh[3:9, 3] = 0.0
        day.kwh[:, 4] = 70_000.0
        day.register_kwh[5] -= 5000.0
        day.register_kwh[7] = 99_000.0
        day.event_strength[6] = 1.0 if day.number == 26 else 0.0
    day.kwh[rng.random(day.kwh.shape) < 0.03] = np.nan
    day.register_kwh[rng.random(HOMES + 1) < 0.1] = np.nan


@pytest.fixture(params=EXPERTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _lived(name: str, count: int = 40) -> DayExpert:
    expert = EXPERTS[name](homes())
    live(expert, days(count, _eventful))
    return expert


def _same(left: Figures, right: Figures) -> None:
    assert left.keys() == right.keys()
    for figure, values in left.items():
        np.testing.assert_allclose(values, right[figure], rtol=1e-6, atol=1e-9, err_msg=figure)


TODAY = list(days(41, _eventful))[-1]


def test_every_figure_is_explained_bounded_and_named_once(name: str) -> None:
    others = set(FEATURES) | {f for other, kind in EXPERTS.items() if other != name for f in kind(homes()).features}
    said = live(EXPERTS[name](homes()), days(40, _eventful))
    features = EXPERTS[name](homes()).features
    assert not set(features) & others
    for figures in said:
        assert list(figures) == list(features)
        for figure, values in figures.items():
            bounds = BOUNDS.search(features[figure])
            assert bounds is not None, figure
            assert values.shape == (HOMES + 1,)
            assert values.dtype == np.float64
            known = values[~np.isnan(values)]
            assert ((known >= float(bounds[1])) & (known <= float(bounds[2]))).all(), figure


def test_every_figure_is_known_and_moves_in_an_eventful_life(name: str) -> None:
    said = live(EXPERTS[name](homes()), days(40, _eventful))
    still = {"residential", "three_phase"}
    for figure in set(said[-1]) - still:
        told = np.stack([figures[figure][:HOMES] for figures in said[12:]])
        assert np.nanmax(told) > np.nanmin(told), figure


def test_describe_changes_nothing(name: str) -> None:
    expert = _lived(name)
    expert.dump_dirty()
    before = expert.dump()
    first = expert.describe(TODAY)
    _same(first, expert.describe(TODAY))
    assert expert.dump() == before
    assert not expert.dump_dirty()


def test_restored_behaves_exactly_the_same(name: str) -> None:
    expert, twin = _lived(name), EXPERTS[name](homes())
    twin.load(expert.dump())
    assert twin.dump() == expert.dump()
    for one in (expert, twin):
        live(one, list(days(45, _eventful))[40:])
    assert twin.dump() == expert.dump()
    for figure, values in expert.describe(TODAY).items():
        np.testing.assert_array_equal(values, twin.describe(TODAY)[figure])


def test_two_lives_are_the_same_bytes(name: str) -> None:
    assert _lived(name).dump() == _lived(name).dump()


def test_dirty_pages_add_up_to_the_whole(name: str) -> None:
    expert = EXPERTS[name](homes())
    pages: dict[str, bytes] = {}
    for curves in days(30, _eventful):
        expert.learn(curves, EVERYONE)
        pages |= expert.dump_dirty()
    assert pages == expert.dump()
    assert not expert.dump_dirty()


def test_pages_of_another_area_are_refused(name: str) -> None:
    pages = _lived(name).dump()
    smaller = homes(order=list(range(HOMES)))
    with pytest.raises(StoreError, match="another size"):
        EXPERTS[name](smaller).load(pages)


def test_the_order_of_meters_does_not_matter(name: str) -> None:
    order = [3, 8, 0, 5, 1, 7, 2, 6, 4]
    left = live(EXPERTS[name](homes()), days(40, _eventful))
    right = live(EXPERTS[name](homes(order=order)), days(40, _eventful, order=order))
    for mine, theirs in zip(left[-15:], right[-15:], strict=True):
        _same({figure: values[order] for figure, values in mine.items()}, theirs)


def test_nothing_is_known_in_warm_up_nor_of_the_supply_meter(name: str) -> None:
    said = live(EXPERTS[name](homes()), days(40, _eventful))
    for figures in said[:10]:
        assert all(np.isnan(values).all() for values in figures.values())
    assert all(np.isnan(figures[f][SUPPLY]) for figures in said for f in figures)
    assert any(np.isfinite(values[:HOMES]).all() for values in said[-1].values())


#: What moves as time passes, whether or not a day was measured.
OF_THE_DAY = {
    "log_today",
    "lowest_3d",
    "highest_3d",
    "missing_hours",
    "register_age_days",
    "event_days",
    "days_since_event",
}
FADING = {"regained", "subsided", "reversed_yesterday", "mean_of_yesterday", "event_strength", "register_fell"}


def test_a_day_without_enough_hours_teaches_nothing(name: str) -> None:
    """Nor does a day of nothing: of both, only time passes. Registers count whatever was measured."""
    fewest = int(24 * ENOUGH_MEASURED)

    def short(day: Day) -> None:
        day.kwh[:] = 3.0
        day.kwh[fewest:] = np.nan
        day.register_kwh[:] = np.nan

    def gone(day: Day) -> None:
        day.kwh[:] = np.nan

    expert, twin = _lived(name), _lived(name)
    expert.learn(list(days(41, gone))[-1], EVERYONE)
    twin.learn(list(days(41, short))[-1], EVERYONE)
    nothing = list(days(42, gone))[-1]
    after, beside = expert.describe(nothing), twin.describe(nothing)
    untaught = _lived(name).describe(nothing)
    assert any(np.isfinite(values[:HOMES]).any() for values in after.values())
    for figure in set(after) - OF_THE_DAY:
        np.testing.assert_array_equal(after[figure], beside[figure], err_msg=figure)
        if figure not in FADING:
            np.testing.assert_array_equal(after[figure], untaught[figure], err_msg=figure)


def test_untrusted_days_do_not_become_usual(name: str) -> None:
    """Ten days of half the use, distrusted: back at the old level, all is as it was; trusted, it is not."""

    def halved(day: Day) -> None:
        day.register_kwh[:] = 1000 + 10.0 * day.number
        if 30 <= day.number < 40:
            day.kwh[6:20] *= 0.5

    said = {}
    for trusted in (True, False):
        expert = EXPERTS[name](homes())
        told = list(days(60, halved, noise=0.0))
        live(expert, told[:30])
        live(expert, told[30:40], trusted=[trusted] * (HOMES + 1))
        live(expert, told[40:59], trusted=[False] * (HOMES + 1))
        said[trusted] = expert.describe(told[59])
    usual = {
        "day_level": "log_usual", "day_shape": "likeness", "day_contract": "growth_over_contract", "day_registers": "register_gap_change",
        "day_blocks": "lowest_beside_day",
    }  # fmt: skip
    if name == "day_events":
        _same(said[True], said[False])  # what was reported is no habit
        return
    quiet = EXPERTS[name](homes())
    live(quiet, days(59, lambda day: day.register_kwh.__setitem__(slice(None), 1000 + 10.0 * day.number), noise=0.0))
    figure = usual[name]
    expected = quiet.describe(told[59])[figure][:HOMES]
    np.testing.assert_allclose(said[False][figure][:HOMES], expected, atol=0.02)
    assert (np.abs(said[True][figure][:HOMES] - expected) > 0.001).all()


@pytest.mark.parametrize("interval_minutes", [15, 30, 60, 240, 1440])
def test_any_interval_length(name: str, interval_minutes: int) -> None:
    """Nothing breaks, and the level is known whatever the interval; a day's shape needs an hour or less."""
    told = days(20, interval_minutes=interval_minutes, noise=0.0)
    figures = live(EXPERTS[name](homes(interval_minutes=interval_minutes)), told)[-1]
    known = {figure for figure, values in figures.items() if np.isfinite(values[:HOMES]).all()}
    if name == "day_level":
        assert known == set(figures)
        np.testing.assert_allclose(figures["log_level"][:HOMES], 0.0, atol=0.01)
        np.testing.assert_allclose(np.exp(figures["log_usual"][0]) - 0.1, 0.8 * 9.9, rtol=1e-3)
    elif name == "day_shape":
        assert known == (set(figures) if interval_minutes <= 60 else {"weekend_change"})
    elif name == "day_blocks":
        assert known == (set(figures) if interval_minutes <= 60 else set())
    elif name == "day_contract":
        assert {"load_over_contract", "growth_over_contract", "missing_hours", "residential"} <= known
        assert ("over_contract" in known) == (interval_minutes <= 60)
        np.testing.assert_allclose(figures["missing_hours"][:HOMES], 0.0, atol=1e-12)


def test_nothing_but_energy(name: str) -> None:
    """A feed of energies alone, an archive of required columns alone: what is not there is not known, and no other figure suffers."""
    context = homes(contracted_kw=None, customer_class=None, phases=None)

    def bare(day: Day) -> None:
        day.step_kwh[:] = np.nan

    figures = live(EXPERTS[name](context), days(20, bare))[-1]
    unknown = {figure for figure, values in figures.items() if np.isnan(values[:HOMES]).all()}
    absent = {
        "day_shape": {"steps_change"},
        "day_contract": {
            "over_contract", "peak_over_contract", "load_over_contract", "minimum_over_contract", "growth_over_contract",
            "business_beside_homes", "residential", "three_phase",
        },
        "day_registers": set(figures),
    }  # fmt: skip
    assert unknown == absent.get(name, set())
