"""The page about measurements says what the code writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from metering.points import SCHEMA
from storage.measurement_table import with_table

PAGE = Path(__file__).parents[3] / "docs" / "measurements.md"


def test_the_page_agrees_with_the_schema() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "run: python -m storage.measurement_table docs/measurements.md"


@pytest.mark.parametrize("measurement", SCHEMA)
def test_every_measurement_has_a_section(measurement: str) -> None:
    assert f"\n### `{measurement}`\n" in PAGE.read_text(encoding="utf-8")


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        with_table("# Measurements\n")
