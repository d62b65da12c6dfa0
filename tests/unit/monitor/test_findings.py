"""`findings`: of a run or of the live store; who only looks makes no store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metering.archive import Archive, Meter
from metering.errors import SettingsError
from metering.messages import Finding
from metering.ports import Checkpoint, PartitionChange
from monitor.command_line import app, main
from monitor.replay import STATE_FILE
from storage.sql import SqlStore

FOUND_S = 1_770_000_000
LOOKING = [
    ["findings", "list"],
    ["findings", "undo", "f-1", "--by", "Li", "--reason", "wrong"],
    ["silence", "list"],
    ["state", "show", "A1"],
    ["desk"],
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    store = SqlStore(f"sqlite:///{tmp_path / STATE_FILE}")
    meters = (Meter("M1", "P1", "C1", "A1", "customer"), Meter("S1", "PS", "grid", "A1", "supply"))
    store.save_archive(Archive("made", 60, "Asia/Shanghai", meters))
    change = PartitionChange(store.begin_partition("judge", 0, "w").epoch, 1, FOUND_S)
    change.findings = {
        "f-1": Finding("f-1", "A1", "M1", FOUND_S, False, None, "Wang"),
        "f-2": Finding("f-2", "A1", "S1", FOUND_S, False, None, "Wang"),
    }
    store.save(Checkpoint("judge", {0: change}))
    store.close()
    return tmp_path


@pytest.mark.parametrize("command", LOOKING)
def test_who_only_looks_makes_no_store(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["meterwatch", *command])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "there is no store meterwatch.sqlite here: name a finished run with --run RUN" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_finding_of_a_run_is_taken_back_in_the_run(run: Path) -> None:
    told = CliRunner().invoke(app, ["findings", "list", "--run", str(run)]).output
    assert "f-1  2026-02-02 10:40  M1  nothing found  by Wang" in told
    assert "about the whole area A1: its alert is withdrawn and its usual loss learnt anew" in told
    undone = CliRunner().invoke(app, ["findings", "undo", "f-1", "--by", "Li", "--reason", "wrong", "--run", str(run)])
    assert "the run is over" in undone.output
    told = CliRunner().invoke(app, ["findings", "list", "--run", str(run)]).output
    assert "teaches nothing: taken back by Li: wrong" in told


def test_what_is_known_of_an_area_comes_before_what_is_stored(run: Path) -> None:
    shown = CliRunner().invoke(app, ["state", "show", "A1", "--run", str(run)])
    told = json.loads(shown.output)
    first = ["transformer_area", "meters", "judged_until", "learnt_days", "loss", "in_doubt", "meter_errors", "model"]
    assert list(told)[: len(first)] == first
    assert (told["learnt_days"], told["loss"], told["in_doubt"]) == ({"fewest": 0, "median": 0, "most": 0}, None, [])
    assert "pages" not in told
    paged = json.loads(CliRunner().invoke(app, ["state", "show", "A1", "--run", str(run), "--pages"]).output)
    assert list(paged)[-1] == "pages"


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["findings", "undo", "f-1", "--by", "Li", "--reason", "x", "--run", str(tmp_path)])
    assert isinstance(said.exception, SettingsError)
    assert "give --run a RUN folder" in str(said.exception)
