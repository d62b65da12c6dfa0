"""Whatever the machine writes beside a task that time has overtaken is read in both languages."""

from __future__ import annotations

from dataclasses import replace

from desk.overtaken_words import overtaken_words
from desk.texts import Words
from desk.visit import Visit
from inspection.overtaken import Overtaken
from metering.alert import AlertState
from tests.unit.inspection.test_overtaken import BYPASS, HAZARD, RANKED, close

ENGLISH, CHINESE = (Visit(Words(language), "light", "", "/tasks/t-1") for language in ("en", "zh"))


def test_every_line_has_words_in_both_languages() -> None:
    suspicion, ranked = Overtaken(), Overtaken()
    written = [e.reason for day in range(5) for e in close(suspicion, day, BYPASS).audit]
    written += [e.reason for day in range(5) for e in close(ranked, day, task=RANKED).audit]
    written += [e.reason for e in close(Overtaken(), 3, HAZARD).audit]
    written += [e.reason for e in close(Overtaken(), 0, replace(BYPASS, state=AlertState.WITHDRAWN)).audit]
    again = Overtaken()
    close(again, 0, BYPASS)
    written += [e.reason for e in close(again, 1, open_ids=("a-1",)).audit]
    assert len(set(written)) == 7
    for line in written:
        assert overtaken_words(ENGLISH, line) == line
        assert "day" not in (overtaken_words(CHINESE, line) or "day").replace("day 999", "")


def test_a_persons_words_stay_theirs() -> None:
    assert overtaken_words(CHINESE, "nobody at home") is None
