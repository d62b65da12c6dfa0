"""The file with other limits for the alarms of the monitor itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.watch import RULES
from metering.errors import SettingsError
from monitor.watch_rules import load_watch_rules


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "watch.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_rules_are_as_shipped() -> None:
    assert load_watch_rules(None) == RULES


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    rules = load_watch_rules(
        written(tmp_path, '[log_behind]\nset = 500\nset_after_seconds = 60\nrecover = 50\n[model_old]\nenabled = false\n'
                          '[clock_behind]\nurgency = "morning"\n')
    )  # fmt: skip
    changed = rules["log_behind"]
    assert (changed.set, changed.recover, changed.set_after_s) == (500.0, 50.0, 60.0)
    assert changed.clear_after_s == RULES["log_behind"].clear_after_s
    assert not rules["model_old"].enabled
    assert rules["clock_behind"].urgency == "morning"
    assert rules["dead_letters"] == RULES["dead_letters"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[log_behnd]\nset = 1", r"\[log_behnd\] is no rule"),
        ("log_behind = 1", "is no rule"),
        ('[log_behind]\nset = "many"', "is text"),
        ("[log_behind]\nset = -1", "out of range"),
        ("[log_behind]\nset = 5\nrecover = 5", "must be below"),
        ('[log_behind]\nurgency = "loud"', "page or morning or none"),
        ("[log_behind]\nlimit = 5", "write set"),
        ("[log_behind", "watch.toml"),
    ],
)
def test_a_fault_is_told_with_what_to_write(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_watch_rules(written(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="METERWATCH_WATCH_RULES"):
        load_watch_rules(tmp_path / "none.toml")
