"""What people do from the office by the command line: silences with their history, and alerts that are no problem."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metering.alert import Alert, AlertState
from metering.announcement import Announcement, Stopped, Turn
from metering.archive import Archive, Meter
from metering.errors import MeterwatchError
from metering.ports import Checkpoint, PartitionChange
from monitor.command_line import app
from storage.sql import SqlStore

NOW_S = 1_770_000_000  # 2026-02-02 10:40 in Shanghai
ALERT = Alert(
    "a-1", "A1", "M1", "P1", "bypass", "theft", "high", 0.9, NOW_S - 3600, None, AlertState.RAISED, 1.0, 2.0, "kWh", (), 0
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlStore]:
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    store = SqlStore(url)
    meters = (
        Meter("M1", "P1", "C1", "A1", "customer", feeder="F1"),
        Meter("M2", "P2", "C2", "A2", "customer", feeder="F1"),
    )
    store.save_archive(Archive("made", 60, "Asia/Shanghai", meters))
    epoch = store.begin_partition("judge", 0, "w").epoch
    store.save(Checkpoint("judge", {0: PartitionChange(epoch, 1, NOW_S, alerts={"a-1": ALERT})}))
    monkeypatch.setenv("METERWATCH_DATABASE_URL", url)
    yield store
    store.close()


def meterwatch(*arguments: str) -> list[str]:
    ended = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output.splitlines()


BY = ("--by", "Li Na", "--reason", "new cable")


def test_a_work_window_is_made_listed_moved_ended_and_remembered(store: SqlStore) -> None:
    (made,) = meterwatch(
        "silence", "add", "--feeder", "F1", "--family", "theft", "--kind", "work", "--from", "2026-02-03T08:00:00+08:00",
        "--until", "2026-02-03T16:00:00+08:00", *BY,
    )  # fmt: skip
    silence_id, told = made.split("  ", 1)
    assert told == ("work: feeder F1, family theft, from 2026-02-03 08:00 until 2026-02-03 16:00, by Li Na: new cable")
    assert meterwatch("silence", "list") == ["no silence is in force", f"{made}, not begun"]
    assert [area for _, area, _ in store.relay_batch(9)] == ["A1", "A2"]
    (changed,) = meterwatch("silence", "change", silence_id, "--until", "2026-02-04T16:00:00+08:00", *BY)
    assert "until 2026-02-04 16:00" in changed
    held = Stopped("silence", "silenced", silence_id)
    store.announce([Announcement("a-1", "A1", "M1", "bypass", "high", "morning", Turn.RAISED, NOW_S, stopped=held)])
    assert meterwatch("silence", "end", silence_id, *BY)[0].startswith("ended: ")
    first, *acts = meterwatch("silence", "history", silence_id)
    assert first.endswith("; ended early; held 1 alert back")
    assert [act.split("  ")[-1] for act in acts] == [
        f"{did} by Li Na: new cable" for did in ("made", "changed", "ended early")
    ]
    assert meterwatch("silence", "list") == ["no silence is in force"]
    assert meterwatch("silence", "history", "s-9") == ["there never was a silence 's-9'"]


def test_the_flags_of_before_go_on_working(store: SqlStore) -> None:
    (made,) = meterwatch(
        "silence", "add", "--meter", "M1", "--abnormality", "bypass", "--until", "2026-03-01T00:00:00Z", *BY
    )
    assert "meter M1, bypass, from 2026-02-02 10:40 until 2026-03-01 08:00" in made
    assert meterwatch("silence", "list") == [made]
    assert len(store.relay_batch(9)) == 1


def test_an_alert_is_no_problem_and_after_all_it_may_be(store: SqlStore) -> None:
    assert meterwatch("alerts", "dismissed") == ["nobody has said of an alert that it is no problem"]
    said = meterwatch(
        "alerts", "not-a-problem", "a-1", "--because", "new_tenant", "--by", "Li Na", "--note", "moved in"
    )
    assert said == [
        (
            "a-1  2026-02-02 10:40  M1  bypass  not a problem, new_tenant (a new tenant or owner lives otherwise), "
            "by Li Na: moved in"
        ),
        "    lowers the meter's own odds; the ranking learns nothing, for nobody thought of a case there the day before",
    ]
    assert meterwatch("alerts", "dismissed") == said
    with pytest.raises(MeterwatchError, match="said already"):
        meterwatch("alerts", "not-a-problem", "a-1", "--because", "holiday", "--by", "Wang")
    (undone,) = meterwatch("alerts", "problem-after-all", "a-1", "--by", "Wang", "--reason", "wrong meter")
    assert "what Li Na said is taken back" in undone
    assert meterwatch("alerts", "dismissed")[1] == "    teaches nothing: taken back by Wang: wrong meter"
    assert len(store.relay_batch(9)) == 2


def test_an_area_that_is_learnt_anew_keeps_its_silences(store: SqlStore) -> None:
    meterwatch("silence", "add", "--meter", "M1", "--until", "2026-03-01T00:00:00Z", *BY)
    store.relayed(number for number, _, _ in store.relay_batch(9))
    (told,) = meterwatch("state", "reset", "A1")
    assert "1 of its silences will hold again" in told
    assert [area for _, area, _ in store.relay_batch(9)] == ["A1"]
    assert "silences" not in meterwatch("state", "reset", "A2")[0]
