"""The catalogue is data: every row of the trade's list stands in it, and a row that contradicts itself is refused by name."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

import metering.catalogue
from metering.catalogue import CATALOGUE, FAMILIES, SUPPRESSIONS, abnormality, read_catalogue
from metering.errors import CatalogueError

FILES = Path(metering.catalogue.__file__).parent / "abnormalities"
#: The trade's numbers, by family letters; VI-14 and VI-15 are no abnormalities.
NUMBERS = {"EN": 11, "VI": 16, "TH": 14, "LD": 7, "CK": 4, "WR": 5, "CM": 6, "LL": 4, "AR": 7, "DQ": 11}


def broken(folder: Path, family: str, old: str, new: str) -> Path:
    """A copy of the catalogue with one text of one family's file changed."""
    copy = Path(shutil.copytree(FILES, folder / "abnormalities"))
    file = copy / f"{family}.toml"
    written = file.read_text(encoding="utf-8")
    assert old in written
    file.write_text(written.replace(old, new, 1), encoding="utf-8")
    return copy


def test_every_number_of_the_trades_list_has_a_row() -> None:
    wanted = {f"{letters}-{n:02d}" for letters, last in NUMBERS.items() for n in range(1, last + 1)}
    assert wanted - {row.catalogue_id for row in CATALOGUE.values()} == {"VI-14", "VI-15"}


def test_a_row_is_judged_or_says_what_is_missing() -> None:
    for row in CATALOGUE.values():
        assert row.signal
        assert row.source
        if row.is_evidence:
            assert row.check_on_site_en, row.code
            assert row.check_on_site_zh, row.code
        else:
            assert row.needs or row.covered_by or row.judged_by, row.code


def test_families_stand_in_their_order_and_every_one_has_rows() -> None:
    seen = [FAMILIES.index(row.family) for row in CATALOGUE.values()]
    assert seen == sorted(seen)
    assert set(seen) == set(range(len(FAMILIES)))


def test_a_code_of_others_says_one_thing() -> None:
    told = Counter(code for row in CATALOGUE.values() for code in (*row.events, *row.ends))
    assert [code for code, times in told.items() if times > 1] == []
    assert all(code in ("power_on", "battery_low") or ":" in code for code in told)


def test_every_suppression_is_used() -> None:
    assert {word for row in CATALOGUE.values() for word in row.suppressed_by} == set(SUPPRESSIONS)


def test_severity_is_danger_for_hazards_and_follows_the_weight_of_suspicions() -> None:
    said = [
        abnormality(c).severity for c in ("overvoltage", "voltage_loss", "sudden_fall", "clock_fault", "undervoltage")
    ]
    assert said == ["danger", "high", "medium", "low", "information"]


@pytest.mark.parametrize(
    ("family", "old", "new", "complaint"),
    [
        ("electrical", "schema = 1", "schema = 2", "electrical.toml: begin with schema = 1"),
        ("load", "[row.over_capacity]", "[row.OverCapacity]", "snake_case"),
        (
            "load",
            "set = 1.2, recover = 1.05",
            "set = 9.0, recover = 1.05",
            "set = 9 is out of range: write a number from 1 to 3",
        ),
        ("load", "set = 1.2, recover = 1.05", "set = 1.2, recover = 1.3", "must be at or below set"),
        ("theft", 'lane = "suspicion"', 'lane = "suspicious"', r"theft.toml \[row.cover_open\]: lane"),
        ("theft", 'own_event = "alert"\n', "", "own_event says"),
        ("theft", 'inputs = ["events", "works"]', 'inputs = ["tea"]', "inputs tea: known are"),
        ("energy", 'covered_by = "tariff_misuse"', 'covered_by = "nothing"', "covered_by = 'nothing' is no code"),
        ("theft", "certain = true", "certian = true", "certian: Unexpected"),
        (
            "load",
            'customer_class = "industrial"',
            'customer_class = "mill"',
            "where customer_class: known are residential",
        ),
        ("wiring", "[row.reverse_energy]", "[row.over_capacity]", "the code stands in another family too"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused_by_name(
    tmp_path: Path, family: str, old: str, new: str, complaint: str
) -> None:
    with pytest.raises(CatalogueError, match=complaint):
        read_catalogue(broken(tmp_path, family, old, new))


def test_an_unknown_code_is_told_what_there_is() -> None:
    with pytest.raises(KeyError, match="voltage_loss"):
        abnormality("voltage_los")
