"""The electrical day experts x every clause of their contract (`metering.evidence.DayExpert`)."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from detectors.day.balance import DayBalance
from detectors.day.bank import DayBank
from detectors.day.circuits import DayCircuits
from detectors.day.memory import ENOUGH_MEASURED
from detectors.day.voltage import DayVoltage
from metering.errors import StoreError
from metering.evidence import AreaContext, DayExpert
from tests.unit.detectors import test_day_experts
from tests.unit.detectors.electric_days import HOMES, SUPPLY, WORKSHOP, Figures, Load, area, days, live

EXPERTS: dict[str, Callable[[AreaContext], DayExpert]] = {
    "day_circuits": DayCircuits,
    "day_voltage": DayVoltage,
    "day_balance": DayBalance,
}
WARM_UP_DAYS = {"day_circuits": 10, "day_voltage": 14, "day_balance": 20}
BOUNDS = re.compile(r"\((-?[\de.+]+) to (-?[\de.+]+)\)$")
EVERYONE = np.ones(HOMES + 1, dtype=np.bool_)
ORDER = [3, 19, 0, 5, 18, 1, 7, 2, 6, 4, 17, 9, 8, 11, 10, 13, 12, 15, 14, 16]


def _eventful(load: Load) -> None:
    """From day 25 on something happens to several homes, on a line or behind a meter."""
    if load.number >= 25:
        load.share_registered[:, 1] = 0.4
        load.share_registered[22:, 4] = 0.0
        load.share_tapped[:, 11] = 0.7
        load.drawn[:, 6] *= 0.1
        load.drawn[:, WORKSHOP] *= 2.0


def _gaps(load: Load) -> None:
    """Readings are missing now and then; some meters' circuits go wrong from day 25 on."""
    rng = np.random.default_rng(load.number)
    hourly = load.hourly
    if load.number >= 25:
        hourly["voltage_b"][:, WORKSHOP] = 3.0
        hourly["current_c"][:, WORKSHOP] *= -0.4
        hourly["current_a"][:, 7] *= -1
        hourly["neutral_a"][:, 8] *= 3
        hourly["export_kwh"][:, 9] = 2.0
        hourly["energy_kwh"][:, 10] = 0.0
        hourly["power_factor"][:, 12] = 0.5
    lost = rng.random(hourly["energy_kwh"].shape) < 0.03
    for values in hourly.values():
        values[lost] = np.nan


@pytest.fixture(params=EXPERTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _lived(name: str, count: int = 45) -> DayExpert:
    expert = EXPERTS[name](area())
    live(expert, days(count, _eventful, _gaps))
    return expert


def _close(left: Figures, right: Figures, tolerance: float = 1e-3) -> None:
    assert left.keys() == right.keys()
    for figure, values in left.items():
        np.testing.assert_allclose(values, right[figure], rtol=tolerance, atol=tolerance, err_msg=figure)


TODAY = list(days(46, _eventful, _gaps))[-1]


def test_every_figure_is_explained_bounded_and_moves(name: str) -> None:
    said = live(EXPERTS[name](area()), days(45, _eventful, _gaps))
    features = EXPERTS[name](area()).features
    for figures in said:
        assert list(figures) == list(features)
        for figure, values in figures.items():
            bounds = BOUNDS.search(features[figure])
            assert bounds is not None, figure
            assert values.shape == (HOMES + 1,)
            known = values[~np.isnan(values)]
            assert ((known >= float(bounds[1])) & (known <= float(bounds[2]))).all(), figure
    for figure in set(features) - {"balance_unseen_z"}:
        told = np.stack([figures[figure][:HOMES] for figures in said[21:]])
        assert np.nanmax(told) > np.nanmin(told), figure


def test_no_two_experts_use_one_word() -> None:
    words = [figure for kind in EXPERTS.values() for figure in kind(area()).features]
    assert len(words) == len(set(words))


def test_describe_changes_nothing(name: str) -> None:
    expert = _lived(name)
    expert.dump_dirty()
    before = expert.dump()
    first = expert.describe(TODAY)
    _close(first, expert.describe(TODAY), 0.0)
    assert expert.dump() == before
    assert not expert.dump_dirty()


def test_a_look_at_another_day_does_not_matter(name: str) -> None:
    """What was described last is remembered for `learn`, and must not stand in for another day."""
    looked, plain = _lived(name), _lived(name)
    other = list(days(47, _eventful, _gaps))[-1]
    looked.describe(TODAY)
    _close(looked.describe(other), plain.describe(other), 0.0)
    looked.describe(TODAY)
    for one in (looked, plain):
        one.learn(other, EVERYONE)
    assert looked.dump() == plain.dump()


def test_restored_behaves_exactly_the_same(name: str) -> None:
    expert, twin = _lived(name), EXPERTS[name](area())
    twin.describe(TODAY)
    twin.load(expert.dump())
    assert twin.dump() == expert.dump()
    for one in (expert, twin):
        live(one, list(days(50, _eventful, _gaps))[45:])
    assert twin.dump() == expert.dump()
    _close(expert.describe(TODAY), twin.describe(TODAY), 0.0)


def test_dirty_pages_add_up_to_the_whole(name: str) -> None:
    expert = EXPERTS[name](area())
    pages: dict[str, bytes] = {}
    for curves in days(30, _eventful, _gaps):
        expert.learn(curves, EVERYONE)
        pages |= expert.dump_dirty()
    assert pages == expert.dump()
    assert not expert.dump_dirty()


def test_pages_of_another_area_are_refused(name: str) -> None:
    smaller = area(order=[*range(9), SUPPLY])
    with pytest.raises(StoreError, match="another size"):
        EXPERTS[name](smaller).load(_lived(name).dump())


def test_the_order_of_meters_does_not_matter(name: str) -> None:
    left = live(EXPERTS[name](area()), days(45, _eventful, _gaps))
    right = live(EXPERTS[name](area(order=ORDER)), days(45, _eventful, _gaps, order=ORDER))
    for mine, theirs in zip(left[-15:], right[-15:], strict=True):
        _close({figure: values[ORDER] for figure, values in mine.items()}, theirs)


def test_nothing_is_known_in_warm_up_nor_of_the_supply_meter(name: str) -> None:
    said = live(EXPERTS[name](area()), days(45, _eventful, _gaps))
    for figures in said[: WARM_UP_DAYS[name]]:
        assert all(np.isnan(values).all() for values in figures.values())
    assert all(np.isnan(figures[f][SUPPLY]) for figures in said for f in figures)
    assert any(np.isfinite(values[:HOMES]).all() for values in said[-1].values())


def _of_the_area(figure: str) -> bool:
    """What is known of a line or an area also from days on which one of its meters is silent."""
    return figure.startswith(("line_", "balance_", "area_", "phase_loss"))


def test_a_day_without_enough_hours_teaches_nothing_of_the_meter(name: str) -> None:
    fewest = int(24 * ENOUGH_MEASURED)

    def short(load: Load) -> None:
        for values in load.hourly.values():
            values[:, :HOMES] *= 1.5
            values[fewest:] = np.nan

    def gone(load: Load) -> None:
        for values in load.hourly.values():
            values[:] = np.nan

    taught, untaught = _lived(name), _lived(name)
    taught.learn(list(days(47, alter=short))[-1], EVERYONE)
    nothing = list(days(48, alter=gone))[-1]
    after, before = taught.describe(nothing), untaught.describe(nothing)
    assert any(np.isfinite(values[:HOMES]).any() for values in after.values())
    for figure in after:
        if not _of_the_area(figure):
            np.testing.assert_array_equal(after[figure], before[figure], err_msg=figure)


def test_untrusted_days_do_not_become_usual(name: str) -> None:
    """A month of a meter that loses a fifth: while it is distrusted, it is held against what was usual before."""

    def loses(load: Load) -> None:
        if load.number >= 35:
            load.share_registered[:, 2] = 0.8

    def in_its_register(load: Load) -> None:
        if load.number >= 35:
            load.hourly["implied_kwh"][:, 2] /= 0.8

    said = {}
    for trusted in (True, False):
        expert = EXPERTS[name](area())
        told = list(days(65, loses, in_its_register))
        live(expert, told[:35])
        said[trusted] = live(expert, told[35:], trusted=trusted)[-1]
    figure = {
        "day_circuits": "implied_gap_change",
        "day_voltage": "unseen_drop_v",
        "day_balance": "balance_fallen_alone_z",
    }[name]
    assert said[False][figure][2] > 1.1 * said[True][figure][2]
    assert said[False][figure][2] > 0


@pytest.mark.parametrize("only", [("energy_kwh",), ("energy_kwh", "voltage_a", "voltage_b", "voltage_c")])
def test_feeds_that_carry_less(name: str, only: tuple[str, ...]) -> None:
    """What is not there is not known, and nothing breaks."""
    figures = live(EXPERTS[name](area()), days(30, only=only))[-1]
    known = {figure for figure, values in figures.items() if np.isfinite(values[:HOMES]).any()}
    of_voltages = {"lowest_phase_voltage", "highest_phase_voltage", "phase_lost", "phase_voltage_spread"}
    if name == "day_balance":
        assert known == set(figures) - {"balance_unseen_z"}
    elif name == "day_voltage":
        assert known == (set(figures) if len(only) > 1 else set())
    else:
        assert known == (of_voltages if len(only) > 1 else set())


@pytest.mark.parametrize(
    "archive",
    [{"segment": None, "phase": None}, {"segment": "pole", "phase": None}, {"phases": None, "phase": None}],
)
def test_archives_that_know_less(name: str, archive: dict[str, object]) -> None:
    figures = live(EXPERTS[name](area(archive=archive)), days(30))[-1]
    assert any(np.isfinite(values[:WORKSHOP]).all() for values in figures.values())


def test_daily_readings(name: str) -> None:
    """A value a day: circuits still compare the day's sums, the balance the day's loss, and hours are not known."""
    figures = live(EXPERTS[name](area(interval_minutes=1440)), days(40, interval_minutes=1440))[-1]
    known = {figure for figure, values in figures.items() if np.isfinite(values[:HOMES]).any()}
    if name == "day_circuits":
        assert {"implied_gap", "neutral_excess", "phase_share_fall"} <= known
        assert not {"implied_apart", "reversed_share", "uncounted_current", "phase_lost"} & known
    elif name == "day_balance":
        assert {"area_loss_rise_kwh", "area_loss_share", "balance_fallen_z"} <= known
    else:
        assert not known


def test_an_area_of_one_meter(name: str) -> None:
    said = live(EXPERTS[name](area(order=[0])), days(30, order=[0]))
    assert all(values.shape == (1,) for values in said[-1].values())


def test_every_expert_of_the_bank_is_held_to_the_contract() -> None:
    named = {expert.name for expert in DayBank(area()).experts}
    assert named == set(EXPERTS) | set(test_day_experts.EXPERTS)


def test_two_lives_are_the_same_bytes(name: str) -> None:
    assert _lived(name).dump() == _lived(name).dump()
