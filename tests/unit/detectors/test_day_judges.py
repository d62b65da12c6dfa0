"""Every judge of the day and of the area x every clause of the contract: generated, so that a new one cannot escape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import pytest

from detectors.bank import ALL_DETECTORS
from metering.catalogue import CATALOGUE
from metering.errors import StoreError
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH
from metering.units import UNITS
from tests.unit.detectors import day_judges
from tests.unit.detectors.day_judges import (
    A_WEEK,
    ADAPTERS,
    DOES_NOT_APPLY,
    NEEDS_STATE,
    OF_ABSENCE,
    OF_THE_MOMENT,
    OF_THE_TIME_SINCE,
    WARM_UP_DAYS,
    Adapter,
    Said,
    judges,
    missing,
)
from tests.unit.detectors.electric_days import HOMES, SUPPLY
from tests.unit.detectors.judged_days import (
    ELSEWHERE,
    EVENTFUL,
    EVENTS_FROM,
    GAP_AT,
    QUIET,
    SHUFFLED,
    WILD,
    WITH_A_GAP,
    Life,
    context_of,
    lived,
)

#: A currency is its own word.
A_PRICE = "CNY/kWh"
UNREADABLE = b"\x04\x00\x00\x00null"
ONE_LINE = (*range(9), SUPPLY)


def fresh(name: str, order: Iterable[int] = EVENTFUL.order) -> Adapter:
    return ADAPTERS[name](context_of(order))


@cache
def said(name: str, life: Life) -> list[Said]:
    """What a judge says of each day of a life."""
    return fresh(name, life.order).live(lived(life))


@cache
def pages_after(name: str, life: Life, count: int) -> dict[str, bytes]:
    """What a judge remembers after so many days."""
    judge = fresh(name, life.order)
    judge.live(lived(life)[:count])
    return judge.pages()


def restored(name: str, pages: dict[str, bytes]) -> Adapter:
    judge = fresh(name)
    judge.load(pages)
    return judge


def same(left: Said, right: Said, rows: Sequence[int] | None = None) -> None:
    assert [s.abnormality for s in left.signals] == [s.abnormality for s in right.signals]
    for mine, other in zip(left.numbers(), right.numbers(), strict=True):
        np.testing.assert_allclose(mine if rows is None else mine[list(rows)], other, rtol=1e-4, atol=1e-5)


def test_no_detector_of_the_bank_escapes_the_matrix() -> None:
    assert not missing(), (
        f"{', '.join(missing())}: give each an adapter in {day_judges.__name__}, and let something happen to it in the "
        "eventful life of judged_days (docs/add-a-detector.md)"
    )


def test_a_detector_without_an_adapter_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Newcomer:
        name = "newcomer"

    monkeypatch.setattr(day_judges, "ALL_DETECTORS", (*ALL_DETECTORS, (Newcomer, object)))
    assert missing() == ["newcomer"]


def test_what_does_not_apply_says_of_whom_and_why() -> None:
    for check, exempt in DOES_NOT_APPLY.items():
        assert set(exempt) < set(ADAPTERS), check
        assert all(exempt.values()), check
    for name in ADAPTERS:
        remembers = bool(pages_after(name, EVENTFUL, 45))
        assert remembers is (name not in DOES_NOT_APPLY["state"]), name
        assert remembers is (name in judges("seeded")), name
    assert set(DOES_NOT_APPLY["dirty"]) | set(DOES_NOT_APPLY["another_area"]) <= set(judges("state"))
    assert "state" in NEEDS_STATE


@pytest.mark.parametrize("name", judges("strengths"))
def test_strengths_and_shapes(name: str) -> None:
    codes = fresh(name).codes
    assert set(codes) <= set(CATALOGUE)
    for today in said(name, EVENTFUL):
        for signal in today.signals:
            assert signal.abnormality in codes
            assert signal.detector == name
            assert signal.strength.dtype == np.float32
            assert signal.observed.dtype == signal.expected.dtype == np.float64
            assert signal.unit in (*UNITS, A_PRICE), "give the unit its words in metering/units.py"
            if signal.quiet:
                assert not (signal.strength > RECOVER_STRENGTH).any(), signal.abnormality
        for values in today.numbers():
            assert values.shape == (HOMES + 1,)
            assert not np.isinf(values).any()
        for code, strength in today.strengths().items():
            known = strength[~np.isnan(strength)]
            assert ((known >= 0) & (known <= 1)).all(), code


@pytest.mark.parametrize("name", judges("eventful"))
def test_the_eventful_life_is_noticed(name: str) -> None:
    told = [strength for today in said(name, EVENTFUL) for strength in today.strengths().values()]
    assert max(np.nanmax(strength) for strength in told if np.isfinite(strength).any()) >= SET_STRENGTH


@pytest.mark.parametrize("name", judges("quiet"))
def test_a_quiet_life_is_silent(name: str) -> None:
    for today in said(name, QUIET):
        for code, strength in today.strengths().items():
            assert not (strength > RECOVER_STRENGTH).any(), code


@pytest.mark.parametrize("name", judges("warm_up"))
def test_silent_in_warm_up(name: str) -> None:
    """Whatever happens in an area's first days, nothing that has to be learnt first is said of them."""
    for today in said(name, WILD)[: WARM_UP_DAYS.get(name, A_WEEK)]:
        for code, strength in today.strengths().items():
            assert code in OF_THE_MOMENT or not (strength > RECOVER_STRENGTH).any(), code


@pytest.mark.parametrize("name", judges("pure"))
def test_judging_changes_nothing(name: str) -> None:
    judge, today = restored(name, pages_after(name, EVENTFUL, EVENTS_FROM + 5)), lived(EVENTFUL)[EVENTS_FROM + 5]
    before = judge.pages()
    same(judge.ask(today), judge.ask(today))
    assert judge.pages() == before
    if name in judges("dirty"):
        assert not judge.dirty()


@pytest.mark.parametrize("name", judges("order"))
def test_order_of_meters_does_not_matter(name: str) -> None:
    for mine, theirs in zip(said(name, EVENTFUL), said(name, ELSEWHERE), strict=True):
        same(mine, theirs, rows=SHUFFLED)


@pytest.mark.parametrize("name", judges("missing"))
def test_a_day_of_nothing_is_not_judged_and_teaches_nothing(name: str) -> None:
    """Nothing looks abnormal by it, and the day after is judged as if it had never been."""
    judge = restored(name, pages_after(name, QUIET, GAP_AT))
    blank, after = lived(WITH_A_GAP)[GAP_AT:]
    for code, strength in judge.ask(blank).strengths().items():
        assert code in OF_ABSENCE or not (strength > RECOVER_STRENGTH).any(), code
    judge.learn(blank)
    untold = restored(name, pages_after(name, QUIET, GAP_AT)).ask(after).strengths()
    for code, strength in judge.ask(after).strengths().items():
        if code not in OF_THE_TIME_SINCE:
            np.testing.assert_array_equal(strength, untold[code], err_msg=code)


@pytest.mark.parametrize("lived_before", [0, 30])
@pytest.mark.parametrize("name", judges("state"))
def test_restored_behaves_the_same(name: str, lived_before: int) -> None:
    """One that lived another life before, too: what it knew, and what it worked out when it was asked, is gone."""
    first = EVENTS_FROM + 4
    judge = fresh(name)
    judge.live(lived(QUIET)[:lived_before])
    judge.ask(lived(EVENTFUL)[first])
    judge.load(pages_after(name, EVENTFUL, first))
    for mine, theirs in zip(said(name, EVENTFUL)[first:], judge.live(lived(EVENTFUL)[first:]), strict=True):
        for one, other in zip(mine.numbers(), theirs.numbers(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", judges("dirty"))
def test_without_pages_it_is_as_new(name: str) -> None:
    judge = restored(name, pages_after(name, EVENTFUL, 45))
    judge.load({})
    assert judge.pages() == {}
    for mine, theirs in zip(said(name, EVENTFUL)[:20], judge.live(lived(EVENTFUL)[:20]), strict=True):
        same(mine, theirs)


@pytest.mark.parametrize("name", judges("dirty"))
def test_dirty_pages_add_up_to_all_pages(name: str) -> None:
    judge = fresh(name)
    kept: dict[str, bytes] = {}
    for day in lived(EVENTFUL)[:50]:
        judge.live([day])
        kept |= judge.dirty()
    assert judge.pages() == kept
    assert judge.dirty() == {}


@pytest.mark.parametrize("name", judges("seeded"))
def test_two_lives_are_the_same_bytes(name: str) -> None:
    again = fresh(name)
    again.live(lived(EVENTFUL)[: EVENTS_FROM + 14])
    assert again.pages() == pages_after(name, EVENTFUL, EVENTS_FROM + 14)


@pytest.mark.parametrize("name", judges("state"))
def test_a_foreign_page_is_refused(name: str) -> None:
    pages = pages_after(name, EVENTFUL, 45)
    assert pages
    for page, content in pages.items():
        for foreign in (UNREADABLE, b"", content[:40], content.replace(name.encode(), b"x" * len(name), 1)):
            with pytest.raises(StoreError, match="state reset"):
                fresh(name).load({page: foreign})


@pytest.mark.parametrize("name", judges("dirty"))
def test_a_page_of_another_name_is_refused(name: str) -> None:
    content = next(iter(pages_after(name, EVENTFUL, 45).values()))
    with pytest.raises(StoreError, match="state reset"):
        fresh(name).load({"no-such-page": content})


@pytest.mark.parametrize("name", judges("another_area"))
def test_pages_of_another_area_are_refused(name: str) -> None:
    with pytest.raises(StoreError, match="another size"):
        fresh(name, ONE_LINE).load(pages_after(name, EVENTFUL, 45))
