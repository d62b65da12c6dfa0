"""`doctor` says what the monitor last found wrong with itself, what it could not judge, and how old that knowledge is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from metering.watch import WatchStanding
from monitor.provision import doctor
from monitor.settings import Settings
from storage.sql import SqlStore


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def watch_lines(store_file: Path) -> list[tuple[str, str]]:
    settings = Settings(database_url=f"sqlite:///{store_file}")
    return [(line.state, line.text) for line in doctor(settings, None) if line.part == "watch"]


def save(store_file: Path, *standings: WatchStanding) -> None:
    store = SqlStore(f"sqlite:///{store_file}")
    store.save_watch(standings, [], [])
    store.close()


def test_without_a_store_there_is_nothing_to_say_and_nothing_is_made(store_file: Path) -> None:
    assert watch_lines(store_file) == []
    assert not store_file.exists()


def test_a_store_that_nobody_watched_is_told_from_one_that_is_well(store_file: Path) -> None:
    save(store_file)
    ((state, text),) = watch_lines(store_file)
    assert state == "off"
    assert "nobody" in text
    save(store_file, WatchStanding("log_behind", "judge", 3.0, time.time()))
    assert [state for state, _ in watch_lines(store_file)] == ["ok"]


def test_an_open_alarm_is_named_with_its_value_and_what_to_do_and_what_was_not_judged_is_named(
    store_file: Path,
) -> None:
    now = time.time()
    save(
        store_file,
        WatchStanding("log_behind", "judge", 20_000.0, now, True, which=("3: 20000",)),
        WatchStanding("clock_behind", "judge", None, now, why_not="old_days"),
    )
    (_, summary), (state, alarm) = watch_lines(store_file)
    assert "not judged: clock_behind judge" in summary
    assert state == "ALARM"
    assert alarm.startswith("Messages pile up in the log (judge, 20000 messages, 3: 20000) -> Start another worker")


def test_knowledge_that_is_old_is_an_alarm_itself(store_file: Path) -> None:
    save(store_file, WatchStanding("log_behind", "judge", 3.0, time.time() - 3_600))
    ((state, text),) = watch_lines(store_file)
    assert state == "ALARM"
    assert "3,6" in text
