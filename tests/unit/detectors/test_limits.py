"""A utility's own set and recover values: by class, voltage level and wiring, inside the catalogue's ranges, old files too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from detectors.bank import check_thresholds, interval_detectors
from detectors.examples import context, frame
from detectors.limits import limits_of, with_limits
from detectors.moved import as_they_are_now
from metering.catalogue import CATALOGUE
from metering.errors import SettingsError

AREA = context(
    meters=4,
    fields={
        "customer_class": ["residential", "industrial", "industrial", "commercial"],
        "phases": [1, 3, 3, None],
        "wiring": [None, None, "three_wire", None],
        "voltage_level": [None, None, "medium", None],
    },
).area


def sets(code: str, section: Mapping[str, Any]) -> list[float]:
    return [float(value) for value in limits_of(AREA, code, {code: section}).set]


def test_without_a_file_the_catalogue_counts_and_its_classes() -> None:
    assert limits_of(AREA, "over_capacity").set.tolist() == [1.2] * 4
    assert limits_of(AREA, "low_power_factor").set.tolist() == [0.3, 0.8, 0.8, 0.75]


def test_a_value_for_all_counts_more_than_the_catalogues_classes_and_a_class_counts_more_than_all() -> None:
    assert sets("low_power_factor", {"set": 0.5, "recover": 0.55}) == [0.5] * 4
    where = [{"customer_class": "industrial", "set": 0.85, "recover": 0.9}]
    assert sets("low_power_factor", {"set": 0.5, "recover": 0.55, "where": where}) == [0.5, 0.85, 0.85, 0.5]
    assert sets("low_power_factor", {"where": where}) == [0.3, 0.85, 0.85, 0.75]


def test_wiring_and_voltage_level_are_the_archives_or_follow_from_the_phases() -> None:
    where = [
        {"wiring": "single_phase", "set": 0.7},
        {"wiring": "four_wire", "set": 0.75},
        {"voltage_level": "medium", "wiring": "three_wire", "set": 0.8},
    ]
    assert sets("voltage_loss", {"where": where}) == [0.7, 0.75, 0.8, 0.78]
    assert sets("voltage_loss", {"where": [{"voltage_level": "low", "set": 0.7}]}) == [0.7, 0.7, 0.78, 0.7]


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"voltage_los": {}}, r"\[abnormality.voltage_los\].*voltage_loss"),
        ({"cover_open": {"set": 1}}, r"\[abnormality.cover_open\]: no abnormality with set and recover values"),
        ({"voltage_loss": {"sets": 0.7}}, "has no 'sets'; it has set, recover, where"),
        ({"voltage_loss": {"set": 0.5}}, r"set = 0.5 is out of range: write a number from 0.7 to 0.9 Un"),
        ({"voltage_loss": {"set": "low"}}, "set = 'low' is text: write a number"),
        ({"voltage_loss": {"set": 0.88}}, "recover = 0.85 must be at or above set = 0.88"),
        ({"over_capacity": {"set": 1.1, "recover": 1.15}}, "recover = 1.15 must be at or below set = 1.1"),
        ({"voltage_loss": {"where": {"set": 0.7}}}, r"write where as \[\[abnormality.voltage_loss.where\]\]"),
        ({"voltage_loss": {"where": [{"set": 0.7}]}}, "no. 1: name the meters by customer_class"),
        ({"voltage_loss": {"where": [{"wiring": "five_wire", "set": 0.7}]}}, "known are single_phase, three_wire"),
        ({"voltage_loss": {"where": [{"colour": "red"}]}}, "has no 'colour'"),
        ({"voltage_loss": 0.7}, r"\[abnormality.voltage_loss\]: is no table"),
    ],
)
def test_what_is_wrong_is_refused_with_what_there_is(section: Mapping[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        check_thresholds({"abnormality": section})


def test_a_section_that_is_no_section_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"over = 1: write a section|no detector is named \[over\]"):
        check_thresholds({"over": 1})  # type: ignore[dict-item]
    with pytest.raises(SettingsError, match="abnormality = 3: write a section"):
        check_thresholds({"abnormality": 3})  # type: ignore[dict-item]


def test_a_file_of_before_goes_on_working_and_todays_section_counts_more() -> None:
    old = {"over_capacity": {"set_ratio": 1.5}, "voltage_rules": {"loss_set": 0.72, "load_share": 0.01}}
    check_thresholds(old)
    assert as_they_are_now(old) == {
        "abnormality": {
            "over_capacity": {"set": 1.5},
            "transformer_overload": {"set": 1.5},
            "voltage_loss": {"set": 0.72},
        },
        "voltage_rules": {"load_share": 0.01},
    }
    both = {**old, "abnormality": {"over_capacity": {"set": 2.0}}}
    assert as_they_are_now(both)["abnormality"]["over_capacity"] == {"set": 2.0}
    with pytest.raises(SettingsError, match=r"over_capacity\]: set = 9"):
        check_thresholds({"over_capacity": {"set_ratio": 9.0}})
    with pytest.raises(SettingsError, match=r"\[over_capacity\]"):
        check_thresholds({"over_capacity": {"sets": 1.0}})


def test_every_set_and_recover_value_may_be_given() -> None:
    for code in with_limits():
        limit = CATALOGUE[code].limit
        assert limit is not None
        check_thresholds({"abnormality": {code: {"set": limit.set, "recover": limit.recover}}})


def test_the_limits_are_what_the_rules_judge_by() -> None:
    where = [{"customer_class": "industrial", "set": 2.0, "recover": 1.8}]
    place = context(contracted_kw=[10.0, 10.0], fields={"customer_class": ["residential", "industrial"]})
    bank = interval_detectors(place, {"abnormality": {"over_capacity": {"where": where}}})
    said = {s.abnormality: s for d in bank for s in d.score(frame(energy_kwh=[3.75, 3.75]))}
    assert said["over_capacity"].strength.tolist() == [1.0, 0.0]
    lost = frame(energy_kwh=[1.0, 1.0], voltage_a_v=[231, 231], voltage_b_v=[200, 200], current_b_a=[4, 4])
    good = frame(energy_kwh=[1.0, 1.0], voltage_a_v=[231, 231], voltage_b_v=[230, 230], current_b_a=[4, 4])
    where = [{"customer_class": "industrial", "set": 0.9, "recover": 0.95}]
    bank = interval_detectors(place, {"abnormality": {"voltage_loss": {"where": where}}})
    for detector in bank:
        detector.learn(good, np.array([True, True]))
    said = {s.abnormality: s for d in bank for s in d.score(lost)}
    assert said["voltage_loss"].strength.tolist() == [0.0, 1.0]
