"""What is found of each abnormality, and when, is as it was when somebody last looked at it."""

from __future__ import annotations

import pytest

from tests.replay.golden_replays import NORMAL, RECIPE, Expected, expected, found_in_time, live

#: What says nothing of a case: data that did not come or cannot be right, and what a whole area's customers feel of its network.
NO_CASE = frozenset({"reading_failed", "area_outage", "prolonged_estimation", "spike", "sum_check", "overvoltage"})


@pytest.fixture(scope="module")
def lived() -> Expected:
    return live()


@pytest.mark.parametrize("abnormality", expected())
def test_what_is_found_is_what_was_found(lived: Expected, abnormality: str) -> None:
    assert lived[abnormality] == expected()[abnormality]


def test_every_abnormality_of_the_province_has_its_file(lived: Expected) -> None:
    assert set(lived) == set(expected())


def test_every_abnormality_is_found_at_least_once() -> None:
    missed = {a for a, cases in expected().items() if a != NORMAL and not any(found_in_time(a, c) for c in cases)}
    assert missed == set()


def test_normal_places_are_left_in_peace() -> None:
    suspected = [c for c in expected()[NORMAL] if c["alerts"][0]["abnormality"] not in NO_CASE]
    assert len(suspected) <= 0.04 * RECIPE.areas * 30
