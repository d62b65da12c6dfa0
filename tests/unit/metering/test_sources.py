"""Whoever gives reasons has a name that people read."""

from __future__ import annotations

import re

from detectors.bank import ALL_DETECTORS
from detectors.day.bank import EXPERTS
from metering.alert import FINDING, NAMING, PERSON
from metering.sources import SOURCES


def test_every_detector_expert_and_person_has_a_name_in_both_languages() -> None:
    given = {kind.name for kind, _ in ALL_DETECTORS} | set(EXPERTS) | {FINDING, NAMING, PERSON, "meter_event"}
    assert given <= set(SOURCES)
    for name, (english, chinese) in SOURCES.items():
        assert english, name
        assert chinese, name
        assert not re.search("[a-z]", chinese), name
